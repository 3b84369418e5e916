"""A lens from the corners of a chessboard: right, honest about itself, refused where it would be a guess."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.camera_commands.chessboard import Board, CalibrationError
from edge.camera_commands.fit import LEAST_VIEWS, Fit, View, fit_lens
from tests.edge.camera_commands.boards import BOARD, Stand, TrueLens, stands

NOISE_PX = 0.2
PINHOLE = TrueLens()
FISHEYE = TrueLens(fx_px=260.0, fy_px=258.0, k=(0.02, -0.01), fisheye=True)
LENSES = pytest.mark.parametrize("lens", [PINHOLE, FISHEYE], ids=["pinhole", "fisheye"])


def good_stands(lens: TrueLens) -> list[Stand]:
    return stands(6.0, 1.5) if lens.fisheye else stands(13.5)


def views(lens: TrueLens, boards: list[Stand], seed: int = 0) -> list[View]:
    rng = np.random.default_rng(seed)
    seen = [lens.pixels(board.corners()) for board in boards]
    return [
        View(f"{number}.jpg", corners + rng.normal(0.0, NOISE_PX, corners.shape))
        for number, corners in enumerate(seen)
    ]


def fitted(lens: TrueLens, boards: list[Stand], seed: int = 0) -> Fit:
    return fit_lens(views(lens, boards, seed), BOARD, lens.width_px, lens.height_px, fisheye=lens.fisheye)


@LENSES
def test_a_known_lens_is_found(lens: TrueLens) -> None:
    fit = fitted(lens, good_stands(lens))
    assert fit.fx_px == pytest.approx(lens.fx_px, rel=4 * fit.focal_sigma)
    assert fit.fy_px == pytest.approx(lens.fy_px, rel=4 * fit.focal_sigma)
    assert (fit.cx_px, fit.cy_px) == pytest.approx((lens.cx_px, lens.cy_px), abs=2.0)
    assert fit.distortion[0] == pytest.approx(lens.k[0], abs=0.02)
    assert fit.error_px == pytest.approx(NOISE_PX * np.sqrt(2), rel=0.1)
    assert len(fit.used) == 14
    assert fit.left_out == ()


@LENSES
def test_the_focal_length_s_sigma_is_what_it_scatters_by(lens: TrueLens) -> None:
    fits = [fitted(lens, good_stands(lens), seed) for seed in range(8)]
    scatter = np.std([fit.fx_px for fit in fits], ddof=1) / lens.fx_px
    told = np.mean([fit.focal_sigma for fit in fits])
    # Eight draws know a standard deviation to a quarter of itself.
    assert 0.45 < scatter / told < 1.7


def test_few_views_are_refused() -> None:
    with pytest.raises(CalibrationError, match="7 different views of the board are too few"):
        fitted(PINHOLE, good_stands(PINHOLE)[: LEAST_VIEWS - 1])


def test_the_same_view_again_and_again_does_not_count() -> None:
    board = good_stands(PINHOLE)[4]
    shaky = [replace(board, x=board.x + 0.01 * number) for number in range(12)]
    with pytest.raises(CalibrationError, match=r"1 different views .* too few; 11 more only repeat them"):
        fitted(PINHOLE, shaky)


def test_a_view_found_from_the_board_s_other_end_is_the_same_view() -> None:
    taken = views(PINHOLE, good_stands(PINHOLE))
    turned = View("again.jpg", taken[0].corners[::-1])
    fit = fit_lens([*taken, turned], BOARD, PINHOLE.width_px, PINHOLE.height_px)
    assert fit.left_out == (("again.jpg", "the same view as 0.jpg"),)


def test_boards_that_all_lie_the_same_way_are_refused() -> None:
    """They fit perfectly, with any focal length."""
    flat = [Stand(x, y, 13.5 + z, 5.0, 0.0) for z in (0, 4) for x in (-3.4, 3.4) for y in (-2.6, 2.6)]
    with pytest.raises(CalibrationError, match=r"the board lies the same way in all views, within [01]°"):
        fitted(PINHOLE, [*flat, Stand(0, 0, 10, 5.0, 0.0)])


def test_a_board_that_never_came_near_the_edges_is_refused() -> None:
    boards = [replace(board, x=0.1 * board.x, y=0.1 * board.y, z=22.0) for board in good_stands(PINHOLE)]
    with pytest.raises(CalibrationError, match=r"only seen in \d+% of the picture's width") as raised:
        fitted(PINHOLE, boards)
    assert "every corner" in raised.value.hint


def test_a_blurred_view_is_left_out_and_said_to_be() -> None:
    taken = views(PINHOLE, good_stands(PINHOLE))
    rng = np.random.default_rng(9)
    blurred = View(taken[6].name, taken[6].corners + rng.normal(0.0, 3.0, taken[6].corners.shape))
    fit = fit_lens([*taken[:6], blurred, *taken[7:]], BOARD, PINHOLE.width_px, PINHOLE.height_px)
    assert [name for name, _ in fit.left_out] == ["6.jpg"]
    assert "blurred, or a bent board" in fit.left_out[0][1]
    assert fit.fx_px == pytest.approx(PINHOLE.fx_px, rel=4 * fit.focal_sigma)


def test_a_bent_board_is_refused() -> None:
    def bent(corners: NDArray[np.float64]) -> NDArray[np.float64]:
        middle = corners.mean(axis=0)
        return np.asarray(corners + 6.0 * np.sin((corners - middle)[:, ::-1] / 25.0))

    taken = [View(view.name, bent(view.corners)) for view in views(PINHOLE, good_stands(PINHOLE))]
    with pytest.raises(CalibrationError, match="not of that kind, or the board is not flat"):
        fit_lens(taken, BOARD, PINHOLE.width_px, PINHOLE.height_px)


@pytest.mark.parametrize("text", ["9", "9x", "2x6", "9x6x3", "-9x6", ""])
def test_a_board_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(CalibrationError, match="is no chessboard") as raised:
        Board.parse(text)
    assert "10 x 7 squares is 9x6" in raised.value.hint


def test_a_board_is_read_across_and_down() -> None:
    assert Board.parse("9x6") == Board(9, 6)
