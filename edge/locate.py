"""From a pixel to a place on the ground, with an honest error.

``locate`` is the one plain function from (pose, camera, pixel, terrain) to a sighting. The error is
propagated numerically: each cause of error is moved by ±1σ, the ray is met with the terrain again, and
half of the difference between the two ground points is that cause's effect. So the terrain's true shape
between the two is in the answer, and not a tangent plane's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.foot import Foot, foot_of
from edge.march import Outcome, march, march_near
from edge.optics import Camera
from edge.pose import Pose
from edge.sighting import Cause, Sighting, ellipse
from flight.local_frame import LocalFrame
from flight.terrain import FlatTerrain, Terrain
from models.detection import Detection

FloatArray = NDArray[np.float64]

MAX_RANGE_M = 5000.0
# Below this angle between ray and surface the error along the ray is skewed.
GRAZING_DEG = 15.0
# A moved ray is looked for between these parts of the range of the ray itself.
WINDOW = (0.4, 2.5)
GRAZING_FACTOR = 1.3
# An ellipse longer than this many times the distance says no more than the bearing does.
VAGUE = 2.0
_WHY = {
    Outcome.SKY: "it meets no ground within {range:.0f} m",
    Outcome.BEYOND: "it leaves the terrain model before it meets the ground",
    Outcome.BELOW: "the camera is below the terrain model's ground",
    Outcome.UNKNOWN: "its pixel has no direction",
}


def locate(
    pose: Pose,
    camera: Camera,
    pixel: tuple[float, float],
    pixel_covariance_px2: ArrayLike,
    terrain: Terrain | None,
    *,
    label: str = "fire",
    score: float = 1.0,
    max_range_m: float = MAX_RANGE_M,
) -> Sighting:
    """Where the ground is that this pixel (u, v; 2x2 covariance in px²) shows.

    Without a terrain the ground is taken as flat at home's height (method ``flat``). A ray at or above
    the horizon, beyond ``max_range_m`` or off the terrain model gives a bearing and no position.
    """
    foot = Foot(pixel, np.asarray(pixel_covariance_px2, np.float64), label, score, None)
    return _locate([foot], pose, camera, terrain, max_range_m)[0]


def locate_detections(
    detections: Sequence[Detection],
    pose: Pose,
    camera: Camera,
    terrain: Terrain | None,
    *,
    max_range_m: float = MAX_RANGE_M,
) -> list[Sighting]:
    """Where the fires and smoke columns of one frame stand; ``camera`` is at the size of their picture.

    All at once costs little more than one."""
    feet = [foot_of(detection, pose, camera) for detection in detections]
    return _locate(feet, pose, camera, terrain, max_range_m)


def effects_at(
    sightings: Sequence[Sighting],
    places: FloatArray,
    pose: Pose,
    camera: Camera,
    terrain: Terrain | None,
) -> list[FloatArray]:
    """What ``effects_m`` of these sightings of one frame would be, were the things where ``places`` says.

    ``places`` (N, 3) are latitude, longitude (degrees) and height. A sighting's own effects grow with the
    range that its own error gave it; weighed by them, sightings that fell short would count for more and
    pull every fused position towards the camera. Seen from one place they must weigh the same.
    """
    if not sightings:
        return []
    ground = terrain if terrain is not None else FlatTerrain(pose.alt_amsl_m - pose.height_home_m)
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    points = np.column_stack(frame.from_geodetic(places[:, 0], places[:, 1], places[:, 2]))
    ranges_m = np.linalg.norm(points, axis=1)
    rays = points / ranges_m[:, None]
    pixels = camera.project(rays @ pose.camera_to_enu)
    # Behind the camera or far outside: the pixel it was seen at is as good.
    pixels = np.where(np.isfinite(pixels), pixels, np.array([sighting.pixel for sighting in sightings]))
    covariances_px2 = np.array([sighting.pixel_covariance_px2 for sighting in sightings])
    effects_m, _ = _effects(pixels, covariances_px2, rays, ranges_m, frame, pose, camera, ground)
    return [
        effects * (GRAZING_FACTOR if sighting.grazing else 1.0)
        for effects, sighting in zip(effects_m, sightings, strict=True)
    ]


def _locate(
    feet: Sequence[Foot], pose: Pose, camera: Camera, terrain: Terrain | None, max_range_m: float
) -> list[Sighting]:
    if not feet:
        return []
    ground = terrain if terrain is not None else FlatTerrain(pose.alt_amsl_m - pose.height_home_m)
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    # Beyond the picture the lens model is a guess.
    picture = [camera.width_px - 0.5, camera.height_px - 0.5]
    pixels = np.clip(np.array([foot.pixel for foot in feet]), -0.5, picture)
    rays = camera.rays(pixels) @ pose.camera_to_enu.T
    hits = march(frame, rays, ground, max_range_m)
    shifts_px = _pixel_shifts(pixels, np.array([foot.covariance_px2 for foot in feet]), camera)
    ray_effects = _ray_effects(pixels, shifts_px, rays, pose, camera)
    sightings = []
    for i, foot in enumerate(feet):
        why = foot.no_base or _WHY.get(Outcome(hits.outcome[i]), "").format(range=max_range_m)
        sightings.append(
            _bearing_only(foot, pixels[i], rays[i], ray_effects[i], pose, camera, ground.name, why)
        )
    met = [i for i, sighting in enumerate(sightings) if not sighting.why]
    if not met:
        return sightings
    ranges_m = hits.range_m[met]
    effects_m, missed = _effects(
        pixels[met], np.array([feet[i].covariance_px2 for i in met]), rays[met], ranges_m,
        frame, pose, camera, ground,
    )  # fmt: skip
    points = ranges_m[:, None] * rays[met]
    incidence_deg = _incidence_deg(frame, points, rays[met], ground)
    lat_deg, lon_deg, _ = frame.to_geodetic(points[:, 0], points[:, 1], points[:, 2])
    alt_amsl_m = ground.height_amsl_m(lat_deg, lon_deg)
    for k, i in enumerate(met):
        grazing = bool(missed[k] or incidence_deg[k] < GRAZING_DEG)
        effects = effects_m[k] * (GRAZING_FACTOR if grazing else 1.0)
        semi_major_m, _, _ = ellipse(effects @ effects.T)
        if semi_major_m > VAGUE * ranges_m[k]:
            sightings[i] = replace(sightings[i], why="its distance is as good as unknown", grazing=grazing)
            continue
        sightings[i] = replace(
            sightings[i],
            method="flat" if isinstance(ground, FlatTerrain) else "dem",
            lat_deg=float(lat_deg[k]),
            lon_deg=float(lon_deg[k]),
            alt_amsl_m=float(alt_amsl_m[k]),
            slant_range_m=float(ranges_m[k]),
            covariance_m2=effects @ effects.T,
            effects_m=effects,
            grazing=grazing,
        )
    return sightings


def _bearing_only(
    foot: Foot,
    pixel: FloatArray,
    ray: FloatArray,
    ray_effects: FloatArray,
    pose: Pose,
    camera: Camera,
    terrain: str,
    why: str,
) -> Sighting:
    sigma_u_deg = math.degrees(math.atan(math.sqrt(foot.covariance_px2[0, 0]) / camera.fx_px))
    half_width_px = 0.0 if foot.box is None else (foot.box[2] - foot.box[0]) / 2
    return Sighting(
        label=foot.label,
        score=foot.score,
        pixel=(float(pixel[0]), float(pixel[1])),
        pixel_covariance_px2=foot.covariance_px2,
        box=foot.box,
        pose=pose,
        method="bearing-only",
        bearing_deg=math.degrees(math.atan2(ray[0], ray[1])) % 360.0 % 360.0,
        bearing_sigma_deg=math.hypot(pose.sigmas.heading_deg, pose.sigmas.gimbal_deg, sigma_u_deg),
        half_width_deg=math.degrees(math.atan(half_width_px / camera.fx_px)),
        ray_enu=(float(ray[0]), float(ray[1]), float(ray[2])),
        ray_effects=ray_effects,
        terrain=terrain,
        why=why,
    )


def _effects(
    pixels: FloatArray,
    covariances_px2: FloatArray,
    rays: FloatArray,
    ranges_m: FloatArray,
    frame: LocalFrame,
    pose: Pose,
    camera: Camera,
    terrain: Terrain,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Ground displacement (N, 2, causes) by 1σ of each cause, and for which rays the ground was lost."""
    count, causes = len(pixels), len(Cause)
    sigmas = pose.sigmas
    origins = np.zeros((count, causes, 2, 3))
    directions = np.broadcast_to(rays[:, None, None, :], origins.shape).copy()
    signs = np.array([1.0, -1.0])

    origins[:, Cause.EAST, :, 0] = signs * sigmas.horizontal_m
    origins[:, Cause.NORTH, :, 1] = signs * sigmas.horizontal_m
    origins[:, Cause.HEIGHT, :, 2] = signs * math.hypot(sigmas.vertical_m, terrain.sigma_m)
    turns_rad = np.radians(
        [
            math.hypot(sigmas.attitude_deg, sigmas.gimbal_deg),
            math.hypot(sigmas.attitude_deg, sigmas.gimbal_deg),
            math.hypot(sigmas.heading_deg, sigmas.gimbal_deg),
        ]
    )
    axes = turns_rad[:, None] * _level_axes(pose.camera_to_enu)
    for cause, axis in zip((Cause.ROLL, Cause.TILT, Cause.HEADING), axes, strict=True):
        directions[:, cause] = _turned(rays, signs[:, None] * axis)
    shifts = _pixel_shifts(pixels, covariances_px2, camera)
    moved = pixels[:, None, None] + signs[:, None] * shifts[:, :, None]
    moved_rays = (camera.rays(moved) @ pose.camera_to_enu.T).reshape(count, 3, 2, 3)
    directions[:, [Cause.PIXEL_1, Cause.PIXEL_2, Cause.FOCAL]] = moved_rays
    origins[:, Cause.TIME] = signs[:, None] * sigmas.time_s * np.array(pose.velocity_enu_m_s)
    turned_by = sigmas.time_s * np.array(pose.turn_rate_enu_rad_s)
    directions[:, Cause.TIME] = _turned(rays, signs[:, None] * turned_by)

    window = np.repeat(ranges_m, causes * 2)
    ground_m, found = march_near(
        frame,
        origins.reshape(-1, 3),
        directions.reshape(-1, 3),
        terrain,
        window * WINDOW[0],
        window * WINDOW[1],
    )
    points = (origins.reshape(-1, 3) + ground_m[:, None] * directions.reshape(-1, 3))[:, :2]
    shift_m = points.reshape(count, causes, 2, 2) - (ranges_m[:, None] * rays)[:, None, None, :2]
    # A pixel moved out of a distorted picture has no ray: its opposite stands in.
    shift_m = np.where(np.isfinite(shift_m), shift_m, -shift_m[:, :, ::-1])
    missed: NDArray[np.bool_] = np.logical_not(found.reshape(count, -1).all(axis=1))
    effects = (shift_m[:, :, 0] - shift_m[:, :, 1]) / 2
    return np.nan_to_num(effects).transpose(0, 2, 1), missed


def _pixel_shifts(pixels: FloatArray, covariances_px2: FloatArray, camera: Camera) -> FloatArray:
    """Pixels (N, 3, 2) that 1σ of PIXEL_1, PIXEL_2 and FOCAL move a pixel by."""
    spread = np.linalg.cholesky(covariances_px2)
    from_centre_px = (pixels - (camera.cx_px, camera.cy_px)) * camera.focal_sigma
    return np.stack([spread[:, :, 0], spread[:, :, 1], from_centre_px], axis=1)


def _ray_effects(
    pixels: FloatArray, shifts_px: FloatArray, rays: FloatArray, pose: Pose, camera: Camera
) -> FloatArray:
    """Change of rays (N, 3, 3; the last axis is the cause) by these shifts."""
    moved = (camera.rays(pixels[:, None] + shifts_px) @ pose.camera_to_enu.T).reshape(-1, 3, 3)
    back = (camera.rays(pixels[:, None] - shifts_px) @ pose.camera_to_enu.T).reshape(-1, 3, 3)
    # A pixel moved out of a distorted picture has no ray: its opposite stands in.
    forth = np.where(np.isfinite(moved), moved - rays[:, None], rays[:, None] - back)
    return np.nan_to_num(forth).transpose(0, 2, 1)


def _turned(rays: FloatArray, turns_rad: FloatArray) -> FloatArray:
    """Rays (N, 3) turned by small rotation vectors (M, 3): (N, M, 3)."""
    turned: FloatArray = rays[:, None] + np.cross(turns_rad[None], rays[:, None])
    turned /= np.linalg.norm(turned, axis=-1, keepdims=True)
    return turned


def _level_axes(camera_to_enu: FloatArray) -> FloatArray:
    """Rows: forward and right in the horizontal plane as the picture lies, and up."""
    right = camera_to_enu[:, 0] * (1.0, 1.0, 0.0)
    length = float(np.linalg.norm(right))
    right = right / length if length > 1e-3 else np.array([1.0, 0.0, 0.0])
    return np.array([[-right[1], right[0], 0.0], right, [0.0, 0.0, 1.0]])


def _incidence_deg(frame: LocalFrame, points: FloatArray, rays: FloatArray, terrain: Terrain) -> FloatArray:
    """Angle between rays and the surface they meet at points (N, 3)."""
    reach_m = max(terrain.resolution_m / 2, 2.0)
    offsets = reach_m * np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    around = points[:, None, :2] + offsets
    lat_deg, lon_deg, _ = frame.to_geodetic(
        around[..., 0], around[..., 1], np.broadcast_to(points[:, None, 2], around.shape[:2])
    )
    heights = terrain.height_amsl_m(lat_deg, lon_deg)
    slope_east = (heights[:, 0] - heights[:, 1]) / (2 * reach_m)
    slope_north = (heights[:, 2] - heights[:, 3]) / (2 * reach_m)
    into = rays[:, 0] * slope_east + rays[:, 1] * slope_north - rays[:, 2]
    sine = into / np.sqrt(1 + slope_east**2 + slope_north**2)
    # Beside a hole the slope is not known: then it is taken as flat.
    sine = np.where(np.isfinite(sine), sine, -rays[:, 2])
    return np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))
