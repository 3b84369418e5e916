"""Flies the mission that is aboard, in ArduCopter's order (``AP_Mission``).

"Nav" items are flown one after the other. The "do" items between two of them run, in order and beside the
flight, when the first is done; the next nav item cuts off what is left of them. ``stop`` keeps the current
item, and ``begin`` goes on with it; a vehicle that was disarmed begins anew.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Protocol

from flight.link import mavlink
from flight.plans.items import FLOWN_TO, Command, MissionItem
from hardware.virtual.drone.guidance import Point, corner_speed
from hardware.virtual.drone.maneuvers import FlyTo, Hold, InTurn, Land, Maneuver, Place

MOST_JUMPS = 100  # more "do" items in a row than this go in circles
# AP_Mission ends these itself; only what the vehicle ends is reported as reached.
NOT_REPORTED = frozenset({Command.DO_GIMBAL_MANAGER_PITCHYAW, Command.DO_SET_CAM_TRIGG_DIST})
LAST_NAV_COMMAND = 95  # MAV_CMD_NAV_LAST
NAMES = {
    Command.NAV_WAYPOINT: "WP",
    Command.NAV_SPLINE_WAYPOINT: "SplineWP",
    Command.NAV_LOITER_UNLIM: "LoitUnlim",
    Command.NAV_LOITER_TIME: "LoitTime",
    Command.NAV_RETURN_TO_LAUNCH: "RTL",
    Command.NAV_LAND: "Land",
    Command.NAV_TAKEOFF: "Takeoff",
    Command.NAV_DELAY: "Delay",
    Command.CONDITION_DELAY: "CondDelay",
    Command.CONDITION_YAW: "CondYaw",
    Command.DO_CHANGE_SPEED: "ChangeSpeed",
    Command.DO_SET_ROI: "SetROI",
    Command.DO_SET_ROI_LOCATION: "SetROI",
    Command.DO_SET_ROI_NONE: "SetROI",
    Command.DO_MOUNT_CONTROL: "MountControl",
    Command.DO_SET_CAM_TRIGG_DIST: "SetCamTrigDst",
    Command.DO_GIMBAL_MANAGER_PITCHYAW: "PitchYaw",
}


class MissionState(IntEnum):
    """MAVLink's MISSION_STATE."""

    NO_MISSION = 1
    NOT_STARTED = 2
    ACTIVE = 3
    PAUSED = 4
    COMPLETE = 5


class MissionItems(Protocol):
    """The mission aboard."""

    items: list[MissionItem]


class MissionVehicle(Protocol):
    """What the runner needs of its vehicle."""

    def where(self) -> Point: ...
    def place_of(self, item: MissionItem) -> Place: ...
    def cruise_m_s(self) -> float: ...
    def climb_to_item(self, item: MissionItem) -> Maneuver: ...
    def way_home(self) -> Maneuver: ...
    def above(self, place: Place) -> Place: ...
    def do(self, item: MissionItem) -> None: ...
    def say(self, text: str, severity: int = ...) -> None: ...
    def reached(self, seq: int) -> None: ...


class MissionRunner:
    """Which item is flown, and what flying it means."""

    def __init__(self, mission: MissionItems, vehicle: MissionVehicle) -> None:
        self._mission = mission
        self._vehicle = vehicle
        self._is_running = False
        self._is_complete = False
        self._is_paused = False
        self._to_do: list[MissionItem] = []
        self._do_after_s = 0.0
        self._jumps: dict[int, int] = {}
        self._there_s: float | None = None
        self._last_place: Place | None = None
        self._resumed: Maneuver = Hold()
        self.current = 0  # the nav item's number; 0 before the first
        self.maneuver: Maneuver = Hold()

    @property
    def state(self) -> MissionState:
        if len(self._mission.items) < 2:
            return MissionState.NO_MISSION
        if self._is_paused:
            return MissionState.PAUSED
        if self._is_running:
            return MissionState.ACTIVE
        # One that was interrupted reads like one that has not begun, as from ArduPilot.
        return MissionState.COMPLETE if self._is_complete else MissionState.NOT_STARTED

    @property
    def is_running(self) -> bool:
        return self._is_running

    def starts_with_takeoff(self, *, restart: bool) -> bool:
        """Whether the nav item to come is a take-off."""
        first = 1 if restart or not self.current else self.current
        nav = next((item for item in self._mission.items[first:] if _is_nav(item)), None)
        return nav is not None and nav.command == Command.NAV_TAKEOFF

    def begin(self, *, restart: bool) -> None:
        """Start, or go on where ``stop`` left it."""
        resume = not (restart or self._is_complete) and 0 < self.current < len(self._mission.items)
        self._is_running, self._is_complete = True, False
        self._last_place = None
        if resume:
            self._start(self._mission.items[self.current])
        else:
            self._jumps.clear()
            self._advance(1)

    def stop(self) -> None:
        """Keep the current item for later."""
        self._is_running = self._is_paused = False

    def pause(self) -> bool:
        """Stop on the way to a waypoint; False where it flies to none."""
        if not self._is_running or not isinstance(self.maneuver, FlyTo) or self.maneuver.done:
            return False
        self._is_paused, self._resumed = True, self.maneuver
        self.maneuver = Hold()
        return True

    def resume(self) -> None:
        """Go on after a pause."""
        if self._is_paused:
            self._is_paused, self.maneuver = False, self._resumed

    def reset(self) -> None:
        """Begin from the first item next time, as after every disarming."""
        self._is_running = self._is_complete = self._is_paused = False
        self.current = 0
        self.maneuver = Hold()

    def changed(self) -> None:
        """The mission aboard is another one now: fly the same number of the new one."""
        if not self._is_running:
            return
        if self.current < len(self._mission.items) and _is_nav(self._mission.items[self.current]):
            self._last_place = None
            self._start(self._mission.items[self.current])
        else:
            self._advance(max(1, self.current))

    def jump_to(self, seq: int) -> bool:
        """Make another item the current one; False where there is none."""
        if not 0 <= seq < len(self._mission.items) or len(self._mission.items) < 2:
            return False
        if seq == 0 or self._is_complete:
            self._jumps.clear()
        seq = max(1, seq)
        self._last_place = None
        if self._is_running:
            self._advance(seq)
        else:
            self.current, self._is_complete = seq, False
        return True

    def touched_down(self) -> None:
        """The item that lands is done."""
        if self._is_running:
            self._vehicle.reached(self.current)
            self._is_running, self._is_complete = False, True

    def step(self, now_s: float) -> None:
        """Go on with the mission; ``maneuver`` is what to fly now."""
        if not self._is_running or self._is_paused:
            return
        if self._is_done(self._mission.items[self.current], now_s):
            self._vehicle.reached(self.current)
            self._advance(self.current + 1)
        elif self._to_do and now_s >= self._do_after_s:
            item = self._to_do.pop(0)
            self._announce(item)
            if item.command == Command.CONDITION_DELAY:
                self._do_after_s = now_s + item.params[0]
            else:
                self._vehicle.do(item)
            if item.command not in NOT_REPORTED:
                self._vehicle.reached(item.seq)

    def _is_done(self, item: MissionItem, now_s: float) -> bool:
        match item.command:
            case Command.NAV_WAYPOINT | Command.NAV_SPLINE_WAYPOINT | Command.NAV_LOITER_TIME:
                if not self.maneuver.done:
                    return False
                if self._there_s is None:
                    self._there_s = now_s
                    self._vehicle.say(f"Reached command #{item.seq}")
                return now_s - self._there_s >= item.params[0]
            case Command.NAV_DELAY:
                self._there_s = now_s if self._there_s is None else self._there_s
                return now_s - self._there_s >= item.params[0]
            case Command.NAV_TAKEOFF:
                return self.maneuver.done
            case _:  # it ends on the ground, or not at all
                return False

    def _advance(self, seq: int) -> None:
        """Start the next nav item at or after ``seq``, and note the "do" items on the way to it."""
        self._to_do.clear()
        self._do_after_s = 0.0
        for _ in range(len(self._mission.items) + MOST_JUMPS):
            if seq >= len(self._mission.items):
                break
            item = self._mission.items[seq]
            if _is_nav(item):
                self._start(item)
                return
            if item.command == Command.DO_JUMP:
                seq = self._jump(item)
            else:
                self._to_do.append(item)
                seq += 1
        self._is_running, self._is_complete = False, True
        self.maneuver = Hold()

    def _jump(self, item: MissionItem) -> int:
        done, wanted = self._jumps.get(item.seq, 0), item.params[1]
        if 0 <= wanted <= done:
            return item.seq + 1
        self._jumps[item.seq] = done + 1
        return max(1, int(item.params[0]))

    def _start(self, item: MissionItem) -> None:
        self._announce(item)
        self._is_paused = False
        self.current = item.seq
        self._there_s = None
        match item.command:
            case Command.NAV_TAKEOFF:
                self.maneuver = self._vehicle.climb_to_item(item)
            case Command.NAV_RETURN_TO_LAUNCH:
                self.maneuver = self._vehicle.way_home()
            case Command.NAV_LAND if item.is_place:
                self.maneuver = InTurn(FlyTo(self._vehicle.above(self._vehicle.place_of(item))), Land())
            case Command.NAV_LAND:
                self.maneuver = Land()
            case Command.NAV_DELAY:
                self.maneuver = Hold()
            case _:
                place = self._vehicle.place_of(item)
                self.maneuver = FlyTo(
                    place, start=self._last_place, end_speed_m_s=self._passing_speed_m_s(item, place)
                )
                self._last_place = place
                return
        self._last_place = None

    def _passing_speed_m_s(self, item: MissionItem, place: Place) -> float:
        """0 where it has to stop; otherwise what the next corner allows."""
        following = self._mission.items[item.seq + 1 :]
        after = next((each for each in following if _is_nav(each) or each.command == Command.DO_JUMP), None)
        stops = item.command not in (Command.NAV_WAYPOINT, Command.NAV_SPLINE_WAYPOINT) or item.params[0] > 0
        if stops or after is None or after.command not in FLOWN_TO or not after.is_place:
            return 0.0
        if after.command == Command.NAV_LAND:
            return 0.0
        here, there = place.point, self._vehicle.place_of(after).point
        start = self._vehicle.where() if self._last_place is None else self._last_place.point
        before_rad = math.atan2(here.east_m - start.east_m, here.north_m - start.north_m)
        after_rad = math.atan2(there.east_m - here.east_m, there.north_m - here.north_m)
        return corner_speed(before_rad, after_rad, self._vehicle.cruise_m_s())

    def _announce(self, item: MissionItem) -> None:
        name = NAMES.get(Command(item.command), str(item.command))
        self._vehicle.say(f"Mission: {item.seq} {name}", mavlink.MAV_SEVERITY_INFO)


def _is_nav(item: MissionItem) -> bool:
    return item.command <= LAST_NAV_COMMAND
