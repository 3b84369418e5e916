"""Bringing a patrol aboard a virtual copter: what is refused is said, and the agent goes on watching."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from edge.demo.site import free_port
from edge.patrol import Patrol
from flight.plans.items import return_to_launch, takeoff, waypoint
from flight.plans.qgc import Home, Plan
from flight.vehicle import Vehicle
from hardware.virtual.drone.autopilot import VirtualDroneConfig, fly
from uplink.messages import SeeingState

HOME = Home(-35.363262, 149.165237, 584.0)
PLAN = Plan.build(
    "out and back", HOME, [takeoff(20.0), waypoint(-35.3630, 149.1652, 20.0), return_to_launch()]
)
OTHER = Plan.build("elsewhere", HOME, [takeoff(30.0), waypoint(-35.3640, 149.1652, 30.0), return_to_launch()])
SPEED = 5.0


@contextlib.asynccontextmanager
async def copter(*, read_only: bool = False) -> AsyncIterator[Vehicle]:
    port = free_port(socket.SOCK_DGRAM)
    drone = asyncio.create_task(fly(VirtualDroneConfig(out=f"udpout:127.0.0.1:{port}", speed=SPEED)))
    async with Vehicle(f"udpin:127.0.0.1:{port}", read_only=read_only) as vehicle:
        feeding = asyncio.create_task(_feed(vehicle))
        await vehicle.wait_for_autopilot(20.0)
        try:
            yield vehicle
        finally:
            feeding.cancel()
            drone.cancel()
            await asyncio.gather(feeding, drone, return_exceptions=True)


async def _feed(vehicle: Vehicle) -> None:
    while True:
        vehicle.feed()
        await asyncio.sleep(0.1)


async def test_a_plan_is_brought_aboard_and_read_back() -> None:
    async with copter() as vehicle:
        assert await Patrol(vehicle, PLAN, unattended=False).bring_aboard()
        assert await vehicle.missions.verify(PLAN.items)
        assert not await vehicle.missions.verify(OTHER.items)


async def test_a_read_only_agent_says_that_the_plan_is_not_aboard_and_lives(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with copter(read_only=True) as vehicle:
        assert not await Patrol(vehicle, PLAN, unattended=False).bring_aboard()
    assert "the plan out and back is not aboard" in caplog.text


async def test_a_patrol_that_a_pilot_flies_is_never_started() -> None:
    async with copter() as vehicle:
        patrol = Patrol(vehicle, PLAN, unattended=False)
        await patrol.bring_aboard()
        await patrol.fly(lambda: SeeingState.SEEING)
        assert (vehicle.telemetry.armed, vehicle.arbiter.control) == (False, "hands off")


async def test_an_unattended_patrol_starts_once_the_agent_sees_and_not_before() -> None:
    sight = [SeeingState.BLIND]
    async with copter() as vehicle:
        patrol = Patrol(vehicle, PLAN, unattended=True)
        await patrol.bring_aboard()
        flying = asyncio.create_task(patrol.fly(lambda: sight[0]))
        async with asyncio.timeout(20):
            while not vehicle.telemetry.position_ok:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)  # five simulated seconds in which it could arm
        assert vehicle.telemetry.armed is False
        sight[0] = SeeingState.SEEING
        await asyncio.wait_for(flying, 60)
        assert (vehicle.telemetry.mode, vehicle.telemetry.armed) == ("AUTO", True)

        assert not await Patrol(vehicle, OTHER, unattended=True).bring_aboard()
        assert await vehicle.missions.verify(PLAN.items)


async def test_an_unattended_patrol_leaves_a_vehicle_alone_that_somebody_else_has_armed() -> None:
    async with copter() as vehicle:
        patrol = Patrol(vehicle, PLAN, unattended=True)
        await patrol.bring_aboard()
        async with asyncio.timeout(20):
            while not (
                vehicle.telemetry.position_ok and vehicle.arbiter.grant(asyncio.get_running_loop().time(), "a test")
            ):
                await asyncio.sleep(0.05)
            await vehicle.commands.set_mode("GUIDED")
            await vehicle.commands.arm()
        vehicle.arbiter.revoke("the pilot has it")
        await asyncio.wait_for(patrol.fly(lambda: SeeingState.SEEING), 10)
        assert (vehicle.telemetry.mode, vehicle.arbiter.control) == ("GUIDED", "hands off")
