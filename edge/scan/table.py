"""What a scan prints: a table of counts, the files it skipped, and where the results are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.files import shown
from edge.scan.counts import Agreement, Counts, PlaceCounts
from edge.scan.placing import Placed
from edge.scan.results import FileResult
from edge.scan.things import Thing

_LISTED = 10


def print_counts(console: Console, counts: Counts) -> None:
    """The table of counts; with labels at hand it has columns for how they agree."""
    labelled = counts.labelled_photos > 0
    table = Table(title=f"Seen in {counts.scanned} of {counts.files} files")
    table.add_column("files with")
    table.add_column("seen", justify="right")
    if labelled:
        table.add_column("labelled", justify="right")
        table.add_column("labelled and seen", justify="right")
        table.add_column("wrongly flagged", justify="right")
        table.caption = (
            f"{counts.labelled_photos} photos have labels; the last three columns count only those."
        )
    either = counts.with_fire + counts.with_smoke - counts.with_both
    for name, seen, agreement in (
        ("fire", counts.with_fire, counts.fire),
        ("smoke", counts.with_smoke, counts.smoke),
        ("fire or smoke", either, counts.fire_or_smoke),
    ):
        table.add_row(name, str(seen), *_agreement(agreement))
    table.add_row("both", str(counts.with_both), *([str(counts.labelled_both)] if labelled else []))
    table.add_row("nothing", str(counts.with_nothing), *([str(counts.labelled_nothing)] if labelled else []))
    table.add_row("skipped", str(counts.skipped))
    console.print(table)


def _agreement(agreement: Agreement | None) -> list[str]:
    if agreement is None:
        return []
    return [
        str(agreement.labelled),
        _share(agreement.found, agreement.labelled, agreement.recall),
        _share(agreement.wrongly_flagged, agreement.others, agreement.wrong_rate),
    ]


def _share(part: int, whole: int, rate: float | None) -> str:
    return "–" if rate is None else f"{part} of {whole} ({rate:.1%})"


def print_skipped(console: Console, files: list[FileResult], folders: list[str]) -> None:
    """One line for each file and folder that could not be read, up to a screenful."""
    lines = [f"{shown(file.facts.media.path)}: {file.facts.skipped}" for file in files if not file.scanned]
    lines += folders
    for line in lines[:_LISTED]:
        console.print(Text(f"skipped {line}", style="yellow"), soft_wrap=True)
    if len(lines) > _LISTED:
        rest = f"skipped {len(lines) - _LISTED} more; all are in the results"
        console.print(Text(rest, style="yellow"), soft_wrap=True)


def print_notes(console: Console, files: list[FileResult]) -> None:
    """One line for each thing that was wrong with a file that was scanned all the same, up to a screenful."""
    lines = [f"{shown(file.facts.media.path)}: {note}" for file in files for note in file.facts.notes]
    for line in lines[:_LISTED]:
        console.print(Text(f"note {line}", style="yellow"), soft_wrap=True)
    if len(lines) > _LISTED:
        console.print(Text(f"{len(lines) - _LISTED} more notes are in the results", style="yellow"))


def print_place_counts(console: Console, counts: PlaceCounts, things: Sequence[Thing]) -> None:
    """How many detections could be placed on the ground, and how."""
    if not counts.all:
        return
    placed = counts.dem + counts.flat
    table = Table(title=f"Placed {placed} of {counts.all} detections on the ground")
    table.add_column("place")
    table.add_column("detections", justify="right")
    table.add_row("on the terrain model", str(counts.dem))
    table.add_row("on flat ground", str(counts.flat))
    table.add_row("only a bearing", str(counts.bearing_only))
    table.add_row("not known", str(counts.none))
    if things:
        table.caption = f"{len(things)} things were placed by several views of one flight together."
    console.print(table)


def print_unplaced(console: Console, places: Sequence[tuple[FileResult, Placed]]) -> None:
    """One line for each reason why things are not placed, with a file that it is true of."""
    whys: dict[tuple[str, str], dict[str, None]] = {}
    for file, place in places:
        if place.why:
            kind = "only a bearing" if place.method == "bearing-only" else "not placed"
            whys.setdefault((kind, place.why), {})[shown(file.facts.media.path)] = None
    for (kind, why), paths in list(whys.items())[:_LISTED]:
        first, more = next(iter(paths)), len(paths) - 1
        where = f"{first} and {more} more" if more else first
        console.print(Text(f"{kind}: {where}: {why}", style="yellow"), soft_wrap=True)
    if len(whys) > _LISTED:
        rest = f"{len(whys) - _LISTED} more reasons are in the results"
        console.print(Text(rest, style="yellow"), soft_wrap=True)


def print_places(console: Console, written: list[Path], pictures: int, images: Path) -> None:
    """Where the results are."""
    for path in written:
        console.print(Text(f"wrote {shown(path)}"), soft_wrap=True)
    if pictures:
        console.print(Text(f"wrote {pictures} annotated pictures under {shown(images)}"), soft_wrap=True)
