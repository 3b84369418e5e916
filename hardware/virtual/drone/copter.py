"""The virtual copter: modes, arming, taking off and landing.

Numbers, refusals and their texts are ArduCopter 4.6's. It knows time only as the steps it is given, and
chance only by its seed: the same orders at the same steps make the same flight.

The sticks do not steer it: in STABILIZE, ALT_HOLD and LOITER it hovers as if a good pilot held it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from flight.link import mavlink
from flight.plans.items import Command, Frame, MissionItem, home_item
from hardware.virtual.drone.arming import arming_fault
from hardware.virtual.drone.body import STEP_S, Body, Contact
from hardware.virtual.drone.dynamics import Demand
from hardware.virtual.drone.fence import FenceStore, FenceWatch
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
from hardware.virtual.drone.mission_server import PlanServer
from hardware.virtual.drone.mission_store import MissionStore
from hardware.virtual.drone.modes import HAS_SPEED, NEEDS_POSITION, Mode
from hardware.virtual.drone.mount import Mount
from hardware.virtual.drone.navigation import Event, Navigation
from hardware.virtual.drone.parameters import Parameters
from hardware.virtual.drone.rally import RallyStore
from hardware.virtual.drone.reactions import lose_position, watch_fence
from hardware.virtual.drone.returning import way_home

SPIN_UP_S = 1.0  # from arming to lift-off
TOUCHING_S = 0.5  # so long on the ground is landed
PAUSE_S = 4.0  # before a failsafe's landing


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
        self.now_s = 0.0
        self._steps = 0
        self.mission = MissionStore(self._home_item, self._mission_changed, self.say)
        self.fence_plan = FenceStore(parameters, self.say)
        self.rally = RallyStore(parameters)
        self.plans = {
            store.kind: PlanServer(store, self.say) for store in (self.mission, self.fence_plan, self.rally)
        }
        self.fence = FenceWatch(self.fence_plan, parameters, body.frame, self.say)
        self.mount = Mount(body, parameters, self.place_of)
        self.navigation = Navigation(parameters, self, first_fix_s=first_fix_s)
        self.runner = MissionRunner(self.mission, self)
        self.mission.is_flown = lambda: self.runner.is_running
        self.failsafe_fault: Callable[[], str | None] = lambda: None  # what keeps it from arming besides
        self.mode = Mode.STABILIZE
        self.armed = False
        self.landed = True
        self.home: Point | None = None
        self._home_is_locked = False
        self.auto_armed = False  # somebody has said "go"; without it AUTO stays on the ground
        self._maneuver: Maneuver = Hold()
        self._speeds: dict[int, float] = {}  # what DO_CHANGE_SPEED has set
        self._armed_s = 0.0
        self._touching_s = 0.0
        self.is_ekf_action = False

    @property
    def position_ok(self) -> bool:
        """Whether there is an absolute position: a while after boot, and while there is GNSS."""
        return self.navigation.position_ok

    @property
    def battery_v(self) -> float:
        """SIM_BATT_VOLTAGE, or what the battery has."""
        return self.parameters["SIM_BATT_VOLTAGE"] or self.body.battery.voltage_v

    @property
    def maneuver(self) -> Maneuver:
        """What is flown at this moment."""
        return self.runner.maneuver if self.mode == Mode.AUTO else self._maneuver

    @property
    def is_landing(self) -> bool:
        """Whether the mode is on its last way down."""
        return is_landing(self.maneuver)

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
            self.mount.to_default()
        self._speeds.clear()
        self.mode = mode
        self.notices.mode_is_new = True
        self.fence.mode_changed(self.now_s)
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

    def land_after_pause(self) -> None:
        """A failsafe's landing."""
        self.set_mode(Mode.LAND)
        self._maneuver = Land(PAUSE_S)

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
        self.armed, self.auto_armed, self._armed_s = True, False, self.now_s
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
        self.armed = self.auto_armed = False
        self.runner.reset()
        self._speeds.clear()
        return True

    def arming_fault(self) -> str | None:
        """Why it would not arm now, as ArduCopter's checks name it."""
        return arming_fault(self)

    def take_off(self, height_m: float) -> bool:
        """GUIDED's take-off to a height above home; False where it cannot be."""
        if self.mode != Mode.GUIDED or not self.armed or not self.landed or self.home is None:
            return False
        if not self.home.up_m + height_m > self.where().up_m:
            return False
        self._maneuver = TakeOff(self.home.up_m + height_m)
        self.auto_armed = True
        return True

    def may_go_to(self, place: Place) -> bool:
        """Whether a target is inside the fence."""
        ground_m = self.body.ground_m if place.over_ground else 0.0
        return not self.fence.outside(replace(place.point, up_m=place.point.up_m + ground_m), self.home)

    def go_to(self, place: Place) -> None:
        """GUIDED's target."""
        if not self.landed:
            self._maneuver = FlyTo(place)

    def pause(self) -> bool:
        """DO_PAUSE_CONTINUE, 0: a mission stops on its way to a waypoint, GUIDED anywhere."""
        return self.runner.pause() if self.mode == Mode.AUTO else self.mode == Mode.GUIDED

    def resume(self) -> bool:
        """DO_PAUSE_CONTINUE, 1."""
        if self.mode == Mode.AUTO:
            self.runner.resume()
        return self.mode in (Mode.AUTO, Mode.GUIDED)

    def start_mission(self) -> bool:
        """MISSION_START: AUTO, and go."""
        if not self.set_mode(Mode.AUTO):
            return False
        self.auto_armed = True
        if self.armed and not self.runner.is_running:
            self.runner.begin(restart=self._restarts)
        return True

    def set_home(self, where: Point) -> None:
        """Put home here and keep it there when arming."""
        self._put_home(where)
        self._home_is_locked = True

    def set_speed(self, kind: float, speed_m_s: float) -> bool:
        """DO_CHANGE_SPEED: kind 0 and 1 over ground, 2 up, 3 down; until the mode is left."""
        if not speed_m_s > 0.0 or self.mode not in HAS_SPEED:
            return False
        self._speeds[3 if kind > 2.9 else 2 if kind > 1.9 else 1] = speed_m_s
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
        return way_home(self)

    def cruise_m_s(self) -> float:
        return self._speeds.get(1, self.parameters["WPNAV_SPEED"] / 100.0)

    def do(self, item: MissionItem) -> None:
        """Carry out a "do" item."""
        if item.command == Command.DO_CHANGE_SPEED:
            self.set_speed(item.params[0], item.params[1])
        elif (
            item.command == Command.DO_MOUNT_CONTROL
        ):  # its mode is not kept: in a mission it is always angles
            self.mount.order(replace(item, alt_m=float(mavlink.MAV_MOUNT_MODE_MAVLINK_TARGETING)))
        else:
            self.mount.order(item)

    def reached(self, seq: int) -> None:
        self.notices.reached.append(seq)

    # --- time -----------------------------------------------------------------------------------

    def step(self) -> None:
        """Move on by ``STEP_S``."""
        self._steps += 1
        self.now_s = self._steps * STEP_S
        self.body.sense()
        match self.navigation.step(self.now_s):
            case Event.STARTED:
                self._put_home(self.where())
            case Event.FAILED:
                lose_position(self)
            case Event.CLEARED if self.is_ekf_action:
                self.is_ekf_action = False
                self.say("EKF Failsafe Cleared", mavlink.MAV_SEVERITY_CRITICAL)
        if self.position_ok:
            watch_fence(self)
        if self.armed:
            self._fly()
        self.body.run_down(flying=not self.landed)

    def _fly(self) -> None:
        maneuver = self._maneuver
        if self.mode == Mode.AUTO:
            if self.auto_armed or not self.landed:
                self.runner.step(self.now_s)
            maneuver = self.runner.maneuver
        if self.landed:
            self._wait_on_ground(maneuver)
        if self.landed:
            return
        contact = self.body.move(self._turned(maneuver.demand(self._situation())))
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

    def _turned(self, demand: Demand) -> Demand:
        """With the nose to what the mount cannot turn to."""
        place = self.mount.turns_vehicle_to
        if place is None:
            return demand
        here = self.where()
        bearing_rad = math.atan2(place.point.east_m - here.east_m, place.point.north_m - here.north_m)
        return replace(demand, yaw_rad=bearing_rad)

    def _wait_on_ground(self, maneuver: Maneuver) -> None:
        armed_for_s = self.now_s - self._armed_s
        patience_s = self.parameters["DISARM_DELAY"]
        if lifts_off(maneuver) and self.auto_armed:
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
            wind_m_s=self.body.wind_m_s,
            position_ok=self.navigation.has_started and not self.navigation.failed,
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
