"""The virtual world: country, fires and look-alikes, under one light and one wind. Everything from a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.virtual.frame import LocalFrame
from hardware.virtual.world.families import WorldError
from hardware.virtual.world.fire import Fire
from hardware.virtual.world.ground import Ground
from hardware.virtual.world.light import Light, light_named
from hardware.virtual.world.lookalikes import LookAlike, scatter
from hardware.virtual.world.plume import Plume

HOME_LAT_DEG = -35.363262
HOME_LON_DEG = 149.165237
HOME_AMSL_M = 584.0
DEM_POST_M = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What a virtual drone flies over. Immutable: ``with_…`` gives a changed world on the same ground.

    ``wind_m_s`` is where the air moves *to*, east and north.
    """

    ground: Ground
    fires: tuple[Fire, ...]
    look_alikes: tuple[LookAlike, ...]
    light: Light
    wind_m_s: tuple[float, float]

    @classmethod
    def generate(
        cls,
        seed: int,
        family: str = "eucalypt",
        *,
        size_m: float = 2000.0,
        n_fires: int = 3,
        fire_reach_m: float = 420.0,
        light: str = "noon",
        look_alikes: float = 1.0,
        wind_m_s: tuple[float, float] | None = None,
        home_lat_deg: float = HOME_LAT_DEG,
        home_lon_deg: float = HOME_LON_DEG,
        home_amsl_m: float = HOME_AMSL_M,
        texture_px: int = 4096,
        ortho_m: float | None = None,
    ) -> World:
        """A world ``size_m`` square round home with ``n_fires`` fires, 120 m to ``fire_reach_m`` from home.

        ``look_alikes`` scales how many things are put there that are not fire but resemble it (0: none).
        ``ortho_m`` is the width that is painted before it repeats mirrored, ``texture_px`` its pixels.
        """
        if size_m < 400.0 or texture_px % 256:
            raise WorldError(
                f"a world of {size_m:g} m and {texture_px} texture pixels cannot be made.",
                hint="Use 400 m or more, and a multiple of 256 pixels.",
            )
        chosen = light_named(light)
        ground = Ground.generate(
            seed,
            family,
            size_m=size_m,
            ortho_m=min(size_m, 1640.0) if ortho_m is None else ortho_m,
            texture_px=texture_px,
            frame=LocalFrame(home_lat_deg, home_lon_deg, home_amsl_m),
            home_amsl_m=home_amsl_m,
            light=chosen,
        )
        rng = np.random.default_rng([seed, 4])
        if wind_m_s is None:
            toward, speed = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(1.8, 3.6))
            wind_m_s = (speed * math.sin(toward), speed * math.cos(toward))
        empty = cls(ground, (), (), chosen, wind_m_s)
        fires = _place_fires(empty, rng, n_fires, min(fire_reach_m, 0.42 * size_m))
        extras = scatter(ground, rng, look_alikes, chosen)
        return replace(empty, fires=fires, look_alikes=extras)

    @property
    def frame(self) -> LocalFrame:
        """The local frame, with its origin at home."""
        return self.ground.frame

    def with_fires(self, fires: Sequence[Fire]) -> World:
        """The same world with other fires."""
        return replace(self, fires=tuple(fires))

    def with_light(self, light: str | Light) -> World:
        """The same world under another light; baked shadows stay where they are."""
        return replace(self, light=light_named(light) if isinstance(light, str) else light)

    def with_wind(self, east_m_s: float, north_m_s: float) -> World:
        """The same world in another wind."""
        return replace(self, wind_m_s=(east_m_s, north_m_s))

    def fire_at(
        self,
        fire_id: str,
        east_m: float,
        north_m: float,
        *,
        radius_m: float,
        flame_height_m: float,
        seed: int,
        plume: Plume | None,
        front_m: float = 0.0,
        heading_rad: float = 0.0,
    ) -> Fire:
        """A fire whose base stands on the ground of this world."""
        lat, lon = self.ground.frame.to_geographic(east_m, north_m)
        height = float(self.ground.relief.height_amsl_m(np.array(east_m), np.array(north_m)))
        return Fire(
            fire_id,
            float(lat),
            float(lon),
            height,
            east_m,
            north_m,
            radius_m,
            flame_height_m,
            seed,
            plume,
            front_m,
            heading_rad,
        )

    def ground_amsl_m(
        self, lat_deg: float | NDArray[Any], lon_deg: float | NDArray[Any]
    ) -> NDArray[np.float64]:
        """Height of the ground above sea level, metres, at geographic points of any shape."""
        east, north = self.ground.frame.to_local(lat_deg, lon_deg)
        return self.ground.relief.height_amsl_m(east, north)

    def write_geotiff(self, path: Path | str) -> None:
        """Write the relief as a DEM: EPSG:4326, float32 orthometric metres, posts about 10 m apart.

        It covers the world with a tenth to spare on every side. ``WorldError`` if it cannot be written.
        """
        import rasterio
        from rasterio.transform import from_origin

        frame = self.ground.frame
        per_lat, per_lon = frame.metres_per_degree
        posts = int(self.ground.size_m * 1.2 / DEM_POST_M)
        step_lat, step_lon = DEM_POST_M / per_lat, DEM_POST_M / per_lon
        west, north = frame.lon_deg - posts / 2 * step_lon, frame.lat_deg + posts / 2 * step_lat
        lons = west + (np.arange(posts) + 0.5) * step_lon
        lats = north - (np.arange(posts) + 0.5) * step_lat
        grid_lon, grid_lat = np.meshgrid(lons, lats)
        heights = self.ground_amsl_m(grid_lat, grid_lon).astype(np.float32)
        try:
            with rasterio.open(
                path,
                "w",
                driver="GTiff",
                width=posts,
                height=posts,
                count=1,
                dtype="float32",
                crs="EPSG:4326",
                transform=from_origin(west, north, step_lon, step_lat),
                compress="deflate",
            ) as file:
                file.write(heights, 1)
        except (OSError, rasterio.errors.RasterioError) as error:
            raise WorldError(
                f"cannot write the DEM {path}: {error}.", hint="Check the folder and its space."
            ) from error


def _place_fires(world: World, rng: np.random.Generator, count: int, reach_m: float) -> tuple[Fire, ...]:
    """Open places in sight of the air: far apart, on no road or roof, in no hollow."""
    relief, cover = world.ground.relief, world.ground.cover
    fires: list[Fire] = []
    apart, room, hollow = 120.0, 13.0, 1.5
    for attempt in range(6000):
        if len(fires) == count:
            break
        if attempt and attempt % 1500 == 0:
            # Crowded country: ask for a smaller clearing, never for neighbours.
            room, hollow = room * 0.75, hollow + 1.5
        distance = math.sqrt(float(rng.uniform(120.0**2, reach_m**2)))
        angle = float(rng.uniform(0, 2 * math.pi))
        east, north = distance * math.sin(angle), distance * math.cos(angle)
        if cover.clear_at(east, north) < room:
            continue
        if any(math.hypot(east - f.east_m, north - f.north_m) < apart for f in fires):
            continue
        ring = np.linspace(0, 2 * math.pi, 16, endpoint=False)
        here = float(relief.height_amsl_m(np.array(east), np.array(north)))
        for ring_m, drop in ((30.0, hollow), (90.0, hollow + 7.0)):
            around = relief.height_amsl_m(east + ring_m * np.sin(ring), north + ring_m * np.cos(ring))
            if float(around.mean()) - here > drop or float(around.max()) - here > ring_m * 0.28:
                break
        else:
            index = len(fires) + 1
            seed = int(rng.integers(1, 9000))
            flame_m = float(rng.uniform(3.2, 5.0))
            grey = float(rng.uniform(205, 236))
            plume = Plume(
                density=float(rng.uniform(0.84, 0.95)),
                colour=(grey, grey, grey - 3.0),
                rise_m_s=float(rng.uniform(2.6, 3.3)),
                life_s=float(rng.uniform(16, 20)),
                radius_m=2.5,
                growth_m_s=float(rng.uniform(0.50, 0.64)),
                puffs=28,
                seed=seed,
                spread_m=1.6,
            )
            fires.append(
                world.fire_at(
                    f"fire-{index}",
                    east,
                    north,
                    radius_m=float(rng.uniform(3.0, 5.0)),
                    flame_height_m=flame_m,
                    seed=seed,
                    plume=plume,
                )
            )
    if len(fires) < count:
        raise WorldError(
            f"only {len(fires)} of {count} fires found an open place within {reach_m:.0f} m.",
            hint="Ask for fewer fires, or use another seed.",
        )
    return tuple(fires)
