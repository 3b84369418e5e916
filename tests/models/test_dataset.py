"""A training folder is complete, checked, and keeps its splits apart."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.make.build import build, check
from models.make.dataset import Box, DatasetError, Example, examples, parse_labels, read_sha256, without


def photo(folder: Path, split: str, name: str, labels: str | None, *, shade: int = 0) -> None:
    images, texts = folder / split / "images", folder / split / "labels"
    images.mkdir(parents=True, exist_ok=True)
    texts.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(images / f"{name}.png"), np.full((8, 12, 3), shade, np.uint8))
    if labels is not None:
        (texts / f"{name}.txt").write_text(labels)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    photo(folder, "train", "burning", "0 0.5 0.5 0.2 0.4\n1 0.5 0.25 1 0.5\n")
    photo(folder, "train", "clear", None)
    photo(folder, "val", "judged", "1 0.5 0.5 0.1 0.1\n", shade=9)
    (folder / "sources.csv").write_text(
        "split,name,source,repo,path,licence,fire_boxes,smoke_boxes,width,height\n"
        "train,burning,us,ours,a.png,CC0 1.0,1,1,12,8\n"
        "train,clear,us,ours,b.png,CC0 1.0,0,0,12,8\n"
        "val,judged,us,ours,c.png,CC0 1.0,0,1,12,8\n"
    )
    return folder


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    folder = tmp_path / "scenes"
    for split, name in (("train", "scene_1"), ("rendered-val", "scene_2")):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        cv2.imwrite(str(folder / "images" / split / f"{name}.jpg"), np.zeros((8, 12, 3), np.uint8))
        (folder / "labels" / split / f"{name}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    return folder


def test_photos_and_scenes_become_one_folder(tmp_path: Path, photos: Path, scenes: Path) -> None:
    out = tmp_path / "dataset"
    report = build(out, photos=photos, rendered=scenes)
    assert report.pictures == {"train": 3, "val": 1}, "scenes kept for judging stay out"
    assert report.boxes["train"] == {"fire": 2, "smoke": 1}
    assert [e.picture.name for e in examples(out, "train")] == ["burning.png", "clear.png", "scene_1.jpg"]
    assert examples(out, "train")[1].boxes == ()
    assert examples(out, "val")[0].boxes == (Box(1, 0.5, 0.5, 0.1, 0.1),)
    assert "0: fire" in report.data_yaml.read_text()
    told = json.loads((out / "dataset.json").read_text())
    assert told["licences"]["us"] == {"licence": "CC0 1.0", "repo": "ours", "train": 2, "val": 1}
    assert read_sha256(out) == report.sha256
    assert [sheet.name for sheet in report.sheets] == ["train.png", "val.png"]
    assert all(sheet.is_file() for sheet in report.sheets)


def test_the_checksum_follows_pictures_and_labels(tmp_path: Path, photos: Path) -> None:
    first = build(tmp_path / "a", photos=photos).sha256
    assert build(tmp_path / "b", photos=photos).sha256 == first
    photo(photos, "train", "clear", "0 0.5 0.5 0.1 0.1\n")
    relabelled = build(tmp_path / "c", photos=photos).sha256
    photo(photos, "train", "clear", "0 0.5 0.5 0.1 0.1\n", shade=200)
    repainted = build(tmp_path / "d", photos=photos).sha256
    assert len({first, relabelled, repainted}) == 3


def test_building_again_leaves_nothing_of_before(tmp_path: Path, photos: Path, scenes: Path) -> None:
    out = tmp_path / "dataset"
    build(out, photos=photos, rendered=scenes)
    build(out, photos=photos)
    assert len(examples(out, "train")) == 2


def test_originals_are_left_alone(tmp_path: Path, photos: Path) -> None:
    before = sorted(p.relative_to(photos) for p in photos.rglob("*"))
    build(tmp_path / "dataset", photos=photos)
    build(tmp_path / "dataset", photos=photos)
    assert sorted(p.relative_to(photos) for p in photos.rglob("*")) == before


def test_a_foreign_folder_is_not_overwritten(tmp_path: Path, photos: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(DatasetError, match="nothing was written"):
        build(precious, photos=photos)
    assert [p.name for p in precious.iterdir()] == ["thesis.txt"]


def test_one_name_in_two_splits_is_a_leak(tmp_path: Path, photos: Path) -> None:
    photo(photos, "val", "burning", None)
    with pytest.raises(DatasetError, match="burning"):
        build(tmp_path / "dataset", photos=photos)


def test_the_same_bytes_on_both_sides_of_the_split_are_a_leak_whatever_they_are_called(
    tmp_path: Path, photos: Path
) -> None:
    photo(photos, "val", "renamed", None, shade=0)
    with pytest.raises(DatasetError, match=r"renamed\.png.*very same picture"):
        build(tmp_path / "dataset", photos=photos)
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        read_sha256(tmp_path / "dataset")


@pytest.mark.parametrize("harm", ["changed", "gone", "added"])
def test_a_dataset_is_checked_against_its_checksums(tmp_path: Path, photos: Path, harm: str) -> None:
    out = tmp_path / "dataset"
    build(out, photos=photos)
    assert check(out) == 6, "three pictures, three labels"
    label_file = out / "labels" / "train" / "burning.txt"
    if harm == "changed":
        label_file.write_text("1 0.5 0.5 0.2 0.4\n")
    elif harm == "gone":
        label_file.unlink()
    else:
        label_file.with_name("stray.txt").write_text("")
    with pytest.raises(DatasetError, match="stray" if harm == "added" else "burning"):
        check(out)


def test_what_was_never_built_has_no_checksums(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no checksums") as refusal:
        check(tmp_path)
    assert "emberwatch model dataset" in refusal.value.hint


def spotted(folder: Path, split: str, name: str, *, seed: int) -> None:
    """A 640×480 picture of noise with a bright spot of 6×6 px at its centre, labelled as fire."""
    picture = np.random.default_rng(seed).integers(60, 70, (480, 640, 3), np.uint8)
    picture[237:243, 317:323] = 255
    for kind in ("images", "labels"):
        (folder / split / kind).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / split / "images" / f"{name}.png"), picture)
    tiny, large = "0 0.5 0.5 0.009375 0.0125\n", "1 0.5 0.25 0.5 0.4\n"
    (folder / split / "labels" / f"{name}.txt").write_text(tiny + large)


def test_what_is_too_small_at_the_networks_input_is_neither_label_nor_to_be_seen(tmp_path: Path) -> None:
    """6 px are enough for 640, where it stays; at 448 they are 4.2."""
    photos = tmp_path / "photos"
    spotted(photos, "train", "taught", seed=1)
    spotted(photos, "val", "judged", seed=2)
    assert build(tmp_path / "large", photos=photos, input_px=640).ignored == 0
    report = build(tmp_path / "small", photos=photos, input_px=448)
    assert report.ignored == 1, "in val nothing is changed"
    (taught,) = examples(report.folder, "train")
    assert [box.label for box in taught.boxes] == [1]
    image = cv2.imread(str(taught.picture))
    assert image is not None
    assert image.max() < 80, "no trace of the spot"
    original = cv2.imread(str(photos / "train" / "images" / "taught.png"))
    assert original is not None
    changed = np.argwhere((image != original).any(axis=2))
    assert changed.min(axis=0).tolist() >= [234, 314]
    assert changed.max(axis=0).tolist() <= [245, 325]
    (judged,) = examples(report.folder, "val")
    assert len(judged.boxes) == 2
    assert judged.picture.is_symlink()


def test_a_small_box_inside_a_larger_one_of_its_label_stays_to_be_seen(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    spotted(photos, "train", "taught", seed=1)
    spotted(photos, "val", "judged", seed=2)
    (photos / "train" / "labels" / "taught.txt").write_text("0 0.5 0.5 0.009375 0.0125\n0 0.5 0.5 0.3 0.3\n")
    report = build(tmp_path / "out", photos=photos, input_px=448)
    (taught,) = examples(report.folder, "train")
    assert taught.boxes == (Box(0, 0.5, 0.5, 0.3, 0.3),)
    image = cv2.imread(str(taught.picture))
    assert image is not None
    assert image.max() == 255


@pytest.mark.parametrize(
    "line",
    ["0 0.5 0.5 0.2", "fire 0.5 0.5 0.2 0.2", "2 0.5 0.5 0.2 0.2", "0 1.5 0.5 0.2 0.2", "0 0.5 0.5 0 0.2"],
)
def test_a_wrong_label_line_is_named(line: str) -> None:
    with pytest.raises(DatasetError, match=r"a\.txt line 2"):
        parse_labels(f"0 0.5 0.5 0.2 0.2\n{line}\n", where="a.txt")


def test_a_folder_without_pictures_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="train") as refusal:
        examples(tmp_path, "train")
    assert "images" in refusal.value.hint
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        read_sha256(tmp_path)


def test_pictures_that_are_labelled_wrongly_can_be_left_out_by_name() -> None:
    pictures = [Example(Path(f"{name}.jpg"), ()) for name in ("a", "b", "c")]
    assert [example.picture.stem for example in without(pictures, ["b"])] == ["a", "c"]
    with pytest.raises(DatasetError, match="no picture is called d"):
        without(pictures, ["b", "d"])
