"""The ground: what an elevation file says, between its posts, at its edges, and when it is no good."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.transform import from_origin

from flight.elevation_file import TerrainError
from flight.terrain import FlatTerrain, RasterTerrain
from tests.flight.elevation_makers import height_at, slope, write_geotiff, write_hgt

HOME_LAT_DEG, HOME_LON_DEG = -35.363262, 149.165237
SRTM_TILE = Path(__file__).parents[3] / "shared/data/terrain/S36E149.hgt.zip"


def test_a_height_between_four_posts_is_their_bilinear_mean(tmp_path: Path) -> None:
    terrain = RasterTerrain.open(write_geotiff(tmp_path / "slope.tif", slope()))
    assert height_at(terrain, -35.0, 149.0) == pytest.approx(500.0, abs=1e-3)
    assert height_at(terrain, -35.0, 149.002) == pytest.approx(520.0, abs=1e-3)
    assert height_at(terrain, -35.0025, 149.0015) == pytest.approx(517.5, abs=1e-3)


def test_outside_and_beside_a_hole_nothing_is_known(tmp_path: Path) -> None:
    heights = slope()
    heights[2, 2] = -9999.0
    terrain = RasterTerrain.open(write_geotiff(tmp_path / "hole.tif", heights, nodata=-9999.0))
    assert np.isnan(height_at(terrain, -35.0015, 149.0015))  # the hole is one of its four posts
    assert height_at(terrain, -35.002, 149.001) == pytest.approx(512.0, abs=1e-3)  # exactly on its neighbour
    assert height_at(terrain, -35.002, 149.001 + 1e-11) == pytest.approx(512.0, abs=1e-3)  # but for rounding
    assert np.isnan(height_at(terrain, -34.99, 149.0))
    assert np.isnan(height_at(terrain, -35.0, 149.1))
    assert np.isnan(height_at(terrain, np.nan, 149.0))


@pytest.mark.parametrize("filler", [-32768.0, -9999.0, 3.4e38, np.inf])
def test_a_hole_that_the_file_does_not_declare_is_a_hole(tmp_path: Path, filler: float) -> None:
    heights = slope()
    heights[2, 2] = filler
    terrain = RasterTerrain.open(write_geotiff(tmp_path / "hole.tif", heights))
    assert np.isnan(height_at(terrain, -35.0015, 149.0015))
    assert height_at(terrain, -35.0005, 149.0005) == pytest.approx(505.5, abs=1e-3)


def test_points_keep_their_shape(tmp_path: Path) -> None:
    terrain = RasterTerrain.open(write_geotiff(tmp_path / "slope.tif", slope()))
    lat = np.full((2, 3), -35.001)
    lon = 149.0 + np.arange(3) * 0.001
    assert terrain.height_amsl_m(lat, lon) == pytest.approx(np.tile([501.0, 511.0, 521.0], (2, 1)), abs=1e-3)


def test_a_projected_grid_is_read_where_it_stands(tmp_path: Path) -> None:
    to_utm = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32755", always_xy=True)
    east, north = to_utm.transform(HOME_LON_DEG, HOME_LAT_DEG)
    heights = np.tile(600.0 + 5.0 * np.arange(41, dtype=np.float32), (41, 1))
    transform = from_origin(east - 205.0, north + 205.0, 10.0, 10.0)  # home in the centre of post (20, 20)
    path = write_geotiff(tmp_path / "utm.tif", heights, crs="EPSG:32755", transform=transform)
    terrain = RasterTerrain.open(path)
    assert terrain.resolution_m == pytest.approx(10.0)
    assert height_at(terrain, HOME_LAT_DEG, HOME_LON_DEG) == pytest.approx(700.0, abs=0.01)
    lon, lat = to_utm.transform(east + 35.0, north, direction=pyproj.enums.TransformDirection.INVERSE)
    assert height_at(terrain, lat, lon) == pytest.approx(717.5, abs=0.01)


def test_srtm_tiles_are_read_plain_and_zipped(tmp_path: Path) -> None:
    tile = write_hgt(tmp_path / "S36E149.hgt")
    zipped = tmp_path / "S36E149.hgt.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(tile, tile.name)
    for path in (tile, zipped):
        terrain = RasterTerrain.open(path)
        assert height_at(terrain, -35.0, 149.0) == pytest.approx(100.0)  # the tile's first post
        assert height_at(terrain, -36.0, 150.0) == pytest.approx(1300.0)  # its last
        assert height_at(terrain, -35.5, 149.5) == pytest.approx(700.0)
        assert 80.0 < terrain.resolution_m < 93.0


@pytest.mark.skipif(
    not Path("../shared/data/terrain/S36E149.hgt.zip").exists(),
    reason="the developers' SRTM tile is not here",
)
def test_the_hills_around_home_are_where_the_maps_have_them() -> None:
    terrain = RasterTerrain.open(SRTM_TILE)
    assert height_at(terrain, HOME_LAT_DEG, HOME_LON_DEG) == pytest.approx(584.0, abs=5.0)


def test_flat_ground_is_flat() -> None:
    terrain = FlatTerrain(584.0)
    assert terrain.height_amsl_m(np.zeros((2, 2)), np.zeros(2)).tolist() == [[584.0] * 2] * 2
    with pytest.raises(TerrainError):
        FlatTerrain(float("nan"))


def bad_file(folder: Path, what: str) -> Path:
    path = folder / {"no zip": "x.zip", "empty zip": "x.hgt.zip", "cut tile": "S36E149.hgt"}.get(
        what, "x.tif"
    )
    match what:
        case "text":
            path.write_text("not a raster")
        case "no zip":
            path.write_bytes(b"PK but no more")
        case "empty zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("readme.txt", "no tile")
        case "cut tile":
            path.write_bytes(write_hgt(path).read_bytes()[:100_000])
        case "nowhere":
            write_geotiff(path, slope(), crs=None, transform=rasterio.Affine.identity())
        case "only holes":
            write_geotiff(path, np.full((3, 3), -1.0, np.float32), nodata=-1.0)
    return path


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("missing", "does not exist"),
        ("text", "cannot be read"),
        ("no zip", "not a whole zip"),
        ("empty zip", "no elevation file"),
        ("cut tile", "cannot be read"),
        ("nowhere", "where on earth"),
        ("only holes", "no height in it"),
    ],
)
def test_a_file_that_is_no_good_is_named_in_one_line(tmp_path: Path, what: str, says: str) -> None:
    path = bad_file(tmp_path, what)
    with pytest.raises(TerrainError, match=says) as caught:
        RasterTerrain.open(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
