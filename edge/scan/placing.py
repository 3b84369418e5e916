"""From a picture's detections and its record to places on the ground, by the functions that fly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.geometry.locate import locate_detections
from edge.geometry.optics import Camera, CameraProfileError
from edge.geometry.pose import Pose, PoseSigmas, camera_rotation
from edge.geometry.sighting import Sighting, ellipse
from edge.scan.heights import Stand, stand
from edge.scan.record import Record
from flight.terrain import Terrain
from models.detection import Detection

FloatArray = NDArray[np.float64]
Method = Literal["dem", "flat", "bearing-only", "none"]
# The ellipse holds this part of where the thing may be.
CONFIDENCE = 0.9
_LARGEST_SIGMA_M = 100.0


@dataclass(frozen=True, slots=True)
class Placed:
    """Where one detection is, or in ``why`` why that is not known. Datum WGS 84; heights above sea level."""

    method: Method
    why: str = ""
    lat_deg: float | None = None
    lon_deg: float | None = None
    alt_amsl_m: float | None = None
    slant_range_m: float | None = None
    ellipse_90: tuple[float, float, float] | None = None
    """Semi-axes (m) and the larger one's direction, degrees clockwise from north."""
    bearing_deg: float | None = None
    bearing_sigma_deg: float | None = None
    half_width_deg: float | None = None
    terrain: str | None = None
    grazing: bool = False
    sighting: Sighting | None = field(default=None, repr=False, compare=False)
    """What the place is made of: views of one thing are fused by it."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """How one picture was looked out of: all that its places came from."""

    pose: Pose
    camera: Camera
    height_source: str
    is_amsl_known: bool
    no_ground: str = ""
    """Why rays cannot be met with the ground: then only their bearing counts."""


class Placer:
    """Places detections on one terrain (None: flat ground at the height of the take-off)."""

    def __init__(
        self,
        terrain: Terrain | None = None,
        *,
        camera: Camera | None = None,
        takeoff: tuple[float, float] | None = None,
    ) -> None:
        """``camera`` stands in for what files say of their lens, ``takeoff`` is latitude and longitude."""
        self.terrain = terrain
        self._camera = camera
        self._takeoff = takeoff

    def view(self, record: Record, size_px: tuple[int, int]) -> View | str:
        """The view of a picture of this width and height, or why there is none."""
        if record.wrong:
            return record.wrong
        missing = list(record.missing)
        camera = record.camera
        if self._camera is not None:
            try:
                camera = self._camera.at_size(*size_px)
            except CameraProfileError as error:
                return error.message
            missing = [name for name in missing if "focal length" not in name]
        if record.position is None:
            missing.insert(0, "the camera's position")
        if missing:
            return f"the file does not hold {', '.join(missing)}"
        if record.position is None or record.look is None or camera is None:
            return "the file does not hold enough"
        heights = record.heights
        if self._takeoff is not None:
            heights = replace(heights, home=self._takeoff)
        lat_deg, lon_deg = record.position.lat_deg, record.position.lon_deg
        standing, no_ground = stand(heights, lat_deg, lon_deg, self.terrain)
        if standing is None:
            standing = Stand(0.0, 0.0, _LARGEST_SIGMA_M, False, "")
        sigmas = PoseSigmas(
            horizontal_m=min(record.horizontal_sigma_m, _LARGEST_SIGMA_M),
            vertical_m=min(standing.sigma_m, _LARGEST_SIGMA_M),
            heading_deg=record.heading_sigma_deg,
            gimbal_deg=min(record.gimbal_sigma_deg, 20.0),
            time_s=min(record.time_sigma_s, 2.0),
        )
        pose = Pose(
            boot_s=0.0,
            lat_deg=lat_deg,
            lon_deg=lon_deg,
            alt_amsl_m=standing.alt_amsl_m,
            height_home_m=standing.height_home_m,
            camera_to_enu=camera_rotation(record.look, camera.offset_rpy_deg),
            sigmas=sigmas,
            velocity_enu_m_s=record.velocity_enu_m_s,
            turn_rate_enu_rad_s=record.turn_rate_enu_rad_s,
        )
        return View(pose, camera, standing.source, standing.is_amsl_known, no_ground)

    def place(self, detections: Sequence[Detection], view: View | str) -> list[Placed]:
        """One place for each detection."""
        if isinstance(view, str):
            return [Placed("none", view)] * len(detections)
        terrain = _NoGround() if view.no_ground else self.terrain
        sightings = locate_detections(detections, view.pose, view.camera, terrain)
        return [_placed(sighting, view) for sighting in sightings]


def _placed(sighting: Sighting, view: View) -> Placed:
    bearing = Placed(
        method=sighting.method,
        why=view.no_ground or sighting.why,
        bearing_deg=sighting.bearing_deg,
        bearing_sigma_deg=sighting.bearing_sigma_deg,
        half_width_deg=sighting.half_width_deg,
        terrain=None if view.no_ground else sighting.terrain,
        grazing=sighting.grazing,
    )
    if sighting.lat_deg is None or sighting.covariance_m2 is None:
        return bearing
    return replace(
        bearing,
        lat_deg=sighting.lat_deg,
        lon_deg=sighting.lon_deg,
        alt_amsl_m=sighting.alt_amsl_m if view.is_amsl_known else None,
        slant_range_m=sighting.slant_range_m,
        ellipse_90=ellipse(sighting.covariance_m2, CONFIDENCE),
        sighting=sighting,
    )


class _NoGround:
    """The ground where neither its height nor the camera's above it is known."""

    name = "none"
    sigma_m = math.inf
    resolution_m = 30.0

    def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        return np.full(np.broadcast(lat_deg, lon_deg).shape, np.nan)
