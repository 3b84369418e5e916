"""A camera's optics: pixels to rays and back.

Pinhole with Brown–Conrady distortion, or fisheye (``edge.geometry.lens``), at one picture size, zoom and
crop. The camera frame is OpenCV's: x right in the image, y down, z forward. Pixels are (u, v); the centre of
the top-left pixel is (0, 0).
"""

from __future__ import annotations

import itertools
import math
import tomllib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError

import hardware
from edge.geometry.lens import BrownConrady, KannalaBrandt, Lens, Pinhole
from edge.geometry.lens_profile import Profile
from flight.errors import EmberwatchError

FloatArray = NDArray[np.float64]

PROFILES_DIR = Path(hardware.__file__).parent / "cameras"
ASPECT_TOLERANCE = 0.01
COEFFICIENTS = {"pinhole": 5, "fisheye": 4}
# EXIF rounds focal lengths; a camera with two lenses has them much farther apart than this.
SAME_FOCAL = 1.15


class CameraProfileError(EmberwatchError):
    """A camera profile cannot be used, or does not fit the pictures."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Mode:
    """A size of pictures that show only a part of the camera's own picture.

    ``crop_px`` is left, top, width and height of the part; the left edge of the picture is 0.
    """

    name: str
    width_px: int
    height_px: int
    crop_px: tuple[float, float, float, float]


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
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """In OpenCV's order: k1, k2, p1, p2, k3 of a pinhole, k1 to k4 of a fisheye."""
    focal_sigma: float = 0.0
    """1σ of the focal length as a part of it: 0.02 is 2 %."""
    offset_rpy_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Roll, pitch, yaw of the camera in the gimbal's (or mount's) frame."""
    source: str = ""
    lens: Literal["pinhole", "fisheye"] = "pinhole"
    modes: tuple[Mode, ...] = ()
    zoom_most: float = 1.0
    zoom_kind: Literal["digital", "optical"] = "digital"
    zoom_sigma: float = 0.0
    """1σ that a zoom other than 1 adds to the focal length, as a part of it."""
    focal_mm: float | None = None
    """As EXIF has it, at this zoom; None where the profile does not say."""
    _lens: Lens = field(init=False, repr=False, compare=False, default=Pinhole())

    def __post_init__(self) -> None:
        """Raises CameraProfileError where the distortion cannot be undone inside the picture."""
        if len(self.distortion) != COEFFICIENTS[self.lens]:
            raise CameraProfileError(
                f"camera {self.name!r} has {len(self.distortion)} distortion coefficients, "
                f"and a {self.lens} has {COEFFICIENTS[self.lens]}"
            )
        lens: Lens = Pinhole()
        if self.lens == "fisheye":
            lens = KannalaBrandt(self.distortion)
        elif any(self.distortion):
            lens = BrownConrady(self.distortion)
        object.__setattr__(self, "_lens", lens)
        rays = self.rays(self.border(per_side=16))
        if not np.isfinite(rays).all():
            raise CameraProfileError(
                f"camera {self.name!r} has a distortion that cannot be undone at the picture's edge",
                hint="Check the k's and p's and the focal length; a wide lens needs lens = \"fisheye\".",
            )
        # Beyond its picture the polynomial may turn back and fold far points into the frame.
        object.__setattr__(self, "_lens", lens.reaching(rays))

    @classmethod
    def load(cls, name_or_path: str | Path, *, zoom: float = 1.0) -> Camera:
        """Read a profile by its name in ``hardware/cameras``, or from a ``.toml`` file.

        Raises CameraProfileError with one line that names the file and what is wrong.
        """
        return cls.from_profile(load_profile(name_or_path)).zoomed(zoom)

    @classmethod
    def from_profile(cls, profile: Profile) -> Camera:
        """The camera that a profile describes. Raises CameraProfileError."""
        width, height = profile.width_px, profile.height_px
        fx_px, fy_px = profile.focal_px
        return cls(
            name=profile.name,
            width_px=width,
            height_px=height,
            fx_px=fx_px,
            fy_px=fy_px,
            cx_px=(width - 1) / 2 if profile.cx_px is None else profile.cx_px,
            cy_px=(height - 1) / 2 if profile.cy_px is None else profile.cy_px,
            distortion=profile.distortion,
            focal_sigma=profile.focal_sigma,
            offset_rpy_deg=(profile.offset_roll_deg, profile.offset_pitch_deg, profile.offset_yaw_deg),
            source=profile.source,
            lens=profile.lens,
            modes=tuple(
                Mode(name, mode.width_px, mode.height_px, mode.crop_px)
                for name, mode in profile.modes.items()
            ),
            zoom_most=profile.zoom_most,
            zoom_kind=profile.zoom_kind,
            zoom_sigma=profile.zoom_sigma,
            focal_mm=profile.focal_mm,
        )

    @property
    def matrix(self) -> FloatArray:
        """The 3x3 camera matrix, in pixels."""
        return np.array([[self.fx_px, 0.0, self.cx_px], [0.0, self.fy_px, self.cy_px], [0.0, 0.0, 1.0]])

    @property
    def hfov_deg(self) -> float:
        """Angle across the full width of the picture; of a pinhole's, of the undistorted one."""
        if self.lens == "pinhole":
            return math.degrees(2 * math.atan(self.width_px / 2 / self.fx_px))
        ends = self.rays([[-0.5, self.cy_px], [self.width_px - 0.5, self.cy_px]])
        return math.degrees(float(np.arccos(np.clip(ends[:, 2], -1, 1)).sum()))

    def at_size(self, width_px: int, height_px: int) -> Camera:
        """The same camera delivering pictures of another size: its whole picture, or one of its modes.

        Raises CameraProfileError for another aspect: a cropped picture has another field of view.
        """
        if (width_px, height_px) == (self.width_px, self.height_px):
            return self
        for mode in self.modes:
            if (width_px, height_px) == (mode.width_px, mode.height_px):
                return self._cropped(mode.crop_px, width_px, height_px)
        whole = (0.0, 0.0, float(self.width_px), float(self.height_px))
        if _same_aspect(whole, width_px, height_px):
            return self._cropped(whole, width_px, height_px)
        parts = {mode.crop_px for mode in self.modes if _same_aspect(mode.crop_px, width_px, height_px)}
        if len(parts) == 1:
            return self._cropped(parts.pop(), width_px, height_px)
        sizes = [f"{mode.width_px} x {mode.height_px} ({mode.name})" for mode in self.modes]
        raise CameraProfileError(
            f"pictures of {width_px} x {height_px} are not the whole picture of camera {self.name!r}, "
            f"which is {self.width_px} x {self.height_px}",
            hint=f"It has these modes: {', '.join(sizes)}; add this one to the profile's [modes]."
            if sizes
            else "Use a profile made for this picture format, or name its part in the profile's [modes].",
        )

    def zoomed(self, ratio: float) -> Camera:
        """The same camera at this zoom; 1 is as it is. Give it before or after ``at_size``.

        Raises CameraProfileError where the camera does not zoom so far.
        """
        if ratio == 1.0:
            return self
        if not 1.0 <= ratio <= self.zoom_most * (1 + 1e-9):
            raise CameraProfileError(
                f"camera {self.name!r} does not zoom to {ratio:g}",
                hint=f"Its profile has 1 to {self.zoom_most:g}."
                if self.zoom_most > 1
                else "Give its profile zoom_most.",
            )
        middle_u, middle_v = (self.width_px - 1) / 2, (self.height_px - 1) / 2
        return replace(
            self,
            fx_px=self.fx_px * ratio,
            fy_px=self.fy_px * ratio,
            cx_px=middle_u + (self.cx_px - middle_u) * ratio,
            cy_px=middle_v + (self.cy_px - middle_v) * ratio,
            # A moved lens bends in another way than the one that was measured.
            distortion=self.distortion if self.zoom_kind == "digital" else (0.0,) * len(self.distortion),
            focal_sigma=math.hypot(self.focal_sigma, self.zoom_sigma),
            focal_mm=None if self.focal_mm is None else self.focal_mm * ratio,
            # Every mode is zoomed about its own middle.
            modes=tuple(
                replace(mode, crop_px=_zoomed_part(mode.crop_px, self, ratio)) for mode in self.modes
            ),
            zoom_most=self.zoom_most / ratio,
            zoom_sigma=0.0,
        )

    def rays(self, pixels: ArrayLike) -> FloatArray:
        """Unit vectors (N, 3) in the camera frame that pixels (N, 2) look along.

        NaN where the distortion cannot be undone (only ever outside of the picture).
        """
        uv = np.asarray(pixels, np.float64).reshape(-1, 2)
        return self._lens.to_rays((uv - (self.cx_px, self.cy_px)) / (self.fx_px, self.fy_px))

    def project(self, points_m: ArrayLike) -> FloatArray:
        """Pixels (N, 2) of points (N, 3) in the camera frame.

        NaN for points behind the camera (but for a fisheye that sees them) and for those so far outside
        of the picture that the distortion model says nothing of them.
        """
        points = np.asarray(points_m, np.float64).reshape(-1, 3)
        return self._lens.to_plane(points) * (self.fx_px, self.fy_px) + (self.cx_px, self.cy_px)

    def contains(self, pixels: FloatArray, margin_px: float | FloatArray = 0.0) -> NDArray[np.bool_]:
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

    def _cropped(self, part_px: tuple[float, float, float, float], width_px: int, height_px: int) -> Camera:
        left, top, wide, high = part_px
        across, down = width_px / wide, height_px / high
        return replace(
            self,
            width_px=width_px,
            height_px=height_px,
            fx_px=self.fx_px * across,
            fy_px=self.fy_px * down,
            # Half a pixel is added and taken off because (0, 0) is a pixel's centre and not its corner.
            cx_px=(self.cx_px + 0.5 - left) * across - 0.5,
            cy_px=(self.cy_px + 0.5 - top) * down - 0.5,
            modes=(),
        )


def known_profiles() -> list[str]:
    """Names of the profiles that come with Emberwatch."""
    return sorted(path.stem for path in PROFILES_DIR.glob("*.toml"))


def load_profile(name_or_path: str | Path) -> Profile:
    """Read a profile by its name in ``hardware/cameras``, or a ``.toml`` file.

    Raises CameraProfileError with one line that names the file and what is wrong.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = PROFILES_DIR / f"{name_or_path}.toml"
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return Profile.model_validate(tables)
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


def profile_for(
    make: str, model: str, width_px: int, height_px: int, *, focal_mm: float | None = None
) -> Camera | None:
    """The camera that took a photo with these EXIF tags, at the photo's size; None where it is not known.

    ``focal_mm`` (EXIF FocalLength) tells the lenses of a drone with several apart, and how far an optical
    zoom was out; a digital zoom (EXIF DigitalZoomRatio) is the caller's to apply with ``zoomed``. None, too,
    where more than one lens fits or the zoom is not known: the wrong camera is worse than none.
    """
    fits = [
        camera
        for profile in _recognisable()
        if _named(make, profile.exif_make) and _named(model, profile.exif_model)
        if (camera := _took(profile, width_px, height_px, focal_mm)) is not None
    ]
    return fits[0] if len(fits) == 1 else None


def _took(profile: Profile, width_px: int, height_px: int, focal_mm: float | None) -> Camera | None:
    """The profile's camera as it took such a photo; None where it cannot have taken it."""
    zooms = profile.zoom_kind == "optical" and profile.zoom_most > 1
    try:
        camera = Camera.from_profile(profile).at_size(width_px, height_px)
    except CameraProfileError:
        return None
    if focal_mm is None or camera.focal_mm is None:
        return None if zooms else camera
    ratio = focal_mm / camera.focal_mm
    farthest = camera.zoom_most if zooms else 1.0
    if not 1 / SAME_FOCAL <= ratio <= farthest * SAME_FOCAL:
        return None
    return camera.zoomed(min(max(ratio, 1.0), farthest)) if zooms else camera


@lru_cache(maxsize=1)
def _recognisable() -> tuple[Profile, ...]:
    profiles = (load_profile(name) for name in known_profiles())
    return tuple(profile for profile in profiles if profile.exif_model)


def _named(tag: str, names: list[str]) -> bool:
    """EXIF texts may be padded with blanks and zero bytes."""
    return tag.strip(" \0").casefold() in (name.casefold() for name in names)


def _same_aspect(part_px: tuple[float, float, float, float], width_px: int, height_px: int) -> bool:
    return abs(width_px / height_px / (part_px[2] / part_px[3]) - 1) <= ASPECT_TOLERANCE


def _zoomed_part(
    part_px: tuple[float, float, float, float], camera: Camera, ratio: float
) -> tuple[float, float, float, float]:
    """Where a mode's part lies in the zoomed picture, so that the mode is zoomed about its own middle."""
    left, top, wide, high = part_px
    out_u = (left + wide / 2 - camera.width_px / 2) * (ratio - 1)
    out_v = (top + high / 2 - camera.height_px / 2) * (ratio - 1)
    return (left + out_u, top + out_v, wide, high)
