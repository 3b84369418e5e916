"""The multicopter's physics: what moves together stays together, and nothing exceeds what it can do."""

from __future__ import annotations

import itertools
import math

import pytest

from hardware.virtual.drone.dynamics import GRAVITY_M_S2, Airframe, Demand, Motion, Multicopter
from hardware.virtual.drone.gimbal import Gimbal
from hardware.virtual.drone.guidance import Leg, Point, Speeds, approach_speed, corner_speed, velocity_to

DT_S = 0.02
CALM = (0.0, 0.0)
SPEEDS = Speeds(12.0, 4.5, 2.5)


def flown(
    demand: Demand, seconds: float, *, wind: tuple[float, float] = CALM, motion: Motion | None = None
) -> list[Motion]:
    """The motion after every step."""
    copter = Multicopter(motion or Motion(alt_m=100.0), Airframe())
    history = []
    for _ in range(round(seconds / DT_S)):
        copter.step(demand, wind, DT_S)
        now = copter.motion
        history.append(Motion(*(getattr(now, name) for name in Motion.__slots__)))
    return history


def test_it_reaches_the_speed_that_is_asked_for_and_keeps_it() -> None:
    end = flown(Demand(12.0, 0.0, 0.0, 0.0), 15.0)[-1]
    assert end.vel_north_m_s == pytest.approx(12.0, abs=0.05)
    assert end.vel_east_m_s == pytest.approx(0.0, abs=1e-6)
    assert end.alt_m == pytest.approx(100.0, abs=1e-6)


def test_it_never_leans_climbs_or_turns_more_than_it_can() -> None:
    history = flown(Demand(-15.0, 15.0, 4.5, math.radians(179.0)), 10.0, wind=(8.0, -8.0))
    for before, now in itertools.pairwise(history):
        tilt = math.acos(math.cos(now.roll_rad) * math.cos(now.pitch_rad))
        assert tilt <= Airframe().tilt_rad + 1e-9
        assert abs(now.yaw_rate_rad_s) <= Airframe().yaw_rate_rad_s + 1e-9
        assert abs(now.vel_up_m_s - before.vel_up_m_s) / DT_S <= Airframe().climb_acceleration_m_s2 + 1e-6
    assert history[-1].vel_up_m_s == pytest.approx(4.5, abs=0.05)


@pytest.mark.parametrize("yaw_deg", [0.0, 60.0, 140.0, -120.0, -30.0])
@pytest.mark.parametrize(("north", "east"), [(8.0, 0.0), (0.0, 8.0), (-6.0, 3.0)])
def test_the_tilt_is_the_acceleration(yaw_deg: float, north: float, east: float) -> None:
    """In still air and at the start, thrust without gravity is what moves it, whatever way it faces."""
    yaw = math.radians(yaw_deg)
    history = flown(Demand(north, east, 0.0, yaw), 0.6, motion=Motion(alt_m=100.0, yaw_rad=yaw))
    before, now = history[-2], history[-1]
    accel = (
        (now.vel_north_m_s - before.vel_north_m_s) / DT_S,
        (now.vel_east_m_s - before.vel_east_m_s) / DT_S,
    )
    drag = Airframe().drag_per_s
    push = (accel[0] + drag * before.vel_north_m_s, accel[1] + drag * before.vel_east_m_s)
    # Body up, from the attitude, in north, east, up (third row of the ZYX rotation, turned by the yaw).
    sr, cr, sp, cp = (f(a) for a in (now.roll_rad, now.pitch_rad) for f in (math.sin, math.cos))
    ahead, aside = -sp * cr / (cp * cr), sr / (cp * cr)
    thrust = (
        GRAVITY_M_S2 * (ahead * math.cos(yaw) - aside * math.sin(yaw)),
        GRAVITY_M_S2 * (ahead * math.sin(yaw) + aside * math.cos(yaw)),
    )
    assert thrust == pytest.approx(push, abs=0.02)
    assert math.hypot(*push) > 0.5


def test_forward_is_nose_down_and_right_is_right_wing_down() -> None:
    assert flown(Demand(8.0, 0.0, 0.0, 0.0), 1.0)[-1].pitch_rad < -0.1
    assert flown(Demand(0.0, 8.0, 0.0, 0.0), 1.0)[-1].roll_rad > 0.1


def test_it_leans_into_the_wind_to_stay() -> None:
    end = flown(Demand(0.0, 0.0, 0.0, 0.0), 20.0, wind=(-10.0, 0.0))[-1]  # a wind from the north
    assert math.hypot(end.vel_north_m_s, end.vel_east_m_s) < 0.05
    assert math.degrees(end.pitch_rad) == pytest.approx(-10.0, abs=0.5)


def test_it_turns_the_short_way() -> None:
    start = Motion(alt_m=100.0, yaw_rad=math.radians(170.0))
    history = flown(Demand(0.0, 0.0, 0.0, math.radians(-170.0)), 4.0, motion=start)
    assert min(abs(math.degrees(now.yaw_rad)) for now in history) > 165.0
    assert math.degrees(history[-1].yaw_rad) == pytest.approx(-170.0, abs=0.5)


def test_it_stops_at_its_target_without_running_over() -> None:
    copter = Multicopter(Motion(alt_m=100.0), Airframe())
    target, furthest = Point(120.0, 0.0, 100.0), 0.0
    for _ in range(round(30.0 / DT_S)):
        now = copter.motion
        velocity = velocity_to(Point(now.north_m, now.east_m, now.alt_m), target, SPEEDS)
        copter.step(Demand(*velocity, 0.0), CALM, DT_S)
        furthest = max(furthest, now.north_m)
    assert copter.motion.north_m == pytest.approx(120.0, abs=0.1)
    assert furthest < 121.0


def test_a_leg_is_flown_along_its_line() -> None:
    """Blown off to the side at the start, it is back on the line long before the end, and on its slope."""
    leg = Leg(Point(0.0, 0.0, 40.0), Point(300.0, 0.0, 70.0))
    copter = Multicopter(Motion(east_m=20.0, alt_m=40.0), Airframe())
    while copter.motion.north_m < 150.0:
        now = copter.motion
        copter.step(
            Demand(*leg.velocity(Point(now.north_m, now.east_m, now.alt_m), SPEEDS), 0.0), (2.0, 4.0), DT_S
        )
    assert copter.motion.east_m == pytest.approx(0.0, abs=1.0)
    assert copter.motion.alt_m == pytest.approx(55.0, abs=1.0)
    assert copter.motion.vel_north_m_s == pytest.approx(12.0, abs=0.5)


def test_a_steep_leg_is_no_faster_than_the_climb_allows() -> None:
    leg = Leg(Point(0.0, 0.0, 0.0), Point(10.0, 0.0, 100.0))
    north, _, up = leg.velocity(Point(0.0, 0.0, 0.0), SPEEDS)
    assert up == pytest.approx(4.5)
    assert north == pytest.approx(0.45)


def test_braking_begins_in_time_and_corners_are_slow() -> None:
    assert approach_speed(0.0) == 0.0
    assert approach_speed(100.0) > 12.0 > approach_speed(20.0)
    assert corner_speed(0.0, 0.0, 12.0) == pytest.approx(12.0)
    assert corner_speed(0.0, math.radians(60.0), 12.0) == pytest.approx(6.0)
    assert corner_speed(0.0, math.pi, 12.0) == pytest.approx(2.0)


def test_the_gimbal_tilts_as_told_and_follows_the_nose() -> None:
    gimbal = Gimbal(yaw_rad=0.0)
    gimbal.point(math.radians(-45.0), 0.0)
    for _ in range(round(3.0 / DT_S)):
        gimbal.step(math.radians(90.0), DT_S)
    assert math.degrees(gimbal.pitch_rad) == pytest.approx(-45.0, abs=0.1)
    assert math.degrees(gimbal.yaw_rad) == pytest.approx(90.0, abs=0.1)
    gimbal.point(math.radians(-120.0), math.radians(-30.0), yaw_is_locked=True)
    for _ in range(round(4.0 / DT_S)):
        gimbal.step(math.radians(170.0), DT_S)
    assert math.degrees(gimbal.pitch_rad) == pytest.approx(-90.0, abs=0.1)  # its stop
    assert math.degrees(gimbal.yaw_rad) == pytest.approx(-30.0, abs=0.1)
