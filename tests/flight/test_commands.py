"""Commands against a scripted autopilot on a link that loses what it likes."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from flight import arbiter as arbiter_module
from flight.arbiter import Arbiter, NotInControl
from flight.autopilots import UnknownModeError
from flight.commands import (
    CommandDeniedError,
    CommandError,
    CommandFailedError,
    CommandLaterError,
    Commands,
    CommandUnansweredError,
    CommandUnconfirmedError,
    CommandUnsupportedError,
    Patience,
)
from flight.envelope import Envelope
from flight.link import Codec, Link, Message, mavlink
from flight.plans.items import ground_speed
from flight.telemetry import Home, Telemetry
from tests.flight.scripted import AUTO, LOITER, ScriptedAutopilot, heartbeat, until

SHORT_S = 0.08  # for tests that sit it out; the others wait long, so that a busy machine fails none
SET_MODE, ARM = mavlink.MAV_CMD_DO_SET_MODE, mavlink.MAV_CMD_COMPONENT_ARM_DISARM
TAKEOFF, START = mavlink.MAV_CMD_NAV_TAKEOFF, mavlink.MAV_CMD_MISSION_START
INTERVAL = mavlink.MAV_CMD_SET_MESSAGE_INTERVAL
REPOSITION, ROI = mavlink.MAV_CMD_DO_REPOSITION, mavlink.MAV_CMD_DO_SET_ROI_LOCATION
GIMBAL, REQUEST = mavlink.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE, mavlink.MAV_CMD_REQUEST_MESSAGE
HERE = (-35.363262, 149.165237)
NEAR = (-35.3640, 149.1660, 660.0)
ACCEPTED, LATER, DENIED = mavlink.MAV_RESULT_ACCEPTED, 1, 2
UNSUPPORTED, FAILED, IN_PROGRESS = 3, 4, 5


@dataclass
class Bench:
    link: Link
    autopilot: ScriptedAutopilot
    telemetry: Telemetry
    arbiter: Arbiter
    commands: Commands


@asynccontextmanager
async def benched(
    *,
    loss: float = 0.0,
    seed: int = 0,
    grant: bool = True,
    read_only: bool = False,
    patience: Patience | None = None,
    firmware: int = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA,
) -> AsyncIterator[Bench]:
    """A link, an autopilot and the parts between, wired as Vehicle does."""
    async with (
        Link("udpin:127.0.0.1:0") as link,
        ScriptedAutopilot(link.local_port, loss=loss, seed=seed, firmware=firmware) as autopilot,
    ):
        telemetry, arbiter = Telemetry(time.monotonic), Arbiter(read_only=read_only)

        def handle(message: Message, received_s: float) -> None:
            telemetry.handle(message, received_s)
            if message.get_type() == "HEARTBEAT":
                arbiter.heartbeat(telemetry.mode, bool(telemetry.armed), received_s)

        link.subscribe(handle, *telemetry.types)
        link.speak_as(1)
        await until(lambda: telemetry.linked)
        if grant:
            assert arbiter.grant(time.monotonic() + 5, "a test")
        patience = patience or Patience(ack_s=2.0, texts_s=0.05)
        commands = Commands(link, telemetry, arbiter, patience=patience)
        commands.envelope = Envelope(home=Home(*HERE, 585.0))
        yield Bench(link, autopilot, telemetry, arbiter, commands)


async def test_from_the_ground_into_the_mission() -> None:
    async with benched() as bench:
        await bench.commands.set_mode("GUIDED")
        assert bench.telemetry.mode == "GUIDED"
        await bench.commands.arm()
        assert bench.telemetry.armed
        await bench.commands.takeoff(20.0)
        assert bench.telemetry.position is not None
        assert bench.telemetry.position.height_home_m == 20.0
        await bench.commands.start_mission()
        assert bench.telemetry.mode == "AUTO"
        assert bench.arbiter.control == "granted"  # all of it was our own doing
    sent = bench.autopilot.heard("COMMAND_LONG")
    assert [message.command for message in sent] == [SET_MODE, ARM, TAKEOFF, START]
    assert {(message.target_system, message.target_component) for message in sent} == {(1, 1)}
    assert bench.autopilot.commands(ARM)[0].param2 == 0  # never forced past the checks
    assert {data[0] for data in bench.autopilot.bytes_received} == {0xFD}


@pytest.mark.parametrize(("loss", "seed"), [(0.05, 0), (0.3, 1), (0.3, 2)])
async def test_a_lossy_link_still_gets_there(loss: float, seed: int) -> None:
    async with benched(loss=loss, seed=seed, patience=Patience(ack_s=SHORT_S, tries=12)) as bench:
        await bench.commands.set_message_interval("ATTITUDE", 25)
        await bench.commands.set_mode("GUIDED")
        await bench.commands.arm()
        await bench.commands.takeoff(15.0)
        await bench.commands.set_mode("AUTO")
        assert (bench.autopilot.custom_mode, bench.autopilot.armed) == (AUTO, True)
        assert bench.arbiter.control == "granted"


async def test_three_tries_that_count_up() -> None:
    """Rule 16."""
    async with benched(patience=Patience(ack_s=SHORT_S)) as bench:
        bench.autopilot.deaf_to.add(INTERVAL)
        with pytest.raises(CommandUnansweredError, match="SET_MESSAGE_INTERVAL after 3 tries"):
            await bench.commands.set_message_interval("ATTITUDE", 25)
        await until(lambda: len(bench.autopilot.commands(INTERVAL)) == 3)
    tries = bench.autopilot.commands(INTERVAL)
    assert [message.confirmation for message in tries] == [0, 1, 2]
    assert (tries[0].param1, tries[0].param2) == (30, 40_000)


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (LATER, CommandLaterError),
        (DENIED, CommandDeniedError),
        (UNSUPPORTED, CommandUnsupportedError),
        (FAILED, CommandFailedError),
        (mavlink.MAV_RESULT_COMMAND_INT_ONLY, CommandUnsupportedError),
        (6, CommandFailedError),  # cancelled
    ],
)
async def test_each_refusal_is_its_own_error_and_is_not_tried_again(
    result: int, kind: type[CommandError]
) -> None:
    """Rule 17."""
    async with benched() as bench:
        bench.autopilot.results[ARM] = [result]
        bench.autopilot.says[ARM] = "PreArm: GPS 1: Bad fix and a long explanation of why that is so"
        with pytest.raises(kind) as caught:
            await bench.commands.arm()
        assert type(caught.value) is kind
        assert bench.autopilot.says[ARM] in caught.value.message
        assert "COMPONENT_ARM_DISARM" in caught.value.message
        assert len(bench.autopilot.commands(ARM)) == 1


async def test_in_progress_extends_the_wait() -> None:
    """Rule 17."""
    async with benched(patience=Patience(ack_s=0.4, progress_s=0.9)) as bench:
        bench.autopilot.results[INTERVAL] = [IN_PROGRESS]
        waiting = asyncio.create_task(bench.commands.set_message_interval("ATTITUDE", 25))
        await until(lambda: bool(bench.autopilot.commands(INTERVAL)))
        await asyncio.sleep(0.5)
        assert not waiting.done()  # without IN_PROGRESS it would have asked again by now
        bench.autopilot.send(mavlink.MAVLink_command_ack_message(INTERVAL, ACCEPTED, 0, 0, 1, 191))
        await waiting
        assert len(bench.autopilot.commands(INTERVAL)) == 1

        with pytest.raises(CommandUnansweredError, match="was begun"):
            await bench.commands.set_message_interval("ATTITUDE", 25)


@pytest.mark.parametrize(
    "ack", [(400, 0, 0, 0, 1, 191), (INTERVAL, 0, 0, 0, 1, 192), (INTERVAL, 0, 0, 0, 255, 190)]
)
async def test_an_answer_to_another_question_or_to_another_asker_is_not_ours(ack: tuple[int, ...]) -> None:
    """Rule 16."""
    async with benched(patience=Patience(ack_s=SHORT_S)) as bench:
        bench.autopilot.deaf_to.add(INTERVAL)
        waiting = asyncio.create_task(bench.commands.set_message_interval("ATTITUDE", 25))
        await until(lambda: bool(bench.autopilot.commands(INTERVAL)))
        bench.autopilot.send(mavlink.MAVLink_command_ack_message(*ack))
        with pytest.raises(CommandUnansweredError):
            await waiting


async def test_one_of_a_kind_in_flight() -> None:
    """Rule 16."""
    async with benched() as bench:
        bench.autopilot.results[INTERVAL] = [IN_PROGRESS]
        first = asyncio.create_task(bench.commands.set_message_interval("ATTITUDE", 25))
        second = asyncio.create_task(bench.commands.set_message_interval("SYS_STATUS", 1))
        await until(lambda: bool(bench.autopilot.commands(INTERVAL)))
        await bench.commands.arm()  # another kind is not held up
        assert len(bench.autopilot.commands(INTERVAL)) == 1
        bench.autopilot.results[INTERVAL] = [ACCEPTED]
        bench.autopilot.send(mavlink.MAVLink_command_ack_message(INTERVAL, ACCEPTED, 0, 0, 1, 191))
        await asyncio.gather(first, second)
    assert [message.param1 for message in bench.autopilot.commands(INTERVAL)] == [30, 1]


async def test_accepted_is_not_done() -> None:
    """Rule 17."""
    async with benched(patience=Patience(state_s=0.3, takeoff_s=0.3)) as bench:
        bench.autopilot.idle |= {SET_MODE, ARM, TAKEOFF}
        with pytest.raises(
            CommandUnconfirmedError, match="DO_SET_MODE was accepted, but the mode is not GUI"
        ):
            await bench.commands.set_mode("GUIDED")
        with pytest.raises(CommandUnconfirmedError, match="not armed"):
            await bench.commands.arm()
        with pytest.raises(CommandUnconfirmedError, match="not climbed to 10 m"):
            await bench.commands.takeoff(10.0)
        assert bench.arbiter.control == "granted"


async def test_a_refusal_of_the_second_try_leaves_the_first_to_the_state() -> None:
    """Rule 17: in the air a take-off is refused; that says nothing of the one whose answer got lost."""
    async with benched(patience=Patience(ack_s=SHORT_S, texts_s=0.01)) as bench:
        answer = bench.autopilot._command

        def climb_silently_then_refuse(message: Message) -> None:
            if len(bench.autopilot.commands(TAKEOFF)) == 1:
                bench.autopilot.forgets_acks.add(TAKEOFF)
            else:
                bench.autopilot.forgets_acks.clear()
                bench.autopilot.results[TAKEOFF] = [FAILED]
            answer(message)

        bench.autopilot._command = climb_silently_then_refuse  # type: ignore[method-assign]
        await bench.commands.takeoff(20.0)
        assert bench.autopilot.height_m == 20.0
    async with benched(patience=Patience(ack_s=SHORT_S, texts_s=0.01, takeoff_s=0.2)) as bench:
        bench.autopilot.deaf_to.add(TAKEOFF)

        def refuse_the_second(message: Message) -> None:
            if len(bench.autopilot.commands(TAKEOFF)) == 2:
                bench.autopilot.deaf_to.clear()
                bench.autopilot.results[TAKEOFF] = [FAILED]
            answer(message)

        answer = bench.autopilot._command
        bench.autopilot._command = refuse_the_second  # type: ignore[method-assign]
        with pytest.raises(CommandFailedError):  # nothing climbs: then the refusal is what there is to say
            await bench.commands.takeoff(20.0)


async def test_a_lost_acknowledgement_is_settled_by_state() -> None:
    """Rules 17, 20."""
    async with benched(patience=Patience(ack_s=SHORT_S)) as bench:
        bench.autopilot.forgets_acks |= {SET_MODE, ARM}
        await bench.commands.set_mode("GUIDED")
        await bench.commands.arm()
        assert len(bench.autopilot.commands(ARM)) <= 3


async def test_no_answer_and_no_change_of_state_is_no_answer() -> None:
    async with benched(patience=Patience(ack_s=SHORT_S, state_s=0.3)) as bench:
        bench.autopilot.deaf_to.add(SET_MODE)
        with pytest.raises(CommandUnansweredError, match="Whether it ran is not known"):
            await bench.commands.set_mode("GUIDED")


@pytest.mark.parametrize("read_only", [False, True])
async def test_without_a_grant_no_order_leaves_but_questions_do(read_only: bool) -> None:
    """Rules 8, 13."""
    async with benched(grant=False, read_only=read_only) as bench:
        commands = bench.commands
        for order in (
            commands.set_mode("GUIDED"),
            commands.arm(),
            commands.takeoff(10.0),
            commands.start_mission(),
            commands.order(mavlink.MAV_CMD_NAV_LAND),
            commands.order_at(mavlink.MAV_CMD_DO_REPOSITION, 6, -35.0, 149.0, 50.0),
            commands.reposition(*NEAR, take_over=True),
            commands.return_home(),
            commands.continue_mission(),
            commands.look_at(-35.3640, 149.1660, 590.0),
            commands.look_ahead(),
            commands.replay([ground_speed(8.0)]),
        ):
            with pytest.raises(NotInControl):
                await order
        await commands.set_message_interval("ATTITUDE", 25)
        await commands.request_message("AUTOPILOT_VERSION")
        sent = [message.command for message in bench.autopilot.heard("COMMAND_LONG")]
        assert sent == [INTERVAL, mavlink.MAV_CMD_REQUEST_MESSAGE]
        assert not bench.autopilot.heard("COMMAND_INT")


async def test_a_pilot_who_takes_over_ends_the_order_at_once_and_its_retries() -> None:
    """Rules 8, 20."""
    async with benched() as bench:
        bench.autopilot.idle.add(TAKEOFF)
        climbing = asyncio.create_task(bench.commands.takeoff(50.0))
        await until(lambda: bool(bench.autopilot.commands(TAKEOFF)))
        bench.autopilot.custom_mode = LOITER
        with pytest.raises(NotInControl, match="STABILIZE to LOITER"):
            await climbing
    async with benched(patience=Patience(ack_s=SHORT_S, tries=50)) as bench:
        bench.autopilot.deaf_to.add(ARM)
        arming = asyncio.create_task(bench.commands.arm())
        await until(lambda: len(bench.autopilot.commands(ARM)) >= 2)
        bench.autopilot.custom_mode = LOITER
        with pytest.raises(NotInControl):
            await arming
        assert len(bench.autopilot.commands(ARM)) < 10


async def test_places_go_as_integers() -> None:
    """Rule 18."""
    async with benched() as bench:
        reposition = mavlink.MAV_CMD_DO_REPOSITION
        await bench.commands.order_at(reposition, 6, -35.36326215, 151.16523785, 80.0, (-1, 0, 0, 0))
        [message] = bench.autopilot.heard("COMMAND_INT")
    assert (message.x, message.y, message.z, message.frame) == (-353632622, 1511652378, 80.0, 6)


@pytest.mark.parametrize(
    "place",
    [(0.0, 0.0, 50.0), (float("nan"), 149.0, 50.0), (-35.0, 181.0, 50.0), (-35.0, 149.0, float("inf"))],
)
async def test_no_place_is_not_sent(place: tuple[float, float, float]) -> None:
    """Rule 19."""
    async with benched() as bench:
        with pytest.raises(CommandError, match="no place"):
            await bench.commands.order_at(mavlink.MAV_CMD_DO_REPOSITION, 6, *place)
        for height_m in (0.0, -3.0, 501.0, float("nan")):
            with pytest.raises(CommandError, match="was not sent"):
                await bench.commands.takeoff(height_m)
        assert not bench.autopilot.heard("COMMAND_INT") + bench.autopilot.heard("COMMAND_LONG")


async def test_modes_that_cannot_be_are_refused_before_anything_is_sent() -> None:
    async with benched() as bench:
        with pytest.raises(UnknownModeError, match="no mode 'GUIDE'"):
            await bench.commands.set_mode("GUIDE")
        bench.telemetry.autopilot = None
        for order in (bench.commands.set_mode("GUIDED"), bench.commands.start_mission()):
            with pytest.raises(CommandError, match="neither ArduCopter nor PX4"):
                await order
        assert not bench.autopilot.commands(SET_MODE)


async def test_a_retry_does_not_overtake_the_news_that_waits_in_the_socket() -> None:
    """Rules 8, 9: while this program stood still, the pilot took over; the news is behind other messages."""
    async with benched(patience=Patience(ack_s=0.3)) as bench:
        bench.autopilot.deaf_to.add(TAKEOFF)
        bench.autopilot.heartbeats = False
        order = asyncio.create_task(bench.commands.takeoff(30.0))
        await until(lambda: len(bench.autopilot.commands(TAKEOFF)) == 1)
        sent = bench.link.counts.sent
        vehicle = Codec(1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            for number in range(200):
                sample = mavlink.MAVLink_attitude_message(number, 0, 0, 0, 0, 0, 0)
                wire.sendto(vehicle.encode(sample), ("127.0.0.1", bench.link.local_port))
            pilot = vehicle.encode(heartbeat(custom_mode=LOITER))
            wire.sendto(pilot, ("127.0.0.1", bench.link.local_port))
        time.sleep(0.5)  # noqa: ASYNC251 - the whole program: the retry is overdue before anything is read
        with pytest.raises(NotInControl, match="STABILIZE to LOITER"):
            await order
        assert bench.link.counts.sent == sent


async def test_an_order_after_a_long_standstill_is_refused_even_before_anybody_noticed_it() -> None:
    """Rule 13: what the arbiter last heard is judged by the clock, and not by when it last looked."""
    async with benched() as bench:
        clock_s = [time.monotonic()]
        commands = Commands(bench.link, bench.telemetry, bench.arbiter, now=lambda: clock_s[0])
        bench.autopilot.heartbeats = False
        await asyncio.sleep(0.06)
        clock_s[0] = time.monotonic() + 6
        assert bench.arbiter.may_command  # it still believes so
        with pytest.raises(NotInControl, match="link is lost"):
            await commands.order(mavlink.MAV_CMD_NAV_LAND)
        with pytest.raises(NotInControl):
            await commands.set_mode("GUIDED")
        assert not bench.autopilot.heard("COMMAND_LONG")


async def test_a_mode_taken_and_changed_back_between_two_heartbeats_is_a_takeover(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rule 9."""
    monkeypatch.setattr(arbiter_module, "STALE_HEARTBEATS_S", 0.1)
    async with benched() as bench:
        bench.autopilot.idle.add(SET_MODE)
        with pytest.raises(NotInControl, match="somebody changed it back"):
            await bench.commands.set_mode("GUIDED")
        assert bench.arbiter.control == "hands off"
