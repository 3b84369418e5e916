"""From the configuration to what the vision child is told. Light: it is sent before the agent has loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.vision.report import HeatSettings, VisionSettings

if TYPE_CHECKING:
    from edge.config.camera_section import CameraSection, ThermalSection
    from edge.config.file import AgentConfig
    from edge.geometry.optics import Camera


def vision_settings(
    config: AgentConfig, camera: Camera, section: CameraSection | None = None
) -> VisionSettings:
    """What the vision child of a camera is told: of the main one unless another ``section`` is given."""
    detector, virtual, recorder = config.detector, config.virtual, config.recorder
    looking = section or config.main_camera
    thermal = config.thermal if looking is config.thermal else None
    films = looking is config.main_camera and recorder.most_mb > 0  # there is one film
    return VisionSettings(
        source=looking.source,
        frames_per_s=looking.frames_per_s,
        loop=looking.loop,
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
        virtual_truth_url=virtual.truth_url if thermal is None else virtual.thermal_truth_url,
        virtual_hour=virtual.hour,
        heat=None if thermal is None else heat_settings(thermal, recorded=recorder.most_mb > 0),
        film_frames_per_s=recorder.video_frames_per_s if films else 0.0,
        film_height_px=recorder.video_height_px,
    )


def heat_settings(section: ThermalSection, *, recorded: bool = False) -> HeatSettings:
    """What a thermal camera's frames are looked at by."""
    return HeatSettings(
        section.kelvin_per_count,
        section.floor_c,
        section.contrast_k,
        section.hottest_c,
        section.threshold,
        recorded,
    )
