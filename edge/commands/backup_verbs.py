"""``emberwatch station backup`` and ``restore``: copies of all that a station has."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from edge.commands.verb import StationFile, leave

if TYPE_CHECKING:
    from uplink.station.backup import Progress as OnProgress


def backup(
    config: StationFile,
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="a folder for it is made in here; best on another disk")
    ],
    keep: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="so many of the newest stay, this one included")
    ] = None,
) -> None:
    """Copy all that a station has, while it runs: database, pictures, keys; read back and compared.

    Pictures that an older backup in DIR has take no room a second time. Whoever can read a backup can read
    everything: passwords as hashes, and the key that orders are signed with.
    """
    from edge.config.file import load_station_config
    from uplink.station.backup import make_backup, prune

    data_dir = load_station_config(config).data_dir
    with _progress() as on_progress:
        made = make_backup(data_dir, to, now=datetime.now(UTC), on_progress=on_progress)
    _say(f"{made.folder}: {made.pictures} pictures, {made.bytes_copied / 1e6:.1f} MB written")
    for folder in prune(to, keep) if keep is not None else []:
        _say(f"removed: {folder}")
    if made.missing:
        _say(f"{len(made.missing)} pictures had no file any more, as {made.missing[0]}")
    if made.damaged:
        _say(f"{len(made.damaged)} pictures are damaged on the station's disk, as {made.damaged[0]}")
        leave(1)


def restore(
    config: StationFile,
    source: Annotated[Path, typer.Option("--from", metavar="DIR", help="the backup, with its manifest.json")],
) -> None:
    """Put a backup in the place of what a stopped station has; that is set aside, never written over."""
    from edge.config.file import load_station_config
    from uplink.station.restore import restore as restore_backup

    data_dir = load_station_config(config).data_dir
    with _progress() as on_progress:
        restored = restore_backup(
            source, data_dir, who=f"shell {getpass.getuser()}", now=datetime.now(UTC), on_progress=on_progress
        )
    _say(f"restored into {data_dir}: {restored.pictures} pictures")
    if restored.set_aside is not None:
        _say(f"what was there before: {restored.set_aside}")


@contextmanager
def _progress() -> Iterator[OnProgress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        known = {}

        def on_progress(what: str, done: int, of: int) -> None:
            if what not in known:
                known[what] = bars.add_task(what)
            bars.update(known[what], completed=done, total=of)

        yield on_progress


def _say(line: str) -> None:
    Console().print(line, highlight=False, markup=False, soft_wrap=True)
