"""Rules that are about what is never said: the source is read for it, and so is what a vehicle sends."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from flight.link import mavlink
from flight.vehicle import Vehicle
from tests.flight.scripted import ScriptedAutopilot, until

ROOT = Path(__file__).parents[2]
FLYING = [*(ROOT / "flight").rglob("*.py"), *(ROOT / "edge").rglob("*.py")]


def names_in(path: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    if "MAVLink_" not in source:  # most send nothing: to parse them takes its time
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


SENT = {
    name: path.relative_to(ROOT)
    for path in FLYING
    for name in names_in(path)
    if name.startswith("MAVLink_") and name.endswith("_message")
}


def test_the_search_finds_what_is_there() -> None:
    assert "MAVLink_command_long_message" in SENT
    assert len(FLYING) > 40


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("rc_channels_override", "rule 11: a companion never moves the pilot's sticks"),
        ("manual_control", "rule 11"),
        ("set_position_target_global_int", "rules 8, 14: set-points are not streamed"),
        ("set_position_target_local_ned", "rules 8, 14"),
        ("set_attitude_target", "rules 8, 14"),
        ("set_mode", "rules 16, 17: it has no acknowledgement; DO_SET_MODE has"),
        ("system_time", "rule 34: a companion without NTP once pushed 1970 into an autopilot"),
        ("mission_item", "rule 18: float32 degrees lose half a metre"),
        ("gps_input", "the pose is the autopilot's"),
    ],
)
def test_what_is_never_sent(message: str, why: str) -> None:
    assert hasattr(mavlink, f"MAVLink_{message}_message")
    assert f"MAVLink_{message}_message" not in SENT, why


def test_one_module_alone_touches_the_codec_and_names_the_dialect() -> None:
    """Rule 29."""
    importers = {
        path.relative_to(ROOT).as_posix()
        for path in FLYING
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pymavlink")
    }
    assert importers == {"flight/codec.py"}
    assert "dialects.v20 import ardupilotmega" in (ROOT / "flight/codec.py").read_text(encoding="utf-8")


def test_no_thread_beats_on_its_own_and_nothing_sleeps_in_the_event_loop() -> None:
    """Rules 4, 30: the one thread there is writes a file, and knows nobody to speak to."""
    threaded = set()
    for path in (ROOT / "flight").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "time.sleep" not in source, path
        if "Thread(" in source:
            threaded.add(path.relative_to(ROOT).as_posix())
    assert threaded == {"flight/signing_clock.py"}
    assert "from flight" not in (ROOT / "flight/signing_clock.py").read_text(encoding="utf-8")


def test_timers_are_on_the_monotonic_clock() -> None:
    """Rule 34: the only wall clock in the flight room dates signatures."""
    users = {
        path.name
        for path in (ROOT / "flight").rglob("*.py")
        if "time.time" in path.read_text(encoding="utf-8")
    }
    assert users == {"signing.py"}


async def test_whatever_it_sends_it_sends_as_a_component_of_the_vehicle() -> None:
    """Rule 1: never as 255, and never to anybody but the vehicle."""
    async with (
        Vehicle("udpin:127.0.0.1:0", component_id=192) as vehicle,
        ScriptedAutopilot(vehicle.link.local_port, system_id=17) as autopilot,
    ):
        await vehicle.wait_for_autopilot(5)
        vehicle.feed()
        await until(lambda: bool(autopilot.heard("HEARTBEAT")) and len(autopilot.heard("COMMAND_LONG")) > 5)
        await until(lambda: bool(autopilot.heard("TIMESYNC")))
        received = list(autopilot.received)
    assert {(message.get_srcSystem(), message.get_srcComponent()) for message in received} == {(17, 192)}
    targets = {
        (message.target_system, message.target_component)
        for message in received
        if message.get_type() == "COMMAND_LONG"
    }
    assert targets == {(17, 1)}
