"""Judges a rendered patrol: what became of each fire, and what was told that is none.

A fire is found by the confirmed hotspot that is nearest to it and within ``SAME_PLACE_M`` when the patrol is
over; each fire takes one hotspot and each hotspot one fire. Every other hotspot that was ever confirmed is a
false alarm, unless it was merged into another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np

from edge.hotspots.hotspot import Hotspot, Look
from hardware.virtual.render.render import TruthBox
from tests.benchmarks.patrol_scenes import FRAME_S, LEAST_LOOKS, Scene

SAME_PLACE_M = 25.0
"""A crew that is sent there sees the fire. Not the hotspot's own ellipse: that would excuse a vague one and
condemn one that is a little too sure of itself, and whether ellipses are honest is counted by itself."""
NEAR_STRANGER_M, NEAR_CLOUD_M = 25.0, 90.0


@dataclass(frozen=True, slots=True)
class FireFate:
    """What became of one fire. ``shown`` frames have a box of it, ``boxed`` ones a sighting near it; it is
    ``largest_px`` long on ``best_frame``.

    ``looks`` are frames from the first that shows it to the one that confirmed it, both counted.
    """

    name: str
    flame_m: float
    smoky: bool
    largest_px: float
    best_frame: int
    shown: int
    boxed: int
    looks: int | None
    error_m: float | None
    held: bool | None
    """Whether the 90 % ellipse holds it."""

    @property
    def counts(self) -> bool:
        """Whether it was shown often enough for anybody to have found it."""
        return self.shown >= LEAST_LOOKS

    @property
    def found(self) -> bool:
        return self.looks is not None


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A confirmed hotspot that is no fire of its own: why, on which frame, and round what."""

    why: str
    label: str
    looks: int
    probability: float
    frame: int
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class Flown:
    """One patrol's outcome."""

    seed: int
    burning: bool
    light: str
    fires: tuple[FireFate, ...]
    false_alarms: tuple[FalseAlarm, ...]
    rendered: int
    """Frames that had to be rendered."""


@dataclass(slots=True)
class Judge:
    """Knows where the fires are, and watches what is told of them."""

    flown: Scene
    shown: dict[str, list[int]] = field(default_factory=dict)
    boxed: dict[str, int] = field(default_factory=dict)
    largest: dict[str, tuple[float, int]] = field(default_factory=dict)
    """The longest side of its flames' box (px), and on which frame."""
    told: dict[UUID, int] = field(default_factory=dict)
    """The frame with which each hotspot was confirmed."""

    def saw(self, number: int, look: Look, hotspots: list[Hotspot], boxes: list[TruthBox]) -> None:
        """A frame, and what is known after it."""
        for name in {box.fire_id for box in boxes}:
            self.shown.setdefault(name, []).append(number)
        for box in boxes:
            side_px = max(box.x2 - box.x1, box.y2 - box.y1) + 1
            if box.label == "fire":
                self.largest[box.fire_id] = max((side_px, number), self.largest.get(box.fire_id, (0.0, 0)))
        for fire in self.flown.world.fires:
            offsets = (
                self._offset_m(s.lat_deg, s.lon_deg, fire.east_m, fire.north_m) for s in look.sightings
            )
            if any(math.hypot(*offset) <= SAME_PLACE_M for offset in offsets):
                self.boxed[fire.id] = self.boxed.get(fire.id, 0) + 1
        for hotspot in hotspots:
            if hotspot.confirmed is not None:
                self.told.setdefault(hotspot.id, number)

    def verdict(self, burning: bool, hotspots: list[Hotspot], rendered: int) -> Flown:
        """Nearest first, each fire at most one hotspot; who is left over is false."""
        fires = self.flown.world.fires
        told = [hotspot for hotspot in hotspots if hotspot.id in self.told]
        pairs = sorted(
            (math.hypot(*self._offset_m(hotspot.lat_deg, hotspot.lon_deg, fire.east_m, fire.north_m)), i, j)
            for i, fire in enumerate(fires)
            for j, hotspot in enumerate(told)
        )
        of_fire: dict[int, int] = {}
        for distance_m, i, j in pairs:
            if distance_m <= SAME_PLACE_M and i not in of_fire and j not in of_fire.values():
                of_fire[i] = j
        fates = tuple(self._fate(i, told[of_fire[i]] if i in of_fire else None) for i in range(len(fires)))
        alarms = tuple(self._alarm(hotspot) for j, hotspot in enumerate(told) if j not in of_fire.values())
        return Flown(self.flown.seed, burning, self.flown.light, fates, alarms, rendered)

    def _fate(self, index: int, hotspot: Hotspot | None) -> FireFate:
        fire = self.flown.world.fires[index]
        shown = self.shown.get(fire.id, [])
        looks, error_m, held = None, None, None
        if hotspot is not None:
            error = np.array(self._offset_m(hotspot.lat_deg, hotspot.lon_deg, fire.east_m, fire.north_m))
            told = self.told[hotspot.id]
            looks = sum(number <= told for number in shown)
            error_m = float(np.hypot(*error))
            covariance = hotspot.covariance_m2
            if covariance is not None:
                held = bool(error @ np.linalg.solve(covariance, error) <= -2 * math.log(1 - 0.9))
        return FireFate(
            fire.id,
            fire.flame_height_m,
            fire.plume is not None,
            *self.largest.get(fire.id, (0.0, shown[0] if shown else 0)),
            len(shown),
            self.boxed.get(fire.id, 0),
            looks,
            error_m,
            held,
        )

    def _alarm(self, hotspot: Hotspot) -> FalseAlarm:
        best = hotspot.best
        return FalseAlarm(
            self._why(hotspot),
            hotspot.label,
            hotspot.looks,
            hotspot.probability,
            round(best.at_s / FRAME_S),
            best.sighting.box,
        )

    def _why(self, hotspot: Hotspot) -> str:
        """What is nearest to it."""
        if hotspot.lat_deg is None:
            return "no place"
        east_m, north_m = self._offset_m(hotspot.lat_deg, hotspot.lon_deg, 0.0, 0.0)
        here = -east_m, -north_m
        near = [(math.dist(here, (fire.east_m, fire.north_m)), "fire") for fire in self.flown.world.fires] + [
            (math.dist(here, (one.east_m, one.north_m)), one.kind) for one in self.flown.strangers
        ]
        distance_m, what = min(near, default=(math.inf, ""))
        if distance_m <= SAME_PLACE_M and what == "fire":
            return "beside a fire"
        if distance_m <= NEAR_STRANGER_M and what != "fire":
            return what
        for one in self.flown.world.look_alikes:
            reach_m = NEAR_CLOUD_M if one.kind in ("fog", "cloud", "dust") else NEAR_STRANGER_M
            if math.dist(here, (one.east_m, one.north_m)) <= reach_m:
                return one.kind
        if what == "fire" and distance_m <= 3 * SAME_PLACE_M:
            return f"{distance_m:.0f} m off a fire"
        return "the ground"

    def _offset_m(
        self, lat_deg: float | None, lon_deg: float | None, east_m: float, north_m: float
    ) -> tuple[float, float]:
        """From a place (infinitely far where there is none) to a fire, east and north."""
        if lat_deg is None or lon_deg is None:
            return math.inf, math.inf
        east, north = self.flown.world.frame.to_local(lat_deg, lon_deg)
        return east_m - float(east), north_m - float(north)
