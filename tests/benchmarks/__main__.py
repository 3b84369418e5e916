"""`python -m tests.benchmarks`: runs every benchmark, prints the table and writes it to runs/bench.md."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.benchmarks import (
    agent,
    alert_chain,
    detector,
    fan_out,
    footprint,
    geolocation,
    identity,
    ingest,
    live_view,
    night_patrols,
    page,
    patrols,
    tiling,
    world,
)
from tests.benchmarks.table import markdown

TABLE_FILE = Path("runs/bench.md")


def main() -> None:
    console = Console()
    rows = [
        row
        for module in track(
            (
                agent,
                alert_chain,
                detector,
                fan_out,
                footprint,
                geolocation,
                identity,
                ingest,
                live_view,
                night_patrols,
                page,
                patrols,
                tiling,
                world,
            ),
            "measuring",
            console=console,
            transient=True,
        )
        for row in module.rows()
    ]
    table = Table("what", "measured", "bar", title="Emberwatch benchmarks", title_justify="left")
    for row in rows:
        table.add_row(row.what, row.figure, row.bar)
    console.print(table)
    TABLE_FILE.parent.mkdir(exist_ok=True)
    TABLE_FILE.write_text(markdown(rows), encoding="utf-8")
    console.print(f"written to {TABLE_FILE}", highlight=False)


if __name__ == "__main__":
    main()
