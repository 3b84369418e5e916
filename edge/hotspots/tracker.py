"""Hotspots: sightings of one thing over time, put together on the ground.

``tentative`` (seen) → ``confirmed`` (told to others) → ``lost`` (looks that should have seen it did not).
A lost hotspot that is seen again is confirmed again under its old id. Fire and smoke of one place are one
hotspot. Pure: the time comes with the look, ids from the caller; 20 boxes cost a few milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from edge.geometry.sighting import Sighting
from edge.hotspots.association import (
    BY_BEARING,
    assign,
    has_jumped,
    is_on_lens,
    is_part_of,
    may_be_one,
    mismatches,
)
from edge.hotspots.bundle_record import BundleRecord
from edge.hotspots.fusion import Fusion
from edge.hotspots.hotspot import Hotspot, HotspotChange, HotspotConfig, HotspotState, Look, Seen
from edge.hotspots.hotspot_record import TrackerRecord
from edge.hotspots.track import Telling, Track
from edge.hotspots.visibility import should_see
from edge.vision.report import Eye
from flight.terrain import Terrain

__all__ = ["Hotspot", "HotspotChange", "HotspotConfig", "HotspotState", "HotspotTracker", "Look", "Seen"]

# What boxes of their own on one frame say for two hotspots being two, however close they are: 1 is enough.
# Smoke comes in shreds; shreds that stay apart are columns.
APART_BY = {"fire": 0.5, "smoke": 0.125}
MOST_KEPT = 100


class HotspotTracker:
    """Looks in, changes out. Looks of one camera come in the order of their capture; one that is late is left
    out. Two cameras' looks are looks of their own, also at the same instant."""

    def __init__(self, config: HotspotConfig | None = None, *, new_id: Callable[[], UUID]) -> None:
        self._config = config or HotspotConfig()
        self._new_id = new_id
        self._tracks: list[Track] = []
        self._fusion: Fusion[UUID] = Fusion()
        self._latest_s: dict[Eye, float] = {}
        self.turned_away = 0
        """Sightings for which there was no room, all hotspots being confirmed."""

    @property
    def hotspots(self) -> list[Hotspot]:
        """All that are remembered, tentative and lost ones too."""
        return [track.snapshot() for track in self._tracks]

    def bundle(self, hotspot_id: UUID) -> BundleRecord | None:
        """What a hotspot's position is made of; None where it has none, or is no more."""
        return self._fusion.record(hotspot_id)

    def keep(self, at_s: float, utc: datetime) -> TrackerRecord:
        """The latest ``MOST_KEPT`` hotspots that others know of, as of the look of that instant."""
        told = sorted(
            (t for t in self._tracks if t.confirmed is not None), key=lambda t: t.latest.at_s, reverse=True
        )[:MOST_KEPT]
        records = [track.keep(self._fusion.keep(track.id)) for track in told]
        apart = [(a.id, b.id, surely) for a in told for b, surely in a.seen_with.items() if b in told]
        return TrackerRecord(
            at_s, utc, self._fusion.origin, tuple(r for r in records if r is not None), tuple(apart)
        )

    def go_on(self, record: TrackerRecord, terrain: Terrain | None) -> None:
        """From what ``keep`` gave, before the first look. Raises ValueError for what is not that."""
        tracks = {kept.id: Track.of_record(kept, self._config) for kept in record.tracks}
        for one, other, surely in record.apart:
            tracks[one].seen_with[tracks[other]] = surely
        spots = {kept.id: (kept.spot, kept.latest.sighting) for kept in record.tracks if kept.spot}
        if record.frame is not None:
            self._fusion.go_on(record.frame, spots, terrain, record.at_s)
        self._tracks = list(tracks.values())
        for track in self._tracks:
            track.place = self._fusion.place(track.id)

    def look(self, look: Look) -> list[HotspotChange]:
        """Take in one frame and return what others should hear of, in no special order."""
        if look.at_s <= self._latest_s.get(look.eye, -math.inf):
            return []
        self._latest_s[look.eye] = look.at_s
        hit: dict[UUID, Track] = {}
        # Fire first: its place is the better one, and smoke is then measured against it.
        for label in ("fire", "smoke"):
            sightings = sorted((s for s in look.sightings if s.label == label), key=_score, reverse=True)
            self._take_in(sightings, look, hit)
        unseen = [track for track in self._tracks if track.id not in hit] if look.sound else []
        for track, expected in zip(unseen, should_see(look, unseen), strict=True):
            if expected:
                track.miss(look.at_s, look.eye)
        changes = [change for track in list(hit.values()) for change in self._after_hit(track, look)]
        changes += self._after_miss(hit, look)
        return changes

    def _take_in(self, sightings: Sequence[Sighting], look: Look, hit: dict[UUID, Track]) -> None:
        """Give sightings of one label to tracks; what is left over is part of one of these, or new."""
        if not sightings:
            return
        misfits = mismatches(sightings, self._tracks, look, self._config, self._fusion)
        pairs = assign(misfits)
        apart = []
        told: dict[UUID, Sighting] = {}
        for i, j in pairs:
            track, sighting = self._tracks[j], sightings[i]
            agrees = misfits[i, j] <= (BY_BEARING if sighting.slant_range_m is None else 1.0)
            telling = track.hit(Seen(look.at_s, look.utc, sighting), agrees=bool(agrees))
            if telling is Telling.ANEW:
                self._fusion.forget(track.id)
            if telling is not Telling.NOTHING:
                told[track.id] = sighting
            hit[track.id] = track
            apart.append(track)
        taken = {i for i, _ in pairs}
        for i, sighting in enumerate(sightings):
            if i in taken:
                continue
            whole = next(
                (t for t in hit.values() if is_part_of(sighting, t, look, self._config, self._fusion)), None
            )
            if whole is not None:
                whole.add_part(sighting)
                continue
            new = self._new_track(Seen(look.at_s, look.utc, sighting), hit)
            if new is not None:
                hit[new.id] = new
                told[new.id] = sighting
                apart.append(new)
        self._fusion.add(told, look.terrain, look.at_s)
        for track in apart:
            track.place = self._fusion.place(track.id)
        for track in apart:
            for other in apart:
                if other is not track:
                    track.seen_with[other] = track.seen_with.get(other, 0.0) + APART_BY[sightings[0].label]

    def _new_track(self, seen: Seen, hit: dict[UUID, Track]) -> Track | None:
        if len(self._tracks) >= self._config.max_hotspots:
            for state in (HotspotState.TENTATIVE, HotspotState.LOST):
                idle = [track for track in self._tracks if track.state is state and track.id not in hit]
                if idle:
                    self._forget(min(idle, key=lambda track: track.latest.at_s))
                    break
            else:
                self.turned_away += 1
                return None
        track = Track(self._new_id(), seen, self._config)
        track.hit(seen)
        self._tracks.append(track)
        return track

    def _after_hit(self, track: Track, look: Look) -> list[HotspotChange]:
        if track.state is HotspotState.CONFIRMED:
            if not track.has_news(look.at_s):
                return []
            same = self._told_before(track, look)
            return (
                [HotspotChange("updated", track.tell(look.at_s))]
                if same is None
                else self._merge(track, same, look)
            )
        if not track.is_sure or is_on_lens(track, look):
            return []
        same = self._told_before(track, look)
        if same is not None:
            return self._merge(track, same, look)
        was_told = track.confirmed is not None
        track.state = HotspotState.CONFIRMED
        track.confirmed = track.confirmed or track.latest
        return [HotspotChange("updated" if was_told else "confirmed", track.tell(look.at_s))]

    def _after_miss(self, hit: dict[UUID, Track], look: Look) -> list[HotspotChange]:
        changes = []
        config = self._config
        for track in [track for track in self._tracks if track.id not in hit]:
            if track.state is HotspotState.TENTATIVE:
                # Not before: forgotten at once, what was refuted would get a new chance with every flicker.
                if look.at_s - track.latest.at_s > config.tentative_s:
                    self._forget(track)
            elif track.state is HotspotState.CONFIRMED and track.probability <= config.lost_probability:
                track.state = HotspotState.LOST
                changes.append(HotspotChange("lost", track.tell(look.at_s)))
        return changes

    def _told_before(self, track: Track, look: Look) -> Track | None:
        """A hotspot that was told of earlier and that this one cannot be told apart from."""
        for other in self._tracks:
            if other is track or other.confirmed is None:
                continue
            if track.confirmed is not None and track.confirmed.at_s <= other.confirmed.at_s:
                continue
            seen_apart = track.seen_with.get(other, 0.0) >= 1.0
            if seen_apart:
                continue
            if has_jumped(other, track) or may_be_one(track, other, look, self._config):
                return other
        return None

    def _merge(self, track: Track, into: Track, look: Look) -> list[HotspotChange]:
        if into.take_over(track, jumped=has_jumped(into, track)):
            self._fusion.take_over(into.id, track.id)
        into.state = HotspotState.CONFIRMED
        changes = [HotspotChange("updated", into.tell(look.at_s))]
        if track.confirmed is not None:
            track.state = HotspotState.LOST
            changes.append(HotspotChange("lost", track.tell(look.at_s, merged_into=into.id)))
        self._forget(track)
        return changes

    def _forget(self, track: Track) -> None:
        self._tracks.remove(track)
        self._fusion.forget(track.id)
        for other in self._tracks:
            other.seen_with.pop(track, None)


def _score(sighting: Sighting) -> float:
    return sighting.score
