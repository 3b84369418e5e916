"""The drone's durable queue: what it has to tell the station survives crashes, reboots and outages.

Invariants:

- When ``put_alert`` returns, alert and media are on the disk (WAL, ``synchronous=FULL``).
- One row per alert. A higher revision replaces a lower one; a lower or equal one changes nothing, in
  any order of arrival, also after the higher one was sent.
- The record of how an alert came about stays on the drone, beside the alert, as long as the alert is kept.
- An alert is handed out before any of its media. Media wait until some revision of their alert was
  answered.
- An alert that waits is never dropped. Media are: the oldest first, when they exceed their budget or
  the disk is full, and the log says so.
- What the station refuses goes to the dead letters with the reason, and blocks nothing behind it.
- A corrupt file is renamed aside, a new one is started, and the log says so as an error.

Every method is synchronous, short and safe to call from any thread (one lock, one connection).
From asyncio call the ones that touch the disk through ``asyncio.to_thread``; ``waiting``, ``refused``,
``patrol`` and ``subscribe`` touch memory only and are fine on the event loop.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import sqlite3
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import ValidationError
from sqlite_utils import Database

from uplink.durable_file import DurableFile
from uplink.errors import OutboxError, OutboxFullError
from uplink.messages import Alert, PatrolRoute

log = logging.getLogger(__name__)

T = TypeVar("T")

MEDIA_BUDGET_BYTES = 512 * 1024 * 1024
KEPT_SENT_ALERTS = 1000  # remembered so that a late lower revision is not sent again
KEPT_DEAD_LETTERS = 10_000

_SCHEMA = """
create table if not exists alerts (
    seq integer primary key autoincrement, id text not null unique, revision integer not null,
    body text not null, sent_revision integer not null default 0, refused_revision integer not null default 0
);
create table if not exists media (
    seq integer primary key autoincrement, sha256 text not null unique, alert_id text not null,
    size_bytes integer not null, data blob not null
);
create index if not exists media_by_alert on media (alert_id);
create table if not exists records (alert_id text primary key, body text not null);
create table if not exists patrol (slot integer primary key, body text not null);
create table if not exists dead_letters (
    seq integer primary key autoincrement, kind text not null, key text not null,
    revision integer not null, reason text not null, refused_at text not null, body text
)
"""

_CHECKED = ("alerts", "records", "patrol", "dead_letters")
_ALERT_WAITS = "revision > max(sent_revision, refused_revision)"


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One thing to deliver. ``key`` is an alert's id or a medium's SHA-256."""

    kind: Literal["alert", "media"]
    key: str
    revision: int
    body: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something that the station refused for good. ``body`` is an alert's JSON; media bytes are not kept."""

    kind: Literal["alert", "media"]
    key: str
    revision: int
    reason: str
    refused_at: str
    body: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """How many things the station ever refused for good, and why it refused the latest."""

    count: int = 0
    latest_reason: str = ""


@dataclass(frozen=True, slots=True)
class KeptAlert:
    """An alert as the drone keeps it: in its latest revision, with the record of how it came about."""

    alert: Alert
    record: str | None


class Outbox:
    """See the module's text for what holds. ``path`` is the database file; its folder is made if missing."""

    def __init__(self, path: Path, *, media_budget_bytes: int = MEDIA_BUDGET_BYTES) -> None:
        self.media_dropped = 0
        self._media_budget_bytes = media_budget_bytes
        self._listeners: list[Callable[[], None]] = []
        self._waiting = 0
        # Not the media: reading half a gigabyte of pictures would delay every start.
        self._file = DurableFile(path, schema=_SCHEMA, checked=_CHECKED)
        self._patrol = self._run(_patrol)
        self._refused = self._run(_refused)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; everything that was put is on the disk already."""
        self._file.close()

    # --- what the agent puts in -------------------------------------------------------------------

    def put_alert(
        self, alert: Alert, media: Mapping[str, bytes] | None = None, record: str | None = None
    ) -> bool:
        """Keeps an alert and its media (by SHA-256, hex) until the station has them.

        ``record`` is never sent: what the drone knows of where the alert comes from (``kept_alert``).
        Returns False, and keeps nothing, if this or a higher revision of the alert is known already.
        Raises ``OutboxError`` when media do not match their hash, ``OutboxFullError`` when there is no room.
        """
        media = media or {}
        for sha256, data in media.items():
            if hashlib.sha256(data).hexdigest() != sha256:
                raise OutboxError(f"media of alert {alert.id} do not match their hash {sha256}")
        try:
            is_new = self._run(lambda db: self._insert(db, alert, media, record))
        except OutboxFullError:
            is_new = self._put_on_full_disk(alert)
        if is_new:
            self._notify()
        return is_new

    def put_patrol(self, patrol: PatrolRoute) -> None:
        """Keeps the plan now flown; the latest replaces the one before."""
        self._run(
            lambda db: db.execute(
                "insert or replace into patrol (slot, body) values (1, ?)", [patrol.model_dump_json()]
            )
        )
        self._patrol = patrol
        self._notify()

    # --- what the agent asks ----------------------------------------------------------------------

    def waiting(self) -> int:
        """Alerts not yet at the station (memory only)."""
        return self._waiting

    def refused(self) -> Refused:
        """What went to the dead letters, also before a restart (memory only)."""
        return self._refused

    def patrol(self) -> PatrolRoute | None:
        """The latest patrol put, also after a restart (memory only)."""
        return self._patrol

    def told(self, most: int) -> dict[str, str]:
        """The alerts put last, sent or not, as JSON by their id, the oldest first: for after a restart."""
        sql = "select id, body from alerts order by seq desc limit ?"
        rows = self._run(lambda db: list(db.query(sql, [most])))
        return {row["id"]: row["body"] for row in reversed(rows)}

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back, in the thread of the putter, after something new was put. Returns the way out."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def dead_letters(self) -> list[DeadLetter]:
        """What the station refused, the oldest first; the last ``KEPT_DEAD_LETTERS`` of them."""
        columns = "kind, key, revision, reason, refused_at, body"
        rows = self._run(lambda db: list(db.query(f"select {columns} from dead_letters order by seq")))  # noqa: S608
        return [DeadLetter(**row) for row in rows]

    # --- what the client does ---------------------------------------------------------------------

    def next_item(self, postponed: Collection[str] = ()) -> OutboxItem | None:
        """The next thing to deliver: the oldest alert, else the oldest medium that may go.

        ``postponed`` are keys that are not to be handed out now.
        """
        skip = json.dumps(sorted(postponed))
        row = self._run(lambda db: _next_alert(db, skip) or _next_media(db, skip))
        return None if row is None else OutboxItem(**row)

    def mark_sent(self, item: OutboxItem) -> None:
        """The station has it. A newer revision that was put meanwhile goes on waiting."""

        def work(db: Database) -> None:
            if item.kind == "media":
                db.execute("delete from media where sha256 = ?", [item.key])
                return
            db.execute(
                "update alerts set sent_revision = max(sent_revision, ?) where id = ?",
                [item.revision, item.key],
            )
            db.execute(
                f"delete from alerts where not {_ALERT_WAITS} and id not in (select alert_id from media) "  # noqa: S608
                f"and seq <= (select max(seq) from alerts) - {KEPT_SENT_ALERTS}"
            )
            db.execute("delete from records where alert_id not in (select id from alerts)")

        self._run(work)

    def mark_refused(self, item: OutboxItem, reason: str) -> None:
        """The station will never take it: it moves to the dead letters."""

        def work(db: Database) -> Refused:
            body = item.body.decode() if item.kind == "alert" else None
            db.execute(
                "insert into dead_letters (kind, key, revision, reason, refused_at, body) "
                "values (?, ?, ?, ?, ?, ?)",
                [item.kind, item.key, item.revision, reason, datetime.now(UTC).isoformat(), body],
            )
            db.execute(
                f"delete from dead_letters where seq <= "  # noqa: S608
                f"(select max(seq) from dead_letters) - {KEPT_DEAD_LETTERS}"
            )
            if item.kind == "media":
                db.execute("delete from media where sha256 = ?", [item.key])
            else:
                db.execute(
                    "update alerts set refused_revision = max(refused_revision, ?) where id = ?",
                    [item.revision, item.key],
                )
            return _refused(db)

        self._refused = self._run(work)

    # --- inside -----------------------------------------------------------------------------------

    def _run(self, work: Callable[[Database], T]) -> T:
        def counted(db: Database) -> T:
            result = work(db)
            self._waiting = _count(db, f"select count(*) as n from alerts where {_ALERT_WAITS}")  # noqa: S608
            return result

        return self._file.run(counted)

    def _insert(self, db: Database, alert: Alert, media: Mapping[str, bytes], record: str | None) -> bool:
        if not _upsert_alert(db, alert):
            return False
        if record is not None:
            db.execute(
                "insert or replace into records (alert_id, body) values (?, ?)", [str(alert.id), record]
            )
        for sha256, data in media.items():
            db.execute(
                "insert or ignore into media (sha256, alert_id, size_bytes, data) values (?, ?, ?, ?)",
                [sha256, str(alert.id), len(data), data],
            )
        self._drop_media_over_budget(db)
        return True

    def _drop_media_over_budget(self, db: Database) -> None:
        dropped = 0
        used = _count(db, "select coalesce(sum(size_bytes), 0) as n from media")
        for row in list(db.query("select seq, size_bytes from media order by seq")):
            if used <= self._media_budget_bytes:
                break
            db.execute("delete from media where seq = ?", [row["seq"]])
            used -= row["size_bytes"]
            dropped += 1
        if dropped:
            self._say_dropped(dropped, f"over the budget of {self._media_budget_bytes} bytes")

    def _put_on_full_disk(self, alert: Alert) -> bool:
        """Alerts come before pictures: makes room with the oldest media, and keeps the bare alert."""
        while True:
            try:
                return self._run(lambda db: _upsert_alert(db, alert))
            except OutboxFullError:
                if self._run(self._drop_older_half_of_media) == 0:
                    raise

    def _drop_older_half_of_media(self, db: Database) -> int:
        count = _count(db, "select count(*) as n from media")
        if count:
            half = (count + 1) // 2
            db.execute("delete from media where seq in (select seq from media order by seq limit ?)", [half])
            self._say_dropped(half, "the disk is full")
        return count

    def _say_dropped(self, count: int, why: str) -> None:
        self.media_dropped += count
        log.warning("outbox dropped the %d oldest pictures: %s; no alert was dropped", count, why)

    def _notify(self) -> None:
        for callback in list(self._listeners):
            callback()


def kept_alert(path: Path, prefix: str) -> KeptAlert:
    """The one alert in the outbox at ``path`` whose id begins so. Reads only: the agent may be running.

    Raises ``OutboxError`` where there is no such file, no such alert, or more than one.
    """
    if not path.is_file():
        raise OutboxError(
            f"there is no outbox {path}", hint="Name the agent's data_dir, or its configuration."
        )
    like = prefix.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            known = db.execute("select 1 from sqlite_master where name = 'records'").fetchone()
            record = "(select body from records where alert_id = alerts.id)" if known else "null"
            rows = db.execute(
                f"select id, body, {record} from alerts where id like ? escape '\\' order by id limit 3",  # noqa: S608
                [like],
            ).fetchall()
    except sqlite3.Error as error:
        raise OutboxError(f"the outbox {path} cannot be read: {error}") from error
    if not rows:
        raise OutboxError(f"no alert in {path} begins with {prefix!r}")
    if len(rows) > 1:
        some = ", ".join(row[0] for row in rows[:2])
        raise OutboxError(f"more than one alert begins with {prefix!r}: {some}", hint="Give more of its id.")
    try:
        return KeptAlert(Alert.model_validate_json(rows[0][1]), rows[0][2])
    except ValidationError as error:
        raise OutboxError(f"alert {rows[0][0]} in {path} is of another version of Emberwatch") from error


def _upsert_alert(db: Database, alert: Alert) -> bool:
    cursor = db.execute(
        "insert into alerts (id, revision, body) values (?, ?, ?) on conflict (id) do update "
        "set revision = excluded.revision, body = excluded.body where excluded.revision > alerts.revision",
        [str(alert.id), alert.revision, alert.model_dump_json()],
    )
    return bool(cursor.rowcount == 1)


def _patrol(db: Database) -> PatrolRoute | None:
    for row in db.query("select body from patrol"):
        try:
            return PatrolRoute.model_validate_json(row["body"])
        except ValidationError:
            log.warning("the patrol kept in the outbox is of another version and is forgotten")
    return None


def _refused(db: Database) -> Refused:
    for row in db.query("select seq, reason from dead_letters order by seq desc limit 1"):
        return Refused(row["seq"], row["reason"])
    return Refused()


def _next_alert(db: Database, skip: str) -> dict[str, Any] | None:
    rows = db.query(
        f"select id, revision, body from alerts where {_ALERT_WAITS} "  # noqa: S608
        "and id not in (select value from json_each(?)) order by seq limit 1",
        [skip],
    )
    for row in rows:
        return {"kind": "alert", "key": row["id"], "revision": row["revision"], "body": row["body"].encode()}
    return None


def _next_media(db: Database, skip: str) -> dict[str, Any] | None:
    rows = db.query(
        "select sha256, data from media left join alerts on alerts.id = media.alert_id "
        "where (alerts.id is null or sent_revision > 0 or refused_revision > 0) "
        "and sha256 not in (select value from json_each(?)) order by media.seq limit 1",
        [skip],
    )
    for row in rows:
        return {"kind": "media", "key": row["sha256"], "revision": 0, "body": row["data"]}
    return None


def _count(db: Database, sql: str) -> int:
    return int(next(iter(db.query(sql)))["n"])
