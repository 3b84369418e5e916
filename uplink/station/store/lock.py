"""The lock of a data folder: one station uses it at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from uplink.errors import StationError


def open_lock(data_dir: Path, *, hint: str) -> int:
    """A descriptor of the folder's lock, not taken yet; the folder is made if missing.

    Raises ``StationError`` with the hint when the folder cannot be used.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as reason:
        raise StationError(
            f"the data folder {data_dir} cannot be used: {reason.strerror}", hint=hint
        ) from None


def take(lock: int) -> bool:
    """False where another process has it. The kernel lets go of it when the process dies, however it dies."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
