"""What the station answers about what it keeps for how long."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uplink.messages import Message, UtcTime


class RetentionPolicy(Message):
    """Days that things are kept. Alerts, incidents, orders and the audit log are kept for good."""

    media_days: float = Field(
        ge=1,
        le=36_500,
        description="pictures, from their arrival, and from when the last incident that they belong to was "
        "closed",
    )
    telemetry_days: float = Field(ge=1, le=36_500, description="where drones were and how, and their flights")
    deliveries_days: float = Field(
        ge=1, le=36_500, description="webhook deliveries that arrived or were given up"
    )


class Leaving(Message):
    """What a policy would remove now."""

    pictures: int = Field(ge=0)
    picture_bytes: int = Field(ge=0)
    telemetry: int = Field(ge=0, description="points of drones' tracks")
    flights: int = Field(ge=0)
    deliveries: int = Field(ge=0)


class DiskUse(Message):
    """What takes the room."""

    database_bytes: int = Field(ge=0)
    pictures: int = Field(ge=0)
    picture_bytes: int = Field(ge=0, description="as they came; what browsers are shown is beside them")
    held_pictures: int = Field(ge=0, description="of these, kept for good by somebody's word")
    telemetry: int = Field(ge=0)
    deliveries: int = Field(ge=0)
    free_bytes: int = Field(ge=0, description="on the disk with the data folder")
    disk_bytes: int = Field(ge=0, description="of that disk")


class RetentionState(Message):
    """What is kept for how long, who says so, and what that takes."""

    policy: RetentionPolicy
    source: Literal["configuration", "station"] = Field(description="station: an admin has set it here")
    configured: RetentionPolicy = Field(description="what the configuration says")
    use: DiskUse
    leaving: Leaving = Field(description="the next time that it looks, which is once an hour")
    last_swept_at: UtcTime | None = Field(description="since the station started")
