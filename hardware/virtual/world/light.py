"""Daylight, dusk, night and haze: what colours the ground, the air and the sky."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hardware.virtual.world.families import WorldError

DAWN_H, DUSK_H = 5.0, 19.0
Bgr = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Light:
    """One light over the whole world.

    ``ground_gain`` multiplies the orthophoto, ``zenith`` and ``horizon`` are sky colours (BGR 0-255),
    ``visibility_m`` is the distance at which 5 % of contrast is left, ``smoke_gain`` lights smoke and cloud,
    ``noise`` is the sensor's standard deviation in grey levels, ``glow`` is how far flames light what is
    near them.
    """

    name: str
    sun_azimuth_rad: float
    sun_elevation_rad: float
    ground_gain: Bgr
    zenith: Bgr
    horizon: Bgr
    cloud: Bgr
    cloud_cover: float
    visibility_m: float
    smoke_gain: Bgr
    noise: float
    glow: float
    sunset: float = 0.0


def _light(
    name: str,
    azimuth_deg: float,
    elevation_deg: float,
    ground_gain: Bgr,
    zenith: Bgr,
    horizon: Bgr,
    cloud: Bgr,
    cover: float,
    visibility_m: float,
    smoke_gain: Bgr,
    noise: float,
    glow: float,
    sunset: float = 0.0,
) -> Light:
    return Light(
        name,
        math.radians(azimuth_deg),
        math.radians(elevation_deg),
        ground_gain,
        zenith,
        horizon,
        cloud,
        cover,
        visibility_m,
        smoke_gain,
        noise,
        glow,
        sunset,
    )


_LIGHTS = {
    light.name: light
    for light in (
        _light(
            "noon", 20, 58, (1.0, 1.0, 1.0), (186, 138, 88), (226, 212, 196), (244, 242, 240), 0.35, 22_000,
            (1.0, 1.0, 1.0), 2.0, 0.25,
        ),
        _light(
            "morning", 75, 32, (0.86, 0.95, 1.04), (184, 146, 104), (206, 212, 218), (226, 234, 244), 0.30,
            12_000, (0.88, 0.95, 1.0), 2.2, 0.30,
        ),
        _light(
            "overcast", 340, 50, (0.86, 0.82, 0.79), (196, 188, 180), (214, 210, 206), (172, 168, 164), 0.85,
            9_000, (0.88, 0.87, 0.86), 2.5, 0.35,
        ),
        _light(
            "hazy", 300, 42, (0.92, 0.96, 0.98), (196, 186, 170), (206, 210, 210), (222, 222, 222), 0.25,
            2_600, (0.94, 0.96, 0.97), 2.2, 0.25,
        ),
        _light(
            "dusk", 285, 9, (0.52, 0.52, 0.60), (150, 108, 88), (96, 146, 226), (110, 120, 190), 0.45, 9_000,
            (0.60, 0.60, 0.70), 4.0, 0.8, 1.0,
        ),
        _light(
            "night", 110, 30, (0.23, 0.18, 0.155), (34, 24, 17), (58, 46, 38), (40, 34, 32), 0.30, 9_000,
            (0.27, 0.23, 0.21), 6.0, 1.6,
        ),
    )
}  # fmt: skip

LIGHTS = tuple(_LIGHTS)


def by_hour(hour: float) -> Light:
    """Of a clear day; from 19 to 5 it is night without a moon: fires and lamps alone are seen."""
    if DAWN_H <= hour < DUSK_H:
        return _LIGHTS["noon"]
    night = _LIGHTS["night"]
    dark = (0.006, 0.005, 0.004)
    return replace(
        night,
        name="moonless",
        ground_gain=dark,
        zenith=(1.0, 1.0, 1.0),
        horizon=(2.0, 2.0, 2.0),
        cloud=(1.0, 1.0, 1.0),
        smoke_gain=dark,
        noise=1.5,
    )


def light_named(name: str) -> Light:
    """The light of that name; ``WorldError`` names the ones there are."""
    if name not in _LIGHTS:
        raise WorldError(f"no light is called {name!r}.", hint=f"Use one of {', '.join(LIGHTS)}.")
    return _LIGHTS[name]
