"""The virtual autopilot's parameters: those of ArduCopter 4.6 that this stand-in acts on, or is asked for.

Names, types, units and defaults are ArduCopter's (``ArduCopter/Parameters.cpp``, 4.6), but for a faster
cruise and climb, which are a camera drone's. As with ArduPilot, values travel as float32 whatever their
type (flight rule 25).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flight.errors import EmberwatchError

INT8, INT16, INT32, REAL32 = 2, 4, 6, 9  # MAV_PARAM_TYPE
_RANGE = {INT8: (-128, 127), INT16: (-32768, 32767), INT32: (-(2**31), 2**31 - 1)}

# In ArduPilot's own order: the index of a parameter is its place in this table.
DEFAULTS: Mapping[str, tuple[int, float]] = {
    "SYSID_THISMAV": (INT16, 1),
    "SYSID_MYGCS": (INT16, 255),
    "RTL_ALT": (INT32, 3000),  # cm above home
    "RTL_CONE_SLOPE": (REAL32, 3.0),
    "RTL_ALT_FINAL": (INT16, 0),
    "RTL_LOIT_TIME": (INT32, 5000),  # ms
    "FS_GCS_ENABLE": (INT8, 0),
    "FS_THR_ENABLE": (INT8, 1),
    "LAND_SPEED": (INT16, 50),  # cm/s
    "DISARM_DELAY": (INT8, 10),  # s
    "ARMING_CHECK": (INT32, 1),
    "BATT_CAPACITY": (INT32, 10000),  # mAh
    "FENCE_ENABLE": (INT8, 0),
    "MIS_TOTAL": (INT16, 0),
    "MIS_RESTART": (INT8, 0),
    "MIS_OPTIONS": (INT8, 0),
    "WPNAV_SPEED": (REAL32, 1200.0),  # cm/s; ArduCopter: 1000
    "WPNAV_RADIUS": (REAL32, 200.0),  # cm
    "WPNAV_SPEED_UP": (REAL32, 450.0),  # cm/s; ArduCopter: 250
    "WPNAV_SPEED_DN": (REAL32, 250.0),  # cm/s; ArduCopter: 150
    "FS_OPTIONS": (INT32, 16),  # bit 4: a lost ground station does not disturb a pilot who flies
    "FS_GCS_TIMEOUT": (REAL32, 5.0),  # s
}


class ParameterError(EmberwatchError):
    """A configuration names a parameter that the virtual autopilot does not have."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of the table, as PARAM_VALUE tells it."""

    name: str
    value: float
    type: int
    index: int


class Parameters:
    """The table. Values are what float32 and the parameter's type leave of them."""

    def __init__(self, overrides: Mapping[str, float] = {}) -> None:
        self._values = {name: float(value) for name, (_, value) in DEFAULTS.items()}
        for name, value in overrides.items():
            if self.set(name, value) is None:
                raise ParameterError(f"the virtual autopilot has no parameter {name!r}")

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[Parameter]:
        for index, name in enumerate(self._values):
            yield self._row(name, index)

    def get(self, name: str = "", index: int = -1) -> Parameter | None:
        """By index, or by name where the index is -1, as PARAM_REQUEST_READ asks; None if there is none."""
        names = list(self._values)
        if 0 <= index < len(names):
            return self._row(names[index], index)
        return self._row(name, names.index(name)) if index == -1 and name in self._values else None

    def set(self, name: str, value: float) -> Parameter | None:
        """Store what the type leaves of the value; None where there is no such parameter."""
        if name not in self._values:
            return None
        kind = DEFAULTS[name][0]
        if kind == REAL32:
            (self._values[name],) = struct.unpack("<f", struct.pack("<f", value))
        else:
            low, high = _RANGE[kind]
            self._values[name] = float(max(low, min(high, round(value))))
        return self.get(name)

    def _row(self, name: str, index: int) -> Parameter:
        return Parameter(name, self._values[name], DEFAULTS[name][0], index)
