"""What lies where: woods, fields, roads, houses, ponds. Cheap to make; ``texture`` paints it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.families import Colour, Family
from hardware.virtual.world.noise import AnyArray, Floats, fractal, smoothstep

CELLS = 512


@dataclass(frozen=True, slots=True)
class Building:
    """A house or shed: a rotated rectangle with a gable roof."""

    east_m: float
    north_m: float
    length_m: float
    width_m: float
    height_m: float
    heading_rad: float
    roof: Colour


@dataclass(frozen=True, slots=True)
class Road:
    """A road as points (N, 2) east/north; sealed roads have a centre line."""

    points_m: NDArray[np.float64]
    width_m: float
    sealed: bool


@dataclass(frozen=True, slots=True)
class CropField:
    """One field: its corners (4, 2), colour, and the direction and spacing of its rows."""

    corners_m: NDArray[np.float64]
    colour: Colour
    row_heading_rad: float
    row_spacing_m: float
    row_strength: float


@dataclass(frozen=True, slots=True, eq=False)
class Landcover:
    """The map of one square of country ``size_m`` wide, centred on home.

    ``forest`` and ``water`` are shares 0..1 and ``bare`` is bare soil, all on ``CELLS``² cells, row 0 north.
    ``clear_m`` is the distance to the nearest wood, water, road or house.
    """

    size_m: float
    forest: Floats
    water: Floats
    bare: Floats
    clear_m: Floats
    roads: tuple[Road, ...]
    buildings: tuple[Building, ...]
    fields: tuple[CropField, ...]

    @classmethod
    def generate(cls, rng: np.random.Generator, family: Family, size_m: float) -> Landcover:
        """Lay out one square of country; the same ``rng`` state gives the same square."""
        cell_m = size_m / CELLS
        forest_noise = fractal(rng, CELLS, 330.0 / cell_m, 5, 0.55)
        edge = float(np.quantile(forest_noise, 1.0 - family.forest_share))
        forest = smoothstep(edge - 0.12, edge + 0.12, forest_noise)
        water_noise = fractal(rng, CELLS, 240.0 / cell_m, 3, 0.4)
        shore = float(np.quantile(water_noise, 1.0 - family.water_share))
        water = smoothstep(shore - 0.03, shore + 0.03, water_noise)
        bare_noise = fractal(rng, CELLS, 150.0 / cell_m, 5, 0.6)
        limit = float(np.quantile(bare_noise, 1.0 - family.bare_share))
        bare = smoothstep(limit - 0.25, limit + 0.25, bare_noise)

        fields = _lay_fields(rng, family, size_m)
        kept = []
        for field in fields:
            mask = np.zeros((CELLS, CELLS), np.uint8)
            cv2.fillConvexPoly(mask, _cells(field.corners_m, size_m), 1)
            inside = mask > 0
            if not inside.any() or water[inside].max() > 0.3 or forest[inside].mean() > 0.45:
                continue
            kept.append(field)
            forest[inside] *= 0.0
        roads = _lay_roads(rng, size_m)
        buildings = _lay_buildings(rng, family, roads, size_m, water)

        blocked = ((forest > 0.3) | (water > 0.1)).astype(np.uint8)
        for road in roads:
            points = _cells(road.points_m, size_m)
            cv2.polylines(blocked, [points], False, 1, max(1, round(road.width_m / cell_m)))
        for building in buildings:
            centre = _cells(np.array([[building.east_m, building.north_m]]), size_m)[0]
            cv2.circle(
                blocked, (int(centre[0]), int(centre[1])), math.ceil(building.length_m / cell_m), 1, -1
            )
        clear = cv2.distanceTransform(1 - blocked, cv2.DIST_L2, 5) * np.float32(cell_m)
        return cls(
            size_m,
            np.asarray(forest, np.float32),
            np.asarray(water, np.float32),
            np.asarray(bare, np.float32),
            np.asarray(clear, np.float32),
            tuple(roads),
            tuple(buildings),
            tuple(kept),
        )

    def clear_at(self, east_m: float, north_m: float) -> float:
        """Metres of open ground round a point."""
        column = int((east_m / self.size_m + 0.5) * CELLS)
        row = int((0.5 - north_m / self.size_m) * CELLS)
        if not (0 <= column < CELLS and 0 <= row < CELLS):
            return 0.0
        return float(self.clear_m[row, column])


def _cells(points_m: NDArray[np.float64], size_m: float) -> NDArray[np.int32]:
    scale = CELLS / size_m
    out = np.empty(points_m.shape, np.float64)
    out[:, 0] = (points_m[:, 0] + size_m / 2) * scale
    out[:, 1] = (size_m / 2 - points_m[:, 1]) * scale
    return np.round(out).astype(np.int32)


def _turn(points: AnyArray, heading_rad: float) -> NDArray[np.float64]:
    c, s = math.cos(heading_rad), math.sin(heading_rad)
    return np.asarray(points @ np.array([[c, s], [-s, c]]), np.float64)


def _lay_fields(rng: np.random.Generator, family: Family, size_m: float) -> list[CropField]:
    """Strips cut into fields, on a grid turned as a whole; some are left as grass."""
    heading = float(rng.uniform(0, math.pi))
    fields = []
    reach = size_m * 0.75
    u = -reach
    while u < reach:
        depth = float(rng.uniform(70, 190))
        v = -reach + float(rng.uniform(0, 60))
        while v < reach:
            length = float(rng.uniform(80, 280))
            if rng.random() < family.field_share:
                gap = 4.0
                skew = rng.uniform(-9, 9, (4, 2))
                corners = np.array(
                    [
                        [u + gap, v + gap],
                        [u + depth - gap, v + gap],
                        [u + depth - gap, v + length - gap],
                        [u + gap, v + length - gap],
                    ]
                )
                corners = _turn(corners + skew * 0.5, heading)
                if np.abs(corners).max() < size_m * 0.6:
                    along = heading + (0.0 if rng.random() < 0.5 else math.pi / 2)
                    colour = family.crops[int(rng.integers(len(family.crops)))]
                    tone = float(rng.uniform(0.86, 1.1))
                    shaded = (int(colour[0] * tone), int(colour[1] * tone), int(colour[2] * tone))
                    fields.append(
                        CropField(
                            corners,
                            shaded,
                            along,
                            float(rng.uniform(1.4, 3.2)),
                            float(rng.choice([0.0, 0.03, 0.05, 0.08])),
                        )
                    )
            v += length
        u += depth
    return fields


def _lay_roads(rng: np.random.Generator, size_m: float) -> list[Road]:
    roads = []
    for sealed in (True, False, False):
        heading = float(rng.uniform(0, math.pi))
        offset = float(rng.uniform(-0.3, 0.3)) * size_m
        along = np.linspace(-0.8 * size_m, 0.8 * size_m, 160)
        phases = rng.uniform(0, 2 * math.pi, 3)
        bend = sum(
            share * size_m * np.sin(2 * math.pi * along / (length * size_m) + phase)
            for share, length, phase in zip((0.05, 0.018, 0.006), (0.9, 0.37, 0.16), phases, strict=True)
        )
        points = _turn(np.stack([along, offset + bend], axis=1), heading)
        roads.append(
            Road(points, float(rng.uniform(6.0, 8.5)) if sealed else float(rng.uniform(3.0, 4.5)), sealed)
        )
    return roads


def _lay_buildings(
    rng: np.random.Generator, family: Family, roads: list[Road], size_m: float, water: Floats
) -> list[Building]:
    """Hamlets along the roads."""
    buildings: list[Building] = []
    hamlets = [(roads[int(rng.integers(len(roads)))], float(rng.uniform(0.25, 0.75))) for _ in range(7)]
    for _ in range(family.buildings):
        road, place = hamlets[int(rng.integers(len(hamlets)))]
        index = int(
            np.clip((place + rng.normal(0, 0.035)) * (len(road.points_m) - 2), 0, len(road.points_m) - 2)
        )
        here, ahead = road.points_m[index], road.points_m[index + 1]
        heading = math.atan2(ahead[1] - here[1], ahead[0] - here[0])
        length, width = float(rng.uniform(9, 24)), float(rng.uniform(7, 12))
        away = float(rng.choice([-1, 1])) * (road.width_m / 2 + width / 2 + float(rng.uniform(4, 30)))
        east = float(here[0] - math.sin(heading) * away + rng.uniform(-12, 12) * math.cos(heading))
        north = float(here[1] + math.cos(heading) * away + rng.uniform(-12, 12) * math.sin(heading))
        if max(abs(east), abs(north)) > size_m * 0.48:
            continue
        column, row = _cells(np.array([[east, north]]), size_m)[0]
        near = any(
            math.hypot(east - b.east_m, north - b.north_m) < (length + b.length_m) * 0.62 for b in buildings
        )
        if near or water[row, column] > 0.05:
            continue
        roof = family.roofs[int(rng.integers(len(family.roofs)))]
        buildings.append(
            Building(
                east,
                north,
                length,
                width,
                float(rng.uniform(4, 7.5)),
                heading + float(rng.normal(0, 0.06)),
                roof,
            )
        )
    return buildings
