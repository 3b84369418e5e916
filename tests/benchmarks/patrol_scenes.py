"""What rendered patrols are flown over: a country, what burns in it or only looks so, and the way over it.

Everything comes from the patrol's seed. The country is of the family that is never trained on, and so are the
look-alikes along the way (``strangers``); fog, clouds and dust lie about as in any country.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from edge.geometry.pose import Pose, PoseSigmas
from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.world.families import DEMO_FAMILY, WorldError
from hardware.virtual.world.fire import Fire
from hardware.virtual.world.light import LIGHTS
from hardware.virtual.world.plume import Plume
from hardware.virtual.world.world import World
from tests.benchmarks.strangers import KINDS, Stranger, stranger, with_strangers

FRAMES, FRAME_S = 25, 0.4
HEIGHT_M, SPEED_M_S, PITCH_DEG = 70.0, 10.0, -42.0  # as the demo flies
START_M = -145.0  # along the way; the middle of what is seen is then the middle of the country
ORTHO_M, TEXTURE_PX = 600.0, 4096

FLAME_M = (0.5, 3.0)
MOST_FIRES, APART_M = 3, 40.0
MOST_WAYS = 20
REACH_M, LEAST_LOOKS = 150.0, 8  # from a fire to the camera, on so many frames at least
ROOM_M = 6.0
ACROSS_M = 60.0
# Of each error what stays the same for the flight; the rest wanders, and is another after WANDER_S.
HELD = 0.7
WANDER_S = 20.0

SIGMAS = PoseSigmas()
MOST_COUNTRIES, ELSEWHERE = 10, 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One patrol that could be flown. ``true_poses`` and ``told_poses`` are those of the frames."""

    seed: int
    light: str
    world: World
    strangers: tuple[Stranger, ...]
    true_poses: tuple[TruePose, ...]
    told_poses: tuple[Pose, ...]


def scene(seed: int, *, burning: bool, strange: bool = True, texture_px: int | None = None) -> Scene:
    """The patrol of that seed, with one to three fires or with none, with look-alikes unless not ``strange``.

    Over another country where its own is all woods.
    """
    for country in range(seed, seed + MOST_COUNTRIES * ELSEWHERE, ELSEWHERE):
        try:
            return _scene(
                seed, country, burning=burning, strange=strange, texture_px=texture_px or TEXTURE_PX
            )
        except WorldError:
            continue
    raise WorldError(f"no country for patrol {seed} has an open place.", hint="Use another seed.")


def _scene(seed: int, country: int, *, burning: bool, strange: bool, texture_px: int) -> Scene:
    rng = np.random.default_rng([country, 71])
    light = LIGHTS[seed % len(LIGHTS)]
    world = World.generate(
        country,
        DEMO_FAMILY,
        size_m=2 * ORTHO_M,
        n_fires=0,
        light=light,
        look_alikes=0.3 if burning else 1.0,
        texture_px=texture_px,
        ortho_m=ORTHO_M,
    )
    true_poses, ahead = _way(world, rng)
    fires: list[Fire] = []
    for number in range(int(rng.integers(1, MOST_FIRES + 1)) if burning else 0):
        flame_m = float(rng.uniform(*FLAME_M))
        plume = _smoke(rng, flame_m) if rng.random() < 0.5 else None
        spot = open_place(world, rng, ahead, true_poses, [(f.east_m, f.north_m) for f in fires])
        if spot is not None:
            fires.append(_fire(world, f"fire-{number + 1}", spot, flame_m, int(rng.integers(1, 9000)), plume))
    taken = [(fire.east_m, fire.north_m) for fire in fires]
    strangers = []
    many = 1 if burning else int(rng.integers(2, 5))
    for number in range(many if strange else 0):
        spot = open_place(world, rng, ahead, true_poses, taken)
        if spot is not None:
            strangers.append(stranger(KINDS[(seed + number) % len(KINDS)], rng, *spot))
            taken.append(spot)
    world = with_strangers(world.with_fires(fires), strangers)
    return Scene(seed, light, world, tuple(strangers), true_poses, _as_told(world, rng, ahead, true_poses))


def _way(world: World, rng: np.random.Generator) -> tuple[tuple[TruePose, ...], NDArray[np.float64]]:
    """A leg over country that is not all woods, and its direction: east and north."""
    for _ in range(MOST_WAYS):
        heading_rad = float(rng.uniform(0, 2 * math.pi))
        ahead = np.array([math.sin(heading_rad), math.cos(heading_rad)])
        true_poses = _leg(world, rng, ahead)
        if open_place(world, rng, ahead, true_poses, []) is not None:
            return true_poses, ahead
    raise WorldError(f"country {world.ground.seed} has no open place.", hint="Use another seed.")


def _leg(world: World, rng: np.random.Generator, ahead: NDArray[np.float64]) -> tuple[TruePose, ...]:
    """A straight leg at one height, with the weaving of a copter in the wind."""
    swing = rng.uniform(0, 2 * math.pi, 3)
    along = START_M + SPEED_M_S * FRAME_S * np.arange(FRAMES)
    lats, lons = world.frame.to_geographic(along * ahead[0], along * ahead[1])
    heading_deg = math.degrees(math.atan2(ahead[0], ahead[1]))
    alt_m = float(world.ground_amsl_m(lats, lons).max()) + HEIGHT_M
    start_s = float(rng.uniform(100, 900))
    poses = []
    for number, (lat, lon) in enumerate(zip(lats, lons, strict=True)):
        time_s = number * FRAME_S
        poses.append(
            TruePose.looking(
                float(lat),
                float(lon),
                alt_m,
                yaw_deg=heading_deg + 2.0 * math.sin(0.9 * time_s + swing[0]),
                pitch_deg=PITCH_DEG + 0.7 * math.sin(1.7 * time_s + swing[1]),
                roll_deg=0.5 * math.sin(2.3 * time_s + swing[2]),
                time_s=start_s + time_s,
            )
        )
    return tuple(poses)


def open_place(
    world: World,
    rng: np.random.Generator,
    ahead: NDArray[np.float64],
    true_poses: tuple[TruePose, ...],
    taken: list[tuple[float, float]],
) -> tuple[float, float] | None:
    """An open place along the way that is often enough in reach; None where the woods leave none."""
    aside = np.array([ahead[1], -ahead[0]])
    for attempt in range(400):
        east, north = (
            (START_M + rng.uniform(60.0, 200.0)) * ahead + rng.uniform(-ACROSS_M, ACROSS_M) * aside
        ).tolist()
        if world.ground.cover.clear_at(east, north) < ROOM_M * (1.0 if attempt < 200 else 0.5):
            continue
        if any(math.hypot(east - x, north - y) < APART_M for x, y in taken):
            continue
        if _looks_in_reach(world, true_poses, east, north) >= LEAST_LOOKS:
            return east, north
    return None


def _looks_in_reach(world: World, true_poses: tuple[TruePose, ...], east_m: float, north_m: float) -> int:
    """How many frames show this place of the ground from near enough, with no hill before it."""
    lens, looks = VirtualLens(), 0
    place = np.array(
        [east_m, north_m, float(world.ground.relief.height_amsl_m(np.array(east_m), np.array(north_m)))]
    )
    for pose in true_poses:
        eye = np.array(
            [*(float(x) for x in world.frame.to_local(pose.lat_deg, pose.lon_deg)), pose.alt_amsl_m]
        )
        u, v = lens.project((place - eye) @ pose.enu_from_camera())[0].tolist()
        inside = 0.0 <= u < lens.width_px and 0.0 <= v < lens.height_px
        near = float(np.linalg.norm(place - eye)) <= REACH_M
        looks += inside and near and bool(world.ground.relief.sees(eye, place)[0])
    return looks


def _fire(
    world: World, name: str, spot: tuple[float, float], flame_m: float, seed: int, plume: Plume | None
) -> Fire:
    return world.fire_at(name, *spot, radius_m=0.4 * flame_m, flame_height_m=flame_m, seed=seed, plume=plume)


def _smoke(rng: np.random.Generator, flame_m: float) -> Plume:
    """What a fire of that size gives off, from white to grey."""
    grey = float(rng.uniform(140, 236))
    return Plume(
        density=float(rng.uniform(0.4, 0.9)),
        colour=(grey, grey, grey),
        rise_m_s=float(rng.uniform(1.6, 3.2)),
        life_s=float(rng.uniform(8, 18)),
        radius_m=0.5 + 0.4 * flame_m,
        growth_m_s=float(rng.uniform(0.25, 0.55)),
        puffs=26,
        seed=int(rng.integers(1, 9000)),
        spread_m=0.4 + 0.3 * flame_m,
    )


def _as_told(
    world: World, rng: np.random.Generator, ahead: NDArray[np.float64], true_poses: tuple[TruePose, ...]
) -> tuple[Pose, ...]:
    """What an autopilot tells of them: off by ``SIGMAS``, much of it all the way."""
    home_m = float(world.ground_amsl_m(world.frame.lat_deg, world.frame.lon_deg))
    lean_deg = math.hypot(SIGMAS.attitude_deg, SIGMAS.gimbal_deg)
    sigma = np.array(
        [SIGMAS.horizontal_m, SIGMAS.horizontal_m, SIGMAS.vertical_m, lean_deg, lean_deg, SIGMAS.gimbal_deg]
    )
    held = sigma * math.sqrt(HELD) * rng.standard_normal(6)
    heading_deg = SIGMAS.heading_deg * float(rng.standard_normal())
    late_s = SIGMAS.time_s * float(rng.standard_normal())
    keep = math.exp(-FRAME_S / WANDER_S)
    wander = sigma * math.sqrt(1 - HELD) * rng.standard_normal(6)
    velocity = (SPEED_M_S * float(ahead[0]), SPEED_M_S * float(ahead[1]), 0.0)
    poses = []
    for true_pose in true_poses:
        wander = keep * wander + sigma * math.sqrt((1 - HELD) * (1 - keep**2)) * rng.standard_normal(6)
        east_m, north_m, up_m, roll_deg, pitch_deg, yaw_deg = (held + wander).tolist()
        east, north = world.frame.to_local(true_pose.lat_deg, true_pose.lon_deg)
        lat, lon = world.frame.to_geographic(
            float(east) + east_m + velocity[0] * late_s, float(north) + north_m + velocity[1] * late_s
        )
        alt_m = true_pose.alt_amsl_m + up_m
        poses.append(
            Pose(
                boot_s=true_pose.time_s,
                lat_deg=float(lat),
                lon_deg=float(lon),
                alt_amsl_m=alt_m,
                height_home_m=alt_m - home_m,
                camera_to_enu=_turned(true_pose, roll_deg, pitch_deg, yaw_deg + heading_deg),
                sigmas=SIGMAS,
                velocity_enu_m_s=velocity,
            )
        )
    return tuple(poses)


def _turned(pose: TruePose, roll_deg: float, pitch_deg: float, yaw_deg: float) -> NDArray[np.float64]:
    """Camera to east, north, up, turned by so much: yaw clockwise about up, the others about its own axes."""
    yaw = Rotation.from_rotvec([0.0, 0.0, -math.radians(yaw_deg)]).as_matrix()
    lean = Rotation.from_rotvec([math.radians(pitch_deg), 0.0, math.radians(roll_deg)]).as_matrix()
    return np.asarray(yaw @ pose.enu_from_camera() @ lean, np.float64)
