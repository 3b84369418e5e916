"""Asking for messages until they come."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import pytest

from flight.commands import CommandDeniedError, CommandUnsupportedError
from flight.link import Codec, Link, Message, mavlink
from flight.streams import WANTED_HZ, WANTED_ONCE, Streams
from flight.telemetry import Telemetry
from tests.flight.scripted import position, stamped


class FakeCommands:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuse: Exception | None = None

    async def set_message_interval(self, name: str, rate_hz: float) -> None:
        assert rate_hz == WANTED_HZ[name]
        self.asked.append(name)
        if self.refuse is not None:
            raise self.refuse

    async def request_message(self, name: str) -> None:
        self.asked.append(name)


class Bench:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.link = Link("udpin:127.0.0.1:0")
        self.link.speak_as(1)
        self.sent: list[Message] = []
        keep: Callable[[bytes], None] = lambda data: self.sent.extend(Codec().decode(data))  # noqa: E731
        monkeypatch.setattr(self.link, "_send", keep)
        self.telemetry = Telemetry(lambda: 0.0)
        self.commands = FakeCommands()
        self.streams = Streams(self.link, self.telemetry, cast("Any", self.commands))

    async def asked(self, now_s: float) -> list[str]:
        self.commands.asked.clear()
        await self.streams.ask(now_s)
        return list(self.commands.asked)

    def hear(self, names: set[str], now_s: float) -> None:
        for name in names:
            self.telemetry._heard_s[name] = now_s


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


async def test_all_is_asked_for_once_and_not_again_while_it_comes(bench: Bench) -> None:
    assert set(await bench.asked(0.0)) == {*WANTED_HZ, *WANTED_ONCE}
    for second in range(1, 60):
        bench.hear({*WANTED_HZ}, second - 0.1)
        if second == 1:
            bench.hear({*WANTED_ONCE}, 0.5)
        assert await bench.asked(float(second)) == []


async def test_what_stays_away_is_asked_for_again_ever_more_rarely(bench: Bench) -> None:
    """Rule 33."""
    times = []
    for second in range(600):
        bench.hear({*WANTED_HZ, *WANTED_ONCE} - {"GIMBAL_DEVICE_ATTITUDE_STATUS"}, second + 0.0)
        if "GIMBAL_DEVICE_ATTITUDE_STATUS" in await bench.asked(second + 0.0):
            times.append(second)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[:4] == [3, 6, 12, 24]
    assert max(gaps) == 60


async def test_a_stream_that_dries_up_is_asked_for(bench: Bench) -> None:
    await bench.asked(0.0)
    everything = {*WANTED_HZ, *WANTED_ONCE}
    for second in range(1, 20):
        bench.hear(everything if second < 10 else everything - {"ATTITUDE"}, second + 0.0)
        asked = await bench.asked(second + 0.0)
        assert asked == (["ATTITUDE"] if second in (12, 18) else []), second


async def test_a_restart_asks_for_everything_again(bench: Bench) -> None:
    await bench.asked(0.0)
    bench.hear({*WANTED_HZ, *WANTED_ONCE}, 1.0)
    bench.streams.start_over()
    assert set(await bench.asked(1.1)) == {*WANTED_HZ, *WANTED_ONCE}


async def test_the_old_request_is_sent_only_to_those_who_know_no_other(bench: Bench) -> None:
    """Rule 33."""
    bench.commands.refuse = CommandDeniedError("denied")
    await bench.asked(0.0)
    assert bench.sent == []
    bench.commands.refuse = CommandUnsupportedError("what?")
    bench.streams.start_over()
    await bench.asked(1.0)
    assert {message.get_type() for message in bench.sent} == {"REQUEST_DATA_STREAM"}
    rates = {message.req_stream_id: message.req_message_rate for message in bench.sent}
    assert rates[mavlink.MAV_DATA_STREAM_EXTRA1] == 25
    assert rates[mavlink.MAV_DATA_STREAM_POSITION] == 10
    assert len(bench.sent) == len(rates)


def test_telemetry_understands_everything_that_is_wanted(bench: Bench) -> None:
    assert {*WANTED_HZ, *WANTED_ONCE} <= set(bench.telemetry.types)
    bench.telemetry.handle(stamped(position(1.0)), 5.0)
    assert bench.telemetry.heard_s("GLOBAL_POSITION_INT") == 5.0
