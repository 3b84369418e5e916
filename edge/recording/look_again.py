"""What a recorded flight's cameras saw, judged once more: pictures by a detector, temperatures for hot spots.

Only those are on the tape on which something was found. The pictures went through a JPEG since, so that their
scores differ a little; a thermal camera's values are as they were, and so must be all that is found on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import Progress

from edge.config.camera_section import ThermalSection
from edge.recording.replay import report_of
from edge.recording.tape import Record, Recording, RecordingError
from edge.vision.report import Eye, FrameReport
from edge.vision.settings import heat_settings
from models.detection import Detection

SAME_IOU = 0.5
WORDS: dict[Eye, tuple[str, str]] = {
    "colour": ("pictures", "boxes"),
    "thermal": ("thermal frames", "hot spots"),
}
Finds = Callable[[bytes], Sequence[Detection]]
"""What is on a frame as it was recorded. Raises ValueError where it cannot be read."""


@dataclass(slots=True)
class Judged:
    """What is found on the frames of one camera, beside what was found then."""

    frames: int = 0
    then: int = 0
    now: int = 0
    both: int = 0
    score_off: float = 0.0
    """The largest difference between the scores of the same box."""


def look_again(folder: Path, model: Path | None) -> dict[Eye, Judged]:
    """Look at all that is on the tape, each camera's by its own detector. Raises RecordingError."""
    console = Console()
    recording = Recording.open(folder)
    judges: dict[Eye, Finds] = {}
    judged: dict[Eye, Judged] = {}
    report: FrameReport | None = None
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("looking again", total=None)
        for record in recording.records():
            if record.head["kind"] == "frame":
                progress.advance(task)
                report = report_of(record)
            frame = _frame_of(record, report)
            if report is None or frame is None:
                continue
            if report.eye not in judges:
                judges[report.eye] = _colour(model) if report.eye == "colour" else _thermal(recording)
            try:
                found = judges[report.eye](frame)
            except ValueError:
                continue
            so_far = judged.setdefault(report.eye, Judged())
            so_far.frames += 1
            whole = [one for one in report.detections if one.magnification == 1.0]
            _compare(so_far, whole, found)
    if not judged:
        console.print("Nothing was found on this flight: no frame of it was kept to be looked at again.")
    for eye, one in judged.items():
        frames, boxes = WORDS[eye]
        console.print(
            f"{one.frames} {frames}: {one.then} {boxes} then, {one.now} now, {one.both} the same; "
            f"scores of these differ by {one.score_off:.4f} at most",
            highlight=False,
        )
    return judged


def _frame_of(record: Record, report: FrameReport | None) -> bytes | None:
    """What is to be looked at again: a picture, or the values that follow a thermal frame's report."""
    match record.head["kind"]:
        case "frame" if report is not None and report.eye == "colour" and record.jpeg:
            return record.jpeg
        case "values" if report is not None and (report.eye, report.seq) == (
            record.head["eye"],
            record.head["seq"],
        ):
            return record.jpeg
    return None


def _colour(model: Path | None) -> Finds:
    # Imported here: a thermal camera's flight has no use for it.
    from models.detector import Detector

    detector = Detector.load(model, threads=2)

    def find(jpeg: bytes) -> Sequence[Detection]:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise ValueError("it is no picture")
        return detector.detect(np.asarray(picture, np.uint8))

    return find


def _thermal(recording: Recording) -> Finds:
    """By the settings of then."""
    from edge.thermal.look import HotLooker
    from edge.thermal.source import kelvin_of
    from edge.thermal.stored import values_of

    try:
        section = ThermalSection.model_validate(recording.header["config"]["thermal"])
    except ValueError as error:
        raise RecordingError(f"its configuration is none of this version: {error}") from error
    looker = HotLooker(heat_settings(section))
    return lambda tiff: looker.look(kelvin_of(values_of(tiff), section.kelvin_per_count)).found


def _compare(judged: Judged, then: Sequence[Detection], now: Sequence[Detection]) -> None:
    judged.then += len(then)
    judged.now += len(now)
    left = list(now)
    for old in then:
        same = [one for one in left if one.label == old.label and old.iou(one) >= SAME_IOU]
        if same:
            best = max(same, key=old.iou)
            left.remove(best)
            judged.both += 1
            judged.score_off = max(judged.score_off, abs(best.score - old.score))
