"""The library of patrols: each in its versions, each change with its deed in one transaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlite_utils import Database as Connection

from uplink.station.patrol_answers import PatrolSummary, StoredPatrol
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase
from uplink.station.store.deeds import DeedName

MOST_PATROLS = 1000
VERSIONS_KEPT = 50


class PatrolConflictError(Exception):
    """Somebody has changed it meanwhile, or it is gone: ``version`` is the newest, 0 of one that is gone."""

    def __init__(self, version: int) -> None:
        self.version = version
        super().__init__(f"it is at version {version} by now")


class TooManyPatrolsError(Exception):
    """The library is full."""


class PatrolStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def add(self, patrol: StoredPatrol, summary: PatrolSummary, package: bytes | None) -> None:
        """A new patrol. Raises TooManyPatrolsError."""

        def work(db: Connection) -> None:
            [there] = db.query("select count(*) as n from library where deleted = 0")
            if there["n"] >= MOST_PATROLS:
                raise TooManyPatrolsError
            _write(db, patrol, summary, package)
            _deed(db, summary, "patrol.created")

        await self._database.run(work)

    async def change(
        self, patrol: StoredPatrol, summary: PatrolSummary, package: bytes | None, *, seen: int
    ) -> None:
        """The version after ``seen``. Raises PatrolConflictError where that is not the newest."""

        def work(db: Connection) -> None:
            _must_be_at(db, patrol.id, seen)
            _write(db, patrol, summary, package)
            _deed(db, summary, "patrol.changed")
            db.execute(
                "delete from library_versions where patrol_id = ? and version <= ?",
                [str(patrol.id), patrol.version - VERSIONS_KEPT],
            )

        await self._database.run(work)

    async def delete(self, patrol_id: UUID, who: str, *, seen: int, now_s: float) -> None:
        """It is not in the list any more. Raises PatrolConflictError."""

        def work(db: Connection) -> None:
            _must_be_at(db, patrol_id, seen)
            db.execute("update library set deleted = 1 where id = ?", [str(patrol_id)])
            write_deed(db, Deed(who, "patrol.deleted", str(patrol_id), {"version": seen}), now_s=now_s)

        await self._database.run(work)

    async def get(self, patrol_id: UUID, version: int | None = None) -> StoredPatrol | None:
        """The newest version, or one of the earlier."""
        sql = (
            "select library_versions.body from library join library_versions on patrol_id = id "
            "where id = ? and library_versions.version = coalesce(?, library.version) and deleted = 0"
        )
        rows = await self._rows(sql, [str(patrol_id), version])
        return StoredPatrol.model_validate_json(rows[0]["body"]) if rows else None

    async def newest(self, limit: int, before: PatrolSummary | None = None) -> list[PatrolSummary]:
        """The last changed first; ``before`` continues after that one."""
        if before is None:
            after, values = "", list[Any]()
        else:
            after = "and (changed_at_s, id) < (?, ?)"
            values = [before.changed_at.timestamp(), str(before.id)]
        sql = (
            f"select body from library where deleted = 0 {after} order by changed_at_s desc, id desc limit ?"  # noqa: S608 (values bound)
        )
        rows = await self._rows(sql, [*values, limit])
        return [PatrolSummary.model_validate_json(row["body"]) for row in rows]

    async def summary(self, patrol_id: UUID) -> PatrolSummary | None:
        """As the list has it."""
        rows = await self._rows("select body from library where id = ? and deleted = 0", [str(patrol_id)])
        return PatrolSummary.model_validate_json(rows[0]["body"]) if rows else None

    async def package(self, sha256: str) -> bytes | None:
        """What drones are sent under this hash; also of a patrol that was deleted since."""
        rows = await self._rows(
            "select package from library_versions where package_sha256 = ? limit 1", [sha256]
        )
        return bytes(rows[0]["package"]) if rows else None

    async def _rows(self, sql: str, values: list[Any]) -> list[dict[str, Any]]:
        return await self._database.read(lambda db: list(db.query(sql, values)))


def _must_be_at(db: Connection, patrol_id: UUID, seen: int) -> None:
    rows = list(db.query("select version from library where id = ? and deleted = 0", [str(patrol_id)]))
    version = rows[0]["version"] if rows else 0
    if version != seen:
        raise PatrolConflictError(version)


def _write(db: Connection, patrol: StoredPatrol, summary: PatrolSummary, package: bytes | None) -> None:
    db.execute(
        "insert into library (id, version, name, changed_at_s, body) values (?, ?, ?, ?, ?) "
        "on conflict (id) do update set version = excluded.version, name = excluded.name, "
        "changed_at_s = excluded.changed_at_s, body = excluded.body",
        [
            str(patrol.id),
            patrol.version,
            summary.name,
            patrol.changed_at.timestamp(),
            summary.model_dump_json(),
        ],
    )
    db.execute(
        "insert into library_versions (patrol_id, version, body, package_sha256, package) "
        "values (?, ?, ?, ?, ?)",
        [
            str(patrol.id),
            patrol.version,
            patrol.model_dump_json(exclude_unset=True),
            summary.sha256 if package is not None else None,
            package if summary.sha256 is not None else None,
        ],
    )


def _deed(db: Connection, summary: PatrolSummary, what: DeedName) -> None:
    detail = summary.model_dump(
        mode="json", include={"name", "version", "flights", "problems", "sha256"}, exclude_none=True
    )
    write_deed(
        db, Deed(summary.changed_by, what, str(summary.id), detail), now_s=summary.changed_at.timestamp()
    )
