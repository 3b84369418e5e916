"""Looking again, flown: from a fire that is confirmed to the patrol gone on with, and what breaks it off."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.flying.situation import Phase
from flight.commands import CommandDeniedError
from flight.link import Message, mavlink
from flight.plans.fence import Circle, Fence
from flight.plans.items import waypoint
from flight.plans.plan import Plan
from tests.edge.flying.simulation import (
    Companion,
    Site,
    companion_at,
    first_place,
    height_m,
    hotspot,
    in_simulation_time,
    metres_from,
    now_s,
    place,
    plan,
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
        await until(lambda: companion.look_again.response.phase is Phase.IDLE, 2.0)
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
            back = response._back
            assert back is not None
            back._since_s -= 170.0
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


# --- other fires, heights, the way back ---------------------------------------------------------------


async def nearest_while_away(site: Site, companion: Companion, where: tuple[float, float]) -> float:
    """How near the copter comes to a place until the patrol goes on, or is given up."""
    nearest_m, end_s = 1e9, now_s() + 600.0
    response = companion.look_again.response
    target = response.target
    while response.phase not in (Phase.IDLE, Phase.RETURNING) and response.target == target:
        assert now_s() < end_s, "it never ends"
        nearest_m = min(nearest_m, metres_from(site, *where))
        await asyncio.sleep(0.2)
    return nearest_m


@pytest.mark.parametrize("other", [(60.0, 100.0), (120.0, 150.0)])
def test_looking_at_one_fire_it_keeps_off_another(tmp_path: Path, other: tuple[float, float]) -> None:
    @in_simulation_time
    async def story() -> None:
        async with scene(tmp_path) as (site, companion):
            await companion.flies()
            companion.look_again.changed(hotspot(120.0, 60.0, sigma_m=4.0))
            companion.look_again.changed(hotspot(*other, sigma_m=4.0))
            await until(lambda: companion.look_again.response.phase is Phase.LOOKING, 60.0)
            assert await nearest_while_away(site, companion, other) > 60.0

    story()


@in_simulation_time
async def test_a_fire_that_was_looked_at_before_is_kept_off_when_the_next_one_is(tmp_path: Path) -> None:
    before, after = (330.0, 130.0), (390.0, 60.0)
    async with scene(tmp_path) as (site, companion):
        await looking(companion, before)
        await nearest_while_away(site, companion, before)
        await until(lambda: companion.look_again.response.phase is Phase.IDLE, 30.0)
        companion.look_again.changed(hotspot(*after))
        await until(lambda: companion.look_again.response.phase is Phase.GOING, 60.0)
        assert await nearest_while_away(site, companion, before) > CLEAR_M


@in_simulation_time
async def test_a_fire_that_breaks_out_beside_the_view_is_left_at_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await looking(companion)
        await until(lambda: companion.look_again.response.phase is Phase.LOOKING, 60.0)
        body = site.autopilot.copter.body.truth
        beside = (body.east_m + 25.0, body.north_m + 25.0)
        companion.look_again.changed(hotspot(*beside, sigma_m=4.0))
        began_m = metres_from(site, *beside)
        await asyncio.sleep(1.0)
        assert companion.look_again.response.phase is not Phase.LOOKING
        assert await nearest_while_away(site, companion, beside) > began_m - 5.0


@in_simulation_time
async def test_after_a_battery_swap_it_does_not_begin_in_the_climb(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        await until(lambda: companion.flight.progress.record.item == 5, 60.0)
        await companion.do(OrderKind.STAND_DOWN)
        await until(lambda: not site.armed, 200.0)
        await asyncio.sleep(3.0)
        await companion.ready()
        await companion.granted()
        resumes = asyncio.create_task(companion.do(OrderKind.RESUME))
        await until(lambda: site.mode == "AUTO", 60.0)
        companion.look_again.changed(hotspot(*FIRE))
        await until(lambda: companion.flight.phase is PatrolPhase.LOOKING_AGAIN, 60.0)
        assert height_m(site) > 55.0
        await resumes


@in_simulation_time
async def test_it_does_not_begin_where_it_could_not_be_sent_back_to(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        around = companion.look_again._around
        assert around.is_on_patrol
        body = site.autopilot.copter.body.truth
        zone = Circle(*place(body.east_m + 20.0, body.north_m), 16.0)
        companion.vehicle.commands.envelope = replace(
            companion.vehicle.commands.envelope, fence=Fence((), (zone,))
        )
        assert not around.is_on_patrol


@in_simulation_time
async def test_a_fire_of_the_last_flight_is_not_flown_to_on_the_next(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        await companion.do(OrderKind.STAND_DOWN)
        companion.look_again.changed(hotspot(*FIRE))
        await until(lambda: not site.armed, 200.0)
        await asyncio.sleep(3.0)
        await companion.ready()
        await companion.granted()
        await companion.do(OrderKind.START)
        await until(lambda: companion.flight.progress.record.item == first_place(site) + 1, 300.0)
        assert moves(site) == []


@in_simulation_time
async def test_a_position_that_is_not_trusted_does_not_make_it_stay_for_ever(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await looking(companion)
        await until(lambda: companion.look_again.response.phase is Phase.LOOKING, 60.0)
        telemetry = companion.vehicle.telemetry

        def glitching(message: Message) -> None:
            telemetry._ekf_flags = message.flags | mavlink.EKF_GPS_GLITCHING

        telemetry._handlers["EKF_STATUS_REPORT"] = glitching
        await until(lambda: companion.look_again.response.phase is Phase.IDLE, 200.0)
        told = [sent.message.text for sent in site.sent if sent.message.get_type() == "STATUSTEXT"]
        assert any("take over" in text for text in told)


@in_simulation_time
async def test_a_battery_that_is_not_heard_of_any_more_ends_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        await looking(companion)
        companion.vehicle.telemetry._handlers.pop("SYS_STATUS")
        await until(lambda: "battery" in companion.look_again.response.reason, 20.0)


@in_simulation_time
async def test_a_first_leg_that_is_refused_leaves_the_patrol_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_args: object, **_more: object) -> None:
        raise CommandDeniedError("not there")

    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        monkeypatch.setattr(companion.vehicle.commands, "reposition", refused)
        monkeypatch.setattr(companion.look_again._around, "is_onward_clear", lambda _fire: False)
        companion.look_again.changed(hotspot(*FIRE))
        await until(lambda: companion.look_again.response.reason == "not there", 20.0)
        await until(lambda: companion.look_again.response.phase is Phase.IDLE, 2.0)
        assert (site.mode, companion.flight.phase) == ("AUTO", PatrolPhase.FLYING)


@in_simulation_time
async def test_a_refused_leg_home_does_not_send_the_patrol_across_the_fire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The patrol passes east of the fire, and it is looked at from the west."""
    fire, base = (180.0, 200.0), plan()
    corners = [waypoint(*place(*corner), 60.0) for corner in ((250, 0), (250, 400), (0, 400))]
    east = Plan.build("east", base.home, [*base.items[1:4], *corners, base.items[-1]], fence=base.fence)
    async with scene(tmp_path, east) as (site, companion):
        response, commands = companion.look_again.response, companion.vehicle.commands
        reposition = commands.reposition

        async def refused(*at: float, take_over: bool) -> None:
            if response.phase is Phase.GOING_BACK:
                raise CommandDeniedError("not there")
            await reposition(*at, take_over=take_over)

        monkeypatch.setattr(commands, "reposition", refused)
        await companion.flies()
        await until(lambda: metres_from(site, *fire) < 120.0, 200.0)
        response._rules = replace(response._rules, views=1)
        companion.look_again.changed(hotspot(*fire, sigma_m=2.0, north_sigma_m=10.0))
        await until(lambda: response.phase is Phase.GOING_BACK, 120.0)
        back = response._back
        assert back is not None
        back._since_s -= 150.0
        assert await nearest_while_away(site, companion, fire) > 60.0
        assert (site.mode, response.reason) == ("GUIDED", "there was no safe way back")
        await until(lambda: companion.flight.phase is PatrolPhase.PAUSED, 3.0)


@pytest.mark.parametrize("clear", [True, False])
def test_where_nobody_watches_it_comes_home_when_the_patrol_cannot_be_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, clear: bool
) -> None:
    async def denied() -> None:
        raise CommandDeniedError("AUTO was denied")

    @in_simulation_time
    async def story() -> None:
        async with scene(tmp_path) as (site, companion):
            look_again = companion.look_again
            look_again.response._rules = replace(look_again.response._rules, longest_s=20.0)
            await looking(companion)
            monkeypatch.setattr(look_again, "_unattended", lambda: True)
            monkeypatch.setattr(look_again._around, "is_home_clear", lambda: clear)
            monkeypatch.setattr(companion.vehicle.commands, "continue_mission", denied)
            await until(lambda: look_again.response.reason == "the patrol was not resumed", 600.0)
            if not clear:
                await asyncio.sleep(30.0)
                assert site.mode == "GUIDED"
                site.autopilot.copter.body.battery.used_mah = 0.76 * 10_000
            await until(lambda: site.mode == "RTL", 10.0)
            await until(lambda: not site.armed, 120.0)

    story()
