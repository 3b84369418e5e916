"""What systemd and the hardware watchdog hear from the agent's loop."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.health.service import HardwareWatchdog, Service


class Systemd:
    """Listens as systemd does."""

    def __init__(self, address: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        said = []
        try:
            while True:
                said.append(self._socket.recv(200).decode())
        except BlockingIOError:
            return said

    def close(self) -> None:
        self._socket.close()


class Device:
    """A pipe in the place of a watchdog: it takes what is written, and no ioctl, as some drivers do."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def written(self) -> bytes:
        try:
            return os.read(self._reader, 100)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self._reader)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    listener = Systemd(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "8000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    yield listener
    listener.close()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    device = Device(tmp_path / "watchdog")
    yield device
    device.close()


def test_systemd_hears_that_the_loop_turns_and_what_changes(systemd: Systemd) -> None:
    service = Service(None)
    for tenths in range(45):
        seen = "seeing; AUTO" if tenths > 30 else "blind: no frame; GUIDED"
        service.beat(100.0 + tenths / 10, seen, stands=False)
    service.stop()
    assert systemd.heard() == [
        "READY=1",
        "STATUS=blind: no frame; GUIDED",
        "WATCHDOG=1",
        "STATUS=seeing; AUTO",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_a_loop_that_hangs_is_not_said_to_turn(systemd: Systemd) -> None:
    service = Service(None)
    service.beat(0.0, "", stands=False)
    assert systemd.heard() == ["READY=1"]


def test_the_hardware_watchdog_is_on_only_while_the_vehicle_stands(device: Device) -> None:
    watchdog = HardwareWatchdog(device.path)
    watchdog.beat(0.0, stands=False)
    assert device.written() == b""
    for tenths in range(35):
        watchdog.beat(10.0 + tenths / 10, stands=True)
    assert device.written() == b"\0\0\0"  # once a second, not in each turn
    watchdog.beat(14.0, stands=False)  # it arms its motors, or nobody knows
    assert device.written() == b"V"
    watchdog.beat(20.0, stands=False)
    assert device.written() == b""
    watchdog.beat(300.0, stands=True)
    watchdog.beat(301.0, stands=True)
    assert device.written() == b"\0"


def test_an_agent_that_ends_lets_go_of_the_hardware_watchdog(device: Device) -> None:
    service = Service(device.path)
    service.beat(0.0, "", stands=True)
    service.stop()
    assert device.written() == b"V"


def test_a_watchdog_that_is_not_there_is_told_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(tmp_path / "none")
    for second in range(5):
        service.beat(float(second), "", stands=True)
    service.stop()
    assert caplog.text.count("cannot be used: No such file or directory") == 1
