"""What all words on the wire have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _must_have_zone(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time on the wire carries its zone, as in 2026-07-01T12:00:00Z")
    return value


UtcTime = Annotated[datetime, AfterValidator(_must_have_zone)]
DroneId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
LatDeg = Annotated[float, Field(ge=-90, le=90)]
LonDeg = Annotated[float, Field(ge=-180, le=180)]


class Message(BaseModel):
    """Base of everything on the wire: immutable, strict about unknown keys, and without NaN or infinity,
    which JSON does not have."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
