"""Tables of figures for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from models.make.cli.show import console

if TYPE_CHECKING:
    from models.make.evaluate import Figures


def show_figures(result: Figures) -> None:
    """What ``emberwatch model evaluate`` says."""
    table = Table(title=f"{result.pictures} pictures at {result.input_px} px, threshold {result.threshold:g}")
    for heading in ("", "AP50", "AP50-95", "boxes found", "wrong", "small found", "pictures found", "wrong"):
        table.add_column(heading, justify="right" if heading else "left")
    for label, entry in result.labels.items():
        table.add_row(
            label,
            f"{entry.ap50:.3f}",
            f"{entry.ap50_95:.3f}",
            f"{entry.boxes_found} of {entry.boxes_labelled}",
            str(entry.boxes_wrong),
            f"{entry.small_found} of {entry.small_labelled}",
            f"{entry.pictures_flagged_rightly} of {entry.pictures_labelled}",
            str(entry.pictures_flagged - entry.pictures_flagged_rightly),
        )
    table.add_row("mean", f"{result.map50:.3f}", f"{result.map50_95:.3f}")
    console.print(table)
    if len(result.sources) > 1:
        console.print(_sources(result))
    console.print(
        f"pictures with something burning flagged: {result.burning_flagged} of {result.burning}; "
        f"with nothing burning, wrongly: {result.clear_flagged} of {result.clear}"
        + (f" ({result.clear_boxes / result.clear:.3f} boxes per picture)" if result.clear else "")
    )
    console.print(f"{result.median_ms:.1f} ms per picture (median), {result.megabytes:.1f} MB")


def _sources(result: Figures) -> Table:
    table = Table(title="by source")
    for heading in ("", "pictures", "mAP50", "burning, flagged", "nothing burning, flagged"):
        table.add_column(heading, justify="right" if heading else "left")
    for source, entry in result.sources.items():
        table.add_row(
            source,
            str(entry.pictures),
            f"{entry.map50:.3f}" if entry.burning else "–",
            f"{entry.burning_flagged} of {entry.burning}",
            f"{entry.clear_flagged} of {entry.clear}",
        )
    return table
