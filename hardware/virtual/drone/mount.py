"""The camera's mount, as ArduPilot commands it (``AP_Mount.cpp``, ``AP_Mount_Backend.cpp``).

Anybody's order moves it: DO_GIMBAL_MANAGER_CONFIGURE only notes who is "in control". A mount without a pan
axis (MNT1_YAW_MIN not below MNT1_YAW_MAX) lets the whole vehicle turn to the place it is to look at.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from flight.link import mavlink
from flight.plans.items import Command, MissionItem
from hardware.virtual.drone.body import Body
from hardware.virtual.drone.maneuvers import Place
from hardware.virtual.drone.parameters import Parameters

NEUTRAL, TARGETING, PILOT, AT_PLACE = 1, 2, 3, 4  # MAV_MOUNT_MODE
ACCEPTED: int = mavlink.MAV_RESULT_ACCEPTED
FAILED: int = mavlink.MAV_RESULT_FAILED


class Mount:
    """Points the gimbal of a body."""

    def __init__(self, body: Body, parameters: Parameters, place_of: Callable[[MissionItem], Place]) -> None:
        self.control = (0, 0)  # system and component "in control"
        self.control_is_new = False
        self.body = body
        self._parameters = parameters
        self._place_of = place_of
        self._mode = NEUTRAL
        self.read_limits()
        self.to_default()

    def read_limits(self) -> None:
        """The limits in the parameters may have changed."""
        names = ("MNT1_PITCH_MIN", "MNT1_PITCH_MAX", "MNT1_YAW_MIN", "MNT1_YAW_MAX")
        low, high, left, right = (math.radians(self._parameters[name]) for name in names)
        self.body.gimbal.pitch_limits_rad, self.body.gimbal.yaw_limits_rad = (low, high), (left, right)

    def to_default(self) -> None:
        """The mode in MNT1_DEFLT_MODE, as at boot and when AUTO is left."""
        self._to(int(self._parameters["MNT1_DEFLT_MODE"]))

    def _to(self, mode: int) -> None:
        self._mode = mode
        if mode == TARGETING:
            self.body.look_at(None)  # and keeps looking where it looks
            return
        low, high = (math.degrees(limit) for limit in self.body.gimbal.pitch_limits_rad)
        self.body.point_camera((low + high) / 2 if mode == PILOT else 0.0, 0.0)

    @property
    def fitted(self) -> bool:
        """Whether there is one at all."""
        return self._parameters["MNT1_TYPE"] != 0

    @property
    def turns_vehicle_to(self) -> Place | None:
        """What the vehicle's nose has to point at, because the mount cannot."""
        return None if self.body.gimbal.pans else self.body.roi

    def order(self, item: MissionItem, sender: tuple[int, int] = (0, 0)) -> int:
        """A command or a mission's "do" item; the MAV_RESULT of it."""
        match item.command:
            case Command.DO_SET_ROI_LOCATION | Command.DO_SET_ROI:
                return self._look_at(item)
            case Command.DO_SET_ROI_NONE:
                return self._look_ahead()
            case Command.DO_GIMBAL_MANAGER_PITCHYAW:
                return self._pitch_yaw(item)
            case Command.DO_MOUNT_CONTROL:
                return self._mount_control(item)
            case mavlink.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE:
                return self._configure(item, sender)
        return int(mavlink.MAV_RESULT_UNSUPPORTED)

    def _look_at(self, item: MissionItem) -> int:
        if (
            abs(item.lat_e7) > 900_000_000
            or abs(item.lon_e7) > 1_800_000_000
            or not math.isfinite(item.alt_m)
        ):
            return FAILED
        if (item.lat_e7, item.lon_e7, item.alt_m) == (0, 0, 0.0):
            return self._look_ahead()
        self._mode = AT_PLACE
        self.body.look_at(self._place_of(item))
        return ACCEPTED

    def _look_ahead(self) -> int:
        if self._mode == AT_PLACE:
            self.to_default()
        return ACCEPTED

    def _pitch_yaw(self, item: MissionItem) -> int:
        flags = item.lat_e7
        if flags & (mavlink.GIMBAL_MANAGER_FLAGS_RETRACT | mavlink.GIMBAL_MANAGER_FLAGS_NEUTRAL):
            self._to(NEUTRAL)
            return ACCEPTED
        pitch, yaw, pitch_rate, yaw_rate = item.params
        locked = bool(flags & mavlink.GIMBAL_MANAGER_FLAGS_YAW_LOCK)
        if math.isfinite(pitch) and math.isfinite(yaw):
            self.body.point_camera(pitch, yaw, yaw_is_locked=locked)
        elif math.isfinite(pitch_rate) and math.isfinite(yaw_rate):
            self.body.turn_camera(pitch_rate, yaw_rate, yaw_is_locked=locked)
        else:
            return ACCEPTED if all(math.isnan(value) for value in item.params) else FAILED
        self._mode = TARGETING
        return ACCEPTED

    def _mount_control(self, item: MissionItem) -> int:
        mode = item.alt_m
        if mode in (mavlink.MAV_MOUNT_MODE_RETRACT, NEUTRAL, PILOT):
            self._to(NEUTRAL if mode == mavlink.MAV_MOUNT_MODE_RETRACT else int(mode))
            return ACCEPTED
        if mode != TARGETING:
            return FAILED
        pitch, roll, yaw, _ = item.params
        if not (abs(pitch) <= 90 and abs(roll) <= 180 and abs(yaw) <= 360):
            return FAILED
        self._mode = TARGETING
        self.body.point_camera(pitch, yaw)
        return ACCEPTED

    def _configure(self, item: MissionItem, sender: tuple[int, int]) -> int:
        system, component = item.params[:2]
        if not (-3 <= system <= 255 and -3 <= component <= 255):
            return FAILED
        before = self.control
        match int(system):
            case -1:
                pass
            case -2:
                self.control = sender
            case -3:
                self.control = (0, 0) if self.control == sender else self.control
            case _:
                self.control = (int(system), int(component) % 256)
        self.control_is_new = self.control_is_new or self.control != before
        return ACCEPTED
