"""What the virtual camera shows must be where arithmetic by hand and by OpenCV says it is."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.render.cast import ground_along
from hardware.virtual.render.render import Renderer, TruthBox
from hardware.virtual.world.lookalikes import fog
from hardware.virtual.world.plume import Plume
from hardware.virtual.world.scenes import FIRST_TRAINING_SEED, scenes
from tests.hardware.virtual_world import (
    on_relief,
    pixel_by_opencv,
    pose_near,
    post_positions,
    shaped_relief,
    small_world,
)

LENS = VirtualLens(640, 360, 78.0)
CURVED = VirtualLens(640, 360, 78.0, k1=-0.12, k2=0.02)
SMOKE = Plume(0.95, (225.0, 225.0, 225.0), 3.0, 16.0, 2.2, 0.5, 26, seed=5)


def the(boxes: list[TruthBox], label: str, fire_id: str) -> TruthBox:
    (box,) = [b for b in boxes if (b.label, b.fire_id) == (label, fire_id)]
    return box


@pytest.mark.parametrize("lens", [LENS, CURVED], ids=["pinhole", "distorted"])
def test_lens_agrees_with_opencv_and_its_rays_come_back(lens: VirtualLens) -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform((-40, -25, 40), (40, 25, 120), (200, 3))
    focal = 320.0 / math.tan(math.radians(39.0))
    matrix = np.array([[focal, 0, 319.5], [0, focal, 179.5], [0, 0, 1]])
    theirs, _ = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), matrix, np.array([lens.k1, lens.k2, 0.0, 0.0])
    )
    ours = lens.project(points)
    np.testing.assert_allclose(ours, theirs[:, 0], atol=1e-6)
    rays = lens.rays(ours)
    np.testing.assert_allclose(rays, points / np.linalg.norm(points, axis=1, keepdims=True), atol=1e-6)


def test_pixels_outside_the_image_circle_look_along_its_edge() -> None:
    lens = VirtualLens(480, 640, 88.0, k1=-0.08, k2=-0.02)
    assert not lens.covers_picture
    rays = lens.rays(np.array([[0.0, 0.0], [0.0, 5.0], [240.0, 320.0]]))
    assert np.isfinite(rays).all()
    off_axis = np.degrees(np.arccos(rays[:, 2]))
    assert off_axis[0] == pytest.approx(off_axis[1]), "the edge of one circle"
    assert all(VirtualLens(640, 360, 78.0, k1=k1).covers_picture for k1 in (-0.12, 0.0, 0.1))


def test_a_scene_is_seen_through_a_lens_that_covers_the_picture() -> None:
    """The lens drawn for this one would end inside the picture; its corners were NaN once."""
    *_, scene = scenes(10_001, 16, families=("arid",), per_stage=16)
    assert scene.lens.covers_picture
    with np.errstate(all="raise"):
        image, _ = scene.shoot()
    assert image.std() > 1


def test_lens_has_no_image_of_what_is_behind_it() -> None:
    assert np.isnan(LENS.project(np.array([[0.0, 0.0, -10.0]]))).all()
    # A strongly curved polynomial turns back on itself: what is past the turn is not in the picture.
    assert np.isnan(VirtualLens(640, 360, 78.0, k1=-0.3).project(np.array([[50.0, 0.0, 10.0]]))).all()


@pytest.mark.parametrize("yaw_deg", [0.0, 90.0, 180.0, 270.0])
def test_by_hand_on_level_ground_in_all_four_quadrants(yaw_deg: float) -> None:
    """100 m up and 45° down: the boresight meets the ground 100 m ahead, its right is to the right of it."""
    pose = TruePose.looking(0, 0, 0, yaw_deg=yaw_deg, pitch_deg=-45.0)
    eye = np.array([0.0, 0.0, 684.0])
    ahead = {0.0: (0, 100), 90.0: (100, 0), 180.0: (0, -100), 270.0: (-100, 0)}[yaw_deg]
    right = {0.0: (20, 0), 90.0: (0, -20), 180.0: (-20, 0), 270.0: (0, 20)}[yaw_deg]
    target = np.array([*ahead, 584.0])
    beside = target + (*right, 0.0)  # noqa: RUF005 (numpy addition)
    pixels = LENS.project((np.stack([target, beside]) - eye) @ pose.enu_from_camera())
    focal = 320.0 / math.tan(math.radians(39.0))
    np.testing.assert_allclose(pixels[0], (319.5, 179.5), atol=1e-9)
    np.testing.assert_allclose(pixels[1], (319.5 + focal * 20 / math.hypot(100, 100), 179.5), atol=1e-9)


@pytest.mark.parametrize(
    ("yaw_deg", "reach_m"),
    # 100 - s = ±0.2 s uphill (east) and downhill (west); along the contour the slope does not matter.
    [(90.0, 100 / 1.2), (270.0, 100 / 0.8), (0.0, 100.0), (180.0, 100.0)],
)
def test_by_hand_up_slope_and_down_slope(yaw_deg: float, reach_m: float) -> None:
    relief = shaped_relief(slope_east=0.2)
    pose = TruePose.looking(0, 0, 0, yaw_deg=yaw_deg, pitch_deg=-45.0)
    eye = np.array([0.0, 0.0, 684.0])
    boresight = LENS.rays(np.array([[319.5, 179.5]])) @ pose.enu_from_camera().T
    (hit,) = ground_along(boresight, eye, relief)
    yaw = math.radians(yaw_deg)
    np.testing.assert_allclose(hit[:2], (reach_m * math.sin(yaw), reach_m * math.cos(yaw)), atol=0.05)
    assert hit[2] == pytest.approx(584.0 + 0.2 * hit[0], abs=0.05)


@pytest.mark.parametrize("lens", [LENS, CURVED], ids=["pinhole", "distorted"])
@pytest.mark.parametrize("yaw_deg", [25.0, 115.0, 205.0, 295.0])
def test_a_fire_is_boxed_where_its_truth_projects(lens: VirtualLens, yaw_deg: float) -> None:
    world = replace(small_world(), look_alikes=())
    fire = world.fires[0]
    yaw = math.radians(yaw_deg)
    # Off to a side of the boresight, so that a mirrored or turned axis would show.
    east = fire.east_m - 75.0 * math.sin(yaw) + 14.0 * math.cos(yaw)
    north = fire.north_m - 75.0 * math.cos(yaw) - 14.0 * math.sin(yaw)
    pose = pose_near(world, east, north, 70.0, yaw_deg, -40.0)
    renderer = Renderer(world.with_fires([replace(fire, plume=None)]), lens)
    box = the(renderer.labels(pose), "fire", fire.id)

    base = np.array([fire.east_m, fire.north_m, fire.alt_amsl_m])
    expected = pixel_by_opencv(lens, np.array([east, north, pose.alt_amsl_m]), base, yaw_deg, -40.0)
    (seen,) = renderer.visible_fires(pose)
    np.testing.assert_allclose((seen.u, seen.v), expected, atol=0.05)
    # Across, the box is round the base; its foot is the near rim of the patch, below it in the picture.
    assert (box.x1 + box.x2) / 2 == pytest.approx(expected[0], abs=7.0)
    assert box.y1 < expected[1] < box.y2
    assert box.y2 - expected[1] < 0.8 * (expected[1] - box.y1)
    assert box.visible_fraction > 0.6


def test_boxes_hold_what_changed_in_the_picture() -> None:
    world = replace(small_world(), look_alikes=())
    fire = replace(world.fires[0], plume=SMOKE)
    pose = pose_near(world, fire.east_m, fire.north_m - 90.0, 75.0, 0.0, -42.0)
    burning, boxes = Renderer(world.with_fires([fire]), LENS).render_with_labels(pose)
    quiet = Renderer(world.with_fires([]), LENS).render(pose)
    changed = cv2.absdiff(burning, quiet).max(axis=2) > 60
    inside = np.zeros(changed.shape, bool)
    for box in boxes:
        assert 0 <= box.x1 < box.x2 <= LENS.width_px - 1
        assert 0 <= box.y1 < box.y2 <= LENS.height_px - 1
        inside[int(box.y1) : int(box.y2) + 1, int(box.x1) : int(box.x2) + 1] = True
    assert {box.label for box in boxes} == {"fire", "smoke"}
    assert changed.sum() > 200
    assert (changed & inside).sum() > 0.9 * changed.sum()


def test_a_ridge_hides_a_fire_until_the_camera_climbs() -> None:
    east, _ = post_positions()
    ridge = shaped_relief((584.0 + 45.0 * np.exp(-(((east - 100.0) / 20.0) ** 2))).astype(np.float32))
    world = on_relief(small_world(), ridge)
    fire = world.fire_at("hidden", 200.0, 0.0, radius_m=4.0, flame_height_m=4.0, seed=3, plume=None)
    renderer = Renderer(world.with_fires([fire]), LENS)
    low = pose_near(world, 0.0, 0.0, 15.0, 90.0, 0.0)
    high = pose_near(world, 0.0, 0.0, 150.0, 90.0, -36.0)
    assert renderer.labels(low) == []
    assert renderer.visible_fires(low) == []
    assert the(renderer.labels(high), "fire", "hidden").visible_fraction > 0.6
    assert [seen.fire_id for seen in renderer.visible_fires(high)] == ["hidden"]


@pytest.mark.parametrize(("wind_m_s", "to_the_right"), [((4.0, 0.0), True), ((-4.0, 0.0), False)])
def test_smoke_drifts_with_the_wind_and_rises(wind_m_s: tuple[float, float], to_the_right: bool) -> None:
    world = replace(small_world(), look_alikes=()).with_wind(*wind_m_s)
    fire = replace(world.fires[0], plume=SMOKE, flame_height_m=0.0)
    pose = pose_near(world, fire.east_m, fire.north_m - 150.0, 60.0, 0.0, -20.0)
    renderer = Renderer(world.with_fires([fire]), LENS)
    (seen,) = renderer.visible_fires(pose)
    box = the(renderer.labels(pose), "smoke", fire.id)
    assert ((box.x1 + box.x2) / 2 > seen.u + 15) is to_the_right
    assert box.y1 < seen.v - 25
    assert box.x1 - 12 <= seen.u <= box.x2 + 12


def test_the_picture_depends_on_pose_and_time_alone() -> None:
    world = small_world()
    fire = world.fires[1]
    pose = pose_near(world, fire.east_m - 60.0, fire.north_m, 60.0, 90.0, -45.0)
    first = Renderer(world, LENS).render_with_labels(pose)
    again = Renderer(world, LENS).render_with_labels(pose)
    later = Renderer(world, LENS).render(pose, pose.time_s + 0.4)
    np.testing.assert_array_equal(first[0], again[0])
    assert first[1] == again[1]
    assert (cv2.absdiff(first[0], later) > 60).sum() > 40  # flames have moved on


def test_look_alikes_are_drawn_but_never_boxed() -> None:
    world = small_world().with_fires([])
    bank = fog(np.random.default_rng(1), 0.0, 100.0)
    pose = pose_near(world, 0.0, 0.0, 60.0, 0.0, -30.0)
    plain = Renderer(replace(world, look_alikes=()), LENS).render(pose)
    foggy, boxes = Renderer(replace(world, look_alikes=(bank,)), LENS).render_with_labels(pose)
    assert boxes == []
    assert (cv2.absdiff(plain, foggy) > 20).mean() > 0.01


def test_sky_is_above_the_horizon_and_night_is_dark() -> None:
    world = replace(small_world(), fires=(), look_alikes=())
    pose = pose_near(world, 0.0, 0.0, 80.0, 45.0, -3.0)
    noon = Renderer(world, LENS).render(pose)
    night = Renderer(world.with_light("night"), LENS).render(pose)
    blue, _, red = noon[:40].reshape(-1, 3).mean(axis=0)
    assert blue > red + 25
    assert noon[-80:].std() > noon[:40].std()  # the ground has texture
    assert night.mean() < 0.4 * noon.mean()


def test_training_scenes_come_back_by_seed_and_hold_fires_and_quiet_ones() -> None:
    taken = [s.shoot() for s in scenes(FIRST_TRAINING_SEED, 14, per_stage=14, size_px=(320, 240))]
    again = [s.shoot() for s in scenes(FIRST_TRAINING_SEED, 3, per_stage=14, size_px=(320, 240))]
    for (image, boxes), (image_again, boxes_again) in zip(taken, again, strict=False):
        np.testing.assert_array_equal(image, image_again)
        assert boxes == boxes_again
    assert any(not boxes for _, boxes in taken)
    assert {box.label for _, boxes in taken for box in boxes} == {"fire", "smoke"}
    for image, boxes in taken:
        assert image.shape == (240, 320, 3)
        for box in boxes:
            assert 0 <= box.x1 < box.x2 <= 319
            assert 0 <= box.y1 < box.y2 <= 239
            assert 0.0 <= box.visible_fraction <= 1.0
