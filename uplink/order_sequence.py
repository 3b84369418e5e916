"""The number of the latest order that a drone has taken, on its disk: what is not higher is a repeat."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

log = logging.getLogger(__name__)


class OrderSequence:
    """A file with one number. What cannot be read counts as none: an order is good for one run of the agent
    and a few seconds anyway, and a drone that cannot be told to stand down would be worse."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.last = self._read()

    def keep(self, sequence: int) -> None:
        """On the disk when this returns. Raises OSError; ``last`` is the new one even then."""
        self.last = sequence
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with part.open("xb") as file:
                file.write(b"%d\n" % sequence)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self) -> int:
        try:
            return max(0, int(self._path.read_bytes()))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as reason:
            log.error("%s cannot be read, orders are numbered anew: %s", self._path, reason)  # noqa: TRY400
            return 0
