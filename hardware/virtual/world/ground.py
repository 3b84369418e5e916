"""A piece of country: its relief, what covers it, and the textures a camera sees it through."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from hardware.virtual.frame import LocalFrame
from hardware.virtual.world.families import Family, family_named
from hardware.virtual.world.landcover import Landcover
from hardware.virtual.world.light import Light
from hardware.virtual.world.noise import Bytes, tile
from hardware.virtual.world.relief import Relief
from hardware.virtual.world.texture import CANOPY_UNIT_M, Ortho, paint

LEVELS = 8
DETAIL_TEXEL_M = 0.11
DETAIL_TILE_PX = 1024
DETAIL_REPEATS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """The orthophoto at full and at halved, quartered … resolution in one picture: one lookup serves all.

    ``picture`` is BGR and roughness; level k starts at (column, row) ``starts[k]`` and has 2^-k the size.
    """

    picture: Bytes
    starts: tuple[tuple[int, int], ...]
    size_m: float
    texel_m: float
    canopy: Bytes
    highest_m: float


@dataclass(eq=False)
class Ground:
    """The country of one seed. Relief and cover are made at once, the textures when first looked at.

    A process that flies over it but never looks (the autopilot) does not pay for the picture.
    """

    seed: int
    family: Family
    size_m: float
    ortho_m: float
    texture_px: int
    frame: LocalFrame
    home_amsl_m: float
    relief: Relief
    cover: Landcover
    sun_azimuth_rad: float
    sun_elevation_rad: float

    @classmethod
    def generate(
        cls,
        seed: int,
        family_name: str,
        *,
        size_m: float,
        ortho_m: float,
        texture_px: int,
        frame: LocalFrame,
        home_amsl_m: float,
        light: Light,
    ) -> Ground:
        """The same arguments give the same country, texel for texel."""
        family = family_named(family_name)
        relief = Relief.generate(np.random.default_rng([seed, 1]), home_amsl_m, family.relief_m)
        cover = Landcover.generate(np.random.default_rng([seed, 2]), family, ortho_m)
        return cls(
            seed,
            family,
            size_m,
            ortho_m,
            texture_px,
            frame,
            home_amsl_m,
            relief,
            cover,
            light.sun_azimuth_rad,
            # A sun on the horizon would leave an orthophoto of shadows alone.
            max(light.sun_elevation_rad, 0.42),
        )

    @cached_property
    def atlas(self) -> Atlas:
        """The orthophoto as the renderer reads it."""
        rng = np.random.default_rng([self.seed, 3])
        ortho = paint(
            rng,
            self.family,
            self.cover,
            self.relief,
            self.texture_px,
            self.sun_azimuth_rad,
            self.sun_elevation_rad,
        )
        return _atlas(ortho)


def _atlas(ortho: Ortho) -> Atlas:
    side = ortho.bgr.shape[0]
    picture = np.zeros((side, side + side // 2, 4), np.uint8)
    level = np.asarray(cv2.merge([*cv2.split(ortho.bgr), ortho.rough]), np.uint8)
    starts = []
    row = 0
    for index in range(LEVELS):
        size = level.shape[0]
        column = 0 if index == 0 else side
        starts.append((column, row))
        picture[row : row + size, column : column + size] = level
        row = 0 if index == 0 else row + size
        if index + 1 < LEVELS:
            level = np.asarray(
                cv2.resize(level, (size // 2, size // 2), interpolation=cv2.INTER_AREA), np.uint8
            )
    return Atlas(
        picture,
        tuple(starts),
        ortho.size_m,
        ortho.texel_m,
        ortho.canopy,
        float(ortho.canopy.max()) * CANOPY_UNIT_M,
    )


_detail: Bytes | None = None


def detail() -> Bytes:
    """Leaf and grass detail finer than the orthophoto, round 128, tiled seamlessly; made once per process."""
    global _detail
    if _detail is None:
        rng = np.random.default_rng(11)
        field = 0.75 * tile(rng, DETAIL_TILE_PX, 1.0, 6.0) + 0.5 * tile(rng, DETAIL_TILE_PX, 0.6, 30.0)
        clumps = np.abs(tile(rng, DETAIL_TILE_PX, 1.5, 20.0))
        field += 0.7 * (clumps - float(clumps.mean()))
        one = np.clip(128 + 24 * field, 0, 255).astype(np.uint8)
        _detail = np.tile(one, (DETAIL_REPEATS, DETAIL_REPEATS))
    return _detail
