"""How large a fire is on the ground, and how fast it grows, from repeated views of it.

A box shows the width of a fire, and along the line of sight its depth and its flames together. The depth is
taken to be in the middle between what the box leaves for it when there are no flames and when they are as
tall as the fire is wide, and all between is within the error: from straight above the depth is known, from
far aside it is not. That error is the same in views from the same side. It scales the growth as it scales the
area, and where the view changes it may look like growth.

Views are put together over ten seconds each by their median, because flames flicker. The growth is Theil and
Sen's slope over these (the median of the slopes of all pairs), with an error from how they scatter and how
the view has changed, and is told when it is three times that.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from edge.geometry.optics import Camera
from edge.geometry.sighting import Box
from edge.hotspots.hotspot import Hotspot, HotspotState
from flight.local_frame import LocalFrame

FloatArray = NDArray[np.float64]

PERIOD_S = 10.0
MOST_PERIODS = 60
LEAST_PERIODS = 3
# A trend needs this many periods, over this long, and must be this many σ.
TREND_PERIODS, TREND_S = 6, 60.0
SIGNIFICANT = 3.0
# What is told as the area is that of these last periods, where there is no trend.
RECENT_PERIODS = 6
MOST_FIRES = 200
MOST_VIEWS = 100
# 1σ of a box's width and height, as edge.geometry.foot has it of its foot.
BOX_PART, LEAST_BOX_PX = 0.1, 1.0
EDGE_PX = 2.0
# An ellipse in its box.
OF_BOX = math.pi / 4


@dataclass(frozen=True, slots=True)
class Area:
    """Ground that burns, from one view. Errors are 1σ."""

    area_m2: float
    own_sigma_m2: float
    """What is anew in each view."""
    shared_sigma_m2: float
    """What is the same in views like it: how much of the box is flames, and the distance."""


@dataclass(frozen=True, slots=True)
class Size:
    """What repeated views have told of a fire. Errors are 1σ."""

    area_m2: float
    area_sigma_m2: float
    growth_m2_per_min: float | None = None
    growth_sigma_m2_per_min: float | None = None
    """Both None until a growth is significant."""


def area_of(
    box: Box, camera: Camera, camera_to_enu: FloatArray, away_m: FloatArray, range_sigma_m: float
) -> Area | None:
    """The ground under a fire's box, for a fire that is ``away_m`` (east, north, up) from the camera.

    None where the box is cut by the picture's edge, or where it is not looked down at.
    """
    x1, y1, x2, y2 = box
    picture = (camera.width_px - 1 - EDGE_PX, camera.height_px - 1 - EDGE_PX)
    range_m = float(np.linalg.norm(away_m))
    sin_down = -float(away_m[2]) / max(range_m, 1.0)
    if min(x1, y1) <= EDGE_PX or x2 >= picture[0] or y2 >= picture[1] or sin_down <= 0.05 or range_m < 1.0:
        return None
    u, v = (x1 + x2) / 2, (y1 + y2) / 2
    left, right, top, bottom = camera.rays(np.array([(x1, v), (x2, v), (u, y1), (u, y2)])) @ camera_to_enu.T
    width_m, tall_m = range_m * _angle(left, right), range_m * _angle(top, bottom)
    if not width_m * tall_m > 0:
        return None
    cos_down = math.sqrt(1 - min(sin_down, 1.0) ** 2)
    # Ground as deep as the box is tall where there are no flames, and what is left of it beside tall ones.
    deepest_m = tall_m / sin_down
    least_m = max((tall_m - width_m * cos_down) / sin_down, 0.0)
    depth_m = (deepest_m + least_m) / 2
    area_m2 = OF_BOX * width_m * depth_m
    of_width = math.hypot(BOX_PART, LEAST_BOX_PX / (x2 - x1))
    of_height = math.hypot(BOX_PART, LEAST_BOX_PX / (y2 - y1)) * deepest_m / depth_m
    of_flames = (deepest_m - least_m) / math.sqrt(12) / depth_m
    of_range = 2 * range_sigma_m / range_m
    return Area(area_m2, area_m2 * math.hypot(of_width, of_height), area_m2 * math.hypot(of_flames, of_range))


def trend(at_s: FloatArray, values: FloatArray) -> tuple[float, float]:
    """Theil and Sen's slope (a second) of at least three values, and its 1σ error.

    The error is that of a line through points that scatter as these do, by their median deviation, and more
    where neighbours scatter together.
    """
    first, second = np.triu_indices(len(at_s), 1)
    slope = float(np.median((values[second] - values[first]) / (at_s[second] - at_s[first])))
    left = values - slope * at_s
    left = left - np.median(left)
    scatter = 1.4826 * float(np.median(np.abs(left))) * math.sqrt(len(at_s) / (len(at_s) - 2))
    spread_s = math.sqrt(float(((at_s - at_s.mean()) ** 2).sum()))
    total = float((left**2).sum())
    alike = min(max(float((left[1:] * left[:-1]).sum()) / total, 0.0), 0.8) if total > 0 else 0.0
    return slope, scatter / spread_s * math.sqrt((1 + alike) / (1 - alike))


@dataclass(slots=True)
class _Fire:
    """Medians of whole periods, and the views of the one that is under way."""

    at_s: list[float] = field(default_factory=list)
    areas: list[Area] = field(default_factory=list)
    period_s: float = PERIOD_S
    began_s: float = 0.0
    views: list[Area] = field(default_factory=list)
    latest_s: float = -math.inf

    def add(self, view: Area, at_s: float) -> None:
        self.latest_s = at_s
        if self.views and at_s - self.began_s >= self.period_s:
            self._close()
        if not self.views:
            self.began_s = at_s
        if len(self.views) < MOST_VIEWS:
            self.views.append(view)

    def _close(self) -> None:
        self.at_s.append(self.began_s + self.period_s / 2)
        self.areas.append(_median(self.views))
        self.views = []
        if len(self.at_s) > MOST_PERIODS:  # half of them, of twice the length: memory stays what it is
            pairs = range(0, len(self.at_s) - 1, 2)
            self.at_s = [(self.at_s[i] + self.at_s[i + 1]) / 2 for i in pairs]
            self.areas = [_median(self.areas[i : i + 2]) for i in pairs]
            self.period_s *= 2

    def size(self) -> Size | None:
        count = len(self.at_s)
        if count < LEAST_PERIODS:
            return None
        at_s, areas = np.array(self.at_s), np.array([area.area_m2 for area in self.areas])
        recent = self.areas[-RECENT_PERIODS:]
        area_m2 = float(np.median([area.area_m2 for area in recent]))
        own_m2 = float(np.median([area.own_sigma_m2 for area in recent])) / math.sqrt(len(recent))
        growth = sigma = None
        if count >= TREND_PERIODS and at_s[-1] - at_s[0] >= TREND_S:
            slope, scatter = trend(at_s, areas)
            part = np.array([area.shared_sigma_m2 / area.area_m2 for area in self.areas])
            since_s = at_s - at_s.mean()
            spread_s2 = float((since_s**2).sum())
            of_view = float((since_s * areas * (part - part.mean())).sum()) / spread_s2
            # Values that hardly scatter by chance are not known better than views are.
            doubt = math.hypot(scatter, own_m2 / math.sqrt(spread_s2), of_view)
            if abs(slope) >= SIGNIFICANT * doubt:
                growth, sigma = 60 * slope, 60 * math.hypot(doubt, slope * float(np.median(part)))
                area_m2 = max(float(np.median(areas + slope * (at_s[-1] - at_s))), 0.0)
        area_sigma_m2 = math.hypot(own_m2, area_m2 * _relative(recent))
        if area_m2 <= area_sigma_m2:
            return None  # how large it is cannot be told from here
        return Size(area_m2, area_sigma_m2, growth, sigma)


class Growth:
    """Sizes of the confirmed fires of a flight; smoke has none. Pure: time comes with the looks."""

    def __init__(self) -> None:
        self._fires: OrderedDict[UUID, _Fire] = OrderedDict()

    def look(self, hotspots: Iterable[Hotspot], at_s: float) -> None:
        """Take in the boxes of the look of that instant."""
        for hotspot in hotspots:
            if (
                hotspot.state is HotspotState.CONFIRMED
                and hotspot.label == "fire"
                and hotspot.latest.at_s == at_s
                and (view := _view(hotspot)) is not None
            ):
                self._fires.setdefault(hotspot.id, _Fire()).add(view, at_s)
                self._fires.move_to_end(hotspot.id)
        while len(self._fires) > MOST_FIRES:
            self._fires.popitem(last=False)

    def of(self, hotspot_id: UUID) -> Size | None:
        """What is known of it; None while that is nothing."""
        fire = self._fires.get(hotspot_id)
        return None if fire is None else fire.size()


def _view(hotspot: Hotspot) -> Area | None:
    """Of its latest look, from where it is by all of them."""
    sighting = hotspot.latest.sighting
    if sighting.label != "fire" or sighting.box is None or sighting.camera is None:
        return None
    if sighting.heat is not None:
        return None  # blurred over a pixel's neighbours: its box says how large the pixels are
    if hotspot.lat_deg is None or hotspot.lon_deg is None or hotspot.covariance_m2 is None:
        return None
    pose = sighting.pose
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    place = (np.array(x, np.float64) for x in (hotspot.lat_deg, hotspot.lon_deg, hotspot.alt_amsl_m))
    away_m = np.array(frame.from_geodetic(*place))
    level_m = float(np.linalg.norm(away_m[:2]))
    towards = away_m[:2] / max(level_m, 1e-6)
    level_sigma_m = math.sqrt(max(float(towards @ hotspot.covariance_m2 @ towards), 0.0))
    range_sigma_m = level_sigma_m * level_m / max(float(np.linalg.norm(away_m)), 1.0)
    return area_of(sighting.box, sighting.camera, pose.camera_to_enu, away_m, range_sigma_m)


def _angle(a: FloatArray, b: FloatArray) -> float:
    """Between unit vectors, radians; NaN where a pixel has no direction."""
    return float(2 * np.arcsin(np.linalg.norm(a - b) / 2))


def _median(views: list[Area]) -> Area:
    """The middle one: its area with the typical errors."""
    return Area(
        float(np.median([view.area_m2 for view in views])),
        float(np.median([view.own_sigma_m2 for view in views])),
        float(np.median([view.shared_sigma_m2 for view in views])),
    )


def _relative(areas: list[Area]) -> float:
    return float(np.median([area.shared_sigma_m2 / area.area_m2 for area in areas]))
