"""A camera's optics: pixels to rays and back.

Pinhole with Brown–Conrady distortion (D. C. Brown, "Close-range camera calibration", Photogrammetric
Engineering 37, 1971) in OpenCV's order k1, k2, p1, p2, k3. The camera frame is OpenCV's: x right in the
image, y down, z forward. Pixels are (u, v); the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

import itertools
import math
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import hardware
from flight.errors import EmberwatchError

FloatArray = NDArray[np.float64]

PROFILES_DIR = Path(hardware.__file__).parent / "cameras"
ASPECT_TOLERANCE = 0.01
# Undoing the distortion must bring a pixel back to within this, or the profile cannot be trusted.
UNDISTORT_TOLERANCE_PX = 0.01
UNDISTORT_STOP_PX = 1e-7
UNDISTORT_MAX_STEPS = 80


class CameraProfileError(EmberwatchError):
    """A camera profile cannot be used, or does not fit the pictures."""

    exit_code = 2


class _Profile(BaseModel):
    """The keys of a camera profile (``hardware/cameras/*.toml``)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=128)
    source: str = Field(min_length=1, description="where the figures are from")
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
    focal_sigma: Annotated[
        float, Field(ge=0, le=0.5, description="1σ of the focal length, as a part of it")
    ] = 0.02
    offset_roll_deg: float = Field(
        0.0, ge=-180, le=180, description="camera to gimbal (or mount), about the boresight"
    )
    offset_pitch_deg: float = Field(
        0.0, ge=-180, le=180, description="positive: the camera looks above the gimbal"
    )
    offset_yaw_deg: float = Field(
        0.0, ge=-180, le=180, description="positive: the camera looks right of the gimbal"
    )

    @model_validator(mode="after")
    def _one_focal_length(self) -> Self:
        if (self.hfov_deg is None) == (self.fx_px is None):
            raise ValueError("needs either hfov_deg or fx_px")
        if self.fx_px is None and self.fy_px is not None:
            raise ValueError("fy_px needs fx_px")
        return self


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera at one frame size. Pure: safe to share between threads."""

    name: str
    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    focal_sigma: float = 0.0
    """1σ of the focal length as a part of it: 0.02 is 2 %."""
    offset_rpy_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Roll, pitch, yaw of the camera in the gimbal's (or mount's) frame."""
    source: str = ""
    _reach: float = field(init=False, repr=False, compare=False, default=math.inf)

    def __post_init__(self) -> None:
        """Raises CameraProfileError where the distortion cannot be undone inside the picture."""
        border = self.border(per_side=16)
        with np.errstate(all="ignore"):
            rays = self.rays(border)
        if not np.isfinite(rays).all():
            raise CameraProfileError(
                f"camera {self.name!r} has a distortion that cannot be undone at the picture's edge",
                hint="Check k1, k2, p1, p2, k3 and the focal length; wide lenses need another model.",
            )
        # Beyond its picture the polynomial may turn back and fold far points into the frame.
        radius = np.hypot(rays[:, 0], rays[:, 1]) / rays[:, 2]
        object.__setattr__(self, "_reach", 1.1 * float(radius.max()))

    @classmethod
    def load(cls, name_or_path: str | Path) -> Camera:
        """Read a profile by its name in ``hardware/cameras``, or from a ``.toml`` file.

        Raises CameraProfileError with one line that names the file and what is wrong.
        """
        path = Path(name_or_path)
        if path.suffix != ".toml":
            path = PROFILES_DIR / f"{name_or_path}.toml"
        try:
            tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            profile = _Profile.model_validate(tables)
        except OSError as error:
            raise CameraProfileError(
                f"camera profile {name_or_path} cannot be read: {error.strerror}",
                hint=f"Known are: {', '.join(known_profiles())}.",
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise CameraProfileError(f"camera profile {path} is not TOML: {error}") from error
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(part) for part in problem['loc']) or 'the profile'}: {problem['msg']}"
                for problem in error.errors()
            )
            raise CameraProfileError(f"camera profile {path} is wrong: {problems}") from error
        return cls._from_profile(profile)

    @classmethod
    def _from_profile(cls, profile: _Profile) -> Camera:
        width, height = profile.width_px, profile.height_px
        if profile.hfov_deg is None:
            assert profile.fx_px is not None  # noqa: S101 - the profile's own check
            fx_px = profile.fx_px
        else:
            fx_px = width / 2 / math.tan(math.radians(profile.hfov_deg) / 2)
        return cls(
            name=profile.name,
            width_px=width,
            height_px=height,
            fx_px=fx_px,
            fy_px=profile.fy_px or fx_px,
            cx_px=(width - 1) / 2 if profile.cx_px is None else profile.cx_px,
            cy_px=(height - 1) / 2 if profile.cy_px is None else profile.cy_px,
            distortion=(profile.k1, profile.k2, profile.p1, profile.p2, profile.k3),
            focal_sigma=profile.focal_sigma,
            offset_rpy_deg=(profile.offset_roll_deg, profile.offset_pitch_deg, profile.offset_yaw_deg),
            source=profile.source,
        )

    @property
    def matrix(self) -> FloatArray:
        """The 3x3 camera matrix, in pixels."""
        return np.array([[self.fx_px, 0.0, self.cx_px], [0.0, self.fy_px, self.cy_px], [0.0, 0.0, 1.0]])

    @property
    def hfov_deg(self) -> float:
        """Angle across the full width of the undistorted picture."""
        return math.degrees(2 * math.atan(self.width_px / 2 / self.fx_px))

    def at_size(self, width_px: int, height_px: int) -> Camera:
        """The same camera delivering its whole picture at another size.

        Raises CameraProfileError for another aspect: a cropped picture has another field of view.
        """
        if (width_px, height_px) == (self.width_px, self.height_px):
            return self
        aspect, own_aspect = width_px / height_px, self.width_px / self.height_px
        if abs(aspect / own_aspect - 1) > ASPECT_TOLERANCE:
            raise CameraProfileError(
                f"pictures of {width_px} x {height_px} are not the whole picture of camera {self.name!r}, "
                f"which is {self.width_px} x {self.height_px}",
                hint="Use a profile made for this picture format.",
            )
        across, down = width_px / self.width_px, height_px / self.height_px
        return replace(
            self,
            width_px=width_px,
            height_px=height_px,
            fx_px=self.fx_px * across,
            fy_px=self.fy_px * down,
            # Half a pixel is added and taken off because (0, 0) is a pixel's centre and not its corner.
            cx_px=(self.cx_px + 0.5) * across - 0.5,
            cy_px=(self.cy_px + 0.5) * down - 0.5,
        )

    def rays(self, pixels: ArrayLike) -> FloatArray:
        """Unit vectors (N, 3) in the camera frame that pixels (N, 2) look along.

        NaN where the distortion cannot be undone (only ever outside of the picture).
        """
        uv = np.asarray(pixels, np.float64).reshape(-1, 2)
        focal = np.array([self.fx_px, self.fy_px])
        flat = (uv - (self.cx_px, self.cy_px)) / focal
        if any(self.distortion):
            # A fixed point: what the lens does to a guess, taken off the guess, is a better guess.
            with np.errstate(over="ignore", invalid="ignore"):
                for _ in range(UNDISTORT_MAX_STEPS):
                    miss_px = uv - self._to_pixels(flat)
                    if not (np.abs(miss_px) > UNDISTORT_STOP_PX).any():
                        break
                    flat = flat + miss_px / focal
                good = (np.abs(miss_px) < UNDISTORT_TOLERANCE_PX).all(axis=1)
                good &= np.hypot(flat[:, 0], flat[:, 1]) <= self._reach
            flat[~good] = np.nan
        forward: FloatArray = np.column_stack([flat, np.ones(len(flat))])
        forward /= np.linalg.norm(forward, axis=1, keepdims=True)
        return forward

    def project(self, points_m: ArrayLike) -> FloatArray:
        """Pixels (N, 2) of points (N, 3) in the camera frame.

        NaN for points behind the camera and for those so far outside of the picture that the
        distortion model says nothing of them.
        """
        points = np.asarray(points_m, np.float64).reshape(-1, 3)
        with np.errstate(divide="ignore", invalid="ignore"):
            flat = points[:, :2] / points[:, 2:]
            seen = points[:, 2] > 1e-9
            if any(self.distortion):
                seen &= np.hypot(flat[:, 0], flat[:, 1]) <= self._reach
            pixels = self._to_pixels(flat)
        pixels[~seen] = np.nan
        return pixels

    def contains(self, pixels: FloatArray, margin_px: float = 0.0) -> NDArray[np.bool_]:
        """Which pixels (N, 2) are inside the picture by at least the margin; NaN is outside."""
        u, v = pixels[:, 0], pixels[:, 1]
        return (
            (u >= margin_px)
            & (u <= self.width_px - 1 - margin_px)
            & (v >= margin_px)
            & (v <= self.height_px - 1 - margin_px)
        )

    def border(self, *, per_side: int) -> FloatArray:
        """Pixels (4 · per_side, 2) along the picture's outer edge, clockwise from the top left corner."""
        right, bottom = self.width_px - 0.5, self.height_px - 0.5
        corners = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom], [-0.5, -0.5]])
        steps = np.linspace(0.0, 1.0, per_side, endpoint=False)[:, None]
        return np.vstack([start + (end - start) * steps for start, end in itertools.pairwise(corners)])

    def _to_pixels(self, flat: FloatArray) -> FloatArray:
        """Brown–Conrady and the camera matrix on x/z, y/z."""
        k1, k2, p1, p2, k3 = self.distortion
        x, y = flat[:, 0], flat[:, 1]
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        distorted_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        distorted_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        return np.column_stack([distorted_x * self.fx_px + self.cx_px, distorted_y * self.fy_px + self.cy_px])


def known_profiles() -> list[str]:
    """Names of the profiles that come with Emberwatch."""
    return sorted(path.stem for path in PROFILES_DIR.glob("*.toml"))
