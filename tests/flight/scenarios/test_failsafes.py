"""The autopilot's own failsafes: nothing of ours keeps them from happening, and the agent yields to them."""

from __future__ import annotations

import logging

import pytest

from flight.link import mavlink
from tests.flight.scenarios.companion import Companion
from tests.flight.scenarios.conftest import Fly, Record
from tests.flight.scenarios.copters import Copter
from tests.flight.scenarios.test_pilot_wins import orders
from uplink.messages import OrderKind, OrderState, SeeingState


async def to_the_survey(copter: Copter, companion: Companion) -> None:
    """In the air, flying the patrol in the agent's hands."""
    await companion.is_aboard()
    await companion.granted()
    await companion.start()
    await copter.until(lambda: copter.item == 5, "it flies its patrol", 200.0)


def hands_off_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the arbiter said about giving the vehicle back."""
    return [line.getMessage() for line in caplog.records if line.getMessage().startswith("hands off:")]


async def test_a_lost_ground_station_brings_it_home_though_the_agent_is_connected(
    fly: Fly, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with fly(speed=2.0, parameters={"FS_GCS_TIMEOUT": 5.0}) as (copter, companion):
        await to_the_survey(copter, companion)
        heartbeats = [each for each in copter.by_companion() if each.get_type() == "HEARTBEAT"]
        copter.router.beats = False
        took_s = await copter.until(lambda: copter.mode == "RTL", "the failsafe fires", 30.0)
        assert 3.5 < took_s < 9.0, "FS_GCS_TIMEOUT is 5 s, and the last heartbeat may be a second old"
        assert any("GCS Failsafe" in text for text in copter.texts)
        await copter.until(lambda: companion.vehicle.arbiter.control == "hands off", "the agent yields", 10.0)
        since_s = copter.now_s
        beats = len([each for each in copter.by_companion() if each.get_type() == "HEARTBEAT"])
        assert beats > len(heartbeats), "it was connected and alive all along"
        await copter.wait(10.0)
        assert orders(copter, since_s) == []
        assert len(hands_off_lines(caplog)) == 1
        copter.router.beats = True
        await copter.until(
            lambda: any("Failsafe Cleared" in text for text in copter.texts), "the failsafe is over", 20.0
        )
        record(f"RTL {took_s:.1f} s after the last heartbeat (its time-out is 5 s)")


async def test_a_low_battery_takes_the_vehicle_from_the_agent_which_says_so_once(
    fly: Fly, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with fly(speed=8.0) as (copter, companion):
        await to_the_survey(copter, companion)
        await copter.set_parameter("BATT_LOW_VOLT", 30.0)
        took_s = await copter.until(lambda: copter.mode == "RTL", "the failsafe fires", 40.0)
        await copter.until(lambda: companion.vehicle.arbiter.control == "hands off", "the agent yields", 10.0)
        since_s = copter.now_s
        reason = companion.vehicle.arbiter.reason
        assert "Battery" in reason
        refused = await companion.order(OrderKind.GRANT)
        assert refused.state is OrderState.REFUSED, "no grant against a failsafe"
        await copter.until(lambda: not copter.armed, "it has landed", 300.0)
        assert orders(copter, since_s) == []
        lines = [line for line in hands_off_lines(caplog) if "failsafe" in line or "RTL" in line]
        assert len(lines) == 1
        record(f"RTL after {took_s:.0f} s; hands off: {reason}")


async def test_lost_satellites_make_the_agent_yield_and_go_blind(
    fly: Fly, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    # FS_DR_ENABLE 0: as on a copter without an airspeed sensor, it does not dead-reckon home.
    async with fly(speed=4.0, parameters={"FS_DR_ENABLE": 0}) as (copter, companion):
        await to_the_survey(copter, companion)
        assert companion.seeing.state is SeeingState.SEEING
        await copter.set_parameter("SIM_GPS_DISABLE", 1)
        start_s = copter.now_s
        await copter.until(lambda: companion.vehicle.arbiter.control == "hands off", "the agent yields", 60.0)
        yielded_s = copter.now_s
        await copter.until(lambda: companion.seeing.state is SeeingState.BLIND, "it is blind", 60.0)
        assert "does not know where it is" in companion.seeing.reason or "pose" in companion.seeing.reason
        await copter.wait(10.0)
        assert orders(copter, yielded_s) == []
        assert len(hands_off_lines(caplog)) == 1
        assert copter.mode in ("LAND", "ALT_HOLD")
        record(f"{copter.mode} and hands off {yielded_s - start_s:.0f} s after, blind: position unusable")


async def test_an_autopilot_that_restarts_is_asked_for_everything_again_and_no_old_pose_is_used(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=4.0) as (copter, companion):
        await companion.is_aboard()
        await companion.granted()
        await copter.until(lambda: companion.watch.pose is not None, "frames have a pose", 30.0)
        before = companion.vehicle.telemetry.position
        since_s = copter.now_s
        poses: list[object] = []
        companion.vehicle.telemetry.on_reboot.append(
            lambda _boot_s: poses.append((companion.watch.pose, companion.vehicle.telemetry.position))
        )
        await copter.reboot()
        await copter.until(lambda: bool(poses), "the agent has noticed", 20.0)
        assert poses[0] == (None, None), "nothing of the life before is left"
        assert companion.vehicle.arbiter.control == "hands off"
        await copter.until(
            lambda: companion.vehicle.telemetry.position not in (None, before), "it streams again", 120.0
        )
        asked = {
            int(message.param1)
            for message in copter.by_companion(since_s)
            if message.get_type() == "COMMAND_LONG"
            and message.command == mavlink.MAV_CMD_SET_MESSAGE_INTERVAL
        }
        assert {mavlink.MAVLINK_MSG_ID_ATTITUDE, mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT} <= asked
        await copter.until(lambda: companion.watch.pose is not None, "frames have a new pose", 120.0)
        record(f"{len(asked)} streams asked for again; pose empty until new samples")
