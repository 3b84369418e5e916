"""Look-alikes of kinds that the shipped detector was never trained on, to be put into a virtual country.

Some are painted on the ground, the others are plumes of their own. Their kinds, colours and sizes were chosen
before the detector had seen any of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.families import Colour
from hardware.virtual.world.ground import Atlas, Ground
from hardware.virtual.world.lookalikes import LookAlike
from hardware.virtual.world.plume import Plume
from hardware.virtual.world.texture import CANOPY_UNIT_M
from hardware.virtual.world.world import World

KINDS = ("tarpaulins", "people", "blossom", "rust", "glass", "sprinkler", "steam")

_ORANGE, _RED, _YELLOW, _HI_VIS = (30, 105, 235), (40, 55, 210), (60, 190, 240), (70, 235, 215)
_RUST = ((48, 82, 152), (42, 66, 128), (60, 96, 170))
_PANE, _FRAME = (250, 248, 242), (150, 146, 140)


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """A patch of one colour on the ground: a convex polygon (N, 2), east and north, ``height_m`` high.

    ``rough`` is as an orthophoto has it: 0 smooth, 255 leaves.
    """

    corners_m: NDArray[np.float64]
    colour: Colour
    height_m: float
    rough: int


@dataclass(frozen=True, slots=True, eq=False)
class Stranger:
    """One of them round a place: marks, or something with a plume."""

    kind: str
    east_m: float
    north_m: float
    marks: tuple[Mark, ...] = ()
    smoky: LookAlike | None = None


def stranger(kind: str, rng: np.random.Generator, east_m: float, north_m: float) -> Stranger:
    """One of that kind there."""
    if kind in ("sprinkler", "steam"):
        plume = _sprinkler(rng) if kind == "sprinkler" else _steam(rng)
        return Stranger(kind, east_m, north_m, (), LookAlike(kind, east_m, north_m, 0.5, plume.seed, plume))
    make = {"tarpaulins": _tarpaulins, "people": _people, "blossom": _blossom, "rust": _rust, "glass": _glass}
    return Stranger(kind, east_m, north_m, tuple(make[kind](rng, np.array([east_m, north_m]))))


def with_strangers(world: World, strangers: Sequence[Stranger]) -> World:
    """The same world with these in it."""
    marks = tuple(mark for one in strangers for mark in one.marks)
    ground = _MarkedGround(
        **{part.name: getattr(world.ground, part.name) for part in fields(Ground)}, marks=marks
    )
    smoky = tuple(one.smoky for one in strangers if one.smoky is not None)
    return replace(world, ground=ground, look_alikes=(*world.look_alikes, *smoky))


@dataclass(eq=False)
class _MarkedGround(Ground):
    """A ground with marks on its picture."""

    marks: tuple[Mark, ...] = ()

    @cached_property
    def atlas(self) -> Atlas:
        plain = super().atlas
        side = plain.canopy.shape[0]
        picture, canopy = plain.picture.copy(), plain.canopy.copy()
        level = np.ascontiguousarray(picture[:side, :side])
        for mark in self.marks:
            column = (mark.corners_m[:, 0] + plain.size_m / 2) / plain.texel_m - 0.5
            row = (plain.size_m / 2 - mark.corners_m[:, 1]) / plain.texel_m - 0.5
            corners = np.round(np.stack([column, row], axis=1) * 8).astype(np.int32)
            cv2.fillConvexPoly(level, corners, (*mark.colour, mark.rough), cv2.LINE_AA, 3)
            cv2.fillConvexPoly(canopy, corners, round(mark.height_m / CANOPY_UNIT_M), cv2.LINE_8, 3)
        for first_column, first_row in plain.starts:
            size = level.shape[0]
            picture[first_row : first_row + size, first_column : first_column + size] = level
            half = (size // 2, size // 2)
            level = np.asarray(cv2.resize(level, half, interpolation=cv2.INTER_AREA), np.uint8)
        return replace(plain, picture=picture, canopy=canopy)


def _tarpaulins(rng: np.random.Generator, here_m: NDArray[np.float64]) -> list[Mark]:
    """Tarpaulins and tents, a few metres on a side."""
    colours = (_ORANGE, _RED, _YELLOW)
    return [
        Mark(
            _rectangle(rng, here_m + rng.uniform(-5, 5, 2), rng.uniform(2.0, 6.0), rng.uniform(2.0, 4.0)),
            colours[int(rng.integers(3))],
            float(rng.uniform(0.2, 2.0)),
            40,
        )
        for _ in range(int(rng.integers(1, 4)))
    ]


def _people(rng: np.random.Generator, here_m: NDArray[np.float64]) -> list[Mark]:
    """A crew in bright vests."""
    colour = (_ORANGE, _HI_VIS)[int(rng.integers(2))]
    return [
        Mark(_round(here_m + rng.normal(0, 2.5, 2), rng.uniform(0.25, 0.4)), colour, 1.7, 30)
        for _ in range(int(rng.integers(2, 7)))
    ]


def _blossom(rng: np.random.Generator, here_m: NDArray[np.float64]) -> list[Mark]:
    """Shrubs in yellow and orange flower."""
    return [
        Mark(
            _round(here_m + rng.normal(0, 5.0, 2), rng.uniform(0.4, 1.5)),
            (int(rng.integers(30, 70)), int(rng.integers(130, 200)), int(rng.integers(215, 245))),
            float(rng.uniform(0.3, 1.5)),
            220,
        )
        for _ in range(int(rng.integers(12, 40)))
    ]


def _rust(rng: np.random.Generator, here_m: NDArray[np.float64]) -> list[Mark]:
    """Wrecks and rusty scrap."""
    return [
        Mark(
            _rectangle(rng, here_m + rng.normal(0, 4.0, 2), rng.uniform(1.5, 4.5), rng.uniform(1.2, 2.2)),
            _RUST[int(rng.integers(3))],
            float(rng.uniform(0.5, 1.6)),
            120,
        )
        for _ in range(int(rng.integers(3, 9)))
    ]


def _glass(rng: np.random.Generator, here_m: NDArray[np.float64]) -> list[Mark]:
    """A glasshouse in the sun: bright panes between frames."""
    length_m, width_m, turn = rng.uniform(12, 24), rng.uniform(6, 9), rng.uniform(0, math.pi)
    marks = [Mark(_turned(here_m, length_m, width_m, turn), _FRAME, 3.0, 10)]
    along = np.array([math.cos(turn), math.sin(turn)])
    panes = int(length_m / 2.0)
    for number in range(panes):
        middle_m = here_m + along * ((number + 0.5) * length_m / panes - length_m / 2)
        marks.append(Mark(_turned(middle_m, 1.6, width_m - 0.5, turn), _PANE, 3.0, 5))
    return marks


def _sprinkler(rng: np.random.Generator) -> Plume:
    """The mist of an irrigation gun: low, bright, soon gone."""
    return Plume(
        density=float(rng.uniform(0.15, 0.35)),
        colour=(248.0, 246.0, 240.0),
        rise_m_s=0.4,
        life_s=4.0,
        radius_m=float(rng.uniform(0.7, 1.4)),
        growth_m_s=0.7,
        puffs=18,
        seed=int(rng.integers(1, 9000)),
        darkness=0.0,
        spread_m=float(rng.uniform(1.0, 4.0)),
        flatness=0.7,
        wander_m=1.0,
        wind_share=0.6,
        billow=0.2,
    )


def _steam(rng: np.random.Generator) -> Plume:
    """Steam from a vent: a white column that is dry again after some metres."""
    return Plume(
        density=float(rng.uniform(0.45, 0.85)),
        colour=(253.0, 252.0, 250.0),
        rise_m_s=float(rng.uniform(2.0, 4.0)),
        life_s=float(rng.uniform(3.0, 6.0)),
        radius_m=float(rng.uniform(0.5, 1.1)),
        growth_m_s=0.5,
        puffs=20,
        seed=int(rng.integers(1, 9000)),
        darkness=0.0,
        spread_m=0.4,
        wander_m=0.8,
    )


def _rectangle(
    rng: np.random.Generator, middle_m: NDArray[np.float64], length_m: float, width_m: float
) -> NDArray[np.float64]:
    return _turned(middle_m, length_m, width_m, rng.uniform(0, math.pi))


def _turned(
    middle_m: NDArray[np.float64], length_m: float, width_m: float, turn_rad: float
) -> NDArray[np.float64]:
    along = np.array([math.cos(turn_rad), math.sin(turn_rad)]) * length_m / 2
    across = np.array([-math.sin(turn_rad), math.cos(turn_rad)]) * width_m / 2
    corners = np.array([along + across, along - across, -along - across, across - along])
    return np.asarray(middle_m + corners, np.float64)


def _round(middle_m: NDArray[np.float64], radius_m: float) -> NDArray[np.float64]:
    angles = np.linspace(0, 2 * math.pi, 10, endpoint=False)
    return middle_m + radius_m * np.stack([np.cos(angles), np.sin(angles)], axis=1)
