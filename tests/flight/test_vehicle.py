"""The whole vehicle over loopback: found, fed, followed, lost and found again."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from typing import Any

import pytest

from flight.arbiter import NotInControl, RcSwitches
from flight.commands import Patience
from flight.link import Codec, LinkError, Message, mavlink
from flight.streams import WANTED_HZ
from flight.telemetry import PositionSample
from flight.transfer import TransferPatience
from flight.vehicle import NoAutopilot, Vehicle
from tests.flight.scripted import LOITER, ScriptedAutopilot, heartbeat, until
from tests.flight.test_transfer import patrol

HERE = "udpin:127.0.0.1:0"


class Clock:
    """Real time, and a hand to push it forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


def vehicle_at(url: str = HERE, **options: Any) -> Vehicle:
    patience = Patience(ack_s=0.3, texts_s=0.02)
    return Vehicle(url, patience=patience, **options)


async def test_a_silent_address_is_one_clear_line() -> None:
    async with vehicle_at() as vehicle:
        with pytest.raises(NoAutopilot) as caught:
            await vehicle.wait_for_autopilot(0.05)
    assert caught.value.message == f"no heartbeat from an autopilot on {HERE} in 0.05 s"
    assert caught.value.hint


async def test_a_busy_port_is_an_error_before_anything_runs() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(LinkError, match="in use by another program"):
            async with vehicle_at(f"udpin:127.0.0.1:{other.getsockname()[1]}"):
                pytest.fail("it opened")


async def test_an_error_inside_comes_out_as_itself() -> None:
    with pytest.raises(NoAutopilot):
        async with vehicle_at() as vehicle:
            await vehicle.wait_for_autopilot(0.01)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_cancelling_ends_it_cleanly() -> None:
    opened = asyncio.Event()

    async def agent() -> None:
        async with vehicle_at():
            opened.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(agent())
    await opened.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "options", [{"component_id": 1}, {"component_id": 255}, {"system_id": 255}, {"system_id": 0}]
)
def test_ids_that_would_mislead_are_refused(options: dict[str, Any]) -> None:
    """Rule 1."""
    with pytest.raises(LinkError):
        vehicle_at(**options)


async def test_it_learns_its_system_from_the_autopilot_and_says_nothing_before() -> None:
    """Rules 1, 2."""
    async with vehicle_at() as vehicle:
        vehicle.feed()
        port = vehicle.link.local_port
        async with ScriptedAutopilot(port, system_id=255) as station:
            station.heartbeats = False
            station.send(
                heartbeat(vehicle_type=mavlink.MAV_TYPE_GCS, autopilot=mavlink.MAV_AUTOPILOT_INVALID)
            )
            await until(lambda: bool(vehicle.ground_stations))
            assert vehicle.link.counts.sent == 0
        async with ScriptedAutopilot(port, system_id=42) as autopilot:
            await vehicle.wait_for_autopilot(5)
            vehicle.feed()
            await until(lambda: bool(autopilot.heard("HEARTBEAT")))
    [beat] = autopilot.heard("HEARTBEAT")[:1]
    assert (beat.get_srcSystem(), beat.get_srcComponent()) == (42, 191)
    assert (beat.type, beat.autopilot) == (18, 8)
    assert vehicle.ground_stations == {255}


async def test_two_sides_that_both_wait_to_be_spoken_to_meet() -> None:
    """The autopilot's router answers only whom it has heard, and we speak only once we know who we are."""
    loop = asyncio.get_running_loop()
    callers: list[object] = []

    class Router(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: object) -> None:
            callers.append(addr)
            assert data == b"\0" or Codec().decode(data)[0].get_srcComponent() == 191
            self.transport.sendto(Codec(1, 1).encode(heartbeat()), addr)  # type: ignore[attr-defined]

    transport, _ = await loop.create_datagram_endpoint(Router, local_addr=("127.0.0.1", 0))
    async with vehicle_at(f"udpout:127.0.0.1:{transport.get_extra_info('sockname')[1]}") as vehicle:
        await vehicle.wait_for_autopilot(5)
    transport.close()


async def test_everything_wanted_is_asked_for_and_arrives() -> None:
    async with vehicle_at() as vehicle, ScriptedAutopilot(vehicle.link.local_port) as autopilot:
        heard: list[PositionSample] = []
        vehicle.telemetry.on_position.append(heard.append)
        await vehicle.wait_for_autopilot(5)
        await until(lambda: len(autopilot.commands(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL)) >= len(WANTED_HZ))
        intervals = {
            int(message.param1): 1e6 / message.param2
            for message in autopilot.commands(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL)
        }
        assert intervals[mavlink.MAVLINK_MSG_ID_ATTITUDE] == 25
        assert intervals[mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS] == 25
        assert intervals[mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT] == 10
        await until(lambda: bool(heard))
        await until(lambda: bool(autopilot.commands(mavlink.MAV_CMD_REQUEST_MESSAGE)))


async def test_the_clocks_meet() -> None:
    async with vehicle_at() as vehicle, ScriptedAutopilot(vehicle.link.local_port) as autopilot:
        assert vehicle.clock.boot_at(time.monotonic()) is None
        await vehicle.wait_for_autopilot(5)
        await until(lambda: vehicle.clock.boot_at(time.monotonic()) is not None)
        now_s = time.monotonic()
        assert vehicle.clock.boot_at(now_s) == pytest.approx(now_s + autopilot.boot_offset_s, abs=0.006)
        assert {message.tc1 for message in autopilot.heard("TIMESYNC")} == {0}


async def test_unfed_it_falls_silent_and_fed_it_speaks_again() -> None:
    """Rule 4."""
    clock = Clock()
    async with vehicle_at(now=clock) as vehicle, ScriptedAutopilot(vehicle.link.local_port) as autopilot:
        await vehicle.wait_for_autopilot(5)
        vehicle.feed()
        await until(lambda: bool(autopilot.heard("HEARTBEAT")))
        clock.ahead_s += 3.0
        await asyncio.sleep(0.15)
        autopilot.received.clear()
        for _ in range(5):  # five more seconds of an agent that hangs
            clock.ahead_s += 1.0
            await asyncio.sleep(0.12)
        assert not autopilot.heard("HEARTBEAT")
        vehicle.feed()
        await until(lambda: bool(autopilot.heard("HEARTBEAT")))


async def test_a_pilot_takes_over_and_the_agent_lets_go() -> None:
    """Rules 8, 9."""
    clock = Clock()
    async with vehicle_at(now=clock) as vehicle, ScriptedAutopilot(vehicle.link.local_port) as autopilot:
        await vehicle.wait_for_autopilot(5)
        assert not vehicle.arbiter.grant(clock(), "a test")
        assert vehicle.arbiter.grant(clock() + 5, "a test")
        await vehicle.commands.set_mode("GUIDED")
        autopilot.custom_mode = LOITER
        await until(lambda: vehicle.arbiter.control == "hands off")
        with pytest.raises(NotInControl, match="GUIDED to LOITER"):
            await vehicle.commands.set_mode("AUTO")
        assert autopilot.custom_mode == LOITER


async def test_a_lost_link_is_noticed_and_found_again_with_all_its_streams() -> None:
    """Rule 5."""
    clock = Clock()
    async with vehicle_at(now=clock) as vehicle, ScriptedAutopilot(vehicle.link.local_port) as autopilot:
        await vehicle.wait_for_autopilot(5)
        assert vehicle.arbiter.grant(clock() + 5, "a test")
        autopilot.heartbeats = False
        await asyncio.sleep(0.1)
        clock.ahead_s += 6
        await until(lambda: not vehicle.arbiter.may_command)
        assert not vehicle.telemetry.linked
        assert "link is lost" in vehicle.arbiter.reason
        autopilot.received.clear()
        autopilot.heartbeats = True
        await until(lambda: vehicle.telemetry.linked)
        await until(lambda: len(autopilot.commands(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL)) >= len(WANTED_HZ))
        requests = mavlink.MAV_CMD_REQUEST_MESSAGE
        await until(lambda: 148 in {message.param1 for message in autopilot.commands(requests)})


@pytest.mark.parametrize("streams", [True, False])  # after a restart ArduPilot streams nothing until asked
async def test_a_restart_takes_the_grant_and_starts_clock_and_streams_anew(streams: bool) -> None:
    """Rule 5."""
    async with vehicle_at() as vehicle, ScriptedAutopilot(vehicle.link.local_port) as autopilot:
        autopilot.positions = streams
        restarts: list[float] = []
        vehicle.telemetry.on_reboot.append(restarts.append)
        await vehicle.wait_for_autopilot(5)
        await until(lambda: vehicle.clock.synchronised)
        assert vehicle.arbiter.grant(time.monotonic() + 5, "a test")
        autopilot.received.clear()
        autopilot.reboot()
        await until(lambda: bool(restarts))
        assert vehicle.arbiter.control == "hands off"
        assert vehicle.arbiter.reason == "the autopilot restarted"
        await until(lambda: vehicle.clock.synchronised)
        now_s = time.monotonic()
        assert vehicle.clock.boot_at(now_s) == pytest.approx(now_s + autopilot.boot_offset_s, abs=0.006)
        await until(lambda: len(autopilot.commands(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL)) >= len(WANTED_HZ))
        assert len(restarts) == 1


async def test_strangers_with_our_ids_and_second_autopilots_are_alarms(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Rule 2."""
    async with vehicle_at(system_id=1) as vehicle, ScriptedAutopilot(vehicle.link.local_port):
        await vehicle.wait_for_autopilot(5)
        assert not vehicle.alarms
        with caplog.at_level(logging.ERROR):
            async with ScriptedAutopilot(vehicle.link.local_port, system_id=2):
                await until(lambda: bool(vehicle.alarms))
                assert vehicle.alarms == ("a second autopilot, system 2",)
            vehicle.link.receive(Codec(1, 191).encode(heartbeat()), ("127.0.0.1", 9))
        assert "another program speaks as system 1 component 191" in vehicle.alarms
        assert vehicle.link.system_id == 1


@pytest.mark.parametrize("loss", [0.05, 0.3])
async def test_a_whole_start_on_a_lossy_link(loss: float) -> None:
    patience = Patience(ack_s=0.08, tries=12, texts_s=0.02)
    transfer = TransferPatience(retry_s=0.05, tries=20, silence_s=0.5, ack_s=0.25)
    async with (
        Vehicle(HERE, patience=patience, transfer_patience=transfer) as vehicle,
        ScriptedAutopilot(vehicle.link.local_port, loss=loss, seed=21),
    ):
        await vehicle.wait_for_autopilot(5)
        await until(lambda: vehicle.telemetry.linked)
        items = patrol(5)
        await vehicle.missions.upload(items)
        assert await vehicle.missions.verify(items)
        assert vehicle.arbiter.grant(time.monotonic() + 5, "a test")
        await vehicle.commands.set_mode("GUIDED")
        await vehicle.commands.arm()
        await vehicle.commands.takeoff(10.0)
        await vehicle.commands.set_mode("AUTO")
        assert vehicle.arbiter.control == "granted"
        await until(lambda: vehicle.clock.synchronised)
        if loss == 0.3:
            assert vehicle.link.loss(1, 1) > 0.1


async def test_a_bug_in_a_listener_does_not_hide_the_pilot_from_the_arbiter() -> None:
    """Rule 9: whoever else listens to the link, the mode change is heard."""
    clock = Clock()
    async with vehicle_at(now=clock) as vehicle, ScriptedAutopilot(vehicle.link.local_port) as autopilot:

        def broken(_linked: bool) -> None:
            raise ValueError("a bug in who draws the page")

        vehicle.telemetry.on_link.insert(0, broken)
        await vehicle.wait_for_autopilot(5)
        assert vehicle.arbiter.grant(clock() + 5, "a test")
        autopilot.heartbeats = False
        await asyncio.sleep(0.1)
        clock.ahead_s += 6
        await until(lambda: not vehicle.arbiter.may_command)
        autopilot.custom_mode, autopilot.heartbeats = LOITER, True
        await until(lambda: vehicle.arbiter.control == "hands off")
        assert vehicle.telemetry.on_link.failures >= 2
        vehicle.feed()
        await until(lambda: bool(autopilot.heard("HEARTBEAT")))  # and the agent lives on


def sticks(boot_s: float, veto_us: int, count: int = 6) -> Message:
    channels = [1500] * 5 + [veto_us] + [0] * 12
    return mavlink.MAVLink_rc_channels_message(int(boot_s * 1000), count, *channels, 0)


def receiver(*, healthy: bool) -> Message:
    bit = mavlink.MAV_SYS_STATUS_SENSOR_RC_RECEIVER
    return mavlink.MAVLink_sys_status_message(bit, bit, bit if healthy else 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("how", ["switched", "silent", "deaf", "gone"])
async def test_the_pilots_veto_ends_commanding_however_it_comes(how: str) -> None:
    """Rule 13: it fails closed. A receiver that is ``deaf`` makes ArduPilot repeat the last sticks."""
    clock = Clock()
    async with (
        vehicle_at(now=clock, rc=RcSwitches(veto_channel=6)) as vehicle,
        ScriptedAutopilot(vehicle.link.local_port) as autopilot,
    ):
        await vehicle.wait_for_autopilot(5)
        assert not vehicle.arbiter.grant(clock() + 5, "a test")
        autopilot.send(receiver(healthy=True))
        autopilot.send(sticks(autopilot.boot_s, 1000))
        await until(lambda: vehicle.arbiter.veto == "")
        assert vehicle.arbiter.grant(clock() + 5, "a test")
        if how == "switched":
            autopilot.send(sticks(autopilot.boot_s, 2000))
        elif how == "gone":
            autopilot.send(sticks(autopilot.boot_s, 1000, count=0))
        else:
            clock.ahead_s += 2.5
            if how == "deaf":
                autopilot.send(receiver(healthy=False))
                autopilot.send(sticks(autopilot.boot_s, 1000))
        await until(lambda: vehicle.arbiter.control == "hands off")
        assert vehicle.arbiter.veto
        sent = len(autopilot.commands(mavlink.MAV_CMD_DO_SET_MODE))
        with pytest.raises(NotInControl, match=r"veto|radio"):
            await vehicle.commands.set_mode("GUIDED")
        assert len(autopilot.commands(mavlink.MAV_CMD_DO_SET_MODE)) == sent


async def test_read_only_asks_and_never_orders() -> None:
    """Rule 13: all that ever leaves is our heartbeat, the time's question, and requests for telemetry."""
    async with vehicle_at(read_only=True) as vehicle, ScriptedAutopilot(vehicle.link.local_port) as autopilot:
        await vehicle.wait_for_autopilot(5)
        vehicle.feed()
        assert not vehicle.arbiter.grant(time.monotonic() + 60, "a test")
        for order in (
            vehicle.commands.return_home(),
            vehicle.commands.arm(),
            vehicle.commands.look_ahead(),
            vehicle.missions.upload(patrol(2)),
            vehicle.fence.upload([]),
            vehicle.parameters.write("FS_GCS_ENABLE", 1),
        ):
            with pytest.raises(NotInControl):
                await order
        await until(lambda: len(autopilot.commands(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL)) >= len(WANTED_HZ))
        await until(lambda: bool(autopilot.heard("HEARTBEAT")))
        assert {message.get_type() for message in autopilot.received} <= {
            "HEARTBEAT",
            "TIMESYNC",
            "COMMAND_LONG",
        }
        assert {message.command for message in autopilot.heard("COMMAND_LONG")} <= {
            mavlink.MAV_CMD_SET_MESSAGE_INTERVAL,
            mavlink.MAV_CMD_REQUEST_MESSAGE,
        }


async def test_a_line_for_the_pilot_is_cut_between_letters() -> None:
    async with vehicle_at() as vehicle, ScriptedAutopilot(vehicle.link.local_port) as autopilot:
        await vehicle.wait_for_autopilot(5)
        vehicle.tell("ü" * 24 + "x" + "ü" * 9)
        await until(lambda: bool(autopilot.heard("STATUSTEXT")))
        [said] = autopilot.heard("STATUSTEXT")
        packet = bytes(said.get_msgbuf())
        assert packet[11 : 10 + packet[1]].decode() == "ü" * 24 + "x"
        assert said.severity == mavlink.MAV_SEVERITY_WARNING


async def test_after_a_restart_nothing_is_taken_for_granted() -> None:
    """Rules 5, 37: neither the gimbal nor the pose of before."""
    async with vehicle_at() as vehicle, ScriptedAutopilot(vehicle.link.local_port) as autopilot:
        await vehicle.wait_for_autopilot(5)
        await until(lambda: vehicle.telemetry.position is not None)
        assert vehicle.arbiter.grant(time.monotonic() + 5, "a test")
        await vehicle.commands.look_at(-35.3640, 149.1660, 590.0)
        autopilot.positions = False
        vehicle.telemetry.rebooted(0.5)
        assert vehicle.telemetry.position is None
        assert vehicle.arbiter.control == "hands off"
        assert not vehicle.commands._has_gimbal
