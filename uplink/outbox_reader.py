"""Looking into an outbox from outside, while the agent runs: what waits, what was refused, one alert.

Reads only, but for ``send_again``. Nothing here starts a new file or sets one aside: that is the agent's.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from sqlite_utils import Database

from uplink import outbox_tables as tables
from uplink.errors import OutboxError
from uplink.messages import Alert
from uplink.sqlite import open_database, transaction


@dataclass(frozen=True, slots=True)
class KeptAlert:
    """An alert as the drone keeps it: in its latest revision, with the record of how it came about."""

    alert: Alert
    record: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that the station does not have yet; what came of the last of the attempts is the reason."""

    kind: Literal["alert", "media"]
    key: str
    revision: int
    size_bytes: int
    attempts: int
    last_reason: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something that the station refused for good. ``body`` is an alert's JSON.

    Of pictures the bytes are kept as long as there is room; without them nothing can be sent again.
    """

    number: int
    kind: Literal["alert", "media"]
    key: str
    revision: int
    reason: str
    refused_at: str
    attempts: int
    body: str | None
    is_whole: bool


_WAITING = f"""
select 'alert' as kind, id as key, revision, length(cast(body as blob)), attempts, last_reason, 0 as rank, seq
from alerts where {tables.ALERT_WAITS}
union all
select 'media', sha256, 0, size_bytes, attempts, last_reason, 1 + rank, seq from media where refused = 0
order by rank, seq"""  # noqa: S608 - no word of it comes from outside
_LETTERS = """
select seq as number, kind, key, revision, reason, refused_at, attempts, body,
kind = 'alert' or exists (select 1 from media where sha256 = key and refused = 1) as is_whole
from dead_letters order by seq"""


def waiting(path: Path) -> list[Waiting]:
    """What waits in the outbox at ``path``, in the order in which it is going to be sent."""
    with _reading(path) as db:
        rows = db.execute(_WAITING).fetchall()
    return [Waiting(*row[:6]) for row in rows]


def dead_letters(path: Path) -> list[DeadLetter]:
    """What the station refused, the oldest first; the last ``KEPT_DEAD_LETTERS`` of them."""
    with _reading(path) as db:
        rows = db.execute(_LETTERS).fetchall()
    return [DeadLetter(*(*row[:8], bool(row[8]))) for row in rows]


def send_again(path: Path, numbers: Collection[int] | None = None) -> list[tuple[DeadLetter, str]]:
    """Takes letters out of the dead letters and lets them wait again; all of them without ``numbers``.

    Gives each with the reason why it stays where it is, or "" where it goes. Raises ``OutboxError``.
    """
    letters = dead_letters(path)
    if numbers is not None:
        unknown = sorted(set(numbers) - {letter.number for letter in letters})
        if unknown:
            raise OutboxError(f"there is no dead letter {unknown[0]}", hint="emberwatch outbox list -c FILE")
        letters = [letter for letter in letters if letter.number in numbers]
    try:
        db = open_database(path)
        try:
            with transaction(db):
                return [(letter, _revive(db, letter)) for letter in letters]
        finally:
            db.conn.close()
    except sqlite3.Error as error:
        raise OutboxError(f"the outbox {path} cannot be written: {error}") from error


def kept_alert(path: Path, prefix: str) -> KeptAlert:
    """The one alert in the outbox at ``path`` whose id begins so.

    Raises ``OutboxError`` where there is no such file, no such alert, or more than one.
    """
    like = prefix.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    with _reading(path) as db:
        known = db.execute("select 1 from sqlite_master where name = 'records'").fetchone()
        record = "(select body from records where alert_id = alerts.id)" if known else "null"
        rows = db.execute(
            f"select id, body, {record} from alerts where id like ? escape '\\' order by id limit 3",  # noqa: S608
            [like],
        ).fetchall()
    if not rows:
        raise OutboxError(f"no alert in {path} begins with {prefix!r}")
    if len(rows) > 1:
        some = ", ".join(row[0] for row in rows[:2])
        raise OutboxError(f"more than one alert begins with {prefix!r}: {some}", hint="Give more of its id.")
    try:
        return KeptAlert(Alert.model_validate_json(rows[0][1]), rows[0][2])
    except ValidationError as error:
        raise OutboxError(f"alert {rows[0][0]} in {path} is of another version of Emberwatch") from error


def _revive(db: Database, letter: DeadLetter) -> str:
    """Why it cannot wait again; "" once it does."""
    if letter.kind == "media":
        if not letter.is_whole:
            return "its bytes made room for others"
        db.execute(
            "update media set refused = 0, attempts = 0, last_reason = '' where sha256 = ?", [letter.key]
        )
    elif reason := _revive_alert(db, letter):
        return reason
    db.execute("delete from dead_letters where kind = ? and key = ?", [letter.kind, letter.key])
    return ""


def _revive_alert(db: Database, letter: DeadLetter) -> str:
    for row in db.query("select revision, sent_revision from alerts where id = ?", [letter.key]):
        if row["sent_revision"] >= letter.revision:
            return "a newer revision of it is at the station"
        db.execute(
            "update alerts set refused_revision = 0, attempts = 0, last_reason = '' where id = ?",
            [letter.key],
        )
        return ""
    db.execute(
        "insert into alerts (id, revision, body) values (?, ?, ?)", [letter.key, letter.revision, letter.body]
    )
    return ""


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise OutboxError(
            f"there is no outbox {path}", hint="Name the agent's data_dir, or its configuration."
        )
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            yield db
    except sqlite3.Error as error:
        raise OutboxError(f"the outbox {path} cannot be read: {error}") from error
