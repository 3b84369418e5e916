"""The command protocol: each command is acknowledged, and its refusals are different errors.

``ask`` sends what changes nothing in flight (message intervals, requests for a message). ``order`` sends what
does, and passes the arbiter before every try, so that a retry under way stops when the pilot takes over: what
has arrived until then is read first, so that no try overtakes the news of it.
Acknowledgements are matched on command, source and target; one command of a kind is in flight at a time
(flight rule 16). Orders go out three times at most, by the protocol's own retries (flight rule 20).
Protocol: https://mavlink.io/en/services/command.html
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from flight.arbiter import Arbiter
from flight.errors import EmberwatchError
from flight.link import AUTOPILOT_COMPONENT, Inbox, Link, Message, mavlink
from flight.telemetry import Telemetry


class CommandError(EmberwatchError):
    """A command was not carried out; ``texts`` is what the autopilot said about it."""

    def __init__(
        self, message: str, *, hint: str = "", texts: tuple[str, ...] = (), retried: bool = False
    ) -> None:
        said = "".join(f' ("{text}")' for text in texts)
        super().__init__(message + said, hint=hint)
        self.texts = texts
        self.retried = retried
        """Another try went before, unanswered: that one may have been carried out, and this one refused for
        exactly that reason."""


class CommandLaterError(CommandError):
    """TEMPORARILY_REJECTED: not now."""


class CommandDeniedError(CommandError):
    """DENIED: not in this state, or not with these parameters."""


class CommandUnsupportedError(CommandError):
    """UNSUPPORTED: this autopilot does not know the command, or not in this form."""


class CommandFailedError(CommandError):
    """FAILED, CANCELLED or a result newer than this table."""


class CommandRefusedError(CommandError):
    """It was never sent: the vehicle may not go there, or the order makes no sense."""


class CommandUnansweredError(CommandError):
    """No acknowledgement came. Whether it ran is not known."""


class CommandUnconfirmedError(CommandError):
    """It was accepted, but the vehicle's state does not show it."""


_REFUSALS: dict[int, tuple[type[CommandError], str]] = {
    mavlink.MAV_RESULT_TEMPORARILY_REJECTED: (CommandLaterError, "refused for now"),
    mavlink.MAV_RESULT_DENIED: (CommandDeniedError, "denied"),
    mavlink.MAV_RESULT_UNSUPPORTED: (CommandUnsupportedError, "not supported"),
    mavlink.MAV_RESULT_COMMAND_INT_ONLY: (CommandUnsupportedError, "only supported as COMMAND_INT"),
    mavlink.MAV_RESULT_COMMAND_LONG_ONLY: (CommandUnsupportedError, "only supported as COMMAND_LONG"),
    mavlink.MAV_RESULT_FAILED: (CommandFailedError, "failed"),
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what."""

    ack_s: float = 0.7
    tries: int = 3
    progress_s: float = 5.0  # from one IN_PROGRESS to the next
    texts_s: float = 0.3  # a refusal's reason may come just after it
    state_s: float = 4.0  # heartbeats come once a second and may get lost
    takeoff_s: float = 60.0


class CommandProtocol:
    """Sends commands to one vehicle over one link. One command of a kind is in flight at a time."""

    def __init__(
        self,
        link: Link,
        telemetry: Telemetry,
        arbiter: Arbiter,
        *,
        patience: Patience | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._telemetry = telemetry
        self._arbiter = arbiter
        self._patience = patience or Patience()
        self._now = now
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ask(self, command: int, *params: float) -> None:
        """Send a command that changes nothing in flight; raises a CommandError unless it is accepted."""
        await self._send(command, self._long(command, params), lambda: None)

    async def order(self, command: int, *params: float) -> None:
        """Send a command that acts on the flight; raises NotInControl, or a CommandError as ``ask`` does."""
        await self._send(command, self._long(command, params), self._permit)

    async def order_at(
        self,
        command: int,
        frame: int,
        lat_deg: float,
        lon_deg: float,
        alt_m: float,
        params: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    ) -> None:
        """Send an order about a place, as COMMAND_INT: float32 degrees lose half a metre (flight rule 18).

        ``alt_m`` is in the datum of ``frame``. Raises as ``order`` does; a place that cannot be meant
        (0/0, off the globe, not a number) raises CommandError before anything is sent.
        """
        refuse_no_place(command, lat_deg, lon_deg, alt_m)
        lat_e7, lon_e7 = round(lat_deg * 1e7), round(lon_deg * 1e7)

        def build(_confirmation: int) -> Message:
            return mavlink.MAVLink_command_int_message(
                self._target, AUTOPILOT_COMPONENT, frame, command, 0, 0, *params, lat_e7, lon_e7, alt_m
            )

        await self._send(command, build, self._permit)

    async def set_message_interval(self, message_type: str, rate_hz: float) -> None:
        """Ask for a message (``"ATTITUDE"``) this often; raises a CommandError unless it is accepted."""
        await self.ask(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, _number_of(message_type), round(1e6 / rate_hz))

    async def request_message(self, message_type: str) -> None:
        """Ask for one message now; raises a CommandError unless it is accepted."""
        await self.ask(mavlink.MAV_CMD_REQUEST_MESSAGE, _number_of(message_type))

    def _permit(self) -> None:
        """Raise NotInControl unless the agent may command the vehicle now, not only as of the last tick."""
        self._arbiter.tick(self._now())
        self._arbiter.require()

    @property
    def _target(self) -> int:
        if self._link.system_id is None:
            raise CommandUnansweredError("there is no autopilot to command", hint="Wait for its heartbeat.")
        return self._link.system_id

    def _long(self, command: int, params: tuple[float, ...]) -> Callable[[int], Message]:
        seven = (*params, *(0.0,) * (7 - len(params)))
        return lambda confirmation: mavlink.MAVLink_command_long_message(
            self._target, AUTOPILOT_COMPONENT, command, confirmation, *seven
        )

    async def _send(
        self, command: int, build: Callable[[int], Message], permitted: Callable[[], None]
    ) -> None:
        def ours(ack: Message) -> bool:
            return ack.command == command and (ack.target_system, ack.target_component) in (
                (self._link.system_id, self._link.component_id),
                (0, 0),  # autopilots from before the acknowledgement had a target
            )

        async with self._locks[command]:
            started_s = self._now()
            with self._link.expect("COMMAND_ACK", where=ours) as acks:
                result, confirmation = await self._result(command, build, permitted, acks)
            if result == mavlink.MAV_RESULT_ACCEPTED:
                return
            await asyncio.sleep(self._patience.texts_s)
            kind, words = _REFUSALS.get(result, (CommandFailedError, f"ended with result {result}"))
            raise kind(
                f"{command_name(command)} {words}", texts=self._texts(started_s), retried=confirmation > 0
            )

    async def _result(
        self, command: int, build: Callable[[int], Message], permitted: Callable[[], None], acks: Inbox
    ) -> tuple[int, int]:
        """The result, and how many tries had stayed unanswered before it came."""
        for confirmation in range(self._patience.tries):
            await self._link.caught_up()
            permitted()
            self._link.send(build(confirmation))
            ack = await acks.next(self._patience.ack_s)
            while ack is not None and ack.result == mavlink.MAV_RESULT_IN_PROGRESS:
                ack = await acks.next(self._patience.progress_s)
                if ack is None:
                    raise CommandUnansweredError(
                        f"{command_name(command)} was begun, and nothing more was heard of it"
                    )
            if ack is not None:
                return int(ack.result), confirmation
        raise CommandUnansweredError(
            f"no answer to {command_name(command)} after {self._patience.tries} tries",
            hint="Whether it ran is not known; check the link and the vehicle.",
        )

    def _texts(self, since_s: float) -> tuple[str, ...]:
        recent = (text for text in self._telemetry.status_texts if text.received_s >= since_s)
        return tuple(dict.fromkeys(text.text for text in recent))


def command_name(command: int) -> str:
    """``NAV_TAKEOFF`` and the like."""
    entry = mavlink.enums["MAV_CMD"].get(command)
    return str(entry.name).removeprefix("MAV_CMD_") if entry else f"command {command}"


def refuse_no_place(command: int, lat_deg: float, lon_deg: float, alt_m: float) -> None:
    """Raise CommandRefusedError for what cannot be meant: 0/0, off the globe, not a number."""
    on_globe = abs(lat_deg) <= 90 and abs(lon_deg) <= 180 and math.isfinite(alt_m)
    if not on_globe or (lat_deg == 0 and lon_deg == 0):
        raise CommandRefusedError(
            f"{command_name(command)} to {lat_deg}, {lon_deg} at {alt_m} m was not sent: no place"
        )


def _number_of(message_type: str) -> int:
    number: int = getattr(mavlink, f"MAVLINK_MSG_ID_{message_type}")
    return number
