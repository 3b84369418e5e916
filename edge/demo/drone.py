"""The demo's drone: an autopilot over the ground of a rendered world, with a pilot's station beside it."""

from __future__ import annotations

import math
from pathlib import Path

from flight.link import Endpoint
from hardware.virtual import sitl
from hardware.virtual.demo_world import demo_world
from hardware.virtual.drone.autopilot import VirtualDroneConfig, fly
from hardware.virtual.router import Router
from hardware.virtual.world.world import World

DRONE_ID = "virtual-1"
# What its owner has set, so that every failsafe can work: a new copter has none of these.
SET_UP = {"FS_GCS_ENABLE": 1.0, "BATT_FS_LOW_ACT": 2.0, "BATT_LOW_MAH": 2000.0, "FENCE_ENABLE": 1.0}


async def fly_virtual_drone(
    *, out: str, truth: tuple[str, ...], seed: int, speed: float, arducopter: Path | None = None
) -> None:
    """Fly until cancelled: our own stand-in, or ArduPilot's simulator where its program is given."""
    world = demo_world(seed)
    if arducopter is not None:
        await sitl.fly(_sitl_config(world, arducopter, speed), out, truth)
        return
    companion = Endpoint.parse(out)
    frame = world.ground.frame
    east_m_s, north_m_s = world.wind_m_s
    async with Router(companion.port, companion_host=companion.host) as router:
        await fly(
            VirtualDroneConfig(
                out=f"udpout:127.0.0.1:{router.vehicle_port}",
                truth_out=truth,
                home_lat_deg=frame.lat_deg,
                home_lon_deg=frame.lon_deg,
                ground_amsl_m=lambda lat_deg, lon_deg: float(world.ground_amsl_m(lat_deg, lon_deg)),
                seed=seed,
                speed=speed,
                wind_m_s=math.hypot(east_m_s, north_m_s),
                wind_from_deg=_from_deg(world),
                parameters=SET_UP,
            )
        )


def _sitl_config(world: World, binary: Path, speed: float) -> sitl.SitlConfig:
    frame = world.ground.frame
    return sitl.SitlConfig(
        binary=binary,
        home_lat_deg=frame.lat_deg,
        home_lon_deg=frame.lon_deg,
        home_alt_amsl_m=float(world.ground_amsl_m(frame.lat_deg, frame.lon_deg)),
        speed=speed,
        wind_m_s=math.hypot(*world.wind_m_s),
        wind_from_deg=_from_deg(world),
    )


def _from_deg(world: World) -> float:
    east_m_s, north_m_s = world.wind_m_s
    return math.degrees(math.atan2(-east_m_s, -north_m_s)) % 360.0
