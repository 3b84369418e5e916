"""``emberwatch replay``: the alerts of a recorded flight made again, or its pictures judged anew."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from edge.config.file import load_agent_config
from edge.files import shown
from edge.recording.look_again import look_again
from edge.recording.parts import recordings
from edge.recording.recorder import FOLDER
from edge.recording.replay import Outcome, replay
from edge.recording.tape import Recording, RecordingError

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
