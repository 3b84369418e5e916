"""The sky above the horizon, and the air in front of everything."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.light import Light
from hardware.virtual.world.noise import Floats, colour_of, lookup, smoothstep, tile

_TILE_PX = 512


@lru_cache(maxsize=1)
def _clouds() -> Floats:
    rng = np.random.default_rng(23)
    return tile(rng, _TILE_PX, 1.75, 2.0)


def transmittance(light: Light, distance_m: NDArray[np.floating]) -> Floats:
    """Share of contrast left after ``distance_m`` of air (Koschmieder: 5 % at ``visibility_m``)."""
    return np.asarray(np.exp(np.asarray(distance_m) * np.float32(-3.0 / light.visibility_m)), np.float32)


def sun_direction(light: Light) -> NDArray[np.float64]:
    """Unit vector toward the sun, east/north/up."""
    flat = math.cos(light.sun_elevation_rad)
    return np.array(
        [
            flat * math.sin(light.sun_azimuth_rad),
            flat * math.cos(light.sun_azimuth_rad),
            math.sin(light.sun_elevation_rad),
        ]
    )


def air_colour(light: Light, rays: Floats) -> Floats:
    """Colour (..., 3) of the horizon in the direction of each ray (3, ...): warmer toward a low sun."""
    out = np.empty((*rays.shape[1:], 3), np.float32)
    out[:] = colour_of(light.horizon)
    if light.sunset > 0.0:
        sun = sun_direction(light)
        level = np.maximum(np.hypot(rays[0], rays[1]), 1e-4)
        toward = (rays[0] * np.float32(sun[0]) + rays[1] * np.float32(sun[1])) / level
        away = (1.0 - toward) * np.float32(0.5 * light.sunset)
        dull = colour_of((128.0, 118.0, 130.0))
        out += away[..., None] * (dull - out)
    return out


def sky_colour(light: Light, rays: Floats, time_s: float) -> Floats:
    """Colour (N, 3) of the sky along each ray (3, N): gradient, clouds, the glow round a low sun."""
    up = np.maximum(rays[2], 0.0)
    out = air_colour(light, rays)
    climb = (1.0 - np.exp(-up * 4.2)) * 1.02
    out += np.minimum(climb, 1.0)[..., None] * (colour_of(light.zenith) - out)
    reach = 1.0 / np.maximum(up + 0.035, 0.02)
    column = (rays[0] * reach * 52.0 + time_s * 0.25 + 90.0) % _TILE_PX
    row = (rays[1] * reach * 52.0 + 40.0) % _TILE_PX
    field = lookup(_clouds(), column, row, wrap=True)
    threshold = 1.3 - 2.4 * light.cloud_cover
    cloud = smoothstep(threshold, threshold + 1.3, field)
    cloud *= smoothstep(0.015, 0.16, up) * np.float32(0.9)
    out += cloud[..., None] * (colour_of(light.cloud) - out)
    if light.sunset > 0.0:
        sun = sun_direction(light).astype(np.float32)
        close = np.clip(rays[0] * sun[0] + rays[1] * sun[1] + rays[2] * sun[2], 0.0, 1.0)
        glow = 0.55 * close**24 + 0.75 * close**700
        out += np.float32(light.sunset) * glow[..., None] * colour_of((70.0, 150.0, 230.0))
    return out
