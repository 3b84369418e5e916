"""Orders that take the vehicle somewhere, flown: from the order to its end, and what breaks it off."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edge.flying.clearance import Wind
from edge.flying.sender import MOVED_M
from flight.link import mavlink
from tests.edge.flying.simulation import (
    HOME,
    Companion,
    Site,
    first_place,
    height_m,
    hotspot,
    in_simulation_time,
    metres_from,
    now_s,
    place,
    scene,
    until,
)
from uplink.messages import OrderKind, OrderResult, OrderState, PatrolPhase, Position, SentStage

THERE = (-200.0, 300.0)


def position(east_m: float, north_m: float) -> Position:
    lat_deg, lon_deg = place(east_m, north_m)
    return Position(lat_deg=lat_deg, lon_deg=lon_deg)


def go_to(east_m: float = THERE[0], north_m: float = THERE[1], **more: Any) -> dict[str, Any]:
    return {"place": position(east_m, north_m), "height_m": 50.0, "height_above": "ground", **more}


def orbit(east_m: float, north_m: float, radius_m: float = 80.0, **more: Any) -> dict[str, Any]:
    return go_to(east_m, north_m, radius_m=radius_m, **more)


def stage(companion: Companion) -> SentStage | None:
    state = companion.deck.sender.state
    return None if state is None else state.stage


async def sent(companion: Companion, kind: OrderKind, **wish: Any) -> asyncio.Task[OrderResult]:
    """Order it, and wait until it is under way."""
    task = asyncio.create_task(companion.order(kind, **wish))
    await until(lambda: companion.deck.sender.is_away or task.done(), 20.0)
    assert not task.done(), task.result().reason
    return task


def sent_places(site: Site, since_s: float) -> list[tuple[float, float]]:
    return [
        (message.x / 1e7, message.y / 1e7)
        for message in site.orders(since_s)
        if message.get_type() == "COMMAND_INT" and message.command == mavlink.MAV_CMD_DO_REPOSITION
    ]


@in_simulation_time
async def test_it_goes_there_stays_there_and_the_patrol_is_gone_on_with_from_where_it_was_left(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        item = companion.flight.progress.record.item
        result = await sent(companion, OrderKind.GO_TO, **go_to())
        assert stage(companion) is SentStage.GOING
        await until(lambda: companion.flight.phase is PatrolPhase.PAUSED, 1.0)
        told = await result
        assert told.state is OrderState.DONE
        assert metres_from(site, *THERE) < 6.0
        assert height_m(site) == pytest.approx(50.0, abs=3.0)
        assert stage(companion) is SentStage.THERE
        assert companion.flight.phase is PatrolPhase.PAUSED
        await companion.do(OrderKind.RESUME)
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 60.0)
        assert companion.flight.progress.record.item == item
        assert companion.deck.sender.state is None


REFUSED = [
    (go_to(800.0, 300.0) | {"height_m": 200.0}, "200 m above home, and 120 m is the ceiling"),
    (go_to() | {"height_m": 5.0}, "5 m above home, and no terrain model is loaded; 20 m is the least"),
    (go_to(950.0, 300.0), "outside the fence"),
    (go_to(898.0, 300.0), "from the fence; 5 m are kept"),
    (go_to(20_000.0, 0.0), "from home, and 3000 m is the limit"),
    ({"height_m": 50.0, "height_above": "home"}, "names no place"),
    ({"place": position(*THERE)}, "names no height"),
    (go_to() | {"place": position(*THERE).model_copy(update={"datum": "GCJ02"})}, "WGS 84"),
]


@in_simulation_time
async def test_what_the_rules_forbid_is_refused_with_the_rule_and_nothing_is_sent(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        assert (await companion.order(OrderKind.GO_TO, **go_to())).reason.startswith("the agent may not")
        await companion.flies()
        since_s = now_s()
        for wish, why in REFUSED:
            result = await companion.order(OrderKind.GO_TO, **wish)
            assert result.state is OrderState.REFUSED
            assert why in result.reason
        small = await companion.order(OrderKind.ORBIT, **orbit(*THERE, radius_m=3.0))
        assert "too small" in small.reason
        assert site.orders(since_s) == []
        assert companion.flight.phase is PatrolPhase.FLYING


@in_simulation_time
async def test_a_check_says_what_would_be_and_flies_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        companion.vehicle.arbiter.revoke("for the test")
        since_s = now_s()
        would = await companion.order(OrderKind.GO_TO, **go_to(only_check=True))
        assert would.state is OrderState.DONE
        assert "m in about" in would.reason
        assert "% of battery there" in would.reason
        circle = await companion.order(OrderKind.ORBIT, **orbit(*THERE, only_check=True))
        assert "the whole circle" in circle.reason
        would_not = await companion.order(OrderKind.GO_TO, **go_to(950.0, 300.0, only_check=True))
        assert would_not.state is OrderState.REFUSED
        assert "outside the fence" in would_not.reason
        start = await companion.order(OrderKind.START, only_check=True)
        assert (start.state, start.reason) == (OrderState.REFUSED, "this drone cannot do that")
        assert site.orders(since_s) == []
        assert companion.flight.phase is PatrolPhase.FLYING


@in_simulation_time
async def test_the_battery_has_to_do_for_the_way_there_and_home(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        await companion.flies()
        sender = companion.deck.sender
        sender._battery_percent = lambda: 26.0
        result = await companion.order(OrderKind.GO_TO, **go_to())
        assert result.state is OrderState.REFUSED
        assert result.reason.startswith("the battery does not allow it: it is at 26 %")
        sender._battery_percent = lambda: None
        assert "is not known" in (await companion.order(OrderKind.GO_TO, **go_to())).reason
        sender._battery_percent = lambda: 90.0
        flying = await sent(companion, OrderKind.GO_TO, **go_to())
        sender._battery_percent = lambda: 24.0
        ended = await flying
        assert ended.state is OrderState.REFUSED
        assert ended.reason == "the battery has reached its reserve of 25 %; it holds where it is"
        assert metres_from(companion.site, *THERE) > 20.0


@in_simulation_time
async def test_the_pilot_takes_over_and_the_order_ends_with_nothing_more_sent(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        flying = await sent(companion, OrderKind.ORBIT, **orbit(*THERE))
        await until(lambda: stage(companion) is SentStage.CIRCLING, 120.0)
        site.autopilot.pilot_sets_mode("LOITER")
        told = await flying
        since_s = now_s()
        assert told.state is OrderState.REFUSED
        assert "the mode changed from GUIDED to LOITER" in told.reason
        await asyncio.sleep(30.0)
        assert site.orders(since_s) == []
        assert companion.deck.sender.state is None


@in_simulation_time
async def test_it_circles_with_the_camera_on_the_middle_until_it_is_told_to_hold(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        flying = await sent(companion, OrderKind.ORBIT, **orbit(*THERE))
        await until(lambda: stage(companion) is SentStage.CIRCLING, 120.0)
        away_m = []
        end_s = now_s() + 75.0
        while now_s() < end_s:
            away_m.append(metres_from(site, *THERE))
            await asyncio.sleep(1.0)
        assert 70.0 < min(away_m) <= max(away_m) < 90.0
        [at] = [m for m in site.orders() if getattr(m, "command", 0) == mavlink.MAV_CMD_DO_SET_ROI_LOCATION]
        assert (at.x / 1e7, at.y / 1e7) == pytest.approx(place(*THERE), abs=1e-5)
        holding = await companion.order(OrderKind.HOLD)
        told = await flying
        assert told.state is OrderState.DONE
        assert "rounds flown; overtaken by hold" in told.reason
        assert float(told.reason.split()[0]) >= 1.0
        assert (holding.state, holding.reason) == (OrderState.DONE, "it stands")
        here = metres_from(site, *THERE)
        await asyncio.sleep(10.0)
        assert metres_from(site, *THERE) == pytest.approx(here, abs=1.0)


@in_simulation_time
async def test_around_a_fire_it_flies_the_arc_that_the_smoke_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, look_again="off") as (site, companion):
        await companion.flies()
        fire = (600.0, 500.0)
        companion.look_again.changed(hotspot(*fire))
        near = await companion.order(OrderKind.ORBIT, **orbit(*fire, radius_m=60.0))
        assert "nearer to a fire than" in near.reason
        monkeypatch.setattr("edge.flying.sender.fresh_wind", lambda _vehicle, _now_s: Wind(270.0, 6.0))
        checked = await companion.order(OrderKind.ORBIT, **orbit(*fire, radius_m=120.0, only_check=True))
        assert checked.state is OrderState.DONE, checked.reason
        assert "an arc of" in checked.reason
        assert "smoke" in checked.reason
        flying = await sent(companion, OrderKind.ORBIT, **orbit(*fire, radius_m=120.0))
        await until(lambda: stage(companion) is SentStage.CIRCLING or flying.done(), 200.0)
        assert not flying.done(), flying.result().reason
        east_m = []
        end_s = now_s() + 100.0
        while now_s() < end_s:
            assert not flying.done(), flying.result().reason
            body = site.autopilot.copter.body.truth
            east_m.append(body.east_m - fire[0])
            await asyncio.sleep(1.0)
        assert max(east_m) < 100.0, "downwind it does not go"
        assert min(east_m) < -100.0
        flying.cancel()


@in_simulation_time
async def test_a_fire_that_appears_on_the_way_stops_it(tmp_path: Path) -> None:
    async with scene(tmp_path, look_again="off") as (_, companion):
        await companion.flies()
        flying = await sent(companion, OrderKind.GO_TO, **go_to(-500.0, 700.0))
        await asyncio.sleep(10.0)
        companion.look_again.changed(hotspot(-480.0, 680.0))
        told = await flying
        assert told.state is OrderState.REFUSED
        assert told.reason.startswith("the way is not clear any more: it comes nearer to a fire")
        assert metres_from(companion.site, -480.0, 680.0) > 100.0


@in_simulation_time
async def test_hold_breaks_off_what_waits_and_stands_still_wherever_it_is(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        on_ground = await companion.order(OrderKind.HOLD)
        assert on_ground.state is OrderState.REFUSED
        await companion.flies()
        result = await companion.order(OrderKind.HOLD)
        assert (result.state, result.reason) == (OrderState.DONE, "it stands")
        assert site.mode == "GUIDED"
        assert companion.flight.phase is PatrolPhase.PAUSED
        await companion.do(OrderKind.CHANGE_HEIGHT, height_m=90.0, height_above="home")
        assert height_m(site) == pytest.approx(90.0, abs=3.0)
        low = await companion.order(OrderKind.CHANGE_HEIGHT, height_m=10.0, height_above="ground")
        assert low.state is OrderState.REFUSED
        await companion.do(OrderKind.RESUME)


@in_simulation_time
async def test_returning_and_landing_end_on_the_ground(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        await until(lambda: companion.flight.progress.record.item > first_place(site), 120.0)
        told = await companion.order(OrderKind.RETURN)
        assert told.state is OrderState.DONE
        assert told.reason.startswith("home and disarmed")
        assert not site.armed
        assert metres_from(site, 0.0, 0.0) < 5.0
        assert companion.flight.phase is PatrolPhase.INTERRUPTED, "what is left can be resumed"


@in_simulation_time
async def test_it_lands_only_where_a_person_has_confirmed_it_and_not_where_the_rules_forbid_it(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        await companion.do(OrderKind.GO_TO, **go_to())
        far = await companion.order(OrderKind.LAND, place=position(THERE[0] + 2 * MOVED_M, THERE[1]))
        assert "m from where the landing was confirmed" in far.reason
        companion.look_again.changed(hotspot(THERE[0] + 10.0, THERE[1]))
        near_fire = await companion.order(OrderKind.LAND, place=position(*THERE))
        assert near_fire.reason == "a fire is too near"
        companion.deck.fires._fires.clear()
        assert site.mode == "GUIDED"
        told = await companion.order(OrderKind.LAND, place=position(*THERE))
        assert told.state is OrderState.DONE, told.reason
        assert told.reason.startswith("landed and disarmed")
        assert metres_from(site, *THERE) < 8.0
        assert not site.armed


@in_simulation_time
async def test_a_newer_order_ends_the_one_under_way_and_a_stand_down_all(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        first = await sent(companion, OrderKind.GO_TO, **go_to(-500.0, 700.0))
        second = asyncio.create_task(companion.order(OrderKind.GO_TO, **go_to(500.0, 700.0)))
        assert (await first).reason == "overtaken by go to"
        await companion.order(OrderKind.STAND_DOWN)
        assert (await second).reason == "stand down"
        assert site.mode == "RTL"
        refused = await companion.order(OrderKind.GO_TO, **go_to())
        assert refused.reason == "it stands down"
        stop = await companion.order(OrderKind.HOLD)
        assert stop.state is OrderState.DONE, "a person may stop even that"


@in_simulation_time
async def test_it_comes_back_to_where_the_patrol_was_left_where_the_way_on_is_not_safe(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, look_again="off") as (site, companion):
        await companion.flies()
        left = companion.vehicle.telemetry.position
        assert left is not None
        await companion.do(OrderKind.GO_TO, **go_to(-600.0, 400.0))
        sender = companion.deck.sender
        sender._onward = lambda: (*place(900.0, 1000.0), HOME.alt_amsl_m + 60.0)  # across the fence
        since_s = now_s()
        result = await companion.order(OrderKind.RESUME)
        assert (result.state, result.reason) == (OrderState.DONE, "back at the patrol")
        [back] = sent_places(site, since_s)
        assert back == pytest.approx((left.lat_deg, left.lon_deg), abs=2e-4)
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 10.0)


@in_simulation_time
async def test_a_drone_without_a_patrol_that_its_pilot_has_flown_up_can_be_sent(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        site.autopilot.pilot_sets_mode("LOITER")
        await until(lambda: companion.vehicle.arbiter.control == "hands off", 3.0)
        companion.deck.flight = companion.deck.look_again = None
        await companion.granted()
        await companion.do(OrderKind.GO_TO, **go_to())
        assert metres_from(site, *THERE) < 6.0


@in_simulation_time
async def test_a_return_can_be_paused_and_is_over_then(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        returning = await sent(companion, OrderKind.RETURN)
        await until(lambda: companion.flight.phase is PatrolPhase.RETURNING, 5.0)
        await companion.do(OrderKind.PAUSE)
        told = await returning
        assert (told.state, told.reason) == (OrderState.REFUSED, "overtaken by pause")
        assert site.mode == "GUIDED"
        assert companion.deck.sender.state is None
        await until(lambda: companion.flight.phase is PatrolPhase.PAUSED, 1.0)


@in_simulation_time
async def test_at_the_reserve_the_pilots_station_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        flying = await sent(companion, OrderKind.GO_TO, **go_to())
        companion.deck.sender._battery_percent = lambda: 24.0
        await flying
        await asyncio.sleep(1.0)
        said = [s.message.text for s in site.sent if s.message.get_type() == "STATUSTEXT"]
        assert "Battery at its reserve: bring it home" in said
