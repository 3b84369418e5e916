"""Places in UTM and MGRS, against what the page's own library says of them."""

from __future__ import annotations

import pytest

from uplink.station.grid import utm_of

# By the package mgrs of Proj4js: forward([lon, lat], 5). It rounds in places where the grid cuts off.
KNOWN = {
    (-35.363262, 149.165237): "55HFA9671984519",
    (40.3592, 116.0196): "50TMK1675268087",
    (60.4, 5.3): "32VKN9619101684",
    (78.2, 15.6): "33XWG1369680760",
    (0.00001, 0.00001): "31NAA6602200001",
    (-0.0001, 6): "32MJE6602199988",
    (-33.45, -70.66): "19HCC4571397592",
    (83.9, 179.9): "60XWU3439017795",
    (-79.9, -179.9): "1CDM4324728161",
    (37.77, -122.41): "10SEG5196280460",
    (71.9, 8.99): "32WME9965377778",
    (72.1, 8.99): "31XGA0518410304",
    (55.99, 3.5): "31UEC3119105079",
    (63.9, 11.9): "32VPR4231489106",
}


@pytest.mark.parametrize(("place", "known"), KNOWN.items(), ids=str)
def test_a_place_has_its_square_and_metres(place: tuple[float, float], known: str) -> None:
    utm = utm_of(*place)
    assert utm is not None
    found = utm.mgrs.replace(" ", "")
    assert found[:-10] == known[:-10]
    for digits in (slice(-10, -5), slice(-5, None)):
        assert abs(int(found[digits]) - int(known[digits])) <= 1


def test_utm_is_said_with_its_zone_and_band() -> None:
    assert str(utm_of(-35.363262, 149.165237)) == "55H 696720 mE 6084519 mN"


@pytest.mark.parametrize("lat_deg", [84.1, -80.1, 90.0])
def test_near_the_poles_there_is_none(lat_deg: float) -> None:
    assert utm_of(lat_deg, 10.0) is None
