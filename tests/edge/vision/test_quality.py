"""A frame that shows nothing is told from night, fog and sky, which are pictures like others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.vision.flaw import Flaw
from edge.vision.quality import QualityJudge
from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.render.render import Renderer
from hardware.virtual.world.world import World

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def world() -> World:
    return World.generate(3, "temperate", n_fires=0, look_alikes=0.0, texture_px=1024, ortho_m=500.0)


def shot(world: World, *, pitch_deg: float = -40.0) -> Picture:
    frame = world.frame
    height_m = float(world.ground_amsl_m(frame.lat_deg, frame.lon_deg)) + 80
    pose = TruePose.looking(frame.lat_deg, frame.lon_deg, height_m, yaw_deg=20, pitch_deg=pitch_deg)
    return Renderer(world, VirtualLens(640, 360)).render(pose)


def noisy(picture: NDArray[Any], sigma: float, seed: int = 1) -> Picture:
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def flaw_of(picture: Picture) -> Flaw:
    return QualityJudge().judge(picture).flaw


@pytest.mark.parametrize("light", ["noon", "overcast", "hazy", "dusk", "night"])
@pytest.mark.parametrize("pitch_deg", [-90.0, -40.0, -5.0])
def test_a_landscape_is_sound_in_every_light(world: World, light: str, pitch_deg: float) -> None:
    assert flaw_of(shot(world.with_light(light), pitch_deg=pitch_deg)) is Flaw.NONE


def test_a_covered_lens_is_black_whatever_its_sensors_noise() -> None:
    assert flaw_of(noisy(np.zeros((720, 1280, 3)), 4.0)) is Flaw.BLACK


def test_a_night_with_one_small_fire_is_not_black() -> None:
    picture = noisy(np.zeros((720, 1280, 3)), 4.0)
    cv2.circle(picture, (700, 400), 24, (40, 160, 255), -1)
    assert flaw_of(picture) is Flaw.NONE


def test_a_white_out_is_burnt_out_and_a_bright_sky_over_ground_is_not(world: World) -> None:
    picture = shot(world)
    white = picture.copy()
    white[:250] = 255
    assert flaw_of(white) is Flaw.BURNT_OUT
    half = picture.copy()
    half[:125] = 255
    assert flaw_of(half) is Flaw.NONE


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_a_defocused_landscape_is_blurred_though_its_sensor_has_noise(world: World, noise: float) -> None:
    soft = cv2.GaussianBlur(shot(world), (0, 0), 0.016 * 640)
    assert flaw_of(noisy(soft, noise)) is Flaw.BLURRED


def test_fog_and_clear_sky_are_not_called_blurred() -> None:
    """Nothing in them is sharp, and nothing could be."""
    rows = np.linspace(150, 215, 720)[:, None, None]
    sky = np.broadcast_to(rows * (1.0, 0.92, 0.85), (720, 1280, 3))
    assert flaw_of(noisy(sky, 2.0)) is Flaw.NONE


def test_the_size_of_the_frame_makes_no_difference(world: World) -> None:
    picture = shot(world)
    large = np.asarray(cv2.resize(picture, (2560, 1440), interpolation=cv2.INTER_LINEAR), np.uint8)
    assert flaw_of(large) is Flaw.NONE
    assert flaw_of(np.asarray(cv2.GaussianBlur(large, (0, 0), 0.016 * 2560), np.uint8)) is Flaw.BLURRED


def test_an_old_picture_is_unchanged_though_a_clock_runs_in_it(world: World) -> None:
    judge, picture = QualityJudge(), shot(world)
    shares = []
    for second in range(3):
        frame = picture.copy()
        cv2.putText(frame, f"12:30:0{second}", (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2)
        shares.append(judge.judge(frame).unchanged)
    assert shares[0] == 0.0  # nothing was before it
    assert min(shares[1:]) > 0.95


def test_a_still_scene_through_a_real_sensor_is_not_unchanged(world: World) -> None:
    judge, picture = QualityJudge(), shot(world)
    shares = [judge.judge(noisy(picture, 1.5, seed)).unchanged for seed in range(3)]
    assert max(shares) < 0.2


def test_a_dark_night_that_is_clipped_to_black_is_not_taken_for_an_old_picture() -> None:
    judge = QualityJudge()
    assert [judge.judge(np.zeros((720, 1280, 3), np.uint8)).unchanged for _ in range(2)] == [0.0, 0.0]


def test_a_clear_sky_through_a_video_coder_is_not_taken_for_an_old_picture(tmp_path: Path) -> None:
    """It looks the same wherever the drone is, and the coder leaves its noise out; so does the text in it."""
    rows = np.linspace(150, 215, 720)[:, None, None]
    sky = np.broadcast_to(rows * (1.0, 0.92, 0.85), (720, 1280, 3))
    writer = cv2.VideoWriter(str(tmp_path / "sky.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 15, (1280, 720))
    for seed in range(6):
        frame = noisy(sky, 1.2, seed)
        cv2.putText(frame, "ALT 100 m -35.1234 149.3211", (40, 60), 0, 1.5, (255, 255, 255), 3)
        writer.write(frame)
    writer.release()
    video, judge, shares = cv2.VideoCapture(str(tmp_path / "sky.mp4")), QualityJudge(), []
    while (taken := video.read())[0]:
        shares.append(judge.judge(np.asarray(taken[1], np.uint8)).unchanged)
    assert shares == [0.0] * 6


def test_what_comes_before_a_part_of_the_lens_in_daylight_is_told_and_a_letterbox_or_a_night_is_not(
    world: World,
) -> None:
    day = shot(world.with_light("noon"))
    letterboxed = day.copy()
    letterboxed[:90] = 0
    strapped = letterboxed.copy()
    strapped[:, :160] = 4
    judge = QualityJudge()
    assert judge.judge(letterboxed).covered == 0.0
    assert judge.judge(letterboxed).covered == 0.0
    assert judge.judge(strapped).covered == pytest.approx(0.19, abs=0.03)
    assert judge.judge(letterboxed).covered == 0.0
    assert judge.judge(shot(world.with_light("night"))).covered == 0.0
