"""The foot of a thing in its box: the pixel where a fire or a smoke column stands on the ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.geometry.optics import Camera
from edge.geometry.pose import Pose
from edge.geometry.sighting import Box
from edge.vision.merge import Found
from flight.local_frame import DEGREES
from models.detection import Detection

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Feet:
    """N pixels of one frame to be put on the ground, and how far each may be off."""

    pixels: FloatArray
    """(N, 2)"""
    covariances_px2: FloatArray
    """(N, 2, 2)"""
    labels: list[str]
    scores: list[float]
    boxes: list[Box | None]
    no_base: list[str]
    """Why a pixel is not the foot of the thing, where that is known: then its bearing alone counts."""


def feet_of(detections: Sequence[Detection], pose: Pose, camera: Camera) -> Feet:
    """The pixels where the things in the boxes of one frame stand, and how far these may be off.

    The figures are 1σ, set a little above the root mean square seen on rendered scenes (boxes drawn by
    hand and by a detector); real footage has yet to confirm them:

    - fire: middle of the box's lower edge, 10 % of its width and 12 % of its height. From above a box
      covers the burning ground and not only its near edge, so the pixel moves up by half of the ground's
      depth, which is taken to be as deep as the box is wide.
    - smoke: wind draws the column to one side, so its foot is mostly near a corner of the lower edge:
      40 % of the width, and from 12 % of the height at the horizon to 32 % from straight above, where
      the foot may be anywhere in the box.
    - never less than a detector can tell that looks at the picture 320 pixels wide.
    - an edge of the box that is the picture's own edge, or that of the only part of it that was looked at
      closely there, is not where the thing ends: half of the box more.
      Smoke that goes on below the picture has its foot somewhere nearer, so it keeps its bearing only.
    """
    boxes = np.array([(d.x1, d.y1, d.x2, d.y2) for d in detections]).reshape(-1, 4)
    is_smoke = np.array([d.label == "smoke" for d in detections], np.bool_)
    corner, width_px, height_px = boxes[:, 2:], boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    pixels = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]])
    least_px = max(2.0, camera.width_px / 320)
    cut_below = corner[:, 1] >= camera.height_px - 1 - least_px
    cut_aside = (boxes[:, 0] <= least_px) | (corner[:, 0] >= camera.width_px - 1 - least_px)
    if any(isinstance(d, Found) for d in detections):
        cut_below |= [isinstance(d, Found) and d.cut_below for d in detections]
        cut_aside |= [isinstance(d, Found) and d.cut_aside for d in detections]
    lowest = np.minimum(pixels, (np.inf, camera.height_px - 0.5))
    sin_down = np.minimum(np.maximum(-(camera.rays(lowest) @ pose.camera_to_enu[2]), 0.0), 1.0)
    above_60 = np.maximum(np.arcsin(sin_down) * DEGREES - 60.0, 0.0) / 30.0
    fire_up_px = 0.5 * np.minimum(height_px, width_px * sin_down)
    pixels[:, 1] -= np.where(is_smoke, 0.5 * height_px * above_60, fire_up_px)
    sigma_u_px = np.where(is_smoke, 0.40, 0.10) * width_px + 0.5 * width_px * cut_aside
    fire_cut = cut_below & ~is_smoke
    sigma_v_px = (0.12 + 0.20 * sin_down**2 * is_smoke + 0.5 * fire_cut) * height_px
    covariances_px2 = np.zeros((len(boxes), 2, 2))
    covariances_px2[:, 0, 0] = np.maximum(sigma_u_px, least_px) ** 2
    covariances_px2[:, 1, 1] = np.maximum(sigma_v_px, least_px) ** 2
    return Feet(
        pixels,
        covariances_px2,
        [d.label for d in detections],
        [d.score for d in detections],
        [(d.x1, d.y1, d.x2, d.y2) for d in detections],
        ["its foot is below the picture" if cut else "" for cut in (cut_below & is_smoke).tolist()],
    )
