"""What the station answers beyond the messages that drones send."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from uplink.messages import Alert, DroneState, LatDeg, LonDeg, Message, PatrolRoute, Sha256, UtcTime


class StoredAlert(Alert):
    """An alert as the station has it."""

    received_at: UtcTime = Field(
        description="when this revision reached the station; to be shown, never to link events by"
    )


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


class Snapshot(Message):
    """Everything that a page needs to begin."""

    drones: list[DroneState]
    patrols: list[PatrolRoute]
    alerts: list[StoredAlert] = Field(description="the newest by time of confirmation")
    tracks: dict[str, list[tuple[LonDeg, LatDeg]]] = Field(description="by drone, the oldest point first")


class Health(Message):
    """Answered with 200 only when the station can do its work."""

    status: Literal["ok", "failing"]
    problems: list[str]


class Problem(Message):
    """Why a request was refused."""

    detail: str
