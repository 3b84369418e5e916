"""TCP and serial: they come back by themselves, tear no message, and never hold up the loop."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from flight.link import Codec, Link, LinkError, Message, mavlink
from flight.transports import transport, transport_of
from flight.transports.transport import Stream
from tests.flight.far_ends import Cable, Server
from tests.flight.scripted import heartbeat, until

SHORT_S = 0.01


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE_S", SHORT_S)
    monkeypatch.setattr(transport, "LONGEST_PAUSE_S", SHORT_S)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as server:
        yield server


@pytest.fixture
async def cable(tmp_path: Path) -> AsyncIterator[Cable]:
    with Cable(tmp_path / "ttyAMA0") as cable:
        yield cable


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the code under test wanted to sleep; it does not."""
    wanted: list[float] = []
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def note(seconds: float) -> None:
        wanted.append(seconds)
        await sleep(0.0)

    monkeypatch.setattr(asyncio, "sleep", note)
    return wanted


def attitude(boot_ms: int) -> Message:
    return mavlink.MAVLink_attitude_message(boot_ms, 0.1, 0.2, 0.3, 0, 0, 0)


def boot_times(link: Link) -> list[int]:
    heard: list[int] = []
    link.subscribe(lambda message, _at_s: heard.append(message.time_boot_ms), "ATTITUDE")
    return heard


async def so_many(heard: list[int], count: int) -> None:
    await until(lambda: len(heard) == count)


async def connected(link: Link, wanted: bool) -> None:
    await until(lambda: link.connected is wanted)


async def connection(link: Link, server: Server, number: int) -> None:
    await until(lambda: link.connected and server.connections == number)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("tcp:5760", "lacks a host or a port"),
        ("tcp:127.0.0.1:0", "not a port number"),
        ("tcp:127.0.0.1:mavlink", "'mavlink'"),
        ("serial:/dev/ttyAMA0", "lacks a device or a speed"),
        ("serial::57600", "lacks a device or a speed"),
        ("serial:/dev/ttyAMA0:fast", "'fast'"),
        ("serial:/dev/ttyAMA0:0", "'0'"),
        ("serial:/dev/ttyAMA0:-9600", "'-9600'"),
        ("bluetooth:somebody", "does not begin with"),
        ("", "does not begin with"),
    ],
)
def test_a_wrong_address_is_one_clear_line(url: str, words: str) -> None:
    with pytest.raises(LinkError) as caught:
        transport_of(url)
    assert words in caught.value.message
    assert "serial:/dev/ttyAMA0:921600" in caught.value.hint


def test_only_a_serial_port_is_a_cable() -> None:
    urls = ("udpin:127.0.0.1:0", "udpout:127.0.0.1:1", "tcp:127.0.0.1:1", "serial:/dev/ttyAMA0:57600")
    assert [transport_of(url).is_wired for url in urls] == [False, False, False, True]


# --- what both streams share ------------------------------------------------------------------------


class Reluctant(Stream):
    """Fails as told, then stands open until it is told that it ended."""

    def __init__(self, failures: list[Exception]) -> None:
        super().__init__("reluctant:1")
        self.failures = failures
        self.is_open = False

    @property
    def connected(self) -> bool:
        return self.is_open

    async def _connect(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.is_open = True

    def _disconnect(self) -> None:
        self.is_open = False

    def send(self, data: bytes, to: object) -> bool:
        return False


async def opened(stream: Stream) -> None:
    await stream.open(lambda _data, _address: None, lambda: None)
    await until(lambda: stream.connected)


async def test_pauses_grow_to_ten_seconds(pauses: list[float]) -> None:
    stream = Reluctant([OSError("gone") for _ in range(7)])
    await stream.open(lambda _data, _address: None, lambda: None)
    while not stream.connected:
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    stream.close()
    assert pauses == [0.5, 1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize(
    "error", [ValueError("no such speed"), OSError(5, "I/O error"), RuntimeError("driver")]
)
async def test_whatever_a_driver_raises_it_is_tried_again(error: Exception, impatient: None) -> None:
    stream = Reluctant([error])
    await opened(stream)
    stream.close()
    assert not stream.connected


async def test_loss_and_return_are_said_once_each(impatient: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stream = Reluctant([])
    await opened(stream)
    stream.came(b"\0")
    stream.failures = [OSError("unplugged") for _ in range(20)]
    stream.ended()
    await until(lambda: not stream.failures and stream.connected)
    stream.came(b"\0")
    stream.close()
    assert [record.getMessage() for record in caplog.records] == [
        "reluctant:1 is open",
        "reluctant:1 is lost; it is tried again until it is there",
        "reluctant:1 is back",
    ]


# --- TCP --------------------------------------------------------------------------------------------


async def test_tcp_opens_when_nobody_is_there_yet(server: Server, impatient: None) -> None:
    await server.vanish()
    async with Link(f"tcp:127.0.0.1:{server.port}") as link:
        link.speak_as(1)
        assert not link.connected
        assert not link.send(heartbeat())
        await server.start()
        await until(lambda: link.connected)
        assert link.send(heartbeat())
        await until(lambda: len(server.received) > 0)
        assert (link.counts.sent, link.counts.unsent) == (1, 1)
    assert Codec().decode(bytes(server.received))[0].get_srcComponent() == 191


async def test_tcp_comes_back_after_the_server_and_starts_anew(server: Server, impatient: None) -> None:
    autopilot = Codec(1, 1)
    async with Link(f"tcp:127.0.0.1:{server.port}") as link:
        heard = boot_times(link)
        for number in range(1, 4):
            await connection(link, server, number)
            # The last message is cut off: what comes after the reconnect must not be taken for its rest.
            server.send(autopilot.encode(attitude(number)) + autopilot.encode(attitude(99))[:20])
            await so_many(heard, number)
            await server.vanish()
            await until(lambda: not link.connected)
            await server.start()
        assert heard == [1, 2, 3]
        assert link.bad_data == 0


async def test_a_server_that_hangs_up_at_once_is_not_hammered(server: Server, pauses: list[float]) -> None:
    server.hangs_up = True
    async with Link(f"tcp:127.0.0.1:{server.port}"):
        await until_yielding(lambda: len(pauses) >= 6)
    assert pauses[:6] == [0.5, 1, 2, 4, 8, 10]
    pauses.clear()
    server.greeting = Codec(1, 1).encode(heartbeat())
    async with Link(f"tcp:127.0.0.1:{server.port}"):
        await until_yielding(lambda: len(pauses) >= 4)
    assert pauses[:4] == [0.5] * 4 or pauses[:4] == [0.5, 1, 1, 1]


async def until_yielding(condition: Callable[[], bool]) -> None:
    """As ``until`` where sleeping has been taken away."""
    async with asyncio.timeout(10.0):
        while not condition():
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)


async def test_a_server_that_stops_reading_gets_no_old_orders(
    server: Server, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 30."""
    monkeypatch.setattr(transport, "STUCK_S", 0.1)
    server.reads = False
    async with Link(f"tcp:127.0.0.1:{server.port}") as link:
        link.speak_as(1)
        await until(lambda: link.connected and server.connections == 1)
        async with asyncio.timeout(30.0):
            while server.connections == 1:
                link.send(attitude(1))
                await asyncio.sleep(0)
        # What it did not take was refused, and what still waited was dropped with the connection: no order is
        # delivered minutes after it was given.
        assert link.counts.unsent > 0


async def test_tcp_frames_arrive_however_they_are_cut(server: Server) -> None:
    chance = random.Random(3)
    autopilot = Codec(1, 1)
    stream = bytearray()
    for number in range(500):
        stream += bytes(chance.randrange(0xFD) for _ in range(chance.randrange(5)))  # noise between
        stream += autopilot.encode(attitude(number))
    async with Link(f"tcp:127.0.0.1:{server.port}") as link:
        heard = boot_times(link)
        await until(lambda: link.connected and server.connections == 1)
        while stream:
            size = chance.randrange(1, 100)
            server.send(bytes(stream[:size]))
            del stream[:size]
            await asyncio.sleep(0)
        await until(lambda: len(heard) == 500)
        assert heard == list(range(500))
        assert link.bad_data > 0
        assert link.loss(1, 1) == 0


# --- serial -----------------------------------------------------------------------------------------


async def test_serial_carries_both_ways(cable: Cable, impatient: None) -> None:
    cable.listen()
    async with Link(cable.url) as link:
        heard = boot_times(link)
        link.speak_as(1)
        await until(lambda: link.connected)
        cable.send(Codec(1, 1).encode(attitude(7)))
        await until(lambda: heard == [7])
        assert link.send(heartbeat())
        await until(lambda: len(cable.received) > 0)
    assert [message.get_type() for message in Codec().decode(bytes(cable.received))] == ["HEARTBEAT"]


async def test_a_busy_serial_port_takes_whole_messages_or_none(cable: Cable, impatient: None) -> None:
    """Rule 30."""
    async with Link(cable.url) as link:
        link.speak_as(1)
        await until(lambda: link.connected)
        for number in itertools.count():  # nobody reads at the other end
            if not link.send(attitude(number)):
                break
            await asyncio.sleep(0)
        taken = link.counts.sent
        assert taken < 2000
        far = Codec()
        cable.listen()
        await until(lambda: link.send(attitude(4_000_000_000)))
        await until(lambda: cable.received.count((4_000_000_000).to_bytes(4, "little")) == 1)
    times = [message.time_boot_ms for message in far.decode(bytes(cable.received))]
    assert times == [*range(taken), 4_000_000_000]
    assert far.bad_data == 0


async def test_serial_comes_back_after_the_plug(cable: Cable, impatient: None) -> None:
    autopilot = Codec(1, 1)
    async with Link(cable.url) as link:
        heard = boot_times(link)
        link.speak_as(1)
        for number in range(3):
            await until(lambda: link.connected)
            cable.send(autopilot.encode(attitude(number)) + autopilot.encode(attitude(99))[:9])
            await so_many(heard, number + 1)
            cable.pull_out()
            await until(lambda: not link.connected)
            assert not link.send(heartbeat())
            cable.plug_in()
        assert heard == [0, 1, 2]
        assert link.bad_data == 0


async def test_a_port_that_is_not_there_is_waited_for(
    tmp_path: Path, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    name = tmp_path / "ttyACM0"
    async with Link(f"serial:{name}:115200") as link:
        await until(lambda: len(caplog.records) > 0)
        assert not link.connected
        with Cable(name) as cable:
            await until(lambda: link.connected)
            cable.send(Codec(1, 1).encode(heartbeat()))
            await until(lambda: link.counts.received == 1)
    [said] = [record.getMessage() for record in caplog.records][:1]
    assert said.startswith(f"serial:{name}:115200 is not there")


async def test_one_program_at_a_time_has_the_port(cable: Cable, impatient: None) -> None:
    async with Link(cable.url) as first, Link(cable.url) as second:
        await until(lambda: first.connected or second.connected)
        has, waits = (first, second) if first.connected else (second, first)
        await asyncio.sleep(10 * SHORT_S)
        assert not waits.connected
        has.close()
        await until(lambda: waits.connected)


async def test_noise_on_the_wire_is_never_taken_for_a_message(cable: Cable, impatient: None) -> None:
    chance = random.Random(8)
    autopilot = Codec(1, 1)
    async with Link(cable.url) as link:
        heard = boot_times(link)
        await until(lambda: link.connected)
        for number in range(1000):
            frame = bytearray(autopilot.encode(attitude(number)))
            if chance.random() < 0.3:
                frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)
            cable.send(bytes(frame))
            await asyncio.sleep(0)
        cable.send(bytes(300) + autopilot.encode(attitude(1000)))  # whatever a false length waits for
        await until(lambda: 1000 in heard)
        assert 400 < len(heard) < 1000
        assert heard == sorted(set(heard))
        assert link.bad_data > 0


async def test_closing_leaves_no_descriptor_open(cable: Cable, server: Server, impatient: None) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for url in (cable.url, f"tcp:127.0.0.1:{server.port}", "udpin:127.0.0.1:0"):
        for _ in range(3):
            async with Link(url) as link:
                await connected(link, True)
            await connected(link, False)
    await server.vanish()
    await until(lambda: len(os.listdir("/proc/self/fd")) <= before)
