"""The demo's drone: a virtual autopilot over the ground of a rendered world."""

from __future__ import annotations

import math

from hardware.virtual.demo_world import demo_world
from hardware.virtual.drone.autopilot import VirtualDroneConfig, fly

DRONE_ID = "virtual-1"


async def fly_virtual_drone(*, out: str, truth: tuple[str, ...], seed: int, speed: float) -> None:
    """Fly until cancelled."""
    world = demo_world(seed)
    frame = world.ground.frame
    east_m_s, north_m_s = world.wind_m_s
    await fly(
        VirtualDroneConfig(
            out=out,
            truth_out=truth,
            home_lat_deg=frame.lat_deg,
            home_lon_deg=frame.lon_deg,
            ground_amsl_m=lambda lat_deg, lon_deg: float(world.ground_amsl_m(lat_deg, lon_deg)),
            seed=seed,
            speed=speed,
            wind_m_s=math.hypot(east_m_s, north_m_s),
            wind_from_deg=math.degrees(math.atan2(-east_m_s, -north_m_s)) % 360.0,
        )
    )
