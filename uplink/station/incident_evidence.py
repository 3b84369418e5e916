"""What an incident's alerts say together: place, size, how sure, how bad. Pure.

**The place.** One drone's alerts share its errors (GNSS, compass, the mounting of its camera), so only its
best placed alert counts. Different drones are weighed by their covariances, but for a part that all GNSS
receivers and the terrain model have in common: that is taken out before, put back afterwards, and never
averaged away. Where they disagree by more than their errors allow, because the fire is larger than a point or
an error was told too small, the ellipse grows until they agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from uplink.messages import Alert, ErrorEllipse, Position
from uplink.station.incident import Certainty, Severity
from uplink.station.incident_footprint import ASSUMED_SIGMA_M
from uplink.station.triangulate import CHI2_90

FloatArray = NDArray[np.float64]

COMMON_SIGMA_M = 2.0
"""1σ along each axis that receivers in one region, and everybody's terrain model, have in common."""
LEAST_OWN_M2 = 1.0
SEVERE_AREA_M2, EXTREME_AREA_M2 = 1_000.0, 10_000.0
SEVERE_GROWTH_M2_PER_MIN, EXTREME_GROWTH_M2_PER_MIN = 20.0, 200.0
MINOR_AREA_M2 = 10.0
LIKELY = 0.5
_METRES_PER_DEG = 111_320.0
_MOST_M2 = 1e12  # beyond any error that means something


@dataclass(frozen=True, slots=True)
class Place:
    """Where the fire is, by all alerts together."""

    position: Position
    ellipse: ErrorEllipse
    covariance_m2: tuple[float, float, float]
    method: Literal["dem", "flat", "crossing"]


def fused_place(best: Sequence[Alert]) -> Place | None:
    """Of the best placed alert of each drone; none where none of them has a place."""
    placed = sorted((alert for alert in best if alert.position is not None), key=lambda alert: str(alert.id))
    if not placed:
        return None
    origin = placed[0].position
    assert origin is not None  # noqa: S101 - placed
    method: Literal["dem", "flat"] = "dem" if all(alert.method == "dem" for alert in placed) else "flat"
    if len(placed) == 1:
        alone_m2 = covariance_of(placed[0])
        return Place(origin, ellipse_of(alone_m2), _three(alone_m2), method)
    east_per_deg = _METRES_PER_DEG * math.cos(math.radians(origin.lat_deg))
    common_m2 = COMMON_SIGMA_M**2 * np.eye(2)
    points_m, weights = [], []
    for alert in placed:
        assert alert.position is not None  # noqa: S101 - placed
        turn_deg = (alert.position.lon_deg - origin.lon_deg + 180) % 360 - 180
        north_m = (alert.position.lat_deg - origin.lat_deg) * _METRES_PER_DEG
        points_m.append(np.array([turn_deg * east_per_deg, north_m]))
        weights.append(np.linalg.inv(_own(covariance_of(alert), common_m2)))
    own_m2 = np.linalg.inv(np.sum(weights, axis=0))
    middle_m = own_m2 @ np.sum([w @ p for w, p in zip(weights, points_m, strict=True)], axis=0)
    off = [float((p - middle_m) @ w @ (p - middle_m)) for w, p in zip(weights, points_m, strict=True)]
    covariance_m2 = own_m2 * max(1.0, sum(off) / (2 * (len(placed) - 1))) + common_m2
    heights = [alert.position.alt_amsl_m for alert in placed if alert.position is not None]
    nearest = int(np.argmin([np.linalg.norm(p - middle_m) for p in points_m]))
    position = Position(
        lat_deg=max(-90.0, min(90.0, origin.lat_deg + middle_m[1] / _METRES_PER_DEG)),
        lon_deg=(origin.lon_deg + middle_m[0] / east_per_deg + 180) % 360 - 180,
        alt_amsl_m=heights[nearest],
    )
    return Place(position, ellipse_of(covariance_m2), _three(covariance_m2), method)


def covariance_of(alert: Alert) -> FloatArray:
    """2x2, east and north."""
    if alert.covariance_m2 is not None:
        east, cross, north = alert.covariance_m2
        return np.asarray(np.clip([[east, cross], [cross, north]], -_MOST_M2, _MOST_M2), np.float64)
    if alert.ellipse is None:
        return ASSUMED_SIGMA_M**2 * np.eye(2)
    of_one = math.sqrt(-2 * math.log(1 - alert.ellipse.confidence))
    turn_rad = math.radians(alert.ellipse.orientation_deg)
    along = np.array([math.sin(turn_rad), math.cos(turn_rad)])
    across = np.array([along[1], -along[0]])
    axes = alert.ellipse.semi_major_m, alert.ellipse.semi_minor_m
    major, minor = (min(axis_m, math.sqrt(_MOST_M2)) / of_one for axis_m in axes)
    return np.asarray(major**2 * np.outer(along, along) + minor**2 * np.outer(across, across), np.float64)


def ellipse_of(covariance_m2: FloatArray) -> ErrorEllipse:
    """That holds it at 90 %."""
    values, vectors = np.linalg.eigh(covariance_m2)
    minor_m, major_m = np.sqrt(np.maximum(values, 0.0) * CHI2_90)
    east, north = vectors[:, 1]
    return ErrorEllipse(
        semi_major_m=max(0.1, float(major_m)),
        semi_minor_m=max(0.1, float(minor_m)),
        orientation_deg=math.degrees(math.atan2(east, north)) % 180.0 % 180.0,
        confidence=0.9,
    )


def severity_of(label: str, area_m2: float | None, growth_m2_per_min: float | None) -> Severity:
    """By what burns and how fast it becomes more. A fire of a few square metres that does not grow is minor;
    flames of unknown size are moderate, and smoke of unknown size is unknown."""
    area, growth = area_m2 or 0.0, growth_m2_per_min or 0.0
    if area >= EXTREME_AREA_M2 or growth >= EXTREME_GROWTH_M2_PER_MIN:
        return Severity.EXTREME
    if area >= SEVERE_AREA_M2 or growth >= SEVERE_GROWTH_M2_PER_MIN:
        return Severity.SEVERE
    if area_m2 is not None and growth_m2_per_min is not None:
        return Severity.MINOR if area <= MINOR_AREA_M2 and growth <= 0 else Severity.MODERATE
    return Severity.MODERATE if label == "fire" or area_m2 is not None else Severity.UNKNOWN


def certainty_of(confirmed_by: str | None, probability: float) -> Certainty:
    """Only a person observes."""
    if confirmed_by is not None:
        return Certainty.OBSERVED
    return Certainty.LIKELY if probability > LIKELY else Certainty.POSSIBLE


def _own(covariance_m2: FloatArray, common_m2: FloatArray) -> FloatArray:
    """Without the common part; never so little that one drone would know everything."""
    values, vectors = np.linalg.eigh(covariance_m2 - common_m2)
    return np.asarray(vectors @ np.diag(np.maximum(values, LEAST_OWN_M2)) @ vectors.T, np.float64)


def _three(covariance_m2: FloatArray) -> tuple[float, float, float]:
    return float(covariance_m2[0, 0]), float(covariance_m2[0, 1]), float(covariance_m2[1, 1])
