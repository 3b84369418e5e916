"""What a tile's edge cuts is put together again, and what two looks show is told once."""

from __future__ import annotations

import itertools

import pytest

from edge.vision.merge import Found, merged
from edge.vision.tile import Tile, grid
from models.detection import Detection

SIZE = (1000, 600)
LEFT, RIGHT = Tile(0, 0, 448, 252), Tile(394, 0, 448, 252)
LEFT_BELOW, RIGHT_BELOW = Tile(0, 222, 448, 252), Tile(394, 222, 448, 252)


def shown_in(tile: Tile, box: Detection) -> list[Detection]:
    """What a perfect detector says of a thing that a tile shows a part of, in pixels of the tile."""
    x1, y1 = max(box.x1 - tile.x, 0.0), max(box.y1 - tile.y, 0.0)
    x2, y2 = min(box.x2 - tile.x, tile.width - 1.0), min(box.y2 - tile.y, tile.height - 1.0)
    return [Detection(box.label, box.score, x1, y1, x2, y2)] if x2 > x1 and y2 > y1 else []


def looked_at(*tiles: Tile, box: Detection) -> list[Found]:
    return merged([], [(tile, shown_in(tile, box)) for tile in tiles], SIZE)


def corners(found: Detection) -> tuple[float, float, float, float]:
    return found.x1, found.y1, found.x2, found.y2


def test_a_box_inside_one_tile_lies_where_the_frame_has_it() -> None:
    box = Detection("fire", 0.8, 600.0, 50.0, 640.0, 90.0)
    [found] = looked_at(LEFT, RIGHT, box=box)
    assert corners(found) == corners(box)
    assert (found.cut_below, found.cut_aside) == (False, False)
    assert found.magnification == pytest.approx(1000 / 448)


def test_a_thing_that_lies_across_two_tiles_becomes_one_box() -> None:
    box = Detection("smoke", 0.6, 300.0, 100.0, 700.0, 180.0)
    [found] = looked_at(LEFT, RIGHT, box=box)
    assert corners(found) == corners(box)
    assert not found.cut_aside


def test_a_thing_where_four_tiles_meet_becomes_one_box() -> None:
    box = Detection("fire", 0.7, 350.0, 180.0, 500.0, 300.0)
    [found] = looked_at(LEFT, RIGHT, LEFT_BELOW, RIGHT_BELOW, box=box)
    assert corners(found) == corners(box)
    assert (found.cut_below, found.cut_aside) == (False, False)


@pytest.mark.parametrize("order", [(0, 3, 1, 2), (3, 1, 0, 2), (2, 1, 3, 0)])
def test_the_order_of_the_tiles_does_not_matter(order: tuple[int, ...]) -> None:
    tiles = (LEFT, RIGHT, LEFT_BELOW, RIGHT_BELOW)
    box = Detection("fire", 0.7, 350.0, 180.0, 500.0, 300.0)
    [found] = looked_at(*(tiles[i] for i in order), box=box)
    assert corners(found) == corners(box)


def test_two_fires_beside_an_edge_stay_two() -> None:
    upper, lower = (
        Detection("fire", 0.8, 380.0, 20.0, 447.0, 60.0),
        Detection("fire", 0.8, 394.0, 130.0, 470.0, 170.0),
    )
    tiled = [(LEFT, shown_in(LEFT, upper)), (RIGHT, shown_in(RIGHT, lower))]
    assert len(merged([], tiled, SIZE)) == 2


def test_fire_and_its_smoke_are_never_made_one() -> None:
    fire, smoke = (Detection(label, 0.8, 300.0, 100.0, 700.0, 180.0) for label in ("fire", "smoke"))
    tiled = [(LEFT, shown_in(LEFT, fire)), (RIGHT, shown_in(RIGHT, smoke))]
    assert {found.label for found in merged([], tiled, SIZE)} == {"fire", "smoke"}


def test_what_goes_on_beyond_the_only_tile_that_was_looked_at_says_so() -> None:
    box = Detection("smoke", 0.6, 400.0, 100.0, 600.0, 300.0)
    [found] = looked_at(LEFT, box=box)
    assert (found.cut_below, found.cut_aside) == (True, True)
    [joined] = looked_at(LEFT, RIGHT, box=box)
    assert (joined.cut_below, joined.cut_aside) == (True, False)


def test_the_frames_own_edge_leaves_nothing_to_be_joined() -> None:
    box = Detection("fire", 0.6, 0.0, 100.0, 40.0, 140.0)
    [found] = looked_at(LEFT, box=box)
    assert not found.cut_aside


def test_of_a_whole_frames_and_a_tiles_box_the_better_is_kept_and_counts_as_seen_in_the_frame() -> None:
    coarse = Detection("fire", 0.4, 596.0, 46.0, 644.0, 94.0)
    fine = Detection("fire", 0.8, 600.0, 50.0, 640.0, 90.0)
    [found] = merged([coarse], [(RIGHT, shown_in(RIGHT, fine))], SIZE)
    assert corners(found) == corners(fine)
    assert (found.score, found.magnification) == (0.8, 1.0)


def test_a_whole_box_is_better_than_a_surer_piece_of_it() -> None:
    whole = Detection("smoke", 0.4, 300.0, 100.0, 700.0, 180.0)
    piece = Detection("smoke", 0.9, 300.0, 100.0, 700.0, 180.0)
    [found] = merged([whole], [(LEFT, shown_in(LEFT, piece))], SIZE)
    assert corners(found) == corners(whole)


def test_a_small_sure_fire_inside_a_doubtful_large_one_is_not_lost() -> None:
    large = Detection("fire", 0.3, 500.0, 20.0, 800.0, 220.0)
    small = Detection("fire", 0.9, 600.0, 50.0, 640.0, 90.0)
    assert len(merged([large], [(RIGHT, shown_in(RIGHT, small))], SIZE)) == 2


def test_without_tiles_everything_stays_as_it_was_found() -> None:
    boxes = [Detection("fire", 0.5, 1.0, 2.0, 30.0, 40.0), Detection("smoke", 0.7, 5.0, 5.0, 300.0, 200.0)]
    found = merged(boxes, [], SIZE)
    assert [(f.label, f.score, *corners(f), f.magnification) for f in found] == [
        (b.label, b.score, *corners(b), 1.0) for b in reversed(boxes)
    ]


@pytest.mark.parametrize("size_px", [(1000, 600), (448, 300), (3840, 2160), (449, 900)])
def test_a_grid_covers_every_pixel_with_tiles_inside_the_picture(size_px: tuple[int, int]) -> None:
    tiles = list(grid(*size_px, 448))
    assert all(tile.fits(*size_px) for tile in tiles)
    for axis, side in ((0, size_px[0]), (1, size_px[1])):
        spans = sorted(
            {(tile.x, tile.x + tile.width) if axis == 0 else (tile.y, tile.y + tile.height) for tile in tiles}
        )
        assert (spans[0][0], spans[-1][1]) == (0, side)
        assert all(second[0] < first[1] for first, second in itertools.pairwise(spans))
