"""The whole chain in real processes, over a short patrol that looks at one fire: for end-to-end tests."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from edge.demo.programs import Programs
from edge.demo.sink import WebhookSink
from edge.demo.site import FENCE_RADIUS_M, DemoSite, home_of, lay_out, new_webhook_secret
from flight.plans.fence import Circle, Fence
from flight.plans.items import gimbal_pitch, return_to_launch, takeoff, waypoint
from flight.plans.qgc import Plan, write_plan
from hardware.virtual.world.world import World

STAND_OFF_M = 110.0
HEIGHT_M = 60.0
CAMERA_PITCH_DEG = -30.0


@dataclass(slots=True)
class Chain:
    """A laid-out site whose files a test may still change before ``fly``."""

    site: DemoSite
    sink: WebhookSink
    seed: int
    last_deliveries: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def lay_out(cls, folder: Path, seed: int) -> Chain:
        secret = new_webhook_secret()
        sink = WebhookSink(secret)
        site = lay_out(folder, seed=seed, port=0, webhook_secret=secret, webhook_url=sink.url)
        write_plan(folder / "patrol.plan", plan_to_look_at(site.world, nearest_fire(site.world)))
        return cls(site, sink, seed)

    def change_config(self, old: str, new: str) -> None:
        text = self.site.config_file.read_text()
        assert text.count(old) == 1, f"{old!r} is not once in the configuration"
        self.site.config_file.write_text(text.replace(old, new))

    def fly(
        self, until: Callable[[dict[str, Any]], bool], timeout_s: float, *, camera_hears: bool = True
    ) -> dict[str, Any]:
        """Run station, drone and agent until the station's snapshot is as wanted; the last one heard."""
        snapshot: dict[str, Any] = {"drones": [], "alerts": []}
        deadline_s = time.monotonic() + timeout_s
        with Programs(self.site.folder) as programs, httpx.Client(base_url=self.site.station_url) as http:
            self._start(programs, camera_hears)
            while time.monotonic() < deadline_s and not until(snapshot):
                programs.check()
                with contextlib.suppress(httpx.TransportError):  # it is starting
                    snapshot = http.get("/api/v1/snapshot").raise_for_status().json()
                time.sleep(0.25)
        return snapshot

    def _start(self, programs: Programs, camera_hears: bool) -> None:
        config, site = str(self.site.config_file), self.site
        programs.start("station", ["station", "-c", config])
        truth = site.drone_truth_urls[0 if camera_hears else 1]
        out = f"udpout:127.0.0.1:{site.mavlink_port}"
        programs.start("virtual drone", ["virtual", "--out", out, "--truth", truth, "--seed", str(self.seed)])
        programs.start("agent", ["agent", "-c", config])


def look_at_less(site: DemoSite, frames_per_s: int) -> None:
    """Where what is seen is not what is asked: few, small and whole frames cost little."""
    small = site.folder / "small.toml"
    small.write_text(
        'name = "small"\nsource = "by construction"\nwidth_px = 640\nheight_px = 360\nhfov_deg = 78.0\n'
    )
    text = site.config_file.read_text()
    for old, new in (
        ('profile = "virtual_78"', 'profile = "small.toml"'),
        ("frames_per_s = 5", f"frames_per_s = {frames_per_s}"),
        ("threads = 1", "threads = 1\ntile_budget_ms = 0"),
    ):
        assert text.count(old) == 1, f"{old!r} is not once in the configuration"
        text = text.replace(old, new)
    site.config_file.write_text(text)


def nearest_fire(world: World) -> tuple[float, float]:
    """East and north of home, metres."""
    return min(((fire.east_m, fire.north_m) for fire in world.fires), key=lambda at: float(np.hypot(*at)))


def plan_to_look_at(world: World, fire_east_north_m: tuple[float, float]) -> Plan:
    """Take off and stay short of the fire, looking down at it."""
    fire = np.array(fire_east_north_m)
    east_m, north_m = fire - fire / np.linalg.norm(fire) * STAND_OFF_M
    lat, lon = world.ground.frame.to_geographic(float(east_m), float(north_m))
    steps = [
        takeoff(HEIGHT_M),
        gimbal_pitch(CAMERA_PITCH_DEG),
        waypoint(float(lat), float(lon), HEIGHT_M, hold_s=600.0),
        return_to_launch(),
    ]
    return Plan.build("look at one fire", home_of(world), steps, fence=fence_around(world))


def fence_around(world: World) -> Fence:
    """A patrol without one does not start by itself."""
    home = home_of(world)
    return Fence((Circle(home.lat_deg, home.lon_deg, FENCE_RADIUS_M),))


def seconds_between(first: str, last: str) -> float:
    """Of two instants as they stand in JSON."""
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
