"""Patrols in the station's library: what people say of them, and what became of that when it was planned."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from flight.plans.patrol_file import CorridorSection, PatrolFile, RepeatSection, Ring
from uplink.messages import (
    PATROL_MAX_BYTES,
    DroneId,
    LatDeg,
    LonDeg,
    Message,
    PatrolRef,
    Position,
    Sha256,
    UtcTime,
)

LonLatRing = list[tuple[LonDeg, LatDeg]]
PatrolVersion = Annotated[int, Field(ge=1, le=2**31)]


class PatrolDraft(Message):
    """A patrol as a person writes it: the words of a patrol file, or a ready-made plan with its text."""

    patrol: PatrolFile
    plan_text: str | None = Field(
        None,
        max_length=PATROL_MAX_BYTES,
        description="of a ready-made plan, the text of a .plan; `patrol.plan` then is its file's name",
    )

    @model_validator(mode="after")
    def _names_no_file_of_the_station(self) -> Self:
        patrol = self.patrol
        if (patrol.plan is None) != (self.plan_text is None):
            raise ValueError("patrol.plan, the name of a file, and plan_text go together")
        if patrol.plan is not None and patrol.plan.name != str(patrol.plan):
            raise ValueError("patrol.plan is a name, without a folder")
        if not patrol.camera.replace("_", "").replace("-", "").isalnum():
            raise ValueError("patrol.camera is the name of a profile that the station has")
        return self


class ProfilePoint(Message):
    """A place along a flight, seen from the side."""

    along_m: float = Field(ge=0, description="flown until there")
    alt_amsl_m: float
    ground_amsl_m: float | None = Field(description="none where no terrain model says it")


class PlannedFlight(Message):
    """One flight on one battery."""

    name: str
    plan_sha256: Sha256 = Field(description="of its .plan file; `PatrolRoute.plan_sha256` of a drone with it")
    items_sha256: Sha256 = Field(
        description="over its mission items; `PatrolProgress.plan_aboard_sha256` of a drone with it"
    )
    items: int = Field(ge=1, description="mission items, without home")
    length_m: float = Field(ge=0)
    time_s: float = Field(ge=0, description="without wind")
    battery_percent: float = Field(ge=0, description="of a full battery")
    highest_home_m: float = Field(description="above home")
    lowest_agl_m: float | None = Field(description="above the terrain model, climb and landing left out")
    highest_agl_m: float | None
    route: LonLatRing
    profile: list[ProfilePoint]


class PatrolProblem(Message):
    """Something that is not safe. A patrol with one is not sent."""

    flight: int | None = Field(ge=1, description="which flight; none: the patrol as a whole")
    item: int | None = Field(description="of that flight")
    lat_deg: LatDeg | None
    lon_deg: LonDeg | None
    what: str


class PlannedPatrol(Message):
    """What a patrol would be like."""

    home: Position
    flights: list[PlannedFlight]
    problems: list[PatrolProblem] = Field(description="the first of them, where there are very many")
    area_m2: float | None = Field(ge=0, description="none where no area is looked at")
    seen_percent: float | None = Field(ge=0, le=100, description="of it, that will be in a picture")
    unseen: list[list[LonLatRing]] = Field(description="parts that no picture shows, each with its holes")
    height_agl_m: float | None = Field(description="flown above the ground; none of a ready-made plan")
    swath_m: float | None = Field(description="width of a picture across the way")
    ground_sampling_cm: float | None = Field(description="ground on a pixel in the picture's middle")
    usable_s: float = Field(ge=0, description="that a battery allows, the reserve taken off")
    terrain: str = Field(description="the terrain model; empty: flat ground at home's height")
    checked_by: str = Field(description="what it was held against, in words")


class PatrolPreview(Message):
    """What comes of a draft. One of ``planned`` and ``trouble`` is there."""

    planned: PlannedPatrol | None
    trouble: str = Field(description="why it cannot be planned at all")
    hint: str = Field(description="what to do about that")


class StoredPatrol(Message):
    """One version of a patrol in the library."""

    id: UUID
    version: int = Field(ge=1)
    changed_at: UtcTime
    changed_by: str
    draft: PatrolDraft
    preview: PatrolPreview
    ref: PatrolRef | None = Field(description="how it is sent; none while it is not planned, or not safe")


class PatrolSummary(Message):
    """A line of the list."""

    id: UUID
    version: int
    name: str
    kind: Literal["area", "corridor", "points", "plan"]
    changed_at: UtcTime
    changed_by: str
    flights: int = Field(description="0: it could not be planned")
    length_m: float
    time_s: float
    area_m2: float | None
    problems: int = Field(description="things that are not safe, or 1 where it could not be planned")
    repeat: RepeatSection | None
    unattended: bool
    sha256: Sha256 | None = Field(description="as sent: `PatrolProgress.sent.sha256` of a drone that has it")


class ImportedPatrol(Message):
    """What a file has in it, for a person to go on with. One of the four is there."""

    name: str
    patrol: PatrolFile | None = Field(description="of a patrol file, and of a plan together with its text")
    plan_text: str | None
    area: Ring | None
    corridor: CorridorSection | None
    notes: list[str] = Field(description="what was left out or changed")


class PatrolSendRequest(Message):
    """Which drone is to load a patrol."""

    drone_id: DroneId
    version: PatrolVersion = Field(description="the one that was seen: only the newest is sent")


class CameraChoice(Message):
    """A camera that patrols may be planned for."""

    name: str
    width_px: int
    height_px: int
    hfov_deg: float = Field(description="across the picture")
