"""Things that are warmer than the ground and no fire: vehicles, people, animals, rocks, heaps.

Each is flat faces and round bodies with a temperature each, drawn from wide ranges: a bonnet up to 45 K above
its cold bodywork after a drive, clothes and coats 3 to 12 K above the air, the skin of a heap of compost 8 to
25 K. They are judgement, not measurements.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.virtual.thermal.climate import BODYWORK, ROCK, Weather, looks_k, temperature_k
from hardware.virtual.thermal.radiance import FROM_C

KINDS = ("vehicle", "tractor", "person", "cattle", "deer", "rock", "heap", "trough")


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A convex polygon (N, 3): east, north and up from its thing's place."""

    corners_m: NDArray[np.float64]
    kelvin: float


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A round thing: its middle from its thing's place, and its radius."""

    middle_m: tuple[float, float, float]
    radius_m: float
    kelvin: float


@dataclass(frozen=True, slots=True, eq=False)
class WarmThing:
    """One of them on the ground."""

    kind: str
    east_m: float
    north_m: float
    faces: tuple[Face, ...] = ()
    bodies: tuple[Body, ...] = ()


def warm_thing(
    kind: str, rng: np.random.Generator, weather: Weather, east_m: float, north_m: float
) -> WarmThing:
    """One of that kind there."""
    air_k = weather.air_k()
    if kind == "vehicle":
        return WarmThing(kind, east_m, north_m, _vehicle(rng, weather, (4.4, 1.8, 1.4)))
    if kind == "tractor":
        return WarmThing(kind, east_m, north_m, _vehicle(rng, weather, (4.2, 2.2, 2.6), pipe=True))
    if kind == "person":
        bodies = tuple(_person(rng, air_k, k) for k in range(int(rng.integers(1, 4))))
        return WarmThing(kind, east_m, north_m, (), tuple(body for one in bodies for body in one))
    if kind in ("cattle", "deer"):
        radius_m = 0.45 if kind == "cattle" else 0.28
        coat_k = max(air_k + float(rng.uniform(3, 12)), FROM_C + 12)
        herd = [
            Body((float(x) + along, float(y), 2.2 * radius_m), radius_m, coat_k + float(rng.normal(0, 1)))
            for x, y in rng.normal(0, 5, (int(rng.integers(1, 6)), 2))
            for along in (-radius_m, radius_m)
        ]
        return WarmThing(kind, east_m, north_m, (), tuple(herd))
    if kind == "rock":
        kelvin = looks_k(ROCK, weather) + float(rng.uniform(-1, 9))
        stones = tuple(
            Face(
                _plate(float(size), float(size * rng.uniform(0.5, 1)), 0.5 * float(size), rng, at=spot),
                kelvin + float(rng.normal(0, 1)),
            )
            for size, spot in zip(rng.uniform(0.6, 3.5, 4), rng.normal(0, 4, (4, 2)), strict=True)
        )
        return WarmThing(kind, east_m, north_m, stones)
    if kind == "heap":
        skin_k = air_k + float(rng.uniform(8, 25))
        vents = tuple(
            Body((float(x), float(y), 1.0), 0.25, skin_k + float(rng.uniform(4, 14)))
            for x, y in rng.normal(0, 0.8, (3, 2))
        )
        return WarmThing(kind, east_m, north_m, (Face(_plate(5.0, 3.0, 1.0, rng), skin_k),), vents)
    kelvin = FROM_C + float(rng.uniform(14, 32))
    return WarmThing(kind, east_m, north_m, (Face(_plate(2.5, 1.0, 0.5, rng), kelvin),))


def _vehicle(
    rng: np.random.Generator, weather: Weather, size_m: tuple[float, float, float], *, pipe: bool = False
) -> tuple[Face, ...]:
    """Bodywork, the bonnet above the engine, warm ground under it, and what shows of exhaust and brakes."""
    length_m, width_m, height_m = size_m
    turn = float(rng.uniform(0, 2 * math.pi))
    cold_k = looks_k(BODYWORK, weather)
    driven = float(rng.uniform(0.2, 1.0)) if rng.random() < 0.7 else 0.0
    bonnet_k = temperature_k(BODYWORK, weather) + 45.0 * driven
    under_k = weather.air_k() + 15.0 * driven
    faces = [
        Face(_plate(1.1 * length_m, 1.1 * width_m, 0.05, None, turn=turn), under_k),
        Face(_plate(length_m, width_m, height_m, None, turn=turn), cold_k),
        Face(
            _plate(0.26 * length_m, 0.8 * width_m, 0.75 * height_m, None, turn=turn, ahead=0.36 * length_m),
            bonnet_k,
        ),
    ]
    if driven > 0.0 and rng.random() < 0.5:
        # Mostly hidden under the body: a strip of it.
        hot_k = weather.air_k() + float(rng.uniform(30, 110)) * driven
        where = _plate(0.25, 0.06, 0.3, None, turn=turn, ahead=-0.52 * length_m)
        faces.append(Face(where, hot_k))
    if pipe and driven > 0.0:
        top = _plate(0.09, 0.09, height_m + 0.4, None, turn=turn, ahead=0.3 * length_m)
        faces.append(Face(top, weather.air_k() + 160.0 * driven))
    return tuple(faces)


def _person(rng: np.random.Generator, air_k: float, number: int) -> tuple[Body, ...]:
    clothes_k = air_k + float(rng.uniform(3, 12)) * min(1.0, max(0.2, (FROM_C + 34 - air_k) / 20))
    x, y = (float(v) for v in rng.normal(0, 1.5, 2) * (number > 0))
    return (
        Body((x, y, 0.45), 0.22, clothes_k - 1),
        Body((x, y, 1.1), 0.26, clothes_k),
        Body((x, y, 1.6), 0.12, max(FROM_C + 30.0, air_k)),
    )


def _plate(
    length_m: float,
    width_m: float,
    up_m: float,
    rng: np.random.Generator | None,
    *,
    turn: float = 0.0,
    ahead: float = 0.0,
    at: NDArray[np.float64] | tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.float64]:
    angle = turn if rng is None else float(rng.uniform(0, math.pi))
    c, s = math.cos(angle), math.sin(angle)
    along, across = np.array([c, s]), np.array([-s, c])
    corners = np.empty((4, 3))
    for k, (a, b) in enumerate(((1, 1), (1, -1), (-1, -1), (-1, 1))):
        corners[k, :2] = np.asarray(at) + ahead * along + a * length_m / 2 * along + b * width_m / 2 * across
    corners[:, 2] = up_m
    return corners
