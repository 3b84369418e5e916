"""Photos with smoke put into them: boxed where it can be seen, nowhere else, and reproducible."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.make.composites import compose, with_fog, with_low_sun, with_smoke
from models.make.dataset import Box, DatasetError, Example, examples


def country() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A bright sky over a dark, rough ground."""
    picture = np.full((240, 320, 3), (220, 190, 150), np.uint8)
    picture[120:] = np.random.default_rng(4).integers(20, 90, (120, 320, 3))
    return picture


def test_smoke_is_where_its_boxes_are_and_nowhere_else() -> None:
    photo, seen = country(), 0
    for seed in range(12):
        image, boxes = with_smoke(photo, np.random.default_rng(seed))
        changed = np.abs(image.astype(int) - photo).max(axis=2)
        for x, y, width, height in boxes:
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
    photos = [Example(clear, ()), Example(burning, (Box(0, 0.5, 0.5, 0.1, 0.1),))]  # the second is never read
    for name in ("a", "b"):
        smoking = compose(tmp_path / name, photos, 6, seed=2)
    found = examples(tmp_path / "a", "train")
    assert len(found) == 6
    assert sum(bool(example.boxes) for example in found) == smoking > 0
    assert {box.label for example in found for box in example.boxes} == {1}
    for example in found:
        assert (tmp_path / "b" / "images" / "train" / example.picture.name).read_bytes() == (
            example.picture.read_bytes()
        )
    with pytest.raises(DatasetError, match="without fire or smoke"):
        compose(tmp_path / "c", photos[1:], 1)
