"""`python -m tests.benchmarks`: runs every benchmark, prints the table and writes it to runs/bench.md.

`python -m tests.benchmarks agent page` runs these alone, and writes nothing.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.benchmarks.table import markdown

TABLE_FILE = Path("runs/bench.md")


BENCHMARKS = (
    "agent",
    "alert_chain",
    "detector",
    "fan_out",
    "footprint",
    "geolocation",
    "identity",
    "ingest",
    "live_view",
    "night_patrols",
    "page",
    "patrols",
    "tiling",
    "world",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "only", nargs="*", metavar="BENCHMARK", help=f"of {', '.join(BENCHMARKS)}; all if left out"
    )
    only: list[str] = parser.parse_args().only
    if unknown := set(only) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    console = Console()
    rows = [
        row
        for name in track(only or BENCHMARKS, "measuring", console=console, transient=True)
        for row in import_module(f"tests.benchmarks.{name}").rows()
    ]
    table = Table("what", "measured", "bar", title="Emberwatch benchmarks", title_justify="left")
    for row in rows:
        table.add_row(row.what, row.figure, row.bar)
    console.print(table)
    if only:
        return
    TABLE_FILE.parent.mkdir(exist_ok=True)
    TABLE_FILE.write_text(markdown(rows), encoding="utf-8")
    console.print(f"written to {TABLE_FILE}", highlight=False)


if __name__ == "__main__":
    main()
