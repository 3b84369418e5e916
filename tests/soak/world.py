"""The country of the soak: the demo's, with more fires, which are lit one after another and go out again."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.demo.site import CAMERA_PITCH_DEG, PATROL_HEIGHT_M, PATROL_SPEED_M_S, home_of
from flight.plans.items import gimbal_pitch, ground_speed, return_to_launch, takeoff, waypoint
from flight.plans.qgc import Plan
from hardware.virtual.demo_world import DEMO_FAMILY
from hardware.virtual.world.fire import Fire
from hardware.virtual.world.world import World
from tests.chain import fence_around

FIRES = 10
BURN_PERIODS = 3.0  # how many fires burn at a time
FIRE_REACH_M = 300.0
LAPS_M = (130.0, 230.0)  # from home to the corners, in turns: together they see all that burns
FILE = "fires.json"


@dataclass(frozen=True, slots=True)
class Burning:
    """When which fire burns. ``began_s`` is monotonic, which all processes of a machine share."""

    seed: int
    began_s: float
    every_s: float

    def write(self, folder: Path) -> None:
        (folder / FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Burning:
        return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))

    def world(self) -> World:
        """With all fires; on the same ground as the demo's of this seed."""
        return World.generate(self.seed, DEMO_FAMILY, n_fires=FIRES, fire_reach_m=FIRE_REACH_M)

    def lit(self, fires: tuple[Fire, ...], now_s: float) -> tuple[Fire, ...]:
        """Those that burn at this instant."""
        first = (now_s - self.began_s) / self.every_s
        return tuple(fire for turn, fire in enumerate(fires) if 0.0 <= first - turn < BURN_PERIODS)


def laps(world: World, seconds: float) -> Plan:
    """A patrol round home that takes at least so long."""
    frame = world.ground.frame
    steps = [gimbal_pitch(CAMERA_PITCH_DEG), takeoff(PATROL_HEIGHT_M), ground_speed(PATROL_SPEED_M_S)]
    flown_m, lap = 0.0, 0
    while flown_m < seconds * PATROL_SPEED_M_S:
        corner_m = LAPS_M[lap % len(LAPS_M)]
        for turn in range(4):
            east_m, north_m = (corner_m * f(math.pi / 2 * turn) for f in (math.sin, math.cos))
            lat, lon = frame.to_geographic(east_m, north_m)
            steps.append(waypoint(float(lat), float(lon), PATROL_HEIGHT_M))
        flown_m += 4 * math.sqrt(2) * corner_m
        lap += 1
    return Plan.build("soak", home_of(world), [*steps, return_to_launch()], fence=fence_around(world))
