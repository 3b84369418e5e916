"""A video is placed by the subtitles beside it; where they do not hold enough, it says what they lack."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from edge.scan.srt import BadSrtError, read_subtitles, subtitles_beside
from edge.scan.video_record import VideoRecords
from tests.edge.scan.drone_photos import LENS, Sees, Shot, shot
from tests.edge.scan.scanning import Outcome, scanner
from tests.hardware.virtual_world import small_world

# One entry of each dialect, as in the samples of JuanIrache's DJI_SRT_Parser (MIT) and, for the last two, a
# Matrice 30T and a Mavic 3 Enterprise.
DIALECTS = {
    "Mavic Pro": "HOME(149.0251,-20.2532) 2017.08.05 14:11:51\nGPS(149.0251,-20.2533,16) BAROMETER:1.9",
    "old": "HOME(149.0251,-20.2532) 2017.8.5 14:11:51\nGPS(149.0251,-20.2533,16) Hb:1.9 Hs:1.9\nISO:100",
    "Mavic Mini": "F/2.8, SS 30.15, EV -1.7, GPS (-121.7458, 48.0771, 17), D 221.21m, H 200.70m, H.S n/a",
    "Phantom 4 Pro": "F/3.2, SS 160, GPS (8.2090, 47.4692, 18), D 49.21m, H 45.60m, H.S 0.00m/s ",
    "Phantom 4 RTK": "F/5.6, SS 400, ISO 100, EV 0, GPS (-58.851745, -34.237922, 15), HOME (-58.847509, "
    "-34.232707, -57.98m), D 698.70m, H 85.80m, H.S 0.00m/s, V.S 0.00m/s, F.PRY (2.7°, -7.0°, 110.1°), "
    "G.PRY (-24.4°, 0.0°, 110.4°)",
    "Mavic 2 Pro": '<font size="36">FrameCnt : 9, DiffTime : 40ms\n[focal_len : 280] [latitude : -34.651180] '
    "[longtitude : -59.409483] [altitude: 120.140999] </font>",
    "Air 2S": '<font size="36">SrtCnt : 1, DiffTime : 33ms\n2022-08-07 13:40:40,774,808\n[fnum : 280]'
    " [focal_len : 240] [latitude: 41.424724] [longitude: 2.234156] [altitude: 117.000000] </font>",
    "Matrice 300": "2022.06.21 16:06:22\nGPS(36.6146,-6.1120,0.0M) BAROMETER:8.4M",
    "Matrice 30T": '<font size="28">FrameCnt: 19, DiffTime: 36ms\n2023-05-31 19:04:26.691\n'
    "[focal_len: 40.00] [dzoom_ratio: 1.00], [latitude: -37.920295] [longitude: 176.456417] "
    "[rel_alt: 62.370 abs_alt: 227.373] [gb_yaw: -142.5 gb_pitch: -28.7 gb_roll: 0.0] </font>",
    "Mavic 3": "[focal_len : 240][dzoom_ratio: 20000, delta: 0],[latitude: -35.443070][longitude: 174.351088]"
    "[rel_alt: 18.200 abs_alt: 52.793]",
}
# Latitude, longitude, above take-off, gimbal (yaw, pitch, roll), focal length, zoom.
READ = {
    "Mavic Pro": (-20.2533, 149.0251, 1.9, None, None, 1.0),
    "old": (-20.2533, 149.0251, 1.9, None, None, 1.0),
    "Mavic Mini": (48.0771, -121.7458, 200.7, None, None, 1.0),
    "Phantom 4 Pro": (47.4692, 8.209, 45.6, None, None, 1.0),
    "Phantom 4 RTK": (-34.237922, -58.851745, 85.8, (110.4, -24.4, 0.0), None, 1.0),
    "Mavic 2 Pro": (-34.65118, -59.409483, None, None, 28.0, 1.0),
    "Air 2S": (41.424724, 2.234156, None, None, 24.0, 1.0),
    "Matrice 300": (36.6146, -6.112, 8.4, None, None, 1.0),
    "Matrice 30T": (-37.920295, 176.456417, 62.37, (-142.5, -28.7, 0.0), 40.0, 1.0),
    "Mavic 3": (-35.44307, 174.351088, 18.2, None, 24.0, 2.0),
}


def srt(path: Path, bodies: list[str], step_s: float = 1.0) -> Path:
    """A subtitle file with an entry every ``step_s``."""

    def clock(seconds: float) -> str:
        whole = int(seconds)
        return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{round(seconds % 1 * 1000):03}"

    entries = [
        f"{i + 1}\n{clock(i * step_s)} --> {clock((i + 1) * step_s)}\n{body}\n"
        for i, body in enumerate(bodies)
    ]
    path.write_text("\n".join(entries), encoding="utf-8")
    return path


def gb(lat_deg: float, lon_deg: float, above_m: float, yaw_deg: float, pitch_deg: float) -> str:
    gimbal = f"[gb_yaw: {yaw_deg:.1f} gb_pitch: {pitch_deg:.1f} gb_roll: 0.0]"
    return (
        f"[focal_len: 27.00] [dzoom_ratio: 1.00], [latitude: {lat_deg:.6f}] [longitude: {lon_deg:.6f}] "
        f"[rel_alt: {above_m:.3f} abs_alt: 700.000] {gimbal}"
    )


@pytest.mark.parametrize("name", DIALECTS)
def test_each_dialect_is_read(name: str, tmp_path: Path) -> None:
    (entry,) = read_subtitles(srt(tmp_path / "a.SRT", [DIALECTS[name]])).entries
    lat_deg, lon_deg, above_m, gimbal, focal_mm, zoom = READ[name]
    assert (entry.lat_deg, entry.lon_deg) == (lat_deg, lon_deg)
    assert entry.above_takeoff_m == above_m
    assert entry.gimbal_ypr_deg == gimbal
    assert (entry.focal_35mm, entry.zoom) == (focal_mm, zoom)


def test_where_it_took_off_and_how_finely_it_is_said(tmp_path: Path) -> None:
    bodies = [DIALECTS["Phantom 4 RTK"], DIALECTS["Mavic Mini"]]
    fine, coarse = read_subtitles(srt(tmp_path / "a.SRT", bodies)).entries
    assert fine.home == (-34.232707, -58.847509)
    assert (fine.step_deg, coarse.step_deg) == pytest.approx((1e-6, 1e-4))


def test_entries_without_a_position_are_left_out_and_counted(tmp_path: Path) -> None:
    """As the incomplete sample ends: in the middle of an entry."""
    bodies = [DIALECTS["Mavic Pro"]] * 3 + ["HOME(149.0251,-20.2532) 2017.08.05 14:11:54"]
    subtitles = read_subtitles(srt(tmp_path / "cut.SRT", bodies))
    assert len(subtitles.entries) == 3
    assert subtitles.note == "cut.SRT: 1 of 4 entries has no position and is left out"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "flight.SRT is empty"),
        ("just words\n", "flight.SRT is not a subtitle file"),
        ("1\n00:00:00,000 --> 00:00:01,000\nHello, world.\n", "holds no position in any of its 1 entries"),
        ("1\n00:00:00,000 --> 00:00:01,000\nGPS(0.0000,0.0000,0) H 1.0m\n", "holds no position"),
        ("1\n00:00:00,000 --> 00:00:01,000\n[latitude: 95.0] [longitude: 10.0]\n", "holds no position"),
    ],
)
def test_a_file_that_says_nothing_of_a_flight_has_one_plain_line(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "flight.SRT"
    path.write_text(text)
    with pytest.raises(BadSrtError, match=why) as caught:
        read_subtitles(path)
    assert "\n" not in str(caught.value)


def test_the_subtitles_of_a_video_have_its_name_in_any_case(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.SRT", "b.mp4", "ab.srt"):
        (tmp_path / name).touch()
    assert subtitles_beside(tmp_path / "a.mp4") == tmp_path / "a.SRT"
    assert subtitles_beside(tmp_path / "b.mp4") is None


# --- between entries --------------------------------------------------------------------------------------


def test_between_two_entries_the_gimbal_goes_the_short_way_round(tmp_path: Path) -> None:
    bodies = [gb(47.0, 8.0, 60.0, 176.0, -40.0), gb(47.0002, 8.0, 70.0, -172.0, -40.0)]
    records = VideoRecords(read_subtitles(srt(tmp_path / "a.SRT", bodies)), 1280, 720)
    record = records.at(0.5)
    assert record.look is not None
    assert record.position is not None
    assert record.heights.takeoff is not None
    yaw_deg, pitch_deg, _ = record.look.as_euler("ZYX", degrees=True)
    assert yaw_deg % 360 == pytest.approx(182.0, abs=0.1)
    assert pitch_deg == pytest.approx(-40.0, abs=0.5)
    assert record.position.lat_deg == pytest.approx(47.0001)
    assert record.heights.takeoff.m == pytest.approx(65.0)
    north_m_s = record.velocity_enu_m_s[1]
    assert north_m_s == pytest.approx(22.2, abs=0.1)


def test_entries_a_second_apart_leave_the_instant_less_sure(tmp_path: Path) -> None:
    slow = VideoRecords(read_subtitles(srt(tmp_path / "a.SRT", [gb(47.0, 8.0, 60, 10, -40)] * 4)), 1280, 720)
    fast = VideoRecords(
        read_subtitles(srt(tmp_path / "b.SRT", [gb(47.0, 8.0, 60, 10, -40)] * 40, step_s=1 / 30)), 1280, 720
    )
    assert slow.at(1.0).time_sigma_s > 0.25 > 0.15 > fast.at(1.0).time_sigma_s


def test_coarse_coordinates_are_less_sure(tmp_path: Path) -> None:
    fine, coarse = (
        VideoRecords(read_subtitles(srt(tmp_path / f"{name}.SRT", [DIALECTS[name]])), 1280, 720).at(0.0)
        for name in ("Phantom 4 RTK", "Mavic Mini")
    )
    assert coarse.horizontal_sigma_m > fine.horizontal_sigma_m + 1.0


def test_beyond_the_last_entry_nothing_is_carried_on(tmp_path: Path) -> None:
    records = VideoRecords(
        read_subtitles(srt(tmp_path / "a.SRT", [gb(47.0, 8.0, 60, 10, -40)] * 4)), 1280, 720
    )
    assert records.at(3.9).missing == ()
    late = records.at(5.0)
    assert late.look is None
    assert late.position is not None
    assert "2.00 s older than the frame" in late.missing[0]
    gone = records.at(6.0)
    assert gone.position is None
    assert gone.missing == ("flight data for this frame (a.SRT has them from 0.0 to 3.0 s)",)


def test_before_the_first_entry_there_is_no_position(tmp_path: Path) -> None:
    late = tmp_path / "a.SRT"
    late.write_text("1\n00:15:04,904 --> 00:15:05,905\n" + DIALECTS["Phantom 4 RTK"])
    assert VideoRecords(read_subtitles(late), 1280, 720).at(0.0).position is None


def test_both_ways_of_saying_the_gimbals_angles_are_the_same_rotation(tmp_path: Path) -> None:
    pry = DIALECTS["Phantom 4 RTK"]
    same = gb(-34.237922, -58.851745, 85.8, 110.4, -24.4)
    looks = [
        VideoRecords(read_subtitles(srt(tmp_path / f"{i}.SRT", [body] * 2)), 1280, 720).at(0.5).look
        for i, body in enumerate((pry, same))
    ]
    first, second = (look for look in looks if isinstance(look, Rotation))
    assert (first.inv() * second).magnitude() < 1e-9


# --- the whole way ----------------------------------------------------------------------------------------


def video(path: Path, taken: Shot, seconds: float = 3.0, fps: float = 10.0) -> Path:
    size = (LENS.width_px, LENS.height_px)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    for _ in range(round(seconds * fps)):
        writer.write(taken.image)
    writer.release()
    return path


def scanned(tmp_path: Path, taken: Shot, bodies: list[str] | None) -> Outcome:
    film = video(tmp_path / "flight.mp4", taken)
    if bodies is not None:
        srt(tmp_path / "flight.SRT", bodies)
    small_world().write_geotiff(tmp_path / "dem.tif")
    home = small_world().frame
    return scanner(tmp_path / "out")(
        film, detector=Sees(taken.box), dem=tmp_path / "dem.tif", takeoff=f"{home.lat_deg},{home.lon_deg}"
    )


def test_a_video_with_gimbal_angles_beside_it_is_placed_frame_by_frame(tmp_path: Path) -> None:
    taken = shot()
    pose = taken.pose
    body = gb(pose.lat_deg, pose.lon_deg, taken.above_home_m, taken.yaw_deg, taken.pitch_deg)
    outcome = scanned(tmp_path, taken, [body] * 3)
    frames = outcome.file("flight.mp4")["frames"]
    assert [frame["time_s"] for frame in frames] == [0.0, 1.0, 2.0]
    for frame in frames:
        place = frame["detections"][0]["place"]
        assert place["method"] == "dem"
        east, north = small_world().frame.to_local(place["lat_deg"], place["lon_deg"])
        off_m = math.hypot(float(east) - taken.fire.east_m, float(north) - taken.fire.north_m)
        assert off_m < 6.0
        assert frame["camera_position"]["lat_deg"] == pytest.approx(pose.lat_deg, abs=1e-6)
    kinds = [feature["properties"]["position_of"] for feature in outcome.geojson["features"]]
    assert kinds[2:] == ["camera", "fire", "fire: 90 % error ellipse"] * 3
    assert kinds[:2] == ["fire from 3 views", "fire from 3 views: 90 % error ellipse"]


def test_subtitles_without_gimbal_angles_give_the_cameras_position_and_say_what_is_missing(
    tmp_path: Path,
) -> None:
    taken = shot()
    place = f"{taken.pose.lon_deg:.4f}, {taken.pose.lat_deg:.4f}"
    body = f"F/2.8, GPS ({place}, 17), D 1.0m, H {taken.above_home_m:.2f}m"
    outcome = scanned(tmp_path, taken, [body] * 3)
    entry = outcome.file("flight.mp4")
    place = entry["frames"][0]["detections"][0]["place"]
    assert place["method"] == "none"
    assert "gimbal angles" in place["why"]
    assert "focal length" in place["why"]
    assert entry["camera_position"]["lat_deg"] == pytest.approx(taken.pose.lat_deg, abs=1e-4)
    assert {f["properties"]["position_of"] for f in outcome.geojson["features"]} == {"camera"}


@pytest.mark.parametrize(
    ("bodies", "said"),
    [(None, "a DJI .SRT of the same name"), ([], "flight.SRT is empty")],
)
def test_a_video_with_none_or_an_empty_one_is_told_so_in_one_line(
    bodies: list[str] | None, said: str, tmp_path: Path
) -> None:
    outcome = scanned(tmp_path, shot(), bodies)
    place = outcome.file("flight.mp4")["frames"][0]["detections"][0]["place"]
    assert place["method"] == "none"
    assert said in place["why"]
    lines = [line for line in outcome.printed.splitlines() if said in line]
    assert lines == [f"not placed: {tmp_path / 'flight.mp4'}: {place['why']}"]


def test_subtitles_that_break_off_are_told_in_one_line(tmp_path: Path) -> None:
    taken = shot()
    body = gb(taken.pose.lat_deg, taken.pose.lon_deg, taken.above_home_m, taken.yaw_deg, taken.pitch_deg)
    outcome = scanned(tmp_path, taken, [body] * 3 + ["HOME(149.0251,-20.2532) 2017.08.05 14:11:54"])
    note = "flight.SRT: 1 of 4 entries has no position and is left out"
    assert outcome.file("flight.mp4")["notes"] == [note]
    assert f"note {tmp_path / 'flight.mp4'}: {note}" in outcome.printed
    assert outcome.results["places"]["dem"] == 3


def test_the_camera_does_not_have_to_stand_still(tmp_path: Path) -> None:
    """Flying sideways at 10 m/s with a second between entries: the ellipse grows along the flight."""
    moving = [gb(47.0 + 0.00009 * i, 8.0, 60.0, 90.0, -40.0) for i in range(4)]
    record = VideoRecords(read_subtitles(srt(tmp_path / "a.SRT", moving)), 640, 480).at(1.5)
    still = VideoRecords(read_subtitles(srt(tmp_path / "b.SRT", [moving[0]] * 4)), 640, 480).at(1.5)
    assert np.linalg.norm(record.velocity_enu_m_s) == pytest.approx(10.0, abs=0.2)
    assert np.linalg.norm(still.velocity_enu_m_s) == 0.0
