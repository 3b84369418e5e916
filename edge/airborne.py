"""A camera on a vehicle: its pose and time are the autopilot's, and on the ground nothing is told."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta

from edge.carrier import TimeSource
from edge.config.camera_section import CameraSection, ThermalSection
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose, PoseBuffer, PoseUnavailable
from edge.stillness import Stillness
from flight.listeners import Listeners
from flight.vehicle import NoAutopilot, Vehicle

AUTOPILOT_S = 5.0


class Airborne:
    """One camera on one vehicle."""

    still_s = None

    @classmethod
    def of(cls, section: CameraSection, camera: Camera, vehicle: Vehicle) -> Airborne:
        """The camera of a section of the configuration."""
        return cls(
            vehicle,
            mount_pitch_deg=section.mount_pitch_deg,
            offset_rpy_deg=camera.offset_rpy_deg,
            on_gimbal=not isinstance(section, ThermalSection) or section.on_gimbal,
        )

    def __init__(
        self,
        vehicle: Vehicle,
        *,
        mount_pitch_deg: float,
        offset_rpy_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
        on_gimbal: bool = True,
    ) -> None:
        """``on_gimbal``: where a gimbal reports, its angles are the camera's; else it is bolted on."""
        self._vehicle = vehicle
        self.poses = PoseBuffer(mount_pitch_deg=mount_pitch_deg, offset_rpy_deg=offset_rpy_deg)
        self.on_moved: Listeners[[]] = Listeners("poses")
        self._stillness = Stillness()
        telemetry = vehicle.telemetry
        telemetry.on_attitude.append(self.poses.add_attitude)
        telemetry.on_position.append(self.poses.add_position)
        if on_gimbal:
            telemetry.on_gimbal.append(self.poses.add_gimbal)
        telemetry.on_reboot.append(self._rebooted)

    @property
    def on_duty(self) -> bool:
        """On the ground it looks at its crew, their van and the sky: no place to raise an alarm from."""
        return bool(self._vehicle.telemetry.armed)

    async def must_go_on(self) -> bool:
        """Whether the vehicle is armed, once its autopilot is heard; False where it is not heard in time: a
        vehicle in the air is heard every second, and on the ground a person waits for the reason."""
        with contextlib.suppress(NoAutopilot):
            await self._vehicle.wait_for_autopilot(AUTOPILOT_S)
        return self.on_duty

    def pose_at(self, at_s: float) -> Pose:
        """Raises PoseUnavailable."""
        pose = self.poses.at(self._boot_s(at_s))
        if self._vehicle.telemetry.armed and not self._vehicle.telemetry.position_ok:
            # The autopilot dead-reckons on: its numbers look fresh and are worth nothing.
            raise PoseUnavailable("the autopilot does not know where it is")
        return pose

    def utc_at(self, at_s: float) -> tuple[datetime, TimeSource]:
        """GNSS time by way of the autopilot, the companion's clock before the fix."""
        utc = self._vehicle.utc_at(self._boot_s(at_s))
        if utc is not None:
            return utc, "gnss"
        return datetime.now(tz=UTC) - timedelta(seconds=time.monotonic() - at_s), "companion"

    def is_stuck(self, unchanged: float, pose: Pose | None) -> bool:
        """On the ground nothing moves but what GNSS and compass say."""
        return self._stillness.is_stuck(unchanged, pose if self.on_duty else None)

    def _boot_s(self, at_s: float) -> float:
        boot_s = self._vehicle.clock.boot_at(at_s)
        if boot_s is None:
            raise PoseUnavailable("the autopilot's clock is not known yet")
        return boot_s

    def _rebooted(self, _boot_s: float) -> None:
        self.poses.clear()
        self.on_moved.tell()
