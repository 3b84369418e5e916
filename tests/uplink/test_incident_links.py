"""Which alerts are one incident: by capture time and place, whatever the order in which they come."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uplink.messages import Alert, AlertState
from uplink.station.store.incident_rows import incident_id_of

from .incident_makers import (
    Grouping,
    grouping_from_nothing,
    grouping_of,
    memory_database,
    put_all,
    random_story,
    seen,
)


def groups_of(*alerts: Alert) -> list[set[int]]:
    """By the alerts' numbers, the incident of the lowest number first."""
    found = grouping_from_nothing(alerts)
    assert found == grouping_of(put_all(memory_database(), alerts)), "the database says something else"
    numbers = {str(alert.id): alert.id.int for alert in alerts}
    return sorted(({numbers[one] for one in members} for members in found.values()), key=min)


@pytest.mark.parametrize(
    ("apart_m", "sigma_m", "label", "one"),
    [
        (0.0, 5.0, "fire", True),
        (80.0, 5.0, "fire", True),  # the floor: nobody sends two crews for that
        (130.0, 5.0, "fire", False),
        (130.0, 40.0, "fire", True),  # the errors allow it
        (200.0, 5.0, "smoke", True),  # the foot of a column is a guess
        (300.0, 5.0, "smoke", False),
    ],
)
def test_alerts_are_one_event_when_their_errors_allow_it(
    apart_m: float, sigma_m: float, label: str, *, one: bool
) -> None:
    first = seen(0, 0, number=1, sigma_m=sigma_m, label=label)
    second = seen(apart_m, 0, number=2, sigma_m=sigma_m, label=label, drone_id="ember-2")
    assert groups_of(first, second) == ([{1, 2}] if one else [{1}, {2}])


def test_a_long_ellipse_reaches_along_its_axis_and_not_across() -> None:
    east_west = (70.0**2, 0.0, 5.0**2)
    fire = seen(0, 0, number=1, covariance_m2=east_west)
    assert groups_of(fire, seen(200, 0, number=2)) == [{1, 2}]
    assert groups_of(fire, seen(0, 200, number=2)) == [{1}, {2}]


def test_what_burns_and_has_grown_reaches_further() -> None:
    small, large = seen(0, 0, number=1), seen(0, 0, number=1, area_m2=20_000.0)
    later = seen(200, 0, number=2, minutes=60)
    assert groups_of(small, later) == [{1}, {2}]
    assert groups_of(large, later) == [{1, 2}]
    growing = seen(0, 0, number=1, area_m2=1.0, growth_m2_per_min=300.0)
    assert groups_of(growing, later) == [{1, 2}]
    assert groups_of(growing, seen(200, 0, number=2, minutes=1)) == [{1}, {2}], "it had no time to grow"


def test_capture_times_link_and_not_the_order_of_arrival() -> None:
    assert groups_of(seen(0, 0, number=1), seen(0, 0, number=2, minutes=5 * 60)) == [{1, 2}]
    assert groups_of(seen(0, 0, number=1), seen(0, 0, number=2, minutes=7 * 60)) == [{1}, {2}]
    tracked = seen(0, 0, number=1, for_minutes=3 * 60)
    assert groups_of(tracked, seen(0, 0, number=2, minutes=7 * 60)) == [{1, 2}]


def test_a_front_of_fires_is_one_event() -> None:
    front = [seen(80.0 * i, 0, number=i + 1) for i in range(10)]
    assert groups_of(*front) == [set(range(1, 11))]


def test_a_rough_place_joins_the_nearest_fire_and_holds_no_two_together() -> None:
    west, east = seen(0, 0, number=1), seen(500, 0, number=2)
    rough = seen(200, 0, number=3, sigma_m=150.0)
    assert groups_of(west, east, rough) == [{1, 3}, {2}]
    assert groups_of(west, east, seen(300, 0, number=3, sigma_m=150.0)) == [{1}, {2, 3}]
    assert groups_of(rough, seen(400, 0, number=4, sigma_m=150.0)) == [{3, 4}]


def test_what_a_drone_took_back_holds_no_two_fires_together() -> None:
    ends = seen(0, 0, number=1), seen(160, 0, number=2)
    between = seen(80, 0, number=3, revision=2)
    assert groups_of(*ends, between) == [{1, 2, 3}]
    withdrawn = between.model_copy(update={"state": AlertState.WITHDRAWN})
    assert len(groups_of(*ends, withdrawn)) == 2


def test_places_meet_across_the_date_line() -> None:
    at = (-17.0, 180.0)
    fires = [seen(-20, 0, number=1, at=at), seen(20, 0, number=2, at=at), seen(9000, 0, number=3, at=at)]
    assert [alert.position.lon_deg > 0 for alert in fires if alert.position] == [True, False, False]
    assert groups_of(*fires) == [{1, 2}, {3}]


SMOKE = (0.0, 0.0)


def looking(number: int, east_m: float, north_m: float, bearing_deg: float, **more: object) -> Alert:
    """A camera that knows a direction."""
    camera = f"camera-{number}"
    return seen(
        east_m,
        north_m,
        number=number,
        bearing_deg=bearing_deg,
        **{"drone_id": camera, "label": "smoke", **more},  # type: ignore[arg-type]
    )


def test_a_direction_joins_the_fire_that_it_points_at() -> None:
    fire = seen(*SMOKE, number=1)
    assert groups_of(fire, looking(2, -3000, 0, 90)) == [{1, 2}]
    assert groups_of(fire, looking(2, -3000, 0, 80)) == [{1}, {2}]
    assert groups_of(fire, looking(2, -3000, 0, 270)) == [{1}, {2}], "it looks the other way"
    assert groups_of(fire, looking(2, -3000, 0, 90, minutes=45)) == [{1}, {2}]


def test_a_direction_that_may_mean_two_fires_stays_by_itself() -> None:
    fires = seen(0, 0, number=1), seen(1000, 0, number=2)
    assert groups_of(*fires, looking(3, -3000, 0, 90)) == [{1}, {2}, {3}]


def test_directions_join_where_they_cross() -> None:
    west, south = looking(1, -3000, 0, 90), looking(2, 0, -3000, 0)
    assert groups_of(west, south) == [{1, 2}]
    assert groups_of(west, looking(2, 0, -3000, 0, minutes=30)) == [{1}, {2}]
    assert groups_of(west, looking(2, 0, -3000, 180)) == [{1}, {2}], "they part"


def test_two_cameras_that_see_two_fires_each_stay_apart_until_a_position_comes() -> None:
    # Fires at (0, 0) and (600, 600), each seen from the west and from the south.
    lines = [
        looking(1, -3000, 0, 90, drone_id="west"),
        looking(2, -3000, 0, 80.5, drone_id="west"),
        looking(3, 0, -3000, 0, drone_id="south"),
        looking(4, 0, -3000, 9.5, drone_id="south"),
    ]
    assert groups_of(*lines) == [{1}, {2}, {3}, {4}]
    fire = seen(0, 0, number=5)
    assert groups_of(*lines, fire) == [{1, 3, 5}, {2}, {4}]


def test_a_camera_that_sees_the_same_thing_again_means_the_same_event() -> None:
    first = looking(1, -3000, 0, 90, drone_id="mast")
    assert groups_of(first, looking(2, -3000, 0, 90.5, drone_id="mast", minutes=90)) == [{1, 2}]
    assert groups_of(first, looking(2, -3000, 0, 90.5, drone_id="mast")) == [{1}, {2}], "two at once are two"


def test_an_alert_that_says_neither_place_nor_direction_is_an_incident_of_its_own() -> None:
    nowhere = {"position": None, "observer": None, "bearing_deg": None, "method": "bearing-only"}
    blind = [seen(0, 0, number=number, **nowhere) for number in (1, 2)]  # type: ignore[arg-type]
    assert groups_of(*blind, seen(0, 0, number=3)) == [{1}, {2}, {3}]


def test_the_name_is_made_from_the_alert_that_was_confirmed_first() -> None:
    late, early = seen(0, 0, number=1, minutes=10), seen(0, 0, number=2)
    for order in ([late, early], [early, late]):
        assert list(grouping_of(put_all(memory_database(), order))) == [incident_id_of(str(early.id))]


def test_a_better_position_moves_an_alert_out_of_an_incident_and_back() -> None:
    fire, other = seen(0, 0, number=1), seen(50, 0, number=2)
    away, back = seen(900, 0, number=2, revision=2), seen(50, 0, number=2, revision=3)
    assert groups_of(fire, other, away) == [{1}, {2}]
    assert groups_of(fire, other, away, back) == [{1, 2}]


def test_an_alert_that_moves_lets_go_of_what_it_held() -> None:
    ends = seen(0, 0, number=1), seen(160, 0, number=3)
    assert groups_of(*ends, seen(80, 0, number=2)) == [{1, 2, 3}]
    moved = seen(40, 0, number=2, revision=2)
    assert groups_of(*ends, seen(80, 0, number=2), moved) == [{1, 2}, {3}]
    held = seen(120, 0, number=4)
    assert groups_of(*ends, seen(80, 0, number=2), held, moved) == [{1, 2, 3, 4}], "another one holds it"


def in_any_order(seed: int, alerts: int, *, only_places: bool) -> tuple[Grouping, list[Grouping]]:
    rng = random.Random(seed)
    story = random_story(rng, alerts, only_places=only_places)
    shuffled = []
    for _ in range(2):
        order = story + rng.sample(story, len(story) // 3)  # some arrive twice
        rng.shuffle(order)
        shuffled.append(grouping_of(put_all(memory_database(), order)))
    return grouping_from_nothing(story), shuffled


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 14), st.booleans())
def test_in_any_order_the_incidents_are_those_reckoned_from_nothing(
    seed: int, alerts: int, only_places: bool
) -> None:
    wanted, shuffled = in_any_order(seed, alerts, only_places=only_places)
    assert shuffled == [wanted, wanted]


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 60), st.booleans())
def test_in_any_order_also_for_long_stories(seed: int, alerts: int, only_places: bool) -> None:
    wanted, shuffled = in_any_order(seed, alerts, only_places=only_places)
    assert shuffled == [wanted, wanted]
