"""Bringing a patrol aboard, starting, pausing, resuming: on a virtual copter, in simulation time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flight.link import mavlink
from tests.edge.flying.simulation import (
    companion_at,
    in_simulation_time,
    now_s,
    plan,
    scene,
    until,
)
from uplink.messages import OrderKind, OrderState, PatrolPhase


@in_simulation_time
async def test_a_plan_with_its_fence_is_brought_aboard_and_read_back(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        await until(lambda: companion.flight.progress.aboard is True, 20.0)
        part = companion.flight.progress.part
        assert part.fence is not None
        assert await companion.vehicle.missions.verify(part.items)
        assert await companion.vehicle.fence.verify(part.fence.items())


@in_simulation_time
async def test_it_never_arms_before_a_person_has_granted_and_started(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.ready()
        await asyncio.sleep(20.0)
        assert not site.armed
        refused = await companion.order(OrderKind.START)
        assert refused.state is OrderState.REFUSED
        assert "may not command" in refused.reason
        assert site.orders() == [m for m in site.orders() if m.get_type().startswith("MISSION")]


@in_simulation_time
async def test_a_preflight_line_that_fails_keeps_a_started_flight_on_the_ground(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.ready()
        await companion.granted()
        companion.sees = False
        await asyncio.sleep(6.0)
        refused = await companion.order(OrderKind.START)
        assert "camera: no fresh frame" in refused.reason
        assert not site.armed


@in_simulation_time
async def test_an_armed_vehicle_keeps_what_it_flies(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        companion.flight.progress.flights = (plan("another", size_m=150.0),)
        since_s = now_s()
        assert not await companion.flight.bring_aboard()
        assert companion.flight.progress.aboard is False
        assert site.orders(since_s) == []


@in_simulation_time
async def test_a_paused_patrol_holds_and_goes_on_with_its_speed_and_camera(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        item = companion.flight.progress.record.item
        await companion.do(OrderKind.PAUSE)
        await until(lambda: companion.flight.phase is PatrolPhase.PAUSED, 3.0)
        assert site.mode == "GUIDED"
        since_s = now_s()
        await companion.do(OrderKind.RESUME)
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 3.0)
        assert companion.flight.progress.record.item == item
        replayed = [
            (m.command, m.param1, m.param2) for m in site.orders(since_s) if m.get_type() == "COMMAND_LONG"
        ][-2:]
        assert replayed == [
            (mavlink.MAV_CMD_DO_CHANGE_SPEED, 1.0, 8.0),
            (mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW, -45.0, 0.0),
        ]


@in_simulation_time
async def test_after_a_low_battery_and_a_swap_the_rest_of_the_flight_is_flown(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        await until(lambda: companion.flight.progress.record.item == 5, 60.0)
        site.autopilot.copter.body.battery.used_mah = 8500.0
        await until(lambda: companion.vehicle.arbiter.control == "hands off", 40.0)
        assert "failsafe" in companion.vehicle.arbiter.reason
        since_s = now_s()
        await until(lambda: not site.armed, 120.0)
        assert site.orders(since_s) == []
        await until(lambda: companion.flight.phase is PatrolPhase.INTERRUPTED, 5.0)
        await companion.die()

        site.autopilot.copter.body.battery.used_mah = 0.0
        site.autopilot.reboot()
        back = await companion_at(site)
        await back.ready()
        await back.granted()
        await back.do(OrderKind.RESUME)
        assert back.flight.progress.record.begun_at_item == 5
        await until(lambda: back.flight.progress.record.item == 6, 120.0)
        assert back.flight.phase is PatrolPhase.FLYING
        speeds = [text for text in site.autopilot.copter.mission.items if text.command == 178]
        assert len(speeds) == 1
        await back.die()


@in_simulation_time
async def test_there_is_nothing_to_resume_on_the_ground_before_the_first_flight(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.ready()
        await companion.granted()
        assert "nothing to resume" in (await companion.order(OrderKind.RESUME)).reason
        assert "nothing to pause" in (await companion.order(OrderKind.PAUSE)).reason
        assert not site.armed


@in_simulation_time
async def test_somebody_elses_flight_is_not_resumed_into(tmp_path: Path) -> None:
    """Armed on the ground by its pilot: a resume would make it take off under his hands."""
    async with scene(tmp_path) as (site, companion):
        await companion.ready()
        await companion.granted()
        assert site.autopilot.copter.arm()
        await until(lambda: companion.vehicle.telemetry.armed is True, 3.0)
        await until(lambda: companion.vehicle.telemetry.landed is True, 5.0)
        assert "not in the air" in (await companion.order(OrderKind.RESUME)).reason
        assert "armed already" in (await companion.order(OrderKind.START)).reason
        assert site.mode == "STABILIZE"


@pytest.mark.parametrize("broken_off", ["before it is armed", "on its way up"])
def test_a_stand_down_while_it_starts_brings_it_down_again(tmp_path: Path, broken_off: str) -> None:
    @in_simulation_time
    async def story() -> None:
        async with scene(tmp_path) as (site, companion):
            await companion.ready()
            await companion.granted()
            starting = asyncio.create_task(companion.order(OrderKind.START))
            if broken_off == "on its way up":
                await until(lambda: site.armed, 20.0)
                await asyncio.sleep(2.0)
            else:
                arm = mavlink.MAV_CMD_COMPONENT_ARM_DISARM
                while not any(getattr(m, "command", None) == arm for m in site.orders()):
                    await asyncio.sleep(0.001)
            await companion.order(OrderKind.STAND_DOWN)
            assert "overtaken by stand down" in (await starting).reason
            await until(lambda: site.mode == "RTL", 5.0)
            await until(lambda: not site.armed, 60.0)
            assert mavlink.MAV_CMD_MISSION_START not in [getattr(m, "command", 0) for m in site.orders()]

    story()


@in_simulation_time
async def test_a_companion_killed_in_the_middle_of_an_upload_is_made_good_by_the_next(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        items = [m for m in site.sent if m.message.get_type() == "MISSION_ITEM_INT"]
        while not any(m.message.mission_type == 0 and m.message.seq == 3 for m in items):
            await asyncio.sleep(0.001)
            items = [m for m in site.sent if m.message.get_type() == "MISSION_ITEM_INT"]
        await companion.die()
        assert not site.armed
        back = await companion_at(site)
        await until(lambda: back.flight.progress.aboard is True, 60.0)
        assert await back.vehicle.missions.verify(back.flight.progress.part.items)
        await back.die()


@in_simulation_time
async def test_a_disk_that_takes_nothing_is_said_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_args: object) -> None:
        raise OSError("no space left on device")

    async with scene(tmp_path) as (_, companion):
        with monkeypatch.context() as patch:
            patch.setattr("edge.flying.flight.write_whole", full)
            companion.flight.progress.hold_back("stand down by Ann")
            await asyncio.sleep(5.0)
        assert sum("progress is not kept" in record.getMessage() for record in caplog.records) == 1
        await asyncio.sleep(2.0)
        assert "stand down by Ann" in (companion.config.data_dir / "patrol.json").read_text()
