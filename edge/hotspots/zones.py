"""Ignore zones: known and allowed fires raise no alert, and stay visible all the same.

A hotspot is held back when at least half of where it may be lies in a zone that is valid then, unless it is a
fire that reaches out of it. One of which only the bearing is known is nowhere, and so never in a zone; one
that has been told of once is told of to its end, wherever it turns out to be.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import shapely
from numpy.typing import NDArray

from edge.config.zone_section import ZoneSection
from edge.hotspots.hotspot import Hotspot, HotspotState, Label
from flight.errors import EmberwatchError
from flight.local_frame import LocalFrame

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

LARGEST_M2 = 5e6
# Farther than this from its first corner no zone of that size reaches that is no sliver; and frames are good.
LONGEST_M = 10_000.0
LEAST_SHARE = 0.5
# A part of the fire is outside when it is so with this probability.
SURELY = 0.95
RIM_POINTS = 16
MOST_SUPPRESSED = 64


class ZoneError(EmberwatchError):
    """A zone cannot be what its writer meant."""

    exit_code = 2


def _normal_points(count: int) -> FloatArray:
    """Points (count, 2) that stand for a round Gaussian of 1σ, each for the same part of it."""
    part = (np.arange(count) + 0.5) / count
    turn = np.arange(count) * math.pi * (3 - math.sqrt(5))
    points: FloatArray = np.sqrt(-2 * np.log(1 - part))[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    return points


_CLOUD = _normal_points(400)


class Zone:
    """One zone on the ground."""

    def __init__(self, section: ZoneSection) -> None:
        """Raises ZoneError for a polygon that crosses itself, has no area, or is absurdly large."""
        self.name = section.name
        self.reason = section.reason
        self.begins, self.ends = section.begins, section.ends
        self._frame = LocalFrame(*section.polygon[0], 0.0)
        corners_m = self._east_north_m(np.array(section.polygon))
        if float(np.linalg.norm(corners_m, axis=1).max()) > LONGEST_M:
            raise ZoneError(f"zone {self.name!r} is more than {LONGEST_M / 1000:.0f} km long")
        self._polygon = shapely.Polygon(corners_m)
        if not self._polygon.is_valid or self._polygon.area < 1.0:
            raise ZoneError(
                f"zone {self.name!r} is no area: its border crosses itself or its corners are on one line"
            )
        if self._polygon.area > LARGEST_M2:
            raise ZoneError(
                f"zone {self.name!r} covers {self._polygon.area / 1e6:.1f} km²: at most "
                f"{LARGEST_M2 / 1e6:.0f} km² may go without alerts"
            )
        shapely.prepare(self._polygon)

    def is_valid(self, utc: datetime) -> bool:
        """Whether it holds anything back then."""
        begun = self.begins is None or self.begins <= utc
        return begun and (self.ends is None or utc < self.ends)

    def holds(self, hotspot: Hotspot, area_m2: float | None) -> bool:
        """Whether it is in here, and all of it. ``area_m2``: how much ground a fire is known to cover."""
        if hotspot.lat_deg is None or hotspot.lon_deg is None or hotspot.covariance_m2 is None:
            return False
        centre_m = self._east_north_m(np.array([[hotspot.lat_deg, hotspot.lon_deg]]))[0]
        values, vectors = np.linalg.eigh(hotspot.covariance_m2)
        may_be_m = _CLOUD * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
        if self._share(centre_m + may_be_m) < LEAST_SHARE:
            return False
        if hotspot.label != "fire" or area_m2 is None:
            return True  # smoke drifts over every border: where its foot is counts
        turn = np.linspace(0.0, 2 * math.pi, RIM_POINTS, endpoint=False)
        rim_m = math.sqrt(area_m2 / math.pi) * np.column_stack([np.cos(turn), np.sin(turn)])
        return all(1 - self._share(centre_m + point_m + may_be_m) < SURELY for point_m in rim_m)

    def _share(self, points_m: FloatArray) -> float:
        return float(shapely.contains_xy(self._polygon, points_m[:, 0], points_m[:, 1]).mean())

    def _east_north_m(self, places: FloatArray) -> FloatArray:
        """Of (N, 2) latitudes and longitudes."""
        east_m, north_m, _ = self._frame.from_geodetic(places[:, 0], places[:, 1], np.zeros(len(places)))
        return np.column_stack([east_m, north_m])


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A hotspot that raised no alert, and why."""

    hotspot_id: UUID
    zone: str
    reason: str
    label: Label
    lat_deg: float
    lon_deg: float
    last_seen_at: datetime


class Zones:
    """All zones of a site, and what they keep quiet."""

    def __init__(self, sections: Sequence[ZoneSection]) -> None:
        """Raises ZoneError."""
        self._zones = [Zone(section) for section in sections]
        self._suppressed: OrderedDict[UUID, Suppressed] = OrderedDict()
        self.suppressed_ever = 0
        """Hotspots that have been held back since the start."""

    @property
    def suppressed(self) -> list[Suppressed]:
        """The latest that are held back, last seen first."""
        return sorted(self._suppressed.values(), key=lambda one: one.last_seen_at, reverse=True)

    def hold_back(self, hotspot: Hotspot, area_m2: float | None = None) -> bool:
        """Whether this hotspot, of which nobody has been told yet, is to raise no alert now."""
        utc, before = hotspot.latest.utc, self._suppressed.get(hotspot.id)
        if hotspot.state is HotspotState.LOST:
            return True  # what nobody was told of need not be told to be gone
        zone = None
        if utc is not None:
            zone = next((z for z in self._zones if z.is_valid(utc) and z.holds(hotspot, area_m2)), None)
        if zone is None or utc is None or hotspot.lat_deg is None or hotspot.lon_deg is None:
            if before is not None:
                log.info("%s %s is in zone %r no more", hotspot.label, hotspot.id, before.zone)
                del self._suppressed[hotspot.id]
            return False
        if before is None:
            log.info("no alert: %s %s is in zone %r (%s)", hotspot.label, hotspot.id, zone.name, zone.reason)
            self.suppressed_ever += 1
        self._suppressed[hotspot.id] = Suppressed(
            hotspot.id, zone.name, zone.reason, hotspot.label, hotspot.lat_deg, hotspot.lon_deg, utc
        )
        self._suppressed.move_to_end(hotspot.id)
        while len(self._suppressed) > MOST_SUPPRESSED:
            self._suppressed.popitem(last=False)
        return True
