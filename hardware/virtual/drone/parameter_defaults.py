"""ArduCopter 4.6.3's parameters, as far as this stand-in has them: type and default of each.

Of ``ArduCopter/Parameters.cpp`` and the libraries it names, but for a faster cruise and climb, a higher
return and a larger battery, which are a camera drone's; and for what belongs to the hardware: a gimbal is
fitted, a transmitter is switched on. ``SIM_*`` are the simulator's own (``libraries/SITL``):
tests and scenarios break things with them.
"""

from __future__ import annotations

from collections.abc import Mapping

INT8, INT16, INT32, REAL32 = 2, 4, 6, 9  # MAV_PARAM_TYPE

# The index of a parameter is its place in this table.
DEFAULTS: Mapping[str, tuple[int, float]] = {
    "SYSID_THISMAV": (INT16, 1),
    "SYSID_MYGCS": (INT16, 255),
    "SYSID_ENFORCE": (INT8, 0),
    "RTL_ALT": (INT32, 3000),  # cm above home; ArduCopter: 1500
    "RTL_CONE_SLOPE": (REAL32, 3.0),
    "RTL_SPEED": (INT16, 0),  # cm/s; 0 is WPNAV_SPEED
    "RTL_ALT_FINAL": (INT16, 0),
    "RTL_CLIMB_MIN": (INT16, 0),  # cm
    "RTL_LOIT_TIME": (INT32, 5000),  # ms
    "FS_GCS_ENABLE": (INT8, 0),
    "FS_THR_ENABLE": (INT8, 1),
    "FS_THR_VALUE": (INT16, 975),  # PWM
    "FS_EKF_ACTION": (INT8, 1),
    "FS_EKF_THRESH": (REAL32, 0.8),
    "FS_CRASH_CHECK": (INT8, 1),
    "FS_DR_ENABLE": (INT8, 2),
    "FS_DR_TIMEOUT": (INT16, 30),  # s
    "LAND_SPEED": (INT16, 50),  # cm/s
    "DISARM_DELAY": (INT8, 10),  # s
    "ARMING_CHECK": (INT32, 1),
    "FLTMODE1": (INT8, 7),  # CIRCLE: not modelled
    "FLTMODE2": (INT8, 9),
    "FLTMODE3": (INT8, 6),
    "FLTMODE4": (INT8, 3),
    "FLTMODE5": (INT8, 5),
    "FLTMODE6": (INT8, 0),
    "FLTMODE_CH": (INT8, 5),
    "BATT_MONITOR": (INT8, 4),
    "BATT_CAPACITY": (INT32, 10000),  # mAh
    "BATT_LOW_TIMER": (INT8, 10),  # s
    "BATT_LOW_VOLT": (REAL32, 10.5),
    "BATT_LOW_MAH": (REAL32, 0.0),  # left, not used
    "BATT_CRT_VOLT": (REAL32, 0.0),
    "BATT_CRT_MAH": (REAL32, 0.0),
    "BATT_FS_LOW_ACT": (INT8, 0),
    "BATT_FS_CRT_ACT": (INT8, 0),
    "FENCE_ENABLE": (INT8, 0),
    "FENCE_TYPE": (INT8, 7),
    "FENCE_ACTION": (INT8, 1),
    "FENCE_ALT_MAX": (REAL32, 100.0),
    "FENCE_RADIUS": (REAL32, 300.0),
    "FENCE_MARGIN": (REAL32, 2.0),
    "FENCE_TOTAL": (INT8, 0),
    "FENCE_ALT_MIN": (REAL32, -10.0),
    "FENCE_AUTOENABLE": (INT8, 0),
    "FENCE_OPTIONS": (INT16, 0),
    "RALLY_TOTAL": (INT8, 0),
    "RALLY_LIMIT_KM": (REAL32, 0.3),
    "RALLY_INCL_HOME": (INT8, 1),
    "MIS_TOTAL": (INT16, 0),
    "MIS_RESTART": (INT8, 0),
    "MIS_OPTIONS": (INT16, 0),
    "WPNAV_SPEED": (REAL32, 1200.0),  # cm/s; ArduCopter: 1000
    "WPNAV_RADIUS": (REAL32, 200.0),  # cm
    "WPNAV_SPEED_UP": (REAL32, 450.0),  # cm/s; ArduCopter: 250
    "WPNAV_SPEED_DN": (REAL32, 250.0),  # cm/s; ArduCopter: 150
    "WP_YAW_BEHAVIOR": (INT8, 2),
    "FS_OPTIONS": (INT32, 16),  # bit 4: a lost ground station does not disturb a pilot who flies
    "FS_GCS_TIMEOUT": (REAL32, 5.0),  # s
    "RC_OVERRIDE_TIME": (REAL32, 3.0),  # s
    "RC_FS_TIMEOUT": (REAL32, 1.0),  # s
    "RC_OPTIONS": (INT32, 32),
    "MNT1_TYPE": (INT8, 1),  # ArduCopter: 0, none
    "MNT1_DEFLT_MODE": (INT8, 1),  # straight ahead; ArduCopter: 3, the pilot's knob, which nobody has here
    "MNT1_PITCH_MIN": (INT16, -90),
    "MNT1_PITCH_MAX": (INT16, 20),
    "MNT1_YAW_MIN": (INT16, -180),
    "MNT1_YAW_MAX": (INT16, 180),
    "ADSB_TYPE": (INT8, 0),  # the virtual traffic comes from a receiver of its own
    "SIM_GPS_DISABLE": (INT8, 0),
    "SIM_BATT_VOLTAGE": (REAL32, 0.0),  # 0 here: as the battery empties
    "SIM_RC_FAIL": (INT8, 0),  # 1: no pulses, 2: throttle low
    "SIM_ADSB_COUNT": (INT16, -1),
    "SIM_WIND_SPD": (REAL32, 0.0),
    "SIM_WIND_DIR": (REAL32, 180.0),
    "EK3_DRAG_BCOEF_X": (REAL32, 17.2),  # ArduCopter: 0, and no estimate of the wind
    "EK3_DRAG_BCOEF_Y": (REAL32, 17.2),
    "EK3_DRAG_MCOEF": (REAL32, 0.2),
    "STAT_BOOTCNT": (INT16, 1),
}
