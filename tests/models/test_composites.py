"""Photos with smoke and flames put in: boxed where they can be seen, nowhere else, and reproducible."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.make.composites import compose, with_flames, with_fog, with_low_sun, with_smoke
from models.make.dataset import LABELS, Box, DatasetError, Example, examples
from models.make.flames import cut_out, flames
from models.make.plumes import skyline_rows


def country() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A bright sky over a dark, rough ground."""
    picture = np.full((240, 320, 3), (220, 190, 150), np.uint8)
    picture[120:] = np.random.default_rng(4).integers(20, 90, (120, 320, 3))
    return picture


def bonfire() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A flame, white inside and orange outside, in front of a dark wood."""
    picture = np.full((200, 200, 3), (30, 45, 35), np.uint8)
    cv2.ellipse(picture, (100, 100), (30, 50), 0, 0, 360, (20, 120, 250), -1)
    cv2.ellipse(picture, (100, 110), (14, 28), 0, 0, 360, (190, 245, 255), -1)
    return picture


def test_smoke_is_where_its_boxes_are_and_nowhere_else() -> None:
    photo, seen = country(), 0
    for seed in range(12):
        image, boxes = with_smoke(photo, np.random.default_rng(seed))
        changed = np.abs(image.astype(int) - photo).max(axis=2)
        for box in boxes:
            label, x, y, width, height = astuple(box)
            assert LABELS[label] == "smoke"
            assert x - width / 2 >= 0
            assert x + width / 2 <= 1
            assert y - height / 2 >= 0
            assert y + height / 2 <= 1
            inside = np.s_[
                round((y - height / 2) * 240) : round((y + height / 2) * 240),
                round((x - width / 2) * 320) : round((x + width / 2) * 320),
            ]
            assert (changed[inside] >= 12).mean() > 0.1
            changed[inside] = 0
            seen += 1
        assert (changed > 45).mean() < 0.001, "smoke outside its box"
        assert boxes or not changed.any(), "a trace of smoke without any box"
    assert seen >= 8


def test_smoke_that_nobody_could_tell_from_a_rough_background_is_not_drawn() -> None:
    noise = np.random.default_rng(8).integers(0, 256, (240, 320, 3))
    smooth = np.full((240, 320, 3), noise.mean(), np.uint8)
    boxes = [
        sum(
            len(with_smoke(np.asarray(photo, np.uint8), np.random.default_rng(seed))[1]) for seed in range(12)
        )
        for photo in (smooth, noise)
    ]
    assert boxes[1] < 0.5 * boxes[0]


def test_the_skyline_is_where_the_land_begins() -> None:
    rows = skyline_rows(country())
    assert rows is not None
    assert np.abs(rows - 120).max() <= 3
    assert skyline_rows(country()[:100]) is None, "nothing but sky"


def test_a_flame_is_cut_out_along_its_own_edge_and_never_where_it_goes_on() -> None:
    flame = cut_out(bonfire(), (70.0, 50.0, 130.0, 150.0))
    assert flame is not None
    across = flame.alpha[flame.alpha.shape[0] // 2]
    assert across[len(across) // 2] > 0.9, "its white heart belongs to it"
    assert across[0] < 0.05
    assert cut_out(bonfire(), (75.0, 60.0, 125.0, 110.0)) is None, "the box cuts through it"


def test_small_flames_are_boxed_where_they_light_the_picture(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "fire.png"), bonfire())
    burning = [Example(tmp_path / "fire.png", (Box(0, 0.5, 0.5, 0.3, 0.5),))]
    cut = flames(burning, 5, np.random.default_rng(0))
    assert len(cut) == 1
    photo, fires = country(), 0
    for seed in range(8):
        image, boxes = with_flames(photo, cut, np.random.default_rng(seed))
        for box in boxes:
            label, x, y, width, height = astuple(box)
            if LABELS[label] != "fire":
                continue
            fires += 1
            assert max(width * 320, height * 240) <= 66
            assert y > 0.4, "no flame in the sky"
            spot = image[
                round((y - height / 2) * 240) : round((y + height / 2) * 240),
                round((x - width / 2) * 320) : round((x + width / 2) * 320),
            ].astype(int)
            assert (spot[..., 2] - spot[..., 0] > 60).mean() > 0.2
    assert fires >= 6


def test_bare_sky_gets_no_smoke(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "sky.png"), country()[:100])
    assert compose(tmp_path / "out", [Example(tmp_path / "sky.png", ())], 12) == 0
    assert all(not example.boxes for example in examples(tmp_path / "out", "train"))


def test_fog_and_a_low_sun_change_the_picture_but_not_its_size() -> None:
    photo = country()
    for change in (with_fog, with_low_sun):
        image = change(photo, np.random.default_rng(1))
        assert image.shape == photo.shape
        assert image.dtype == np.uint8
        assert np.abs(image.astype(int) - photo).mean() > 3


def test_composites_are_reproducible_and_only_on_clear_photos(tmp_path: Path) -> None:
    clear, burning = tmp_path / "clear.png", tmp_path / "burning.png"
    cv2.imwrite(str(clear), country())
    cv2.imwrite(str(burning), bonfire())
    photos = [Example(clear, ()), Example(burning, (Box(0, 0.5, 0.5, 0.3, 0.5),))]
    for name in ("a", "b"):
        smoking = compose(tmp_path / name, photos, 12, seed=2)
    found = examples(tmp_path / "a", "train")
    assert len(found) == 12
    assert sum(bool(example.boxes) for example in found) == smoking > 0
    assert {box.label for example in found for box in example.boxes} == {0, 1}
    for example in found:
        assert (tmp_path / "b" / "images" / "train" / example.picture.name).read_bytes() == (
            example.picture.read_bytes()
        )
    with pytest.raises(DatasetError, match="without fire or smoke"):
        compose(tmp_path / "c", photos[1:], 1)
