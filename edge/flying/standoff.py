"""Where to look at a fire from: views that are safe to fly to, the most telling first.

Safe means (nothing here is weighed against anything else):

- never nearer to a fire, this or another, than the stand-off and its own error ellipse, on the way neither;
- never in a sector downwind where smoke goes; where the wind is not known, twice as far off all round;
- never below the height at which the patrol is flown: terrain models lack wires and masts;
- inside the envelope (fence, ceiling, range, ground), on the way there too;
- with a line of sight over the terrain.

Telling means: the view that leaves the smallest error ellipse of the fire (``next_view``), seen together with
the views chosen before it. How far it is to fly decides only among views that are as good as one another.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.flying.clearance import Clearance, Place, direction
from edge.flying.next_view import Outlook, ViewGeometry, effects_m
from edge.geometry.pose import PoseSigmas
from flight.errors import EmberwatchError
from flight.terrain import FlatTerrain

FloatArray = NDArray[np.float64]
BEARING_STEP_DEG = 15
DISTANCE_FACTORS = (1.0, 1.4, 2.0)
CLIMBS_M = (0.0, 25.0, 50.0)  # above the lowest height that is allowed
AS_GOOD = 1.02  # an ellipse that is larger by less than this is no worse: the way there decides
SLACK_M = 10.0  # a vehicle overshoots, and an estimate moves a little
STEEPEST_DEG, FLATTEST_DEG = 80.0, 8.0
_NUMBER = re.compile(r"[\d.]+")
HEIGHT_MARGIN_M = 3.0  # a ridge proves something only where it stands out by more than the model may err


class NoViewError(EmberwatchError):
    """There is no place to look from that keeps every rule."""


@dataclass(frozen=True, slots=True)
class View:
    """A place to look from. ``via`` are places to fly over first, so that the way is safe, too."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    bearing_deg: float
    """Of the view, seen from the fire."""
    distance_m: float
    via: tuple[Place, ...] = ()

    @property
    def place(self) -> Place:
        return self.lat_deg, self.lon_deg, self.alt_amsl_m

    @property
    def way(self) -> tuple[Place, ...]:
        """The places to fly over to it, itself the last."""
        return *self.via, self.place


@dataclass(frozen=True, slots=True)
class Here:
    """Where the vehicle is. ``floor_amsl_m`` is the patrol's height there: no view is below it."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    floor_amsl_m: float


@dataclass(frozen=True, slots=True, eq=False)
class _Spot:
    """A candidate, in metres east and north of the fire."""

    at: FloatArray
    view: View


class StandOff:
    """Finds views of one fire, and ways."""

    def __init__(self, clearance: Clearance) -> None:
        if clearance.fire is None:
            raise ValueError("there is no fire to stand off from")
        self._rules = clearance
        self._fire = clearance.fire
        self._envelope = clearance.envelope

    @property
    def nearest_m(self) -> float:
        """No view is nearer to the fire over ground."""
        return self._rules.clear_m + SLACK_M

    def views(self, here: Here, count: int) -> list[View]:
        """Up to ``count`` views to be flown to one after another, the most telling first.

        Raises NoViewError, whose words say which rule left nothing.
        """
        spots, refusals = self._spots(here.floor_amsl_m)
        net = _Net(self._rules, spots)
        chosen: list[View] = []
        outlook = Outlook.of(self._fire.covariance_m2)
        effects = self._effects_m(spots)
        at, alt_m = self._rules.metres(here.lat_deg, here.lon_deg), here.alt_amsl_m
        for _ in range(min(count, len(spots))):
            ranked = net.ranked(outlook.left_m2(effects), at, alt_m)
            bearings = {view.bearing_deg for view in chosen}
            ways = net.from_(at, alt_m)
            for index in ranked:
                if spots[index].view.bearing_deg in bearings:
                    continue
                via = ways.to(index, ranked)
                if via is not None:
                    break
            else:
                break
            spot = spots[index]
            chosen.append(replace(spot.view, via=via))
            outlook = outlook.looked(effects[index])
            at, alt_m = spot.at, spot.view.alt_amsl_m
        if not chosen:
            why = "" if spots else _most_often(refusals)
            raise NoViewError(
                "there is no safe place to look from"
                + (f": {why}" if why else ": no way there keeps clear of the fire and its smoke")
            )
        return chosen

    def way(self, here: Here, there: Place) -> list[Place] | None:
        """The places to fly over from here to there, ``there`` the last; None where there is no safe way."""
        if self.is_clear(here, there):
            return [there]
        if self._envelope.objection(*there):
            return None
        lat_deg, lon_deg, alt_m = there
        end = self._rules.metres(lat_deg, lon_deg)
        goal = _Spot(end, View(lat_deg, lon_deg, alt_m, 0.0, float(np.hypot(*end))))
        spots = [*self._spots(here.floor_amsl_m)[0], goal]
        ways = _Net(self._rules, spots).from_(self._rules.metres(here.lat_deg, here.lon_deg), here.alt_amsl_m)
        via = ways.to(len(spots) - 1, range(len(spots) - 1))
        return None if via is None else [*via, there]

    def is_clear(self, here: Here, there: Place) -> bool:
        """Whether the straight way from here to there keeps every rule."""
        if self._envelope.objection(*there):
            return False
        return bool(self._are_clear([((here.lat_deg, here.lon_deg, here.alt_amsl_m), there)])[0])

    def is_way_back(self, track: Sequence[Place]) -> bool:
        """Whether the straight ways from the first of these places over the others to the last keep every
        rule. To the last one the patrol may come as near to a fire as it got out from there."""
        ways = list(itertools.pairwise(track))
        into_last = [(ways[-1][1], ways[-1][0])]
        clear = self._are_clear([*ways, *into_last])
        return bool(clear[: len(ways) - 1].all() and (clear[-2] or clear[-1]))

    def _are_clear(self, ways: Sequence[tuple[Place, Place]]) -> NDArray[np.bool_]:
        at = np.array([[self._rules.metres(lat_deg, lon_deg) for lat_deg, lon_deg, _ in way] for way in ways])
        alts_m = np.array([[alt_m for *_, alt_m in way] for way in ways])
        return self._rules.are_clear(at[:, 0], alts_m[:, 0], at[:, 1], alts_m[:, 1])

    def _effects_m(self, spots: Sequence[_Spot]) -> FloatArray:
        """What the errors of a look from each of these do, (N, 2, causes)."""
        terrain = self._rules.terrain or FlatTerrain(self._fire.alt_amsl_m)
        return np.array(
            [effects_m(self._geometry(spot.view), PoseSigmas(), terrain.sigma_m) for spot in spots]
        )

    def _geometry(self, view: View) -> ViewGeometry:
        return ViewGeometry(view.bearing_deg, view.distance_m, view.alt_amsl_m - self._fire.alt_amsl_m)

    def _spots(self, floor_amsl_m: float) -> tuple[list[_Spot], list[str]]:
        """The candidates, and why there are no more of them."""
        spots: list[_Spot] = []
        refusals: list[str] = []
        for factor, bearing_deg in itertools.product(DISTANCE_FACTORS, range(0, 360, BEARING_STEP_DEG)):
            distance_m = factor * self.nearest_m
            at = distance_m * direction(bearing_deg)
            lowest_m, objection = self._lowest_m(at, floor_amsl_m)
            lat_deg, lon_deg = self._rules.place(at)
            whys = [objection or self._objection(at, lat_deg, lon_deg, lowest_m + up_m) for up_m in CLIMBS_M]
            for up_m, why in zip(CLIMBS_M, whys, strict=True):
                if not why:
                    view = View(lat_deg, lon_deg, lowest_m + up_m, float(bearing_deg), distance_m)
                    spots.append(_Spot(at, view))
            if all(whys):
                refusals.append(whys[0])
        return spots, refusals

    def _lowest_m(self, at: FloatArray, floor_amsl_m: float) -> tuple[float, str]:
        """The least height of a view above a place, and why there is none at any height."""
        alt_m = floor_amsl_m
        if self._rules.terrain is not None:
            ground_m = float(self._rules.ground_m(at[None])[0])
            if math.isnan(ground_m):
                return alt_m, "the terrain model ends there"
            alt_m = max(alt_m, ground_m + self._envelope.least_height_agl_m)
        if self._rules.in_smoke(at):
            return alt_m, "its smoke is there"
        if self._rules.is_near_another(at):
            return alt_m, "another fire is too near"
        return alt_m, ""

    def _objection(self, at: FloatArray, lat_deg: float, lon_deg: float, alt_m: float) -> str:
        """Why nobody looks from this height above a place; empty where one may."""
        down_deg = math.degrees(math.atan2(alt_m - self._fire.alt_amsl_m, float(np.hypot(*at))))
        if not FLATTEST_DEG <= down_deg <= STEEPEST_DEG:
            return "the fire would be looked at too flat or too steeply"
        objection = self._envelope.objection(lat_deg, lon_deg, alt_m)
        if objection or self._is_seen_from(at, alt_m):
            return objection
        return "a ridge hides the fire"

    def _is_seen_from(self, at: FloatArray, alt_m: float) -> bool:
        if self._rules.terrain is None:
            return True
        parts = np.linspace(0.1, 0.95, 40)
        ray_m = self._fire.alt_amsl_m + parts * (alt_m - self._fire.alt_amsl_m)
        ground_m = self._rules.ground_m(parts[:, None] * at)
        # A hole in the model proves no ridge; where it ends no view is taken at all.
        return bool(np.all(np.isnan(ground_m) | (ground_m < ray_m + HEIGHT_MARGIN_M)))


def _most_often(refusals: Sequence[str]) -> str:
    """An example of the rule that was met most often: its words differ in their numbers only."""
    kinds = [_NUMBER.sub("", words) for words in refusals]
    return max(refusals, key=lambda words: kinds.count(_NUMBER.sub("", words)), default="")


class _Net:
    """Ways between spots: straight, or over one other spot. Each is worked out once, and only when needed."""

    def __init__(self, rules: Clearance, spots: Sequence[_Spot]) -> None:
        self._rules = rules
        self.spots = spots
        self._at = np.array([spot.at for spot in spots]).reshape(-1, 2)
        self._alt_m = np.array([spot.view.alt_amsl_m for spot in spots])
        self._into: dict[int, NDArray[np.bool_]] = {}

    def from_(self, at: FloatArray, alt_m: float) -> _Ways:
        """All ways from a place."""
        count = len(self.spots)
        starts = np.broadcast_to(at, (count, 2))
        return _Ways(self, self._rules.are_clear(starts, np.full(count, alt_m), self._at, self._alt_m))

    def ranked(self, left_m2: FloatArray, at: FloatArray, alt_m: float) -> list[int]:
        """The spots in the order of the ellipse (N, 2, 2) that each would leave; as good ones, the nearest to
        this place first."""
        areas = np.sqrt(np.linalg.det(left_m2))
        steps = np.floor(np.log(areas / areas.min()) / math.log(AS_GOOD) + 1e-9)
        away_m = np.linalg.norm(self._at - at, axis=1) + np.abs(self._alt_m - alt_m)
        return [int(index) for index in np.lexsort((areas, away_m, steps))]

    def into(self, index: int) -> NDArray[np.bool_]:
        """From which spots one comes straight to this one."""
        if index not in self._into:
            ends = np.broadcast_to(self._at[index], self._at.shape)
            alts_m = np.full(len(self.spots), self._alt_m[index])
            self._into[index] = self._rules.are_clear(self._at, self._alt_m, ends, alts_m)
        return self._into[index]


@dataclass(frozen=True, slots=True, eq=False)
class _Ways:
    """From one place."""

    net: _Net
    straight: NDArray[np.bool_]

    def to(self, index: int, over: Sequence[int]) -> tuple[Place, ...] | None:
        """Places to fly over on the way to a spot; None where there is no safe way."""
        if self.straight[index]:
            return ()
        if not self.straight.any():
            return None
        into = self.net.into(index)
        for other in over:
            if self.straight[other] and into[other]:
                return (self.net.spots[other].view.place,)
        return None
