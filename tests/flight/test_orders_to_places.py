"""Orders about places, camera and gimbal, and how PX4 takes off."""

from __future__ import annotations

import asyncio
import math
import time

import pytest

from flight.arbiter import NotInControl
from flight.commands import CommandRefusedError, CommandUnconfirmedError, Patience
from flight.link import Message, mavlink
from flight.plans.items import Command, Frame, MissionItem, gimbal_pitch, ground_speed
from tests.flight.scripted import GUIDED, LOITER, until
from tests.flight.test_commands import (
    DENIED,
    FAILED,
    GIMBAL,
    NEAR,
    REPOSITION,
    REQUEST,
    SHORT_S,
    TAKEOFF,
    UNSUPPORTED,
    benched,
)

# --- places -------------------------------------------------------------------------------------------


async def test_it_is_sent_to_a_place_in_metres_above_the_sea_with_the_mode_changed_once() -> None:
    """Rules 8, 18, 19."""
    async with benched() as bench:
        await bench.commands.reposition(*NEAR, take_over=True)
        assert bench.autopilot.custom_mode == GUIDED
        await bench.commands.reposition(-35.3641, 149.1661, 661.0, take_over=False)
        first, second = bench.autopilot.heard("COMMAND_INT")
        assert (first.x, first.y, first.z, first.frame) == (-353640000, 1491660000, 660.0, Frame.GLOBAL)
        assert (first.param1, first.param2, math.isnan(first.param4)) == (-1.0, 1.0, True)
        assert second.param2 == 0.0
        assert bench.arbiter.control == "granted"


async def test_a_follow_up_is_not_sent_when_the_mode_is_not_ours() -> None:
    """Rule 8."""
    async with benched() as bench:
        with pytest.raises(CommandRefusedError, match="is in STABILIZE, and not ours"):
            await bench.commands.reposition(*NEAR, take_over=False)
        assert not bench.autopilot.heard("COMMAND_INT")


async def test_a_lost_answer_to_a_reposition_is_settled_by_where_it_flies() -> None:
    """Rule 17: the mode alone would not tell."""
    async with benched(patience=Patience(ack_s=SHORT_S, texts_s=0.01)) as bench:
        bench.autopilot.forgets_acks.add(REPOSITION)
        await bench.commands.reposition(*NEAR, take_over=True)
        asked_for = {message.param1 for message in bench.autopilot.commands(REQUEST)}
        assert asked_for == {mavlink.MAVLINK_MSG_ID_POSITION_TARGET_GLOBAL_INT}


@pytest.mark.parametrize("target", [None, (-353640000, 1491670000, 660.0), (-353640000, 1491660000, 690.0)])
async def test_a_reposition_that_was_lost_is_not_taken_for_done(
    target: tuple[int, int, float] | None,
) -> None:
    async with benched(patience=Patience(ack_s=SHORT_S, texts_s=0.01)) as bench:
        await bench.commands.set_mode("GUIDED")
        bench.autopilot.target = target
        bench.autopilot.deaf_to.add(REPOSITION)
        with pytest.raises(CommandUnconfirmedError, match="no answer to DO_REPOSITION"):
            await bench.commands.reposition(*NEAR, take_over=True)


async def test_hold_stays_where_the_vehicle_is_and_not_where_it_was() -> None:
    async with benched() as bench:
        bench.telemetry._ekf_flags = 0x33F
        bench.telemetry._heard_s["EKF_STATUS_REPORT"] = time.monotonic()
        await until(lambda: bench.telemetry.position is not None)
        await bench.commands.hold()
        [sent] = bench.autopilot.heard("COMMAND_INT")
        assert (sent.x, sent.y, sent.z) == (-353632620, 1491652370, 585.0)
        bench.telemetry._position_s -= 2.5  # the position stream has dried up
        bench.autopilot.positions = False
        with pytest.raises(CommandRefusedError, match="does not know where it is"):
            await bench.commands.hold()
        assert len(bench.autopilot.heard("COMMAND_INT")) == 1


async def test_hold_without_a_trusted_position_is_refused() -> None:
    async with benched() as bench:
        await until(lambda: bench.telemetry.position is not None)
        with pytest.raises(CommandRefusedError, match="does not know where it is"):
            await bench.commands.hold()
        assert not bench.autopilot.heard("COMMAND_INT")


async def test_the_way_home_is_the_autopilots_own_mode() -> None:
    async with benched() as bench:
        await bench.commands.return_home()
        assert bench.telemetry.mode == "RTL"
        await bench.commands.continue_mission()
        assert bench.telemetry.mode == "AUTO"


async def test_an_earlier_mode_is_not_restored_once_the_pilot_has_changed_it() -> None:
    """Rule 12."""
    async with benched() as bench:
        await bench.commands.set_mode("GUIDED")
        bench.autopilot.custom_mode = LOITER
        await until(lambda: bench.telemetry.mode == "LOITER")
        for order in (bench.commands.continue_mission(), bench.commands.look_ahead()):
            with pytest.raises(NotInControl, match="GUIDED to LOITER"):
                await order
        assert bench.autopilot.custom_mode == LOITER


# --- camera, gimbal, speed ----------------------------------------------------------------------------


async def test_the_camera_is_pointed_at_a_place_and_the_gimbal_taken_once_and_given_back() -> None:
    """Rules 14, 37."""
    async with benched() as bench:
        commands = bench.commands
        await commands.release_gimbal()  # not taken: nothing is sent
        assert not bench.autopilot.heard("COMMAND_LONG")
        for _ in range(3):
            await commands.look_at(-35.3640, 149.1660, 590.0)
        assert list(bench.autopilot.camera_at or ()) == [-353640000, 1491660000, 590.0]
        [taken] = bench.autopilot.commands(GIMBAL)
        assert (taken.param1, taken.param2, taken.param3, taken.param4) == (-2, -2, -1, -1)
        await commands.look_ahead()
        assert bench.autopilot.camera_at is None
        await commands.release_gimbal()
        await commands.release_gimbal()
        assert [message.param1 for message in bench.autopilot.commands(GIMBAL)] == [-2, -3]


async def test_after_a_restart_of_the_autopilot_the_gimbal_is_taken_anew() -> None:
    """Rule 37: whoever started anew has given it to nobody."""
    async with benched() as bench:
        await bench.commands.look_at(-35.3640, 149.1660, 590.0)
        bench.commands.rebooted()
        await bench.commands.look_at(-35.3640, 149.1660, 590.0)
        assert len(bench.autopilot.commands(GIMBAL)) == 2


@pytest.mark.parametrize("result", [UNSUPPORTED, FAILED, DENIED])
async def test_a_gimbal_without_a_manager_is_pointed_all_the_same(result: int) -> None:
    async with benched() as bench:
        bench.autopilot.results[GIMBAL] = [result]
        await bench.commands.look_at(-35.3640, 149.1660, 590.0)
        await bench.commands.look_at(-35.3640, 149.1660, 591.0)
        assert bench.autopilot.camera_at == (-353640000, 1491660000, 591.0)
        assert len(bench.autopilot.commands(GIMBAL)) == 1


async def test_what_was_set_up_before_an_item_is_set_up_again() -> None:
    """Rule 26."""
    roi = MissionItem(3, Command.DO_SET_ROI_LOCATION, Frame.GLOBAL, (0.0,) * 4, -353640000, 1491660000, 590.0)
    nowhere = MissionItem(4, Command.DO_SET_ROI_LOCATION, Frame.GLOBAL, (0.0,) * 4, 0, 0, 0.0)
    async with benched() as bench:
        bench.autopilot.results[Command.DO_CHANGE_SPEED] = [DENIED]
        await bench.commands.replay([ground_speed(8.0), nowhere, gimbal_pitch(-60.0), roi])
        [speed] = bench.autopilot.commands(Command.DO_CHANGE_SPEED)
        assert (speed.param1, speed.param2) == (1.0, 8.0)
        [pitch] = bench.autopilot.commands(Command.DO_GIMBAL_MANAGER_PITCHYAW)
        assert (pitch.param1, math.isnan(pitch.param3)) == (-60.0, True)
        assert bench.autopilot.camera_at == (-353640000, 1491660000, 590.0)


async def test_a_replay_stops_when_the_pilot_takes_over() -> None:
    """Rule 8."""
    async with benched() as bench:
        answer = bench.autopilot._command

        def and_the_pilot_takes_over(message: Message) -> None:
            bench.arbiter.revoke("the pilot has it")
            answer(message)

        bench.autopilot._command = and_the_pilot_takes_over  # type: ignore[method-assign]
        with pytest.raises(NotInControl):
            await bench.commands.replay([ground_speed(8.0), gimbal_pitch(-60.0)])
        assert len(bench.autopilot.heard("COMMAND_LONG")) == 1


# --- PX4, from its documentation ----------------------------------------------------------------------


async def test_a_take_off_of_px4_is_above_the_sea_and_its_two_mode_changes_are_ours() -> None:
    """It takes off in a mode of its own and then holds (docs.px4.io, flight_modes_mc/takeoff)."""
    hold, climb = 4 << 16 | 3 << 24, 4 << 16 | 2 << 24
    async with benched(firmware=mavlink.MAV_AUTOPILOT_PX4, grant=False) as bench:
        bench.autopilot.custom_mode = hold
        await until(lambda: bench.telemetry.mode == "AUTO.LOITER")
        assert bench.arbiter.grant(time.monotonic() + 5, "a test")
        await until(lambda: bench.telemetry.position is not None)
        climbing = asyncio.create_task(bench.commands.takeoff(10.0))
        await until(lambda: bool(bench.autopilot.commands(TAKEOFF)))
        [sent] = bench.autopilot.commands(TAKEOFF)
        assert sent.param7 == 595.0
        assert all(math.isnan(value) for value in (sent.param4, sent.param5, sent.param6))
        bench.autopilot.height_m, bench.autopilot.custom_mode = 5.0, climb
        await until(lambda: bench.telemetry.mode == "AUTO.TAKEOFF")
        bench.autopilot.height_m, bench.autopilot.custom_mode = 10.0, hold
        await climbing
        await until(lambda: bench.telemetry.mode == "AUTO.LOITER")
        assert bench.arbiter.control == "granted"
        bench.autopilot.custom_mode = 3 << 16
        await until(lambda: bench.arbiter.control == "hands off")
        assert "POSCTL" in bench.arbiter.reason


async def test_px4_flies_circles_by_itself_and_lands_and_its_modes_are_ours() -> None:
    """DO_ORBIT changes to its mode ORBIT (docs.px4.io, flight_modes_mc/orbit)."""
    hold, orbit, land = 4 << 16 | 3 << 24, 3 << 16 | 1 << 24, 4 << 16 | 6 << 24
    async with benched(firmware=mavlink.MAV_AUTOPILOT_PX4, grant=False) as bench:
        bench.autopilot.custom_mode = hold
        await until(lambda: bench.telemetry.mode == "AUTO.LOITER")
        assert bench.arbiter.grant(time.monotonic() + 5, "a test")
        assert bench.commands.has_orbit
        circling = asyncio.create_task(bench.commands.orbit(-35.364, 149.166, 660.0, 80.0, 8.0))
        await until(lambda: bool(bench.autopilot.heard("COMMAND_INT")))
        [sent] = bench.autopilot.heard("COMMAND_INT")
        assert (sent.command, sent.frame, sent.z) == (mavlink.MAV_CMD_DO_ORBIT, Frame.GLOBAL, 660.0)
        assert (sent.x, sent.y, sent.param1, sent.param2) == (-353640000, 1491660000, 80.0, 8.0)
        assert sent.param3 == mavlink.ORBIT_YAW_BEHAVIOUR_HOLD_FRONT_TO_CIRCLE_CENTER
        bench.autopilot.custom_mode = orbit
        await circling
        assert bench.arbiter.control == "granted"
        bench.autopilot.idle.add(mavlink.MAV_CMD_DO_SET_MODE)
        landing = asyncio.create_task(bench.commands.land())
        await until(lambda: bool(bench.autopilot.commands(mavlink.MAV_CMD_DO_SET_MODE)))
        bench.autopilot.custom_mode = land
        await landing
        assert (bench.telemetry.mode, bench.arbiter.control) == ("AUTO.LAND", "granted")


async def test_it_comes_home_the_way_it_came_where_it_can_and_else_straight() -> None:
    set_mode = mavlink.MAV_CMD_DO_SET_MODE
    async with benched(patience=Patience(ack_s=2.0, texts_s=0.2)) as bench:
        await bench.commands.return_home(smart=True)
        assert bench.telemetry.mode == "SMART_RTL"
        await bench.commands.set_mode("GUIDED")
        bench.autopilot.results[set_mode] = [FAILED]
        returning = asyncio.create_task(bench.commands.return_home(smart=True))
        await until(lambda: len(bench.autopilot.commands(set_mode)) == 3)
        bench.autopilot.results.clear()
        await returning
        assert bench.telemetry.mode == "RTL"
        assert not bench.commands.has_orbit


async def test_it_lands_where_it_is() -> None:
    async with benched() as bench:
        await bench.commands.land()
        assert bench.telemetry.mode == "LAND"
