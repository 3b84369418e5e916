"""How long the battery lasts, and what the way home takes."""

from __future__ import annotations

import pytest

from edge.flying.clearance import Wind
from edge.flying.endurance import LEAST_S, BatteryUse, battery_objection, home_s, reaches, way_s
from flight.telemetry import Home

HOME = Home(-35.0, 149.0, 500.0)
AWAY = (-35.0 + 800.0 / 110_950.0, 149.0, 560.0)  # 800 m north of it


def used(*samples: tuple[float, float]) -> BatteryUse:
    use = BatteryUse()
    for now_s, percent in samples:
        use.hear(now_s, armed=True, percent=percent)
    return use


@pytest.mark.parametrize(
    ("samples", "left_s"),
    [
        ([], None),
        ([(0.0, 90.0), (LEAST_S / 2, 80.0)], None),  # too short to say
        ([(0.0, 90.0), (120.0, 89.0)], None),  # too little
        ([(0.0, 90.0), (120.0, 80.0)], 960.0),
        ([(0.0, 40.0), (50.0, 35.0), (60.0, 95.0), (200.0, 85.0)], 1190.0),  # another battery
        ([(n * 10.0, 100.0 - n) for n in range(60)], 410.0),  # the last five minutes
    ],
)
def test_consumption_says_something_only_once_it_is_known(
    samples: list[tuple[float, float]], left_s: float | None
) -> None:
    assert used(*samples).left_s() == (None if left_s is None else pytest.approx(left_s, rel=0.01))


def test_a_flight_is_from_arming_to_disarming() -> None:
    use = used((10.0, 90.0), (100.0, 80.0))
    assert use.flight_time_s(130.0) == 120.0
    use.hear(140.0, armed=False, percent=80.0)
    assert (use.flight_time_s(150.0), use.left_s()) == (None, None)


def test_the_way_home_is_slower_against_the_wind_and_reckoned_slow_where_nobody_knows_it() -> None:
    landing_s = home_s((*AWAY[:2], 500.0), HOME) - 160.0
    assert landing_s == pytest.approx(0.0, abs=1.0)
    down_s = 50.0 / 1.5 + 10.0 / 0.5
    assert home_s(AWAY, HOME) == pytest.approx(160.0 + down_s, abs=1.0)
    assert home_s(AWAY, HOME, Wind(0.0, 6.0)) == pytest.approx(100.0 + down_s, abs=1.0), "with the wind"
    assert home_s(AWAY, HOME, Wind(180.0, 8.0)) == pytest.approx(200.0 + down_s, abs=1.0), "against it"
    assert home_s(AWAY, HOME, Wind(180.0, 30.0)) > 500.0


def test_a_way_takes_what_its_longer_part_takes() -> None:
    level, steep = (*AWAY[:2], 560.0), (-35.0, 149.0, 660.0)
    assert way_s([(-35.0, 149.0, 560.0), level]) == pytest.approx(160.0, abs=1.0)
    assert way_s([(-35.0, 149.0, 560.0), steep]) == pytest.approx(40.0)


@pytest.mark.parametrize(
    ("left_s", "percent", "way", "told"),
    [
        (900.0, 60.0, 100.0, "yes"),
        (200.0, 50.0, 100.0, "yes"),
        (200.0, 50.0, 101.0, "into the reserve"),
        (200.0, 50.0, 201.0, "no"),
        (200.0, 20.0, 100.0, "into the reserve"),
        (None, 60.0, 100.0, None),
        (900.0, None, 100.0, None),
        (900.0, 60.0, None, None),
    ],
)
def test_whether_it_reaches_home(
    left_s: float | None, percent: float | None, way: float | None, told: str | None
) -> None:
    assert reaches(left_s, percent, way, 25.0) == told


def test_the_battery_allows_what_leaves_the_reserve() -> None:
    assert battery_objection(60.0, 30.0, 25.0) == ""
    assert "it is at 50 %, and 30 % above the reserve of 25 %" in battery_objection(50.0, 30.0, 25.0)
    assert "it is not known" in battery_objection(None, 1.0, 25.0).replace("it: it is", "it is")
