"""COMMAND_LONG and COMMAND_INT, answered as ArduCopter 4.6 answers them (``GCS_MAVLink_Copter.cpp``)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flight.link import mavlink
from flight.plans.items import HAS_POSITION, PLAIN_FRAME, Frame, MissionItem
from hardware.virtual.drone.copter import VirtualCopter
from hardware.virtual.drone.mission_store import FRAMES
from hardware.virtual.drone.modes import Mode
from hardware.virtual.drone.streams import Streams

ACCEPTED: int = mavlink.MAV_RESULT_ACCEPTED
DENIED: int = mavlink.MAV_RESULT_DENIED
FAILED: int = mavlink.MAV_RESULT_FAILED
UNSUPPORTED: int = mavlink.MAV_RESULT_UNSUPPORTED
FORCE_ARM, FORCE_DISARM = 2989.0, 21196.0
MOUNT_COMMANDS = (
    mavlink.MAV_CMD_DO_MOUNT_CONTROL,
    mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW,
    mavlink.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE,
    mavlink.MAV_CMD_DO_SET_ROI_LOCATION,
    mavlink.MAV_CMD_DO_SET_ROI,
    mavlink.MAV_CMD_DO_SET_ROI_NONE,
)
FORCE_REBOOT = 20190226
FASTEST_US = 3000  # at SCHED_LOOP_RATE 400
# Commands that have a position without being mission items.
ALSO_PLACES = frozenset({mavlink.MAV_CMD_DO_REPOSITION, mavlink.MAV_CMD_DO_SET_HOME})


@dataclass(frozen=True, slots=True)
class Order:
    """A command, whichever of the two messages brought it: ``item`` has its params and position."""

    item: MissionItem
    is_int: bool
    sender: tuple[int, int]

    @classmethod
    def of(cls, message: Any) -> Order:
        """Read a COMMAND_LONG or COMMAND_INT."""
        sender = (message.get_srcSystem(), message.get_srcComponent())
        params = (message.param1, message.param2, message.param3, message.param4)
        command = message.command
        if message.get_type() == "COMMAND_INT":
            frame = PLAIN_FRAME.get(message.frame, message.frame)
            item = MissionItem(0, command, frame, params, message.x, message.y, message.z)
            return cls(item, is_int=True, sender=sender)
        scale = 1e7 if command in HAS_POSITION | ALSO_PLACES else 1.0
        x, y = (round(v * scale) if math.isfinite(v) else 0 for v in (message.param5, message.param6))
        frame = Frame.GLOBAL_RELATIVE_ALT
        return cls(MissionItem(0, command, frame, params, x, y, message.param7), is_int=False, sender=sender)

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
        self.reboots = False  # asked for, and to be done after the answer
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
            mavlink.MAV_CMD_DO_PAUSE_CONTINUE: self._pause_continue,
            mavlink.MAV_CMD_DO_FENCE_ENABLE: self._fence_enable,
            mavlink.MAV_CMD_PREFLIGHT_REBOOT_SHUTDOWN: self._reboot,
            **dict.fromkeys(MOUNT_COMMANDS, self._mount),
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
            return UNSUPPORTED
        changes_mode = order.whole(1) > 0 and bool(
            order.whole(1) & mavlink.MAV_DO_REPOSITION_FLAGS_CHANGE_MODE
        )
        if self._copter.mode != Mode.GUIDED and not changes_mode:
            return DENIED
        if not order.is_on_earth or item.frame not in FRAMES:
            return DENIED
        place = self._copter.place_of(item)
        if not self._copter.may_go_to(place):
            return FAILED  # outside the fence
        if self._copter.mode != Mode.GUIDED and not self._copter.set_mode(Mode.GUIDED):
            return FAILED
        self._copter.go_to(place)
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
        message_id, interval_us = order.whole(0), order.whole(1)
        if not self._streams.has(message_id):
            self._copter.say(f"No ap_message for mavlink id ({message_id})")
            return DENIED
        if 0 < interval_us < FASTEST_US:
            self._copter.say(f"Requested rate for message ID {message_id} too fast. Increase SCHED_LOOP_RATE")
            return DENIED
        done = self._streams.set_interval(message_id, interval_us, self._copter.now_s)
        return ACCEPTED if done else DENIED

    def _get_interval(self, order: Order) -> int:
        message_id = order.whole(0)
        interval_us = self._streams.interval_us(message_id)
        self.extra.append(mavlink.MAVLink_message_interval_message(max(0, message_id), interval_us))
        return ACCEPTED if self._streams.has(message_id) else FAILED

    def _send(self, message_id: int) -> int:
        messages = self._streams.report(message_id)
        self.extra += messages
        return ACCEPTED if messages else FAILED

    def _mount(self, order: Order) -> int:
        mount = self._copter.mount
        if not mount.fitted:
            is_roi = order.item.command in (
                mavlink.MAV_CMD_DO_SET_ROI_LOCATION,
                mavlink.MAV_CMD_DO_SET_ROI_NONE,
            )
            return ACCEPTED if is_roi else FAILED
        result = mount.order(order.item, order.sender)
        if mount.control_is_new:
            mount.control_is_new = False
            self._send(mavlink.MAVLINK_MSG_ID_GIMBAL_MANAGER_STATUS)
        return result

    def _pause_continue(self, order: Order) -> int:
        what = order.whole(0)
        if what not in (0, 1):
            return DENIED
        if self._copter.pause() if what == 0 else self._copter.resume():
            return ACCEPTED
        self._copter.say("Failed to pause" if what == 0 else "Failed to resume")
        return FAILED

    def _fence_enable(self, order: Order) -> int:
        if order.whole(0) not in (0, 1):
            return FAILED
        self._copter.parameters.set("FENCE_ENABLE", order.whole(0))
        return ACCEPTED

    def _reboot(self, order: Order) -> int:
        if self._copter.armed and order.item.lon_e7 != FORCE_REBOOT:
            return FAILED
        if order.whole(0) not in (1, 3):
            return UNSUPPORTED
        self.reboots = True
        return ACCEPTED
