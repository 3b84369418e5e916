"""The mission aboard, as ArduPilot keeps it (``AP_Mission.cpp``, ``MissionItemProtocol_Waypoints.cpp``).

- Items are stored as they come, over the old ones: an upload that breaks off leaves a mixture.
- Item 0 is home, whatever was sent, and an item keeps only what its command uses: of a "do" command no frame,
  of altitudes whole centimetres, of a waypoint only the time to wait.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import replace

from flight.link import mavlink
from flight.plans.items import HAS_POSITION, Command, Frame, MissionItem
from hardware.virtual.drone.mission_server import Say

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


class MissionStore:
    """Holds the mission (``items``, home as item 0)."""

    kind: int = mavlink.MAV_MISSION_TYPE_MISSION
    name = "Mission"
    most = 724  # what ArduCopter's storage holds on common boards

    def __init__(self, home: Callable[[], MissionItem], changed: Callable[[], None], say: Say) -> None:
        """``home`` is asked when item 0 is read; ``changed`` is called after a whole upload and a clear."""
        self.items: list[MissionItem] = []
        self.is_flown: Callable[[], bool] = lambda: False  # a mission that is flown is not cleared
        self._home = home
        self._changed = changed
        self._say = say

    def begin(self, count: int) -> None:
        del self.items[count:]

    def put(self, item: MissionItem) -> int | None:
        fault = _fault(item)
        if fault is None:
            self.items[item.seq : item.seq + 1] = [_as_kept(item)]
        return fault

    def finish(self) -> int:
        self._changed()
        self._say("Flight plan received", mavlink.MAV_SEVERITY_INFO)
        return int(mavlink.MAV_MISSION_ACCEPTED)

    def clear(self) -> bool:
        if self.is_flown():
            return False
        self.items.clear()
        self._changed()
        return True

    def item(self, seq: int) -> MissionItem:
        """0 is always home."""
        return self._home() if seq == 0 else self.items[seq]

    def beyond(self, seq: int) -> int:  # noqa: ARG002
        return int(mavlink.MAV_MISSION_ERROR)


# The only params that may be NaN (``AP_Mission::sanity_check_params``): these items' yaw.
_YAW_MAY_BE_NAN = frozenset(
    {Command.NAV_WAYPOINT, Command.NAV_LOITER_UNLIM, Command.NAV_LAND, Command.NAV_TAKEOFF}
)
_INVALID = (
    mavlink.MAV_MISSION_INVALID_PARAM1,
    mavlink.MAV_MISSION_INVALID_PARAM2,
    mavlink.MAV_MISSION_INVALID_PARAM3,
    mavlink.MAV_MISSION_INVALID_PARAM4,
)


def _bad_param(item: MissionItem) -> int | None:
    for index, value in enumerate(item.params):
        yaw = index == 3 and item.command in _YAW_MAY_BE_NAN
        if math.isinf(value) or (math.isnan(value) and not yaw):
            return int(_INVALID[index])
    return None


def _fault(item: MissionItem) -> int | None:
    """The MAV_MISSION_RESULT that refuses this item, if any."""
    result = _bad_param(item)
    if result is not None:
        return result
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
    is_pitch_yaw = item.command == Command.DO_GIMBAL_MANAGER_PITCHYAW
    params = tuple(
        value if index in kept and math.isfinite(value) else 0.0 for index, value in enumerate(item.params)
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
