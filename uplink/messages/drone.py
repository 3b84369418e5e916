"""What a drone says of itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from uplink.messages.base import DroneId, LatDeg, LonDeg, Message, Position, Sha256, UtcTime
from uplink.messages.order import OrderKind, OrderResult, PatrolRef

AlarmText = Annotated[str, Field(max_length=256)]
GpsFix = Literal["none", "2D", "3D", "DGPS", "RTK float", "RTK fixed", "static", "PPP"]


class ControlState(StrEnum):
    """Whether the agent may command the vehicle now."""

    HANDS_OFF = "hands off"
    GRANTED = "granted"
    READ_ONLY = "read only"


class SeeingState(StrEnum):
    """Whether the agent would see a fire if there was one. Degraded: it would, but not as well as it was set
    up to, or something is about to go wrong."""

    SEEING = "seeing"
    DEGRADED = "degraded"
    BLIND = "blind"


class DegradedKind(StrEnum):
    """Why an agent that sees is not as it should be."""

    SLOW = "slow"
    COVERED = "partly covered"
    COLOUR = "colour camera blind"
    THERMAL = "thermal camera blind"
    RESTARTED = "vision restarted"
    TELEMETRY = "no telemetry"
    UPLOAD = "no upload"
    HOT = "hot"
    THROTTLED = "throttled"
    SUPPLY = "low voltage"
    MEMORY = "little memory"
    OWN_MEMORY = "large"
    DISK = "little disk"
    CLOCK = "wrong clock"
    SENSORS = "unreadable"


class DegradedReason(Message):
    """One thing that is wrong and does not make the agent blind."""

    kind: DegradedKind
    value: float = Field(
        description="frames a second (slow), percent of the picture (partly covered), restarts in ten "
        "minutes (vision restarted), °C (hot), MB (little memory, large, little disk), seconds (no "
        "telemetry, no upload, wrong clock, unreadable); 1 of what is only so or not"
    )
    since: UtcTime
    words: str = Field(max_length=64, description="what the pilot reads of it")


class AgentHealth(Message):
    """What an agent's state is judged by. Ages are in seconds; none is *never yet* or *not known here*."""

    frame_age_s: float | None = Field(None, ge=0, description="since the camera gave a frame")
    look_age_s: float | None = Field(
        None,
        ge=0,
        description="since the exposure of the latest frame that was looked at and proves anything",
    )
    pose_age_s: float | None = Field(
        None, ge=0, description="since the exposure of the latest frame that could be placed"
    )
    telemetry_age_s: float | None = Field(None, ge=0, description="since the autopilot was heard")
    upload_age_s: float | None = Field(None, ge=0, description="since the station answered")
    vision_restarts: int = Field(0, ge=0, description="of the vision process since the agent started")
    temperature_c: float | None = Field(None, description="of the computer's hottest part that computes")
    throttled: bool | None = Field(None, description="the processor is slowed down now")
    under_voltage: bool | None = Field(None, description="the computer's supply is too low now")
    memory_free_mb: float | None = Field(None, ge=0, description="of the computer")
    agent_memory_mb: float | None = Field(None, ge=0, description="of the agent's two processes, resident")
    disk_free_mb: float | None = Field(None, ge=0, description="where its data folder is")
    clock_synchronised: bool | None = Field(
        None, description="the computer's clock is kept right by a time service"
    )
    clock_off_s: float | None = Field(
        None, description="the computer's clock against GNSS time, by way of the autopilot"
    )


class PatrolPhase(StrEnum):
    """Where a patrol is between its file and its landing."""

    WAITING = "waiting"
    READY = "ready"
    FLYING = "flying"
    PAUSED = "paused"
    LOOKING_AGAIN = "looking again"
    RETURNING = "returning"
    DONE = "done"
    INTERRUPTED = "interrupted"


class PatrolProgress(Message):
    """How far a patrol has come, and whether what flies is what is shown."""

    name: str = Field(max_length=128)
    sent: PatrolRef | None = Field(
        None, description="which of the station's patrols it is; none: one of the drone's own configuration"
    )
    phase: PatrolPhase
    flight: int = Field(1, ge=1, description="which of the patrol's flights is next or under way")
    flights: int = Field(1, ge=1, description="with a battery swap between them")
    item: int | None = Field(None, ge=0, description="the mission item under way")
    items: int = Field(0, ge=0, description="mission items of the whole patrol")
    pass_number: int = Field(1, ge=1, description="a patrol that repeats counts its flights")
    next_start: UtcTime | None = Field(None, description="of a scheduled patrol that waits")
    coverage_percent: float | None = Field(
        None, ge=0, le=100, description="of the patrol's area, ground seen in this pass"
    )
    plan_aboard_sha256: Sha256 | None = Field(None, description="over the items read back from the autopilot")
    plan_matches: bool | None = Field(None, description="aboard equals shown; none while nobody knows")


class ResponsePhase(StrEnum):
    """Where *look again* is."""

    IDLE = "idle"
    ASKED = "asked"
    FLYING_THERE = "flying there"
    LOOKING = "looking"
    RETURNING = "returning"
    GIVEN_UP = "given up"


class ResponseState(Message):
    """What the drone does about an alert by itself, or would do if it were allowed to."""

    phase: ResponsePhase
    alert_id: UUID | None = None
    tip_id: UUID | None = Field(None, description="of a look that a person sent it to: for which tip")
    reason: str = Field("", max_length=256, description="why it was given up")


class SentStage(StrEnum):
    """Where an order that takes the drone somewhere is. ``there``: it stays, until another order."""

    GOING = "going"
    CIRCLING = "circling"
    THERE = "there"
    RETURNING = "returning"
    LANDING = "landing"


class SentState(Message):
    """What the drone is about for a person who sent it, apart from its patrol and from looking."""

    order_id: UUID
    kind: OrderKind
    stage: SentStage
    place: Position | None = Field(
        None, description="where to, with the height to fly at; of an orbit: the middle"
    )
    radius_m: float | None = Field(None, gt=0, description="of an orbit")
    detail: str = Field(
        "", max_length=256, description="what there is to say of it, as of an arc that it flies"
    )


class BatteryHealth(Message):
    """How long the battery lasts, and whether that brings the drone home."""

    voltage_v: float | None = Field(None, ge=0)
    current_a: float | None = Field(None, ge=0)
    left_s: float | None = Field(None, ge=0, description="until it is empty, as things are now")
    left_by: Literal["autopilot", "consumption"] | None = Field(
        None, description="who says so: the autopilot, or what it has used up in the last minutes of flight"
    )
    home_s: float | None = Field(
        None, ge=0, description="the way home with the landing, reckoned against the wind as it is known"
    )
    reaches_home: Literal["yes", "into the reserve", "no"] | None = Field(
        None, description="none where it cannot be known"
    )


class GpsHealth(Message):
    """What the autopilot's satellite receiver says."""

    fix: GpsFix
    satellites: int | None = Field(None, ge=0)


class RadioHealth(Message):
    """Strength of radios, as far as the drone hears of it: percent of the radio's own scale."""

    rc_percent: float | None = Field(
        None, ge=0, le=100, description="the pilot's remote control, at the drone"
    )
    telemetry_percent: float | None = Field(
        None, ge=0, le=100, description="a telemetry radio on the agent's link (RADIO_STATUS), at the drone"
    )
    telemetry_remote_percent: float | None = Field(
        None, ge=0, le=100, description="the same, at its other end"
    )


class TrafficReport(Message):
    """Another aircraft that comes close enough to be warned of."""

    icao: str = Field(max_length=8, description="its ICAO 24-bit address, hexadecimal")
    callsign: str = Field("", max_length=16)
    emitter: str = Field("", max_length=64, description="what it says it is, as in 'rotorcraft'")
    lat_deg: LatDeg
    lon_deg: LonDeg
    alt_amsl_m: float | None = None
    pressure_altitude: bool = Field(
        False, description="its height is by air pressure and may be off by 100 m and more"
    )
    distance_m: float = Field(ge=0, description="over ground, now")
    bearing_deg: float = Field(ge=0, lt=360, description="from the drone, true north")
    cpa_distance_m: float = Field(ge=0, description="over ground, at the closest point of approach")
    cpa_height_m: float | None = Field(None, description="how far above the drone it will be then")
    cpa_in_s: float = Field(ge=0, description="until the closest point of approach")
    track_deg: float | None = Field(None, ge=0, lt=360, description="where it flies to, true north")
    speed_m_s: float = Field(0.0, ge=0, description="over ground")


class PreflightLine(Message):
    """One check before flight."""

    name: str = Field(max_length=64)
    passed: bool | None = Field(description="none while it could not be checked")
    detail: str = Field("", max_length=256, description="what was measured, or why it did not pass")


class LinkHealth(Message):
    """How the agent's link to the autopilot fares. Counts are since the agent started."""

    received: int = Field(ge=0, description="messages, of everybody on the link")
    lost_percent: float | None = Field(
        ge=0,
        le=100,
        description="of the autopilot's messages, by the gaps in their numbers; none before the first",
    )
    unreadable: int = Field(ge=0, description="runs of bytes that were no message")
    refused: int = Field(ge=0, description="messages whose signature did not hold, on a signed link")
    unsent: int = Field(ge=0, description="messages of the agent that the link did not take")


class OutboxHealth(Message):
    """What the outbox had to give up. What only waits in it is ``alerts_waiting``."""

    refused: int = Field(
        ge=0, description="alerts and pictures among the dead letters: the station refused them for good"
    )
    refused_reason: str = Field("", max_length=256, description="of the latest of them")
    pictures_dropped: int = Field(
        ge=0, description="since the agent started, never sent: the disk or its share of it was full"
    )
    pictures_waiting: int = Field(
        0, ge=0, description="not yet at the station: there was no time, or the link is metered"
    )


class SuppressedHotspot(Message):
    """Something that burns where the site's configuration says that it may: it raised no alert."""

    hotspot_id: UUID = Field(description="the alert's, if it ever raises one")
    zone: str = Field(max_length=64, description="the ignore zone that it is in")
    reason: str = Field(max_length=64, description="why fire is allowed there, as in `kiln`")
    label: Literal["fire", "smoke"]
    position: Position
    last_seen_at: UtcTime = Field(description="capture time of the latest sighting")


class CameraView(Message):
    """Where a camera looks."""

    azimuth_deg: float = Field(ge=0, lt=360, description="of the boresight, true north")
    elevation_deg: float = Field(ge=-90, le=90, description="of the boresight above the horizontal")
    hfov_deg: float = Field(gt=0, le=360, description="across the picture")


class Wind(Message):
    """The autopilot's own estimate, at the drone."""

    from_deg: float = Field(ge=0, lt=360, description="where it blows from, true north")
    speed_m_s: float = Field(ge=0)


class DroneState(Message):
    """The latest that a drone says of itself; each replaces the one before."""

    drone_id: DroneId
    at: UtcTime
    run: UUID | None = Field(None, description="made anew each time that the agent starts")
    clock_s: float | None = Field(
        None, ge=0, description="when it was said, by a clock that counts from the computer's start"
    )
    order_sequence: int = Field(0, ge=0, le=2**52, description="of the latest order that it has taken")
    name: str = Field("", max_length=128)
    fixed: bool = Field(False, description="a camera on a mast or a roof: there is no vehicle to order")
    linked: bool = Field(description="the autopilot's heartbeat is fresh")
    position: Position | None = None
    height_home_m: float | None = None
    height_agl_m: float | None = None
    heading_deg: float | None = Field(None, ge=0, lt=360)
    ground_speed_m_s: float | None = Field(None, ge=0)
    mode: str = Field("", max_length=32)
    armed: bool | None = None
    battery_percent: float | None = Field(None, ge=0, le=100)
    battery: BatteryHealth | None = None
    gps: GpsHealth | None = None
    radio: RadioHealth | None = None
    home_distance_m: float | None = Field(None, ge=0, description="over ground")
    flight_time_s: float | None = Field(None, ge=0, description="since it was armed; none on the ground")
    station_round_trip_s: float | None = Field(
        None, ge=0, description="of the latest state that the station has answered"
    )
    mission_item: int | None = None
    control: ControlState = ControlState.HANDS_OFF
    control_reason: str = Field("", max_length=256)
    objection: str = Field("", max_length=256, description="what stands against a grant; empty is nothing")
    veto: str = Field("", max_length=256, description="why the pilot's switch forbids commands, if it does")
    granted_by: str = Field("", max_length=64, description="who gave the grant that is in force")
    grant_channel: int | None = Field(
        None, description="of the pilot's radio, whose switch gives the grant as well"
    )
    seeing: SeeingState = SeeingState.BLIND
    blind_reason: str = Field("", max_length=256)
    blind_since: UtcTime | None = None
    degraded: list[DegradedReason] = Field(
        default_factory=list, max_length=16, description="what else is wrong, also while it is blind"
    )
    health: AgentHealth | None = None
    frames_per_s: float | None = Field(None, ge=0)
    inference_ms: float | None = Field(None, ge=0, description="of one whole frame")
    tiles_per_s: float | None = Field(None, ge=0, description="parts of frames that are looked at closely")
    frame_age_s: float | None = Field(
        None, ge=0, description="of the latest frame, from its exposure until it had been looked at"
    )
    frames_dropped: int = Field(
        0, ge=0, description="came and were never looked at, because newer ones did before there was time"
    )
    footprint: list[tuple[LonDeg, LatDeg]] = Field(
        default_factory=list, max_length=32, description="ground that the camera sees now, a ring of lon, lat"
    )
    view: CameraView | None = Field(None, description="of its camera at the latest frame")
    wind: Wind | None = None
    alerts_waiting: int = Field(0, ge=0, description="in the outbox, not yet at the station")
    outbox: OutboxHealth | None = None
    link: LinkHealth | None = None
    firmware: str = Field("", max_length=64, description="the autopilot's, with its version")
    agent: str = Field("", max_length=64, description="the version of what tells this")
    alarms: list[AlarmText] = Field(
        default_factory=list, max_length=8, description="the vehicle's own, and a damaged outbox"
    )
    patrol: PatrolProgress | None = None
    response: ResponseState | None = None
    sent: SentState | None = None
    traffic: list[TrafficReport] = Field(
        default_factory=list, max_length=16, description="the most urgent first"
    )
    preflight: list[PreflightLine] = Field(default_factory=list, max_length=24)
    suppressed: list[SuppressedHotspot] = Field(
        default_factory=list, max_length=16, description="hotspots in ignore zones, last seen first"
    )
    suppressed_ever: int = Field(0, ge=0, description="hotspots in ignore zones since the agent started")
    orders: list[OrderResult] = Field(
        default_factory=list, max_length=12, description="what became of the latest orders, the newest last"
    )


class PatrolRoute(Message):
    """The plan that a drone flies, for the map."""

    drone_id: DroneId
    name: str = Field(max_length=128)
    plan_sha256: str = Field(max_length=64)
    aboard: bool = Field(description="read back from the autopilot and equal to the file")
    route: list[tuple[LonDeg, LatDeg]] = Field(max_length=2000)
