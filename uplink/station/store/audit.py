"""The audit log: who did what, when and about what. Only ever added to, each row chained to the one before.

A deed is written in the transaction of what it records, so that neither is there without the other. Each
row's hash is over the row and the hash before it: who changes one row would have to make all later ones anew,
and the newest hash, noted elsewhere, shows even that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlite_utils import Database as Connection

from uplink.station.answers import AuditEntry
from uplink.station.store.database import StationDatabase
from uplink.station.store.deeds import DeedName

NO_HASH = "0" * 64
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Deed:
    """``who`` is a person's name, `token <name>`, `drone <id>`, `shell <login>` or `station`; ``about`` the
    id of the thing. ``detail`` holds whatever else must be answerable later, and no secret."""

    who: str
    what: DeedName
    about: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """All of it has to be so. ``what`` is a verb, or a family of them as in ``user.*``."""

    who: str | None = None
    what: str | None = None
    about: str | None = None
    since_s: float | None = None
    until_s: float | None = None


# GLOB has no index of its own, and a family no wildcard but the one at its end.
_CONDITIONS = {
    "who": "who = :who",
    "what": "what glob :what",
    "about": "about = :about",
    "since_s": "at_s >= :since_s",
    "until_s": "at_s <= :until_s",
}


class ChainedLine(BaseModel):
    """A line with all that its hash is over, and the hash of the line before it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    at_s: float
    who: str
    what: str
    about: str
    detail: str
    before: str
    hash: str

    @property
    def holds(self) -> bool:
        """Whether nothing of it was changed since it was written."""
        said = [self.number, self.at_s, self.who, self.what, self.about, self.detail]
        return self.hash == hash_of_line(self.before, said)


def write_deed(db: Connection, deed: Deed, *, now_s: float) -> None:
    """Within the caller's transaction."""
    last = next(iter(db.query("select seq, hash from audit order by seq desc limit 1")), None)
    seq, before = (1, NO_HASH) if last is None else (last["seq"] + 1, last["hash"])
    detail = json.dumps(deed.detail, sort_keys=True, ensure_ascii=False)
    row = [seq, float(now_s), deed.who, deed.what, deed.about, detail]
    db.execute(
        "insert into audit (seq, at_s, who, what, about, detail, hash) values (?, ?, ?, ?, ?, ?, ?)",
        [*row, hash_of_line(before, row)],
    )


class AuditLog:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def write(self, deed: Deed, *, now_s: float) -> None:
        """A deed that changes nothing else in the database, as looking at a picture."""
        await self._database.run(lambda db: write_deed(db, deed, now_s=now_s))

    async def newest(
        self, limit: int, before: int | None = None, wanted: AuditFilter | None = None
    ) -> list[AuditEntry]:
        """The newest first; ``before`` is the number of the last one already known."""
        conditions, values = ["seq < coalesce(:before, seq + 1)"], dict[str, Any](before=before, limit=limit)
        for name, condition in _CONDITIONS.items():
            value = getattr(wanted, name, None)
            if value is not None:
                conditions.append(condition)
                values[name] = value
        sql = f"select * from audit where {' and '.join(conditions)} order by seq desc limit :limit"  # noqa: S608

        def work(db: Connection) -> list[AuditEntry]:
            return [_entry(row) for row in db.query(sql, values)]

        return await self._database.read(work)

    async def head(self) -> tuple[int, str]:
        """The number and the hash of the newest line."""

        def work(db: Connection) -> tuple[int, str]:
            rows = db.query("select seq, hash from audit order by seq desc limit 1")
            return next(((row["seq"], row["hash"]) for row in rows), (0, NO_HASH))

        return await self._database.read(work)

    async def about(self, ids: Sequence[str], limit: int, *, after: int, until: int) -> list[ChainedLine]:
        """What is about any of these, the oldest first, in the very words that the hashes are over."""

        def work(db: Connection) -> list[ChainedLine]:
            rows = db.query(
                "select seq as number, at_s, who, what, about, detail, hash, coalesce((select b.hash "
                "from audit b where b.seq = audit.seq - 1), :no_hash) as before from audit "
                "where about in (select value from json_each(:ids)) and seq > :after and seq <= :until "
                "order by seq limit :limit",
                {"ids": json.dumps(ids), "after": after, "until": until, "limit": limit, "no_hash": NO_HASH},
            )
            return [ChainedLine(**row) for row in rows]

        return await self._database.read(work)

    async def first_break(self) -> int | None:
        """The number of the first row that does not follow from the one before; none in a whole chain."""
        before, seq = NO_HASH, 0
        while True:
            rows = await self._database.read(
                lambda db, after=seq: list(  # type: ignore[misc]
                    db.query("select * from audit where seq > ? order by seq limit ?", [after, _AT_ONCE])
                )
            )
            if not rows:
                return None
            for row in rows:
                said = [row[name] for name in ("seq", "at_s", "who", "what", "about", "detail")]
                if row["seq"] != seq + 1 or row["hash"] != hash_of_line(before, said):
                    return seq + 1
                before, seq = row["hash"], row["seq"]


def hash_of_line(before: str, row: list[Any]) -> str:
    """``row`` is number, time, who, what, about and the text of the detail; ``before`` the hash of the line
    before it."""
    return hashlib.sha256(json.dumps([before, *row], ensure_ascii=False).encode()).hexdigest()


def _entry(row: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        number=row["seq"],
        at=datetime.fromtimestamp(row["at_s"], UTC),
        who=row["who"],
        what=row["what"],
        about=row["about"],
        detail=json.loads(row["detail"]),
        hash=row["hash"],
    )
