"""The demo's place: a folder with everything that a real deployment has, for a world made from a seed."""

from __future__ import annotations

import base64
import math
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from edge.demo.drone import DRONE_ID
from flight.plans.fence import Circle, Fence
from flight.plans.items import gimbal_pitch, ground_speed, return_to_launch, takeoff, waypoint
from flight.plans.qgc import Home, Plan, write_plan
from hardware.virtual.demo_world import demo_world
from hardware.virtual.world.world import World
from uplink.order_signing import StationKey

PATROL_HEIGHT_M = 70.0
PATROL_SPEED_M_S = 10.0
CAMERA_PITCH_DEG = -42.0
# A square around home. Looking ahead and down, its four legs see all that burns within FIRE_REACH_M of
# home (hardware.virtual.demo_world), most of it from two sides. It is turned so that its first corner lies
# towards the nearest fire: whoever tries the demo sees an alert within a minute.
CORNER_DISTANCE_M = 150.0
CORNER_BEARINGS_DEG = (0.0, 90.0, 180.0, 270.0, 360.0)
FENCE_RADIUS_M = 400.0
NIGHT_HOUR = 23
PATROL_FILE = """\
name = "demo patrol"
plan = "patrol.plan"
unattended = true
"""


@dataclass(frozen=True, slots=True)
class DemoSite:
    """Where the demo's files and ports are."""

    folder: Path
    config_file: Path
    world: World
    patrol: Plan
    station_url: str
    mavlink_port: int
    camera_truth_port: int
    judge_truth_port: int
    webhook_secret: str
    thermal_truth_port: int | None = None
    """Where a thermal camera hears it; None by day, when there is none."""

    @property
    def drone_truth_urls(self) -> tuple[str, ...]:
        """Where the virtual drone tells the truth: to its camera, to the judge, to a thermal camera."""
        ports = self.camera_truth_port, self.judge_truth_port, self.thermal_truth_port
        return tuple(f"udpout:127.0.0.1:{port}" for port in ports if port is not None)


def lay_out(
    folder: Path, *, seed: int, port: int, webhook_secret: str, webhook_url: str, night: bool = False
) -> DemoSite:
    """Write configuration, keys, DEM and patrol of a demo into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    world = demo_world(seed)
    world.write_geotiff(folder / "dem.tif")
    patrol = patrol_of(world)
    write_plan(folder / "patrol.plan", patrol)
    (folder / "patrol.toml").write_text(PATROL_FILE, encoding="utf-8")
    key = secrets.token_urlsafe(32)
    _write_secret(folder / "drone.key", key)
    _write_secret(folder / "webhook.secret", webhook_secret)
    # As `emberwatch station key` prints it: the drone obeys nobody else.
    (folder / "station.pub").write_text(StationKey.open(folder / "station").public + "\n", encoding="utf-8")
    station_port = free_port(socket.SOCK_STREAM, preferred=port)
    mavlink_port, camera_port, judge_port, thermal_port = (free_port(socket.SOCK_DGRAM) for _ in range(4))
    site = DemoSite(
        folder=folder,
        config_file=folder / "emberwatch.toml",
        world=world,
        patrol=patrol,
        station_url=f"http://127.0.0.1:{station_port}",
        mavlink_port=mavlink_port,
        camera_truth_port=camera_port,
        judge_truth_port=judge_port,
        webhook_secret=webhook_secret,
        thermal_truth_port=thermal_port if night else None,
    )
    site.config_file.write_text(_config(site, seed, station_port, webhook_url), encoding="utf-8")
    return site


def new_webhook_secret() -> str:
    """A secret as Standard Webhooks writes them."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def patrol_of(world: World) -> Plan:
    """A QGroundControl plan: take off, point the camera, fly the square, return."""
    frame = world.ground.frame
    nearest = min(world.fires, key=lambda fire: math.hypot(fire.east_m, fire.north_m))
    first_rad = math.atan2(nearest.east_m, nearest.north_m)
    bearings_rad = [first_rad + math.radians(bearing_deg) for bearing_deg in CORNER_BEARINGS_DEG]
    corners = [
        frame.to_geographic(CORNER_DISTANCE_M * math.sin(bearing), CORNER_DISTANCE_M * math.cos(bearing))
        for bearing in bearings_rad
    ]
    steps = [
        gimbal_pitch(CAMERA_PITCH_DEG),
        takeoff(PATROL_HEIGHT_M),
        ground_speed(PATROL_SPEED_M_S),
        *(waypoint(float(lat), float(lon), PATROL_HEIGHT_M) for lat, lon in corners),
        return_to_launch(),
    ]
    fence = Fence((Circle(frame.lat_deg, frame.lon_deg, FENCE_RADIUS_M),))
    return Plan.build("demo patrol", home_of(world), steps, fence=fence)


def home_of(world: World) -> Home:
    """Where the virtual drone stands."""
    frame = world.ground.frame
    return Home(frame.lat_deg, frame.lon_deg, float(world.ground_amsl_m(frame.lat_deg, frame.lon_deg)))


def free_port(kind: socket.SocketKind, preferred: int = 0) -> int:
    """A loopback port that nobody has, ``preferred`` if it is free."""
    for port in dict.fromkeys((preferred, 0)):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no loopback port is free")


def _write_secret(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.write_text(secret + "\n", encoding="utf-8")


def _night(thermal_truth_port: int | None) -> str:
    """The rest of the virtual section, and the thermal camera of a demo by night."""
    if thermal_truth_port is None:
        return ""
    return f"""\
thermal_truth_url = "udpin:127.0.0.1:{thermal_truth_port}"
hour = {NIGHT_HOUR}

[agent.thermal]
source = "virtual"
profile = "virtual_thermal"
frames_per_s = 5
"""


def _config(site: DemoSite, seed: int, station_port: int, webhook_url: str) -> str:
    return f"""\
# The configuration of this demo: what a real drone and a real station read, over virtual hardware.

[agent]
data_dir = "agent"

[agent.drone]
id = "{DRONE_ID}"
name = "Virtual drone"

[agent.mavlink]
url = "udpin:127.0.0.1:{site.mavlink_port}"
wait_s = 30

[agent.camera]
source = "virtual"
profile = "virtual_78"
frames_per_s = 5

[agent.virtual]
seed = {seed}
truth_url = "udpin:127.0.0.1:{site.camera_truth_port}"
{_night(site.thermal_truth_port)}
[agent.detector]
threads = 1

[agent.terrain]
dem = "dem.tif"

[agent.patrol]
file = "patrol.toml"
unattended = true  # nobody is near a virtual propeller

[agent.uplink]
station_url = "{site.station_url}"
key_file = "drone.key"
station_key_file = "station.pub"

[station]
port = {station_port}
data_dir = "station"
dem = "dem.tif"
sign_in = false  # whoever watches the demo sits at this machine

[[station.drones]]
id = "{DRONE_ID}"
key_file = "drone.key"

[[station.webhooks]]
url = "{webhook_url}"
secret_file = "webhook.secret"
allow_private = true  # the demo's receiver runs on this machine
"""
