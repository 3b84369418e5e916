"""Passwords as Argon2id hashes. Slow by intent: call it in a thread, and few at a time."""

from __future__ import annotations

import functools
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 10
MAX_LENGTH = 256
_hasher = PasswordHasher()


def new_password() -> str:
    """A password for somebody who will soon give another: 120 random bits."""
    return secrets.token_urlsafe(15)


def hash_password(password: str) -> str:
    """What is kept of it."""
    return _hasher.hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Whether ``kept`` was made from this password; never for a user that there is not."""
    try:
        _hasher.verify(kept or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


@functools.cache
def _nobodys() -> str:
    """A name that nobody has takes as long to refuse as a wrong password."""
    return _hasher.hash(secrets.token_urlsafe(24))
