"""A whole patrol, from its file to the landing; and the links and orders around it."""

from __future__ import annotations

import math

import pytest

from flight.plans.items import Command
from tests.flight.scenarios.companion import CAMERA_PITCH_DEG, Companion, place
from tests.flight.scenarios.conftest import Fly, Record
from tests.flight.scenarios.copters import Copter
from uplink.messages import OrderKind, OrderState, PatrolPhase


async def test_a_survey_of_twenty_items_is_uploaded_verified_flown_and_ends_at_home(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=10.0) as (copter, companion):
        await companion.is_aboard()
        assert len(companion.flight.progress.part.items) == 20
        await companion.granted()
        await companion.start()
        took_s = await copter.until(
            lambda: not copter.armed and companion.flight.phase is PatrolPhase.DONE, "it has come home", 900.0
        )
        places = {
            number
            for number, item in enumerate(companion.flight.progress.part.items)
            if item.command == Command.NAV_WAYPOINT and number > 0
        }
        assert len(places) >= 14
        assert places <= copter.flown, "it flew to every place"
        record(f"home and disarmed {took_s:.0f} s after the start")


@pytest.mark.slow
async def test_a_survey_goes_on_after_a_battery_swap_with_camera_and_speed_set_again(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=10.0) as (copter, companion):
        await companion.is_aboard()
        await companion.granted()
        await companion.start()
        await copter.until(lambda: copter.item == 9, "half of it is flown", 300.0, holds_s=4.0)
        await copter.pilot_sets_mode("RTL")  # the battery wants it, and the pilot sees it
        await copter.until(lambda: not copter.armed, "it has landed", 300.0)
        await copter.until(
            lambda: companion.flight.phase is PatrolPhase.INTERRUPTED, "it is left in the middle", 30.0
        )
        assert companion.vehicle.arbiter.control == "hands off"
        await companion.granted()
        copter.pilot_points_camera(-10.0)
        await copter.until(lambda: abs(camera_pitch_deg(companion) + 10.0) < 3.0, "it looks ahead", 20.0)
        resumed_s = copter.now_s
        assert (await companion.order(OrderKind.RESUME)).state is OrderState.DONE
        assert companion.flight.progress.record.begun_at_item == 9
        await copter.until(lambda: companion.flight.phase is PatrolPhase.FLYING, "it flies on", 60.0)
        await copter.until(
            lambda: abs(camera_pitch_deg(companion) - CAMERA_PITCH_DEG) < 3.0,
            "the camera is set again",
            120.0,
        )
        await copter.until(
            lambda: companion.flight.phase is PatrolPhase.DONE and not copter.armed, "it is flown", 900.0
        )
        record(
            f"resumed at item 9 of 19 with the camera at {CAMERA_PITCH_DEG:.0f}°, "
            f"home {copter.now_s - resumed_s:.0f} s later"
        )


async def test_stand_down_brings_it_home_from_the_middle_of_a_survey(fly: Fly, record: Record) -> None:
    async with fly(speed=10.0) as (copter, companion):
        await companion.is_aboard()
        await companion.granted()
        await companion.start()
        await copter.until(lambda: copter.item == 7, "it is on its way", 300.0)
        assert (await companion.order(OrderKind.STAND_DOWN)).state is OrderState.DONE
        took_s = await copter.until(lambda: copter.mode == "RTL", "it returns", 10.0)
        await copter.until(lambda: not copter.armed, "it has landed", 300.0)
        assert away_m(copter) < 3.0
        record(f"RTL {took_s:.1f} s after the order, landed {away_m(copter):.1f} m from home")


def camera_pitch_deg(companion: Companion) -> float:
    """Of the gimbal, to the horizon."""
    gimbal = companion.vehicle.telemetry.gimbal
    if gimbal is None:
        return math.nan
    return math.degrees(math.asin(2 * (gimbal.qw * gimbal.qy - gimbal.qz * gimbal.qx)))


def away_m(copter: Copter) -> float:
    """From home."""
    lat_deg, lon_deg = place(0.0, 0.0)
    return float(
        (((copter.lat_deg - lat_deg) * 111_320) ** 2 + ((copter.lon_deg - lon_deg) * 90_800) ** 2) ** 0.5
    )
