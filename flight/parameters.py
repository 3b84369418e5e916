"""The autopilot's parameters: read by name, written and read back (flight rule 25).

How a value crosses the wire depends on the firmware: ArduPilot casts every value to float, PX4 copies the
bytes of an integer into the float's place. A write has no acknowledgement but the value's echo; where that
gets lost the parameter is read again. Protocol: https://mavlink.io/en/services/parameter.html
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flight.arbiter import Arbiter, Control, NotInControl
from flight.errors import EmberwatchError
from flight.link import AUTOPILOT_COMPONENT, Link, Message, mavlink
from flight.telemetry import Telemetry

log = logging.getLogger(__name__)

_FORMATS = {
    mavlink.MAV_PARAM_TYPE_UINT8: "<B3x",
    mavlink.MAV_PARAM_TYPE_INT8: "<b3x",
    mavlink.MAV_PARAM_TYPE_UINT16: "<H2x",
    mavlink.MAV_PARAM_TYPE_INT16: "<h2x",
    mavlink.MAV_PARAM_TYPE_UINT32: "<I",
    mavlink.MAV_PARAM_TYPE_INT32: "<i",
}
MOST_AT_ONCE = 8


class ParameterError(EmberwatchError):
    """A parameter could not be read or written."""


class ParameterUnansweredError(ParameterError):
    """No answer: the link is bad, or the autopilot has no parameter of this name and does not say so."""


@dataclass(frozen=True, slots=True)
class ParameterPatience:
    """How long to wait for an echo, and how often to ask."""

    echo_s: float = 0.7
    tries: int = 6


class Parameters:
    """The parameters of one vehicle."""

    def __init__(
        self,
        link: Link,
        telemetry: Telemetry,
        arbiter: Arbiter,
        *,
        patience: ParameterPatience | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._telemetry = telemetry
        self._arbiter = arbiter
        self._patience = patience or ParameterPatience()
        self._now = now
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)

    async def read(self, name: str) -> float:
        """The value; raises ParameterUnansweredError."""
        value, _ = await self._ask(name, lambda: self._request(name))
        return value

    async def read_all(self, names: Iterable[str]) -> dict[str, float | None]:
        """Several at once; None where there was no answer. ArduPilot is silent about a name it lacks."""

        async def one(name: str) -> float | None:
            async with self._slots:
                try:
                    return await self.read(name)
                except ParameterUnansweredError:
                    return None

        names = list(names)
        values = await asyncio.gather(*(one(name) for name in names))
        return dict(zip(names, values, strict=True))

    async def write(self, name: str, value: float) -> None:
        """Set a parameter of a disarmed vehicle and see that it took.

        Raises NotInControl (read only, or armed), ParameterUnansweredError, or ParameterError where the
        vehicle keeps another value: out of its range, or read-only there.
        """
        self._permit(name)
        if not math.isfinite(value):
            raise ParameterError(f"{name} is not set: {value} is no number")
        _, kind = await self._ask(name, lambda: self._request(name))
        try:
            wanted, on_wire = _as_kept(value, kind), self._to_wire(value, kind)
        except (struct.error, OverflowError) as error:
            raise ParameterError(
                f"{name} is not set: {value:g} does not fit its type", hint="Look up the parameter's range."
            ) from error

        def send() -> None:
            self._permit(name)  # somebody may have armed it meanwhile
            self._link.send(
                mavlink.MAVLink_param_set_message(
                    self._link.system_id, AUTOPILOT_COMPONENT, name.encode(), on_wire, kind
                )
            )

        is_question = itertools.cycle((False, True))

        def set_or_read() -> None:
            if next(is_question):
                self._request(name)
            else:
                send()

        kept, _ = await self._ask(name, set_or_read, until=lambda kept: _same(kept, wanted))
        if not _same(kept, wanted):
            raise ParameterError(
                f"{name} is {kept:g} and not {value:g}: the autopilot does not take that value",
                hint="Look up the parameter's range.",
            )
        log.info("%s is %g", name, kept)

    def _permit(self, name: str) -> None:
        if self._arbiter.control == Control.READ_ONLY.value:
            raise NotInControl(f"{name} is not set (read only): {self._arbiter.reason}")
        if self._telemetry.armed is not False:
            raise NotInControl(f"{name} is not set: the vehicle is armed", hint="Land and disarm it first.")

    async def _ask(
        self, name: str, send: Callable[[], None], until: Callable[[float], bool] = lambda _: True
    ) -> tuple[float, int]:
        """Send until the parameter's value is heard and as wanted; the last value heard, and its type."""
        heard: tuple[float, int] | None = None
        with self._link.expect("PARAM_VALUE", where=lambda message: _id(message) == name) as values:
            for _ in range(self._patience.tries):
                send()
                deadline_s = self._now() + self._patience.echo_s
                while (left_s := deadline_s - self._now()) > 0:
                    message = await values.next(left_s)
                    if message is None:
                        break
                    heard = self._from_wire(message), message.param_type
                    if until(heard[0]):
                        return heard
        if heard is None:
            raise ParameterUnansweredError(
                f"the autopilot does not tell {name}", hint="Check the link; it may have no such parameter."
            )
        return heard

    def _request(self, name: str) -> None:
        self._link.send(
            mavlink.MAVLink_param_request_read_message(
                self._link.system_id, AUTOPILOT_COMPONENT, name.encode(), -1
            )
        )

    @property
    def _cast(self) -> bool:
        autopilot = self._telemetry.autopilot
        return autopilot is None or autopilot.parameters_are_cast

    def _from_wire(self, message: Message) -> float:
        value: float = message.param_value
        if self._cast or message.param_type not in _FORMATS:
            return value
        # Of the packet's own bytes: some integers are NaNs as floats, and a NaN's bits do not last.
        return float(struct.unpack_from(_FORMATS[message.param_type], _payload(message))[0])

    def _to_wire(self, value: float, kind: int) -> float:
        if self._cast or kind not in _FORMATS:
            return value
        copied = struct.pack(_FORMATS[kind], round(value))
        on_wire = float(struct.unpack("<f", copied)[0])
        if struct.pack("<f", on_wire) != copied:
            raise OverflowError  # an integer whose float is a NaN that does not last
        return on_wire


def _payload(message: Message) -> bytes:
    raw = bytes(message.get_msgbuf())
    return raw[10 if raw[0] == mavlink.PROTOCOL_MARKER_V2 else 6 :]


def _as_kept(value: float, kind: int) -> float:
    """What a parameter of this type makes of a value. Raises where it does not fit."""
    if kind in _FORMATS:
        struct.pack(_FORMATS[kind], round(value))
        return float(round(value))
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def _same(kept: float, wanted: float) -> bool:
    return math.isclose(kept, wanted, rel_tol=1e-6, abs_tol=1e-9)


def _id(message: Message) -> str:
    name = message.param_id
    return name.rstrip("\0") if isinstance(name, str) else name.decode(errors="replace").rstrip("\0")
