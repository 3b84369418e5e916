"""The pilot's ground station falls silent: whose heartbeats count, and what the copter does then."""

from __future__ import annotations

import pytest

from flight.link import mavlink
from hardware.virtual.drone.modes import Mode
from tests.hardware.station import COMPANION, PILOTS_STATION, Station, config


@pytest.fixture
def station() -> Station:
    return Station(config())


def with_failsafe() -> Station:
    return Station(config(parameters={"FS_GCS_ENABLE": 1}))


def fly_with_heartbeats(station: Station, seconds: float, who: tuple[int, int]) -> None:
    for _ in range(round(seconds)):
        station.beat(who)
        station.wait(1.0)


def test_when_the_pilots_station_falls_silent_it_returns() -> None:
    station = with_failsafe()
    station.to_guided_and_up(20.0)
    fly_with_heartbeats(station, 10, PILOTS_STATION)
    assert station.mode == Mode.GUIDED
    fly_with_heartbeats(station, 8, COMPANION)  # the companion's heartbeats do not count
    assert station.mode == Mode.RTL
    assert "GCS Failsafe" in station.texts
    assert station.of("HEARTBEAT")[-1].system_status == mavlink.MAV_STATE_CRITICAL
    fly_with_heartbeats(station, 2, PILOTS_STATION)
    assert "GCS Failsafe Cleared" in station.texts
    assert station.mode == Mode.RTL  # it goes on home until somebody says otherwise


def test_any_heartbeat_of_the_stations_number_keeps_the_failsafe_off() -> None:
    """Why a companion must never speak as 255 (flight rule 1)."""
    station = Station(config(parameters={"FS_GCS_ENABLE": 1, "SYSID_MYGCS": 7}))
    station.to_guided_and_up(20.0)
    fly_with_heartbeats(station, 20, (7, 1))
    assert station.mode == Mode.GUIDED


def test_without_a_station_ever_heard_or_switched_off_nothing_happens(station: Station) -> None:
    never_heard = with_failsafe()
    for flown in (never_heard, station):
        if flown is station:
            flown.beat(PILOTS_STATION)
        flown.to_guided_and_up(10.0)
        flown.wait(15.0)
        assert flown.mode == Mode.GUIDED


def test_a_pilot_who_flies_is_not_disturbed() -> None:
    station = with_failsafe()
    station.to_guided_and_up(4.0)
    station.beat(PILOTS_STATION)
    station.autopilot.pilot_sets_mode("LOITER")
    station.wait(10.0)
    assert station.mode == Mode.LOITER
    assert "GCS Failsafe - Continuing Pilot Control" in station.texts
