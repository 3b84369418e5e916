"""Whether the autopilot knows where it is (``ArduCopter/ekf_check.cpp``).

Times are those of ArduCopter 4.6.3 with its EKF3 when SITL's receiver is switched off (SIM_GPS_DISABLE): for
some seconds it goes on by its inertial sensors; then its variances fail it, and later it gives up for good.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import Protocol

from flight.link import mavlink
from hardware.virtual.drone.parameters import Parameters

TRUSTS_ITSELF_S = 8.0  # from the last fix to "EKF variance"
STILL_AIDED_S = 15.0  # … to "stopped aiding", when the position stands still
COMES_BACK_S = 10.0  # from the first fix to "is using GPS"


class Event(Enum):
    """What has just happened."""

    STARTED = auto()
    FAILED = auto()
    CLEARED = auto()


class Speaker(Protocol):
    def say(self, text: str, severity: int = ...) -> None: ...


class Navigation:
    """Fed with the time; ``step`` returns what has happened."""

    def __init__(self, parameters: Parameters, speaker: Speaker, *, first_fix_s: float) -> None:
        self.has_started = False
        self.failed = False  # the EKF failsafe
        self.is_aided = False
        self._parameters = parameters
        self._speaker = speaker
        self._first_fix_s = first_fix_s
        self._now_s = 0.0
        self._fix_s = -math.inf
        self._fixed_since_s = math.inf

    @property
    def has_fix(self) -> bool:
        return self._now_s >= self._first_fix_s and self._parameters["SIM_GPS_DISABLE"] == 0

    @property
    def position_ok(self) -> bool:
        return self.has_started and not self.failed and self.is_aided

    def step(self, now_s: float) -> Event | None:
        self._now_s = now_s
        if self.has_fix:
            self._fix_s = now_s
            self._fixed_since_s = min(self._fixed_since_s, now_s)
        else:
            self._fixed_since_s = math.inf
        if not self.has_started:
            return self._start()
        silent_s = now_s - self._fix_s
        if self.is_aided and silent_s > STILL_AIDED_S:
            self.is_aided = False
            self._speaker.say("EKF3 IMU0 stopped aiding", mavlink.MAV_SEVERITY_WARNING)
        if not self.failed and silent_s > TRUSTS_ITSELF_S and self._parameters["FS_EKF_THRESH"] > 0:
            self.failed = True
            self._speaker.say("EKF variance", mavlink.MAV_SEVERITY_CRITICAL)
            return Event.FAILED
        back = now_s - self._fixed_since_s
        if not self.is_aided and back >= COMES_BACK_S:
            self.is_aided = True
            self._speaker.say("EKF3 IMU0 is using GPS")
        if self.failed and self.is_aided and back >= min(COMES_BACK_S, 1.0):
            self.failed = False
            return Event.CLEARED
        return None

    def _start(self) -> Event | None:
        if not self.has_fix:
            return None
        self.has_started = self.is_aided = True
        self._speaker.say("EKF3 IMU0 is using GPS")
        return Event.STARTED

    def ekf_flags(self) -> int:
        """EKF_STATUS_REPORT."""
        flags = mavlink.EKF_ATTITUDE | mavlink.EKF_VELOCITY_VERT | mavlink.EKF_POS_VERT_ABS
        if self.position_ok:
            flags |= (
                mavlink.EKF_VELOCITY_HORIZ
                | mavlink.EKF_POS_HORIZ_REL
                | mavlink.EKF_POS_HORIZ_ABS
                | mavlink.EKF_PRED_POS_HORIZ_REL
                | mavlink.EKF_PRED_POS_HORIZ_ABS
            )
        elif not self.is_aided:
            flags |= mavlink.EKF_VELOCITY_HORIZ | mavlink.EKF_CONST_POS_MODE
        return int(flags)
