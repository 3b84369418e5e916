"""A piece of ground as seen from above: north up, to scale, and where the terrain says that it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from edge.geometry.ground_view import SIZE_PX, Window, lay_out, window_around
from edge.geometry.locate import locate
from edge.geometry.pose import Pose, PoseSigmas, camera_rotation
from edge.geometry.sighting import Sighting
from flight.local_frame import LocalFrame
from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.render.render import Renderer
from hardware.virtual.world.world import World
from tests.edge.ground_truth import CAMERA, GROUND_AMSL_M, Plane, east_north, pixel_of, pose_at

POSE = pose_at(height_m=80, yaw_deg=60, pitch_deg=-50)
FLAT, SLOPE = Plane(), Plane(rise_east=0.3, rise_north=-0.2)


def seen(terrain: Plane) -> Sighting:
    return locate(POSE, CAMERA, (640.0, 400.0), 9.0 * np.eye(2), terrain)


def window_of(sighting: Sighting) -> Window:
    window = window_around(sighting)
    assert window is not None
    return window


def frame_with_mark(sighting: Sighting, east_m: float, north_m: float, terrain: Plane) -> bytes:
    """A grey frame with a white disc where this place, reckoned from the sighting's, lies on the ground."""
    at_east_m, at_north_m = (float(x) for x in east_north(sighting.lat_deg or 0.0, sighting.lon_deg or 0.0))
    at_east_m, at_north_m = at_east_m + east_m, at_north_m + north_m
    alt_m = GROUND_AMSL_M + terrain.rise_east * at_east_m + terrain.rise_north * at_north_m
    u, v = pixel_of(POSE, at_east_m, at_north_m, alt_m)
    image = np.full((CAMERA.height_px, CAMERA.width_px, 3), 60, np.uint8)
    cv2.circle(image, (round(float(u)), round(float(v))), 6, (255, 255, 255), -1)
    return cv2.imencode(".png", image)[1].tobytes()


def mark_in(view: bytes) -> NDArray[np.float64]:
    """Column and row of the white disc, from the middle of the picture."""
    image = cv2.imdecode(np.frombuffer(view, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    rows, columns = np.nonzero(image > 180)
    assert len(rows), "there is no mark"
    return np.array([columns.mean(), rows.mean()]) - (SIZE_PX - 1) / 2


@pytest.mark.parametrize("terrain", [FLAT, SLOPE], ids=["flat", "slope"])
@pytest.mark.parametrize(("east_m", "north_m"), [(0.0, 0.0), (10.0, 0.0), (0.0, 10.0), (-8.0, 6.0)])
def test_north_is_up_and_every_place_lies_where_the_scale_says(
    terrain: Plane, east_m: float, north_m: float
) -> None:
    sighting = seen(terrain)
    window = window_of(sighting)
    view = lay_out(frame_with_mark(sighting, east_m, north_m, terrain), sighting, window, terrain)
    expected = np.array([east_m, -north_m]) / window.metres_per_px
    assert np.abs(mark_in(view) - expected).max() < 0.5 / window.metres_per_px


def test_without_the_terrain_a_slope_would_lie_elsewhere() -> None:
    sighting = seen(SLOPE)
    window = window_of(sighting)
    frame = frame_with_mark(sighting, -12.0, 12.0, SLOPE)
    expected = np.array([-12.0, -12.0]) / window.metres_per_px
    by_terrain, by_height = (mark_in(lay_out(frame, sighting, window, ground)) for ground in (SLOPE, None))
    assert np.abs(by_terrain - expected).max() < 0.5 / window.metres_per_px
    assert np.abs(by_height - expected).max() > 1.0 / window.metres_per_px


def test_the_window_is_no_finer_than_what_the_frame_shows() -> None:
    near = window_of(seen(FLAT))
    far = window_of(replace(seen(FLAT), slant_range_m=900.0))
    slant_m = seen(FLAT).slant_range_m
    assert slant_m is not None
    assert slant_m / CAMERA.fx_px <= near.metres_per_px < 3 * slant_m / CAMERA.fx_px
    assert far.metres_per_px >= 900.0 / CAMERA.fx_px


def test_ground_outside_the_frame_is_black() -> None:
    sighting = locate(POSE, CAMERA, (40.0, 700.0), 9.0 * np.eye(2), FLAT)
    frame = cv2.imencode(".png", np.full((CAMERA.height_px, CAMERA.width_px, 3), 200, np.uint8))[1].tobytes()
    view = lay_out(frame, sighting, window_of(sighting), FLAT)
    image = cv2.imdecode(np.frombuffer(view, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    assert 0.2 < (image < 10).mean() < 0.8
    assert image[SIZE_PX // 2, SIZE_PX // 2] > 190


def test_there_is_no_window_without_a_place_or_where_the_ground_is_grazed() -> None:
    sky = locate(pose_at(height_m=80, pitch_deg=20), CAMERA, (640.0, 400.0), 9.0 * np.eye(2), FLAT)
    assert window_around(sky) is None
    assert window_around(replace(seen(FLAT), grazing=True)) is None


@pytest.mark.parametrize("jpeg", [b"", b"\xff\xd8 no picture", b"another size"])
def test_a_frame_that_is_none_gives_no_view(jpeg: bytes) -> None:
    sighting = seen(FLAT)
    if jpeg == b"another size":
        jpeg = cv2.imencode(".png", np.zeros((90, 160, 3), np.uint8))[1].tobytes()
    assert lay_out(jpeg, sighting, window_of(sighting), FLAT) == b""


@dataclass(frozen=True)
class WorldsGround:
    """The virtual world's own ground as a terrain."""

    world: World
    name: str = "world"
    sigma_m: float = 1.0
    resolution_m: float = 10.0

    def height_amsl_m(
        self, lat_deg: NDArray[np.float64], lon_deg: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return self.world.ground_amsl_m(lat_deg, lon_deg)


def test_the_same_ground_looked_at_from_two_sides_is_the_same_picture() -> None:
    """Of the virtual world, whose camera has a projection of its own: to within a pixel of the window."""
    world = World.generate(3, n_fires=0, size_m=500.0, texture_px=1024, look_alikes=0.0)
    terrain = WorldsGround(world)
    renderer = Renderer(world, VirtualLens(CAMERA.width_px, CAMERA.height_px, CAMERA.hfov_deg))
    home = LocalFrame(world.frame.lat_deg, world.frame.lon_deg, 0.0)
    window, views = None, []
    for azimuth_deg in (20.0, 200.0):
        back = 90.0 * np.array([np.sin(np.radians(azimuth_deg)), np.cos(np.radians(azimuth_deg)), 0.0])
        lat_deg, lon_deg, _ = (float(x) for x in home.to_geodetic(*(np.array([60.0, 40.0, 0.0]) - back)))
        alt_m = float(world.ground_amsl_m(lat_deg, lon_deg)) + 80.0
        truth = TruePose.looking(lat_deg, lon_deg, alt_m, yaw_deg=azimuth_deg, pitch_deg=-42.0)
        frame = cv2.imencode(".png", renderer.render(truth))[1].tobytes()
        look = Rotation.from_euler("ZYX", [azimuth_deg, -42.0, 0.0], degrees=True)
        pose = Pose(0.0, lat_deg, lon_deg, alt_m, 80.0, camera_rotation(look), PoseSigmas())
        sighting = locate(pose, CAMERA, (639.5, 359.5), 9.0 * np.eye(2), terrain)
        window = window or window_of(sighting)
        view = cv2.imdecode(np.frombuffer(lay_out(frame, sighting, window, terrain), np.uint8), 0)
        assert view is not None
        views.append(cv2.GaussianBlur(view.astype(np.float32), (0, 0), 1.5))
    assert np.corrcoef(views[0].ravel(), views[1].ravel())[0, 1] > 0.6
    shift_px, _ = cv2.phaseCorrelate(
        views[0], views[1], cv2.createHanningWindow((SIZE_PX, SIZE_PX), cv2.CV_32F)
    )
    assert np.linalg.norm(shift_px) < 1.0
