"""The world is the truth that everything is measured against: it must be one, and say what it is."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Geod

from hardware.virtual.frame import LocalFrame
from hardware.virtual.world.families import FAMILIES, TRAINING_FAMILIES, WorldError
from hardware.virtual.world.world import HOME_LAT_DEG, HOME_LON_DEG, World
from tests.hardware.virtual_world import post_positions, shaped_relief, small_world


def test_equal_seeds_make_equal_worlds_down_to_the_last_texel() -> None:
    first = World.generate(3, "arid", texture_px=512, ortho_m=500.0)
    second = World.generate(3, "arid", texture_px=512, ortho_m=500.0)
    other = World.generate(4, "arid", texture_px=512, ortho_m=500.0)

    assert first.fires == second.fires
    assert first.look_alikes == second.look_alikes
    np.testing.assert_array_equal(first.ground.relief.heights_m, second.ground.relief.heights_m)
    np.testing.assert_array_equal(first.ground.atlas.picture, second.ground.atlas.picture)
    assert other.fires != first.fires
    assert not np.array_equal(other.ground.atlas.picture, first.ground.atlas.picture)


@pytest.mark.parametrize("family", FAMILIES)
def test_fires_burn_in_open_places_far_apart_and_on_the_ground(family: str) -> None:
    for seed in range(3):
        world = World.generate(seed, family)
        assert len(world.fires) == 3
        for one, two in itertools.combinations(world.fires, 2):
            assert math.hypot(one.east_m - two.east_m, one.north_m - two.north_m) >= 120.0
        for fire in world.fires:
            assert 120.0 <= math.hypot(fire.east_m, fire.north_m) <= 420.0
            assert world.ground.cover.clear_at(fire.east_m, fire.north_m) > 5.0
            assert fire.alt_amsl_m == pytest.approx(
                float(world.ground_amsl_m(fire.lat_deg, fire.lon_deg)), abs=0.01
            )
            # Nothing but flat ground below a drone 80 m above home hides it.
            eye = np.array([0.0, 0.0, world.ground.home_amsl_m + 80.0])
            base = np.array([fire.east_m, fire.north_m, fire.alt_amsl_m])
            assert world.ground.relief.sees(eye, base)[0]


def test_home_is_a_place_to_start_from_and_the_hills_are_hills() -> None:
    world = small_world()
    axis = np.linspace(-60, 60, 25)
    east, north = np.meshgrid(axis, axis)
    near = world.ground.relief.height_amsl_m(east, north)
    assert near.max() - near.min() < 12.0
    wide = world.ground.relief.height_amsl_m(east * 16, north * 16)
    assert 30.0 < wide.max() - wide.min() < 200.0
    assert float(world.ground_amsl_m(HOME_LAT_DEG, HOME_LON_DEG)) == pytest.approx(584.0, abs=0.01)


def test_dem_file_says_what_the_world_is(tmp_path: Path) -> None:
    world = small_world()
    path = tmp_path / "dem.tif"
    world.write_geotiff(path)
    with rasterio.open(path) as dem:
        assert dem.crs.to_string() == "EPSG:4326"
        assert dem.dtypes == ("float32",)
        heights = dem.read(1)
        step_m = abs(dem.transform.e) * 110_940.0  # metres per degree of latitude at 35° S
        assert step_m == pytest.approx(10.0, rel=0.01)
        rows, columns = np.mgrid[0 : dem.height : 7, 0 : dem.width : 7]
        lons, lats = rasterio.transform.xy(dem.transform, rows.ravel(), columns.ravel())
        lons, lats = np.reshape(lons, rows.shape), np.reshape(lats, rows.shape)
        np.testing.assert_allclose(heights[rows, columns], world.ground_amsl_m(lats, lons), atol=1e-3)
        for east_m, north_m in itertools.product((-1000.0, 1000.0), repeat=2):
            lat, lon = world.frame.to_geographic(east_m, north_m)
            row, column = dem.index(float(lon), float(lat))
            assert 0 < row < dem.height - 1
            assert 0 < column < dem.width - 1


def test_dem_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="cannot write the DEM"):
        small_world().write_geotiff(tmp_path / "no" / "such" / "folder" / "dem.tif")


@pytest.mark.parametrize(("azimuth_deg", "distance_m"), [(0, 700), (90, 700), (215, 1000)])
def test_local_metres_are_metres_on_the_ellipsoid(azimuth_deg: float, distance_m: float) -> None:
    lon, lat, _ = Geod(ellps="WGS84").fwd(HOME_LON_DEG, HOME_LAT_DEG, azimuth_deg, distance_m)
    east, north = LocalFrame(HOME_LAT_DEG, HOME_LON_DEG).to_local(lat, lon)
    angle = math.radians(azimuth_deg)
    assert float(east) == pytest.approx(distance_m * math.sin(angle), abs=0.1)
    assert float(north) == pytest.approx(distance_m * math.cos(angle), abs=0.1)


def test_a_ridge_blocks_the_view_and_climbing_clears_it() -> None:
    east, _ = post_positions()
    relief = shaped_relief((584.0 + 40.0 * np.exp(-(((east - 100.0) / 20.0) ** 2))).astype(np.float32))
    target = np.array([200.0, 0.0, 584.0])
    assert not relief.sees(np.array([0.0, 0.0, 604.0]), target)[0]
    assert relief.sees(np.array([0.0, 0.0, 700.0]), target)[0]


def test_the_demo_flies_over_country_that_no_detector_was_trained_on() -> None:
    assert "eucalypt" in FAMILIES
    assert "eucalypt" not in TRAINING_FAMILIES
    assert len(TRAINING_FAMILIES) >= 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"family": "jungle"}, "jungle"),
        ({"light": "eclipse"}, "eclipse"),
        ({"size_m": 10.0}, "10 m"),
        ({"n_fires": 60}, "of 60 fires"),
    ],
)
def test_a_world_that_cannot_be_made_says_why(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(WorldError, match=named) as caught:
        World.generate(1, **{"family": "arid", **arguments})  # type: ignore[arg-type]
    assert caught.value.hint
