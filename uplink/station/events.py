"""What the station tells other systems: events about an alert, an incident, or nothing but a test. Pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from uplink.messages import Alert, AlertState, Message, Position, Sha256, UtcTime
from uplink.station.incident import Incident, Reason, Who

AlertEventType = Literal["alert.confirmed", "alert.updated", "alert.lost", "alert.withdrawn"]
IncidentEventType = Literal[
    "incident.opened",
    "incident.acknowledged",
    "incident.dispatched",
    "incident.resolved",
    "incident.false_alarm",
    "incident.reopened",
    "incident.escalated",
    "incident.merged",
    "incident.split",
]
TestEventType = Literal["test.ping"]
EventType = Literal[AlertEventType, IncidentEventType, TestEventType]


class Ping(Message):
    """What a test carries: nothing burns."""

    id: UUID
    by: str = Field(max_length=128, description="who tried the endpoint")


class MediaLink(Message):
    """Where the bytes of a picture are, once the drone has sent them, for who may read the station."""

    sha256: Sha256
    url: str = Field(description="with the station's address if its configuration names one, else the path")


class WebhookEvent(Message):
    """The body of a webhook, in the shape Standard Webhooks recommends. It has less than 20 kB."""

    type: EventType
    timestamp: UtcTime = Field(description="when the station wrote it down")
    data: Alert | Incident | Ping = Field(description="as it was then")
    who: Who | None = Field(None, description="of an incident: a person's name, `drone <id>`, or `station`")
    reason: Reason = Field("", description="of an incident: why, in that person's words")
    level: str | None = Field(None, max_length=64, description="of an escalation: who is to be told now")
    url: str | None = Field(None, description="of the alert or incident as it is now; none of a test")
    media: list[MediaLink] = Field(default_factory=list, description="the pictures named in `data`")
    left_out: list[str] = Field(
        default_factory=list, description="parts of `data` that are only at `url`: the body was too large"
    )


def event_type(state: AlertState, *, is_first: bool) -> AlertEventType:
    """``alert.confirmed`` once, for the first revision that the station ever stored; then updates.

    An alert that the station first hears of as lost or withdrawn is told as that.
    """
    match state:
        case AlertState.CONFIRMED:
            return "alert.confirmed" if is_first else "alert.updated"
        case AlertState.LOST:
            return "alert.lost"
        case AlertState.WITHDRAWN:
            return "alert.withdrawn"


def event_for(alert: Alert, *, is_first: bool, now_s: float) -> WebhookEvent:
    """The event of a newly stored revision; ``now_s`` is seconds since 1970."""
    return WebhookEvent(
        type=event_type(alert.state, is_first=is_first),
        timestamp=datetime.fromtimestamp(now_s, UTC),
        data=alert,
    )


def incident_event(
    kind: IncidentEventType,
    incident: Incident,
    *,
    now_s: float,
    who: str | None = None,
    reason: str = "",
    level: str | None = None,
) -> WebhookEvent:
    """What happened to an incident, with the incident as it is afterwards. ``level`` is of an escalation."""
    at = datetime.fromtimestamp(now_s, UTC)
    return WebhookEvent(type=kind, timestamp=at, data=incident, who=who, reason=reason, level=level)


def subject_of(event: WebhookEvent) -> tuple[UUID, int]:
    """The id of what the event is about, and which revision of it."""
    match event.data:
        case Alert(id=id_, revision=revision) | Incident(id=id_, version=revision):
            return id_, revision
        case Ping(id=id_):
            return id_, 1


def position_of(event: WebhookEvent) -> Position | None:
    """Where it is, if that is known."""
    return None if isinstance(event.data, Ping) else event.data.position


def event_id(event: WebhookEvent) -> str:
    """The ``webhook-id``: the same for every attempt, so that a receiver can tell a repeat.

    A revision of an alert is one event. One version of an incident can be several: it may be escalated, and
    again, without anybody doing anything.
    """
    subject_id, revision = subject_of(event)
    if not isinstance(event.data, Incident):
        return f"msg_{subject_id}_{revision}"
    verb = event.type.partition(".")[2]
    name = f"msg_{subject_id}_{revision}_{verb}_{int(event.timestamp.timestamp() * 1000)}"
    return name if event.level is None else f"{name}_{hashlib.sha256(event.level.encode()).hexdigest()[:8]}"
