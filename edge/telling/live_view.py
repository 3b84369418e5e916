"""What people who watch are shown: the camera's picture now, what was found on it and where that is.

Frames are shown as they come, whether they are looked at or not. What was found on the latest frame that was
looked at is moved along by how the camera has moved since, so that it lies on what it was found on. A point
that somebody picks on a picture is placed with that picture's own pose, by ``edge.geometry.locate``.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from edge.carrier import Carrier
from edge.geometry.locate import locate
from edge.geometry.optics import Camera, CameraProfileError
from edge.geometry.pose import Pose, PoseUnavailable
from edge.geometry.sighting import Sighting, ellipse
from edge.health.seeing import Seeing
from edge.hotspots.hotspot import Hotspot
from edge.telling.alerts import ellipse_of
from edge.vision.merge import Found
from edge.vision.report import FrameReport
from edge.vision.supervisor import VisionSupervisor
from edge.vision.view import Shown, Wish
from flight.local_frame import LocalFrame
from flight.terrain import Terrain
from uplink.live_view.frame import MOST_JPEG_BYTES
from uplink.live_view.sender import Taken
from uplink.live_view.words import (
    MOST_BOXES,
    MOST_MARKS,
    PickedPlace,
    ViewBox,
    ViewFrame,
    ViewLine,
    ViewMark,
    ViewPick,
)
from uplink.messages import Position

REMEMBERED = 300  # pictures that somebody may still point at: 20 s of them at the highest rate
NUMBERS_APART = 2**20
LEAST_SIGMA_PX = 1.0
MARKED_S = 300.0
NOT_SENT = "this picture is not remembered: point at a newer one"
_NO_LINE = ViewLine(frames_per_s=0, quality=1, kbit_s=0)


@dataclass(frozen=True, slots=True, eq=False)
class _Sent:
    """A picture that was sent: enough to place any point of it."""

    exposed_s: float
    captured_at: datetime | None
    frame_size_px: tuple[int, int]
    width_px: int
    pose: Pose | None


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What was found on the latest frame that was looked at."""

    at_s: float
    size_px: tuple[int, int]
    found: tuple[Found, ...]
    sightings: Sequence[Sighting] | None = None


class LiveView:
    """Of one camera. On the event loop only."""

    def __init__(
        self,
        vision: VisionSupervisor,
        carrier: Carrier,
        camera: Camera,
        terrain: Terrain | None,
        *,
        latency_s: float,
        hotspots: Callable[[], list[Hotspot]],
        seeing: Callable[[float], Seeing],
    ) -> None:
        """``hotspots`` are those that were told of."""
        self._vision = vision
        self._carrier = carrier
        self._camera = camera
        self._terrain = terrain
        self._latency_s = latency_s
        self._hotspots = hotspots
        self._seeing = seeing
        # Numbers of another run of the agent are never taken for ones of this run.
        self._number = NUMBERS_APART * (1 + secrets.randbelow(2**31))
        self._sent: OrderedDict[int, _Sent] = OrderedDict()
        self._look: _Look | None = None
        self._marks: OrderedDict[int, tuple[float, tuple[float, float, float]]] = OrderedDict()
        self._mark = 0

    def found(self, exposed_s: float, report: FrameReport) -> None:
        """A frame was looked at."""
        self._look = _Look(exposed_s, (report.width_px, report.height_px), report.detections)

    def placed(self, exposed_s: float, sightings: Sequence[Sighting]) -> None:
        """What was found on it is on the ground here, in the same order."""
        look = self._look
        if look is not None and look.at_s == exposed_s:
            self._look = _Look(look.at_s, look.size_px, look.found, sightings)

    async def take(self, height_px: int, quality: int, timeout_s: float) -> Taken | None:
        """A picture that was not shown before."""
        shown = await self._vision.show(Wish(height_px, quality, MOST_JPEG_BYTES), timeout_s)
        if shown is None:
            return None
        exposed_s = shown.exposed_s - self._latency_s
        self._number += 1
        return Taken(self._frame(shown, exposed_s), shown.jpeg, exposed_s)

    def place(self, pick: ViewPick) -> PickedPlace:
        """Where a point of a picture that was sent is on the ground."""
        sent = self._sent.get(pick.frame)
        if sent is None:
            return PickedPlace(id=pick.id, frame=pick.frame, why=NOT_SENT)
        try:
            pose = sent.pose or self._carrier.pose_at(sent.exposed_s)
            camera = self._camera.at_size(*sent.frame_size_px)
        except (PoseUnavailable, CameraProfileError) as error:
            return PickedPlace(
                id=pick.id, frame=pick.frame, captured_at=sent.captured_at, why=error.message[:256]
            )
        pixel = pick.x * camera.width_px - 0.5, pick.y * camera.height_px - 0.5
        # No finer than what was shown.
        sigma_px = max(LEAST_SIGMA_PX, pick.sigma * camera.width_px, 0.5 * camera.width_px / sent.width_px)
        sighting = locate(pose, camera, pixel, np.eye(2) * sigma_px**2, self._terrain)
        return PickedPlace(
            id=pick.id,
            frame=pick.frame,
            captured_at=sent.captured_at,
            mark=self._marked(sighting),
            position=_position(sighting.lat_deg, sighting.lon_deg, sighting.alt_amsl_m),
            ellipse=None if sighting.covariance_m2 is None else ellipse_of(sighting.covariance_m2),
            method=sighting.method,
            why=sighting.why[:256],
            slant_range_m=sighting.slant_range_m,
            observer=_position(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m),
            bearing_deg=sighting.bearing_deg % 360.0,
            bearing_sigma_deg=min(180.0, sighting.bearing_sigma_deg),
        )

    def _frame(self, shown: Shown, exposed_s: float) -> ViewFrame:
        pose, no_pose = self._pose_at(exposed_s)
        try:
            captured_at, time_source = self._carrier.utc_at(exposed_s)
        except PoseUnavailable:  # the autopilot's clock is not known yet
            age_s = time.monotonic() - exposed_s
            captured_at, time_source = datetime.now(tz=UTC) - timedelta(seconds=age_s), "companion"
        size_px = shown.frame_width_px, shown.frame_height_px
        self._sent[self._number] = _Sent(exposed_s, captured_at, size_px, shown.width_px, pose)
        while len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        now_s = time.monotonic()
        seeing = self._seeing(now_s)
        blind_since = datetime.now(tz=UTC) - timedelta(seconds=now_s - seeing.since_s)
        look = self._look
        return ViewFrame(
            frame=self._number,
            captured_at=captured_at,
            time_source=time_source,
            sent_ms=0.0,
            age_ms=0.0,
            width_px=shown.width_px,
            height_px=shown.height_px,
            boxes=[] if look is None else self._boxes(look, pose),
            marks=[] if pose is None else self._marks_on(pose, size_px),
            boxes_age_ms=None if look is None else round(max(0.0, exposed_s - look.at_s) * 1e3),
            no_pose=no_pose[:256],
            azimuth_deg=None if pose is None else round(pose.look_azimuth_deg, 1) % 360.0,
            elevation_deg=None if pose is None else round(pose.look_elevation_deg, 1),
            blind_reason=seeing.reason[:256],
            blind_since=blind_since if seeing.reason else None,
            line=_NO_LINE,
        )

    def _pose_at(self, exposed_s: float) -> tuple[Pose | None, str]:
        try:
            return self._carrier.pose_at(exposed_s), ""
        except PoseUnavailable as error:
            return None, error.reason

    def _marked(self, sighting: Sighting) -> int | None:
        """Remember a place that was picked: it stays marked on the pictures that follow."""
        if sighting.lat_deg is None or sighting.lon_deg is None:
            return None
        self._mark += 1
        place = sighting.lat_deg, sighting.lon_deg, sighting.alt_amsl_m or 0.0
        self._marks[self._mark] = time.monotonic(), place
        while len(self._marks) > MOST_MARKS:
            self._marks.popitem(last=False)
        return self._mark

    def _marks_on(self, pose: Pose, size_px: tuple[int, int]) -> list[ViewMark]:
        oldest_s = time.monotonic() - MARKED_S
        marks = {mark: place for mark, (at_s, place) in self._marks.items() if at_s > oldest_s}
        if not marks:
            return []
        try:
            camera = self._camera.at_size(*size_px)
        except CameraProfileError:
            return []
        pixels = camera.project(np.array([_seen_from(pose, place) for place in marks.values()]))
        return [
            ViewMark(mark=mark, x=round((u + 0.5) / size_px[0], 4), y=round((v + 0.5) / size_px[1], 4))
            for mark, (u, v), inside in zip(
                marks, pixels.tolist(), camera.contains(pixels, -0.5).tolist(), strict=True
            )
            if inside
        ]

    def _boxes(self, look: _Look, pose: Pose | None) -> list[ViewBox]:
        """What was found, best first, where it is on a picture taken from ``pose``."""
        told = {id(one.latest.sighting): one for one in self._hotspots()} if look.sightings else {}
        boxes = []
        for number, found in enumerate(look.found):
            sighting = None if look.sightings is None else look.sightings[number]
            moved_px = (0.0, 0.0)
            if sighting is not None and pose is not None:
                moved_px = self._moved_px(sighting, pose)
            box = _shares(found, moved_px, look.size_px)
            if box is None:
                continue
            hotspot = None if sighting is None else told.get(id(sighting))
            boxes.append(_box(found, box, sighting, hotspot))
        boxes.sort(key=lambda one: one.score, reverse=True)
        return boxes[:MOST_BOXES]

    def _moved_px(self, sighting: Sighting, pose: Pose) -> tuple[float, float]:
        """By how much the foot of what was found has moved on the picture since."""
        camera = sighting.camera
        if camera is None or pose is sighting.pose:
            return 0.0, 0.0
        if sighting.lat_deg is None or sighting.lon_deg is None:
            point = np.array(sighting.ray_enu) @ pose.camera_to_enu
        else:
            point = _seen_from(pose, (sighting.lat_deg, sighting.lon_deg, sighting.alt_amsl_m or 0.0))
        u, v = camera.project(point[None])[0].tolist()
        if np.isnan(u) or np.isnan(v):
            return np.inf, np.inf  # behind the camera by now
        return u - sighting.pixel[0], v - sighting.pixel[1]


def _seen_from(pose: Pose, place: tuple[float, float, float]) -> NDArray[np.float64]:
    """A place on the ground (latitude, longitude, height above sea level) in the camera frame."""
    here = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    there = [float(x) for x in here.from_geodetic(*(np.array(x) for x in place))]
    seen: NDArray[np.float64] = np.array(there) @ pose.camera_to_enu
    return seen


def _shares(
    found: Found, moved_px: tuple[float, float], size_px: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    """A box as shares of its picture, cut at the picture's edges; None where it is outside."""
    edges = (found.x1, found.y1, found.x2, found.y2)
    left, top, right, bottom = (
        round(min(max((edge + moved_px[side % 2] + 0.5) / size_px[side % 2], 0.0), 1.0), 4)
        for side, edge in enumerate(edges)
    )
    return (left, top, right, bottom) if left < right and top < bottom else None


def _box(
    found: Found,
    box: tuple[float, float, float, float],
    sighting: Sighting | None,
    hotspot: Hotspot | None,
) -> ViewBox:
    alert_id: UUID | None = None
    position = covariance = None
    if hotspot is not None:
        alert_id = hotspot.id
        position = _position(hotspot.lat_deg, hotspot.lon_deg, hotspot.alt_amsl_m)
        covariance = hotspot.covariance_m2
    if position is None and sighting is not None:
        position = _position(sighting.lat_deg, sighting.lon_deg, sighting.alt_amsl_m)
        covariance = sighting.covariance_m2
    return ViewBox(
        label="smoke" if found.label == "smoke" else "fire",
        score=round(min(1.0, max(0.0, found.score)), 3),
        box=box,
        position=position,
        plus_minus_m=None if position is None or covariance is None else round(ellipse(covariance)[0], 1),
        alert_id=alert_id,
    )


def _position(lat_deg: float | None, lon_deg: float | None, alt_amsl_m: float | None) -> Position | None:
    if lat_deg is None or lon_deg is None:
        return None
    return Position(
        lat_deg=round(lat_deg, 7),
        lon_deg=round(lon_deg, 7),
        alt_amsl_m=None if alt_amsl_m is None else round(alt_amsl_m, 1),
    )
