"""Frames in, alerts out: with the real parts, and a vehicle whose telemetry the test writes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from edge.airborne import Airborne
from edge.config.file import DetectorSection, load_agent_config
from edge.geometry.optics import Camera
from edge.hotspots.hotspot import HotspotChange, Look
from edge.telling.alert_record import AlertRecord
from edge.vision.flaw import Flaw
from edge.vision.merge import Found
from edge.vision.report import Ready, VisionSettings
from edge.vision.settings import vision_settings
from edge.vision.supervisor import VisionError
from edge.vision.tile import Tile
from edge.watch import Watch
from flight.vehicle import Vehicle
from models.backends import BACKENDS
from tests.edge.watched_flight import CONFIG, FIRE, Flight
from tests.flight.scripted import ScriptedAutopilot, until
from uplink.errors import OutboxError
from uplink.messages import Alert, AlertState, SeeingState
from uplink.outbox import Outbox
from uplink.outbox_reader import kept_alert


@pytest.fixture
def flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flight]:
    with Outbox(tmp_path / "outbox.db") as outbox:
        flown = Flight(tmp_path, outbox, monkeypatch)
        flown.vehicle.telemetry.armed = True
        yield flown


@pytest.mark.parametrize("armed", [True, False])
async def test_a_camera_that_is_broken_at_the_start_ends_the_agent_on_the_ground_and_never_in_the_air(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, armed: bool
) -> None:
    """The autopilot is heard later than the camera's error: that is waited for."""
    monkeypatch.setattr("edge.vision.restarts.DELAYS_S", (0.01,))
    (tmp_path / "agent.toml").write_text(CONFIG)
    config = load_agent_config(tmp_path / "agent.toml")
    with Outbox(tmp_path / "outbox.db") as outbox:
        async with Vehicle("udpin:127.0.0.1:0") as vehicle:
            carrier = Airborne(vehicle, mount_pitch_deg=-45.0)
            watch = Watch(config, carrier, outbox, Camera.load("generic_78"), None)
            task = asyncio.create_task(watch.run())
            await until(lambda: "photos" in watch.health.state(0.0).reason, 60)
            assert vehicle.telemetry.armed is None
            assert not task.done()
            async with ScriptedAutopilot(vehicle.link.local_port) as autopilot:
                autopilot.armed = armed
                await until(lambda: task.done() or watch._vision.restarts.count >= 2, 60)
            task.cancel()
            [ended] = await asyncio.gather(task, return_exceptions=True)
    if armed:
        assert isinstance(ended, asyncio.CancelledError)
        assert watch.health.state(0.0).state is SeeingState.BLIND
    else:
        assert isinstance(ended, ExceptionGroup)
        [error] = ended.exceptions
        assert isinstance(error, VisionError)
        assert "photos" in error.message


async def test_a_broken_camera_ends_an_agent_that_hears_no_autopilot_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.airborne.AUTOPILOT_S", 0.01)
    (tmp_path / "agent.toml").write_text(CONFIG)
    config = load_agent_config(tmp_path / "agent.toml")
    with Outbox(tmp_path / "outbox.db") as outbox:
        carrier = Airborne(Vehicle("udpin:127.0.0.1:0"), mount_pitch_deg=-45.0)
        watch = Watch(config, carrier, outbox, Camera.load("generic_78"), None)
        with pytest.raises(ExceptionGroup) as ended:
            await asyncio.wait_for(watch.run(), 60)
    assert ended.group_contains(VisionError, match="photos")


def test_the_child_is_told_what_the_configuration_says_of_the_detector(tmp_path: Path) -> None:
    text = (
        CONFIG
        + """
[agent.detector]
sensitivity = "sensitive"
backend = "openvino"
labels = { Flame = "fire", "1" = "smoke" }
tile_budget_ms = 80
"""
    )
    (tmp_path / "agent.toml").write_text(text)
    told = vision_settings(load_agent_config(tmp_path / "agent.toml"), Camera.load("generic_78"))
    assert VisionSettings.from_json(told.to_json()) == told
    assert (told.sensitivity, told.backend, told.tile_budget_s) == ("sensitive", "openvino", 0.08)
    assert told.labels == {"Flame": "fire", "1": "smoke"}
    assert told.cache_dir == str(tmp_path / "data" / "detector")


def test_the_configuration_knows_every_back_end_that_there_is() -> None:
    assert get_args(DetectorSection.model_fields["backend"].annotation) == BACKENDS


def test_a_fire_seen_from_the_air_becomes_one_alert(flight: Flight) -> None:
    flight.see(4.0, FIRE)
    alerts = flight.alerts
    assert len({alert.id for alert in alerts}) == 1
    assert [alert.revision for alert in alerts] == list(range(1, len(alerts) + 1))
    assert alerts[0].method == "flat"
    assert alerts[0].evidence
    assert [change.hotspot.id for change in flight.changes] == [alerts[0].id] * len(alerts)


def test_an_alert_shows_what_led_up_to_it_also_frames_on_which_nothing_was_found(flight: Flight) -> None:
    flight.see(6.0)
    flight.see(4.0, FIRE)
    alert = flight.alerts[0]
    led = [evidence for evidence in alert.evidence if evidence.kind == "lead-up"]
    assert len(led) == 4
    assert led[0].captured_at < alert.first_seen_at < alert.confirmed_at
    assert (led[0].width_px, led[0].height_px) == (320, 180)
    assert alert.pose is not None
    assert alert.pose.camera == Camera.load("generic_78").name


async def test_an_alert_is_kept_with_its_record_and_its_revisions_go_on_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        flight = Flight(tmp_path, outbox, monkeypatch)
        flight.vehicle.telemetry.armed = True
        flight.see(4.0, FIRE)
        waiting = flight.watch._to_keep.qsize()
        keeping = asyncio.create_task(flight.watch._keep_alerts())
        await until(lambda: f'"revision":{waiting},' in "".join(outbox.told(9).values()), 10)
        keeping.cancel()
        (body,) = outbox.told(9).values()
        told = Alert.model_validate_json(body)
        again = Flight(tmp_path, outbox, monkeypatch)
        change = replace(flight.changes[-1], kind="updated")
        again.watch._tell(change, flight.looks[-1], "gnss")
    record = kept_alert(tmp_path / "outbox.db", str(told.id)).record
    assert record is not None
    assert AlertRecord.from_json(record).revision == told.revision
    assert [alert.revision for alert in again.alerts] == [told.revision + 1]


def test_on_the_ground_the_agent_sees_and_says_nothing_and_counts_no_ground_as_seen(flight: Flight) -> None:
    flight.vehicle.telemetry.armed = False
    flight.see(4.0, FIRE)
    assert (flight.alerts, flight.looks) == ([], [])
    assert flight.watch.health.state(flight.now_s).state is SeeingState.SEEING


def test_frames_that_cannot_be_placed_raise_no_alert_and_make_it_blind(flight: Flight) -> None:
    flight.see(10.0, FIRE, posed=False)
    assert (flight.alerts, flight.looks) == ([], [])
    state = flight.watch.health.state(flight.now_s)
    assert state.state is SeeingState.BLIND
    assert "cannot be placed" in state.reason


def test_why_nothing_is_looked_at_is_told_until_the_next_look(flight: Flight) -> None:
    flight.watch._on_trouble(flight.watch._main, "the camera is unplugged")
    assert flight.watch.health.state(0.0).reason == "the camera is unplugged"
    flight.see(4.0)
    assert flight.watch.health.state(flight.now_s).state is SeeingState.SEEING
    assert flight.watch.health.state(flight.now_s + 60).reason == "no fresh frame is looked at"
    flight.watch._on_trouble(flight.watch._main, "the camera is unplugged")
    assert flight.watch.health.state(flight.now_s + 60).reason == "the camera is unplugged"


def test_a_lost_position_makes_it_blind_though_the_numbers_look_fresh(flight: Flight) -> None:
    flight.see(2.0)
    flight.position_ok = False
    seen = len(flight.looks)
    flight.see(8.0, FIRE)
    assert (flight.alerts, len(flight.looks)) == ([], seen)
    assert "does not know where it is" in flight.watch.health.state(flight.now_s).reason


@pytest.mark.parametrize("covered", [True, False])
def test_a_covered_lens_or_a_frozen_picture_is_no_proof_that_a_fire_is_out(
    flight: Flight, covered: bool
) -> None:
    flight.see(4.0, FIRE)
    seen = len(flight.looks)
    if covered:
        flight.see(30.0, contrast=0.5)
    else:
        flight.see(30.0, frozen=True)
    assert len(flight.looks) <= seen + 1  # the first of equal pictures is a new one
    assert {alert.state for alert in flight.alerts} == {AlertState.CONFIRMED}
    assert flight.watch.health.state(flight.now_s).state is SeeingState.BLIND


@pytest.mark.parametrize("flaw", [Flaw.BLACK, Flaw.BURNT_OUT, Flaw.BLURRED])
def test_flawed_frames_are_no_proof_that_a_fire_is_out_and_the_alarm_says_what_is_wrong(
    flight: Flight, flaw: Flaw
) -> None:
    flight.see(4.0, FIRE)
    seen = len(flight.looks)
    flight.see(30.0, flaw=flaw)
    assert len(flight.looks) == seen
    assert {alert.state for alert in flight.alerts} == {AlertState.CONFIRMED}
    state = flight.watch.health.state(flight.now_s)
    assert (state.state, state.reason) == (SeeingState.BLIND, flaw.value)


@pytest.mark.parametrize("flaw", [Flaw.BLACK, Flaw.BURNT_OUT, Flaw.BLURRED])
def test_a_fire_on_a_flawed_frame_is_a_fire_and_the_agent_is_blind_all_the_same(
    flight: Flight, flaw: Flaw
) -> None:
    """On a night without any light it is all that there is to see."""
    flight.see(1.0)
    sound = len(flight.looks)
    flight.see(8.0, FIRE, flaw=flaw)
    assert [alert.state for alert in flight.alerts][:1] == [AlertState.CONFIRMED]
    assert flight.watch.health.state(flight.now_s).reason == flaw.value
    assert not any(look.sound for look in flight.looks[sound:])


def test_a_flawed_frame_that_shows_one_fire_does_not_say_that_another_is_out(flight: Flight) -> None:
    other = Found("fire", 0.8, 220.0, 340.0, 260.0, 380.0)
    flight.see(4.0, FIRE, other)
    flight.see(30.0, FIRE, flaw=Flaw.BLURRED)
    assert {alert.state for alert in flight.alerts} == {AlertState.CONFIRMED}


def test_on_the_ground_a_picture_that_hardly_changes_is_not_frozen_because_gnss_drifts(
    flight: Flight,
) -> None:
    flight.vehicle.telemetry.armed = False
    flight.see(30.0, unchanged=0.99, speed_m_s=1.0)
    assert flight.watch.health.state(flight.now_s).state is SeeingState.SEEING


def test_an_alert_does_not_depend_on_the_planning_of_tiles(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(flight.watch, "_plan_tiles", broken)
    flight.see(4.0, FIRE)
    assert [alert.state for alert in flight.alerts][:1] == [AlertState.CONFIRMED]


def test_a_picture_that_hardly_changes_is_frozen_in_flight_and_a_good_one_in_a_hover(flight: Flight) -> None:
    flight.see(30.0, unchanged=0.99)
    assert flight.watch.health.state(flight.now_s).state is SeeingState.SEEING
    flight.see(12.0, unchanged=0.99, speed_m_s=5.0)
    assert flight.watch.health.state(flight.now_s).reason == "the picture is frozen"
    flight.see(1.0, unchanged=0.3, speed_m_s=5.0)
    assert flight.watch.health.state(flight.now_s).state is SeeingState.SEEING


def test_tiles_are_planned_in_the_air_for_where_they_help_and_none_on_the_ground(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[list[Tile]] = []
    monkeypatch.setattr(flight.watch._vision, "plan", lambda tiles: plans.append(list(tiles)))
    flight.see(1.0, size_px=(3840, 2160))
    assert len(plans) == 1  # it lasts for some frames
    first = plans[0][0]
    flight.see(0.4, size_px=(3840, 2160), tiles=(first,))
    assert len(plans) == 2
    assert flight.looks[-1].tiles == (first,)
    assert first not in plans[-1]  # that ground has been looked at closely
    flight.vehicle.telemetry.armed = False
    flight.see(3.0, size_px=(3840, 2160))
    assert len(plans) == 2


def test_the_age_of_frames_is_told_and_those_lost_are_counted_over_restarts(flight: Flight) -> None:
    flight.see(1.0, dropped=7)
    assert flight.watch.frame_age_s == pytest.approx(0.12)
    flight.watch.start_with(Ready("ember", "0" * 64, 0.3, 448, "cpu"))
    assert flight.watch.frames_dropped == 7
    flight.see(1.0, dropped=2)
    assert flight.watch.frames_dropped == 9


def test_a_fire_that_good_frames_do_not_see_any_more_is_lost(flight: Flight) -> None:
    flight.see(4.0, FIRE)
    flight.see(30.0)
    assert flight.alerts[-1].state is AlertState.LOST


def test_a_picture_of_another_shape_than_the_profile_makes_blind_and_kills_nobody(flight: Flight) -> None:
    flight.vehicle.telemetry.armed = False
    flight.see(10.0, FIRE, size_px=(640, 480))
    state = flight.watch.health.state(flight.now_s)
    assert state.state is SeeingState.BLIND
    assert "640" in state.reason


def test_a_frame_that_cannot_be_worked_on_makes_blind_and_kills_nobody(
    flight: Flight, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(look: object) -> None:
        raise ArithmeticError("a singular matrix")

    monkeypatch.setattr(flight.watch._tracker, "look", broken)
    flight.see(10.0, FIRE)
    assert flight.watch.health.state(flight.now_s).state is SeeingState.BLIND
    assert len(caplog.records) == 1


def test_a_listener_that_fails_keeps_nobody_else_from_hearing_and_blinds_nobody(flight: Flight) -> None:
    def broken(_look: Look) -> None:
        raise ArithmeticError("a bug in the map")

    flight.watch.on_look.insert(0, broken)
    flight.see(4.0, FIRE)
    assert flight.looks
    assert flight.changes
    assert flight.watch.health.state(flight.now_s).state is SeeingState.SEEING


async def test_an_alert_that_the_disk_refuses_is_tried_again(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Alert] = []
    refusals = [OutboxError("no room"), OutboxError("no room")]

    def put(alert: Alert, media: object, record: object) -> bool:
        if refusals:
            raise refusals.pop()
        kept.append(alert)
        return True

    monkeypatch.setattr("edge.watch.KEEP_RETRY_S", 0.01)
    monkeypatch.setattr(flight.watch._outbox, "put_alert", put)
    flight.see(2.0, FIRE)
    waiting = flight.watch._to_keep.qsize()
    keeping = asyncio.create_task(flight.watch._keep_alerts())
    async with asyncio.timeout(10):
        while len(kept) < waiting:
            await asyncio.sleep(0.01)
    keeping.cancel()
    assert [alert.revision for alert in kept] == list(range(1, waiting + 1))


def test_alerts_that_the_disk_does_not_take_make_room_for_newer_ones(flight: Flight) -> None:
    queue = flight.watch._to_keep
    flight.see(4.0, FIRE)
    while not queue.full():
        queue.put_nowait(queue.get_nowait())
        queue.put_nowait(queue._queue[0])  # type: ignore[attr-defined]
    flight.see(30.0, FIRE)
    assert queue.full()
    newest = flight.alerts[-1]
    assert newest.last_seen_at > newest.first_seen_at


ZONE = """
[[agent.zones]]
name = "kiln 3"
reason = "kiln"
polygon = [[-35.366, 149.161], [-35.366, 149.169], [-35.360, 149.169], [-35.360, 149.161]]
"""


@pytest.fixture
def zoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flight]:
    monkeypatch.setattr("tests.edge.watched_flight.CONFIG", CONFIG + ZONE)
    with Outbox(tmp_path / "outbox.db") as outbox:
        flown = Flight(tmp_path, outbox, monkeypatch)
        flown.vehicle.telemetry.armed = True
        yield flown


def test_a_fire_in_an_ignore_zone_raises_no_alert_is_kept_clear_of_and_stays_visible(zoned: Flight) -> None:
    quiet: list[HotspotChange] = []
    zoned.watch.on_quiet.append(quiet.append)
    zoned.see(6.0, FIRE)
    assert (zoned.alerts, zoned.changes) == ([], [])
    assert quiet
    (one,) = zoned.watch.zones.suppressed
    assert (one.zone, one.hotspot_id) == ("kiln 3", quiet[0].hotspot.id)
    zoned.see(30.0)
    assert zoned.alerts == []
    assert quiet[-1].kind == "lost"


def test_what_was_told_before_its_place_was_known_to_be_in_a_zone_is_told_of_to_its_end(
    zoned: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as open_ground:
        open_ground.setattr(zoned.watch.zones, "_zones", [])
        zoned.see(4.0, FIRE)
    zoned.see(30.0)
    alerts = zoned.alerts
    assert [alerts[0].state, alerts[-1].state] == [AlertState.CONFIRMED, AlertState.LOST]
    assert zoned.watch.zones.suppressed == []


def test_an_alert_tells_how_large_its_fire_is(flight: Flight) -> None:
    flight.see(60.0, FIRE)
    alert = flight.alerts[-1]
    assert alert.area_m2 is not None
    assert alert.area_sigma_m2 is not None
    # 40 px of a camera whose pixels are 0.14 m wide there: some 5 m across.
    assert 10.0 < alert.area_m2 < 40.0
    assert 0.0 < alert.area_sigma_m2 < alert.area_m2
    assert alert.growth_m2_per_min is None
