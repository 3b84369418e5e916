"""A fire on a roof or in a window is where the building is, not on the ground behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rasterio.transform import from_origin

from edge.geometry.locate import locate
from edge.geometry.pose import Pose
from edge.geometry.sighting import Sighting
from flight.surface import open_terrain
from flight.terrain import Terrain
from tests.edge.ground_truth import CAMERA, GROUND_AMSL_M, east_north, lat_lon, pixel_of, pose_at
from tests.flight.elevation_makers import write_geotiff
from tests.flight.test_surface import write_geojson

SHARP = np.eye(2) * 0.01
ROOF_M = 15.0


@pytest.fixture
def town(tmp_path: Path) -> Terrain:
    """Level ground and one building: 20 m wide, 20 m deep, 15 m high, its south wall 40 m north of home."""
    lat_deg, lon_deg = lat_lon(0, 0)
    heights = np.full((60, 60), GROUND_AMSL_M, np.float32)
    transform = from_origin(lon_deg - 0.0075, lat_deg + 0.0075, 0.00025, 0.00025)
    dem = write_geotiff(tmp_path / "dem.tif", heights, transform=transform)
    ring = [
        lat_lon(east, north)[::-1] for east, north in ((-10, 40), (10, 40), (10, 60), (-10, 60), (-10, 40))
    ]
    block = {
        "type": "Feature",
        "properties": {"height": ROOF_M},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    return open_terrain(dem, surface=write_geojson(tmp_path / "town.geojson", block))


def located(pose: Pose, east_m: float, north_m: float, up_m: float, terrain: Terrain) -> Sighting:
    u, v = pixel_of(pose, east_m, north_m, GROUND_AMSL_M + up_m)
    return locate(pose, CAMERA, (float(u), float(v)), SHARP, terrain)


def east_north_of(sighting: Sighting) -> tuple[float, float]:
    assert sighting.lat_deg is not None
    assert sighting.lon_deg is not None
    east_m, north_m = east_north(sighting.lat_deg, sighting.lon_deg)
    return float(east_m), float(north_m)


def test_a_fire_on_a_roof_is_placed_on_the_roof(town: Terrain) -> None:
    pose = pose_at(height_m=60.0, pitch_deg=-40.0)
    sighting = located(pose, 3.0, 50.0, ROOF_M, town)
    assert east_north_of(sighting) == pytest.approx((3.0, 50.0), abs=0.1)
    assert sighting.alt_amsl_m == pytest.approx(GROUND_AMSL_M + ROOF_M, abs=0.01)
    assert sighting.method == "dem"
    assert "buildings" in sighting.terrain


def test_a_fire_in_a_window_is_placed_at_the_wall(town: Terrain) -> None:
    pose = pose_at(height_m=20.0, pitch_deg=-20.0)
    sighting = located(pose, -4.0, 40.0, 8.0, town)
    east_m, north_m = east_north_of(sighting)
    assert east_m == pytest.approx(-4.0, abs=0.3)
    assert north_m == pytest.approx(40.0, abs=2.0)


def test_a_fire_in_front_of_the_building_is_on_the_ground(town: Terrain) -> None:
    pose = pose_at(height_m=60.0, pitch_deg=-40.0)
    sighting = located(pose, 3.0, 30.0, 0.0, town)
    assert east_north_of(sighting) == pytest.approx((3.0, 30.0), abs=0.1)
    assert sighting.alt_amsl_m == pytest.approx(GROUND_AMSL_M, abs=0.01)
