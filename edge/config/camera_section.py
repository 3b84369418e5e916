"""The ``[agent.camera]`` and ``[agent.thermal]`` tables: what looks at the ground."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from edge.config.section import Section

if TYPE_CHECKING:
    from edge.geometry.optics import Camera


def _source_beside_the_file(source: str, info: ValidationInfo) -> str:
    """A path in a camera's source is relative to the file, too; URLs, devices and `virtual` stay."""
    kind, colon, rest = source.partition(":")
    if kind in ("file", "folder") and colon:
        return f"{kind}:{_path_beside_the_file(rest, info)}"
    return source if colon or source == "virtual" else _path_beside_the_file(source, info)


def _profile_beside_the_file(profile: str, info: ValidationInfo) -> str:
    return _path_beside_the_file(profile, info) if profile.endswith(".toml") else profile


def _path_beside_the_file(path: str, info: ValidationInfo) -> str:
    return str(Path((info.context or {}).get("base_dir", "")) / path)


class CameraSection(Section):
    """What looks at the ground."""

    source: Annotated[str, AfterValidator(_source_beside_the_file)] = Field(
        description="a video file, a folder of images, rtsp://…, /dev/video0, or `virtual` ([agent.virtual])"
    )
    profile: Annotated[str, AfterValidator(_profile_beside_the_file)] = Field(
        "generic_78", description="a name in hardware/cameras, or the path of a .toml like them"
    )
    frames_per_s: float = Field(5.0, gt=0, le=60, description="how many frames a second to look at, at most")
    latency_s: float = Field(0.0, ge=0, le=5, description="from exposure to the frame's arrival here")
    mount_pitch_deg: float = Field(
        -45.0, ge=-90, le=30, description="of the boresight to the airframe, used when no gimbal reports"
    )
    zoom: float = Field(
        1.0, ge=1, le=400, description="that the camera stays at, for a profile with `zoom_most`"
    )
    loop: bool = Field(False, description="start a video file again at its end")

    def optics(self) -> Camera:
        """The camera that the profile describes, at its zoom. Raises CameraProfileError."""
        # Here, because reading a configuration must not load what reckons with it.
        from edge.geometry.optics import Camera

        return Camera.load(self.profile, zoom=self.zoom)


class ThermalSection(CameraSection):
    """A thermal camera with 16-bit temperatures: beside `[agent.camera]`, or alone in its place."""

    source: Annotated[str, AfterValidator(_source_beside_the_file)] = Field(
        description="a folder of 16-bit TIFFs, one TIFF with many pages, /dev/video2 (Y16), or `virtual`"
    )
    profile: Annotated[str, AfterValidator(_profile_beside_the_file)] = Field(
        "flir_lepton_3_5", description="a name in hardware/cameras, or the path of a .toml like them"
    )
    kelvin_per_count: float = Field(
        0.01,
        gt=0,
        le=1,
        description="of its 16-bit values, which count from absolute zero (TLinear: 0.01 or 0.1)",
    )
    hottest_c: float = Field(
        140.0, ge=50, le=3000, description="where it saturates in the gain mode that it is set to"
    )
    floor_c: float = Field(40.0, ge=0, le=500, description="a hot spot reads this at least")
    contrast_k: float = Field(15.0, ge=2, le=500, description="and so much more than what is around it")
    threshold: float = Field(
        0.5, gt=0, lt=1, description="least probability of a hot spot that counts as a fire"
    )
    on_gimbal: bool = Field(
        True, description="false: bolted to the airframe at `mount_pitch_deg`, whatever a gimbal does"
    )
    offset_roll_deg: float = Field(
        0.0,
        ge=-180,
        le=180,
        description="to the gimbal or mount, beside the profile's own: about the boresight",
    )
    offset_pitch_deg: float = Field(0.0, ge=-90, le=90, description="positive: it looks above the gimbal")
    offset_yaw_deg: float = Field(0.0, ge=-180, le=180, description="positive: it looks right of the gimbal")

    def optics(self) -> Camera:
        from dataclasses import replace

        camera = super().optics()
        roll, pitch, yaw = camera.offset_rpy_deg
        turned = (roll + self.offset_roll_deg, pitch + self.offset_pitch_deg, yaw + self.offset_yaw_deg)
        return replace(camera, offset_rpy_deg=turned)
