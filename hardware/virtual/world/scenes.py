"""Scenes to train and judge a detector on: one country, many fires, lights and points of view.

A ``Stage`` is one country of a training family; making it takes a second, a scene on it a few milliseconds.
``scenes`` yields any number of them, stage by stage. Seeds from 10,000 up are for training; the demo
uses smaller ones and a family of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.render.cast import ground_along
from hardware.virtual.render.render import Renderer, TruthBox
from hardware.virtual.world.families import TRAINING_FAMILIES
from hardware.virtual.world.fire import Fire
from hardware.virtual.world.light import LIGHTS, Light, light_named
from hardware.virtual.world.lookalikes import LookAlike, cloud, dust, fog, scatter
from hardware.virtual.world.noise import Bytes
from hardware.virtual.world.plume import Plume
from hardware.virtual.world.world import World

FIRST_TRAINING_SEED = 10_000
SIZES_PX = ((640, 360), (640, 480), (640, 640), (640, 384), (480, 640))
_LIGHT_SHARES = {"noon": 0.26, "morning": 0.18, "overcast": 0.18, "hazy": 0.12, "dusk": 0.14, "night": 0.12}
_VIEW_SHARES = {"patrol": 0.50, "nadir": 0.14, "far": 0.36}
_SMOKES = (
    ((232.0, 232.0, 232.0), 0.15),
    ((198.0, 200.0, 202.0), 0.30),
    ((150.0, 154.0, 160.0), 0.35),
    ((128.0, 150.0, 172.0), 0.25),
    ((74.0, 76.0, 80.0), 0.30),
)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A world, a camera in it and an instant (the pose's)."""

    world: World
    pose: TruePose
    lens: VirtualLens
    view: str

    def shoot(self) -> tuple[Bytes, list[TruthBox]]:
        """The picture and its boxes."""
        return Renderer(self.world, self.lens).render_with_labels(self.pose)


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One country to take scenes from."""

    world: World

    @classmethod
    def of(cls, seed: int, family: str, texture_px: int = 2048, ortho_m: float = 760.0) -> Stage:
        """The stage of that seed: a world of its own without fires."""
        light = LIGHTS[seed % 4]
        return cls(
            World.generate(
                seed,
                family,
                n_fires=0,
                look_alikes=0.0,
                light=light,
                texture_px=texture_px,
                ortho_m=ortho_m,
            )
        )

    def scene(
        self,
        rng: np.random.Generator,
        *,
        size_px: tuple[int, int] | None = None,
        fire_share: float = 0.78,
        look_alikes: float = 1.0,
    ) -> Scene:
        """One scene. ``fire_share`` of them burn; the others have more look-alikes instead."""
        width_px, height_px = size_px or SIZES_PX[int(rng.integers(len(SIZES_PX)))]
        lens = _lens(rng, width_px, height_px)
        view = str(rng.choice(list(_VIEW_SHARES), p=list(_VIEW_SHARES.values())))
        pose = self._pose(rng, view)
        light = _light(rng)
        speed, toward = float(rng.gamma(2.2, 1.3)), float(rng.uniform(0, 2 * math.pi))
        world = self.world.with_light(light).with_wind(speed * math.sin(toward), speed * math.cos(toward))
        burning = rng.random() < fire_share
        count = int(rng.choice([1, 2, 3], p=[0.62, 0.27, 0.11])) if burning else 0
        fires = self._fires(rng, lens, pose, view, count)
        amount = look_alikes * (0.5 if burning else 1.3)
        extras = scatter(world.ground, rng, 0.6 * amount, light)
        near = self._in_view(rng, lens, pose, int(rng.poisson(0.9 * amount)))
        return Scene(
            replace(
                world, fires=tuple(fires), look_alikes=(*extras, *(_look_alike(rng, point) for point in near))
            ),
            pose,
            lens,
            view,
        )

    def _pose(self, rng: np.random.Generator, view: str) -> TruePose:
        ground = self.world.ground
        east, north = (float(v) for v in rng.uniform(-0.35, 0.35, 2) * ground.cover.size_m)
        height = float(ground.relief.height_amsl_m(np.array(east), np.array(north)))
        agl_m, pitch_deg = {
            "patrol": (float(rng.uniform(28, 120)), float(rng.uniform(-65, -24))),
            "nadir": (float(rng.uniform(28, 110)), float(rng.uniform(-90, -70))),
            "far": (float(rng.uniform(35, 150)), float(rng.uniform(-20, 1))),
        }[view]
        lat, lon = self.world.frame.to_geographic(east, north)
        return TruePose.looking(
            float(lat),
            float(lon),
            height + agl_m,
            yaw_deg=float(rng.uniform(0, 360)),
            pitch_deg=pitch_deg,
            roll_deg=float(rng.normal(0, 3)),
            time_s=float(rng.uniform(100, 900)),
        )

    def _in_view(
        self, rng: np.random.Generator, lens: VirtualLens, pose: TruePose, count: int
    ) -> NDArray[np.float64]:
        """Up to ``count`` points of ground (N, 3) seen at random places of the picture."""
        if not count:
            return np.empty((0, 3))
        pixels = np.stack(
            [
                rng.uniform(0.02, 0.98, 4 * count) * lens.width_px,
                rng.uniform(0.05, 1.05, 4 * count) * lens.height_px,
            ],
            axis=1,
        )
        east, north = self.world.frame.to_local(pose.lat_deg, pose.lon_deg)
        eye = np.array([float(east), float(north), pose.alt_amsl_m])
        points = ground_along(lens.rays(pixels) @ pose.enu_from_camera().T, eye, self.world.ground.relief)
        distance = np.linalg.norm(points - eye, axis=1)
        return np.asarray(points[np.isfinite(distance) & (distance < 2600.0)][:count], np.float64)

    def _fires(
        self, rng: np.random.Generator, lens: VirtualLens, pose: TruePose, view: str, count: int
    ) -> Iterator[Fire]:
        east, north = self.world.frame.to_local(pose.lat_deg, pose.lon_deg)
        eye = np.array([float(east), float(north), pose.alt_amsl_m])
        for index, point in enumerate(self._in_view(rng, lens, pose, count)):
            distance = float(np.linalg.norm(point - eye))
            # A distant fire that anybody photographs is a large one.
            scale = float(np.clip(distance / 220.0, 1.0, 5.0)) if view == "far" else 1.0
            flame_m = min(
                14.0,
                float(rng.choice([rng.uniform(0.5, 1.6), rng.uniform(1.5, 4.0), rng.uniform(3.0, 8.0)]))
                * scale**0.6,
            )
            smoulders = rng.random() < (0.45 if distance > 300.0 else 0.18)
            yield self.world.fire_at(
                f"fire-{index + 1}",
                float(point[0]),
                float(point[1]),
                radius_m=float(rng.uniform(0.35, 1.3)) * max(flame_m, 1.0),
                flame_height_m=0.0 if smoulders else flame_m,
                seed=int(rng.integers(1, 9000)),
                plume=_plume(rng, flame_m, scale) if smoulders or rng.random() < 0.85 else None,
                front_m=float(rng.uniform(4, 26)) * scale if rng.random() < 0.28 else 0.0,
                heading_rad=float(rng.uniform(0, 2 * math.pi)),
            )


def scenes(
    seed: int,
    count: int,
    *,
    families: Sequence[str] = TRAINING_FAMILIES,
    per_stage: int = 50,
    size_px: tuple[int, int] | None = None,
) -> Iterator[Scene]:
    """``count`` scenes, ``per_stage`` on each of as many countries as it takes. Equal seeds, equal scenes."""
    for index in range(count):
        stage = _stage(seed + index // per_stage, families[(index // per_stage) % len(families)])
        yield stage.scene(np.random.default_rng([seed, 17, index]), size_px=size_px)


@lru_cache(maxsize=3)
def _stage(seed: int, family: str) -> Stage:
    return Stage.of(seed, family)


def _lens(rng: np.random.Generator, width_px: int, height_px: int) -> VirtualLens:
    """Some lens; one so distorted that its image circle ends inside the picture is made milder."""
    lens = VirtualLens(
        width_px,
        height_px,
        float(rng.uniform(48, 88)),
        float(rng.normal(0, 0.03)),
        float(rng.normal(0, 0.008)),
    )
    while not lens.covers_picture:
        lens = replace(lens, k1=lens.k1 / 2, k2=lens.k2 / 2)
    return lens


def _light(rng: np.random.Generator) -> Light:
    """One of the lights, a little different each time: exposure, white balance, air, sensor."""
    light = light_named(str(rng.choice(list(_LIGHT_SHARES), p=list(_LIGHT_SHARES.values()))))
    exposure = float(rng.uniform(0.80, 1.18))
    warmth = float(rng.normal(0, 0.035))
    blue, green, red = light.ground_gain
    return replace(
        light,
        sun_azimuth_rad=float(rng.uniform(0, 2 * math.pi)),
        ground_gain=(
            min(1.25, blue * exposure * (1 - warmth)),
            min(1.25, green * exposure),
            min(1.25, red * exposure * (1 + warmth)),
        ),
        visibility_m=light.visibility_m * float(rng.uniform(0.4, 1.8)),
        cloud_cover=float(np.clip(light.cloud_cover + rng.normal(0, 0.2), 0.0, 1.0)),
        noise=light.noise * float(rng.uniform(0.4, 2.2)),
    )


def _plume(rng: np.random.Generator, flame_m: float, scale: float) -> Plume:
    colour, darkness = _SMOKES[int(rng.choice(len(_SMOKES), p=[0.26, 0.30, 0.20, 0.12, 0.12]))]
    life_s = float(rng.uniform(9, 24)) * scale**0.5
    return Plume(
        density=float(1.0 - 0.6 * rng.random() ** 1.5),
        colour=colour,
        rise_m_s=float(rng.uniform(1.4, 4.6)) * scale**0.35,
        life_s=life_s,
        radius_m=float(rng.uniform(0.8, 2.8)) * scale**0.8,
        growth_m_s=float(rng.uniform(0.25, 0.75)) * scale**0.5,
        puffs=int(rng.integers(20, 34)),
        seed=int(rng.integers(1, 9000)),
        darkness=darkness * float(rng.uniform(0.5, 1.3)),
        spread_m=0.5 + 0.35 * flame_m,
        wander_m=float(rng.uniform(0.8, 2.2)) * scale**0.7,
    )


def _look_alike(rng: np.random.Generator, point: NDArray[np.float64]) -> LookAlike:
    east, north = float(point[0]), float(point[1])
    pick = rng.random()
    if pick < 0.45:
        return fog(rng, east, north)
    if pick < 0.70:
        return cloud(rng, east, north, float(rng.uniform(12, 60)))
    if pick < 0.85:
        return dust(rng, east, north, float(rng.uniform(0, 2 * math.pi)))
    heading = float(rng.uniform(0, 2 * math.pi))
    return LookAlike("lamps", east, north, 0.8, int(rng.integers(1, 9000)), heading_rad=heading)
