"""Whom a request comes from: one bearer key per drone and per operator, read from files at the start."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterable
from pathlib import Path

from uplink.errors import StationError
from uplink.keys import read_drone_key, readable_by_others

log = logging.getLogger(__name__)


class KeyRing:
    """Knows drones, or people, by their keys. It keeps digests only; the keys are forgotten at once."""

    def __init__(self, what: str, key_files: Iterable[tuple[str, Path]]) -> None:
        """``what`` the owners are, in the words of errors. Raises ``StationError`` for a key file that is
        missing, unusable or the same as another's."""
        self._owner_by_digest: dict[bytes, str] = {}
        for owner, path in key_files:
            key = read_drone_key(path, f"the key file of {what} {owner}", error=StationError)
            if readable_by_others(path):
                log.warning("other users can read %s: chmod 600 it", path)
            digest = _digest(key)
            if digest in self._owner_by_digest:
                raise StationError(
                    f"{what}s {self._owner_by_digest[digest]} and {owner} have the same key",
                    hint=f"Give every {what} a key of its own.",
                )
            self._owner_by_digest[digest] = owner

    def __len__(self) -> int:
        """How many owners there are."""
        return len(self._owner_by_digest)

    @property
    def owners(self) -> list[str]:
        """Everybody with a key."""
        return list(self._owner_by_digest.values())

    def owner_of(self, key: str) -> str | None:
        """Whose key this is. Takes the same time for every wrong key."""
        digest = _digest(key)
        found = None
        for known, owner in self._owner_by_digest.items():
            if hmac.compare_digest(known, digest):
                found = owner
        return found


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
