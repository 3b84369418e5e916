"""The virtual autopilot's telemetry: what each message says.

A report says what the autopilot *believes* (``estimate``). Only ``truth`` speaks of the truth, and
goes to the virtual hardware alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flight.link import mavlink
from hardware.virtual.drone.copter import VirtualCopter
from hardware.virtual.drone.failsafe import Failsafes
from hardware.virtual.drone.guidance import Point
from hardware.virtual.drone.maneuvers import climbs_off
from hardware.virtual.drone.modes import Mode
from hardware.virtual.drone.radio import Radio
from hardware.virtual.drone.truth import ROLL_AND_PITCH_LOCK, gimbal_message
from hardware.virtual.pose import quaternion_from_euler

SOFTWARE_VERSION = 0x040603FF  # 4.6.3, official
STEADY_MODES = frozenset({Mode.AUTO, Mode.RTL, Mode.LOITER, Mode.GUIDED, Mode.BRAKE})
CAPABILITIES = (
    mavlink.MAV_PROTOCOL_CAPABILITY_PARAM_FLOAT
    | mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_INT
    | mavlink.MAV_PROTOCOL_CAPABILITY_COMMAND_INT
    | mavlink.MAV_PROTOCOL_CAPABILITY_MAVLINK2
)
HEALTHY = (
    mavlink.MAV_SYS_STATUS_SENSOR_3D_GYRO
    | mavlink.MAV_SYS_STATUS_SENSOR_3D_ACCEL
    | mavlink.MAV_SYS_STATUS_SENSOR_3D_MAG
    | mavlink.MAV_SYS_STATUS_SENSOR_ABSOLUTE_PRESSURE
    | mavlink.MAV_SYS_STATUS_SENSOR_GPS
    | mavlink.MAV_SYS_STATUS_SENSOR_BATTERY
    | mavlink.MAV_SYS_STATUS_AHRS
)


@dataclass(frozen=True, slots=True)
class Place:
    """A position as MAVLink writes it."""

    lat_e7: int
    lon_e7: int
    alt_mm: int


class Reports:
    """Makes each message on demand. ``utc_at_boot_s`` is Unix time when the autopilot booted."""

    def __init__(
        self,
        copter: VirtualCopter,
        failsafe: Failsafes,
        radio: Radio,
        *,
        utc_at_boot_s: float,
        traffic: Callable[[], list[Any]],
    ) -> None:
        self._copter = copter
        self._failsafe = failsafe
        self._radio = radio
        self._last_place = Place(0, 0, 0)
        self._utc_at_boot_s = utc_at_boot_s
        self.by_id: Mapping[int, Callable[[], Any]] = {
            mavlink.MAVLINK_MSG_ID_HEARTBEAT: self.heartbeat,
            mavlink.MAVLINK_MSG_ID_SYS_STATUS: self.sys_status,
            mavlink.MAVLINK_MSG_ID_SYSTEM_TIME: self.system_time,
            mavlink.MAVLINK_MSG_ID_GPS_RAW_INT: self.gps_raw_int,
            mavlink.MAVLINK_MSG_ID_ATTITUDE: self.attitude,
            mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: self.global_position_int,
            mavlink.MAVLINK_MSG_ID_MISSION_CURRENT: self.mission_current,
            mavlink.MAVLINK_MSG_ID_RC_CHANNELS: self.rc_channels,
            mavlink.MAVLINK_MSG_ID_VFR_HUD: self.vfr_hud,
            mavlink.MAVLINK_MSG_ID_BATTERY_STATUS: self.battery_status,
            mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION: self.autopilot_version,
            mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT: self.ekf_status_report,
            mavlink.MAVLINK_MSG_ID_HOME_POSITION: self.home_position,
            mavlink.MAVLINK_MSG_ID_GPS_GLOBAL_ORIGIN: self.gps_global_origin,
            mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE: self.extended_sys_state,
            mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS: self.gimbal_device_attitude_status,
            mavlink.MAVLINK_MSG_ID_GIMBAL_MANAGER_STATUS: self.gimbal_manager_status,
            mavlink.MAVLINK_MSG_ID_FENCE_STATUS: self.fence_status,
            mavlink.MAVLINK_MSG_ID_WIND: self.wind,
            mavlink.MAVLINK_MSG_ID_ADSB_VEHICLE: traffic,
        }

    def heartbeat(self) -> Any:
        copter = self._copter
        flags = (
            mavlink.MAV_MODE_FLAG_STABILIZE_ENABLED
            | mavlink.MAV_MODE_FLAG_MANUAL_INPUT_ENABLED
            | mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED
        )
        flags |= mavlink.MAV_MODE_FLAG_GUIDED_ENABLED if copter.mode in STEADY_MODES else 0
        flags |= mavlink.MAV_MODE_FLAG_SAFETY_ARMED if copter.armed else 0
        status = mavlink.MAV_STATE_STANDBY if copter.landed else mavlink.MAV_STATE_ACTIVE
        if self._failsafe.is_on:
            status = mavlink.MAV_STATE_CRITICAL
        return mavlink.MAVLink_heartbeat_message(
            mavlink.MAV_TYPE_QUADROTOR,
            mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA,
            flags,
            int(copter.mode),
            status,
            3,
        )

    def sys_status(self) -> Any:
        battery = self._copter.body.battery
        healthy = HEALTHY if self._copter.position_ok else HEALTHY & ~mavlink.MAV_SYS_STATUS_AHRS
        if not self._copter.navigation.has_fix:
            healthy &= ~mavlink.MAV_SYS_STATUS_SENSOR_GPS
        fault = None if self._copter.armed else self._copter.arming_fault()
        if fault is None or fault.endswith("mode not armable"):  # the mode counts at arming, not before
            healthy |= mavlink.MAV_SYS_STATUS_PREARM_CHECK
        if not self._failsafe.radio.is_on:
            healthy |= mavlink.MAV_SYS_STATUS_SENSOR_RC_RECEIVER
        if self._failsafe.battery.is_on:
            healthy &= ~mavlink.MAV_SYS_STATUS_SENSOR_BATTERY
        sensors = HEALTHY | mavlink.MAV_SYS_STATUS_PREARM_CHECK | mavlink.MAV_SYS_STATUS_SENSOR_RC_RECEIVER
        if self._copter.fence.is_on:
            sensors |= mavlink.MAV_SYS_STATUS_GEOFENCE
            healthy |= 0 if self._copter.fence.breached else mavlink.MAV_SYS_STATUS_GEOFENCE
        return mavlink.MAVLink_sys_status_message(
            sensors,
            sensors,
            healthy,
            250,
            round(self._copter.battery_v * 1000),
            round(battery.current_a * 100),
            battery.remaining_percent,
            *[0] * 6,
        )

    def battery_status(self) -> Any:
        battery = self._copter.body.battery
        # ArduPilot's monitor knows no cells: the whole voltage stands in the first.
        cells = [min(65534, round(self._copter.battery_v * 1000))] + [65535] * 9
        return mavlink.MAVLink_battery_status_message(
            0,
            mavlink.MAV_BATTERY_FUNCTION_UNKNOWN,
            mavlink.MAV_BATTERY_TYPE_UNKNOWN,
            32767,
            cells,
            round(battery.current_a * 100),
            round(battery.used_mah),
            -1,
            battery.remaining_percent,
            0,
            mavlink.MAV_BATTERY_CHARGE_STATE_OK + self._failsafe.battery.level,
        )

    def wind(self) -> Any | None:
        """The estimate of an autopilot that has settled: the wind without its gusts. None where its owner has
        not told it the drag of its airframe (``GCS_MAVLINK_Copter::send_wind``)."""
        if not self._copter.parameters["EK3_DRAG_BCOEF_X"] > 0:
            return None
        north, east = self._copter.body.steady_wind_m_s
        return mavlink.MAVLink_wind_message(
            math.degrees(math.atan2(-east, -north)), math.hypot(north, east), 0.0
        )

    def fence_status(self) -> Any:
        fence = self._copter.fence
        kind = (
            mavlink.FENCE_BREACH_MAXALT
            if fence.breached & 1
            else mavlink.FENCE_BREACH_BOUNDARY
            if fence.breached
            else mavlink.FENCE_BREACH_NONE
        )
        return mavlink.MAVLink_fence_status_message(
            int(bool(fence.breached)), fence.breach_count, kind, round(fence.breach_s * 1000)
        )

    def system_time(self) -> Any:
        """UTC is GNSS time: 0 before the first fix."""
        now_s = self._copter.now_s
        utc_s = self._utc_at_boot_s + now_s if self._copter.navigation.has_started else 0.0
        return mavlink.MAVLink_system_time_message(round(utc_s * 1e6), self._boot_ms)

    def attitude(self) -> Any:
        now = self._copter.body.estimate
        return mavlink.MAVLink_attitude_message(
            self._boot_ms,
            now.roll_rad,
            now.pitch_rad,
            now.yaw_rad,
            now.roll_rate_rad_s,
            now.pitch_rate_rad_s,
            now.yaw_rate_rad_s,
        )

    def global_position_int(self) -> Any:
        now = self._copter.body.estimate
        height_m = now.alt_m - self._copter.home.up_m if self._copter.home is not None else 0.0
        if self._copter.navigation.is_aided:  # where it last was, once it does not know any more
            self._last_place = self._place(self._copter.where())
        here = self._last_place
        return mavlink.MAVLink_global_position_int_message(
            self._boot_ms,
            here.lat_e7,
            here.lon_e7,
            here.alt_mm,
            round(height_m * 1000),
            round(now.vel_north_m_s * 100),
            round(now.vel_east_m_s * 100),
            round(-now.vel_up_m_s * 100),
            self._heading_cdeg,
        )

    def gps_raw_int(self) -> Any:
        now = self._copter.body.estimate
        if not self._copter.navigation.has_fix:
            unknown = (0, 0, 0, 65535, 65535, 65535, 65535, 0)
            return mavlink.MAVLink_gps_raw_int_message(0, mavlink.GPS_FIX_TYPE_NO_FIX, *unknown)
        here = self._place(self._copter.where())
        course_rad = math.atan2(now.vel_east_m_s, now.vel_north_m_s) % math.tau
        return mavlink.MAVLink_gps_raw_int_message(
            round(self._copter.now_s * 1e6),
            mavlink.GPS_FIX_TYPE_3D_FIX,
            here.lat_e7,
            here.lon_e7,
            here.alt_mm,
            85,
            120,
            round(math.hypot(now.vel_north_m_s, now.vel_east_m_s) * 100),
            round(math.degrees(course_rad) * 100) % 36000,
            14,
            h_acc=900,
            v_acc=1200,
        )

    def vfr_hud(self) -> Any:
        now, wind = self._copter.body.estimate, self._copter.body.wind_m_s
        return mavlink.MAVLink_vfr_hud_message(
            math.hypot(now.vel_north_m_s - wind[0], now.vel_east_m_s - wind[1]),
            math.hypot(now.vel_north_m_s, now.vel_east_m_s),
            self._heading_cdeg // 100,
            0 if self._copter.landed else 45,
            now.alt_m,
            now.vel_up_m_s,
        )

    def mission_current(self) -> Any:
        runner, items = self._copter.runner, self._copter.mission.items
        return mavlink.MAVLink_mission_current_message(
            runner.current, max(0, len(items) - 1), int(runner.state), int(self._copter.mode == Mode.AUTO)
        )

    def rc_channels(self) -> Any:
        return mavlink.MAVLink_rc_channels_message(
            self._boot_ms, self._radio.count, *self._radio.channels, 255
        )

    def autopilot_version(self) -> Any:
        custom, none = list(b"virtual\0"), [0] * 8
        return mavlink.MAVLink_autopilot_version_message(
            CAPABILITIES, SOFTWARE_VERSION, 0, 0, 0, custom, none, none, 0, 0, 0
        )

    def ekf_status_report(self) -> Any:
        flags = self._copter.navigation.ekf_flags()
        return mavlink.MAVLink_ekf_status_report_message(flags, 0.05, 0.05, 0.05, 0.05, 0.0)

    def home_position(self) -> Any | None:
        """None before there is a home."""
        if self._copter.home is None:
            return None
        home = self._place(self._copter.home)
        return mavlink.MAVLink_home_position_message(
            home.lat_e7, home.lon_e7, home.alt_mm, 0.0, 0.0, 0.0, [1.0, 0.0, 0.0, 0.0], 0.0, 0.0, 0.0
        )

    def gps_global_origin(self) -> Any | None:
        """None before there is a position."""
        if not self._copter.position_ok:
            return None
        origin = self._place(Point(0.0, 0.0, self._copter.body.frame.height_m))
        return mavlink.MAVLink_gps_global_origin_message(origin.lat_e7, origin.lon_e7, origin.alt_mm)

    def extended_sys_state(self) -> Any:
        copter = self._copter
        if copter.landed:
            state = mavlink.MAV_LANDED_STATE_ON_GROUND
        elif copter.is_landing:
            state = mavlink.MAV_LANDED_STATE_LANDING
        elif climbs_off(copter.maneuver):
            state = mavlink.MAV_LANDED_STATE_TAKEOFF
        else:
            state = mavlink.MAV_LANDED_STATE_IN_AIR
        return mavlink.MAVLink_extended_sys_state_message(mavlink.MAV_VTOL_STATE_MC, state)

    def gimbal_manager_status(self) -> Any:
        flags = mavlink.GIMBAL_MANAGER_FLAGS_ROLL_LOCK | mavlink.GIMBAL_MANAGER_FLAGS_PITCH_LOCK
        return mavlink.MAVLink_gimbal_manager_status_message(
            self._boot_ms, flags, 1, *self._copter.mount.control, 0, 0
        )

    def gimbal_device_attitude_status(self) -> Any | None:
        """As ArduPilot: roll and pitch against the horizon, yaw off the vehicle's nose."""
        body = self._copter.body
        error = body.estimate
        quaternion = quaternion_from_euler(
            body.gimbal.roll_rad + error.gimbal_roll_error_rad,
            body.gimbal.pitch_rad + error.gimbal_pitch_error_rad,
            body.gimbal.yaw_rad - body.truth.yaw_rad + error.gimbal_yaw_error_rad,
        )
        flags = ROLL_AND_PITCH_LOCK | mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME
        flags |= mavlink.GIMBAL_DEVICE_FLAGS_YAW_LOCK if body.gimbal.yaw_is_locked else 0
        return gimbal_message(self._boot_ms, flags, quaternion) if self._copter.mount.fitted else None

    @property
    def _boot_ms(self) -> int:
        return round(self._copter.now_s * 1000)

    @property
    def _heading_cdeg(self) -> int:
        return round(math.degrees(self._copter.body.estimate.yaw_rad) * 100) % 36000

    def _place(self, point: Point) -> Place:
        lat, lon = self._copter.body.frame.to_geographic(point.east_m, point.north_m)
        return Place(round(float(lat) * 1e7), round(float(lon) * 1e7), round(point.up_m * 1000))
