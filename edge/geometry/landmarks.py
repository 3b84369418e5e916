"""How a fixed camera looks, from things in its picture whose places are known.

Robust least squares over the picture: angles (and the camera's place, where nobody has surveyed it) are moved
until every landmark is where it is seen. What is known of each error goes in: pixels, the landmarks' places,
the camera's place and the lens; so the answer knows its own. Landmarks that contradict each other, or do not
tell enough, are refused: a camera that is a degree off puts a fire 5 km away into the next valley.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from scipy.special import chdtri

from edge.geometry.landmark_file import LandmarkError, LandmarkFile
from edge.geometry.march import REFRACTION
from edge.geometry.optics import Camera
from flight.local_frame import LocalFrame

FloatArray = NDArray[np.float64]

LEAST_KNOWN, LEAST_UNKNOWN = 3, 4
NEAREST_M = 5.0
ROBUST_FROM = 2.0  # σ: what misses by more counts less
CONTRADICTION = 0.001  # landmarks as well measured as they say would miss by more this often
MOST_ANGLE_SIGMA_DEG = 1.5  # 130 m at 5 km
MOST_PLACE_SIGMA_M = 25.0
EARTH_M = 6_371_008.8  # mean radius, IUGG


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """How the camera stands and looks; angles are the boresight's, as in ``[agent.fixed]``."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    angles_deg: tuple[float, float, float]
    """Heading, pitch, roll."""
    angle_sigmas_deg: tuple[float, float, float]
    horizontal_sigma_m: float
    vertical_sigma_m: float
    misses_px: FloatArray
    """(N, 2): from where each landmark was seen to where it should be, right and down."""
    focal_factor: float
    """How much longer the lens seems to be than its profile says; 1 is as it says."""


def solve(file: LandmarkFile, camera: Camera, *, known_place: bool) -> Solution:
    """The pose that explains the landmarks; the place is solved for as well where it is not known.

    Raises LandmarkError where there are too few, where they contradict each other (naming the worst), and
    where they leave an angle or the place too uncertain. CameraProfileError for a picture of another shape.
    """
    camera = camera.at_size(file.width_px, file.height_px)
    least = LEAST_KNOWN if known_place else LEAST_UNKNOWN
    if len(file.landmarks) < least:
        raise LandmarkError(
            f"{len(file.landmarks)} landmarks are too few: {least} are needed where the camera's position is "
            f"{'known' if known_place else 'not known'}",
        )
    if known_place and file.place is None:
        raise LandmarkError(
            "the camera's lat_deg, lon_deg and alt_amsl_m are missing",
            hint="Or solve for the position as well: --position unknown, with four landmarks or more.",
        )
    if file.outside is not None:
        raise LandmarkError(
            f"landmark {file.outside.name!r} is not in a picture of {file.width_px} x {file.height_px} pixels"
        )
    problem = _Problem(file, camera, file.place, known_place=known_place)
    fit = problem.fit(range(len(file.landmarks)))
    if not known_place:
        # Up is another direction where it really stands: there the angles are reckoned from.
        problem = _Problem(file, camera, problem.place(fit), known_place=False)
        fit = problem.fit(range(len(file.landmarks)))
    _refuse_contradiction(problem, fit)
    return problem.solution(fit)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """``parameters``: a small turn (east, north, up; radians) on ``start``, the lens, and the place (m);
    ``misfit`` is χ²."""

    rows: tuple[int, ...]
    start: Rotation
    parameters: FloatArray
    misfit: float
    jacobian: FloatArray


class _Problem:
    def __init__(
        self,
        file: LandmarkFile,
        camera: Camera,
        place: tuple[float, float, float] | None,
        *,
        known_place: bool,
    ) -> None:
        """``place``: of the camera, or about so; None where nobody knows."""
        self.file, self.camera, self.known_place = file, camera, known_place
        self._is_rough = place is not None
        self._survey_m = np.array([file.horizontal_sigma_m, file.horizontal_sigma_m, file.vertical_sigma_m])
        landmarks = file.landmarks
        places = np.array([(one.lat_deg, one.lon_deg, one.alt_amsl_m) for one in landmarks])
        self.frame = LocalFrame(*(place or places.mean(axis=0).tolist()))
        self._points_m = np.column_stack(self.frame.from_geodetic(*places.T))
        self._pixels = np.array([(one.u_px, one.v_px) for one in landmarks])
        self._sigmas_m = np.array([one.sigma_m for one in landmarks])
        if known_place:
            near = int(np.argmin(np.linalg.norm(self._points_m, axis=1)))
            if np.linalg.norm(self._points_m[near]) < NEAREST_M:
                raise LandmarkError(f"landmark {landmarks[near].name!r} is where the camera is")

    @property
    def size(self) -> int:
        """How many numbers are solved for; what is known beforehand is not counted."""
        return 3 if self.known_place else 6

    def fit(self, rows: Sequence[int]) -> _Fit:
        """With these landmarks alone."""
        chosen = list(rows)
        fits = [self._fit_from(chosen, place_m) for place_m in self._starts(chosen)]
        return min(fits, key=lambda fit: fit.misfit)

    def solution(self, fit: _Fit) -> Solution:
        """Raises LandmarkError where it is too uncertain."""
        turn = Rotation.from_rotvec(fit.parameters[:3]) * fit.start
        covariance = self._covariance(fit)
        by_turn = _by_turn(turn)
        sigmas_deg = np.degrees(np.sqrt(np.diag(by_turn @ covariance[:3, :3] @ by_turn.T)))
        self._refuse_uncertain(sigmas_deg, covariance)
        horizontal_m, vertical_m = self.file.horizontal_sigma_m, self.file.vertical_sigma_m
        if not self.known_place:
            horizontal_m = math.sqrt(float(np.linalg.eigvalsh(covariance[4:6, 4:6]).max()))
            vertical_m = math.sqrt(float(covariance[6, 6]))
        focal_factor = 1 + float(fit.parameters[3]) * self.camera.focal_sigma
        return Solution(
            *self.place(fit),
            angles_of(turn),
            (float(sigmas_deg[0]), float(sigmas_deg[1]), float(sigmas_deg[2])),
            horizontal_m,
            vertical_m,
            self.misses_px(fit.start, fit.parameters),
            focal_factor,
        )

    def place(self, fit: _Fit) -> tuple[float, float, float]:
        """Latitude, longitude and height of the camera: as surveyed, where it was."""
        if self.known_place and self.file.place is not None:
            return self.file.place
        lat_deg, lon_deg, alt_m = self.frame.to_geodetic(*fit.parameters[4:7])
        return float(lat_deg), float(lon_deg), float(alt_m)

    def misses_px(self, start: Rotation, parameters: FloatArray) -> FloatArray:
        """(N, 2) of all landmarks. Finite whatever the pose: where a landmark would be behind the camera it
        misses by the angle that it is off."""
        turn = Rotation.from_rotvec(parameters[:3]) * start
        expected = turn.inv().apply(_lifted(self._points_m - parameters[4:7]))
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        centre = np.array([self.camera.cx_px, self.camera.cy_px])
        pixels = centre + (self._pixels - centre) / (1 + parameters[3] * self.camera.focal_sigma)
        seen = self.camera.rays(pixels)
        cosine = np.sum(expected * seen, axis=1)
        across = expected - cosine[:, None] * seen
        sine = np.linalg.norm(across, axis=1)
        angle = np.arctan2(sine, cosine) / np.maximum(sine, 1e-12)
        found: FloatArray = np.einsum("nij,nj->ni", self._px_per_ray(pixels), angle[:, None] * across)
        return found

    def sigmas_px(self, place_m: FloatArray) -> FloatArray:
        """(N,) 1σ that each landmark may miss by: its pixel's and its place's."""
        ranges_m = np.maximum(np.linalg.norm(self._points_m - place_m, axis=1), NEAREST_M)
        found: FloatArray = np.hypot(
            self.file.pixel_sigma_px, self.camera.fx_px * np.minimum(self._sigmas_m / ranges_m, 1.0)
        )
        return found

    def _starts(self, rows: list[int]) -> list[FloatArray]:
        if self.known_place:
            return [np.zeros(3)]
        rays = self.camera.rays(self._pixels[rows])
        flat = rays[:, :2] / np.maximum(rays[:, 2:], 1e-3)
        starts = [np.zeros(3)] if self._is_rough else []
        try:
            _, turns, shifts, _ = cv2.solvePnPGeneric(
                self._points_m[rows], flat, np.eye(3), None, flags=cv2.SOLVEPNP_SQPNP
            )
        except cv2.error:
            turns, shifts = (), ()
        for turn, shift in zip(turns, shifts, strict=True):
            starts.append(-Rotation.from_rotvec(np.ravel(turn)).inv().apply(np.ravel(shift)))
        usable = [start for start in starts if np.isfinite(start).all()]
        if not usable:
            raise LandmarkError(
                "the landmarks do not tell where the camera is",
                hint="Give its rough lat_deg, lon_deg and alt_amsl_m, or choose other landmarks.",
            )
        return usable

    def _fit_from(self, rows: list[int], place_m: FloatArray) -> _Fit:
        directions = _lifted(self._points_m[rows] - place_m)
        directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-9)
        start, _ = Rotation.align_vectors(directions, self.camera.rays(self._pixels[rows]))
        sigmas_px = self.sigmas_px(place_m)[rows, None]

        def misfits(parameters: FloatArray) -> FloatArray:
            missed = (self.misses_px(start, parameters)[rows] / sigmas_px).ravel()
            known = parameters[4:7] / self._survey_m if self.known_place else []
            return np.concatenate([missed, parameters[3:4], known])

        first = np.concatenate([np.zeros(4), place_m])
        scale = np.array([0.01, 0.01, 0.01, 1.0, 10.0, 10.0, 10.0])
        robust = least_squares(misfits, first, loss="soft_l1", f_scale=ROBUST_FROM, x_scale=scale)
        # With the outliers' pull gone from the start, the plain sum of squares says whether there are any.
        plain = least_squares(misfits, robust.x, x_scale=scale)
        return _Fit(tuple(rows), start, plain.x, float(2 * plain.cost), np.asarray(plain.jac))

    def _covariance(self, fit: _Fit) -> FloatArray:
        """Of the parameters; what the misfit says beyond what was promised is believed."""
        spread = max(1.0, fit.misfit / max(1, 2 * len(fit.rows) - self.size))
        inverse = np.linalg.pinv(fit.jacobian.T @ fit.jacobian, rcond=1e-14)
        return np.asarray(spread * inverse, np.float64)

    def _px_per_ray(self, pixels: FloatArray) -> FloatArray:
        """(N, 2, 3): pixels by which a point moves in the picture for a small change of its direction."""
        steps = np.array([[1.0, 0.0], [0.0, 1.0]])
        forth = self.camera.rays((pixels[:, None] + steps / 2).reshape(-1, 2)).reshape(-1, 2, 3)
        back = self.camera.rays((pixels[:, None] - steps / 2).reshape(-1, 2)).reshape(-1, 2, 3)
        by_pixel = np.nan_to_num(forth - back).transpose(0, 2, 1)
        return np.asarray(np.linalg.pinv(by_pixel), np.float64)

    def _refuse_uncertain(self, sigmas_deg: FloatArray, covariance: FloatArray) -> None:
        place_m = math.sqrt(float(np.linalg.eigvalsh(covariance[4:7, 4:7]).max()))
        if not self.known_place and place_m > MOST_PLACE_SIGMA_M:
            raise LandmarkError(
                f"the landmarks leave the camera's position uncertain by {place_m:.0f} m",
                hint="Choose some near and some far, on both sides of the picture; or survey the position.",
            )
        which = int(np.argmax(sigmas_deg))
        if sigmas_deg[which] > MOST_ANGLE_SIGMA_DEG:
            raise LandmarkError(
                f"the landmarks leave the {('heading', 'pitch', 'roll')[which]} uncertain by "
                f"{sigmas_deg[which]:.1f}°",
                hint="Choose landmarks that are far from each other in the picture, and far from the camera.",
            )


def _refuse_contradiction(problem: _Problem, fit: _Fit) -> None:
    if fit.misfit <= _most_misfit(len(fit.rows), problem.size):
        return
    landmarks = problem.file.landmarks
    missed_px = np.linalg.norm(problem.misses_px(fit.start, fit.parameters), axis=1)
    if 2 * (len(landmarks) - 1) <= problem.size:
        worst = int(np.argmax(missed_px))
        raise LandmarkError(
            f"the landmarks contradict each other: the worst, {landmarks[worst].name!r}, misses by "
            f"{missed_px[worst]:.0f} px, and so few cannot tell which is wrong",
            hint="Check each one's pixel, place and height, or add one more.",
        )
    without = [problem.fit([i for i in fit.rows if i != left_out]) for left_out in fit.rows]
    worst = min(fit.rows, key=lambda row: without[row].misfit)
    best = without[worst]
    off_px = float(np.linalg.norm(problem.misses_px(best.start, best.parameters)[worst]))
    alone = best.misfit <= _most_misfit(len(best.rows), problem.size)
    raise LandmarkError(
        f"the landmarks contradict each other: {landmarks[worst].name!r} is {off_px:.0f} px from where the "
        f"others say that it is" + ("" if alone else ", and even those do not agree"),
        hint="Check its pixel, place and height, or leave it out."
        if alone
        else "Check all, that heights are above sea level, and that the profile is this lens's.",
    )


def _most_misfit(count: int, size: int) -> float:
    """χ² that honest landmarks hardly ever exceed."""
    return float(chdtri(max(1, 2 * count - size), CONTRADICTION))


def angles_of(turn: Rotation) -> tuple[float, float, float]:
    """Heading, pitch and roll (degrees) of a rotation from the camera's frame to east, north, up."""
    right, down, ahead = turn.as_matrix().T
    heading_deg = math.degrees(math.atan2(ahead[0], ahead[1])) % 360.0 % 360.0
    pitch_deg = math.degrees(math.asin(max(-1.0, min(1.0, float(ahead[2])))))
    return heading_deg, pitch_deg, math.degrees(math.atan2(-right[2], -down[2]))


def _by_turn(turn: Rotation) -> FloatArray:
    """3x3: radians of heading, pitch and roll by a small turn about east, north and up."""
    step_rad = 1e-5
    columns = []
    for axis in np.eye(3):
        forth, back = (
            np.array(angles_of(Rotation.from_rotvec(sign * step_rad * axis) * turn)) for sign in (1, -1)
        )
        columns.append(np.radians((forth - back + 180.0) % 360.0 - 180.0) / (2 * step_rad))
    return np.column_stack(columns)


def _lifted(offsets_m: FloatArray) -> FloatArray:
    """Where offsets (N, 3) seem to be: the air bends light, so that far things stand higher than they are."""
    away2 = offsets_m[:, 0] ** 2 + offsets_m[:, 1] ** 2
    lifted = offsets_m.copy()
    lifted[:, 2] += REFRACTION * away2 / (2 * EARTH_M)
    return lifted
