"""Sent by a person to look at a place: there, and home to the patrol."""

from __future__ import annotations

import asyncio

from edge.flying.situation import Phase
from tests.flight.scenarios.companion import FIRE_EAST_M, FIRE_NORTH_M, Companion, place
from tests.flight.scenarios.conftest import Fly, Record
from tests.flight.scenarios.copters import Copter
from tests.flight.scenarios.test_pilot_wins import orders
from uplink.messages import OrderKind, OrderResult, OrderState, PatrolPhase, Position

RADIUS_M = 40.0


async def sent(copter: Copter, companion: Companion) -> asyncio.Task[OrderResult]:
    """Fly the survey, and order it from there to the place, until it is on its way."""
    await companion.is_aboard()
    await companion.granted()
    await companion.start()
    await copter.until(
        lambda: companion.flight.phase is PatrolPhase.FLYING and copter.item == 5, "it flies", 200.0
    )
    lat_deg, lon_deg = place(FIRE_EAST_M, FIRE_NORTH_M)
    there = Position(lat_deg=lat_deg, lon_deg=lon_deg)
    order = companion.order(OrderKind.LOOK_AT, place=there, radius_m=RADIUS_M)
    result = asyncio.create_task(order)
    await copter.until(
        lambda: result.done() or (copter.mode == "GUIDED" and companion.state.look_again == "going there"),
        "it goes there",
        60.0,
    )
    assert not result.done(), result.result().reason
    return result


async def test_sent_to_a_place_it_looks_from_the_stand_off_tells_what_burns_and_goes_on(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=8.0, response={"stand_off_m": 40, "look_again": "ask", "look_s": 4}) as (
        copter,
        companion,
    ):
        result = await sent(copter, companion)
        left_item = copter.item
        lat_deg, lon_deg = place(FIRE_EAST_M, FIRE_NORTH_M)
        nearest_m, found = float("inf"), None

        def back() -> bool:
            nonlocal nearest_m, found
            east_m, north_m = (copter.lon_deg - lon_deg) * 90_800, (copter.lat_deg - lat_deg) * 111_320
            nearest_m = min(nearest_m, (east_m**2 + north_m**2) ** 0.5)
            look_again = companion.deck.look_again
            if found is None and look_again is not None and look_again.response.phase is Phase.LOOKING:
                found = companion.see(*place(FIRE_EAST_M + 10.0, FIRE_NORTH_M))
            return copter.mode == "AUTO"

        took_s = await copter.until(back, "it is back on its patrol", 900.0)
        told = await result
        assert found is not None
        assert told.state is OrderState.DONE
        assert told.alert_ids == [found.hotspot.id]
        assert nearest_m >= 40.0
        assert copter.item == left_item, "it goes on where it left"
        await copter.until(lambda: (copter.item or 0) > (left_item or 0), "the patrol goes on", 120.0)
        record(f"{took_s:.0f} s, never nearer than {nearest_m:.0f} m (stand-off 40 m): “{told.reason}”")


async def test_the_pilot_takes_over_in_a_look_at_a_place_and_the_order_ends(fly: Fly, record: Record) -> None:
    async with fly(speed=8.0) as (copter, companion):
        result = await sent(copter, companion)
        await copter.pilot_sets_mode("LOITER")
        told = await result
        since_s = copter.now_s
        assert told.state is OrderState.REFUSED
        await copter.wait(30.0)
        assert orders(copter, since_s) == []
        assert copter.mode == "LOITER"
        record(f"“{told.reason}”, 0 commands in 30 s")
