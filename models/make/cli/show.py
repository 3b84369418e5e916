"""What every verb shows: one console, progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

console = Console()

RUNS = Path("runs")


def progress_bar() -> Progress:
    """A bar with what is being done, how much of it, and how long it still takes."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar driven by ``(done, total)``."""
    with progress_bar() as progress:
        task = progress.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield advance


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """One progress bar for each step of a job, driven by ``(step, done, total)``."""
    with progress_bar() as progress:
        tasks = {}

        def advance(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step, total=total)
            progress.update(tasks[step], completed=done, total=total)

        yield advance
