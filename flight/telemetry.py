"""The latest that the autopilot says of itself, and who wants to hear each sample of it.

``Telemetry`` takes the vehicle's messages (of nobody else) and is told the time by a clock passed in.
It owns the link state (age of the heartbeat) and notices when the autopilot starts anew, because its
time since boot goes down (flight rule 5).
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flight.arbiter import LINK_LOST_S
from flight.autopilots import Autopilot, identify
from flight.link import Message, mavlink
from flight.listeners import Listeners
from flight.statustext import WARNING, StatusText, StatusTexts

log = logging.getLogger(__name__)

FRESH_S = 5.0
REBOOT_S = 3.0  # more than packets overtake each other
STATUS_TEXTS = 100
# An autopilot without a fix counts from 1970, or from when its firmware was built.
PLAUSIBLE_UTC = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
UNKNOWN_HEADING = 65535
UNKNOWN_VOLTAGE = 65535
UNKNOWN_RSSI = 255

_FAILSAFE_STATES = frozenset(
    {mavlink.MAV_STATE_CRITICAL, mavlink.MAV_STATE_EMERGENCY, mavlink.MAV_STATE_FLIGHT_TERMINATION}
)
_EKF_NEEDED = mavlink.EKF_ATTITUDE | mavlink.EKF_VELOCITY_HORIZ | mavlink.EKF_POS_HORIZ_ABS
_EKF_FAULTS = mavlink.EKF_CONST_POS_MODE | mavlink.EKF_UNINITIALIZED | mavlink.EKF_GPS_GLITCHING


@dataclass(frozen=True, slots=True)
class AttitudeSample:
    """Body attitude: ZYX angles from NED to body FRD."""

    boot_s: float
    roll_rad: float
    pitch_rad: float
    yaw_rad: float


@dataclass(frozen=True, slots=True)
class PositionSample:
    """Where the autopilot believes it is (GLOBAL_POSITION_INT, WGS 84)."""

    boot_s: float
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    height_home_m: float
    vel_north_m_s: float
    vel_east_m_s: float
    vel_down_m_s: float


@dataclass(frozen=True, slots=True)
class GimbalSample:
    """Gimbal attitude quaternion; its yaw is from north, or else from the vehicle's nose."""

    boot_s: float
    qw: float
    qx: float
    qy: float
    qz: float
    yaw_in_earth_frame: bool


@dataclass(frozen=True, slots=True)
class Home:
    """The autopilot's home, from which its heights above home count."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float


@dataclass(frozen=True, slots=True)
class RcSample:
    """The pilot's sticks and switches, pulse widths in µs, channel 1 first."""

    received_s: float
    channels_us: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WindSample:
    """The autopilot's own estimate."""

    received_s: float
    from_deg: float
    speed_m_s: float


@dataclass(frozen=True, slots=True)
class BatterySample:
    """The first battery; None where the autopilot does not say."""

    percent: float | None
    voltage_v: float | None
    current_a: float | None
    consumed_mah: float | None
    time_remaining_s: float | None


class Telemetry:
    """Latest values; None (or an empty text) where nothing was heard yet.

    ``on_attitude``, ``on_position`` and ``on_gimbal`` are called with each sample, in order of its time;
    ``on_reboot`` with the new time since boot; ``on_link`` with True and False; ``on_status_text`` with each
    whole text. Callbacks run on the event loop and must be quick.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.on_attitude: Listeners[[AttitudeSample]] = Listeners("the attitude")
        self.on_position: Listeners[[PositionSample]] = Listeners("the position")
        self.on_gimbal: Listeners[[GimbalSample]] = Listeners("the gimbal")
        self.on_reboot: Listeners[[float]] = Listeners("a restart")
        self.on_link: Listeners[[bool]] = Listeners("the link")
        self.on_status_text: Listeners[[StatusText]] = Listeners("the autopilot's texts")

        self.mode = ""
        self.armed: bool | None = None
        self.failsafe = False
        self.autopilot: Autopilot | None = None
        self.firmware_version: str | None = None
        self.status_texts: deque[StatusText] = deque(maxlen=STATUS_TEXTS)
        self._status_chunks = StatusTexts()
        self._heartbeat_s: float | None = None
        self._linked = False
        self._heard_s: dict[str, float] = {}
        self._forget_flight()
        self._handlers: dict[str, Callable[[Message], None]] = {
            "ADSB_VEHICLE": self._other_aircraft,
            "ATTITUDE": self._attitude,
            "AUTOPILOT_VERSION": self._autopilot_version,
            "BATTERY_STATUS": self._battery_status,
            "EKF_STATUS_REPORT": self._ekf_status,
            "EXTENDED_SYS_STATE": self._extended_state,
            "GIMBAL_DEVICE_ATTITUDE_STATUS": self._gimbal_attitude,
            "GLOBAL_POSITION_INT": self._global_position,
            "GPS_RAW_INT": self._gps,
            "HEARTBEAT": self._heartbeat,
            "HOME_POSITION": self._home_position,
            "MISSION_CURRENT": self._mission_current,
            "RC_CHANNELS": self._rc_channels,
            "STATUSTEXT": self._status_text,
            "SYSTEM_TIME": self._system_time,
            "SYS_STATUS": self._sys_status,
            "WIND": self._wind,
        }

    def _forget_flight(self) -> None:
        """What a restart of the autopilot makes void."""
        self.attitude: AttitudeSample | None = None
        self.position: PositionSample | None = None
        self._position_s = float("-inf")
        self.gimbal: GimbalSample | None = None
        self.home: Home | None = None
        self.heading_deg: float | None = None
        self.battery_percent: float | None = None
        self.battery: BatterySample | None = None
        self.landed: bool | None = None
        self.wind: WindSample | None = None
        self.mission_item: int | None = None
        """The item flown to, counted as in ``Plan.items``: home is item 0."""
        self.gps_fix_type: int | None = None
        self.satellites: int | None = None
        self.rc: RcSample | None = None
        self.rc_percent: float | None = None
        """Strength of the pilot's radio, as the receiver says."""
        self.rc_healthy: bool | None = None
        """Whether the receiver hears the radio; ArduPilot repeats the last sticks when it does not."""
        self.prearm_ok: bool | None = None
        """Whether the autopilot's own check before arming passes, as far as it says."""
        self._ekf_flags: int | None = None
        self._utc_at_boot: datetime | None = None
        self._newest_boot_s = 0.0

    @property
    def types(self) -> tuple[str, ...]:
        """The message types that ``handle`` understands."""
        return tuple(self._handlers)

    @property
    def linked(self) -> bool:
        """Whether the autopilot's heartbeat is fresh (5 s)."""
        return self._heartbeat_s is not None and self._now() - self._heartbeat_s < LINK_LOST_S

    @property
    def ground_speed_m_s(self) -> float | None:
        if self.position is None:
            return None
        return math.hypot(self.position.vel_north_m_s, self.position.vel_east_m_s)

    @property
    def position_ok(self) -> bool:
        """Whether the autopilot knows where on earth it is: its filter says so, or (where it does not send
        the filter's state) its GNSS receiver has a 3D fix."""
        if self._ekf_flags is not None:
            healthy = (self._ekf_flags & _EKF_NEEDED) == _EKF_NEEDED and not self._ekf_flags & _EKF_FAULTS
            return healthy and self._fresh("EKF_STATUS_REPORT")
        fix = self.gps_fix_type is not None and self.gps_fix_type >= mavlink.GPS_FIX_TYPE_3D_FIX
        return fix and self._fresh("GPS_RAW_INT")

    def position_since(self, age_s: float) -> PositionSample | None:
        """The position, unless it was heard longer ago than this or is not to be trusted."""
        fresh = self.position_ok and self._now() - self._position_s <= age_s
        return self.position if fresh else None

    def heard_s(self, message_type: str) -> float | None:
        """When (monotonic) a message of this type last came."""
        return self._heard_s.get(message_type)

    def utc_at(self, boot_s: float) -> datetime | None:
        """UTC at this time since boot, as the autopilot has it from GNSS; None before its first fix."""
        return None if self._utc_at_boot is None else self._utc_at_boot + timedelta(seconds=boot_s)

    def unheard_s(self) -> float | None:
        """Since anything of the vehicle was heard; None before it ever was."""
        return self._now() - max(self._heard_s.values()) if self._heard_s else None

    def handle(self, message: Message, received_s: float) -> None:
        """Take one message of the vehicle."""
        name = message.get_type()
        handler = self._handlers.get(name)
        if handler is not None:
            self._heard_s[name] = received_s
            handler(message)

    def tick(self) -> None:
        """Do what time alone brings: the link is lost, a text stays unfinished. Call a few times a second."""
        for text in self._status_chunks.overdue(self._now()):
            self._say(text)
        if self._linked and not self.linked:
            self._linked = False
            log.warning("the link is lost: no heartbeat for %g s", LINK_LOST_S)
            self.on_link.tell(False)

    def rebooted(self, boot_s: float) -> None:
        """The autopilot has started anew and is now ``boot_s`` old."""
        log.warning("the autopilot restarted %.1f s ago", boot_s)
        self._forget_flight()
        self._newest_boot_s = boot_s
        self.on_reboot.tell(boot_s)

    def _fresh(self, message_type: str) -> bool:
        heard_s = self._heard_s.get(message_type)
        return heard_s is not None and self._now() - heard_s < FRESH_S

    def _boot_s(self, message: Message) -> float:
        boot_s: float = message.time_boot_ms / 1000
        if boot_s < self._newest_boot_s - REBOOT_S:
            self.rebooted(boot_s)
        self._newest_boot_s = max(self._newest_boot_s, boot_s)
        return boot_s

    def _heartbeat(self, message: Message) -> None:
        self._heartbeat_s = self._heard_s["HEARTBEAT"]
        self.autopilot = identify(message.autopilot, message.type)
        self.mode = (
            f"MODE {message.custom_mode}"
            if self.autopilot is None
            else self.autopilot.mode_name(message.base_mode, message.custom_mode)
        )
        # POWEROFF and above are no states of an emergency, and are never seen in flight.
        self.failsafe = message.system_status in _FAILSAFE_STATES
        self.armed = bool(message.base_mode & mavlink.MAV_MODE_FLAG_SAFETY_ARMED)
        if not self._linked:
            self._linked = True
            log.info("the link is there: system %s in %s", message.get_srcSystem(), self.mode)
            self.on_link.tell(True)

    def _attitude(self, message: Message) -> None:
        sample = AttitudeSample(self._boot_s(message), message.roll, message.pitch, message.yaw)
        if not all(map(math.isfinite, (sample.roll_rad, sample.pitch_rad, sample.yaw_rad))):
            return
        if self.attitude is not None and sample.boot_s <= self.attitude.boot_s:
            return  # late, or the same again
        self.attitude = sample
        self.on_attitude.tell(sample)

    def _global_position(self, message: Message) -> None:
        boot_s = self._boot_s(message)
        if message.lat == 0 and message.lon == 0:
            return  # how ArduPilot says that it does not know yet
        if self.position is not None and boot_s <= self.position.boot_s:
            return
        self.position = PositionSample(
            boot_s,
            message.lat / 1e7,
            message.lon / 1e7,
            message.alt / 1000,
            message.relative_alt / 1000,
            message.vx / 100,
            message.vy / 100,
            message.vz / 100,
        )
        self._position_s = self._heard_s["GLOBAL_POSITION_INT"]
        self.heading_deg = None if message.hdg == UNKNOWN_HEADING else message.hdg / 100 % 360
        self.on_position.tell(self.position)

    def _gimbal_attitude(self, message: Message) -> None:
        boot_s = self._boot_s(message)
        if not all(math.isfinite(part) for part in message.q) or math.hypot(*message.q) < 0.5:
            return  # a mount that has not started yet says nothing, or four zeros
        if self.gimbal is not None and boot_s <= self.gimbal.boot_s:
            return
        w, x, y, z = message.q
        self.gimbal = GimbalSample(boot_s, w, x, y, z, _in_earth_frame(message.flags))
        self.on_gimbal.tell(self.gimbal)

    def _system_time(self, message: Message) -> None:
        boot_s = self._boot_s(message)
        unix_s = message.time_unix_usec / 1e6
        if PLAUSIBLE_UTC[0].timestamp() <= unix_s < PLAUSIBLE_UTC[1].timestamp():
            self._utc_at_boot = datetime.fromtimestamp(unix_s, UTC) - timedelta(seconds=boot_s)

    def _rc_channels(self, message: Message) -> None:
        self._boot_s(message)
        count = min(message.chancount, 18)
        channels = tuple(getattr(message, f"chan{number}_raw") for number in range(1, count + 1))
        self.rc = RcSample(self._heard_s["RC_CHANNELS"], channels)
        self.rc_percent = None if message.rssi == UNKNOWN_RSSI else min(100.0, message.rssi / 2.54)

    def _ekf_status(self, message: Message) -> None:
        self._ekf_flags = message.flags

    def _gps(self, message: Message) -> None:
        self.gps_fix_type = message.fix_type
        self.satellites = None if message.satellites_visible == 255 else message.satellites_visible

    def _sys_status(self, message: Message) -> None:
        known = 0 <= message.battery_remaining <= 100
        self.battery_percent = float(message.battery_remaining) if known else None
        receiver = mavlink.MAV_SYS_STATUS_SENSOR_RC_RECEIVER
        if message.onboard_control_sensors_present & receiver:
            self.rc_healthy = bool(message.onboard_control_sensors_health & receiver)
        prearm = mavlink.MAV_SYS_STATUS_PREARM_CHECK
        if message.onboard_control_sensors_present & prearm:
            self.prearm_ok = bool(message.onboard_control_sensors_health & prearm)

    def _other_aircraft(self, message: Message) -> None:
        """``flight.traffic`` reads these; here it only counts that they come."""

    def _battery_status(self, message: Message) -> None:
        if message.id != 0:
            return  # another battery: a gimbal's, say
        volts = message.voltages[0]
        self.battery = BatterySample(
            percent=float(message.battery_remaining) if 0 <= message.battery_remaining <= 100 else None,
            voltage_v=None if volts == UNKNOWN_VOLTAGE else volts / 1000,
            current_a=None if message.current_battery < 0 else message.current_battery / 100,
            consumed_mah=None if message.current_consumed < 0 else float(message.current_consumed),
            time_remaining_s=float(message.time_remaining) if message.time_remaining > 0 else None,
        )

    def _extended_state(self, message: Message) -> None:
        self.landed = {
            mavlink.MAV_LANDED_STATE_ON_GROUND: True,
            mavlink.MAV_LANDED_STATE_IN_AIR: False,
            mavlink.MAV_LANDED_STATE_TAKEOFF: False,
            mavlink.MAV_LANDED_STATE_LANDING: False,
        }.get(message.landed_state)

    def _wind(self, message: Message) -> None:
        if math.isfinite(message.direction) and math.isfinite(message.speed):
            self.wind = WindSample(self._heard_s["WIND"], message.direction % 360, message.speed)

    def _mission_current(self, message: Message) -> None:
        counts_home = self.autopilot is None or self.autopilot.first_item_is_home
        self.mission_item = message.seq if counts_home else message.seq + 1

    def _home_position(self, message: Message) -> None:
        self.home = Home(message.latitude / 1e7, message.longitude / 1e7, message.altitude / 1000)

    def _autopilot_version(self, message: Message) -> None:
        version = message.flight_sw_version
        self.firmware_version = f"{version >> 24 & 255}.{version >> 16 & 255}.{version >> 8 & 255}"

    def _status_text(self, message: Message) -> None:
        now_s = self._heard_s["STATUSTEXT"]
        text = self._status_chunks.add(message.severity, message.text, message.id, message.chunk_seq, now_s)
        if text is not None:
            self._say(text)

    def _say(self, text: StatusText) -> None:
        self.status_texts.append(text)
        level = logging.WARNING if text.severity <= WARNING else logging.INFO
        log.log(level, "autopilot: %s", text.text)
        self.on_status_text.tell(text)


def _in_earth_frame(flags: int) -> bool:
    """Which frame a gimbal's yaw is in (flight rule 37; MAVLink gimbal protocol v2): the two flags say so,
    and where a gimbal of older days sets neither, it is earth exactly if the yaw is locked."""
    if flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME:
        return True
    if flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME:
        return False
    return bool(flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_LOCK)
