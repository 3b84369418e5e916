"""The virtual autopilot's parameters: those of ArduCopter 4.6 that this stand-in acts on, or is asked for.

Names, types and defaults are in ``parameter_defaults``. As with ArduPilot, values travel as float32 whatever
their type (flight rule 25), and a whole number is what is left when its fraction is cut off.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flight.errors import EmberwatchError
from hardware.virtual.drone.parameter_defaults import DEFAULTS, INT8, INT16, INT32, REAL32

_RANGE = {INT8: (-128, 127), INT16: (-32768, 32767), INT32: (-(2**31), 2**31 - 1)}


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
        """Store what the type leaves of the value; None where there is no such parameter, or no value."""
        if name not in self._values or not math.isfinite(value):
            return None
        kind = DEFAULTS[name][0]
        if kind == REAL32:
            (self._values[name],) = struct.unpack("<f", struct.pack("<f", value))
        else:
            low, high = _RANGE[kind]
            self._values[name] = float(max(low, min(high, _whole(value))))
        return self.get(name)

    def _row(self, name: str, index: int) -> Parameter:
        return Parameter(name, self._values[name], DEFAULTS[name][0], index)


def _whole(value: float) -> int:
    """As ``AP_Param::set_float`` casts: towards zero, but for a hundredth."""
    return int(value + math.copysign(0.01, value))
