"""Hotspots on the disk: after a crash the same fire goes on under the same id.

One JSON file, replaced as a whole, so that a crash leaves the old one or the new one. It says of what format
and version it is; one that is damaged or of another kind is told of, and the agent starts without. Instants
in it are of a clock that starts with the boot of the machine: on another boot they are converted by way of
UTC.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge.files import write_whole
from edge.geometry.sighting_record import RecordError, from_record, to_record
from edge.hotspots.hotspot_record import TrackerRecord
from flight.errors import EmberwatchError

log = logging.getLogger(__name__)

FORMAT, VERSION = "emberwatch hotspots", 1
LARGEST_BYTES = 32 * 1024 * 1024
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# How far clocks may be apart (GNSS before and the companion's own after) before the file is of the future.
CLOCKS_APART_S = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    boot: str
    """Of the machine, when it was written."""
    tracker: TrackerRecord


class HotspotStore:
    """The file of one agent. Reads once, at the start; ``save`` may be called from another thread."""

    def __init__(self, path: Path, *, kept_s: float) -> None:
        """Reads what is there. Never raises for what it finds."""
        self._path = path
        self._kept_s = kept_s
        self._failing = False
        self._kept = self._read()

    def save(self, record: TrackerRecord) -> None:
        """Put it on the disk. A disk that takes nothing is told of once: the watch goes on without."""
        try:
            document = {"format": FORMAT, "version": VERSION, **to_record(_Kept(boot_id(), record))}
            write_whole(self._path, json.dumps(document, separators=(",", ":"), allow_nan=False).encode())
        except (OSError, RecordError, ValueError) as error:
            if not self._failing:
                log.warning("hotspots are not kept, a restart would forget them: %s", error)
            self._failing = True
            return
        if self._failing:
            log.info("hotspots are kept again")
        self._failing = False

    def take(self, at_s: float, utc: datetime) -> TrackerRecord | None:
        """What was kept, with its instants on today's clock; ``at_s`` and ``utc`` are of the first look.

        Once: afterwards, and where it is too old, there is nothing.
        """
        kept, self._kept = self._kept, None
        if kept is None or not kept.tracker.tracks:
            return None
        tracker = kept.tracker
        same_boot = kept.boot == boot_id() != ""
        age_s = at_s - tracker.at_s if same_boot else (utc - tracker.utc).total_seconds()
        if age_s > self._kept_s:
            log.info("the hotspots of %s are too old to go on with", tracker.utc.isoformat(" ", "minutes"))
            return None
        if age_s < -CLOCKS_APART_S:
            log.warning(
                "hotspots are of %s, and now it is said to be %s: they are not gone on with",
                tracker.utc.isoformat(" ", "minutes"),
                utc.isoformat(" ", "minutes"),
            )
            return None
        log.info("going on with %d hotspots of %.0f s ago", len(tracker.tracks), max(age_s, 0.0))
        return tracker.later(at_s - max(age_s, 0.0) - tracker.at_s)

    def _read(self) -> _Kept | None:
        try:
            if self._path.stat().st_size > LARGEST_BYTES:
                raise RecordError(f"it is larger than {LARGEST_BYTES} bytes")
            document = json.loads(self._path.read_bytes())
            if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
                raise RecordError("it holds something else")
            version = document.pop("version", None)
            if version != VERSION:
                raise RecordError(f"it is of version {version!r}, and this is version {VERSION}")
            return from_record(_Kept, document)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, OverflowError, RecursionError, EmberwatchError) as error:
            log.warning("hotspots of before cannot be gone on with: %s: %s", self._path, error)
            return None


def boot_id() -> str:
    """Of the machine's present boot; empty where it is not told."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
