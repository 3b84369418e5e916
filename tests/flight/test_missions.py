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
from flight.missions import Kind, MissionError, Missions, fingerprint
from flight.plans.fence import Circle, Fence, Polygon, RallyPoint, rally_items
from flight.plans.items import Command, MissionItem
from flight.telemetry import Telemetry
from flight.transfer import TransferPatience
from tests.flight.scripted import ScriptedAutopilot, stamped, until
from tests.flight.test_transfer import patrol

# A twentieth of the real waits; the scripted autopilot's are shortened alike.
QUICK = TransferPatience(retry_s=0.05, tries=20, silence_s=0.5, ack_s=0.25)


@dataclass
class Bench:
    link: Link
    autopilot: ScriptedAutopilot
    arbiter: Arbiter
    missions: Missions


@asynccontextmanager
async def benched(
    *,
    loss: float = 0.0,
    seed: int = 0,
    read_only: bool = False,
    kind: Kind = Kind.MISSION,
    firmware: int = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA,
) -> AsyncIterator[Bench]:
    async with (
        Link("udpin:127.0.0.1:0") as link,
        ScriptedAutopilot(link.local_port, loss=loss, seed=seed, firmware=firmware) as autopilot,
    ):
        telemetry, arbiter = Telemetry(time.monotonic), Arbiter(read_only=read_only)

        def handle(message: Message, received_s: float) -> None:
            telemetry.handle(message, received_s)
            arbiter.heartbeat(telemetry.mode, bool(telemetry.armed), received_s)

        link.subscribe(handle, "HEARTBEAT")
        link.speak_as(1)
        await until(lambda: telemetry.linked)
        missions = Missions(link, telemetry, arbiter, kind=kind, patience=QUICK, pause_s=0.02)
        yield Bench(link, autopilot, arbiter, missions)


AREA = Polygon(((-35.36, 149.16), (-35.36, 149.17), (-35.37, 149.17), (-35.37, 149.16)))
POND = Circle(-35.3641, 149.1663, 25.5)
FENCE = Fence((AREA,), (POND,)).items()
PLACES = ((-35.3611, 149.1611, 40.0), (-35.3692, 149.1692, 55.5), (-35.3, 149.2, 1.0))
RALLY = rally_items(RallyPoint(*place) for place in PLACES)
PLANS = {Kind.MISSION: patrol(8), Kind.FENCE: list(FENCE), Kind.RALLY: list(RALLY)}


@pytest.mark.parametrize(("loss", "seed"), [(0.0, 0), (0.05, 1), (0.3, 2)])
@pytest.mark.parametrize("kind", Kind)
async def test_up_and_verified_at_any_loss(kind: Kind, loss: float, seed: int) -> None:
    """Rules 21 to 24, for each of the three plans."""
    items = PLANS[kind]
    async with benched(loss=loss, seed=seed, kind=kind) as bench:
        assert not await bench.missions.verify(items)
        await bench.missions.upload(items)
        assert await bench.missions.verify(items)
        assert bench.missions.aboard_sha256 == fingerprint(items)
        assert len(await bench.missions.download()) == len(items)
        counts = bench.autopilot.heard("MISSION_COUNT")
        assert {(count.target_component, count.mission_type) for count in counts} == {(1, kind.value)}
        assert [bool(plan.items) for plan in bench.autopilot.plans.values()] == [k is kind for k in Kind]


@pytest.mark.parametrize("kind", [Kind.FENCE, Kind.RALLY])
async def test_an_empty_fence_clears_the_one_aboard(kind: Kind) -> None:
    async with benched(kind=kind) as bench:
        await bench.missions.upload(PLANS[kind])
        await bench.missions.upload([])
        assert bench.autopilot.plans[kind.value].items == []
        assert await bench.missions.verify([])


@pytest.mark.parametrize(
    ("kind", "number", "change"),
    [
        (Kind.FENCE, 0, {"lat_e7": -353600001}),  # unlike a mission's, a fence's first item counts
        (Kind.FENCE, 0, {"command": 5002}),  # stay out of what was to be stayed in
        (Kind.FENCE, 4, {"params": (250.0, 0.0, 0.0, 0.0)}),  # a larger circle
        (Kind.RALLY, 0, {"lon_e7": 1491611001}),
        (Kind.RALLY, 2, {"alt_m": 2.0}),
    ],
)
async def test_a_fence_or_rally_point_that_differs_is_noticed_and_hashed_otherwise(
    kind: Kind, number: int, change: dict[str, Any]
) -> None:
    """Rule 23."""
    items = PLANS[kind]
    other = list(items)
    other[number] = replace(other[number], **change)
    assert fingerprint(other) != fingerprint(items)
    async with benched(kind=kind) as bench:
        await bench.missions.upload(items)
        assert not await bench.missions.verify(other)
        assert bench.missions.aboard_sha256 == fingerprint(items)
        assert await bench.missions.verify(items)


def test_the_fingerprint_survives_what_an_autopilot_makes_of_a_plan() -> None:
    """Rule 23: home is its own, frames have two names, params that it does not use are dropped."""
    items = patrol(4)
    aboard = [replace(item, params=(0.0,) * 4, frame={3: 6}.get(item.frame, item.frame)) for item in items]
    aboard[0] = replace(aboard[0], lat_e7=1, lon_e7=2, alt_m=3.0)
    assert fingerprint(aboard) == fingerprint(items)
    assert fingerprint(items[:-1]) != fingerprint(items)
    assert fingerprint([replace(items[2], alt_m=float("nan"))])  # whatever comes aboard can be hashed


async def test_a_height_cut_off_at_the_centimetre_is_the_same_plan_with_the_same_hash() -> None:
    items = [*patrol(2)[:2], replace(patrol(2)[2], alt_m=61.5)]
    async with benched() as bench:
        await bench.missions.upload(items)
        bench.autopilot.mission.items[2].z = 61.49
        assert await bench.missions.verify(items)
        assert bench.missions.aboard_sha256 == fingerprint(items)


async def test_questions_about_another_plan_or_of_another_system_get_no_answer_while_we_upload() -> None:
    """Rule 22: another station may be uploading a fence at the same time."""
    async with benched() as bench, ScriptedAutopilot(bench.link.local_port, system_id=9) as other:
        take = bench.autopilot.mission.take

        def with_noise(message: Message, now_s: float) -> list[Message]:
            replies = take(message, now_s)
            request, ack = mavlink.MAVLink_mission_request_int_message, mavlink.MAVLink_mission_ack_message
            other.send(request(1, 191, 5))
            other.send(ack(1, 191, mavlink.MAV_MISSION_UNSUPPORTED))
            noise = [
                request(1, 191, 7, mavlink.MAV_MISSION_TYPE_FENCE),
                request(1, 191, 8, mavlink.MAV_MISSION_TYPE_RALLY),
                request(255, 190, 9),
                ack(1, 191, mavlink.MAV_MISSION_UNSUPPORTED, mavlink.MAV_MISSION_TYPE_FENCE),
                ack(255, 190, mavlink.MAV_MISSION_UNSUPPORTED),
            ]
            return noise + replies

        bench.autopilot.mission.take = with_noise  # type: ignore[method-assign]
        items = patrol(8)
        await bench.missions.upload(items)
        sent = [message.seq for message in bench.autopilot.heard("MISSION_ITEM_INT")]
        assert sent == list(range(len(items)))
        assert {message.mission_type for message in bench.autopilot.heard("MISSION_ITEM_INT")} == {0}


async def test_a_pilot_who_takes_over_in_the_middle_ends_the_upload() -> None:
    """Rules 8, 10: not one more item, and no second attempt."""
    async with benched() as bench:
        bench.autopilot.armed = True
        await until(lambda: bench.arbiter._armed)
        assert bench.arbiter.grant(time.monotonic() + 5, "a test")
        take = bench.autopilot.mission.take
        asked_after: list[Message] = []

        def revoke_at_item_3(message: Message, now_s: float) -> list[Message]:
            if not bench.arbiter.may_command:
                asked_after.append(message)
            if message.get_type() == "MISSION_ITEM_INT" and message.seq == 3:
                bench.arbiter.revoke("the pilot has it")
            return take(message, now_s)

        bench.autopilot.mission.take = revoke_at_item_3  # type: ignore[method-assign]
        with pytest.raises(NotInControl, match="the pilot has it"):
            await bench.missions.upload(patrol(8))
        await until(lambda: bench.autopilot.mission._incoming is None)  # it has given up asking
        assert asked_after == []


async def test_px4_counts_from_the_first_step_and_its_plan_is_ours_all_the_same() -> None:
    """Its item 0 is no home (https://mavlink.io/en/services/mission.html#flight-plan-missions)."""
    items = [*patrol(4)]
    items.insert(4, MissionItem(4, Command.DO_JUMP, 2, (2.0, 3.0, 0.0, 0.0), 0, 0, 0.0))
    items = [replace(item, seq=seq) for seq, item in enumerate(items)]
    async with benched(firmware=mavlink.MAV_AUTOPILOT_PX4) as bench:
        await bench.missions.upload(items)
        aboard = bench.autopilot.mission.items
        assert [item.seq for item in aboard] == list(range(len(items) - 1))
        assert aboard[0].command == Command.NAV_TAKEOFF
        assert aboard[3].param1 == 1.0  # the jump's target is counted as it counts
        assert await bench.missions.verify(items)
        back = await bench.missions.download()
        assert back[4].params[0] == 2.0
        assert fingerprint(back) == fingerprint(items)


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
    """Rule 23."""
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


@pytest.mark.parametrize("kind", Kind)
async def test_a_lost_last_acknowledgement_is_settled_by_reading_back(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with benched(kind=kind) as bench:
        send = bench.autopilot.send

        def without_acks(message: Message) -> None:
            if message.get_type() != "MISSION_ACK":
                send(message)

        monkeypatch.setattr(bench.autopilot, "send", without_acks)
        await bench.missions.upload(PLANS[kind])
        assert bench.autopilot.plans[kind.value].counts_heard == 1


async def test_questions_of_others_and_about_fences_are_not_ours() -> None:
    """Rule 22."""
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
