"""``Vehicle``: one autopilot and all that belongs to it, wired together.

Who calls whom: the link hands messages to identity (who is the vehicle), telemetry (its latest values),
clock (its time against ours) and arbiter (who is in control); commands and missions answer to the arbiter.
The vehicle runs five small tasks of its own and owns no rule: those are in the parts.

``read_only`` sends no order and no mission; asking for telemetry and time stays, or there would be no pose.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from flight.arbiter import Arbiter, RcSwitches
from flight.autopilots import Autopilot
from flight.commands import Commands, Patience
from flight.errors import EmberwatchError
from flight.heartbeat import HeartbeatWatchdog, send_heartbeat
from flight.identity import Identity
from flight.link import Link, LinkError, Message, mavlink
from flight.missions import Kind, Missions
from flight.parameters import ParameterPatience, Parameters
from flight.radio import TelemetryRadio
from flight.signing import Signing
from flight.statustext import WARNING, StatusText
from flight.streams import Streams
from flight.telemetry import Telemetry
from flight.timesync import ClockSync, Reply
from flight.transfer import TransferPatience

log = logging.getLogger(__name__)

COMPONENT_IDS = range(191, 195)  # MAV_COMP_ID_ONBOARD_COMPUTER to …COMPUTER4
STATUS_TEXT_BYTES = 50
VALUE_NAME_BYTES = 10
_TICK_S = 0.1
_KNOCK_S = 1.0


class NoAutopilot(EmberwatchError):  # noqa: N818 - named as what it is
    """No autopilot was heard in time."""


class Vehicle:
    """The facade that the agent uses. Open it with ``async with``; it is good for one opening."""

    def __init__(
        self,
        url: str,
        *,
        component_id: int = 191,
        system_id: int | None = None,
        read_only: bool = False,
        rc: RcSwitches | None = None,
        signing: Signing | None = None,
        patience: Patience | None = None,
        transfer_patience: TransferPatience | None = None,
        parameter_patience: ParameterPatience | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``url``: see ``flight.transports``. ``system_id``: the vehicle's, where known.

        Raises LinkError for an address or an id that cannot be.
        """
        if component_id not in COMPONENT_IDS:
            raise LinkError(f"component {component_id} is no companion computer's", hint="Use 191 to 194.")
        if system_id is not None and not 1 <= system_id <= 250:
            raise LinkError(f"system {system_id} is no vehicle's", hint="Use the autopilot's, 1 to 250.")
        self._now = now
        self.link = Link(url, component_id=component_id, signing=signing, now=now)
        self.telemetry = Telemetry(now)
        self.clock = ClockSync()
        self.radio = TelemetryRadio()
        self.arbiter = Arbiter(read_only=read_only, rc=rc)
        parts = (self.link, self.telemetry, self.arbiter)
        self.commands = Commands(*parts, patience=patience, now=now)
        self.parameters = Parameters(*parts, patience=parameter_patience, now=now)
        transfers = asyncio.Lock()
        self.missions, self.fence, self.rally = (
            Missions(*parts, kind=kind, lock=transfers, patience=transfer_patience, now=now)
            for kind in (Kind.MISSION, Kind.FENCE, Kind.RALLY)
        )
        self._identity = Identity(system_id)
        self._streams = Streams(self.link, self.telemetry, self.commands)
        self._watchdog = HeartbeatWatchdog()
        self._found = asyncio.Event()
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []

        # Order matters: the state is new before anybody who waits for it is told.
        self.link.subscribe(self._heartbeat, "HEARTBEAT")
        others = (name for name in self.telemetry.types if name != "HEARTBEAT")
        self.link.subscribe(self._telemetry, *others)
        self.link.subscribe(self._timesync, "TIMESYNC")
        self.link.subscribe(self.radio.handle, "RADIO_STATUS")
        self.telemetry.on_link.append(self._link_changed)
        self.telemetry.on_reboot.append(self._rebooted)
        self.telemetry.on_status_text.append(self._said)

    async def __aenter__(self) -> Self:
        await self.link.open()
        await self._group.__aenter__()
        loops = (self._beat, self._watch, self._synchronise, self._keep_streams)
        self._tasks = [self._group.create_task(loop()) for loop in loops]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        # The group is told of its own cancellation only: an error of the caller's goes on as it is.
        ours = isinstance(error, asyncio.CancelledError)
        try:
            await self._group.__aexit__(*((kind, error, trace) if ours else (None, None, None)))
        finally:
            self.link.close()

    def feed(self) -> None:
        """The main loop is alive. Without this the heartbeat stops within 3 s."""
        self._watchdog.feed(self._now())

    async def wait_for_autopilot(self, timeout_s: float) -> None:
        """Return once the vehicle's heartbeat was heard; raises NoAutopilot after ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._found.wait()
        except TimeoutError:
            raise NoAutopilot(
                f"no heartbeat from an autopilot on {self.link.url} in {timeout_s:g} s",
                hint="Check that the autopilot is on and that it, or its router, sends to this address.",
            ) from None

    def utc_at(self, boot_s: float) -> datetime | None:
        """GNSS UTC at this time since the autopilot's boot; None before its first fix."""
        return self.telemetry.utc_at(boot_s)

    @property
    def autopilot(self) -> Autopilot:
        """The firmware; raises NoAutopilot where none that we know was heard."""
        if self.telemetry.autopilot is None:
            raise NoAutopilot(
                "the autopilot is neither ArduCopter nor PX4",
                hint="Set read_only = true to watch it without commanding it.",
            )
        return self.telemetry.autopilot

    def tell(self, text: str, severity: int = WARNING) -> None:
        """Say a line to whoever is on the link: the pilot's station shows it (STATUSTEXT, 50 characters)."""
        whole = text.encode()[:STATUS_TEXT_BYTES].decode(errors="ignore")  # a cut may fall inside a letter
        self.link.send(mavlink.MAVLink_statustext_message(severity, whole.encode()))

    def tell_value(self, name: str, value: int | float) -> None:
        """Say a figure to whoever is on the link (NAMED_VALUE_INT or NAMED_VALUE_FLOAT, 10 characters)."""
        boot_s = self.clock.boot_at(self._now()) or 0.0
        boot_ms, whose = round(max(0.0, boot_s) * 1e3) & 0xFFFFFFFF, name.encode()[:VALUE_NAME_BYTES]
        if isinstance(value, int):
            self.link.send(mavlink.MAVLink_named_value_int_message(boot_ms, whose, value))
        else:
            self.link.send(mavlink.MAVLink_named_value_float_message(boot_ms, whose, value))

    @property
    def ground_stations(self) -> frozenset[int]:
        """System ids of ground stations heard on this link."""
        return frozenset(self._identity.ground_stations)

    @property
    def alarms(self) -> tuple[str, ...]:
        """What is wrong with who is on the link, in plain words."""
        alarms = [f"a second autopilot, system {other}" for other in self._identity.others(self._now())]
        if self.link.counts.impostors:
            alarms.append(
                f"another program speaks as system {self.link.system_id} component {self.link.component_id}"
            )
        return tuple(alarms)

    def _heartbeat(self, message: Message, received_s: float) -> None:
        ours = self._identity.heartbeat(
            message.get_srcSystem(),
            message.get_srcComponent(),
            message.type,
            message.autopilot,
            received_s,
        )
        if not ours:
            return
        if self.link.system_id is None:
            self.link.speak_as(message.get_srcSystem())
        self.telemetry.handle(message, received_s)
        telemetry = self.telemetry
        self.arbiter.heartbeat(telemetry.mode, bool(telemetry.armed), received_s, failsafe=telemetry.failsafe)
        self._found.set()

    def _telemetry(self, message: Message, received_s: float) -> None:
        if self.link.from_vehicle(message):
            self.telemetry.handle(message, received_s)
            rc, deaf = self.telemetry.rc, self.telemetry.rc_healthy is False
            # A receiver that hears nothing repeats the last channels: that counts as silence.
            if message.get_type() == "RC_CHANNELS" and rc is not None and not deaf:
                self.arbiter.rc(rc.channels_us, received_s)

    def _said(self, text: StatusText) -> None:
        if text.severity <= WARNING:
            self.arbiter.warned(text.text, text.received_s)

    def _timesync(self, message: Message, received_s: float) -> None:
        if not self.link.from_vehicle(message):
            return
        if self.clock.reply(message.tc1, message.ts1, received_s) is Reply.REBOOT:
            self.telemetry.rebooted(message.tc1 / 1e9)

    def _link_changed(self, linked: bool) -> None:
        if linked:
            self._streams.start_over()
        else:
            self.arbiter.link_lost()

    def _rebooted(self, boot_s: float) -> None:
        expected_s = self.clock.boot_at(self._now())
        if expected_s is not None and abs(expected_s - boot_s) > 1.0:
            self.clock.reset()
        self.arbiter.rebooted()
        self.commands.rebooted()
        self._streams.start_over()

    async def _beat(self) -> None:
        while True:
            if self._watchdog.due(self._now()):
                send_heartbeat(self.link)
            await asyncio.sleep(_TICK_S)

    async def _watch(self) -> None:
        knocked_s = float("-inf")
        while True:
            self.telemetry.tick()
            self.arbiter.tick(self._now())
            if not self._found.is_set() and self._now() - knocked_s >= _KNOCK_S:
                self.link.knock()
                knocked_s = self._now()
            await asyncio.sleep(_TICK_S)

    async def _synchronise(self) -> None:
        while True:
            now_s = self._now()
            if self.telemetry.linked and self.clock.due(now_s):
                self.link.send(mavlink.MAVLink_timesync_message(0, self.clock.ask(now_s)))
            await asyncio.sleep(_TICK_S)

    async def _keep_streams(self) -> None:
        while True:
            if self.telemetry.linked:
                await self._streams.ask(self._now())
            await asyncio.sleep(_TICK_S)
