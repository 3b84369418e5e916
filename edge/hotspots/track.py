"""A hotspot in the making: what the tracker remembers of one place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from uuid import UUID

from edge.geometry.place import Place
from edge.geometry.sighting import Box, Sighting
from edge.hotspots.hotspot import Hotspot, HotspotConfig, HotspotState, Label, Seen
from edge.hotspots.hotspot_record import SpotRecord, TrackRecord
from edge.vision.report import Eye

# Certainty is bounded, so that news can still change it.
LEAST_LOG_ODDS, MOST_LOG_ODDS = -7.0, 7.0
# One sighting's worth: fires are seen in some .7 of the looks that show them, what the detector mistakes in
# one place in some .2; and its score: mistakes score lower (a logistic fit to models/README.md's figures).
HIT_LOG_ODDS, HIT_PER_LOGIT, LEAST_HIT, MOST_HIT = 0.7, 0.775, 0.3, 3.0
BEARING_SMOOTHING = 0.7
# An estimate that this many sightings in a row contradict starts anew.
STRAYS_TO_RESTART = 6
# A fire box on a smoke hotspot may be a mistake of the detector; two are not.
FIRE_LOOKS_FOR_FIRE = 2
# What a miss of a confirmed one counts, of another's.
CONFIRMED_MISS = 0.5
CHANGED_BY = 0.2
MOVED_BY = 0.5
# An ellipse's longer half (90 %) beyond this part of the distance.
LONG = 0.5


class Telling(Enum):
    """What a sighting tells of a place."""

    NOTHING = auto()
    MORE = auto()
    ANEW = auto()
    """What was known of it before is to be forgotten."""


@dataclass(slots=True)
class View:
    """How one of the agent's cameras has seen it: what another can see is nothing to go by."""

    first: Seen
    latest: Seen
    judged_s: float
    """When it was last seen, or should have been."""
    extent: Box | None = None
    """What all its boxes on this camera's latest look cover together."""
    usual_range_m: float = 0.0
    """From where it is seen; in a whole frame, so a tile's magnification is taken off."""


class Track:
    """Mutable; owned by one HotspotTracker."""

    def __init__(self, track_id: UUID, seen: Seen, config: HotspotConfig) -> None:
        self._config = config
        self.id = track_id
        self.state = HotspotState.TENTATIVE
        self.log_odds = logit(config.first_probability)
        self.looks = 0
        self.missed = 0
        """Looks since the latest sighting that should have seen it."""
        self.fire_looks = 0
        self.smoke_looks = 0
        self.place: Place | None = None
        """As the flight's fusion has it."""
        self.bearing_deg = seen.sighting.bearing_deg
        self.first = self.best = self.latest = seen
        self.hottest: Seen | None = None
        self.views: dict[Eye, View] = {}
        self.confirmed: Seen | None = None
        self.seen_with: dict[Track, float] = {}
        """How surely it and another are two, because they were boxes of their own on one frame."""
        self._is_smokes_place = False
        self._strays = 0
        self._said_at_s = -math.inf
        self._said_label: Label = "fire"
        self._said_semi_major_m = math.inf
        self._said_place: Place | None = None

    @property
    def label(self) -> Label:
        return "fire" if self.fire_looks >= FIRE_LOOKS_FOR_FIRE or not self.smoke_looks else "smoke"

    @property
    def is_vague(self) -> bool:
        """Little more than its bearing is known."""
        place = self.place
        return place is None or (place.grazing and is_long(self.latest.sighting, place.semi_major_m))

    @property
    def probability(self) -> float:
        return 1 / (1 + math.exp(-self.log_odds))

    @property
    def is_sure(self) -> bool:
        """Seen surely enough, often enough and over long enough to be confirmed."""
        config = self._config
        return (
            self.probability >= config.confirm_probability
            and self.looks >= config.confirm_looks
            and self.latest.at_s - self.first.at_s >= config.confirm_s
        )

    def keep(self, spot: SpotRecord | None) -> TrackRecord | None:
        """To go on with after a restart, with what the fusion knows of it; None if nobody was told of it."""
        if self.confirmed is None:
            return None
        return TrackRecord(
            id=self.id,
            state=self.state,
            log_odds=self.log_odds,
            looks=self.looks,
            fire_looks=self.fire_looks,
            smoke_looks=self.smoke_looks,
            bearing_deg=self.bearing_deg,
            usual_range_m=self.views[self.latest.sighting.eye].usual_range_m,
            is_smokes_place=self._is_smokes_place,
            first=self.first,
            best=self.best,
            latest=self.latest,
            confirmed=self.confirmed,
            spot=spot,
            hottest=self.hottest,
        )

    @classmethod
    def of_record(cls, record: TrackRecord, config: HotspotConfig) -> Track:
        """As it was kept. Its place is the fusion's to tell."""
        track = cls(record.id, record.latest, config)
        track.state, track.log_odds, track.looks = record.state, record.log_odds, record.looks
        track.fire_looks, track.smoke_looks = record.fire_looks, record.smoke_looks
        track.bearing_deg, track.hottest = record.bearing_deg, record.hottest
        latest = record.latest
        track.views[latest.sighting.eye] = View(
            latest, latest, latest.at_s, latest.sighting.box, record.usual_range_m
        )
        track.first, track.best, track.confirmed = record.first, record.best, record.confirmed
        track._is_smokes_place = record.is_smokes_place
        return track

    def hit(self, seen: Seen, *, agrees: bool = True) -> Telling:
        """Seen once more, and what that tells of its place; ``agrees``: with the place it is known at."""
        sighting = seen.sighting
        is_fire = sighting.label == "fire"
        view = self.views.get(sighting.eye)
        first_of_look = view is None or seen.at_s > view.latest.at_s
        if view is None:
            view = self.views[sighting.eye] = View(seen, seen, seen.at_s)
        view.judged_s = seen.at_s
        if first_of_look:
            self.missed = 0
            self.looks += 1
            # A box that keeps its place in the picture while the ground below moves on is on the lens.
            if agrees or self.is_vague or self.state is HotspotState.CONFIRMED:
                self._add(_hit_log_odds(sighting.score))
        label_before = self.label
        self.fire_looks += is_fire
        self.smoke_looks += not is_fire
        telling = self._told(sighting, view, agrees=agrees)
        # A look's fire is told before its smoke; the fire stays its face.
        if first_of_look or is_fire:
            view.latest, view.extent = seen, sighting.box
            if seen.at_s >= self.latest.at_s:  # one camera's frames may arrive later than the other's
                self.latest = seen
        if _heat(seen) > _heat(self.hottest):
            self.hottest = seen
        if _worth(seen, self.label) > _worth(self.best, self.label) or (
            self.label != label_before and sighting.label == self.label
        ):
            self.best = seen
        return telling

    def add_part(self, sighting: Sighting) -> None:
        """Another box of this look that belongs to it: all it tells is where to look for it next."""
        view = self.views[sighting.eye]
        a, b = view.extent, sighting.box
        if a is not None and b is not None and sighting.label == view.latest.sighting.label:
            view.extent = min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])

    def miss(self, at_s: float, eye: Eye = "colour") -> None:
        """A look of a camera that should have seen it did not. It says more the longer ago the last one was
        that did, or should have: a tile that comes by every two seconds is no part of a burst."""
        view = self.views[eye]
        elapsed_s, view.judged_s = at_s - view.judged_s, at_s
        self.missed += 1
        # What has been told of is not taken back for a few looks that smoke or a gust may explain.
        worth = CONFIRMED_MISS if self.state is HotspotState.CONFIRMED else 1.0
        self._add(-worth * self._config.miss_log_odds * min(1.0, elapsed_s / self._config.miss_s))

    def take_over(self, other: Track, *, jumped: bool) -> bool:
        """The other was this one all along; ``jumped``: it is where this one is now.

        Returns whether its place is ours from now on.
        """
        takes_place = other.place is not None and (jumped or self._is_better(other))
        if takes_place:
            self.place, self._is_smokes_place = other.place, other._is_smokes_place
        self.log_odds = max(self.log_odds, other.log_odds)
        self.looks += other.looks
        self.fire_looks += other.fire_looks
        self.smoke_looks += other.smoke_looks
        self.first = min(self.first, other.first, key=_at_s)
        self.best = max(self.best, other.best, key=lambda seen: _worth(seen, self.label))
        if _heat(other.hottest) > _heat(self.hottest):
            self.hottest = other.hottest
        if other.latest.at_s > self.latest.at_s:
            self.latest, self.bearing_deg = other.latest, other.bearing_deg
        for eye, view in other.views.items():
            mine = self.views.setdefault(eye, view)
            if view.latest.at_s > mine.latest.at_s:
                mine.latest, mine.extent, mine.judged_s = view.latest, view.extent, view.judged_s
                mine.usual_range_m = view.usual_range_m or mine.usual_range_m
        return takes_place

    def has_news(self, at_s: float) -> bool:
        """Whether its state as last told is out of date."""
        config = self._config
        if self.label != self._said_label or (self.place is not None and self._said_place is None):
            return True
        if at_s - self._said_at_s < config.update_least_s:
            return False
        if at_s - self._said_at_s >= config.update_s:
            return True
        if self.place is None or self._said_place is None:
            return False
        return (
            self.place.semi_major_m <= (1 - CHANGED_BY) * self._said_semi_major_m
            or self._said_place.distance_m(self.place) > MOVED_BY * self._said_semi_major_m
        )

    def tell(self, at_s: float, *, merged_into: UUID | None = None) -> Hotspot:
        """Its state, to be told to others now."""
        self._said_at_s, self._said_label, self._said_place = at_s, self.label, self.place
        if self.place is not None:
            self._said_semi_major_m = self.place.semi_major_m
        return self.snapshot(merged_into=merged_into)

    def snapshot(self, *, merged_into: UUID | None = None) -> Hotspot:
        place = self.place
        return Hotspot(
            id=self.id,
            state=self.state,
            label=self.label,
            probability=self.probability,
            looks=self.looks,
            method=place.method if place else "bearing-only",
            lat_deg=place.lat_deg if place else None,
            lon_deg=place.lon_deg if place else None,
            alt_amsl_m=place.alt_amsl_m if place else None,
            covariance_m2=place.covariance_m2 if place else None,
            bearing_deg=self.latest.sighting.bearing_deg,
            first=self.first,
            best=self.best,
            latest=self.latest,
            confirmed=self.confirmed,
            hottest=self.hottest,
            merged_into=merged_into,
        )

    def _told(self, sighting: Sighting, view: View, *, agrees: bool) -> Telling:
        turn_deg = (sighting.bearing_deg - self.bearing_deg + 180.0) % 360.0 - 180.0
        self.bearing_deg = (self.bearing_deg + BEARING_SMOOTHING * turn_deg) % 360.0
        is_smoke = sighting.label == "smoke"
        if self.place is not None and sighting.label != self.label:
            # Where a fire has been seen its smoke says less; and one box makes no fire.
            return Telling.NOTHING
        if sighting.slant_range_m is None:
            return Telling.MORE if agrees or self.place is None else Telling.NOTHING
        self._strays = 0 if agrees else self._strays + 1
        anew = (
            self.place is None
            or (self._is_smokes_place and not is_smoke)
            or self._strays >= STRAYS_TO_RESTART
        )
        seen_from_m = sighting.slant_range_m / sighting.magnification
        if anew:
            self._strays, self._is_smokes_place = 0, is_smoke
            view.usual_range_m = seen_from_m
            return Telling.ANEW
        if view.usual_range_m <= 0.0:  # the other camera has told its place
            view.usual_range_m = seen_from_m
        view.usual_range_m += max(0.1, 1 / max(self.looks, 1)) * (seen_from_m - view.usual_range_m)
        return Telling.MORE if agrees else Telling.NOTHING

    def _is_better(self, other: Track) -> bool:
        if self.place is None or other.place is None:
            return self.place is None
        if self._is_smokes_place != other._is_smokes_place:
            return self._is_smokes_place
        return bool(other.place.covariance_m2.trace() < self.place.covariance_m2.trace())

    def _add(self, log_odds: float) -> None:
        self.log_odds = min(max(self.log_odds + log_odds, LEAST_LOG_ODDS), MOST_LOG_ODDS)


def is_long(sighting: Sighting, semi_major_m: float) -> bool:
    """Whether an ellipse is so long, seen from the sighting, that little more than a bearing is known."""
    return semi_major_m > LONG * (sighting.slant_range_m or 0.0)


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _hit_log_odds(score: float) -> float:
    claimed = logit(min(max(score, 0.01), 0.99))
    return min(max(HIT_LOG_ODDS + HIT_PER_LOGIT * claimed, LEAST_HIT), MOST_HIT)


def _worth(seen: Seen, label: Label) -> tuple[bool, bool, float]:
    return seen.sighting.label == label, seen.sighting.eye == "colour", seen.sighting.score


def _heat(seen: Seen | None) -> tuple[float, float]:
    heat = None if seen is None else seen.sighting.heat
    return (-math.inf, 0.0) if heat is None else (heat.peak_c, heat.size_px)


def _at_s(seen: Seen) -> float:
    return seen.at_s
