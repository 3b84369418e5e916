"""Where the camera was, and where it looked, at the instant of a frame.

Samples of position, attitude and gimbal are kept for a few seconds by the autopilot's boot time and
interpolated to the exposure (flight rule 35). What is missing, stale or torn by a gap gives
``PoseUnavailable`` and never an old pose.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.spatial.transform import Rotation

from flight.errors import EmberwatchError
from flight.local_frame import LocalFrame

if TYPE_CHECKING:
    from flight.telemetry import AttitudeSample, GimbalSample, PositionSample

FloatArray = NDArray[np.float64]

ENU_FROM_NED = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
# The gimbal looks along its x, has the image's right along y and the image's down along z.
GIMBAL_FROM_CAMERA = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])

KEEP_S = 10.0
MAX_SAMPLES = 2000
# Turn rates are taken over this long, so that the noise of single samples does not look like turning.
RATE_BASELINE_S = 0.2


class PoseUnavailable(EmberwatchError):  # noqa: N818 - a state of affairs, not a mistake
    """There is no honest pose for this instant; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"no pose for this frame: {reason}")


class PoseSigmas(BaseModel):
    """1σ errors of what the autopilot says. Defaults are those of a hobby-grade GNSS and compass."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    horizontal_m: float = Field(
        default=1.5, gt=0, le=100, description="position, along each of east and north"
    )
    vertical_m: float = Field(default=2.5, gt=0, le=100, description="height above sea level")
    attitude_deg: float = Field(default=0.5, gt=0, le=20, description="roll and pitch, each")
    heading_deg: float = Field(default=2.0, gt=0, le=45, description="compass heading")
    gimbal_deg: float = Field(
        default=0.5, ge=0, le=20, description="gimbal (or fixed mount) to airframe, each axis"
    )
    time_s: float = Field(
        default=0.02, ge=0, le=2, description="instant of the exposure against the autopilot's time"
    )


class PoseLimits(BaseModel):
    """How far apart samples may be, and how old, before there is no pose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attitude_gap_s: float = Field(
        default=0.5, gt=0, le=5, description="between two attitude or gimbal samples"
    )
    attitude_hold_s: float = Field(
        default=0.15, ge=0, le=1, description="from the newest attitude sample to the frame"
    )
    position_gap_s: float = Field(default=1.5, gt=0, le=5, description="between two position samples")
    position_hold_s: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="from the newest position sample to the frame, carried on by its velocity",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """The camera at one instant. East, north, up are those at the camera."""

    boot_s: float
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    height_home_m: float
    camera_to_enu: FloatArray
    """3x3 rotation from the camera frame (x right, y down, z forward) to east, north, up."""
    sigmas: PoseSigmas
    velocity_enu_m_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_rate_enu_rad_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    steady: bool = False
    """It is the same in every frame, and wrong in the same way: no number of looks averages that out."""

    @property
    def look_azimuth_deg(self) -> float:
        """Where the boresight points, clockwise from true north."""
        return math.degrees(math.atan2(self.camera_to_enu[0, 2], self.camera_to_enu[1, 2])) % 360.0

    @property
    def look_elevation_deg(self) -> float:
        """Of the boresight above the horizontal; -90 is straight down."""
        return math.degrees(math.asin(max(-1.0, min(1.0, float(self.camera_to_enu[2, 2])))))


def camera_rotation(
    ned_from_gimbal: Rotation, offset_rpy_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> FloatArray:
    """3x3 camera frame to east, north, up, for a gimbal attitude and a camera's offset in it."""
    turned = ned_from_gimbal * _from_rpy(*np.radians(offset_rpy_deg).tolist())
    return np.asarray(ENU_FROM_NED @ turned.as_matrix() @ GIMBAL_FROM_CAMERA, np.float64)


def distance_m(a: Pose, b: Pose) -> float:
    """Between two camera positions, in space."""
    frame = LocalFrame(a.lat_deg, a.lon_deg, a.alt_amsl_m)
    place = (np.array(x) for x in (b.lat_deg, b.lon_deg, b.alt_amsl_m))
    return math.hypot(*(float(x) for x in frame.from_geodetic(*place)))


def turned_deg(a: Pose, b: Pose) -> float:
    """Angle of the turn from one camera attitude to another."""
    cosine = (float(np.trace(a.camera_to_enu.T @ b.camera_to_enu)) - 1) / 2
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


class PoseBuffer:
    """Keeps recent samples and answers with the pose at an instant.

    A fixed camera has ``mount_pitch_deg`` (0 looks ahead, -90 straight down); it is used as long as no
    gimbal has reported. Once one has, the fixed angle is never used again before ``clear``: a gimbal
    that falls silent makes the pose unavailable.
    """

    def __init__(
        self,
        *,
        mount_pitch_deg: float | None = None,
        offset_rpy_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
        sigmas: PoseSigmas | None = None,
        limits: PoseLimits | None = None,
    ) -> None:
        self._mount = None if mount_pitch_deg is None else _from_rpy(0.0, math.radians(mount_pitch_deg), 0.0)
        self._offset_rpy_deg = offset_rpy_deg
        self._sigmas = sigmas or PoseSigmas()
        self._limits = limits or PoseLimits()
        self._attitudes: _Ring[AttitudeSample] = _Ring()
        self._positions: _Ring[PositionSample] = _Ring()
        self._gimbals: _Ring[GimbalSample] = _Ring()

    def add_attitude(self, sample: AttitudeSample) -> None:
        self._add(self._attitudes, sample)

    def add_position(self, sample: PositionSample) -> None:
        self._add(self._positions, sample)

    def add_gimbal(self, sample: GimbalSample) -> None:
        self._add(self._gimbals, sample)

    def clear(self) -> None:
        """Forget everything: boot times of before a reboot mean nothing after it."""
        for ring in (self._attitudes, self._positions, self._gimbals):
            ring.clear()

    def at(self, boot_s: float) -> Pose:
        """The pose at an instant of the autopilot's time. Raises PoseUnavailable with the reason."""
        lat_deg, lon_deg, alt_amsl_m, height_home_m, velocity = self._position_at(boot_s)
        look, held_s = self._look_at(boot_s)
        turn_rate = self._turn_rate(boot_s)
        sigmas = self._sigmas
        if held_s > 0:
            # What it may have turned since the newest sample is not known: that is error, too.
            unknown_deg = math.degrees(float(np.linalg.norm(turn_rate))) * held_s
            sigmas = sigmas.model_copy(update={"gimbal_deg": math.hypot(sigmas.gimbal_deg, unknown_deg)})
        return Pose(
            boot_s=boot_s,
            lat_deg=lat_deg,
            lon_deg=lon_deg,
            alt_amsl_m=alt_amsl_m,
            height_home_m=height_home_m,
            camera_to_enu=camera_rotation(look, self._offset_rpy_deg),
            sigmas=sigmas,
            velocity_enu_m_s=velocity,
            turn_rate_enu_rad_s=(float(turn_rate[0]), float(turn_rate[1]), float(turn_rate[2])),
        )

    def look_at(self, boot_s: float) -> FloatArray:
        """Only where the camera looks: 3x3 camera frame to east, north, up. Raises PoseUnavailable."""
        return camera_rotation(self._look_at(boot_s)[0], self._offset_rpy_deg)

    def _add(self, ring: _Ring[S], sample: S) -> None:
        if ring.samples and ring.samples[-1].boot_s - sample.boot_s > KEEP_S:
            self.clear()  # time went back by more than lateness explains: the autopilot has rebooted
        ring.add(sample)

    def _position_at(self, boot_s: float) -> tuple[float, float, float, float, tuple[float, float, float]]:
        limits = self._limits
        span = self._positions.around(boot_s, "position", limits.position_gap_s, limits.position_hold_s)
        a, b, part = span.before, span.after, span.part
        # The short way round, should the drone cross the date line.
        lon_deg = a.lon_deg + part * ((b.lon_deg - a.lon_deg + 180.0) % 360.0 - 180.0)
        lat_deg = _between(a.lat_deg, b.lat_deg, part)
        east_m_s = _between(a.vel_east_m_s, b.vel_east_m_s, part)
        north_m_s = _between(a.vel_north_m_s, b.vel_north_m_s, part)
        up_m_s = -_between(a.vel_down_m_s, b.vel_down_m_s, part)
        alt_amsl_m = _between(a.alt_amsl_m, b.alt_amsl_m, part)
        height_home_m = _between(a.height_home_m, b.height_home_m, part)
        if span.held_s > 0:
            east_m, north_m, up_m = (speed * span.held_s for speed in (east_m_s, north_m_s, up_m_s))
            here = LocalFrame(lat_deg, lon_deg, alt_amsl_m)
            lat, lon, _ = here.to_geodetic(np.array(east_m), np.array(north_m), np.array(up_m))
            lat_deg, lon_deg = float(lat), float(lon)
            alt_amsl_m, height_home_m = alt_amsl_m + up_m, height_home_m + up_m
        lon_deg = (lon_deg + 180.0) % 360.0 - 180.0
        return lat_deg, lon_deg, alt_amsl_m, height_home_m, (east_m_s, north_m_s, up_m_s)

    def _look_at(self, boot_s: float) -> tuple[Rotation, float]:
        """Rotation from the gimbal's frame to north, east, down; and how long it was held."""
        limits = self._limits
        if not self._gimbals.samples:
            if self._mount is None:
                raise PoseUnavailable("no gimbal has reported and no mount angle is configured")
            body, held_s = self._body_at(boot_s)
            return body * self._mount, held_s
        span = self._gimbals.around(boot_s, "gimbal", limits.attitude_gap_s, limits.attitude_hold_s)
        a, b = span.before, span.after
        if a.yaw_in_earth_frame != b.yaw_in_earth_frame:
            raise PoseUnavailable("the gimbal is changing the frame of its yaw")
        look = _slerp(_from_gimbal(a), _from_gimbal(b), span.part)
        if a.yaw_in_earth_frame:
            return look, span.held_s
        body, held_s = self._body_at(boot_s)
        forward = body.as_matrix()[:, 0]
        yaw = Rotation.from_rotvec([0.0, 0.0, math.atan2(forward[1], forward[0])])
        return yaw * look, max(span.held_s, held_s)

    def _body_at(self, boot_s: float) -> tuple[Rotation, float]:
        limits = self._limits
        span = self._attitudes.around(boot_s, "attitude", limits.attitude_gap_s, limits.attitude_hold_s)
        a, b = span.before, span.after
        before = _from_rpy(a.roll_rad, a.pitch_rad, a.yaw_rad)
        return _slerp(before, _from_rpy(b.roll_rad, b.pitch_rad, b.yaw_rad), span.part), span.held_s

    def _turn_rate(self, boot_s: float) -> FloatArray:
        """How fast the camera turns, as a rotation vector per second in east, north, up."""
        newest_s = min(ring.samples[-1].boot_s for ring in (self._gimbals, self._attitudes) if ring.samples)
        end_s = min(boot_s + RATE_BASELINE_S / 2, newest_s)
        try:
            first, _ = self._look_at(end_s - RATE_BASELINE_S)
            last, _ = self._look_at(end_s)
        except PoseUnavailable:
            return np.zeros(3)  # too little history: just after the start
        return np.asarray(ENU_FROM_NED @ (last * first.inv()).as_rotvec() / RATE_BASELINE_S, np.float64)


class _Timed(Protocol):
    @property
    def boot_s(self) -> float: ...


S = TypeVar("S", bound=_Timed)


@dataclass(frozen=True, slots=True)
class _Span(Generic[S]):
    """The samples around an instant: it is at ``part`` (0…1) of the way, or ``held_s`` after the newest."""

    before: S
    after: S
    part: float
    held_s: float


class _Ring(Generic[S]):
    """Samples in the order of their boot time: the last KEEP_S seconds, MAX_SAMPLES at most."""

    def __init__(self) -> None:
        self.samples: list[S] = []

    def add(self, sample: S) -> None:
        if not self.samples or sample.boot_s > self.samples[-1].boot_s:
            self.samples.append(sample)
        else:  # UDP may have reordered it
            at = bisect.bisect_left(self.samples, sample.boot_s, key=_boot_s)
            if self.samples[at].boot_s != sample.boot_s:
                self.samples.insert(at, sample)
        oldest_s = self.samples[-1].boot_s - KEEP_S
        if self.samples[0].boot_s < oldest_s or len(self.samples) > MAX_SAMPLES:
            keep = max(
                bisect.bisect_left(self.samples, oldest_s, key=_boot_s), len(self.samples) - MAX_SAMPLES
            )
            del self.samples[:keep]

    def clear(self) -> None:
        self.samples.clear()

    def around(self, boot_s: float, what: str, gap_s: float, hold_s: float) -> _Span[S]:
        """Raises PoseUnavailable when the samples do not reach, or have a hole there."""
        if not self.samples:
            raise PoseUnavailable(f"no {what} yet")
        newest, oldest = self.samples[-1], self.samples[0]
        if boot_s > newest.boot_s:
            held_s = boot_s - newest.boot_s
            if held_s > hold_s:
                raise PoseUnavailable(f"the newest {what} is {held_s:.2f} s older than the frame")
            return _Span(newest, newest, 0.0, held_s)
        if boot_s < oldest.boot_s:
            raise PoseUnavailable(f"the oldest {what} is {oldest.boot_s - boot_s:.2f} s newer than the frame")
        at = bisect.bisect_left(self.samples, boot_s, key=_boot_s)
        after = self.samples[at]
        before = after if after.boot_s == boot_s else self.samples[at - 1]
        width_s = after.boot_s - before.boot_s
        if width_s > gap_s:
            raise PoseUnavailable(f"{what} has a gap of {width_s:.2f} s around the frame")
        return _Span(before, after, (boot_s - before.boot_s) / width_s if width_s else 0.0, 0.0)


def _boot_s(sample: _Timed) -> float:
    return sample.boot_s


def _between(a: float, b: float, part: float) -> float:
    return a + part * (b - a)


def _from_rpy(roll_rad: float, pitch_rad: float, yaw_rad: float) -> Rotation:
    return Rotation.from_euler("ZYX", [yaw_rad, pitch_rad, roll_rad])


def _from_gimbal(sample: GimbalSample) -> Rotation:
    return Rotation.from_quat([sample.qx, sample.qy, sample.qz, sample.qw])


def _slerp(a: Rotation, b: Rotation, part: float) -> Rotation:
    return a * Rotation.from_rotvec(part * (a.inv() * b).as_rotvec()) if part else a
