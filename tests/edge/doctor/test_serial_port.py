"""The serial port: what keeps an autopilot from being heard, found before anybody opens it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge.doctor.check import Check
from edge.doctor.host import Host, Process
from edge.doctor.serial_port import SerialPort, judge_serial_port, look_at_serial_port, serial_url
from tests.edge.doctor.hosts import host_of, process
from tests.flight.far_ends import Cable

RULES = Path(__file__).parents[3] / "hardware/companion/70-emberwatch.rules"
WELL = SerialPort(
    name="/dev/ttyAMA0",
    baud=921600,
    device="/dev/ttyAMA0",
    is_there=True,
    may_open=True,
    group="dialout",
    user="pi",
    service_groups={"emberwatch", "dialout"},
    holders=(),
    modem_manager=False,
    is_console=False,
    others=("/dev/ttyAMA0",),
)


def check(port: SerialPort, name: str) -> Check:
    return next(one for one in judge_serial_port(port) if one.name == name)


def test_a_port_that_is_ours_passes() -> None:
    assert [one for one in judge_serial_port(WELL) if not one.passed] == []


@pytest.mark.parametrize(
    ("change", "name", "passed", "words"),
    [
        ({"is_there": False}, "serial port", False, "is not there"),
        ({"name": "/dev/ttyUSB0", "device": "/dev/ttyUSB0"}, "serial port", None, "another one tomorrow"),
        (
            {"name": "/dev/autopilot", "device": "/dev/ttyACM0"},
            "serial port",
            True,
            "/dev/autopilot is /dev/ttyACM0",
        ),
        ({"may_open": False}, "rights", False, "pi may not open it"),
        ({"service_groups": {"emberwatch"}}, "rights", False, "emberwatch is not in dialout"),
        ({"service_groups": None}, "rights", True, "pi may open it"),
        ({"is_console": True}, "nobody else on it", False, "console"),
        ({"holders": (Process(5, "agetty"),)}, "nobody else on it", False, "console"),
        ({"holders": (Process(6, "mavlink-routerd"),)}, "nobody else on it", False, "mavlink-routerd (6)"),
        ({"holders": (Process(7, "emberwatch"),)}, "nobody else on it", None, "emberwatch (7)"),
        ({"device": "/dev/ttyACM0", "modem_manager": True}, "nobody else on it", None, "ModemManager"),
        ({"modem_manager": True}, "nobody else on it", True, ""),
        ({"baud": 57600}, "speed of the port", False, "57600 baud is too slow"),
        ({"baud": 57600, "device": "/dev/ttyACM0"}, "speed of the port", True, "no baud rate"),
    ],
)
def test_what_is_in_the_way_is_told_with_what_to_do(
    change: dict[str, object], name: str, passed: bool | None, words: str
) -> None:
    found = check(replace(WELL, **change), name)  # type: ignore[arg-type]
    assert found.passed is passed
    assert words in found.found
    assert passed or found.remedy


def test_ports_that_are_there_are_named_where_the_wanted_one_is_not() -> None:
    found = judge_serial_port(replace(WELL, is_there=False, others=("/dev/ttyACM0", "/dev/ttyUSB3")))
    assert "/dev/ttyACM0, /dev/ttyUSB3" in found[0].remedy


def test_everything_about_a_port_is_read_from_the_computers_files(tmp_path: Path) -> None:
    host = host_of(
        tmp_path,
        {
            "/dev/ttyACM0": "",
            "/proc/cmdline": "console=ttyAMA0,115200 root=/dev/mmcblk0p2\n",
            "/etc/passwd": "emberwatch:x:997:997::/var/lib/emberwatch:/usr/sbin/nologin\n",
            "/etc/group": "emberwatch:x:997:\ndialout:x:20:pi,emberwatch\nvideo:x:44:pi\n",
        },
    )
    (tmp_path / "dev/autopilot").symlink_to("ttyACM0")
    process(tmp_path, 321, "ModemManager")
    process(tmp_path, 654, "mavproxy", "/dev/null", "/dev/ttyACM0")
    port = look_at_serial_port(host, "/dev/autopilot", 921600)
    assert port.device == "/dev/ttyACM0"
    assert port.is_there
    assert port.service_groups == {"emberwatch", "dialout"}
    assert port.holders == [Process(654, "mavproxy")]
    assert port.modem_manager
    assert not port.is_console
    assert port.others == ["/dev/autopilot", "/dev/ttyACM0"]


def test_a_rule_that_keeps_modem_manager_away_is_seen(tmp_path: Path) -> None:
    """As ours does."""
    process(tmp_path, 321, "ModemManager")
    files = {"/dev/ttyACM0": "", "/etc/udev/rules.d/70-emberwatch.rules": RULES.read_text()}
    assert not look_at_serial_port(host_of(tmp_path, files), "/dev/ttyACM0", 921600).modem_manager


@pytest.mark.parametrize("how", ["kernel", "log-in"])
def test_a_console_on_the_port_is_found(tmp_path: Path, how: str) -> None:
    unit = "systemctl show -p ActiveState --value serial-getty@ttyAMA0.service"
    host = host_of(
        tmp_path,
        {"/dev/ttyAMA0": "", "/proc/cmdline": "console=ttyAMA0,115200\n" if how == "kernel" else "quiet\n"},
        {unit: "active\n"} if how == "log-in" else {},
    )
    assert look_at_serial_port(host, "/dev/ttyAMA0", 921600).is_console


async def test_a_real_port_is_followed_to_its_device_and_to_who_has_it_open(tmp_path: Path) -> None:
    with Cable(tmp_path / "autopilot") as cable:
        port = look_at_serial_port(Host(), str(cable.name), 921600)
        assert port.device.startswith("/dev/pts/")
        assert port.is_there
        assert port.may_open
        assert os.getpid() not in [holder.pid for holder in port.holders], "the doctor itself is nobody else"


def test_the_device_of_a_link_is_its_urls() -> None:
    assert serial_url("serial:/dev/serial/by-id/usb-A:B-if00:921600") == (
        "/dev/serial/by-id/usb-A:B-if00",
        921600,
    )
    assert serial_url("udpin:127.0.0.1:14550") is None
