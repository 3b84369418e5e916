"""One step of a mission, in the form in which it crosses the wire.

``MissionItem`` is ``MISSION_ITEM_INT`` without its addressing: integer degrees, because float32
degrees lose half a metre at 151° E, and heights in metres in whatever ``frame`` says.

The functions below make the steps that a patrol needs; their ``seq`` is 0 until ``Plan.build``
numbers them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

# How far an altitude may differ and still be the same (flight rule 23). ArduPilot cuts altitudes off at the
# centimetre, so the difference can be one whole centimetre and a rounding error of float32 more.
SAME_ALTITUDE_M = 0.0101


class Command(IntEnum):
    """The MAV_CMD numbers that Emberwatch's own plans and patrols are made of."""

    NAV_WAYPOINT = 16
    NAV_LOITER_UNLIM = 17
    NAV_LOITER_TURNS = 18
    NAV_LOITER_TIME = 19
    NAV_RETURN_TO_LAUNCH = 20
    NAV_LAND = 21
    NAV_TAKEOFF = 22
    NAV_SPLINE_WAYPOINT = 82
    NAV_DELAY = 93
    CONDITION_DELAY = 112
    CONDITION_YAW = 115
    DO_JUMP = 177
    DO_CHANGE_SPEED = 178
    DO_SET_ROI_LOCATION = 195
    DO_SET_ROI_NONE = 197
    DO_SET_ROI = 201
    DO_MOUNT_CONTROL = 205
    DO_SET_CAM_TRIGG_DIST = 206
    DO_GIMBAL_MANAGER_PITCHYAW = 1000
    NAV_FENCE_RETURN_POINT = 5000
    NAV_FENCE_POLYGON_VERTEX_INCLUSION = 5001
    NAV_FENCE_POLYGON_VERTEX_EXCLUSION = 5002
    NAV_FENCE_CIRCLE_INCLUSION = 5003
    NAV_FENCE_CIRCLE_EXCLUSION = 5004
    NAV_RALLY_POINT = 5100


class Frame(IntEnum):
    """The MAV_FRAME numbers a mission item may have."""

    GLOBAL = 0  # altitude above sea level
    MISSION = 2  # no position
    GLOBAL_RELATIVE_ALT = 3  # altitude above home
    GLOBAL_INT = 5
    GLOBAL_RELATIVE_ALT_INT = 6
    GLOBAL_TERRAIN_ALT = 10  # altitude above ground
    GLOBAL_TERRAIN_ALT_INT = 11


# The *_INT frames are older names of the same frames; an autopilot may give back the one for the other.
PLAIN_FRAME: Mapping[int, int] = {
    Frame.GLOBAL_INT: Frame.GLOBAL,
    Frame.GLOBAL_RELATIVE_ALT_INT: Frame.GLOBAL_RELATIVE_ALT,
    Frame.GLOBAL_TERRAIN_ALT_INT: Frame.GLOBAL_TERRAIN_ALT,
}

# Commands whose lat_e7/lon_e7 are a place on earth that the vehicle flies to.
FLOWN_TO = frozenset(
    {
        Command.NAV_WAYPOINT,
        Command.NAV_LOITER_UNLIM,
        Command.NAV_LOITER_TURNS,
        Command.NAV_LOITER_TIME,
        Command.NAV_LAND,
        Command.NAV_TAKEOFF,
        Command.NAV_SPLINE_WAYPOINT,
    }
)
# These may leave the place out: they then happen where the vehicle is.
NEEDS_NO_PLACE = frozenset(
    {Command.NAV_TAKEOFF, Command.NAV_LAND, Command.NAV_LOITER_UNLIM, Command.NAV_LOITER_TIME}
)
OF_A_FENCE = frozenset(
    {
        Command.NAV_FENCE_RETURN_POINT,
        Command.NAV_FENCE_POLYGON_VERTEX_INCLUSION,
        Command.NAV_FENCE_POLYGON_VERTEX_EXCLUSION,
        Command.NAV_FENCE_CIRCLE_INCLUSION,
        Command.NAV_FENCE_CIRCLE_EXCLUSION,
    }
)
# Commands that an autopilot keeps with frame, position and altitude; of others it keeps only their params.
HAS_POSITION = (
    FLOWN_TO | OF_A_FENCE | {Command.DO_SET_ROI_LOCATION, Command.DO_SET_ROI, Command.NAV_RALLY_POINT}
)


@dataclass(frozen=True, slots=True)
class MissionItem:
    """One mission item; ``seq`` 0 is home on ArduPilot (see ``flight.plans.qgc.Plan``).

    ``params`` are MAVLink's param1…param4 with the units of the command; NaN means "not given".
    ``alt_m`` is in the datum of ``frame``. ``lat_e7`` and ``lon_e7`` are degrees × 1e7; both 0 means
    "where you are".
    """

    seq: int
    command: int
    frame: int
    params: tuple[float, float, float, float]
    lat_e7: int
    lon_e7: int
    alt_m: float
    autocontinue: bool = True

    @property
    def lat_deg(self) -> float:
        return self.lat_e7 / 1e7

    @property
    def lon_deg(self) -> float:
        return self.lon_e7 / 1e7

    @property
    def is_place(self) -> bool:
        """Whether the vehicle flies to this item's own position."""
        return self.command in FLOWN_TO and (self.lat_e7 != 0 or self.lon_e7 != 0)

    def same_as(self, other: MissionItem) -> bool:
        """Whether an item read back from the autopilot is this one, as far as flight rule 23 asks.

        Compares number and command; and, where the command has a position, frame (a ``*_INT`` frame is
        its plain one), integer position and altitude within 1 cm. Params are left out: autopilots drop
        and round those they do not use; but for the first of a fence's items, which is its size. Item 0 of a
        mission is always the same: the autopilot puts its own home there.
        """
        if self.seq != other.seq:
            return False
        if self.seq == 0 and self.command not in OF_A_FENCE | {Command.NAV_RALLY_POINT}:
            return True
        if self.command != other.command:
            return False
        if self.command in OF_A_FENCE and not math.isclose(
            self.params[0], other.params[0], rel_tol=1e-6, abs_tol=0.01
        ):
            return False
        return self.command not in HAS_POSITION or (
            PLAIN_FRAME.get(self.frame, self.frame) == PLAIN_FRAME.get(other.frame, other.frame)
            and self.lat_e7 == other.lat_e7
            and self.lon_e7 == other.lon_e7
            and math.isclose(self.alt_m, other.alt_m, rel_tol=0.0, abs_tol=SAME_ALTITUDE_M)
        )


def _e7(angle_deg: float) -> int:
    return round(angle_deg * 1e7)


def home_item(lat_deg: float, lon_deg: float, alt_amsl_m: float) -> MissionItem:
    """Item 0 of every list that goes to ArduPilot."""
    nothing = (0.0, 0.0, 0.0, 0.0)
    return MissionItem(0, Command.NAV_WAYPOINT, Frame.GLOBAL, nothing, _e7(lat_deg), _e7(lon_deg), alt_amsl_m)


def takeoff(height_home_m: float) -> MissionItem:
    """Climb straight up to this height above home."""
    nothing = (0.0, 0.0, 0.0, math.nan)
    return MissionItem(0, Command.NAV_TAKEOFF, Frame.GLOBAL_RELATIVE_ALT, nothing, 0, 0, height_home_m)


def waypoint(lat_deg: float, lon_deg: float, height_home_m: float, *, hold_s: float = 0.0) -> MissionItem:
    """Fly here, at this height above home, and stay for ``hold_s``."""
    params = (hold_s, 0.0, 0.0, math.nan)
    return MissionItem(
        0,
        Command.NAV_WAYPOINT,
        Frame.GLOBAL_RELATIVE_ALT,
        params,
        _e7(lat_deg),
        _e7(lon_deg),
        height_home_m,
    )


def ground_speed(speed_m_s: float) -> MissionItem:
    """Fly the rest at this ground speed."""
    return MissionItem(0, Command.DO_CHANGE_SPEED, Frame.MISSION, (1.0, speed_m_s, -1.0, 0.0), 0, 0, 0.0)


def gimbal_pitch(pitch_deg: float) -> MissionItem:
    """Point the camera this far above the horizon (-90: straight down), looking ahead."""
    return MissionItem(
        0, Command.DO_GIMBAL_MANAGER_PITCHYAW, Frame.MISSION, (pitch_deg, 0.0, math.nan, math.nan), 0, 0, 0.0
    )


def return_to_launch() -> MissionItem:
    """Fly home and land."""
    return MissionItem(0, Command.NAV_RETURN_TO_LAUNCH, Frame.MISSION, (0.0, 0.0, 0.0, 0.0), 0, 0, 0.0)
