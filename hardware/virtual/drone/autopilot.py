"""A virtual ArduCopter: a stand-in for the demo and the tests, not for ArduPilot.

It flies a simple multicopter (``dynamics``) by ArduCopter's rules as far as Emberwatch meets them: modes,
arming, take-off, missions, failsafe, and the MAVLink that goes with these, down to the refusals. Where it
and real ArduPilot differ, this one is wrong. It has one telemetry link and no other sensors than those it
reports; steering by stick and streamed set-points are left out.

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
from collections.abc import Callable
from typing import Any

from flight.link import Codec, mavlink
from hardware.virtual.drone.access import Access
from hardware.virtual.drone.body import STEP_S, Body
from hardware.virtual.drone.commands import Commands
from hardware.virtual.drone.config import VirtualDroneConfig, VirtualDroneError
from hardware.virtual.drone.copter import VirtualCopter
from hardware.virtual.drone.failsafe import Failsafes
from hardware.virtual.drone.modes import Mode
from hardware.virtual.drone.parameters import Parameter, Parameters
from hardware.virtual.drone.radio import Radio
from hardware.virtual.drone.reports import Reports
from hardware.virtual.drone.sockets import open_socket, send_to_all
from hardware.virtual.drone.streams import Streams
from hardware.virtual.drone.traffic import reports as traffic_reports
from hardware.virtual.drone.truth import truth_messages

__all__ = ["VirtualAutopilot", "VirtualDroneConfig", "VirtualDroneError", "fly"]

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
        self.copter = self._new_copter(
            Body(config.site, config.errors, battery_mah=self.parameters["BATT_CAPACITY"], seed=config.seed)
        )
        self.booted_s = 0.0  # in simulation time; it counts on from there
        utc_s = time.time() if config.utc_at_boot_s is None else config.utc_at_boot_s
        self._utc_at_start_s = utc_s
        self._codec = Codec()
        self._truth_codec = Codec()
        self._access = Access(lambda: utc_s + self.booted_s + self.copter.now_s)
        self._text_ids = itertools.cycle(range(1, 65536))
        self._begin()

    def _new_copter(self, body: Body) -> VirtualCopter:
        return VirtualCopter(body, self.parameters, first_fix_s=self._config.first_fix_s)

    def _begin(self) -> None:
        """What is new at every boot."""
        self.radio = Radio(self.parameters, self._mode_switched)
        self._failsafes = Failsafes(self.copter, self.radio)
        self.copter.failsafe_fault = self._failsafes.arming_fault
        reports = Reports(
            self.copter,
            self._failsafes,
            self.radio,
            utc_at_boot_s=self._utc_at_start_s + self.booted_s,
            traffic=lambda: list(
                traffic_reports(
                    self._config.traffic, self.copter.body.frame, self.booted_s + self.copter.now_s
                )
            ),
        )
        self._streams = Streams(reports.by_id)
        self._commands = Commands(self.copter, self._streams)
        self._own_system = 0
        self._take_parameters()
        self._next_sync_s = 0.0
        self._next_prearm_s = 0.0
        self.copter.say("ArduCopter V4.6.3, a virtual stand-in")

    def reboot(self) -> None:
        """Forget all but parameters, plans and the key; time since boot begins anew."""
        old = self.copter
        self.booted_s += old.now_s
        self.copter = self._new_copter(old.body)
        self.copter.mission.items = old.mission.items
        self.copter.fence_plan.items, self.copter.fence_plan.zones = (
            old.fence_plan.items,
            old.fence_plan.zones,
        )
        self.copter.rally.items = old.rally.items
        self.parameters.set("STAT_BOOTCNT", self.parameters["STAT_BOOTCNT"] + 1)
        sticks = self.radio.sticks
        self._begin()
        self.radio.sticks = sticks

    def pilot_sets_mode(self, name: str) -> bool:
        """The pilot turns the mode switch of the transmitter: ``STABILIZE``, ``LOITER``, ``RTL``, …"""
        return self.copter.set_mode(Mode[name])

    def _mode_switched(self, position: int) -> None:
        number = int(self.parameters[f"FLTMODE{position + 1}"])
        try:
            self.copter.set_mode(Mode(number))
        except ValueError:
            self.copter.say(f"No such mode {number}", mavlink.MAV_SEVERITY_WARNING)

    # --- messages -------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """One datagram from the link."""
        for message in self._codec.decode(data):
            if not self._access.admits(message):
                continue
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
                self._failsafes.station.heard()
            case "RC_CHANNELS_OVERRIDE" if sender[0] == self.parameters["SYSID_MYGCS"]:
                channels = [getattr(message, f"chan{number}_raw") for number in range(1, 17)]
                self.radio.override(channels, self.copter.now_s)
                self._failsafes.station.heard()
            case "SETUP_SIGNING":
                self._set_up_signing(message)
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
                self._handle_plan(message, sender)

    def _handle_plan(self, message: Any, sender: tuple[int, int]) -> None:
        server = self.copter.plans.get(message.mission_type)
        if server is None:
            unsupported = mavlink.MAV_MISSION_UNSUPPORTED
            self._transmit(mavlink.MAVLink_mission_ack_message(*sender, unsupported, message.mission_type))
            return
        for reply in server.handle(message, self.copter.now_s):
            self._transmit(reply)

    def _set_up_signing(self, message: Any) -> None:
        if self.copter.armed:
            self.copter.say("ERROR: Won't setup signing when armed", mavlink.MAV_SEVERITY_WARNING)
            return
        self._access.set_up(bytes(message.secret_key), message.initial_timestamp)
        self._own_system = 0
        self._take_parameters()

    def _acknowledge(self, command: int, result: int, sender: tuple[int, int]) -> None:
        self._tell_notices()  # the text why comes before the refusal, as from ArduPilot
        self._transmit(mavlink.MAVLink_command_ack_message(command, result, 0, 0, *sender))
        self._flush_extra()
        if self._commands.reboots:
            self.reboot()

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
                self._take_parameters()

    def _tell_parameter(self, row: Parameter | None) -> None:
        if row is not None:  # ArduPilot says nothing about a parameter it does not have
            self._transmit(
                mavlink.MAVLink_param_value_message(
                    row.name.encode(), row.value, row.type, len(self.parameters), row.index
                )
            )

    def _take_parameters(self) -> None:
        """What counts from the moment it is set: SYSID_THISMAV is who it is."""
        system = int(self.parameters["SYSID_THISMAV"])
        if system != self._own_system:
            self._own_system = system
            self._encoder, self._truth_encoder = Codec(system, 1, self._access.signing), Codec(system, 1)
        self.copter.mount.read_limits()
        if self.parameters["SIM_WIND_SPD"] > 0:
            self.copter.body.blow(self.parameters["SIM_WIND_SPD"], self.parameters["SIM_WIND_DIR"])

    def _transmit(self, message: Any) -> None:
        self.send(self._encoder.encode(message))

    def _tell_notices(self) -> None:
        notices = self.copter.notices
        texts, reached = notices.texts, notices.reached
        notices.texts, notices.reached = [], []
        news = []
        if notices.mode_is_new:  # a change of mode is told at once, not with the next second
            news.append(mavlink.MAVLINK_MSG_ID_HEARTBEAT)
        if notices.home_is_set:
            news += [mavlink.MAVLINK_MSG_ID_HOME_POSITION, mavlink.MAVLINK_MSG_ID_GPS_GLOBAL_ORIGIN]
        notices.mode_is_new = notices.home_is_set = False
        for message_id in news:
            for message in self._streams.report(message_id):
                self._transmit(message)
        for severity, text in texts:  # last of all (``GCS::update_send``)
            self._tell_text(severity, text)
        for seq in reached:
            self._transmit(mavlink.MAVLink_mission_item_reached_message(seq))

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
            self.radio.step(self.copter.now_s)
            self._failsafes.check()
            self._complain()
            self._synchronise()
            for server in self.copter.plans.values():
                for reply in server.tick(self.copter.now_s):
                    self._transmit(reply)
            for message in self._streams.due(self.copter.now_s):
                self._transmit(message)
            self._tell_notices()

    def _tell_truth(self) -> None:
        if self.send_truth is None:
            return
        # In one datagram: the camera never sees the one without the other.
        state, gimbal = truth_messages(self.copter.body, self.booted_s + self.copter.now_s)
        self.send_truth(self._truth_encoder.encode(state) + self._truth_encoder.encode(gimbal))

    def _complain(self) -> None:
        """Say now and then what keeps it from arming."""
        if self.copter.now_s >= self._next_prearm_s:
            self._next_prearm_s = self.copter.now_s + PREARM_PERIOD_S
            fault = None if self.copter.armed else self.copter.arming_fault()
            if fault is not None and not fault.endswith("mode not armable"):
                self.copter.say(f"PreArm: {fault}", mavlink.MAV_SEVERITY_CRITICAL)

    def _synchronise(self) -> None:
        """ArduPilot asks for everybody's time every ten seconds, and so this one does."""
        if self.copter.now_s >= self._next_sync_s:
            self._next_sync_s = self.copter.now_s + TIMESYNC_PERIOD_S
            self._transmit(mavlink.MAVLink_timesync_message(0, self.boot_ns() + self._own_system))

    # --- the shell: a clock and sockets ---------------------------------------------------------

    async def run(self) -> None:
        """Fly in (scaled) real time until cancelled."""
        speed = self._config.speed
        link = await open_socket(self._config.out, self.receive)
        truths = [await open_socket(url, lambda _: None) for url in self._config.truth_out]
        self.send = link.sendto
        self.send_truth = (lambda data: send_to_all(truths, data)) if truths else None
        start_s = time.monotonic() - self.copter.now_s / speed
        self.boot_ns = lambda: round(((time.monotonic() - start_s) * speed - self.booted_s) * 1e9)
        log.info(
            "virtual drone at %.6f, %.6f, speed %g",
            self._config.home_lat_deg,
            self._config.home_lon_deg,
            speed,
        )
        try:
            while True:
                wall_s = time.monotonic() - start_s
                late_s = wall_s - (self.booted_s + self.copter.now_s) / speed
                if late_s > LONGEST_CATCH_UP_S:
                    log.warning("the virtual drone stood still for %.1f s: this machine is too busy", late_s)
                    start_s += late_s
                    continue
                self.advance(wall_s * speed - self.booted_s)
                next_s = (math.floor(wall_s * speed / STEP_S) + 1) * STEP_S / speed
                await asyncio.sleep(max(0.001, start_s + next_s - time.monotonic()))
        finally:
            for transport in (link, *truths):
                transport.close()
