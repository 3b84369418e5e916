"""Missions over a real socket, against ArduPilot's side of the protocol."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from flight.arbiter import Arbiter, NotInControl
from flight.link import Link, Message, mavlink
from flight.missions import MissionError, Missions
from flight.telemetry import Telemetry
from flight.transfer import TransferPatience
from tests.flight.scripted import ScriptedAutopilot, stamped, until
from tests.flight.test_transfer import patrol

# A twentieth of the real waits; the scripted autopilot's are shortened alike.
QUICK = TransferPatience(retry_s=0.05, tries=20, silence_s=0.5, ack_s=0.25)


@dataclass
class Bench:
    autopilot: ScriptedAutopilot
    arbiter: Arbiter
    missions: Missions


@asynccontextmanager
async def benched(*, loss: float = 0.0, seed: int = 0, read_only: bool = False) -> AsyncIterator[Bench]:
    async with (
        Link("udpin:127.0.0.1:0") as link,
        ScriptedAutopilot(link.local_port, loss=loss, seed=seed) as autopilot,
    ):
        telemetry, arbiter = Telemetry(time.monotonic), Arbiter(read_only=read_only)

        def handle(message: Message, received_s: float) -> None:
            telemetry.handle(message, received_s)
            arbiter.heartbeat(telemetry.mode, bool(telemetry.armed), received_s)

        link.subscribe(handle, "HEARTBEAT")
        link.speak_as(1)
        await until(lambda: telemetry.linked)
        yield Bench(autopilot, arbiter, Missions(link, telemetry, arbiter, patience=QUICK, pause_s=0.02))


@pytest.mark.parametrize(("loss", "seed"), [(0.0, 0), (0.05, 1), (0.3, 2)])
async def test_up_and_verified_at_any_loss(loss: float, seed: int) -> None:
    items = patrol(8)
    async with benched(loss=loss, seed=seed) as bench:
        assert not await bench.missions.verify(items)
        await bench.missions.upload(items)
        assert await bench.missions.verify(items)
        assert len(await bench.missions.download()) == len(items)
        assert {message.target_component for message in bench.autopilot.heard("MISSION_COUNT")} == {1}


@pytest.mark.parametrize(
    "change",
    [
        {"lat_e7": -353632619},
        {"lon_e7": 1491652370},
        {"alt_m": 99.9},
        {"frame": 0},
        {"command": 17},
    ],
)
async def test_one_item_that_differs_is_noticed(change: dict[str, Any]) -> None:
    items = patrol(4)
    async with benched() as bench:
        await bench.missions.upload(items)
        other = list(items)
        other[3] = replace(other[3], **change)
        assert not await bench.missions.verify(other)
        assert not await bench.missions.verify(items[:-1])
        assert await bench.missions.verify(items)


async def test_the_autopilots_own_home_is_no_difference() -> None:
    items = patrol(4)
    async with benched() as bench:
        await bench.missions.upload(items)
        home = bench.autopilot.mission.items[0]
        home.x, home.y, home.z = home.x + 5000, home.y - 5000, 1.0
        assert await bench.missions.verify(items)


async def test_a_refused_item_is_named_and_not_tried_again() -> None:
    async with benched() as bench:
        bench.autopilot.mission.refuse_item = (4, mavlink.MAV_MISSION_INVALID_PARAM7)
        with pytest.raises(MissionError, match="item 4: INVALID_PARAM7"):
            await bench.missions.upload(patrol(8))
        assert bench.autopilot.mission.counts_heard == 1


async def test_a_busy_autopilot_is_asked_five_times() -> None:
    async with benched() as bench:
        bench.autopilot.mission.refuse_item = (2, mavlink.MAV_MISSION_DENIED)
        with pytest.raises(MissionError, match="5 attempts"):
            await bench.missions.upload(patrol(8))
        assert bench.autopilot.mission.counts_heard == 5


async def test_a_lost_last_acknowledgement_is_settled_by_reading_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with benched() as bench:
        send = bench.autopilot.send

        def without_acks(message: Message) -> None:
            if message.get_type() != "MISSION_ACK":
                send(message)

        monkeypatch.setattr(bench.autopilot, "send", without_acks)
        await bench.missions.upload(patrol(4))
        assert bench.autopilot.mission.counts_heard == 1


async def test_questions_of_others_and_about_fences_are_not_ours() -> None:
    async with benched() as bench:
        is_ours = bench.missions._is_ours
        request = mavlink.MAVLink_mission_request_int_message
        assert is_ours(stamped(request(1, 191, 0)))
        assert not is_ours(stamped(request(255, 190, 0)))
        assert not is_ours(stamped(request(1, 192, 0)))
        assert not is_ours(stamped(request(1, 191, 0, mavlink.MAV_MISSION_TYPE_FENCE)))


async def test_armed_needs_a_grant_and_read_only_forbids_always() -> None:
    async with benched() as bench:
        await bench.missions.upload(patrol(2))
        bench.autopilot.armed = True
        await until(lambda: bench.arbiter._armed)
        with pytest.raises(NotInControl):
            await bench.missions.upload(patrol(3))
        assert await bench.missions.verify(patrol(2))
        assert bench.arbiter.grant(time.monotonic() + 5, "a test")
        await bench.missions.upload(patrol(3))
    async with benched(read_only=True) as bench:
        with pytest.raises(NotInControl, match="read only"):
            await bench.missions.upload(patrol(2))
        assert await bench.missions.download() == []
        assert bench.autopilot.mission.counts_heard == 0


async def test_a_mission_that_is_none_is_refused_before_anything_is_sent() -> None:
    async with benched() as bench:
        for items, words in (([], "its home item"), (patrol(2)[1:], "numbered from 0")):
            with pytest.raises(MissionError, match=words):
                await bench.missions.upload(items)


async def test_without_an_autopilot_there_is_one_clear_line() -> None:
    link = Link("udpin:127.0.0.1:0")
    missions = Missions(link, Telemetry(time.monotonic), Arbiter())
    for call in (missions.upload(patrol(2)), missions.verify(patrol(2))):
        with pytest.raises(MissionError, match="no autopilot"):
            await call
