"""Sightings over time become hotspots: one for each fire, told of when it is sure, lost when it is gone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest

from edge.geometry.locate import locate_detections
from edge.geometry.pose import Pose
from edge.geometry.sighting import ellipse
from edge.hotspots.tracker import Hotspot, HotspotChange, HotspotConfig, HotspotState, HotspotTracker, Look
from flight.terrain import Terrain
from models.detector import Detection
from tests.edge.ground_truth import (
    CAMERA,
    GROUND_AMSL_M,
    FlightErrors,
    FloatArray,
    Hills,
    Plane,
    east_north,
    lat_lon,
    measured,
    pixel_of,
    pose_at,
)

START = datetime(2026, 2, 1, 3, 0, tzinfo=UTC)
ABOVE = pose_at(height_m=80, pitch_deg=-45)
PLACE = (0.0, 80.0)  # what ABOVE looks at


def ids() -> Iterator[UUID]:
    number = 0
    while True:
        number += 1
        yield UUID(int=number)


class Watch:
    """A tracker and all that it has said."""

    def __init__(self, config: HotspotConfig | None = None, terrain: Terrain | None = None) -> None:
        numbers = ids()
        self.tracker = HotspotTracker(config, new_id=lambda: next(numbers))
        self.terrain: Terrain = terrain or Plane()
        self.changes: list[HotspotChange] = []

    def look(self, at_s: float, pose: Pose, boxes: Sequence[Detection] = ()) -> list[HotspotChange]:
        sightings = tuple(locate_detections(boxes, pose, CAMERA, self.terrain))
        look = Look(at_s, START + timedelta(seconds=at_s), pose, CAMERA, sightings, self.terrain)
        changes = self.tracker.look(look)
        self.changes += changes
        return changes

    def looks(
        self, start_s: float, count: int, pose: Pose, boxes: Sequence[Detection] = (), *, every_s: float = 0.2
    ) -> float:
        """The same again; returns when the next look is due."""
        for i in range(count):
            self.look(start_s + i * every_s, pose, boxes)
        return start_s + count * every_s

    @property
    def kinds(self) -> list[str]:
        return [change.kind for change in self.changes]

    @property
    def confirmed(self) -> list[Hotspot]:
        return [hotspot for hotspot in self.tracker.hotspots if hotspot.state is HotspotState.CONFIRMED]


def box(
    pose: Pose,
    east_m: float,
    north_m: float,
    *,
    size_px: float = 40.0,
    label: str = "fire",
    score: float = 0.6,
    ground_amsl_m: float = GROUND_AMSL_M,
) -> Detection:
    """A box that stands on a place as the true pose sees it."""
    u, v = pixel_of(pose, east_m, north_m, ground_amsl_m)
    return Detection(label, score, u - size_px / 2, v - size_px, u + size_px / 2, v)


def offset_m(hotspot: Hotspot, place: tuple[float, float]) -> FloatArray:
    assert hotspot.lat_deg is not None
    assert hotspot.lon_deg is not None
    east_m, north_m = east_north(hotspot.lat_deg, hotspot.lon_deg)
    return np.array([float(east_m) - place[0], float(north_m) - place[1]])


# --- confirmed, lost, found again --------------------------------------------------------------------------


def test_a_fire_is_told_of_once_it_is_sure() -> None:
    watch = Watch()
    fire = box(ABOVE, *PLACE, score=0.8)
    assert not watch.look(10.0, ABOVE, [fire])
    assert not watch.look(10.2, ABOVE, [fire])
    assert not watch.look(10.4, ABOVE, [fire])  # sure, but not for half a second yet
    (change,) = watch.look(10.6, ABOVE, [fire])
    assert change.kind == "confirmed"
    hotspot = change.hotspot
    assert (hotspot.state, hotspot.label, hotspot.looks, hotspot.method) == ("confirmed", "fire", 4, "dem")
    assert hotspot.probability >= 0.9
    assert math.hypot(*offset_m(hotspot, PLACE)) < 6.0
    assert hotspot.first.at_s == 10.0
    assert hotspot.confirmed is not None
    assert hotspot.confirmed.utc == START + timedelta(seconds=10.6)


def test_unsure_boxes_take_more_looks() -> None:
    watch = Watch()
    watch.looks(0.0, 5, ABOVE, [box(ABOVE, *PLACE, score=0.25)])
    assert not watch.changes
    watch.looks(1.0, 15, ABOVE, [box(ABOVE, *PLACE, score=0.25)])
    assert watch.kinds == ["confirmed"]


def test_a_flicker_is_forgotten() -> None:
    watch = Watch()
    watch.look(0.0, ABOVE, [box(ABOVE, *PLACE)])
    now_s = watch.looks(0.3, 20, ABOVE)
    (hotspot,) = watch.tracker.hotspots
    assert hotspot.probability < 0.05
    watch.look(now_s + 30.0, ABOVE)
    assert watch.tracker.hotspots == []
    assert not watch.changes


def test_what_flickers_in_one_place_is_not_sure_for_having_been_seen_often() -> None:
    watch = Watch()
    flicker = box(ABOVE, *PLACE)
    for second in range(0, 60, 2):
        watch.looks(float(second), 1, ABOVE, [flicker])
        watch.looks(second + 0.4, 4, ABOVE, every_s=0.4)
    assert not watch.changes
    assert len(watch.tracker.hotspots) == 1


def test_a_fire_that_is_gone_is_lost_and_found_again_under_its_old_name() -> None:
    watch = Watch()
    fire = box(ABOVE, *PLACE)
    now_s = watch.looks(0.0, 10, ABOVE, [fire])
    now_s = watch.looks(now_s, 60, ABOVE)
    assert watch.kinds == ["confirmed", "lost"]
    assert [hotspot.state for hotspot in watch.tracker.hotspots] == [HotspotState.LOST]
    now_s = watch.looks(now_s, 15, ABOVE, [fire])
    assert watch.kinds == ["confirmed", "lost", "updated"]
    assert {change.hotspot.id for change in watch.changes} == {UUID(int=1)}
    assert watch.changes[-1].hotspot.state is HotspotState.CONFIRMED


def test_a_few_misses_lose_nothing() -> None:
    watch = Watch()
    rng = np.random.default_rng(2)
    fire = box(ABOVE, *PLACE)
    for i in range(200):
        watch.look(i * 0.2, ABOVE, [fire] if rng.random() < 0.5 else [])
    assert set(watch.kinds) == {"confirmed", "updated"}
    assert len(watch.confirmed) == 1


@pytest.mark.parametrize(
    ("pose", "why"),
    [
        (pose_at(height_m=80, pitch_deg=-45, yaw_deg=120), "looks elsewhere"),
        (pose_at(0.0, -60.0, height_m=80, pitch_deg=-65), "at the very edge of the picture"),
        (pose_at(0.0, -420.0, height_m=80, pitch_deg=-10), "much farther away than it was ever seen"),
    ],
)
def test_a_look_that_could_not_see_it_counts_for_nothing(pose: Pose, why: str) -> None:
    watch = Watch()
    now_s = watch.looks(0.0, 10, ABOVE, [box(ABOVE, *PLACE)])
    before = watch.confirmed[0].probability
    watch.looks(now_s, 100, pose)
    assert watch.confirmed[0].probability == before, why


def turned_until_at(u_px: float) -> Pose:
    """``ABOVE`` turned to the left until ``PLACE`` is this far to the right in the picture."""
    low_deg, high_deg = -60.0, 0.0
    for _ in range(40):
        yaw_deg = (low_deg + high_deg) / 2
        is_further = (
            pixel_of(pose_at(height_m=80, pitch_deg=-45, yaw_deg=yaw_deg), *PLACE, GROUND_AMSL_M)[0] > u_px
        )
        low_deg, high_deg = (yaw_deg, high_deg) if is_further else (low_deg, yaw_deg)
    return pose_at(height_m=80, pitch_deg=-45, yaw_deg=(low_deg + high_deg) / 2)


def test_a_box_that_would_be_cut_by_the_edge_is_not_missed_and_a_whole_one_is() -> None:
    """The margin is what the picture's edge takes from a box, and no more: next to it a miss counts."""
    for from_edge_px, kinds in ((40.0, ["confirmed"]), (80.0, ["confirmed", "lost"])):
        watch = Watch()
        now_s = watch.looks(0.0, 30, ABOVE, [box(ABOVE, *PLACE)])
        del watch.changes[1:]
        watch.looks(now_s, 100, turned_until_at(CAMERA.width_px - from_edge_px))
        assert watch.kinds == kinds, from_edge_px


def test_a_fire_behind_a_ridge_is_not_lost() -> None:
    class Ridge(Plane):
        def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
            east_m, _ = east_north(lat_deg, lon_deg)
            return np.asarray(GROUND_AMSL_M + np.maximum(70 - 2 * np.abs(east_m - 60), 0.0))

    behind = pose_at(110.0, 80.0, height_m=50, pitch_deg=-25, yaw_deg=270)
    for terrain, kinds in ((Ridge(), ["confirmed"]), (Plane(), ["confirmed", "lost"])):
        watch = Watch(terrain=terrain)
        now_s = watch.looks(0.0, 10, ABOVE, [box(ABOVE, *PLACE)])
        watch.looks(now_s, 60, behind)
        assert watch.kinds == kinds


# --- one fire is one hotspot -------------------------------------------------------------------------------


def test_fire_and_smoke_of_one_place_are_one_hotspot_and_fire_wins() -> None:
    watch = Watch()
    smoke = box(ABOVE, 12.0, 84.0, size_px=220.0, label="smoke", score=0.7)
    now_s = watch.looks(0.0, 8, ABOVE, [smoke])
    assert [(change.kind, change.hotspot.label) for change in watch.changes] == [("confirmed", "smoke")]
    fire = box(ABOVE, *PLACE, size_px=30.0, score=0.5)
    watch.looks(now_s, 8, ABOVE, [smoke, fire])
    (hotspot,) = watch.tracker.hotspots
    assert hotspot.label == "fire"
    assert hotspot.best.sighting.label == "fire"
    assert [change.kind for change in watch.changes].count("confirmed") == 1
    assert ("updated", "fire") in [(change.kind, change.hotspot.label) for change in watch.changes]
    assert math.hypot(*offset_m(hotspot, PLACE)) < 5.0  # the fire's place, not the smoke's
    assert hotspot.looks == 16


def test_one_wrong_fire_box_does_not_make_smoke_a_fire() -> None:
    watch = Watch()
    smoke = box(ABOVE, *PLACE, size_px=160.0, label="smoke")
    now_s = watch.looks(0.0, 8, ABOVE, [smoke])
    watch.look(now_s, ABOVE, [smoke, box(ABOVE, *PLACE, size_px=20.0)])
    watch.looks(now_s + 0.2, 8, ABOVE, [smoke])
    assert [hotspot.label for hotspot in watch.tracker.hotspots] == ["smoke"]


def test_flames_that_the_detector_cuts_into_pieces_are_one_fire() -> None:
    watch = Watch()
    rng = np.random.default_rng(4)
    for i in range(60):
        whole = box(ABOVE, *PLACE, size_px=90.0)
        middle = (whole.x1 + whole.x2) / 2 + rng.uniform(-15, 15)
        halves = [
            Detection("fire", 0.5, whole.x1, whole.y1, middle - 3, whole.y2 - rng.uniform(0, 20)),
            Detection("fire", 0.4, middle + 3, whole.y1, whole.x2, whole.y2 - rng.uniform(0, 20)),
        ]
        watch.look(i * 0.2, ABOVE, [whole] if rng.random() < 0.4 else halves)
    assert watch.kinds.count("confirmed") == 1
    assert len(watch.confirmed) == 1


def test_a_street_level_video_is_one_hotspot_though_its_boxes_jump() -> None:
    """Camera almost level: the boxes' feet jitter by tens of pixels, now above the horizon and now below."""
    watch = Watch()
    rng = np.random.default_rng(5)
    for i in range(150):
        pose = measured(pose_at(height_m=25, pitch_deg=-3), rng, FlightErrors(), own=0.3)
        drift_px = 250 * math.sin(i / 25)  # the video's camera turns, the drone does not
        u, v = 640 + drift_px + rng.normal() * 15, 360 + rng.normal() * 40
        boxes = [Detection("fire", rng.uniform(0.3, 0.9), u - 90, v - 200, u + 90, v)]
        if rng.random() < 0.5:
            boxes.append(Detection("smoke", 0.5, u - 150, 0, u + 300, v - 150))
        watch.look(i * 0.2, pose, boxes if rng.random() < 0.8 else [])
    assert watch.kinds.count("confirmed") == 1
    assert len(watch.confirmed) == 1


def test_neighbouring_fires_keep_their_names_through_a_whole_patrol() -> None:
    """Nine fires 30 m apart, three passes, a third of the boxes missed, all poses wrong."""
    fires = [(east_m, north_m) for east_m in (-30.0, 0.0, 30.0) for north_m in (-30.0, 0.0, 30.0)]
    rng = np.random.default_rng(6)
    watch = Watch()
    shared = FlightErrors(1.0, -0.7, 1.5, tilt_deg=0.4, heading_deg=1.5)
    now_s = 0.0
    for heading_deg, start_m in ((0, (0, -150)), (90, (-150, 0)), (180, (0, 150))):
        ahead = np.array([math.sin(math.radians(heading_deg)), math.cos(math.radians(heading_deg))])
        for step in range(30):
            east_m, north_m = np.array(start_m) + ahead * 3.0 * step
            true = pose_at(east_m, north_m, height_m=70, yaw_deg=heading_deg, pitch_deg=-40)
            boxes = []
            for fire in fires:
                seen = box(true, *fire, size_px=22)
                jitter = rng.normal(size=4) * 2
                inside = 10 < seen.x1 < 1240 and seen.y1 > 10 and seen.y2 < 700
                if inside and rng.random() < 0.67:
                    corners = np.array([seen.x1, seen.y1, seen.x2, seen.y2]) + jitter
                    boxes.append(Detection("fire", rng.uniform(0.35, 0.9), *corners.tolist()))
            watch.look(now_s, measured(true, rng, shared, own=0.3), boxes)
            now_s += 0.33
    assert watch.kinds.count("confirmed") == 9
    assert len(watch.confirmed) == 9
    names: Counter[tuple[float, float]] = Counter()
    for hotspot in watch.confirmed:
        nearest = min(fires, key=lambda fire: math.hypot(*offset_m(hotspot, fire)))
        assert math.hypot(*offset_m(hotspot, nearest)) < 8.0
        names[nearest] += 1
    assert set(names.values()) == {1}


# --- where only a bearing is known -------------------------------------------------------------------------


LEVEL = pose_at(height_m=40, pitch_deg=0, yaw_deg=30)


def on_the_horizon(u: float, *, label: str = "fire", size_px: float = 40.0) -> Detection:
    return Detection(label, 0.6, u - size_px / 2, 350 - size_px, u + size_px / 2, 350)


def test_above_the_horizon_a_fire_has_a_bearing_and_no_position() -> None:
    watch = Watch()
    watch.looks(0.0, 8, LEVEL, [on_the_horizon(CAMERA.cx_px)])
    (change,) = watch.changes
    hotspot = change.hotspot
    assert (change.kind, hotspot.method) == ("confirmed", "bearing-only")
    assert (hotspot.lat_deg, hotspot.covariance_m2) == (None, None)
    assert hotspot.bearing_deg == pytest.approx(30, abs=0.1)


def test_two_fires_on_the_horizon_that_are_seen_together_are_two() -> None:
    watch = Watch()
    watch.looks(0.0, 12, LEVEL, [on_the_horizon(300), on_the_horizon(800)])
    assert len(watch.confirmed) == 2
    assert watch.kinds.count("confirmed") == 2


def test_a_bearing_becomes_a_position_under_the_same_name() -> None:
    watch = Watch()
    far = pose_at(height_m=80, pitch_deg=-5)
    smoke = Detection("smoke", 0.7, 560, 80, 720, 280)  # ends above the horizon
    now_s = watch.looks(0.0, 8, far, [smoke])
    assert watch.changes[0].hotspot.method == "bearing-only"
    tilted = pose_at(height_m=80, pitch_deg=-35)
    watch.looks(now_s, 8, tilted, [box(tilted, 0.0, 130.0, size_px=120, label="smoke", score=0.7)])
    assert [change.kind for change in watch.changes[:2]] == ["confirmed", "updated"]
    assert watch.changes[1].hotspot.method == "dem"
    assert {change.hotspot.id for change in watch.changes} == {UUID(int=1)}


# --- the estimate ------------------------------------------------------------------------------------------


def fly(seed: int, arc_deg: float, looks: int = 9) -> tuple[Watch, tuple[float, float]]:
    """Around a fire on hilly ground, or hovering (arc 0), with every error at its stated size."""
    rng = np.random.default_rng(seed)
    ground = Hills()
    east_m, north_m, up_m, tilt_deg, heading_deg = (rng.normal(size=5) * (1.0, 1.0, 2.0, 0.5, 1.9)).tolist()
    shared = FlightErrors(east_m, north_m, up_m, tilt_deg, heading_deg)
    fire = (float(rng.uniform(-300, 300)), float(rng.uniform(-300, 300)))
    ground_m = float(ground.height_amsl_m(*(np.array(x) for x in lat_lon(*fire))))
    watch = Watch(terrain=Hills(off_m=rng.normal() * ground.sigma_m))
    start = rng.uniform(0, 360)
    for i in range(looks):
        away = math.radians(start + arc_deg * i / looks)
        true = pose_at(
            fire[0] + 90 * math.sin(away),
            fire[1] + 90 * math.cos(away),
            height_m=ground_m - GROUND_AMSL_M + 60,
            yaw_deg=math.degrees(away) + 180,
            pitch_deg=-35,
        )
        u, v = pixel_of(true, *fire, ground_m)
        # A box whose foot is where it should be, but for the noise that is claimed for it.
        width_px, height_px = 30 + rng.normal() * 2, 40 + rng.normal() * 2
        u, v = u + rng.normal() * 3, v + 0.29 * width_px + rng.normal() * 4
        seen = Detection("fire", 0.6, u - width_px / 2, v - height_px, u + width_px / 2, v)
        watch.look(i * 1.5, measured(true, rng, shared, own=0.6), [seen])
    return watch, fire


def test_the_ellipse_tells_the_truth_however_long_the_drone_looks() -> None:
    """Hovering repeats the flight's common errors in every look; the ellipse must not shrink below them."""
    inside: list[bool] = []
    hover_m: list[float] = []
    orbit_m: list[float] = []
    unsure = 0
    for seed in range(160):
        arc_deg, axes = ((0.0, hover_m), (180.0, orbit_m))[seed % 2]
        watch, fire = fly(seed, arc_deg)
        if not watch.confirmed:
            unsure += 1
            continue
        (hotspot,) = watch.confirmed
        assert hotspot.covariance_m2 is not None
        error = offset_m(hotspot, fire)
        inside.append(float(error @ np.linalg.solve(hotspot.covariance_m2, error)) <= -2 * math.log(0.1))
        axes.append(ellipse(hotspot.covariance_m2)[0])
    assert unsure <= 8  # of 160, after nine looks each
    assert np.mean(inside) >= 0.85
    assert np.min(hover_m) > 6.0  # nothing like a single look's by √9
    assert np.mean(orbit_m) < 0.6 * np.mean(hover_m)


def test_updates_come_when_there_is_something_to_say() -> None:
    watch = Watch()
    fire = box(ABOVE, *PLACE)
    watch.looks(0.0, 150, ABOVE, [fire])  # half a minute of the same
    assert watch.kinds[0] == "confirmed"
    assert set(watch.kinds[1:]) == {"updated"}
    assert 2 <= len(watch.kinds) - 1 <= 6
    assert watch.changes[-1].hotspot.latest.at_s > watch.changes[0].hotspot.latest.at_s


# --- bounds ------------------------------------------------------------------------------------------------


def test_memory_is_bounded_and_the_confirmed_are_kept() -> None:
    watch = Watch(HotspotConfig(max_hotspots=4))
    now_s = watch.looks(0.0, 8, ABOVE, [box(ABOVE, *PLACE)])
    for i in range(30):
        where = pose_at(200.0 * i, 0.0, height_m=80, pitch_deg=-45)
        watch.look(now_s + i, where, [box(where, 200.0 * i + x, 80.0, size_px=10) for x in (-40, 40)])
    hotspots = watch.tracker.hotspots
    assert len(hotspots) == 4
    assert UUID(int=1) in {hotspot.id for hotspot in hotspots}


def test_sightings_without_room_are_counted() -> None:
    watch = Watch(HotspotConfig(max_hotspots=1))
    watch.looks(0.0, 8, ABOVE, [box(ABOVE, *PLACE), box(ABOVE, 60.0, 110.0, size_px=20)])
    assert len(watch.confirmed) == 1
    assert watch.tracker.turned_away > 0


def test_a_late_look_is_left_out() -> None:
    watch = Watch()
    fire = box(ABOVE, *PLACE)
    watch.look(5.0, ABOVE, [fire])
    assert watch.look(4.0, ABOVE, [fire]) == []
    assert watch.tracker.hotspots[0].looks == 1
