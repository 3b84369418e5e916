"""What verbs have in common: the file that they are told, and how they run to their end. Signals let every
``finally`` do its work."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from flight.errors import EmberwatchError

INTERRUPTED_EXIT_CODE = 130
AgentFile = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="the agent's TOML file")]
StationFile = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="the station's TOML file")]
T = TypeVar("T")


def leave(code: int) -> None:
    """End with this exit code; 0 goes on to the end by itself."""
    if code:
        raise typer.Exit(code)


def finish(work: Coroutine[Any, Any, int]) -> None:
    """Run something that ends by itself with an exit code."""
    code = run(work)
    leave(INTERRUPTED_EXIT_CODE if code is None else code)


def run(work: Coroutine[Any, Any, T]) -> T | None:
    """Run to the end, or to SIGINT or SIGTERM, which both let every ``finally`` do its work: then None."""

    async def until_signalled() -> T | None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            logging.getLogger("emberwatch").info("stopped")
            return None

    try:
        return asyncio.run(until_signalled())
    except BaseExceptionGroup as group:
        # A task group wraps the one thing that went wrong; a person wants to read just that.
        known = group.subgroup(EmberwatchError)
        if known is None:
            raise
        raise _first(known) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
