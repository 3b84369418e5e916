"""Which circle a tip means."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pyproj import Geod

from uplink.station.tip_answers import TipFeature
from uplink.station.tip_circle import NotACircleError, circle_of

GEOD = Geod(ellps="WGS84")
LAT_DEG, LON_DEG = -35.36, 149.16


def feature(geometry: dict[str, Any], **said: Any) -> TipFeature:
    properties = {
        "source": "control room",
        "external_id": "1",
        "kind": "call",
        "observed_at": "2026-07-01T12:00:00Z",
        **said,
    }
    return TipFeature.model_validate({"type": "Feature", "geometry": geometry, "properties": properties})


def point(lat_deg: float = LAT_DEG, lon_deg: float = LON_DEG, *height: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon_deg, lat_deg, *height]}


def ring_of(corners: list[tuple[float, float]], lat_deg: float, lon_deg: float) -> list[list[float]]:
    """Corners in metres east and north of a place, closed."""
    places = []
    for east_m, north_m in [*corners, corners[0]]:
        azimuth_deg = math.degrees(math.atan2(east_m, north_m))
        lon, lat, _ = GEOD.fwd(lon_deg, lat_deg, azimuth_deg, math.hypot(east_m, north_m))
        places.append([lon, lat])
    return places


def test_a_point_has_its_radius_or_a_hundred_metres_and_its_height_does_not_count() -> None:
    circle = circle_of(feature(point(LAT_DEG, LON_DEG, 600.0), radius_m=375.0))
    assert (circle.lat_deg, circle.lon_deg, circle.radius_m) == (LAT_DEG, LON_DEG, 375.0)
    assert circle_of(feature(point())).radius_m == 100.0
    assert circle_of(feature(point(), radius_m=0.5)).radius_m == 10.0, "nobody knows it better"


@pytest.mark.parametrize(("lat_deg", "lon_deg"), [(-35.36, 149.16), (69.0, 18.0), (0.0, 180.0)])
def test_of_a_polygon_it_is_the_smallest_circle_wherever_it_lies(lat_deg: float, lon_deg: float) -> None:
    corners = [(0.0, 0.0), (600.0, 0.0), (600.0, 300.0), (300.0, 310.0), (0.0, 300.0)]
    circle = circle_of(feature({"type": "Polygon", "coordinates": [ring_of(corners, lat_deg, lon_deg)]}))
    middle = ring_of([(300.0, 150.0)], lat_deg, lon_deg)[0]
    assert circle.distance_m(middle[1], middle[0]) < 2.0
    assert circle.radius_m == pytest.approx(math.hypot(300.0, 150.0), abs=2.0)


def test_a_polygon_that_is_one_point_is_the_smallest_circle_there_is() -> None:
    circle = circle_of(feature({"type": "Polygon", "coordinates": [[[LON_DEG, LAT_DEG]] * 4]}))
    assert (circle.lat_deg, circle.lon_deg, circle.radius_m) == pytest.approx((LAT_DEG, LON_DEG, 10.0))


def test_a_circle_as_cap_writes_it_counts_instead_of_the_point() -> None:
    circle = circle_of(feature(point(), circle="-35.361,149.161 0.5"))
    assert (circle.lat_deg, circle.lon_deg, circle.radius_m) == (-35.361, 149.161, 500.0)


RING = ring_of([(0.0, 0.0), (90.0, 0.0), (0.0, 90.0)], LAT_DEG, LON_DEG)
FAR = ring_of([(0.0, 0.0), (9000.0, 0.0), (0.0, 9000.0)], LAT_DEG, LON_DEG)


@pytest.mark.parametrize(
    ("geometry", "said", "why"),
    [
        (point(91.0, 10.0), {}, "no longitude and latitude"),
        (point(10.0, 181.0), {}, "no longitude and latitude"),
        (point(), {"circle": "-35.9,149.161 0.5"}, "does not hold the point"),
        (point(), {"circle": "-35.36,149.16 6"}, "larger than"),
        (point(), {"circle": "-35.36,149.16 1", "radius_m": 5.0}, "not both"),
        ({"type": "Polygon", "coordinates": [RING]}, {"radius_m": 5.0}, "go with a Point"),
        ({"type": "Polygon", "coordinates": [[*RING[:-1], RING[1]]]}, {}, "ends where it begins"),
        ({"type": "Polygon", "coordinates": [FAR]}, {}, "larger than"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [90, 0], [90, 80], [0, 0]]]}, {}, "larger than"),
    ],
)
def test_what_is_no_circle_or_too_large_is_refused(
    geometry: dict[str, Any], said: dict[str, Any], why: str
) -> None:
    with pytest.raises(NotACircleError, match=why):
        circle_of(feature(geometry, **said))
