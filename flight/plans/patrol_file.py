"""The patrol file: what a team wants to have flown, in TOML.

One of ``plan`` (a ready-made plan), ``area``, ``corridor`` or ``points`` says where; the rest says how. This
module reads and checks; ``edge.patrols`` turns it into plans, because that takes a camera and the terrain.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)


def _on_earth(place: tuple[float, float]) -> tuple[float, float]:
    if abs(place[0]) > 90 or abs(place[1]) > 180:
        raise ValueError(f"{place[0]:g}, {place[1]:g} is no place on earth; write [latitude, longitude]")
    if place == (0.0, 0.0):
        raise ValueError("0, 0 is how a lost position looks")
    return place


def _rally(point: tuple[float, float, float]) -> tuple[float, float, float]:
    _on_earth(point[:2])
    if not 0 < point[2] <= 1000:
        raise ValueError(f"a rally point at {point[2]:g} m above home; write [latitude, longitude, height]")
    return point


def _utc(said: Any) -> time:
    try:
        read = time.fromisoformat(said) if isinstance(said, str) else said
    except ValueError:
        read = None
    if not isinstance(read, time):
        raise ValueError("write a time as 06:00:00")  # noqa: TRY004 - a validator's error
    if read.tzinfo is not None:
        raise ValueError("write UTC, without an offset, as 06:00:00")
    return read


LatLon = Annotated[tuple[float, float], AfterValidator(_on_earth)]
Ring = Annotated[list[LatLon], Field(min_length=3, max_length=500)]
LONGEST_ENDURANCE_S = 6 * 3600.0  # of a full battery: more is a slip of the pen, and would plan for ever
_WHERES = ("plan", "area", "corridor", "points")
# What a file may say beside a ready-made plan, which is flown as it is.
_BESIDE_A_PLAN = frozenset(
    {
        "name",
        "plan",
        "ceiling_home_m",
        "least_height_agl_m",
        "endurance_s",
        "reserve_percent",
        "repeat",
        "on_detection",
        "unattended",
    }
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CircleZone(_Part):
    """A disc on the ground."""

    center: LatLon = Field(description="[latitude, longitude]")
    radius_m: float = Field(gt=0, le=100_000, description="of the disc")


def _kind_of_zone(zone: Any) -> str:
    """So that a mistake is told of the kind that was meant, and not of both."""
    return "circle" if isinstance(zone, (dict, CircleZone)) else "ring"


Zone = Annotated[
    Annotated[Ring, Tag("ring")] | Annotated[CircleZone, Tag("circle")], Discriminator(_kind_of_zone)
]


class CorridorSection(_Part):
    """A strip along a line: a power line, a road, a river."""

    line: list[LatLon] = Field(min_length=2, max_length=500, description="[[latitude, longitude], …]")
    width_m: float = Field(gt=0, le=5000, description="of the whole strip")


class RepeatSection(_Part):
    """When the patrol is flown again. One of the two."""

    every_min: float | None = Field(None, gt=0, le=10_080, description="from one start to the next")
    daily_utc: list[Annotated[time, BeforeValidator(_utc)]] = Field(
        default_factory=list, max_length=48, description='times of the day in UTC, as ["06:00:00"]'
    )
    times: int | None = Field(None, ge=1, le=10_000, description="how many passes in all; left out: no end")

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.every_min is None) == (not self.daily_utc):
            raise ValueError("say either every_min or daily_utc")
        return self


class PatrolFile(_Part):
    """A whole patrol file."""

    name: str = Field(min_length=1, max_length=100, description="as people call the patrol")
    home: LatLon | None = Field(
        None, description="[latitude, longitude] of take-off and landing; needed unless a plan says it"
    )
    home_alt_amsl_m: float | None = Field(
        None, ge=-500, le=9000, description="of the home, above sea level; needed without a terrain model"
    )
    plan: Path | None = Field(None, description="a .plan or .waypoints to fly as it is")
    area: Ring | None = Field(None, description="a polygon to look at: [[latitude, longitude], …]")
    corridor: CorridorSection | None = Field(None, description="a strip along a line to look at")
    points: list[LatLon] | None = Field(
        None, min_length=1, max_length=500, description="places to fly over in this order"
    )
    camera: str = Field("generic_78", description="a name in hardware/cameras, or the path of a .toml")
    height_agl_m: float | None = Field(None, gt=0, le=1000, description="above the ground")
    ground_sampling_cm: float | None = Field(
        None, gt=0, le=200, description="instead of the height: ground on one pixel in the picture's middle"
    )
    gimbal_pitch_deg: float = Field(
        -60.0, ge=-90, le=-10, description="of the camera; -90 looks straight down"
    )
    side_overlap: float = Field(0.3, ge=0, lt=0.95, description="of neighbouring strips")
    speed_m_s: float = Field(8.0, gt=0, le=30, description="over ground")
    hold_s: float = Field(5.0, ge=0, le=600, description="at each of the points")
    direction_deg: float | None = Field(
        None, ge=0, lt=360, description="of an area's strips; left out: the one with the fewest turns"
    )
    ceiling_home_m: float = Field(120.0, gt=0, le=1000, description="above home, never exceeded")
    least_height_agl_m: float = Field(20.0, gt=0, le=500, description="above the ground")
    endurance_s: float = Field(
        1500.0, gt=0, le=LONGEST_ENDURANCE_S, description="of a full battery, as you have measured it"
    )
    reserve_percent: float = Field(25.0, ge=0, le=90, description="of the battery, never planned with")
    fence: Ring | None = Field(None, description="a polygon to stay in; brought aboard with the plan")
    no_fly: list[Zone] = Field(
        default_factory=list, max_length=50, description="polygons or circles to stay out of"
    )
    rally: list[Annotated[tuple[float, float, float], AfterValidator(_rally)]] = Field(
        default_factory=list,
        max_length=20,
        description="other places to land: [latitude, longitude, height above home]",
    )
    repeat: RepeatSection | None = Field(None, description="when it is flown again; left out: once")
    on_detection: Literal["look again", "ask", "off"] = Field(
        "ask", description="of a fire: look again by itself, ask a person first, or fly on"
    )
    unattended: bool = Field(
        False, description="arm and fly when due, where the site's configuration allows it, too"
    )

    @field_validator("plan", mode="after")
    @classmethod
    def _beside_the_file(cls, plan: Path | None, info: ValidationInfo) -> Path | None:
        return None if plan is None else Path((info.context or {}).get("base_dir", "")) / plan

    @field_validator("camera", mode="after")
    @classmethod
    def _camera_beside_the_file(cls, camera: str, info: ValidationInfo) -> str:
        base_dir = Path((info.context or {}).get("base_dir", ""))
        return str(base_dir / camera) if camera.endswith(".toml") else camera

    @model_validator(mode="after")
    def _complete(self) -> Self:
        wheres = [name for name in _WHERES if getattr(self, name) is not None]
        if len(wheres) != 1:
            found = ", ".join(wheres) or "none"
            raise ValueError(f"say one of plan, area, corridor and points, not {found}")
        if self.plan is not None:
            said = sorted(self.model_fields_set - _BESIDE_A_PLAN)
            if said:
                raise ValueError(f"{', '.join(said)}: a plan is flown as it is, and takes none of these")
            return self
        if self.home is None:
            raise ValueError("home is missing: where the drone takes off and lands")
        if (self.height_agl_m is None) == (self.ground_sampling_cm is None):
            raise ValueError("say either height_agl_m or ground_sampling_cm")
        return self


def is_patrol_file(table: Mapping[str, Any]) -> bool:
    """Whether a TOML file was meant to be one, right or not: for somebody who took it for another."""
    return "name" in table and not table.keys().isdisjoint({"home", *_WHERES})
