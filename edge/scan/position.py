"""Where a camera was when it took a photo, from the photo's EXIF. That is never where a fire is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

# Names that cameras write for WGS 84 and for what agrees with it within centimetres.
_WGS84_NAMES = frozenset({"", "WGS84", "CGCS2000", "ETRS89", "GDA2020"})


@dataclass(frozen=True, slots=True)
class CameraPosition:
    """WGS 84. EXIF says which height it is: above sea level, or (from EXIF 3.0) above the ellipsoid."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float | None
    alt_ellipsoid_m: float | None


class BadPositionError(ValueError):
    """The EXIF has GPS tags that give no position; the message says why."""


def camera_position(exif: Image.Exif) -> CameraPosition | None:
    """The position in a photo's EXIF, or None where it has none. Raises BadPositionError."""
    try:
        gps: dict[int, Any] = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except (OSError, ValueError, KeyError, TypeError, SyntaxError) as error:
        raise BadPositionError("the GPS tags cannot be read") from error
    if ExifTags.GPS.GPSLatitude not in gps and ExifTags.GPS.GPSLongitude not in gps:
        return None
    datum = _text(gps, ExifTags.GPS.GPSMapDatum)
    if datum.upper().replace("-", "").replace(" ", "") not in _WGS84_NAMES:
        raise BadPositionError(f"the datum is {datum}, not WGS 84")
    lat_deg = _angle(gps, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "NS", 90.0)
    lon_deg = _angle(gps, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "EW", 180.0)
    if lat_deg == 0.0 and lon_deg == 0.0:
        raise BadPositionError("latitude and longitude are both 0, as cameras without a fix write")
    alt_amsl_m, alt_ellipsoid_m = _altitudes(gps)
    return CameraPosition(lat_deg, lon_deg, alt_amsl_m, alt_ellipsoid_m)


def _angle(gps: Mapping[int, Any], tag: int, ref_tag: int, hemispheres: str, limit_deg: float) -> float:
    name = "latitude" if hemispheres == "NS" else "longitude"
    parts = _numbers(gps.get(tag))
    if not 1 <= len(parts) <= 3:
        raise BadPositionError(f"the {name} is not degrees, minutes and seconds")
    degrees, minutes, seconds = (*parts, 0.0, 0.0)[:3]
    value_deg = degrees + minutes / 60 + seconds / 3600
    in_range = degrees >= 0 and 0 <= minutes < 60 and 0 <= seconds <= 60 and value_deg <= limit_deg
    if not in_range:  # NaN, from a fraction over zero, is not in range either
        raise BadPositionError(f"the {name} is out of range")
    hemisphere = _text(gps, ref_tag).upper()
    if hemisphere not in tuple(hemispheres):
        raise BadPositionError(f"the {name} does not say {hemispheres[0]} or {hemispheres[1]}")
    return -value_deg if hemisphere == hemispheres[1] else value_deg


def _altitudes(gps: Mapping[int, Any]) -> tuple[float | None, float | None]:
    parts = _numbers(gps.get(ExifTags.GPS.GPSAltitude))
    if len(parts) != 1 or not math.isfinite(parts[0]):
        return None, None
    reference = gps.get(ExifTags.GPS.GPSAltitudeRef, 0)
    number = reference[0] if isinstance(reference, bytes) and reference else reference
    # EXIF 3.0, GPSAltitudeRef: 0 and 1 above and below sea level, 2 and 3 above and below the ellipsoid.
    match number:
        case 0:
            return parts[0], None
        case 1:
            return -abs(parts[0]), None
        case 2:
            return None, parts[0]
        case 3:
            return None, -abs(parts[0])
    return None, None


def _numbers(value: object) -> tuple[float, ...]:
    values = value if isinstance(value, tuple) else (value,)
    try:
        return tuple(float(number) for number in values)
    except (TypeError, ValueError, ZeroDivisionError):
        return ()


def _text(gps: Mapping[int, Any], tag: int) -> str:
    value = gps.get(tag, "")
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    return text.strip("\0 ")
