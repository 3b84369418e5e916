"""A photo's EXIF says where the camera was and how it was held; it is used for that and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.edge.scan.scanning import FIRE_BGR, Scan, painted, scanner, write


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    return scanner(tmp_path / "results")


def write_with_exif(path: Path, gps: dict[int, Any], orientation: int | None = None) -> Path:
    image = Image.fromarray(np.ascontiguousarray(painted(FIRE_BGR)[:, :, ::-1]))
    exif = Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    if gps:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    image.save(path, exif=exif, quality=95)
    return path


Gps = dict[int, Any]
LAT: Gps = {ExifTags.GPS.GPSLatitudeRef: "S", ExifTags.GPS.GPSLatitude: (35.0, 21.0, 47.7432)}
LON: Gps = {ExifTags.GPS.GPSLongitudeRef: "E", ExifTags.GPS.GPSLongitude: (149.0, 9.0, 54.8532)}
ALT: Gps = {ExifTags.GPS.GPSAltitude: 684.5, ExifTags.GPS.GPSAltitudeRef: b"\x00"}


def test_the_gps_of_a_photo_is_where_the_camera_was_never_the_fire(tmp_path: Path, scan: Scan) -> None:
    photo = write_with_exif(tmp_path / "gps.jpg", LAT | LON | ALT)
    plain = write(tmp_path / "plain.jpg", FIRE_BGR)
    outcome = scan(photo, plain)
    position = outcome.file("gps.jpg")["camera_position"]
    assert position["position_of"] == "camera"
    assert position["lat_deg"] == pytest.approx(-35.363262, abs=1e-7)
    assert position["lon_deg"] == pytest.approx(149.165237, abs=1e-7)
    assert (position["alt_amsl_m"], position["alt_ellipsoid_m"]) == (684.5, None)
    assert "camera_position" not in outcome.file("plain.jpg")
    (feature,) = outcome.geojson["features"]
    assert feature["geometry"]["type"] == "Point"
    assert feature["geometry"]["coordinates"] == pytest.approx([149.165237, -35.363262], abs=1e-7)
    assert feature["properties"]["position_of"] == "camera"
    assert feature["properties"]["seen"] == ["fire"]
    assert feature["properties"]["best_score"] == {"fire": 0.9}
    assert feature["properties"]["file"].endswith("gps.jpg")


@pytest.mark.parametrize(
    ("gps", "lat_deg", "lon_deg"),
    [
        ({ExifTags.GPS.GPSLatitudeRef: "N"}, 35.363262, 149.165237),
        ({ExifTags.GPS.GPSLongitudeRef: "W"}, -35.363262, -149.165237),
        ({ExifTags.GPS.GPSMapDatum: "WGS-84"}, -35.363262, 149.165237),
    ],
)
def test_hemispheres(tmp_path: Path, scan: Scan, gps: dict[int, Any], lat_deg: float, lon_deg: float) -> None:
    outcome = scan(write_with_exif(tmp_path / "gps.jpg", LAT | LON | gps))
    position = outcome.file("gps.jpg")["camera_position"]
    assert position["lat_deg"] == pytest.approx(lat_deg, abs=1e-7)
    assert position["lon_deg"] == pytest.approx(lon_deg, abs=1e-7)
    assert position["alt_amsl_m"] is None


@pytest.mark.parametrize(
    ("reference", "amsl_m", "ellipsoid_m"),
    [(b"\x01", -684.5, None), (b"\x02", None, 684.5), (b"\x03", None, -684.5), (b"\x09", None, None)],
)
def test_which_height_it_is(
    tmp_path: Path, scan: Scan, reference: bytes, amsl_m: float | None, ellipsoid_m: float | None
) -> None:
    gps = LAT | LON | ALT | {ExifTags.GPS.GPSAltitudeRef: reference}
    position = scan(write_with_exif(tmp_path / "gps.jpg", gps)).file("gps.jpg")["camera_position"]
    assert (position["alt_amsl_m"], position["alt_ellipsoid_m"]) == (amsl_m, ellipsoid_m)


@pytest.mark.parametrize(
    ("gps", "why"),
    [
        (LAT, "the longitude is not degrees"),
        (LAT | LON | {ExifTags.GPS.GPSLatitude: (95.0, 0.0, 0.0)}, "the latitude is out of range"),
        (LAT | LON | {ExifTags.GPS.GPSLatitude: (35.0, 61.0, 0.0)}, "the latitude is out of range"),
        (LAT | LON | {ExifTags.GPS.GPSLatitudeRef: "X"}, "does not say N or S"),
        (LAT | LON | {ExifTags.GPS.GPSMapDatum: "TOKYO"}, "the datum is TOKYO"),
        (
            LAT | LON | dict.fromkeys((ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLongitude), (0.0, 0.0, 0.0)),
            "both 0",
        ),
    ],
)
def test_gps_that_gives_no_position_is_noted_and_the_photo_scanned(
    tmp_path: Path, scan: Scan, gps: dict[int, Any], why: str
) -> None:
    outcome = scan(write_with_exif(tmp_path / "gps.jpg", gps))
    entry = outcome.file("gps.jpg")
    assert "camera_position" not in entry
    assert why in entry["notes"][0]
    assert entry["detections"]
    assert outcome.geojson["features"] == []


def test_a_photo_taken_with_the_camera_on_its_side_is_turned_upright(tmp_path: Path, scan: Scan) -> None:
    entry = scan(write_with_exif(tmp_path / "side.jpg", {}, orientation=6)).file("side.jpg")
    assert (entry["width_px"], entry["height_px"]) == (64, 96)
    # 90° clockwise: left-top (8, 8) of 96 × 64 is right-top of 64 × 96.
    assert entry["detections"][0]["box_px"] == pytest.approx([40, 8, 56, 24], abs=1)
