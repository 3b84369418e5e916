"""Keeps what is told while a vehicle is turned by hand: where its camera looked, and how its pictures turned.

All in the autopilot's time since boot. Told, not asking: it has no clock, no socket and no thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from edge.camera_commands.delay import Attitudes
from edge.camera_commands.turning import Turn
from edge.geometry.pose import PoseBuffer, PoseUnavailable
from flight.telemetry import AttitudeSample, GimbalSample, Telemetry

# Attitude and gimbal of one instant come one after the other: both must be there.
SETTLE_S = 0.3


class Recorder:
    """Listens to one vehicle's telemetry until ``close``."""

    def __init__(self, telemetry: Telemetry, poses: PoseBuffer, *, on_gimbal: bool = True) -> None:
        """``on_gimbal``: where a gimbal reports, its angles are the camera's; else it is bolted on."""
        self.attitudes = Attitudes()
        self.turns: list[Turn] = []
        self.restarted = False
        self._telemetry = telemetry
        self._poses = poses
        self._gimbal_reports = False
        self._waiting_s: list[float] = []
        telemetry.on_attitude.append(self._attitude)
        self._on_gimbal = on_gimbal
        if on_gimbal:
            telemetry.on_gimbal.append(self._gimbal)
        telemetry.on_reboot.append(self._rebooted)

    def close(self) -> None:
        self._telemetry.on_attitude.remove(self._attitude)
        if self._on_gimbal:
            self._telemetry.on_gimbal.remove(self._gimbal)
        self._telemetry.on_reboot.remove(self._rebooted)

    def turned(self, turn: Turn, boot_at: Callable[[float], float | None]) -> None:
        """A turn between two pictures, dated on our clock; left out while the autopilot's is not known."""
        start_s, end_s = boot_at(turn.start_s), boot_at(turn.end_s)
        if start_s is not None and end_s is not None:
            self.turns.append(Turn(start_s, end_s, turn.rotation))

    def finish(self) -> None:
        """Take what still waits for a neighbour."""
        self._settle(float("inf"))

    def _attitude(self, sample: AttitudeSample) -> None:
        self._poses.add_attitude(sample)
        self._told(sample.boot_s, of_camera=not self._gimbal_reports)

    def _gimbal(self, sample: GimbalSample) -> None:
        if not self._gimbal_reports:
            # From here on the mount's fixed angle is not believed any more: begin anew with what is.
            self._gimbal_reports, self._waiting_s, self.attitudes = True, [], Attitudes()
        self._poses.add_gimbal(sample)
        self._told(sample.boot_s, of_camera=True)

    def _told(self, boot_s: float, *, of_camera: bool) -> None:
        # Only at the instants of samples: interpolated ones would look less noisy than they are.
        if of_camera:
            self._waiting_s.append(boot_s)
        self._settle(boot_s - SETTLE_S)

    def _settle(self, until_s: float) -> None:
        while self._waiting_s and self._waiting_s[0] <= until_s:
            at_s = self._waiting_s.pop(0)
            try:
                self.attitudes.add(at_s, self._poses.look_at(at_s))
            except PoseUnavailable:
                continue

    def _rebooted(self, _boot_s: float) -> None:
        self.restarted = True
