"""The terrain model under patrol and mast: all of it, some of it, or none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rasterio.transform import from_origin

from edge.config.file import AgentConfig, load_agent_config
from edge.doctor.ground import Ground, judge_ground, look_at_ground
from flight.plans.qgc import write_plan
from tests.flight.elevation_makers import write_geotiff
from tests.flight.plan_makers import HOME, out_and_back, to

POST_DEG = 0.0005


def passed(ground: Ground) -> list[bool | None]:
    return [check.passed for check in judge_ground(ground)]


def dem(path: Path, half_deg: float) -> None:
    """So far to each side of home."""
    posts = round(2 * half_deg / POST_DEG)
    write_geotiff(
        path,
        np.full((posts, posts), 584, np.float32),
        transform=from_origin(HOME.lon_deg - half_deg, HOME.lat_deg + half_deg, POST_DEG, POST_DEG),
    )


def config(folder: Path, extra: str) -> AgentConfig:
    (folder / "agent.toml").write_text(
        '[agent]\ndata_dir = "data"\n[agent.drone]\nid = "d1"\n[agent.uplink]\nkey_file = "drone.key"\n'
        f'[agent.camera]\nsource = "virtual"\n{extra}'
    )
    return load_agent_config(folder / "agent.toml")


def with_patrol(folder: Path, half_deg: float, reach_m: float) -> Ground:
    dem(folder / "dem.tif", half_deg)
    write_plan(folder / "a.plan", out_and_back(to(reach_m / 2, 0), to(reach_m, 0)))
    extra = '[agent.terrain]\ndem = "dem.tif"\n[agent.patrol]\nfile = "a.plan"\n'
    return look_at_ground(config(folder, extra))


def test_a_model_of_all_that_is_seen_passes(tmp_path: Path) -> None:
    ground = with_patrol(tmp_path, 0.04, 500.0)
    assert passed(ground) == [True, True], ground


def test_a_patrol_that_leaves_the_model_is_found_with_the_place(tmp_path: Path) -> None:
    ground = with_patrol(tmp_path, 0.01, 1500.0)
    assert ground.share_of_way == pytest.approx(3 / 4)
    assert ground.missing is not None
    assert ground.missing[1] > HOME.lon_deg + 0.01
    assert passed(ground) == [True, False]


def test_ground_beyond_the_patrol_that_the_camera_still_sees_is_asked_for(tmp_path: Path) -> None:
    ground = with_patrol(tmp_path, 0.01, 300.0)
    assert ground.share_of_way == 1.0
    assert passed(ground) == [True, None]


def test_without_a_model_the_ground_is_flat_and_that_is_said(tmp_path: Path) -> None:
    ground = look_at_ground(config(tmp_path, ""))
    assert passed(ground) == [None]


def test_without_a_patrol_nobody_knows_where_it_flies(tmp_path: Path) -> None:
    dem(tmp_path / "dem.tif", 0.01)
    ground = look_at_ground(config(tmp_path, '[agent.terrain]\ndem = "dem.tif"\n'))
    assert passed(ground) == [True, None]


def test_a_masts_own_place_is_looked_up(tmp_path: Path) -> None:
    dem(tmp_path / "dem.tif", 0.04)
    place = f"lat_deg = {HOME.lat_deg}\nlon_deg = {HOME.lon_deg}\nheight_agl_m = 20\n"
    place += "heading_deg = 0\npitch_deg = -5\n"
    ground = look_at_ground(config(tmp_path, f'[agent.terrain]\ndem = "dem.tif"\n[agent.fixed]\n{place}'))
    assert passed(ground) == [True, True]


def test_a_file_that_is_no_terrain_is_told(tmp_path: Path) -> None:
    (tmp_path / "dem.tif").write_text("no")
    ground = look_at_ground(config(tmp_path, '[agent.terrain]\ndem = "dem.tif"\n'))
    assert passed(ground) == [False]
