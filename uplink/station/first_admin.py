"""The first start of a station: an admin whose password stands in a file that only its user can read."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path

from uplink.errors import StationError
from uplink.station import passwords
from uplink.station.people import Role
from uplink.station.store.users import UserStore

log = logging.getLogger(__name__)

NAME = "admin"
FILE = "admin-password.txt"


async def make_first_admin(users: UserStore, data_dir: Path, *, now_s: float) -> None:
    """The file is there before the user is: what was cut off in between begins anew with the next start."""
    password = passwords.new_password()
    path = data_dir / FILE
    try:
        await asyncio.to_thread(_write, path, password)
    except OSError as reason:
        raise StationError(
            f"the first password cannot be written into {path}: {reason.strerror}",
            hint="Give data_dir a folder that belongs to this user.",
        ) from None
    kept = await asyncio.to_thread(passwords.hash_password, password)
    await users.add(NAME, Role.ADMIN, kept, by="station", now_s=now_s)
    log.warning("the first user is %s; the password stands in %s: sign in and change it", NAME, path)
    if sys.stdout.isatty():  # what is not read by a person may be kept by a program
        sys.stdout.write(f"The password of {NAME} is {password}\n")


def forget_first_password(data_dir: Path) -> None:
    """It no longer opens anything."""
    with contextlib.suppress(FileNotFoundError):
        (data_dir / FILE).unlink()


def _write(path: Path, password: str) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(password + "\n")
        file.flush()
        os.fsync(file.fileno())
