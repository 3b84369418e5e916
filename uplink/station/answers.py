"""What the station answers beyond the messages that drones send."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from uplink.messages import (
    Alert,
    DroneId,
    DroneState,
    ErrorEllipse,
    LatDeg,
    LonDeg,
    Message,
    Order,
    OrderKind,
    PatrolRoute,
    Position,
    Sha256,
    UtcTime,
)


class StoredAlert(Alert):
    """An alert as the station has it."""

    received_at: UtcTime = Field(
        description="when this revision reached the station; to be shown, never to link events by"
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


class Delivery(Message):
    """How one event fares on its way to one webhook endpoint. The address beyond its host may be secret."""

    id: int = Field(description="of this delivery: one event goes to several endpoints")
    event_id: str = Field(description="the webhook-id header, the same over all attempts")
    type: str
    alert_id: UUID
    revision: int
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


class LeaseState(Message):
    """Who may give a drone orders. Pages know themselves by ``holder_tag``; it opens nothing."""

    drone_id: DroneId
    holder: str | None = Field(description="the operator's name; none when it is free")
    holder_tag: str | None
    expires_in_s: float = Field(ge=0)
    asking: str | None = Field(description="who would like to take over")
    asking_tag: str | None


class OperatorState(Message):
    """Whether who asks may give orders here, and under which name."""

    name: str | None = Field(description="none while the station does not know who asks")
    tag: str | None = Field(description="of this page, as in the leases")
    needs_key: bool
    orders_possible: bool = Field(description="false where the station takes no orders from anybody")


class OrderRequest(Message):
    """What the holder of a drone's lease asks of it."""

    kind: OrderKind
    alert_id: UUID | None = Field(None, description="of look again and no look")


class Snapshot(Message):
    """Everything that a page needs to begin."""

    drones: list[DroneState]
    patrols: list[PatrolRoute]
    alerts: list[StoredAlert] = Field(description="the newest by time of confirmation")
    crossings: list[CrossedAlerts] = Field(description="of the alerts that have no position of their own")
    tracks: dict[str, list[tuple[LonDeg, LatDeg]]] = Field(description="by drone, the oldest point first")
    leases: list[LeaseState]
    orders: list[LoggedOrder] = Field(description="the latest, the oldest first")


class AuditEntry(Message):
    """One line of the audit log."""

    number: int = Field(description="counts up without a gap")
    at: UtcTime
    who: str = Field(description="a person's name, `drone <id>`, or `station`")
    what: str = Field(description="as in `incident.acknowledged`")
    about: str = Field(description="the id of the thing")
    detail: dict[str, Any]
    hash: Sha256 = Field(description="over this line and the hash of the line before")


class Health(Message):
    """Answered with 200 only when the station can do its work."""

    status: Literal["ok", "failing"]
    problems: list[str]


class Problem(Message):
    """Why a request was refused."""

    detail: str
