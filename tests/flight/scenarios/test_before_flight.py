"""Before a flight: what is not well keeps the patrol on the ground, in words."""

from __future__ import annotations

from tests.flight.scenarios.conftest import Fly, Record
from uplink.messages import OrderKind, OrderState


async def test_preflight_passes_a_copter_that_was_set_up_and_stops_one_whose_failsafe_cannot_fire(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=5.0) as (copter, companion):
        await companion.is_aboard()
        await companion.granted()
        companion.deck.checks.ask_anew()
        await companion.deck._check_once()
        lines = {line.name: line for line in companion.deck.preflight}
        assert [f"{line.name}: {line.detail}" for line in lines.values() if line.passed is False] == []
        await copter.set_parameter("FS_GCS_ENABLE", 0)
        refused = await companion.order(OrderKind.START)
        assert refused.state is OrderState.REFUSED
        assert "FS_GCS_ENABLE is 0" in refused.reason
        assert not copter.armed
        record(
            f"{sum(line.passed is True for line in lines.values())} of {len(lines)} lines pass; "
            "FS_GCS_ENABLE = 0 stops it"
        )


async def test_nothing_arms_it_without_a_person(fly: Fly, record: Record) -> None:
    async with fly(speed=10.0) as (copter, companion):
        await companion.is_aboard()
        refused = await companion.order(OrderKind.START)
        assert refused.state is OrderState.REFUSED
        await companion.granted()  # a grant is not an order
        await copter.wait(60.0)
        assert not copter.armed
        record("60 s granted on the ground: disarmed")
