"""Where one flight ends and the next begins, whatever the radio and the clocks did meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from uplink.station.history.flight_clock import Instant, between_s
from uplink.station.history.flight_cutting import (
    LONGEST_GAP_S,
    Began,
    Ended,
    Flight,
    FlightCutter,
    FlightKind,
    Kept,
)
from uplink.station.history.thinning import Thinner

from .flight_makers import NOON_S, cut, kept, utc_day, with_clocks

OTHER_RUN = "22222222-2222-4222-8222-222222222222"


def flown(first: int, *seconds: float) -> list[Kept]:
    return [kept(first + number, at_s) for number, at_s in enumerate(seconds)]


def test_a_flight_goes_from_armed_to_disarmed() -> None:
    ground = kept(1, -10.0, armed=False)
    flights = cut(
        ground, *flown(2, *range(0, 100, 10)), kept(12, 100.0, armed=False), kept(13, 110.0, armed=False)
    )
    (flight,) = flights
    assert (flight.began, flight.ended, flight.kind) == (Began.ARMED, Ended.DISARMED, FlightKind.FLIGHT)
    assert (flight.first_row, flight.last_row) == (2, 12)
    assert flight.started_s == NOON_S
    assert flight.duration_s == 100.0
    assert flight.distance_m == pytest.approx(1000.0, rel=1e-3)
    assert flight.highest_agl_m == 80.0
    assert flight.highest_home_m == 81.0
    assert flight.battery_start_percent == 100.0
    assert flight.battery_end_percent == pytest.approx(96.67, abs=0.01)
    assert not flight.gaps


def test_each_arming_is_a_flight_of_its_own() -> None:
    flights = cut(
        *flown(1, 0, 10, 20), kept(4, 30.0, armed=False), kept(5, 40.0, armed=False), *flown(6, 50, 60)
    )
    assert [(flight.began, flight.ended) for flight in flights] == [
        (Began.IN_THE_AIR, Ended.DISARMED),
        (Began.ARMED, None),
    ]


def test_a_gap_in_hearing_is_told_and_the_flight_goes_on() -> None:
    (flight,) = cut(*flown(1, 0, 10, 20), *flown(4, 320, 330))
    assert [(gap.from_s, gap.to_s) for gap in flight.gaps] == [(20.0, 320.0)]
    assert flight.gaps_s == 300.0
    assert flight.duration_s == 330.0
    assert flight.distance_m == pytest.approx(3300.0, rel=1e-3), "straight on through the gap"


def test_a_silence_of_more_than_half_an_hour_is_the_end() -> None:
    first, second = cut(*flown(1, 0, 10), *flown(3, 20 + LONGEST_GAP_S))
    assert (first.ended, first.duration_s) == (Ended.UNHEARD, 10.0)
    assert (second.began, second.ended) == (Began.IN_THE_AIR, None)


def test_a_fuller_battery_after_a_silence_is_another_flight() -> None:
    low = [kept(number, number * 60.0, battery_percent=30.0) for number in (1, 2)]
    first, second = cut(*low, kept(3, 500.0, battery_percent=99.0))
    assert first.ended is Ended.UNHEARD
    assert second.began is Began.IN_THE_AIR
    (one,) = cut(*low, kept(3, 170.0, battery_percent=41.0))
    assert one.ended is None, "a voltage that recovers while the drone is heard is no battery swap"
    (same,) = cut(*low, kept(3, 500.0, battery_percent=25.0))
    assert same.ended is None


def test_a_drone_that_does_not_know_whether_it_is_armed_is_still_flying() -> None:
    unknown = [kept(3 + number, 20.0 + 10 * number, armed=None) for number in range(5)]
    (flight,) = cut(*flown(1, 0, 10), *unknown, kept(9, 80.0), kept(10, 90.0, armed=False))
    assert (flight.ended, flight.duration_s) == (Ended.DISARMED, 90.0)
    many = [kept(3 + number, 20.0 + 60 * number, armed=None) for number in range(40)]
    (over,) = cut(*flown(1, 0, 10), *many)
    assert over.ended is Ended.UNHEARD, "but not for ever"


def test_an_agent_that_starts_anew_in_the_air_goes_on_with_the_flight() -> None:
    again = [with_clocks(kept(4 + number, 45.0 + number * 5), run=OTHER_RUN) for number in range(3)]
    (flight,) = cut(*flown(1, 0, 10, 20), *again)
    assert flight.restarts == [45.0]
    assert flight.duration_s == 55.0


def test_a_computer_that_starts_anew_in_the_air_has_a_new_clock_and_the_flight_goes_on() -> None:
    again = [
        with_clocks(kept(4 + number, 80.0 + number * 5), run=OTHER_RUN, clock_s=12.0 + number * 5)
        for number in range(3)
    ]
    (flight,) = cut(*flown(1, 0, 10, 20), *again)
    assert flight.duration_s == 90.0
    assert not flight.leaps


@pytest.mark.parametrize("by_s", [-86_400.0, -20.0, 3600.0, 1.7e9], ids=str)
@pytest.mark.parametrize("has_clock", [True, False])
def test_a_drones_calendar_that_is_set_in_flight_changes_neither_length_nor_time(
    by_s: float, has_clock: bool
) -> None:
    clock = {} if has_clock else {"clock_s": None}
    states = [
        with_clocks(state, at_s=state.instant.at_s - (by_s if number < 3 else 0.0), **clock)
        for number, state in enumerate(flown(1, *range(0, 100, 10)))
    ]
    (flight,) = cut(*states)
    assert flight.duration_s == pytest.approx(90.0)
    assert flight.started_s == pytest.approx(NOON_S)
    (leap,) = flight.leaps
    assert (leap.whose, leap.at_s) == ("drone", 30.0)
    assert leap.by_s == pytest.approx(by_s)
    assert flight.clock.drone_ahead_s == pytest.approx(0.0), "as it was for the longer part"


def test_the_stations_calendar_that_is_set_in_flight_dates_all_of_it_as_it_was_for_longest() -> None:
    states = [
        with_clocks(state, heard_at_s=state.instant.heard_at_s - (7200.0 if number < 2 else 0.0))
        for number, state in enumerate(flown(1, *range(0, 100, 10)))
    ]
    (flight,) = cut(*states)
    assert flight.started_s == NOON_S
    assert flight.duration_s == 90.0
    assert [(leap.whose, leap.by_s) for leap in flight.leaps] == [("station", 7200.0)]


def test_a_position_that_leaps_is_no_way_that_was_flown() -> None:
    states = flown(1, 0, 10, 20, 30)
    far = replace(states[2], lat_deg=0.0)
    (flight,) = cut(*states[:2], far, states[3])
    assert flight.distance_m == pytest.approx(100.0, rel=1e-3)


def test_a_flight_across_the_date_line_is_not_round_the_world() -> None:
    west, east = (
        kept(number, number * 10.0, lat_deg=0.0, lon_deg=lon)
        for number, lon in ((1, 179.9999), (2, -179.9999))
    )
    (flight,) = cut(west, east)
    assert flight.distance_m == pytest.approx(22.2, abs=0.2)


def test_blind_time_is_from_each_state_to_the_next_that_was_heard() -> None:
    states = [kept(number, number * 10.0, seeing=number not in (2, 3)) for number in range(1, 7)]
    (flight,) = cut(*states)
    assert flight.blind_s == 20.0


def test_degraded_time_is_apart_from_blind_time() -> None:
    states = [kept(number, number * 10.0) for number in range(1, 7)]
    states[1], states[2] = replace(states[1], degraded=True), replace(states[2], seeing=False)
    (flight,) = cut(*states)
    assert (flight.degraded_s, flight.blind_s) == (10.0, 10.0)


def test_the_patrols_are_told_by_name_each_once() -> None:
    names = [None, "ridge", "ridge", "valley", "ridge"]
    (flight,) = cut(*(kept(number, number * 10.0, patrol=name) for number, name in enumerate(names, 1)))
    assert flight.patrols == ["ridge", "valley"]


def test_a_fixed_camera_has_days() -> None:
    states = [
        kept(number, number * 3600.0, fixed=True, armed=None, lat_deg=1.0) for number in range(30)
    ]  # from noon on
    first, second = cut(*states)
    assert (first.kind, first.ended) == (FlightKind.DAY, Ended.MIDNIGHT)
    assert first.duration_s == 11 * 3600.0
    assert (second.started_s, second.ended) == (NOON_S + 12 * 3600.0, None)
    assert len(second.gaps) == 17, "an hour without a word is a gap in its day"


def test_nobody_waits_for_ever_for_the_end_of_a_flight() -> None:
    cutter = FlightCutter(utc_day)
    cutter.take(kept(1, 0.0))
    assert cutter.expire(NOON_S + LONGEST_GAP_S) == []
    (over,) = cutter.expire(NOON_S + LONGEST_GAP_S + 1)
    assert over.ended is Ended.UNHEARD
    assert cutter.expire(NOON_S + 1e6) == []
    assert [flight.began for flight in cutter.take(kept(2, 4000.0))] == [Began.IN_THE_AIR]


def test_what_is_kept_of_a_flight_is_bounded() -> None:
    states, at_s = [], 0.0
    for number in range(400):
        at_s += 100.0
        states.append(
            with_clocks(
                kept(number + 1, at_s, battery_percent=None, patrol=f"p{number}"),
                at_s=number * 1e5,
                run=f"r{number}",
            )
        )
    (flight,) = cut(*states)
    assert len(flight.to_json()) < 8_000
    assert flight.gaps_s == pytest.approx(399 * 100.0)
    assert Flight.from_json(flight.to_json()) == flight


def test_time_between_two_states_is_never_negative() -> None:
    before = Instant(1000.0, 2000.0)
    assert between_s(before, Instant(900.0, 1900.0)) == 0.0
    assert between_s(before, Instant(900.0, 2003.0)) == 3.0
    assert between_s(before, Instant(1002.0, 9000.0)) == 2.0


@pytest.mark.parametrize(("count", "at_most"), [(5, 10), (10, 10), (11, 10), (1000, 10), (100_000, 2000)])
def test_a_thinned_track_has_both_ends_and_no_more_points_than_asked(count: int, at_most: int) -> None:
    thinner = Thinner(count, at_most)
    chosen = [index for index in range(count) if thinner.keeps(index // 3)]
    assert len(chosen) <= at_most
    assert {0, count - 1} <= set(chosen)
    assert len(chosen) >= min(count, at_most * 3 // 4)


def test_a_thinned_track_keeps_the_changes() -> None:
    thinner = Thinner(10_000, 100)
    chosen = {index for index in range(10_000) if thinner.keeps("RTL" if 5003 <= index < 5010 else "AUTO")}
    assert {5003, 5010} <= chosen
    assert max(b - a for a, b in zip(sorted(chosen), sorted(chosen)[1:], strict=False)) <= 140
