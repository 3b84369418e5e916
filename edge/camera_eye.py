"""One of the agent's cameras: what looks through it, what carries it, and whether it sees.

An agent has one, or a colour and a thermal one. Each has a vision child of its own, so that a driver that
hangs or a decoder that crashes blinds one of them. What they see goes to the same hotspots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.carrier import Carrier
from edge.config.camera_section import CameraSection
from edge.config.file import AgentConfig
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose
from edge.health.seeing import Health, Seeing
from edge.telling.alerts import Provenance
from edge.vision.report import Eye, FrameReport, Ready
from uplink.messages import SeeingState

NAMES: dict[Eye, str] = {"colour": "the colour camera", "thermal": "the thermal camera"}


@dataclass(frozen=True, slots=True)
class Second:
    """A thermal camera beside the main one, with optics and a mount of its own."""

    carrier: Carrier
    camera: Camera


class CameraEye:
    """State of one camera's watch; owned by ``edge.watch.Watch``."""

    def __init__(
        self, config: AgentConfig, section: CameraSection, carrier: Carrier, camera: Camera, started_s: float
    ) -> None:
        self.name: Eye = "thermal" if section is config.thermal else "colour"
        self.section = section
        self.carrier = carrier
        self.camera = camera
        self.health = Health(started_s, 1.0 / section.frames_per_s, still_s=carrier.still_s)
        self.pose: Pose | None = None
        """Of the latest frame that could be placed."""
        self.provenance: Provenance | None = None
        self._dropped_before, self._dropped = 0, 0

    @property
    def frames_dropped(self) -> int:
        """Frames that came and were never looked at, because newer ones did before there was time."""
        return self._dropped_before + self._dropped

    def ready(self, ready: Ready) -> None:
        """A child has begun; it counts from 0."""
        self.provenance = Provenance(ready.model_name, ready.model_sha256)
        self._dropped_before, self._dropped = self.frames_dropped, 0

    def looked(self, report: FrameReport) -> None:
        self._dropped = report.dropped


def seeing_with(eyes: Mapping[Eye, Seeing]) -> Seeing:
    """What an agent with these cameras sees: blind it is when all of them are."""
    if len(eyes) == 1:
        return next(iter(eyes.values()))
    blind = {eye: one for eye, one in eyes.items() if one.state is SeeingState.BLIND}
    if not blind or len(blind) < len(eyes):
        since_s = min(one.since_s for eye, one in eyes.items() if eye not in blind)
        return Seeing(SeeingState.SEEING, "", since_s)
    reason = "; ".join(f"{NAMES[eye]}: {one.reason}" for eye, one in blind.items())
    return Seeing(SeeingState.BLIND, reason, max(one.since_s for one in blind.values()))


def blind_beside(eyes: Mapping[Eye, Seeing]) -> dict[Eye, str]:
    """The cameras that are blind while another one sees, and why."""
    blind = {eye: one.reason for eye, one in eyes.items() if one.state is SeeingState.BLIND}
    return blind if len(blind) < len(eyes) else {}
