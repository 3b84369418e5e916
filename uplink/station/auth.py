"""Which drone a request comes from: each has a bearer key of its own.

Keys are declared in files of the configuration, or made by the station. What the database says of a drone's
key wins: a drone that was lost is shut out at once, whatever the configuration still says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from uplink.errors import StationError
from uplink.keys import read_drone_key, readable_by_others
from uplink.station.sessions import digest_of
from uplink.station.store.keys import StoredKey

log = logging.getLogger(__name__)


class DroneKeys:
    """Knows drones by their keys. It keeps digests only; the keys are forgotten at once."""

    def __init__(self, key_files: Iterable[tuple[str, Path]]) -> None:
        """Raises ``StationError`` for a key file that is missing, unusable or the same as another's."""
        self._declared: dict[str, str] = {}
        for drone_id, path in key_files:
            key = read_drone_key(path, f"the key file of drone {drone_id}", error=StationError)
            if readable_by_others(path):
                log.warning("other users can read %s: chmod 600 it", path)
            digest = digest_of(key)
            for other, known in self._declared.items():
                if known == digest:
                    raise StationError(
                        f"drones {other} and {drone_id} have the same key",
                        hint="Give every drone a key of its own.",
                    )
            self._declared[drone_id] = digest
        self._stored: dict[str, StoredKey] = {}
        self._drone_by_digest = {digest: drone_id for drone_id, digest in self._declared.items()}
        self._listeners: list[Callable[[str], None]] = []

    @property
    def owners(self) -> list[str]:
        """Every drone that has a key."""
        return list(self._drone_by_digest.values())

    @property
    def known(self) -> list[str]:
        """Every drone that has a key or had one."""
        return sorted({*self._declared, *self._stored})

    def owner_of(self, key: str) -> str | None:
        """Whose key this is."""
        return self._drone_by_digest.get(digest_of(key))

    def stored(self, drone_id: str) -> StoredKey | None:
        """What was decided beside the configuration."""
        return self._stored.get(drone_id)

    def on_key_gone(self, tell: Callable[[str], None]) -> None:
        """``tell`` hears of each drone whose key was revoked or replaced: what it has open must be closed."""
        self._listeners.append(tell)

    def replace(self, stored: Iterable[StoredKey]) -> None:
        """As the store has them now."""
        before = {drone_id: digest for digest, drone_id in self._drone_by_digest.items()}
        self._stored = {one.drone_id: one for one in stored}
        decided = {drone_id: one.digest for drone_id, one in self._stored.items()}
        keys = self._declared | decided
        self._drone_by_digest = {digest: drone_id for drone_id, digest in keys.items() if digest is not None}
        for drone_id, digest in before.items():
            if keys.get(drone_id) != digest:
                log.warning("the key of drone %s is no longer taken", drone_id)
                for tell in self._listeners:
                    tell(drone_id)
