"""Whatever comes down the wire: nothing raises, nothing grows, and what is good is still heard."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.arbiter import RcSwitches
from flight.link import Codec, Link, Message, mavlink
from flight.signing import Signing
from flight.vehicle import Vehicle
from tests.flight.scripted import framed, heartbeat

THERE = ("10.0.0.1", 14550)
KINDS = sorted(mavlink.mavlink_map)
TRUE_FRAMES = st.tuples(st.binary(max_size=255), st.sampled_from(KINDS)).map(lambda pair: framed(*pair))
CHUNKS = st.lists(st.one_of(st.binary(max_size=300), TRUE_FRAMES), max_size=8)


def everything_of(link: Link) -> list[Message]:
    heard: list[Message] = []
    names = [message.msgname for message in mavlink.mavlink_map.values()]
    link.subscribe(lambda message, _at_s: heard.append(message), *names, "BAD_DATA")
    return heard


def resynchronised(link: Link, heard: list[Message]) -> bool:
    """A good message comes through after whatever a false length still waits for."""
    heard.clear()
    link.receive(bytes(300), THERE)
    link.receive(Codec(7, 1).encode(heartbeat(custom_mode=77)), THERE)
    return [message.custom_mode for message in heard if message.get_srcSystem() == 7] == [77]


@pytest.mark.parametrize("signed", [False, True])
@given(chunks=CHUNKS)
def test_any_bytes_are_survived_and_never_taken_for_bad_data(signed: bool, chunks: list[bytes]) -> None:
    """Rule 31."""
    link = Link(
        "udpin:127.0.0.1:0", signing=Signing(bytes(32), link_id=0, clock_file=None) if signed else None
    )
    link.speak_as(1)
    heard = everything_of(link)
    for chunk in chunks:
        link.receive(chunk, THERE)
    assert "BAD_DATA" not in {message.get_type() for message in heard}
    assert link.counts.failures == 0
    if signed:
        assert {message.get_type() for message in heard} <= {"RADIO_STATUS"}
    else:
        assert resynchronised(link, heard)


@settings(max_examples=300)
@given(chunks=st.lists(TRUE_FRAMES, max_size=12))
def test_a_vehicle_takes_any_message_that_an_autopilot_could_send(chunks: list[bytes]) -> None:
    """With true checksums and any content: no subscriber of ours may fail on one."""
    vehicle = Vehicle("udpin:127.0.0.1:0", rc=RcSwitches(6, 7))
    vehicle.link.receive(Codec(1, 1).encode(heartbeat()), THERE)
    for chunk in chunks:
        vehicle.link.receive(chunk, THERE)
    vehicle.telemetry.tick()
    assert vehicle.link.counts.failures == 0
    listeners = (vehicle.telemetry.on_link, vehicle.telemetry.on_reboot, vehicle.telemetry.on_status_text)
    assert [each.failures for each in listeners] == [0, 0, 0]
    assert vehicle.arbiter.control == "hands off"


UNDERSTOOD = [mavlink.mavlink_map[number].msgname for number in KINDS]


@pytest.mark.parametrize("name", Vehicle("udpin:127.0.0.1:0").telemetry.types)
@given(payload=st.binary(min_size=1, max_size=255))
@settings(max_examples=60)
def test_each_message_that_telemetry_understands_may_hold_anything(name: str, payload: bytes) -> None:
    vehicle = Vehicle("udpin:127.0.0.1:0", rc=RcSwitches(6, 7))
    vehicle.link.receive(Codec(1, 1).encode(heartbeat()), THERE)
    vehicle.link.receive(framed(payload, KINDS[UNDERSTOOD.index(name)]), THERE)
    assert vehicle.link.counts.failures == 0


def test_memory_is_bounded_whatever_speaks() -> None:
    """Senders, decoders, texts, half texts."""
    vehicle = Vehicle("udpin:127.0.0.1:0")
    link, telemetry = vehicle.link, vehicle.telemetry
    link.receive(Codec(1, 1).encode(heartbeat()), THERE)
    for number in range(3000):
        system_id, component_id = number % 250 + 1, number // 250 + 2
        sender = Codec(system_id, component_id)
        link.receive(sender.encode(heartbeat(vehicle_type=6, autopilot=8)), ("10.0.0.1", number))
        text = mavlink.MAVLink_statustext_message(4, b"x" * 50, number % 65535 + 1, number % 250)
        link.receive(Codec(1, 1).encode(text), ("10.0.0.1", number))
        telemetry.handle(
            Codec().decode(Codec(1, 1).encode(mavlink.MAVLink_statustext_message(6, b"hi")))[0], 1.0
        )
    assert len(link.counts.senders) <= 256
    assert len(link._decoders) <= 8
    assert len(telemetry.status_texts) <= 100
    assert len(telemetry._status_chunks._unfinished) <= 16
    assert len(vehicle.ground_stations) <= 250


async def test_an_inbox_that_nobody_reads_is_bounded() -> None:
    link = Link("udpin:127.0.0.1:0")
    link.speak_as(1)
    with link.expect("HEARTBEAT") as inbox:
        vehicle = Codec(1, 1)
        for _ in range(2000):
            link.receive(vehicle.encode(heartbeat()), THERE)
        assert inbox._queue.qsize() <= 256
