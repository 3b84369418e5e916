"""The lens that took a picture, from what the file says of it.

The surest first: the calibration that the maker has put into the file; a camera profile for this make and
model; the designed focal length; the focal length in terms of a 35 mm camera, which is rounded to whole
millimetres and does not say which side or diagonal it means.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from edge.geometry.optics import ASPECT_TOLERANCE, Camera, CameraProfileError, profile_for
from edge.scan.makers import make_of, model_of, number

# 1σ of the focal length, as a part of it (judgement).
CALIBRATED, DESIGNED, FISHEYE = 0.005, 0.02, 0.02
# 0.5 mm of 24 mm, and the part of the sensor that the picture is.
FROM_35MM, FROM_35MM_WIDE, FROM_35MM_VIDEO = 0.05, 0.06, 0.08
ZOOMED = 0.03
# A focal length this far from the other one that the file has is of another lens or zoom.
ANOTHER_LENS = 0.2
DIAGONAL_35MM = math.hypot(36.0, 24.0)
# No camera in the air has a shorter, a longer one or more zoom: such figures are mistakes.
SHORTEST_35MM, LONGEST_35MM, MOST_ZOOM = 4.0, 5000.0, 400.0
LARGEST_FIGURE = 1e7
# Wider pictures than this are cut out of a sensor of 4:3 or 3:2.
CUT_ASPECT = 1.55

Tags = Mapping[str, str]


def changed(exif: Image.Exif, width_px: int, height_px: int) -> str:
    """Why the pixels of a photo of this size are not where its angles and lens say, or an empty text."""
    if exif.get(ExifTags.Base.Orientation, 1) not in (0, 1):
        return "EXIF Orientation turns the picture, and from where its angles count then is not known"
    details = _details(exif)
    width = _positive(details, ExifTags.Base.ExifImageWidth)
    height = _positive(details, ExifTags.Base.ExifImageHeight)
    if width and height and abs(width / height / (width_px / height_px) - 1) > ASPECT_TOLERANCE:
        return f"it is {width_px} x {height_px}, cut out of the {width:.0f} x {height:.0f} that was taken"
    return ""


def taken_s(exif: Image.Exif) -> float | None:
    """When the photo was taken, in seconds by the camera's own clock."""
    text = _details(exif).get(ExifTags.Base.DateTimeOriginal)
    try:
        # Which zone the clock is in does not matter: it is compared with itself only.
        return datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def photo_camera(exif: Image.Exif, tags: Tags, width_px: int, height_px: int) -> Camera | None:
    """The camera of a photo of this size; None where the file does not say enough."""
    details = _details(exif)
    zoom = min(max(1.0, _positive(details, ExifTags.Base.DigitalZoomRatio) or 1.0), MOST_ZOOM)
    focal_35mm = _positive(details, ExifTags.Base.FocalLengthIn35mmFilm)
    if focal_35mm is not None and not SHORTEST_35MM <= focal_35mm <= LONGEST_35MM:
        focal_35mm = None
    rough = None if focal_35mm is None else from_35mm(focal_35mm, width_px, height_px)
    make, model = make_of(exif, tags), model_of(exif, tags)
    focal_mm = _positive(details, ExifTags.Base.FocalLength)
    found = (
        _calibrated(tags, width_px, height_px),
        profile_for(make, model, width_px, height_px, focal_mm=focal_mm),
        _designed(tags, width_px, height_px),
        rough,
    )
    for camera in found:
        if camera is None:
            continue
        zoomed = digitally_zoomed(replace(camera, name=f"{make} {model}".strip() or camera.name), zoom)
        # Some count the digital zoom into what EXIF has, others do not.
        if not (_is_another(camera, rough) and _is_another(zoomed, rough)):
            return zoomed
    return None


def from_35mm(focal_mm: float, width_px: int, height_px: int, *, is_video: bool = False) -> Camera:
    """A pinhole by its focal length in terms of a 35 mm camera, by the diagonal.

    A wide picture is cut out of a less wide sensor, and some makers mean that one's diagonal: the middle.
    """
    diagonal_px = math.hypot(width_px, height_px)
    sigma = FROM_35MM
    if width_px / height_px > CUT_ASPECT:
        diagonal_px = (diagonal_px + width_px * 1.25) / 2
        sigma = FROM_35MM_WIDE
    return _pinhole(
        width_px,
        height_px,
        focal_mm / DIAGONAL_35MM * diagonal_px,
        focal_sigma=FROM_35MM_VIDEO if is_video else sigma,
        source=f"{focal_mm:g} mm in terms of 35 mm film",
    )


def digitally_zoomed(camera: Camera, ratio: float) -> Camera:
    """The same camera, of which the picture is an enlarged middle part."""
    if ratio <= 1.0:
        return camera
    zoomed = replace(camera, zoom_most=ratio, zoom_kind="digital", zoom_sigma=ZOOMED).zoomed(ratio)
    return replace(zoomed, source=f"{camera.source}, digital zoom {ratio:g}")


def _calibrated(tags: Tags, width_px: int, height_px: int) -> Camera | None:
    """From the maker's own measurement of this lens, distortion with it."""
    for read in (_dji_dewarp, _skydio, _pix4d):
        try:
            camera = read(tags, width_px, height_px)
            if camera is not None:
                return camera.at_size(width_px, height_px)
        except CameraProfileError:
            continue  # for another part of the picture, or figures that make no lens
    return None


def _dji_dewarp(tags: Tags, width_px: int, height_px: int) -> Camera | None:
    """``date;fx,fy,cx,cy,k1,k2,p1,p2,k3`` in pixels, the centre from the picture's (Mavic 3M manual)."""
    if tags.get("drone-dji:DewarpFlag", "0") != "0":
        return None  # what is in the picture is already straight
    figures = _list(tags.get("drone-dji:DewarpData", "").partition(";")[2])
    if len(figures) != 9 or min(figures[:2]) <= 0:
        return None
    fx_px, fy_px, right_px, down_px, *distortion = figures
    width, height = _designed_size(tags) or (width_px, height_px)
    return Camera(
        name="DJI",
        width_px=width,
        height_px=height,
        fx_px=_lens_px(fx_px, width_px),
        fy_px=_lens_px(fy_px, height_px),
        cx_px=(width - 1) / 2 + right_px,
        cy_px=(height - 1) / 2 + down_px,
        distortion=tuple(distortion),
        focal_sigma=CALIBRATED,
        source="XMP DewarpData",
    )


def _skydio(tags: Tags, width_px: int, height_px: int) -> Camera | None:
    """Focal length and optical centre in pixels, ``DewarpData`` k1, k2, k3 (Skydio's metadata page)."""

    def of(name: str) -> float | None:
        return number(tags, f"drone-skydio:{name}")

    fx_px, fy_px = of("CalibratedFocalLength/X"), of("CalibratedFocalLength/Y")
    cx_px, cy_px = of("CalibratedOpticalCenter/X"), of("CalibratedOpticalCenter/Y")
    if not fx_px or not fy_px or not cx_px or not cy_px:
        return None
    k = _list(tags.get("drone-skydio:DewarpData", ""))
    k1, k2, k3 = k if len(k) == 3 else (0.0, 0.0, 0.0)
    return Camera(
        name="Skydio",
        # By design the centre is in the middle: 2027.5 of 4056.
        width_px=_whole(width_px, 2 * cx_px + 1),
        height_px=_whole(height_px, 2 * cy_px + 1),
        fx_px=_lens_px(fx_px, width_px),
        fy_px=_lens_px(fy_px, height_px),
        cx_px=cx_px,
        cy_px=cy_px,
        distortion=(k1, k2, 0.0, 0.0, k3),
        focal_sigma=CALIBRATED,
        source="XMP CalibratedFocalLength",
    )


def _pix4d(tags: Tags, width_px: int, height_px: int) -> Camera | None:
    """Pix4D's ``Camera:`` model, which Parrot writes: millimetres, or a fisheye's polynomial in pixels."""
    if tags.get("Camera:ModelType", "").casefold() == "fisheye":
        return _pix4d_fisheye(tags, width_px, height_px)
    focal_mm, centre_mm = (
        number(tags, "Camera:PerspectiveFocalLength"),
        _list(tags.get("Camera:PrincipalPoint", "")),
    )
    if not focal_mm or len(centre_mm) != 2 or min(centre_mm) <= 0:
        return None
    # The size of a pixel is not said: the principal point is near the middle.
    focal_px = focal_mm * (width_px / 2 / centre_mm[0] + height_px / 2 / centre_mm[1]) / 2
    r = _list(tags.get("Camera:PerspectiveDistortion", ""))
    r1, r2, r3, t1, t2 = r if len(r) == 5 else (0.0,) * 5
    camera = _pinhole(
        width_px, height_px, focal_px, focal_sigma=DESIGNED, source="XMP PerspectiveFocalLength"
    )
    return replace(camera, distortion=(r1, r2, t1, t2, r3))


def _pix4d_fisheye(tags: Tags, width_px: int, height_px: int) -> Camera | None:
    """ρ = p0 + p1·θ + p2·θ² + … of θ in right angles, times the affine matrix in pixels."""
    affine = _list(tags.get("Camera:FisheyeAffineMatrix", ""))
    powers = _list(tags.get("Camera:FisheyePolynomial", ""))
    if len(affine) != 4 or affine[0] <= 0 or len(powers) < 2 or powers[1] <= 0:
        return None
    focal_px = _lens_px(affine[0] * powers[1] * 2 / math.pi, width_px)
    reach_rad = min(1.2 * math.hypot(width_px, height_px) / 2 / focal_px, math.pi / 2)
    theta = np.linspace(0.01, reach_rad, 100)
    radius = affine[0] * np.polynomial.polynomial.polyval(theta * 2 / math.pi, powers) / focal_px
    # The same curve in OpenCV's terms: θ + k1·θ³ + k2·θ⁵ + …
    terms = np.stack([theta ** (2 * n + 1) for n in range(5)], axis=1)
    first, *rest = np.linalg.lstsq(terms, radius, rcond=None)[0]
    focal_px *= float(first)
    camera = _pinhole(width_px, height_px, focal_px, focal_sigma=FISHEYE, source="XMP FisheyePolynomial")
    return replace(camera, lens="fisheye", distortion=tuple(float(figure / first) for figure in rest))


def _designed(tags: Tags, width_px: int, height_px: int) -> Camera | None:
    focal_px, size = number(tags, "drone-dji:CalibratedFocalLength"), _designed_size(tags)
    if focal_px is None or focal_px <= 0 or size is None:
        return None
    try:
        camera = _pinhole(*size, focal_px, focal_sigma=DESIGNED, source="XMP CalibratedFocalLength")
        return camera.at_size(width_px, height_px)
    except CameraProfileError:
        return None


def _designed_size(tags: Tags) -> tuple[int, int] | None:
    """DJI's designed optical centre is the middle of the picture that its pixels are counted in."""
    x_px = number(tags, "drone-dji:CalibratedOpticalCenterX")
    y_px = number(tags, "drone-dji:CalibratedOpticalCenterY")
    if x_px is None or y_px is None or not (16 <= x_px <= 32768 and 16 <= y_px <= 32768):
        return None
    return round(2 * x_px), round(2 * y_px)


def _whole(width_px: int, said_px: float) -> int:
    """The side of the calibrated picture: the photo's own, unless the centre says another."""
    return width_px if abs(said_px / width_px - 1) < ANOTHER_LENS else round(said_px)


def _lens_px(focal_px: float, side_px: int) -> float:
    """A focal length, if a lens may have it at a picture of this side. Raises CameraProfileError."""
    if not SHORTEST_35MM / 36 <= focal_px / side_px <= LONGEST_35MM / 24:
        raise CameraProfileError(f"no lens has a focal length of {focal_px:g} pixels")
    return focal_px


def _pinhole(width_px: int, height_px: int, focal_px: float, *, focal_sigma: float, source: str) -> Camera:
    return Camera(
        name="unknown camera",
        width_px=width_px,
        height_px=height_px,
        fx_px=_lens_px(focal_px, width_px),
        fy_px=focal_px,
        cx_px=(width_px - 1) / 2,
        cy_px=(height_px - 1) / 2,
        focal_sigma=focal_sigma,
        source=source,
    )


def _is_another(camera: Camera, rough: Camera | None) -> bool:
    """An optical zoom moves the focal length in EXIF, and not the designed one."""
    return rough is not None and abs(math.log(camera.fx_px / rough.fx_px)) > ANOTHER_LENS


def _details(exif: Image.Exif) -> Mapping[int, Any]:
    """The second table of EXIF; empty where it is missing or damaged."""
    try:
        return exif.get_ifd(ExifTags.IFD.Exif)
    except (OSError, ValueError, KeyError, TypeError, SyntaxError):
        return {}


def _list(text: str) -> list[float]:
    try:
        figures = [float(part) for part in text.replace(";", ",").split(",")]
    except ValueError:
        return []
    return figures if all(abs(figure) <= LARGEST_FIGURE for figure in figures) else []


def _positive(details: Mapping[int, Any], tag: int) -> float | None:
    try:
        value = float(details.get(tag, 0.0))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return value if math.isfinite(value) and value > 0 else None
