"""Things that are not fire but look like it. Roofs, bare soil and autumn trees are in the ground itself;
these move or shine."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hardware.virtual.render.canvas import Canvas
from hardware.virtual.render.smoke_layer import draw_smoke
from hardware.virtual.world.ground import Ground
from hardware.virtual.world.light import Light
from hardware.virtual.world.plume import Plume
from hardware.virtual.world.relief import Relief

_DRIVE_M_S = 9.0
_TAIL, _HEAD, _WINDOW = (36.0, 30.0, 255.0), (210.0, 240.0, 255.0), (70.0, 150.0, 225.0)


@dataclass(frozen=True, slots=True)
class LookAlike:
    """One of them at a place ``up_m`` above the ground.

    ``kind`` is ``"fog"``, ``"cloud"`` or ``"dust"`` (they have a plume), ``"glint"`` (the sun on water),
    ``"lamps"`` (a vehicle) or ``"window"`` (a lit house). ``heading_rad`` is a vehicle's compass heading.
    """

    kind: str
    east_m: float
    north_m: float
    up_m: float
    seed: int
    plume: Plume | None = None
    size_m: float = 1.0
    heading_rad: float = 0.0


def fog(rng: np.random.Generator, east_m: float, north_m: float) -> LookAlike:
    """A bank of ground fog, wider than high."""
    plume = Plume(
        density=float(rng.uniform(0.18, 0.42)),
        colour=(250.0, 248.0, 244.0),
        rise_m_s=0.0,
        life_s=600.0,
        radius_m=float(rng.uniform(20, 45)),
        growth_m_s=0.0,
        puffs=22,
        seed=int(rng.integers(1, 9000)),
        darkness=0.0,
        spread_m=float(rng.uniform(60, 160)),
        flatness=0.28,
        wander_m=4.0,
        wind_share=0.04,
        billow=0.15,
    )
    return LookAlike("fog", east_m, north_m, 1.0, plume.seed, plume)


def cloud(rng: np.random.Generator, east_m: float, north_m: float, up_m: float) -> LookAlike:
    """A scrap of low cloud."""
    plume = Plume(
        density=float(rng.uniform(0.3, 0.6)),
        colour=(255.0, 254.0, 252.0),
        rise_m_s=0.0,
        life_s=500.0,
        radius_m=float(rng.uniform(18, 34)),
        growth_m_s=0.02,
        puffs=18,
        seed=int(rng.integers(1, 9000)),
        darkness=0.0,
        spread_m=float(rng.uniform(40, 90)),
        flatness=0.5,
        wander_m=5.0,
        wind_share=0.05,
        billow=0.3,
    )
    return LookAlike("cloud", east_m, north_m, up_m, plume.seed, plume)


def dust(rng: np.random.Generator, east_m: float, north_m: float, heading_rad: float) -> LookAlike:
    """Dust behind a vehicle on a track: low, brown, soon gone."""
    plume = Plume(
        density=float(rng.uniform(0.22, 0.4)),
        colour=(140.0, 172.0, 200.0),
        rise_m_s=0.25,
        life_s=9.0,
        radius_m=1.2,
        growth_m_s=0.45,
        puffs=16,
        seed=int(rng.integers(1, 9000)),
        darkness=0.0,
        spread_m=1.0,
        flatness=0.6,
        wander_m=0.8,
    )
    return LookAlike("dust", east_m, north_m, 0.3, plume.seed, plume, heading_rad=heading_rad)


def scatter(ground: Ground, rng: np.random.Generator, amount: float, light: Light) -> tuple[LookAlike, ...]:
    """A handful of look-alikes that suit the country and the light, more of them with a larger ``amount``."""
    if amount <= 0.0:
        return ()
    cover = ground.cover
    half = cover.size_m * 0.42
    banks = rng.uniform(-half, half, (int(rng.poisson(2.0 * amount)), 2))
    things = [fog(rng, float(east), float(north)) for east, north in banks]
    for _ in range(int(rng.poisson(1.2 * amount))):
        east, north = (float(v) for v in rng.uniform(-half, half, 2))
        things.append(cloud(rng, east, north, float(rng.uniform(15, 45))))
    for road in cover.roads:
        index = int(rng.integers(1, len(road.points_m) - 1))
        here, ahead = road.points_m[index], road.points_m[index + 1]
        heading = math.atan2(ahead[0] - here[0], ahead[1] - here[1])
        if not road.sealed and rng.random() < 0.5 * amount:
            things.append(dust(rng, float(here[0]), float(here[1]), heading))
        if light.ground_gain[1] < 0.7:
            for _ in range(int(rng.poisson(3.0 * amount))):
                index = int(rng.integers(1, len(road.points_m) - 1))
                at = road.points_m[index]
                things.append(
                    LookAlike(
                        "lamps",
                        float(at[0]),
                        float(at[1]),
                        0.8,
                        int(rng.integers(1, 9000)),
                        heading_rad=heading,
                    )
                )
    if light.ground_gain[1] < 0.7:
        things.extend(
            LookAlike("window", h.east_m, h.north_m, 2.5, int(rng.integers(1, 9000)), size_m=h.width_m)
            for h in cover.buildings
            if rng.random() < 0.4
        )
    rows, columns = np.nonzero(cover.water > 0.9)
    if rows.size and light.ground_gain[1] > 0.4:
        cells = cover.water.shape[0]
        for _ in range(int(rng.poisson(3.0 * amount))):
            pick = int(rng.integers(rows.size))
            east = ((columns[pick] + 0.5) / cells - 0.5) * cover.size_m
            north = (0.5 - (rows[pick] + 0.5) / cells) * cover.size_m
            things.append(
                LookAlike("glint", float(east), float(north), 0.1, int(rng.integers(1, 9000)), size_m=6.0)
            )
    return tuple(things)


def draw_look_alike(canvas: Canvas, thing: LookAlike, relief: Relief, wind_m_s: tuple[float, float]) -> None:
    """Draw one over the picture."""
    height = float(relief.height_amsl_m(np.array(thing.east_m), np.array(thing.north_m)))
    base = np.array([thing.east_m, thing.north_m, height + thing.up_m])
    along = np.array([math.sin(thing.heading_rad), math.cos(thing.heading_rad), 0.0])
    if thing.plume is not None:
        if thing.kind == "dust":
            # The vehicle drives on; its dust stays behind.
            wind_m_s = (wind_m_s[0] - _DRIVE_M_S * along[0], wind_m_s[1] - _DRIVE_M_S * along[1])
        draw_smoke(canvas, base, thing.plume, wind_m_s)
        return
    if not bool(relief.sees(canvas.eye_m, base)[0]):
        return
    if thing.kind == "lamps":
        across = np.array([along[1], -along[0], 0.0]) * 0.7
        tail, head = base - 2.2 * along, base + 2.2 * along
        points = np.stack([tail + across, tail - across, head + across, head - across])
        canvas.lamps(points, np.array([_TAIL, _TAIL, _HEAD, _HEAD], np.float32), 0.16)
    elif thing.kind == "window":
        spread = np.random.default_rng(thing.seed).uniform(-0.5, 0.5, (3, 3))
        points = base + spread * np.array([thing.size_m, thing.size_m, 0.5])
        canvas.lamps(points, np.array([_WINDOW] * 3, np.float32), 0.3)
    else:
        sparkle = np.random.default_rng([thing.seed, int(canvas.time_s * 8)])
        points = base + sparkle.normal(0, 1, (26, 3)) * np.array([thing.size_m, thing.size_m * 0.5, 0.0])
        shine = sparkle.uniform(90, 255, (26, 1)).astype(np.float32)
        canvas.lamps(points, np.repeat(shine, 3, axis=1), 0.22)
