"""A camera on a mast: from pictures to the station's alert, in real processes and without any drone."""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from edge.demo.programs import Programs
from edge.demo.site import free_port
from edge.demo.verdict import TrueFire, judge
from hardware.virtual.demo_world import demo_world
from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.render.render import Renderer
from hardware.virtual.world.world import World
from tests.chain import nearest_fire
from tests.test_end_to_end import alerts_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SEED = 11
AWAY_M, MAST_M = 140.0, 45.0
FRAMES = 24
TIMEOUT_S = 90.0
# What the surveyor was wrong by: about 1σ each.
HEADING_OFF_DEG, PITCH_OFF_DEG = 0.4, -0.15
EAST_OFF_M, ALT_OFF_M = 0.8, 1.5
CONFIG = """\
[agent]
data_dir = "agent"
[agent.drone]
id = "mast-1"
name = "Mast 1"
[agent.fixed]
lat_deg = {lat_deg:.7f}
lon_deg = {lon_deg:.7f}
alt_amsl_m = {alt_amsl_m:.2f}
heading_deg = {heading_deg:.2f}
pitch_deg = {pitch_deg:.2f}
horizontal_sigma_m = 1.0
vertical_sigma_m = 1.5
heading_sigma_deg = 0.4
attitude_sigma_deg = 0.15
[agent.camera]
source = "folder:frames"
profile = "virtual_78"
frames_per_s = 4
loop = true
[agent.detector]
threads = 1
[agent.terrain]
dem = "dem.tif"
[agent.uplink]
station_url = "http://127.0.0.1:{port}"
key_file = "mast.key"

[station]
port = {port}
data_dir = "station"
sign_in = false
[[station.drones]]
id = "mast-1"
key_file = "mast.key"
"""


def mast_beside(world: World, fire_east_north_m: tuple[float, float]) -> TruePose:
    """Where the camera truly is; it looks a little to the side of the fire."""
    fire = np.array(fire_east_north_m)
    east_m, north_m = fire - fire / np.linalg.norm(fire) * AWAY_M
    lat, lon = world.ground.frame.to_geographic(float(east_m), float(north_m))
    alt_m = float(world.ground_amsl_m(float(lat), float(lon))) + MAST_M
    to_fire = fire - (east_m, north_m)
    heading_deg = math.degrees(math.atan2(*to_fire))
    return TruePose.looking(float(lat), float(lon), alt_m, yaw_deg=heading_deg + 7.0, pitch_deg=-16.0)


def lay_out(folder: Path, world: World, mast: TruePose, port: int) -> Path:
    """Pictures, terrain, key and configuration."""
    (folder / "frames").mkdir()
    renderer = Renderer(world, VirtualLens())
    for number in range(FRAMES):
        at = TruePose(mast.lat_deg, mast.lon_deg, mast.alt_amsl_m, mast.quaternion, number / 4)
        cv2.imwrite(str(folder / "frames" / f"{number:03}.jpg"), renderer.render(at))
    world.write_geotiff(folder / "dem.tif")
    (folder / "mast.key").touch(mode=0o600)
    (folder / "mast.key").write_text("the-key-of-this-mast-and-nobody-else\n")
    ahead = mast.enu_from_camera()[:, 2]
    said = CONFIG.format(
        lat_deg=mast.lat_deg,
        lon_deg=mast.lon_deg + EAST_OFF_M / (111_320 * math.cos(math.radians(mast.lat_deg))),
        alt_amsl_m=mast.alt_amsl_m + ALT_OFF_M,
        heading_deg=math.degrees(math.atan2(ahead[0], ahead[1])) % 360 + HEADING_OFF_DEG,
        pitch_deg=math.degrees(math.asin(ahead[2])) + PITCH_OFF_DEG,
        port=port,
    )
    (folder / "mast.toml").write_text(said)
    return folder / "mast.toml"


def watch(
    config: Path, port: int, until: Callable[[dict[str, Any]], bool], timeout_s: float
) -> dict[str, Any]:
    """Run station and agent until the station's snapshot is as wanted; the last one heard."""
    snapshot: dict[str, Any] = {"drones": [], "alerts": []}
    deadline_s = time.monotonic() + timeout_s
    with Programs(config.parent) as programs, httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
        programs.start("station", ["station", "-c", str(config)])
        programs.start("agent", ["agent", "-c", str(config)])
        while time.monotonic() < deadline_s and not until(snapshot):
            programs.check()
            with contextlib.suppress(httpx.TransportError):  # it is starting
                snapshot = http.get("/api/v1/snapshot").raise_for_status().json()
            time.sleep(0.25)
    return snapshot


def test_a_fire_that_a_mast_sees_is_placed_and_told(tmp_path: Path) -> None:
    world = demo_world(SEED)
    where = nearest_fire(world)
    [fire] = [fire for fire in world.fires if (fire.east_m, fire.north_m) == where]
    port = free_port(socket.SOCK_STREAM)
    mast = mast_beside(world, where)
    config = lay_out(tmp_path, world, mast, port)

    snapshot = watch(config, port, lambda told: len(told["alerts"]) > 0, TIMEOUT_S)
    alerts = alerts_of(snapshot)
    truth = TrueFire(fire.id, fire.lat_deg, fire.lon_deg, visible_s=None)
    [verdict] = judge([truth], alerts, {alert.id: 0.0 for alert in alerts}).fires
    assert verdict.alert is not None
    assert verdict.sigmas is not None
    assert verdict.sigmas < math.sqrt(-2 * math.log(0.1)), verdict  # inside the 90 % ellipse
    assert verdict.alert.ellipse is not None
    assert verdict.alert.ellipse.semi_major_m < 80.0
    assert (verdict.alert.method, verdict.alert.time_source) == ("dem", "companion")
    [state] = snapshot["drones"]
    assert (state["drone_id"], state["fixed"], state["armed"]) == ("mast-1", True, None)
    assert state["battery_percent"] is None
    assert state["position"]["lat_deg"] == pytest.approx(mast.lat_deg, abs=1e-6)
