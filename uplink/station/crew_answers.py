"""What people make and see of crew links: one incident for somebody without an account, for a while."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from uplink.messages import ErrorEllipse, Message, Position, UtcTime
from uplink.station.incident import Certainty, IncidentPhoto, IncidentState, Who

SHORTEST_H, LONGEST_H = 0.1, 72.0


class NewCrewLink(Message):
    """For how long."""

    hours: float = Field(
        12.0, ge=SHORTEST_H, le=LONGEST_H, description="from now until it opens nothing any more"
    )


class CrewLink(Message):
    """That there is one. What it opens with is told once, when it is made."""

    id: UUID
    incident_id: UUID
    made_by: Who
    made_at: UtcTime
    expires_at: UtcTime


class MadeCrewLink(CrewLink):
    """A new one."""

    path: str = Field(description="below the station's address; it is shown this once")


class CrewView(Message):
    """All that a crew link shows. Nothing can be changed by it."""

    label: Literal["fire", "smoke"]
    state: IncidentState
    certainty: Certainty
    probability: float = Field(ge=0, le=1)
    first_seen_at: UtcTime = Field(description="capture time of the first sighting")
    last_seen_at: UtcTime = Field(description="capture time of the latest sighting")
    position: Position | None
    gcj02: Position | None = Field(description="for maps of mainland China; none outside")
    ellipse: ErrorEllipse | None
    method: Literal["dem", "flat", "crossing"] | None
    area_m2: float | None
    growth_m2_per_min: float | None
    photos: list[IncidentPhoto]
    now: UtcTime = Field(description="by the station's clock: a phone's may be wrong")
    expires_at: UtcTime
