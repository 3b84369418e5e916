"""What a hotspot is, as others see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from edge.geometry.optics import Camera
from edge.geometry.pose import Pose
from edge.geometry.sighting import Method, Sighting
from edge.vision.report import Eye
from edge.vision.tile import Tile
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]
Label = Literal["fire", "smoke"]


class HotspotState(StrEnum):
    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    LOST = "lost"


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One frame that was looked at, also when nothing was found on it.

    ``at_s`` is its capture time on any steady clock, ``utc`` the same as the world knows it (None before
    the first fix); ``camera`` is at the frame's size. Without a terrain nothing counts as hidden. ``tiles``
    are the parts of the frame that were looked at closely, beside the whole of it.
    """

    at_s: float
    utc: datetime | None
    pose: Pose
    camera: Camera
    sightings: tuple[Sighting, ...]
    terrain: Terrain | None = None
    tiles: tuple[Tile, ...] = ()
    sound: bool = True
    """Whether what it does not show is not there: a black or blurred frame only counts for what it shows."""
    eye: Eye = "colour"
    """Which of the agent's cameras looked."""

    def magnification(self, pixels: FloatArray) -> float:
        """How many times larger than in the whole frame the detector was shown what is at these pixels
        (N, 2) together: 1 unless one tile holds them all."""
        most = 1.0
        for tile in self.tiles:
            if tile.holds(pixels, self.camera.width_px, self.camera.height_px).all():
                most = max(most, self.camera.width_px / tile.width)
        return most


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A sighting and when it was."""

    at_s: float
    utc: datetime | None
    sighting: Sighting


@dataclass(frozen=True, slots=True, eq=False)
class Hotspot:
    """A hotspot at one moment. Its id is made once and never changes."""

    id: UUID
    state: HotspotState
    label: Label
    """``fire`` as soon as fire has been seen there twice, or nothing else has been."""
    probability: float
    looks: int
    """Frames in which it was seen."""
    method: Method
    lat_deg: float | None
    lon_deg: float | None
    alt_amsl_m: float | None
    covariance_m2: FloatArray | None
    """2x2, east and north; None where only a bearing is known."""
    bearing_deg: float
    """From the camera of the latest sighting."""
    first: Seen
    best: Seen
    """The highest score among sightings of the hotspot's label; the colour camera's before the thermal's."""
    latest: Seen
    confirmed: Seen | None
    """The sighting that confirmed it."""
    hottest: Seen | None = None
    """The thermal sighting with the highest temperature."""
    merged_into: UUID | None = None
    """Set on a lost hotspot that turned out to be this other one."""


@dataclass(frozen=True, slots=True, eq=False)
class HotspotChange:
    """Something about a hotspot that others should hear of."""

    kind: Literal["confirmed", "updated", "lost"]
    hotspot: Hotspot


class HotspotConfig(BaseModel):
    """How sightings become hotspots, and hotspots alerts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    confirm_probability: float = Field(
        default=0.97, gt=0.5, lt=1, description="a tentative one is confirmed from here"
    )
    confirm_looks: int = Field(default=3, ge=1, le=100, description="and not before it was seen this often")
    confirm_s: float = Field(default=0.5, ge=0, le=60, description="nor before it was seen over this long")
    lost_probability: float = Field(
        default=0.2, gt=0, lt=0.5, description="a confirmed one is lost from here"
    )
    first_probability: float = Field(
        default=0.2, gt=0, lt=0.9, description="before the first sighting is counted"
    )
    miss_log_odds: float = Field(
        default=1.0, gt=0, le=5, description="taken off by a look that should have seen it"
    )
    miss_s: float = Field(
        default=0.33, gt=0, le=10, description="looks closer together than this count as a part"
    )
    tentative_s: float = Field(
        default=30.0, gt=0, description="a tentative one not seen for this long is forgotten"
    )
    gate_sigma: float = Field(
        default=2.1, gt=0, le=10, description="a sighting further off than this is another place"
    )
    model_error_m: float = Field(
        default=4.0, ge=0, le=100, description="1σ of what the error model leaves out"
    )
    join_m: float = Field(
        default=12.0, ge=0, le=200, description="boxes of one frame this close are one fire"
    )
    bearing_gate_deg: float = Field(default=4.0, gt=0, le=45, description="beside half of the box's width")
    update_s: float = Field(default=10.0, gt=0, description="say anew after this long while it is still seen")
    update_least_s: float = Field(default=1.0, ge=0, description="but no finer estimate more often than this")
    max_hotspots: int = Field(default=200, ge=1, le=10000, description="kept in memory")
