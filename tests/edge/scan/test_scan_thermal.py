"""Thermal TIFFs in a scan: hot spots, their places and temperatures, and what is said of other TIFFs."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from edge.thermal.hot import FROM_C
from hardware.virtual.thermal.climate import Weather
from hardware.virtual.thermal.render import ThermalRenderer
from hardware.virtual.thermal.sensor import CORES
from tests.edge.scan.drone_photos import LENS, RTK_FIXED, described, dji_attributes, gps_tags, shot
from tests.edge.scan.scanning import Outcome, Scan, scanner, write
from tests.edge.scan.test_scan_places import DJI, is_in_ellipse, off_m
from tests.hardware.virtual_world import small_world

Counts = NDArray[np.uint16]
XMP = 700


@lru_cache(maxsize=1)
def frame() -> Counts:
    """What a thermal camera with the photos' lens sees from their place, in hundredths of a kelvin."""
    core = replace(
        CORES["boson_640"],
        width_px=LENS.width_px,
        height_px=LENS.height_px,
        hfov_deg=LENS.hfov_deg,
        samples=1,
        bad_pixels=0,
    )
    return ThermalRenderer(small_world(), core, Weather(23.0)).render(shot().pose)


def write_tiff(path: Path, values: NDArray[np.generic], *, xmp: str = "", tagged: bool = True) -> Path:
    exif = Image.Exif()
    if tagged:
        for tag, value in DJI.items():
            exif[tag] = value
        pose = shot().pose
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps_tags(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m))
        exif.load(exif.tobytes())  # only of what it has read itself Pillow puts all into a TIFF
    if xmp:
        exif[XMP] = xmp.encode()
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(values).save(path, exif=exif)
    return path


def dji() -> str:
    return described(dji_attributes(shot(), shot().ellipsoid_m, kind="RtkAlt", rtk=RTK_FIXED))


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    return scanner(tmp_path / "results")


@pytest.fixture(scope="module")
def dem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("terrain") / "world.tif"
    small_world().write_geotiff(path)
    return path


def fires(outcome: Outcome, name: str) -> list[dict]:  # type: ignore[type-arg]
    return sorted(outcome.file(name)["detections"], key=lambda one: -one["score"])


def test_a_hot_spot_is_placed_on_the_terrain_with_its_temperature(
    tmp_path: Path, scan: Scan, dem: Path
) -> None:
    outcome = scan(write_tiff(tmp_path / "night" / "IR_1.tiff", frame(), xmp=dji()), dem=dem)
    assert outcome.code == 0
    near = [one for one in fires(outcome, "IR_1.tiff") if is_in_ellipse(one["place"], shot())]
    assert near, "the fire in the middle is one of them"
    spot = near[0]
    assert spot["label"] == "fire"
    assert spot["score"] > 0.8
    assert max(map(abs, off_m(spot["place"], shot()))) < 4.0
    hottest_c = float(frame().max()) * 0.01 - FROM_C
    assert 60.0 < spot["heat"]["max_c"] <= hottest_c + 0.1
    assert spot["heat"]["around_c"] < 25.0
    on_the_map = [one["properties"] for one in outcome.geojson["features"] if "heat" in one["properties"]]
    assert spot["heat"] in [one["heat"] for one in on_the_map]
    assert outcome.results["thermal"]["kelvin_per_count"] == 0.01
    assert outcome.pictures == ["IR_1.tiff"]
    with Image.open(tmp_path / "results" / "images" / "IR_1.tiff") as drawn:
        assert (drawn.mode, drawn.size) == ("RGB", (LENS.width_px, LENS.height_px))


def test_photos_and_thermal_frames_are_scanned_together(tmp_path: Path, scan: Scan) -> None:
    write(tmp_path / "both" / "photo.jpg", (0, 0, 250))
    write_tiff(tmp_path / "both" / "thermal.tif", frame(), xmp=dji())
    outcome = scan(tmp_path / "both")
    assert outcome.results["counts"]["with_fire"] == 2
    assert "heat" not in outcome.file("photo.jpg")["detections"][0]


@pytest.mark.parametrize("celsius", [True, False])
def test_decimals_are_degrees_and_find_what_counts_find(celsius: bool, tmp_path: Path, scan: Scan) -> None:
    kelvin = (frame() * np.float32(0.01)).astype(np.float32)
    values = kelvin - np.float32(FROM_C) if celsius else kelvin
    write_tiff(tmp_path / "in" / "decimals.tif", values)
    write_tiff(tmp_path / "in" / "counts.tif", frame())
    outcome = scan(tmp_path / "in")
    by_counts, by_decimals = (
        [one["box_px"] for one in fires(outcome, name)] for name in ("counts.tif", "decimals.tif")
    )
    assert by_counts
    assert by_decimals == by_counts


def test_what_a_place_would_need_is_said(tmp_path: Path, scan: Scan) -> None:
    write_tiff(tmp_path / "in" / "bare.tif", frame(), tagged=False)
    write_tiff(tmp_path / "in" / "gps.tif", frame())
    outcome = scan(tmp_path / "in", camera="flir_lepton_3_5")
    bare, gps = (fires(outcome, name)[0]["place"] for name in ("bare.tif", "gps.tif"))
    assert bare["method"] == gps["method"] == "none"
    assert "the camera's position" in bare["why"]
    assert "the camera's angles" in gps["why"]
    assert "position" not in gps["why"]
    assert "focal length" not in gps["why"], "--camera gives it"


def test_another_scale_is_asked_for_and_taken(tmp_path: Path, scan: Scan) -> None:
    tenths = write_tiff(tmp_path / "in" / "tenths.tif", (frame() // 10).astype(np.uint16))
    outcome = scan(tenths)
    assert outcome.code == 1
    assert "no temperatures outdoors" in outcome.file("tenths.tif")["skipped"]
    assert "--kelvin-per-count" in outcome.file("tenths.tif")["skipped"]
    assert fires(scan(tenths, kelvin_per_count=0.1), "tenths.tif")


def test_a_threshold_counts_for_hot_spots_too(tmp_path: Path, scan: Scan) -> None:
    with_roof = frame().copy()
    with_roof[20:60, 40:120] = 35_300  # 80 °C, and too large for a fire that reads as little
    thermal = write_tiff(tmp_path / "in" / "one.tif", with_roof)
    all_of_them = fires(scan(thermal, threshold=0.01), "one.tif")
    few = fires(scan(thermal, threshold=0.99), "one.tif")
    assert [one["score"] for one in few] == [one["score"] for one in all_of_them if one["score"] >= 0.99]
    assert len(few) < len(all_of_them)


def test_further_pages_are_told_of(tmp_path: Path, scan: Scan) -> None:
    path = tmp_path / "flight.tif"
    page = Image.fromarray(frame())
    page.save(path, save_all=True, append_images=[page, page])
    assert "it has 3 pages, of which the first was looked at" in scan(path).file("flight.tif")["notes"]


def test_a_map_of_heights_is_none_of_temperatures(tmp_path: Path, scan: Scan, dem: Path) -> None:
    outcome = scan(dem)
    assert outcome.code == 1
    assert "it is a map (GeoTIFF)" in outcome.file("world.tif")["skipped"]


def test_what_is_no_file_or_damaged_is_skipped_and_not_waited_for(tmp_path: Path, scan: Scan) -> None:
    folder = tmp_path / "in"
    whole = write_tiff(folder / "whole.tif", frame())
    (folder / "cut.tif").write_bytes(whole.read_bytes()[:-1000])
    (folder / "noise.tif").write_bytes(b"II*\0" + bytes(100))
    (folder / "empty.tif").touch()
    os.mkfifo(folder / "pipe.tif")
    outcome = scan(folder)
    assert outcome.results["counts"]["scanned"] == 1
    assert "skipped" in outcome.file("cut.tif")
    assert outcome.file("empty.tif")["skipped"] == "the file is empty"
    assert outcome.file("pipe.tif")["skipped"] == "it is not a file"


def test_values_beyond_16_bits_are_refused(tmp_path: Path, scan: Scan) -> None:
    wide = write_tiff(tmp_path / "in" / "wide.tif", frame().astype(np.int32) + 70_000)
    assert "no counts of 16 bits" in scan(wide).file("wide.tif")["skipped"]


def test_a_tiff_of_the_colour_camera_says_where_it_was_taken_too(
    tmp_path: Path, scan: Scan, dem: Path
) -> None:
    colours = write_tiff(tmp_path / "in" / "colour.tif", np.ascontiguousarray(shot().image[..., ::-1]))
    position = scan(colours).file("colour.tif")["camera_position"]
    assert position["lat_deg"] == pytest.approx(shot().pose.lat_deg, abs=1e-6)
