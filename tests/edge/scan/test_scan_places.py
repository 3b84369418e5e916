"""A scan puts what it sees on the ground, from what each maker writes, with an error that is true."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags
from shapely.geometry import Point, shape

from edge.scan.media import ScanError
from flight.errors import EmberwatchError
from flight.local_frame import LocalFrame
from models.detection import Detection
from tests.edge.scan.drone_photos import (
    LENS,
    RTK_FIXED,
    Sees,
    Shot,
    autel_camera,
    described,
    dji_attributes,
    dji_elements,
    gps_tags,
    parrot,
    shot,
    skydio,
    write_photo,
)
from tests.edge.scan.scanning import Outcome, scanner
from tests.hardware.virtual_world import small_world

Tags = dict[int, Any]
DETAILS: Tags = {
    ExifTags.Base.ExifImageWidth: LENS.width_px,
    ExifTags.Base.ExifImageHeight: LENS.height_px,
    ExifTags.Base.FocalLengthIn35mmFilm: 27,
}
DJI: Tags = {ExifTags.Base.Make: "DJI", ExifTags.Base.Model: "M3E"}
AUTEL: Tags = {ExifTags.Base.Make: "Autel Robotics", ExifTags.Base.Model: "XT705"}


@pytest.fixture(scope="module")
def dem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("terrain") / "world.tif"
    small_world().write_geotiff(path)
    return path


def written(maker: str, taken: Shot, path: Path) -> Path:
    """The picture as this maker's drone would have written it."""
    pose = taken.pose
    amsl_gps = gps_tags(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    match maker:
        case "DJI with RTK":
            xmp = described(dji_attributes(taken, taken.ellipsoid_m, kind="RtkAlt", rtk=RTK_FIXED))
            main, gps = DJI, gps_tags(pose.lat_deg, pose.lon_deg, taken.ellipsoid_m)
        case "Phantom 4 RTK":  # no AltitudeType, and longitude misspelt
            tags = dji_attributes(taken, taken.ellipsoid_m, rtk=RTK_FIXED, longitude="GpsLongtitude")
            xmp, main, gps = described(tags), DJI, {}
        case "DJI GpsFusionAlt, ellipsoidal":
            xmp = described(dji_attributes(taken, taken.ellipsoid_m, kind="GpsFusionAlt"))
            main, gps = DJI, {}
        case "DJI GpsFusionAlt, above sea level":
            xmp = described(dji_attributes(taken, pose.alt_amsl_m, kind="GpsFusionAlt"))
            main, gps = DJI, {}
        case "DJI, elements":
            xmp, main, gps = dji_elements(taken), DJI, amsl_gps
        case "Parrot":
            main, gps = {ExifTags.Base.Make: "Parrot", ExifTags.Base.Model: "ANAFI USA"}, amsl_gps
            xmp = parrot(taken)
        case "Parrot Anafi Ai":
            main = {ExifTags.Base.Make: "Parrot", ExifTags.Base.Model: "Anafi Ai"}
            xmp, gps = parrot(taken), gps_tags(pose.lat_deg, pose.lon_deg, taken.ellipsoid_m)
        case "Skydio X10":
            xmp, main, gps = skydio(taken), {ExifTags.Base.Make: "Skydio"}, {}
        case "Skydio X2":
            main = {ExifTags.Base.Make: "Skydio", ExifTags.Base.Model: "X2 NARROW"}
            xmp, gps = skydio(taken, old=True), {}
        case "Skydio, first firmware":
            xmp, main, gps = skydio(taken, old=True), {ExifTags.Base.Make: "Skydio"}, {}
        case "Autel, DJI's tags":
            tags = dji_attributes(taken, pose.alt_amsl_m, longitude="GpsLongtitude")
            xmp, main, gps = described(tags), AUTEL, {}
        case "Autel, Pix4D's tags":
            xmp, main, gps = autel_camera(taken, 90.0 + taken.pitch_deg), AUTEL, amsl_gps
        case _:  # the EVO Lite: calls itself Camera in EXIF, and counts the pitch from the horizon
            xmp, main, gps = autel_camera(taken, taken.pitch_deg), {ExifTags.Base.Make: "Camera"}, amsl_gps
    return write_photo(path, taken.image, xmp=xmp, main=main, gps=gps, details=DETAILS)


# How far off a place may be by nothing but heights that are not clear, with this terrain and view.
MAKERS = {
    "DJI with RTK": 3.0,
    "Phantom 4 RTK": 3.0,
    "DJI GpsFusionAlt, ellipsoidal": 25.0,
    "DJI GpsFusionAlt, above sea level": 25.0,
    "DJI, elements": 35.0,
    "Parrot": 3.0,
    "Parrot Anafi Ai": 3.0,
    "Skydio X10": 4.0,
    "Skydio X2": 4.0,
    "Skydio, first firmware": 20.0,
    "Autel, DJI's tags": 25.0,
    "Autel, Pix4D's tags": 25.0,
    "Autel EVO Lite": 25.0,
}


def place_of(outcome: Outcome, name: str, index: int = 0) -> dict[str, Any]:
    return dict(outcome.file(name)["detections"][index]["place"])


def off_m(place: dict[str, Any], taken: Shot) -> tuple[float, float]:
    """East and north of the truth, in the world's own frame."""
    east, north = small_world().frame.to_local(place["lat_deg"], place["lon_deg"])
    return float(east) - taken.fire.east_m, float(north) - taken.fire.north_m


def from_camera_m(place: dict[str, Any], taken: Shot) -> float:
    frame = LocalFrame(taken.pose.lat_deg, taken.pose.lon_deg, 0.0)
    lat, lon = np.array(place["lat_deg"]), np.array(place["lon_deg"])
    east_m, north_m, _ = frame.from_geodetic(lat, lon, np.array(0.0))
    return math.hypot(float(east_m), float(north_m))


def is_in_ellipse(place: dict[str, Any], taken: Shot) -> bool:
    east_m, north_m = off_m(place, taken)
    turned = math.radians(place["ellipse_90"]["orientation_deg"])
    along = east_m * math.sin(turned) + north_m * math.cos(turned)
    across = east_m * math.cos(turned) - north_m * math.sin(turned)
    axes = place["ellipse_90"]
    return math.hypot(along / axes["semi_major_m"], across / axes["semi_minor_m"]) <= 1.0


# --- makers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("maker", MAKERS)
def test_a_fire_is_placed_on_the_terrain_from_each_makers_tags(maker: str, tmp_path: Path, dem: Path) -> None:
    taken = shot()
    photo = written(maker, taken, tmp_path / "fire.jpg")
    place = place_of(scanner(tmp_path / "out")(photo, detector=Sees(taken.box), dem=dem), "fire.jpg")
    assert place["method"] == "dem"
    assert place["terrain"] == "world.tif"
    assert is_in_ellipse(place, taken)
    assert math.hypot(*off_m(place, taken)) < MAKERS[maker]
    assert place["alt_amsl_m"] == pytest.approx(taken.fire.alt_amsl_m, abs=8.0)
    assert from_camera_m(place, taken) > 50.0, "not the camera's own place"


@pytest.mark.parametrize(
    ("maker", "yaw_deg", "pitch_deg", "roll_deg"),
    [
        ("DJI with RTK", 47.0, -62.0, 0.0),
        ("DJI with RTK", -12.5, -45.0, 4.0),
        ("Skydio X10", 47.0, -62.0, 0.0),
        ("Skydio X10", -12.5, -45.0, 4.0),
        ("Parrot", 47.0, -62.0, 0.0),
    ],
)
def test_other_views_and_a_camera_that_is_not_level(
    maker: str, yaw_deg: float, pitch_deg: float, roll_deg: float, tmp_path: Path, dem: Path
) -> None:
    taken = shot(yaw_deg, pitch_deg, roll_deg)
    photo = written(maker, taken, tmp_path / "fire.jpg")
    place = place_of(scanner(tmp_path / "out")(photo, detector=Sees(taken.box), dem=dem), "fire.jpg")
    assert is_in_ellipse(place, taken)
    assert math.hypot(*off_m(place, taken)) < 5.0


def test_a_camera_turned_back_over_the_nadir_has_roll_180(tmp_path: Path, dem: Path) -> None:
    """As a Mavic 3E writes it: the picture upside down, the yaw the other way round."""
    taken = shot(38.7, -62.0)
    upside_down = Shot(
        np.ascontiguousarray(taken.image[::-1, ::-1]), taken.fire, taken.box, taken.pose, 38.7, -62.0, 180.0,
        taken.above_home_m,
    )  # fmt: skip
    box = taken.box
    turned = Detection(
        "fire",
        0.9,
        LENS.width_px - box.x2,
        LENS.height_px - box.y2,
        LENS.width_px - box.x1,
        LENS.height_px - box.y1,
    )
    xmp = described(dji_attributes(upside_down, taken.ellipsoid_m, kind="RtkAlt", rtk=RTK_FIXED))
    photo = write_photo(tmp_path / "fire.jpg", upside_down.image, xmp=xmp, main=DJI, details=DETAILS)
    place = place_of(scanner(tmp_path / "out")(photo, detector=Sees(turned), dem=dem), "fire.jpg")
    assert math.hypot(*off_m(place, taken)) < 12.0
    assert is_in_ellipse(place, taken)


def test_rtk_makes_the_ellipse_smaller_and_an_unclear_height_larger(tmp_path: Path, dem: Path) -> None:
    taken = shot()

    def length_m(maker: str) -> float:
        photo = written(maker, taken, tmp_path / "fire.jpg")
        place = place_of(scanner(tmp_path / "out")(photo, detector=Sees(taken.box), dem=dem), "fire.jpg")
        return float(place["ellipse_90"]["semi_major_m"])

    assert length_m("DJI with RTK") < length_m("Skydio X10") < length_m("DJI GpsFusionAlt, above sea level")


def test_a_height_above_the_ellipsoid_is_not_called_one_above_the_sea(tmp_path: Path) -> None:
    taken = shot()
    photo = written("DJI with RTK", taken, tmp_path / "fire.jpg")
    position = scanner(tmp_path / "out")(photo, detector=Sees()).file("fire.jpg")["camera_position"]
    assert position["alt_amsl_m"] is None
    assert position["alt_ellipsoid_m"] == pytest.approx(taken.ellipsoid_m, abs=0.01)
    assert position["lat_deg"] == pytest.approx(taken.pose.lat_deg, abs=1e-8)


# --- terrain and heights ----------------------------------------------------------------------------------


def test_without_a_terrain_the_ground_is_flat_at_the_take_off(tmp_path: Path) -> None:
    taken = shot()
    photo = written("DJI, elements", taken, tmp_path / "fire.jpg")
    outcome = scanner(tmp_path / "out")(photo, detector=Sees(taken.box))
    place = place_of(outcome, "fire.jpg")
    assert (place["method"], place["terrain"]) == ("flat", "flat")
    assert is_in_ellipse(place, taken)
    assert outcome.results["places"] == {"dem": 0, "flat": 1, "bearing_only": 0, "none": 0}
    assert outcome.results["terrain"] is None


def test_where_it_took_off_steadies_a_barometers_height(tmp_path: Path, dem: Path) -> None:
    taken = shot()
    photo = written("DJI, elements", taken, tmp_path / "fire.jpg")
    home = small_world().frame
    outcome = scanner(tmp_path / "out")(
        photo, detector=Sees(taken.box), dem=dem, takeoff=f"{home.lat_deg},{home.lon_deg}"
    )
    place = place_of(outcome, "fire.jpg")
    assert math.hypot(*off_m(place, taken)) < 5.0
    assert is_in_ellipse(place, taken)
    assert place["ellipse_90"]["semi_major_m"] < 35.0


def test_a_height_without_ground_gives_a_bearing_and_says_what_helps(tmp_path: Path) -> None:
    taken = shot()
    photo = written("Skydio, first firmware", taken, tmp_path / "fire.jpg")
    outcome = scanner(tmp_path / "out")(photo, detector=Sees(taken.box))
    place = place_of(outcome, "fire.jpg")
    assert place["method"] == "bearing-only"
    assert "--dem" in place["why"]
    assert "lat_deg" not in place
    assert place["bearing_deg"] == pytest.approx(taken.yaw_deg % 360 + 6.0, abs=1.0)
    assert f"only a bearing: {photo}: {place['why']}" in outcome.printed


def test_smoke_above_the_horizon_has_a_bearing_and_a_sector_from_the_camera(
    tmp_path: Path, dem: Path
) -> None:
    taken = shot(30.0, -20.0)
    sky = Detection("smoke", 0.6, 300.0, 10.0, 340.0, 30.0)
    level = Shot(taken.image, taken.fire, sky, taken.pose, 30.0, 5.0, 0.0, taken.above_home_m)
    xmp = described(dji_attributes(level, taken.ellipsoid_m, kind="RtkAlt", rtk=RTK_FIXED))
    photo = write_photo(tmp_path / "sky.jpg", taken.image, xmp=xmp, main=DJI, details=DETAILS)
    outcome = scanner(tmp_path / "out")(photo, detector=Sees(sky), dem=dem)
    place = place_of(outcome, "sky.jpg")
    assert place["method"] == "bearing-only"
    assert place["bearing_deg"] == pytest.approx(30.0, abs=1.0)
    camera, sector = outcome.geojson["features"]
    assert camera["properties"]["position_of"] == "camera"
    assert sector["properties"]["position_of"] == "smoke: somewhere in this sector"
    outline = shape(sector["geometry"])
    assert outline.exterior.is_ccw
    frame = LocalFrame(taken.pose.lat_deg, taken.pose.lon_deg, 0.0)

    def at(bearing_deg: float, range_m: float = 2000.0) -> Point:
        bearing = math.radians(bearing_deg)
        lat, lon, _ = frame.to_geodetic(
            np.array(range_m * math.sin(bearing)), np.array(range_m * math.cos(bearing)), np.array(0.0)
        )
        return Point(float(lon), float(lat))

    assert outline.contains(at(30.0))
    assert not outline.contains(at(50.0))
    assert not outline.contains(at(210.0))


# --- the map ----------------------------------------------------------------------------------------------


def test_the_map_has_fire_ellipse_and_camera_and_says_which_is_which(tmp_path: Path, dem: Path) -> None:
    taken = shot(-12.5, -45.0, 4.0)
    photo = written("DJI with RTK", taken, tmp_path / "fire.jpg")
    outcome = scanner(tmp_path / "out")(photo, detector=Sees(taken.box), dem=dem)
    camera, fire, ellipse = outcome.geojson["features"]
    assert camera["properties"]["position_of"] == "camera"
    assert fire["properties"]["position_of"] == "fire"
    assert ellipse["properties"]["position_of"] == "fire: 90 % error ellipse"
    assert fire["properties"]["method"] == "dem"
    assert fire["properties"]["file"].endswith("fire.jpg")
    truth = Point(taken.fire.lon_deg, taken.fire.lat_deg)
    outline = shape(ellipse["geometry"])
    assert outline.exterior.is_ccw
    assert outline.contains(truth)
    assert outline.contains(shape(fire["geometry"]))
    assert not outline.contains(shape(camera["geometry"]))
    place = place_of(outcome, "fire.jpg")
    axes = place["ellipse_90"]
    turned = math.radians(axes["orientation_deg"])
    frame = LocalFrame(place["lat_deg"], place["lon_deg"], 0.0)
    for lon_deg, lat_deg in outline.exterior.coords:
        east_m, north_m, _ = frame.from_geodetic(np.array(lat_deg), np.array(lon_deg), np.array(0.0))
        along = float(east_m) * math.sin(turned) + float(north_m) * math.cos(turned)
        across = float(east_m) * math.cos(turned) - float(north_m) * math.sin(turned)
        on = math.hypot(along / axes["semi_major_m"], across / axes["semi_minor_m"])
        assert on == pytest.approx(1.0, abs=0.02)


def test_the_view_that_a_place_came_from_is_kept(tmp_path: Path, dem: Path) -> None:
    taken = shot()
    photo = written("DJI with RTK", taken, tmp_path / "fire.jpg")
    view = scanner(tmp_path / "out")(photo, detector=Sees(taken.box), dem=dem).file("fire.jpg")["view"]
    assert view["look_azimuth_deg"] == pytest.approx(taken.yaw_deg % 360, abs=0.05)
    assert view["look_elevation_deg"] == pytest.approx(taken.pitch_deg, abs=0.05)
    assert view["alt_amsl_m"] == pytest.approx(taken.pose.alt_amsl_m, abs=1.0)
    assert "ellipsoid" in view["height_source"]
    assert view["camera"]["focal_px"] == pytest.approx([LENS.focal_px] * 2, abs=0.1)
    assert view["sigmas"]["horizontal_m"] < 0.5


def test_the_summary_says_how_many_are_placed_and_how(tmp_path: Path, dem: Path) -> None:
    taken = shot()
    (tmp_path / "in").mkdir()
    written("DJI with RTK", taken, tmp_path / "in" / "a.jpg")
    write_photo(tmp_path / "in" / "b.jpg", taken.image)
    write_photo(tmp_path / "in" / "c.jpg", taken.image)
    outcome = scanner(tmp_path / "out")(tmp_path / "in", detector=Sees(taken.box), dem=dem)
    assert outcome.results["places"] == {"dem": 1, "flat": 0, "bearing_only": 0, "none": 2}
    assert "Placed 1 of 3 detections" in outcome.printed
    assert f"not placed: {tmp_path / 'in' / 'b.jpg'} and 1 more: the file does not hold" in outcome.printed


# --- what is missing --------------------------------------------------------------------------------------


def without(xmp: str, name: str) -> str:
    """The packet with one tag renamed to something that nobody reads."""
    assert name in xmp
    return xmp.replace(name, "drone-dji:Nothing")


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("drone-dji:GimbalPitchDegree", "drone-dji:GimbalPitchDegree"),
        ("drone-dji:GimbalYawDegree", "drone-dji:GimbalYawDegree"),
        ("drone-dji:GpsLatitude", "the camera's position"),
    ],
)
def test_a_tag_that_is_missing_is_named_and_nothing_is_made_up(
    lost: str, said: str, tmp_path: Path, dem: Path
) -> None:
    taken = shot()
    xmp = without(described(dji_attributes(taken, taken.ellipsoid_m, kind="RtkAlt", rtk=RTK_FIXED)), lost)
    photo = write_photo(tmp_path / "fire.jpg", taken.image, xmp=xmp, main=DJI, details=DETAILS)
    outcome = scanner(tmp_path / "out")(photo, detector=Sees(taken.box), dem=dem)
    place = place_of(outcome, "fire.jpg")
    assert place == {"method": "none", "why": f"the file does not hold {said}"}
    assert f"not placed: {photo}: {place['why']}" in outcome.printed
    assert [f["properties"]["position_of"] for f in outcome.geojson["features"]] in ([], ["camera"])


def test_a_photo_with_gps_alone_is_told_that_the_angles_are_missing(tmp_path: Path, dem: Path) -> None:
    taken = shot()
    gps = gps_tags(taken.pose.lat_deg, taken.pose.lon_deg, taken.pose.alt_amsl_m)
    photo = write_photo(tmp_path / "fire.jpg", taken.image, gps=gps, details=DETAILS)
    outcome = scanner(tmp_path / "out")(photo, detector=Sees(taken.box), dem=dem)
    assert "the camera's angles" in place_of(outcome, "fire.jpg")["why"]
    assert "XMP" in place_of(outcome, "fire.jpg")["why"]
    assert [f["properties"]["position_of"] for f in outcome.geojson["features"]] == ["camera"]


def test_angles_that_are_all_zero_are_not_believed(tmp_path: Path, dem: Path) -> None:
    taken = shot()
    zero = Shot(taken.image, taken.fire, taken.box, taken.pose, 0.0, 0.0, 0.0, taken.above_home_m)
    xmp = described(dji_attributes(zero, taken.ellipsoid_m, kind="RtkAlt", rtk=RTK_FIXED))
    photo = write_photo(tmp_path / "fire.jpg", taken.image, xmp=xmp, main=DJI, details=DETAILS)
    place = place_of(scanner(tmp_path / "out")(photo, detector=Sees(taken.box), dem=dem), "fire.jpg")
    assert place["method"] == "none"
    assert "all 0" in place["why"]


def test_a_photo_that_was_cut_after_the_flight_is_not_placed(tmp_path: Path, dem: Path) -> None:
    taken = shot()
    xmp = described(dji_attributes(taken, taken.ellipsoid_m, kind="RtkAlt", rtk=RTK_FIXED))
    part = np.ascontiguousarray(taken.image[:, 160:])
    photo = write_photo(tmp_path / "fire.jpg", part, xmp=xmp, main=DJI, details=DETAILS)
    place = place_of(scanner(tmp_path / "out")(photo, detector=Sees(taken.box), dem=dem), "fire.jpg")
    assert place == {"method": "none", "why": "it is 480 x 480, cut out of the 640 x 480 that was taken"}


def test_a_damaged_packet_is_noted_and_the_photo_scanned(tmp_path: Path) -> None:
    taken = shot()
    photo = write_photo(tmp_path / "fire.jpg", taken.image, xmp=b"<x:xmpmeta <<", details=DETAILS)
    entry = scanner(tmp_path / "out")(photo, detector=Sees(taken.box)).file("fire.jpg")
    assert entry["notes"][0].startswith("the XMP was ignored: it is not XML")
    assert len(entry["detections"]) == 1


def test_a_lens_that_the_file_does_not_know_can_be_given(tmp_path: Path, dem: Path) -> None:
    taken = shot()
    photo = write_photo(tmp_path / "fire.jpg", taken.image, xmp=dji_elements(taken), main=DJI)
    scan = scanner(tmp_path / "out")
    assert "focal length" in place_of(scan(photo, detector=Sees(taken.box), dem=dem), "fire.jpg")["why"]
    profile = tmp_path / "mine.toml"
    profile.write_text(
        'name = "mine"\nsource = "by construction"\n'
        f"width_px = 640\nheight_px = 480\nhfov_deg = {LENS.hfov_deg}\n"
    )
    home = small_world().frame
    outcome = scan(
        photo,
        detector=Sees(taken.box),
        dem=dem,
        camera=str(profile),
        takeoff=f"{home.lat_deg},{home.lon_deg}",
    )
    assert math.hypot(*off_m(place_of(outcome, "fire.jpg"), taken)) < 5.0
    assert outcome.file("fire.jpg")["view"]["camera"]["name"] == "mine"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dem": Path("nowhere.tif")}, "nowhere.tif"),
        ({"camera": "nowhere"}, "nowhere"),
        ({"takeoff": "here"}, "no place to take off"),
        ({"takeoff": "95,10"}, "no place to take off"),
    ],
)
def test_a_wrong_terrain_lens_or_place_is_told_before_anything_is_written(
    options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    photo = write_photo(tmp_path / "fire.jpg", np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(EmberwatchError, match=said) as caught:
        scanner(tmp_path / "out")(photo, **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert isinstance(caught.value, ScanError) or "takeoff" not in options
