"""What the routes of incidents take and answer, beyond the incident itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from uplink.messages import DroneId, Message, Position, UtcTime
from uplink.station.answers import StoredAlert
from uplink.station.incident import MOST_ALERT_IDS, Incident, Reason, Unit

Why = Annotated[str, Field(min_length=1, max_length=1000)]


class IncidentDetail(Incident):
    """One incident with what it is made of; more of that below ``/alerts`` and ``/timeline``."""

    members: list[StoredAlert] = Field(
        max_length=MOST_ALERT_IDS, description="the first 100 by time of confirmation"
    )


class StepKind(StrEnum):
    """What a person does with an incident."""

    ACKNOWLEDGE = "acknowledge"
    DISPATCH = "dispatch"
    CONFIRM = "confirm"
    RESOLVE = "resolve"
    FALSE_ALARM = "false alarm"
    REOPEN = "reopen"
    NOTE = "note"


class StepRequest(Message):
    """One step, and why. Resolve, false alarm, reopen and note need a reason."""

    step: StepKind
    reason: Reason = ""
    unit: Unit = Field("", description="of dispatch: who is sent. Another one can be sent after it")


class MergeRequest(Message):
    """These incidents are one event."""

    incident_ids: list[UUID] = Field(min_length=1, max_length=20, description="what becomes part of it")
    reason: Why


class SplitRequest(Message):
    """These alerts are another event."""

    alert_ids: list[UUID] = Field(min_length=1, max_length=500)
    reason: Why


class UndoRequest(Message):
    """A merge or a split was a mistake."""

    decision_id: UUID = Field(description="as the timeline has it")
    reason: Why


class SplitAnswer(Message):
    """Both halves."""

    stays: Incident
    leaves: Incident = Field(description="with the alerts that were split off")


TimelineKind = Literal["alert", "step", "delivery"]


class TimelineEntry(Message):
    """One line of an incident's history. ``at`` is the station's clock; captures are told beside it."""

    at: UtcTime
    kind: TimelineKind
    what: str = Field(description="as in `alert.confirmed`, `incident.acknowledged`, `webhook.delivered`")
    who: str = Field(description="a person, `drone <id>`, `station`, or the host of a webhook")
    reason: str = Field("", description="the person's words, or why a delivery failed")
    unit: str = Field("", description="of a dispatch: who was sent")
    alert_id: UUID | None = None
    revision: int | None = Field(None, description="of the alert")
    captured_at: UtcTime | None = Field(None, description="capture time of the alert's latest sighting then")
    decision_id: UUID | None = Field(None, description="of a merge or split, to undo it by")


class Timeline(Message):
    """A page of it, the oldest first."""

    entries: list[TimelineEntry]
    total: int = Field(ge=0, description="lines that there are in all")


class IncidentMoved(Message):
    """This id is history: its incident has become part of another."""

    detail: str
    incident_id: UUID = Field(description="where it is now")


class IncidentConflict(Message):
    """Somebody was faster, or the step does not follow from the state; this is how it is now."""

    detail: str
    current: Incident


class SuppressedItem(Message):
    """Something that burns where an ignore zone, a drone's or the station's, says that it may."""

    drone_id: DroneId
    hotspot_id: UUID = Field(description="the alert's, where the station holds it back")
    by: Literal["drone", "station"] = Field(
        description="drone: it raised no alert; station: its alert is kept"
    )
    zone: str = Field(description="the ignore zone that kept it back: the rule")
    zone_id: UUID | None = Field(description="of a zone of the station")
    zone_version: int | None = Field(description="of that zone, as it was when it kept this back")
    reason: str = Field(description="why fire is allowed there, as in `kiln`")
    label: Literal["fire", "smoke"]
    position: Position
    first_seen_at: UtcTime = Field(description="capture time of the first sighting that the station heard of")
    last_seen_at: UtcTime = Field(description="capture time of the latest one")
