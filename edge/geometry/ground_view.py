"""The ground around a fire as seen from straight above, laid out from one frame with the pose that it had.

The window is fixed once: north up, square, of a stated size on the ground around the sighting's own place.
Any later frame can be laid out in it and compared. Ground heights are the terrain model's, so a slope lies
where it is; what stands on the ground (trees, the flames themselves) leans away from the camera. Ground that
the frame does not show is black.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry.sighting import Sighting
from flight.local_frame import LocalFrame
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]

SIZE_PX = 320
LARGEST_PX = 32_767  # of a frame that cv2.remap takes
JPEG_QUALITY = 85
# A window is drawn as coarsely as the frame shows the ground, or coarser: it pretends to no detail.
STEPS_M_PER_PX = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
# Between so many points each way the ground is taken as flat.
GRID = 33


@dataclass(frozen=True, slots=True)
class Window:
    """A square of ground, north up; the middle of a picture of ``SIZE_PX`` each way is its centre."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    metres_per_px: float

    def grid(self) -> tuple[FloatArray, FloatArray]:
        """Latitudes and longitudes (GRID, GRID), from the middle of its first pixel to that of its last."""
        reach_m = (SIZE_PX - 1) / 2 * self.metres_per_px
        east_m, north_m = np.meshgrid(
            np.linspace(-reach_m, reach_m, GRID), np.linspace(reach_m, -reach_m, GRID)
        )
        frame = LocalFrame(self.lat_deg, self.lon_deg, self.alt_amsl_m)
        lat_deg, lon_deg, _ = frame.to_geodetic(east_m, north_m, np.zeros_like(east_m))
        return lat_deg, lon_deg


def window_around(sighting: Sighting) -> Window | None:
    """The window for a fire that was seen so; None without a place, or where the ground is seen too flatly to
    be laid out."""
    camera = sighting.camera
    if (
        camera is None
        or sighting.grazing
        or sighting.lat_deg is None
        or sighting.lon_deg is None
        or sighting.alt_amsl_m is None
        or sighting.slant_range_m is None
    ):
        return None
    shown_m_per_px = sighting.slant_range_m / camera.fx_px
    step = next((step for step in STEPS_M_PER_PX if step >= shown_m_per_px), STEPS_M_PER_PX[-1])
    return Window(sighting.lat_deg, sighting.lon_deg, sighting.alt_amsl_m, step)


def lay_out(jpeg: bytes, sighting: Sighting, window: Window, terrain: Terrain | None) -> bytes:
    """The window's picture (JPEG) from the frame that the sighting is on; none when that cannot be decoded.

    Takes some milliseconds: not for the event loop.
    """
    camera = sighting.camera
    encoded = np.frombuffer(jpeg, np.uint8)
    try:
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if len(encoded) else None
    except cv2.error:
        image = None
    if camera is None or image is None or image.shape[:2] != (camera.height_px, camera.width_px):
        return b""
    if max(image.shape[:2]) > LARGEST_PX:
        return b""
    pixels = _pixels(sighting, window, terrain)
    across, down = (_enlarged(pixels[..., axis]) for axis in (0, 1))
    laid = cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    ok, data = cv2.imencode(".jpg", laid, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes() if ok else b""


def _pixels(sighting: Sighting, window: Window, terrain: Terrain | None) -> FloatArray:
    """The frame's pixels (GRID, GRID, 2) that show the window's ground; NaN for what no pixel shows."""
    assert sighting.camera is not None  # noqa: S101 - see window_around
    pose = sighting.pose
    lat_deg, lon_deg = window.grid()
    height_m = np.full_like(lat_deg, window.alt_amsl_m)
    if terrain is not None:
        known_m = terrain.height_amsl_m(lat_deg, lon_deg)
        height_m = np.where(np.isfinite(known_m), known_m, height_m)
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    points_m = np.stack(frame.from_geodetic(lat_deg, lon_deg, height_m), axis=-1)
    pixels = sighting.camera.project((points_m @ pose.camera_to_enu).reshape(-1, 3))
    return pixels.reshape(GRID, GRID, 2)


def _enlarged(grid: FloatArray) -> NDArray[np.float32]:
    """From the grid's points to all pixels of the window, in straight lines. What is not known is outside."""
    steps = np.linspace(0.0, GRID - 1.0, SIZE_PX)
    first = np.minimum(steps.astype(int), GRID - 2)
    part = steps - first
    rows = grid[first] * (1 - part)[:, None] + grid[first + 1] * part[:, None]
    whole = rows[:, first] * (1 - part) + rows[:, first + 1] * part
    return np.asarray(np.nan_to_num(whole, nan=-1e4).clip(-1e4, 1e5), np.float32)
