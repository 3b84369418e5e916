"""Writing files so that nobody ever finds half of one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` in one step: readers see the old file, or none, or all of the new one.

    Makes missing folders. Raises OSError, and leaves no temporary file behind when it does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, because a rename is only atomic within one file system; a short name of its
    # own, because the target's name may already be as long as names may be.
    temporary = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def shown(path: os.PathLike[str] | str) -> str:
    """A path as text that can be printed and encoded, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
