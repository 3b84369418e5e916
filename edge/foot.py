"""The foot of a thing in its box: the pixel where a fire or a smoke column stands on the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.optics import Camera
from edge.pose import Pose
from edge.sighting import Box
from edge.vision.merge import Found
from models.detection import Detection

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Foot:
    """A pixel to be put on the ground, and how far it may be off."""

    pixel: tuple[float, float]
    covariance_px2: FloatArray
    label: str
    score: float
    box: Box | None
    no_base: str = ""
    """Why the pixel is not the foot of the thing, where that is known: then its bearing alone counts."""


def foot_of(detection: Detection, pose: Pose, camera: Camera) -> Foot:
    """The pixel where the thing in a box stands, and how far that may be off.

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
    width_px, height_px = detection.x2 - detection.x1, detection.y2 - detection.y1
    u, v = (detection.x1 + detection.x2) / 2, detection.y2
    least_px = max(2.0, camera.width_px / 320)
    cut_below = detection.y2 >= camera.height_px - 1 - least_px
    cut_aside = detection.x1 <= least_px or detection.x2 >= camera.width_px - 1 - least_px
    if isinstance(detection, Found):
        cut_below, cut_aside = cut_below or detection.cut_below, cut_aside or detection.cut_aside
    ray = pose.camera_to_enu @ camera.rays([(u, min(v, camera.height_px - 0.5))])[0]
    sin_down = min(max(-float(ray[2]), 0.0), 1.0)
    no_base = ""
    if detection.label == "smoke":
        v -= 0.5 * height_px * max(math.degrees(math.asin(sin_down)) - 60.0, 0.0) / 30.0
        sigma_u_px, sigma_v_px = 0.40 * width_px, (0.12 + 0.20 * sin_down**2) * height_px
        if cut_below:
            no_base = "its foot is below the picture"
    else:
        v -= min(0.5 * height_px, 0.5 * width_px * sin_down)
        sigma_u_px, sigma_v_px = 0.10 * width_px, 0.12 * height_px
        if cut_below:
            sigma_v_px += 0.5 * height_px
    if cut_aside:
        sigma_u_px += 0.5 * width_px
    variances = [max(sigma_u_px, least_px) ** 2, max(sigma_v_px, least_px) ** 2]
    box = (detection.x1, detection.y1, detection.x2, detection.y2)
    return Foot((u, v), np.diag(variances), detection.label, detection.score, box, no_base)
