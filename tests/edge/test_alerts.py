"""An alert is one id with rising revisions, shows its picture once, and says where it comes from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from edge.alerts import AlertWriter, Provenance
from edge.evidence import FrameShelf, Picture
from edge.hotspot import HotspotChange, HotspotState
from edge.hotspots import HotspotTracker, Look
from edge.locate import locate_detections
from models.detector import Detection
from tests.edge.ground_truth import CAMERA, Plane, pose_at
from uplink.messages import Alert, AlertState

START = datetime(2026, 7, 1, tzinfo=UTC)
ABOVE = pose_at(height_m=80, pitch_deg=-45)
MODEL = Provenance("ember", "0" * 64)
JPEG = b"\xff\xd8 a picture of a fire"


@pytest.fixture
def confirmed() -> HotspotChange:
    """A fire that was looked at until it was sure."""
    tracker = HotspotTracker(new_id=lambda: UUID(int=7))
    box = Detection("fire", 0.8, 620.0, 340.0, 660.0, 380.0)
    for number in range(20):
        at_s = number * 0.25
        sightings = tuple(locate_detections([box], ABOVE, CAMERA, Plane()))
        look = Look(at_s, START + timedelta(seconds=at_s), ABOVE, CAMERA, sightings, Plane())
        for change in tracker.look(look):
            if change.kind == "confirmed":
                return change
    raise AssertionError("twenty looks at a plain fire did not confirm it")


def writer_with_picture(confirmed: HotspotChange) -> AlertWriter:
    shelf = FrameShelf()
    shelf.put(confirmed.hotspot.best.at_s, Picture(JPEG, 1280, 720, START))
    return AlertWriter("d1", shelf)


def test_revisions_rise_under_one_id_even_when_vision_comes_back_with_another_model(
    confirmed: HotspotChange,
) -> None:
    writer = writer_with_picture(confirmed)
    updated = replace(confirmed, kind="updated")
    alerts = [writer.write(confirmed, MODEL, "gnss")[0], writer.write(updated, MODEL, "gnss")[0]]
    alerts.append(writer.write(updated, Provenance("other", "1" * 64), "gnss")[0])
    assert [(alert.id, alert.revision) for alert in alerts] == [(UUID(int=7), n) for n in (1, 2, 3)]
    assert [alert.model_name for alert in alerts] == ["ember", "ember", "other"]


def test_a_picture_travels_once_and_is_named_by_every_revision(confirmed: HotspotChange) -> None:
    writer = writer_with_picture(confirmed)
    first, media = writer.write(confirmed, MODEL, "gnss")
    second, none = writer.write(replace(confirmed, kind="updated"), MODEL, "gnss")
    assert list(media.values()) == [JPEG]
    assert none == {}
    assert first.evidence == second.evidence
    assert first.evidence[0].box_px == (620.0, 340.0, 660.0, 380.0)


def test_an_alert_without_a_picture_is_sent_all_the_same(confirmed: HotspotChange) -> None:
    alert, media = AlertWriter("d1", FrameShelf()).write(confirmed, MODEL, "companion")
    assert (alert.evidence, media, alert.time_source) == ([], {}, "companion")


def test_position_and_error_are_those_of_the_hotspot(confirmed: HotspotChange) -> None:
    alert: Alert = writer_with_picture(confirmed).write(confirmed, MODEL, "gnss")[0]
    assert alert.position is not None
    assert alert.position.lat_deg == confirmed.hotspot.lat_deg
    assert alert.ellipse is not None
    assert alert.ellipse.semi_major_m >= alert.ellipse.semi_minor_m > 0
    assert alert.confirmed_at > alert.first_seen_at == START


def test_lost_is_a_revision_like_any_other(confirmed: HotspotChange) -> None:
    writer = writer_with_picture(confirmed)
    writer.write(confirmed, MODEL, "gnss")
    gone = HotspotChange("lost", replace(confirmed.hotspot, state=HotspotState.LOST))
    alert, _ = writer.write(gone, MODEL, "gnss")
    assert (alert.state, alert.revision) == (AlertState.LOST, 2)
