"""A camera that never moves: where it stands, what is frozen for it, and that nobody orders it about."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from edge.config.check import check_config
from edge.config.file import AgentConfig, ConfigError, load_agent_config
from edge.config.fixed_section import FixedSection
from edge.fixed import FixedCameraError, FixedMount, heights_of, rotation_of
from edge.fixed_agent import FixedAgent
from edge.fixed_preflight import fixed_lines
from edge.geometry.locate import locate
from edge.geometry.pose import PoseSigmas
from edge.hotspots.fusion import fuse
from edge.vision.merge import Found
from edge.vision.report import FrameReport, Ready
from flight.terrain import FlatTerrain
from hardware.virtual.pose import TruePose
from tests.edge.ground_truth import CAMERA, GROUND_AMSL_M, Plane, east_north, lat_lon, pixel_of, pose_at
from tests.edge.watched_flight import alerts_to_keep
from uplink.messages import Alert, ControlState, DroneState, Order, OrderKind, OrderState, SeeingState
from uplink.outbox import Outbox
from uplink.station.crossings import crossings_of

LAT_DEG, LON_DEG = lat_lon(0.0, 0.0)
CONFIG = f"""\
[agent]
data_dir = "data"
[agent.drone]
id = "mast-1"
[agent.fixed]
lat_deg = {LAT_DEG}
lon_deg = {LON_DEG}
alt_amsl_m = 640.0
height_agl_m = 40.0
heading_deg = 30.0
pitch_deg = -20.0
[agent.camera]
source = "photos"
[agent.uplink]
key_file = "mast.key"
"""
FIRE = Found("fire", 0.8, 620.0, 340.0, 660.0, 380.0)
FRAMES_PER_S = 5


def section(**changes: float | None) -> FixedSection:
    fields = {"lat_deg": LAT_DEG, "lon_deg": LON_DEG, "heading_deg": 30.0, "pitch_deg": -20.0, **changes}
    return FixedSection.model_validate({name: value for name, value in fields.items() if value is not None})


def configured(folder: Path, text: str = CONFIG) -> AgentConfig:
    (folder / "mast.toml").write_text(text)
    return load_agent_config(folder / "mast.toml")


class Mast:
    """An agent without its child: frames are what the test says. Time is counted in frames."""

    def __init__(self, config: AgentConfig, outbox: Outbox) -> None:
        assert config.fixed is not None
        self.agent = FixedAgent(config, config.fixed, outbox)
        self.watch = self.agent.watch
        self.watch.start_with(Ready("ember", "0" * 64, 0.3, 448, "cpu"))
        self._seq = 0

    def see(
        self, seconds: float, *detections: Found, same: bool = False, unchanged: float = 0.0
    ) -> SeeingState:
        for _ in range(int(seconds * FRAMES_PER_S)):
            self._seq += 1
            self.watch._on_frame(
                FrameReport(
                    seq=self._seq,
                    exposed_s=self._seq / FRAMES_PER_S,
                    width_px=1280,
                    height_px=720,
                    detections=detections,
                    inference_ms=20.0,
                    dropped=0,
                    fingerprint=0 if same else self._seq,
                    contrast=40.0,
                    jpeg=b"\xff\xd8 picture",
                    unchanged=1.0 if same else unchanged,
                )
            )
        return self.watch.health.state(self.now_s).state

    @property
    def now_s(self) -> float:
        return self._seq / FRAMES_PER_S + 0.1

    @property
    def alerts(self) -> list[Alert]:
        return alerts_to_keep(self.watch)


@pytest.fixture
def mast(tmp_path: Path) -> Iterator[Mast]:
    with Outbox(tmp_path / "outbox.db") as outbox:
        yield Mast(configured(tmp_path), outbox)


# --- where it stands ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading_deg", "pitch_deg", "roll_deg"), [(0, 0, 0), (123, -20, 5), (-70, 10, -12), (350, -89, 0)]
)
def test_it_looks_where_the_world_says_that_such_angles_look(
    heading_deg: float, pitch_deg: float, roll_deg: float
) -> None:
    """Against the virtual camera's own geometry."""
    true = TruePose.looking(0, 0, 0, yaw_deg=heading_deg, pitch_deg=pitch_deg, roll_deg=roll_deg)
    assert rotation_of(heading_deg, pitch_deg, roll_deg) == pytest.approx(true.enu_from_camera(), abs=1e-12)


def test_its_pose_is_the_same_at_every_instant_with_the_errors_of_its_survey() -> None:
    mount = FixedMount(section(alt_amsl_m=640.0, heading_sigma_deg=0.3), Plane())
    first, later = mount.pose_at(5.0), mount.pose_at(1e6)
    assert (first.lat_deg, first.lon_deg, first.alt_amsl_m) == (LAT_DEG, LON_DEG, 640.0)
    assert np.array_equal(first.camera_to_enu, later.camera_to_enu)
    assert (later.boot_s, later.sigmas.heading_deg, later.sigmas.gimbal_deg, later.sigmas.time_s) == (
        1e6,
        0.3,
        0.0,
        0.0,
    )
    assert first.look_azimuth_deg == pytest.approx(30.0)


def test_a_height_above_ground_is_put_on_the_terrain_model_and_a_height_above_sea_is_checked_with_it() -> (
    None
):
    assert heights_of(section(height_agl_m=40.0), Plane()) == pytest.approx((640.0, 40.0))
    assert heights_of(section(alt_amsl_m=640.0), Plane()) == pytest.approx((640.0, 40.0))
    with pytest.raises(FixedCameraError, match="below the ground, which is at 600 m") as caught:
        heights_of(section(alt_amsl_m=590.0), Plane())
    assert "ellipsoid" in caught.value.hint


def test_without_a_terrain_model_both_heights_are_needed() -> None:
    assert heights_of(section(alt_amsl_m=640.0, height_agl_m=40.0), None) == (640.0, 40.0)
    for half in ({"alt_amsl_m": 640.0}, {"height_agl_m": 40.0}):
        with pytest.raises(FixedCameraError, match="needs both"):
            heights_of(section(**half), None)


def test_a_camera_that_is_not_on_its_terrain_model_is_refused() -> None:
    with pytest.raises(FixedCameraError, match="not on the terrain model plane"):
        heights_of(section(lat_deg=LAT_DEG + 1.0, height_agl_m=40.0), Plane(edge_m=1000.0))


def test_looking_for_long_makes_its_survey_no_better() -> None:
    """What was surveyed wrongly is wrong in every frame: the fused ellipse has to hold the truth."""
    rng = np.random.default_rng(1)
    sigmas = PoseSigmas(
        horizontal_m=1.0, vertical_m=1.0, attitude_deg=0.3, heading_deg=0.3, gimbal_deg=0.0, time_s=0.0
    )
    fire_m = 130.0 * np.array([math.sin(math.radians(23.0)), math.cos(math.radians(23.0))])
    true = pose_at(height_m=60.0, yaw_deg=20.0, pitch_deg=-24.0)
    pixel = pixel_of(true, float(fire_m[0]), float(fire_m[1]), GROUND_AMSL_M)
    inside, trials = 0, 120
    for _ in range(trials):
        (east_m, north_m, up_m), turned_deg = rng.normal(size=3), 0.3 * rng.normal(size=3)
        survey = section(
            **dict(zip(("lat_deg", "lon_deg"), lat_lon(east_m, north_m), strict=True)),
            alt_amsl_m=GROUND_AMSL_M + 60.0 + up_m,
            heading_deg=20.0 + turned_deg[0],
            pitch_deg=-24.0 + turned_deg[1],
            roll_deg=turned_deg[2],
            horizontal_sigma_m=sigmas.horizontal_m,
            vertical_sigma_m=sigmas.vertical_m,
            heading_sigma_deg=sigmas.heading_deg,
            attitude_sigma_deg=sigmas.attitude_deg,
        )
        ground = Plane(off_m=rng.normal(), sigma_m=1.0)
        mount = FixedMount(survey, ground)
        looks = [
            locate(
                mount.pose_at(2.0 * look),
                CAMERA,
                tuple(pixel + rng.normal(size=2)),
                np.eye(2),
                ground,
            )
            for look in range(12)
        ]
        place = fuse(looks, ground)
        assert place is not None
        off_m = np.array(east_north(place.lat_deg, place.lon_deg)) - fire_m
        inside += bool(off_m @ np.linalg.solve(place.covariance_m2, off_m) < -2 * math.log(0.1))
    assert 0.84 <= inside / trials <= 0.97


# --- the configuration --------------------------------------------------------------------------------


def test_a_fixed_camera_with_a_vehicles_tables_is_refused_by_their_names(tmp_path: Path) -> None:
    text = CONFIG + "[agent.mavlink]\nread_only = true\n[agent.patrol]\n"
    with pytest.raises(ConfigError, match=r"no vehicle: leave out \[agent.mavlink\], \[agent.patrol\]"):
        configured(tmp_path, text)


def test_a_fixed_camera_without_any_height_is_refused(tmp_path: Path) -> None:
    text = CONFIG.replace("alt_amsl_m = 640.0\n", "").replace("height_agl_m = 40.0\n", "")
    with pytest.raises(ConfigError, match="needs alt_amsl_m or height_agl_m"):
        configured(tmp_path, text)


def test_config_check_says_what_only_the_terrain_can_tell(tmp_path: Path) -> None:
    configured(tmp_path, CONFIG.replace("height_agl_m = 40.0\n", ""))
    (tmp_path / "mast.key").touch(mode=0o600)
    (tmp_path / "mast.key").write_text("a-key-that-is-long-enough\n")
    with pytest.raises(ConfigError, match=r"line 5: .*needs both alt_amsl_m and height_agl_m"):
        check_config(tmp_path / "mast.toml")


# --- the watch ----------------------------------------------------------------------------------------


def test_what_it_sees_is_told_though_nothing_is_armed(mast: Mast) -> None:
    assert mast.see(4.0, FIRE) is SeeingState.SEEING
    alerts = mast.alerts
    assert len({alert.id for alert in alerts}) == 1
    assert alerts[0].time_source == "companion"
    assert abs((alerts[0].last_seen_at - alerts[0].first_seen_at).total_seconds()) < 4.0
    assert alerts[0].observer is not None
    assert alerts[0].observer.lat_deg == LAT_DEG
    assert alerts[0].bearing_deg == pytest.approx(30.0, abs=1.0)


def test_a_night_that_hardly_changes_is_no_frozen_picture(mast: Mast) -> None:
    """A coder that leaves the noise out, and a key frame every half a minute."""
    for _ in range(6):
        assert mast.see(30.0, unchanged=0.99) is SeeingState.SEEING
        mast.see(0.2, unchanged=0.4)


def test_the_same_picture_for_a_minute_is_no_alarm_and_for_minutes_is_frozen(mast: Mast) -> None:
    mast.see(1.0)
    assert mast.see(60.0, same=True) is SeeingState.SEEING
    assert mast.see(90.0, same=True) is SeeingState.BLIND
    assert mast.watch.health.state(mast.now_s).reason == "the picture is frozen"
    assert mast.see(1.0) is SeeingState.SEEING


def test_a_frozen_picture_under_a_running_clock_is_found_out(mast: Mast) -> None:
    mast.see(1.0)
    assert mast.see(110.0, unchanged=0.97) is SeeingState.SEEING
    assert mast.see(150.0, unchanged=0.97) is SeeingState.BLIND


def test_a_repeated_picture_confirms_no_fire(mast: Mast) -> None:
    mast.see(60.0, FIRE, same=True)
    assert mast.alerts == []


def test_two_masts_that_know_only_a_direction_are_crossed_at_the_station(tmp_path: Path) -> None:
    """Smoke on the horizon: no ground is met within range, and yet the station knows the place."""
    far_m, told = 3000.0, []
    for name, (east_m, north_m), heading_deg in (("a", (0.0, 0.0), 90.0), ("b", (far_m, -far_m), 0.0)):
        lat_deg, lon_deg = lat_lon(east_m, north_m)
        text = (
            CONFIG.replace(str(LAT_DEG), f"{lat_deg:.7f}")
            .replace(str(LON_DEG), f"{lon_deg:.7f}")
            .replace("heading_deg = 30.0\npitch_deg = -20.0", f"heading_deg = {heading_deg}\npitch_deg = 0.0")
            .replace("mast-1", name)
        )
        (tmp_path / name).mkdir()
        with Outbox(tmp_path / name / "outbox.db") as outbox:
            mast = Mast(configured(tmp_path / name, text), outbox)
            mast.see(4.0, replace(FIRE, label="smoke", y1=300.0, y2=350.0))
            told.append(mast.alerts[-1])
    assert [alert.method for alert in told] == ["bearing-only"] * 2
    [found] = crossings_of(told)
    off_m = np.array(east_north(found.position.lat_deg, found.position.lon_deg)) - (far_m, 0.0)
    assert np.linalg.norm(off_m) < 30.0
    assert found.ellipse.semi_major_m < 400.0


# --- the agent ----------------------------------------------------------------------------------------


def test_the_station_hears_where_it_stands_and_of_no_vehicle(mast: Mast) -> None:
    mast.see(4.0)
    told = DroneState.model_validate_json(mast.agent.state(mast.now_s).model_dump_json())
    assert told.fixed
    assert told.position is not None
    assert (told.position.lat_deg, told.position.alt_amsl_m, told.height_agl_m) == (LAT_DEG, 640.0, 40.0)
    assert (told.heading_deg, told.seeing, told.control) == (30.0, SeeingState.SEEING, ControlState.READ_ONLY)
    assert (told.armed, told.battery_percent, told.patrol, told.response) == (None, None, None, None)
    assert len(told.footprint) > 10


def test_a_blind_camera_claims_to_see_no_ground(mast: Mast) -> None:
    told = mast.agent.state(100.0)
    assert (told.seeing, told.footprint) == (SeeingState.BLIND, [])


@pytest.mark.parametrize("kind", list(OrderKind))
async def test_every_order_is_refused_with_the_reason(mast: Mast, kind: OrderKind) -> None:
    order = Order(id=uuid4(), drone_id="mast-1", kind=kind, by="Ann", at=datetime.now(UTC))
    mast.agent.take_order(order)
    await mast.agent.desk._carry_out(mast.agent.desk._waiting.popleft())
    [result] = mast.agent.state(0.0).orders
    assert (result.order_id, result.state) == (order.id, OrderState.REFUSED)
    assert "fixed camera" in result.reason


async def test_preflight_says_why_it_does_not_see_and_where_it_stands(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert config.fixed is not None
    lines = {line.name: line for line in await fixed_lines(config, config.fixed, wait_s=60.0)}
    assert (lines["camera"].passed, lines["detector"].passed) == (False, False)
    assert "photos" in lines["camera"].detail
    assert "40 m above the ground" in lines["place"].detail
    assert "link" not in lines
    assert "battery" not in lines


def test_flat_ground_lies_at_the_foot_of_the_mast(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert config.fixed is not None
    pose = FixedMount(config.fixed, None).pose_at(0.0)
    assert FlatTerrain(pose.alt_amsl_m - pose.height_home_m).alt_amsl_m == 600.0
