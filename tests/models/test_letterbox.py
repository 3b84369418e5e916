"""Boxes go into the network's input and come back where they were."""

from __future__ import annotations

import numpy as np
import pytest

from models.letterbox import GREY, Letterbox


@pytest.mark.parametrize(
    ("width", "height", "long_side", "expected"),
    [
        (1280, 720, 640, (640, 384)),
        (3840, 2160, 640, (640, 384)),
        (640, 480, 640, (640, 480)),
        (720, 1280, 640, (384, 640)),
        (300, 225, 384, (384, 288)),
        (5000, 3, 640, (640, 32)),
    ],
)
def test_the_input_is_the_picture_padded_to_whole_cells(
    width: int, height: int, long_side: int, expected: tuple[int, int]
) -> None:
    layout = Letterbox.fit(width, height, long_side=long_side)
    assert (layout.input_width, layout.input_height) == expected


def test_a_network_of_fixed_size_gets_that_size() -> None:
    layout = Letterbox.fit(1280, 720, long_side=640, fixed=(416, 416))
    assert (layout.input_width, layout.input_height) == (416, 416)
    assert (layout.inner_width, layout.inner_height) == (416, 234)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 426), (333, 777), (3840, 2160), (100, 80)])
def test_a_drawn_square_comes_back_where_it_was(width: int, height: int) -> None:
    """Draws a white block, finds it on the input by its pixels, and maps its edges back."""
    picture = np.zeros((height, width, 3), np.uint8)
    x1, y1, x2, y2 = width // 4, height // 4, width // 2, height // 2
    picture[y1:y2, x1:x2] = 255
    layout = Letterbox.fit(width, height, long_side=640)
    canvas = layout.canvas()
    layout.draw(picture, canvas)
    white = canvas[..., 0].astype(float) / 255
    rows, columns = (
        white[layout.top : layout.top + layout.inner_height, layout.left + layout.inner_width * 3 // 8],
        white[layout.top + layout.inner_height * 3 // 8, layout.left : layout.left + layout.inner_width],
    )
    half_rows, half_columns = np.flatnonzero(rows > 0.5), np.flatnonzero(columns > 0.5)
    edges = np.array(
        [
            [
                layout.left + half_columns[0],
                layout.top + half_rows[0],
                layout.left + half_columns[-1] + 1,
                layout.top + half_rows[-1] + 1,
            ]
        ],
        np.float32,
    )
    back = layout.to_picture(edges)[0]
    tolerance = max(width, height) / 640
    assert back == pytest.approx([x1 - 0.5, y1 - 0.5, x2 - 0.5, y2 - 0.5], abs=tolerance)


def test_boxes_never_leave_the_picture() -> None:
    layout = Letterbox.fit(1280, 720, long_side=640)
    assert layout.to_picture(np.array([[-9, -9, 900, 900]], np.float32)).tolist() == [[0, 0, 1279, 719]]


def test_a_used_canvas_keeps_its_grey_border() -> None:
    layout = Letterbox.fit(1280, 720, long_side=640)
    canvas = layout.canvas()
    for shade in (0, 255):
        layout.draw(np.full((720, 1280, 3), shade, np.uint8), canvas)
    assert (canvas[: layout.top] == GREY).all()
    assert (canvas[layout.top + layout.inner_height :] == GREY).all()
    assert (canvas[layout.top : layout.top + layout.inner_height] == 255).all()


def test_one_bright_pixel_of_a_large_frame_is_not_skipped() -> None:
    picture = np.zeros((2160, 3840, 3), np.uint8)
    picture[1000:1003, 2000:2003] = 255
    layout = Letterbox.fit(3840, 2160, long_side=640)
    canvas = layout.canvas()
    layout.draw(picture, canvas)
    inner = canvas[layout.top : layout.top + layout.inner_height]
    assert inner.max() > 30
