"""Parameters cross the wire as each firmware has them, and count only once they were read back."""

from __future__ import annotations

import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.arbiter import Arbiter, NotInControl
from flight.autopilots.ardupilot import ArduCopter
from flight.autopilots.px4 import Px4Copter
from flight.link import Link, Message, mavlink
from flight.parameters import ParameterError, ParameterPatience, Parameters, ParameterUnansweredError
from flight.telemetry import Telemetry
from tests.flight.scripted import ScriptedAutopilot, stamped, until

INT8, UINT16, INT32, REAL32 = 2, 3, 6, 9
ARDUPILOT, PX4 = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA, mavlink.MAV_AUTOPILOT_PX4
QUICK = ParameterPatience(echo_s=0.06, tries=6)


@dataclass
class Bench:
    link: Link
    autopilot: ScriptedAutopilot
    telemetry: Telemetry
    parameters: Parameters


@asynccontextmanager
async def benched(
    *,
    firmware: int = ARDUPILOT,
    loss: float = 0.0,
    seed: int = 0,
    read_only: bool = False,
    patience: ParameterPatience = QUICK,
) -> AsyncIterator[Bench]:
    async with (
        Link("udpin:127.0.0.1:0") as link,
        ScriptedAutopilot(link.local_port, loss=loss, seed=seed, firmware=firmware) as autopilot,
    ):
        autopilot.parameters.values |= {
            "FS_GCS_ENABLE": (0.0, INT8),
            "FLAGS": (-1.0, INT32),
            "PORT": (65535.0, UINT16),
            "BATT_LOW_VOLT": (10.5, REAL32),
        }
        telemetry = Telemetry(time.monotonic)
        link.subscribe(telemetry.handle, "HEARTBEAT")
        link.speak_as(1)
        await until(lambda: telemetry.linked)
        parameters = Parameters(link, telemetry, Arbiter(read_only=read_only), patience=patience)
        yield Bench(link, autopilot, telemetry, parameters)


@pytest.mark.parametrize("firmware", [ARDUPILOT, PX4])
async def test_values_of_every_type_are_read_and_written(firmware: int) -> None:
    """Rule 25."""
    async with benched(firmware=firmware, patience=ParameterPatience(echo_s=2.0)) as bench:
        parameters, values = bench.parameters, bench.autopilot.parameters.values
        assert await parameters.read("FLAGS") == -1
        assert await parameters.read("PORT") == 65535
        assert await parameters.read("BATT_LOW_VOLT") == 10.5
        await parameters.write("FS_GCS_ENABLE", 5)
        await parameters.write("FLAGS", -70_000)
        await parameters.write("PORT", 14550)
        await parameters.write("BATT_LOW_VOLT", 14.4)
        assert values["FS_GCS_ENABLE"] == (5.0, INT8)
        assert values["FLAGS"] == (-70_000.0, INT32)
        assert values["PORT"] == (14550.0, UINT16)
        assert values["BATT_LOW_VOLT"][0] == pytest.approx(14.4)


async def test_ardupilot_is_sent_a_number_and_px4_its_bytes() -> None:
    """Rule 25, on the wire."""
    for firmware, on_wire in ((ARDUPILOT, struct.pack("<f", 5.0)), (PX4, b"\x05\0\0\0")):
        async with benched(firmware=firmware) as bench:
            await bench.parameters.write("FS_GCS_ENABLE", 5)
            [message] = bench.autopilot.heard("PARAM_SET")
            assert bytes(message.get_msgbuf())[10:14] == on_wire
            assert (message.param_type, message.target_system, message.target_component) == (INT8, 1, 1)


def told(value: float, kind: int) -> Message:
    return stamped(mavlink.MAVLink_param_value_message(b"X", value, kind, 1, 0))


def parameters_of(autopilot: ArduCopter | Px4Copter) -> Parameters:
    telemetry = Telemetry(lambda: 0.0)
    telemetry.autopilot = autopilot
    return Parameters(Link("udpin:127.0.0.1:0"), telemetry, Arbiter())


@given(st.integers(-(2**31), 2**31 - 1))
def test_every_integer_that_px4_can_be_sent_comes_back_as_it_was(value: int) -> None:
    """Some integers are NaNs as floats, whose bits do not last: those are refused, never sent as others."""
    parameters = parameters_of(Px4Copter())
    try:
        on_wire = parameters._to_wire(value, INT32)
    except OverflowError:
        exponent, mantissa = value >> 23 & 0xFF, value & 0x7FFFFF
        assert exponent == 0xFF
        assert mantissa
        return
    assert parameters._from_wire(told(on_wire, INT32)) == value


@given(st.integers(-(2**24), 2**24))
def test_every_integer_that_a_float_can_hold_is_cast_for_ardupilot(value: int) -> None:
    parameters = parameters_of(ArduCopter())
    assert parameters._to_wire(value, INT32) == value
    assert parameters._from_wire(told(float(value), INT32)) == value


@pytest.mark.parametrize(("loss", "seed"), [(0.05, 1), (0.3, 2), (0.3, 3)])
async def test_a_lossy_link_gets_there(loss: float, seed: int) -> None:
    async with benched(loss=loss, seed=seed, patience=ParameterPatience(echo_s=0.06, tries=20)) as bench:
        names = list(bench.autopilot.parameters.values)
        assert None not in (await bench.parameters.read_all(names)).values()
        await bench.parameters.write("FS_GCS_ENABLE", 1)
        assert bench.autopilot.parameters.values["FS_GCS_ENABLE"][0] == 1


async def test_without_an_echo_the_parameter_is_read_again() -> None:
    """Rule 25."""
    async with benched() as bench:
        bench.autopilot.parameters.forgets_echoes_of.add("FS_GCS_ENABLE")
        await bench.parameters.write("FS_GCS_ENABLE", 1)
        assert len(bench.autopilot.heard("PARAM_SET")) == 1
        assert len(bench.autopilot.heard("PARAM_REQUEST_READ")) == 2  # its type before, its value after


async def test_a_value_that_the_autopilot_does_not_keep_is_an_error() -> None:
    async with benched() as bench:
        bench.autopilot.parameters.ranges["BATT_LOW_VOLT"] = (0.0, 12.0)
        with pytest.raises(ParameterError, match=r"BATT_LOW_VOLT is 10\.5 and not 50") as caught:
            await bench.parameters.write("BATT_LOW_VOLT", 50)
        assert not isinstance(caught.value, ParameterUnansweredError)


@pytest.mark.parametrize("firmware", [ARDUPILOT, PX4])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FS_GCS_ENABLE", float("nan")),
        ("BATT_LOW_VOLT", float("inf")),
        ("FS_GCS_ENABLE", 300.0),
        ("PORT", -1.0),
        ("FLAGS", 2.0**31),
        ("BATT_LOW_VOLT", 1e300),
    ],
)
async def test_what_cannot_be_a_value_is_never_sent(firmware: int, name: str, value: float) -> None:
    async with benched(firmware=firmware) as bench:
        with pytest.raises(ParameterError, match="is not set"):
            await bench.parameters.write(name, value)
        assert not bench.autopilot.heard("PARAM_SET")


async def test_a_name_that_the_autopilot_lacks_is_no_answer() -> None:
    async with benched(patience=ParameterPatience(echo_s=0.02, tries=3)) as bench:
        with pytest.raises(ParameterUnansweredError, match="does not tell NOT_THERE"):
            await bench.parameters.read("NOT_THERE")
        values = await bench.parameters.read_all(["FLAGS", "NOT_THERE"])
        assert values == {"FLAGS": -1.0, "NOT_THERE": None}


async def test_answers_about_another_parameter_or_of_somebody_else_are_not_taken() -> None:
    async with (
        benched(patience=ParameterPatience(echo_s=0.05, tries=2)) as bench,
        ScriptedAutopilot(bench.link.local_port, system_id=9) as other,
    ):
        other.parameters.values["NOT_THERE"] = (7.0, INT8)

        def answer_beside_the_question(message: Message) -> list[Message]:
            other.send(other.parameters.told("NOT_THERE"))
            return [bench.autopilot.parameters.told("FLAGS")]

        bench.autopilot.parameters.take = answer_beside_the_question  # type: ignore[method-assign]
        with pytest.raises(ParameterUnansweredError):
            await bench.parameters.read("NOT_THERE")
        assert bench.link.counts.senders[9, 1].received >= 2


async def test_nothing_is_set_on_an_armed_vehicle_nor_once_somebody_arms_it() -> None:
    async with benched() as bench:
        bench.autopilot.parameters.forgets_echoes_of.add("FS_GCS_ENABLE")
        bench.autopilot.parameters.ranges["FS_GCS_ENABLE"] = (0.0, 0.0)
        set_first = bench.autopilot.parameters.take

        def arm_meanwhile(message: Message) -> list[Message]:
            if message.get_type() == "PARAM_SET":
                bench.telemetry.armed = bench.autopilot.armed = True
            return set_first(message)

        bench.autopilot.parameters.take = arm_meanwhile  # type: ignore[method-assign]
        with pytest.raises(NotInControl, match="armed"):
            await bench.parameters.write("FS_GCS_ENABLE", 1)
        with pytest.raises(NotInControl, match="armed"):
            await bench.parameters.write("FS_GCS_ENABLE", 1)
        assert len(bench.autopilot.heard("PARAM_SET")) == 1


async def test_read_only_reads_only() -> None:
    """Rule 13."""
    async with benched(read_only=True) as bench:
        assert await bench.parameters.read("FLAGS") == -1
        with pytest.raises(NotInControl, match="read only"):
            await bench.parameters.write("FLAGS", 1)
        assert not bench.autopilot.heard("PARAM_SET")
