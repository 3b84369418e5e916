"""The mission protocol's autopilot side, as ArduPilot speaks it (``GCS_MAVLink/MissionItemProtocol.cpp``).

A pure state machine: a message and the time go in, messages come out. What is worth knowing:

- it asks with the legacy ``MISSION_REQUEST``, repeats itself every second, and gives up after eight
  seconds of silence with ``OPERATION_CANCELLED``;
- an item that was not asked for is answered with ``INVALID_SEQUENCE`` and changes nothing;
- items are stored as they come, over the old ones: an upload that breaks off leaves a mixture;
- item 0 is home, whatever was sent, and it keeps only what its commands use: of a "do" command no frame,
  of altitudes whole centimetres, of a waypoint only the time to wait.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from flight.link import mavlink
from flight.plans.items import HAS_POSITION, PLAIN_FRAME, Command, Frame, MissionItem

REPEAT_S = 1.0
GIVE_UP_S = 8.0
MOST_ITEMS = 724  # what ArduCopter's storage holds on common boards

# Commands it can fly or do, and which of params 1 to 4 it keeps of each.
KEPT_PARAMS: dict[int, tuple[int, ...]] = {
    Command.NAV_WAYPOINT: (0,),
    Command.NAV_SPLINE_WAYPOINT: (0,),
    Command.NAV_LOITER_UNLIM: (2,),
    Command.NAV_LOITER_TIME: (0,),
    Command.NAV_RETURN_TO_LAUNCH: (),
    Command.NAV_LAND: (),
    Command.NAV_TAKEOFF: (0,),
    Command.NAV_DELAY: (0, 1, 2, 3),
    Command.CONDITION_DELAY: (0,),
    Command.CONDITION_YAW: (0, 1, 2, 3),
    Command.DO_JUMP: (0, 1),
    Command.DO_CHANGE_SPEED: (0, 1, 2),
    Command.DO_SET_ROI_LOCATION: (),
    Command.DO_SET_ROI_NONE: (),
    Command.DO_SET_ROI: (0,),
    Command.DO_MOUNT_CONTROL: (0, 1, 2),
    Command.DO_SET_CAM_TRIGG_DIST: (0, 2),
    Command.DO_GIMBAL_MANAGER_PITCHYAW: (0, 1, 2, 3),
}
FRAMES = frozenset({Frame.GLOBAL, Frame.GLOBAL_RELATIVE_ALT, Frame.GLOBAL_TERRAIN_ALT})


class MissionServer:
    """Holds the mission (``items``, home as item 0) and serves uploads and downloads of it."""

    def __init__(self, home: Callable[[], MissionItem], changed: Callable[[], None]) -> None:
        """``home`` is asked when item 0 is read; ``changed`` is called after a whole upload and a clear."""
        self.items: list[MissionItem] = []
        self._home = home
        self._changed = changed
        self._uploader: tuple[int, int] | None = None
        self._next = 0
        self._count = 0
        self._heard_s = 0.0
        self._asked_s = 0.0

    @property
    def is_receiving(self) -> bool:
        return self._uploader is not None

    def tick(self, now_s: float) -> Iterable[Any]:
        """Repeat the question, or give the upload up."""
        if self._uploader is None:
            return
        if now_s - self._heard_s > GIVE_UP_S:
            yield self._ack(self._uploader, mavlink.MAV_MISSION_OPERATION_CANCELLED)
            self._uploader = None
        elif now_s - self._asked_s > REPEAT_S:
            yield self._ask(now_s)

    def handle(self, message: Any, now_s: float, *, is_flown: bool) -> Iterable[Any]:
        """Answer one message of the protocol. A mission that ``is_flown`` is not cleared."""
        sender = (message.get_srcSystem(), message.get_srcComponent())
        if getattr(message, "mission_type", 0) != mavlink.MAV_MISSION_TYPE_MISSION:
            # Fences and rally points: this stand-in has none.
            yield self._ack(sender, mavlink.MAV_MISSION_UNSUPPORTED, message.mission_type)
            return
        match message.get_type():
            case "MISSION_COUNT":
                yield from self._begin(message.count, sender, now_s)
            case "MISSION_ITEM_INT" | "MISSION_ITEM":
                yield from self._receive(message, sender, now_s)
            case "MISSION_REQUEST_LIST" | "MISSION_REQUEST_INT" | "MISSION_REQUEST" if self.is_receiving:
                yield self._ack(sender, mavlink.MAV_MISSION_DENIED)
            case "MISSION_REQUEST_LIST":
                yield mavlink.MAVLink_mission_count_message(*sender, len(self.items), 0)
            case "MISSION_REQUEST_INT" | "MISSION_REQUEST":
                yield from self._tell(message, sender)
            case "MISSION_CLEAR_ALL":
                refuse = is_flown or self.is_receiving
                if not refuse:
                    self.items.clear()
                    self._changed()
                yield self._ack(sender, mavlink.MAV_MISSION_ERROR if refuse else mavlink.MAV_MISSION_ACCEPTED)

    def item(self, seq: int) -> MissionItem:
        """One item as it is read: 0 is always home. Raises IndexError beyond the end."""
        return self._home() if seq == 0 else self.items[seq]

    def _begin(self, count: int, sender: tuple[int, int], now_s: float) -> Iterable[Any]:
        if self._uploader not in (None, sender):
            yield self._ack(sender, mavlink.MAV_MISSION_DENIED)
        elif count > MOST_ITEMS:
            yield self._ack(sender, mavlink.MAV_MISSION_NO_SPACE)
        else:
            del self.items[count:]
            self._next, self._count = 0, count
            if count == 0:
                self._uploader = None
                self._changed()
                yield self._ack(sender, mavlink.MAV_MISSION_ACCEPTED)
            else:
                self._uploader, self._heard_s = sender, now_s
                yield self._ask(now_s)

    def _receive(self, message: Any, sender: tuple[int, int], now_s: float) -> Iterable[Any]:
        if self._uploader is None:
            yield self._ack(sender, mavlink.MAV_MISSION_ERROR)
        elif message.seq != self._next:
            yield self._ack(sender, mavlink.MAV_MISSION_INVALID_SEQUENCE)
        elif sender != self._uploader:
            yield self._ack(sender, mavlink.MAV_MISSION_DENIED)
        else:
            item = _as_item(message)
            fault = _fault(item)
            if fault is not None:
                self._uploader = None
                yield self._ack(sender, fault)
                return
            self.items[self._next : self._next + 1] = [_as_kept(item)]
            self._heard_s = now_s
            self._next += 1
            if self._next < self._count:
                yield self._ask(now_s)
            else:
                self._uploader = None
                self._changed()
                yield self._ack(sender, mavlink.MAV_MISSION_ACCEPTED)

    def _tell(self, message: Any, sender: tuple[int, int]) -> Iterable[Any]:
        try:
            item = self.item(message.seq)
        except IndexError:
            yield mavlink.MAVLink_mission_count_message(*sender, len(self.items), 0)
            yield self._ack(sender, mavlink.MAV_MISSION_ERROR)
            return
        head = (*sender, item.seq, item.frame, item.command, 0, 1, *item.params)
        if message.get_type() == "MISSION_REQUEST_INT":
            place = (item.lat_e7, item.lon_e7, item.alt_m)
            yield mavlink.MAVLink_mission_item_int_message(*head, *place, 0)
        else:
            scale = 1e-7 if item.command in HAS_POSITION else 1.0
            yield mavlink.MAVLink_mission_item_message(
                *head, item.lat_e7 * scale, item.lon_e7 * scale, item.alt_m, 0
            )

    def _ask(self, now_s: float) -> Any:
        self._asked_s = now_s
        assert self._uploader is not None  # noqa: S101  (only asked while somebody uploads)
        return mavlink.MAVLink_mission_request_message(*self._uploader, self._next, 0)

    @staticmethod
    def _ack(to: tuple[int, int], result: int, mission_type: int = 0) -> Any:
        return mavlink.MAVLink_mission_ack_message(*to, result, mission_type)


def _as_item(message: Any) -> MissionItem:
    scale = 1e7 if message.get_type() == "MISSION_ITEM" and message.command in HAS_POSITION else 1
    numbers = (message.x, message.y)
    lat, lon = (round(n * scale) if math.isfinite(n) else 2**31 - 1 for n in numbers)
    params = (message.param1, message.param2, message.param3, message.param4)
    frame = PLAIN_FRAME.get(message.frame, message.frame)
    return MissionItem(message.seq, message.command, frame, params, lat, lon, message.z)


def _fault(item: MissionItem) -> int | None:
    """The MAV_MISSION_RESULT that refuses this item, if any."""
    result: int | None = None
    if item.command not in KEPT_PARAMS:
        result = mavlink.MAV_MISSION_UNSUPPORTED
    elif item.command in HAS_POSITION:
        if item.frame not in FRAMES:
            result = mavlink.MAV_MISSION_UNSUPPORTED_FRAME
        elif abs(item.lat_e7) > 900_000_000:
            result = mavlink.MAV_MISSION_INVALID_PARAM5_X
        elif abs(item.lon_e7) > 1_800_000_000:
            result = mavlink.MAV_MISSION_INVALID_PARAM6_Y
        elif not abs(item.alt_m) < 83_000.0:  # also NaN
            result = mavlink.MAV_MISSION_INVALID_PARAM7
    return result


def _as_kept(item: MissionItem) -> MissionItem:
    kept = KEPT_PARAMS[item.command]
    is_pitch_yaw = item.command == Command.DO_GIMBAL_MANAGER_PITCHYAW  # the only one that keeps a NaN
    params = tuple(
        value if index in kept and (is_pitch_yaw or math.isfinite(value)) else 0.0
        for index, value in enumerate(item.params)
    )
    if item.command in (Command.NAV_WAYPOINT, Command.NAV_LOITER_TIME, Command.NAV_SPLINE_WAYPOINT):
        seconds = params[0]
        params = (float(int(seconds)) if 0.0 <= seconds < 65536.0 else 0.0, *params[1:])
    item = replace(item, params=(params[0], params[1], params[2], params[3]))
    if item.command in HAS_POSITION:
        (metres,) = struct.unpack("<f", struct.pack("<f", item.alt_m))
        return replace(item, alt_m=int(metres * 100.0) / 100.0)
    if is_pitch_yaw:
        return replace(item, frame=Frame.GLOBAL)
    return replace(item, frame=Frame.GLOBAL, lat_e7=0, lon_e7=0, alt_m=0.0)
