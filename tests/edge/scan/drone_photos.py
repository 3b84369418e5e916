"""Photos as drones write them: a rendered scene, and its true pose in the tags of each maker.

The layouts of the packets (attributes or elements, names, signs, fractions) are those of public samples.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from flight.geoid import undulation_m
from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.render.render import Renderer
from hardware.virtual.world.fire import Fire
from models.detection import Detection
from tests.hardware.virtual_world import pose_near, small_world

LENS = VirtualLens(640, 480, 66.0)
YAW_DEG, PITCH_DEG = -141.3, -38.0
RDF = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{}</rdf:RDF></x:xmpmeta>'
    '<?xpacket end="w"?>'
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One rendered picture of a fire, and the truth of it."""

    image: NDArray[np.uint8]
    fire: Fire
    box: Detection
    pose: TruePose
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    above_home_m: float

    @property
    def ellipsoid_m(self) -> float:
        return self.pose.alt_amsl_m + float(undulation_m(self.pose.lat_deg, self.pose.lon_deg))


@lru_cache(maxsize=8)
def shot(yaw_deg: float = YAW_DEG, pitch_deg: float = PITCH_DEG, roll_deg: float = 0.0) -> Shot:
    """From 70 m above a fire of the small world, which is a little beside the middle of the picture."""
    world = small_world()
    fire = max(world.fires, key=lambda fire: fire.radius_m)
    back_m = 70.0 / math.tan(math.radians(-pitch_deg)) if pitch_deg > -85.0 else 0.0
    yaw = math.radians(yaw_deg + 6.0)
    east_m, north_m = fire.east_m - back_m * math.sin(yaw), fire.north_m - back_m * math.cos(yaw)
    near = pose_near(world, east_m, north_m, 70.0, yaw_deg, pitch_deg)
    alt_amsl_m = fire.alt_amsl_m + 70.0
    pose = TruePose.looking(
        near.lat_deg,
        near.lon_deg,
        alt_amsl_m,
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
        time_s=20.0,
    )
    image, boxes = Renderer(world, LENS).render_with_labels(pose)
    (box,) = [box for box in boxes if box.label == "fire" and box.fire_id == fire.id]
    home_m = float(world.ground_amsl_m(world.frame.lat_deg, world.frame.lon_deg))
    found = Detection("fire", 0.9, box.x1, box.y1, box.x2, box.y2)
    return Shot(image, fire, found, pose, yaw_deg, pitch_deg, roll_deg, alt_amsl_m - home_m)


class Sees:
    """A detector that sees these boxes in every picture."""

    name = "labeller"
    sha256 = "1a" * 32
    labels = ("fire", "smoke")
    threshold = 0.25
    input_px = 640

    def __init__(self, *boxes: Detection) -> None:
        self.boxes = boxes

    def detect(self, image_bgr: NDArray[np.uint8], *, min_score: float | None = None) -> list[Detection]:
        return list(self.boxes)


def write_photo(
    path: Path,
    image: NDArray[np.uint8],
    *,
    xmp: str | bytes = "",
    gps: dict[int, Any] | None = None,
    main: dict[int, Any] | None = None,
    details: dict[int, Any] | None = None,
) -> Path:
    """A JPEG with EXIF and an XMP packet in segments of their own, as cameras write them."""
    exif = Image.Exif()
    for tag, value in (main or {}).items():
        exif[tag] = value
    for ifd, tags in ((ExifTags.IFD.Exif, details), (ExifTags.IFD.GPSInfo, gps)):
        if tags:
            exif.get_ifd(ifd).update(tags)
    ok, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert ok
    data = jpeg.tobytes()
    packet = xmp.encode() if isinstance(xmp, str) else xmp
    segments = _segment(exif.tobytes())
    if packet:
        segments += _segment(b"http://ns.adobe.com/xap/1.0/\0" + packet)
    path.write_bytes(data[:2] + segments + data[2:])
    return path


def _segment(body: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def gps_tags(lat_deg: float, lon_deg: float, alt_m: float) -> dict[int, Any]:
    """EXIF's GPS, "above sea level" whatever height it is: so most makers write it."""
    return {
        ExifTags.GPS.GPSLatitudeRef: "N" if lat_deg >= 0 else "S",
        ExifTags.GPS.GPSLatitude: _dms(abs(lat_deg)),
        ExifTags.GPS.GPSLongitudeRef: "E" if lon_deg >= 0 else "W",
        ExifTags.GPS.GPSLongitude: _dms(abs(lon_deg)),
        ExifTags.GPS.GPSAltitudeRef: b"\0",
        ExifTags.GPS.GPSAltitude: alt_m,
    }


def _dms(angle_deg: float) -> tuple[float, float, float]:
    minutes, seconds = divmod(angle_deg * 3600, 60)
    degrees, minutes = divmod(minutes, 60)
    return degrees, minutes, round(seconds, 5)


def described(attributes: str, body: str = "", about: str = "DJI Meta Data") -> str:
    """A packet with one description."""
    return RDF.format(f'<rdf:Description rdf:about="{about}" {attributes}>{body}</rdf:Description>')


def dji_attributes(
    shot: Shot, absolute_m: float, *, kind: str = "", rtk: str = "", longitude: str = "GpsLongitude"
) -> str:
    """As Mavic 3, M300 and P1 write them."""
    kind = f'drone-dji:AltitudeType="{kind}"' if kind else ""
    return f'''xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"
        tiff:Make="DJI" drone-dji:Version="1.4" drone-dji:GpsStatus="Normal" {kind}
        drone-dji:GpsLatitude="{shot.pose.lat_deg:+.9f}" drone-dji:{longitude}="{shot.pose.lon_deg:+.9f}"
        drone-dji:AbsoluteAltitude="{absolute_m:+.3f}" drone-dji:RelativeAltitude="{shot.above_home_m:+.3f}"
        drone-dji:GimbalRollDegree="{shot.roll_deg:+.2f}" drone-dji:GimbalYawDegree="{shot.yaw_deg:+.2f}"
        drone-dji:GimbalPitchDegree="{shot.pitch_deg:+.2f}" drone-dji:FlightRollDegree="+5.00"
        drone-dji:FlightYawDegree="+155.90" drone-dji:FlightPitchDegree="-7.40" drone-dji:CamReverse="0"
        drone-dji:SelfData="" drone-dji:CalibratedFocalLength="{LENS.focal_px:.6f}"
        drone-dji:CalibratedOpticalCenterX="320.000000"
        drone-dji:CalibratedOpticalCenterY="240.000000" {rtk}'''


RTK_FIXED = '''drone-dji:RtkFlag="50" drone-dji:RtkStdLon="0.01274" drone-dji:RtkStdLat="0.01122"
    drone-dji:RtkStdHgt="0.02394"'''


def dji_elements(shot: Shot) -> str:
    """As DJI's older firmware writes them."""
    names = {
        "GpsLatitude": f"{shot.pose.lat_deg:+.7f}",
        "GpsLongitude": f"{shot.pose.lon_deg:+.7f}",
        "AbsoluteAltitude": f"{shot.pose.alt_amsl_m:+.2f}",
        "RelativeAltitude": f"{shot.above_home_m:+.2f}",
        "GimbalRollDegree": "+0.00",
        "GimbalYawDegree": f"{shot.yaw_deg:+.2f}",
        "GimbalPitchDegree": f"{shot.pitch_deg:+.2f}",
        "FlightYawDegree": "+111.00",
    }
    body = "".join(f"<drone-dji:{name}>{value}</drone-dji:{name}>\n" for name, value in names.items())
    return described('xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"', body + "<drone-dji:SelfData/>")


def parrot(shot: Shot) -> str:
    """Parrot: elements, fractions, and Pix4D's angles beside the ones in north, east, down."""
    focal_mm = 4.0
    centre_mm = focal_mm * LENS.width_px / 2 / LENS.focal_px, focal_mm * LENS.height_px / 2 / LENS.focal_px
    camera = {
        "Yaw": f"{shot.yaw_deg:.6f}",
        "Pitch": f"{shot.pitch_deg + 90:.6f}",
        "Roll": "0.000000",
        "AboveGroundAltitude": _fraction(shot.above_home_m),
        "GPSXYAccuracy": _fraction(1.4),
        "GPSZAccuracy": _fraction(2.2),
        "ModelType": "perspective",
        "PerspectiveFocalLength": _fraction(focal_mm),
        "PerspectiveFocalLengthUnits": "mm",
        "PrincipalPoint": f"{centre_mm[0]:.8f},{centre_mm[1]:.8f}",
        "PerspectiveDistortion": "0.00000000,0.00000000,0.00000000,0.00000000,0.00000000",
    }
    own = {
        "CameraRollDegree": "0.000000",
        "CameraPitchDegree": f"{shot.pitch_deg:.6f}",
        "CameraYawDegree": f"{shot.yaw_deg:.6f}",
        "SerialNumber": "PI040416BA8G059745",
    }
    body = "".join(f"<Camera:{name}>{value}</Camera:{name}>" for name, value in camera.items())
    body += "".join(f"<drone-parrot:{name}>{value}</drone-parrot:{name}>" for name, value in own.items())
    spaces = 'xmlns:Camera="http://pix4d.com/camera/1.0/" xmlns:drone-parrot="http://www.parrot.com/drone-parrot/1.0/"'
    return described(spaces, body, about="")


def skydio(shot: Shot, *, old: bool = False) -> str:
    """Skydio: structures, as elements of a resource or (first firmware) as attributes of an element."""
    pose = shot.pose
    angles = {"Pitch": shot.pitch_deg, "Yaw": shot.yaw_deg, "Roll": shot.roll_deg}
    focal = {"X": LENS.focal_px, "Y": LENS.focal_px}
    centre = {"X": LENS.centre_px[0], "Y": LENS.centre_px[1]}
    structures = {
        "CameraOrientationNED": angles, "CalibratedFocalLength": focal, "CalibratedOpticalCenter": centre
    }  # fmt: skip
    spaces = 'xmlns:drone-skydio="https://www.skydio.com/drone-skydio/1.0/"'
    if old:
        plain = {"Latitude": pose.lat_deg, "Longitude": pose.lon_deg, "AbsoluteAltitude": pose.alt_amsl_m}
        attributes = " ".join(f'drone-skydio:{name}="{value:.8f}"' for name, value in plain.items())
        body = "".join(
            f"<drone-skydio:{name} "
            + " ".join(f'drone-skydio:{field}="{value:.6f}"' for field, value in fields.items())
            + "/>"
            for name, fields in structures.items()
        )
        return described(f"{spaces} {attributes}", body, about="Skydio Meta Data")
    plain = {
        "Latitude": pose.lat_deg,
        "Longitude": pose.lon_deg,
        "AbsoluteAltitude": shot.ellipsoid_m,
        "GpsMslHeight": pose.alt_amsl_m,
        "RelativeAltitude": shot.above_home_m,
        "GpsHorizontalAccuracy": 0.4,
        "GpsVerticalAccuracy": 0.5,
    }
    body = "".join(f"<drone-skydio:{name}>{value:.8f}</drone-skydio:{name}>" for name, value in plain.items())
    body += "".join(
        f'<drone-skydio:{name} rdf:parseType="Resource">'
        + "".join(
            f"<drone-skydio:{field}>{value:.6f}</drone-skydio:{field}>" for field, value in fields.items()
        )
        + f"</drone-skydio:{name}>"
        for name, fields in structures.items()
    )
    body += "<drone-skydio:DewarpData>0.00000,0.00000,0.00000</drone-skydio:DewarpData>"
    return described(spaces, body, about="Skydio Meta Data")


def autel_camera(shot: Shot, pitch_deg: float) -> str:
    """Autel's older firmware: Pix4D's tags."""
    return described(
        f'''xmlns:Camera="http://pix4d.com/camera/1.0" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
        tiff:Make="Autel Robotics" Camera:HorizCS="EPSG:4326" Camera:VertCS="ellipsoidal"
        Camera:Pitch="{pitch_deg:.4f}" Camera:Yaw="{shot.yaw_deg:.4f}" Camera:Roll="{shot.roll_deg:.4f}"
        Camera:AboveGroundAltitude="{shot.above_home_m:.4f}"''',
        about="Autel Robotics Meta Data",
    )


def _fraction(value: float) -> str:
    exact = Fraction(value).limit_denominator(1_000_000)
    return f"{exact.numerator}/{exact.denominator}"
