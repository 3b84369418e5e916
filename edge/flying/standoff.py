"""Where to look at a fire from: views that are safe to fly to, the most telling first.

Safe means (nothing here is weighed against anything else):

- never nearer to the fire than the stand-off and its own error ellipse, on the way there neither;
- never in the sector downwind where its smoke goes; where the wind is not known, twice as far off all round;
- never below the height at which the patrol is flown: terrain models lack wires and masts;
- inside the envelope (fence, ceiling, range, ground), on the way there too;
- with a line of sight over the terrain.

Telling means: the view whose own error ellipse, fused with the hotspot's, leaves the smallest one. A sighting
is good across the view and poor along it, so that is a view from the side, as near as is allowed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.sighting import ellipse
from flight.envelope import Envelope
from flight.errors import EmberwatchError
from flight.local_frame import LocalFrame
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]

BEARING_STEP_DEG = 15
DISTANCE_FACTORS = (1.0, 1.4, 2.0)
LEAST_WIND_M_S = 1.5  # below it smoke goes anywhere
SMOKE_HALF_ANGLE_DEG = 50.0
SMOKE_REACH_M = 400.0
STEEPEST_DEG, FLATTEST_DEG = 80.0, 8.0
PATH_STEP_M = 15.0
HEIGHT_MARGIN_M = 3.0  # a ridge proves something only where it stands out by more than the model may err
# What one view is good for: the main terms of ``edge.locate``'s budget.
ANGLE_SIGMA_RAD = math.radians(2.1)  # heading and gimbal
ELEVATION_SIGMA_RAD = math.radians(0.9)  # attitude and gimbal
HEIGHT_SIGMA_M = 4.0  # GNSS height and terrain
POSITION_SIGMA_M = 1.5


class NoViewError(EmberwatchError):
    """There is no place to look from that keeps every rule."""


@dataclass(frozen=True, slots=True, eq=False)
class Fire:
    """What is to be looked at, as it is known now."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    covariance_m2: FloatArray

    @property
    def radius_m(self) -> float:
        """It may be this far from where it is thought to be (90 %)."""
        return ellipse(self.covariance_m2)[0]


@dataclass(frozen=True, slots=True)
class Wind:
    """Where it comes from, and how strong it is."""

    from_deg: float
    speed_m_s: float


@dataclass(frozen=True, slots=True)
class View:
    """A place to look from. ``via`` are places to fly over first, so that the way is safe, too."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    bearing_deg: float
    """Of the view, seen from the fire."""
    distance_m: float
    via: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Here:
    """Where the vehicle is, and the height below which the patrol is not flown there."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float


@dataclass(frozen=True, slots=True, eq=False)
class _Spot:
    """A candidate, in metres east and north of the fire."""

    at: FloatArray
    down_rad: float
    """How far below the horizon the fire is, seen from there."""
    view: View


@dataclass(slots=True, eq=False)
class StandOff:
    """The rules around one fire."""

    fire: Fire
    envelope: Envelope
    terrain: Terrain | None
    wind: Wind | None
    stand_off_m: float
    _frame: LocalFrame = field(init=False)

    def __post_init__(self) -> None:
        fire = self.fire
        self._frame = LocalFrame(fire.lat_deg, fire.lon_deg, fire.alt_amsl_m)

    @property
    def wind_is_known(self) -> bool:
        return self.wind is not None and self.wind.speed_m_s >= LEAST_WIND_M_S

    @property
    def clear_m(self) -> float:
        """Nobody comes nearer to the fire's estimate than this."""
        clear_m = self.stand_off_m + self.fire.radius_m
        return clear_m if self.wind_is_known else 2 * clear_m

    def views(self, here: Here, count: int) -> list[View]:
        """Up to ``count`` views to be flown to one after another, the most telling first.

        Raises NoViewError, whose words say which rule left nothing.
        """
        spots, refusals = self._spots(here)
        chosen: list[View] = []
        covariance_m2 = self.fire.covariance_m2
        at, alt_m = self._metres(here.lat_deg, here.lon_deg), here.alt_amsl_m
        for _ in range(count):
            ranked = sorted(spots, key=lambda spot: _left_m2(covariance_m2, spot))
            best = next(
                (
                    (spot, via)
                    for spot in ranked
                    if not any(spot.view.bearing_deg == view.bearing_deg for view in chosen)
                    and (via := self._way(at, alt_m, spot, ranked)) is not None
                ),
                None,
            )
            if best is None:
                break
            spot, via = best
            view = spot.view
            chosen.append(
                View(view.lat_deg, view.lon_deg, view.alt_amsl_m, view.bearing_deg, view.distance_m, via)
            )
            covariance_m2 = np.linalg.inv(np.linalg.inv(covariance_m2) + np.linalg.inv(_view_m2(spot)))
            at, alt_m = spot.at, view.alt_amsl_m
        if not chosen:
            why = max(refusals, key=lambda words: refusals[words]) if refusals and not spots else ""
            raise NoViewError(
                "there is no safe place to look from"
                + (f": {why}" if why else ": no way there keeps clear of the fire and its smoke")
            )
        return chosen

    def way(self, here: Here, there: Here) -> list[tuple[float, float, float]] | None:
        """The places to fly over from here to there, ``there`` the last; None where there is no safe way."""
        end = self._metres(there.lat_deg, there.lon_deg)
        goal = _Spot(
            end, 0.0, View(there.lat_deg, there.lon_deg, there.alt_amsl_m, 0.0, float(np.hypot(*end)))
        )
        start = self._metres(here.lat_deg, here.lon_deg)
        via = self._way(start, here.alt_amsl_m, goal, self._spots(here)[0])
        return None if via is None else [*via, (there.lat_deg, there.lon_deg, there.alt_amsl_m)]

    def _spots(self, here: Here) -> tuple[list[_Spot], dict[str, int]]:
        spots: list[_Spot] = []
        refusals: dict[str, int] = {}
        for factor, bearing_deg in itertools.product(DISTANCE_FACTORS, range(0, 360, BEARING_STEP_DEG)):
            distance_m = factor * self.clear_m * 1.02
            at = distance_m * _direction(bearing_deg)
            spot, objection = self._spot(at, float(bearing_deg), distance_m, here.alt_amsl_m)
            if spot is not None:
                spots.append(spot)
            else:
                refusals[objection] = refusals.get(objection, 0) + 1
        return spots, refusals

    def _spot(
        self, at: FloatArray, bearing_deg: float, distance_m: float, floor_amsl_m: float
    ) -> tuple[_Spot | None, str]:
        lat_deg, lon_deg = self._place(at)
        alt_m = floor_amsl_m
        if self.terrain is not None:
            ground_m = float(self.terrain.height_amsl_m(np.array([lat_deg]), np.array([lon_deg]))[0])
            if math.isnan(ground_m):
                return None, "the terrain model ends there"
            alt_m = max(alt_m, ground_m + self.envelope.least_height_agl_m)
        down_rad = math.atan2(alt_m - self.fire.alt_amsl_m, distance_m)
        if self._in_smoke(at):
            return None, "its smoke is there"
        if not FLATTEST_DEG <= math.degrees(down_rad) <= STEEPEST_DEG:
            return None, "the fire would be looked at too flat or too steeply"
        objection = self.envelope.objection(lat_deg, lon_deg, alt_m)
        if objection:
            return None, objection
        if not self._is_seen_from(at, alt_m):
            return None, "a ridge hides the fire"
        return _Spot(at, down_rad, View(lat_deg, lon_deg, alt_m, bearing_deg, distance_m)), ""

    def _way(
        self, start: FloatArray, alt_m: float, spot: _Spot, others: Sequence[_Spot]
    ) -> tuple[tuple[float, float, float], ...] | None:
        """Places to fly over on the way to a spot: none, one other spot, or there is no safe way (None)."""
        if self._is_clear(start, alt_m, spot.at, spot.view.alt_amsl_m):
            return ()
        for other in others:
            view = other.view
            if self._is_clear(start, alt_m, other.at, view.alt_amsl_m) and self._is_clear(
                other.at, view.alt_amsl_m, spot.at, spot.view.alt_amsl_m
            ):
                return ((view.lat_deg, view.lon_deg, view.alt_amsl_m),)
        return None

    def _is_clear(self, start: FloatArray, start_alt_m: float, end: FloatArray, end_alt_m: float) -> bool:
        """Whether the straight way keeps every rule. Who is too near, or in the smoke, may only get out."""
        way = end - start
        length_m = float(np.hypot(*way))
        steps = max(1, math.ceil(length_m / PATH_STEP_M))
        was_near_m = float(np.hypot(*start))
        in_smoke = self._in_smoke(start)
        for part in np.linspace(0.0, 1.0, steps + 1)[1:]:
            at = start + part * way
            away_m = float(np.hypot(*at))
            if away_m < self.clear_m and away_m < was_near_m + 1e-6:
                return False
            was_near_m = away_m
            smoke = self._in_smoke(at)
            if smoke and not in_smoke:
                return False
            in_smoke = smoke
            lat_deg, lon_deg = self._place(at)
            if self.envelope.objection(lat_deg, lon_deg, start_alt_m + part * (end_alt_m - start_alt_m)):
                return False
        fence = self.envelope.fence
        return fence is None or not fence.crossing(
            self._place(start), self._place(end), margin_m=self.envelope.fence_margin_m / 2
        )

    def _in_smoke(self, at: FloatArray) -> bool:
        if not self.wind_is_known or self.wind is None:
            return False
        downwind = _direction(self.wind.from_deg + 180.0)
        away_m = float(np.hypot(*at))
        if away_m < 1e-9 or away_m > SMOKE_REACH_M:
            return False
        return float(at @ downwind) / away_m > math.cos(math.radians(SMOKE_HALF_ANGLE_DEG))

    def _is_seen_from(self, at: FloatArray, alt_m: float) -> bool:
        if self.terrain is None:
            return True
        parts = np.linspace(0.1, 0.95, 40)
        points = parts[:, None] * at
        lat_deg, lon_deg, _ = self._frame.to_geodetic(points[:, 0], points[:, 1], np.zeros(len(parts)))
        ray_m = self.fire.alt_amsl_m + parts * (alt_m - self.fire.alt_amsl_m)
        ground_m = self.terrain.height_amsl_m(lat_deg, lon_deg)
        # A hole in the model proves no ridge; where it ends no view is taken at all.
        return bool(np.all(np.isnan(ground_m) | (ground_m < ray_m + HEIGHT_MARGIN_M)))

    def _metres(self, lat_deg: float, lon_deg: float) -> FloatArray:
        east_m, north_m, _ = self._frame.from_geodetic(
            np.array([lat_deg]), np.array([lon_deg]), np.array([self.fire.alt_amsl_m])
        )
        return np.array([east_m[0], north_m[0]])

    def _place(self, at: FloatArray) -> tuple[float, float]:
        lat_deg, lon_deg, _ = self._frame.to_geodetic(at[:1], at[1:], np.zeros(1))
        return float(lat_deg[0]), float(lon_deg[0])


def _direction(bearing_deg: float) -> FloatArray:
    angle_rad = math.radians(bearing_deg)
    return np.array([math.sin(angle_rad), math.cos(angle_rad)])


def _view_m2(spot: _Spot) -> FloatArray:
    """The covariance, east and north, that one sighting from there would have."""
    view = spot.view
    along = -_direction(view.bearing_deg)
    across = np.array([along[1], -along[0]])
    slant_m = view.distance_m / math.cos(spot.down_rad)
    # Along the view a height error and an elevation error both move the point where the ray meets the ground.
    along_m = math.hypot(
        HEIGHT_SIGMA_M / math.tan(spot.down_rad), slant_m * ELEVATION_SIGMA_RAD / math.sin(spot.down_rad)
    )
    across_m = slant_m * ANGLE_SIGMA_RAD
    along_m, across_m = math.hypot(along_m, POSITION_SIGMA_M), math.hypot(across_m, POSITION_SIGMA_M)
    return np.asarray(along_m**2 * np.outer(along, along) + across_m**2 * np.outer(across, across))


def _left_m2(covariance_m2: FloatArray, spot: _Spot) -> float:
    """The area that is left of the ellipse after a look from there, up to a constant."""
    information = np.linalg.inv(covariance_m2) + np.linalg.inv(_view_m2(spot))
    return 1.0 / float(np.linalg.det(information))
