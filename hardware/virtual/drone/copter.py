"""The virtual copter: modes, arming, taking off and landing.

Numbers, refusals and their texts are ArduCopter 4.6's. It knows time only as the steps it is given, and
chance only by its seed: the same orders at the same steps make the same flight.

Not modelled: sticks. In STABILIZE it hovers as if a good pilot held it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum

from flight.link import mavlink
from flight.plans.items import Command, Frame, MissionItem, home_item
from hardware.virtual.drone.body import STEP_S, Body, Contact
from hardware.virtual.drone.guidance import Point, Speeds
from hardware.virtual.drone.maneuvers import (
    FlyTo,
    Hold,
    Land,
    Maneuver,
    Place,
    ReturnHome,
    Situation,
    TakeOff,
    is_landing,
    lifts_off,
)
from hardware.virtual.drone.mission_runner import MissionRunner
from hardware.virtual.drone.mission_server import MissionServer
from hardware.virtual.drone.parameters import Parameters

SPIN_UP_S = 1.0  # from arming to lift-off
TOUCHING_S = 0.5  # so long on the ground is landed


class Mode(IntEnum):
    """ArduCopter's numbers (``ArduCopter/mode.h``)."""

    STABILIZE = 0
    AUTO = 3
    GUIDED = 4
    LOITER = 5
    RTL = 6
    LAND = 9
    BRAKE = 17


NEEDS_POSITION = frozenset({Mode.AUTO, Mode.GUIDED, Mode.LOITER, Mode.RTL, Mode.BRAKE})
ARMABLE = frozenset({Mode.STABILIZE, Mode.GUIDED, Mode.LOITER})


@dataclass(slots=True)
class Notices:
    """What everybody is to be told, until somebody takes it."""

    texts: list[tuple[int, str]] = field(default_factory=list)  # severity, text
    reached: list[int] = field(default_factory=list)  # numbers of mission items
    home_is_set: bool = False
    mode_is_new: bool = False


class VirtualCopter:
    """One copter, stepped at ``STEP_S``. Has an absolute position from ``first_fix_s`` after boot."""

    def __init__(self, body: Body, parameters: Parameters, *, first_fix_s: float) -> None:
        self.body = body
        self.parameters = parameters
        self.notices = Notices()
        self.mission = MissionServer(self._home_item, self._mission_changed)
        self.runner = MissionRunner(self.mission, self)
        self.now_s = 0.0
        self._steps = 0
        self._first_fix_s = first_fix_s
        self.mode = Mode.STABILIZE
        self.armed = False
        self.landed = True
        self.home: Point | None = None
        self._home_is_locked = False
        self._auto_armed = False  # somebody has said "go"; without it AUTO stays on the ground
        self._maneuver: Maneuver = Hold()
        self._speeds: dict[int, float] = {}  # what DO_CHANGE_SPEED has set
        self._armed_s = 0.0
        self._touching_s = 0.0

    @property
    def position_ok(self) -> bool:
        """Whether there is an absolute position: a while after boot, as with GNSS."""
        return self.now_s >= self._first_fix_s

    def say(self, text: str, severity: int = mavlink.MAV_SEVERITY_INFO) -> None:
        """Send a STATUSTEXT to everybody."""
        self.notices.texts.append((severity, text))

    # --- orders ---------------------------------------------------------------------------------

    def set_mode(self, mode: Mode) -> bool:
        """Change the mode; False, and a text why, where that is not possible."""
        if mode == self.mode:
            return True
        fault = self._mode_fault(mode) if self.armed else None
        if fault is not None:
            self.say(f"Mode change to {mode.name} failed: {fault}", mavlink.MAV_SEVERITY_WARNING)
            return False
        if self.mode == Mode.AUTO:
            self.runner.stop()
            self._speeds.clear()
        self.mode = mode
        self.notices.mode_is_new = True
        match mode:
            case Mode.AUTO if self.armed:
                self.runner.begin(restart=self._restarts)
            case Mode.RTL:
                self._maneuver = self.way_home()
            case Mode.LAND:
                self._maneuver = Land()
            case _:
                self._maneuver = Hold()
        return True

    def _mode_fault(self, mode: Mode) -> str | None:
        if mode in NEEDS_POSITION and not self.position_ok:
            return "requires position"
        if mode == Mode.AUTO and len(self.mission.items) < 2:
            return "init failed"
        if mode == Mode.AUTO and self.landed and not self.runner.starts_with_takeoff(restart=self._restarts):
            self.say("Auto: Missing Takeoff Cmd", mavlink.MAV_SEVERITY_CRITICAL)
            return "init failed"
        return None

    def arm(self, *, force: bool = False) -> bool:
        """Arm; False, and a text why, where that is not safe."""
        if self.armed:
            return True
        fault = None if force else self.arming_fault()
        if fault is not None:
            self.say(f"Arm: {fault}", mavlink.MAV_SEVERITY_CRITICAL)
            return False
        self.say("Arming motors")
        self.armed, self._auto_armed, self._armed_s = True, False, self.now_s
        if not self._home_is_locked:
            self._put_home(self.where())
        self._maneuver = Hold()
        return True

    def disarm(self, *, force: bool = False) -> bool:
        """Disarm; False in the air, unless forced: then it stands where it would have fallen."""
        if not self.armed:
            return True
        if not (self.landed or force):
            return False
        if not self.landed:
            self.say("Crash: Disarming", mavlink.MAV_SEVERITY_EMERGENCY)
            self.body.truth.alt_m = self.body.ground_m
            self.body.rest()
            self.landed = True
        self.say("Disarming motors")
        self.armed = self._auto_armed = False
        self.runner.reset()
        self._speeds.clear()
        return True

    def arming_fault(self) -> str | None:
        """Why it would not arm now, as ArduCopter's checks name it."""
        if not self.position_ok:
            return "Need Position Estimate"
        if self.mode not in ARMABLE:
            return f"{self.mode.name} mode not armable"
        return None

    def take_off(self, height_m: float) -> bool:
        """GUIDED's take-off to a height above home; False where it cannot be."""
        if self.mode != Mode.GUIDED or not self.armed or not self.landed or self.home is None:
            return False
        if not self.home.up_m + height_m > self.where().up_m:
            return False
        self._maneuver = TakeOff(self.home.up_m + height_m)
        self._auto_armed = True
        return True

    def go_to(self, place: Place) -> None:
        """GUIDED's target."""
        if not self.landed:
            self._maneuver = FlyTo(place)

    def start_mission(self) -> bool:
        """MISSION_START: AUTO, and go."""
        if not self.set_mode(Mode.AUTO):
            return False
        self._auto_armed = True
        if self.armed and not self.runner.is_running:
            self.runner.begin(restart=self._restarts)
        return True

    def set_home(self, where: Point) -> None:
        """Put home here and keep it there when arming."""
        self._put_home(where)
        self._home_is_locked = True

    def set_speed(self, kind: float, speed_m_s: float) -> bool:
        """DO_CHANGE_SPEED: kind 0 and 1 over ground, 2 up, 3 down; until AUTO is left."""
        if not (speed_m_s > 0.0 and 0 <= kind <= 3):
            return False
        self._speeds[max(1, int(kind))] = speed_m_s
        return True

    # --- what the mission asks of its vehicle ---------------------------------------------------

    def where(self) -> Point:
        return self.body.where

    def place_of(self, item: MissionItem) -> Place:
        """An item's position and height; 0/0 is where the vehicle is."""
        here = self.where()
        north, east = here.north_m, here.east_m
        if item.lat_e7 != 0 or item.lon_e7 != 0:
            east_array, north_array = self.body.frame.to_local(item.lat_deg, item.lon_deg)
            north, east = float(north_array), float(east_array)
        base_m = self.home.up_m if item.frame == Frame.GLOBAL_RELATIVE_ALT and self.home is not None else 0.0
        return Place(Point(north, east, base_m + item.alt_m), item.frame == Frame.GLOBAL_TERRAIN_ALT)

    def above(self, place: Place) -> Place:
        return Place(Point(place.point.north_m, place.point.east_m, self.where().up_m))

    def climb_to_item(self, item: MissionItem) -> Maneuver:
        place = self.place_of(item)
        return TakeOff(place.point.up_m + (self.body.ground_m if place.over_ground else 0.0))

    def way_home(self) -> Maneuver:
        """RTL at RTL_ALT, or lower near home, where RTL_CONE_SLOPE spares the climb."""
        here = self.where()
        home = self.home or here
        away_m = math.hypot(here.north_m - home.north_m, here.east_m - home.east_m)
        height_m = self.parameters["RTL_ALT"] / 100.0
        if self.parameters["RTL_CONE_SLOPE"] > 0.0:
            height_m = min(height_m, away_m * self.parameters["RTL_CONE_SLOPE"])
        alt_m = max(here.up_m, home.up_m + height_m)
        return ReturnHome(alt_m, self.parameters["RTL_LOIT_TIME"] / 1000.0)

    def cruise_m_s(self) -> float:
        return self._speeds.get(1, self.parameters["WPNAV_SPEED"] / 100.0)

    def do(self, item: MissionItem) -> None:
        """Carry out a "do" item."""
        match item.command:
            case Command.DO_CHANGE_SPEED:
                self.set_speed(item.params[0], item.params[1])
            case Command.DO_MOUNT_CONTROL if math.isfinite(item.params[0]):
                self.body.point_camera(item.params[0], _or_zero(item.params[2]))
            case Command.DO_GIMBAL_MANAGER_PITCHYAW if math.isfinite(item.params[0]):
                yaw_deg = _or_zero(item.params[1])
                locked = bool(item.lat_e7 & mavlink.GIMBAL_MANAGER_FLAGS_YAW_LOCK)
                self.body.point_camera(item.params[0], yaw_deg, yaw_is_locked=locked)
            case Command.DO_SET_ROI_LOCATION | Command.DO_SET_ROI:
                is_place = item.lat_e7 != 0 or item.lon_e7 != 0
                self.body.look_at(self.place_of(item) if is_place else None)
            case Command.DO_SET_ROI_NONE:
                self.body.look_at(None)

    def reached(self, seq: int) -> None:
        self.notices.reached.append(seq)

    # --- time -----------------------------------------------------------------------------------

    def step(self) -> None:
        """Move on by ``STEP_S``."""
        had_position = self.position_ok
        self._steps += 1
        self.now_s = self._steps * STEP_S
        self.body.sense()
        if self.position_ok and not had_position:
            self._put_home(self.where())
            self.say("EKF3 IMU0 is using GPS")
        if self.armed:
            self._fly()
        self.body.run_down(flying=not self.landed)

    def _fly(self) -> None:
        maneuver = self._maneuver
        if self.mode == Mode.AUTO:
            if self._auto_armed or not self.landed:
                self.runner.step(self.now_s)
            maneuver = self.runner.maneuver
        if self.landed:
            self._wait_on_ground(maneuver)
        if self.landed:
            return
        contact = self.body.move(maneuver.demand(self._situation()))
        if contact is Contact.CRASH:
            self.disarm(force=True)
        elif contact is Contact.NONE or lifts_off(maneuver):
            self._touching_s = 0.0
        else:
            self._touching_s += STEP_S
            if self._touching_s >= TOUCHING_S and is_landing(maneuver):
                self.runner.touched_down()
                self.body.rest()
                self.landed = True
                self.disarm()

    def _wait_on_ground(self, maneuver: Maneuver) -> None:
        armed_for_s = self.now_s - self._armed_s
        patience_s = self.parameters["DISARM_DELAY"]
        if lifts_off(maneuver) and self._auto_armed:
            if armed_for_s > SPIN_UP_S:
                self.landed = False
                self._touching_s = 0.0
        elif isinstance(maneuver, Land | ReturnHome) or 0 < patience_s < armed_for_s:
            self.disarm()

    def _situation(self) -> Situation:
        return Situation(
            now_s=self.now_s,
            here=self.body.estimate,
            ground_alt_m=self.body.ground_m,
            home=self.home or self.where(),
            speeds=Speeds(
                self.cruise_m_s(),
                self._speeds.get(2, self.parameters["WPNAV_SPEED_UP"] / 100.0),
                self._speeds.get(3, self.parameters["WPNAV_SPEED_DN"] / 100.0),
            ),
            landing_m_s=self.parameters["LAND_SPEED"] / 100.0,
        )

    @property
    def _restarts(self) -> bool:
        return self.parameters["MIS_RESTART"] == 1.0

    def _put_home(self, where: Point) -> None:
        self.home = where
        self.notices.home_is_set = True

    def _home_item(self) -> MissionItem:
        if self.home is None:
            return home_item(0.0, 0.0, 0.0)
        lat, lon = self.body.frame.to_geographic(self.home.east_m, self.home.north_m)
        return home_item(float(lat), float(lon), self.home.up_m)

    def _mission_changed(self) -> None:
        self.parameters.set("MIS_TOTAL", len(self.mission.items))
        self.runner.changed()


def _or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0
