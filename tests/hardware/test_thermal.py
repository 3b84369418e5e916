"""The rendered thermal world: physics that can be told without looking, and fires of known size."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hardware.virtual.pose import TruePose
from hardware.virtual.thermal.climate import (
    ASPHALT,
    GRASS,
    ROCK,
    SHEET,
    TILES,
    Weather,
    looks_k,
    temperature_k,
)
from hardware.virtual.thermal.radiance import FROM_C, radiance_of, temperature_of
from hardware.virtual.thermal.render import ThermalRenderer
from hardware.virtual.thermal.sensor import CORES, Sensor
from hardware.virtual.world.families import DEMO_FAMILY
from hardware.virtual.world.plume import Plume
from hardware.virtual.world.world import World

LEPTON = CORES["lepton_3_5"]


def test_radiance_and_temperature_undo_each_other_and_rise() -> None:
    kelvin = np.array([250.0, 300.0, 413.0, 1000.0])
    assert temperature_of(radiance_of(kelvin)) == pytest.approx(kelvin, abs=0.05)
    # Planck's law integrated over 8 to 14 µm for 300 K: 55 W/m²/sr to a per cent.
    assert float(radiance_of(300.0)) == pytest.approx(55.0, rel=0.02)


def test_the_ground_is_warmest_after_noon_and_coldest_before_sunrise() -> None:
    hours = [0.0, 5.5, 9.0, 12.0, 14.0, 18.0, 21.0]
    for material in (GRASS, ASPHALT, ROCK, TILES):
        by_hour = {hour: temperature_k(material, Weather(hour)) for hour in hours}
        assert min(by_hour, key=lambda hour: by_hour[hour]) == 5.5
        assert max(by_hour, key=lambda hour: by_hour[hour]) in (12.0, 14.0, 18.0)


def test_rock_and_road_hold_the_days_sun_and_a_metal_roof_mirrors_the_cold_sky() -> None:
    evening = Weather(20.0)
    assert temperature_k(ROCK, evening) > temperature_k(ASPHALT, evening) > temperature_k(GRASS, evening) + 5
    assert looks_k(SHEET, evening) < looks_k(TILES, evening)
    assert looks_k(SHEET, evening) < evening.air_k()


def test_half_a_pixel_of_fire_reads_far_below_the_fire() -> None:
    mixed = 0.1 * radiance_of(900.0) + 0.9 * radiance_of(285.0)
    assert 400 < float(temperature_of(mixed)) < 500


def test_a_fire_is_seen_by_night_through_its_smoke_and_not_where_there_is_none() -> None:
    clear, smoky, none = (_hottest_c(kind) for kind in ("clear", "smoky", "none"))
    assert none < 40.0
    assert clear > 80.0
    assert smoky > none + 0.8 * (clear - none)


def test_a_larger_fire_shines_more() -> None:
    small, large = (_glow(flame_m) for flame_m in (0.5, 2.0))
    assert large > 4 * small > 0


def test_noise_is_the_makers_and_equal_instants_are_equal_frames() -> None:
    scene = np.full((LEPTON.height_px * 4, LEPTON.width_px * 4), float(radiance_of(300.0)), np.float32)
    sensor = Sensor(LEPTON, 1)
    first, again = sensor.expose(scene, 10.0), sensor.expose(scene, 10.0)
    assert (first == again).all()
    later = sensor.expose(scene, 10.2)
    noise_k = float(np.std((later.astype(float) - first) * LEPTON.kelvin_per_count)) / np.sqrt(2)
    assert noise_k == pytest.approx(LEPTON.netd_k, rel=0.1)


def test_the_shutter_holds_a_frame_for_a_second() -> None:
    scene = np.full((480, 640), float(radiance_of(300.0)), np.float32)
    sensor = Sensor(LEPTON, 1, shutter_from_s=5.0)
    before = sensor.expose(scene, 4.9)
    assert (sensor.expose(scene * 1.1, 5.5) == before).all()
    assert not (sensor.expose(scene * 1.1, 6.1) == before).all()


@cache
def _world() -> World:
    return World.generate(
        4000, DEMO_FAMILY, size_m=400.0, n_fires=0, look_alikes=0.0, texture_px=512, ortho_m=200.0
    )


def _hottest_c(kind: str) -> float:
    plume = Plume(0.9, (200.0, 200.0, 200.0), 2.0, 12.0, 1.0, 0.4, 20, 3) if kind == "smoky" else None
    counts = _frame(None if kind == "none" else 1.0, plume)
    # The hottest few pixels' least one: a broken pixel is one alone.
    return float(np.sort(counts.ravel())[-5 - LEPTON.bad_pixels]) * LEPTON.kelvin_per_count - FROM_C


def _glow(flame_m: float) -> float:
    with_fire, without = (_frame(size) for size in (flame_m, None))
    change = radiance_of(with_fire * 0.01) - radiance_of(without * 0.01)
    return float(change[change > 5.0].sum())


def _frame(flame_m: float | None, plume: Plume | None = None) -> np.ndarray:
    world = _world()
    if flame_m is not None:
        world = world.with_fires(
            [
                world.fire_at(
                    "fire-1", 0, 0, radius_m=0.4 * flame_m, flame_height_m=flame_m, seed=1, plume=plume
                )
            ]
        )
    frame = world.frame
    ground_m = float(world.ground_amsl_m(frame.lat_deg, frame.lon_deg))
    pose = TruePose.looking(frame.lat_deg, frame.lon_deg, ground_m + 60, yaw_deg=0, pitch_deg=-90, time_s=5.0)
    return ThermalRenderer(world, LEPTON, Weather(23.0)).render(pose)
