"""Ground as polygons in metres: how large a ring is, and how much of an error ellipse lies in it. Pure.

Everything is laid out around one place, so that a ring over the date line is like any other. What is inside
what does not depend on the scale of that layout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import shapely

from uplink.errors import StationError
from uplink.messages import ErrorEllipse, Position

LonLat = tuple[float, float]

LARGEST_M2 = 5e6  # as on the drones
LONGEST_M = 10_000.0
LEAST_M2 = 1.0
ELLIPSE_CORNERS = 64
_METRES_PER_DEG = 111_320.0
_POLAR_DEG = 85.0


class GroundError(StationError):
    """A ring is no area, or too large a one."""


def unwrapped(ring: Sequence[LonLat]) -> list[LonLat]:
    """The same ring with longitudes that do not jump at the date line: they may pass ±180°."""
    first = ring[0][0]
    return [(first + (lon - first + 180.0) % 360.0 - 180.0, lat) for lon, lat in ring]


def area_of_ring_m2(ring: Sequence[LonLat]) -> float:
    """Raises ``GroundError`` in words for what is no zone."""
    if any(abs(lat) > _POLAR_DEG for _, lat in ring):
        raise GroundError(f"zones end at {_POLAR_DEG:.0f}° of latitude")
    polygon = _laid_out(ring, ring[0])
    if not polygon.is_valid or polygon.area < LEAST_M2:
        raise GroundError("this is no area: its border crosses itself or its corners are on one line")
    west, south, east, north = polygon.bounds
    if max(east - west, north - south) > LONGEST_M:
        raise GroundError(f"it is more than {LONGEST_M / 1000:.0f} km long")
    if polygon.area > LARGEST_M2:
        raise GroundError(
            f"it covers {polygon.area / 1e6:.1f} km²: at most {LARGEST_M2 / 1e6:.0f} km² "
            "may go without alerts"
        )
    return float(polygon.area)


def share_inside(ring: Sequence[LonLat], place: Position, ellipse: ErrorEllipse) -> float:
    """How much of the ellipse around a place lies in the ring, 0 to 1; 0 where the place itself does not."""
    polygon = _laid_out(ring, (place.lon_deg, place.lat_deg))
    if not polygon.intersects(shapely.Point(0.0, 0.0)):
        return 0.0
    spot = _ellipse(ellipse)
    return float(polygon.intersection(spot).area / spot.area)


def _laid_out(ring: Sequence[LonLat], middle: LonLat) -> shapely.Polygon:
    lon_deg, lat_deg = middle
    east_m = _METRES_PER_DEG * max(0.01, math.cos(math.radians(lat_deg)))
    corners = unwrapped(ring)
    turn = round((lon_deg - corners[0][0]) / 360.0) * 360.0
    return shapely.Polygon(
        [((lon + turn - lon_deg) * east_m, (lat - lat_deg) * _METRES_PER_DEG) for lon, lat in corners]
    )


def _ellipse(ellipse: ErrorEllipse) -> shapely.Polygon:
    along_rad = math.radians(ellipse.orientation_deg)
    corners = []
    for corner in range(ELLIPSE_CORNERS):
        turn_rad = 2.0 * math.pi * corner / ELLIPSE_CORNERS
        major_m = ellipse.semi_major_m * math.cos(turn_rad)
        minor_m = ellipse.semi_minor_m * math.sin(turn_rad)
        corners.append(
            (
                major_m * math.sin(along_rad) + minor_m * math.cos(along_rad),
                major_m * math.cos(along_rad) - minor_m * math.sin(along_rad),
            )
        )
    return shapely.Polygon(corners)
