"""What a drone says of a fire."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field

from uplink.messages.base import DroneId, ErrorEllipse, Message, Position, Sha256, UtcTime

EvidenceKind = Literal["detection", "lead-up", "ground view", "thermal"]


class AlertState(StrEnum):
    """``lost`` and ``withdrawn`` are revisions of an alert like any other."""

    CONFIRMED = "confirmed"
    LOST = "lost"
    WITHDRAWN = "withdrawn"


class GroundWindow(Message):
    """A patch of ground as seen from straight above, north up: the same window for every later look at it.
    The picture's middle is ``centre``; its size in pixels is the picture's own."""

    centre: Position = Field(description="of the picture, with the ground's height there")
    metres_per_px: float = Field(gt=0, description="on level ground, either way")


class Evidence(Message):
    """A picture that goes with an alert; its bytes travel apart, under their SHA-256."""

    kind: EvidenceKind = Field(
        "detection",
        description="the clearest frame on which it was found; a small frame from the seconds before it was "
        "confirmed; the ground around it, laid out from the frame that confirmed it; its hottest look by a "
        "thermal camera, in false colours with temperatures",
    )
    sha256: Sha256 = Field(description="of its bytes, which are at `/api/v1/media/{sha256}`")
    media_type: Literal["image/jpeg"] = "image/jpeg"
    size_bytes: int = Field(gt=0, description="of the JPEG")
    width_px: int = Field(gt=0, description="of the picture")
    height_px: int = Field(gt=0, description="of the picture")
    captured_at: UtcTime = Field(description="exposure of the frame")
    box_px: tuple[float, float, float, float] | None = Field(
        None, description="the detection in this picture: x1, y1, x2, y2"
    )
    ground: GroundWindow | None = Field(None, description="of a ground view: what ground it shows")


class PoseProvenance(Message):
    """Where the camera was and looked on the frame that confirmed a hotspot, and how well that was known.
    Sigmas are 1σ."""

    at: UtcTime = Field(description="exposure of the frame")
    time_source: Literal["gnss", "companion"] = Field(description="what `at` was read from")
    position: Position = Field(description="of the camera")
    azimuth_deg: float = Field(
        ge=0, lt=360, description="of the boresight, true north; straight down: of the picture's top"
    )
    elevation_deg: float = Field(ge=-90, le=90, description="of the boresight above the horizontal")
    roll_deg: float = Field(ge=-180, le=180, description="about the boresight; positive: right side down")
    horizontal_sigma_m: float = Field(ge=0, description="along each of east and north")
    vertical_sigma_m: float = Field(ge=0, description="height above sea level")
    attitude_sigma_deg: float = Field(ge=0, description="roll and pitch, each")
    heading_sigma_deg: float = Field(ge=0, description="compass heading")
    gimbal_sigma_deg: float = Field(ge=0, description="each axis")
    time_sigma_s: float = Field(ge=0, description="of the exposure against the autopilot's time")
    camera: str = Field(max_length=128, description="the camera profile's name")
    hfov_deg: float = Field(gt=0, le=360, description="across the undistorted picture, as used")


class HeatReading(Message):
    """The hottest look of a thermal camera, as it reads temperatures: of a black body through clear air,
    mixed over each pixel. A small fire reads far below its flames."""

    at: UtcTime = Field(description="exposure of the frame")
    max_c: float = Field(description="of its hottest pixel, °C")
    saturated: bool = Field(description="true: it is hotter than the camera can tell; `max_c` is at least")
    around_c: float = Field(description="of the ground around it, °C")
    size_px: float = Field(ge=0, description="how many pixels as hot as its hottest would shine as brightly")
    area_m2: float | None = Field(
        None,
        ge=0,
        description="these pixels on the ground; what is smaller than a pixel is smaller than this",
    )


class TerrainProvenance(Message):
    """The ground that rays were met with."""

    name: str = Field(max_length=256, description="the elevation file's, or `flat`")
    sigma_m: float = Field(ge=0, description="1σ of its heights")
    resolution_m: float = Field(gt=0, description="between its posts")
    datum: Literal["EGM96"] = Field("EGM96", description="what its heights are above, and the camera's")


class Alert(Message):
    """What a confirmed hotspot tells the world. Higher revisions of one ``id`` replace lower ones."""

    id: UUID = Field(description="made on the drone (UUIDv7) and never changed")
    revision: int = Field(ge=1, description="counts up; the highest is the alert as it is now")
    drone_id: DroneId = Field(description="who saw it")
    state: AlertState = Field(description="`withdrawn`: it should never have been told")
    label: Literal["fire", "smoke"] = Field(description="fire as soon as flames were seen")
    probability: float = Field(
        ge=0, le=1, description="that this is what the label says: the tracker's, after all looks and misses"
    )
    score: float = Field(
        ge=0,
        le=1,
        description="the best single detection's: the detector's, of one look, as the model was calibrated; "
        "the colour camera's, where it and a thermal one have seen it",
    )
    looks: int = Field(ge=1, description="frames in which it was seen")
    first_seen_at: UtcTime = Field(description="capture time of the first sighting")
    last_seen_at: UtcTime = Field(description="capture time of the latest sighting")
    confirmed_at: UtcTime = Field(description="capture time of the frame that confirmed it")
    time_source: Literal["gnss", "companion"] = Field(description="what the UTC times were read from")
    position: Position | None = Field(description="none where only a bearing is known")
    ellipse: ErrorEllipse | None = Field(description="of the position: the truth is in it with `confidence`")
    covariance_m2: tuple[float, float, float] | None = Field(
        None, description="east-east, east-north, north-north of the position, m²"
    )
    method: Literal["dem", "flat", "bearing-only"] = Field(
        description="on a terrain model, on flat ground at home's height, or no position"
    )
    slant_range_m: float | None = Field(
        None, ge=0, description="from camera to ground, of the latest sighting"
    )
    observer: Position | None = Field(None, description="where the camera was at the latest sighting")
    bearing_deg: float | None = Field(None, ge=0, lt=360, description="from observer to hotspot, true north")
    bearing_sigma_deg: float | None = Field(None, ge=0, le=180, description="1σ of bearing_deg")
    model_name: str = Field(max_length=128, description="the detector's")
    model_sha256: Sha256 = Field(description="of the detector's file")
    evidence: list[Evidence] = Field(default_factory=list, max_length=16, description="its pictures")
    pose: PoseProvenance | None = Field(None, description="of the frame that confirmed it")
    terrain: TerrainProvenance | None = Field(None, description="what ground the latest position came from")
    area_m2: float | None = Field(None, ge=0, description="of the fire on the ground, as seen so far")
    area_sigma_m2: float | None = Field(None, ge=0, description="1σ of area_m2")
    growth_m2_per_min: float | None = Field(None, description="of area_m2; negative where it shrinks")
    growth_sigma_m2_per_min: float | None = Field(None, ge=0, description="1σ of growth_m2_per_min")
    heat: HeatReading | None = Field(None, description="where a thermal camera saw it")
