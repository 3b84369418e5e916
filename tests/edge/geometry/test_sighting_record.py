"""What a sighting was made of outlives the agent, to the last bit; what is damaged is refused, and where."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.geometry.locate import locate, locate_detections
from edge.geometry.optics import Camera, known_profiles
from edge.geometry.pose import Pose, PoseSigmas
from edge.geometry.sighting import Sighting
from edge.geometry.sighting_record import RecordError, from_record, to_record
from edge.hotspots.hotspot import Seen
from models.detector import Detection
from tests.edge.ground_truth import CAMERA, Hills, pose_at

POSE = pose_at(height_m=80, yaw_deg=33, pitch_deg=-41, roll_deg=3, sigmas=PoseSigmas(heading_deg=3.5))


def placed() -> Sighting:
    box = Detection("fire", 0.81, 600.0, 330.0, 660.0, 390.0)
    return locate_detections([box], POSE, CAMERA, Hills())[0]


def through_json(thing: Any) -> Any:
    return json.loads(json.dumps(to_record(thing), allow_nan=False))


def assert_same(a: Any, b: Any, where: str = "") -> None:
    if isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b, where)
    elif dataclasses.is_dataclass(a):
        assert type(a) is type(b), where
        for field in dataclasses.fields(a):
            if field.init:
                assert_same(getattr(a, field.name), getattr(b, field.name), f"{where}.{field.name}")
    else:
        assert a == b, where


def test_a_sighting_comes_back_to_the_last_bit_with_pose_and_camera() -> None:
    sighting = placed()
    assert_same(from_record(Sighting, through_json(sighting)), sighting)


def test_a_bearing_without_a_place_comes_back_with_its_reason() -> None:
    sky = locate(pose_at(height_m=80, pitch_deg=20), CAMERA, (640.0, 100.0), 9.0 * np.eye(2), Hills())
    assert sky.why
    assert_same(from_record(Sighting, through_json(sky)), sky)


def test_when_it_was_seen_comes_back_with_its_zone() -> None:
    seen = Seen(12.5, datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=UTC), placed())
    assert_same(from_record(Seen, through_json(seen)), seen)
    assert_same(from_record(Seen, through_json(dataclasses.replace(seen, utc=None))).utc, None)


@pytest.mark.parametrize("name", known_profiles())
def test_every_camera_comes_back(name: str) -> None:
    camera = Camera.load(name)
    assert from_record(Camera, through_json(camera)) == camera


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda record: record["pose"].pop("lat_deg"), r"Sighting\.pose: lat_deg is missing"),
        (lambda record: record.update(color="red"), "holds color"),
        (lambda record: record.update(score="high"), r"Sighting\.score: 'high' is no float"),
        (lambda record: record.update(method="guess"), r"Sighting\.method: 'guess'"),
        (lambda record: record.update(pixel=[1.0]), r"Sighting\.pixel: 1 values, where 2"),
        (lambda record: record.update(ray_effects=[[1.0], [2.0, 3.0]]), r"Sighting\.ray_effects"),
        (lambda record: record.update(ray_effects=None), r"Sighting\.ray_effects"),
        (lambda record: record.update(pose=7), r"Sighting\.pose: is no object"),
        (lambda record: record["pose"]["sigmas"].update(heading_deg=-1), r"Sighting\.pose\.sigmas"),
    ],
)
def test_a_damaged_record_is_refused_by_its_place(damage: Any, told: str) -> None:
    record = through_json(placed())
    damage(record)
    with pytest.raises(RecordError, match=told):
        from_record(Sighting, record)


def test_a_field_with_a_default_may_be_missing_from_an_older_record() -> None:
    record = through_json(placed())
    del record["magnification"], record["pose"]["turn_rate_enu_rad_s"]
    old = from_record(Sighting, record)
    assert (old.magnification, old.pose.turn_rate_enu_rad_s) == (1.0, (0.0, 0.0, 0.0))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_has_not_is_not_written(number: float) -> None:
    pose: Pose = dataclasses.replace(POSE, alt_amsl_m=number)
    with pytest.raises(RecordError):
        to_record(pose)
    with pytest.raises(RecordError, match="Path"):
        to_record(Path())
