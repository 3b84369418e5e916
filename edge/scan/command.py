"""The scan itself: from paths to results on disk."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from edge.config.camera_section import ThermalSection
from edge.files import shown, write_whole
from edge.geometry.optics import Camera
from edge.scan.annotate import annotated, encoded
from edge.scan.counts import count, count_places
from edge.scan.finder import Finder
from edge.scan.map import results_geojson
from edge.scan.media import Facts, Look, Media, Prefetch, ScanError, find_media
from edge.scan.placing import Placer
from edge.scan.results import FileResult, LookResult, Run, Seen, annotated_path, results_json
from edge.scan.table import (
    print_counts,
    print_notes,
    print_place_counts,
    print_places,
    print_skipped,
    print_unplaced,
)
from edge.scan.things import things_in
from edge.thermal.look import HotLooker
from edge.vision.merge import merged
from edge.vision.report import HeatSettings
from edge.vision.settings import heat_settings
from edge.vision.tile import grid
from models.detection import Detection

NOTHING_SCANNED_EXIT_CODE = 1
INTERRUPTED_EXIT_CODE = 130
HOTTEST_C = 3000.0


def scan_command(
    paths: list[Path],
    out: Path,
    *,
    model: str | None = None,
    threshold: float | None = None,
    every_s: float = 1.0,
    images: bool = True,
    tiles: bool = False,
    dem: Path | None = None,
    camera: str | None = None,
    takeoff: str | None = None,
    kelvin_per_count: float = 0.01,
    detector: Finder | None = None,
    console: Console | None = None,
) -> int:
    """Scan ``paths`` and write ``results.json``, ``results.geojson`` and annotated pictures into ``out``.

    ``every_s`` is the time between the frames of a video that are looked at; 0 looks at all of them.
    ``tiles`` looks closely at all parts of each picture, too. Detections are placed on the terrain ``dem``,
    or on flat ground; ``camera`` (a profile) stands in for what files say of their lens, and ``takeoff`` is
    where the drone took off, as ``LAT,LON``. TIFFs with 16-bit or decimal values are a thermal camera's, of
    ``kelvin_per_count``: there hot spots are looked for, by the agent's rules. ``detector`` stands in for
    loading ``model``.
    Returns the exit code: 0 when at least one file could be scanned, 1 when none could, 130 after Ctrl-C
    (what was found so far is written and marked incomplete). Raises EmberwatchError before anything is
    written when paths, model or ``out`` are wrong, and ScanError when results cannot be written.
    """
    if not (math.isfinite(every_s) and every_s >= 0):
        raise ScanError(f"Every {every_s} seconds is no interval.", hint="Give 0 or more.")
    if threshold is not None and not 0 < threshold < 1:
        raise ScanError(f"A threshold of {threshold} finds nothing.", hint="Give a score between 0 and 1.")
    media, unreadable = find_media(paths, leave_out=out)
    if not media:
        places = ", ".join(shown(path) for path in paths)
        raise ScanError(f"There are no photos or videos in {places}.", hint="See `emberwatch scan --help`.")
    placer = _placer(dem, camera, takeoff)
    finder = detector or _load(model)
    _spare_originals(media, out)
    _make_folder(out)
    least = finder.threshold if threshold is None else threshold
    heat = _heat(kelvin_per_count, threshold)
    scan = Scan(finder, heat, placer, least, out, images=images, tiles=tiles)
    console = console or Console()
    started_at = datetime.now(UTC)
    complete = _run(scan, media, every_s, kelvin_per_count, console)
    ended_at = datetime.now(UTC)
    terrain = None if placer.terrain is None else placer.terrain.name
    run = Run(started_at, ended_at, complete, finder, heat, least, every_s, tiles, terrain, tuple(unreadable))
    skipped = sum(not file.scanned for file in scan.files)
    counts = count(((file.labels, file.facts.labelled) for file in scan.files if file.scanned), skipped)
    found = [(file, seen.place) for file in scan.files for look in file.looks for seen in look.seen]
    place_counts = count_places(place.method for _, place in found)
    things = things_in(scan.files, placer.terrain)
    written = [out / "results.json", out / "results.geojson"]
    _write(
        written[0], results_json(run, scan.files, counts, place_counts, [thing.entry() for thing in things])
    )
    _write(written[1], results_geojson(scan.files, things))
    print_counts(console, counts)
    print_place_counts(console, place_counts, things)
    print_skipped(console, scan.files, unreadable)
    print_notes(console, scan.files)
    print_unplaced(console, found)
    print_places(console, written, scan.pictures, out / "images")
    if not complete:
        console.print(f"stopped after {counts.files} of {len(media)} files", style="yellow")
        return INTERRUPTED_EXIT_CODE
    if not counts.scanned:
        console.print("Not one file could be scanned.", style="red")
        return NOTHING_SCANNED_EXIT_CODE
    return 0


class Scan:
    """Looks at pictures one after another and keeps what they showed; ``files`` grows by finished files."""

    def __init__(
        self,
        finder: Finder,
        heat: HeatSettings,
        placer: Placer,
        threshold: float,
        out: Path,
        *,
        images: bool,
        tiles: bool,
    ) -> None:
        self.threshold = threshold
        self.files: list[FileResult] = []
        self.pictures = 0
        self._finder = finder
        self._hot = HotLooker(heat)
        self._placer = placer
        self._out = out
        self._images = images
        self._tiles = tiles
        self._looks: list[LookResult] = []
        self._last: Look | None = None

    def look(self, look: Look) -> None:
        """Detect in one picture, place and draw what was found."""
        detections = self._detect(look)
        drawn: str | None = None
        if detections and self._images:
            place = annotated_path(look.media.place, look.time_s)
            _write(self._out / place, encoded(annotated(look.image, detections), place))
            drawn = shown(place)
            self.pictures += 1
        height_px, width_px = look.image.shape[:2]
        view = self._placer.view(look.record, (width_px, height_px))
        places = self._placer.place(detections, view)
        seen = tuple(Seen.of(found, place) for found, place in zip(detections, places, strict=True))
        used = view if detections and not isinstance(view, str) else None
        self._looks.append(LookResult(look.time_s, seen, drawn, used, look.record.position))
        self._last = look

    def _detect(self, look: Look) -> Sequence[Detection]:
        if look.kelvin is not None:
            return self._hot.look(look.kelvin).found
        image = look.image
        whole = self._finder.detect(image, min_score=self.threshold)
        height_px, width_px = image.shape[:2]
        if not self._tiles or max(width_px, height_px) <= self._finder.input_px:
            return whole
        tiled = [
            (tile, self._finder.detect(tile.of(image), min_score=self.threshold))
            for tile in grid(width_px, height_px, self._finder.input_px)
        ]
        return merged(whole, tiled, (width_px, height_px))

    def finish(self, facts: Facts) -> None:
        """The file that was looked at is done."""
        self.files.append(FileResult(facts, tuple(self._looks)))
        self._looks.clear()
        self._last = None

    def stop(self) -> None:
        """No more will come: keep what is known of the video in the middle of which the scan stopped."""
        if self._last is not None and self._last.time_s is not None:
            height_px, width_px = self._last.image.shape[:2]
            note = f"stopped {self._last.time_s:.1f} s into the video"
            self.finish(Facts(self._last.media, None, width_px, height_px, notes=(note,)))


def _run(scan: Scan, media: list[Media], every_s: float, kelvin_per_count: float, console: Console) -> bool:
    """False when Ctrl-C ended it early."""
    try:
        with _progress(console) as progress, Prefetch(media, every_s, kelvin_per_count) as steps:
            task = progress.add_task("", total=len(media))
            for step in steps:
                _step(scan, step, progress, task)
    except KeyboardInterrupt:
        scan.stop()
        return False
    return True


def _step(scan: Scan, step: Look | Facts, progress: Progress, task: TaskID) -> None:
    if isinstance(step, Facts):
        scan.finish(step)
        progress.update(task, completed=len(scan.files))
    else:
        name = shown(step.media.place.name)
        progress.update(task, description=name, completed=len(scan.files) + step.progress)
        scan.look(step)


def _progress(console: Console) -> Progress:
    # Only on a terminal: a moving bar would fill a log.
    return Progress(
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _placer(dem: Path | None, camera: str | None, takeoff: str | None) -> Placer:
    # Imported here: reading terrain loads GDAL.
    from flight.terrain import RasterTerrain

    terrain = None if dem is None else RasterTerrain.open(dem)
    profile = None if camera is None else Camera.load(camera)
    return Placer(terrain, camera=profile, takeoff=None if takeoff is None else _lat_lon(takeoff))


def _heat(kelvin_per_count: float, threshold: float | None) -> HeatSettings:
    """The agent's own, of a camera that nobody says the end of the scale of."""
    section = ThermalSection(source="", kelvin_per_count=kelvin_per_count, hottest_c=HOTTEST_C)
    heat = heat_settings(section)
    return heat if threshold is None else replace(heat, threshold=threshold)


def _lat_lon(text: str) -> tuple[float, float]:
    try:
        lat_deg, lon_deg = (float(part) for part in text.split(","))
    except ValueError:
        lat_deg = lon_deg = math.nan
    if not (abs(lat_deg) <= 90 and abs(lon_deg) <= 180):
        raise ScanError(
            f"{text!r} is no place to take off.", hint="Write LAT,LON in degrees: -35.3633,149.1652"
        )
    return lat_deg, lon_deg


def _load(model: str | None) -> Finder:
    # Imported here: a mistake in the paths is told without waiting for the runtime to load.
    from models.detector import Detector

    return Detector.load(model)


def _spare_originals(media: list[Media], out: Path) -> None:
    originals = {item.path.resolve() for item in media}
    for item in media:
        if (out / annotated_path(item.place, None)).resolve() in originals:
            raise ScanError(
                f"Results in {shown(out)} would overwrite the photo {shown(item.path)}.",
                hint="Name another folder with --out.",
            )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScanError(f"Results cannot go to {shown(out)}: {_reason(error)}.") from error
    if not os.access(out, os.W_OK | os.X_OK):  # now, not after an hour of scanning
        raise ScanError(f"Results cannot go to {shown(out)}: permission denied.")


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise ScanError(f"{shown(path)} cannot be written: {_reason(error)}.") from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
