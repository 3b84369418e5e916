"""Looking at a place that a person names, flown: from the order to its end, and what breaks it off."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from edge.flying import patches
from edge.flying.situation import Phase
from edge.geometry.pose import PoseUnavailable
from edge.hotspots.hotspot import Look
from flight.link import mavlink
from tests.edge.flying.simulation import (
    HOME,
    Companion,
    Site,
    hotspot,
    in_simulation_time,
    metres_from,
    now_s,
    place,
    scene,
    until,
)
from uplink.messages import OrderKind, OrderResult, OrderState, PatrolPhase, Position

THERE = (330.0, 130.0)
STAND_OFF_M = 60.0


@contextlib.asynccontextmanager
async def watched(folder: Path, **changes: Any) -> AsyncIterator[tuple[Site, Companion]]:
    """A copter, and a companion whose camera looks where the gimbal points."""
    async with scene(folder, **changes) as (site, companion):
        look_again = companion.look_again
        rules = replace(look_again.response._rules, look_s=4.0)
        look_again.response._rules = look_again.visits._rules = rules
        looking = asyncio.create_task(look(companion))
        try:
            yield site, companion
            assert not looking.done(), "nobody looks any more"
        finally:
            looking.cancel()


async def look(companion: Companion) -> None:
    while True:
        with contextlib.suppress(PoseUnavailable):
            if companion.sees and companion.look_again.visits.owns(companion.look_again.response.target):
                pose = companion.watch._main.carrier.pose_at(now_s() - 0.3)
                companion.look_again.look(Look(now_s(), None, pose, companion.watch._main.camera, ()))
        await asyncio.sleep(1.0)


async def refused(companion: Companion, **wish: Any) -> str:
    result = await companion.order(OrderKind.LOOK_AT, **wish)
    assert result.state is OrderState.REFUSED
    return result.reason


def states_of(companion: Companion) -> list[OrderState]:
    return [one.state for one in companion.deck.desk.results if one.kind is OrderKind.LOOK_AT]


def order(where: tuple[float, float] = THERE, radius_m: float = 30.0, **more: Any) -> dict[str, Any]:
    lat_deg, lon_deg = place(*where)
    return {"place": Position(lat_deg=lat_deg, lon_deg=lon_deg), "radius_m": radius_m, **more}


async def sent(companion: Companion, **wish: Any) -> asyncio.Task[OrderResult]:
    """Order it there, and wait until it is under way."""
    task = asyncio.create_task(companion.order(OrderKind.LOOK_AT, **(wish or order())))
    await until(lambda: companion.flight.phase is PatrolPhase.LOOKING_AGAIN or task.done(), 20.0)
    assert not task.done(), task.result().reason
    return task


def pointed_at(site: Site) -> list[tuple[float, float]]:
    """Where the camera was pointed, metres east and north of home."""
    return [
        ((message.y / 1e7 - HOME.lon_deg) * 90_900.0, (message.x / 1e7 - HOME.lat_deg) * 110_950.0)
        for message in site.orders()
        if message.get_type() == "COMMAND_INT" and message.command == mavlink.MAV_CMD_DO_SET_ROI_LOCATION
    ]


@in_simulation_time
async def test_it_looks_from_the_stand_off_says_what_it_saw_and_goes_on_with_the_patrol(
    tmp_path: Path,
) -> None:
    tip_id = uuid4()
    async with watched(tmp_path) as (site, companion):
        await companion.flies()
        item = companion.flight.progress.record.item
        result = await sent(companion, **order(tip_id=tip_id))
        assert companion.look_again.visits.tip_id == tip_id
        assert await refused(companion, **order((200.0, 300.0))) == "it looks at something else now"
        assert states_of(companion) == [OrderState.ACCEPTED, OrderState.REFUSED]
        nearest_m = 1e9
        while not result.done():
            nearest_m = min(nearest_m, metres_from(site, *THERE))
            await asyncio.sleep(0.2)
        assert result.result().state is OrderState.DONE
        assert result.result().reason == "nothing seen; 100 % of the circle was in view"
        assert result.result().alert_ids == []
        assert nearest_m > STAND_OFF_M + 30.0
        [at] = pointed_at(site)
        assert at == pytest.approx(THERE, abs=2.0)
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 60.0)
        assert companion.flight.progress.record.item == item
        await until(lambda: companion.look_again.visits.tip_id is None, 2.0)


@in_simulation_time
async def test_a_large_circle_is_looked_at_in_patches_and_it_says_how_much_of_it_was_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "MOST_PATCHES", 3)
    async with watched(tmp_path) as (site, companion):
        await companion.flies()
        result = await (await sent(companion, **order((250.0, 300.0), 400.0)))
        assert result.state is OrderState.DONE
        assert len(set(pointed_at(site))) == 3
        said = re.fullmatch(r"nothing seen; (\d+) % of the circle was in view", result.reason)
        assert said is not None
        assert 20 < int(said[1]) < 80


@in_simulation_time
async def test_what_burns_in_the_circle_is_told_whoever_found_it_and_kept_clear_of(tmp_path: Path) -> None:
    async with watched(tmp_path, look_again="ask") as (site, companion):
        await companion.flies()
        known, quiet = hotspot(THERE[0] - 25.0, THERE[1]), hotspot(THERE[0] - 10.0, THERE[1])
        companion.look_again.changed(known)
        companion.look_again.changed(quiet, answered=False)
        await until(lambda: companion.look_again.response.phase is Phase.ASKED, 10.0)
        result = await sent(companion, **order(radius_m=40.0))
        await until(lambda: companion.look_again.response.phase is Phase.LOOKING, 60.0)
        inside, outside = hotspot(THERE[0] + 20.0, THERE[1]), hotspot(THERE[0], THERE[1] + 300.0)
        for change in (inside, outside):
            companion.look_again.changed(change)
        nearest_m = 1e9
        while not result.done():
            nearest_m = min(nearest_m, metres_from(site, THERE[0] + 20.0, THERE[1]))
            await asyncio.sleep(0.2)
        assert result.result().state is OrderState.DONE
        assert result.result().alert_ids == [inside.hotspot.id, known.hotspot.id]
        assert result.result().reason.startswith("2 alerts, the nearest 20 m from the middle; 1 in ignore")
        assert nearest_m > STAND_OFF_M
        await until(lambda: companion.look_again.response.target == known.hotspot.id, 120.0)
        assert companion.look_again.response.phase is Phase.ASKED, "the question comes again afterwards"


@in_simulation_time
async def test_of_what_no_picture_showed_it_never_says_that_nothing_burns(tmp_path: Path) -> None:
    async with watched(tmp_path) as (_, companion):
        await companion.flies()
        companion.sees = False
        result = await (await sent(companion))
        assert result.state is OrderState.REFUSED
        assert result.reason == "no picture showed the place: nothing can be said of it"
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 60.0)


# --- what breaks it off -------------------------------------------------------------------------------


@pytest.mark.parametrize("when", [Phase.GOING, Phase.LOOKING])
def test_when_the_pilot_takes_over_the_order_ends_and_nothing_more_is_sent(
    tmp_path: Path, when: Phase
) -> None:
    @in_simulation_time
    async def story() -> None:
        async with watched(tmp_path) as (site, companion):
            await companion.flies()
            result = await sent(companion)
            await until(lambda: companion.look_again.response.phase is when, 120.0)
            site.autopilot.pilot_sets_mode("LOITER")
            await until(lambda: companion.vehicle.telemetry.mode == "LOITER", 2.0)
            since_s = now_s()
            told = await result
            assert told.state is OrderState.REFUSED
            assert told.reason.endswith("the pilot took over")
            assert "may not command" in await refused(companion, **order())
            await asyncio.sleep(12.0)
            assert site.orders(since_s) == []
            assert site.mode == "LOITER"

    story()


@in_simulation_time
async def test_a_lost_ground_station_brings_it_home_and_ends_the_order(tmp_path: Path) -> None:
    async with watched(tmp_path) as (site, companion):
        await companion.flies()
        result = await sent(companion, **order((500.0, 400.0)))
        site.station_beats = False
        await until(lambda: site.mode == "RTL", 15.0)
        assert (await result).state is OrderState.REFUSED
        since_s = now_s()
        await asyncio.sleep(10.0)
        assert site.orders(since_s) == []
        assert site.mode == "RTL"


@pytest.mark.parametrize(
    ("kind", "why", "mode"),
    [
        (OrderKind.STAND_DOWN, "stand down", "RTL"),
        (OrderKind.PAUSE, "the patrol was paused", "GUIDED"),
        (OrderKind.RESUME, "the patrol was resumed", "AUTO"),
    ],
)
def test_another_order_ends_it_at_once(tmp_path: Path, kind: OrderKind, why: str, mode: str) -> None:
    @in_simulation_time
    async def story() -> None:
        async with watched(tmp_path) as (site, companion):
            await companion.flies()
            result = await sent(companion, **order((500.0, 400.0)))
            began_s = now_s()
            await companion.do(kind)
            assert now_s() - began_s < 5.0, "it waits for no look"
            await asyncio.sleep(0.5)
            assert result.done(), "its end is told at once"
            told = result.result()
            assert told.state is OrderState.REFUSED
            assert told.reason.endswith(why)
            await until(lambda: site.mode == mode, 5.0)

    story()


@in_simulation_time
async def test_a_battery_at_its_reserve_ends_it_and_the_patrol_goes_on(tmp_path: Path) -> None:
    async with watched(tmp_path) as (site, companion):
        await companion.flies()
        result = await sent(companion, **order((500.0, 400.0)))
        site.autopilot.copter.body.battery.used_mah = 0.76 * 10_000
        told = await result
        assert told.state is OrderState.REFUSED
        assert "the battery has reached its reserve" in told.reason
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 120.0)


# --- what stands against it ---------------------------------------------------------------------------


@in_simulation_time
async def test_it_goes_only_with_a_grant_and_from_a_patrol_in_the_air(tmp_path: Path) -> None:
    async with watched(tmp_path) as (_, companion):
        await companion.ready()
        assert "may not command" in await refused(companion, **order())
        await companion.granted()
        why = await refused(companion, **order())
        assert why == "it goes from its patrol only, and the patrol is ready"


@in_simulation_time
async def test_where_nobody_may_fly_it_is_refused_with_the_rule_and_the_patrol_is_not_left(
    tmp_path: Path,
) -> None:
    nowhere, in_gcj02 = (
        Position(lat_deg=0.0, lon_deg=0.0),
        Position(lat_deg=39.9, lon_deg=116.4, datum="GCJ02"),
    )
    async with watched(tmp_path) as (site, companion):
        await companion.flies()
        since_s = now_s()
        for wish, why in [
            ({}, "the order names no place"),
            (order((0.0, 1400.0)), "no safe place to look from"),  # the fence ends 500 m before
            (order((0.0, 4000.0)), "too far: "),
            (order() | {"place": nowhere}, "too far: "),
            (order() | {"place": in_gcj02}, "WGS 84"),
        ]:
            assert why in await refused(companion, **wish)
        companion.deck._limits = replace(companion.deck._limits, range_m=350.0)
        assert "350 m is the limit" in await refused(companion, **order((500.0, 400.0)))
        site.autopilot.copter.body.battery.used_mah = 0.6 * 10_000
        await until(lambda: (companion.vehicle.telemetry.battery_percent or 100.0) < 41.0, 10.0)
        assert "the battery does not allow it: it is at" in await refused(companion, **order((700.0, 500.0)))
        companion.look_again.visits._allowed = False
        assert await refused(companion, **order()) == "this site allows no looks"
        assert site.orders(since_s) == []
        assert site.mode == "AUTO"
