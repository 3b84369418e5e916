"""The virtual autopilot on its sockets: it speaks first, answers where it is answered, and leaves cleanly."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from flight.errors import EmberwatchError
from flight.link import Codec, mavlink
from hardware.virtual.drone.autopilot import VirtualDroneConfig, VirtualDroneError, fly

SPEED = 20.0


class Listener(asyncio.DatagramProtocol):
    """A listening socket as the agent's: it answers whoever spoke to it."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self._decoder, self._encoder = Codec(), Codec(1, 191)
        self._transport: asyncio.DatagramTransport | None = None
        self._peer: Any = None
        self._news = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._peer = addr
        self.messages += self._decoder.decode(data)
        self._news.set()

    @property
    def url(self) -> str:
        assert self._transport is not None
        return f"udpout:127.0.0.1:{self._transport.get_extra_info('sockname')[1]}"

    async def next(self, kind: str) -> Any:
        """The next message of this kind."""
        async with asyncio.timeout(10.0):
            while True:
                for index, message in enumerate(self.messages):
                    if message.get_type() == kind:
                        del self.messages[: index + 1]
                        return message
                self._news.clear()
                await self._news.wait()

    async def ask(self, command: int, *params: float) -> int:
        """Send a command until it is accepted or refused for good."""
        assert self._transport is not None
        values = [*params, *[0.0] * (7 - len(params))]
        message = mavlink.MAVLink_command_long_message(1, 1, command, 0, *values)
        self._transport.sendto(self._encoder.encode(message), self._peer)
        return int((await self.next("COMMAND_ACK")).result)


async def listening() -> Listener:
    loop = asyncio.get_running_loop()
    _, listener = await loop.create_datagram_endpoint(Listener, local_addr=("127.0.0.1", 0))
    return listener


async def test_it_takes_off_over_udp_and_tells_the_camera_the_truth() -> None:
    agent, camera = await listening(), await listening()
    config = VirtualDroneConfig(out=agent.url, truth_out=(camera.url,), speed=SPEED)
    drone = asyncio.create_task(fly(config))
    while not (await agent.next("STATUSTEXT")).text.startswith("EKF3"):
        pass
    assert await agent.ask(mavlink.MAV_CMD_DO_SET_MODE, 1, 4) == mavlink.MAV_RESULT_ACCEPTED
    assert await agent.ask(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 1) == mavlink.MAV_RESULT_ACCEPTED
    assert await agent.ask(mavlink.MAV_CMD_NAV_TAKEOFF, 0, 0, 0, 0, 0, 0, 15) == mavlink.MAV_RESULT_ACCEPTED
    while (await camera.next("SIM_STATE")).alt < 584.0 + 10.0:
        await camera.next("GIMBAL_DEVICE_ATTITUDE_STATUS")
    drone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drone


async def test_nobody_listening_yet_is_no_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    drone = asyncio.create_task(fly(VirtualDroneConfig(out=f"udpout:127.0.0.1:{port}", speed=SPEED)))
    await asyncio.sleep(0.3)  # long enough for the refusals to come back; how long does not matter
    loop = asyncio.get_running_loop()
    _, late = await loop.create_datagram_endpoint(Listener, local_addr=("127.0.0.1", port))
    assert (await late.next("HEARTBEAT")).autopilot == mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA
    drone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drone


@pytest.mark.parametrize(
    ("out", "says"),
    [("udpin:127.0.0.1:14550", "must begin with udpout"), ("tcp:127.0.0.1:1", "does not begin with udpin")],
)
async def test_a_place_it_cannot_send_to_is_refused(out: str, says: str) -> None:
    with pytest.raises(EmberwatchError, match=says):
        await fly(VirtualDroneConfig(out=out))


async def test_an_unknown_host_is_refused() -> None:
    with pytest.raises(VirtualDroneError, match="cannot send to"):
        await fly(VirtualDroneConfig(out="udpout:256.0.0.1:14550"))
