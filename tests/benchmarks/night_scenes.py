"""What rendered night patrols are flown over: the patrols' countries and fires, in the evening or at night,
with things about that are warm and no fire.

Everything comes from the seed. One patrol in three is flown in the evening, while rocks, roads and roofs hold
the day's warmth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hardware.virtual.thermal.climate import Weather
from hardware.virtual.thermal.warm import KINDS, WarmThing, warm_thing
from tests.benchmarks.patrol_scenes import FRAME_S, FRAMES, Scene, open_place, scene
from tests.benchmarks.strangers import Stranger

EVENING, EVENING_H, NIGHT_H = 1 / 3, (18.3, 20.5), (20.5, 29.5)
WARM_THINGS, WARM_THINGS_WITH_FIRES = (4, 8), (2, 5)
SMALL_TEXTURE_PX = 1024  # a thermal pixel shows more than half a metre of ground


@dataclass(frozen=True, slots=True, eq=False)
class NightScene:
    """One patrol that could be flown by night. ``shutter_from_s`` is when the core's shutter closes."""

    scene: Scene
    weather: Weather
    things: tuple[WarmThing, ...]
    shutter_from_s: float


def night_scene(seed: int, *, burning: bool) -> NightScene:
    """The patrol of that seed, with one to three fires or with none."""
    flown = scene(seed, burning=burning, strange=False, texture_px=SMALL_TEXTURE_PX)
    rng = np.random.default_rng([seed, 83])
    evening = rng.random() < EVENING
    hour = float(rng.uniform(*(EVENING_H if evening else NIGHT_H))) % 24
    weather = Weather(
        hour, float(rng.uniform(4, 28)), float(rng.uniform(3, 8)), cloud=float(rng.uniform(0, 0.8)) ** 2
    )
    first, last = flown.true_poses[0], flown.true_poses[-1]
    start, end = (np.array(flown.world.frame.to_local(p.lat_deg, p.lon_deg)) for p in (first, last))
    ahead = (end - start) / np.linalg.norm(end - start)
    taken = [(fire.east_m, fire.north_m) for fire in flown.world.fires]
    things: list[WarmThing] = []
    for _ in range(int(rng.integers(*(WARM_THINGS_WITH_FIRES if burning else WARM_THINGS)))):
        spot = open_place(flown.world, rng, ahead, flown.true_poses, taken)
        if spot is not None:
            things.append(warm_thing(KINDS[int(rng.integers(len(KINDS)))], rng, weather, *spot))
            taken.append(spot)
    marked = tuple(Stranger(one.kind, one.east_m, one.north_m) for one in things)
    name = "evening" if evening else "night"
    starts_s = flown.true_poses[0].time_s + float(rng.uniform(0, FRAMES * FRAME_S))
    return NightScene(replace(flown, light=name, strangers=marked), weather, tuple(things), starts_s)
