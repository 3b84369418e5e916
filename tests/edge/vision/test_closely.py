"""The whole frame always, then as many tiles as there is time for, the newest plan's first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.vision.closely import Looker, Pace
from edge.vision.plan import KEEP_S, MOST_TILES, Plans, plan_line
from edge.vision.tile import Tile
from models.detection import Detection

FRAME = np.zeros((600, 1000, 3), np.uint8)
TILES = [Tile(100 * i, 50 * i, 448, 252) for i in range(4)]


class Clock:
    def __init__(self) -> None:
        self.now_s = 10.0

    def __call__(self) -> float:
        return self.now_s


class SlowEye:
    """Takes its time for each look, and finds one fire in the middle of whatever it is shown."""

    def __init__(self, clock: Clock, look_s: float) -> None:
        self.clock = clock
        self.look_s = look_s
        self.shapes: list[tuple[int, ...]] = []

    def detect(self, image_bgr: NDArray[np.uint8], *, min_score: float | None = None) -> Sequence[Detection]:
        self.clock.now_s += self.look_s
        self.shapes.append(image_bgr.shape[:2])
        height, width = image_bgr.shape[:2]
        middle = (width / 2 - 10, height / 2 - 10, width / 2 + 10, height / 2 + 10)
        return [Detection("fire", 0.9, *middle), Detection("kite", 0.9, *middle)]


class Scene:
    def __init__(self, *, period_s: float, budget_s: float | None, look_s: float = 0.1) -> None:
        self.clock = Clock()
        self.eye = SlowEye(self.clock, look_s)
        self.plans = Plans(period_s, self.clock)
        self.looker = Looker(self.eye, 0.3, Pace(period_s, budget_s), self.plans, self.clock)

    def tiles_of(self, frames: int) -> list[int]:
        counts = []
        for _ in range(frames):
            self.plans.hear(plan_line(TILES))
            counts.append(len(self.looker.look(FRAME).tiles))
        return counts


def test_the_whole_frame_comes_first_and_tiles_follow_in_order() -> None:
    scene = Scene(period_s=1.0, budget_s=0.25)
    scene.plans.hear(plan_line(TILES))
    looked = scene.looker.look(FRAME)
    assert scene.eye.shapes == [(600, 1000), (252, 448), (252, 448)]
    assert looked.tiles == (TILES[0], TILES[1])
    assert looked.whole_s == pytest.approx(0.1)
    assert looked.tiles_s == pytest.approx(0.2)


def test_what_is_found_in_a_tile_lies_in_the_frame_and_other_classes_are_left_out() -> None:
    scene = Scene(period_s=1.0, budget_s=0.15)
    scene.plans.hear(plan_line([TILES[2]]))
    whole, tile = sorted(scene.looker.look(FRAME).found, key=lambda found: -found.x1)
    assert (whole.x1, whole.y1, whole.magnification) == (490.0, 290.0, 1.0)
    assert (tile.x1, tile.y1) == (200 + 448 / 2 - 10, 100 + 252 / 2 - 10)
    assert {whole.label, tile.label} == {"fire"}


def test_without_a_plan_it_looks_at_the_whole_frame_alone() -> None:
    scene = Scene(period_s=1.0, budget_s=0.5)
    looked = scene.looker.look(FRAME)
    assert (looked.tiles, scene.eye.shapes) == ((), [(600, 1000)])


def test_left_to_itself_it_uses_what_the_whole_frame_leaves_of_the_period() -> None:
    assert Scene(period_s=0.7, budget_s=None).tiles_of(3) == [3, 3, 3]  # 0.42 s less 0.1 s


def test_a_machine_that_is_too_slow_for_its_frames_looks_at_no_tiles() -> None:
    assert Scene(period_s=0.1, budget_s=None).tiles_of(4) == [0, 0, 0, 0]


def test_a_budget_of_nothing_means_no_tiles() -> None:
    assert Scene(period_s=1.0, budget_s=0.0).tiles_of(3) == [0, 0, 0]


def test_time_too_short_for_a_tile_is_saved_up_for_the_next_frame() -> None:
    assert Scene(period_s=1.0, budget_s=0.06).tiles_of(4) == [0, 1, 0, 1]


def test_one_hiccup_does_not_rule_tiles_out_for_good() -> None:
    pace = Pace(1.0, 0.25)
    pace.begin(0.1)
    pace.took(30.0)
    for _ in range(3):
        pace.begin(0.1)
    assert pace.allows()


def test_what_one_frame_had_no_time_for_is_left_to_the_next_one() -> None:
    scene = Scene(period_s=1.0, budget_s=0.2)
    scene.plans.hear(plan_line(TILES))
    assert scene.looker.look(FRAME).tiles == (TILES[0], TILES[1])
    assert scene.looker.look(FRAME).tiles == (TILES[2], TILES[3])
    assert scene.looker.look(FRAME).tiles == ()


def test_the_newest_plan_wins_and_an_old_one_is_forgotten() -> None:
    clock = Clock()
    plans = Plans(now=clock)
    plans.hear(plan_line(TILES[:2]))
    plans.hear(plan_line(TILES[2:]))
    assert plans.next(1000, 600) == TILES[2]
    clock.now_s += KEEP_S + 0.1
    assert plans.next(1000, 600) is None


def test_with_a_frame_every_two_seconds_the_plan_made_on_one_is_there_for_the_next() -> None:
    scene = Scene(period_s=2.0, budget_s=None)
    scene.plans.hear(plan_line(TILES))
    scene.clock.now_s += 1.8
    assert scene.looker.look(FRAME).tiles == tuple(TILES)


def test_a_tile_that_is_no_part_of_the_frame_is_passed_over() -> None:
    plans = Plans(now=Clock())
    plans.hear(plan_line([Tile(900, 0, 448, 252), Tile(-1, 0, 9, 9), TILES[1]]))
    assert plans.next(1000, 600) == TILES[1]


def test_a_plan_is_bounded() -> None:
    plans = Plans(now=Clock())
    plans.hear('{"tiles": ' + str([[i, 0, 9, 9] for i in range(999)]) + "}\n")
    assert len([1 for _ in iter(lambda: plans.next(1000, 600), None)]) == MOST_TILES


@pytest.mark.parametrize("line", ["", "no", "[]", "{}", '{"tiles": [[1]]}', '{"tiles": [[1, 2, "x", 4]]}'])
def test_a_line_that_is_no_plan_is_refused_and_the_old_plan_stays(line: str) -> None:
    plans = Plans(now=Clock())
    plans.hear(plan_line(TILES))
    with pytest.raises(ValueError):  # noqa: PT011 - json has its own words for each
        plans.hear(line)
    assert plans.next(1000, 600) == TILES[0]
