"""Where a hotspot is, from all its sightings so far.

A running mean that knows which errors repeat. Each sighting's error is split by cause into a part of its
own, which averages out, and a part shared by the looks of a flight (GNSS offset, compass and mount error,
ground height), which does not. The shared part is carried along as its effects on the mean, one column for
each cause, so that it stays when the drone hovers and cancels by geometry when it flies around the fire.

Sightings are weighed by the inverse of their whole covariance. Gains that also use the shared causes
(a Schmidt-Kalman filter) weigh better on paper, but may be negative; small mistakes in the effects then drive
the estimate away from all that was seen. A mean stays among its sightings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.sighting import Cause, Sighting
from flight.local_frame import LocalFrame

FloatArray = NDArray[np.float64]

# The part of each cause's variance that is the same in all looks of a flight: judgement. GNSS wanders by a
# metre within minutes, compass and lens errors hardly change, the terrain's error at one place never.
SHARED_VARIANCE = {
    Cause.EAST: 0.45,
    Cause.NORTH: 0.45,
    Cause.HEIGHT: 1.0,
    Cause.ROLL: 0.5,
    Cause.TILT: 0.5,
    Cause.HEADING: 0.9,
    Cause.PIXEL_1: 0.3,
    Cause.PIXEL_2: 0.3,
    Cause.TIME: 0.8,
    Cause.FOCAL: 1.0,
}
_SHARED = np.array([SHARED_VARIANCE[cause] for cause in Cause])
# The wind draws smoke off its foot in the same way in every look.
_SHARED_SMOKE = np.where(np.isin(np.arange(len(Cause)), (Cause.PIXEL_1, Cause.PIXEL_2)), 0.7, _SHARED)

# What is a sighting's own is not new in every frame either: attitude and flames change over about a second.
CORRELATION_S = 1.0
# Fire moves: what was seen this long ago counts for a third of what is seen now.
MEMORY_S = 300.0
# A sighting this many σ off (squared) begins to lose weight.
DOUBTFUL_D2 = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class GroundEstimate:
    """A fused position; ``at_s`` is the capture time of the latest sighting in it."""

    at_s: float
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    own_m2: FloatArray
    """2x2 covariance of what averages out."""
    shared_m: FloatArray
    """2 x len(Cause): displacement by 1σ of each shared cause."""
    weight: FloatArray
    """2x2: the summed weights of all sightings in it."""
    grazing: bool

    @classmethod
    def first(cls, sighting: Sighting, at_s: float) -> GroundEstimate:
        """From one sighting that has a position."""
        own_m2, shared_m = split(sighting)
        lat_deg, lon_deg, alt_amsl_m = _place(sighting)
        weight = _inverse(own_m2 + shared_m @ shared_m.T)
        return cls(at_s, lat_deg, lon_deg, alt_amsl_m, own_m2, shared_m, weight, sighting.grazing)

    @property
    def covariance_m2(self) -> FloatArray:
        """2x2, east and north: all of the error."""
        total: FloatArray = self.own_m2 + self.shared_m @ self.shared_m.T
        return total

    def offset(self, sighting: Sighting) -> tuple[FloatArray, FloatArray]:
        """From here to the sighting (east, north; m) and the 2x2 covariance that the offset should have."""
        own_m2, shared_m = split(sighting)
        apart_m = shared_m - self.shared_m
        return self._east_north(sighting), self.own_m2 + own_m2 + apart_m @ apart_m.T

    def offset_to(self, other: GroundEstimate) -> tuple[FloatArray, FloatArray]:
        """As ``offset``, to another estimate of the same flight."""
        apart_m = other.shared_m - self.shared_m
        frame = LocalFrame(self.lat_deg, self.lon_deg, self.alt_amsl_m)
        place = (np.array(x) for x in (other.lat_deg, other.lon_deg, other.alt_amsl_m))
        east_m, north_m, _ = frame.from_geodetic(*place)
        return np.array([east_m, north_m]), self.own_m2 + other.own_m2 + apart_m @ apart_m.T

    def fused(self, sighting: Sighting, effects_m: FloatArray, at_s: float) -> GroundEstimate:
        """With one more sighting, whose effects are reckoned at this place (``locate.effects_at``).

        A grazing one does not move an estimate that is better than that.
        """
        if sighting.grazing and not self.grazing:
            return self
        if self.grazing and not sighting.grazing:
            return GroundEstimate.first(sighting, at_s)
        elapsed_s = max(at_s - self.at_s, 0.0)
        offset_m, expected_m2 = self.offset(sighting)
        own_m2, shared_m = _split(effects_m, sighting.label)
        doubt = max(1.0, float(offset_m @ np.linalg.solve(expected_m2, offset_m)) / DOUBTFUL_D2)
        # How many looks in a row make one that is independent of the one before.
        repeats = max(1.0, CORRELATION_S / max(elapsed_s, 0.02))
        new_weight = _inverse(own_m2 + shared_m @ shared_m.T) / (doubt * repeats)
        weight: FloatArray = math.exp(-elapsed_s / MEMORY_S) * self.weight + new_weight
        gain = np.linalg.solve(weight, new_weight)
        keep = np.eye(2) - gain
        shift_m = gain @ offset_m
        frame = LocalFrame(self.lat_deg, self.lon_deg, self.alt_amsl_m)
        lat_deg, lon_deg, _ = frame.to_geodetic(shift_m[0], shift_m[1], np.array(0.0))
        height_part = float(np.clip(np.trace(gain) / 2, 0.0, 1.0))
        return GroundEstimate(
            at_s=at_s,
            lat_deg=float(lat_deg),
            lon_deg=float(lon_deg),
            alt_amsl_m=self.alt_amsl_m + height_part * (_place(sighting)[2] - self.alt_amsl_m),
            own_m2=keep @ self.own_m2 @ keep.T + repeats * gain @ own_m2 @ gain.T,
            shared_m=keep @ self.shared_m + gain @ shared_m,
            weight=weight,
            grazing=sighting.grazing,
        )

    def _east_north(self, sighting: Sighting) -> FloatArray:
        frame = LocalFrame(self.lat_deg, self.lon_deg, self.alt_amsl_m)
        lat_deg, lon_deg, alt_amsl_m = (np.array(x) for x in _place(sighting))
        east_m, north_m, _ = frame.from_geodetic(lat_deg, lon_deg, alt_amsl_m)
        return np.array([east_m, north_m])


def _inverse(matrix: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.inv(matrix), np.float64)


def _place(sighting: Sighting) -> tuple[float, float, float]:
    if sighting.lat_deg is None or sighting.lon_deg is None or sighting.alt_amsl_m is None:
        raise ValueError("a bearing-only sighting is no place")
    return sighting.lat_deg, sighting.lon_deg, sighting.alt_amsl_m


def split(sighting: Sighting) -> tuple[FloatArray, FloatArray]:
    """A sighting's own covariance (2x2) and its shared effects (2 x causes)."""
    if sighting.effects_m is None:
        raise ValueError("a bearing-only sighting is no place")
    return _split(sighting.effects_m, sighting.label)


def _split(effects_m: FloatArray, label: str) -> tuple[FloatArray, FloatArray]:
    shared = _SHARED_SMOKE if label == "smoke" else _SHARED
    own_m = effects_m * np.sqrt(1 - shared)
    return own_m @ own_m.T, effects_m * np.sqrt(shared)
