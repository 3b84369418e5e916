"""The identity benchmark's own world and arithmetic: one that counts wrongly is worse than none."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from edge.hotspots.hotspot import HotspotChange, Look
from edge.hotspots.tracker import HotspotTracker
from tests.benchmarks import identity
from tests.benchmarks.identity import (
    ANYWHERE,
    COMMON,
    FARTHEST_M,
    FRAMES_PER_S,
    GROUND,
    HEADING,
    LENS,
    OWN,
    PLACES_M,
    Frame,
    PoseErrors,
    Relief,
    fly,
    judge,
    relief,
)


@cache
def flown(seed: int) -> tuple[Frame, ...]:
    return tuple(fly(seed))


def test_boxes_are_missed_and_false_as_often_as_it_says() -> None:
    counts: Counter[object] = Counter()
    shown = 0
    for seed in range(4):
        for frame in flown(seed):
            shown += len(frame.in_view)
            counts.update("fire" if isinstance(one, int) else one for one in frame.origins.values())
    assert counts["fire"] / shown == pytest.approx(0.7, abs=0.02)
    false = counts[ANYWHERE] + counts[LENS] + counts[GROUND]
    assert 0.03 < false / counts.total() < 0.07
    assert counts[ANYWHERE] / false == pytest.approx(0.5, abs=0.12)
    assert {LENS, GROUND} <= counts.keys()


def test_every_fire_is_shown_often_enough_and_never_from_too_far() -> None:
    shown: Counter[int] = Counter()
    for frame in flown(0):
        shown.update(frame.in_view)
        assert all(
            sighting.slant_range_m is None or sighting.slant_range_m < 1.4 * FARTHEST_M
            for sighting in frame.look.sightings
            if sighting.box in frame.origins and isinstance(frame.origins[sighting.box], int)
        )
    assert set(shown) == set(range(len(PLACES_M)))
    assert min(shown.values()) >= 12


def test_fires_are_sighted_about_where_they_are() -> None:
    off_m = []
    for frame in flown(1):
        for sighting in frame.look.sightings:
            assert sighting.box is not None
            origin = frame.origins[sighting.box]
            if isinstance(origin, int) and sighting.lat_deg is not None and sighting.lon_deg is not None:
                there = identity.HOME.from_geodetic(
                    np.array(sighting.lat_deg), np.array(sighting.lon_deg), np.array(0.0)
                )
                off_m.append(math.dist([float(x) for x in there[:2]], PLACES_M[origin].tolist()))
    assert 1.0 < np.median(off_m) < 12.0


def test_pose_errors_have_the_size_and_the_memory_that_they_should() -> None:
    flights = []
    for seed in range(400):
        errors = PoseErrors(np.random.default_rng(seed))
        flights.append([errors.next() for _ in range(30)])
    drawn = np.array(flights)  # flights, looks, errors
    assert drawn.std(axis=(0, 1)) == pytest.approx(np.hypot(COMMON, OWN), rel=0.1)
    assert drawn.mean(axis=1).std(axis=0)[HEADING] == pytest.approx(1.9, rel=0.15)
    step = np.diff(drawn[..., HEADING], axis=1).std()
    assert step == pytest.approx(
        OWN[HEADING] * math.sqrt(2 * (1 - math.exp(-1 / FRAMES_PER_S / 10))), rel=0.1
    )


def test_the_terrain_model_errs_by_three_metres_alike_for_a_hundred() -> None:
    places_m = np.array([[0.0, 0.0], [20.0, 0.0], [400.0, 0.0]])
    wrong = []
    for seed in range(400):
        pair: tuple[Relief, Relief] = relief(np.random.default_rng(seed))
        wrong.append(pair[1].height_m(places_m) - pair[0].height_m(places_m))
    table = np.asarray(np.corrcoef(np.array(wrong).T))
    assert np.std(wrong) == pytest.approx(3.0, rel=0.1)
    assert table[0, 1] > 0.95
    assert abs(table[0, 2]) < 0.2


@dataclass
class Credulous:
    """Believes every box at once and never again, and has it that each is a hotspot of its own."""

    inner: HotspotTracker

    @property
    def hotspots(self) -> list[Any]:
        return self.inner.hotspots

    def look(self, look: Look) -> list[HotspotChange]:
        known = {hotspot.id for hotspot in self.inner.hotspots}
        self.inner.look(look)
        return [HotspotChange("confirmed", h) for h in self.inner.hotspots if h.id not in known]


def test_a_tracker_that_believes_everything_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        identity, "HotspotTracker", lambda *, new_id: Credulous(HotspotTracker(new_id=new_id))
    )
    monkeypatch.setattr(identity, "fly", flown)
    trial = judge(0)
    assert {ANYWHERE, GROUND} <= set(trial.false)
    assert np.median([seen for seen, _ in trial.confirmed_in.values()]) == 1


class Deaf:
    """Sees nothing."""

    def __init__(self, *, new_id: object) -> None:
        self.hotspots: list[Any] = []

    def look(self, _look: Look) -> list[HotspotChange]:
        return []


def test_fires_that_are_never_confirmed_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "HotspotTracker", Deaf)
    monkeypatch.setattr(identity, "fly", flown)
    assert set(judge(0).confirmed_in.values()) == {(math.inf, math.inf)}


class Faithless:
    """One hotspot, that is whatever fire was seen last."""

    def __init__(self, *, new_id: object) -> None:
        self.hotspots: list[Any] = []

    def look(self, look: Look) -> list[HotspotChange]:
        tracker = HotspotTracker(new_id=lambda: UUID(int=1))
        tracker.look(replace(look, sightings=look.sightings[:1]))
        first, self.hotspots = not self.hotspots, tracker.hotspots or self.hotspots
        return [HotspotChange("confirmed", h) for h in self.hotspots if first]


def test_an_alert_that_moves_from_fire_to_fire_is_a_swap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "HotspotTracker", Faithless)
    monkeypatch.setattr(identity, "fly", flown)
    trial = judge(0)
    assert trial.swaps >= 5
    assert trial.mistaken > 0
