"""`python -m tests.benchmarks.night_patrols`: rendered patrols by night with a thermal camera.

A hundred patrols with fires of 0.5 to 3 m and a hundred with what is warm and no fire: vehicles that were
just driven, people, animals, heated roofs, rocks and roads that hold the day's sun. The report is written to
``runs/night-patrols.md``. ``--core`` takes another camera, ``--patrols N`` flies fewer; ``--first-seed``
flies others, which is how to look at failures without tuning to those that are judged with.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from hardware.virtual.thermal.sensor import CORES
from tests.benchmarks.night_flight import LEAST_VISIBLE, NightJob, fly
from tests.benchmarks.patrol_report import Manner, Outcome, report, row
from tests.benchmarks.patrols import fly_all
from tests.benchmarks.table import Row

REPORT_FILE, MEMORY = Path("runs/night-patrols.md"), Path("runs/night-patrols")
# Those that the probability was fitted on start at 8,000.
FIRST_SEED, WITHOUT_FIRE = 7000, 500
PATROLS, PROCESSES = 100, 2
CORE = "lepton_3_5"


def rows() -> list[Row]:
    """As the table of all benchmarks has them."""
    outcome = measure(PATROLS)
    REPORT_FILE.parent.mkdir(exist_ok=True)
    REPORT_FILE.write_text(report(outcome, manner_of(CORE)), encoding="utf-8")
    return [row(outcome, manner_of(CORE))]


def measure(
    patrols: int,
    core: str = CORE,
    *,
    first_seed: int = FIRST_SEED,
    processes: int = PROCESSES,
    console: Console | None = None,
) -> Outcome:
    """Fly so many patrols with fires and so many without."""
    jobs = [
        NightJob(first_seed + number + (0 if burning else WITHOUT_FIRE), burning, core, MEMORY)
        for number in range(patrols)
        for burning in (True, False)
    ]
    return fly_all(fly, jobs, processes, console)


def manner_of(core: str) -> Manner:
    """How these patrols are looked at, in words."""
    size_px = CORES[core].width_px, CORES[core].height_px
    return Manner(
        size_px,
        f"Rendered patrols by night with a thermal camera ({core})",
        f"by night with a thermal camera ({core})",
        shown=f"{LEAST_VISIBLE:.0%} of it, not hidden",
        strange=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.night_patrols", description=__doc__)
    parser.add_argument(
        "--patrols", type=int, default=PATROLS, help="so many with fires, and as many without"
    )
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="of the first patrol with fires")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--core", choices=sorted(CORES), default=CORE, help="the thermal camera")
    parser.add_argument("--out", type=Path, default=REPORT_FILE, help="the report")
    asked = parser.parse_args()
    console = Console()
    outcome = measure(
        asked.patrols, asked.core, first_seed=asked.first_seed, processes=asked.processes, console=console
    )
    text = report(outcome, manner_of(asked.core))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(text, encoding="utf-8")
    console.print(text, highlight=False, markup=False)
    console.print(f"written to {asked.out}", highlight=False)


if __name__ == "__main__":
    main()
