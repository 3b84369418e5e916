"""Where a video's camera was, frame by frame, from the subtitles beside it.

Position and gimbal are interpolated by the same buffer that serves the agent in flight.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from edge.geometry.pose import ENU_FROM_NED, GIMBAL_FROM_CAMERA, PoseBuffer, PoseLimits, PoseUnavailable
from edge.scan.lens import digitally_zoomed, from_35mm
from edge.scan.makers import BAROMETER_M, GIMBAL_DEG, GNSS_M, HEADING_DEG, TAKEOFF_M
from edge.scan.position import CameraPosition
from edge.scan.record import Height, Heights, Record
from edge.scan.srt import Entry, Subtitles
from flight.local_frame import LocalFrame
from flight.telemetry import GimbalSample, PositionSample

METRES_PER_DEGREE = 111_320.0
# Between the flight data and the picture that stands beside it (judgement).
TIME_SIGMA_S = 0.1
AHEAD_S = 3.0
# An entry is the camera's position (not its view) for frames this near to it.
AROUND_S = 2.5
_LIMITS = PoseLimits(
    attitude_gap_s=AROUND_S, attitude_hold_s=1.0, position_gap_s=AROUND_S, position_hold_s=1.0
)
NO_GIMBAL = "gimbal angles (gb_yaw and gb_pitch, or G.PRY)"
NO_FOCAL = "focal length (focal_len; --camera gives it)"


class VideoRecords:
    """The records of one video. Ask for them in order of time."""

    def __init__(self, subtitles: Subtitles, width_px: int, height_px: int) -> None:
        self._subtitles = subtitles
        self._size_px = (width_px, height_px)
        self._times_s = [entry.time_s for entry in subtitles.entries]
        self._held_by_any = any(entry.gimbal_ypr_deg is not None for entry in subtitles.entries)
        self._buffer = PoseBuffer(limits=_LIMITS)
        self._fed = 0

    def at(self, time_s: float) -> Record:
        """The record of the frame at this time of the video."""
        first_s, last_s = self._times_s[0], self._times_s[-1]
        if not first_s - AROUND_S <= time_s <= last_s + AROUND_S:
            spoken = f"{self._subtitles.name} has them from {first_s:.1f} to {last_s:.1f} s"
            return Record(missing=(f"flight data for this frame ({spoken})",))
        entry = self._subtitles.entries[max(0, bisect.bisect_right(self._times_s, time_s) - 1)]
        record = Record(
            maker="DJI",
            position=CameraPosition(entry.lat_deg, entry.lon_deg, None, None),
            heights=_heights(entry, entry.above_takeoff_m, entry.absolute_m),
            horizontal_sigma_m=math.hypot(GNSS_M, entry.step_deg * METRES_PER_DEGREE / math.sqrt(12.0)),
            heading_sigma_deg=HEADING_DEG,
            gimbal_sigma_deg=GIMBAL_DEG,
            time_sigma_s=math.hypot(TIME_SIGMA_S, self._subtitles.spacing_s / math.sqrt(12.0)),
        )
        missing: list[str] = []
        if entry.focal_35mm is None:
            missing.append(NO_FOCAL)
        else:
            camera = from_35mm(entry.focal_35mm, *self._size_px, is_video=True)
            record = replace(record, camera=digitally_zoomed(camera, entry.zoom))
        if not self._held_by_any:
            missing.insert(0, NO_GIMBAL)
        else:
            try:
                record = self._held(record, entry, time_s)
            except PoseUnavailable as none:
                missing.insert(0, f"flight data for this frame ({none.reason})")
        return replace(record, missing=tuple(missing))

    def _held(self, record: Record, entry: Entry, time_s: float) -> Record:
        """With the pose at this instant. Raises PoseUnavailable."""
        self._feed(time_s + AHEAD_S)
        pose = self._buffer.at(time_s)
        look = Rotation.from_matrix(ENU_FROM_NED.T @ pose.camera_to_enu @ GIMBAL_FROM_CAMERA.T)
        above_m = None if entry.above_takeoff_m is None else pose.height_home_m
        absolute_m = None if entry.absolute_m is None else pose.alt_amsl_m
        return replace(
            record,
            position=CameraPosition(round(pose.lat_deg, 9), round(pose.lon_deg, 9), None, None),
            heights=_heights(entry, above_m, absolute_m),
            look=look,
            gimbal_sigma_deg=math.hypot(GIMBAL_DEG, pose.sigmas.gimbal_deg),
            velocity_enu_m_s=pose.velocity_enu_m_s,
            turn_rate_enu_rad_s=pose.turn_rate_enu_rad_s,
        )

    def _feed(self, until_s: float) -> None:
        entries = self._subtitles.entries
        while self._fed < len(entries) and entries[self._fed].time_s <= until_s:
            before, entry = entries[max(0, self._fed - 1)], entries[self._fed]
            after = entries[min(len(entries) - 1, self._fed + 1)]
            self._fed += 1
            north_m_s, east_m_s, down_m_s = _velocity(before, after)
            self._buffer.add_position(
                PositionSample(
                    boot_s=entry.time_s,
                    lat_deg=entry.lat_deg,
                    lon_deg=entry.lon_deg,
                    alt_amsl_m=entry.absolute_m or 0.0,
                    height_home_m=entry.above_takeoff_m or 0.0,
                    vel_north_m_s=north_m_s,
                    vel_east_m_s=east_m_s,
                    vel_down_m_s=down_m_s,
                )
            )
            if entry.gimbal_ypr_deg is not None:
                x, y, z, w = Rotation.from_euler("ZYX", entry.gimbal_ypr_deg, degrees=True).as_quat()
                self._buffer.add_gimbal(GimbalSample(entry.time_s, w, x, y, z, yaw_in_earth_frame=True))


def _heights(entry: Entry, above_m: float | None, absolute_m: float | None) -> Heights:
    return Heights(
        # Which aircraft it was is not in the file, so the absolute height may be a barometer's.
        unclear=None if absolute_m is None else Height(absolute_m, BAROMETER_M),
        takeoff=None if above_m is None else Height(above_m, TAKEOFF_M),
        home=entry.home,
    )


def _velocity(before: Entry, after: Entry) -> tuple[float, float, float]:
    """North, east, down between two entries."""
    span_s = after.time_s - before.time_s
    if span_s <= 0:
        return 0.0, 0.0, 0.0
    frame = LocalFrame(before.lat_deg, before.lon_deg, 0.0)
    east_m, north_m, _ = frame.from_geodetic(np.array(after.lat_deg), np.array(after.lon_deg), np.array(0.0))
    up_m = (after.above_takeoff_m or 0.0) - (before.above_takeoff_m or 0.0)
    return float(north_m) / span_s, float(east_m) / span_s, -up_m / span_s
