"""How the camera turned from one picture to the next, as the pictures show it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry.optics import Camera, CameraProfileError

FloatArray = NDArray[np.float64]

LONG_SIDE_PX = 640
MOST_POINTS, LEAST_POINTS = 200, 20
POINT_QUALITY, POINTS_APART_PX = 0.01, 8
# A point that does not come back to where it was, followed there and back, was not followed.
RETURNED_PX = 0.5
# What moves by itself, or is so near that it moves when the camera does, fits no turn.
STRAY_PX = 1.5
LEAST_FITTING = 0.5
FIT_STEPS = 5
LONGEST_GAP_S = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """From one picture to the next: a rotation vector in the earlier picture's camera frame, radians."""

    start_s: float
    end_s: float
    rotation: FloatArray


class TurnWatcher:
    """Follows points from picture to picture; tells nothing over a gap, or where too few can be followed."""

    def __init__(self, camera: Camera) -> None:
        self._whole = camera
        self._camera: Camera | None = None
        self._before: tuple[float, NDArray[np.uint8], NDArray[np.float32]] | None = None

    def see(self, image: NDArray[np.uint8], at_s: float) -> Turn | None:
        """The turn since the picture before this one (BGR). Raises CameraProfileError for another format."""
        grey = self._small(image)
        before = self._before
        points = cv2.goodFeaturesToTrack(grey, MOST_POINTS, POINT_QUALITY, POINTS_APART_PX)
        found_px = np.zeros((0, 2)) if points is None else points.reshape(-1, 2)
        self._before = (at_s, grey, np.asarray(found_px, np.float32))
        if before is None or not 0 < at_s - before[0] <= LONGEST_GAP_S:
            return None
        start_s, grey_before, start_px = before
        if len(start_px) < LEAST_POINTS:
            return None
        end_px, followed, _ = cv2.calcOpticalFlowPyrLK(grey_before, grey, start_px, start_px.copy())
        back_px, _, _ = cv2.calcOpticalFlowPyrLK(grey, grey_before, end_px, start_px.copy())
        good = (followed.ravel() == 1) & (np.linalg.norm(back_px - start_px, axis=1) < RETURNED_PX)
        if good.sum() < LEAST_POINTS:
            return None
        assert self._camera is not None  # noqa: S101 - set with the first picture
        return _turn(self._camera, start_px[good], np.asarray(end_px)[good], start_s, at_s)

    def _small(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height_px, width_px = image.shape[:2]
        scale = min(1.0, LONG_SIDE_PX / max(height_px, width_px))
        size = (round(width_px * scale), round(height_px * scale))
        if self._camera is None:
            # Through the picture's own size first: it may be a mode of the camera's.
            self._camera = self._whole.at_size(width_px, height_px).at_size(*size)
        if (self._camera.width_px, self._camera.height_px) != size:
            raise CameraProfileError("the camera changed the size of its pictures")
        small = image if scale == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def _turn(
    camera: Camera, start_px: NDArray[Any], end_px: NDArray[Any], start_s: float, end_s: float
) -> Turn | None:
    """The rotation that brings most of the points from start to end."""
    start, end = camera.rays(start_px), camera.rays(end_px)
    known = np.isfinite(start).all(axis=1) & np.isfinite(end).all(axis=1)
    start, end = start[known], end[known]
    if len(start) < LEAST_POINTS:
        return None
    # The middle of all moves to begin with, so that half of the points may be strays.
    moves = np.cross(end, start)
    fits = _nearest(np.linalg.norm(moves - np.median(moves, axis=0), axis=1), len(start) // 2)
    stray = STRAY_PX / camera.fx_px
    for _ in range(FIT_STEPS):
        turned = _kabsch(start[fits], end[fits])
        off = np.linalg.norm(end @ turned.T - start, axis=1)
        now = off < max(stray, 3.0 * float(np.median(off[fits])))
        if (now == fits).all():
            break
        fits = now
    fits = off < stray
    if fits.sum() < max(LEAST_POINTS, LEAST_FITTING * len(start)):
        return None
    turned = _kabsch(start[fits], end[fits])
    return Turn(start_s, end_s, np.asarray(cv2.Rodrigues(turned)[0], np.float64).ravel())


def _nearest(distances: FloatArray, count: int) -> NDArray[np.bool_]:
    return np.asarray(distances <= np.partition(distances, count)[count])


def _kabsch(start: FloatArray, end: FloatArray) -> FloatArray:
    """The rotation from the later picture's camera frame into the earlier one's."""
    u, _, vt = np.linalg.svd(start.T @ end)
    sign = math.copysign(1.0, float(np.linalg.det(u @ vt)))
    return np.asarray(u @ np.diag([1.0, 1.0, sign]) @ vt)
