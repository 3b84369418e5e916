"""The tables of the outbox, and the SQL that decides what goes out, in which order, and what makes room."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from sqlite_utils import Database

from uplink.messages import Alert, AlertState, EvidenceKind

KEPT_SENT_ALERTS = 1000  # remembered so that a late lower revision is not sent again
KEPT_DEAD_LETTERS = 10_000
ANY_SIZE = 2**62

CHECKED = ("alerts", "records", "patrol", "dead_letters")
"""Not the media: reading half a gigabyte of pictures would delay every start."""

ALERT_WAITS = "revision > max(sent_revision, refused_revision)"
ALERT_IS_SETTLED = "revision <= max(sent_revision, refused_revision)"

_TABLES = (
    """
create table if not exists alerts (
    seq integer primary key autoincrement, id text not null unique, revision integer not null,
    body text not null, sent_revision integer not null default 0, refused_revision integer not null default 0
)""",
    """
create table if not exists media (
    seq integer primary key autoincrement, sha256 text not null unique, alert_id text not null,
    size_bytes integer not null, data blob not null
)""",
    "create table if not exists records (alert_id text primary key, body text not null)",
    "create table if not exists patrol (slot integer primary key, body text not null)",
    """
create table if not exists dead_letters (
    seq integer primary key autoincrement, kind text not null, key text not null,
    revision integer not null, reason text not null, refused_at text not null, body text
)""",
)
# Came later: outboxes of before are flying.
_COLUMNS = (
    ("alerts", "attempts", "integer not null default 0"),
    ("alerts", "last_reason", "text not null default ''"),
    ("media", "rank", "integer not null default 1"),
    ("media", "refused", "integer not null default 0"),
    ("media", "attempts", "integer not null default 0"),
    ("media", "last_reason", "text not null default ''"),
    ("dead_letters", "attempts", "integer not null default 1"),
)
_INDEXES = (
    "create index if not exists media_by_alert on media (alert_id)",
    "create index if not exists media_by_rank on media (refused, rank, seq, size_bytes)",
    "create index if not exists dead_letters_by_key on dead_letters (kind, key)",
    # With ten thousand alerts waiting, none of them may be read to count or to find the next.
    f"create index if not exists alerts_waiting on alerts (seq) where {ALERT_WAITS}",
    f"create index if not exists alerts_settled on alerts (seq) where {ALERT_IS_SETTLED}",
)


class MediaRank(IntEnum):
    """What goes first, and makes room last. ``FURTHER``: what the alert as it is now no longer shows."""

    GROUND_VIEW = 0
    DETECTION = 1
    LEAD_UP = 2
    FURTHER = 3


_RANKS: dict[EvidenceKind, MediaRank] = {
    "ground view": MediaRank.GROUND_VIEW,
    "detection": MediaRank.DETECTION,
    "thermal": MediaRank.DETECTION,
    "lead-up": MediaRank.LEAD_UP,
}


def make_tables(db: Database) -> None:
    """Makes what is missing; changes nothing when repeated."""
    for statement in _TABLES:
        db.execute(statement)
    for table, column, kind in _COLUMNS:
        there = {row["name"] for row in db.query(f"select name from pragma_table_info('{table}')")}  # noqa: S608
        if column not in there:
            db.execute(f"alter table {table} add column {column} {kind}")
    for statement in _INDEXES:
        db.execute(statement)


def put_alert(db: Database, alert: Alert) -> bool:
    """Whether it is news. Its media are ranked anew: what it no longer shows lets the others go first."""
    cursor = db.execute(
        "insert into alerts (id, revision, body) values (?, ?, ?) on conflict (id) do update "
        "set revision = excluded.revision, body = excluded.body, attempts = 0, last_reason = '' "
        "where excluded.revision > alerts.revision",
        [str(alert.id), alert.revision, alert.model_dump_json()],
    )
    if cursor.rowcount != 1:
        return False
    ranks = _ranks(alert)
    waiting = list(db.query("select sha256 from media where alert_id = ?", [str(alert.id)]))
    for row in waiting:
        rank = ranks.get(row["sha256"], MediaRank.FURTHER)
        db.execute("update media set rank = ? where sha256 = ?", [int(rank), row["sha256"]])
    return True


def put_media(db: Database, alert: Alert, media: Iterable[tuple[str, bytes]]) -> None:
    """Bytes by their SHA-256; what is known already stays as it is."""
    ranks = _ranks(alert)
    for sha256, data in media:
        db.execute(
            "insert or ignore into media (sha256, alert_id, size_bytes, data, rank) values (?, ?, ?, ?, ?)",
            [sha256, str(alert.id), len(data), data, int(ranks.get(sha256, MediaRank.FURTHER))],
        )


def _ranks(alert: Alert) -> dict[str, MediaRank]:
    if alert.state is AlertState.WITHDRAWN:
        return {}
    return {one.sha256: _RANKS[one.kind] for one in alert.evidence}


def next_alert(db: Database, skip: str) -> dict[str, Any] | None:
    """The oldest alert that waits, but for the keys in ``skip`` (a JSON list)."""
    rows = db.query(
        f"select id, revision, body, attempts from alerts where {ALERT_WAITS} "  # noqa: S608
        "and id not in (select value from json_each(?)) order by seq limit 1",
        [skip],
    )
    for row in rows:
        body = row["body"].encode()
        return {
            "kind": "alert",
            "key": row["id"],
            "revision": row["revision"],
            "body": body,
            "attempts": row["attempts"],
        }
    return None


def next_media(db: Database, skip: str, largest_bytes: int) -> dict[str, Any] | None:
    """The medium of the first rank, the oldest of them, whose alert has been answered in some revision."""
    rows = db.query(
        "select sha256, data, attempts from media where seq = ("
        "select media.seq from media left join alerts on alerts.id = media.alert_id "
        "where media.refused = 0 and media.size_bytes <= ? "
        "and (alerts.id is null or sent_revision > 0 or refused_revision > 0) "
        "and sha256 not in (select value from json_each(?)) order by media.rank, media.seq limit 1)",
        [largest_bytes, skip],
    )
    for row in rows:
        return {
            "kind": "media",
            "key": row["sha256"],
            "revision": 0,
            "body": row["data"],
            "attempts": row["attempts"],
        }
    return None


def forget_sent_alerts(db: Database) -> None:
    """All but the latest of what was sent, unless pictures of it still wait."""
    gone = db.execute(
        f"delete from alerts where {ALERT_IS_SETTLED} "  # noqa: S608
        "and id not in (select alert_id from media where refused = 0) "
        f"and seq <= (select max(seq) from alerts) - {KEPT_SENT_ALERTS}"
    )
    if gone.rowcount:
        db.execute("delete from records where alert_id not in (select id from alerts)")


def add_dead_letter(
    db: Database, kind: str, key: str, revision: int, reason: str, refused_at: str, body: str | None
) -> None:
    """Of pictures the bytes stay in ``media`` as long as there is room; only the latest letters are kept."""
    tried = (
        "select attempts from alerts where id = ?"
        if kind == "alert"
        else ("select attempts from media where sha256 = ?")
    )
    attempts = next((row["attempts"] for row in db.query(tried, [key])), 0) + 1
    db.execute(
        "insert into dead_letters (kind, key, revision, reason, refused_at, body, attempts) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        [kind, key, revision, reason, refused_at, body, attempts],
    )
    last = count(db, "select max(seq) as n from dead_letters") - KEPT_DEAD_LETTERS
    db.execute(
        "delete from media where refused = 1 and sha256 in "
        "(select key from dead_letters where kind = 'media' and seq <= ?)",
        [last],
    )
    db.execute("delete from dead_letters where seq <= ?", [last])


def drop_media_over(db: Database, budget_bytes: int) -> int:
    """Drops pictures until the rest fits: refused ones first, then by rank, the oldest first. How many."""
    dropped = 0
    used = count(db, "select coalesce(sum(size_bytes), 0) as n from media")
    if used <= budget_bytes:
        return 0
    cheapest_first = "select seq, size_bytes from media order by refused desc, rank desc, seq"
    for row in list(db.query(cheapest_first)):
        if used <= budget_bytes:
            break
        db.execute("delete from media where seq = ?", [row["seq"]])
        used -= row["size_bytes"]
        dropped += 1
    return dropped


def drop_half_of_media(db: Database) -> int:
    """Drops the half that is worth least; how many pictures that were."""
    half = (count(db, "select count(*) as n from media") + 1) // 2
    db.execute(
        "delete from media where seq in "
        "(select seq from media order by refused desc, rank desc, seq limit ?)",
        [half],
    )
    return half


def count(db: Database, sql: str) -> int:
    """The one number ``n`` that a query gives."""
    return int(next(iter(db.query(sql)))["n"])
