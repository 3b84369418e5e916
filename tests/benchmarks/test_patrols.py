"""The rendered patrols' own arithmetic and memory: a benchmark that counts wrongly is worse than none."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import numpy as np
import pytest

from edge.hotspots.hotspot import Hotspot, Look
from hardware.virtual.render.render import TruthBox
from hardware.virtual.world.families import DEMO_FAMILY
from hardware.virtual.world.world import World
from tests.benchmarks import patrol_scenes
from tests.benchmarks.patrol_flight import Job, fly
from tests.benchmarks.patrol_judge import Flown, Judge
from tests.benchmarks.patrol_report import Outcome, f1, quantile
from tests.benchmarks.patrol_scenes import LEAST_LOOKS, Scene, scene
from tests.benchmarks.strangers import KINDS, stranger, with_strangers


def test_f1_has_the_interval_of_the_share_that_it_comes_from() -> None:
    value, low, high = f1(right=18, false=1, missed=1)
    assert value == pytest.approx(2 * 18 / (2 * 18 + 1 + 1))
    # Wilson's interval of 18 of 20 is 69.9 to 97.2 %.
    assert low == pytest.approx(2 * 0.699 / 1.699, abs=1e-3)
    assert high == pytest.approx(2 * 0.972 / 1.972, abs=1e-3)


def test_a_quantile_lies_between_the_values_at_wilsons_ranks() -> None:
    # Wilson's interval of 90 of 100 is 82.6 to 94.5 %.
    assert quantile([float(n) for n in range(100, 0, -1)], 0.9) == (90.0, 83.0, 95.0)
    assert all(math.isnan(value) for value in quantile([], 0.5))


def test_a_hotspot_near_a_fire_finds_it_and_one_further_off_does_not() -> None:
    assert _judged([(0.0, 24.0)]).fires[0].found
    far = _judged([(0.0, 26.0)])
    assert not far.fires[0].found
    assert far.false_alarms[0].why == "26 m off a fire"


def test_a_second_hotspot_of_one_fire_is_a_false_alarm() -> None:
    flown = _judged([(10.0, 0.0), (2.0, 0.0)])
    assert flown.fires[0].error_m == pytest.approx(2.0, abs=0.01)
    assert [alarm.why for alarm in flown.false_alarms] == ["beside a fire"]


def test_the_ellipse_holds_a_fire_up_to_its_own_edge() -> None:
    # χ² with two degrees of freedom: 90 % lie within 2.146 σ.
    assert _judged([(2.1 * 4.0, 0.0)]).fires[0].held
    assert not _judged([(2.2 * 4.0, 0.0)]).fires[0].held


def test_a_fire_that_hardly_any_frame_shows_does_not_count() -> None:
    assert not _judged([], frames=LEAST_LOOKS - 1).fires[0].counts
    assert Outcome((_judged([], frames=LEAST_LOOKS - 1),)).recall.of == 0
    assert Outcome((_judged([], frames=LEAST_LOOKS),)).recall.of == 1


def test_patrols_are_wrongly_alarmed_once_however_often() -> None:
    alarms = _judged([(60.0, 0.0), (0.0, 60.0)])
    clear = replace(alarms, burning=False, fires=())
    quiet = replace(clear, false_alarms=())
    outcome = Outcome((clear, quiet, _judged([(1.0, 1.0)])))
    assert (outcome.wrongly_alarmed.hits, outcome.wrongly_alarmed.of) == (1, 2)
    assert outcome.patrol_f1[0] == pytest.approx(2 / 3)
    assert outcome.fire_f1[0] == 1.0


def test_equal_seeds_make_equal_patrols_and_fires_lie_apart() -> None:
    first, again = scene(4001, burning=True), scene(4001, burning=True)
    assert first.world.fires == again.world.fires
    assert [one.alt_amsl_m for one in first.told_poses] == [one.alt_amsl_m for one in again.told_poses]
    places = [(fire.east_m, fire.north_m) for fire in first.world.fires]
    assert len(places) > 1
    assert min(math.dist(a, b) for a in places for b in places if a != b) >= patrol_scenes.APART_M


def test_a_patrol_without_fires_has_look_alikes_that_nothing_was_trained_on() -> None:
    clear = scene(4500, burning=False)
    assert not clear.world.fires
    assert clear.strangers
    assert {one.kind for one in clear.strangers} <= set(KINDS)


def test_what_the_autopilot_tells_is_off_by_about_what_it_claims() -> None:
    turns_deg, climbs_m = [], []
    for seed in range(4010, 4013):
        flown = scene(seed, burning=False)
        for true, told in zip(flown.true_poses, flown.told_poses, strict=True):
            turn = true.enu_from_camera().T @ told.camera_to_enu
            turns_deg.append(math.degrees(math.acos((float(np.trace(turn)) - 1) / 2)))
            climbs_m.append(told.alt_amsl_m - true.alt_amsl_m)
    assert 0.5 < float(np.sqrt(np.mean(np.square(turns_deg)))) < 6.0
    assert 0.5 < float(np.sqrt(np.mean(np.square(climbs_m)))) < 7.0


def test_strangers_are_in_the_picture_at_every_resolution() -> None:
    world = _small_world()
    one = stranger("glass", np.random.default_rng(1), 10.0, -20.0)
    plain, marked = world.ground.atlas, with_strangers(world, [one]).ground.atlas
    for level, (column, row) in enumerate(plain.starts[:4]):
        x = round((10.0 + plain.size_m / 2) / plain.texel_m) >> level
        y = round((plain.size_m / 2 + 20.0) / plain.texel_m) >> level
        part = np.s_[row + y - 2 : row + y + 3, column + x - 2 : column + x + 3, :3]
        assert marked.picture[part].mean() > plain.picture[part].mean() + 30
    assert marked.canopy.max() >= 30


def test_a_patrol_flown_again_renders_nothing_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patrol_scenes, "FRAMES", 9)
    monkeypatch.setattr(patrol_scenes, "TEXTURE_PX", 1024)
    job = Job(4003, True, 320, 180, 2, tmp_path)
    first = fly(job)
    again = fly(job)
    assert first.rendered == 9
    assert again == replace(first, rendered=0)


@cache
def _small_world() -> World:
    return World.generate(
        4000, DEMO_FAMILY, size_m=400.0, n_fires=0, look_alikes=0.0, texture_px=1024, ortho_m=200.0
    )


def _judged(hotspots_m: list[tuple[float, float]], *, frames: int = LEAST_LOOKS) -> Flown:
    """A fire at home on so many frames, and confirmed hotspots so far east and north of it, 4 m 1σ."""
    world = _small_world()
    fire = world.fire_at("fire-1", 0.0, 0.0, radius_m=1.0, flame_height_m=2.0, seed=1, plume=None)
    flown = Scene(4000, "noon", world.with_fires([fire]), (), (), ())
    judge = Judge(flown)
    told = [_hotspot(world, *offset_m) for offset_m in hotspots_m]
    box = TruthBox("fire", 10.0, 10.0, 18.0, 18.0, "fire-1", 1.0)
    for number in range(frames):
        judge.saw(number, cast(Look, SimpleNamespace(sightings=())), told if number else [], [box])
    return judge.verdict(True, told, 0)


def _hotspot(world: World, east_m: float, north_m: float) -> Hotspot:
    lat, lon = world.frame.to_geographic(east_m, north_m)
    seen: Any = SimpleNamespace(at_s=0.4, sighting=SimpleNamespace(box=None))
    what = SimpleNamespace(
        id=uuid4(), lat_deg=float(lat), lon_deg=float(lon), covariance_m2=np.diag([16.0, 16.0]), label="fire",
        looks=5, probability=0.95, best=seen, confirmed=seen,
    )  # fmt: skip
    return cast(Hotspot, what)
