"""A small world that the tests of the virtual camera share, and arithmetic that shares nothing with it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.world.relief import Relief
from hardware.virtual.world.world import World

SEED = 7


@lru_cache(maxsize=1)
def small_world() -> World:
    """Three fires, cheap textures."""
    return World.generate(SEED, "eucalypt", texture_px=1024, ortho_m=900.0)


def on_relief(world: World, relief: Relief) -> World:
    """The same country bent over another relief, without its fires."""
    return replace(world, ground=replace(world.ground, relief=relief), fires=(), look_alikes=())


def shaped_relief(height_of: NDArray[np.float32] | None = None, *, slope_east: float = 0.0) -> Relief:
    """A plane through home that rises ``slope_east`` toward the east, or any heights on the same posts."""
    blank = small_world().ground.relief.heights_m
    east, _ = post_positions()
    return Relief(
        (584.0 + slope_east * east if height_of is None else height_of).astype(np.float32) + 0 * blank
    )


def post_positions() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """East and north of every post, found by asking the grid where it puts them."""
    side = small_world().ground.relief.heights_m.shape[0]
    metres = np.arange(-16_000, 16_001, 4, dtype=np.float64)
    column, _ = Relief.posts(metres, np.zeros_like(metres))
    along = np.interp(np.arange(side), column, metres).astype(np.float32)
    east, north = np.meshgrid(along, -along)
    return east, north


def pose_near(
    world: World,
    east_m: float,
    north_m: float,
    agl_m: float,
    yaw_deg: float,
    pitch_deg: float,
    time_s: float = 20.0,
) -> TruePose:
    """A camera ``agl_m`` above the ground at a place east and north of home."""
    lat, lon = world.frame.to_geographic(east_m, north_m)
    ground = float(world.ground_amsl_m(lat, lon))
    return TruePose.looking(
        float(lat), float(lon), ground + agl_m, yaw_deg=yaw_deg, pitch_deg=pitch_deg, time_s=time_s
    )


def pixel_by_opencv(
    lens: VirtualLens,
    eye_enu_m: NDArray[np.float64],
    target_enu_m: NDArray[np.float64],
    yaw_deg: float,
    pitch_deg: float,
) -> NDArray[np.float64]:
    """Where ``target`` appears, by ``cv2.projectPoints`` and axes written down from yaw and pitch by hand."""
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    forward = [math.sin(yaw) * math.cos(pitch), math.cos(yaw) * math.cos(pitch), math.sin(pitch)]
    right = [math.cos(yaw), -math.sin(yaw), 0.0]
    down = np.cross(forward, right)
    camera_from_enu = np.array([right, down, forward])
    rvec, _ = cv2.Rodrigues(camera_from_enu)
    tvec = -camera_from_enu @ eye_enu_m
    focal = lens.width_px / 2 / math.tan(math.radians(lens.hfov_deg / 2))
    matrix = np.array(
        [[focal, 0, (lens.width_px - 1) / 2], [0, focal, (lens.height_px - 1) / 2], [0, 0, 1]], np.float64
    )
    found, _ = cv2.projectPoints(
        target_enu_m.reshape(1, 1, 3), rvec, tvec, matrix, np.array([lens.k1, lens.k2, 0.0, 0.0])
    )
    return np.asarray(found, np.float64).reshape(2)
