"""What carries the camera: a vehicle (``edge.airborne``) or a mast (``edge.fixed``).

The watch asks it where the camera was at the instant of a frame, how to date that, and whether what is seen
is to be told. It does not ask what it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from edge.geometry.pose import Pose
from flight.listeners import Listeners

TimeSource = Literal["gnss", "companion"]


class Carrier(Protocol):
    """Instants are monotonic seconds."""

    on_moved: Listeners[[]]
    """What was known of the pose is not so any more."""

    @property
    def on_duty(self) -> bool:
        """Whether what is seen now is to be told."""

    @property
    def still_s(self) -> float | None:
        """How long the very same picture may stay before it is frozen; None: as long as a frame may take."""

    async def must_go_on(self) -> bool:
        """Whether a camera that is broken at the start may not end the agent."""

    def pose_at(self, at_s: float) -> Pose:
        """Of the camera. Raises PoseUnavailable with the reason."""

    def utc_at(self, at_s: float) -> tuple[datetime, TimeSource]:
        """The instant as the world knows it, and by whose clock. Raises PoseUnavailable."""

    def is_stuck(self, unchanged: float, pose: Pose | None) -> bool:
        """Whether a frame of which this much is exactly as on the one before cannot be of now. ``pose`` is
        that of the latest frame that could be placed. Give it frames in order."""
