"""What of a tracker outlives the agent: the hotspots that others know of, and what their places came from.

Plain frozen values, so that the event loop only gathers them and another thread writes them down
(``edge.hotspots.hotspot_store``). Tentative hotspots are left out: nobody knows their ids.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from edge.hotspots.hotspot import HotspotState, Seen

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SpotRecord:
    """What all looks at one hotspot have told ``edge.hotspots.fusion.Fusion``: sums, in the shapes that they
    have there. Its place follows from them."""

    smoke: bool
    at_s: float
    looks: int
    grazing: bool
    information: FloatArray
    vector: FloatArray
    wobble: FloatArray
    guess_m: FloatArray | None
    axes_m: FloatArray
    sides: FloatArray
    foot_m2: FloatArray
    roughness: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class TrackRecord:
    """One hotspot as ``edge.hotspots.track.Track`` remembers it."""

    id: UUID
    state: HotspotState
    log_odds: float
    looks: int
    fire_looks: int
    smoke_looks: int
    bearing_deg: float
    usual_range_m: float
    is_smokes_place: bool
    first: Seen
    best: Seen
    latest: Seen
    confirmed: Seen
    spot: SpotRecord | None = None
    hottest: Seen | None = None

    def later(self, by_s: float) -> TrackRecord:
        """With its instants on a clock that is ahead by so much."""
        return replace(
            self,
            first=_later(self.first, by_s),
            best=_later(self.best, by_s),
            latest=_later(self.latest, by_s),
            confirmed=_later(self.confirmed, by_s),
            hottest=None if self.hottest is None else _later(self.hottest, by_s),
            spot=None if self.spot is None else replace(self.spot, at_s=self.spot.at_s + by_s),
        )


@dataclass(frozen=True, slots=True, eq=False)
class TrackerRecord:
    """All of it, as of one look."""

    at_s: float
    """Capture time of that look on the clock of all instants in here, which starts anew with each boot."""
    utc: datetime
    frame: tuple[float, float, float] | None
    """Where the bundle reckons distances from: latitude, longitude, height; None before its first look."""
    tracks: tuple[TrackRecord, ...]
    apart: tuple[tuple[UUID, UUID, float], ...]
    """How surely two of them are two, as ``Track.seen_with`` has it."""

    def later(self, by_s: float) -> TrackerRecord:
        """With all its instants on a clock that is ahead by so much."""
        tracks = tuple(track.later(by_s) for track in self.tracks)
        return replace(self, at_s=self.at_s + by_s, tracks=tracks)


def _later(seen: Seen, by_s: float) -> Seen:
    return replace(seen, at_s=seen.at_s + by_s)
