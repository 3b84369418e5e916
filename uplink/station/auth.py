"""Which drone a request comes from: one bearer key per drone, read from files at the start."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterable

from uplink.errors import StationError
from uplink.keys import read_drone_key, readable_by_others
from uplink.station.config import DroneConfig

log = logging.getLogger(__name__)


class KeyRing:
    """Knows drones by their keys. It keeps digests only; the keys themselves are forgotten at once."""

    def __init__(self, drones: Iterable[DroneConfig]) -> None:
        """Raises ``StationError`` for a key file that is missing, unusable or the same as another's."""
        self._drone_by_digest: dict[bytes, str] = {}
        for drone in drones:
            key = read_drone_key(drone.key_file, f"the key file of drone {drone.id}", error=StationError)
            if readable_by_others(drone.key_file):
                log.warning("other users can read %s: chmod 600 it", drone.key_file)
            digest = _digest(key)
            if digest in self._drone_by_digest:
                raise StationError(
                    f"drones {self._drone_by_digest[digest]} and {drone.id} have the same key",
                    hint="Give every drone a key of its own.",
                )
            self._drone_by_digest[digest] = drone.id

    def drone_of(self, key: str) -> str | None:
        """The drone whose key this is. Takes the same time for every wrong key."""
        digest = _digest(key)
        found = None
        for known, drone_id in self._drone_by_digest.items():
            if hmac.compare_digest(known, digest):
                found = drone_id
        return found


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
