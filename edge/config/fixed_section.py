"""The ``[agent.fixed]`` table: where a camera stands that never moves, and how it looks."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from edge.config.section import Section


class FixedSection(Section):
    """A camera on a mast or a roof, instead of one on a drone. `emberwatch camera solve` finds the angles."""

    lat_deg: float = Field(ge=-90, le=90, description="of the camera, WGS 84")
    lon_deg: float = Field(ge=-180, le=180, description="of the camera, WGS 84")
    alt_amsl_m: float | None = Field(
        None,
        ge=-500,
        le=9000,
        description="of the camera above sea level (EGM96); left out: the terrain model's ground and "
        "`height_agl_m`",
    )
    height_agl_m: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="of the camera above the ground at its foot, or above the roof where a surface model "
        "has it; without a terrain model all ground is flat that far below",
    )
    heading_deg: float = Field(ge=-360, le=360, description="of the boresight, clockwise from true north")
    pitch_deg: float = Field(ge=-90, le=90, description="of the boresight above the horizontal; -90 is down")
    roll_deg: float = Field(0.0, ge=-180, le=180, description="positive: the picture's right side is low")
    horizontal_sigma_m: float = Field(
        1.5, gt=0, le=100, description="1σ of the position, along each of east and north"
    )
    vertical_sigma_m: float = Field(2.5, gt=0, le=100, description="1σ of the height")
    heading_sigma_deg: float = Field(1.0, gt=0, le=45, description="1σ of the heading")
    attitude_sigma_deg: float = Field(
        0.5, gt=0, le=20, description="1σ of pitch and roll, each, with the mast's swaying"
    )

    @model_validator(mode="after")
    def _some_height(self) -> Self:
        if self.alt_amsl_m is None and self.height_agl_m is None:
            raise ValueError("needs alt_amsl_m or height_agl_m")
        return self
