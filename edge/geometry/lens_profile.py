"""A camera profile: the keys of the files in ``hardware/cameras``."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Angle = Annotated[float, Field(ge=-180, le=180)]
Exif = Annotated[str, Field(min_length=1, max_length=64)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModeTable(_Table):
    """A video or photo mode that shows a part of the picture that the profile describes."""

    width_px: int = Field(ge=16, le=65536, description="as delivered")
    height_px: int = Field(ge=16, le=65536, description="as delivered")
    crop_px: tuple[float, float, float, float] = Field(
        description="left, top, width, height of the part, in pixels of the profile's own picture"
    )


class Profile(_Table):
    """One camera, with the source of its figures."""

    name: str = Field(min_length=1, max_length=128)
    source: str = Field(min_length=1, description="where the figures are from")
    exif_make: list[Exif] = Field([], description="what its photos' EXIF Make may be")
    exif_model: list[Exif] = Field([], description="what its photos' EXIF Model may be")
    lens: Literal["pinhole", "fisheye"] = Field(
        "pinhole", description="pinhole: Brown–Conrady, k1 k2 p1 p2 k3; fisheye: Kannala–Brandt, k1 to k4"
    )
    width_px: int = Field(ge=16, le=65536)
    height_px: int = Field(ge=16, le=65536)
    hfov_deg: float | None = Field(None, gt=1, lt=170, description="across the undistorted picture")
    fx_px: float | None = Field(None, gt=0)
    fy_px: float | None = Field(None, gt=0)
    cx_px: float | None = None
    cy_px: float | None = None
    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0
    focal_sigma: float = Field(0.02, ge=0, le=0.5, description="1σ of the focal length, as a part of it")
    focal_mm: float | None = Field(None, gt=0, le=2000, description="as EXIF has it, at zoom 1")
    zoom_most: float = Field(1.0, ge=1, le=400, description="largest zoom, times the picture given here")
    zoom_kind: Literal["digital", "optical"] = Field(
        "digital",
        description="digital: a part of the same picture; optical: the lens moves, and its distortion too",
    )
    zoom_sigma: float = Field(
        0.0, ge=0, le=0.5, description="1σ that a zoom other than 1 adds to the focal length, as a part of it"
    )
    modes: dict[str, ModeTable] = Field({}, description="modes that show a part of the picture only")
    offset_roll_deg: Angle = Field(0.0, description="camera to gimbal (or mount), about the boresight")
    offset_pitch_deg: Angle = Field(0.0, description="positive: the camera looks above the gimbal")
    offset_yaw_deg: Angle = Field(0.0, description="positive: the camera looks right of the gimbal")

    @model_validator(mode="after")
    def _one_focal_length(self) -> Self:
        if (self.hfov_deg is None) == (self.fx_px is None):
            raise ValueError("needs either hfov_deg or fx_px")
        if self.fx_px is None and self.fy_px is not None:
            raise ValueError("fy_px needs fx_px")
        return self

    @model_validator(mode="after")
    def _lens_has_its_own_terms(self) -> Self:
        wrong = ("p1", "p2") if self.lens == "fisheye" else ("k4",)
        if any(getattr(self, name) for name in wrong):
            raise ValueError(f"{' and '.join(wrong)} are not of a {self.lens} lens")
        return self

    @model_validator(mode="after")
    def _modes_are_parts(self) -> Self:
        for name, mode in self.modes.items():
            left, top, width, height = mode.crop_px
            inside = left >= 0 and top >= 0 and width > 0 and height > 0
            if not inside or left + width > self.width_px or top + height > self.height_px:
                raise ValueError(f"the part that mode {name} shows is not inside the picture")
        return self

    @property
    def distortion(self) -> tuple[float, ...]:
        """In OpenCV's order for the lens."""
        if self.lens == "fisheye":
            return (self.k1, self.k2, self.k3, self.k4)
        return (self.k1, self.k2, self.p1, self.p2, self.k3)

    @property
    def focal_px(self) -> tuple[float, float]:
        """Across and down."""
        if self.fx_px is not None:
            return self.fx_px, self.fy_px or self.fx_px
        assert self.hfov_deg is not None  # noqa: S101 - the profile's own check
        half_rad = math.radians(self.hfov_deg) / 2
        if self.lens == "fisheye":
            powers = (self.k1, self.k2, self.k3, self.k4)
            radius = half_rad * (1 + sum(k * half_rad ** (2 * n) for n, k in enumerate(powers, 1)))
        else:
            radius = math.tan(half_rad)
        focal_px = self.width_px / 2 / radius
        return focal_px, focal_px
