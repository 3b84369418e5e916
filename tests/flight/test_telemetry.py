"""What the autopilot says of itself."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from flight.autopilots import UnknownModeError, ardupilot
from flight.autopilots.ardupilot import ArduCopter
from flight.link import Message, mavlink
from flight.telemetry import AttitudeSample, GimbalSample, PositionSample, Telemetry
from tests.flight.scripted import heartbeat, position, stamped


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.telemetry = Telemetry(self.clock)

    def hear(self, *messages: Message) -> None:
        for message in messages:
            self.telemetry.handle(stamped(message), self.clock.now_s)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def attitude(boot_ms: int, yaw: float = 0.5) -> Message:
    return mavlink.MAVLink_attitude_message(boot_ms, 0.25, -0.125, yaw, 0, 0, 0)


def gimbal(boot_ms: int, flags: int, q: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)) -> Message:
    return mavlink.MAVLink_gimbal_device_attitude_status_message(0, 0, boot_ms, flags, list(q), 0, 0, 0, 0)


def system_time(utc: datetime, boot_ms: int) -> Message:
    return mavlink.MAVLink_system_time_message(round(utc.timestamp() * 1e6), boot_ms)


def ekf(flags: int) -> Message:
    return mavlink.MAVLink_ekf_status_report_message(flags, 0, 0, 0, 0, 0)


def gps(fix: int) -> Message:
    return mavlink.MAVLink_gps_raw_int_message(0, fix, 0, 0, 0, 0, 0, 0, 0, 17)


def test_nothing_is_made_up_before_it_is_heard(bench: Bench) -> None:
    telemetry = bench.telemetry
    assert (telemetry.linked, telemetry.mode, telemetry.armed) == (False, "", None)
    assert telemetry.position is None
    assert telemetry.ground_speed_m_s is None
    assert telemetry.battery_percent is None
    assert telemetry.utc_at(10.0) is None
    assert not telemetry.position_ok


def test_samples_have_the_units_of_their_names(bench: Bench) -> None:
    bench.hear(attitude(1500), position(1.5, height_m=42.0), gimbal(1500, 32, (0.5, 0.5, 0.5, 0.5)))
    telemetry = bench.telemetry
    assert telemetry.attitude == AttitudeSample(1.5, 0.25, -0.125, 0.5)
    assert telemetry.position == PositionSample(1.5, -35.363262, 149.165237, 627.0, 42.0, 3.0, -4.0, 0.5)
    assert telemetry.gimbal == GimbalSample(1.5, 0.5, 0.5, 0.5, 0.5, False)
    assert telemetry.heading_deg == 90.0
    assert telemetry.ground_speed_m_s == 5.0


def test_each_listener_gets_each_sample_once_and_in_order(bench: Bench) -> None:
    heard: list[float] = []
    bench.telemetry.on_attitude.append(lambda sample: heard.append(sample.boot_s))
    bench.telemetry.on_position.append(lambda sample: heard.append(-sample.boot_s))
    bench.telemetry.on_gimbal.append(lambda sample: heard.append(sample.boot_s + 0.5))
    for boot_ms in (1000, 1040, 1040, 1120, 1080, 1160):  # one twice, one late
        bench.hear(attitude(boot_ms))
    bench.hear(position(2.0), position(2.0), position(1.9), gimbal(2000, 0), gimbal(2000, 0))
    assert heard == [1.0, 1.04, 1.12, 1.16, -2.0, 2.5]


def test_no_position_is_not_the_gulf_of_guinea(bench: Bench) -> None:
    nowhere = mavlink.MAVLink_global_position_int_message(1000, 0, 0, 0, 0, 0, 0, 0, 65535)
    bench.hear(nowhere)
    assert bench.telemetry.position is None


@pytest.mark.parametrize(
    ("flags", "earth"),
    [(64, True), (32, False), (64 | 16, True), (32 | 16, False), (16, True), (0, False), (64 | 32, True)],
)
def test_gimbal_flags_say_which_yaw_it_is(bench: Bench, flags: int, earth: bool) -> None:
    """Rule 37."""
    bench.hear(gimbal(1000, flags))
    assert bench.telemetry.gimbal is not None
    assert bench.telemetry.gimbal.yaw_in_earth_frame is earth


def test_a_gimbal_that_does_not_know_gives_no_sample(bench: Bench) -> None:
    bench.hear(gimbal(1000, 32, (math.nan,) * 4))
    assert bench.telemetry.gimbal is None


def test_the_link_is_the_age_of_the_heartbeat(bench: Bench) -> None:
    """Rule 5."""
    changes: list[bool] = []
    bench.telemetry.on_link.append(changes.append)
    bench.hear(heartbeat(base_mode=0x81, custom_mode=4))
    assert (bench.telemetry.mode, bench.telemetry.armed, bench.telemetry.linked) == ("GUIDED", True, True)
    for _ in range(30):
        bench.clock.now_s += 0.5
        bench.hear(attitude(round(bench.clock.now_s * 1000)))  # other messages do not keep it up
        bench.telemetry.tick()
    assert not bench.telemetry.linked
    bench.hear(heartbeat())
    bench.telemetry.tick()
    assert changes == [True, False, True]


def test_time_going_down_is_a_restart_and_voids_what_was_known(bench: Bench) -> None:
    """Rule 5."""
    restarts: list[float] = []
    bench.telemetry.on_reboot.append(restarts.append)
    utc = datetime(2026, 7, 1, 12, tzinfo=UTC)
    bench.hear(attitude(600_000), position(600.0), system_time(utc, 600_000), ekf(0x33F))
    bench.hear(attitude(599_950))  # late, no restart
    assert restarts == []
    bench.hear(attitude(2_000))
    assert restarts == [2.0]
    telemetry = bench.telemetry
    assert telemetry.attitude == AttitudeSample(2.0, 0.25, -0.125, 0.5)
    assert telemetry.position is None
    assert telemetry.utc_at(2.0) is None
    assert not telemetry.position_ok
    bench.hear(position(2.1), mavlink.MAVLink_rc_channels_message(2200, 4, *range(1000, 1018), 0))
    assert restarts == [2.0]
    assert telemetry.rc is not None
    assert telemetry.rc.channels_us == (1000, 1001, 1002, 1003)


def test_a_restart_first_seen_in_any_timed_message_is_handled(bench: Bench) -> None:
    bench.hear(attitude(600_000))
    bench.hear(mavlink.MAVLink_rc_channels_message(2200, 2, *range(1000, 1018), 0))
    assert bench.telemetry.attitude is None
    assert bench.telemetry.rc is not None


def test_utc_is_the_autopilots_at_the_time_asked_for(bench: Bench) -> None:
    bench.hear(system_time(datetime(1970, 1, 1, 0, 5, tzinfo=UTC), 300_000))
    assert bench.telemetry.utc_at(300.0) is None  # no fix yet
    bench.hear(mavlink.MAVLink_system_time_message(2**63, 300_500))
    assert bench.telemetry.utc_at(300.0) is None
    utc = datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    bench.hear(system_time(utc, 301_000))
    at = bench.telemetry.utc_at(299.5)  # frames before the fix are dated afterwards
    assert at is not None
    assert abs(at - (utc - timedelta(seconds=1.5))) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("messages", "ok"),
    [
        ([ekf(0x33F)], True),  # attitude, velocities, relative and absolute positions
        ([ekf(0x33F & ~16)], False),  # no absolute horizontal position
        ([ekf(0x33F | 128)], False),  # holds its place on a guess
        ([ekf(0x33F | 32768)], False),  # GNSS glitch
        ([gps(3)], True),  # an autopilot that does not report its filter
        ([gps(2)], False),
        ([gps(6), ekf(128)], False),  # the filter knows better than the receiver
    ],
)
def test_knowing_where_it_is(bench: Bench, messages: list[Message], ok: bool) -> None:
    bench.hear(*messages)
    assert bench.telemetry.position_ok is ok
    bench.clock.now_s += 6
    assert not bench.telemetry.position_ok


def test_smaller_things(bench: Bench) -> None:
    bench.hear(
        mavlink.MAVLink_sys_status_message(0, 0, 0, 0, 12000, 100, 73, 0, 0, 0, 0, 0, 0),
        mavlink.MAVLink_mission_current_message(4),
        gps(3),
        mavlink.MAVLink_home_position_message(
            -353632620, 1491652370, 585_100, 0, 0, 0, [1, 0, 0, 0], 0, 0, 0
        ),
        mavlink.MAVLink_autopilot_version_message(0, 0x040603FF, 0, 0, 0, [0] * 8, [0] * 8, [0] * 8, 0, 0, 0),
    )
    telemetry = bench.telemetry
    assert telemetry.battery_percent == 73.0
    assert telemetry.mission_item == 4
    assert telemetry.satellites == 17
    assert telemetry.home is not None
    assert telemetry.home.alt_amsl_m == 585.1
    assert telemetry.firmware_version == "4.6.3"
    bench.hear(mavlink.MAVLink_sys_status_message(0, 0, 0, 0, 12000, 100, -1, 0, 0, 0, 0, 0, 0))
    assert telemetry.battery_percent is None


@pytest.mark.parametrize(
    ("firmware", "told", "item"),
    [
        (mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA, 4, 4),
        (mavlink.MAV_AUTOPILOT_PX4, 3, 4),  # it does not count home
        (mavlink.MAV_AUTOPILOT_PX4, 0, 1),
        (mavlink.MAV_AUTOPILOT_GENERIC, 4, 4),
    ],
)
def test_the_item_flown_to_has_the_number_that_the_plan_gives_it(
    bench: Bench, firmware: int, told: int, item: int
) -> None:
    bench.hear(heartbeat(autopilot=firmware), mavlink.MAVLink_mission_current_message(told))
    assert bench.telemetry.mission_item == item


def test_texts_are_kept_whole_and_bounded(bench: Bench) -> None:
    """Rule 32."""
    long = "PreArm: " + "x" * 60
    bench.hear(
        mavlink.MAVLink_statustext_message(2, long[:50].encode(), 9, 0),
        mavlink.MAVLink_statustext_message(2, long[50:].encode(), 9, 1),
        mavlink.MAVLink_statustext_message(2, b"y" * 50, 10, 0),
    )
    assert [text.text for text in bench.telemetry.status_texts] == [long]
    bench.clock.now_s += 2
    bench.telemetry.tick()
    assert bench.telemetry.status_texts[-1].text == "y" * 50 + "…"
    for number in range(500):
        bench.hear(mavlink.MAVLink_statustext_message(6, str(number).encode()))
    assert len(bench.telemetry.status_texts) == 100


def test_modes_have_their_names_where_we_know_them(bench: Bench) -> None:
    for number, name in ardupilot.COPTER_MODES.items():
        bench.hear(heartbeat(custom_mode=number))
        assert bench.telemetry.mode == name
        assert ArduCopter().mode_params(name) == (1, number, 0)
    bench.hear(heartbeat(custom_mode=99))
    assert bench.telemetry.mode == "MODE 99"
    bench.hear(heartbeat(custom_mode=10, vehicle_type=mavlink.MAV_TYPE_FIXED_WING))
    assert (bench.telemetry.mode, bench.telemetry.autopilot) == ("MODE 10", None)
    with pytest.raises(UnknownModeError, match="no mode 'FLY'"):
        ArduCopter().mode_params("FLY")


def test_the_mode_table_agrees_with_the_dialect() -> None:
    entries = mavlink.enums["COPTER_MODE"]
    theirs = {
        number: entry.name.removeprefix("COPTER_MODE_")
        for number, entry in entries.items()
        if entry.name != "COPTER_MODE_ENUM_END"
    }
    assert theirs == ardupilot.COPTER_MODES
