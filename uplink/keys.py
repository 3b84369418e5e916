"""Secrets come from files, never from the config itself; this module reads them."""

from __future__ import annotations

import stat
from pathlib import Path

from flight.errors import EmberwatchError

KEY_MIN_LENGTH = 16


def read_secret(path: Path, what: str, *, error: type[EmberwatchError]) -> str:
    """The text of a secret file without surrounding white space.

    ``what`` names the secret in the message, as in ``"the key file of drone ember-1"``.
    Raises ``error`` when the file is missing, unreadable or empty; the secret itself is in no message.
    """
    hint = f"Write one secret into {path}, readable by this user only (chmod 600)."
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise error(f"{what} does not exist: {path}", hint=hint) from None
    except (OSError, UnicodeDecodeError) as reason:
        problem = reason.strerror if isinstance(reason, OSError) else "it is not text"
        raise error(f"{what} cannot be read: {path} ({problem})", hint=hint) from None
    if not secret:
        raise error(f"{what} is empty: {path}", hint=hint)
    return secret


def read_drone_key(path: Path, what: str, *, error: type[EmberwatchError]) -> str:
    """A drone's key: at least 16 visible ASCII characters, because it travels in a header."""
    key = read_secret(path, what, error=error)
    if len(key) < KEY_MIN_LENGTH or not all("!" <= character <= "~" for character in key):
        raise error(
            f"{what} holds no usable key: {path}",
            hint=f"A key is one line of at least {KEY_MIN_LENGTH} visible ASCII characters, "
            "for example from: openssl rand -hex 32",
        )
    return key


def readable_by_others(path: Path) -> bool:
    """Whether the file's mode lets other users of this machine read it."""
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
