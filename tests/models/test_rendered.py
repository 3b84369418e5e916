"""Rendered pictures: reproducible, honestly labelled, and the shipped model finds the fire in one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.render.render import Renderer, TruthBox
from hardware.virtual.world.plume import Plume
from hardware.virtual.world.scenes import Scene, Stage
from models.detector import Detector
from models.make.dataset import DatasetError, examples, parse_labels
from models.make.precision import TruthBox as Labelled
from models.make.precision import iou
from models.make.rendered import SceneCounts, render, shoot, yolo_line


@pytest.fixture(scope="module")
def stage() -> Stage:
    """A country of the family that is never trained on."""
    return Stage.of(900_001, "eucalypt")


def burning(stage: Stage, *, flame_m: float, radius_m: float, plume: Plume | None) -> Scene:
    """One fire in the middle of the picture, 60 m ahead of a camera 60 m above the ground."""
    world = replace(stage.world, look_alikes=())
    fire = world.fire_at("one", 0.0, 60.0, radius_m=radius_m, flame_height_m=flame_m, seed=5, plume=plume)
    lat, lon = world.frame.to_geographic(0.0, 0.0)
    pose = TruePose.looking(
        float(lat), float(lon), fire.alt_amsl_m + 60.0, yaw_deg=0.0, pitch_deg=-45.0, time_s=100.0
    )
    return Scene(world.with_fires([fire]).with_light("noon"), pose, VirtualLens(1280, 720), "patrol")


def test_the_shipped_model_finds_a_rendered_fire_and_its_smoke(stage: Stage) -> None:
    plume = Plume(
        density=0.75,
        colour=(205.0, 205.0, 203.0),
        rise_m_s=2.5,
        life_s=16.0,
        radius_m=2.2,
        growth_m_s=0.5,
        puffs=24,
        seed=3,
        spread_m=1.6,
    )
    image, boxes = burning(stage, flame_m=4.0, radius_m=4.0, plume=plume).shoot()
    (flames,) = [box for box in boxes if box.label == "fire"]
    truth = Labelled("fire", flames.x1, flames.y1, flames.x2, flames.y2)
    found = Detector.load().detect(image)
    best = max((iou(detection, truth) for detection in found if detection.label == "fire"), default=0.0)
    assert best >= 0.4, f"labelled {truth}, found {found}"


def test_the_same_country_without_fire_raises_no_alarm(stage: Stage) -> None:
    scene = burning(stage, flame_m=4.0, radius_m=4.0, plume=None)
    image = Renderer(scene.world.with_fires(()), scene.lens).render(scene.pose)
    assert Detector.load().detect(image) == []


def test_a_fire_too_small_to_label_is_taken_out_of_the_picture(stage: Stage) -> None:
    tiny = burning(stage, flame_m=0.3, radius_m=0.05, plume=None)
    small = Scene(tiny.world, tiny.pose, VirtualLens(320, 180), tiny.view)
    image, boxes = shoot(small)
    without = Renderer(small.world.with_fires(()), small.lens).render(small.pose)
    assert boxes == []
    assert np.array_equal(image, without)


def test_label_lines_count_from_the_outer_edge() -> None:
    whole = TruthBox("smoke", 0, 0, 639, 359, "one", 1.0)
    assert yolo_line(whole, 640, 360) == "1 0.500000 0.500000 1.000000 1.000000\n"
    (box,) = parse_labels(yolo_line(TruthBox("fire", 100, 50, 149, 69, "one", 1.0), 640, 360), where="a")
    assert box.corners(640, 360) == pytest.approx((100, 50, 150, 70), abs=1e-3)


def test_equal_seeds_give_equal_pictures(tmp_path: Path) -> None:
    for name in ("a", "b"):
        report = render(tmp_path / name, SceneCounts(train=1, val=0, unseen=1))
        assert report.pictures == {"train": 1, "rendered-unseen": 1}
    first, second = (sorted((tmp_path / name).rglob("*.*")) for name in ("a", "b"))
    assert [p.name for p in first] == [p.name for p in second]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert "eucalypt" in examples(tmp_path / "a", "rendered-unseen")[0].picture.name
    assert not any("eucalypt" in e.picture.name for e in examples(tmp_path / "a", "train"))
    assert all(sheet.is_file() for sheet in report.sheets)


def test_seeds_of_the_demo_and_folders_in_use_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="seeds"):
        render(tmp_path, SceneCounts(1, 1, 1), first_seed=999)
    (tmp_path / "images").mkdir()
    with pytest.raises(DatasetError, match="already"):
        render(tmp_path, SceneCounts(1, 1, 1))
