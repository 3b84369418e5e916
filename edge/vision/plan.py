"""A plan of tiles on its way from the supervisor, which knows the ground, to the child, which looks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple

from edge.vision.tile import Tile

KEEP_S, KEEP_PERIODS = 1.5, 1.5  # but never so short that the next frame comes too late for it
MOST_TILES = 32


class Plans:
    """The newest plan of tiles, handed from the thread that hears it to the one that looks.

    What one frame had no time for is left to the next ones, until there is a newer plan or it is too old.
    """

    def __init__(self, period_s: float = 0.0, now: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = max(KEEP_S, KEEP_PERIODS * period_s)
        self._now = now
        self._lock = threading.Lock()
        self._tiles: list[Tile] = []
        self._came_s = 0.0

    def hear(self, line: str) -> None:
        """Take one line from the supervisor. Raises ValueError for anything that is no plan."""
        try:
            tiles = [Tile(*(int(side) for side in sides)) for sides in json.loads(line)["tiles"]]
        except (KeyError, TypeError) as error:
            raise ValueError(f"no plan: {error}") from error
        with self._lock:
            self._tiles, self._came_s = tiles[:MOST_TILES], self._now()

    def next(self, width_px: int, height_px: int) -> Tile | None:
        """The next tile of the plan that is a part of such a frame; it will not be given again."""
        with self._lock:
            if self._now() - self._came_s > self._keep_s:
                self._tiles.clear()
            while self._tiles:
                tile = self._tiles.pop(0)
                if tile.fits(width_px, height_px):
                    return tile
            return None


def plan_line(tiles: Sequence[Tile]) -> str:
    """A plan as one line of JSON, as ``Plans.hear`` takes it."""
    return json.dumps({"tiles": [astuple(tile) for tile in tiles[:MOST_TILES]]}) + "\n"
