"""From a pixel to a place on the ground, with an honest error.

``locate`` is the one plain function from (pose, camera, pixel, terrain) to a sighting. The error is
propagated numerically: each cause of error is moved by ±1σ, the ray is met with the terrain again, and
half of the difference between the two ground points is that cause's effect. So the terrain's true shape
between the two is in the answer, and not a tangent plane's.

The place is where the ray itself meets the ground. The mean of all places that the errors allow is another
point where the ground is curved or the view flat, but taking it instead was found to gain nothing: over hills
of ±100 m, at 50 to 400 m and 20° to 80° below the horizon, the ray's own meeting is off by less than a
hundredth of its CE90 on the mean, and its CE90 is a particle posterior's to 1 %
(`tests/benchmarks/geolocation.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.geometry.foot import Feet, feet_of
from edge.geometry.march import Outcome, march, march_near, meet_near
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose
from edge.geometry.rays import level_axes
from edge.geometry.sighting import SIGMAS_90, Cause, Sighting
from edge.vision.merge import Found
from edge.vision.report import Eye
from flight.local_frame import DEGREES, LocalFrame
from flight.terrain import FlatTerrain, Terrain
from models.detection import Detection

FloatArray = NDArray[np.float64]

MAX_RANGE_M = 5000.0
# Where the ray meets the surface more flatly than this the error along the ray is skewed and has a long tail.
# From cameras 4° to 18° above such ground the 90 % ellipse of a Gaussian held the truth 82 to 88 % of the
# time; made longer by GRAZING_FACTOR it held it 90 to 97 %.
GRAZING_DEG = 15.0
# Terrain models know a slope to about 2.4° (3 m of error over 100 m), and where the ray goes is not known
# either: what looks a little steeper than grazing may be grazing, so it is flagged and widened in part.
GRAZING_MARGIN_DEG = 5.0
GRAZING_FACTOR = 1.3
# With less room than this on its way a ray that is off by 1σ may meet other ground: this many σ of tilt.
ROOM_SIGMAS = 3.0
# Then moved rays are looked for between these parts of the range of the ray itself.
WINDOW = (0.4, 2.5)
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
    covariance_px2 = np.asarray(pixel_covariance_px2, np.float64)
    feet = Feet(np.array([pixel], np.float64), covariance_px2[None], [label], [score], [None], [""])
    return _locate(feet, pose, camera, terrain, max_range_m)[0]


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
    return _locate(feet_of(detections, pose, camera), pose, camera, terrain, max_range_m)


def locate_found(
    found: Sequence[Found], pose: Pose, camera: Camera, terrain: Terrain | None, *, eye: Eye = "colour"
) -> list[Sighting]:
    """The same of what one of the agent's cameras found, with how it was found."""
    return [
        replace(sighting, magnification=one.magnification, eye=eye, heat=one.heat)
        for one, sighting in zip(found, locate_detections(found, pose, camera, terrain), strict=True)
    ]


def incidence_deg(sighting: Sighting, terrain: Terrain | None) -> float | None:
    """Angle between a sighting's ray and the surface where it meets it; None of a bearing alone."""
    if sighting.slant_range_m is None:
        return None
    pose = sighting.pose
    ground = terrain if terrain is not None else FlatTerrain(pose.alt_amsl_m - pose.height_home_m)
    ray = np.array([sighting.ray_enu])
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    return float(_Surface.at(frame, sighting.slant_range_m * ray, ray, ground).incidence_deg[0])


def _locate(
    feet: Feet, pose: Pose, camera: Camera, terrain: Terrain | None, max_range_m: float
) -> list[Sighting]:
    if not feet.labels:
        return []
    ground = terrain if terrain is not None else FlatTerrain(pose.alt_amsl_m - pose.height_home_m)
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    # Beyond the picture the lens model is a guess.
    pixels = np.minimum(np.maximum(feet.pixels, -0.5), (camera.width_px - 0.5, camera.height_px - 0.5))
    rays = camera.rays(pixels) @ pose.camera_to_enu.T
    moved = _moved_rays(pixels, feet.covariances_px2, rays, pose, camera)
    hits = march(frame, rays, ground, max_range_m)
    outcomes = hits.outcome.tolist()
    met = [i for i, end in enumerate(outcomes) if end == Outcome.GROUND and not feet.no_base[i]]
    placed = _place(hits.range_m[met], rays[met], moved[met], hits.room_rad[met], frame, pose, ground)
    found = dict(zip(met, placed, strict=True))
    ray_effects = (moved[:, :, 0] - rays[:, None]).transpose(0, 2, 1)
    ray_effects = np.where(np.isfinite(ray_effects), ray_effects, 0.0)
    bearings_deg = (np.arctan2(rays[:, 0], rays[:, 1]) * DEGREES % 360.0 % 360.0).tolist()
    pixel_sigmas_deg = np.arctan(np.sqrt(feet.covariances_px2[:, 0, 0]) / camera.fx_px) * DEGREES
    pose_sigma_deg = math.hypot(pose.sigmas.heading_deg, pose.sigmas.gimbal_deg)
    bearing_sigmas_deg = np.hypot(pose_sigma_deg, pixel_sigmas_deg).tolist()
    return [
        Sighting(
            label=label,
            score=score,
            pixel=tuple(pixel),
            pixel_covariance_px2=feet.covariances_px2[i],
            box=box,
            pose=pose,
            bearing_deg=bearings_deg[i],
            bearing_sigma_deg=bearing_sigmas_deg[i],
            half_width_deg=0.0 if box is None else math.atan((box[2] - box[0]) / 2 / camera.fx_px) * DEGREES,
            ray_enu=tuple(ray),
            ray_effects=ray_effects[i],
            terrain=ground.name,
            camera=camera,
            **(
                found.get(i)
                or {
                    "method": "bearing-only",
                    "why": feet.no_base[i] or _WHY[Outcome(outcomes[i])].format(range=max_range_m),
                }
            ),
        )
        for i, (label, score, box, pixel, ray) in enumerate(
            zip(feet.labels, feet.scores, feet.boxes, pixels.tolist(), rays.tolist(), strict=True)
        )
    ]


def _place(
    ranges_m: FloatArray,
    rays: FloatArray,
    moved: FloatArray,
    room_rad: FloatArray,
    frame: LocalFrame,
    pose: Pose,
    terrain: Terrain,
) -> list[dict[str, Any]]:
    """What a sighting holds of its place, for rays (N, 3) that meet the ground at these ranges."""
    if not len(ranges_m):
        return []
    points = ranges_m[:, None] * rays
    surface = _Surface.at(frame, points, rays, terrain)
    effects_m, grazing = _effects(ranges_m, rays, moved, surface, room_rad, frame, pose, terrain)
    covariance_m2 = effects_m @ effects_m.transpose(0, 2, 1)
    # The longer semi-axis of the 90 % ellipse, from the greater eigenvalue of a 2x2 matrix.
    a, b, c = covariance_m2[:, 0, 0], covariance_m2[:, 0, 1], covariance_m2[:, 1, 1]
    major_m2 = (a + c) / 2 + np.hypot((a - c) / 2, b)
    vague = major_m2 * SIGMAS_90**2 > (VAGUE * ranges_m) ** 2
    columns = (surface.lat_deg, surface.lon_deg, surface.alt_amsl_m, ranges_m, grazing, vague)
    method = "flat" if isinstance(terrain, FlatTerrain) else "dem"
    return [
        {"method": "bearing-only", "why": "its distance is as good as unknown", "grazing": flagged}
        if is_vague
        else {
            "method": method,
            "lat_deg": lat,
            "lon_deg": lon,
            "alt_amsl_m": alt_m,
            "slant_range_m": range_m,
            "covariance_m2": covariance_m2[i],
            "effects_m": effects_m[i],
            "grazing": flagged,
        }
        for i, (lat, lon, alt_m, range_m, flagged, is_vague) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        )
    ]


def _effects(
    ranges_m: FloatArray,
    rays: FloatArray,
    moved: FloatArray,
    surface: _Surface,
    room_rad: FloatArray,
    frame: LocalFrame,
    pose: Pose,
    terrain: Terrain,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Ground displacement (N, 2, causes) by 1σ of each cause, and which meetings graze the ground.

    ``moved`` as of :func:`_moved_rays`; the displacement is widened where it grazes.
    """
    sigmas = pose.sigmas
    tilt_rad = math.radians(math.hypot(sigmas.attitude_deg, sigmas.gimbal_deg))
    heading_rad = math.radians(math.hypot(sigmas.heading_deg, sigmas.gimbal_deg))
    forward, right, up = level_axes(pose.camera_to_enu).tolist()
    turns_rad = (
        [tilt_rad * x for x in forward],
        [tilt_rad * x for x in right],
        [heading_rad * x for x in up],
        [sigmas.time_s * x for x in pose.turn_rate_enu_rad_s],
    )
    origins = np.zeros((len(_ORDER), 2, 3))
    origins[0, :, 0] = sigmas.horizontal_m, -sigmas.horizontal_m
    origins[1, :, 1] = origins[0, :, 0]
    height_m = math.hypot(sigmas.vertical_m, terrain.sigma_m)
    origins[2, :, 2] = height_m, -height_m
    travelled_m = [sigmas.time_s * x for x in pose.velocity_enu_m_s]
    origins[6] = travelled_m, [-x for x in travelled_m]
    directions = np.empty((len(rays), len(_ORDER), 2, 3))
    directions[:] = rays[:, None, None]
    # A small turn adds its cross product with the ray to it.
    turned = (rays @ _cross_matrices(turns_rad).T).reshape(-1, 4, 3)
    directions[:, 3:7, 0] += turned
    directions[:, 3:7, 1] -= turned
    directions[:, 7:] = moved

    # Where the moved rays would meet the tangent plane.
    nx, ny, nz = surface.normal.T[:, :, None, None]
    fall = -(directions[..., 0] * nx + directions[..., 1] * ny + directions[..., 2] * nz)
    above_m = surface.normal @ origins.reshape(-1, 3).T + (surface.fall * ranges_m)[:, None]
    guess_m = above_m.reshape(fall.shape) / fall
    ground_m, arrived = meet_near(frame, origins, directions, terrain, guess_m, fall)
    steep = surface.incidence_deg >= GRAZING_DEG + GRAZING_MARGIN_DEG
    ratio = ground_m / ranges_m[:, None, None]
    arrived &= (ratio > WINDOW[0]) & (ratio < WINDOW[1])
    easy = arrived.all(axis=(1, 2)) & (room_rad > ROOM_SIGMAS * tilt_rad)
    missed = np.zeros(len(rays), np.bool_)
    hard = np.flatnonzero(~easy)
    if len(hard):
        window = np.repeat(ranges_m[hard], len(_ORDER) * 2)
        from_there = np.broadcast_to(origins, (len(hard), *origins.shape)).reshape(-1, 3)
        along = directions[hard].reshape(-1, 3)
        found_m, found = march_near(frame, from_there, along, terrain, window * WINDOW[0], window * WINDOW[1])
        ground_m[hard] = found_m.reshape(len(hard), len(_ORDER), 2)
        missed[hard] = ~found.reshape(len(hard), -1).all(axis=1)
    there = origins[..., :2] + ground_m[..., None] * directions[..., :2]
    effects = ((there[:, :, 0] - there[:, :, 1]) / 2)[:, _BY_CAUSE].transpose(0, 2, 1)
    flatter = (GRAZING_DEG + GRAZING_MARGIN_DEG - surface.incidence_deg) / GRAZING_MARGIN_DEG
    flatter = np.minimum(np.maximum(flatter, 0.0), 1.0)
    widened = 1 + (GRAZING_FACTOR - 1) * np.where(missed, 1.0, flatter)
    return effects * widened[:, None, None], missed | ~steep


# Causes in the order in which rays are moved: the camera's place, then turns, then optics.
_ORDER = (
    Cause.EAST, Cause.NORTH, Cause.HEIGHT,
    Cause.ROLL, Cause.TILT, Cause.HEADING, Cause.TIME,
    Cause.PIXEL_1, Cause.PIXEL_2, Cause.FOCAL,
)  # fmt: skip
_BY_CAUSE = np.argsort(_ORDER)


def _moved_rays(
    pixels: FloatArray, covariances_px2: FloatArray, rays: FloatArray, pose: Pose, camera: Camera
) -> FloatArray:
    """Rays (N, 3, 2, 3) by +1σ and -1σ of PIXEL_1, PIXEL_2 and FOCAL, to rays (N, 3)."""
    shifts_px = np.empty((len(pixels), 3, 2))
    shifts_px[:, :2] = np.linalg.cholesky(covariances_px2).transpose(0, 2, 1)
    shifts_px[:, 2] = (pixels - (camera.cx_px, camera.cy_px)) * camera.focal_sigma
    there = np.empty((len(pixels), 3, 2, 2))
    there[:, :, 0], there[:, :, 1] = pixels[:, None] + shifts_px, pixels[:, None] - shifts_px
    moved = (camera.rays(there.reshape(-1, 2)) @ pose.camera_to_enu.T).reshape(-1, 3, 2, 3)
    if not np.isfinite(moved).all():
        # A pixel moved out of a distorted picture has no ray: its opposite stands in.
        centre = rays[:, None, None]
        moved = np.where(np.isfinite(moved), moved, 2 * centre - moved[:, :, ::-1])
        moved = np.where(np.isfinite(moved), moved, centre)
    return moved


def _cross_matrices(turns_rad: Sequence[Sequence[float]]) -> FloatArray:
    """(3 M, 3): what takes a vector to its cross products with M turns."""
    return np.array([row for x, y, z in turns_rad for row in ((0.0, -z, y), (z, 0.0, -x), (-y, x, 0.0))])


@dataclass(frozen=True, slots=True, eq=False)
class _Surface:
    """The ground at N points."""

    lat_deg: FloatArray
    lon_deg: FloatArray
    alt_amsl_m: FloatArray
    normal: FloatArray
    """(N, 3): of the tangent plane; its third number is 1."""
    fall: FloatArray
    """By how much a ray comes nearer to the ground below it on each metre."""
    incidence_deg: FloatArray
    """Angle between a ray and the plane."""

    @classmethod
    def at(cls, frame: LocalFrame, points: FloatArray, rays: FloatArray, terrain: Terrain) -> _Surface:
        reach_m = max(terrain.resolution_m / 2, 2.0)
        around = points[:, None] + reach_m * _CROSS
        lat_deg, lon_deg, _ = frame.to_geodetic(around[..., 0], around[..., 1], around[..., 2])
        heights = terrain.height_amsl_m(lat_deg, lon_deg)
        normal = np.ones((len(points), 3))
        drop = (heights[:, 3:] - heights[:, 1:3]) / (2 * reach_m)
        # Beside a hole the slope is not known: then it is taken as flat.
        normal[:, :2] = np.where(np.isfinite(drop), drop, 0.0)
        fall = -(rays * normal).sum(axis=1)
        sine = fall / np.sqrt((normal * normal).sum(axis=1))
        incidence_deg = np.arcsin(np.minimum(sine, 1.0)) * DEGREES
        return cls(lat_deg[:, 0], lon_deg[:, 0], heights[:, 0], normal, fall, incidence_deg)


# The point itself, then east and north of it, then west and south.
_CROSS = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
