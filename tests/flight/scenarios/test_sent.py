"""Sent somewhere by a person: there, around it, still, down, and on with the patrol."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.flight.scenarios.companion import Companion, place
from tests.flight.scenarios.conftest import Fly, Record
from tests.flight.scenarios.copters import Copter
from tests.flight.scenarios.test_pilot_wins import orders
from uplink.messages import OrderKind, OrderResult, OrderState, PatrolPhase, Position, SentStage

pytestmark = pytest.mark.slow  # tests/edge/flying/test_sender.py flies them in simulation time

EAST_M, NORTH_M, HEIGHT_M, RADIUS_M = -150.0, 200.0, 55.0, 70.0


def there(east_m: float = EAST_M, north_m: float = NORTH_M, **more: Any) -> dict[str, Any]:
    lat_deg, lon_deg = place(east_m, north_m)
    at = Position(lat_deg=lat_deg, lon_deg=lon_deg)
    return {"place": at, "height_m": HEIGHT_M, "height_above": "home", **more}


def here(copter: Copter) -> Position:
    return Position(lat_deg=copter.lat_deg, lon_deg=copter.lon_deg)


def away_m(copter: Copter, east_m: float = EAST_M, north_m: float = NORTH_M) -> float:
    lat_deg, lon_deg = place(east_m, north_m)
    east, north = (copter.lon_deg - lon_deg) * 90_800, (copter.lat_deg - lat_deg) * 111_000
    return float((east**2 + north**2) ** 0.5)


def stage(companion: Companion) -> SentStage | None:
    state = companion.deck.sender.state
    return None if state is None else state.stage


async def flies(copter: Copter, companion: Companion) -> None:
    """Its survey, to the first places."""
    await companion.is_aboard()
    await companion.granted()
    await companion.start()
    await copter.until(
        lambda: companion.flight.phase is PatrolPhase.FLYING and copter.item == 5, "it flies", 200.0
    )


async def circles(copter: Copter, companion: Companion) -> asyncio.Task[OrderResult]:
    """Order an orbit, until it flies it."""
    result = asyncio.create_task(companion.order(OrderKind.ORBIT, **there(radius_m=RADIUS_M)))
    await copter.until(
        lambda: result.done() or stage(companion) is SentStage.CIRCLING, "it is on the circle", 200.0
    )
    assert not result.done(), result.result().reason
    return result


async def test_sent_to_a_place_it_stays_there_and_goes_on_with_its_patrol_when_told(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=5.0) as (copter, companion):
        await flies(copter, companion)
        item = copter.item
        told = await companion.order(OrderKind.GO_TO, **there())
        assert told.state is OrderState.DONE, told.reason
        assert away_m(copter) < 6.0
        assert abs(copter.height_home_m - HEIGHT_M) < 3.0
        at_m = away_m(copter)
        await copter.wait(20.0)
        assert copter.mode == "GUIDED"
        assert abs(away_m(copter) - at_m) < 3.0
        resumed = await companion.order(OrderKind.RESUME)
        assert resumed.state is OrderState.DONE, resumed.reason
        assert copter.item == item, "it goes on where it left"
        await copter.until(lambda: (copter.item or 0) > (item or 0), "the patrol goes on", 200.0)
        record(f"“{told.reason}”, stayed 20 s, then item {item} on")


async def test_what_the_rules_forbid_is_refused_in_words_before_a_byte_is_sent(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=5.0) as (copter, companion):
        await flies(copter, companion)
        since_s = copter.now_s
        wishes: list[tuple[OrderKind, dict[str, Any], str]] = [
            (OrderKind.GO_TO, there(0.0, 800.0), "outside the fence"),
            (OrderKind.GO_TO, there(0.0, 698.0), "from the fence"),
            (OrderKind.GO_TO, there() | {"height_m": 150.0}, "is the ceiling"),
            (OrderKind.GO_TO, there() | {"height_m": 10.0}, "is the least"),
            (OrderKind.ORBIT, there(0.0, 850.0, radius_m=200.0), "too little of the circle may be flown"),
            (OrderKind.CHANGE_HEIGHT, {"height_m": 130.0, "height_above": "home"}, "is the ceiling"),
            (OrderKind.LAND, {"place": there(400.0, 0.0)["place"]}, "where the landing was confirmed"),
        ]
        for kind, wish, why in wishes:
            for only_check in (True, False):
                told = await companion.order(kind, **wish, only_check=only_check)
                assert told.state is OrderState.REFUSED
                assert why in told.reason
        would = await companion.order(OrderKind.GO_TO, **there(only_check=True))
        assert would.state is OrderState.DONE
        assert orders(copter, since_s) == []
        assert copter.mode == "AUTO"
        record(f"{len(wishes)} of {len(wishes)} refused, asked and ordered; 0 orders sent")


async def test_it_circles_a_place_until_it_is_told_to_hold(fly: Fly, record: Record) -> None:
    async with fly(speed=5.0) as (copter, companion):
        await flies(copter, companion)
        result = await circles(copter, companion)
        seen_m: list[float] = []

        def watch() -> bool:
            seen_m.append(away_m(copter))
            sent = companion.deck.sender._sent
            return result.done() or (sent is not None and sent.rounds >= 1.0)

        took_s = await copter.until(watch, "it has flown a round", 300.0)
        assert not result.done(), result.result().reason
        assert RADIUS_M - 12.0 < min(seen_m) <= max(seen_m) < RADIUS_M + 12.0
        held = await companion.order(OrderKind.HOLD)
        told = await result
        assert held.state is OrderState.DONE, held.reason
        assert told.state is OrderState.DONE
        assert told.reason.endswith("rounds flown; overtaken by hold")
        at = copter.lat_deg, copter.lon_deg
        await copter.wait(15.0)
        assert abs(copter.lat_deg - at[0]) + abs(copter.lon_deg - at[1]) < 3e-5
        record(f"a round of {RADIUS_M:.0f} m in {took_s:.0f} s, {min(seen_m):.0f} to {max(seen_m):.0f} m off")


async def test_the_pilot_takes_over_in_an_orbit_and_no_command_leaves_for_30_s(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=5.0) as (copter, companion):
        await flies(copter, companion)
        result = await circles(copter, companion)
        await copter.pilot_sets_mode("LOITER")
        told = await result
        since_s = copter.now_s
        assert told.state is OrderState.REFUSED
        assert "from GUIDED to LOITER" in told.reason
        await copter.wait(30.0)
        assert orders(copter, since_s) == []
        assert copter.mode == "LOITER"
        refused = await companion.order(OrderKind.GO_TO, **there())
        assert refused.state is OrderState.REFUSED
        record("0 commands in 30 s; nothing obeyed without a new grant")


async def test_told_to_return_it_comes_home_the_way_it_came_where_the_site_wants_it(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=5.0, control={"smart_return": True}) as (copter, companion):
        await flies(copter, companion)
        returning = asyncio.create_task(companion.order(OrderKind.RETURN))
        await copter.until(lambda: copter.mode in ("SMART_RTL", "RTL"), "it returns", 30.0)
        mode = copter.mode
        assert mode == ("RTL" if copter.kind == "virtual" else "SMART_RTL")
        await copter.until(returning.done, "it is home", 300.0)
        told = returning.result()
        assert told.state is OrderState.DONE, told.reason
        assert not copter.armed
        record(f"{mode}; “{told.reason}”")


async def test_told_to_land_it_comes_down_where_it_is(fly: Fly, record: Record) -> None:
    async with fly(speed=5.0) as (copter, companion):
        await flies(copter, companion)
        went = await companion.order(OrderKind.GO_TO, **there())
        assert went.state is OrderState.DONE, went.reason
        told = await companion.order(OrderKind.LAND, place=here(copter))
        assert told.state is OrderState.DONE, told.reason
        assert not copter.armed
        assert away_m(copter) < 8.0
        record(f"“{told.reason}”, {away_m(copter):.1f} m from where it was sent before")
