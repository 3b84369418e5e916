"""From the corners of a chessboard in many views to a lens, with how sure it is.

Pure. OpenCV makes the fit; what it is worth is judged here: a fit to few or similar views has a small
reprojection error and a wrong focal length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera_commands.chessboard import Board, CalibrationError

FloatArray = NDArray[np.float64]

LEAST_VIEWS = 8
# Two views none of whose corners lie farther apart than this part of the picture's diagonal are one.
SAME_VIEW = 0.015
# Without boards at different slants a longer lens and a farther board look the same.
LEAST_SLANT_DEG = 20.0
# The corners of all views together must reach over this part of the picture, across and down.
LEAST_REACH = 0.6
# A view is left out whose corners miss by this many times what is usual, and by this much.
OUTLIER_TIMES, OUTLIER_PX = 3.0, 1.0
WORST_FOCAL_SIGMA = 0.02
# Of the picture's width: more than this is a bent board, blur, or a lens of the other kind.
WORST_ERROR = 1.5e-3
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-9)
_FISHEYE_TERMS = 8
# OpenCV 4 has the fisheye's flags in cv2.fisheye, with values of their own; OpenCV 5 in cv2.
_FLAGS: Any = cv2.fisheye if hasattr(cv2.fisheye, "CALIB_FIX_SKEW") else cv2
_FISHEYE_FLAGS = int(
    _FLAGS.CALIB_USE_INTRINSIC_GUESS | _FLAGS.CALIB_RECOMPUTE_EXTRINSIC | _FLAGS.CALIB_FIX_SKEW
)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One photo's corners (N, 2)."""

    name: str
    corners: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A lens in pixels of the views, and how well it explains them."""

    lens: Literal["pinhole", "fisheye"]
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, ...]
    focal_sigma: float
    """1σ of the focal length as a part of it, from the fit's own residuals."""
    error_px: float
    """Root mean square over all corners."""
    used: tuple[View, ...]
    errors_px: tuple[float, ...]
    """Of each used view."""
    left_out: tuple[tuple[str, str], ...]
    """Names of views with why they are not used."""


def fit_lens(
    views: Sequence[View], board: Board, width_px: int, height_px: int, *, fisheye: bool = False
) -> Fit:
    """Fit a lens. Raises CalibrationError where the views do not determine one, with what to do about it."""
    used, left_out = _distinct(views, math.hypot(width_px, height_px))
    _enough(used, left_out)
    _reach(used, width_px, height_px)
    solve = _fisheye if fisheye else _pinhole
    solution = solve(used, board, width_px, height_px)
    misses = solution.errors_px > np.maximum(OUTLIER_TIMES * np.median(solution.errors_px), OUTLIER_PX)
    if misses.any():
        for view, error_px, missed in zip(used, solution.errors_px, misses, strict=True):
            if missed:
                left_out.append(
                    (view.name, f"its corners miss by {error_px:.1f} px: blurred, or a bent board")
                )
        used = [view for view, missed in zip(used, misses, strict=True) if not missed]
        _enough(used, left_out)
        solution = solve(used, board, width_px, height_px)
    _slants(solution.rotations)
    counts = np.array([len(view.corners) for view in used])
    error_px = math.sqrt(float((counts * solution.errors_px**2).sum() / counts.sum()))
    if error_px > WORST_ERROR * width_px:
        raise CalibrationError(
            f"the corners miss by {error_px:.1f} px: this lens is not of that kind, or the board is not flat",
            hint="A wide lens needs --fisheye. Glue the board to something flat.",
        )
    if not solution.focal_sigma <= WORST_FOCAL_SIGMA:
        raise CalibrationError(
            f"the focal length is only known to {100 * solution.focal_sigma:.1f} %",
            hint="Take more photos, with the board larger, and slanted by 30° to each side, up and down.",
        )
    fx_px, fy_px, cx_px, cy_px = solution.intrinsics
    return Fit(
        lens="fisheye" if fisheye else "pinhole",
        fx_px=fx_px,
        fy_px=fy_px,
        cx_px=cx_px,
        cy_px=cy_px,
        distortion=solution.distortion,
        focal_sigma=solution.focal_sigma,
        error_px=error_px,
        used=tuple(used),
        errors_px=tuple(solution.errors_px.tolist()),
        left_out=tuple(left_out),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Solution:
    intrinsics: tuple[float, float, float, float]
    distortion: tuple[float, ...]
    focal_sigma: float
    errors_px: FloatArray
    rotations: list[FloatArray]


def _pinhole(views: Sequence[View], board: Board, width_px: int, height_px: int) -> _Solution:
    points = [board.corners.astype(np.float32)] * len(views)
    corners = [view.corners.astype(np.float32) for view in views]
    try:
        _, matrix, distortion, rotations, _, sigmas, _, errors_px = cv2.calibrateCameraExtended(
            points, corners, (width_px, height_px), np.eye(3), np.zeros(5), criteria=_STOP
        )
    except cv2.error as error:
        raise _no_fit() from error
    focal_sigma = max(float(sigmas[0, 0]) / matrix[0, 0], float(sigmas[1, 0]) / matrix[1, 1])
    return _Solution(
        (float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])),
        tuple(float(k) for k in np.ravel(distortion)[:5]),
        focal_sigma,
        np.ravel(errors_px),
        [np.ravel(rotation) for rotation in rotations],
    )


def _fisheye(views: Sequence[View], board: Board, width_px: int, height_px: int) -> _Solution:
    points, corners = [board.corners] * len(views), [view.corners for view in views]
    # A fisheye's picture is about 180° from corner to corner; OpenCV finds the rest from there.
    focal_px = math.hypot(width_px, height_px) / math.pi
    start = np.array(
        [[focal_px, 0.0, (width_px - 1) / 2], [0.0, focal_px, (height_px - 1) / 2], [0.0, 0.0, 1.0]]
    )
    try:
        _, matrix, k, rotations, shifts = cv2.fisheye.calibrate(
            [each[None] for each in points],
            [each[None] for each in corners],
            (width_px, height_px),
            start,
            np.zeros((4, 1)),
            flags=_FISHEYE_FLAGS,
            criteria=_STOP,
        )
    except cv2.error as error:
        raise _no_fit() from error
    misses: list[FloatArray] = []
    slopes: list[FloatArray] = []
    for point, corner, rotation, shift in zip(points, corners, rotations, shifts, strict=True):
        seen, slope = cv2.fisheye.projectPoints(point[None], rotation, shift, matrix, k)
        misses.append(np.asarray(seen.reshape(-1, 2) - corner, np.float64))
        slopes.append(np.asarray(slope, np.float64))
    intrinsics = (float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2]))
    return _Solution(
        intrinsics,
        tuple(float(each) for each in np.ravel(k)),
        _fisheye_focal_sigma(intrinsics, misses, slopes),
        np.array([math.sqrt((miss**2).sum(axis=1).mean()) for miss in misses]),
        [np.ravel(rotation) for rotation in rotations],
    )


def _fisheye_focal_sigma(
    intrinsics: tuple[float, float, float, float], misses: list[FloatArray], slopes: list[FloatArray]
) -> float:
    """OpenCV tells no uncertainty of a fisheye: it is the residuals' through the Jacobian of the fit.

    Each view's own six numbers are taken out of the normal equations (Schur complement).
    """
    normal = np.zeros((_FISHEYE_TERMS, _FISHEYE_TERMS))
    for slope in slopes:
        # OpenCV's columns: fx fy, cx cy, k1 to k4, rotation, shift, skew.
        shared, own = slope[:, :_FISHEYE_TERMS], slope[:, _FISHEYE_TERMS : _FISHEYE_TERMS + 6]
        cross = shared.T @ own
        normal += shared.T @ shared - cross @ np.linalg.pinv(own.T @ own) @ cross.T
    residuals = np.concatenate([miss.ravel() for miss in misses])
    freedom = len(residuals) - _FISHEYE_TERMS - 6 * len(misses)
    variance_px2 = float((residuals**2).sum()) / max(freedom, 1)
    covariance = variance_px2 * np.linalg.pinv(normal)
    fx_px, fy_px, _, _ = intrinsics
    return max(math.sqrt(covariance[0, 0]) / fx_px, math.sqrt(covariance[1, 1]) / fy_px)


def _no_fit() -> CalibrationError:
    return CalibrationError(
        "no lens explains these views",
        hint="Take more photos, slanted by 30° to each side, up and down. A wide lens needs --fisheye.",
    )


def _distinct(views: Sequence[View], diagonal_px: float) -> tuple[list[View], list[tuple[str, str]]]:
    """Views that show the board in different ways, and those left out because another one is the same."""
    kept: list[View] = []
    left_out: list[tuple[str, str]] = []
    for view in views:
        twin = next((other for other in kept if _apart_px(view, other) < SAME_VIEW * diagonal_px), None)
        if twin is None:
            kept.append(view)
        else:
            left_out.append((view.name, f"the same view as {twin.name}"))
    return kept, left_out


def _apart_px(a: View, b: View) -> float:
    """Between the corners of two views; a board may be found from its other end."""
    return min(
        float(np.linalg.norm(a.corners - corners, axis=1).max()) for corners in (b.corners, b.corners[::-1])
    )


def _enough(used: Sequence[View], left_out: Sequence[tuple[str, str]]) -> None:
    if len(used) < LEAST_VIEWS:
        alike = sum(why.startswith("the same view") for _, why in left_out)
        same = f"; {alike} more only repeat them" if alike else ""
        raise CalibrationError(
            f"{len(used)} different views of the board are too few{same}",
            hint=f"At least {LEAST_VIEWS} are needed, better 20: near and far, slanted to each side, up and "
            "down, and in every corner of the picture.",
        )


def _reach(used: Sequence[View], width_px: int, height_px: int) -> None:
    corners = np.vstack([view.corners for view in used])
    across, down = np.ptp(corners, axis=0) / (width_px, height_px)
    if min(across, down) < LEAST_REACH:
        raise CalibrationError(
            f"the board was only seen in {across:.0%} of the picture's width and {down:.0%} of its height",
            hint="Take photos with the board at every edge and in every corner: the lens bends most there.",
        )


def _slants(rotations: Sequence[FloatArray]) -> None:
    """The boards must not all lie the same way."""
    normals = np.array([cv2.Rodrigues(rotation)[0][:, 2] for rotation in rotations])
    widest_deg = math.degrees(math.acos(float(np.clip(normals @ normals.T, -1.0, 1.0).min())))
    if widest_deg < LEAST_SLANT_DEG:
        raise CalibrationError(
            f"the board lies the same way in all views, within {widest_deg:.0f}°",
            hint="Slant it by 30° to each side, up and down: without that the focal length is a guess.",
        )
