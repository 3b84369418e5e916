"""Writes alerts: what a hotspot has become, in the words of the wire, revision after revision."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from edge.carrier import TimeSource
from edge.geometry.ground_view import SIZE_PX, Window, lay_out, window_around
from edge.geometry.pose import Pose
from edge.geometry.sighting import Sighting, ellipse
from edge.geometry.sighting_record import RecordError
from edge.hotspots.bundle_record import BundleRecord
from edge.hotspots.growth import Size
from edge.hotspots.hotspot import Hotspot, HotspotChange, HotspotState, Look, Seen
from edge.telling.alert_record import AlertRecord, spread
from edge.telling.evidence import FrameShelf, LeadUp, Picture
from flight.terrain import FlatTerrain, Terrain
from uplink.messages import (
    Alert,
    AlertState,
    DroneId,
    ErrorEllipse,
    Evidence,
    GroundWindow,
    HeatReading,
    PoseProvenance,
    Position,
    TerrainProvenance,
)

log = logging.getLogger(__name__)

REMEMBERED_ALERTS = 512
REMEMBERED_VIEWS = 12  # of an alert
ALERTS_WITH_VIEWS = 64
LEAST_AXIS_M = 0.1
DRAWN = ("ground view", "thermal")
HOTTER_K = 10.0  # before a thermal picture is shown instead of the one that is
LEAST_SINE = 0.1
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Provenance:
    """The detector that an alert comes from."""

    model_name: str
    model_sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class GroundSketch:
    """A ground view that is still to be drawn."""

    frame: Picture
    sighting: Sighting
    window: Window
    terrain: Terrain | None


@dataclass(frozen=True, slots=True, eq=False)
class ThermalSketch:
    """A thermal crop that is still to be drawn: round the hot spot of ``seen``, out of its frame."""

    frame: Picture
    seen: Seen


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A revision as the event loop leaves it. ``media`` are the bytes of the pictures that it shows for the
    first time, by SHA-256; ``record`` is for the drone alone."""

    alert: Alert
    media: dict[str, bytes]
    record: AlertRecord
    sketch: GroundSketch | None = None
    drawn: tuple[Evidence, ...] = ()
    """Ground view and thermal crop of before the agent was started anew."""
    crop: ThermalSketch | None = None


class AlertWriter:
    """Numbers the revisions of each alert and picks its pictures from the frames at hand.

    ``known`` are the alerts of before the agent was started anew, as JSON by their id: their revisions go on.
    """

    def __init__(
        self,
        drone_id: DroneId,
        shelf: FrameShelf,
        lead_up: LeadUp | None = None,
        *,
        known: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._drone_id = drone_id
        self._shelf = shelf
        self._lead_up = lead_up or LeadUp()
        self._latest: OrderedDict[UUID, Alert] = OrderedDict()
        self._views: OrderedDict[UUID, tuple[Seen, ...]] = OrderedDict()
        self._sketched: OrderedDict[UUID, bool] = OrderedDict()
        self._hottest_c: OrderedDict[UUID, float] = OrderedDict()
        # Of ``complete`` alone, which runs in another thread.
        self._ground_views: OrderedDict[UUID, Evidence] = OrderedDict()
        self._crops: OrderedDict[UUID, Evidence] = OrderedDict()
        self._known = dict(known)

    def knows(self, hotspot_id: UUID) -> bool:
        """Whether an alert of it has been written, also before the agent was started anew."""
        return hotspot_id in self._latest or str(hotspot_id) in self._known

    def write(
        self,
        change: HotspotChange,
        look: Look,
        provenance: Provenance,
        time_source: TimeSource,
        size: Size | None = None,
        bundle: BundleRecord | None = None,
    ) -> Draft:
        """The alert's next revision; ``look`` is the frame that brought the change.

        A hotspot is only told once it was confirmed, so ``change.hotspot.confirmed`` is always there.
        """
        hotspot = change.hotspot
        assert hotspot.confirmed is not None  # noqa: S101 - see above
        before, drawn = self._before(hotspot.id)
        evidence, media = self._evidence(hotspot, before)
        terrain = _terrain(look.terrain, hotspot.latest.sighting)
        pose = before.pose if before else _pose(hotspot.confirmed, time_source)
        revision = before.revision + 1 if before else 1
        alert = self._alert(hotspot, revision, evidence, provenance, time_source, pose, terrain, size)
        _remember(self._latest, hotspot.id, alert)
        views = spread((*self._views.get(hotspot.id, ()), hotspot.latest), REMEMBERED_VIEWS)
        _remember(self._views, hotspot.id, views, ALERTS_WITH_VIEWS)
        record = AlertRecord(
            hotspot.id, revision, terrain, hotspot.confirmed, hotspot.best, hotspot.latest, views, bundle
        )
        sketch = None
        has_view = any(one.kind == "ground view" for one in drawn)
        if not has_view and hotspot.id not in self._sketched:
            # Where the confirming look met the ground too flatly, the first one that does not.
            sketch = self._sketch(hotspot.latest if before else hotspot.confirmed, look.terrain)
        if has_view or sketch is not None:
            _remember(self._sketched, hotspot.id, True)
        return Draft(alert, media, record, sketch, drawn, self._crop(hotspot))

    def complete(self, draft: Draft) -> tuple[Alert, dict[str, bytes], str | None]:
        """The alert as it goes out, its new pictures, and its record as JSON: with the ground view drawn.

        Takes some milliseconds: for the thread that writes to the disk, which takes drafts in their order.
        """
        alert, media = draft.alert, dict(draft.media)
        for one in draft.drawn:
            _remember(self._ground_views if one.kind == "ground view" else self._crops, alert.id, one)
        if draft.sketch is not None and alert.id not in self._ground_views:
            drawn = None
            try:
                drawn = _drawn(draft.sketch)
            except Exception as error:
                log.warning("the ground around alert %s could not be drawn", alert.id, exc_info=error)
            if drawn is not None:
                evidence = drawn.as_evidence(kind="ground view", ground=_ground(draft.sketch.window))
                _remember(self._ground_views, alert.id, evidence)
                media[evidence.sha256] = drawn.jpeg
        if draft.crop is not None and (cropped := _cropped(draft.crop)) is not None:
            evidence = cropped.as_evidence(kind="thermal")
            _remember(self._crops, alert.id, evidence)
            media[evidence.sha256] = cropped.jpeg
        beside = [
            view for views in (self._ground_views, self._crops) if (view := views.get(alert.id)) is not None
        ]
        if beside:
            alert = alert.model_copy(update={"evidence": [*alert.evidence, *beside]})
        try:
            record = draft.record.to_json()
        except RecordError as error:
            log.warning("alert %s cannot be explained later: %s", alert.id, error)
            record = None
        return alert, media, record

    def _before(self, hotspot_id: UUID) -> tuple[Alert | None, tuple[Evidence, ...]]:
        """The revision before, without what was drawn; that, where it is of before the agent's start."""
        body = self._known.pop(str(hotspot_id), None)
        if body is None:
            return self._latest.get(hotspot_id), ()
        try:
            alert = Alert.model_validate_json(body)
        except ValidationError:
            log.warning("alert %s was told by another version: its revisions begin anew", hotspot_id)
            return None, ()
        drawn = tuple(one for one in alert.evidence if one.kind in DRAWN)
        kept = [one for one in alert.evidence if one.kind not in DRAWN]
        return alert.model_copy(update={"evidence": kept}), drawn

    def _evidence(self, hotspot: Hotspot, before: Alert | None) -> tuple[list[Evidence], dict[str, bytes]]:
        """The clearest frame first (the one told before stays when it is no longer at hand), then what led up
        to the confirmation, which stays as it is."""
        known = {evidence.sha256 for evidence in before.evidence} if before else set()
        evidence: list[Evidence] = []
        media: dict[str, bytes] = {}
        for seen in (hotspot.best, hotspot.latest):
            picture = self._shelf.at(seen.at_s)
            if picture is not None:
                evidence.append(picture.as_evidence(seen.sighting.box))
                media[evidence[0].sha256] = picture.jpeg
                break
            evidence = [] if before is None else [one for one in before.evidence if one.kind == "detection"]
            if evidence:
                break
        if before is not None:
            evidence += [one for one in before.evidence if one.kind == "lead-up"]
        elif hotspot.confirmed is not None:
            for picture in self._lead_up.before(hotspot.confirmed.at_s):
                evidence.append(picture.as_evidence(kind="lead-up"))
                media[evidence[-1].sha256] = picture.jpeg
        return evidence, {sha256: jpeg for sha256, jpeg in media.items() if sha256 not in known}

    def _crop(self, hotspot: Hotspot) -> ThermalSketch | None:
        """Of its hottest look, where that is hotter than the one that is shown, and still at hand."""
        hottest = hotspot.hottest
        if hottest is None or hottest.sighting.heat is None:
            return None
        peak_c, frame = hottest.sighting.heat.peak_c, self._shelf.at(hottest.at_s)
        if frame is None or frame.span_c is None:
            return None
        if peak_c < self._hottest_c.get(hotspot.id, -math.inf) + HOTTER_K:
            return None
        _remember(self._hottest_c, hotspot.id, peak_c)
        return ThermalSketch(frame, hottest)

    def _sketch(self, confirmed: Seen, terrain: Terrain | None) -> GroundSketch | None:
        frame, window = self._shelf.at(confirmed.at_s), window_around(confirmed.sighting)
        if frame is None or window is None:
            return None
        return GroundSketch(frame, confirmed.sighting, window, terrain)

    def _alert(
        self,
        hotspot: Hotspot,
        revision: int,
        evidence: list[Evidence],
        provenance: Provenance,
        time_source: TimeSource,
        pose: PoseProvenance | None,
        terrain: TerrainProvenance,
        size: Size | None,
    ) -> Alert:
        sighting = hotspot.latest.sighting
        covariance = hotspot.covariance_m2
        assert hotspot.confirmed is not None  # noqa: S101 - see write()
        return Alert(
            id=hotspot.id,
            revision=revision,
            drone_id=self._drone_id,
            state=AlertState.LOST if hotspot.state is HotspotState.LOST else AlertState.CONFIRMED,
            label=hotspot.label,
            probability=min(1.0, max(0.0, hotspot.probability)),
            score=hotspot.best.sighting.score,
            looks=hotspot.looks,
            first_seen_at=_utc(hotspot.first),
            last_seen_at=_utc(hotspot.latest),
            confirmed_at=_utc(hotspot.confirmed),
            time_source=time_source,
            position=_position(hotspot),
            ellipse=None if covariance is None else ellipse_of(covariance),
            covariance_m2=None
            if covariance is None
            else (float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
            method=hotspot.method,
            slant_range_m=sighting.slant_range_m,
            observer=_camera_position(sighting.pose),
            bearing_deg=hotspot.bearing_deg % 360.0,
            bearing_sigma_deg=min(180.0, sighting.bearing_sigma_deg),
            model_name=provenance.model_name,
            model_sha256=provenance.model_sha256,
            evidence=evidence,
            pose=pose,
            terrain=terrain,
            area_m2=size.area_m2 if size else None,
            area_sigma_m2=size.area_sigma_m2 if size else None,
            growth_m2_per_min=size.growth_m2_per_min if size else None,
            growth_sigma_m2_per_min=size.growth_sigma_m2_per_min if size else None,
            heat=_heat(hotspot.hottest),
        )


def _remember(things: OrderedDict[UUID, T], key: UUID, thing: T, most: int = REMEMBERED_ALERTS) -> None:
    things[key] = thing
    things.move_to_end(key)
    while len(things) > most:
        things.popitem(last=False)


def _drawn(sketch: GroundSketch) -> Picture | None:
    jpeg = lay_out(sketch.frame.jpeg, sketch.sighting, sketch.window, sketch.terrain)
    return Picture(jpeg, SIZE_PX, SIZE_PX, sketch.frame.captured_at) if jpeg else None


def _cropped(crop: ThermalSketch) -> Picture | None:
    # Imported here: an agent without a thermal camera has no use for it.
    from edge.thermal.palette import crop_jpeg

    frame, sighting = crop.frame, crop.seen.sighting
    if frame.span_c is None or sighting.box is None or sighting.heat is None:
        return None
    try:
        jpeg, side_px = crop_jpeg(frame.jpeg, sighting.box, sighting.heat, frame.span_c)
    except ValueError as error:
        log.warning("a thermal picture could not be drawn: %s", error)
        return None
    return Picture(jpeg, side_px, side_px, frame.captured_at)


def _heat(seen: Seen | None) -> HeatReading | None:
    if seen is None or seen.sighting.heat is None:
        return None
    heat, sighting = seen.sighting.heat, seen.sighting
    area_m2 = None
    if sighting.slant_range_m is not None and sighting.camera is not None:
        # A pixel on level ground is longer the more flatly it is looked at.
        across_m = sighting.slant_range_m / sighting.camera.fx_px
        area_m2 = heat.size_px * across_m**2 / max(-sighting.ray_enu[2], LEAST_SINE)
    return HeatReading(
        at=_utc(seen),
        max_c=heat.peak_c,
        saturated=heat.saturated,
        around_c=heat.around_c,
        size_px=heat.size_px,
        area_m2=area_m2,
    )


def _ground(window: Window) -> GroundWindow:
    centre = Position(lat_deg=window.lat_deg, lon_deg=window.lon_deg, alt_amsl_m=window.alt_amsl_m)
    return GroundWindow(centre=centre, metres_per_px=window.metres_per_px)


def _pose(seen: Seen, time_source: TimeSource) -> PoseProvenance | None:
    pose, camera = seen.sighting.pose, seen.sighting.camera
    if camera is None:
        return None
    azimuth_deg, elevation_deg, roll_deg = attitude_deg(pose)
    sigmas = pose.sigmas
    return PoseProvenance(
        at=_utc(seen),
        time_source=time_source,
        position=_camera_position(pose),
        azimuth_deg=azimuth_deg,
        elevation_deg=elevation_deg,
        roll_deg=roll_deg,
        horizontal_sigma_m=sigmas.horizontal_m,
        vertical_sigma_m=sigmas.vertical_m,
        attitude_sigma_deg=sigmas.attitude_deg,
        heading_sigma_deg=sigmas.heading_deg,
        gimbal_sigma_deg=sigmas.gimbal_deg,
        time_sigma_s=sigmas.time_s,
        camera=camera.name,
        hfov_deg=camera.hfov_deg,
    )


def attitude_deg(pose: Pose) -> tuple[float, float, float]:
    """Azimuth (0 to 360, true north) and elevation of the boresight, and roll about it (right side down).

    Straight down or up there is no azimuth of its own: it is that of the picture's top, and roll is 0.
    """
    right, down, ahead = pose.camera_to_enu.T
    level = math.hypot(ahead[0], ahead[1])
    if level < 1e-9:
        top = -down if ahead[2] < 0 else down
        return math.degrees(math.atan2(top[0], top[1])) % 360.0 % 360.0, pose.look_elevation_deg, 0.0
    roll_deg = math.degrees(math.atan2(-right[2], -down[2]))
    return pose.look_azimuth_deg % 360.0, pose.look_elevation_deg, roll_deg


def _terrain(terrain: Terrain | None, sighting: Sighting) -> TerrainProvenance:
    ground = terrain or FlatTerrain(sighting.pose.alt_amsl_m - sighting.pose.height_home_m)
    return TerrainProvenance(name=ground.name[:256], sigma_m=ground.sigma_m, resolution_m=ground.resolution_m)


def _camera_position(pose: Pose) -> Position:
    return Position(lat_deg=pose.lat_deg, lon_deg=pose.lon_deg, alt_amsl_m=pose.alt_amsl_m)


def _position(hotspot: Hotspot) -> Position | None:
    if hotspot.lat_deg is None or hotspot.lon_deg is None:
        return None
    return Position(lat_deg=hotspot.lat_deg, lon_deg=hotspot.lon_deg, alt_amsl_m=hotspot.alt_amsl_m)


def ellipse_of(covariance_m2: NDArray[np.float64]) -> ErrorEllipse:
    """That holds 90 % of a Gaussian on the ground."""
    major_m, minor_m, orientation_deg = ellipse(covariance_m2, 0.9)
    return ErrorEllipse(
        semi_major_m=max(major_m, LEAST_AXIS_M),
        semi_minor_m=max(minor_m, LEAST_AXIS_M),
        orientation_deg=orientation_deg,
        confidence=0.9,
    )


def _utc(seen: Seen) -> datetime:
    assert seen.utc is not None  # noqa: S101 - the agent dates every look, by its own clock if need be
    return seen.utc
