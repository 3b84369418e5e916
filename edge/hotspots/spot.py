"""What a fusion knows of one hotspot: sums over its looks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.geometry.place import Place
from edge.geometry.rays import CAUSES
from edge.hotspots.hotspot_record import SpotRecord
from edge.hotspots.information import STATES
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]

# How alike boxes of one thing err in looks from the same side. The wind draws all smoke off its foot to
# the same side, so of that a part is left however it is looked at.
SIDE_DEG = 10.0
SIDES = round(360 / SIDE_DEG)
ALIKE = {"fire": 0.3, "smoke": 0.7}
SMOKE_LEFT = 0.5
# The slope of the ground is taken over the ellipse's own length, between these.
LEAST_AXIS_M, MOST_AXIS_M = 3.0, 200.0


class Spot:
    """What is known of one hotspot: sums over its looks."""

    def __init__(self, terrain: Terrain, *, smoke: bool) -> None:
        self.terrain = terrain
        self.smoke = smoke
        self.information = np.zeros((STATES, STATES))
        self.vector = np.zeros(STATES)
        self.wobble = np.zeros((3, 4))
        """As :func:`~edge.hotspots.information.information_of_looks` has it."""
        self.at_s = -math.inf
        self.looks = 0
        self.grazing = True
        self.roughness = 1.0
        """How many times larger than told the variance of its looks is, of late; never below 1."""
        self.guess_m: FloatArray | None = None
        """Where the ground was first met, then the state's place."""
        self.axes_m = LEAST_AXIS_M * np.eye(2)
        """Rows: the axes of its 1σ ellipse."""
        self.sides = np.zeros(SIDES)
        self.foot_m2 = np.zeros((3, 3))
        """Mean of what smoke's foot may be off by, on the ground."""
        self.says = np.zeros((CAUSES, CAUSES + 1))
        """What it says of the common causes, its own place left open: information, and its vector."""
        self.state = np.zeros(STATES)
        self.joint = np.eye(STATES)
        """Covariance of ``state``."""
        self.own_m2, self.shared_m, self.left = np.eye(3), np.zeros((3, CAUSES)), np.eye(CAUSES)
        """``joint`` in parts, as :func:`~edge.hotspots.information.split` has them."""
        self.looked = np.zeros((STATES, STATES + 1))
        """What all looks said when ``state`` was solved: information and its vector."""
        self.ground = np.zeros((STATES, STATES)), np.zeros(STATES)
        self.others = np.zeros((CAUSES, CAUSES + 1))
        """What the ground and, of the common causes, other hotspots said when ``state`` was solved."""
        self.place: Place | None = None

    @classmethod
    def of_record(cls, record: SpotRecord, terrain: Terrain) -> Spot:
        """From what :meth:`keep` gave. Raises ValueError for numbers that are not what this keeps."""
        spot = cls(terrain, smoke=record.smoke)
        for name in ("information", "vector", "wobble", "axes_m", "sides", "foot_m2"):
            if getattr(record, name).shape != getattr(spot, name).shape:
                raise ValueError(f"{name} of a hotspot is of another shape")
            setattr(spot, name, getattr(record, name).copy())
        if record.guess_m is not None:
            spot.guess_m = record.guess_m.reshape(3)
        spot.at_s, spot.looks, spot.grazing = record.at_s, record.looks, record.grazing
        spot.roughness = record.roughness
        return spot

    def keep(self) -> SpotRecord:
        """To go on with after a restart."""
        return SpotRecord(
            smoke=self.smoke,
            at_s=self.at_s,
            looks=self.looks,
            grazing=self.grazing,
            information=self.information.copy(),
            vector=self.vector.copy(),
            wobble=self.wobble.copy(),
            guess_m=None if self.guess_m is None else self.guess_m.copy(),
            axes_m=self.axes_m.copy(),
            sides=self.sides.copy(),
            foot_m2=self.foot_m2.copy(),
            roughness=self.roughness,
        )

    @property
    def guess_or_nan_m(self) -> FloatArray:
        return np.full(3, np.nan) if self.guess_m is None else self.guess_m

    def seen_from(self, direction: FloatArray, weight: float, label: str) -> float:
        """By how much the variance of a box grows because it errs like those seen from the same side before.

        n looks that correlate by ``ALIKE`` count for n / (1 + (n - 1) ALIKE). The look is counted in.
        """
        side = int(math.degrees(math.atan2(direction[0], direction[1])) % 360.0 / SIDE_DEG) % SIDES
        before = self.sides[side]
        self.sides[side] = after = before + weight
        counted = [n / (1 + max(n - 1, 0.0) * ALIKE[label]) for n in (before, after)]
        return float(weight / (counted[1] - counted[0]))


def axes_of(covariance_m2: FloatArray) -> FloatArray:
    """Rows: the axes of a 1σ ellipse, no shorter and no longer than a slope is taken over."""
    values, vectors = np.linalg.eigh(covariance_m2)
    lengths_m = np.clip(np.sqrt(np.maximum(values, 0.0)), LEAST_AXIS_M, MOST_AXIS_M)
    axes: FloatArray = (vectors * lengths_m).T
    return axes
