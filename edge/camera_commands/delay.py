"""A camera's latency: by how much its pictures turn later than the autopilot says that it turned.

``estimate_latency`` is one pure function of what the pictures and the autopilot said. Turns between pictures
are compared with the attitude's over the same intervals, moved by every latency that may be; a linear map
between the two is free, because a mount or a focal length that is a little wrong must not move the time. How
sure the answer is comes from leaving out one part of the recording after another.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.optimize import minimize_scalar
from scipy.signal import argrelmin

from edge.camera_commands.turning import Turn
from flight.errors import EmberwatchError

FloatArray = NDArray[np.float64]

LEAST_LATENCY_S, MOST_LATENCY_S = -0.2, 3.0
STEP_S = 0.01
LEAST_TURNS, LEAST_SPAN_S = 60, 6.0
# Root mean square over the recording: a hand that turns to and fro does several times as much.
LEAST_RATE_DEG_S = 6.0
LEAST_CORRELATION = 0.9
# A second latency that leaves less than this many times as much unexplained as the best is one too many.
RIVAL_TIMES = 1.5
PARTS = 8
STRAY_SIGMAS = 4.0
WORST_SIGMA_S = 0.03
# Turns about other axes than the configured ones are said.
ASKEW_DEG, SCALE_OFF = 12.0, 0.1
LONGEST_HOLE_S = 0.3
FINE_S = 0.002
# Exposure row by row, and attitudes between samples: no recording says it better than this.
LEAST_SIGMA_S = 0.001


class LatencyError(EmberwatchError):
    """The latency cannot be told from this recording."""


@dataclass(frozen=True, slots=True)
class Latency:
    """The result. ``askew_deg`` is how far the picture turns about other axes than the configured ones, and
    ``scale`` how much more it turns than the attitude."""

    latency_s: float
    sigma_s: float
    correlation: float
    turns: int
    askew_deg: float
    scale: float


class Attitudes:
    """Where the camera looked by the autopilot, over the whole recording, in the order of time."""

    def __init__(self) -> None:
        self.at_s: list[float] = []
        self._rotations: list[FloatArray] = []

    def add(self, at_s: float, camera_to_enu: FloatArray) -> None:
        """What is not newer than the newest is left out."""
        if not self.at_s or at_s > self.at_s[-1]:
            self.at_s.append(at_s)
            self._rotations.append(camera_to_enu)

    def turned(self) -> tuple[FloatArray, FloatArray]:
        """Instants (N) and what the camera had turned by then (N, 3), radians about its own axes, summed up.

        In fine steps, and smoothed over two samples: between samples their noise is averaged, at samples it
        is not, and the latency would be drawn to where it is.
        """
        instants = np.array(self.at_s)
        rotations = np.array(self._rotations)
        steps = np.einsum("nji,njk->nik", rotations[:-1], rotations[1:])
        # Small turns: the antisymmetric part is sine of the angle times the axis.
        axes = np.stack([steps[:, 2, 1] - steps[:, 1, 2], steps[:, 0, 2] - steps[:, 2, 0],
                         steps[:, 1, 0] - steps[:, 0, 1]], axis=1) / 2  # fmt: skip
        sines = np.linalg.norm(axes, axis=1, keepdims=True)
        angles = np.arctan2(sines, (np.trace(steps, axis1=1, axis2=2)[:, None] - 1) / 2)
        vectors = axes * np.where(sines > 1e-9, angles / np.maximum(sines, 1e-9), 1.0)
        turned = np.vstack([np.zeros((1, 3)), np.cumsum(vectors, axis=0)])
        fine = np.arange(instants[0], instants[-1], FINE_S)
        finely = np.stack([np.interp(fine, instants, axis) for axis in turned.T], axis=1)
        window = 2 * round(float(np.median(np.diff(instants))) / FINE_S) + 1
        return fine, uniform_filter1d(finely, window, axis=0, mode="nearest")

    @property
    def holes(self) -> list[tuple[float, float]]:
        """Where nothing was told for too long to know what happened."""
        return [
            (before, after)
            for before, after in itertools.pairwise(self.at_s)
            if after - before > LONGEST_HOLE_S
        ]


def estimate_latency(turns: Sequence[Turn], attitudes: Attitudes) -> Latency:
    """From the turns of pictures (by the time of their arrival) and attitudes, on one clock.

    Raises LatencyError, with what to do about it, where the recording does not determine the latency.
    """
    pairs = _Pairs.of(turns, attitudes)
    _enough_motion(pairs)
    grid = np.arange(LEAST_LATENCY_S, MOST_LATENCY_S + STEP_S / 2, STEP_S)
    pairs = pairs.without_strays(grid[pairs.unexplained_at(grid).argmin()])
    left = pairs.unexplained_at(grid)
    best = int(left.argmin())
    correlation = math.sqrt(max(0.0, 1.0 - left[best]))
    if correlation < LEAST_CORRELATION:
        raise LatencyError(
            f"the pictures do not turn as the autopilot says (correlation {correlation:.2f})",
            hint="Look at something rich in detail, ten metres away or more, in good light. A gimbal that "
            "turns the camera must report its attitude.",
        )
    rivals = argrelmin(left, mode="wrap")[0]
    if any(left[rival] < RIVAL_TIMES * left[best] for rival in rivals if rival != best):
        raise LatencyError(
            "more than one latency explains the turns: they were too regular",
            hint="Turn irregularly: fast and slow, far and little, with pauses.",
        )
    if best in (0, len(grid) - 1):
        raise LatencyError(
            f"the latency is not between {LEAST_LATENCY_S:g} and {MOST_LATENCY_S:g} s",
            hint="A stream that is later than that is no use in flight: look at its buffers.",
        )
    latency_s = _refined(pairs, grid[best])
    sigma_s = math.hypot(_jackknifed(pairs, latency_s), LEAST_SIGMA_S)
    if sigma_s > WORST_SIGMA_S:
        raise LatencyError(
            f"the latency would only be known to {1e3 * sigma_s:.0f} ms",
            hint="Turn to and fro faster, and for longer. A latency that changes while it is measured looks "
            "like this, too.",
        )
    if latency_s < -3 * sigma_s - STEP_S:
        raise LatencyError(
            f"the pictures seem to arrive {-1e3 * latency_s:.0f} ms before they were taken",
            hint="The autopilot's attitude is late: check the link's speed, and how often it sends ATTITUDE.",
        )
    askew_deg, scale = pairs.fit_of(latency_s)
    explained = math.sqrt(max(0.0, 1.0 - pairs.unexplained(latency_s)))
    return Latency(latency_s, sigma_s, explained, len(pairs.seen), askew_deg, scale)


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Turns of pictures that the attitude record covers for every latency that may be."""

    start_s: FloatArray
    end_s: FloatArray
    seen: FloatArray
    instants: FloatArray
    turned: FloatArray

    @classmethod
    def of(cls, turns: Sequence[Turn], attitudes: Attitudes) -> _Pairs:
        if len(attitudes.at_s) < 2:
            raise LatencyError("the autopilot told no attitude", hint="Check the link: emberwatch preflight.")
        instants, turned = attitudes.turned()
        start_s = np.array([turn.start_s for turn in turns])
        end_s = np.array([turn.end_s for turn in turns])
        seen = np.array([turn.rotation for turn in turns]).reshape(-1, 3)
        covered = (start_s - MOST_LATENCY_S >= instants[0]) & (end_s - LEAST_LATENCY_S <= instants[-1])
        covered &= end_s > start_s  # the autopilot's clock may be put right between two pictures
        for before_s, after_s in attitudes.holes:
            covered &= (end_s - LEAST_LATENCY_S < before_s) | (start_s - MOST_LATENCY_S > after_s)
        pairs = cls(start_s[covered], end_s[covered], seen[covered], instants, turned)
        span_s = float((pairs.end_s - pairs.start_s).sum())
        if len(pairs.seen) < LEAST_TURNS or span_s < LEAST_SPAN_S:
            raise LatencyError(
                f"only {len(pairs.seen)} turns between pictures, {span_s:.0f} s in all, could be followed",
                hint="Look at something rich in detail, ten metres away or more, in good light; turn less "
                "fast; measure for longer.",
            )
        return pairs

    def told(self, latency_s: float) -> FloatArray:
        """What the attitude turned between the pictures (N, 3), were they so late."""
        ends = [
            np.stack([np.interp(at_s - latency_s, self.instants, axis) for axis in self.turned.T], axis=1)
            for at_s in (self.start_s, self.end_s)
        ]
        return np.asarray(ends[1] - ends[0])

    def unexplained(self, latency_s: float) -> float:
        """The part of the pictures' turns that the attitude does not explain, 0 to 1."""
        told = self.told(latency_s)
        off = self.seen - told @ _map(told, self.seen)
        return float((off**2).sum() / (self.seen**2).sum())

    def unexplained_at(self, latencies_s: FloatArray) -> FloatArray:
        return np.array([self.unexplained(latency_s) for latency_s in latencies_s])

    def without_strays(self, latency_s: float) -> _Pairs:
        told = self.told(latency_s)
        off = np.linalg.norm(self.seen - told @ _map(told, self.seen), axis=1)
        keep = off <= STRAY_SIGMAS * 1.4826 * max(float(np.median(off)), 1e-6)
        return self._only(keep)

    def without_part(self, part: int) -> _Pairs:
        """Without one of ``PARTS`` stretches of the recording."""
        number = np.arange(len(self.seen)) * PARTS // len(self.seen)
        return self._only(number != part)

    def fit_of(self, latency_s: float) -> tuple[float, float]:
        """Degrees between the axes that turned and should have, and how much more the pictures turned."""
        told = self.told(latency_s)
        u, sizes, vt = np.linalg.svd(told.T @ self.seen)
        scale = float(sizes.sum() / (told**2).sum())
        # The rotation about axes that hardly turned is not known: it is taken as none.
        known = sizes > 0.1 * sizes[0]
        cosines = np.clip(np.einsum("ij,ji->i", vt, u)[known], -1.0, 1.0)
        return math.degrees(math.acos(float(cosines.min()))), scale

    def _only(self, keep: NDArray[np.bool_]) -> _Pairs:
        return _Pairs(self.start_s[keep], self.end_s[keep], self.seen[keep], self.instants, self.turned)


def _map(told: FloatArray, seen: FloatArray) -> FloatArray:
    """The linear map (3, 3) from told to seen turns; about an axis that did not turn it is none."""
    normal = told.T @ told
    return np.linalg.solve(normal + np.eye(3) * (1e-3 * np.trace(normal) + 1e-12), told.T @ seen)


def _refined(pairs: _Pairs, about_s: float) -> float:
    bounds = (about_s - 2 * STEP_S, about_s + 2 * STEP_S)
    found = minimize_scalar(pairs.unexplained, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    return float(found.x)


def _jackknifed(pairs: _Pairs, latency_s: float) -> float:
    without = np.array([_refined(pairs.without_part(part), latency_s) for part in range(PARTS)])
    return math.sqrt((PARTS - 1) / PARTS * float(((without - without.mean()) ** 2).sum()))


def _enough_motion(pairs: _Pairs) -> None:
    """Both must turn, and enough. Raises LatencyError."""
    span_s = float((pairs.end_s - pairs.start_s).sum())
    seconds = (pairs.end_s - pairs.start_s)[:, None]
    picture_deg_s = math.degrees(math.sqrt(float((pairs.seen**2 / seconds).sum()) / span_s))
    steps_s = np.diff(pairs.instants)[:, None]
    told = np.diff(pairs.turned, axis=0) ** 2 / steps_s
    attitude_deg_s = math.degrees(math.sqrt(float(told.sum() / steps_s.sum())))
    if attitude_deg_s < LEAST_RATE_DEG_S and picture_deg_s < LEAST_RATE_DEG_S:
        raise LatencyError(
            f"it hardly turned: {attitude_deg_s:.0f}° a second on average",
            hint="Turn it to and fro by 20 to 40°, about once a second, irregularly.",
        )
    if attitude_deg_s < LEAST_RATE_DEG_S:
        raise LatencyError(
            f"the pictures turn ({picture_deg_s:.0f}°/s), and the autopilot says that nothing does",
            hint="A gimbal that turns the camera must report its attitude; if it cannot, turn the vehicle.",
        )
    if picture_deg_s < LEAST_RATE_DEG_S:
        raise LatencyError(
            f"the autopilot turns ({attitude_deg_s:.0f}°/s), and the pictures do not",
            hint="A gimbal may hold the camera still: turn the gimbal, or lock it. Or the picture is frozen.",
        )
