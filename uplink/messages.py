"""The words on the wire between drone, station, page and incident system.

One schema serves all of them: what the drone sends is what the station stores and what the webhook
carries. Everything is WGS 84, but for readers who ask for another datum, and then it is named; every length
is in metres and says so; every time is UTC with a zone.
Unknown keys are refused, so that a typing error is an error and not a silently missing field.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _must_have_zone(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time on the wire carries its zone, as in 2026-07-01T12:00:00Z")
    return value


UtcTime = Annotated[datetime, AfterValidator(_must_have_zone)]
DroneId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
EvidenceKind = Literal["detection", "lead-up", "ground view"]
LatDeg = Annotated[float, Field(ge=-90, le=90)]
LonDeg = Annotated[float, Field(ge=-180, le=180)]
PATROL_MAX_BYTES = 4 * 1024 * 1024
"""Of all flights of a patrol together, as a drone fetches them."""
FARTHEST_LOOK_M = 5000.0
"""The largest radius of a circle that somebody may ask to be looked at."""
LARGEST_HEIGHT_M = 1000.0
"""Of a height that somebody may ask for. The drone's own ceiling is lower."""


class Message(BaseModel):
    """Base of everything on the wire: immutable, strict about unknown keys, and without NaN or infinity,
    which JSON does not have."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AlertState(StrEnum):
    """``lost`` and ``withdrawn`` are revisions of an alert like any other."""

    CONFIRMED = "confirmed"
    LOST = "lost"
    WITHDRAWN = "withdrawn"


class Position(Message):
    """A point on the ground, or above it."""

    lat_deg: LatDeg = Field(description="north is positive")
    lon_deg: LonDeg = Field(description="east is positive")
    alt_amsl_m: float | None = Field(None, description="height above mean sea level (EGM96)")
    datum: Literal["WGS84", "GCJ02"] = Field(
        "WGS84", description="drones send WGS84; readers may ask for GCJ02 and get it inside China"
    )


class ErrorEllipse(Message):
    """Where the truth lies with probability ``confidence``, as a horizontal ellipse."""

    semi_major_m: float = Field(gt=0, description="half of the longer axis")
    semi_minor_m: float = Field(gt=0, description="half of the shorter axis")
    orientation_deg: float = Field(ge=0, lt=180, description="of the major axis, clockwise from true north")
    confidence: float = Field(0.9, gt=0, lt=1, description="that the truth lies in it")


class GroundWindow(Message):
    """A patch of ground as seen from straight above, north up: the same window for every later look at it.
    The picture's middle is ``centre``; its size in pixels is the picture's own."""

    centre: Position = Field(description="of the picture, with the ground's height there")
    metres_per_px: float = Field(gt=0, description="on level ground, either way")


class Evidence(Message):
    """A picture that goes with an alert; its bytes travel apart, under their SHA-256."""

    kind: EvidenceKind = Field(
        "detection",
        description="the clearest frame on which it was found; a small frame from the seconds before it was "
        "confirmed; the ground around it, laid out from the frame that confirmed it",
    )
    sha256: Sha256 = Field(description="of its bytes, which are at `/api/v1/media/{sha256}`")
    media_type: Literal["image/jpeg"] = "image/jpeg"
    size_bytes: int = Field(gt=0, description="of the JPEG")
    width_px: int = Field(gt=0, description="of the picture")
    height_px: int = Field(gt=0, description="of the picture")
    captured_at: UtcTime = Field(description="exposure of the frame")
    box_px: tuple[float, float, float, float] | None = Field(
        None, description="the detection in this picture: x1, y1, x2, y2"
    )
    ground: GroundWindow | None = Field(None, description="of a ground view: what ground it shows")


class PoseProvenance(Message):
    """Where the camera was and looked on the frame that confirmed a hotspot, and how well that was known.
    Sigmas are 1σ."""

    at: UtcTime = Field(description="exposure of the frame")
    time_source: Literal["gnss", "companion"] = Field(description="what `at` was read from")
    position: Position = Field(description="of the camera")
    azimuth_deg: float = Field(
        ge=0, lt=360, description="of the boresight, true north; straight down: of the picture's top"
    )
    elevation_deg: float = Field(ge=-90, le=90, description="of the boresight above the horizontal")
    roll_deg: float = Field(ge=-180, le=180, description="about the boresight; positive: right side down")
    horizontal_sigma_m: float = Field(ge=0, description="along each of east and north")
    vertical_sigma_m: float = Field(ge=0, description="height above sea level")
    attitude_sigma_deg: float = Field(ge=0, description="roll and pitch, each")
    heading_sigma_deg: float = Field(ge=0, description="compass heading")
    gimbal_sigma_deg: float = Field(ge=0, description="each axis")
    time_sigma_s: float = Field(ge=0, description="of the exposure against the autopilot's time")
    camera: str = Field(max_length=128, description="the camera profile's name")
    hfov_deg: float = Field(gt=0, le=360, description="across the undistorted picture, as used")


class TerrainProvenance(Message):
    """The ground that rays were met with."""

    name: str = Field(max_length=256, description="the elevation file's, or `flat`")
    sigma_m: float = Field(ge=0, description="1σ of its heights")
    resolution_m: float = Field(gt=0, description="between its posts")
    datum: Literal["EGM96"] = Field("EGM96", description="what its heights are above, and the camera's")


class Alert(Message):
    """What a confirmed hotspot tells the world. Higher revisions of one ``id`` replace lower ones."""

    id: UUID = Field(description="made on the drone (UUIDv7) and never changed")
    revision: int = Field(ge=1, description="counts up; the highest is the alert as it is now")
    drone_id: DroneId = Field(description="who saw it")
    state: AlertState = Field(description="`withdrawn`: it should never have been told")
    label: Literal["fire", "smoke"] = Field(description="fire as soon as flames were seen")
    probability: float = Field(
        ge=0, le=1, description="that this is what the label says: the tracker's, after all looks and misses"
    )
    score: float = Field(
        ge=0,
        le=1,
        description="the best single detection's: the detector's, of one look, as the model was calibrated",
    )
    looks: int = Field(ge=1, description="frames in which it was seen")
    first_seen_at: UtcTime = Field(description="capture time of the first sighting")
    last_seen_at: UtcTime = Field(description="capture time of the latest sighting")
    confirmed_at: UtcTime = Field(description="capture time of the frame that confirmed it")
    time_source: Literal["gnss", "companion"] = Field(description="what the UTC times were read from")
    position: Position | None = Field(description="none where only a bearing is known")
    ellipse: ErrorEllipse | None = Field(description="of the position: the truth is in it with `confidence`")
    covariance_m2: tuple[float, float, float] | None = Field(
        None, description="east-east, east-north, north-north of the position, m²"
    )
    method: Literal["dem", "flat", "bearing-only"] = Field(
        description="on a terrain model, on flat ground at home's height, or no position"
    )
    slant_range_m: float | None = Field(
        None, ge=0, description="from camera to ground, of the latest sighting"
    )
    observer: Position | None = Field(None, description="where the camera was at the latest sighting")
    bearing_deg: float | None = Field(None, ge=0, lt=360, description="from observer to hotspot, true north")
    bearing_sigma_deg: float | None = Field(None, ge=0, le=180, description="1σ of bearing_deg")
    model_name: str = Field(max_length=128, description="the detector's")
    model_sha256: Sha256 = Field(description="of the detector's file")
    evidence: list[Evidence] = Field(default_factory=list, max_length=16, description="its pictures")
    pose: PoseProvenance | None = Field(None, description="of the frame that confirmed it")
    terrain: TerrainProvenance | None = Field(None, description="what ground the latest position came from")
    area_m2: float | None = Field(None, ge=0, description="of the fire on the ground, as seen so far")
    area_sigma_m2: float | None = Field(None, ge=0, description="1σ of area_m2")
    growth_m2_per_min: float | None = Field(None, description="of area_m2; negative where it shrinks")
    growth_sigma_m2_per_min: float | None = Field(None, ge=0, description="1σ of growth_m2_per_min")


class ControlState(StrEnum):
    """Whether the agent may command the vehicle now."""

    HANDS_OFF = "hands off"
    GRANTED = "granted"
    READ_ONLY = "read only"


class SeeingState(StrEnum):
    """Whether the agent would see a fire if there was one."""

    SEEING = "seeing"
    BLIND = "blind"


class OrderKind(StrEnum):
    """What people may ask of a drone. None arms by itself; land comes down where it is, and names the place
    that a person has confirmed."""

    GRANT = "grant"
    REVOKE = "revoke"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STAND_DOWN = "stand down"
    LOOK_AGAIN = "look again"
    NO_LOOK = "no look"
    LOOK_AT = "look at"
    LOAD_PATROL = "load patrol"
    GO_TO = "go to"
    ORBIT = "orbit"
    HOLD = "hold"
    CHANGE_HEIGHT = "change height"
    RETURN = "return"
    LAND = "land"


class PatrolRef(Message):
    """One version of a patrol in the station's library, as it is sent to a drone."""

    id: UUID = Field(description="of the patrol, over all its versions")
    version: int = Field(ge=1, description="counts up with each change")
    name: str = Field(min_length=1, max_length=100)
    sha256: Sha256 = Field(description="of its bytes at `/api/v1/drones/{drone_id}/patrols/{sha256}`")
    size_bytes: int = Field(gt=0, le=PATROL_MAX_BYTES)


CHECKABLE = frozenset({OrderKind.GO_TO, OrderKind.ORBIT, OrderKind.CHANGE_HEIGHT, OrderKind.LAND})
"""What a drone can say beforehand whether it would do (``Order.only_check``)."""
HeightAbove = Literal["ground", "home"]


class Order(Message):
    """What a person asks of a drone. The drone does it at most once, by ``id``."""

    id: UUID
    drone_id: DroneId
    kind: OrderKind
    by: str = Field(min_length=1, max_length=64, description="the operator's name")
    at: UtcTime = Field(description="by the station's clock")
    alert_id: UUID | None = Field(None, description="of look again and no look: which alert")
    place: Position | None = Field(
        None,
        description="of look at and orbit: the middle of the circle; of go to: where to; of land: where it "
        "was when a person confirmed it",
    )
    radius_m: float | None = Field(
        None,
        gt=0,
        le=FARTHEST_LOOK_M,
        description="of look at: how far off the place may be; of orbit: how far from it to fly",
    )
    height_m: float | None = Field(
        None, ge=-LARGEST_HEIGHT_M, le=LARGEST_HEIGHT_M, description="of go to, orbit and change height"
    )
    height_above: HeightAbove | None = Field(None, description="what that height counts from")
    only_check: bool = Field(
        False, description="nothing is flown: the answer says whether it would be, or why it would be refused"
    )
    tip_id: UUID | None = Field(None, description="of look at: the tip that it is for, if there is one")
    patrol: PatrolRef | None = Field(None, description="of load patrol: which, and how its bytes are known")
    run: UUID | None = Field(
        None, description="the start of the agent that it is for: any other leaves it alone, but a stand-down"
    )
    sequence: int | None = Field(
        None, ge=1, le=2**53, description="rises with each order sent to this drone; none while not yet sent"
    )
    expires_s: float | None = Field(
        None, description="void from then on, by the drone's own clock (`DroneState.clock_s`)"
    )


class SignedOrder(Message):
    """An order as it travels. The signature is over the very text, so that nothing in it can be changed."""

    order: str = Field(max_length=4096, description="the JSON text of an `Order`")
    signature: str = Field(max_length=128, description="Ed25519, by the station's key; base64")


class StationWord(Message):
    """What the station says on a drone's link: each state is answered, orders come by themselves."""

    heard: int | None = Field(None, ge=1, description="the how-manieth state on this link it has dealt with")
    refused: str = Field("", max_length=256, description="why it could not take that state, if so")
    order: SignedOrder | None = None
    watched_s: float | None = Field(
        None,
        gt=0,
        le=60,
        description="somebody watches its pictures, for this long if not said again",
    )


class OrderState(StrEnum):
    """``done`` and ``refused`` are final; ``accepted`` is under way."""

    ACCEPTED = "accepted"
    DONE = "done"
    REFUSED = "refused"


class OrderResult(Message):
    """What became of an order, as the drone tells it."""

    order_id: UUID
    kind: OrderKind
    state: OrderState
    reason: str = Field(
        "", max_length=256, description="why it was refused, what it waits for, or what was found"
    )
    alert_ids: list[UUID] = Field(
        default_factory=list, max_length=8, description="of look at: what burns in the circle"
    )
    at: UtcTime


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


GpsFix = Literal["none", "2D", "3D", "DGPS", "RTK float", "RTK fixed", "static", "PPP"]


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


AlarmText = Annotated[str, Field(max_length=256)]


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
