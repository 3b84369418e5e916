"""The drone's durable queue: what it has to tell the station survives crashes, reboots and outages.

Invariants:

- When ``put_alert`` returns, alert and media are on the disk (WAL, ``synchronous=FULL``).
- One row per alert. A higher revision replaces a lower one; a lower or equal one changes nothing, in
  any order of arrival, also after the higher one was sent.
- The record of how an alert came about stays on the drone, beside the alert, as long as the alert is kept.
- Alerts are handed out before media, and an alert before any of its own: media wait until some revision of
  their alert was answered. Media go by rank (ground view, detection, lead-up, further), the oldest of a rank
  first. What the latest revision of an alert no longer shows is of the last rank.
- How often a thing was tried, and why it is not there yet, is on the disk with it.
- An alert that waits is never dropped. Media are: what is worth least first, when they exceed their budget
  or the disk is full, and the log says so. Once the disk is full, alerts go on into room that was kept for
  them; media are taken again when that room is there again.
- What the station refuses goes to the dead letters with the reason, and blocks nothing behind it. A person
  may have it sent again (``uplink.outbox_reader``).
- A corrupt file is renamed aside, a new one is started, the log says so as an error, and it is an alarm for
  as long as the file lies there.

Every method is synchronous, short and safe to call from any thread (one lock, one connection).
From asyncio call the ones that touch the disk through ``asyncio.to_thread``; ``waiting``,
``media_waiting``, ``refused``, ``alarms``, ``patrol`` and ``subscribe`` touch memory only and are fine on the
event loop.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import ValidationError
from sqlite_utils import Database

from uplink import outbox_tables as tables
from uplink.durable_file import DurableFile
from uplink.errors import OutboxError, OutboxFullError
from uplink.messages import Alert, PatrolRoute

log = logging.getLogger(__name__)

T = TypeVar("T")

MEDIA_BUDGET_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One thing to deliver. ``key`` is an alert's id or a medium's SHA-256."""

    kind: Literal["alert", "media"]
    key: str
    revision: int
    body: bytes
    attempts: int = 0
    """Answers and failures that it has had before, also in earlier runs of the agent."""


@dataclass(frozen=True, slots=True)
class Refused:
    """How many things lie in the dead letters, and why the station refused the latest."""

    count: int = 0
    latest_reason: str = ""


class Outbox:
    """See the module's text for what holds. ``path`` is the database file; its folder is made if missing."""

    def __init__(self, path: Path, *, media_budget_bytes: int = MEDIA_BUDGET_BYTES) -> None:
        self.media_dropped = 0
        self._media_budget_bytes = media_budget_bytes
        self._listeners: list[Callable[[], None]] = []
        self._waiting = 0
        self._media_waiting = 0
        self._refused = Refused()
        self._file = DurableFile(path, make_tables=tables.make_tables, checked=tables.CHECKED)
        self._patrol = self._run(_patrol)

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
            is_new = self._put(alert, media, record)
        except OutboxFullError:
            is_new = self._put_on_full_disk(alert)
            if is_new and media:
                self._say_dropped(len(media), "the disk is full")
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

    def media_waiting(self) -> int:
        """Pictures not yet at the station (memory only)."""
        return self._media_waiting

    def refused(self) -> Refused:
        """What lies in the dead letters, also from before a restart (memory only)."""
        return self._refused

    def alarms(self) -> list[str]:
        """What a person has to look after, in words (memory only)."""
        aside = self._file.aside
        if not aside:
            return []
        names = ", ".join(path.name for path in aside)
        return [f"the outbox was damaged, and alerts in it may not have been sent: {names} in its folder"]

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

    # --- what the client does ---------------------------------------------------------------------

    def next_item(
        self, postponed: Collection[str] = (), *, largest_media_bytes: int = tables.ANY_SIZE
    ) -> OutboxItem | None:
        """The next thing to deliver: the oldest alert, else the first medium that may go.

        ``postponed`` are keys that are not to be handed out now, nor are media beyond the size.
        """
        skip = json.dumps(sorted(postponed))
        row = self._run(
            lambda db: tables.next_alert(db, skip) or tables.next_media(db, skip, largest_media_bytes)
        )
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
            tables.forget_sent_alerts(db)

        self._run(work)

    def mark_failed(self, item: OutboxItem, reason: str) -> None:
        """It did not arrive, or not whole, and will be sent again."""
        table, named = ("alerts", "id") if item.kind == "alert" else ("media", "sha256")
        self._run(
            lambda db: db.execute(
                f"update {table} set attempts = attempts + 1, last_reason = ? where {named} = ?",  # noqa: S608
                [reason, item.key],
            )
        )

    def mark_refused(self, item: OutboxItem, reason: str) -> None:
        """The station will never take it: it moves to the dead letters."""

        def work(db: Database) -> None:
            body = item.body.decode() if item.kind == "alert" else None
            at = datetime.now(UTC).isoformat(timespec="seconds")
            tables.add_dead_letter(db, item.kind, item.key, item.revision, reason, at, body)
            if item.kind == "media":
                db.execute("update media set refused = 1 where sha256 = ?", [item.key])
            else:
                db.execute(
                    "update alerts set refused_revision = max(refused_revision, ?) where id = ?",
                    [item.revision, item.key],
                )

        self._run(work)

    # --- inside -----------------------------------------------------------------------------------

    def _run(self, work: Callable[[Database], T], *, in_reserve: bool = True) -> T:
        def counted(db: Database) -> T:
            result = work(db)
            # Anew each time: a person at the command line may have changed it.
            self._waiting = tables.count(db, f"select count(*) as n from alerts where {tables.ALERT_WAITS}")  # noqa: S608
            self._media_waiting = tables.count(db, "select count(*) as n from media where refused = 0")
            self._refused = _refused(db)
            return result

        return self._file.run(counted, in_reserve=in_reserve)

    def _put(self, alert: Alert, media: Mapping[str, bytes], record: str | None) -> bool:
        room_for_media = not media or self._file.has_reserve()

        def work(db: Database) -> int | None:
            if not tables.put_alert(db, alert):
                return None
            if record is not None:
                db.execute(
                    "insert or replace into records (alert_id, body) values (?, ?)", [str(alert.id), record]
                )
            if room_for_media:
                tables.put_media(db, alert, media.items())
            return tables.drop_media_over(db, self._media_budget_bytes)

        dropped = self._run(work, in_reserve=not media)
        if dropped is None:
            return False
        if dropped:
            self._say_dropped(dropped, f"over the budget of {self._media_budget_bytes} bytes")
        if not room_for_media:
            self._say_dropped(len(media), "the disk is full")
        return True

    def _put_on_full_disk(self, alert: Alert) -> bool:
        """The bare alert: into the room that was kept for it, else where pictures were."""
        while True:
            try:
                return self._run(lambda db: tables.put_alert(db, alert))
            except OutboxFullError:
                dropped = self._run(tables.drop_half_of_media)
                if dropped == 0:
                    raise
                self._say_dropped(dropped, "the disk is full")

    def _say_dropped(self, count: int, why: str) -> None:
        self.media_dropped += count
        log.warning("outbox dropped %d pictures: %s; no alert was dropped", count, why)

    def _notify(self) -> None:
        for callback in list(self._listeners):
            callback()


def _patrol(db: Database) -> PatrolRoute | None:
    for row in db.query("select body from patrol"):
        try:
            return PatrolRoute.model_validate_json(row["body"])
        except ValidationError:
            log.warning("the patrol kept in the outbox is of another version and is forgotten")
    return None


def _refused(db: Database) -> Refused:
    for row in db.query("select reason from dead_letters order by seq desc limit 1"):
        return Refused(tables.count(db, "select count(*) as n from dead_letters"), row["reason"])
    return Refused()
