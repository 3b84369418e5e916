"""What the drone tells the station of itself, several times a second."""

from __future__ import annotations

import functools
import importlib.metadata
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from edge.config.file import AgentConfig
from edge.flying.around import fresh_wind
from edge.flying.deck import FlightDeck
from edge.flying.endurance import home_s, reaches
from edge.flying.look_again import fresh_battery_percent
from edge.flying.situation import Phase
from edge.geometry.footprint import footprint
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose
from edge.health.degraded import Reason
from edge.hotspots.zones import Suppressed
from edge.watch import Watch
from flight.link import AUTOPILOT_COMPONENT, mavlink
from flight.missions import fingerprint
from flight.plans.fence import distance_m
from flight.terrain import Terrain
from flight.traffic import TrafficWarning
from flight.vehicle import Vehicle
from uplink.messages import (
    AgentHealth,
    BatteryHealth,
    CameraView,
    ControlState,
    DegradedReason,
    DroneState,
    GpsFix,
    GpsHealth,
    LinkHealth,
    OutboxHealth,
    PatrolProgress,
    Position,
    RadioHealth,
    ResponsePhase,
    ResponseState,
    SuppressedHotspot,
    TrafficReport,
    Wind,
)
from uplink.outbox import Outbox

FOOTPRINT_RANGE_M = 600.0
WIND_STALE_S = 30.0
RC_FRESH_S = 5.0
MOST_TRAFFIC, MOST_LINES, MOST_ALARMS, MOST_SUPPRESSED = 16, 24, 8, 16

_RESPONSE = {
    Phase.IDLE: ResponsePhase.IDLE,
    Phase.ASKED: ResponsePhase.ASKED,
    Phase.GOING: ResponsePhase.FLYING_THERE,
    Phase.LOOKING: ResponsePhase.LOOKING,
    Phase.GOING_BACK: ResponsePhase.RETURNING,
    Phase.RETURNING: ResponsePhase.RETURNING,
}


def drone_state(
    config: AgentConfig,
    vehicle: Vehicle,
    watch: Watch,
    deck: FlightDeck,
    outbox: Outbox,
    camera: Camera,
    terrain: Terrain | None,
    health: AgentHealth,
    now_s: float,
) -> DroneState:
    """All of it, as of ``now_s`` (monotonic)."""
    telemetry, arbiter = vehicle.telemetry, vehicle.arbiter
    position = telemetry.position
    place = None
    if position is not None:
        place = Position(lat_deg=position.lat_deg, lon_deg=position.lon_deg, alt_amsl_m=position.alt_amsl_m)
    ring: list[tuple[float, float]] = []
    if not watch.seeing(now_s).reason and watch.pose is not None:
        ring = footprint(watch.pose, camera, terrain, max_range_m=FOOTPRINT_RANGE_M)
    facts = watch_facts(config, watch, outbox, health, now_s)
    return DroneState(
        linked=telemetry.linked,
        position=place,
        height_home_m=position.height_home_m if position else None,
        height_agl_m=_height_agl_m(vehicle, terrain),
        heading_deg=telemetry.heading_deg,
        ground_speed_m_s=telemetry.ground_speed_m_s,
        mode=telemetry.mode,
        armed=telemetry.armed,
        battery_percent=telemetry.battery_percent,
        battery=_battery(config, vehicle, deck, now_s),
        gps=_gps(vehicle),
        radio=_radio(vehicle, now_s),
        home_distance_m=_home_distance_m(vehicle),
        flight_time_s=deck.battery_use.flight_time_s(now_s),
        mission_item=telemetry.mission_item,
        control=ControlState(arbiter.control),
        control_reason=arbiter.reason[:256],
        objection=arbiter.objection(now_s)[:256],
        veto=arbiter.veto[:256],
        granted_by=arbiter.granted_by[:64],
        grant_channel=config.control.grant_channel,
        footprint=ring,
        view=None if watch.pose is None else camera_view(watch.pose, camera),
        wind=_wind(vehicle, now_s),
        link=_link(vehicle),
        firmware=_firmware(vehicle),
        alarms=[alarm[:256] for alarm in [*facts.pop("alarms"), *vehicle.alarms][:MOST_ALARMS]],
        patrol=_patrol(deck, vehicle),
        response=_response(deck),
        sent=deck.sender.state,
        traffic=[_traffic(warning) for warning in deck.traffic[:MOST_TRAFFIC]],
        preflight=[] if telemetry.armed else deck.preflight[:MOST_LINES],
        orders=deck.desk.results,
        **facts,
    )


def watch_facts(
    config: AgentConfig, watch: Watch, outbox: Outbox, health: AgentHealth, now_s: float
) -> dict[str, Any]:
    """The fields of a state that are the same whatever carries the camera."""
    seeing = watch.seeing(now_s)
    utc = datetime.now(tz=UTC)
    return {
        "drone_id": config.drone.id,
        "name": config.drone.name,
        "agent": _agent_version(),
        "at": utc,
        "seeing": seeing.state,
        "blind_reason": seeing.reason,
        "blind_since": utc - timedelta(seconds=now_s - seeing.since_s) if seeing.reason else None,
        "degraded": [_degraded(reason, utc, now_s) for reason in seeing.degraded],
        "health": health,
        "frames_per_s": watch.frames_per_s.per_s(now_s),
        "inference_ms": watch.inference_ms,
        "tiles_per_s": watch.tiles_per_s.per_s(now_s),
        "frame_age_s": watch.frame_age_s,
        "frames_dropped": watch.frames_dropped,
        "alerts_waiting": outbox.waiting(),
        "outbox": _outbox(outbox),
        "alarms": [alarm[:256] for alarm in outbox.alarms()],
        "suppressed": [_suppressed(one) for one in watch.zones.suppressed[:MOST_SUPPRESSED]],
        "suppressed_ever": watch.zones.suppressed_ever,
    }


def _degraded(reason: Reason, utc: datetime, now_s: float) -> DegradedReason:
    return DegradedReason(
        kind=reason.kind,
        value=reason.value,
        since=utc - timedelta(seconds=now_s - reason.since_s),
        words=reason.words,
    )


@functools.cache
def _agent_version() -> str:
    try:
        return importlib.metadata.version("emberwatch")
    except importlib.metadata.PackageNotFoundError:
        return ""  # run from a folder that was never installed


def _suppressed(one: Suppressed) -> SuppressedHotspot:
    return SuppressedHotspot(
        hotspot_id=one.hotspot_id,
        zone=one.zone,
        reason=one.reason,
        label=one.label,
        position=Position(lat_deg=one.lat_deg, lon_deg=one.lon_deg),
        last_seen_at=one.last_seen_at,
    )


def camera_view(pose: Pose, camera: Camera) -> CameraView:
    """Where the camera looks."""
    return CameraView(
        azimuth_deg=pose.look_azimuth_deg % 360.0,
        elevation_deg=pose.look_elevation_deg,
        hfov_deg=camera.hfov_deg,
    )


def _wind(vehicle: Vehicle, now_s: float) -> Wind | None:
    wind = vehicle.telemetry.wind
    if wind is None or now_s - wind.received_s > WIND_STALE_S:
        return None
    return Wind(from_deg=wind.from_deg, speed_m_s=max(0.0, wind.speed_m_s))


def _height_agl_m(vehicle: Vehicle, terrain: Terrain | None) -> float | None:
    position = vehicle.telemetry.position
    if position is None or terrain is None:
        return None
    ground_m = float(terrain.height_amsl_m(np.array([position.lat_deg]), np.array([position.lon_deg]))[0])
    return None if np.isnan(ground_m) else position.alt_amsl_m - ground_m


def _battery(config: AgentConfig, vehicle: Vehicle, deck: FlightDeck, now_s: float) -> BatteryHealth | None:
    telemetry = vehicle.telemetry
    said, position, home = telemetry.battery, telemetry.position, telemetry.home
    said_s = None if said is None else said.time_remaining_s
    used_s = deck.battery_use.left_s()
    left_s = used_s if said_s is None else said_s
    way_s = None
    if position is not None and home is not None and telemetry.armed:
        here = (position.lat_deg, position.lon_deg, position.alt_amsl_m)
        way_s = home_s(here, home, fresh_wind(vehicle, now_s))
    if said is None and left_s is None and way_s is None:
        return None
    percent = fresh_battery_percent(vehicle, now_s)
    return BatteryHealth(
        voltage_v=None if said is None else said.voltage_v,
        current_a=None if said is None else said.current_a,
        left_s=left_s,
        left_by=None if left_s is None else "consumption" if said_s is None else "autopilot",
        home_s=way_s,
        reaches_home=reaches(left_s, percent, way_s, config.limits.reserve_percent),
    )


_FIXES: dict[int, GpsFix] = {
    mavlink.GPS_FIX_TYPE_2D_FIX: "2D",
    mavlink.GPS_FIX_TYPE_3D_FIX: "3D",
    mavlink.GPS_FIX_TYPE_DGPS: "DGPS",
    mavlink.GPS_FIX_TYPE_RTK_FLOAT: "RTK float",
    mavlink.GPS_FIX_TYPE_RTK_FIXED: "RTK fixed",
    mavlink.GPS_FIX_TYPE_STATIC: "static",
    mavlink.GPS_FIX_TYPE_PPP: "PPP",
}


def _gps(vehicle: Vehicle) -> GpsHealth | None:
    telemetry = vehicle.telemetry
    if telemetry.gps_fix_type is None:
        return None
    return GpsHealth(fix=_FIXES.get(telemetry.gps_fix_type, "none"), satellites=telemetry.satellites)


def _radio(vehicle: Vehicle, now_s: float) -> RadioHealth | None:
    telemetry, radio = vehicle.telemetry, vehicle.radio.strength(now_s)
    heard_s = telemetry.heard_s("RC_CHANNELS")
    fresh = heard_s is not None and now_s - heard_s < RC_FRESH_S
    rc_percent = telemetry.rc_percent if fresh else None
    if radio is None and rc_percent is None:
        return None
    return RadioHealth(
        rc_percent=rc_percent,
        telemetry_percent=None if radio is None else radio.here_percent,
        telemetry_remote_percent=None if radio is None else radio.remote_percent,
    )


def _home_distance_m(vehicle: Vehicle) -> float | None:
    position, home = vehicle.telemetry.position, vehicle.telemetry.home
    if position is None or home is None:
        return None
    return distance_m(position.lat_deg, position.lon_deg, home.lat_deg, home.lon_deg)


def _outbox(outbox: Outbox) -> OutboxHealth:
    refused = outbox.refused()
    return OutboxHealth(
        refused=refused.count,
        refused_reason=refused.latest_reason[:256],
        pictures_dropped=outbox.media_dropped,
        pictures_waiting=outbox.media_waiting(),
    )


def _link(vehicle: Vehicle) -> LinkHealth:
    link = vehicle.link
    return LinkHealth(
        received=link.counts.received,
        lost_percent=None
        if link.system_id is None
        else 100.0 * link.loss(link.system_id, AUTOPILOT_COMPONENT),
        unreadable=link.bad_data,
        refused=link.counts.refused.total(),
        unsent=link.counts.unsent,
    )


def _firmware(vehicle: Vehicle) -> str:
    telemetry = vehicle.telemetry
    known = (telemetry.autopilot.name if telemetry.autopilot else "", telemetry.firmware_version)
    return " ".join(part for part in known if part)[:64]


def _patrol(deck: FlightDeck, vehicle: Vehicle) -> PatrolProgress | None:
    flight = deck.flight
    if flight is None:
        return None
    progress, aboard_sha256 = flight.progress, vehicle.missions.aboard_sha256
    matches = None if aboard_sha256 is None else aboard_sha256 == fingerprint(progress.part.items)
    return PatrolProgress(
        name=flight.patrol.name[:128],
        sent=flight.patrol.sent,
        flight=progress.record.flight + 1,
        flights=len(progress.flights),
        phase=flight.phase,
        item=progress.record.item,
        items=len(progress.plan.items) - 1,
        pass_number=progress.record.pass_number,
        next_start=deck.next_start,
        coverage_percent=deck.searched.percent,
        plan_aboard_sha256=aboard_sha256,
        plan_matches=matches,
    )


def _response(deck: FlightDeck) -> ResponseState | None:
    if deck.look_again is None:
        return None
    response, visits = deck.look_again.response, deck.look_again.visits
    return ResponseState(
        phase=_RESPONSE[response.phase],
        alert_id=None if visits.owns(response.target) else response.target,
        tip_id=visits.tip_id,
        reason=response.reason[:256],
    )


def _traffic(warning: TrafficWarning) -> TrafficReport:
    return TrafficReport(
        icao=warning.icao,
        callsign=warning.callsign,
        emitter=warning.emitter,
        lat_deg=warning.lat_deg,
        lon_deg=warning.lon_deg,
        alt_amsl_m=warning.alt_amsl_m if warning.height_known else None,
        pressure_altitude=warning.pressure_altitude,
        distance_m=warning.distance_m,
        bearing_deg=warning.bearing_deg,
        cpa_distance_m=warning.cpa_distance_m,
        cpa_height_m=warning.cpa_height_m if warning.height_known else None,
        cpa_in_s=warning.cpa_in_s,
        track_deg=warning.track_deg,
        speed_m_s=warning.speed_m_s,
    )
