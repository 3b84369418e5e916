"""The autopilot as the doctor hears it: on a serial cable, and as facts that are judged."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from edge.config.file import AgentConfig, load_agent_config
from edge.doctor.autopilot import NEEDED, Heard, hear, judge_autopilot
from edge.doctor.check import Check
from flight.autopilots import Finding
from flight.autopilots.ardupilot import ArduCopter
from flight.autopilots.px4 import Px4Copter
from flight.link import mavlink
from flight.signing import Verdict
from flight.streams import WANTED_HZ
from flight.vehicle import Vehicle
from tests.flight.far_ends import Cable
from tests.flight.scripted import ScriptedAutopilot

REAL32 = mavlink.MAV_PARAM_TYPE_REAL32
WELL = Heard(
    "serial:/dev/autopilot:921600",
    packets=900,
    autopilot=True,
    firmware="ArduCopter",
    version="4.6.3",
    rates_hz={name: WANTED_HZ[name] for name in NEEDED},
    findings=(Finding("battery failsafe", True, "acts"),),
    gimbal=True,
    utc_known=True,
)
SILENT = Heard("serial:/dev/autopilot:921600")


def check(heard: Heard, name: str) -> Check:
    return next(one for one in judge_autopilot(heard) if one.name == name)


def rates(**hz: float) -> dict[str, float]:
    return {**WELL.rates_hz, **hz}


def test_an_autopilot_that_is_well_passes_every_check() -> None:
    assert [one for one in judge_autopilot(WELL) if not one.passed] == []


@pytest.mark.parametrize(
    ("change", "name", "passed", "words"),
    [
        ({"alarms": ("a second autopilot, system 2",)}, "link", False, "a second autopilot"),
        ({"old_mavlink": True}, "link", False, "MAVLink 1"),
        ({"armed": True}, "link", None, "armed"),
        ({"firmware": ""}, "firmware", None, "neither ArduCopter nor PX4"),
        ({"firmware": "PX4"}, "firmware", None, "PX4 has never flown"),
        ({"loss": 0.2}, "loss", False, "20.0%"),
        ({"rates_hz": rates(ATTITUDE=2.0)}, "ATTITUDE", False, "no frame can be placed"),
        ({"rates_hz": rates(ATTITUDE=6.0)}, "ATTITUDE", None, "6.0 a second"),
        ({"rates_hz": {}}, "RC_CHANNELS", False, "the pilot's veto counts as on"),
        ({"utc_known": False}, "GNSS time", None, "does not know the time"),
        ({"gimbal": False, "gimbal_type": 8.0}, "gimbal", False, "MNT1_TYPE is 8"),
        ({"gimbal": False, "gimbal_type": 0.0}, "gimbal", None, "mount_pitch_deg"),
        ({"findings": (Finding("RC failsafe", False, "is 0"),)}, "RC failsafe", False, "is 0"),
    ],
)
def test_what_is_wrong_with_an_autopilot_is_told_with_what_to_do(
    change: dict[str, object], name: str, passed: bool | None, words: str
) -> None:
    found = check(replace(WELL, **change), name)  # type: ignore[arg-type]
    assert found.passed is passed
    assert words in found.found
    assert found.remedy


@pytest.mark.parametrize(
    ("change", "words", "remedy"),
    [
        ({}, "nothing comes", "TX to RX"),
        ({"url": "udpin:127.0.0.1:14550"}, "nothing comes", "router"),
        ({"unreadable": 40}, "no MAVLink", "SERIALn_BAUD"),
        ({"packets": 9, "senders": ((255, 190),)}, "others speak (255/190)", "feeds this link"),
        ({"refused": {Verdict.WRONG_KEY: 4}}, "4 signed with another key", "sign-the-link"),
        ({"trouble": "no speed in the link"}, "no speed", "#connect"),
    ],
)
def test_silence_is_explained_by_what_came(change: dict[str, object], words: str, remedy: str) -> None:
    (found,) = judge_autopilot(replace(SILENT, **change))  # type: ignore[arg-type]
    assert found.passed is False
    assert words in found.found
    assert remedy in found.remedy


async def test_a_link_that_another_program_has_is_left_to_it(tmp_path: Path) -> None:
    async with Vehicle("udpin:127.0.0.1:0") as running:
        heard = await listen(tmp_path, f"udpin:127.0.0.1:{running.link.local_port}")
    (found,) = judge_autopilot(heard)
    assert found.passed is None
    assert "another program has udpin" in found.found


ARDUCOPTER = {
    "SYSID_THISMAV": 1.0,
    "ARMING_CHECK": 1.0,
    "EK3_DRAG_BCOEF_X": 17.0,
    "EK3_DRAG_BCOEF_Y": 17.0,
    "EK3_DRAG_MCOEF": 0.2,
    **{f"SERIAL{number}_PROTOCOL": 2.0 if number < 3 else 5.0 for number in range(1, 7)},
}


@pytest.mark.parametrize(
    ("change", "name", "passed", "words"),
    [
        ({}, "MAVLink ports", True, "SERIAL1, SERIAL2"),
        ({"SERIAL2_PROTOCOL": 1.0}, "MAVLink ports", None, "SERIAL2 speaks MAVLink 1"),
        (
            {f"SERIAL{n}_PROTOCOL": 5.0 for n in range(1, 7)},
            "MAVLink ports",
            None,
            "no SERIALn_PROTOCOL is 2",
        ),
        ({"SYSID_THISMAV": 255.0}, "system id", False, "255"),
        ({"SYSID_THISMAV": None}, "system id", None, "could not be read"),
        ({"ARMING_CHECK": 0.0}, "arming checks", False, "whatever is wrong"),
        ({"ARMING_CHECK": 64.0}, "arming checks", None, "not every check"),
        (
            {"EK3_DRAG_BCOEF_X": 0.0, "EK3_DRAG_BCOEF_Y": 0.0, "EK3_DRAG_MCOEF": 0.0},
            "wind",
            None,
            "twice as far",
        ),
        ({"EK3_DRAG_MCOEF": None}, "wind", None, "could not be read"),
    ],
)
def test_how_arducopter_is_set_up_is_judged(
    change: dict[str, float | None], name: str, passed: bool | None, words: str
) -> None:
    assert set(ARDUCOPTER) == set(ArduCopter.set_up_parameters)
    assert [finding.name for finding in ArduCopter().judge_set_up(ARDUCOPTER) if not finding.passed] == []
    found = next(one for one in ArduCopter().judge_set_up({**ARDUCOPTER, **change}) if one.name == name)
    assert found.passed is passed
    assert words in found.detail


def test_how_px4_is_set_up_is_judged() -> None:
    well = {"MAV_SYS_ID": 1.0, "MAV_0_CONFIG": 101.0, "MAV_1_CONFIG": 102.0, "MAV_2_CONFIG": 0.0}
    assert [one.passed for one in Px4Copter().judge_set_up(well)] == [True, True]
    assert [one.passed for one in Px4Copter().judge_set_up({"MAV_SYS_ID": 255.0})] == [False, None]
    assert [one.passed for one in Px4Copter().judge_set_up({})] == [None, None]


# --- on a real cable ----------------------------------------------------------------------------------


class TalkingCable(Cable):
    """Tells what comes at once, and drops what nobody takes."""

    on_data: Callable[[bytes], None] = staticmethod(lambda data: None)

    def _take(self) -> None:
        assert self._far is not None
        with suppress(OSError):
            self.on_data(os.read(self._far, 65536))

    def sendto(self, data: bytes) -> None:
        with suppress(BlockingIOError):
            self.send(data)

    def close(self) -> None:
        """It is pulled out by its own ``with``."""


class SerialAutopilot(ScriptedAutopilot):
    """The scripted autopilot at the far end of a cable; it streams what the doctor counts."""

    def __init__(self, cable: TalkingCable) -> None:
        super().__init__(port=0)
        self._cable = cable
        self.streams = True
        cable.on_data = lambda data: self.datagram_received(data, None)

    async def __aenter__(self) -> Self:
        self._cable.listen()
        wire: Any = self._cable
        self._transport = wire
        self._beating = asyncio.create_task(self._beat())
        return self

    def beat(self) -> None:
        super().beat()
        if self.streams:
            boot_ms = int(self.boot_s * 1000)
            self.send(mavlink.MAVLink_attitude_message(boot_ms, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
            self.send(mavlink.MAVLink_system_time_message(1_780_000_000_000_000, boot_ms))


def config(folder: Path, url: str) -> AgentConfig:
    (folder / "agent.toml").write_text(
        '[agent]\ndata_dir = "data"\n[agent.drone]\nid = "d1"\n[agent.uplink]\nkey_file = "drone.key"\n'
        f'[agent.mavlink]\nurl = "{url}"\n[agent.camera]\nsource = "folder:photos"\n'
    )
    return load_agent_config(folder / "agent.toml")


async def listen(folder: Path, url: str, *, wait_s: float = 30.0) -> Heard:
    return await hear(config(folder, url), wait_s=wait_s, settle_s=0.1, count_s=0.3)


async def test_an_autopilot_on_a_serial_port_is_heard_counted_and_read(tmp_path: Path) -> None:
    with TalkingCable(tmp_path / "autopilot") as cable:
        async with SerialAutopilot(cable) as autopilot:
            for name in (*ArduCopter.safety_parameters, *ArduCopter.set_up_parameters, "MNT1_TYPE"):
                autopilot.parameters.values[name] = (float(name == "ARMING_CHECK"), REAL32)
            heard = await listen(tmp_path, cable.url)
            orders = [
                *autopilot.heard("COMMAND_INT"),
                *autopilot.heard("PARAM_SET"),
                *autopilot.heard("MISSION_COUNT"),
            ]
            asked = {message.command for message in autopilot.heard("COMMAND_LONG")}
    assert heard.firmware == "ArduCopter"
    assert heard.rates_hz["ATTITUDE"] > 0
    assert heard.utc_known
    assert not heard.old_mavlink
    findings = {finding.name: finding.passed for finding in heard.findings}
    assert findings["arming checks"] is True
    assert findings["battery failsafe"] is False
    assert heard.gimbal_type == 0
    assert orders == [], "it only looks"
    assert asked <= {mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, mavlink.MAV_CMD_REQUEST_MESSAGE}


async def test_an_autopilot_that_speaks_the_old_protocol_is_found(tmp_path: Path) -> None:
    with TalkingCable(tmp_path / "autopilot") as cable:
        async with SerialAutopilot(cable) as autopilot:
            old = mavlink.MAVLink(None, srcSystem=1, srcComponent=1)

            def send(message: Any) -> None:
                cable.sendto(message.pack(old, force_mavlink1=True))

            autopilot.send = send  # type: ignore[method-assign]
            for name in (*ArduCopter.safety_parameters, *ArduCopter.set_up_parameters, "MNT1_TYPE"):
                autopilot.parameters.values[name] = (0.0, REAL32)
            assert (await listen(tmp_path, cable.url)).old_mavlink


async def test_an_armed_vehicle_is_left_alone(tmp_path: Path) -> None:
    with TalkingCable(tmp_path / "autopilot") as cable:
        async with SerialAutopilot(cable) as autopilot:
            autopilot.armed = True
            heard = await listen(tmp_path, cable.url)
            assert heard.armed
            assert autopilot.heard("PARAM_REQUEST_READ") == []


async def test_noise_at_another_speed_is_told_from_silence(tmp_path: Path) -> None:
    with TalkingCable(tmp_path / "autopilot") as cable:

        async def noise() -> None:
            while True:
                cable.sendto(bytes(range(64)))
                await asyncio.sleep(0.01)

        cable.listen()
        task = asyncio.create_task(noise())
        heard = await listen(tmp_path, cable.url, wait_s=1.0)
        task.cancel()
    assert heard.unreadable > 0
    assert not heard.autopilot


async def test_a_cable_without_anybody_is_silent(tmp_path: Path) -> None:
    with TalkingCable(tmp_path / "autopilot") as cable:
        heard = await listen(tmp_path, cable.url, wait_s=0.3)
    assert heard == Heard(cable.url)
