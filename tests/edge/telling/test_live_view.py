"""What who watches is shown: boxes that stay on their fires, and places by the picture's own pose."""

from __future__ import annotations

import asyncio
import io
import math
import struct
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from edge.camera import Frame
from edge.geometry.locate import locate_detections
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose, PoseSigmas, PoseUnavailable, camera_rotation
from edge.health.seeing import Seeing
from edge.telling.live_view import NOT_SENT, REMEMBERED, LiveView
from edge.vision.merge import Found
from edge.vision.report import BrokenReportError, FrameReport
from edge.vision.view import Shown, Wish, pack_shown, read_shown, wish_of
from edge.vision.viewfinder import KEEP_S, Viewfinder, shown
from flight.local_frame import LocalFrame
from uplink.live_view.frame import MOST_JPEG_BYTES
from uplink.live_view.words import ViewPick
from uplink.messages import SeeingState

CAMERA = Camera("test", 1280, 720, 800.0, 800.0, 639.5, 359.5)
LAT_DEG, LON_DEG = 47.0, 8.0
HEIGHT_M = 60.0


def pose(north_m: float = 0.0, yaw_deg: float = 0.0, pitch_deg: float = -40.0) -> Pose:
    lat, lon, _ = LocalFrame(LAT_DEG, LON_DEG, 0.0).to_geodetic(
        np.array(0.0), np.array(north_m), np.array(0.0)
    )
    return Pose(
        boot_s=0.0,
        lat_deg=float(lat),
        lon_deg=float(lon),
        alt_amsl_m=500.0 + HEIGHT_M,
        height_home_m=HEIGHT_M,
        camera_to_enu=camera_rotation(Rotation.from_euler("ZYX", [yaw_deg, pitch_deg, 0.0], degrees=True)),
        sigmas=PoseSigmas(),
    )


class Carrier:
    """Poses by instant; none where none was given."""

    def __init__(self) -> None:
        self.poses: dict[float, Pose] = {}

    def pose_at(self, at_s: float) -> Pose:
        if at_s not in self.poses:
            raise PoseUnavailable("no attitude yet")
        return self.poses[at_s]

    def utc_at(self, _at_s: float) -> tuple[datetime, str]:
        return datetime(2026, 7, 1, 12, tzinfo=UTC), "gnss"


class Vision:
    def __init__(self) -> None:
        self.next: Shown | None = None
        self.wishes: list[Wish] = []

    async def show(self, wish: Wish, _timeout_s: float) -> Shown | None:
        self.wishes.append(wish)
        return self.next


class Site:
    def __init__(self, latency_s: float = 0.0) -> None:
        self.vision, self.carrier = Vision(), Carrier()
        self.hotspots: list[Any] = []
        self.seeing = Seeing(SeeingState.SEEING, "", 0.0)
        self.view = LiveView(
            self.vision,  # type: ignore[arg-type]
            self.carrier,  # type: ignore[arg-type]
            CAMERA,
            None,
            latency_s=latency_s,
            hotspots=lambda: self.hotspots,
            seeing=lambda _: self.seeing,
        )

    async def take(self, at_s: float, *, width_px: int = 640, height_px: int = 360) -> Any:
        self.vision.next = Shown(at_s, 1280, 720, width_px, height_px, b"jpeg")
        taken = await self.view.take(360, 60, 1.0)
        assert taken is not None
        return taken.frame


def report(*found: Found) -> FrameReport:
    return FrameReport(1, 0.0, 1280, 720, found, 1.0, 0, 0, 50.0)


def pixel_of(lat_deg: float, lon_deg: float, alt_m: float, of: Pose) -> tuple[float, float]:
    """Reckoned here, so that a mistake there cannot hide."""
    metres = 111_195.0
    east = (lon_deg - of.lon_deg) * metres * math.cos(math.radians(of.lat_deg))
    north = (lat_deg - of.lat_deg) * metres
    x, y, z = (np.array([east, north, alt_m - of.alt_amsl_m]) @ of.camera_to_enu).tolist()
    return 639.5 + 800 * x / z, 359.5 + 800 * y / z


async def test_a_box_stays_on_its_fire_while_the_camera_moves_on() -> None:
    site = Site()
    found = Found("fire", 0.8, 600.0, 300.0, 680.0, 380.0)
    before, after = pose(), pose(north_m=6.0, yaw_deg=3.0)
    site.carrier.poses = {1.0: before, 1.2: after}
    site.view.found(1.0, report(found))
    (sighting,) = locate_detections([found], before, CAMERA, None)
    site.view.placed(1.0, [sighting])
    (still,) = (await site.take(1.0)).boxes
    assert still.box == pytest.approx((600.5 / 1280, 300.5 / 720, 680.5 / 1280, 380.5 / 720), abs=1e-3)
    frame = await site.take(1.2)
    (moved,) = frame.boxes
    assert frame.boxes_age_ms == pytest.approx(200, abs=1)
    assert sighting.lat_deg is not None
    assert sighting.lon_deg is not None
    was = pixel_of(sighting.lat_deg, sighting.lon_deg, 500.0, before)
    now = pixel_of(sighting.lat_deg, sighting.lon_deg, 500.0, after)
    assert math.hypot(now[0] - was[0], now[1] - was[1]) > 30, "the test moves the camera visibly"
    assert (moved.box[0] - still.box[0]) * 1280 == pytest.approx(now[0] - was[0], abs=1.5)
    assert (moved.box[1] - still.box[1]) * 720 == pytest.approx(now[1] - was[1], abs=1.5)
    assert moved.position is not None
    assert moved.plus_minus_m is not None
    assert moved.alert_id is None


async def test_a_box_is_named_by_the_alert_that_it_is_and_has_its_place() -> None:
    site = Site()
    found = Found("smoke", 0.6, 600.0, 300.0, 680.0, 380.0)
    site.carrier.poses = {1.0: pose()}
    site.view.found(1.0, report(found))
    (sighting,) = locate_detections([found], pose(), CAMERA, None)
    site.view.placed(1.0, [sighting])
    site.hotspots = [
        SimpleNamespace(
            id=UUID(int=9), latest=SimpleNamespace(sighting=sighting), lat_deg=47.5, lon_deg=8.5,
            alt_amsl_m=501.0, covariance_m2=np.eye(2) * 4.0,
        )
    ]  # fmt: skip
    (box,) = (await site.take(1.0)).boxes
    assert box.alert_id == UUID(int=9)
    assert box.position is not None
    assert (box.label, box.position.lat_deg) == ("smoke", 47.5)
    assert box.plus_minus_m == pytest.approx(2 * math.sqrt(-2 * math.log(0.1)), abs=0.06)


async def test_what_is_out_of_the_picture_by_now_is_not_drawn_and_the_best_come_first() -> None:
    site = Site()
    boxes = [Found("fire", 0.1 + n / 40, 600.0, 300.0, 680.0, 380.0) for n in range(20)]
    site.carrier.poses = {1.0: pose(), 1.5: pose(yaw_deg=120.0)}
    site.view.found(1.0, report(*boxes))
    site.view.placed(1.0, locate_detections(boxes, pose(), CAMERA, None))
    scores = [box.score for box in (await site.take(1.0)).boxes]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 16
    assert (await site.take(1.5)).boxes == []


async def test_without_a_pose_boxes_stay_where_they_were_and_the_frame_says_why() -> None:
    site = Site()
    site.view.found(1.0, report(Found("fire", 0.5, 0.0, 0.0, 640.0, 360.0)))
    frame = await site.take(1.1)
    assert frame.no_pose == "no attitude yet"
    assert frame.azimuth_deg is None
    (box,) = frame.boxes
    assert box.position is None
    assert box.box == pytest.approx((0.0, 0.0, 0.5, 0.5), abs=2e-3)


async def test_blindness_goes_with_every_picture() -> None:
    site = Site()
    site.seeing = Seeing(SeeingState.BLIND, "the picture is frozen", 0.0)
    frame = await site.take(1.0)
    assert frame.blind_reason == "the picture is frozen"
    assert frame.blind_since is not None


@pytest.mark.parametrize("size", [(640, 360), (426, 240), (1280, 720)])
async def test_a_point_is_placed_by_the_pose_of_its_own_picture_at_any_size(size: tuple[int, int]) -> None:
    site = Site(latency_s=0.25)
    site.carrier.poses = {1.0: pose(), 2.0: pose(north_m=50.0, yaw_deg=90.0)}
    first = await site.take(1.25, width_px=size[0], height_px=size[1])
    await site.take(2.25)
    lat, lon, _ = (
        float(x) for x in LocalFrame(LAT_DEG, LON_DEG, 0.0).to_geodetic(*map(np.array, (12.0, 80.0, 0.0)))
    )
    u, v = pixel_of(lat, lon, 500.0, pose())
    place = site.view.place(ViewPick(id=4, frame=first.frame, x=(u + 0.5) / 1280, y=(v + 0.5) / 720))
    assert (place.id, place.frame, place.method, place.why) == (4, first.frame, "flat", "")
    assert place.position is not None
    assert place.ellipse is not None
    assert place.position.lat_deg == pytest.approx(lat, abs=5e-6)
    assert place.position.lon_deg == pytest.approx(lon, abs=5e-6)
    assert place.ellipse.semi_major_m > 1.0
    rough = site.view.place(
        ViewPick(id=5, frame=first.frame, x=(u + 0.5) / 1280, y=(v + 0.5) / 720, sigma=0.05)
    )
    assert rough.ellipse is not None
    assert rough.ellipse.semi_minor_m > 1.5 * place.ellipse.semi_minor_m, "a thumb is no needle"


async def test_a_place_that_was_picked_stays_marked_where_it_is_while_the_camera_moves() -> None:
    site = Site()
    before, after, away = pose(), pose(north_m=6.0, yaw_deg=3.0), pose(yaw_deg=170.0)
    site.carrier.poses = {1.0: before, 2.0: after, 3.0: away}
    first = await site.take(1.0)
    assert first.marks == []
    place = site.view.place(ViewPick(id=1, frame=first.frame, x=0.45, y=0.55))
    assert place.position is not None
    (mark,) = (await site.take(1.0)).marks
    assert (mark.mark, mark.x, mark.y) == (
        place.mark,
        pytest.approx(0.45, abs=2e-4),
        pytest.approx(0.55, abs=2e-4),
    )
    (mark,) = (await site.take(2.0)).marks
    u, v = pixel_of(place.position.lat_deg, place.position.lon_deg, 500.0, after)
    assert (mark.x * 1280 - 0.5, mark.y * 720 - 0.5) == (pytest.approx(u, abs=1.5), pytest.approx(v, abs=1.5))
    assert (await site.take(3.0)).marks == []
    for number in range(5):
        last = site.view.place(ViewPick(id=2 + number, frame=first.frame, x=0.5, y=0.5))
    marks = [mark.mark for mark in (await site.take(1.0)).marks]
    assert len(marks) == 4
    assert marks[-1] == last.mark


async def test_above_the_horizon_there_is_a_bearing_and_the_reason() -> None:
    site = Site()
    site.carrier.poses = {1.0: pose(pitch_deg=5.0)}
    frame = await site.take(1.0)
    place = site.view.place(ViewPick(id=1, frame=frame.frame, x=0.5, y=0.2))
    assert place.position is None
    assert "meets no ground" in place.why
    assert place.bearing_deg == pytest.approx(0.0, abs=0.2) or place.bearing_deg == pytest.approx(
        360, abs=0.2
    )
    assert place.observer is not None


async def test_a_picture_without_a_pose_says_so_and_is_placed_once_there_is_one() -> None:
    site = Site()
    frame = await site.take(1.0)
    pick = ViewPick(id=1, frame=frame.frame, x=0.5, y=0.5)
    assert "no attitude yet" in site.view.place(pick).why
    site.carrier.poses = {1.0: pose()}  # telemetry comes a little after the picture
    assert site.view.place(pick).position is not None


async def test_only_so_many_pictures_are_remembered_and_numbers_of_another_run_are_strange() -> None:
    site, other = Site(), Site()
    first = await site.take(1.0)
    for _ in range(REMEMBERED):
        await site.take(1.0)
    assert len(site.view._sent) == REMEMBERED
    assert site.view.place(ViewPick(id=1, frame=first.frame, x=0, y=0)).why == NOT_SENT
    theirs = await other.take(1.0)
    assert site.view.place(ViewPick(id=1, frame=theirs.frame, x=0, y=0)).why == NOT_SENT


# --- in the vision child ------------------------------------------------------------------------------


def frame_of(image: np.ndarray[Any, Any], at_s: float = 5.0) -> Frame:
    return Frame(image, at_s, 1, "test")


def decoded(jpeg: bytes) -> np.ndarray[Any, Any]:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


@pytest.mark.parametrize(("height_px", "size"), [(240, (427, 240)), (720, (1280, 720)), (2000, (1920, 1080))])
def test_a_frame_is_shown_at_the_size_that_is_wished_and_never_larger_than_it_is(
    height_px: int, size: tuple[int, int]
) -> None:
    image = np.full((1080, 1920, 3), 90, np.uint8)
    image[:540, :960] = 200
    made = shown(frame_of(image), Wish(height_px, 60, MOST_JPEG_BYTES))
    small = decoded(made.jpeg)
    assert (made.width_px, made.height_px) == size == (small.shape[1], small.shape[0])
    assert (made.frame_width_px, made.frame_height_px, made.exposed_s) == (1920, 1080, 5.0)
    assert small[10, 10].mean() > 190
    assert small[-10, -10].mean() < 100


def test_what_would_not_fit_is_made_worse_and_then_smaller_until_it_does() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    made = shown(frame_of(noise), Wish(720, 75, MOST_JPEG_BYTES))
    assert len(made.jpeg) <= MOST_JPEG_BYTES
    assert decoded(made.jpeg).shape[0] == made.height_px < 720


async def read_all(data: bytes) -> Shown:
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    return await read_shown(stream)


async def test_wishes_and_pictures_cross_whole_and_noise_is_refused() -> None:
    wish = Wish(480, 60, 1000)
    import json

    assert wish_of(json.loads(wish.line())) == wish
    assert wish_of({"tiles": []}) is None
    for strange in ({"view": 3}, {"view": {"height_px": "tall"}}, {"view": {"height_px": 1}}):
        with pytest.raises(ValueError):  # noqa: PT011 - its text is for the log
            wish_of(strange)
    picture = Shown(1.5, 1280, 720, 640, 360, b"\xff\xd8 picture")
    assert await read_all(pack_shown(picture)) == picture
    for noise in (b"\xff\xff\xff\xff", struct.pack(">I", 2) + b"{}" + struct.pack(">I", 0)):
        with pytest.raises(BrokenReportError):
            await read_all(noise)


async def test_the_viewfinder_keeps_nothing_for_nobody_and_shows_each_frame_once() -> None:
    now_s = 0.0
    pipe = io.BytesIO()
    finder = Viewfinder(pipe, clock=lambda: now_s)
    image = np.zeros((72, 128, 3), np.uint8)
    finder.see(frame_of(image, 1.0))
    assert finder._frames._item is None
    finder.wish(Wish(72, 60, 10_000))
    finder.see(frame_of(image, 2.0))
    finder.see(frame_of(image, 3.0))
    finder.show_one()
    assert (await read_all(pipe.getvalue())).exposed_s == 3.0, "the newest wins"
    assert finder._frames._item is None
    now_s = KEEP_S + 1
    finder.see(frame_of(image, 4.0))
    assert finder._frames._item is None
