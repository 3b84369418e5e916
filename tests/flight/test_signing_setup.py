"""Giving an autopilot its key over a cable, and taking it back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import pytest

from flight.link import Codec, Link, Message, mavlink
from flight.signing import Signing, SigningError, Verdict
from flight.signing_setup import TRIES, set_up_signing, switch_off_signing
from flight.transports import Address, Transport
from flight.transports.transport import Receive
from tests.flight.scripted import heartbeat, until

NEW, OLD = bytes(range(32)), bytes(range(100, 132))
BEAT_S, PATIENCE_S = 0.01, 0.15


class Autopilot:
    """Signs as ArduPilot does: takes a key while disarmed, and then hears on this port only what is signed,
    unless the port is USB."""

    def __init__(self, key: bytes | None = None, *, usb: bool = False) -> None:
        self.usb = usb
        self.armed = False
        self.stubborn = False
        self.loses = 0  # this many orders on their way
        self.orders: list[Message] = []
        self.heard: list[bytes] = []
        self.codec = Codec(1, 1)
        self.signing: Signing | None = None
        self.take_key(key)

    def take_key(self, key: bytes | None) -> None:
        self.signing = None if key is None else Signing(key, link_id=0, clock_file=None)
        self.codec = Codec(1, 1, self.signing)

    def hear(self, data: bytes) -> None:
        self.heard.append(data)
        for message in Codec().decode(data):
            packet = bytes(message.get_msgbuf())
            if (
                self.signing is not None
                and self.signing.verdict(packet) is not Verdict.GENUINE
                and not self.usb
            ):
                continue
            if message.get_type() == "SETUP_SIGNING":
                self._order(message)

    def _order(self, message: Message) -> None:
        if self.loses:
            self.loses -= 1
            return
        self.orders.append(message)
        if not self.armed and not self.stubborn:
            key = bytes(message.secret_key)
            self.take_key(key if any(key) else None)

    def beat(self) -> bytes:
        armed = mavlink.MAV_MODE_FLAG_SAFETY_ARMED if self.armed else 0
        return self.codec.encode(heartbeat(base_mode=1 | armed))


class Wire(Transport):
    """Between a link and that autopilot, in this process."""

    def __init__(self, autopilot: Autopilot, *, is_cable: bool = True) -> None:
        self._autopilot = autopilot
        self._is_cable = is_cable
        self._receive: Receive | None = None

    @property
    def connected(self) -> bool:
        return True

    @property
    def is_wired(self) -> bool:
        return self._is_cable

    async def open(self, receive: Receive, broken: object) -> None:
        self._receive = receive

    def close(self) -> None:
        self._receive = None

    def send(self, data: bytes, to: Address | None) -> bool:
        self._autopilot.hear(data)
        return True

    def deliver(self, data: bytes) -> None:
        if self._receive is not None:
            self._receive(data, ("wire",))


@dataclass
class Bench:
    link: Link
    autopilot: Autopilot
    signing: Signing

    async def give(self) -> None:
        await set_up_signing(self.link, self.signing, heartbeat_s=PATIENCE_S)

    async def take_back(self) -> None:
        await switch_off_signing(self.link, heartbeat_s=PATIENCE_S)


@asynccontextmanager
async def benched(
    autopilot: Autopilot | None = None,
    *,
    signed_with: bytes | None = None,
    is_cable: bool = True,
    silent: bool = False,
) -> AsyncIterator[Bench]:
    autopilot = autopilot or Autopilot()
    before = None if signed_with is None else Signing(signed_with, link_id=1, clock_file=None)
    link = Link("serial:/dev/ttyTEST:57600", signing=before)
    wire = Wire(autopilot, is_cable=is_cable)
    link._transport = wire

    async def beat() -> None:
        while not silent:
            wire.deliver(autopilot.beat())
            await asyncio.sleep(BEAT_S)

    async with link:
        beating = asyncio.create_task(beat())
        yield Bench(link, autopilot, Signing(NEW, link_id=1, clock_file=None))
        beating.cancel()


@contextmanager
def refused(words: str) -> Iterator[None]:
    with pytest.raises(SigningError, match=words) as caught:
        yield
    assert caught.value.hint


async def still_heard(bench: Bench) -> None:
    """Whoever was heard before is heard now."""
    before = bench.link.counts.received
    await until(lambda: bench.link.counts.received > before)


async def test_the_key_goes_over_a_cable_and_both_sides_sign_from_then_on() -> None:
    """Rule 28."""
    async with benched() as bench:
        await bench.give()
        [order] = bench.autopilot.orders
        assert bytes(order.secret_key) == NEW
        assert (order.target_system, order.target_component) == (1, 1)
        assert order.initial_timestamp > 0
        assert bench.link.signing is bench.signing
        await still_heard(bench)
        bench.link.send(heartbeat())
        assert Signing(NEW, link_id=0, clock_file=None).verdict(bench.autopilot.heard[-1]) is Verdict.GENUINE


async def test_no_key_leaves_by_radio_or_network() -> None:
    """Rule 28: SETUP_SIGNING carries the key in the clear."""
    async with benched(is_cable=False) as bench:
        with refused("for everybody to read"):
            await bench.give()
        with refused("for everybody to read"):
            await bench.take_back()
        assert bench.autopilot.heard == []
        assert bench.link.signing is None


async def test_without_a_heartbeat_nothing_is_sent() -> None:
    async with benched(silent=True) as bench:
        with refused("no heartbeat from an autopilot"):
            await bench.give()
        assert bench.autopilot.heard == []


async def test_an_armed_vehicle_keeps_the_key_it_has() -> None:
    autopilot = Autopilot()
    autopilot.armed = True
    async with benched(autopilot) as bench:
        with refused("armed"):
            await bench.give()
        assert autopilot.orders == []
        assert bench.link.signing is None


async def test_an_order_that_gets_lost_is_given_again() -> None:
    autopilot = Autopilot()
    autopilot.loses = TRIES - 1
    async with benched(autopilot) as bench:
        await bench.give()
        assert bench.link.signing is bench.signing


async def test_an_autopilot_that_does_not_take_it_leaves_the_link_as_it_was() -> None:
    autopilot = Autopilot()
    autopilot.stubborn = True
    async with benched(autopilot) as bench:
        with refused("did not take the new key"):
            await bench.give()
        assert len(autopilot.orders) == TRIES
        assert bench.link.signing is None
        await still_heard(bench)


async def test_a_key_is_replaced_under_the_old_one() -> None:
    async with benched(Autopilot(OLD), signed_with=OLD) as bench:
        await bench.give()
        assert bench.autopilot.signing is not None
        assert bench.autopilot.signing.key == NEW
        await still_heard(bench)


async def test_who_does_not_know_the_present_key_changes_nothing() -> None:
    async with benched(Autopilot(OLD)) as bench:  # we hear it, as we do not ask for signatures
        with refused("did not take the new key"):
            await bench.give()
        assert bench.autopilot.signing is not None
        assert bench.autopilot.signing.key == OLD


async def test_it_is_switched_off_with_its_key_or_at_the_usb_port_without() -> None:
    for autopilot, signed_with in ((Autopilot(OLD), OLD), (Autopilot(OLD, usb=True), None)):
        async with benched(autopilot, signed_with=signed_with) as bench:
            await bench.take_back()
            assert (autopilot.signing, bench.link.signing) == (None, None)
            await still_heard(bench)


async def test_what_cannot_be_switched_off_goes_on_signed() -> None:
    autopilot = Autopilot(OLD)
    autopilot.stubborn = True
    async with benched(autopilot, signed_with=OLD) as bench:
        before = bench.link.signing
        with refused("goes on signing"):
            await bench.take_back()
        assert bench.link.signing is before
        await still_heard(bench)
