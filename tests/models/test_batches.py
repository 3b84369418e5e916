"""Batches made on the training device: boxes stay on what they label; a run of them can be resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.make.build import build
from models.make.dataset import Box, DatasetError, Example
from models.make.train import TrainProgress, TrainSettings, train

torch = pytest.importorskip("torch", reason="the training tools are not installed (make train)")
batches = pytest.importorskip("models.make.batches")

PLAIN = batches.Changes(degrees=0.0, hue=0.0, saturation=0.0, brightness=0.0, blur=0.0, noise=0.0)
"""Pictures are put together, scaled, moved and mirrored only."""


@pytest.fixture
def pictures(tmp_path: Path) -> list[Example]:
    """Dark pictures of several shapes, each with one bright box away from its middle."""
    found = []
    for index, (width, height) in enumerate([(320, 180), (180, 320), (90, 60), (256, 256), (500, 300)]):
        image = np.full((height, width, 3), 20, np.uint8)
        box = Box(index % 2, 0.3, 0.6, 0.4, 0.3)
        x1, y1, x2, y2 = (round(side) for side in box.corners(width, height))
        image[y1:y2, x1:x2] = 250
        cv2.imwrite(str(tmp_path / f"{index}.png"), image)
        found.append(Example(tmp_path / f"{index}.png", (box,)))
    return found


def album(pictures: list[Example], side_px: int = 128) -> Any:
    return batches.Album(pictures, side_px, torch.device("cpu"))


@pytest.mark.parametrize(("mosaic", "side_px"), [(0.0, 128), (1.0, 128), (1.0, 96), (0.0, 160)])
def test_boxes_lie_on_what_they_label(pictures: list[Example], mosaic: float, side_px: int) -> None:
    changes = batches.Changes(**{name: getattr(PLAIN, name) for name in PLAIN.__slots__} | {"mosaic": mosaic})
    supply = batches.Batches(album(pictures), 16, changes, 3, sides_px=[side_px])
    bright_all = bright_boxed = boxes = 0
    for _ in range(4):
        for batch in supply:
            bright = batch["img"].mean(dim=1) > 182
            boxed = torch.zeros_like(bright)
            for row, shares in zip(batch["batch_idx"].long(), batch["bboxes"] * side_px, strict=True):
                x, y, width, height = shares.tolist()
                left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
                assert min(left, top) >= -1e-3
                assert max(right, bottom) <= side_px + 1e-3
                well_inside = np.s_[row, int(top) + 2 : int(bottom) - 1, int(left) + 2 : int(right) - 1]
                if bright[well_inside].numel():
                    assert bright[well_inside].float().mean() > 0.9, "a box beside what it labels"
                boxed[row, int(top) : int(bottom) + 1, int(left) : int(right) + 1] = True
                boxes += 1
            bright_all += int(bright.sum())
            bright_boxed += int((bright & boxed).sum())
    assert boxes > 40
    assert bright_boxed > 0.95 * bright_all, "something bright without a box"


def test_classes_stay_with_their_boxes(pictures: list[Example]) -> None:
    only_smoke = [example for example in pictures if example.boxes[0].label == 1]
    for batch in batches.Batches(album(only_smoke), 8, batches.Changes(), 1):
        assert set(batch["cls"].flatten().tolist()) == {1.0}
        assert len(batch["cls"]) == len(batch["bboxes"]) == len(batch["batch_idx"])


def test_equal_seeds_give_equal_batches(pictures: list[Example]) -> None:
    shelf = album(pictures)
    first, same, other = (
        next(iter(batches.Batches(shelf, 8, batches.Changes(mosaic=0.5), seed))) for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["img"], other["img"])


def test_batches_come_in_every_side_that_is_asked_for(pictures: list[Example]) -> None:
    supply = batches.Batches(album(pictures), 4, PLAIN, 1, sides_px=[96, 128, 160])
    sides = {next(iter(supply))["img"].shape[-2:] for _ in range(40)}
    assert sides == {(96, 96), (128, 128), (160, 160)}


def test_rendered_and_composed_pictures_have_the_share_that_is_asked_for(pictures: list[Example]) -> None:
    made = pictures[0].picture.with_name("composite_1_00000.png")
    made.write_bytes(pictures[0].picture.read_bytes())
    shelf = album([*pictures, Example(made, (Box(1, 0.3, 0.6, 0.4, 0.3),))])
    odds = shelf.odds(0.4)
    assert odds.tolist() == pytest.approx([0.12] * len(pictures) + [0.4])
    smoke_alone = [
        Example(made, (Box(1, 0.3, 0.6, 0.4, 0.3),)),
        *(e for e in pictures if not e.boxes[0].label),
    ]
    photos = batches.Batches(album(smoke_alone), 32, PLAIN, 1, made_share=0.0)
    assert set(next(iter(photos))["cls"].flatten().tolist()) == {0.0}, "only what is in the photos"
    with pytest.raises(DatasetError, match="made_share"):
        album(pictures).odds(0.4)


def test_after_mosaics_have_ended_no_picture_is_made_of_more_than_one(pictures: list[Example]) -> None:
    supply = batches.Batches(album(pictures), 16, batches.Changes(), 5)
    assert torch.bincount(next(iter(supply))["batch_idx"].long()).max() > 1
    supply.close_mosaic()
    assert torch.bincount(next(iter(supply))["batch_idx"].long()).max() == 1


def test_pictures_that_do_not_fit_into_memory_are_refused(
    pictures: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: 1000)
    with pytest.raises(DatasetError, match="memory") as refusal:
        album(pictures, 1280)
    assert "--on-device" in refusal.value.hint


def test_a_picture_that_cannot_be_read_is_named(pictures: list[Example]) -> None:
    pictures[1].picture.write_text("no picture")
    with pytest.raises(DatasetError, match=r"1\.png"):
        album(pictures)


@pytest.mark.parametrize("on_device", [True, False])
def test_an_interrupted_run_is_resumed_and_ends(
    tmp_path: Path, pictures: list[Example], monkeypatch: pytest.MonkeyPatch, on_device: bool
) -> None:
    pytest.importorskip("ultralytics", reason="the training tools are not installed (make train)")
    for name in ("YOLO_CONFIG_DIR", "YOLO_OFFLINE", "YOLO_VERBOSE", "ORT_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, str(tmp_path / "ultralytics") if name == "YOLO_CONFIG_DIR" else "true")
    for split in ("train", "val"):
        (tmp_path / "photos" / split / "images").mkdir(parents=True)
        (tmp_path / "photos" / split / "labels").mkdir()
        for example in pictures:
            name = f"{split}_{example.picture.stem}"
            picture = tmp_path / "photos" / split / "images" / f"{name}.png"
            # Other bytes for each split: the same picture on both sides would be refused.
            picture.write_bytes(example.picture.read_bytes() + split.encode())
            (picture.parents[1] / "labels" / f"{name}.txt").write_text("1 0.3 0.6 0.4 0.3\n")
    data = build(tmp_path / "dataset", photos=tmp_path / "photos").data_yaml
    run, settings = tmp_path / "run", TrainSettings(input_px=64, epochs=3, batch=4, on_device=on_device)

    def interrupt(step: TrainProgress) -> None:
        if step.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, run, settings, start=None, on_progress=interrupt)
    interrupted = json.loads((run / "run.json").read_text())
    assert interrupted["minutes_saved"] > 0
    assert "minutes" not in interrupted

    epochs: list[int] = []
    last = train(
        data,
        run,
        TrainSettings(),
        start=None,
        resume=True,
        on_progress=lambda step: epochs.append(step.epoch),
    )
    ended = json.loads((run / "run.json").read_text())
    assert sorted(set(epochs)) == [2, 3], "goes on after the last epoch that was saved"
    assert ended["settings"]["on_device"] is on_device, "under its own settings"
    assert "minutes" in ended
    assert last.is_file()
