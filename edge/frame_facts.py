"""What the carrier says of one frame's instant: where the camera was, when that was, and whether it counts.

With it and the vision child's report a frame can be worked on at any later time, with the same outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edge.carrier import Carrier, TimeSource
from edge.geometry.pose import Pose, PoseUnavailable


@dataclass(frozen=True, slots=True, eq=False)
class FrameFacts:
    """``exposed_s`` on the monotonic clock. Without a time there is no pose either; ``why`` says why."""

    exposed_s: float
    on_duty: bool
    stuck: bool
    utc: datetime | None = None
    time_source: TimeSource = "companion"
    pose: Pose | None = None
    why: str = ""


def facts_of(carrier: Carrier, exposed_s: float, unchanged: float, before: Pose | None) -> FrameFacts:
    """Asks the carrier. ``unchanged`` as the report has it, ``before`` the pose of the latest frame that
    could be placed. Raises whatever a carrier fails with but PoseUnavailable."""
    stuck = carrier.is_stuck(unchanged, before)
    on_duty = carrier.on_duty
    utc: datetime | None = None
    source: TimeSource = "companion"
    try:
        utc, source = carrier.utc_at(exposed_s)
        pose = carrier.pose_at(exposed_s)
    except PoseUnavailable as error:
        return FrameFacts(exposed_s, on_duty, stuck, utc, source, None, error.reason)
    return FrameFacts(exposed_s, on_duty, stuck, utc, source, pose)
