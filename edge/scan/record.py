"""What a file says of where its camera was and how it was held."""

from __future__ import annotations

from dataclasses import dataclass, field

from scipy.spatial.transform import Rotation

from edge.geometry.optics import Camera
from edge.scan.position import CameraPosition


@dataclass(frozen=True, slots=True)
class Height:
    """A height and its 1σ error, both in metres."""

    m: float
    sigma_m: float


@dataclass(frozen=True, slots=True)
class Heights:
    """The camera's heights, each above what its name says. They never mix."""

    amsl: Height | None = None
    ellipsoid: Height | None = None
    unclear: Height | None = None
    """Above sea level or above the ellipsoid: makers write either under this tag."""
    takeoff: Height | None = None
    """Above the place where the drone took off."""
    home: tuple[float, float] | None = None
    """Latitude and longitude of that place."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One picture's record. ``missing`` names what it would take to say where the camera looked."""

    maker: str = ""
    position: CameraPosition | None = None
    heights: Heights = field(default_factory=Heights)
    look: Rotation | None = None
    """From the gimbal's frame (x where the camera looks, y right, z down) to north, east, down."""
    camera: Camera | None = None
    horizontal_sigma_m: float = 0.0
    heading_sigma_deg: float = 0.0
    gimbal_sigma_deg: float = 0.0
    time_sigma_s: float = 0.0
    velocity_enu_m_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_rate_enu_rad_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    taken_s: float | None = None
    """When, by the camera's own clock: only good for how long after another photo."""
    missing: tuple[str, ...] = ()
    wrong: str = ""
    """Why no view can be made of what is there."""
