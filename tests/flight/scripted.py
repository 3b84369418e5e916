"""A scripted autopilot on a lossy loopback link, for the tests of this folder.

It does as ArduPilot does where a test depends on it (asks for mission items in the old form, cancels an
upload after silence, echoes TIMESYNC) and as the test says everywhere else. Loss is by seed.
"""

from __future__ import annotations

import asyncio
import math
import random
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

from flight.link import Codec, Message, mavlink

OUR_SYSTEM = 1
OUR_COMPONENT = 191
GUIDED, AUTO, LOITER, STABILIZE = 4, 3, 5, 0


class LossyLine:
    """Drops, repeats and swaps datagrams, each with the same probability."""

    def __init__(self, loss: float = 0.0, seed: int = 0) -> None:
        self.loss = loss
        self._random = random.Random(seed)
        self._held: bytes | None = None

    def carry(self, datagram: bytes) -> Iterator[bytes]:
        """What arrives now for what was sent now."""
        if self._random.random() < self.loss:
            return
        held, self._held = self._held, None
        if held is None and self._random.random() < self.loss / 3:
            self._held = datagram  # overtaken by the next one
            return
        yield datagram
        if self._random.random() < self.loss:
            yield datagram
        if held is not None:
            yield held


class MissionServer:
    """ArduPilot's side of the mission protocol, for one kind of plan. Pure: told the time."""

    def __init__(self, *, kind: int = 0, again_s: float = 1.0, cancel_s: float = 8.0) -> None:
        self.kind = kind  # MAV_MISSION_TYPE
        self.items: list[Message] = []
        self.refuse_item: tuple[int, int] | None = None  # (seq, MAV_MISSION_RESULT)
        self.asks_in_old_form = True
        self.counts_heard = 0
        self._again_s, self._cancel_s = again_s, cancel_s
        self._incoming: list[Message] | None = None
        self._expected = 0
        self._active_s = self._asked_s = 0.0

    def take(self, message: Message, now_s: float) -> list[Message]:
        handlers: dict[str, Callable[[Message, float], list[Message]]] = {
            "MISSION_COUNT": self._count,
            "MISSION_ITEM_INT": self._item,
            "MISSION_REQUEST_LIST": lambda _message, _now_s: [self._to_us("mission_count", len(self.items))],
            "MISSION_REQUEST_INT": self._request,
        }
        handler = handlers.get(message.get_type())
        return handler(message, now_s) if handler else []

    def tick(self, now_s: float) -> list[Message]:
        if self._incoming is None:
            return []
        if now_s - self._active_s >= self._cancel_s:
            self._incoming = None
            return [self._to_us("mission_ack", mavlink.MAV_MISSION_OPERATION_CANCELLED)]
        return [self._ask(now_s)] if now_s - self._asked_s >= self._again_s else []

    def _to_us(self, name: str, *fields: Any) -> Message:
        make = getattr(mavlink, f"MAVLink_{name}_message")
        return make(OUR_SYSTEM, OUR_COMPONENT, *fields, self.kind)

    def _ask(self, now_s: float) -> Message:
        assert self._incoming is not None
        self._asked_s = now_s
        name = "mission_request" if self.asks_in_old_form else "mission_request_int"
        return self._to_us(name, len(self._incoming))

    def _count(self, message: Message, now_s: float) -> list[Message]:
        self.counts_heard += 1
        if message.count == 0:
            self.items, self._incoming = [], None
            return [self._to_us("mission_ack", mavlink.MAV_MISSION_ACCEPTED)]
        self._incoming, self._expected, self._active_s = [], message.count, now_s
        return [self._ask(now_s)]

    def _item(self, message: Message, now_s: float) -> list[Message]:
        if self._incoming is None:
            return [self._to_us("mission_ack", mavlink.MAV_MISSION_ERROR)]
        self._active_s = now_s
        if message.seq != len(self._incoming):
            return [self._to_us("mission_ack", mavlink.MAV_MISSION_INVALID_SEQUENCE)]
        if self.refuse_item is not None and message.seq == self.refuse_item[0]:
            self._incoming = None
            return [self._to_us("mission_ack", self.refuse_item[1])]
        self._incoming.append(message)
        if len(self._incoming) < self._expected:
            return [self._ask(now_s)]
        self.items, self._incoming = self._incoming, None
        return [self._to_us("mission_ack", mavlink.MAV_MISSION_ACCEPTED)]

    def _request(self, message: Message, now_s: float) -> list[Message]:
        if message.seq >= len(self.items):
            return [self._to_us("mission_ack", mavlink.MAV_MISSION_INVALID_SEQUENCE)]
        item = self.items[message.seq]
        place = (item.x, item.y, item.z)
        params = (item.param1, item.param2, item.param3, item.param4)
        fields = (item.seq, item.frame, item.command, 0, item.autocontinue, *params, *place)
        return [self._to_us("mission_item_int", *fields)]


class ParameterServer:
    """Parameters as ArduPilot (``copies_bytes`` false) or PX4 sends them; silent about a name it lacks."""

    def __init__(self, *, copies_bytes: bool = False) -> None:
        self.copies_bytes = copies_bytes
        self.values: dict[str, tuple[float, int]] = {}  # value and MAV_PARAM_TYPE
        self.ranges: dict[str, tuple[float, float]] = {}
        self.forgets_echoes_of: set[str] = set()

    def take(self, message: Message) -> list[Message]:
        name = message.param_id
        if name not in self.values:
            return []
        if message.get_type() == "PARAM_SET":
            kind = self.values[name][1]
            low, high = self.ranges.get(name, (-math.inf, math.inf))
            value = self._from_wire(message)
            if low <= value <= high:
                self.values[name] = (value, kind)
            if name in self.forgets_echoes_of:
                return []
        return [self.told(name)]

    def told(self, name: str) -> Message:
        value, kind = self.values[name]
        return mavlink.MAVLink_param_value_message(
            name.encode(), self._to_wire(value, kind), kind, len(self.values), 0
        )

    def _to_wire(self, value: float, kind: int) -> float:
        if not self.copies_bytes or kind == mavlink.MAV_PARAM_TYPE_REAL32:
            return value
        size = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4}[kind]
        copied = int(value).to_bytes(size, "little", signed=kind % 2 == 0).ljust(4, b"\0")
        return float(struct.unpack("<f", copied)[0])

    def _from_wire(self, message: Message) -> float:
        kind = self.values[message.param_id][1]
        if not self.copies_bytes or kind == mavlink.MAV_PARAM_TYPE_REAL32:
            return float(message.param_value)
        size = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4}[kind]
        copied = struct.pack("<f", message.param_value)[:size]
        return float(int.from_bytes(copied, "little", signed=kind % 2 == 0))


class ScriptedAutopilot(asyncio.DatagramProtocol):
    """System 1 component 1 on loopback UDP. Sends to ``port`` of 127.0.0.1; beats 20 times a second."""

    def __init__(
        self,
        port: int,
        *,
        loss: float = 0.0,
        seed: int = 0,
        system_id: int = 1,
        firmware: int = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA,
    ) -> None:
        self._port = port
        self._firmware = firmware
        self._codec, self._decoder = Codec(system_id, 1), Codec()
        self._out, self._in = LossyLine(loss, seed), LossyLine(loss, seed + 1)
        self._transport: asyncio.DatagramTransport | None = None
        self._beating: asyncio.Task[None] | None = None
        self.heartbeats = True
        self.positions = True
        self.deaf_to: set[int] = set()  # commands it never answers
        self.forgets_acks: set[int] = set()  # commands it carries out and does not acknowledge
        self.idle: set[int] = set()  # commands it acknowledges and does not carry out
        self.results: dict[int, list[int]] = {}  # command -> results to give, one after the other
        self.says: dict[int, str] = {}  # command -> STATUSTEXT before its result
        self.received: list[Message] = []
        self.bytes_received: list[bytes] = []
        self.custom_mode, self.armed, self.height_m = STABILIZE, False, 0.0
        self.target: tuple[int, int, float] | None = None  # where DO_REPOSITION sent it
        self.camera_at: tuple[int, int, float] | None = None
        self.plans = {kind: MissionServer(kind=kind, again_s=0.05, cancel_s=0.4) for kind in range(3)}
        self.parameters = ParameterServer(copies_bytes=firmware == mavlink.MAV_AUTOPILOT_PX4)
        self.boot_offset_s = -time.monotonic() + 100.0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, remote_addr=("127.0.0.1", self._port)
        )
        self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._beating is not None
        assert self._transport is not None
        self._beating.cancel()
        self._transport.close()
        await asyncio.sleep(0)

    @property
    def mission(self) -> MissionServer:
        return self.plans[mavlink.MAV_MISSION_TYPE_MISSION]

    @property
    def boot_s(self) -> float:
        return time.monotonic() + self.boot_offset_s

    def reboot(self) -> None:
        self.boot_offset_s = -time.monotonic() + 1.0
        self.armed = False

    def heard(self, message_type: str) -> list[Message]:
        return [message for message in self.received if message.get_type() == message_type]

    def commands(self, number: int) -> list[Message]:
        return [message for message in self.heard("COMMAND_LONG") if message.command == number]

    def send(self, message: Message) -> None:
        assert self._transport is not None
        for datagram in self._out.carry(self._codec.encode(message)):
            self._transport.sendto(datagram)

    def send_raw(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.sendto(data)

    def beat(self) -> None:
        base_mode = mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED | (
            mavlink.MAV_MODE_FLAG_SAFETY_ARMED if self.armed else 0
        )
        self.send(heartbeat(autopilot=self._firmware, base_mode=base_mode, custom_mode=self.custom_mode))

    def say(self, text: str, severity: int = mavlink.MAV_SEVERITY_CRITICAL) -> None:
        """STATUSTEXT as ArduPilot sends it: chunks of 50 under one id."""
        chunks = [text[at : at + 50] for at in range(0, len(text), 50)]
        text_id = 0 if len(chunks) == 1 else 7
        for number, chunk in enumerate(chunks):
            self.send(mavlink.MAVLink_statustext_message(severity, chunk.encode(), text_id, number))

    async def _beat(self) -> None:
        while True:
            if self.heartbeats:
                self.beat()
            if self.heartbeats and self.positions:
                self.send(position(self.boot_s, height_m=self.height_m))
            for plan in self.plans.values():
                for message in plan.tick(time.monotonic()):
                    self.send(message)
            await asyncio.sleep(0.05)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        for datagram in self._in.carry(data):
            self.bytes_received.append(datagram)
            for message in self._decoder.decode(datagram):
                self.received.append(message)
                self._answer(message)

    def error_received(self, exc: Exception) -> None:
        """The other side has closed its socket, or not opened it yet."""

    def _answer(self, message: Message) -> None:
        name = message.get_type()
        if name in ("COMMAND_LONG", "COMMAND_INT"):
            self._command(message)
        elif name == "TIMESYNC" and message.tc1 == 0:
            self.send(mavlink.MAVLink_timesync_message(int(self.boot_s * 1e9), message.ts1))
        elif name.startswith("MISSION"):
            for reply in self.plans[message.mission_type].take(message, time.monotonic()):
                self.send(reply)
        elif name in ("PARAM_REQUEST_READ", "PARAM_SET"):
            for reply in self.parameters.take(message):
                self.send(reply)

    def _command(self, message: Message) -> None:
        command = message.command
        if command in self.deaf_to:
            return
        results = self.results.get(command, [mavlink.MAV_RESULT_ACCEPTED])
        if command in self.says:
            self.say(self.says[command])
        if results[-1] == mavlink.MAV_RESULT_ACCEPTED and command not in self.idle:
            self._carry_out(message)
        if command not in self.forgets_acks:
            for result in results:
                ids = (message.get_srcSystem(), message.get_srcComponent())
                self.send(mavlink.MAVLink_command_ack_message(command, result, 0, 0, *ids))

    def _carry_out(self, message: Message) -> None:
        if message.command == mavlink.MAV_CMD_DO_SET_MODE:
            self.custom_mode = int(message.param2)
        elif message.command == mavlink.MAV_CMD_COMPONENT_ARM_DISARM:
            self.armed = message.param1 == 1
        elif message.command == mavlink.MAV_CMD_NAV_TAKEOFF:
            self.height_m = message.param7
        elif message.command == mavlink.MAV_CMD_MISSION_START:
            self.custom_mode = AUTO
        elif message.command == mavlink.MAV_CMD_DO_REPOSITION:
            self.target = (message.x, message.y, message.z)
            if int(message.param2) & mavlink.MAV_DO_REPOSITION_FLAGS_CHANGE_MODE:
                self.custom_mode = GUIDED
        elif message.command == mavlink.MAV_CMD_DO_SET_ROI_LOCATION:
            self.camera_at = (message.x, message.y, message.z)
        elif message.command == mavlink.MAV_CMD_DO_SET_ROI_NONE:
            self.camera_at = None
        elif (
            message.command == mavlink.MAV_CMD_REQUEST_MESSAGE
            and message.param1 == mavlink.MAVLINK_MSG_ID_POSITION_TARGET_GLOBAL_INT
            and self.target is not None
        ):
            self.send(position_target(*self.target))


def heartbeat(
    *,
    vehicle_type: int = mavlink.MAV_TYPE_QUADROTOR,
    autopilot: int = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA,
    base_mode: int = 1,
    custom_mode: int = 0,
) -> Message:
    state = mavlink.MAV_STATE_STANDBY
    return mavlink.MAVLink_heartbeat_message(vehicle_type, autopilot, base_mode, custom_mode, state, 3)


def position(boot_s: float, *, height_m: float = 0.0, lat_e7: int = -353632620) -> Message:
    boot_ms = int(boot_s * 1000) % 2**32
    alt_mm = int((585.0 + height_m) * 1000)
    height_mm = int(height_m * 1000)
    return mavlink.MAVLink_global_position_int_message(
        boot_ms, lat_e7, 1491652370, alt_mm, height_mm, 300, -400, 50, 9000
    )


def position_target(lat_e7: int, lon_e7: int, alt_m: float) -> Message:
    return mavlink.MAVLink_position_target_global_int_message(
        0, 0, 0, lat_e7, lon_e7, alt_m, 0, 0, 0, 0, 0, 0, 0, 0
    )


async def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Wait until it holds; fails the test when it does not."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def stamped(message: Message, *, system_id: int = 1, component_id: int = 1) -> Message:
    """The message as it arrives from this sender."""
    [arrived] = Codec().decode(Codec(system_id, component_id).encode(message))
    return arrived


def framed(payload: bytes, message_id: int) -> bytes:
    """A MAVLink 2 packet of this kind with any payload and a true checksum."""
    body = bytes([len(payload), 0, 0, 0, 1, 1]) + message_id.to_bytes(3, "little") + payload
    checksum = mavlink.x25crc(body + bytes([mavlink.mavlink_map[message_id].crc_extra])).crc
    return b"\xfd" + body + int(checksum).to_bytes(2, "little")
