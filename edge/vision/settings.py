"""From the configuration to what the vision child is told. Light: it is sent before the agent has loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.vision.report import VisionSettings

if TYPE_CHECKING:
    from edge.config import AgentConfig
    from edge.optics import Camera


def vision_settings(config: AgentConfig, camera: Camera) -> VisionSettings:
    """What the vision child is told."""
    detector, virtual = config.detector, config.virtual
    return VisionSettings(
        source=config.camera.source,
        frames_per_s=config.camera.frames_per_s,
        loop=config.camera.loop,
        model=str(detector.model) if detector.model else None,
        threshold=detector.threshold,
        sensitivity=detector.sensitivity,
        backend=detector.backend,
        labels=dict(detector.labels) if detector.labels is not None else None,
        cache_dir=str(config.data_dir / "detector"),
        threads=detector.threads,
        tile_budget_s=None if detector.tile_budget_ms is None else detector.tile_budget_ms / 1e3,
        width_px=camera.width_px,
        height_px=camera.height_px,
        hfov_deg=camera.hfov_deg,
        virtual_seed=virtual.seed,
        virtual_truth_url=virtual.truth_url,
    )
