"""Tiles go where a fire is too small for the whole frame: hotspots first, then all of the ground in turn."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest

from edge.geometry.ground_in_view import GRID_CELLS, ground_in_view
from edge.geometry.locate import locate_detections
from edge.geometry.pose import Pose
from edge.hotspots.hotspot import Hotspot, HotspotState, Look
from edge.hotspots.tracker import HotspotTracker
from edge.tiling import MOST_TILES, TilePlanner
from edge.vision.merge import Found
from edge.vision.tile import Tile
from flight.local_frame import LocalFrame
from tests.edge.ground_truth import (
    CAMERA,
    GROUND_AMSL_M,
    HOME,
    FloatArray,
    Hills,
    Plane,
    pixel_of,
    pose_at,
)

CAMERA_4K = CAMERA.at_size(3840, 2160)
INPUT_PX = 448
GROUND = Plane()
START = datetime(2026, 2, 1, 3, 0, tzinfo=UTC)


def fire_px(tile: Tile, distance_m: float) -> float:
    """How large a fire of a metre is at the detector's input."""
    return CAMERA_4K.fx_px / distance_m * INPUT_PX / tile.width


def pixels_of(pose: Pose, places_m: list[tuple[int, int]]) -> FloatArray:
    """Where places on the ground (east, north) are in the picture (N, 2)."""
    east_m, north_m = np.array(places_m, np.float64).T
    lat_deg, lon_deg, _ = HOME.to_geodetic(east_m, north_m, np.zeros_like(east_m))
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    points = np.column_stack(frame.from_geodetic(lat_deg, lon_deg, np.full_like(east_m, GROUND_AMSL_M)))
    return CAMERA_4K.project(points @ pose.camera_to_enu)


def hotspot(pose: Pose, place_m: tuple[float, float], state: HotspotState, number: int = 1) -> Hotspot:
    u, v = pixel_of(pose, *place_m, GROUND_AMSL_M, CAMERA_4K)
    box = Found("fire", 0.6, u - 12, v - 12, u + 12, v + 12, 5.0)
    tracker = HotspotTracker(new_id=lambda: UUID(int=number))
    sightings = locate_detections([box], pose, CAMERA_4K, GROUND)
    tracker.look(Look(0.0, START, pose, CAMERA_4K, tuple(sightings), GROUND))
    return replace(tracker.hotspots[0], state=state)


def test_new_ground_is_looked_at_coarsely_and_then_so_that_a_small_fire_is_large_enough() -> None:
    planner, pose = TilePlanner(INPUT_PX), pose_at(height_m=100, pitch_deg=-90)
    tiles: list[Tile] = []
    while plan := planner.plan(0.0, pose, CAMERA_4K, GROUND):
        assert len(plan) <= MOST_TILES
        planner.looked(0.0, pose, CAMERA_4K, GROUND, plan)
        tiles += plan
    assert all(tile.fits(3840, 2160) for tile in tiles)
    sizes_px = [fire_px(tile, 100.0) for tile in tiles]
    assert 6 <= min(sizes_px[:8]) <= max(sizes_px[:8]) <= 10
    assert 12 <= max(sizes_px) <= 20


def test_pixels_are_never_made_larger_than_they_are() -> None:
    """From this high even the frame's own pixels show a fire of a metre small."""
    planner, pose = TilePlanner(INPUT_PX), pose_at(height_m=250, pitch_deg=-90)
    widths = set()
    while tiles := planner.plan(0.0, pose, CAMERA_4K, GROUND):
        planner.looked(0.0, pose, CAMERA_4K, GROUND, tiles)
        widths |= {tile.width for tile in tiles}
    assert min(widths) >= INPUT_PX


def test_near_ground_needs_larger_tiles_than_far_ground() -> None:
    pose = pose_at(height_m=60, pitch_deg=-45)
    planner = TilePlanner(INPUT_PX)
    ground = ground_in_view(HOME, pose, CAMERA_4K, GROUND)
    rows = {tile.y: tile.width for tile in planner._layout(ground.pixels, ground.fire_px, CAMERA_4K, 14.0)}
    widths = [rows[y] for y in sorted(rows)]
    assert widths == sorted(widths)
    assert widths[-1] > 1.3 * widths[0]


def test_where_the_whole_frame_is_fine_enough_there_are_no_tiles() -> None:
    small = CAMERA.at_size(640, 360)
    assert TilePlanner(640).plan(0.0, pose_at(height_m=20, pitch_deg=-90), small, GROUND) == []


def test_neither_the_sky_nor_ground_too_far_for_any_fire_is_looked_at() -> None:
    pose = pose_at(height_m=100, pitch_deg=-5)
    tiles = TilePlanner(INPUT_PX).plan(0.0, pose, CAMERA_4K, GROUND)
    reach_m = CAMERA_4K.fx_px / 6
    farthest_v = pixel_of(pose, 0.0, math.sqrt(reach_m**2 - 100**2), GROUND_AMSL_M, CAMERA_4K)[1]
    assert tiles
    assert all(tile.y + tile.height > farthest_v for tile in tiles)
    assert TilePlanner(INPUT_PX).plan(0.0, pose_at(height_m=100, pitch_deg=30), CAMERA_4K, GROUND) == []


def test_in_a_hover_all_ground_below_is_looked_at_coarsely_before_any_finely_and_then_all_finely() -> None:
    pose = pose_at(height_m=100, pitch_deg=-90)
    planner = TilePlanner(INPUT_PX)
    middles = range(-86, 88, 4)  # of cells
    pixels = pixels_of(pose, [(x, y) for x in middles for y in middles])
    pixels = pixels[CAMERA_4K.contains(pixels)]
    coarsely, finely = np.zeros(len(pixels), np.bool_), np.zeros(len(pixels), np.bool_)
    frames = 0
    while tiles := planner.plan(0.0, pose, CAMERA_4K, GROUND)[:2]:
        planner.looked(0.0, pose, CAMERA_4K, GROUND, tiles)
        frames += 1
        for tile in tiles:
            held = tile.holds(pixels, 3840, 2160)
            if fire_px(tile, 100.0) < 12:
                coarsely |= held
            else:
                assert coarsely.mean() > 0.9
                finely |= held
    assert finely.mean() > 0.99
    assert frames < 45


def test_over_a_pass_the_ground_that_is_about_to_be_left_comes_first() -> None:
    """Of the strip nearly everything is looked at closely, though in no frame there is time for much."""
    planner = TilePlanner(INPUT_PX)
    close: set[tuple[int, int]] = set()
    strip = [(east_m, north_m) for east_m in range(-60, 60, 8) for north_m in range(0, 60, 8)]
    for frame in range(50):
        pose = pose_at(0.0, -90.0 + 4.0 * frame, height_m=100, pitch_deg=-90)
        pose = replace(pose, velocity_enu_m_s=(0.0, 4.0, 0.0))
        tiles = planner.plan(float(frame), pose, CAMERA_4K, GROUND)[:5]
        planner.looked(float(frame), pose, CAMERA_4K, GROUND, tiles)
        held = np.any([tile.holds(pixels_of(pose, strip), 3840, 2160) for tile in tiles], axis=0)
        close |= {place for place, is_held in zip(strip, held, strict=True) if is_held}
    assert len(close) >= 0.97 * len(strip)


def test_ground_that_was_looked_at_from_afar_is_looked_at_again_from_near_and_not_the_other_way() -> None:
    planner = TilePlanner(INPUT_PX)
    high, low = pose_at(height_m=250, pitch_deg=-90), pose_at(height_m=120, pitch_deg=-90)
    for pose in (high, low):
        assert planner.plan(0.0, pose, CAMERA_4K, GROUND)
        while tiles := planner.plan(0.0, pose, CAMERA_4K, GROUND):
            planner.looked(0.0, pose, CAMERA_4K, GROUND, tiles)
    assert planner.plan(0.0, high, CAMERA_4K, GROUND) == []


def test_after_a_while_ground_is_worth_looking_at_again() -> None:
    planner, pose = TilePlanner(INPUT_PX), pose_at(height_m=100, pitch_deg=-90)
    while tiles := planner.plan(0.0, pose, CAMERA_4K, GROUND):
        planner.looked(0.0, pose, CAMERA_4K, GROUND, tiles)
    assert planner.plan(1.0, pose, CAMERA_4K, GROUND) == []
    assert planner.plan(60.0, pose, CAMERA_4K, GROUND)


def test_a_hotspot_comes_before_all_ground_and_lies_in_the_middle_of_its_tile() -> None:
    pose = pose_at(height_m=100, pitch_deg=-60)
    tentative = hotspot(pose, (20.0, 60.0), HotspotState.TENTATIVE)
    first, *others = TilePlanner(INPUT_PX).plan(0.0, pose, CAMERA_4K, GROUND, [tentative])
    u, v = pixel_of(pose, 20.0, 60.0, GROUND_AMSL_M, CAMERA_4K)
    assert abs(first.x + first.width / 2 - u) < 0.1 * first.width
    assert abs(first.y + first.height / 2 - v) < 0.1 * first.height
    assert others


def test_a_confirmed_hotspot_leaves_time_for_the_ground_and_a_tentative_one_is_followed() -> None:
    pose = pose_at(height_m=100, pitch_deg=-60)
    sure, unsure = (
        hotspot(pose, (20.0, 60.0), HotspotState.CONFIRMED, 1),
        hotspot(pose, (-40.0, 70.0), HotspotState.TENTATIVE, 2),
    )
    planner = TilePlanner(INPUT_PX)
    both = planner.plan(10.0, pose, CAMERA_4K, GROUND, [sure, unsure])[:2]
    planner.looked(10.0, pose, CAMERA_4K, GROUND, both, [sure, unsure])
    follow = planner.plan(10.2, pose, CAMERA_4K, GROUND, [sure, unsure])
    pixels = [pixel_of(pose, *place, GROUND_AMSL_M, CAMERA_4K) for place in ((20.0, 60.0), (-40.0, 70.0))]
    held = [[bool(tile.holds(pixel[None], 3840, 2160)[0]) for pixel in pixels] for tile in follow]
    assert held[0] == [False, True]
    assert not any(one for one, _ in held)
    later = planner.plan(12.5, pose, CAMERA_4K, GROUND, [sure])
    assert later[0].holds(pixels[0][None], 3840, 2160)[0]


def test_a_plan_lasts_for_some_frames() -> None:
    planner, pose = TilePlanner(INPUT_PX), pose_at(height_m=100, pitch_deg=-60)
    assert planner.is_due(5.0)
    planner.plan(5.0, pose, CAMERA_4K, GROUND)
    assert not planner.is_due(5.9)
    assert planner.is_due(6.0)
    assert planner.is_due(1.0)  # the clock began anew


def test_between_plans_a_tentative_hotspot_in_view_is_followed_before_what_the_plan_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planner, pose = TilePlanner(INPUT_PX), pose_at(height_m=100, pitch_deg=-60)
    sure, unsure, behind = (
        hotspot(pose, (20.0, 60.0), HotspotState.CONFIRMED, 1),
        hotspot(pose, (-40.0, 70.0), HotspotState.TENTATIVE, 2),
        hotspot(pose_at(height_m=100, pitch_deg=-60, yaw_deg=180), (0.0, -70.0), HotspotState.TENTATIVE, 3),
    )
    tiles = planner.plan(5.0, pose, CAMERA_4K, GROUND)
    planner.looked(5.0, pose, CAMERA_4K, GROUND, tiles[:2])
    monkeypatch.setattr(
        "edge.tiling.ground_in_view", None
    )  # what costs time: it is not reckoned on every frame
    assert planner.follow(5.2, pose, CAMERA_4K, [sure, behind]) == []
    first, *others = planner.follow(5.2, pose, CAMERA_4K, [sure, unsure, behind])
    assert first.holds(pixel_of(pose, -40.0, 70.0, GROUND_AMSL_M, CAMERA_4K)[None], 3840, 2160)[0]
    assert others == tiles[2:]


def test_rows_of_cells_with_more_than_a_tile_between_them_are_laid_out() -> None:
    pixels, fire_px = np.array([[900.0, 500.0], [900.0, 938.0]]), np.array([14.0, 14.0])
    tiles = list(TilePlanner(INPUT_PX)._layout(pixels, fire_px, CAMERA_4K, 14.0))
    assert np.any([tile.holds(pixels, 3840, 2160) for tile in tiles], axis=0).all()


def test_a_lost_hotspot_and_one_out_of_view_get_no_tile() -> None:
    pose = pose_at(height_m=100, pitch_deg=-60)
    lost = hotspot(pose, (20.0, 60.0), HotspotState.LOST)
    away = pose_at(height_m=100, pitch_deg=-60, yaw_deg=180)
    behind = hotspot(pose, (20.0, 60.0), HotspotState.TENTATIVE)
    plain = TilePlanner(INPUT_PX).plan(0.0, away, CAMERA_4K, GROUND)
    assert TilePlanner(INPUT_PX).plan(0.0, away, CAMERA_4K, GROUND, [lost, behind]) == plain


def test_ground_behind_a_hill_counts_as_not_looked_at() -> None:
    pose = pose_at(height_m=75, pitch_deg=-20)
    seen = ground_in_view(HOME, pose, CAMERA_4K, Hills())
    open_country = ground_in_view(HOME, pose, CAMERA_4K, GROUND)
    assert 0 < seen.key.size < open_country.key.size


def test_far_from_where_it_began_memory_is_used_anew_and_nothing_old_is_believed() -> None:
    planner = TilePlanner(INPUT_PX)
    here = pose_at(height_m=100, pitch_deg=-90)
    lap_m = GRID_CELLS * 4.0
    there = pose_at(lap_m, 0.0, height_m=100, pitch_deg=-90)
    while tiles := planner.plan(0.0, here, CAMERA_4K, GROUND):
        planner.looked(0.0, here, CAMERA_4K, GROUND, tiles)
    assert len(planner.plan(1.0, there, CAMERA_4K, GROUND)) == MOST_TILES


def test_no_ground_known_is_no_reason_to_fail() -> None:
    nowhere = Plane(edge_m=0.0)
    assert TilePlanner(INPUT_PX).plan(0.0, pose_at(height_m=100, pitch_deg=-90), CAMERA_4K, nowhere) == []


@pytest.mark.parametrize(("tiled", "is_miss"), [(True, True), (False, False)])
def test_not_seeing_counts_only_when_the_look_was_as_close(tiled: bool, is_miss: bool) -> None:
    """A fire that only a tile shows large enough is not gone because a whole frame does not show it."""
    pose = pose_at(height_m=100, pitch_deg=-60)
    u, v = pixel_of(pose, 0.0, 60.0, GROUND_AMSL_M, CAMERA_4K)
    tile = Tile(round(u) - 224, round(v) - 126, 448, 252)
    box = Found("fire", 0.7, u - 12, v - 12, u + 12, v + 12, 3840 / 448)
    tracker = HotspotTracker(new_id=lambda: UUID(int=1))
    for number in range(12):
        # Nearer and nearer, so that it is not the very place it was seen from.
        seen_from = pose_at(0.0, 0.5 * number, height_m=100, pitch_deg=-60)
        sightings = [
            replace(sighting, magnification=box.magnification)
            for sighting in locate_detections([box], seen_from, CAMERA_4K, GROUND)
        ]
        tracker.look(Look(0.2 * number, START, seen_from, CAMERA_4K, tuple(sightings), GROUND, (tile,)))
    before = tracker.hotspots[0].probability
    later = pose_at(8.0, 0.0, height_m=100, pitch_deg=-60)
    u, v = pixel_of(later, 0.0, 60.0, GROUND_AMSL_M, CAMERA_4K)
    again = (Tile(round(u) - 448, round(v) - 252, 896, 504), Tile(round(u) - 224, round(v) - 126, 448, 252))
    tracker.look(Look(3.0, START, later, CAMERA_4K, (), GROUND, again if tiled else ()))
    assert (tracker.hotspots[0].probability < before) is is_miss


def tiles_until_lost(whole_frames_between: int) -> int:
    """How many looks of a tile that shows nothing more take a confirmed fire back that only tiles show."""
    pose = pose_at(height_m=100, pitch_deg=-60)
    u, v = pixel_of(pose, 0.0, 60.0, GROUND_AMSL_M, CAMERA_4K)
    tile = Tile(round(u) - 224, round(v) - 126, 448, 252)
    box = Found("fire", 0.7, u - 12, v - 12, u + 12, v + 12, 3840 / 448)
    seen = [
        replace(sighting, magnification=box.magnification)
        for sighting in locate_detections([box], pose, CAMERA_4K, GROUND)
    ]
    tracker = HotspotTracker(new_id=lambda: UUID(int=1))
    for number in range(20):
        tracker.look(Look(0.2 * number, START, pose, CAMERA_4K, tuple(seen), GROUND, (tile,)))
    assert [hotspot.state for hotspot in tracker.hotspots] == [HotspotState.CONFIRMED]
    for number in range(1, 60):
        at_s = 4.0 + 2.0 * number
        for back in range(whole_frames_between, 0, -1):
            tracker.look(Look(at_s - 0.03 * back, START, pose, CAMERA_4K, (), GROUND))
        tracker.look(Look(at_s, START, pose, CAMERA_4K, (), GROUND, (tile,)))
        if [hotspot.state for hotspot in tracker.hotspots] == [HotspotState.LOST]:
            return number
    pytest.fail("a fire that nothing shows any more is never lost")


def test_a_fire_that_only_tiles_show_is_lost_after_as_many_of_them_whatever_the_frame_rate() -> None:
    """The whole frames between the tiles say nothing, and take nothing from what a tile says."""
    assert tiles_until_lost(0) == tiles_until_lost(1) == tiles_until_lost(30)


def test_a_look_magnifies_only_what_one_of_its_tiles_holds_wholly() -> None:
    pose = pose_at(height_m=100, pitch_deg=-60)
    look = Look(0.0, START, pose, CAMERA_4K, (), GROUND, (Tile(0, 0, 960, 540), Tile(900, 0, 480, 270)))
    assert look.magnification(np.array([[100.0, 100.0]])) == 4.0
    assert look.magnification(np.array([[1100.0, 100.0], [1200.0, 150.0]])) == 8.0
    assert look.magnification(np.array([[100.0, 100.0], [1200.0, 100.0]])) == 1.0
    assert look.magnification(np.array([[math.nan, 100.0]])) == 1.0
