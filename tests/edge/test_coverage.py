"""What ground was seen, when, how finely: against ground whose shape is known."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from shapely.geometry import Point, shape

from edge.coverage import CELL_M, HALF_CELLS, Coverage
from edge.hotspots.hotspot import Look
from flight.terrain import Terrain
from tests.edge.ground_truth import CAMERA, GROUND_AMSL_M, FloatArray, Plane, east_north, lat_lon, pose_at

BEGAN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class Wall:
    """Flat, with a ridge 40 m high across the way."""

    name, sigma_m, resolution_m = "wall", 3.0, 10.0

    def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        _, north_m = east_north(lat_deg, lon_deg)
        return np.where(np.abs(north_m - 100.0) < 12.0, GROUND_AMSL_M + 40.0, GROUND_AMSL_M)


def look(
    coverage: Coverage,
    at_s: float = 0.0,
    north_m: float = 0.0,
    *,
    terrain: Terrain | None = None,
    **pose: Any,
) -> None:
    where = {"height_m": 60.0, "pitch_deg": -90.0} | pose
    ground = terrain or Plane()
    coverage.look(
        Look(at_s, BEGAN + timedelta(seconds=at_s), pose_at(0.0, north_m, **where), CAMERA, (), ground)
    )


def features(coverage: Coverage) -> list[dict[str, Any]]:
    document = json.loads(coverage.to_geojson())
    assert document["type"] == "FeatureCollection"
    found: list[dict[str, Any]] = document["features"]
    return found


def classes_at(coverage: Coverage, east_m: float, north_m: float) -> list[dict[str, Any]]:
    lat_deg, lon_deg = lat_lon(east_m, north_m)
    return [
        feature["properties"]
        for feature in features(coverage)
        if shape(feature["geometry"]).covers(Point(lon_deg, lat_deg))
    ]


def test_straight_down_it_has_seen_the_pictures_own_rectangle() -> None:
    coverage = Coverage()
    look(coverage)
    width_m = 2 * 60.0 * math.tan(math.radians(CAMERA.hfov_deg / 2))
    expected_m2 = width_m**2 * CAMERA.height_px / CAMERA.width_px
    assert coverage.seen_m2 == pytest.approx(expected_m2, rel=0.12)
    assert classes_at(coverage, 0.0, 0.0)
    assert not classes_at(coverage, 0.0, 80.0)


def test_each_polygon_says_when_and_how_finely() -> None:
    coverage = Coverage()
    look(coverage)
    [seen] = classes_at(coverage, 0.0, 0.0)
    assert seen["first_seen_at"] == seen["last_seen_at"] == BEGAN.isoformat()
    pixel_cm = 100 * 60.0 / CAMERA.fx_px
    assert seen["finer_than_cm"] == next(limit for limit in (5.0, 10.0, 20.0, 50.0) if pixel_cm < limit)


def test_ground_seen_in_different_minutes_is_told_apart() -> None:
    coverage = Coverage()
    look(coverage, 0.0, 0.0)
    look(coverage, 90.0, 200.0)
    [early], [late] = classes_at(coverage, 0.0, 0.0), classes_at(coverage, 0.0, 200.0)
    assert early["last_seen_at"] == BEGAN.isoformat()
    assert late["last_seen_at"] == (BEGAN + timedelta(seconds=90)).isoformat()


def test_a_nearer_look_makes_it_finer_and_a_farther_one_does_not_coarsen_it() -> None:
    coverage = Coverage()
    look(coverage, 0.0, height_m=110.0)
    coarse = classes_at(coverage, 0.0, 0.0)[0]["finer_than_cm"]
    look(coverage, 1.0, height_m=25.0)
    fine = classes_at(coverage, 0.0, 0.0)[0]["finer_than_cm"]
    look(coverage, 2.0, height_m=110.0)
    assert classes_at(coverage, 0.0, 0.0)[0]["finer_than_cm"] == fine < coarse


def test_a_ridge_hides_what_lies_behind_it() -> None:
    hidden, plain = Coverage(), Coverage()
    look(hidden, pitch_deg=-30.0, terrain=Wall())
    look(plain, pitch_deg=-30.0)
    for north_m, behind in ((60.0, False), (80.0, False), (140.0, True), (170.0, True)):
        assert classes_at(plain, 0.0, north_m)
        assert bool(classes_at(hidden, 0.0, north_m)) is not behind
    assert classes_at(hidden, 0.0, 92.0)  # the ridge's own near side


def test_where_the_terrain_model_ends_nothing_is_claimed() -> None:
    coverage = Coverage()
    look(coverage, pitch_deg=-30.0, terrain=Plane(edge_m=120.0))
    assert classes_at(coverage, 0.0, 100.0)
    assert not classes_at(coverage, 0.0, 140.0)


def test_towards_the_horizon_it_claims_no_more_than_its_range() -> None:
    coverage = Coverage()
    look(coverage, pitch_deg=-5.0)
    assert classes_at(coverage, 0.0, 450.0)
    assert not classes_at(coverage, 0.0, 520.0)
    assert not classes_at(coverage, 0.0, -50.0)


def test_the_geojson_is_valid_and_its_area_is_what_was_seen() -> None:
    coverage = Coverage()
    for number in range(12):
        look(coverage, number * 40.0, number * 35.0, pitch_deg=-50.0, yaw_deg=number * 30.0)
    area_m2 = 0.0
    for feature in features(coverage):
        geometry = shape(feature["geometry"])
        assert geometry.is_valid
        assert geometry.geom_type == "MultiPolygon"
        assert all(polygon.exterior.is_ccw for polygon in geometry.geoms)
        assert not any(hole.is_ccw for polygon in geometry.geoms for hole in polygon.interiors)
        assert set(feature["properties"]) == {"finer_than_cm", "first_seen_at", "last_seen_at"}
        metres = 111_132.95 * 111_320.0 * math.cos(math.radians(-35.363))
        area_m2 += geometry.area * metres
    assert area_m2 == pytest.approx(coverage.seen_m2, rel=0.01)


def test_the_share_of_an_area_counts_only_what_was_seen_in_it() -> None:
    coverage = Coverage()
    area = [lat_lon(-30, -15), lat_lon(30, -15), lat_lon(30, 15), lat_lon(-30, 15)]
    assert coverage.percent_of(area) is None
    look(coverage)
    assert coverage.percent_of(area) == pytest.approx(100.0)
    assert coverage.percent_of([lat_lon(0, -15), lat_lon(200, -15), lat_lon(200, 15), lat_lon(0, 15)]) == (
        pytest.approx(24.3, abs=4.0)
    )
    assert coverage.percent_of(area, finer_than_cm=1.0) == 0.0


def test_no_more_than_two_looks_a_second_are_taken_and_none_without_a_time() -> None:
    coverage = Coverage()
    for at_s in (10.0, 10.2, 10.4, 10.6):
        look(coverage, at_s)
    coverage.look(Look(20.0, None, pose_at(height_m=60.0, pitch_deg=-90.0), CAMERA, ()))
    assert coverage.looks == 2


def test_a_long_flight_needs_no_more_memory_and_what_is_too_far_is_counted() -> None:
    coverage = Coverage()
    before = coverage._resolution_cm.nbytes
    for number in range(60):
        look(coverage, number * 1.0, number * 60.0)
    assert coverage._resolution_cm.nbytes == before == (2 * HALF_CELLS) ** 2 * 4
    assert coverage.left_out > 0
    edge_m = HALF_CELLS * CELL_M
    assert classes_at(coverage, 0.0, edge_m - 100.0)
    assert not classes_at(coverage, 0.0, edge_m + 10.0)


def test_cleared_it_begins_around_the_next_look() -> None:
    coverage = Coverage()
    look(coverage)
    coverage.clear()
    assert (coverage.seen_m2, features(coverage)) == (0.0, [])
    look(coverage, 5.0, 4000.0)
    assert classes_at(coverage, 0.0, 4000.0)


def test_after_a_restart_in_the_middle_of_a_pass_it_goes_on_from_what_was_kept() -> None:
    before, after = Coverage(), Coverage()
    look(before)
    kept = before.to_bytes("patrol 1")
    assert len(kept) < 200_000
    assert after.take_up(kept, "patrol 1")
    look(after, at_s=60.0, north_m=300.0)
    assert after.seen_m2 > 1.9 * before.seen_m2
    assert classes_at(after, 0.0, 0.0) == classes_at(before, 0.0, 0.0)


@pytest.mark.parametrize("of_what", ["patrol 2", ""])
def test_what_was_kept_of_another_pass_is_left_alone(of_what: str) -> None:
    before, after = Coverage(), Coverage()
    look(before)
    assert not after.take_up(before.to_bytes("patrol 1"), of_what)
    assert after.seen_m2 == 0


@pytest.mark.parametrize("cut", [0, 10, 500, -1])
def test_a_broken_file_is_said_to_be_one_and_changes_nothing(cut: int) -> None:
    before, after = Coverage(), Coverage()
    look(before)
    with pytest.raises(ValueError, match=r"no coverage|pickled|magic"):
        after.take_up(before.to_bytes("patrol 1")[:cut], "patrol 1")
    assert after.seen_m2 == 0
