"""Looking again, flown: from a fire that is confirmed to the patrol gone on with, and what breaks it off."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from edge.flying.response import Phase
from flight.link import mavlink
from tests.edge.flying.simulation import (
    Companion,
    Site,
    companion_at,
    height_m,
    hotspot,
    in_simulation_time,
    metres_from,
    now_s,
    scene,
    until,
)
from uplink.messages import OrderKind, PatrolPhase

FIRE = (330.0, 130.0)
CLEAR_M = 60.0 + 2.146 * 8.0  # the wind is known; 90 % of 8 m in each direction


async def looking(companion: Companion, where: tuple[float, float] = FIRE) -> None:
    """Confirm a fire and wait until the copter is under way to look at it."""
    await companion.flies()
    companion.look_again.changed(hotspot(*where))
    await until(lambda: companion.flight.phase is PatrolPhase.LOOKING_AGAIN, 20.0)


def moves(site: Site, since_s: float = 0.0) -> list[Any]:
    return [
        message
        for message in site.orders(since_s)
        if message.get_type() == "COMMAND_INT" and message.command == mavlink.MAV_CMD_DO_REPOSITION
    ]


@in_simulation_time
async def test_it_looks_from_safe_places_and_goes_on_with_the_patrol_where_it_left(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        item = companion.flight.progress.record.item
        companion.look_again.changed(hotspot(*FIRE))
        nearest_m, lowest_m = 1e9, 1e9
        phases: list[Phase] = []
        end_s = now_s() + 240.0
        while now_s() < end_s:
            phase = companion.look_again.response.phase
            if not phases or phases[-1] is not phase:
                phases.append(phase)
            nearest_m = min(nearest_m, metres_from(site, *FIRE))
            if phase is not Phase.IDLE:
                lowest_m = min(lowest_m, height_m(site))
            elif len(phases) > 1:
                break
            await asyncio.sleep(0.2)
        assert companion.look_again.response.reason == "looked at"
        assert phases[-3:] == [Phase.GOING_BACK, Phase.RETURNING, Phase.IDLE]
        assert phases.count(Phase.LOOKING) >= 1
        assert nearest_m > CLEAR_M
        assert lowest_m > 55.0
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 5.0)
        assert companion.flight.progress.record.item == item
        first, *more = moves(site)
        assert first.param2 == mavlink.MAV_DO_REPOSITION_FLAGS_CHANGE_MODE
        assert [message.param2 for message in more] == [0.0] * len(more)
        looks = [m.command for m in site.orders() if m.get_type() == "COMMAND_INT"]
        assert mavlink.MAV_CMD_DO_SET_ROI_LOCATION in looks


@pytest.mark.parametrize("when", [Phase.GOING, Phase.LOOKING, Phase.GOING_BACK])
def test_from_the_first_heartbeat_that_shows_the_pilot_nothing_more_is_sent(
    tmp_path: Path, when: Phase
) -> None:
    @in_simulation_time
    async def story() -> None:
        async with scene(tmp_path) as (site, companion):
            await looking(companion)
            await until(lambda: companion.look_again.response.phase is when, 120.0)
            site.autopilot.pilot_sets_mode("LOITER")
            await until(lambda: companion.vehicle.telemetry.mode == "LOITER", 2.0)
            since_s = now_s()
            for _ in range(12):
                companion.look_again.changed(hotspot(FIRE[0], FIRE[1] + 10.0))
                await asyncio.sleep(1.0)
            assert site.orders(since_s) == []
            assert companion.look_again.response.phase is Phase.IDLE
            assert site.mode == "LOITER"

    story()


@in_simulation_time
async def test_a_new_grant_and_a_resume_give_the_patrol_back_with_its_camera(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await looking(companion)
        site.autopilot.pilot_sets_mode("LOITER")
        await until(lambda: companion.vehicle.arbiter.control == "hands off", 3.0)
        await companion.granted()
        since_s = now_s()
        await companion.do(OrderKind.RESUME)
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 5.0)
        commands = [message.command for message in site.orders(since_s)]
        assert commands.index(mavlink.MAV_CMD_DO_SET_ROI_NONE) < commands.index(
            mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW
        )
        assert mavlink.MAV_CMD_DO_CHANGE_SPEED in commands


@in_simulation_time
async def test_a_stand_down_is_not_undone_by_a_retry_of_the_look_again(tmp_path: Path) -> None:
    """The first leg's acknowledgement is lost, so it would be sent again, with its change of mode."""
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        companion.wire.deaf = True
        companion.look_again.changed(hotspot(*FIRE))
        await until(lambda: bool(moves(site)), 5.0)
        companion.wire.deaf = False
        since_s = now_s()
        await companion.order(OrderKind.STAND_DOWN)
        await asyncio.sleep(10.0)
        assert moves(site, since_s) == []
        assert site.mode == "RTL"


@in_simulation_time
async def test_pausing_ends_it_and_the_camera_order_that_was_to_follow_is_not_sent(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await looking(companion)
        await companion.do(OrderKind.PAUSE)
        since_s = now_s()
        await until(lambda: companion.flight.phase is PatrolPhase.PAUSED, 3.0)
        await asyncio.sleep(8.0)
        assert site.orders(since_s) == []
        assert companion.look_again.response.reason == "the patrol was paused"


@in_simulation_time
async def test_a_camera_that_cannot_be_pointed_brings_it_back_to_the_patrol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flight.commands import CommandUnsupportedError

    async def refused(*_args: object) -> None:
        raise CommandUnsupportedError("no mount")

    async with scene(tmp_path) as (_, companion):
        monkeypatch.setattr(companion.vehicle.commands, "look_at", refused)
        monkeypatch.setattr(companion.vehicle.commands, "look_ahead", refused)
        await looking(companion)
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 60.0)
        assert companion.look_again.response.phase is Phase.IDLE
        assert companion.look_again.response.reason == "no mount"


@in_simulation_time
async def test_a_mistake_in_it_brings_the_copter_back_to_the_patrol_and_kills_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: object) -> None:
        raise ArithmeticError("a singular matrix")

    async with scene(tmp_path) as (_, companion):
        await looking(companion)
        monkeypatch.setattr(companion.look_again.response, "_look", broken)
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 60.0)
        assert companion.lives
        assert "singular" in caplog.text


@in_simulation_time
async def test_a_lost_link_for_some_seconds_leaves_nobody_hanging(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        await looking(companion)
        companion.wire.loss = 1.0
        await asyncio.sleep(12.0)
        companion.wire.loss = 0.0
        await until(lambda: companion.look_again.response.phase is Phase.IDLE, 240.0)
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 10.0)


@in_simulation_time
async def test_where_the_patrol_cannot_be_gone_on_with_the_pilot_is_told_and_the_copter_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flight.commands import CommandDeniedError

    tries: list[float] = []

    async def denied() -> None:
        tries.append(now_s())
        raise CommandDeniedError("AUTO was denied")

    async with scene(tmp_path) as (site, companion):
        await looking(companion)
        monkeypatch.setattr(companion.vehicle.commands, "continue_mission", denied)
        response = companion.look_again.response
        response.failed("it is enough", now_s())
        for phase in (Phase.GOING_BACK, Phase.RETURNING):
            await until(lambda phase=phase: response.phase is phase, 60.0)  # type: ignore[misc]
            response._since_s -= 170.0
        await until(lambda: companion.look_again.response.phase is Phase.IDLE, 60.0)
        assert len(tries) > 1
        await until(lambda: companion.flight.phase is PatrolPhase.PAUSED, 3.0)
        told = [sent.message.text for sent in site.sent if sent.message.get_type() == "STATUSTEXT"]
        assert any("not resumed" in text for text in told)


@in_simulation_time
async def test_a_companion_killed_in_the_middle_takes_nothing_over_when_it_comes_back(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await looking(companion)
        item = companion.flight.progress.record.item
        await asyncio.sleep(1.5)  # the progress is kept
        await companion.die()
        await asyncio.sleep(5.0)
        assert site.mode == "GUIDED"
        back = await companion_at(site)
        since_s = now_s()
        await until(lambda: back.flight.progress.aboard is True, 30.0)
        back.look_again.changed(hotspot(*FIRE))
        await asyncio.sleep(6.0)
        assert site.orders(since_s) == []
        assert back.flight.phase is PatrolPhase.INTERRUPTED
        refused = await back.order(OrderKind.RESUME)
        assert "may not command" in refused.reason
        await back.granted()
        await back.do(OrderKind.RESUME)
        await until(lambda: back.flight.phase is PatrolPhase.FLYING, 5.0)
        assert back.flight.progress.record.item == item
        await back.die()


@in_simulation_time
async def test_a_lost_position_makes_it_yield_and_say_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with scene(tmp_path) as (site, companion):
        await looking(companion)
        site.autopilot.parameters.set("SIM_GPS_DISABLE", 1)
        await until(lambda: companion.vehicle.arbiter.control == "hands off", 60.0)
        since_s = now_s()
        await asyncio.sleep(10.0)
        assert site.orders(since_s) == []
        assert companion.look_again.response.phase is Phase.IDLE
        assert sum("hands off:" in record.getMessage() for record in caplog.records) == 1
