"""Roofs and walls: what stands on the ground is met before the ground."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flight.buildings
from flight.buildings import Buildings, height_of
from flight.elevation_file import TerrainError
from flight.surface import open_terrain
from flight.terrain import FlatTerrain, RasterTerrain, Terrain
from tests.flight.elevation_makers import height_at, slope, write_geotiff

LAT, LON = -35.002, 149.002
LAT_M, LON_M = 1 / 111_320.0, 1 / (111_320.0 * 0.81915)
"""Degrees of a metre here."""


def block(east_m: float, north_m: float, width_m: float, depth_m: float, **properties: Any) -> dict[str, Any]:
    """A rectangle whose south-west corner stands here."""
    corners = [(0, 0), (width_m, 0), (width_m, depth_m), (0, depth_m), (0, 0)]
    ring = [[LON + (east_m + x) * LON_M, LAT + (north_m + y) * LAT_M] for x, y in corners]
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def write_geojson(path: Path, *features: dict[str, Any], **more: Any) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features} | more))
    return path


def at(terrain: Terrain, east_m: float, north_m: float) -> float:
    return height_at(terrain, LAT + north_m * LAT_M, LON + east_m * LON_M)


def town(folder: Path, *features: dict[str, Any]) -> Terrain:
    """These buildings on ground that rises 10 m every 91 m to the east."""
    dem = write_geotiff(folder / "dem.tif", slope(20, 20))
    return open_terrain(dem, surface=write_geojson(folder / "town.geojson", *features))


# --- footprints ---------------------------------------------------------------------------------------------


def test_a_roof_is_as_high_as_its_building_above_its_lowest_ground(tmp_path: Path) -> None:
    terrain = town(tmp_path, block(0, 0, 30, 20, height=12.5))
    ground_m = 500 + 20 + 2  # of the south-west corner: post (2, 2) stands there
    for east_m, north_m in ((2, 2), (15, 10), (28, 18)):
        assert at(terrain, east_m, north_m) == pytest.approx(ground_m + 12.5, abs=0.3)


def test_around_a_building_the_ground_is_as_it_was(tmp_path: Path) -> None:
    terrain = town(tmp_path, block(0, 0, 30, 20, height=12.5))
    ground = RasterTerrain.open(tmp_path / "dem.tif")
    for east_m, north_m in ((-3, 10), (33, 10), (15, -3), (15, 23), (400, -400)):
        assert at(terrain, east_m, north_m) == at(ground, east_m, north_m)
    assert np.isnan(at(terrain, 50_000, 0))
    assert np.isnan(height_at(terrain, np.nan, LON))


def test_walls_are_upright(tmp_path: Path) -> None:
    terrain = town(tmp_path, block(0, 0, 30, 20, height=12.5))
    east_m = np.arange(-10, 40, 0.5)
    heights = terrain.height_amsl_m(np.full(100, LAT + 10 * LAT_M), LON + east_m * LON_M)
    steps = np.abs(np.diff(heights))
    # Two walls within a cell of where they stand, and nothing in between.
    walls_m = east_m[:-1][steps > 5]
    assert walls_m == pytest.approx([0, 30], abs=2.5)
    assert steps[steps <= 5].max() < 0.2


def test_the_higher_of_two_buildings_counts_and_a_hill_hides_a_low_one(tmp_path: Path) -> None:
    tower, podium = block(0, 0, 20, 10, height=60), block(0, 0, 40, 20, height=8)
    for order in ((tower, podium), (podium, tower)):
        terrain = town(tmp_path, *order)
        assert at(terrain, 15, 7) - at(terrain, 35, 15) == pytest.approx(52.0, abs=0.1)
    # 100 m long and 3 m high on ground that rises 11 m: its far end is in the ground.
    terrain = town(tmp_path, block(0, 0, 100, 20, height=3))
    assert at(terrain, 90, 10) == at(RasterTerrain.open(tmp_path / "dem.tif"), 90, 10)


def test_the_name_says_that_there_are_buildings_and_the_steps_follow_them(tmp_path: Path) -> None:
    terrain = town(tmp_path, block(0, 0, 30, 20, height=12.5))
    assert terrain.name == "dem.tif with the buildings of town.geojson"
    assert terrain.resolution_m == pytest.approx(2.0)
    assert terrain.sigma_m == RasterTerrain.open(tmp_path / "dem.tif").sigma_m


@pytest.mark.parametrize(
    ("properties", "height_m"),
    [
        ({"height": 7}, 7.0),
        ({"height": "7.5"}, 7.5),
        ({"height": "7,5 m"}, 7.5),
        ({"height": "40 ft"}, 12.192),
        ({"height": "40'6\""}, 12.192),
        ({"building:levels": "4"}, 12.0),
        ({"building:levels": 2, "roof:levels": "1"}, 9.0),
        ({"num_floors": 3}, 9.0),
        ({"height": -1, "building:levels": 2}, 6.0),
        ({"height": "tall"}, None),
        ({"height": True}, None),
        ({"height": None}, None),
        ({}, None),
    ],
)
def test_heights_are_read_as_open_data_writes_them(
    properties: dict[str, Any], height_m: float | None
) -> None:
    assert height_of(properties) == (None if height_m is None else pytest.approx(height_m))


def test_what_is_no_building_with_a_height_is_left_out(tmp_path: Path) -> None:
    point = {
        "type": "Feature",
        "properties": {"height": 9},
        "geometry": {"type": "Point", "coordinates": [1, 2]},
    }
    nowhere = {"type": "Feature", "properties": {"height": 9}, "geometry": None}
    pair = block(0, 0, 10, 10, height=9)
    other = block(20, 0, 10, 10)["geometry"]["coordinates"]
    pair["geometry"] = {"type": "MultiPolygon", "coordinates": [pair["geometry"]["coordinates"], other]}
    path = write_geojson(tmp_path / "x.geojson", point, nowhere, block(40, 0, 10, 10), pair)
    buildings = Buildings.open(path, FlatTerrain(100.0))
    assert buildings.count == 2
    roofs = buildings.roof_amsl_m(np.full(3, LAT + 5 * LAT_M), LON + np.array([5, 25, 45]) * LON_M)
    assert roofs == pytest.approx([109.0, 109.0, np.nan], nan_ok=True)


def test_a_building_where_no_ground_is_known_is_none(tmp_path: Path) -> None:
    far = block(90_000, 0, 10, 10, height=9)
    terrain = town(tmp_path, block(0, 0, 30, 20, height=12.5), far)
    assert np.isnan(at(terrain, 90_005, 5))
    with pytest.raises(TerrainError, match="no building"):
        town(tmp_path, far)


def test_cells_grow_with_the_town_so_that_memory_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight.buildings, "MOST_CELLS", 10_000)
    corners = [block(0, 0, 20, 20, height=9), block(280, 280, 20, 20, height=9)]
    buildings = Buildings.open(write_geojson(tmp_path / "x.geojson", *corners), FlatTerrain(0.0))
    assert buildings.cell_m == pytest.approx(3.0, rel=0.01)
    assert buildings._roofs_m.size < 10_700
    corners[1] = block(2000, 2000, 20, 20, height=9)
    with pytest.raises(TerrainError, match="4 km²"):
        Buildings.open(write_geojson(tmp_path / "x.geojson", *corners), FlatTerrain(0.0))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("no json", "is not GeoJSON"),
        ('{"type": "Feature"}', "FeatureCollection"),
        ('{"features": []}', "no footprint with a height"),
        (json.dumps({"features": [block(0, 0, 9, 9)]}), "no footprint with a height"),
        ('{"features": [], "crs": {"properties": {"name": "EPSG:32755"}}}', "longitude and latitude"),
    ],
)
def test_a_file_of_buildings_that_is_no_good_is_named_in_one_line(
    tmp_path: Path, content: str, says: str
) -> None:
    path = tmp_path / "x.geojson"
    path.write_text(content)
    with pytest.raises(TerrainError, match=says) as caught:
        Buildings.open(path, FlatTerrain(0.0))
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


# --- a raster of the surface --------------------------------------------------------------------------------


def test_a_surface_raster_counts_where_it_says_something_and_the_ground_elsewhere(tmp_path: Path) -> None:
    dem = write_geotiff(tmp_path / "dem.tif", slope(10, 10))
    surface_m = slope(10, 10) + 15.0
    surface_m[5:] = -9999.0
    dsm = write_geotiff(tmp_path / "dsm.tif", surface_m, nodata=-9999.0)
    terrain = open_terrain(dem, surface=dsm)
    assert height_at(terrain, -35.002, 149.002) == pytest.approx(522 + 15, abs=1e-3)
    assert height_at(terrain, -35.007, 149.002) == pytest.approx(527, abs=1e-3)
    assert np.isnan(height_at(terrain, -35.1, 149.002))
    assert terrain.name == "dsm.tif over dem.tif"


def test_the_larger_error_of_ground_and_surface_counts_unless_the_user_knows_better(tmp_path: Path) -> None:
    dem = write_geotiff(tmp_path / "Copernicus_DSM_COG_10_S36_00_E149_00_DEM.tif", slope())
    dsm = write_geotiff(tmp_path / "dsm.tif", slope())
    larger_m = RasterTerrain.open(dsm).sigma_m
    assert RasterTerrain.open(dem).sigma_m < larger_m
    assert open_terrain(dem, surface=dsm).sigma_m == larger_m
    assert open_terrain(dsm, surface=dem).sigma_m == larger_m
    assert open_terrain(dem, surface=dsm, sigma_m=0.5).sigma_m == 0.5


def test_a_surface_that_is_not_there_is_named(tmp_path: Path) -> None:
    dem = write_geotiff(tmp_path / "dem.tif", slope())
    with pytest.raises(TerrainError, match=r"no\.geojson does not exist"):
        open_terrain(dem, surface=tmp_path / "no.geojson")
