"""Files of every kind become one ground in one datum, whatever they are and however many."""

from __future__ import annotations

import logging
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import rasterio.shutil
from rasterio.transform import Affine, from_origin

import flight.terrain
from flight.elevation_file import COPERNICUS_SIGMA_M, EGM2008_SIGMA_M, SRTM_SIGMA_M, TerrainError
from flight.geoid import undulation_m
from flight.terrain import RasterTerrain
from tests.flight.elevation_makers import FloatArray, height_at, slope, write_geotiff, write_tile

SOUTH, WEST = -35.0, 149.0


def hills(lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
    """Smooth ground, 300 to 900 m high, with slopes of a tenth, that is nowhere the same."""
    return np.asarray(600 + 200 * np.sin(60 * lat_deg + 1) + 100 * np.cos(51 * lon_deg), np.float64)


def places(
    count: int, *, lat: tuple[float, float], lon: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(11)
    return rng.uniform(*lat, count), rng.uniform(*lon, count)


# --- what heights are measured from ------------------------------------------------------------------------


def test_heights_above_the_ellipsoid_are_brought_down_to_the_sea(tmp_path: Path) -> None:
    terrain = RasterTerrain.open(write_geotiff(tmp_path / "x.tif", slope(), crs="EPSG:4979"))
    for lat, lon, above_ellipsoid_m in ((-35.0, 149.0, 500.0), (-35.004, 149.003, 534.0)):
        expected_m = above_ellipsoid_m - float(undulation_m(lat, lon))
        assert height_at(terrain, lat, lon) == pytest.approx(expected_m, abs=0.002)


def test_the_geoid_is_not_one_number_over_a_wide_file(tmp_path: Path) -> None:
    flat = np.full((200, 300), 1000.0, np.float32)
    transform = from_origin(85.0, 29.0, 0.01, 0.01)  # the Himalaya: the geoid is steep here
    path = write_geotiff(tmp_path / "x.tif", flat, crs="EPSG:4979", transform=transform)
    terrain = RasterTerrain.open(path)
    lat, lon = places(300, lat=(27.01, 28.99), lon=(85.01, 87.99))
    expected_m = 1000.0 - undulation_m(lat, lon)
    assert np.ptp(expected_m) > 10.0
    assert terrain.height_amsl_m(lat, lon) == pytest.approx(expected_m, abs=0.01)


def test_a_projected_file_above_the_ellipsoid_is_brought_down_too(tmp_path: Path) -> None:
    crs = pyproj.CRS("EPSG:32755").to_3d().to_wkt("WKT2_2019")
    transform = from_origin(690_000.0, 6_090_000.0, 10.0, 10.0)
    path = write_geotiff(tmp_path / "x.tif", np.full((9, 9), 600.0, np.float32), crs=crs, transform=transform)
    lon, lat = pyproj.Transformer.from_crs("EPSG:32755", "EPSG:4326", always_xy=True).transform(
        690_040, 6_089_960
    )
    expected_m = 600.0 - float(undulation_m(lat, lon))
    assert height_at(RasterTerrain.open(path), lat, lon) == pytest.approx(expected_m, abs=0.002)


@pytest.mark.parametrize("crs", ["EPSG:9518", "EPSG:9707", "EPSG:4326"])  # EGM2008, EGM96, not said
def test_heights_above_the_sea_are_taken_as_they_are(tmp_path: Path, crs: str) -> None:
    terrain = RasterTerrain.open(write_geotiff(tmp_path / "x.tif", slope(), crs=crs))
    assert height_at(terrain, -35.0, 149.0) == pytest.approx(500.0, abs=1e-3)
    egm2008_m = EGM2008_SIGMA_M if crs == "EPSG:9518" else 0.0
    assert terrain.sigma_m == pytest.approx(math.hypot(SRTM_SIGMA_M, egm2008_m))


def test_heights_in_feet_become_metres(tmp_path: Path) -> None:
    crs = rasterio.crs.CRS.from_user_input("EPSG:4326+6360")  # NAVD88 in US survey feet
    terrain = RasterTerrain.open(write_geotiff(tmp_path / "x.tif", slope(), crs=crs))
    assert height_at(terrain, -35.0, 149.0) == pytest.approx(500.0 * 1200 / 3937, abs=1e-3)
    path = write_geotiff(tmp_path / "y.tif", slope())
    with rasterio.open(path, "r+") as dataset:
        dataset.units = ("ft",)
    assert height_at(RasterTerrain.open(path), -35.0, 149.0) == pytest.approx(152.4, abs=1e-3)


def test_scale_and_offset_of_a_file_are_applied(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "x.tif", (slope() * 10).astype(np.int16), crs="EPSG:4979")
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.1,), (-20.0,)
    expected_m = 480.0 - float(undulation_m(-35.0, 149.0))
    assert height_at(RasterTerrain.open(path), -35.0, 149.0) == pytest.approx(expected_m, abs=0.002)


# --- how far off heights may be ----------------------------------------------------------------------------


def test_a_copernicus_tile_has_the_error_of_its_handbook(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "Copernicus_DSM_COG_10_S36_00_E149_00_DEM.tif", slope())
    terrain = RasterTerrain.open(path)
    assert terrain.sigma_m == pytest.approx(math.hypot(COPERNICUS_SIGMA_M, EGM2008_SIGMA_M))
    assert terrain.sigma_m < SRTM_SIGMA_M


def test_what_the_user_knows_of_the_error_counts_more_than_what_the_file_is(tmp_path: Path) -> None:
    assert RasterTerrain.open(write_geotiff(tmp_path / "x.tif", slope()), sigma_m=0.3).sigma_m == 0.3


@pytest.mark.parametrize(("accuracy", "sigma_m"), [("18", 18 / 1.6449), ("NA", SRTM_SIGMA_M)])
def test_dted_is_read_with_its_own_accuracy(tmp_path: Path, accuracy: str, sigma_m: float) -> None:
    posts = 121
    heights = np.add.outer(np.arange(posts), 2 * np.arange(posts)).astype(np.int16)
    transform = from_origin(149 - 1 / 240, -35 + 1 / 240, 1 / 120, 1 / 120)
    path = write_geotiff(tmp_path / "x.tif", heights, transform=transform, nodata=-32767)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(DTED_VerticalAccuracy_ACC=accuracy)
    rasterio.shutil.copy(path, tmp_path / "e149.dt0", driver="DTED")
    terrain = RasterTerrain.open(tmp_path / "e149.dt0")
    assert height_at(terrain, -35.5, 149.25) == pytest.approx(60 + 2 * 30)
    assert terrain.sigma_m == pytest.approx(sigma_m)


# --- many files, one ground --------------------------------------------------------------------------------


def test_a_folder_of_tiles_is_one_ground_across_their_borders(tmp_path: Path) -> None:
    write_tile(tmp_path, -36, 149, hills)
    write_tile(tmp_path, -36, 150, hills)
    terrain = RasterTerrain.open(tmp_path)
    lat, lon = places(500, lat=(-35.6, -35.4), lon=(149.9, 150.1))
    lon[:5] = [150.0, 150.0 - 1e-9, 150.0 + 1e-9, 150.0 - 4e-4, 150.0 + 4e-4]
    assert terrain.height_amsl_m(lat, lon) == pytest.approx(hills(lat, lon), abs=1.0)  # whole metres in .hgt
    assert np.isnan(height_at(terrain, -35.5, 151.01))
    assert np.isnan(height_at(terrain, -36.01, 150.0))


def test_between_tiles_that_share_no_post_heights_go_on(tmp_path: Path) -> None:
    # As Copernicus's: the last post of a tile is one step before the first of the next.
    for number in range(2):
        lon, lat = np.meshgrid(149.0 + (np.arange(40) + number * 40) * 0.001, -35.0 - np.arange(50) * 0.001)
        transform = from_origin(149.0 + number * 0.04 - 0.0005, -35.0 + 0.0005, 0.001, 0.001)
        heights = hills(lat, lon).astype(np.float32)
        write_geotiff(tmp_path / f"{number}.tif", heights, transform=transform)
    terrain = RasterTerrain.open(tmp_path)
    seam = np.linspace(149.0391, 149.0399, 9)
    at = np.full(9, -35.02)
    assert terrain.height_amsl_m(at, seam) == pytest.approx(hills(at, seam), abs=0.3)


def utm_file(
    path: Path, epsg: int, centre: tuple[float, float], *, post_m: float, size: int, add_m: float
) -> Path:
    """``hills`` plus something, on a UTM grid around a place."""
    to_utm = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{epsg}", always_xy=True)
    east, north = to_utm.transform(centre[1], centre[0])
    transform = from_origin(east - size / 2 * post_m, north + size / 2 * post_m, post_m, post_m)
    col, row = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    x, y = transform.c + col * post_m, transform.f - row * post_m
    lon, lat = to_utm.transform(x, y, direction=pyproj.enums.TransformDirection.INVERSE)
    heights = (hills(lat, lon) + add_m).astype(np.float32)
    return write_geotiff(path, heights, crs=f"EPSG:{epsg}", transform=transform)


def test_files_in_different_systems_are_one_ground_and_the_finer_one_counts(tmp_path: Path) -> None:
    # Two UTM zones that meet at 150 E, and a fine survey in the middle that lies 5 m higher.
    utm_file(tmp_path / "a.tif", 32755, (-35.5, 149.98), post_m=30, size=200, add_m=0)
    utm_file(tmp_path / "b.tif", 32756, (-35.5, 150.03), post_m=30, size=200, add_m=0)
    utm_file(tmp_path / "c.tif", 32756, (-35.5, 150.005), post_m=5, size=60, add_m=5)
    terrain = RasterTerrain.open(tmp_path)
    assert terrain.resolution_m == pytest.approx(5.0)
    lat, lon = places(4000, lat=(-35.51, -35.49), lon=(149.96, 150.05))
    fine = (abs(lat + 35.5) < 0.0010) & (abs(lon - 150.005) < 0.0012)
    coarse = (abs(lat + 35.5) > 0.0015) | (abs(lon - 150.005) > 0.0019)
    heights_m = terrain.height_amsl_m(lat, lon)
    assert heights_m[coarse] == pytest.approx(hills(lat, lon)[coarse], abs=0.1)
    assert heights_m[fine] == pytest.approx(hills(lat, lon)[fine] + 5, abs=0.1)
    assert fine.sum() > 5


def test_a_folder_without_tiles_and_one_with_a_broken_tile_are_named(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("no tile")
    with pytest.raises(TerrainError, match="no elevation file"):
        RasterTerrain.open(tmp_path)
    write_tile(tmp_path, -36, 149, hills)
    (tmp_path / "S36E150.hgt").write_bytes(b"\0" * 1000)
    with pytest.raises(TerrainError, match="S36E150"):
        RasterTerrain.open(tmp_path)


# --- more than fits into memory ----------------------------------------------------------------------------


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> int:
    """Room for 250 x 250 posts, and windows that reach 3 km."""
    monkeypatch.setattr(flight.terrain, "MOST_POSTS", 62_500)
    monkeypatch.setattr(flight.terrain, "WINDOW_REACH_M", 3000.0)
    return 62_500


def posts_in_memory(terrain: RasterTerrain) -> int:
    window, _ = terrain._held
    return window.rows * window.cols


@pytest.mark.parametrize("crs", ["geographic", "utm"])
def test_windows_of_a_large_terrain_have_the_heights_of_the_whole(
    tmp_path: Path, crs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if crs == "utm":
        utm_file(tmp_path / "a.tif", 32755, (-35.5, 149.5), post_m=30, size=1200, add_m=0)
    else:
        write_tile(tmp_path, -36, 149, hills)
    whole = RasterTerrain.open(tmp_path)
    monkeypatch.setattr(flight.terrain, "MOST_POSTS", 62_500)
    monkeypatch.setattr(flight.terrain, "WINDOW_REACH_M", 3000.0)
    terrain = RasterTerrain.open(tmp_path)
    assert posts_in_memory(terrain) == 0
    for middle in (-35.5, -35.42, -35.58, -35.5):
        lat, lon = places(200, lat=(middle - 0.01, middle + 0.01), lon=(149.49, 149.51))
        expected_m = whole.height_amsl_m(lat, lon)
        assert np.isfinite(expected_m).all()
        assert terrain.height_amsl_m(lat, lon) == pytest.approx(expected_m, abs=1e-3)
        assert 0 < posts_in_memory(terrain) <= 62_500


def test_a_question_wider_than_a_window_is_answered_in_parts(tmp_path: Path, little_memory: int) -> None:
    write_tile(tmp_path, -36, 149, hills)
    terrain = RasterTerrain.open(tmp_path)
    lat, lon = places(400, lat=(-36.1, -34.9), lon=(148.9, 150.1))
    lat[3], lon[4] = np.nan, np.nan
    # The half post around a tile has its edge's height.
    clear = ~((abs(lat % 1 - 0.5) > 0.499) | (abs(lon % 1 - 0.5) > 0.499))
    lat, lon = lat[clear], lon[clear]
    inside = (lat > -36) & (lat < -35) & (lon > 149) & (lon < 150)
    heights_m = terrain.height_amsl_m(lat, lon)
    assert np.isfinite(heights_m).tolist() == inside.tolist()
    assert heights_m[inside] == pytest.approx(hills(lat, lon)[inside], abs=1.0)
    assert posts_in_memory(terrain) <= little_memory


def test_a_survey_too_fine_for_memory_is_read_coarser(tmp_path: Path, little_memory: int) -> None:
    utm_file(tmp_path / "a.tif", 32755, (-35.5, 149.5), post_m=0.5, size=600, add_m=0)
    terrain = RasterTerrain.open(tmp_path)
    assert terrain.resolution_m == pytest.approx(3.0)
    lat, lon = places(200, lat=(-35.5008, -35.4992), lon=(149.499, 149.501))
    assert terrain.height_amsl_m(lat, lon) == pytest.approx(hills(lat, lon), abs=0.05)


def test_a_tile_that_breaks_in_flight_is_unknown_ground_and_said_once(
    tmp_path: Path, little_memory: int, caplog: pytest.LogCaptureFixture
) -> None:
    write_tile(tmp_path, -36, 149, hills)
    broken = write_tile(tmp_path, -36, 150, hills)
    terrain = RasterTerrain.open(tmp_path)
    broken.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        for lat in (-35.2, -35.8):
            assert np.isnan(height_at(terrain, lat, 150.5))
            assert height_at(terrain, lat, 149.5) == pytest.approx(
                float(hills(*np.array([lat, 149.5]))), abs=1.0
            )
    assert len(caplog.records) == 1
    assert "S36E150" in caplog.records[0].getMessage()


def test_threads_that_ask_for_different_places_get_each_its_own(tmp_path: Path, little_memory: int) -> None:
    write_tile(tmp_path, -36, 149, hills)
    terrain = RasterTerrain.open(tmp_path)

    def worst_m(middle: float) -> float:
        lat, lon = places(100, lat=(middle - 0.01, middle + 0.01), lon=(149.4, 149.42))
        return max(float(np.abs(terrain.height_amsl_m(lat, lon) - hills(lat, lon)).max()) for _ in range(5))

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(worst_m, (-35.2, -35.4, -35.6, -35.8))) < 1.0


# --- where a place is in a grid ----------------------------------------------------------------------------


@pytest.mark.parametrize(("epsg", "size_km"), [(32755, 6), (32755, 110), (3577, 3000)])
def test_a_projected_grid_is_met_to_a_centimetre_all_over(tmp_path: Path, epsg: int, size_km: int) -> None:
    """The way east and south as heights, in thousandths of the grid: an error in the place is one there."""
    size = 400
    post_m = size_km * 1000 / size
    to_crs = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{epsg}", always_xy=True)
    east, north = (690_000.0, 6_086_000.0) if epsg == 32755 else (-1_500_000.0, -1_200_000.0)
    transform = from_origin(east, north, post_m, post_m)
    along = (np.arange(size) + 0.5) * post_m
    rng = np.random.default_rng(3)
    x, y = east + rng.uniform(along[0], along[-1], 500), north - rng.uniform(along[0], along[-1], 500)
    lon, lat = to_crs.transform(x, y, direction=pyproj.enums.TransformDirection.INVERSE)
    for heights, expected_m in (
        (np.tile(along, (size, 1)), x - east),
        (np.tile(along[:, None], (1, size)), north - y),
    ):
        thousandths = (heights / size_km).astype(np.float32)
        path = write_geotiff(tmp_path / "x.tif", thousandths, crs=f"EPSG:{epsg}", transform=transform)
        found_m = RasterTerrain.open(path).height_amsl_m(lat, lon) * size_km
        # A centimetre of place, and the single precision of such heights.
        assert found_m == pytest.approx(expected_m, abs=0.01 + 1e-4 * size_km)


def test_the_other_side_of_the_earth_is_not_on_a_projected_grid(tmp_path: Path) -> None:
    terrain = RasterTerrain.open(
        utm_file(tmp_path / "a.tif", 32755, (-35.5, 149.5), post_m=30, size=400, add_m=0)
    )
    lat, lon = np.meshgrid(np.linspace(-89, 89, 90), np.linspace(-180, 180, 181))
    near = (abs(lat + 35.5) < 0.1) & (abs(lon - 149.5) < 0.1)
    heights_m = terrain.height_amsl_m(lat, lon)
    assert np.isnan(heights_m[~near]).all()
    for one in zip(lat[~near][::97], lon[~near][::97], strict=True):
        assert np.isnan(height_at(terrain, *one))


def test_a_turned_grid_is_read_where_it_stands(tmp_path: Path) -> None:
    transform = Affine.translation(149.5, -35.5) @ Affine.rotation(30) @ Affine.scale(0.001, -0.001)
    col, row = np.meshgrid(np.arange(60) + 0.5, np.arange(60) + 0.5)
    a, b, c, d, e, f = transform[:6]
    heights = hills(d * col + e * row + f, a * col + b * row + c).astype(np.float32)
    terrain = RasterTerrain.open(write_geotiff(tmp_path / "x.tif", heights, transform=transform))
    middle = np.array([a * 30 + b * 30 + c, d * 30 + e * 30 + f])
    lat, lon = middle[1] + np.linspace(-0.01, 0.01, 20), middle[0] + np.linspace(0.01, -0.01, 20)
    assert terrain.height_amsl_m(lat, lon) == pytest.approx(hills(lat, lon), abs=0.3)


def test_the_quick_way_and_the_careful_way_agree(tmp_path: Path) -> None:
    terrain = RasterTerrain.open(write_tile(tmp_path, -36, 149, hills))
    lat, lon = places(1000, lat=(-35.9, -35.1), lon=(149.1, 149.9))
    quick = terrain.height_amsl_m(lat, lon)
    careful = terrain.height_amsl_m(np.append(lat, np.nan), np.append(lon, 149.5))
    assert quick == pytest.approx(careful[:-1], abs=1e-3)
    assert np.isnan(careful[-1])


def test_no_point_is_no_question(tmp_path: Path) -> None:
    terrain: Any = RasterTerrain.open(write_tile(tmp_path, -36, 149, hills))
    assert terrain.height_amsl_m(np.empty((0, 3)), np.empty((0, 3))).shape == (0, 3)
