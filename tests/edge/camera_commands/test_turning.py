"""Turns from pictures of a rendered world, and the latency from pictures alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from edge.camera_commands.delay import estimate_latency
from edge.camera_commands.turning import LEAST_POINTS, Turn, TurnWatcher
from edge.geometry.optics import Camera, CameraProfileError
from tests.edge.camera_commands.hand import Hand, World, attitudes_of

WORLD = World()
CAMERA = Camera("rendered", WORLD.width_px, WORLD.height_px, WORLD.focal_px, WORLD.focal_px, 159.5, 119.5)
HZ = 15.0


def pictures(hand: Hand, seconds: float, *, noise: float = 2.0) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    rng = np.random.default_rng(11)
    taken_s = np.arange(0.0, seconds, 1 / HZ)
    for at_s, rotation in zip(taken_s, hand.camera_to_enu(taken_s), strict=True):
        yield float(at_s), WORLD.picture(rotation, noise=noise, rng=rng)


def seen(watcher: TurnWatcher, hand: Hand, seconds: float, latency_s: float = 0.0, **of: float) -> list[Turn]:
    turns = [watcher.see(picture, at_s + latency_s) for at_s, picture in pictures(hand, seconds, **of)]
    return [turn for turn in turns if turn is not None]


def test_a_turn_is_seen_to_a_fiftieth_of_a_degree() -> None:
    hand = Hand()
    turns = seen(TurnWatcher(CAMERA), hand, 2.0)
    assert len(turns) == 29
    for turn in turns:
        before, after = hand.camera_to_enu(np.array([turn.start_s, turn.end_s]))
        true = Rotation.from_matrix(before.T @ after).as_rotvec()
        assert np.degrees(turn.rotation) == pytest.approx(np.degrees(true), abs=0.02)


def test_the_latency_of_noisy_pictures_is_found_from_the_pictures() -> None:
    hand = Hand(seconds=8.0)
    turns = seen(TurnWatcher(CAMERA), hand, 8.0, latency_s=0.183, noise=25.0)
    found = estimate_latency(turns, attitudes_of(hand))
    assert found.latency_s == pytest.approx(0.183, abs=0.003)
    assert abs(found.latency_s - 0.183) < 4 * found.sigma_s


def test_somebody_who_walks_through_the_picture_does_not_turn_it() -> None:
    watcher, rng = TurnWatcher(CAMERA), np.random.default_rng(3)
    walker = rng.integers(0, 255, (150, 70, 3)).astype(np.uint8)
    turns = []
    for number, (at_s, picture) in enumerate(pictures(Hand(far_deg=0.0), 1.0)):
        picture[60:210, 20 + 5 * number : 90 + 5 * number] = walker
        turns.append(watcher.see(picture, at_s))
    found = [turn for turn in turns if turn is not None]
    assert len(found) > 10
    assert max(np.degrees(np.linalg.norm(turn.rotation)) for turn in found) < 0.1


def test_a_blank_wall_shows_no_turn() -> None:
    watcher = TurnWatcher(CAMERA)
    wall = np.full((WORLD.height_px, WORLD.width_px, 3), 128, np.uint8)
    assert [watcher.see(wall, at_s) for at_s in (0.0, 0.1, 0.2)] == [None] * 3


def test_nothing_is_told_over_a_gap_between_pictures_and_all_after_it() -> None:
    watcher = TurnWatcher(CAMERA)
    shots = [picture for _, picture in pictures(Hand(), 0.3)]
    assert watcher.see(shots[0], 0.0) is None
    assert watcher.see(shots[1], 2.0) is None
    assert watcher.see(shots[2], 2.0667) is not None


def test_large_pictures_are_followed_in_a_small_size_with_the_same_angles() -> None:
    large = World(1280, 960, 1000.0)
    camera = Camera("large", 1280, 960, 1000.0, 1000.0, 639.5, 479.5)
    watcher, rng = TurnWatcher(camera), np.random.default_rng(1)
    first, second = Hand().camera_to_enu(np.array([0.0, 0.05]))
    watcher.see(large.picture(first, rng=rng), 0.0)
    turn = watcher.see(large.picture(second, rng=rng), 0.05)
    assert turn is not None
    true = Rotation.from_matrix(first.T @ second).as_rotvec()
    assert np.degrees(turn.rotation) == pytest.approx(np.degrees(true), abs=0.03)


def test_pictures_of_another_format_are_refused() -> None:
    watcher = TurnWatcher(CAMERA)
    with pytest.raises(CameraProfileError, match="not the whole picture"):
        watcher.see(np.zeros((240, 240, 3), np.uint8), 0.0)
    watcher.see(np.zeros((240, 320, 3), np.uint8), 0.0)
    with pytest.raises(CameraProfileError, match="changed the size"):
        watcher.see(np.zeros((480, 640, 3), np.uint8), 0.1)


def test_few_points_are_not_enough() -> None:
    watcher = TurnWatcher(CAMERA)
    dots = np.full((WORLD.height_px, WORLD.width_px, 3), 40, np.uint8)
    for number in range(3):
        dots[60:70, 60 + 60 * number : 70 + 60 * number] = 220
    assert LEAST_POINTS > 3 * 4
    assert [watcher.see(dots, at_s) for at_s in (0.0, 0.1)] == [None, None]
