"""The link: addresses, the socket, the codec, and who hears what."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket

import pytest

from flight.link import Codec, Endpoint, Inbox, Link, LinkError, Message, mavlink
from tests.flight.scripted import LossyLine, ScriptedAutopilot, heartbeat, until

HERE = "udpin:127.0.0.1:0"


def attitude(boot_ms: int = 0) -> Message:
    return mavlink.MAVLink_attitude_message(boot_ms, 0.1, 0.2, 0.3, 0, 0, 0)


def from_vehicle(codec: Codec | None = None, message: Message | None = None) -> bytes:
    return (codec or Codec(1, 1)).encode(message or heartbeat())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("14550", "udpin: or udpout:"),
        ("udp:127.0.0.1:14550", "udpin: or udpout:"),
        ("udpin:14550", "lacks a host or a port"),
        ("udpin::14550", "lacks a host or a port"),
        ("udpin:127.0.0.1:", "not a port number"),
        ("udpin:127.0.0.1:mavlink", "'mavlink'"),
        ("udpin:127.0.0.1:65536", "not a port number"),
        ("udpin:127.0.0.1:-1", "not a port number"),
        ("udpout:127.0.0.1:0", "not a port number"),
    ],
)
def test_a_wrong_address_is_one_clear_line(url: str, words: str) -> None:
    with pytest.raises(LinkError) as caught:
        Link(url)
    assert words in caught.value.message
    assert "udpin:127.0.0.1:14550" in caught.value.hint


def test_addresses_are_read() -> None:
    assert Endpoint.parse("udpin:0.0.0.0:14550") == Endpoint(True, "0.0.0.0", 14550)  # noqa: S104
    assert Endpoint.parse("udpout:[::1]:14551") == Endpoint(False, "::1", 14551)


async def test_a_busy_port_names_itself() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        with pytest.raises(LinkError) as caught:
            await Link(f"udpin:127.0.0.1:{port}").open()
    assert caught.value.message == f"port {port} on 127.0.0.1 is in use by another program"
    assert caught.value.hint


async def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(LinkError, match=r"192\.0\.2\.1 is not an address of this machine"):
        await Link("udpin:192.0.2.1:0").open()


def test_the_wire_is_mavlink_2() -> None:
    """Rule 29."""
    assert os.environ["MAVLINK20"] == "1"
    assert Codec(1, 191).encode(heartbeat())[0] == 0xFD


def test_silent_until_it_knows_who_it_is() -> None:
    link = Link(HERE)
    assert not link.send(heartbeat())
    link.speak_as(7)
    assert not link.send(heartbeat())  # nor does it speak to nobody


async def test_it_answers_whoever_the_vehicle_was_heard_from() -> None:
    async with Link(HERE) as link, ScriptedAutopilot(link.local_port) as autopilot:
        link.speak_as(1)
        await until(lambda: link.counts.received > 0)
        # A ground station on the same port must not draw our answers to itself.
        async with ScriptedAutopilot(link.local_port, system_id=255) as station:
            await until(lambda: (255, 1) in link.counts.senders)
            assert link.send(heartbeat())
            await until(lambda: bool(autopilot.heard("HEARTBEAT")))
            assert not station.received
    answer = autopilot.heard("HEARTBEAT")[0]
    assert (answer.get_srcSystem(), answer.get_srcComponent()) == (1, 191)


async def test_udpout_knocks_without_saying_who_it_is_not(caplog: pytest.LogCaptureFixture) -> None:
    async with Link(HERE) as server:
        async with Link(f"udpout:127.0.0.1:{server.local_port}") as link:
            link.knock()
            await until(lambda: server.bad_data == 1)
            assert server.counts.received == 0
        server.knock()  # a listener has nobody to knock at
        assert server.counts.sent == 0


async def test_a_dead_end_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with Link(f"udpout:127.0.0.1:{port}") as link:
        with caplog.at_level(logging.WARNING):
            for _ in range(5):
                link.knock()
                await asyncio.sleep(0.01)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["nobody answers on udpout"]


def test_bad_data_is_counted_and_never_dispatched() -> None:
    """Rule 31."""
    link = Link(HERE)
    heard: list[Message] = []
    link.subscribe(lambda message, _at_s: heard.append(message), "HEARTBEAT", "BAD_DATA")
    corrupt = bytearray(from_vehicle())
    corrupt[12] ^= 0xFF
    link.receive(b"no mavlink at all", ("10.0.0.1", 1))
    link.receive(bytes(corrupt), ("10.0.0.1", 1))
    assert (link.bad_data, heard) == (2, [])
    link.receive(from_vehicle(), ("10.0.0.1", 1))
    assert [message.get_type() for message in heard] == ["HEARTBEAT"]


def test_random_bytes_never_raise_and_never_grow() -> None:
    link = Link(HERE)
    chance = random.Random(5)
    for number in range(2000):
        noise = chance.randbytes(chance.randrange(60))
        link.receive(b"\xfd" + noise if number % 3 else noise, ("10.0.0.1", number % 20))
    assert len(link._decoders) <= 8
    assert link.bad_data > 0


def test_frames_cut_across_datagrams_are_joined_in_bounded_memory() -> None:
    codec, decoder = Codec(1, 1), Codec()
    stream = b"".join(from_vehicle(codec) for _ in range(3000))
    length = len(stream) // 3000
    pieces = [stream[max(0, at) : at + length] for at in range(-5, len(stream), length)]  # always mid-frame
    longest = 0
    messages = 0
    for piece in pieces:
        messages += len(decoder.decode(piece))
        longest = max(longest, len(decoder._mavlink.buf))
    assert messages == 3000
    assert longest < 10_000


def test_loss_is_counted_per_sender() -> None:
    """Rule 31."""
    link = Link(HERE)
    vehicle, gimbal = Codec(1, 1), Codec(1, 154)
    datagrams = [from_vehicle(vehicle) for _ in range(300)]
    for number, datagram in enumerate(datagrams):
        if number % 10:  # every tenth is lost
            link.receive(datagram, ("10.0.0.1", 1))
        link.receive(from_vehicle(gimbal), ("10.0.0.1", 1))
    assert link.loss(1, 1) == pytest.approx(0.1, abs=0.01)
    assert link.loss(1, 154) == 0
    assert link.loss(9, 9) == 0


def test_repeated_late_and_unknown_messages_are_not_losses() -> None:
    link = Link(HERE)
    codec = Codec(1, 1)
    first, second, third, fourth = (from_vehicle(codec) for _ in range(4))
    unknown = bytearray(from_vehicle(codec))
    unknown[7:10] = (60000).to_bytes(3, "little")  # a message that the dialect does not have
    for datagram in (first, first, third, second, fourth, bytes(unknown)):
        link.receive(datagram, ("10.0.0.1", 1))
    assert link.loss(1, 1) == 0
    assert link.counts.unknown == 1
    assert set(link.counts.senders) == {(1, 1)}


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.3])
def test_what_arrives_is_dispatched_once_each(loss: float) -> None:
    link, line, codec = Link(HERE), LossyLine(loss, seed=11), Codec(1, 1)
    heard: list[int] = []
    link.subscribe(lambda message, _at_s: heard.append(message.time_boot_ms), "ATTITUDE")
    arrived = 0
    for boot_ms in range(1, 2001):
        for datagram in line.carry(codec.encode(attitude(boot_ms))):
            arrived += 1
            link.receive(datagram, ("10.0.0.1", 1))
    assert len(heard) == arrived
    assert link.bad_data == 0
    assert link.loss(1, 1) == pytest.approx(loss, abs=0.03)


def test_somebody_with_our_ids_is_an_alarm_once_and_is_not_obeyed(caplog: pytest.LogCaptureFixture) -> None:
    """Rule 2."""
    link = Link(HERE)
    link.speak_as(1)
    heard: list[Message] = []
    link.subscribe(lambda message, _at_s: heard.append(message), "HEARTBEAT")
    impostor = Codec(1, 191)
    for _ in range(3):
        link.receive(from_vehicle(impostor), ("10.0.0.9", 1))
    assert (link.counts.impostors, heard) == (3, [])
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_one_broken_subscriber_does_not_silence_the_others(caplog: pytest.LogCaptureFixture) -> None:
    link = Link(HERE)
    heard: list[Message] = []

    def broken(_message: Message, _at_s: float) -> None:
        raise ValueError("bug")

    link.subscribe(broken, "HEARTBEAT")
    stop = link.subscribe(lambda message, _at_s: heard.append(message), "HEARTBEAT")
    link.receive(from_vehicle() + from_vehicle(), ("10.0.0.1", 1))
    assert (len(heard), link.counts.failures, len(caplog.records)) == (2, 2, 1)
    stop()
    link.receive(from_vehicle(), ("10.0.0.1", 1))
    assert len(heard) == 2


async def test_a_reply_before_anybody_waits_is_not_missed() -> None:
    link = Link(HERE)
    link.speak_as(1)
    with link.expect("HEARTBEAT", where=lambda message: message.custom_mode == 4) as inbox:
        link.receive(from_vehicle(message=heartbeat(custom_mode=3)), ("10.0.0.1", 1))
        link.receive(from_vehicle(Codec(2, 1), heartbeat(custom_mode=4)), ("10.0.0.1", 1))  # not our vehicle
        link.receive(from_vehicle(Codec(1, 154), heartbeat(custom_mode=4)), ("10.0.0.1", 1))
        link.receive(from_vehicle(message=heartbeat(custom_mode=4)), ("10.0.0.1", 1))
        reply = await inbox.next(0.0)
        assert reply is not None
        assert (reply.custom_mode, reply.get_srcSystem(), reply.get_srcComponent()) == (4, 1, 1)
        assert await inbox.next(0.0) is None
    assert link._subscribers["HEARTBEAT"] == []


async def test_a_full_inbox_keeps_the_newest() -> None:
    inbox = Inbox()
    for number in range(1000):
        inbox.put(number)
    assert await inbox.next(0.0) == 1000 - 256


async def test_a_socket_that_takes_no_more_loses_instead_of_waiting() -> None:
    """Rule 30."""
    async with Link(HERE) as link:
        link.speak_as(1)
        link.receive(from_vehicle(), ("127.0.0.1", 9))
        assert link.send(heartbeat())
        link._transport.backed_up = True
        assert not link.send(heartbeat())
        assert (link.counts.sent, link.counts.unsent) == (1, 1)
