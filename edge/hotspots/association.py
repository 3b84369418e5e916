"""Which sighting of a frame is which hotspot.

Sightings and hotspots are compared on the ground, by how many σ they are apart given what their errors
have in common; where one of them has no position, by bearing; and a box that lies where the hotspot's box
lay a moment ago is the same thing, whatever its foot says. All pairs are reckoned at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edge.geometry.place import Place
from edge.geometry.pose import distance_m, turned_deg
from edge.geometry.sighting import SIGMAS_90, Sighting, ellipse
from edge.hotspots.fusion import Fusion
from edge.hotspots.hotspot import HotspotConfig, Look
from edge.hotspots.track import Track, is_long
from edge.hotspots.visibility import SAME_PLACE_M, SAME_VIEW_DEG
from flight.local_frame import LocalFrame

FloatArray = NDArray[np.float64]

# How long a box is remembered, and how much of the smaller of old and new must be common to both.
BOX_MEMORY_S = 1.0
SAME_BOX_OVERLAP = 0.5
# Boxes closer than this part of the larger one's size are parts of one fire.
ADJACENT_GAP = 0.25
ELEVATION_GATE_DEG = 4.0
VIEW_MEMORY_S = 2.0
SAME_POST_M = 30.0
BY_BEARING, BY_BOX, BY_VIEW = 1.4, 1.5, 2.0
# What it costs to belong to no hotspot: more than the worst fit (1 + BEYOND), less than two bad ones.
ALONE, BEYOND = 1.15, 0.1
# Two places become one if they are closer than this (σ). If the older one should have been seen and was not
# in this many looks, while the newer one was seen, they may be further apart: it has moved, the error shows.
ONE_SIGMA, ONE_INSTEAD_SIGMA, MISSED_INSTEAD = 1.5, 3.0, 2
# The foot of a smoke column is a guess in ways that the error model does not know.
SMOKE_ERROR_FACTOR = 2.5
# How many box sizes the ground has to have moved on in the picture.
MOVED_ON = 0.7
_NO_BOX = (math.nan, math.nan, math.nan, math.nan)


def mismatches(
    sightings: Sequence[Sighting],
    tracks: Sequence[Track],
    look: Look,
    config: HotspotConfig,
    fusion: Fusion[UUID],
) -> FloatArray:
    """How badly each sighting (rows) fits each track (columns), in gates; infinite where it does not.

    0…1: places agree (squared σ over the gate's). 1…BY_BEARING: bearings agree. BY_BOX: the box is where the
    hotspot's was a moment ago. Up to BY_VIEW: nothing contradicts that they are one, because neither of
    them is more than a bearing in the same view.
    """
    seen, kept = _Places.of_sightings(sightings, look), _Places.of_tracks(tracks, look)
    fit = _ground_misfit(seen, kept, config, fusion, sightings, tracks)
    fit = np.minimum(fit, _bearing_misfit(seen, kept, config, look.camera.hfov_deg / 2))
    same_label = seen.is_smoke[:, None] == kept.is_smoke[None]
    joined = same_label & (_overlap(seen.box, kept.box) >= SAME_BOX_OVERLAP)
    # Smoke that touches a fire in the picture is that fire's, and a fire in smoke is its cause.
    joined |= ~same_label & (_gap(seen.box, kept.box) <= 0.0)
    return np.where(joined, np.minimum(fit, BY_BOX), fit)


def assign(misfits: FloatArray) -> list[tuple[int, int]]:
    """Pairs (row, column) of the cheapest one-to-one assignment of what fits at all.

    A sighting may also stay by itself: two bad fits are no better than a good one and a new hotspot.
    """
    if not misfits.size:
        return []
    rows, columns = misfits.shape
    # Any fit at all is better than none; between those beyond 1 only their order counts.
    cost = np.where(misfits > 1.0, 1.0 + (misfits - 1.0) * BEYOND, misfits)
    cost = np.where(np.isfinite(misfits), cost, 1e6)
    chosen = linear_sum_assignment(np.hstack([cost, np.full((rows, rows), ALONE)]))
    pairs = ((int(i), int(j)) for i, j in zip(*chosen, strict=True))
    return [(i, j) for i, j in pairs if j < columns and np.isfinite(misfits[i, j])]


def is_part_of(
    sighting: Sighting, track: Track, look: Look, config: HotspotConfig, fusion: Fusion[UUID]
) -> bool:
    """Whether a box that is left over belongs to a hotspot that another box of this look has already hit."""
    extent = track.views[look.eye].extent
    if sighting.box is not None and extent is not None:
        a, b = np.array([sighting.box]), np.array([extent])
        size_px = max(*(a[0, 2:] - a[0, :2]), *(b[0, 2:] - b[0, :2]))
        if _gap(a, b)[0, 0] <= ADJACENT_GAP * size_px:
            return True
    if mismatches([sighting], [track], look, config, fusion)[0, 0] > BY_BEARING:
        return False
    if sighting.slant_range_m is None or track.place is None or sighting.grazing or sighting.label == "smoke":
        return True
    return _distance_m(track.place, sighting) <= config.join_m


def _distance_m(place: Place, sighting: Sighting) -> float:
    """Over ground."""
    frame = LocalFrame(place.lat_deg, place.lon_deg, place.alt_amsl_m)
    there = (np.array(x, np.float64) for x in (sighting.lat_deg, sighting.lon_deg, sighting.alt_amsl_m))
    east_m, north_m, _ = frame.from_geodetic(*there)
    return math.hypot(float(east_m), float(north_m))


def may_be_one(new: Track, old: Track, look: Look, config: HotspotConfig) -> bool:
    """Whether two tracks are too close, given their errors, to be told apart."""
    if new.place is not None and old.place is not None:
        instead = old.missed >= MISSED_INSTEAD and old.latest.at_s < new.first.at_s
        gate_sigma = ONE_INSTEAD_SIGMA if instead else ONE_SIGMA
        # Far beyond the gate nothing needs to be reckoned out.
        reach_m = gate_sigma * (2 * config.model_error_m + new.place.semi_major_m + old.place.semi_major_m)
        if new.place.distance_m(old.place) <= reach_m:
            offset_m, covariance_m2 = new.place.offset_to(old.place)
            covariance_m2 = covariance_m2 + 2 * config.model_error_m**2 * np.eye(2)
            if float(offset_m @ np.linalg.solve(covariance_m2, offset_m)) <= gate_sigma**2:
                return True
    if not (new.is_vague or old.is_vague):
        return False
    turn_deg = abs((new.bearing_deg - old.bearing_deg + 180.0) % 360.0 - 180.0)
    apart_m = distance_m(new.latest.sighting.pose, old.latest.sighting.pose)
    if new.is_vague and old.is_vague and apart_m <= SAME_POST_M:
        return turn_deg <= look.camera.hfov_deg  # one picture could show both
    half_width_deg = max(new.latest.sighting.half_width_deg, old.latest.sighting.half_width_deg)
    return turn_deg <= config.bearing_gate_deg + half_width_deg


def has_jumped(old: Track, new: Track) -> bool:
    """Whether the new track began where and when the old one vanished, in a view that had not changed.

    Fires do not do that; pictures do, when the camera turns or shakes with no gyro to tell it. Two good
    places on the ground are two places: a drone on its way sees one fire leave as another one comes.
    """
    if not (old.is_vague or new.is_vague):
        return False
    before, after = old.latest.sighting.pose, new.first.sighting.pose
    gap_s = new.first.at_s - old.latest.at_s
    return (
        0.0 < gap_s <= VIEW_MEMORY_S
        and distance_m(before, after) < SAME_PLACE_M
        and turned_deg(before, after) < SAME_VIEW_DEG
    )


def is_on_lens(track: Track, look: Look) -> bool:
    """Whether its box keeps its place in the picture while the ground moves on below: dirt, a reflection."""
    view = track.views[look.eye]
    first, now = view.first.sighting, view.latest.sighting
    if first.lat_deg is None or first.lon_deg is None or first.alt_amsl_m is None or now.box is None:
        return False
    assert first.covariance_m2 is not None  # noqa: S101 - it has a place
    frame = LocalFrame(look.pose.lat_deg, look.pose.lon_deg, look.pose.alt_amsl_m)
    there = (np.array(x) for x in (first.lat_deg, first.lon_deg, first.alt_amsl_m))
    point_m = np.array(frame.from_geodetic(*there))
    there_px = look.camera.project(point_m @ look.pose.camera_to_enu)[0]
    size_px = max(now.box[2] - now.box[0], now.box[3] - now.box[1])
    # Outside of the picture by now (NaN), and still seen: that is far enough.
    due_px = float(np.nan_to_num(np.hypot(*(there_px - first.pixel)), nan=math.inf))
    moved_px = math.hypot(now.pixel[0] - first.pixel[0], now.pixel[1] - first.pixel[1])
    # From the same side the first look's error is the same now; from another it moves what was expected.
    major_m, _, _ = ellipse(first.covariance_m2)
    turned = math.dist(first.ray_enu, now.ray_enu)
    slack_px = turned * major_m / float(np.linalg.norm(point_m)) * look.camera.fx_px
    return due_px > MOVED_ON * size_px + slack_px and moved_px < min(due_px / 2, size_px)


class _Places:
    """Sightings or tracks as arrays of N, seen from the look's camera."""

    def __init__(self, count: int) -> None:
        self.has_place = np.zeros(count, np.bool_)
        self.is_long = np.zeros(count, np.bool_)
        self.is_smoke = np.zeros(count, np.bool_)
        self.is_recent = np.zeros(count, np.bool_)
        self.geodetic = np.full((count, 3), np.nan)
        self.own_m2 = np.zeros((count, 2, 2))
        self.sigma_m = np.zeros(count)
        self.bearing_deg = np.zeros(count)
        self.bearing_sigma_deg = np.zeros(count)
        self.elevation_deg = np.zeros(count)
        self.half_width_deg = np.zeros(count)
        self.half_height_deg = np.zeros(count)
        self.box = np.full((count, 4), np.nan)
        self.east_north_m = np.full((count, 2), np.nan)

    @property
    def is_vague(self) -> NDArray[np.bool_]:
        """Little more than a bearing is known of it."""
        return ~self.has_place | self.is_long

    @classmethod
    def of_sightings(cls, sightings: Sequence[Sighting], look: Look) -> _Places:
        places = cls(len(sightings))
        for i, sighting in enumerate(sightings):
            places._set_view(i, sighting, look)
            places.bearing_deg[i] = sighting.bearing_deg
            places.is_smoke[i] = sighting.label == "smoke"
            places.box[i] = sighting.box or _NO_BOX
            if sighting.lat_deg is not None and sighting.lon_deg is not None:
                places.has_place[i] = True
                places.geodetic[i] = sighting.lat_deg, sighting.lon_deg, sighting.alt_amsl_m or 0.0
                places.sigma_m[i] = _sigma_m(np.asarray(sighting.covariance_m2))
                places.is_long[i] = sighting.grazing and is_long(sighting, SIGMAS_90 * places.sigma_m[i])
        places._look_from(look)
        return places

    @classmethod
    def of_tracks(cls, tracks: Sequence[Track], look: Look) -> _Places:
        places = cls(len(tracks))
        for i, track in enumerate(tracks):
            latest = track.latest
            places._set_view(i, latest.sighting, look)
            places.bearing_deg[i] = track.bearing_deg
            places.is_smoke[i] = latest.sighting.label == "smoke"
            places.is_recent[i] = look.at_s - latest.at_s <= VIEW_MEMORY_S
            view = track.views.get(look.eye)
            if view is not None and look.at_s - view.latest.at_s <= BOX_MEMORY_S:
                places.box[i] = view.extent or _NO_BOX
            place = track.place
            if place is not None:
                places.has_place[i], places.is_long[i] = True, track.is_vague
                places.geodetic[i] = place.lat_deg, place.lon_deg, place.alt_amsl_m
                places.sigma_m[i] = _sigma_m(place.covariance_m2)
                places.own_m2[i] = place.own_m2[:2, :2]
        places._look_from(look)
        return places

    def _set_view(self, i: int, sighting: Sighting, look: Look) -> None:
        up = max(-1.0, min(1.0, sighting.ray_enu[2]))
        self.elevation_deg[i] = math.degrees(math.asin(up))
        # A box's width spans more of the compass the more steeply the camera looks.
        self.half_width_deg[i] = sighting.half_width_deg / max(math.sqrt(1 - up * up), 0.2)
        if sighting.box is not None:
            half_px = (sighting.box[3] - sighting.box[1]) / 2
            self.half_height_deg[i] = math.degrees(math.atan(half_px / look.camera.fy_px))

    def _look_from(self, look: Look) -> None:
        frame = LocalFrame(look.pose.lat_deg, look.pose.lon_deg, look.pose.alt_amsl_m)
        east_m, north_m, up_m = frame.from_geodetic(*self.geodetic.T)
        self.east_north_m = np.column_stack([east_m, north_m])
        level_m = np.maximum(np.hypot(east_m, north_m), 1.0)
        there = self.has_place
        self.bearing_deg[there] = np.degrees(np.arctan2(east_m, north_m))[there]
        self.elevation_deg[there] = np.degrees(np.arctan2(up_m, level_m))[there]
        across = np.column_stack([north_m, -east_m]) / level_m[:, None]
        own_m2 = np.einsum("ni,nij,nj->n", across, self.own_m2, across)
        self.bearing_sigma_deg[there] = np.degrees(np.arctan2(np.sqrt(own_m2), level_m))[there]


def _ground_misfit(
    seen: _Places,
    kept: _Places,
    config: HotspotConfig,
    fusion: Fusion[UUID],
    sightings: Sequence[Sighting],
    tracks: Sequence[Track],
) -> FloatArray:
    any_smoke = seen.is_smoke[:, None] | kept.is_smoke[None]
    model_m = config.model_error_m * np.where(any_smoke, SMOKE_ERROR_FACTOR, 1.0)
    apart_m = np.linalg.norm(seen.east_north_m[:, None] - kept.east_north_m[None], axis=2)
    # Far beyond any gate nothing needs to be reckoned out.
    reach_m = config.gate_sigma * (model_m + seen.sigma_m[:, None] + kept.sigma_m[None])
    near = seen.has_place[:, None] & kept.has_place[None] & (apart_m <= reach_m)
    misfit = fusion.misfits(sightings, [track.id for track in tracks], near, model_m) / config.gate_sigma**2
    return np.where(misfit <= 1.0, misfit, np.inf)


def _sigma_m(covariance_m2: FloatArray) -> float:
    return math.sqrt(float(np.trace(covariance_m2)))


def _bearing_misfit(seen: _Places, kept: _Places, config: HotspotConfig, half_view_deg: float) -> FloatArray:
    turn_deg = np.abs((seen.bearing_deg[:, None] - kept.bearing_deg[None] + 180.0) % 360.0 - 180.0)
    wide_deg = np.maximum(seen.half_width_deg[:, None], kept.half_width_deg[None])
    reach_deg = config.bearing_gate_deg + wide_deg + kept.bearing_sigma_deg[None]
    # A well-known place is also at a known angle below the horizon; smoke may be seen anywhere above it.
    rise_deg = seen.elevation_deg[:, None] - kept.elevation_deg[None]
    tall_deg = ELEVATION_GATE_DEG + 2 * seen.half_height_deg[:, None]
    at_height = (np.abs(rise_deg) <= tall_deg) | (seen.is_smoke[:, None] & (rise_deg > -tall_deg))
    either = ~(seen.has_place[:, None] & kept.has_place[None])
    fits = either & (turn_deg <= reach_deg) & (at_height | kept.is_vague[None])
    misfit = np.where(fits, 1.0 + (BY_BEARING - 1.0) * (turn_deg / reach_deg) ** 2, np.inf)
    # A camera that turns with no gyro to tell it carries bearings along: what is seen again at once, in the
    # same view and alone, is not a second fire.
    in_view = (
        seen.is_vague[:, None] & kept.is_vague[None] & kept.is_recent[None] & (turn_deg <= half_view_deg)
    )
    by_view = BY_BOX + (BY_VIEW - BY_BOX) * (turn_deg / half_view_deg) ** 2
    return np.minimum(misfit, np.where(in_view, by_view, np.inf))


def _overlap(a: FloatArray, b: FloatArray) -> FloatArray:
    """Common part of boxes (N, 4) and (M, 4), of the smaller one: (N, M); 0 where there is no box."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0.0, None).prod(axis=-1)
    area_a, area_b = ((boxes[:, 2:] - boxes[:, :2]).prod(axis=-1) for boxes in (a, b))
    smaller = np.maximum(np.minimum(area_a[:, None], area_b[None]), 1e-9)
    part: FloatArray = np.nan_to_num(common / smaller)
    return part


def _gap(a: FloatArray, b: FloatArray) -> FloatArray:
    """Pixels between the edges of boxes (N, 4) and (M, 4), 0 where they touch; infinite without a box."""
    apart = np.maximum(a[:, None, :2] - b[None, :, 2:], b[None, :, :2] - a[:, None, 2:])
    gap = np.hypot(*np.moveaxis(np.clip(apart, 0.0, None), -1, 0))
    return np.where(np.isfinite(gap), gap, np.inf)
