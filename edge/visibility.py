"""Whether a look should have seen a hotspot: only then does not seeing it count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.fusion import Place
from edge.hotspot import Look
from edge.march import clearance_m
from edge.pose import distance_m, turned_deg
from edge.sighting import Sighting
from flight.local_frame import LocalFrame

FloatArray = NDArray[np.float64]

# This part of the picture along its edges does not count: boxes there are cut.
MARGIN = 0.06
# Detection fades with distance; up to this much further than it has been seen it is expected again.
RANGE_MARGIN = 1.2
SAME_PLACE_M = 5.0
SAME_PLACE_BEARING_M = 30.0
SAME_VIEW_DEG = 3.0
OCCLUSION_SAMPLES = 48


def should_see(look: Look, place: Place | None, latest: Sighting, farthest_m: float) -> bool:
    """``farthest_m`` is the distance at which the hotspot has been seen, reckoned as in a whole frame: what a
    tile showed twice as large counts as seen from half as far."""
    moved_m = distance_m(look.pose, latest.pose)
    if place is None:
        return moved_m < SAME_PLACE_BEARING_M and _ray_in_picture(look, latest)
    if moved_m < SAME_PLACE_M and turned_deg(look.pose, latest.pose) < SAME_VIEW_DEG:
        return _ray_in_picture(look, latest)
    points = _points(look, place)
    pixels = look.camera.project(points @ look.pose.camera_to_enu)
    if not look.camera.contains(pixels, MARGIN * look.camera.width_px).all():
        return False
    if float(np.linalg.norm(points[0])) > RANGE_MARGIN * farthest_m * look.magnification(pixels):
        return False
    return not _hidden(look, points[0])


def _ray_in_picture(look: Look, sighting: Sighting) -> bool:
    """And shown about as large as it was when it was seen."""
    pixels = look.camera.project(np.array([sighting.ray_enu]) @ look.pose.camera_to_enu)
    if not look.camera.contains(pixels, MARGIN * look.camera.width_px)[0]:
        return False
    return sighting.magnification <= RANGE_MARGIN * look.magnification(pixels)


def _points(look: Look, place: Place) -> FloatArray:
    """The place and the ends of the axes of its 1σ ellipse, from the look's camera (5, 3)."""
    values, vectors = np.linalg.eigh(place.covariance_m2)
    axes = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    around = np.zeros((5, 3))
    around[1:3, :2], around[3:5, :2] = axes, -axes
    pose = look.pose
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    there = (np.array(x) for x in (place.lat_deg, place.lon_deg, place.alt_amsl_m))
    return np.array(frame.from_geodetic(*there)) + around


def _hidden(look: Look, point: FloatArray) -> bool:
    """Whether terrain stands between the camera and a point (east, north, up)."""
    if look.terrain is None:
        return False
    pose = look.pose
    parts = np.linspace(0.02, 0.95, OCCLUSION_SAMPLES)[:, None]
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    # A ridge must stand out by more than the terrain model may be wrong, or it proves nothing.
    return bool((clearance_m(frame, parts * point, look.terrain) < -look.terrain.sigma_m).any())
