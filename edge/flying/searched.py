"""The searched ground of a patrol's pass: the coverage with its share of the area, kept on the disk."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from edge.coverage import Coverage
from edge.files import write_whole
from edge.flying.flight import PatrolFlight

log = logging.getLogger(__name__)

COVERAGE_FILE = "coverage.npz"
GEOJSON_FILE = "coverage.geojson"


class Searched:
    """Of one vehicle. Without a patrol it is of everything that it saw since its start."""

    def __init__(self, folder: Path, flight: PatrolFlight | None) -> None:
        self.coverage = Coverage()
        self.percent: float | None = None
        """How much of the patrol's area was seen in this pass; worked out by ``keep``."""
        self._folder = folder
        self._flight = flight
        self._pass_number = 0 if flight is None else flight.progress.record.pass_number
        self._kept_looks = 0
        self._take_up()

    def watch(self) -> None:
        """A new pass begins with nothing seen. Call often."""
        number = self._pass_number if self._flight is None else self._flight.progress.record.pass_number
        if number != self._pass_number:
            self._pass_number = number
            self.coverage.clear()
            self.percent = None

    async def keep(self) -> None:
        """Onto the disk, when there is something new."""
        coverage, looks, of_what = self.coverage, self.coverage.looks, self._of_what
        if looks == self._kept_looks:
            return
        self._measure()
        try:
            await asyncio.to_thread(
                lambda: write_whole(self._folder / COVERAGE_FILE, coverage.to_bytes(of_what))
            )
            await asyncio.to_thread(lambda: write_whole(self._folder / GEOJSON_FILE, coverage.to_geojson()))
            self._kept_looks = looks
        except OSError as error:
            log.warning("the coverage is not kept: %s", error)

    @property
    def _of_what(self) -> str:
        """Which pass of which patrol."""
        if self._flight is None:
            return ""
        return f"{self._flight.progress.record.patrol_sha256} {self._pass_number}"

    def _measure(self) -> None:
        if self._flight is not None and self._flight.patrol.area:
            self.percent = self.coverage.percent_of(self._flight.patrol.area)

    def _take_up(self) -> None:
        """A battery swap may have switched this computer off in the middle of a pass."""
        if self._flight is None:
            return
        try:
            self.coverage.take_up((self._folder / COVERAGE_FILE).read_bytes(), self._of_what)
            self._measure()
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            log.warning("the kept coverage cannot be read: it begins anew (%s)", error)
