"""Reckons an alert's sightings anew from its record, and says what each cause of error did to them. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.geometry.locate import incidence_deg, locate
from edge.geometry.sighting import Cause, Sighting, ellipse
from edge.hotspots.bundle_record import BundleRecord, Solved
from flight.local_frame import LocalFrame
from flight.terrain import FlatTerrain, Terrain

FloatArray = NDArray[np.float64]

# What the same numbers through the same functions may differ by on another machine.
SAME_M = 0.01
SAME_DEG = 1e-6


@dataclass(frozen=True, slots=True)
class Share:
    """What 1σ of one cause moves the place by, along the line of sight and across it, over ground; ``part``
    is its part of the whole variance."""

    cause: Cause
    given: str
    along_m: float
    across_m: float
    part: float


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """A recorded sighting and what comes of its inputs now."""

    recorded: Sighting
    again: Sighting
    apart_m: float | None
    """Between the two places; None where none was recorded, or none comes of it now."""
    ellipse_apart_m: float | None
    """Largest difference of the 90 % ellipses' semi-axes."""
    turned_deg: float
    """Between the two bearings."""
    incidence_deg: float | None
    """Between the ray and the surface that it meets."""
    shares: tuple[Share, ...]

    @property
    def is_same(self) -> bool:
        """Whether the record holds. Of a bearing alone it is the bearing."""
        if self.turned_deg > SAME_DEG:
            return False
        if self.recorded.slant_range_m is None:
            return True
        return (
            self.apart_m is not None
            and self.ellipse_apart_m is not None
            and self.recorded.method == self.again.method
            and max(self.apart_m, self.ellipse_apart_m) <= SAME_M
        )


def explain(recorded: Sighting, terrain: Terrain | None) -> Explained:
    """``recorded`` from its own pose, camera, pixel and this terrain. It must hold its camera."""
    if recorded.camera is None:
        raise ValueError("a sighting without its camera cannot be reckoned anew")
    again = locate(
        recorded.pose,
        recorded.camera,
        recorded.pixel,
        recorded.pixel_covariance_px2,
        terrain,
        label=recorded.label,
        score=recorded.score,
    )
    turn_deg = (again.bearing_deg - recorded.bearing_deg + 180.0) % 360.0 - 180.0
    ellipses = [ellipse(one.covariance_m2) for one in (recorded, again) if one.covariance_m2 is not None]
    return Explained(
        recorded=recorded,
        again=again,
        apart_m=apart_m(recorded, again),
        ellipse_apart_m=None
        if len(ellipses) < 2
        else max(abs(a - b) for a, b in zip(ellipses[0][:2], ellipses[1][:2], strict=True)),
        turned_deg=abs(turn_deg),
        incidence_deg=incidence_deg(again, terrain),
        shares=shares(recorded, (terrain or FlatTerrain(0.0)).sigma_m),
    )


def shares(sighting: Sighting, terrain_sigma_m: float) -> tuple[Share, ...]:
    """The causes of a sighting's error, the largest part first; none for a bearing alone."""
    if sighting.effects_m is None:
        return ()
    azimuth_rad = math.radians(sighting.bearing_deg)
    along = np.array([math.sin(azimuth_rad), math.cos(azimuth_rad)])
    across = np.array([along[1], -along[0]])
    given = _given(sighting, terrain_sigma_m)
    squares: FloatArray = (sighting.effects_m**2).sum(axis=0)
    total = float(squares.sum()) or 1.0
    found = [
        Share(
            cause,
            given.get(cause.name, ""),
            abs(float(along @ sighting.effects_m[:, cause])),
            abs(float(across @ sighting.effects_m[:, cause])),
            float(squares[cause]) / total,
        )
        for cause in Cause
    ]
    return tuple(sorted(found, key=lambda share: share.part, reverse=True))


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """What comes of the sums that an alert's position was solved from, beside what was told."""

    again: Solved
    apart_m: float
    """Between the two places."""
    ellipse_apart_m: float
    """Largest difference of the 90 % ellipses' semi-axes."""

    @property
    def is_same(self) -> bool:
        """Whether the alert's position and error come out as they were told."""
        return max(self.apart_m, self.ellipse_apart_m) <= SAME_M

    @property
    def common_part(self) -> float:
        """The part of the variance that is left of the errors that all looks of the flight have in common."""
        return float(np.trace(self.again.common_m2) / np.trace(self.again.covariance_m2))


def resolve(bundle: BundleRecord, told: Placed, covariance_m2: tuple[float, float, float]) -> Resolved:
    """The position of all looks, solved anew. ``covariance_m2`` as an alert has it."""
    again = bundle.solve()
    east, cross, north = covariance_m2
    axes = [ellipse(m2)[:2] for m2 in (again.covariance_m2, np.array([[east, cross], [cross, north]]))]
    return Resolved(again, apart_m(again, told) or 0.0, max(abs(a - b) for a, b in zip(*axes, strict=True)))


class Placed(Protocol):
    """Anything that may have a place."""

    @property
    def lat_deg(self) -> float | None: ...
    @property
    def lon_deg(self) -> float | None: ...
    @property
    def alt_amsl_m(self) -> float | None: ...


def apart_m(a: Placed, b: Placed) -> float | None:
    """Distance between two places, in space; None where one is none."""
    if a.lat_deg is None or a.lon_deg is None or a.alt_amsl_m is None:
        return None
    if b.lat_deg is None or b.lon_deg is None or b.alt_amsl_m is None:
        return None
    frame = LocalFrame(a.lat_deg, a.lon_deg, a.alt_amsl_m)
    there = (np.array(x) for x in (b.lat_deg, b.lon_deg, b.alt_amsl_m))
    return math.hypot(*(float(x) for x in frame.from_geodetic(*there)))


def _given(sighting: Sighting, terrain_sigma_m: float) -> dict[str, str]:
    """1σ of each cause as it went in, in words, by the cause's name."""
    sigmas, camera = sighting.pose.sigmas, sighting.camera
    turn = f"{math.hypot(sigmas.attitude_deg, sigmas.gimbal_deg):.2g}° attitude and gimbal"
    spread = np.linalg.norm(np.linalg.cholesky(sighting.pixel_covariance_px2), axis=0)
    return {
        "EAST": f"{sigmas.horizontal_m:g} m",
        "NORTH": f"{sigmas.horizontal_m:g} m",
        "HEIGHT": f"{sigmas.vertical_m:g} m camera, {terrain_sigma_m:g} m ground",
        "ROLL": turn,
        "TILT": turn,
        "HEADING": f"{math.hypot(sigmas.heading_deg, sigmas.gimbal_deg):.2g}° heading and gimbal",
        "PIXEL_1": f"{spread[0]:.2g} px",
        "PIXEL_2": f"{spread[1]:.2g} px",
        "TIME": f"{1e3 * sigmas.time_s:g} ms",
        "FOCAL": "" if camera is None else f"{100 * camera.focal_sigma:g} % of the focal length",
    }
