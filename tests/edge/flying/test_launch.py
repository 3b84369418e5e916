"""Flights that begin by themselves: only where everybody allows it, and never near somebody's hands."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from edge.flying.launch import LEAST_DOWN_S
from edge.flying.progress import END_NOT_SEEN
from edge.patrols.patrol import Schedule
from flight.commands import CommandUnconfirmedError
from tests.edge.flying.simulation import (
    Companion,
    companion_at,
    height_m,
    in_simulation_time,
    now_s,
    patrol,
    plan,
    scene,
    until,
)
from uplink.messages import OrderKind, OrderState, PatrolPhase

SHORT = plan(corners=1, height_m=25.0)


async def settled(companion: Companion) -> None:
    """The plan is aboard and all that would be asked before a flight is answered well."""
    await until(lambda: companion.flight.progress.aboard is True, 60.0)
    await until(
        lambda: (
            bool(companion.deck.preflight)
            and all(line.passed is not False for line in companion.deck.preflight)
        ),
        120.0,
    )


@in_simulation_time
async def test_an_allowed_unattended_patrol_arms_once_its_preflight_passes_and_not_before(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, unattended=True) as (site, companion):
        companion.sees = False
        await asyncio.sleep(15.0)
        assert not site.armed
        companion.sees = True
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 60.0)
        assert companion.vehicle.arbiter.granted_by == "its own patrol, unattended"


@in_simulation_time
async def test_a_site_that_does_not_allow_it_keeps_it_on_the_ground(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        companion.site.patrol = patrol(unattended=True)
        await companion.ready()
        await asyncio.sleep(12.0)
        assert not site.armed


@in_simulation_time
async def test_a_line_that_is_not_known_keeps_an_unattended_flight_on_the_ground(tmp_path: Path) -> None:
    """Without a fence in the plan a person may fly; nobody may not."""
    bare = plan()
    bare = type(bare)(bare.name, bare.items, bare.home, bare.sha256)
    async with scene(tmp_path, bare, unattended=True) as (site, companion):
        await settled(companion)
        await asyncio.sleep(12.0)
        assert not site.armed
        await companion.granted()
        await companion.do(OrderKind.START)
        assert site.armed


@in_simulation_time
async def test_after_a_stand_down_it_waits_for_a_person_also_in_a_new_process(tmp_path: Path) -> None:
    async with scene(tmp_path, unattended=True) as (site, companion):
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 60.0)
        await companion.do(OrderKind.STAND_DOWN)
        assert site.mode == "RTL"
        await until(lambda: not site.armed, 120.0)
        await asyncio.sleep(2.0)
        await companion.die()
        back = await companion_at(site)
        await settled(back)
        await asyncio.sleep(12.0)
        assert not site.armed
        held = [line for line in back.deck.preflight if line.name == "starts by itself"]
        assert [(line.passed, "stand down by Ann" in line.detail) for line in held] == [(None, True)]
        await back.granted()
        await back.do(OrderKind.START)
        await back.flight.keep()
        assert back.deck.launch is not None
        assert back.deck.launch.held_back == END_NOT_SEEN, "until its end"
        await back.die()


@in_simulation_time
async def test_a_stand_down_while_it_starts_by_itself_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, unattended=True) as (site, companion):
        set_mode, begun = companion.vehicle.commands.set_mode, asyncio.Event()

        async def slowly(mode: str) -> None:
            begun.set()
            await asyncio.sleep(3.0)
            await set_mode(mode)

        monkeypatch.setattr(companion.vehicle.commands, "set_mode", slowly)
        await begun.wait()
        await companion.do(OrderKind.STAND_DOWN)
        await asyncio.sleep(12.0)
        assert (site.armed, site.mode) == (False, "STABILIZE")


@in_simulation_time
async def test_after_a_pilot_took_it_down_again_it_does_not_rise_by_itself(tmp_path: Path) -> None:
    """He may have seen something, and he may stand beside it."""
    async with scene(tmp_path, unattended=True) as (site, companion):
        await until(lambda: site.armed, 60.0)
        await asyncio.sleep(3.0)
        site.autopilot.pilot_sets_mode("LAND")
        await until(lambda: not site.armed, 60.0)
        await asyncio.sleep(15.0)
        assert not site.armed
        assert companion.deck.next_start is None


@in_simulation_time
async def test_after_somebody_else_flew_it_does_not_start_by_itself(tmp_path: Path) -> None:
    async with scene(tmp_path, unattended=True) as (site, companion):
        companion.sees = False
        await until(lambda: companion.flight.progress.aboard is True, 30.0)
        await asyncio.sleep(8.0)
        assert site.autopilot.copter.arm()
        await asyncio.sleep(2.0)
        assert site.autopilot.copter.disarm()
        companion.sees = True
        await asyncio.sleep(15.0)
        assert not site.armed


@in_simulation_time
async def test_the_flight_after_a_battery_swap_is_started_by_a_person(tmp_path: Path) -> None:
    second = plan("the second", corners=1, height_m=30.0)
    async with scene(tmp_path, SHORT, second, unattended=True) as (site, companion):
        await until(lambda: companion.flight.progress.record.flight == 1, 240.0)
        await settled(companion)
        await asyncio.sleep(12.0)
        assert not site.armed
        await companion.granted()
        await companion.do(OrderKind.START)
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 5.0)


@in_simulation_time
async def test_an_unattended_start_that_fails_in_the_air_comes_home(tmp_path: Path) -> None:
    async def never(height_m: float) -> None:
        raise CommandUnconfirmedError("it has not climbed")

    async with scene(tmp_path, unattended=True) as (site, companion):
        companion.vehicle.commands.takeoff = never  # type: ignore[method-assign]
        await until(lambda: site.mode == "RTL", 60.0)
        await until(lambda: companion.vehicle.arbiter.control == "hands off", 5.0)
        assert companion.deck.launch is not None
        assert "it has not climbed" in companion.deck.launch.held_back


@in_simulation_time
async def test_a_persons_start_in_the_middle_of_its_own_waits_and_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path, unattended=True) as (site, companion):
        await until(lambda: site.armed, 60.0)
        result = await companion.order(OrderKind.START)
        assert result.state is OrderState.REFUSED
        assert "armed already" in result.reason
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 20.0)
        assert companion.vehicle.arbiter.control == "granted"


@in_simulation_time
async def test_after_a_persons_revoke_on_the_ground_it_waits_for_a_person(tmp_path: Path) -> None:
    async with scene(tmp_path, unattended=True) as (site, companion):
        companion.sees = False
        await until(lambda: companion.flight.progress.aboard is True, 60.0)
        await companion.do(OrderKind.REVOKE)
        companion.sees = True
        await asyncio.sleep(30.0)
        assert not site.armed


@in_simulation_time
async def test_an_agent_that_died_in_the_climb_does_not_arm_beside_the_crew_that_swaps_the_battery(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, unattended=True) as (site, companion):
        await until(lambda: site.armed and height_m(site) > 5.0, 90.0)
        await companion.die()
        site.autopilot.pilot_sets_mode("LAND")
        await until(lambda: not site.armed, 200.0)
        site.autopilot.reboot()
        await asyncio.sleep(5.0)
        back = await companion_at(site)
        await settled(back)
        await asyncio.sleep(30.0)
        assert not site.armed
        assert back.deck.launch is not None
        assert back.deck.launch.held_back == END_NOT_SEEN


@in_simulation_time
async def test_where_the_kept_progress_is_broken_a_person_starts_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "patrol.json").write_text('{"patrol_sha')
    async with scene(tmp_path, unattended=True) as (site, companion):
        await asyncio.sleep(40.0)
        assert not site.armed
        assert companion.deck.launch is not None
        assert "cannot be read" in companion.deck.launch.held_back


@in_simulation_time
async def test_between_two_flights_of_its_own_it_stands_on_the_ground_for_a_while(tmp_path: Path) -> None:
    async with scene(tmp_path, unattended=True) as (site, companion):
        companion.flight.patrol = replace(companion.flight.patrol, schedule=Schedule(every_min=0.1))
        await until(lambda: site.armed, 90.0)
        await until(lambda: not site.armed, 600.0)
        down_s = now_s()
        await until(lambda: site.armed, 300.0)
        assert now_s() - down_s >= LEAST_DOWN_S


def test_a_time_just_before_midnight_is_not_forgotten_just_after_it() -> None:
    schedule = Schedule(daily_utc=(time(23, 58),))
    midnight = datetime(2026, 5, 2, tzinfo=UTC)
    assert schedule.next_start(None, 0, midnight + timedelta(minutes=1)) == midnight - timedelta(minutes=2)
    assert schedule.next_start(None, 0, midnight + timedelta(minutes=9)) == midnight + timedelta(
        hours=23, minutes=58
    )
