"""What the drone tells the station of itself, as a virtual copter is flown."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from edge.geometry.optics import Camera
from edge.hotspots.hotspot import Look
from edge.telling.drone_state import drone_state
from flight.link import AUTOPILOT_COMPONENT, mavlink
from flight.plans.items import Command
from flight.signing import Verdict
from flight.telemetry import WindSample
from tests.edge.flying.simulation import (
    HOME,
    Companion,
    hotspot,
    in_simulation_time,
    now_s,
    place,
    scene,
    until,
)
from tests.edge.ground_truth import pose_at
from tests.uplink.makers import make_alert
from uplink.messages import (
    AgentHealth,
    DroneState,
    OrderKind,
    OutboxHealth,
    PatrolPhase,
    Position,
    ResponsePhase,
    SeeingState,
    SentStage,
)

CAMERA = Camera.load("generic_78")


def state(companion: Companion) -> DroneState:
    """As it crosses the wire."""
    told = drone_state(
        companion.config,
        companion.vehicle,
        companion.watch,
        companion.deck,
        companion.outbox,
        CAMERA,
        None,
        AgentHealth(),
        now_s(),
    )
    return DroneState.model_validate_json(told.model_dump_json())


@in_simulation_time
async def test_on_the_ground_it_tells_of_its_preflight_and_its_plan(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        await companion.ready()
        told = state(companion)
        assert (told.armed, told.linked, told.seeing) == (False, True, SeeingState.SEEING)
        assert len(told.preflight) > 10
        assert told.patrol is not None
        assert (told.patrol.phase, told.patrol.plan_matches, told.patrol.items) == (
            PatrolPhase.READY,
            True,
            8,
        )
        assert told.response is not None
        assert told.response.phase is ResponsePhase.IDLE


@in_simulation_time
async def test_it_tells_of_its_links_what_was_lost_and_what_was_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        await companion.ready()
        before = state(companion).link
        assert before is not None
        assert before.lost_percent == 0
        await asyncio.sleep(1.0)
        link = companion.vehicle.link
        assert link.system_id is not None
        link.counts.senders[link.system_id, AUTOPILOT_COMPONENT].lost = 10**6
        link.counts.refused[Verdict.WRONG_KEY] += 3
        link.receive(b"no message at all", ("127.0.0.1", 9))
        companion.outbox.put_alert(make_alert())
        item = companion.outbox.next_item()
        assert item is not None
        companion.outbox.mark_refused(item, "HTTP 422: too old")
        told = state(companion)
        assert told.link is not None
        assert told.link.received > before.received
        assert told.link.lost_percent is not None
        assert told.link.lost_percent > 50
        assert (told.link.refused, told.link.unreadable) == (3, link.bad_data)
        assert link.bad_data > 0
        assert told.outbox == OutboxHealth(refused=1, refused_reason="HTTP 422: too old", pictures_dropped=0)
        assert told.firmware == "ArduCopter 4.6.3"
        assert told.alarms == []
        companion.outbox._file.aside = [tmp_path / "outbox.db.corrupt-1"]
        (alarm,) = state(companion).alarms
        assert "outbox.db.corrupt-1" in alarm


@in_simulation_time
async def test_in_flight_it_tells_of_item_look_again_and_the_last_orders(tmp_path: Path) -> None:
    async with scene(tmp_path, look_again="ask") as (_, companion):
        await companion.flies()
        fire = hotspot(300.0, 130.0)
        companion.look_again.changed(fire)
        await asyncio.sleep(1.0)
        told = state(companion)
        assert told.patrol is not None
        assert (told.patrol.phase, told.patrol.item) == (PatrolPhase.FLYING, 4)
        assert told.response is not None
        assert (told.response.phase, told.response.alert_id) == (ResponsePhase.ASKED, fire.hotspot.id)
        assert told.preflight == []
        assert [result.kind for result in told.orders][-1] is OrderKind.START
        assert (told.control.value, told.granted_by) == ("granted", "Ann")

        await companion.do(OrderKind.LOOK_AGAIN, alert_id=fire.hotspot.id)
        await until(lambda: companion.flight.phase is PatrolPhase.LOOKING_AGAIN, 5.0)
        told = state(companion)
        assert told.response is not None
        assert told.response.phase is ResponsePhase.FLYING_THERE


@in_simulation_time
async def test_a_no_to_a_look_again_needs_no_grant(tmp_path: Path) -> None:
    async with scene(tmp_path, look_again="ask") as (_, companion):
        await companion.flies()
        fire = hotspot(300.0, 130.0)
        companion.look_again.changed(fire)
        await asyncio.sleep(1.0)
        refused = await companion.order(OrderKind.LOOK_AGAIN, alert_id=None)
        assert "nobody asks" in refused.reason
        await companion.do(OrderKind.NO_LOOK, alert_id=fire.hotspot.id)
        told = state(companion)
        assert told.response is not None
        assert (told.response.phase, told.response.reason) == (ResponsePhase.IDLE, "declined")


@in_simulation_time
async def test_blind_it_says_why_and_since_when_and_claims_no_footprint(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        await companion.ready()
        companion.watch.pose = pose_at(height_m=60.0, pitch_deg=-45.0)
        assert state(companion).footprint
        companion.sees = False
        await asyncio.sleep(8.0)
        told = state(companion)
        assert (told.seeing, told.blind_reason) == (SeeingState.BLIND, "no fresh frame is looked at")
        assert told.blind_since is not None
        assert told.footprint == []


@in_simulation_time
async def test_another_plan_aboard_is_not_the_plan_shown(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        await companion.ready()
        items = [
            item for item in companion.flight.progress.part.items if item.command != Command.DO_CHANGE_SPEED
        ]
        await companion.vehicle.missions.upload(
            [
                type(item)(seq, *[getattr(item, n) for n in item.__slots__[1:]])
                for seq, item in enumerate(items)
            ]
        )
        told = state(companion)
        assert told.patrol is not None
        assert told.patrol.plan_matches is False


@in_simulation_time
async def test_the_share_of_the_area_that_was_seen_is_told(tmp_path: Path) -> None:
    from dataclasses import replace
    from datetime import UTC, datetime

    async with scene(tmp_path) as (_, companion):
        area = [(-35.3631, 149.1651), (-35.3631, 149.1653), (-35.3634, 149.1653), (-35.3634, 149.1651)]
        companion.flight.patrol = replace(companion.flight.patrol, area=area)
        companion.deck.searched.coverage.look(
            Look(1.0, datetime(2026, 1, 1, tzinfo=UTC), pose_at(height_m=90.0, pitch_deg=-90.0), CAMERA, ())
        )
        await asyncio.sleep(16.0)
        told = state(companion)
        assert told.patrol is not None
        assert told.patrol.coverage_percent is not None
        assert np.isclose(told.patrol.coverage_percent, 100.0)


@in_simulation_time
async def test_it_tells_of_the_wind_while_the_autopilot_does_and_of_where_the_camera_looks(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as (_, companion):
        await companion.ready()
        assert state(companion).view is None
        companion.watch.pose = pose_at(0.0, 0.0, height_m=60.0, pitch_deg=-40.0)
        companion.vehicle.telemetry.wind = WindSample(now_s(), 270.0, 6.5)
        told = state(companion)
        assert told.view is not None
        assert told.view.elevation_deg == pytest.approx(-40.0, abs=0.1)
        assert told.view.hfov_deg == pytest.approx(CAMERA.hfov_deg)
        assert told.wind is not None
        assert (told.wind.from_deg, told.wind.speed_m_s) == (270.0, 6.5)
        companion.vehicle.telemetry.wind = WindSample(now_s() - 60.0, 270.0, 6.5)
        assert state(companion).wind is None


@in_simulation_time
async def test_in_flight_it_tells_of_its_battery_satellites_way_home_and_what_it_was_sent_to(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as (_, companion):
        await companion.ready()
        assert state(companion).flight_time_s is None
        await companion.flies()
        strength = mavlink.MAVLink_radio_status_message(127, 255, 99, 0, 0, 0, 0)
        companion.vehicle.radio.handle(strength, now_s())
        await asyncio.sleep(30.0)
        told = state(companion)
        assert told.flight_time_s is not None
        assert told.flight_time_s > 30.0
        assert told.home_distance_m is not None
        assert told.home_distance_m > 50.0
        assert told.gps is not None
        assert told.gps.fix == "3D"
        assert told.radio is None or told.radio.telemetry_percent is None, "not heard lately"
        assert told.battery is not None
        assert told.battery.home_s is not None
        assert told.battery.home_s > told.home_distance_m / 8.0
        assert (told.battery.left_by is None) == (told.battery.left_s is None)
        companion.vehicle.radio.handle(strength, now_s())
        radio = state(companion).radio
        assert radio is not None
        assert (radio.telemetry_percent, radio.telemetry_remote_percent) == (50.0, None)
        lat_deg, lon_deg = place(-200.0, 300.0)
        there = Position(lat_deg=lat_deg, lon_deg=lon_deg)
        going = asyncio.create_task(
            companion.order(OrderKind.GO_TO, place=there, height_m=50.0, height_above="home")
        )
        await until(lambda: state(companion).sent is not None, 10.0)
        sent = state(companion).sent
        assert sent is not None
        assert (sent.kind, sent.stage) == (OrderKind.GO_TO, SentStage.GOING)
        assert sent.place is not None
        assert sent.place.lat_deg == lat_deg
        assert sent.place.alt_amsl_m == pytest.approx(HOME.alt_amsl_m + 50.0, abs=1.0)
        going.cancel()
