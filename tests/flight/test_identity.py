"""Of all who send heartbeats, one is the vehicle."""

from __future__ import annotations

import logging

import pytest

from flight.identity import Identity
from flight.link import mavlink

COPTER = mavlink.MAV_TYPE_QUADROTOR
ARDUPILOT = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA
NONE = mavlink.MAV_AUTOPILOT_INVALID


def test_gimbals_stations_and_adsb_are_not_the_vehicle() -> None:
    """Rule 3."""
    identity = Identity()
    assert not identity.heartbeat(255, 190, mavlink.MAV_TYPE_GCS, NONE, 0.0)
    assert not identity.heartbeat(1, 154, mavlink.MAV_TYPE_GIMBAL, NONE, 0.0)
    assert not identity.heartbeat(1, 156, mavlink.MAV_TYPE_ADSB, NONE, 0.0)
    assert not identity.heartbeat(1, 154, mavlink.MAV_TYPE_GIMBAL, ARDUPILOT, 0.0)  # ardupilot#7088
    assert not identity.heartbeat(4, 1, mavlink.MAV_TYPE_ONBOARD_CONTROLLER, NONE, 0.0)
    before = identity.system_id
    assert identity.heartbeat(7, 1, COPTER, ARDUPILOT, 0.1)
    assert (before, identity.system_id) == (None, 7)
    assert identity.ground_stations == {255}


def test_a_second_autopilot_is_told_of_once_and_not_followed(caplog: pytest.LogCaptureFixture) -> None:
    """Rule 2."""
    identity = Identity()
    assert identity.heartbeat(1, 1, COPTER, ARDUPILOT, 0.0)
    for now_s in (1.0, 2.0):
        assert not identity.heartbeat(2, 1, COPTER, ARDUPILOT, now_s)
        assert identity.heartbeat(1, 1, COPTER, ARDUPILOT, now_s)
    assert identity.others(2.0) == [2]
    assert identity.others(6.0) == []
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_the_configured_vehicle_is_kept_even_if_another_is_heard_first() -> None:
    """Rule 2."""
    identity = Identity(system_id=5)
    assert not identity.heartbeat(1, 1, COPTER, ARDUPILOT, 0.0)
    assert identity.heartbeat(5, 1, COPTER, ARDUPILOT, 0.5)
    assert identity.others(1.0) == [1]
