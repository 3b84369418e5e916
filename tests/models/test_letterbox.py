"""Boxes go into the network's input and come back where they were."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.letterbox import GREY, Canvas, Letterbox


def drawn(layout: Letterbox, picture: np.ndarray) -> np.ndarray:
    canvas = Canvas(layout)
    canvas.draw(picture)
    return canvas.pixels


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
    canvas = drawn(layout, picture)
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
    used = Canvas(layout)
    for shade in (0, 255):
        used.draw(np.full((720, 1280, 3), shade, np.uint8))
    canvas = used.pixels
    assert (canvas[: layout.top] == GREY).all()
    assert (canvas[layout.top + layout.inner_height :] == GREY).all()
    assert (canvas[layout.top : layout.top + layout.inner_height] == 255).all()


@pytest.mark.parametrize("long_side", [448, 640, 1280])
def test_no_three_bright_pixels_of_a_large_frame_are_skipped(long_side: int) -> None:
    """Wherever they lie: 289 places, no two alike to the grid that the frame is sampled by."""
    layout = Letterbox.fit(3840, 2160, long_side=long_side)
    picture = np.zeros((2160, 3840, 3), np.uint8)
    places = [(100 + 115 * row, 150 + 211 * column) for row in range(17) for column in range(17)]
    for y, x in places:
        picture[y : y + 3, x : x + 3] = 255
    canvas = drawn(layout, picture)
    scale = layout.inner_width / 3840
    for y, x in places:
        across, down = layout.left + (x + 1) * scale, layout.top + (y + 1) * scale
        near = canvas[int(down) - 2 : int(down) + 3, int(across) - 2 : int(across) + 3]
        assert near.max() >= 4, f"nothing is left of the pixels at {x}, {y}"


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1918, 1079), (3840, 2160), (7680, 4320)])
def test_large_pictures_shrink_to_what_averaging_makes_of_them(width: int, height: int) -> None:
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 255, (30, 50, 3), np.uint8)
    picture = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    layout = Letterbox.fit(width, height, long_side=448)
    canvas = drawn(layout, picture)
    inner = canvas[layout.top : layout.top + layout.inner_height]
    averaged = cv2.resize(picture, (layout.inner_width, layout.inner_height), interpolation=cv2.INTER_AREA)
    assert np.abs(inner.astype(int) - averaged.astype(int)).mean() < 2


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1918, 1079), (3840, 2160), (7680, 4320)])
def test_small_bright_things_stay_as_sharp_as_averaging_leaves_them(width: int, height: int) -> None:
    rng = np.random.default_rng(5)
    picture = np.full((height, width, 3), 60, np.uint8)
    side = width // 160
    for _ in range(200):
        y, x = rng.integers(0, height - side), rng.integers(0, width - side)
        picture[y : y + side, x : x + side] = rng.integers(0, 256, 3)
    layout = Letterbox.fit(width, height, long_side=448)
    inner = drawn(layout, picture)[layout.top : layout.top + layout.inner_height].astype(float)
    averaged = cv2.resize(picture, (layout.inner_width, layout.inner_height), interpolation=cv2.INTER_AREA)
    assert np.sqrt(((inner - averaged) ** 2).mean()) < 1.3


def test_a_stretched_picture_fills_the_input_and_boxes_come_back() -> None:
    layout = Letterbox.fit(1280, 720, long_side=640, stretched=True)
    assert (layout.input_width, layout.input_height) == (640, 640)
    canvas = drawn(layout, np.full((720, 1280, 3), 7, np.uint8))
    assert (canvas == 7).all()
    whole = layout.to_picture(np.array([[160, 160, 480, 320]], np.float32))
    assert whole[0] == pytest.approx([319.5, 179.5, 959.5, 359.5])


def test_a_frame_is_drawn_into_the_same_array_time_after_time() -> None:
    canvas = Canvas(Letterbox.fit(1280, 720, long_side=448))
    before = canvas.pixels
    canvas.draw(np.full((720, 1280, 3), 200, np.uint8))
    assert canvas.pixels is before
    assert before[128, 224].tolist() == [200, 200, 200]
