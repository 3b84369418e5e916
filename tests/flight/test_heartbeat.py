"""The heartbeat stops when the agent's main loop does."""

from __future__ import annotations

import logging

import pytest

from flight.heartbeat import HeartbeatWatchdog, send_heartbeat
from flight.link import Codec, Link, Message, mavlink


def beats(watchdog: HeartbeatWatchdog, since_s: float, until_s: float, step_s: float = 0.1) -> list[float]:
    times = [since_s + step * step_s for step in range(round((until_s - since_s) / step_s))]
    return [round(now_s, 1) for now_s in times if watchdog.due(now_s)]


def test_no_food_no_beat() -> None:
    assert beats(HeartbeatWatchdog(), 0, 10) == []


def test_fed_it_beats_once_a_second() -> None:
    watchdog = HeartbeatWatchdog()
    sent = []
    for step in range(100):
        watchdog.feed(step * 0.1)
        sent += beats(watchdog, step * 0.1, step * 0.1 + 0.1)
    assert 9 <= len(sent) <= 10


def test_unfed_it_stops_within_three_seconds_says_so_once_and_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Rule 4."""
    watchdog = HeartbeatWatchdog()
    watchdog.feed(100.0)
    with caplog.at_level(logging.INFO):
        sent = beats(watchdog, 100.0, 160.0)
        assert sent
        assert sent[-1] <= 103.0
        assert [record.levelno for record in caplog.records] == [logging.INFO, logging.ERROR]
        watchdog.feed(160.0)
        assert beats(watchdog, 160.0, 160.2) == [160.0]
    assert len(caplog.records) == 3


def test_it_introduces_itself_as_an_onboard_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 1."""
    link = Link("udpin:127.0.0.1:0")
    link.speak_as(3)
    sent: list[Message] = []
    monkeypatch.setattr(link, "_send", lambda data: sent.extend(Codec().decode(data)))
    send_heartbeat(link)
    [message] = sent
    assert (message.get_srcSystem(), message.get_srcComponent()) == (3, 191)
    assert message.type == mavlink.MAV_TYPE_ONBOARD_CONTROLLER
    assert message.autopilot == mavlink.MAV_AUTOPILOT_INVALID
    assert not message.base_mode & mavlink.MAV_MODE_FLAG_SAFETY_ARMED
