"""The circle that a tip means: pure geometry of what GeoJSON and CAP say. Positions are WGS 84."""

from __future__ import annotations

import math
from dataclasses import dataclass

import shapely
from pyproj import Geod

from uplink.errors import StationError
from uplink.messages import FARTHEST_LOOK_M
from uplink.station.tip_answers import LEAST_RADIUS_M, PolygonGeometry, TipFeature

DEFAULT_RADIUS_M = 100.0
_GEOD = Geod(ellps="WGS84")


class NotACircleError(StationError):
    """The place of a tip cannot be understood, or is too large."""


@dataclass(frozen=True, slots=True)
class TipCircle:
    """On the ground."""

    lat_deg: float
    lon_deg: float
    radius_m: float

    def distance_m(self, lat_deg: float, lon_deg: float) -> float:
        """From its middle, over ground."""
        return float(_GEOD.inv(self.lon_deg, self.lat_deg, lon_deg, lat_deg)[2])


def circle_of(tip: TipFeature) -> TipCircle:
    """Raises NotACircleError."""
    geometry, said = tip.geometry, tip.properties
    if isinstance(geometry, PolygonGeometry):
        if said.radius_m is not None or said.circle is not None:
            raise NotACircleError("radius_m and circle go with a Point")
        return smallest_circle([_at(place) for place in geometry.coordinates[0]])
    lat_deg, lon_deg = _at(geometry.coordinates)
    if said.circle is None:
        return _bounded(lat_deg, lon_deg, said.radius_m or DEFAULT_RADIUS_M)
    if said.radius_m is not None:
        raise NotACircleError("give radius_m or circle, not both")
    circle = _of_cap(said.circle)
    if circle.distance_m(lat_deg, lon_deg) > circle.radius_m:
        raise NotACircleError("the circle does not hold the point")
    return circle


def smallest_circle(ring: list[tuple[float, float]]) -> TipCircle:
    """Around the places (latitude, longitude) of a closed ring, also over the 180th meridian."""
    if ring[0] != ring[-1]:
        raise NotACircleError("a ring of a polygon ends where it begins")
    lat_deg, lon_deg = ring[0]
    far = [_GEOD.inv(lon_deg, lat_deg, lon, lat) for lat, lon in ring]
    if max(away_m for *_, away_m in far) > 2 * FARTHEST_LOOK_M:
        raise _too_large()
    # On a plane that touches the earth at the first place: true in length and direction from there.
    points = [
        (away_m * math.sin(math.radians(azimuth)), away_m * math.cos(math.radians(azimuth)))
        for azimuth, _, away_m in far
    ]
    middle = shapely.minimum_bounding_circle(shapely.MultiPoint(points)).centroid
    if middle.is_empty:  # all of it is one place
        middle = shapely.Point(0.0, 0.0)
    azimuth = math.degrees(math.atan2(middle.x, middle.y))
    east, north, _ = _GEOD.fwd(lon_deg, lat_deg, azimuth, math.hypot(middle.x, middle.y))
    circle = TipCircle(float(north), float(east), 0.0)
    return _bounded(circle.lat_deg, circle.lon_deg, max(circle.distance_m(*place) for place in ring))


def _of_cap(text: str) -> TipCircle:
    """`latitude,longitude radius`, kilometres."""
    place, radius_km = text.split(" ")
    lat, lon = place.split(",")
    return _bounded(*_at([float(lon), float(lat)]), 1000 * float(radius_km))


def _at(coordinates: list[float]) -> tuple[float, float]:
    lon_deg, lat_deg = coordinates[:2]
    if abs(lat_deg) > 90 or abs(lon_deg) > 180:
        raise NotACircleError(f"{lon_deg:g}, {lat_deg:g} is no longitude and latitude")
    return lat_deg, lon_deg


def _bounded(lat_deg: float, lon_deg: float, radius_m: float) -> TipCircle:
    if radius_m > FARTHEST_LOOK_M:
        raise _too_large()
    return TipCircle(lat_deg, lon_deg, max(radius_m, LEAST_RADIUS_M))


def _too_large() -> NotACircleError:
    return NotACircleError(f"the place is larger than a circle of {FARTHEST_LOOK_M:.0f} m")
