"""Where one may fly around fires: straight ways that keep clear of each, of its smoke and of the fence.

One fire may be looked at; every other one that is known has its circle and its smoke as well. All on a plane
that touches the earth at the fire looked at, in metres east and north of it, and many ways at once: a
companion computer has to judge thousands of them between two heartbeats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon as Shape

from edge.geometry.sighting import ellipse
from flight.envelope import Envelope
from flight.local_frame import LocalFrame
from flight.plans.fence import Circle, Zone
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]
Place = tuple[float, float, float]
"""Latitude and longitude in degrees, height above sea level in metres."""

LEAST_WIND_M_S = 1.5  # below it smoke goes anywhere
SMOKE_HALF_ANGLE_DEG = 50.0
SMOKE_REACH_M = 400.0
PATH_STEP_M = 15.0
LONGEST_OUT = 2.0  # of a way out of the smoke, to the shortest there is
FAR_M = 1e5


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


@dataclass(frozen=True, slots=True, eq=False)
class _Hazard:
    """A fire on the plane."""

    at: FloatArray
    clear_m: float
    smoke: Shape | None

    def keeps_off(self, starts: FloatArray, ends: FloatArray) -> NDArray[np.bool_]:
        starts, ends = starts - self.at, ends - self.at
        ways = ends - starts
        lengths2 = np.maximum(np.sum(ways**2, axis=1), 1e-12)
        nearest = np.clip(-np.sum(starts * ways, axis=1) / lengths2, 0.0, 1.0)
        nearest_m = np.linalg.norm(starts + nearest[:, None] * ways, axis=1)
        # Outwards from the first metre on, and far enough to be out.
        gets_out = (nearest == 0.0) & (np.linalg.norm(ends, axis=1) >= self.clear_m)
        result: NDArray[np.bool_] = (nearest_m >= self.clear_m) | gets_out
        return result

    def keeps_out_of_smoke(
        self, starts: FloatArray, ends: FloatArray, lines: NDArray[np.object_]
    ) -> NDArray[np.bool_]:
        if self.smoke is None:
            return np.ones(len(lines), dtype=np.bool_)
        clear: NDArray[np.bool_] = ~shapely.intersects(self.smoke, lines)
        begins = ~clear & shapely.intersects_xy(self.smoke, starts[:, 0], starts[:, 1])
        begins &= ~shapely.intersects_xy(self.smoke, ends[:, 0], ends[:, 1])
        if begins.any():
            inside_m = shapely.length(shapely.intersection(lines[begins], self.smoke))
            out_m = shapely.distance(shapely.points(starts[begins]), self.smoke.exterior)
            clear[begins] = inside_m <= LONGEST_OUT * out_m + PATH_STEP_M
        return clear


class Clearance:
    """The rules around the fire that is looked at, and around the ``others`` that are known. Where none is
    looked at, ``middle`` is where the plane touches the earth: latitude, longitude, metres above the sea."""

    def __init__(
        self,
        fire: Fire | None,
        envelope: Envelope,
        terrain: Terrain | None,
        wind: Wind | None,
        stand_off_m: float,
        others: Sequence[Fire] = (),
        *,
        middle: Place | None = None,
    ) -> None:
        at = middle if fire is None else (fire.lat_deg, fire.lon_deg, fire.alt_amsl_m)
        if at is None:
            raise ValueError("neither a fire nor a place")
        self.fire = fire
        self.envelope = envelope
        self.terrain = terrain
        self._wind = wind if wind is not None and wind.speed_m_s >= LEAST_WIND_M_S else None
        self._stand_off_m = stand_off_m
        self._frame = LocalFrame(*at)
        self._allowed = self._fenced()
        self._own = None if fire is None else self._hazard(fire)
        self._others = [self._hazard(other) for other in others]
        self._others_at = np.array([other.at for other in self._others]).reshape(-1, 2)

    @property
    def clear_m(self) -> float:
        """Nobody comes nearer to the estimate of the fire that is looked at than this."""
        assert self._own is not None  # noqa: S101 - who asks looks at one
        return self._own.clear_m

    def in_smoke(self, at: FloatArray) -> bool:
        """Whether a place is in a sector where the smoke of its fire goes."""
        return any(
            hazard.smoke is not None and bool(shapely.intersects_xy(hazard.smoke, *at))
            for hazard in self._hazards(at[None], at[None])
        )

    def is_near_another(self, at: FloatArray) -> bool:
        """Whether a place is nearer to one of the other fires than anybody comes."""
        return any(
            float(np.linalg.norm(at - hazard.at)) < hazard.clear_m
            for hazard in self._hazards(at[None], at[None])
            if hazard is not self._own
        )

    def are_clear(
        self, starts: FloatArray, start_alts_m: FloatArray, ends: FloatArray, end_alts_m: FloatArray
    ) -> NDArray[np.bool_]:
        """Which straight ways keep every rule (N, 2; metres). Who is too near, or in the smoke, may only get
        out, and by a short way. Ceiling and range hold on a straight way where they hold at its ends; those
        are not looked at here."""
        clear = np.ones(len(starts), dtype=np.bool_)
        lines = shapely.linestrings(np.stack([starts, ends], axis=1))
        for hazard in self._hazards(starts, ends):
            clear &= hazard.keeps_off(starts, ends) & hazard.keeps_out_of_smoke(starts, ends, lines)
        if self._allowed is not None:
            clear &= shapely.covers(self._allowed, lines)
        if self.terrain is not None and clear.any():
            clear[clear] = self._above_ground(
                *(part[clear] for part in (starts, start_alts_m, ends, end_alts_m))
            )
        return clear

    def objection(self, start: Place, end: Place) -> str:
        """Why the straight way from one place to another does not keep every rule, in words; empty where it
        does. The ends themselves are the envelope's to judge."""
        starts, ends = self.metres(*start[:2])[None], self.metres(*end[:2])[None]
        alts_m = np.array([start[2]]), np.array([end[2]])
        if self.are_clear(starts, alts_m[0], ends, alts_m[1])[0]:
            return ""
        lines = shapely.linestrings(np.stack([starts, ends], axis=1))
        for hazard in self._hazards(starts, ends):
            if not hazard.keeps_off(starts, ends)[0]:
                return f"it comes nearer to a fire than {hazard.clear_m:.0f} m"
            if not hazard.keeps_out_of_smoke(starts, ends, lines)[0]:
                return "it goes through the smoke of a fire"
        if self._allowed is not None and not shapely.covers(self._allowed, lines)[0]:
            fence, margin_m = self.envelope.fence, self.envelope.fence_margin_m / 2
            crossing = "" if fence is None else fence.crossing(start[:2], end[:2], margin_m=margin_m)
            return crossing or "it leaves the fence or crosses a no-fly zone"
        return f"the ground on the way is nearer than {self.envelope.least_height_agl_m:.0f} m, or not known"

    def _hazards(self, starts: FloatArray, ends: FloatArray) -> Iterator[_Hazard]:
        """The fire that is looked at, and of the others those that may matter between these places."""
        if self._own is not None:
            yield self._own
        if not self._others or not len(starts):
            return
        least = np.minimum(starts.min(axis=0), ends.min(axis=0))
        most = np.maximum(starts.max(axis=0), ends.max(axis=0))
        away_m = np.maximum(np.maximum(least - self._others_at, self._others_at - most), 0.0).max(axis=1)
        for hazard, apart_m in zip(self._others, away_m, strict=True):
            if apart_m <= max(hazard.clear_m, SMOKE_REACH_M * 1.01):
                yield hazard

    def _above_ground(
        self, starts: FloatArray, start_alts_m: FloatArray, ends: FloatArray, end_alts_m: FloatArray
    ) -> NDArray[np.bool_]:
        ways = ends - starts
        assert self.terrain is not None  # noqa: S101 - whoever asks has one
        step_m = max(1.0, min(PATH_STEP_M, self.terrain.resolution_m))
        steps = max(1, math.ceil(float(np.linalg.norm(ways, axis=1).max()) / step_m))
        parts = np.linspace(0.0, 1.0, steps + 1)[1:, None]
        points = starts[:, None] + parts * ways[:, None]
        height_m = start_alts_m[:, None] + parts[:, 0] * (end_alts_m - start_alts_m)[:, None]
        ground_m = self.ground_m(points.reshape(-1, 2)).reshape(height_m.shape)
        high: NDArray[np.bool_] = height_m - ground_m >= self.envelope.least_height_agl_m - 1e-6
        kept: NDArray[np.bool_] = np.logical_and.reduce(high, axis=1)
        return kept  # where the model has a hole, nobody knows: no way

    def ground_m(self, points: FloatArray) -> FloatArray:
        """Of the terrain model (N, 2); there must be one."""
        assert self.terrain is not None  # noqa: S101 - whoever asks has one
        lat_deg, lon_deg, _ = self._frame.to_geodetic(points[:, 0], points[:, 1], np.zeros(len(points)))
        return self.terrain.height_amsl_m(lat_deg, lon_deg)

    def metres(self, lat_deg: float, lon_deg: float) -> FloatArray:
        """East and north of the fire."""
        east_m, north_m, _ = self._frame.from_geodetic(
            np.array([lat_deg]), np.array([lon_deg]), np.array([self._frame.alt_m])
        )
        return np.array([east_m[0], north_m[0]])

    def place(self, at: FloatArray) -> tuple[float, float]:
        """Latitude and longitude, degrees."""
        lat_deg, lon_deg, _ = self._frame.to_geodetic(at[:1], at[1:], np.zeros(1))
        return float(lat_deg[0]), float(lon_deg[0])

    def _fenced(self) -> Shape | None:
        """Where the fence lets one fly, its margin taken off; None without a fence."""
        fence = self.envelope.fence
        if fence is None:
            return None
        margin_m = self.envelope.fence_margin_m / 2
        everywhere = shapely.box(-FAR_M, -FAR_M, FAR_M, FAR_M)
        allowed = shapely.intersection_all(
            [everywhere, *(self._zone(zone).buffer(-margin_m) for zone in fence.inclusions)]
        )
        for zone in fence.exclusions:
            allowed = allowed.difference(self._zone(zone).buffer(margin_m))
        shapely.prepare(allowed)
        return allowed

    def _zone(self, zone: Zone) -> Shape:
        if isinstance(zone, Circle):
            return shapely.Point(self.metres(zone.lat_deg, zone.lon_deg)).buffer(zone.radius_m, quad_segs=32)
        return Shape([self.metres(lat_deg, lon_deg) for lat_deg, lon_deg in zone.vertices])

    def _hazard(self, fire: Fire) -> _Hazard:
        at = self.metres(fire.lat_deg, fire.lon_deg)
        clear_m = self._stand_off_m + fire.radius_m
        return _Hazard(at, clear_m if self._wind is not None else 2 * clear_m, self._smoke_sector(at))

    def _smoke_sector(self, at: FloatArray) -> Shape | None:
        """Downwind of a fire; None where nobody knows where its smoke goes."""
        if self._wind is None:
            return None
        downwind_deg = self._wind.from_deg + 180.0
        turns_deg = np.linspace(-SMOKE_HALF_ANGLE_DEG, SMOKE_HALF_ANGLE_DEG, 21)
        # The corners stand out a little, so that the chords between them are nowhere inside the arc.
        reach_m = SMOKE_REACH_M / math.cos(math.radians(turns_deg[1] - turns_deg[0]) / 2)
        arc = [at + reach_m * direction(downwind_deg + turn_deg) for turn_deg in turns_deg]
        sector = Shape([at, *arc])
        shapely.prepare(sector)
        return sector


def direction(bearing_deg: float) -> FloatArray:
    """East and north, of length 1."""
    angle_rad = math.radians(bearing_deg)
    return np.array([math.sin(angle_rad), math.cos(angle_rad)])
