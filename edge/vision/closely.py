"""Looking at a frame: the whole of it always, then parts of it closely for as long as there is time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.vision.merge import Found, merged
from edge.vision.plan import Plans
from edge.vision.tile import Tile
from models.detection import Detection

BUSY_SHARE = 0.6  # of a frame's period that may be spent on looking, unless the budget is configured
SMOOTHING = 0.3
LABELS = frozenset({"fire", "smoke"})  # what an alert can be about; other models know more


class Eye(Protocol):
    """What is needed of a detector. `models.detector.Detector` is one."""

    def detect(
        self, image_bgr: NDArray[np.uint8], *, min_score: float | None = None
    ) -> Sequence[Detection]: ...


class Pace:
    """Decides whether there is time for one more tile, from how long the last ones took. Pure.

    ``budget_s`` is a frame's time for tiles; without one it is what the whole frame leaves of most of its
    period. Time too short for a tile is saved up for the next frame, as far as one tile.
    """

    def __init__(self, period_s: float, budget_s: float | None) -> None:
        self._period_s = period_s
        self.budget_s = budget_s
        self._tile_s: float | None = None
        self._left_s = 0.0

    def begin(self, whole_s: float) -> None:
        """A frame's whole has been looked at, and took this long."""
        # One hiccup must not rule tiles out for good: a tile costs about what the whole costs.
        self._tile_s = min(self._tile_s or whole_s, 2 * whole_s)
        budget_s = max(0.0, BUSY_SHARE * self._period_s - whole_s) if self.budget_s is None else self.budget_s
        self._left_s = budget_s + min(max(self._left_s, 0.0), self._tile_s) if budget_s > 0 else 0.0

    def allows(self) -> bool:
        return self._tile_s is not None and self._left_s >= self._tile_s

    def took(self, tile_s: float) -> None:
        """A tile took this long."""
        assert self._tile_s is not None  # noqa: S101 - the whole frame comes before its tiles
        self._tile_s += SMOOTHING * (tile_s - self._tile_s)
        self._left_s -= tile_s


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found on a frame, which tiles of it were looked at, and how long both took."""

    found: tuple[Found, ...]
    tiles: tuple[Tile, ...]
    whole_s: float
    tiles_s: float


class Looker:
    """Looks at frames with one detector, in one thread."""

    def __init__(
        self,
        eye: Eye,
        min_score: float,
        pace: Pace,
        plans: Plans,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._eye = eye
        self._min_score = min_score
        self._pace = pace
        self._plans = plans
        self._clock = clock

    def look(self, image: NDArray[np.uint8]) -> Looked:
        height_px, width_px = image.shape[:2]
        started_s = self._clock()
        whole = self._detect(image)
        whole_s = self._clock() - started_s
        self._pace.begin(whole_s)
        tiled: list[tuple[Tile, Sequence[Detection]]] = []
        tiles_s = 0.0
        while self._pace.allows() and (tile := self._plans.next(width_px, height_px)) is not None:
            started_s = self._clock()
            tiled.append((tile, self._detect(tile.of(image))))
            tile_s = self._clock() - started_s
            self._pace.took(tile_s)
            tiles_s += tile_s
        found = merged(whole, tiled, (width_px, height_px))
        return Looked(tuple(found), tuple(tile for tile, _ in tiled), whole_s, tiles_s)

    def _detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        return [
            found for found in self._eye.detect(image, min_score=self._min_score) if found.label in LABELS
        ]
