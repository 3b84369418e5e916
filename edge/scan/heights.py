"""From the heights that a file holds to the one that the geometry needs, with an honest error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge.scan.record import Height, Heights
from flight.geoid import undulation_m
from flight.local_frame import LocalFrame
from flight.terrain import Terrain

# What EGM96 may be off where it is (judgement); small beside the other errors.
GEOID_SIGMA_M = 1.0
# How far away a pilot who sees the drone may have taken off.
PILOT_WITHIN_M = 500.0
_RING_M = (0.0, 100.0, 200.0, 300.0, 400.0, PILOT_WITHIN_M)
_BEARINGS = 24
# More than this is no height.
LARGEST_SIGMA_M = 100.0


@dataclass(frozen=True, slots=True)
class Stand:
    """How high the camera was. ``alt_amsl_m`` is 0 above the take-off where ``is_amsl_known`` is False."""

    alt_amsl_m: float
    height_home_m: float
    sigma_m: float
    is_amsl_known: bool
    source: str


def stand(
    heights: Heights, lat_deg: float, lon_deg: float, terrain: Terrain | None
) -> tuple[Stand | None, str]:
    """The camera's height for this terrain, or None and why not.

    With a terrain, all that the file says is brought above sea level and averaged by its errors; where the
    parts contradict each other, the error grows by as much. Without, the ground is taken as flat at the
    height of the take-off, and only the height above it counts.
    """
    takeoff = heights.takeoff
    if terrain is None:
        if takeoff is None:
            return None, "no height above the ground is in the file, and no terrain was given (--dem)"
        amsl = _mean([height for height, _ in _above_sea(heights, lat_deg, lon_deg)])
        alt_amsl_m = takeoff.m if amsl is None else amsl.m
        source = "height above the take-off, on flat ground"
        return Stand(alt_amsl_m, takeoff.m, takeoff.sigma_m, amsl is not None, source), ""
    known = _above_sea(heights, lat_deg, lon_deg)
    if takeoff is not None:
        ground = _takeoff_ground(heights, lat_deg, lon_deg, terrain)
        if ground is not None:
            height = Height(ground.m + takeoff.m, math.hypot(ground.sigma_m, takeoff.sigma_m))
            place = "where it took off" if heights.home is not None else f"within {PILOT_WITHIN_M:.0f} m"
            known.append((height, f"height above the take-off, on the terrain {place}"))
    mean = _mean([height for height, _ in known])
    if mean is None or mean.sigma_m > LARGEST_SIGMA_M:
        return None, "no height is in the file"
    above_m = mean.m if takeoff is None else takeoff.m
    return Stand(mean.m, above_m, mean.sigma_m, True, "; ".join(source for _, source in known)), ""


def _above_sea(heights: Heights, lat_deg: float, lon_deg: float) -> list[tuple[Height, str]]:
    found: list[tuple[Height, str]] = []
    if heights.amsl is not None:
        found.append((heights.amsl, "height above sea level"))
    if heights.ellipsoid is None and heights.unclear is None:
        return found
    geoid_m = float(undulation_m(lat_deg, lon_deg))
    if (height := heights.ellipsoid) is not None:
        above_sea = Height(height.m - geoid_m, math.hypot(height.sigma_m, GEOID_SIGMA_M))
        found.append((above_sea, "height above the ellipsoid, less EGM96"))
    if (height := heights.unclear) is not None:
        # One or the other: the middle of both, and half of what they are apart as error.
        middle = Height(height.m - geoid_m / 2, math.hypot(height.sigma_m, geoid_m / 2))
        found.append((middle, "height above sea level or the ellipsoid, the file does not say which"))
    return found


def _takeoff_ground(heights: Heights, lat_deg: float, lon_deg: float, terrain: Terrain) -> Height | None:
    """The ground where it took off; where that is not recorded, anywhere near the camera."""
    if heights.home is not None:
        at = terrain.height_amsl_m(np.array([heights.home[0]]), np.array([heights.home[1]]))
        return Height(float(at[0]), terrain.sigma_m) if np.isfinite(at).all() else None
    bearings = np.linspace(0.0, 2 * math.pi, _BEARINGS, endpoint=False)
    east_m = np.outer(_RING_M, np.sin(bearings)).ravel()
    north_m = np.outer(_RING_M, np.cos(bearings)).ravel()
    lat, lon, _ = LocalFrame(lat_deg, lon_deg, 0.0).to_geodetic(east_m, north_m, np.zeros_like(east_m))
    ground_m = terrain.height_amsl_m(lat, lon)
    ground_m = ground_m[np.isfinite(ground_m)]
    if not len(ground_m):
        return None
    return Height(float(ground_m.mean()), math.hypot(float(ground_m.std()), terrain.sigma_m))


def _mean(heights: list[Height]) -> Height | None:
    """Weighted by 1/σ²; widened by R. T. Birge's ratio (Phys. Rev. 40, 1932) where they differ."""
    if not heights:
        return None
    weights = [1 / height.sigma_m**2 for height in heights]
    mean_m = sum(w * height.m for w, height in zip(weights, heights, strict=True)) / sum(weights)
    misfit = sum(w * (height.m - mean_m) ** 2 for w, height in zip(weights, heights, strict=True))
    ratio = math.sqrt(misfit / (len(heights) - 1)) if len(heights) > 1 else 0.0
    return Height(mean_m, max(1.0, ratio) / math.sqrt(sum(weights)))
