"""COMMAND_LONG and COMMAND_INT, answered as ArduCopter 4.6 answers them (``GCS_MAVLink_Copter.cpp``)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flight.link import mavlink
from flight.plans.items import HAS_POSITION, PLAIN_FRAME, Frame, MissionItem
from hardware.virtual.drone.copter import Mode, VirtualCopter
from hardware.virtual.drone.mission_server import FRAMES
from hardware.virtual.drone.streams import Streams

ACCEPTED: int = mavlink.MAV_RESULT_ACCEPTED
DENIED: int = mavlink.MAV_RESULT_DENIED
FAILED: int = mavlink.MAV_RESULT_FAILED
UNSUPPORTED: int = mavlink.MAV_RESULT_UNSUPPORTED
FORCE_ARM, FORCE_DISARM = 2989.0, 21196.0
# Commands that have a position without being mission items.
ALSO_PLACES = frozenset({mavlink.MAV_CMD_DO_REPOSITION, mavlink.MAV_CMD_DO_SET_HOME})


@dataclass(frozen=True, slots=True)
class Order:
    """A command, whichever of the two messages brought it: ``item`` has its params and position."""

    item: MissionItem
    is_int: bool

    @classmethod
    def of(cls, message: Any) -> Order:
        """Read a COMMAND_LONG or COMMAND_INT."""
        params = (message.param1, message.param2, message.param3, message.param4)
        command = message.command
        if message.get_type() == "COMMAND_INT":
            frame = PLAIN_FRAME.get(message.frame, message.frame)
            return cls(MissionItem(0, command, frame, params, message.x, message.y, message.z), is_int=True)
        scale = 1e7 if command in HAS_POSITION | ALSO_PLACES else 1.0
        x, y = (round(v * scale) if math.isfinite(v) else 0 for v in (message.param5, message.param6))
        frame = Frame.GLOBAL_RELATIVE_ALT
        return cls(MissionItem(0, command, frame, params, x, y, message.param7), is_int=False)

    def whole(self, index: int) -> int:
        """A param as a number of something; -1 where it is none."""
        value = self.item.params[index]
        return int(value) if math.isfinite(value) else -1

    @property
    def is_on_earth(self) -> bool:
        item = self.item
        return (
            abs(item.lat_e7) <= 900_000_000
            and abs(item.lon_e7) <= 1_800_000_000
            and math.isfinite(item.alt_m)
        )


class Commands:
    """Carries out one order at a time; ``extra`` collects messages that go along with the answer."""

    def __init__(self, copter: VirtualCopter, streams: Streams) -> None:
        self._copter = copter
        self._streams = streams
        self.extra: list[Any] = []
        self._handlers: Mapping[int, Callable[[Order], int]] = {
            mavlink.MAV_CMD_COMPONENT_ARM_DISARM: self._arm_disarm,
            mavlink.MAV_CMD_DO_SET_MODE: lambda order: self.set_mode(order.whole(0), order.whole(1)),
            mavlink.MAV_CMD_NAV_TAKEOFF: self._take_off,
            mavlink.MAV_CMD_NAV_RETURN_TO_LAUNCH: lambda _: self._mode(Mode.RTL),
            mavlink.MAV_CMD_NAV_LAND: lambda _: self._mode(Mode.LAND),
            mavlink.MAV_CMD_NAV_LOITER_UNLIM: lambda _: self._mode(Mode.LOITER),
            mavlink.MAV_CMD_MISSION_START: self._start_mission,
            mavlink.MAV_CMD_DO_SET_MISSION_CURRENT: self._set_current,
            mavlink.MAV_CMD_DO_REPOSITION: self._reposition,
            mavlink.MAV_CMD_DO_CHANGE_SPEED: self._change_speed,
            mavlink.MAV_CMD_DO_SET_HOME: self._set_home,
            mavlink.MAV_CMD_GET_HOME_POSITION: lambda _: self._send(mavlink.MAVLINK_MSG_ID_HOME_POSITION),
            mavlink.MAV_CMD_SET_MESSAGE_INTERVAL: self._set_interval,
            mavlink.MAV_CMD_GET_MESSAGE_INTERVAL: self._get_interval,
            mavlink.MAV_CMD_REQUEST_MESSAGE: lambda order: self._send(order.whole(0)),
            mavlink.MAV_CMD_REQUEST_AUTOPILOT_CAPABILITIES: lambda _: self._send(
                mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION
            ),
            mavlink.MAV_CMD_DO_MOUNT_CONTROL: self._mount_control,
            mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW: self._pitch_yaw,
            mavlink.MAV_CMD_DO_SET_ROI_LOCATION: self._look,
            mavlink.MAV_CMD_DO_SET_ROI: self._look,
            mavlink.MAV_CMD_DO_SET_ROI_NONE: self._do,
        }

    def handle(self, message: Any) -> int:
        """Do what a COMMAND_LONG or COMMAND_INT asks; the MAV_RESULT of it."""
        order = Order.of(message)
        handler = self._handlers.get(order.item.command)
        return UNSUPPORTED if handler is None else handler(order)

    def set_mode(self, base_mode: int, custom_mode: int) -> int:
        """As SET_MODE and MAV_CMD_DO_SET_MODE ask; only ArduCopter's own modes are modes."""
        if base_mode < 0 or not base_mode & mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED:
            return DENIED
        try:
            return self._mode(Mode(custom_mode))
        except ValueError:
            self._copter.say(f"No such mode {custom_mode}", mavlink.MAV_SEVERITY_WARNING)
            return FAILED

    def _mode(self, mode: Mode) -> int:
        return ACCEPTED if self._copter.set_mode(mode) else FAILED

    def _arm_disarm(self, order: Order) -> int:
        what, magic = order.item.params[:2]
        if what == 1.0:
            return ACCEPTED if self._copter.arm(force=magic == FORCE_ARM) else FAILED
        if what == 0.0:
            return ACCEPTED if self._copter.disarm(force=magic == FORCE_DISARM) else FAILED
        return UNSUPPORTED

    def _take_off(self, order: Order) -> int:
        if order.item.frame != Frame.GLOBAL_RELATIVE_ALT:
            return DENIED
        return ACCEPTED if self._copter.take_off(order.item.alt_m) else FAILED

    def _start_mission(self, order: Order) -> int:
        if order.item.params[0] != 0.0 or order.item.params[1] != 0.0:
            return DENIED  # it cannot start at an item
        return ACCEPTED if self._copter.start_mission() else FAILED

    def _set_current(self, order: Order) -> int:
        return ACCEPTED if self.set_current(order.whole(0)) else FAILED

    def set_current(self, seq: int) -> bool:
        """As MISSION_SET_CURRENT and MAV_CMD_DO_SET_MISSION_CURRENT ask."""
        if not self._copter.runner.jump_to(seq):
            return False
        self._send(mavlink.MAVLINK_MSG_ID_MISSION_CURRENT)
        return True

    def _reposition(self, order: Order) -> int:
        """Denied when the pilot has switched away, unless CHANGE_MODE says otherwise (flight rule 8)."""
        item = order.item
        if not order.is_int:
            return int(mavlink.MAV_RESULT_COMMAND_INT_ONLY)
        changes_mode = order.whole(1) > 0 and bool(
            order.whole(1) & mavlink.MAV_DO_REPOSITION_FLAGS_CHANGE_MODE
        )
        if self._copter.mode != Mode.GUIDED and not changes_mode:
            return DENIED
        if not order.is_on_earth or item.frame not in FRAMES:
            return DENIED
        if self._copter.mode != Mode.GUIDED and not self._copter.set_mode(Mode.GUIDED):
            return FAILED
        self._copter.go_to(self._copter.place_of(item))
        return ACCEPTED

    def _change_speed(self, order: Order) -> int:
        return ACCEPTED if self._copter.set_speed(order.item.params[0], order.item.params[1]) else FAILED

    def _set_home(self, order: Order) -> int:
        item = order.item
        if not self._copter.position_ok:
            return FAILED
        if item.params[0] == 1.0:
            self._copter.set_home(self._copter.where())
            return ACCEPTED
        has_height = item.frame in (Frame.GLOBAL, Frame.GLOBAL_RELATIVE_ALT)
        if not order.is_on_earth or not has_height or (item.lat_e7, item.lon_e7) == (0, 0):
            return DENIED
        self._copter.set_home(self._copter.place_of(item).point)
        return ACCEPTED

    def _set_interval(self, order: Order) -> int:
        done = self._streams.set_interval(order.whole(0), order.whole(1), self._copter.now_s)
        return ACCEPTED if done else FAILED

    def _get_interval(self, order: Order) -> int:
        message_id = order.whole(0)
        interval_us = self._streams.interval_us(message_id)
        self.extra.append(mavlink.MAVLink_message_interval_message(max(0, message_id), interval_us))
        return ACCEPTED

    def _send(self, message_id: int) -> int:
        message = self._streams.report(message_id)
        if message is None:
            return FAILED
        self.extra.append(message)
        return ACCEPTED

    def _mount_control(self, order: Order) -> int:
        if order.item.alt_m != mavlink.MAV_MOUNT_MODE_MAVLINK_TARGETING:
            return UNSUPPORTED
        return self._do(order)

    def _pitch_yaw(self, order: Order) -> int:
        # Rates are not modelled; an order without an angle has nothing else in it.
        return self._do(order) if math.isfinite(order.item.params[0]) else FAILED

    def _look(self, order: Order) -> int:
        return self._do(order) if order.is_on_earth else FAILED

    def _do(self, order: Order) -> int:
        self._copter.do(order.item)
        return ACCEPTED
