"""Several fires at once: each has its circle and its smoke, and a way has to keep clear of all of them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.flying.clearance import Clearance, Fire, Wind
from edge.flying.standoff import NoViewError, StandOff
from flight.envelope import Envelope
from flight.terrain import FlatTerrain
from tests.edge.flying.test_standoff import (
    GROUND_M,
    HOME,
    PATROL_M,
    STAND_OFF_M,
    WEST_WIND,
    FloatArray,
    fire_at,
    here_at,
    legs,
    metres,
    place,
)

SOUTH_WIND = Wind(180.0, 5.0)
METRES = st.tuples(st.floats(-400, 400), st.floats(-400, 400))


def clearance(fire: Fire, *others: Fire, wind: Wind | None = SOUTH_WIND) -> Clearance:
    return Clearance(fire, Envelope(home=HOME), None, wind, STAND_OFF_M, others)


def is_clear(rules: Clearance, start: tuple[float, float], end: tuple[float, float]) -> bool:
    there = (*place(*end), PATROL_M)
    return StandOff(rules).is_clear(here_at(*start), there)


def nearest_m(points: Sequence[FloatArray], fire: Fire) -> float:
    """Of the straight lines over these points."""
    middle, parts = metres(fire.lat_deg, fire.lon_deg), np.linspace(0, 1, 100)[:, None]
    lines = [start + parts * (end - start) for start, end in itertools.pairwise(points)]
    return float(np.linalg.norm(np.concatenate(lines) - middle, axis=1).min())


def test_a_way_past_the_one_fire_does_not_lead_over_another() -> None:
    looked_at, other = fire_at(0, 0), fire_at(-200, -150)
    assert is_clear(clearance(looked_at), (-300, -150), (-100, -150))
    assert not is_clear(clearance(looked_at, other), (-300, -150), (-100, -150))


def test_nor_through_the_smoke_of_another() -> None:
    looked_at, other = fire_at(0, 0), fire_at(-300, 0)
    assert is_clear(clearance(looked_at), (-400, 250), (-320, 250))
    assert not is_clear(clearance(looked_at, other), (-400, 250), (-320, 250))
    assert clearance(looked_at, other).in_smoke(metres(*place(-300, 250)))


def test_who_is_too_near_to_another_may_only_get_out() -> None:
    rules = clearance(fire_at(0, 0), fire_at(0, -300))
    assert is_clear(rules, (0, -330), (0, -420))
    assert not is_clear(rules, (0, -330), (0, -180))
    assert not is_clear(rules, (0, -330), (0, -345))


def test_out_of_the_one_fire_does_not_lead_into_another() -> None:
    rules = clearance(fire_at(0, 0), fire_at(150, 0))
    assert is_clear(rules, (30, -20), (40, -120))
    assert not is_clear(rules, (30, -20), (160, -30))


def test_it_is_never_looked_at_a_fire_from_where_another_burns() -> None:
    fire, here = fire_at(0, 0), here_at(0, -300)
    first = StandOff(clearance(fire)).views(here, 1)[0]
    other = Fire(first.lat_deg, first.lon_deg, GROUND_M, np.diag([64.0, 64.0]))
    views = StandOff(clearance(fire, other)).views(here, 3)
    at = [metres(view.lat_deg, view.lon_deg) for view in views]
    assert min(np.linalg.norm(at - metres(first.lat_deg, first.lon_deg), axis=1)) > STAND_OFF_M


def test_fires_all_round_leave_no_view_and_it_is_said_why() -> None:
    ring = [fire_at(200 * np.sin(angle), 200 * np.cos(angle)) for angle in np.linspace(0, 2 * np.pi, 12)]
    with pytest.raises(NoViewError, match="another fire is too near"):
        StandOff(clearance(fire_at(0, 0), *ring, wind=None)).views(here_at(0, -500), 1)


@settings(max_examples=60, deadline=None)
@given(
    burning=st.lists(METRES, min_size=1, max_size=6),
    ways=st.lists(st.tuples(METRES, METRES), min_size=1, max_size=8),
    wind=st.none() | st.builds(Wind, st.floats(0, 360), st.floats(0, 12)),
)
def test_all_fires_together_forbid_what_any_of_them_forbids(
    burning: list[tuple[float, float]],
    ways: list[tuple[tuple[float, float], tuple[float, float]]],
    wind: Wind | None,
) -> None:
    fire, others = fire_at(0, 0), [fire_at(*at) for at in burning]
    starts, ends = np.array([way[0] for way in ways]), np.array([way[1] for way in ways])
    alts_m = np.full(len(ways), PATROL_M)

    def answer(*known: Fire) -> list[bool]:
        clear = clearance(fire, *known, wind=wind).are_clear(starts, alts_m, ends, alts_m)
        return [bool(value) for value in clear]

    alone = [answer(other) for other in others]
    assert answer(*others) == [all(answers) for answers in zip(*alone, strict=True)]


@settings(max_examples=25, deadline=None)
@given(burning=st.lists(METRES, min_size=1, max_size=4), start=METRES)
def test_every_leg_to_every_view_keeps_off_every_fire(
    burning: list[tuple[float, float]], start: tuple[float, float]
) -> None:
    fire, others, here = fire_at(0, 0), [fire_at(*at) for at in burning], here_at(*start)
    try:
        views = StandOff(clearance(fire, *others, wind=WEST_WIND)).views(here, 3)
    except NoViewError:
        return
    at_start = metres(here.lat_deg, here.lon_deg)
    flown = [at_start, *(end[:2] for _, end in legs(here, views))]
    for known in (fire, *others):
        clear_m = STAND_OFF_M + known.radius_m
        away_m = float(np.linalg.norm(at_start - metres(known.lat_deg, known.lon_deg)))
        assert nearest_m(flown, known) > min(clear_m, away_m) - 0.1


def test_the_way_back_may_enter_only_where_the_patrol_was_left() -> None:
    rules = StandOff(clearance(fire_at(0, 0), wind=SOUTH_WIND))
    left, out, far = ((*place(east_m, -40), PATROL_M) for east_m in (-30, -150, -300))
    assert rules.is_way_back([far, out, left])
    assert not rules.is_way_back([far, left, out])
    across = (*place(150, -40), PATROL_M)
    assert not rules.is_way_back([across, left])
    assert not rules.is_way_back([far, across, out])


def test_many_fires_are_judged_between_two_heartbeats() -> None:
    numbers = np.random.default_rng(1)
    others = [fire_at(*at) for at in numbers.uniform((-1000, 150), (1000, 600), (200, 2))]
    rules = StandOff(
        Clearance(fire_at(0, 0), Envelope(home=HOME), FlatTerrain(GROUND_M), SOUTH_WIND, STAND_OFF_M, others)
    )
    began = time.process_time()
    assert rules.views(here_at(-200, -100), 3)
    assert rules.way(here_at(-200, -100), (*place(0, 700), PATROL_M)) is None
    assert time.process_time() - began < 2.0
