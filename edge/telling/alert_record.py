"""What an alert's position came from: kept on the drone beside the alert, so that it can be reckoned anew.

The alert on the wire carries the essentials (``pose``, ``terrain``); the record has all of it to the last
digit: for the sightings that confirmed it, showed it best and saw it last, and for some between, the pixel
with its covariance, the pose with its sigmas, the camera and the terrain's name; and the sums that the
position of all looks was solved from. ``emberwatch locate explain`` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from edge.geometry.sighting_record import RecordError, from_record, to_record
from edge.hotspots.bundle_record import BundleRecord
from edge.hotspots.hotspot import Seen
from uplink.messages import TerrainProvenance


@dataclass(frozen=True, slots=True, eq=False)
class AlertRecord:
    """Of one revision of an alert. ``terrain`` is what the latest sighting was placed on; ``others`` are
    sightings between, spread over the time that it has been told of, the oldest first; ``bundle`` is what the
    position of this revision was solved from."""

    alert_id: UUID
    revision: int
    terrain: TerrainProvenance
    confirming: Seen
    best: Seen
    latest: Seen
    others: tuple[Seen, ...] = ()
    bundle: BundleRecord | None = None

    def to_json(self) -> str:
        """One JSON object. Raises RecordError where it holds a number that JSON has not."""
        return json.dumps(to_record(self), allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> AlertRecord:
        """Raises RecordError for what is not such a record."""
        try:
            plain = json.loads(text)
        except ValueError as error:
            raise RecordError(f"the record is no JSON: {error}") from error
        return from_record(cls, plain)

    @property
    def views(self) -> dict[str, Seen]:
        """The sightings that have a part in the alert, each once, by what that is."""
        parts: dict[float, list[str]] = {}
        seen: dict[float, Seen] = {}
        for part in ("confirming", "best", "latest"):
            one: Seen = getattr(self, part)
            parts.setdefault(one.at_s, []).append(part)
            seen[one.at_s] = one
        return {" and ".join(parts[at_s]): one for at_s, one in seen.items()}

    @property
    def sightings(self) -> list[Seen]:
        """All, each once, in the order of time."""
        every = {one.at_s: one for one in (*self.others, self.confirming, self.best, self.latest)}
        return [every[at_s] for at_s in sorted(every)]


def spread(views: Sequence[Seen], most: int) -> tuple[Seen, ...]:
    """No more than ``most`` of these, in the order of time, as far apart in it as can be; the ends stay."""
    kept = list(views)
    while len(kept) > max(most, 2):
        gaps_s = [after.at_s - before.at_s for before, after in zip(kept, kept[2:], strict=False)]
        del kept[1 + gaps_s.index(min(gaps_s))]
    return tuple(kept)
