"""What a person has measured for ``emberwatch camera solve``: landmarks, their pixels, the camera's place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from edge.config.errors import explain, explain_syntax
from flight.errors import EmberwatchError


class LandmarkError(EmberwatchError):
    """The landmarks do not tell how the camera looks."""

    exit_code = 2


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Landmark(_Table):
    """A thing in the picture: a spire, a mast's foot, the corner of a roof."""

    name: str = Field(min_length=1, max_length=64)
    lat_deg: float = Field(ge=-90, le=90)
    lon_deg: float = Field(ge=-180, le=180)
    alt_amsl_m: float = Field(ge=-500, le=9000, description="of the very point that is seen, EGM96")
    u_px: float = Field(ge=-0.5, description="pixels from the left; the first pixel's centre is 0")
    v_px: float = Field(ge=-0.5, description="pixels from the top")
    sigma_m: float = Field(2.0, gt=0, le=500, description="1σ of its place, along each axis")


def _of_their_own_names(landmarks: tuple[Landmark, ...]) -> tuple[Landmark, ...]:
    names = [landmark.name for landmark in landmarks]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two landmarks are called {twice!r}")
    return landmarks


class LandmarkFile(_Table):
    """What a person has measured."""

    width_px: int = Field(ge=16, le=65536, description="of the picture in which the landmarks were found")
    height_px: int = Field(ge=16, le=65536)
    pixel_sigma_px: float = Field(2.0, gt=0, le=100, description="1σ of each landmark's pixel, u and v")
    lat_deg: float | None = Field(None, ge=-90, le=90, description="of the camera, where it is known")
    lon_deg: float | None = Field(None, ge=-180, le=180)
    alt_amsl_m: float | None = Field(None, ge=-500, le=9000)
    horizontal_sigma_m: float = Field(1.5, gt=0, le=100, description="1σ of the camera's place, each axis")
    vertical_sigma_m: float = Field(2.5, gt=0, le=100)
    landmarks: Annotated[tuple[Landmark, ...], AfterValidator(_of_their_own_names)]

    @classmethod
    def load(cls, path: Path) -> LandmarkFile:
        """Raises LandmarkError with a line for each mistake."""
        try:
            text = path.read_text(encoding="utf-8")
            tables = tomllib.loads(text)
        except OSError as error:
            raise LandmarkError(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise LandmarkError(f"{path} is not UTF-8 text") from error
        except tomllib.TOMLDecodeError as error:
            raise LandmarkError(f"{path}: {explain_syntax(error)}") from error
        try:
            return cls.model_validate(tables)
        except ValidationError as error:
            raise LandmarkError(
                "\n".join(f"{path}: {words}" for words in explain(text, error, cls))
            ) from error

    @property
    def place(self) -> tuple[float, float, float] | None:
        """Latitude, longitude and height of the camera, if all three are there."""
        if self.lat_deg is None or self.lon_deg is None or self.alt_amsl_m is None:
            return None
        return self.lat_deg, self.lon_deg, self.alt_amsl_m

    @property
    def outside(self) -> Landmark | None:
        """One that is not in the picture."""
        right_px, bottom_px = self.width_px - 0.5, self.height_px - 0.5
        return next((one for one in self.landmarks if one.u_px > right_px or one.v_px > bottom_px), None)
