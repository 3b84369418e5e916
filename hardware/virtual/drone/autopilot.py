"""A virtual ArduCopter: a stand-in for the demo and the tests, not for ArduPilot.

It flies a simple multicopter (``dynamics``) by ArduCopter's rules as far as Emberwatch meets them: modes,
arming, take-off, missions, failsafe, and the MAVLink that goes with these, down to the refusals. Where it
and real ArduPilot differ, this one is wrong. It has one ground-station link and no other sensors than those
it reports; fences, rally points, sticks, rate commands to the gimbal and streamed set-points are left out.

The core (``VirtualAutopilot.receive`` and ``advance``) has no clock and no socket: bytes and a time go in,
bytes come out, and equal seeds and orders make equal flights. ``run`` gives it both. Everything inside is
counted in simulation time, which is ``speed`` times the wall's.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flight.errors import EmberwatchError
from flight.link import Codec, Endpoint, mavlink
from hardware.virtual.drone.body import STEP_S, Body, Site
from hardware.virtual.drone.commands import Commands
from hardware.virtual.drone.copter import Mode, VirtualCopter
from hardware.virtual.drone.failsafe import GroundStationFailsafe
from hardware.virtual.drone.parameters import Parameter, Parameters
from hardware.virtual.drone.reports import Reports, truth_messages
from hardware.virtual.drone.sensors import SensorErrors
from hardware.virtual.drone.streams import Streams

log = logging.getLogger(__name__)

TEXT_CHUNK = 50
TIMESYNC_PERIOD_S = 10.0
PREARM_PERIOD_S = 30.0
LONGEST_CATCH_UP_S = 2.0  # of wall time: a machine that slept longer did not fly meanwhile
MISSION_MESSAGES = frozenset(
    {
        "MISSION_COUNT",
        "MISSION_ITEM_INT",
        "MISSION_ITEM",
        "MISSION_REQUEST_LIST",
        "MISSION_REQUEST_INT",
        "MISSION_REQUEST",
        "MISSION_CLEAR_ALL",
    }
)


class VirtualDroneError(EmberwatchError):
    """The virtual drone cannot be started as configured."""


@dataclass(frozen=True, slots=True)
class VirtualDroneConfig:
    """One virtual drone. Home is where it stands, facing ``heading_deg``.

    ``out`` is where the autopilot sends to, and where its orders come back from. ``truth_out`` are for
    virtual hardware only: where the drone *really* is, 50 times a second. ``ground_amsl_m`` is the height
    of the ground at (latitude, longitude); without it the ground is flat at ``home_alt_amsl_m``.
    """

    out: str = "udpout:127.0.0.1:14550"
    truth_out: tuple[str, ...] = ()
    home_lat_deg: float = -35.363262
    home_lon_deg: float = 149.165237
    home_alt_amsl_m: float = 584.0
    ground_amsl_m: Callable[[float, float], float] | None = None
    heading_deg: float = 353.0
    seed: int = 1
    speed: float = 1.0
    wind_m_s: float = 3.0
    wind_from_deg: float = 280.0
    gust_m_s: float = 0.5
    errors: SensorErrors = field(default_factory=SensorErrors)
    first_fix_s: float = 4.0
    utc_at_boot_s: float | None = None  # Unix time; None is now
    parameters: Mapping[str, float] = field(default_factory=dict)


async def fly(config: VirtualDroneConfig) -> None:
    """Fly a virtual drone until cancelled. Raises ``VirtualDroneError`` when it cannot be started."""
    await VirtualAutopilot(config).run()


class VirtualAutopilot:
    """The autopilot: ``receive`` what comes, ``advance`` the time; ``send``, ``send_truth`` carry it out."""

    def __init__(
        self,
        config: VirtualDroneConfig,
        *,
        send: Callable[[bytes], None] = lambda _: None,
        send_truth: Callable[[bytes], None] | None = None,
    ) -> None:
        if not 0.0 < config.speed <= 100.0:
            raise VirtualDroneError(f"a virtual drone cannot fly at {config.speed} times real time")
        self._config = config
        self.send = send
        self.send_truth = send_truth
        self.boot_ns: Callable[[], int] = lambda: round(self.copter.now_s * 1e9)
        self.parameters = Parameters(config.parameters)
        self.copter = VirtualCopter(
            Body(
                _site(config),
                config.errors,
                battery_mah=self.parameters["BATT_CAPACITY"],
                seed=config.seed,
            ),
            self.parameters,
            first_fix_s=config.first_fix_s,
        )
        self._failsafe = GroundStationFailsafe(self.copter)
        utc_s = time.time() if config.utc_at_boot_s is None else config.utc_at_boot_s
        reports = Reports(self.copter, self._failsafe, utc_at_boot_s=utc_s)
        self._streams = Streams(reports.by_id)
        self._commands = Commands(self.copter, self._streams)
        self._codec = Codec()
        self._truth_codec = Codec()
        self._own_system = 0
        self._take_own_system()
        self._text_ids = itertools.cycle(range(1, 65536))
        self._sync_sent_ns = 0
        self._next_sync_s = 0.0
        self._next_prearm_s = 0.0
        self.copter.say("ArduCopter V4.6.3, a virtual stand-in")

    def pilot_sets_mode(self, name: str) -> bool:
        """The pilot turns the mode switch of the transmitter: ``STABILIZE``, ``LOITER``, ``RTL``, …"""
        return self.copter.set_mode(Mode[name])

    # --- messages -------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """One datagram from the link."""
        for message in self._codec.decode(data):
            if message.get_srcSystem() == self._own_system and message.get_srcComponent() == 1:
                continue
            if getattr(message, "target_system", 0) in (0, self._own_system) and getattr(
                message, "target_component", 0
            ) in (0, 1):
                self._handle(message)
        self._tell_notices()

    def _handle(self, message: Any) -> None:
        sender = (message.get_srcSystem(), message.get_srcComponent())
        match message.get_type():
            case "HEARTBEAT" if sender[0] == self.parameters["SYSID_MYGCS"]:
                self._failsafe.heard()
            case "TIMESYNC" if message.tc1 == 0:
                self._transmit(mavlink.MAVLink_timesync_message(self.boot_ns(), message.ts1))
            case "COMMAND_LONG" | "COMMAND_INT":
                self._acknowledge(message.command, self._commands.handle(message), sender)
            case "SET_MODE":
                result = self._commands.set_mode(message.base_mode, message.custom_mode)
                self._acknowledge(mavlink.MAVLINK_MSG_ID_SET_MODE, result, sender)
            case "MISSION_SET_CURRENT":
                self._commands.set_current(message.seq)
                self._flush_extra()
            case "PARAM_REQUEST_LIST" | "PARAM_REQUEST_READ" | "PARAM_SET":
                self._handle_parameter(message)
            case name if name in MISSION_MESSAGES:
                is_flown = self.copter.runner.is_running
                for reply in self.copter.mission.handle(message, self.copter.now_s, is_flown=is_flown):
                    self._transmit(reply)

    def _acknowledge(self, command: int, result: int, sender: tuple[int, int]) -> None:
        self._tell_notices()  # the text why comes before the refusal, as from ArduPilot
        self._transmit(mavlink.MAVLink_command_ack_message(command, result, 0, 0, *sender))
        self._flush_extra()

    def _flush_extra(self) -> None:
        for message in self._commands.extra:
            self._transmit(message)
        self._commands.extra.clear()

    def _handle_parameter(self, message: Any) -> None:
        match message.get_type():
            case "PARAM_REQUEST_LIST":
                for row in self.parameters:
                    self._tell_parameter(row)
            case "PARAM_REQUEST_READ":
                self._tell_parameter(self.parameters.get(message.param_id, message.param_index))
            case "PARAM_SET":
                self._tell_parameter(self.parameters.set(message.param_id, message.param_value))
                self._take_own_system()

    def _tell_parameter(self, row: Parameter | None) -> None:
        if row is not None:  # ArduPilot says nothing about a parameter it does not have
            self._transmit(
                mavlink.MAVLink_param_value_message(
                    row.name.encode(), row.value, row.type, len(self.parameters), row.index
                )
            )

    def _take_own_system(self) -> None:
        """SYSID_THISMAV is who it is, from the moment it is set."""
        system = int(self.parameters["SYSID_THISMAV"])
        if system != self._own_system:
            self._own_system = system
            self._encoder, self._truth_encoder = Codec(system, 1), Codec(system, 1)

    def _transmit(self, message: Any) -> None:
        self.send(self._encoder.encode(message))

    def _tell_notices(self) -> None:
        notices = self.copter.notices
        texts, reached = notices.texts, notices.reached
        notices.texts, notices.reached = [], []
        for severity, text in texts:
            self._tell_text(severity, text)
        for seq in reached:
            self._transmit(mavlink.MAVLink_mission_item_reached_message(seq))
        news = []
        if notices.mode_is_new:  # a change of mode is told at once, not with the next second
            news.append(mavlink.MAVLINK_MSG_ID_HEARTBEAT)
        if notices.home_is_set:
            news += [mavlink.MAVLINK_MSG_ID_HOME_POSITION, mavlink.MAVLINK_MSG_ID_GPS_GLOBAL_ORIGIN]
        notices.mode_is_new = notices.home_is_set = False
        for message_id in news:
            message = self._streams.report(message_id)
            if message is not None:
                self._transmit(message)

    def _tell_text(self, severity: int, text: str) -> None:
        data = text.encode()
        chunks = [data[i : i + TEXT_CHUNK] for i in range(0, len(data), TEXT_CHUNK)]
        text_id = next(self._text_ids) if len(chunks) > 1 else 0
        for number, chunk in enumerate(chunks):
            self._transmit(mavlink.MAVLink_statustext_message(severity, chunk, text_id, number))

    # --- time -----------------------------------------------------------------------------------

    def advance(self, until_s: float) -> None:
        """Step on to this simulation time, sending what falls due on the way."""
        while self.copter.now_s + STEP_S <= until_s + 1e-9:
            self.copter.step()
            self._tell_truth()
            self._failsafe.check()
            self._complain()
            self._synchronise()
            for reply in self.copter.mission.tick(self.copter.now_s):
                self._transmit(reply)
            for message in self._streams.due(self.copter.now_s):
                self._transmit(message)
            self._tell_notices()

    def _tell_truth(self) -> None:
        if self.send_truth is None:
            return
        # In one datagram: the camera never sees the one without the other.
        state, gimbal = truth_messages(self.copter.body, self.copter.now_s)
        self.send_truth(self._truth_encoder.encode(state) + self._truth_encoder.encode(gimbal))

    def _complain(self) -> None:
        """Say now and then what keeps it from arming in any mode."""
        if self.copter.now_s >= self._next_prearm_s:
            self._next_prearm_s = self.copter.now_s + PREARM_PERIOD_S
            if not self.copter.position_ok:
                self.copter.say("PreArm: Need Position Estimate", mavlink.MAV_SEVERITY_CRITICAL)

    def _synchronise(self) -> None:
        """ArduPilot asks for everybody's time every ten seconds, and so this one does."""
        if self.copter.now_s >= self._next_sync_s:
            self._next_sync_s = self.copter.now_s + TIMESYNC_PERIOD_S
            self._transmit(mavlink.MAVLink_timesync_message(0, self.boot_ns() + self._own_system))

    # --- the shell: a clock and sockets ---------------------------------------------------------

    async def run(self) -> None:
        """Fly in (scaled) real time until cancelled."""
        speed = self._config.speed
        link = await _open(self._config.out, self.receive)
        truths = [await _open(url, lambda _: None) for url in self._config.truth_out]
        self.send = link.sendto
        self.send_truth = (lambda data: _send_to_all(truths, data)) if truths else None
        start_s = time.monotonic() - self.copter.now_s / speed
        self.boot_ns = lambda: round((time.monotonic() - start_s) * speed * 1e9)
        log.info(
            "virtual drone at %.6f, %.6f, speed %g",
            self._config.home_lat_deg,
            self._config.home_lon_deg,
            speed,
        )
        try:
            while True:
                wall_s = time.monotonic() - start_s
                late_s = wall_s - self.copter.now_s / speed
                if late_s > LONGEST_CATCH_UP_S:
                    log.warning("the virtual drone stood still for %.1f s: this machine is too busy", late_s)
                    start_s += late_s
                    continue
                self.advance(wall_s * speed)
                next_s = (math.floor(wall_s * speed / STEP_S) + 1) * STEP_S / speed
                await asyncio.sleep(max(0.001, start_s + next_s - time.monotonic()))
        finally:
            for transport in (link, *truths):
                transport.close()


def _site(config: VirtualDroneConfig) -> Site:
    ground = config.ground_amsl_m
    return Site(
        config.home_lat_deg,
        config.home_lon_deg,
        (lambda _lat, _lon: config.home_alt_amsl_m) if ground is None else ground,
        config.heading_deg,
        config.wind_m_s,
        config.wind_from_deg,
        config.gust_m_s,
    )


class _Datagrams(asyncio.DatagramProtocol):
    """Hands what comes to a function. Nobody there yet is no error: the drone flies on."""

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ARG002
        self._receive(data)


def _send_to_all(transports: Iterable[asyncio.DatagramTransport], data: bytes) -> None:
    for transport in transports:
        transport.sendto(data)


async def _open(url: str, receive: Callable[[bytes], None]) -> asyncio.DatagramTransport:
    endpoint = Endpoint.parse(url)
    if endpoint.listens:
        raise VirtualDroneError(f"the virtual drone sends first: {url!r} must begin with udpout:")
    try:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Datagrams(receive), remote_addr=(endpoint.host, endpoint.port)
        )
    except OSError as error:
        raise VirtualDroneError(f"the virtual drone cannot send to {url}: {error}") from error
    return transport
