"""`python -m tests.benchmarks.patrols`: rendered patrols with the shipped detector, judged fire by fire.

A hundred patrols with fires of 0.5 to 3 m and a hundred with look-alikes alone, over country and look-alikes
that were never trained on. The report is written to ``runs/patrols.md``. ``--uhd`` flies a
4K camera, ``--patrols N`` fewer; ``--first-seed`` flies others, which is how to look at failures without
tuning to those that are judged with.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from tests.benchmarks.patrol_flight import Job, fly
from tests.benchmarks.patrol_judge import Flown
from tests.benchmarks.patrol_pictures import draw_failures
from tests.benchmarks.patrol_report import Manner, Outcome, report, row
from tests.benchmarks.table import Row

REPORT_FILE, UHD_REPORT_FILE = Path("runs/patrols.md"), Path("runs/patrols-4k.md")
MEMORY = Path("runs/patrols")
# The demo's seeds are below 1,000, those to train on start at 10,000.
FIRST_SEED, WITHOUT_FIRE = 5000, 500
PATROLS, UHD_PATROLS, PROCESSES = 100, 20, 2  # a 4K frame has nine times the pixels to render
HD, UHD = (1280, 720), (3840, 2160)

J = TypeVar("J")


def rows() -> list[Row]:
    """Both cameras' patrols, as the table of all benchmarks has them."""
    found = []
    for patrols, size_px, file in ((PATROLS, HD, REPORT_FILE), (UHD_PATROLS, UHD, UHD_REPORT_FILE)):
        outcome = measure(patrols, size_px)
        file.parent.mkdir(exist_ok=True)
        file.write_text(report(outcome, manner_of(size_px)), encoding="utf-8")
        found.append(row(outcome, manner_of(size_px)))
    return found


def measure(
    patrols: int,
    size_px: tuple[int, int],
    *,
    first_seed: int = FIRST_SEED,
    processes: int = PROCESSES,
    console: Console | None = None,
) -> Outcome:
    """Fly so many patrols with fires and so many without."""
    jobs = jobs_of(patrols, size_px, first_seed, processes)
    return fly_all(fly, jobs, processes, console)


def fly_all(
    fly_one: Callable[[J], Flown], jobs: Sequence[J], processes: int, console: Console | None
) -> Outcome:
    """All jobs, so many at a time."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        flown = track(
            pool.map(fly_one, jobs),
            "flying patrols",
            len(jobs),
            console=console,
            transient=True,
            disable=not console,
        )
        return Outcome(tuple(flown))


def manner_of(size_px: tuple[int, int]) -> Manner:
    """How these patrols are looked at, in words."""
    return Manner(
        size_px,
        "Rendered patrols with the shipped detector",
        "with the shipped detector, country and look-alikes never trained on",
        shown="a box that a labeller would draw",
        strange=True,
    )


def jobs_of(patrols: int, size_px: tuple[int, int], first_seed: int, processes: int) -> list[Job]:
    """With and without fires by turns, so that a few of them are a fair sample."""
    threads = max(1, (os.cpu_count() or 1) // processes)
    return [
        Job(first_seed + number + (0 if burning else WITHOUT_FIRE), burning, *size_px, threads, MEMORY)
        for number in range(patrols)
        for burning in (True, False)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.patrols", description=__doc__)
    parser.add_argument(
        "--patrols", type=int, default=PATROLS, help="so many with fires, and as many without"
    )
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="of the first patrol with fires")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--uhd", action="store_true", help="with a 4K camera instead of 1280×720")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of what went wrong")
    parser.add_argument("--out", type=Path, help="the report; by default under runs/")
    asked = parser.parse_args()
    size_px = UHD if asked.uhd else HD
    console = Console()
    outcome = measure(
        asked.patrols, size_px, first_seed=asked.first_seed, processes=asked.processes, console=console
    )
    text = report(outcome, manner_of(size_px))
    out: Path = asked.out or (UHD_REPORT_FILE if asked.uhd else REPORT_FILE)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    console.print(text, highlight=False, markup=False)
    if asked.pictures:
        jobs = {job.seed: job for job in jobs_of(asked.patrols, size_px, asked.first_seed, asked.processes)}
        draw_failures([(jobs[one.seed], one) for one in outcome.flown], asked.pictures)
    console.print(f"written to {out}", highlight=False)


if __name__ == "__main__":
    main()
