"""Whether a look should have seen a hotspot: only then does not seeing it count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.geometry.march import clearance_m
from edge.geometry.place import Place
from edge.geometry.pose import Pose
from edge.geometry.sighting import Sighting
from edge.hotspots.hotspot import Look
from flight.local_frame import LocalFrame

if TYPE_CHECKING:
    from edge.hotspots.track import Track, View

FloatArray = NDArray[np.float64]

# This part of the picture's width along its edges does not count, beside half a box: boxes there are cut.
MARGIN = 0.02
# Detection fades with distance; up to this much further than it has been seen it is expected again.
RANGE_MARGIN = 1.2
SAME_PLACE_M = 5.0
SAME_PLACE_BEARING_M = 30.0
SAME_VIEW_DEG = 3.0
OCCLUSION_SAMPLES = 48


def should_see(look: Look, tracks: Sequence[Track]) -> NDArray[np.bool_]:
    """(N,) which of these the look should have shown. What its camera has never seen it need not show."""
    seen = np.array([look.eye in track.views for track in tracks], np.bool_)
    if not seen.any():
        return seen
    if not seen.all():
        seen[seen] = should_see(look, [track for track in tracks if look.eye in track.views])
        return seen
    expected = np.zeros(len(tracks), np.bool_)
    latest = [track.views[look.eye].latest.sighting for track in tracks]
    moved_m, turn_deg = _moved(look, [sighting.pose for sighting in latest])
    near_m = np.where([track.place is None for track in tracks], SAME_PLACE_BEARING_M, SAME_PLACE_M)
    same_view = (moved_m < near_m) & (
        np.array([t.place is None for t in tracks]) | (turn_deg < SAME_VIEW_DEG)
    )
    if same_view.any():
        rows = np.flatnonzero(same_view).tolist()
        expected[rows] = _rays_in_picture(look, [latest[i] for i in rows])
    placed = [i for i, track in enumerate(tracks) if track.place is not None and not same_view[i]]
    if not placed:
        return expected
    points_m = _points(look, [place for i in placed if (place := tracks[i].place) is not None])
    pixels = look.camera.project(points_m.reshape(-1, 3) @ look.pose.camera_to_enu)
    margin_px = np.repeat(
        [MARGIN * look.camera.width_px + _half_size_px(tracks[i].views[look.eye]) for i in placed], 5
    )
    whole = look.camera.contains(pixels, margin_px).reshape(-1, 5).all(axis=1)
    for k in np.flatnonzero(whole):
        i = placed[k]
        reach_m = (
            RANGE_MARGIN
            * tracks[i].views[look.eye].usual_range_m
            * look.magnification(pixels[5 * k : 5 * k + 5])
        )
        expected[i] = float(np.linalg.norm(points_m[k, 0])) <= reach_m and not _hidden(look, points_m[k, 0])
    return expected


def _moved(look: Look, poses: Sequence[Pose]) -> tuple[FloatArray, FloatArray]:
    """How far (m) and by how much (degrees) the camera has moved and turned since each of these."""
    frame = LocalFrame(look.pose.lat_deg, look.pose.lon_deg, look.pose.alt_amsl_m)
    places = np.array([(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m) for pose in poses])
    moved_m: FloatArray = np.linalg.norm(np.column_stack(frame.from_geodetic(*places.T)), axis=1)
    traces = np.tensordot(np.array([pose.camera_to_enu for pose in poses]), look.pose.camera_to_enu)
    return moved_m, np.degrees(np.arccos(np.clip((traces - 1) / 2, -1.0, 1.0)))


def _half_size_px(view: View) -> float:
    box = view.extent
    return 0.0 if box is None else max(box[2] - box[0], box[3] - box[1]) / 2


def _rays_in_picture(look: Look, sightings: Sequence[Sighting]) -> list[bool]:
    """Which of them are in the picture, and shown about as large as they were when they were seen."""
    pixels = look.camera.project(np.array([s.ray_enu for s in sightings]) @ look.pose.camera_to_enu)
    inside = look.camera.contains(pixels, MARGIN * look.camera.width_px)
    return [
        bool(inside[k]) and sighting.magnification <= RANGE_MARGIN * look.magnification(pixels[k : k + 1])
        for k, sighting in enumerate(sightings)
    ]


def _points(look: Look, places: Sequence[Place]) -> FloatArray:
    """(N, 5, 3): places and the ends of the axes of 1σ of what is their own, from the look's camera.

    What all looks of a flight have in common is wrong by the same now, and moves nothing in the picture.
    """
    values, vectors = np.linalg.eigh(np.array([place.own_m2[:2, :2] for place in places]))
    axes_m = (vectors * np.sqrt(np.maximum(values, 0.0))[:, None]).transpose(0, 2, 1)
    around_m = np.zeros((len(places), 5, 3))
    around_m[:, 1:3, :2], around_m[:, 3:5, :2] = axes_m, -axes_m
    pose = look.pose
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    there = np.array([(place.lat_deg, place.lon_deg, place.alt_amsl_m) for place in places])
    centres_m: FloatArray = np.column_stack(frame.from_geodetic(*there.T))
    return centres_m[:, None] + around_m


def _hidden(look: Look, point: FloatArray) -> bool:
    """Whether terrain stands between the camera and a point (east, north, up)."""
    if look.terrain is None:
        return False
    pose = look.pose
    parts = np.linspace(0.02, 0.95, OCCLUSION_SAMPLES)[:, None]
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    # A ridge must stand out by more than the terrain model may be wrong, or it proves nothing.
    return bool((clearance_m(frame, parts * point, look.terrain) < -look.terrain.sigma_m).any())
