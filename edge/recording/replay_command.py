"""``emberwatch replay``: the alerts of a recorded flight made again, or its pictures judged anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from edge.config import load_agent_config
from edge.files import shown
from edge.recording.parts import recordings
from edge.recording.recorder import FOLDER
from edge.recording.replay import Outcome, frames, replay
from edge.recording.tape import Recording, RecordingError
from models.detection import Detection
from models.detector import Detector

SAME_IOU = 0.5
DIFFERENCES_SHOWN = 20


def list_recordings(data_dir: Path) -> None:
    """What there is to replay."""
    console = Console()
    counts = [Column(name, justify="right") for name in ("minutes", "frames", "alerts", "MB")]
    table = Table(Column("recording", overflow="fold"), "started", *counts, "whole")
    for folder in recordings(data_dir / FOLDER):
        try:
            one = Recording.open(folder)
        except RecordingError as error:
            table.add_row(shown(folder), error.message)
            continue
        held = one.contents()
        table.add_row(
            shown(folder),
            str(one.header["started_at"])[:19],
            f"{held.seconds / 60:.1f}",
            str(held.frames),
            str(held.alerts),
            f"{one.size_bytes / 1e6:.1f}",
            "yes" if one.whole else "no: its beginning had to make room",
        )
    if not table.row_count:
        raise RecordingError(
            f"there is no recording in {shown(data_dir / FOLDER)}",
            hint="An agent makes one of each of its runs, unless [agent.recorder] most_mb is 0.",
        )
    console.print(table)


def replay_alerts(folder: Path, *, out: Path | None) -> bool:
    """Whether all alerts came out as they were told."""
    console = Console()
    recording = Recording.open(folder)
    total = sum(1 for record in recording.records() if record.head["kind"] == "frame")
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("replaying", total=total)
        outcome = asyncio.run(replay(recording, lambda frames: progress.update(task, completed=frames)))
    if out is not None:
        alerts = [alert.model_dump(mode="json") for alert in outcome.now.values()]
        out.write_text("".join(json.dumps(alert) + "\n" for alert in alerts), encoding="utf-8")
    return _say(console, recording, outcome)


def _say(console: Console, recording: Recording, outcome: Outcome) -> bool:
    ids = {alert_id for alert_id, _ in outcome.then}
    console.print(
        f"{outcome.frames} frames, {len(ids)} alerts in {len(outcome.then)} revisions", highlight=False
    )
    if not recording.whole:
        console.print(
            "The recording's beginning is no more: what came of it cannot be the same.", style="yellow"
        )
    if outcome.missing:
        console.print(f"{outcome.missing} records never came onto the tape.", style="yellow")
    differences = outcome.differences
    for line in differences[:DIFFERENCES_SHOWN]:
        console.print(line, style="red", highlight=False)
    if len(differences) > DIFFERENCES_SHOWN:
        console.print(f"and {len(differences) - DIFFERENCES_SHOWN} more", style="red")
    if not differences:
        console.print("All alerts came out as they were told.", style="green")
    return not differences


@dataclass(slots=True)
class Judged:
    """What a detector finds on the recorded pictures, beside what was found then."""

    pictures: int = 0
    then: int = 0
    now: int = 0
    both: int = 0
    score_off: float = 0.0
    """The largest difference between the scores of the same box."""


def look_again(folder: Path, model: Path | None) -> Judged:
    """Runs a detector over the pictures that are on the tape: those on which something was found. They went
    through a JPEG since, so that scores differ a little."""
    console = Console()
    detector = Detector.load(model, threads=2)
    judged = Judged()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("looking again", total=None)
        for report in frames(Recording.open(folder)):
            progress.advance(task)
            if not report.jpeg or report.eye != "colour":
                continue
            picture = cv2.imdecode(np.frombuffer(report.jpeg, np.uint8), cv2.IMREAD_COLOR)
            if picture is None:
                continue
            judged.pictures += 1
            whole = [one for one in report.detections if one.magnification == 1.0]
            _compare(judged, whole, detector.detect(np.asarray(picture, np.uint8)))
    console.print(
        f"{judged.pictures} pictures: {judged.then} boxes then, {judged.now} now, {judged.both} the same; "
        f"scores of these differ by {judged.score_off:.4f} at most",
        highlight=False,
    )
    return judged


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


def replay_command(
    folder: Path | None, config: Path | None, *, out: Path | None, model: Path | None, infer: bool
) -> int:
    """The exit status."""
    if folder is None:
        if config is None:
            raise RecordingError(
                "which recording?", hint="Name its folder, or list what there is with -c agent.toml."
            )
        list_recordings(load_agent_config(config).data_dir)
        return 0
    if infer:
        look_again(folder, model)
        return 0
    return 0 if replay_alerts(folder, out=out) else 1
