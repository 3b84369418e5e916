"""What the station answers beyond the messages that drones send."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from uplink.ground import DroneGround, SearchedGround
from uplink.messages import (
    FARTHEST_LOOK_M,
    LARGEST_HEIGHT_M,
    Alert,
    ControlState,
    DegradedReason,
    DroneId,
    DroneState,
    ErrorEllipse,
    HeightAbove,
    LatDeg,
    LonDeg,
    Message,
    Order,
    OrderKind,
    PatrolRoute,
    Position,
    SeeingState,
    Sha256,
    UtcTime,
)
from uplink.station.incident import Incident
from uplink.station.tip_answers import Tip
from uplink.station.zone import StationZone


class StoredAlert(Alert):
    """An alert as the station has it."""

    received_at: UtcTime = Field(
        description="when this revision reached the station; to be shown, never to link events by"
    )
    suppressed_by: str | None = Field(
        None,
        description="the station's ignore zone that holds it back: it is in no incident and alarms nobody",
    )


class CrossedAlerts(Message):
    """Where alerts of different cameras, each of which knows only a direction, cross."""

    alert_ids: list[UUID] = Field(min_length=2)
    label: Literal["fire", "smoke"] = Field(description="fire as soon as one of them says so")
    position: Position
    ellipse: ErrorEllipse
    covariance_m2: tuple[float, float, float] = Field(
        description="east-east, east-north, north-north of the position, m²"
    )
    angle_deg: float = Field(ge=0, le=90, description="at which the lines of sight cross; 90 tells most")
    ambiguous: bool = Field(
        description="these alerts cross elsewhere as well, and not all of it can be true: two cameras that "
        "see two things each"
    )


class Crossed(Message):
    """All crossings that there are now."""

    crossings: list[CrossedAlerts]


class AlertReceipt(Message):
    """The station has this alert in this revision, which may be higher than the one just sent."""

    id: UUID
    revision: int


class MediaReceipt(Message):
    """The station has these bytes."""

    sha256: Sha256
    size_bytes: int


class UploadProgress(Message):
    """How much of a picture is at the station. What came before a link broke is kept: go on from there."""

    sha256: Sha256
    offset_bytes: int = Field(ge=0, description="the next byte wanted")
    size_bytes: int = Field(ge=0, description="of the whole picture; 0 while it has not been begun")
    complete: bool = Field(description="it is here, whole and checked")


class Delivery(Message):
    """How one event fares on its way to one webhook endpoint. The address beyond its host may be secret."""

    id: int = Field(description="of this delivery: one event goes to several endpoints")
    event_id: str = Field(description="the webhook-id header, the same over all attempts")
    type: str
    subject_id: UUID = Field(description="of the alert, incident or test that the event is about")
    revision: int
    endpoint: str = Field(description="its name, or a number made from its address")
    url_host: str
    state: Literal["waiting", "delivered", "dead"]
    attempts: int
    last_status: int | None = Field(description="HTTP status of the latest answer, if there was one")
    last_error: str | None = Field(description="why the latest attempt failed, in words")
    created_at: UtcTime
    next_attempt_at: UtcTime | None
    delivered_at: UtcTime | None


class OrderFate(StrEnum):
    """What became of an order, as the station knows it. Waiting: the drone has not answered it. Lost: its
    agent started anew before it told the end."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    OVERTAKEN = "overtaken"
    LOST = "lost"


class LoggedOrder(Order):
    """An order in the station's log: who asked for what, when, and what came of it."""

    fate: OrderFate = OrderFate.WAITING
    reason: str = Field("", max_length=256)
    alert_ids: list[UUID] = Field(default_factory=list, description="of look at: what burns in the circle")
    waits_s: float = Field(
        15.0, gt=0, description="for the drone to answer it, counted from `at`; after that it is void"
    )


class LeaseState(Message):
    """Who may give a drone orders. Pages know themselves by ``holder_tag``; it opens nothing."""

    drone_id: DroneId
    holder: str | None = Field(description="the operator's name; none when it is free")
    holder_tag: str | None
    expires_in_s: float = Field(ge=0)
    asking: str | None = Field(description="who would like to take over")
    asking_tag: str | None


class OrderRequest(Message):
    """What the holder of a drone's lease asks of it."""

    kind: OrderKind
    alert_id: UUID | None = Field(None, description="of look again and no look")
    place: Position | None = Field(
        None,
        description="of look at, where it is for no tip; of go to and orbit; of land: where the drone was "
        "when a person confirmed, once more, that it is to land there",
    )
    radius_m: float | None = Field(
        None, gt=0, le=FARTHEST_LOOK_M, description="of look at and orbit: around that place"
    )
    height_m: float | None = Field(
        None, ge=-LARGEST_HEIGHT_M, le=LARGEST_HEIGHT_M, description="of go to, orbit and change height"
    )
    height_above: HeightAbove | None = Field(None, description="what that height counts from")
    only_check: bool = Field(
        False,
        description="of go to, orbit, change height and land: flies nothing, and needs no control; the drone "
        "says whether it would, or why it would refuse",
    )
    tip_id: UUID | None = Field(None, description="of look at: the tip whose place it is")


class OrderPlace(Message):
    """What an order says beside its kind: where, how high, for what; as in ``Order``."""

    place: Position | None = None
    radius_m: float | None = None
    height_m: float | None = None
    height_above: HeightAbove | None = None
    only_check: bool = False
    tip_id: UUID | None = None


class Snapshot(Message):
    """Everything that a page needs to begin."""

    now: UtcTime = Field(description="by the station's clock, which the clocks of incidents run by")
    drones: list[DroneState]
    patrols: list[PatrolRoute]
    grounds: list[DroneGround] = Field(description="fence, zones and home of each drone that told them")
    searched: list[SearchedGround] = Field(description="what each drone's camera has seen of the ground")
    alerts: list[StoredAlert] = Field(description="the newest by time of confirmation")
    crossings: list[CrossedAlerts] = Field(description="of the alerts that have no position of their own")
    tracks: dict[str, list[tuple[LonDeg, LatDeg]]] = Field(description="by drone, the oldest point first")
    leases: list[LeaseState]
    orders: list[LoggedOrder] = Field(description="the latest, the oldest first")
    incidents: list[Incident] = Field(description="what is open, the newest first")
    tips: list[Tip] = Field(description="that somebody may still do something about, the newest first")
    zones: list[StationZone] = Field(
        description="the station's ignore zones, the oldest first; also those that ended or have yet to begin"
    )


class TrackPoint(Message):
    """Where a drone was at one time, and how. Of its states one is kept every few seconds or metres."""

    id: int = Field(description="of this point, to continue after it")
    drone_id: DroneId
    at: UtcTime = Field(description="by the drone's clock")
    heard_at: UtcTime = Field(description="by the station's")
    lat_deg: LatDeg | None
    lon_deg: LonDeg | None
    alt_amsl_m: float | None
    height_agl_m: float | None
    height_home_m: float | None
    heading_deg: float | None
    ground_speed_m_s: float | None
    battery_percent: float | None
    mode: str
    armed: bool | None
    control: ControlState | None = Field(description="none in what was kept by an earlier version")
    seeing: SeeingState
    blind_reason: str
    degraded: list[DegradedReason] = Field(
        description="what else was wrong; empty in what was kept by an earlier version"
    )
    patrol: str | None = Field(description="the patrol that it flies")
    footprint: list[tuple[LonDeg, LatDeg]] = Field(description="ground that the camera saw, a ring")


class StationKeyAnswer(Message):
    """What this station's orders are signed with."""

    public_key: str = Field(description="the line that goes into each drone's file of its station")


class AuditEntry(Message):
    """One line of the audit log."""

    number: int = Field(description="counts up without a gap")
    at: UtcTime
    who: str = Field(
        description="a person's name, `token <name>`, `drone <id>`, `shell <login>` or `station`"
    )
    what: str = Field(description="as in `incident.acknowledged`")
    about: str = Field(description="the id of the thing")
    detail: dict[str, Any]
    hash: Sha256 = Field(description="over this line and the hash of the line before")


class AuditCheck(Message):
    """Whether the audit log is whole."""

    whole: bool
    first_break: int | None = Field(description="the first line that does not follow from the one before")
    lines: int = Field(ge=0, description="the number of the newest")
    hash: Sha256 | None = Field(description="of the newest line; none of an empty log")


class MediaRecord(Message):
    """How a picture stands at the station."""

    sha256: Sha256 = Field(description="of its bytes as they came, which are kept unchanged")
    drone_id: DroneId
    size_bytes: int
    received_at: UtcTime
    state: Literal["unchecked", "shown", "quarantined", "leaving", "gone"] = Field(
        description="quarantined: it could not be decoded and is shown to nobody; gone: its time was over"
    )
    flaw: str = Field(description="why it is in quarantine")
    hold: str = Field(description="why it is kept for good; empty where retention may take it")


class MediaHold(Message):
    """That a picture is kept for good."""

    reason: str = Field(min_length=1, max_length=500, description="as in a court's or an insurer's wish")


class ExportRequest(Message):
    """What is to be made unrecognisable in a picture that leaves the house."""

    blur: list[Annotated[list[float], Field(min_length=4, max_length=4)]] = Field(
        default_factory=list,
        max_length=200,
        description="people, number plates: boxes in pixels of this picture, each x1, y1, x2, y2",
    )


class Health(Message):
    """Answered with 200 only when the station can take alerts."""

    status: Literal["ok", "degraded", "failing"] = Field(
        description="degraded: alerts are taken, and something else is not as it should be"
    )
    problems: list[str]


class Problem(Message):
    """Why a request was refused."""

    detail: str


class InvalidPart(Message):
    """What is wrong with one part of a request."""

    loc: list[str | int] = Field(description="where it stands, from the outside in")
    msg: str
    type: str


class Invalid(Message):
    """Why a request was not understood: each part that is wrong, or in words why they do not go together."""

    detail: list[InvalidPart] | str
