"""Further sources come with a licence, their own class numbers, and no picture on both sides of the split."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.make.build import build
from models.make.dataset import DatasetError, examples
from models.make.sources import pictures_of, read_manifest

HEAD = '[[source]]\nname = "towers"\nlicence = "CC BY 4.0"\ncredit = "A. Ranger"\npath = "towers"\n'


def picture(path: Path, seed: int) -> None:
    """A picture like no other: coarse noise, so that its hash survives another file format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for seed, split in enumerate(("train", "val")):
        picture(tmp_path / "photos" / split / "images" / f"{split}.png", seed)
    return tmp_path / "photos"


@pytest.fixture
def towers(tmp_path: Path) -> Path:
    """Twelve cameras with two pictures each; class 0 is smoke there, class 2 a tractor."""
    for camera in range(12):
        for shot in range(2):
            name = f"camera{camera}-{shot}"
            picture(tmp_path / "towers" / "images" / f"{name}.png", 100 + 2 * camera + shot)
            label_file = tmp_path / "towers" / "labels" / f"{name}.txt"
            label_file.parent.mkdir(exist_ok=True)
            label_file.write_text("0 0.5 0.5 0.2 0.2\n2 0.5 0.5 0.1 0.1\n")
    return tmp_path


def manifest(folder: Path, text: str) -> Path:
    path = folder / "more.toml"
    path.write_text(HEAD + text)
    return path


GROUPED = 'classes = ["smoke", "fire", ""]\nsplit = "group"\ngroup = "^(camera[0-9]+)-"\nval_share = 0.3\n'


def test_a_source_is_laid_in_with_its_classes_made_ours_and_its_licence_told(
    tmp_path: Path, photos: Path, towers: Path
) -> None:
    report = build(tmp_path / "out", photos=photos, manifest=manifest(towers, GROUPED))
    added = [e for split in ("train", "val") for e in examples(report.folder, split)]
    added = [e for e in added if e.picture.name.startswith("towers_camera")]
    assert len(added) == 24
    assert {tuple(box.label for box in e.boxes) for e in added} == {(1,)}, "the tractor is left out"
    told = json.loads((report.folder / "dataset.json").read_text())["licences"]["towers"]
    assert told["licence"] == "CC BY 4.0"
    assert told["credit"] == "A. Ranger"
    assert told["train"] + told["val"] == 24


def test_the_example_in_the_document_is_a_manifest(tmp_path: Path) -> None:
    card = (Path(__file__).parents[2] / "models" / "README.md").read_text()
    path = tmp_path / "more.toml"
    path.write_text("[[source]]" + card.partition("```text\n[[source]]")[2].partition("```")[0])
    (source,) = read_manifest(path)
    assert source.path == tmp_path / "towers"
    assert source.classes == ("smoke", "fire", "")


def test_a_group_lies_on_one_side_and_stays_there_as_pictures_are_added(towers: Path) -> None:
    (source,) = read_manifest(manifest(towers, GROUPED))

    def sides() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for part in pictures_of(source):
            found.setdefault(part.name.split("-")[0], set()).add(part.split)
        return found

    before = sides()
    assert all(len(splits) == 1 for splits in before.values())
    assert {"train"} in before.values()
    assert {"val"} in before.values()
    picture(towers / "towers" / "images" / "camera99-0.png", 999)
    after = sides()
    del after["towers_camera99"]
    assert after == before


def test_a_picture_saved_again_on_the_other_side_of_the_split_is_refused(
    tmp_path: Path, photos: Path, towers: Path
) -> None:
    """Smaller, a little darker and as JPEG: other bytes, the same picture."""
    judged = cv2.imread(str(photos / "val" / "images" / "val.png"))
    assert judged is not None
    again = cv2.convertScaleAbs(cv2.resize(judged, (120, 90)), alpha=0.9)
    cv2.imwrite(str(towers / "towers" / "images" / "camera0-9.jpg"), again)
    with pytest.raises(DatasetError, match=r"camera0-9\.jpg looks like .*val\.png"):
        build(tmp_path / "out", photos=photos, manifest=manifest(towers, 'classes = ["smoke", "fire", ""]\n'))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('split = "group"\n', "group pattern"),
        ('split = "group"\ngroup = "camera"\n', "parentheses"),
        ('split = "group"\ngroup = "(camera"\n', "unterminated"),
        ('split = "half"\n', "split"),
        ('colour = "red"\n', "colour"),
        ("classes = [\n", "more.toml"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_named(towers: Path, text: str, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        read_manifest(manifest(towers, text))


def test_a_source_without_a_licence_is_refused(towers: Path) -> None:
    path = manifest(towers, "")
    path.write_text(path.read_text().replace('licence = "CC BY 4.0"\n', ""))
    with pytest.raises(DatasetError, match="licence"):
        read_manifest(path)


def test_a_picture_without_a_group_is_named(towers: Path) -> None:
    picture(towers / "towers" / "images" / "stray.png", 5)
    (source,) = read_manifest(manifest(towers, GROUPED))
    with pytest.raises(DatasetError, match="stray"):
        pictures_of(source)
