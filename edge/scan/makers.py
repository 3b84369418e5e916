"""Each drone maker's tags, read into one record.

What is taken, and from where it is known:

- **DJI** (``drone-dji:``): gimbal angles are the camera's own in north, east, down, turned yaw, pitch, roll
  (Mavic 3E and 3M manuals, "Data Storage"); a camera turned back over the nadir has roll 180. Heights:
  ``AltitudeType`` RtkAlt is above the ellipsoid, PressureAlt a barometer's in the standard atmosphere. What
  GpsFusionAlt is above DJI does not say, and users find both. Aircraft without the tag have a barometer's,
  unless they wrote RTK tags. RelativeAltitude is above the take-off point.
- **Parrot** (``drone-parrot:``): Parrot's "Embedded Photo Metadata". EXIF's altitude is above sea level
  (EGM96), on Anafi Ai above the ellipsoid. Angles are in north, east, down.
- **Skydio** (``drone-skydio:``): CameraOrientationNED. GpsMslHeight is above sea level; AbsoluteAltitude is
  above the ellipsoid on X10 (Skydio's RTK metadata page), and above sea level on X2: in OpenAthena's accuracy
  test (Thunderstorm-24-2, 441 sightings of surveyed points) the heights are 3 m off so, and 26 m otherwise.
- **Autel**: newer firmware writes DJI's tags, older Pix4D's ``Camera:`` (pitch 0 is straight down; a negative
  one is counted from the horizon, as in the EVO Lite's photos). It calls its heights ellipsoidal, and
  others have found many to be above sea level.
- **Others** with Pix4D's ``Camera:`` angles: the same without Autel's exceptions.

Yaw is taken as from true north. 1σ errors are the file's own where it has them, and else the constants
below. They are judgement; heading and height were held against that same test, with the ground's height
known: CEP 8.6 m, CE90 21 m, and 81 % of the 90 % ellipses held the point. (The points are 20 m apart, so
which one was meant is not always sure; and some photos have a compass that is off by 10° and more.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from PIL import ExifTags, Image
from scipy.spatial.transform import Rotation

from edge.scan.position import CameraPosition
from edge.scan.record import Height, Heights, Record

GNSS_M = 3.0
GNSS_HEIGHT_M = 8.0
# From the antenna to the camera, and what a receiver's own estimate leaves out.
LEAST_HORIZONTAL_M, LEAST_RTK_M = 1.0, 0.2
LEAST_HEIGHT_M, LEAST_RTK_HEIGHT_M = 2.0, 0.3
# Skydio's flights over one site disagreed by up to 9 m, whatever accuracy they claimed.
SKYDIO_HEIGHT_M = 4.0
# A barometer against the standard atmosphere: weather moves the pressure by 8 to 10 hPa (1σ), 8.3 m each.
BAROMETER_M = 80.0
# A barometer against itself at take-off.
TAKEOFF_M = 3.0
ABOVE_GROUND_M = 5.0
HEADING_DEG, RTK_HEADING_DEG, AUTEL_HEADING_DEG = 5.0, 3.0, 7.0
GIMBAL_DEG = 1.0
RTK_FLOAT, RTK_FIXED = 32, 50
LARGEST_NUMBER = 1e7

Tags = Mapping[str, str]
_Of = Callable[[str], float | None]
"""A maker's number by its name."""


def photo_record(exif: Image.Exif, tags: Tags, position: CameraPosition | None) -> Record:
    """The record of one photo, without its lens; ``position`` is from its EXIF."""
    if any(tag.startswith("drone-skydio:") for tag in tags):
        return _skydio(tags, position, model_of(exif, tags))
    if any(tag.startswith("drone-parrot:") for tag in tags):
        return _parrot(tags, position, model_of(exif, tags))
    prefix = next((p for p in ("drone-dji", "drone") if f"{p}:GimbalPitchDegree" in tags), "")
    if not prefix and any(tag.startswith("drone-dji:") for tag in tags):
        prefix = "drone-dji"
    is_autel = "autel" in make_of(exif, tags).casefold()
    if prefix:
        record = _dji(tags, position, prefix, is_autel=is_autel)
    else:
        record = _pix4d(tags, position, is_autel=is_autel)
    return replace(record, heading_sigma_deg=AUTEL_HEADING_DEG) if is_autel else record


def make_of(exif: Image.Exif, tags: Tags) -> str:
    """The maker; one Autel calls itself "Camera" in EXIF and is right in XMP."""
    make = _exif_text(exif, ExifTags.Base.Make)
    return tags.get("tiff:Make", make) if make.casefold() in ("", "camera") else make


def model_of(exif: Image.Exif, tags: Tags) -> str:
    """The model of the camera."""
    return _exif_text(exif, ExifTags.Base.Model) or tags.get("tiff:Model", "")


def number(tags: Tags, name: str) -> float | None:
    """A tag's value, which may be a fraction; None where it is missing or no sensible number."""
    over, _, under = tags.get(name, "").partition("/")
    try:
        value = float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError):
        return None
    return value if abs(value) <= LARGEST_NUMBER else None


def _dji(tags: Tags, position: CameraPosition | None, prefix: str, *, is_autel: bool) -> Record:
    def of(name: str) -> float | None:
        return number(tags, f"{prefix}:{name}")

    lat_deg = _first(of("GpsLatitude"), of("GPSLatitude"), of("Latitude"))
    lon_deg = _first(
        of("GpsLongitude"), of("GPSLongitude"), of("GpsLongtitude"), of("GPSLongtitude"), of("Longitude")
    )
    rtk = _rtk(of)
    look, missing = _look(of, "GimbalYawDegree", "GimbalPitchDegree", "GimbalRollDegree", prefix)
    absolute_m, above_m = of("AbsoluteAltitude"), of("RelativeAltitude")
    heights = Heights(takeoff=None if above_m is None else Height(above_m, TAKEOFF_M))
    if absolute_m is not None:
        kind = tags.get(f"{prefix}:AltitudeType", "").casefold()
        if rtk.height_sigma_m is not None and kind in ("rtkalt", ""):
            heights = replace(heights, ellipsoid=Height(absolute_m, rtk.height_sigma_m))
        elif kind == "rtkalt":
            heights = replace(heights, ellipsoid=Height(absolute_m, GNSS_HEIGHT_M))
        elif kind == "gpsfusionalt" or is_autel:
            heights = replace(heights, unclear=Height(absolute_m, GNSS_HEIGHT_M))
        else:
            heights = replace(heights, amsl=Height(absolute_m, BAROMETER_M))
    return Record(
        maker="Autel" if is_autel else "DJI",
        position=_position(lat_deg, lon_deg, position, heights),
        heights=heights,
        look=look,
        horizontal_sigma_m=rtk.horizontal_sigma_m,
        heading_sigma_deg=RTK_HEADING_DEG if rtk.height_sigma_m is not None else HEADING_DEG,
        gimbal_sigma_deg=GIMBAL_DEG,
        missing=missing,
    )


@dataclass(frozen=True, slots=True)
class _Rtk:
    horizontal_sigma_m: float = GNSS_M
    height_sigma_m: float | None = None


def _rtk(of: _Of) -> _Rtk:
    flag, lat_m, lon_m, height_m = of("RtkFlag"), of("RtkStdLat"), of("RtkStdLon"), of("RtkStdHgt")
    if not flag:
        return _Rtk()
    if lat_m is None or lon_m is None or height_m is None:
        return _Rtk(height_sigma_m=GNSS_HEIGHT_M)
    fixed = RTK_FLOAT <= flag <= RTK_FIXED
    least_m, least_height_m = (
        (LEAST_RTK_M, LEAST_RTK_HEIGHT_M) if fixed else (LEAST_HORIZONTAL_M, LEAST_HEIGHT_M)
    )
    return _Rtk(math.hypot(max(lat_m, lon_m), least_m), math.hypot(height_m, least_height_m))


def _parrot(tags: Tags, position: CameraPosition | None, model: str) -> Record:
    def of(name: str) -> float | None:
        return number(tags, f"drone-parrot:{name}")

    look, missing = _look(of, "CameraYawDegree", "CameraPitchDegree", "CameraRollDegree", "drone-parrot")
    if look is None and "Camera:Pitch" in tags:
        look, missing = _pix4d_look(tags, from_horizon=False)
    sigma_m = _accuracy(number(tags, "Camera:GPSZAccuracy"), GNSS_HEIGHT_M, LEAST_HEIGHT_M)
    exif_m = None if position is None else _first(position.alt_amsl_m, position.alt_ellipsoid_m)
    amsl_m, ellipsoid_m = of("DroneAltitudeEgm96Amsl"), of("DroneAltitudeWgs84Ellipsoid")
    if amsl_m is None and ellipsoid_m is None and exif_m is not None:
        is_ai = "anafiai" in model.casefold().replace(" ", "")
        amsl_m, ellipsoid_m = (None, exif_m) if is_ai else (exif_m, None)
    above_m = number(tags, "Camera:AboveGroundAltitude")
    heights = Heights(
        amsl=None if amsl_m is None else Height(amsl_m, sigma_m),
        ellipsoid=None if ellipsoid_m is None or amsl_m is not None else Height(ellipsoid_m, sigma_m),
        takeoff=None if above_m is None else Height(above_m, ABOVE_GROUND_M),
    )
    return Record(
        maker="Parrot",
        position=_position(of("DroneLatitude"), of("DroneLongitude"), position, heights),
        heights=heights,
        look=look,
        horizontal_sigma_m=_accuracy(number(tags, "Camera:GPSXYAccuracy"), GNSS_M, LEAST_HORIZONTAL_M),
        heading_sigma_deg=HEADING_DEG,
        gimbal_sigma_deg=GIMBAL_DEG,
        missing=missing,
    )


def _skydio(tags: Tags, position: CameraPosition | None, model: str) -> Record:
    def of(name: str) -> float | None:
        return number(tags, f"drone-skydio:{name}")

    yaw, pitch, roll = (f"CameraOrientationNED/{name}" for name in ("Yaw", "Pitch", "Roll"))
    look, missing = _look(of, yaw, pitch, roll, "drone-skydio")
    sigma_m = _accuracy(of("GpsVerticalAccuracy"), GNSS_HEIGHT_M, SKYDIO_HEIGHT_M)
    absolute_m, above_m, amsl_m = of("AbsoluteAltitude"), of("RelativeAltitude"), of("GpsMslHeight")
    absolute = None if absolute_m is None else Height(absolute_m, sigma_m)
    is_ellipsoidal = any(
        tags.get(f"{prefix}:VertCS", "").casefold() == "ellipsoidal" for prefix in ("Camera", "drone-skydio")
    )
    if amsl_m is None and not is_ellipsoidal and model.upper().startswith("X2"):
        amsl_m = absolute_m
    heights = Heights(
        amsl=None if amsl_m is None else Height(amsl_m, sigma_m),
        ellipsoid=absolute if is_ellipsoidal and amsl_m is None else None,
        unclear=absolute if not is_ellipsoidal and amsl_m is None else None,
        takeoff=None if above_m is None else Height(above_m, TAKEOFF_M),
    )
    return Record(
        maker="Skydio",
        position=_position(of("Latitude"), of("Longitude"), position, heights),
        heights=heights,
        look=look,
        horizontal_sigma_m=_accuracy(of("GpsHorizontalAccuracy"), GNSS_M, LEAST_HORIZONTAL_M),
        heading_sigma_deg=HEADING_DEG,
        gimbal_sigma_deg=GIMBAL_DEG,
        missing=missing,
    )


def _pix4d(tags: Tags, position: CameraPosition | None, *, is_autel: bool) -> Record:
    """Pix4D's ``Camera:`` angles with EXIF's position; without them, what EXIF alone says."""
    pitch_deg = number(tags, "Camera:Pitch")
    look, missing = _pix4d_look(tags, from_horizon=is_autel and pitch_deg is not None and pitch_deg < 0)
    exif_m = None if position is None else _first(position.alt_amsl_m, position.alt_ellipsoid_m)
    sigma_m = _accuracy(number(tags, "Camera:GPSZAccuracy"), GNSS_HEIGHT_M, LEAST_HEIGHT_M)
    above_m = number(tags, "Camera:AboveGroundAltitude")
    return Record(
        maker="Autel" if is_autel else "",
        position=position,
        heights=Heights(
            unclear=None if exif_m is None else Height(exif_m, sigma_m),
            takeoff=None if above_m is None else Height(above_m, ABOVE_GROUND_M),
        ),
        look=look,
        horizontal_sigma_m=_accuracy(number(tags, "Camera:GPSXYAccuracy"), GNSS_M, LEAST_HORIZONTAL_M),
        heading_sigma_deg=HEADING_DEG,
        gimbal_sigma_deg=GIMBAL_DEG,
        missing=missing,
    )


def _pix4d_look(tags: Tags, *, from_horizon: bool) -> tuple[Rotation | None, tuple[str, ...]]:
    def of(name: str) -> float | None:
        return number(tags, f"Camera:{name}")

    if not any(tag.startswith("Camera:") for tag in tags):
        return None, ("the camera's angles (it has no drone maker's XMP: editing and messaging strip it)",)
    look, missing = _look(of, "Yaw", "Pitch", "Roll", "Camera")
    if look is None or from_horizon:
        return look, missing
    # Pix4D's angles are those of a body with its camera fixed below it, looking straight down.
    return look * Rotation.from_euler("Y", -90.0, degrees=True), missing


def _look(of: _Of, yaw: str, pitch: str, roll: str, prefix: str) -> tuple[Rotation | None, tuple[str, ...]]:
    yaw_deg, pitch_deg, roll_deg = of(yaw), of(pitch), of(roll)
    if yaw_deg is None or pitch_deg is None:
        angles = ((yaw, yaw_deg), (pitch, pitch_deg))
        return None, tuple(f"{prefix}:{name}" for name, value in angles if value is None)
    if yaw_deg == 0.0 and pitch_deg == 0.0 and not roll_deg:
        return None, (f"the camera's angles ({prefix}:{yaw} and the others are all 0)",)
    return Rotation.from_euler("ZYX", [yaw_deg, pitch_deg, roll_deg or 0.0], degrees=True), ()


def _position(
    lat_deg: float | None, lon_deg: float | None, exif: CameraPosition | None, heights: Heights
) -> CameraPosition | None:
    """The maker's own position where it has one, with the heights as what they are."""
    is_place = lat_deg is not None and lon_deg is not None and (lat_deg != 0.0 or lon_deg != 0.0)
    if is_place and abs(lat_deg or 0.0) <= 90.0 and abs(lon_deg or 0.0) <= 180.0:
        position = CameraPosition(lat_deg or 0.0, lon_deg or 0.0, None, None)
    elif exif is not None:
        position = exif
    else:
        return None
    amsl, ellipsoid = heights.amsl, heights.ellipsoid
    return replace(
        position,
        alt_amsl_m=None if amsl is None else amsl.m,
        alt_ellipsoid_m=None if ellipsoid is None else ellipsoid.m,
    )


def _accuracy(said_m: float | None, else_m: float, least_m: float) -> float:
    return else_m if said_m is None or said_m <= 0 else max(said_m, least_m)


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _exif_text(exif: Image.Exif, tag: int) -> str:
    value = exif.get(tag, "")
    return str(value).strip("\0 ") if isinstance(value, str) else ""
