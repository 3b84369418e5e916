"""An alert is one id with rising revisions, shows its pictures once, and says where it comes from."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import cv2
import numpy as np
import pytest

from edge.geometry.locate import locate_detections
from edge.hotspots.hotspot import HotspotChange, HotspotState
from edge.hotspots.tracker import HotspotTracker, Look
from edge.telling.alert_record import AlertRecord
from edge.telling.alerts import REMEMBERED_VIEWS, AlertWriter, Draft, Provenance, attitude_deg
from edge.telling.evidence import FrameShelf, LeadUp, Picture
from models.detector import Detection
from tests.edge.ground_truth import CAMERA, Plane, pose_at
from uplink.messages import Alert, AlertState, Evidence

START = datetime(2026, 7, 1, tzinfo=UTC)
ABOVE = pose_at(height_m=80, yaw_deg=350, pitch_deg=-45, roll_deg=2)
MODEL = Provenance("ember", "0" * 64)
FRAME = cv2.imencode(".jpg", np.full((CAMERA.height_px, CAMERA.width_px, 3), 90, np.uint8))[1].tobytes()


@dataclass(frozen=True)
class Story:
    """A fire that was looked at until it was sure, and the look that made it so."""

    change: HotspotChange
    look: Look

    def writer(self, *, pictures: bool = True, known: dict[str, str] | None = None) -> AlertWriter:
        shelf, lead_up = FrameShelf(), LeadUp()
        if pictures:
            for seen in (self.change.hotspot.best, self.change.hotspot.latest):
                shelf.put(seen.at_s, Picture(FRAME, CAMERA.width_px, CAMERA.height_px, START))
            for number in range(5):
                at_s = number * 0.1 - 1.0
                lead_up.put(at_s, Picture(b"\xff\xd8 %d" % number, 320, 180, START))
        return AlertWriter("d1", shelf, lead_up, known=known or {})

    def write(
        self,
        writer: AlertWriter,
        kind: Literal["confirmed", "updated"] = "confirmed",
        model: Provenance = MODEL,
    ) -> Draft:
        return writer.write(replace(self.change, kind=kind), self.look, model, "gnss")


@pytest.fixture
def story() -> Story:
    tracker = HotspotTracker(new_id=lambda: UUID(int=7))
    box = Detection("fire", 0.8, 620.0, 340.0, 660.0, 380.0)
    for number in range(20):
        at_s = number * 0.25
        sightings = tuple(locate_detections([box], ABOVE, CAMERA, Plane()))
        look = Look(at_s, START + timedelta(seconds=at_s), ABOVE, CAMERA, sightings, Plane())
        for change in tracker.look(look):
            if change.kind == "confirmed":
                return Story(change, look)
    raise AssertionError("twenty looks at a plain fire did not confirm it")


def of_kind(alert: Alert, kind: str) -> list[Evidence]:
    return [evidence for evidence in alert.evidence if evidence.kind == kind]


def test_revisions_rise_under_one_id_even_when_vision_comes_back_with_another_model(story: Story) -> None:
    writer = story.writer()
    models = (MODEL, MODEL, Provenance("other", "1" * 64))
    alerts = [story.write(writer, "updated", model).alert for model in models]
    assert [(alert.id, alert.revision) for alert in alerts] == [(UUID(int=7), n) for n in (1, 2, 3)]
    assert [alert.model_name for alert in alerts] == ["ember", "ember", "other"]


def test_revisions_go_on_where_they_were_before_the_agent_was_started_anew(story: Story) -> None:
    before = story.writer()
    story.write(before)
    old, _, _ = before.complete(story.write(before, "updated"))
    writer = story.writer(pictures=False, known={str(old.id): old.model_dump_json()})
    draft = story.write(writer, "updated")
    alert, media, _ = writer.complete(draft)
    assert alert.revision == 3
    assert alert.pose == old.pose
    assert alert.evidence == old.evidence
    assert media == {}
    assert writer.complete(story.write(writer, "updated"))[0].evidence == old.evidence


def test_an_alert_that_another_version_told_begins_anew(story: Story) -> None:
    writer = story.writer(known={str(UUID(int=7)): '{"id": 7}'})
    assert [story.write(writer).alert.revision for _ in range(2)] == [1, 2]


def test_pictures_travel_once_and_are_named_by_every_revision(story: Story) -> None:
    writer = story.writer()
    first, media, _ = writer.complete(story.write(writer))
    second, none, _ = writer.complete(story.write(writer, "updated"))
    assert set(media) == {evidence.sha256 for evidence in first.evidence}
    assert none == {}
    assert first.evidence == second.evidence
    assert first.evidence[0].kind == "detection"
    assert first.evidence[0].box_px == (620.0, 340.0, 660.0, 380.0)
    assert media[first.evidence[0].sha256] == FRAME


def test_what_led_up_to_it_goes_along_in_the_order_of_time(story: Story) -> None:
    writer = story.writer()
    draft = story.write(writer)
    led = of_kind(draft.alert, "lead-up")
    jpegs = [draft.media[evidence.sha256] for evidence in led]
    assert len(jpegs) == 4
    assert jpegs == sorted(jpegs)
    assert all(evidence.box_px is None for evidence in led)
    assert led == of_kind(story.write(writer, "updated").alert, "lead-up")


def test_the_ground_around_it_is_drawn_once_from_the_frame_that_confirmed_it(story: Story) -> None:
    writer = story.writer()
    draft = story.write(writer)
    assert of_kind(draft.alert, "ground view") == []
    alert, media, _ = writer.complete(draft)
    (view,) = of_kind(alert, "ground view")
    assert view.ground is not None
    confirmed = story.change.hotspot.confirmed
    assert confirmed is not None
    sighting = confirmed.sighting
    assert (view.ground.centre.lat_deg, view.ground.centre.lon_deg) == (sighting.lat_deg, sighting.lon_deg)
    image = cv2.imdecode(np.frombuffer(media[view.sha256], np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (view.height_px, view.width_px, 3)
    assert abs(int(image[160, 160, 0]) - 90) < 5


def test_a_fire_confirmed_from_afar_gets_its_ground_view_once_it_is_seen_less_flatly(story: Story) -> None:
    confirmed = story.change.hotspot.confirmed
    assert confirmed is not None
    flat = replace(confirmed, sighting=replace(confirmed.sighting, grazing=True))
    far = replace(story.change, hotspot=replace(story.change.hotspot, confirmed=flat))
    writer = story.writer()
    first, _, _ = writer.complete(writer.write(far, story.look, MODEL, "gnss"))
    second, media, _ = writer.complete(writer.write(replace(far, kind="updated"), story.look, MODEL, "gnss"))
    third, none, _ = writer.complete(writer.write(replace(far, kind="updated"), story.look, MODEL, "gnss"))
    assert of_kind(first, "ground view") == []
    (view,) = of_kind(second, "ground view")
    assert view.sha256 in media
    assert of_kind(third, "ground view") == [view]
    assert none == {}


def test_a_frame_that_cannot_be_laid_out_costs_the_view_and_not_the_alert(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise ArithmeticError("a singular matrix")

    monkeypatch.setattr("edge.telling.alerts.lay_out", broken)
    writer = story.writer()
    alert, _, record = writer.complete(story.write(writer))
    assert of_kind(alert, "ground view") == []
    assert of_kind(alert, "detection")
    assert record is not None


def test_an_alert_without_a_picture_is_sent_all_the_same(story: Story) -> None:
    writer = story.writer(pictures=False)
    alert, media, _ = writer.complete(writer.write(story.change, story.look, MODEL, "companion"))
    assert (alert.evidence, media, alert.time_source) == ([], {}, "companion")


def test_position_and_error_are_those_of_the_hotspot(story: Story) -> None:
    alert = story.write(story.writer()).alert
    assert alert.position is not None
    assert alert.position.lat_deg == story.change.hotspot.lat_deg
    assert alert.ellipse is not None
    assert alert.ellipse.semi_major_m >= alert.ellipse.semi_minor_m > 0
    assert alert.confirmed_at > alert.first_seen_at == START


def test_it_says_where_the_camera_was_how_well_that_was_known_and_what_ground_it_met(story: Story) -> None:
    alert = story.write(story.writer()).alert
    assert alert.pose is not None
    assert alert.terrain is not None
    assert alert.pose.at == alert.confirmed_at
    assert (alert.pose.position.lat_deg, alert.pose.position.alt_amsl_m) == (ABOVE.lat_deg, ABOVE.alt_amsl_m)
    assert (alert.pose.azimuth_deg, alert.pose.elevation_deg) == pytest.approx((350, -45))
    assert alert.pose.roll_deg == pytest.approx(2)
    assert alert.pose.heading_sigma_deg == ABOVE.sigmas.heading_deg
    assert alert.pose.camera == CAMERA.name
    assert alert.pose.hfov_deg == pytest.approx(CAMERA.hfov_deg)
    assert (alert.terrain.name, alert.terrain.sigma_m, alert.terrain.datum) == ("plane", 3.0, "EGM96")


def test_ground_that_is_taken_as_flat_says_so(story: Story) -> None:
    alert = story.writer().write(story.change, replace(story.look, terrain=None), MODEL, "gnss").alert
    assert alert.terrain is not None
    assert (alert.terrain.name, alert.terrain.sigma_m) == ("flat", 30.0)


@pytest.mark.parametrize("azimuth_deg", [0.0, 100.0, 280.0])
@pytest.mark.parametrize("elevation_deg", [-89.0, -45.0, 10.0])
@pytest.mark.parametrize("roll_deg", [-30.0, 0.0, 15.0])
def test_the_attitude_is_in_the_words_of_the_autopilot(
    azimuth_deg: float, elevation_deg: float, roll_deg: float
) -> None:
    pose = pose_at(height_m=80, yaw_deg=azimuth_deg, pitch_deg=elevation_deg, roll_deg=roll_deg)
    found = attitude_deg(pose)
    assert (found[0] + 1) % 360 - 1 == pytest.approx(azimuth_deg, abs=1e-6)
    assert found[1:] == pytest.approx((elevation_deg, roll_deg), abs=1e-6)


def test_straight_down_the_azimuth_is_that_of_the_pictures_top() -> None:
    assert attitude_deg(pose_at(height_m=80, yaw_deg=70, pitch_deg=-90))[:2] == pytest.approx((70, -90))


def test_the_record_has_the_sightings_bit_for_bit(story: Story) -> None:
    writer = story.writer()
    _, _, text = writer.complete(story.write(writer))
    assert text is not None
    record = AlertRecord.from_json(text)
    hotspot = story.change.hotspot
    assert (record.alert_id, record.revision) == (hotspot.id, 1)
    assert record.latest.sighting.lat_deg == hotspot.latest.sighting.lat_deg
    assert record.latest.sighting.camera == CAMERA
    np.testing.assert_array_equal(record.latest.sighting.pose.camera_to_enu, ABOVE.camera_to_enu)


def test_lost_is_a_revision_like_any_other(story: Story) -> None:
    writer = story.writer()
    story.write(writer)
    gone = HotspotChange("lost", replace(story.change.hotspot, state=HotspotState.LOST))
    alert = writer.write(gone, story.look, MODEL, "gnss").alert
    assert (alert.state, alert.revision) == (AlertState.LOST, 2)


def test_the_record_keeps_a_few_sightings_spread_over_the_time_since_it_was_told(story: Story) -> None:
    writer = story.writer(pictures=False)
    seen = story.change.hotspot.latest
    for number in range(100):
        latest = replace(seen, at_s=seen.at_s + number)
        hotspot = replace(story.change.hotspot, latest=latest)
        draft = writer.write(HotspotChange("updated", hotspot), story.look, MODEL, "gnss")
    instants_s = [view.at_s - seen.at_s for view in draft.record.others]
    assert len(instants_s) == REMEMBERED_VIEWS
    assert (instants_s[0], instants_s[-1]) == (0.0, 99.0)
    assert max(b - a for a, b in itertools.pairwise(instants_s)) < 30
