"""Whatever the agent is about: the pilot takes over by touching the mode, and nothing argues with it."""

from __future__ import annotations

import asyncio

import pytest

from flight.link import mavlink
from tests.flight.scenarios.companion import FIRE_EAST_M, FIRE_NORTH_M, Companion, place
from tests.flight.scenarios.conftest import Fly, Record
from tests.flight.scenarios.copters import Copter
from uplink.messages import OrderKind, OrderState, PatrolPhase

SILENT_S = 60.0
ASKING = frozenset({mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, mavlink.MAV_CMD_REQUEST_MESSAGE})
ORDERS = frozenset(
    {"COMMAND_LONG", "COMMAND_INT", "SET_MODE", "MISSION_COUNT", "MISSION_ITEM_INT", "MISSION_CLEAR_ALL",
     "MISSION_SET_CURRENT", "PARAM_SET", "RC_CHANNELS_OVERRIDE", "MANUAL_CONTROL",
     "SET_POSITION_TARGET_GLOBAL_INT", "SET_POSITION_TARGET_LOCAL_NED"}
)  # fmt: skip


def orders(copter: Copter, since_s: float) -> list[str]:
    """What left the companion since then that is more than asking for telemetry."""
    return [
        str(message)
        for message in copter.by_companion(since_s)
        if message.get_type() in ORDERS and getattr(message, "command", None) not in ASKING
    ]


async def to_look_again(copter: Copter, companion: Companion) -> None:
    """Fly the survey and find a fire, until the vehicle is on its way to look at it again."""
    await companion.is_aboard()
    await companion.granted()
    await companion.start()
    await copter.until(
        lambda: companion.flight.phase is PatrolPhase.FLYING and copter.item == 5, "it flies", 200.0
    )
    companion.see(*place(FIRE_EAST_M, FIRE_NORTH_M))
    await copter.until(
        lambda: copter.mode == "GUIDED" and companion.flight.phase is PatrolPhase.LOOKING_AGAIN,
        "it looks again",
        60.0,
    )


@pytest.mark.slow
async def test_a_look_again_comes_home_to_the_patrol_and_keeps_its_distance(fly: Fly, record: Record) -> None:
    async with fly(speed=8.0, response={"stand_off_m": 40}) as (copter, companion):
        await to_look_again(copter, companion)
        left_item = copter.item
        nearest_m = float("inf")
        fire_lat, fire_lon = place(FIRE_EAST_M, FIRE_NORTH_M)

        def back() -> bool:
            nonlocal nearest_m
            nearest_m = min(
                nearest_m,
                (((copter.lat_deg - fire_lat) * 111_320) ** 2 + ((copter.lon_deg - fire_lon) * 90_800) ** 2)
                ** 0.5,
            )
            return copter.mode == "AUTO"

        took_s = await copter.until(back, "it is back on its patrol", 900.0)
        assert nearest_m >= 40.0
        assert copter.item == left_item, "it goes on where it left"
        await copter.until(lambda: (copter.item or 0) > (left_item or 0), "the patrol goes on", 120.0)
        record(
            f"{took_s:.0f} s, never nearer than {nearest_m:.0f} m (stand-off 40 m), then item {left_item} on"
        )


async def test_the_pilot_takes_over_in_a_look_again_and_no_command_leaves_for_60_s(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=8.0) as (copter, companion):
        await to_look_again(copter, companion)
        taken_s: list[float] = []

        def notice(message: object) -> None:
            if not taken_s and copter.mode == "LOITER":
                taken_s.append(copter.now_s)

        copter.router.on_message.append(notice)
        await copter.pilot_sets_mode("LOITER")
        end_s = taken_s[0] + SILENT_S
        number = 0
        while copter.now_s < end_s:
            number += 1
            companion.see(*place(FIRE_EAST_M + 15.0 * number, FIRE_NORTH_M))
            copter.rc(ch3=1500)  # hands on: with the stick down it sinks and lands
            await copter.wait(2.0)
        assert orders(copter, taken_s[0] + 1e-9) == []
        assert copter.mode == "LOITER"
        assert companion.vehicle.arbiter.control == "hands off"
        refused = await companion.order(OrderKind.RESUME)
        assert refused.state is OrderState.REFUSED
        assert orders(copter, taken_s[0] + 1e-9) == []
        await companion.granted()
        resumed = await companion.order(OrderKind.RESUME)
        assert resumed.state is OrderState.DONE, resumed.reason
        await copter.until(lambda: copter.mode == "AUTO", "it has control again", 30.0)
        record(f"0 commands in {SILENT_S:.0f} s with {number} new fires; AUTO after a new grant")


async def test_the_pilots_veto_switch_takes_the_vehicle_back_and_keeps_it(fly: Fly, record: Record) -> None:
    async with fly(speed=8.0, control={"veto_channel": 7}) as (copter, companion):
        switch = asyncio.create_task(hold_switch(copter))
        try:
            copter.switch_us = 1000
            await companion.is_aboard()
            await companion.granted()
            await companion.start()
            await copter.until(lambda: copter.item == 5, "it flies its patrol", 200.0)
            copter.switch_us = 1900
            took_s = await copter.until(
                lambda: companion.vehicle.arbiter.control == "hands off", "the veto is heard", 30.0
            )
            refused = await companion.order(OrderKind.GRANT)
            assert refused.state is OrderState.REFUSED
            assert "veto" in refused.reason
            assert copter.mode == "AUTO", "the veto commands nothing: the pilot flies on from here"
            copter.switch_us = 1000
            await companion.granted()
            record(f"hands off {took_s:.1f} s after the switch; no grant against it")
        finally:
            switch.cancel()


async def hold_switch(copter: Copter) -> None:
    """The pilot's transmitter says every second where channel 7 is."""
    while True:
        if copter.switch_us:
            copter.rc(ch7=copter.switch_us)
        await asyncio.sleep(0.1)
