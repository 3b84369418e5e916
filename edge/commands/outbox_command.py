"""The tables that ``emberwatch outbox`` prints, and what it takes out of the dead letters."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from uplink.outbox_reader import DeadLetter, Waiting, dead_letters, send_again, waiting

STAYED_EXIT_CODE = 1


def list_outbox(path: Path, *, as_json: bool = False, console: Console | None = None) -> None:
    """What waits and what was refused. Raises EmberwatchError where there is no outbox."""
    console = console or Console()
    waits, letters = waiting(path), dead_letters(path)
    if as_json:
        things = [{"state": "waits", **asdict(one)} for one in waits]
        things += [{"state": "refused", **asdict(one)} for one in letters]
        for thing in things:
            print(json.dumps(thing, ensure_ascii=False))  # noqa: T201
        return
    alerts = sum(one.kind == "alert" for one in waits)
    console.print(f"{alerts} alerts and {len(waits) - alerts} pictures wait for the station")
    if waits:
        console.print(_waiting_table(waits))
    console.print(f"{len(letters)} dead letters: the station refused them for good")
    if letters:
        console.print(_letters_table(letters))


def retry_letters(path: Path, numbers: Collection[int] | None, *, console: Console | None = None) -> int:
    """Lets them wait again; all of them without numbers. Returns 0 where every one does, else 1."""
    console = console or Console()
    stayed = 0
    for letter, why in send_again(path, numbers):
        stayed += bool(why)
        fate = f"stays: {why}" if why else "will be sent again"
        console.print(f"{letter.number}: {letter.kind} {letter.key} {fate}", highlight=False, soft_wrap=True)
    return STAYED_EXIT_CODE if stayed else 0


def _waiting_table(waits: list[Waiting]) -> Table:
    table = Table("what", "id or SHA-256", "revision", "kB", "attempts", "why it is not there yet")
    for one in waits:
        table.add_row(
            _kind(one),
            one.key,
            str(one.revision or ""),
            f"{one.size_bytes / 1024:.0f}",
            str(one.attempts),
            escape(one.last_reason),
        )
    return table


def _letters_table(letters: list[DeadLetter]) -> Table:
    table = Table("number", "what", "id or SHA-256", "revision", "refused at", "why")
    for one in letters:
        note = "" if one.is_whole else " (its bytes are gone)"
        table.add_row(
            str(one.number),
            _kind(one),
            one.key,
            str(one.revision or ""),
            one.refused_at,
            escape(one.reason) + note,
        )
    return table


def _kind(one: Waiting | DeadLetter) -> str:
    return "picture" if one.kind == "media" else one.kind
