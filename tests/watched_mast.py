"""A fixed camera over the virtual world, for tests and benchmarks of the live view: the real agent with its
real vision child in this event loop, and a feed of the truth that the rendered camera is told."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.agent import run_agent
from edge.config.file import load_agent_config
from edge.demo.site import free_port
from flight.codec import Codec, mavlink
from hardware.virtual.demo_world import demo_world
from hardware.virtual.drone.truth import TRUE_GIMBAL_FLAGS, gimbal_message
from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.world.fire import Fire
from hardware.virtual.world.world import World
from tests.chain import nearest_fire
from tests.test_fixed_camera import mast_beside

SEED = 11
HFOV_DEG = 78.0
PROFILE = """\
name = "Small virtual camera"
source = "by construction"
width_px = {width_px}
height_px = {height_px}
hfov_deg = 78.0
focal_sigma = 0.001
"""
CONFIG = """\
[agent]
data_dir = "agent"
[agent.drone]
id = "{drone_id}"
name = "Mast"
[agent.fixed]
lat_deg = {pose.lat_deg:.8f}
lon_deg = {pose.lon_deg:.8f}
alt_amsl_m = {pose.alt_amsl_m:.3f}
heading_deg = {heading_deg:.4f}
pitch_deg = -16.0
horizontal_sigma_m = 0.5
vertical_sigma_m = 0.5
heading_sigma_deg = 0.1
attitude_sigma_deg = 0.1
[agent.camera]
source = "virtual"
profile = "camera.toml"
frames_per_s = {frames_per_s}
[agent.detector]
threads = 1
tile_budget_ms = 0
[agent.terrain]
dem = "dem.tif"
[agent.virtual]
seed = {seed}
truth_url = "udpin:127.0.0.1:{port}"
[agent.uplink]
station_url = "{station_url}"
key_file = "mast.key"
"""


@dataclass(frozen=True, slots=True)
class Mast:
    """What is true of it. ``fire`` stands a little beside the middle of the picture."""

    world: World
    pose: TruePose
    lens: VirtualLens
    fire: Fire
    config_file: Path
    truth_port: int

    def share_of(self, lat_deg: float, lon_deg: float, alt_m: float) -> tuple[float, float]:
        """Where a place of the world is on the picture, by the virtual lens."""
        per_lat, per_lon = self.world.ground.frame.metres_per_degree
        east_m, north_m = (lon_deg - self.pose.lon_deg) * per_lon, (lat_deg - self.pose.lat_deg) * per_lat
        away = np.array([east_m, north_m, alt_m - self.pose.alt_amsl_m])
        ((u, v),) = self.lens.project((away @ self.pose.enu_from_camera())[None])
        return (float(u) + 0.5) / self.lens.width_px, (float(v) + 0.5) / self.lens.height_px


def lay_out(
    folder: Path,
    station_url: str,
    drone_id: str,
    key: str,
    *,
    size_px: tuple[int, int] = (640, 360),
    frames_per_s: float = 5.0,
) -> Mast:
    """Terrain, key, lens and configuration of it."""
    world = demo_world(SEED)
    where = nearest_fire(world)
    (fire,) = (fire for fire in world.fires if (fire.east_m, fire.north_m) == where)
    pose = mast_beside(world, where)
    ahead = pose.enu_from_camera()[:, 2]
    heading_deg = math.degrees(math.atan2(ahead[0], ahead[1])) % 360
    world.write_geotiff(folder / "dem.tif")
    (folder / "mast.key").touch(mode=0o600)
    (folder / "mast.key").write_text(key + "\n")
    (folder / "camera.toml").write_text(PROFILE.format(width_px=size_px[0], height_px=size_px[1]))
    port = free_port(socket.SOCK_DGRAM)
    file = folder / "mast.toml"
    file.write_text(
        CONFIG.format(
            drone_id=drone_id,
            pose=pose,
            heading_deg=heading_deg,
            frames_per_s=frames_per_s,
            seed=SEED,
            port=port,
            station_url=station_url.rstrip("/"),
        )
    )
    return Mast(world, pose, VirtualLens(*size_px, HFOV_DEG), fire, file, port)


@asynccontextmanager
async def watching_world(mast: Mast, per_s: float = 20.0) -> AsyncIterator[None]:
    """The rendered camera is told where it is, so often."""

    async def tell() -> None:
        codec = Codec(1, 1)
        lat, lon = round(mast.pose.lat_deg * 1e7), round(mast.pose.lon_deg * 1e7)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while True:
                state = mavlink.MAVLink_sim_state_message(
                    1, 0, 0, 0, 0, 0, 0, 0, 0, -9.8, 0, 0, 0,
                    mast.pose.lat_deg, mast.pose.lon_deg, mast.pose.alt_amsl_m, 0, 0, 0, 0, 0,
                    lat_int=lat, lon_int=lon,
                )  # fmt: skip
                gimbal = gimbal_message(
                    round(time.monotonic() * 1000) % 2**32, TRUE_GIMBAL_FLAGS, mast.pose.quaternion
                )
                for message in (state, gimbal):
                    out.sendto(codec.encode(message), ("127.0.0.1", mast.truth_port))
                await asyncio.sleep(1 / per_s)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


@asynccontextmanager
async def agent_of(mast: Mast) -> AsyncIterator[None]:
    """Its agent, with a vision child of its own."""
    running = asyncio.create_task(run_agent(load_agent_config(mast.config_file)))
    try:
        yield
        assert not running.done(), running.exception()
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
