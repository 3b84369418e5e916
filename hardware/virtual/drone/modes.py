"""ArduCopter's flight modes, those of them that this stand-in has."""

from __future__ import annotations

from enum import IntEnum


class Mode(IntEnum):
    """ArduCopter's numbers (``ArduCopter/mode.h``)."""

    STABILIZE = 0
    ALT_HOLD = 2
    AUTO = 3
    GUIDED = 4
    LOITER = 5
    RTL = 6
    LAND = 9
    BRAKE = 17


NEEDS_POSITION = frozenset({Mode.AUTO, Mode.GUIDED, Mode.LOITER, Mode.RTL, Mode.BRAKE})
ARMABLE = frozenset({Mode.STABILIZE, Mode.ALT_HOLD, Mode.GUIDED, Mode.LOITER})
# Modes in which DO_CHANGE_SPEED works (``set_speed_xy``).
HAS_SPEED = frozenset({Mode.AUTO, Mode.GUIDED, Mode.RTL})
