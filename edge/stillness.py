"""Whether the picture stands still while the camera moves: a frozen one, even with a clock running in it."""

from __future__ import annotations

from edge.geometry.pose import Pose, distance_m, turned_deg

# A real sensor's noise changes most pixels; a coder may leave out the noise of a scene that does not move.
UNCHANGED = 0.9
MOVED_M = 10.0
TURNED_DEG = 5.0


class Stillness:
    """Give it frames in order. A hover over still ground is no frozen picture: nothing has moved."""

    def __init__(self) -> None:
        self._began: Pose | None = None

    def is_stuck(self, unchanged: float, pose: Pose | None) -> bool:
        """Whether a frame, this much of which is exactly as before, cannot be of where the camera now is."""
        if unchanged < UNCHANGED or pose is None:
            self._began = None
            return False
        if self._began is None:
            self._began = pose
        return distance_m(self._began, pose) > MOVED_M or turned_deg(self._began, pose) > TURNED_DEG
