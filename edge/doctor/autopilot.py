"""The autopilot: whether it is heard, who it is, how often its messages come, and how it is set up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge.agent import vehicle_of
from edge.config.file import AgentConfig
from edge.doctor.check import Check
from flight.autopilots.autopilot import Finding
from flight.errors import EmberwatchError
from flight.link import AUTOPILOT_COMPONENT, LinkError, Message, mavlink
from flight.signing import Verdict
from flight.streams import WANTED_HZ
from flight.vehicle import NoAutopilot, Vehicle

FEED_S = 0.1
SETTLE_S, COUNT_S = 3.0, 5.0
"""Until the streams that were asked for come, and how long they are counted."""
MOST_LOSS = 0.05
NEEDED = {
    "ATTITUDE": "no frame can be placed",
    "GLOBAL_POSITION_INT": "no frame can be placed",
    "RC_CHANNELS": "the pilot's veto counts as on",
    "SYS_STATUS": "the battery is not known",
    "SYSTEM_TIME": "frames get this computer's time",
}
"""What must come often, and what is so where it does not."""
ENOUGH, TOO_LITTLE = 0.5, 0.2  # of the rate that is asked for

_MANUAL = "flight/README.md#set-the-autopilot-up"


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard on the link. Without ``firmware`` no autopilot was."""

    url: str
    trouble: str = ""
    """Why the link could not be opened."""
    taken_by: str = ""
    """Who has it instead."""
    packets: int = 0
    unreadable: int = 0
    refused: Mapping[Verdict, int] = field(default_factory=dict)
    senders: Sequence[tuple[int, int]] = ()
    autopilot: bool = False
    firmware: str = ""
    version: str | None = None
    armed: bool = False
    old_mavlink: bool = False
    rates_hz: Mapping[str, float] = field(default_factory=dict)
    loss: float = 0.0
    alarms: Sequence[str] = ()
    findings: Sequence[Finding] = ()
    gimbal: bool = False
    gimbal_type: float | None = None
    utc_known: bool = False


def judge_autopilot(heard: Heard) -> list[Check]:
    """All that was heard, with what to do."""
    if heard.taken_by:
        remedy = "If it is the agent, its page shows the vehicle; or stop it, and look again."
        return [Check("link", None, f"{heard.taken_by} has {heard.url}: nobody was asked", remedy)]
    if heard.trouble:
        return [Check("link", False, heard.trouble, "What a link's URL may be: flight/README.md#connect")]
    if not heard.autopilot:
        return [_silent(heard)]
    if heard.armed:
        words = "the vehicle is armed"
        return [Check("link", None, words, "Disarm it, and look again: a doctor is for the ground.")]
    return [
        _link(heard),
        _firmware(heard),
        _loss(heard),
        *_rates(heard),
        _time(heard),
        _gimbal(heard),
        *(Check.of(finding, f"Change it with the pilot's station: {_MANUAL}") for finding in heard.findings),
    ]


def _silent(heard: Heard) -> Check:
    """Why no autopilot is heard, as far as what came tells it."""
    serial = heard.url.startswith("serial:")
    if heard.refused:
        words = ", ".join(f"{count} {verdict.value}" for verdict, count in heard.refused.items())
        remedy = "The autopilot has another key, or none: flight/README.md#sign-the-link"
        return Check("link", False, f"packets are refused: {words}", remedy)
    if heard.packets:
        who = ", ".join(f"{system}/{component}" for system, component in heard.senders)
        remedy = "Check what feeds this link (mavlink-router's filters, the port of the autopilot)."
        return Check("link", False, f"others speak ({who}), and no autopilot", remedy)
    if heard.unreadable:
        remedy = (
            "Another speed, or no MAVLink: SERIALn_BAUD (SER_TEL2_BAUD) as in the URL, SERIALn_PROTOCOL 2."
        )
        return Check("link", False, "bytes come, and they are no MAVLink", remedy)
    remedy = (
        "Is it on? TX to RX and RX to TX, and ground to ground? Is SERIALn_PROTOCOL 2 (MAV_n_CONFIG set), "
        "and was it started again since? hardware/autopilot.md"
        if serial
        else "Does the router or the autopilot send to this address? hardware/autopilot.md"
    )
    return Check("link", False, f"nothing comes on {heard.url}", remedy)


def _link(heard: Heard) -> Check:
    if heard.alarms:
        return Check(
            "link",
            False,
            "; ".join(heard.alarms),
            "One vehicle and one agent on a link, each with its own id.",
        )
    if heard.old_mavlink:
        remedy = f"SERIALn_PROTOCOL 2 on this port, and restart the autopilot: {_MANUAL}"
        return Check("link", False, "the autopilot speaks MAVLink 1", remedy)
    return Check("link", True, f"the autopilot is heard on {heard.url}")


def _firmware(heard: Heard) -> Check:
    name = heard.firmware or "neither ArduCopter nor PX4"
    words = name if heard.version is None else f"{name} {heard.version}"
    if not heard.firmware:
        return Check("firmware", None, words, "It can be watched (read_only = true), and not be flown.")
    if heard.firmware == "PX4":
        return Check(
            "firmware", None, f"{words}: PX4 has never flown with Emberwatch", "Begin with read_only = true."
        )
    return Check("firmware", True, words)


def _loss(heard: Heard) -> Check:
    words = f"{heard.loss:.1%} of its packets are lost"
    if heard.loss > MOST_LOSS:
        remedy = (
            "A UART: 921600 baud, short wires, CTS and RTS. USB: another cable. A radio: let it carry less."
        )
        return Check("loss", False, words, remedy)
    return Check("loss", True, words)


def _rates(heard: Heard) -> list[Check]:
    checks = []
    for name, otherwise in NEEDED.items():
        rate_hz, wanted_hz = heard.rates_hz.get(name, 0.0), WANTED_HZ[name]
        words = f"{rate_hz:.1f} a second, {wanted_hz:g} were asked for"
        passed = (
            True if rate_hz >= ENOUGH * wanted_hz else None if rate_hz >= TOO_LITTLE * wanted_hz else False
        )
        remedy = "A faster port (921600 baud), or less on it: others' streams, SRn_ parameters, a slow radio."
        if passed is False:
            words += f": {otherwise}"
        checks.append(Check(name, passed, words, "" if passed else remedy))
    return checks


def _time(heard: Heard) -> Check:
    if heard.utc_known:
        return Check("GNSS time", True, "the autopilot tells the satellites' time")
    remedy = "Wait for a fix under open sky; BRD_RTC_TYPES must let GPS set its clock (bit 0)."
    return Check("GNSS time", None, "the autopilot does not know the time yet", remedy)


def _gimbal(heard: Heard) -> Check:
    if heard.gimbal:
        return Check("gimbal", True, "its attitude is heard")
    if heard.gimbal_type:
        remedy = (
            "Check its wire and SERIALn_PROTOCOL 8 for most of them, and restart both: hardware/camera.md"
        )
        return Check("gimbal", False, f"MNT1_TYPE is {heard.gimbal_type:.0f}, and no gimbal is heard", remedy)
    remedy = (
        "Right for a camera that is screwed to the frame: measure mount_pitch_deg. Else: hardware/camera.md"
    )
    return Check("gimbal", None, "none is heard: every frame is placed by mount_pitch_deg", remedy)


async def hear(
    config: AgentConfig, *, wait_s: float, settle_s: float = SETTLE_S, count_s: float = COUNT_S
) -> Heard:
    """Listen as the agent would, read-only: only telemetry, time and parameters are asked for."""
    try:
        vehicle = vehicle_of(config, read_only=True)
        async with vehicle:
            feeder = asyncio.create_task(_feed(vehicle))
            try:
                return await _hear(vehicle, wait_s, settle_s, count_s)
            finally:
                feeder.cancel()
                await asyncio.gather(feeder, return_exceptions=True)
    except LinkError as error:
        taken_by = "another program" if error.is_taken else ""
        return Heard(config.mavlink.url, trouble=str(error), taken_by=taken_by)
    except EmberwatchError as error:
        return Heard(config.mavlink.url, trouble=str(error))


async def _feed(vehicle: Vehicle) -> None:
    while True:
        vehicle.feed()
        await asyncio.sleep(FEED_S)


async def _hear(vehicle: Vehicle, wait_s: float, settle_s: float, count_s: float) -> Heard:
    counts, link, telemetry = _Counts(vehicle), vehicle.link, vehicle.telemetry
    try:
        await vehicle.wait_for_autopilot(wait_s)
    except NoAutopilot:
        return Heard(
            link.url,
            packets=link.counts.received,
            unreadable=link.bad_data,
            refused=dict(link.counts.refused),
            senders=tuple(link.counts.senders),
        )
    if telemetry.armed:
        return Heard(link.url, autopilot=True, armed=True)
    await asyncio.sleep(settle_s)
    rates_hz = await counts.rates_hz(count_s)
    parameters: dict[str, float | None] = {}
    autopilot = telemetry.autopilot
    findings: list[Finding] = []
    if autopilot is not None:
        parameters = await vehicle.parameters.read_all(
            [*autopilot.safety_parameters, *autopilot.set_up_parameters, "MNT1_TYPE"]
        )
        findings = [
            *autopilot.judge(parameters, vehicle.ground_stations),
            *autopilot.judge_set_up(parameters),
        ]
    return Heard(
        link.url,
        packets=link.counts.received,
        unreadable=link.bad_data,
        autopilot=True,
        firmware="" if autopilot is None else autopilot.name,
        version=telemetry.firmware_version,
        old_mavlink=counts.old_mavlink,
        rates_hz=rates_hz,
        loss=0.0 if link.system_id is None else link.loss(link.system_id, AUTOPILOT_COMPONENT),
        alarms=vehicle.alarms,
        findings=findings,
        gimbal=telemetry.gimbal is not None,
        gimbal_type=parameters.get("MNT1_TYPE"),
        utc_known=telemetry.utc_at(0.0) is not None,
    )


class _Counts:
    """How often each of the wanted messages comes."""

    def __init__(self, vehicle: Vehicle) -> None:
        self.old_mavlink = False
        self._vehicle = vehicle
        self._counts: Counter[str] = Counter()
        vehicle.link.subscribe(self._heard, "HEARTBEAT", *WANTED_HZ)

    async def rates_hz(self, seconds: float) -> dict[str, float]:
        before = Counter(self._counts)
        await asyncio.sleep(seconds)
        return {name: (count - before[name]) / seconds for name, count in self._counts.items()}

    def _heard(self, message: Message, _received_s: float) -> None:
        if self._vehicle.link.from_vehicle(message):
            self._counts[message.get_type()] += 1
            self.old_mavlink = message.get_msgbuf()[0] != mavlink.PROTOCOL_MARKER_V2
