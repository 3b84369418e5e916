"""The autopilot's side of the mission protocol, as ArduPilot speaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flight.link import mavlink
from flight.plans.fence import Circle, Fence, Polygon, RallyPoint, rally_items
from flight.plans.items import (
    Command,
    Frame,
    MissionItem,
    gimbal_pitch,
    ground_speed,
    return_to_launch,
    takeoff,
    waypoint,
)
from flight.plans.qgc import Home, Plan
from tests.hardware.station import PILOTS_STATION, Station, item_message

PLAN = Plan.build(
    "patrol",
    Home(-35.363262, 149.165237, 584.0),
    [
        takeoff(40.3),
        ground_speed(8.0),
        gimbal_pitch(-40.0),
        waypoint(-35.3615, 149.1652, 60.7, hold_s=2.0),
        return_to_launch(),
    ],
).items

ACCEPTED, ERROR, DENIED = (
    mavlink.MAV_MISSION_ACCEPTED,
    mavlink.MAV_MISSION_ERROR,
    mavlink.MAV_MISSION_DENIED,
)


@pytest.fixture
def station() -> Station:
    return Station()


def acks(station: Station) -> list[int]:
    return [message.type for message in station.of("MISSION_ACK")]


def asked(station: Station) -> list[int]:
    return [message.seq for message in station.of("MISSION_REQUEST")]


def test_what_is_uploaded_is_read_back(station: Station) -> None:
    station.wait(5.0)
    assert station.upload(PLAN) == ACCEPTED
    aboard = station.download()
    assert len(aboard) == len(PLAN)
    assert all(sent.same_as(read) for sent, read in zip(PLAN, aboard, strict=True))
    home, climb, speed, gimbal, place, _ = aboard
    assert home.lat_deg == pytest.approx(-35.363262, abs=5e-5)  # its own home, not the plan's number
    assert home.alt_m == pytest.approx(584.0, abs=4.0)
    assert climb.alt_m in (pytest.approx(40.29), pytest.approx(40.3))  # cut off at the centimetre
    assert (speed.frame, gimbal.frame) == (Frame.GLOBAL, Frame.GLOBAL)  # of these it keeps no frame
    assert place.params == (2.0, 0.0, 0.0, 0.0)
    assert gimbal.params[0] == -40.0


def test_it_asks_with_the_legacy_request_and_repeats_itself(station: Station) -> None:
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 2, 0))
    station.wait(3.5)
    assert asked(station) == [0, 0, 0, 0]
    station.send(item_message(PLAN[0]))
    assert asked(station)[-1] == 1


def test_an_item_out_of_turn_changes_nothing_and_can_be_mended(station: Station) -> None:
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 2, 0))
    station.send(item_message(PLAN[1]))
    assert acks(station) == [mavlink.MAV_MISSION_INVALID_SEQUENCE]
    station.send(item_message(PLAN[0]))
    station.send(item_message(PLAN[0]))  # a duplicate is out of turn too
    station.send(item_message(PLAN[1]))
    assert acks(station) == [mavlink.MAV_MISSION_INVALID_SEQUENCE] * 2 + [ACCEPTED]


def test_eight_seconds_of_silence_cancel_an_upload(station: Station) -> None:
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 3, 0))
    station.wait(7.9)
    assert acks(station) == []
    station.wait(0.5)
    assert acks(station) == [mavlink.MAV_MISSION_OPERATION_CANCELLED]
    station.send(item_message(PLAN[0]))
    assert acks(station)[-1] == ERROR


def test_a_second_station_waits_for_the_first_upload(station: Station) -> None:
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 3, 0))
    answers = station.send(mavlink.MAVLink_mission_count_message(1, 1, 2, 0), PILOTS_STATION)
    assert [answer.type for answer in answers] == [DENIED]
    answers = station.send(mavlink.MAVLink_mission_request_list_message(1, 1, 0), PILOTS_STATION)
    assert [answer.type for answer in answers] == [DENIED]


def test_an_upload_that_breaks_off_leaves_a_mixture(station: Station) -> None:
    station.upload(PLAN)
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 5, 0))
    station.send(item_message(PLAN[0]))
    station.send(item_message(MissionItem(1, 16, 3, (0, 0, 0, 0), -353600000, 1491600000, 33.0)))
    station.wait(9.0)
    aboard = station.download()
    assert [item.command for item in aboard] == [16, 16, 178, 1000, 16]  # the old tail, cut to the new count
    assert aboard[1].alt_m == 33.0


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"command": 4242, "param4": 0.0}, mavlink.MAV_MISSION_UNSUPPORTED),
        ({"frame": 99}, mavlink.MAV_MISSION_UNSUPPORTED_FRAME),
        ({"x": 910_000_000}, mavlink.MAV_MISSION_INVALID_PARAM5_X),
        ({"y": -1_810_000_000}, mavlink.MAV_MISSION_INVALID_PARAM6_Y),
        ({"z": float("nan")}, mavlink.MAV_MISSION_INVALID_PARAM7),
        ({"param1": float("nan")}, mavlink.MAV_MISSION_INVALID_PARAM1),
        ({"command": 1000}, mavlink.MAV_MISSION_INVALID_PARAM4),  # only some items' yaw may be NaN
    ],
)
def test_an_item_it_cannot_fly_ends_the_upload(
    station: Station, changes: dict[str, float], refusal: int
) -> None:
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 2, 0))
    station.send(item_message(PLAN[0]))
    item = item_message(waypoint(-35.36, 149.16, 50.0))
    item.seq = 1
    for name, value in changes.items():
        setattr(item, name, value)
    station.send(item)
    assert acks(station) == [refusal]
    station.wait(2.0)
    assert asked(station)[-1] == 1  # it asks no more
    assert not station.autopilot.copter.plans[0].is_receiving


def test_reading_beyond_the_end_is_an_error(station: Station) -> None:
    station.upload(PLAN)
    answers = station.send(mavlink.MAVLink_mission_request_int_message(1, 1, 77, 0))
    assert [answer.get_type() for answer in answers] == ["MISSION_COUNT", "MISSION_ACK"]
    assert answers[1].type == ERROR


def test_a_cleared_mission_is_gone_but_home_stays_readable(station: Station) -> None:
    station.upload(PLAN)
    station.send(mavlink.MAVLink_mission_clear_all_message(1, 1, 0))
    (count,) = station.send(mavlink.MAVLink_mission_request_list_message(1, 1, 0))
    assert count.count == 0
    (home,) = station.send(mavlink.MAVLink_mission_request_int_message(1, 1, 0, 0))
    assert home.command == Command.NAV_WAYPOINT


def test_each_kind_of_plan_has_its_own_upload(station: Station) -> None:
    """``MissionItemProtocol`` is one object for each kind."""
    fence, rally = mavlink.MAV_MISSION_TYPE_FENCE, mavlink.MAV_MISSION_TYPE_RALLY
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 3, 0))
    zones = Fence((Circle(-35.363262, 149.165237, 200.0),)).items()
    assert station.upload(zones, fence, PILOTS_STATION) == ACCEPTED
    assert [item.params[0] for item in station.download(fence)] == [200.0]
    points = rally_items([RallyPoint(-35.3630, 149.1660, 25.7)])
    assert station.upload(points, rally) == ACCEPTED
    assert [item.alt_m for item in station.download(rally)] == [25.0]  # whole metres
    answers = station.send(mavlink.MAVLink_mission_count_message(1, 1, 3, 7))
    assert [(a.type, a.mission_type) for a in answers] == [(mavlink.MAV_MISSION_UNSUPPORTED, 7)]


def test_a_fence_is_taken_as_a_whole_or_not_at_all(station: Station) -> None:
    """``AC_PolyFence_loader::validate_fence``; the answers are those of ArduCopter 4.6.3 in SITL."""
    kind = mavlink.MAV_MISSION_TYPE_FENCE
    corners = ((-35.364, 149.164), (-35.364, 149.166), (-35.362, 149.166), (-35.362, 149.164))
    square = Fence((Polygon(corners),)).items()
    assert station.upload(square, kind) == ACCEPTED
    assert station.upload(square[:3], kind) == ERROR
    assert station.texts[-2:] == ["Incorrect item count", "Fence validation failed"]
    two = [replace(item, params=(2.0, 0.0, 0.0, 0.0)) for item in square[:2]]
    assert station.upload(two, kind) == ERROR
    assert "Invalid vertex count (2)" in station.texts
    assert station.upload([replace(square[0], frame=2)], kind) == mavlink.MAV_MISSION_UNSUPPORTED_FRAME
    assert station.upload([replace(square[0], command=16)], kind) == mavlink.MAV_MISSION_UNSUPPORTED
    aboard = station.download(kind)
    assert all(sent.same_as(read) for sent, read in zip(square, aboard, strict=True))
    answers = [
        station.send(mavlink.MAVLink_mission_request_int_message(1, 1, seq, kind))[0].type for seq in (4, 9)
    ]
    assert answers == [ERROR, mavlink.MAV_MISSION_INVALID_SEQUENCE]


def test_who_uploads_may_clear_and_nobody_else(station: Station) -> None:
    station.send(mavlink.MAVLink_mission_count_message(1, 1, 3, 0))
    answers = station.send(mavlink.MAVLink_mission_clear_all_message(1, 1, 0), PILOTS_STATION)
    assert [answer.type for answer in answers] == [DENIED, ERROR]
    answers = station.send(mavlink.MAVLink_mission_clear_all_message(1, 1, 0))
    assert [answer.type for answer in answers] == [ACCEPTED]
    assert not station.autopilot.copter.plans[0].is_receiving
