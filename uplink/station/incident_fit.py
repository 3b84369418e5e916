"""How well two alerts fit one another: their ground distance in units of their errors, and the time between.

Two places fit when they are within the gate given both covariances, a floor, what burns and how far it may
have spread while nobody looked. A direction fits a place that it points at, another one from the same post
that points the same way, and one of another camera that it crosses. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from uplink.station.crossings import Line, crossing_of
from uplink.station.incident_footprint import MOST_RADIUS_M, Footprint, Kind
from uplink.station.triangulate import FARTHEST_M, NEAREST_M, Bearing

FloatArray = NDArray[np.float64]

GATE_SIGMA = 3.0
FLOOR_M = 30.0
"""1σ, of both together: what no covariance knows. Alerts 90 m apart are one event however good they are."""
SMOKE_FLOOR_M = 75.0
"""Where one of them is smoke: the foot of a column is a guess."""
SPREAD_M_PER_S = 1 / 60
"""How fast a fire whose growth nobody measured may have come nearer, while nobody looked."""
MOST_SPREAD_M = 120.0
GAP_S = 6 * 3600.0
"""Not seen for longer than this: another event, in the same place too."""
DIRECTION_GAP_S = 1800.0
"""The same, between a direction and the place it points at."""
SAME_POST_M = 50.0
LEAST_TURN_DEG = 0.5
"""Looks from one post that differ by less point at the same thing."""
MARGIN_M = GATE_SIGMA * SMOKE_FLOOR_M
_GEOD = Geod(ellps="WGS84")
_EARTH_A_M, _EARTH_E2 = 6_378_137.0, 0.006_694_379_990_14


@dataclass(frozen=True, slots=True)
class Reach:
    """Where and when an alert may fit others: only those whose reaches overlap can. It may cross 180°."""

    west_deg: float
    east_deg: float
    south_deg: float
    north_deg: float
    start_s: float
    end_s: float


def reach_of(one: Footprint) -> Reach:
    """The box for the index."""
    if one.kind is Kind.DIRECTION:
        west_m, east_m, south_m, north_m = _sector_m(one)
    else:
        grown_m = math.sqrt(one.radius_m**2 + one.growth_m2_per_s * GAP_S / math.pi)
        half_m = (
            GATE_SIGMA * (one.sigma_major_m + SMOKE_FLOOR_M / 2)
            + min(MOST_RADIUS_M, grown_m)
            + MOST_SPREAD_M / 2
        )
        west_m, east_m, south_m, north_m = -half_m, half_m, -half_m, half_m
    deg_per_m = 1 / 110_500.0  # the shortest degree of latitude
    far_lat_deg = min(89.9, abs(one.lat_deg) + max(-south_m, north_m) * deg_per_m)
    lon_deg_per_m = deg_per_m / math.cos(math.radians(far_lat_deg))
    return Reach(
        one.lon_deg + west_m * lon_deg_per_m,
        one.lon_deg + east_m * lon_deg_per_m,
        one.lat_deg + south_m * deg_per_m,
        one.lat_deg + north_m * deg_per_m,
        one.start_s - GAP_S / 2,
        one.end_s + GAP_S / 2,
    )


def misfits(one: Footprint, others: Sequence[Footprint], *, any_time: bool = False) -> FloatArray:
    """How badly each of the others fits: 0 to 2, space and time; infinite where it does not.

    ``any_time``: as if no time had passed between them, for what burned in this place long ago.
    """
    found = np.full(len(others), np.inf)
    places = [k for k, other in enumerate(others) if other.kind <= Kind.ROUGH]
    if one.kind <= Kind.ROUGH and places:
        found[places] = misfit_table([one], [others[k] for k in places], any_time=any_time)[0]
    for k, other in enumerate(others):
        if Kind.DIRECTION in (one.kind, other.kind) and Kind.NOWHERE not in (one.kind, other.kind):
            found[k] = _line_misfit(one, other, any_time=any_time)
    return np.round(found, 9)


def two_things(one: Sequence[Footprint], other: Sequence[Footprint]) -> bool:
    """Whether one camera told of both at one time."""
    return any(
        a.camera == b.camera and a.start_s <= b.end_s and b.start_s <= a.end_s for a in one for b in other
    )


def _line_misfit(a: Footprint, b: Footprint, *, any_time: bool) -> float:
    """One of them, or both, is a direction."""
    gap_s = 0.0 if any_time else max(0, a.start_s - b.end_s, b.start_s - a.end_s)
    if a.kind is not b.kind:
        line, place = (a, b) if a.kind is Kind.DIRECTION else (b, a)
        return _off(line, place) + gap_s / DIRECTION_GAP_S if gap_s <= DIRECTION_GAP_S else math.inf
    if same_post(a, b):
        if gap_s > GAP_S or two_things([a], [b]):
            return math.inf
        sigma_deg = math.hypot(a.bearing_sigma_deg, b.bearing_sigma_deg, LEAST_TURN_DEG)
        return _gated(_turn_deg(a.bearing_deg, b.bearing_deg) / sigma_deg) + gap_s / GAP_S
    first, second = sorted((a, b), key=lambda node: node.key)
    return 1.0 if crossing_of([line_of("a", [first]), line_of("b", [second])]) is not None else math.inf


def _off(line: Footprint, place: Footprint) -> float:
    """How far beside the place the line of sight goes."""
    azimuth_deg, _, away_m = _GEOD.inv(line.lon_deg, line.lat_deg, place.lon_deg, place.lat_deg)
    if not NEAREST_M <= away_m <= FARTHEST_M:
        return math.inf
    east, north = math.cos(math.radians(azimuth_deg)), -math.sin(math.radians(azimuth_deg))
    ee, en, nn = place.covariance_m2
    floor_m = SMOKE_FLOOR_M if line.is_smoke or place.is_smoke else FLOOR_M
    across_m2 = ee * east**2 + 2 * en * east * north + nn * north**2 + line.sigma_major_m**2 + floor_m**2
    sigma_deg = math.hypot(line.bearing_sigma_deg, math.degrees(math.atan2(math.sqrt(across_m2), away_m)))
    wide_deg = math.degrees(math.atan2(place.radius_m, away_m))
    return _gated(max(0.0, _turn_deg(azimuth_deg, line.bearing_deg) - wide_deg) / sigma_deg)


def _gated(sigmas: float) -> float:
    return (sigmas / GATE_SIGMA) ** 2 if sigmas <= GATE_SIGMA else math.inf


def _turn_deg(a_deg: float, b_deg: float) -> float:
    return abs((a_deg - b_deg + 180) % 360 - 180)


def same_post(a: Footprint, b: Footprint) -> bool:
    east_m, north_m = _offset_m(a.lat_deg, a.lon_deg, np.array([b.lat_deg]), np.array([b.lon_deg]))
    return round(math.hypot(east_m[0], north_m[0]), 3) <= SAME_POST_M


def line_of(key: str, strand: Sequence[Footprint]) -> Line:
    """One line of sight for all looks along it: the latest, over all of their time."""
    latest = max(strand, key=lambda node: (node.end_s, node.key))
    bearing = Bearing(
        latest.lat_deg, latest.lon_deg, latest.bearing_deg, latest.bearing_sigma_deg, latest.sigma_major_m
    )
    start_s, end_s = min(node.start_s for node in strand), max(node.end_s for node in strand)
    return Line(key, latest.camera, start_s, end_s, bearing)


def _sector_m(line: Footprint) -> tuple[float, float, float, float]:
    """West, east, south and north of all that a direction may point at, from the camera."""
    half_deg = GATE_SIGMA * line.bearing_sigma_deg
    turns_deg = [line.bearing_deg - half_deg, line.bearing_deg + half_deg]
    turns_deg += [turn for turn in range(0, 360, 90) if _turn_deg(turn, line.bearing_deg) <= half_deg]
    east_m = [0.0, *(FARTHEST_M * math.sin(math.radians(turn)) for turn in turns_deg)]
    north_m = [0.0, *(FARTHEST_M * math.cos(math.radians(turn)) for turn in turns_deg)]
    return min(east_m) - MARGIN_M, max(east_m) + MARGIN_M, min(north_m) - MARGIN_M, max(north_m) + MARGIN_M


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Places as columns."""

    lat_deg: FloatArray
    lon_deg: FloatArray
    east_m2: FloatArray
    cross_m2: FloatArray
    north_m2: FloatArray
    start_s: FloatArray
    end_s: FloatArray
    radius_m: FloatArray
    growth_m2_per_s: FloatArray
    is_smoke: FloatArray

    @classmethod
    def of(cls, places: Sequence[Footprint]) -> _Batch:
        rows = [
            (
                *(place.lat_deg, place.lon_deg, *place.covariance_m2, place.start_s, place.end_s),
                *(place.radius_m, place.growth_m2_per_s, place.is_smoke),
            )
            for place in places
        ]
        return cls(*np.array(rows, np.float64).reshape(-1, 10).T)

    @property
    def upright(self) -> _Batch:
        """As rows of a table, where these are columns."""
        return _Batch(*(getattr(self, name)[:, None] for name in self.__slots__))


def misfit_table(
    rows: Sequence[Footprint], columns: Sequence[Footprint], *, any_time: bool = False
) -> FloatArray:
    """``misfits`` of places, each row with each column at once."""
    one, many = _Batch.of(rows).upright, _Batch.of(columns)
    gap_s = np.maximum(0.0, np.maximum(one.start_s - many.end_s, many.start_s - one.end_s))
    if any_time:
        gap_s = np.zeros_like(gap_s)
    east_m, north_m = _offset_m(one.lat_deg, one.lon_deg, many.lat_deg, many.lon_deg)
    # What is over first may have grown until the other was seen.
    one_s = np.where(one.end_s < many.start_s, gap_s, 0.0)
    many_s = np.where(many.end_s < one.start_s, gap_s, 0.0)
    reach_m = (
        np.minimum(MOST_RADIUS_M, np.sqrt(one.radius_m**2 + one.growth_m2_per_s * one_s / math.pi))
        + np.minimum(MOST_RADIUS_M, np.sqrt(many.radius_m**2 + many.growth_m2_per_s * many_s / math.pi))
        + np.minimum(MOST_SPREAD_M, SPREAD_M_PER_S * gap_s)
    )
    away_m = np.hypot(east_m, north_m)
    left = np.maximum(0.0, 1.0 - reach_m / np.maximum(away_m, 1e-9))
    east_m, north_m = east_m * left, north_m * left
    floor_m2 = np.where(many.is_smoke + one.is_smoke > 0, SMOKE_FLOOR_M, FLOOR_M) ** 2
    ee_m2 = many.east_m2 + one.east_m2 + floor_m2
    en_m2 = many.cross_m2 + one.cross_m2
    nn_m2 = many.north_m2 + one.north_m2 + floor_m2
    squared = (east_m**2 * nn_m2 - 2 * east_m * north_m * en_m2 + north_m**2 * ee_m2) / (
        ee_m2 * nn_m2 - en_m2**2
    )
    # The same to the last digit whichever of the two is the row.
    misfit = np.round(squared / GATE_SIGMA**2, 9)
    return np.where((misfit <= 1.0) & (gap_s <= GAP_S), np.round(misfit + gap_s / GAP_S, 9), np.inf)


def _offset_m(
    lat_deg: FloatArray | float, lon_deg: FloatArray | float, lats_deg: FloatArray, lons_deg: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """East and north from one to many, by the ellipsoid's curvature half way: right to a metre in 20 km."""
    middle = np.radians((lat_deg + lats_deg) / 2)
    w2 = 1 - _EARTH_E2 * np.sin(middle) ** 2
    north_m = np.radians(lats_deg - lat_deg) * _EARTH_A_M * (1 - _EARTH_E2) / w2**1.5
    turn_rad = np.radians((lons_deg - lon_deg + 180.0) % 360.0 - 180.0)
    return turn_rad * np.cos(middle) * _EARTH_A_M / np.sqrt(w2), north_m
