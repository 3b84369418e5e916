"""Crew links. Of what opens one only a digest is kept; each of them is a deed in the audit log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlite_utils import Database as Connection

from uplink.errors import NotPossibleError, UnknownNameError
from uplink.station.crew_answers import CrewLink
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase
from uplink.station.store.incident_reading import UnknownIncidentError
from uplink.station.store.incident_rows import find_row, utc

MOST_OF_ONE_INCIDENT = 50
KEPT_S = 7 * 86_400.0  # after its end; the audit log has it for good
_STANDS = "revoked_at_s is null and expires_at_s > :now_s"


class CrewLinkStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def add(
        self, link_id: UUID, digest: str, incident_id: UUID, *, by: str, now_s: float, expires_at_s: float
    ) -> CrewLink:
        """Raises ``UnknownIncidentError``, and ``NotPossibleError`` where there are too many."""

        def work(db: Connection) -> CrewLink:
            row = find_row(db, str(incident_id))
            if row is None:
                raise UnknownIncidentError(f"there is no incident {incident_id}")
            incident = row.moved_to or row.id
            db.execute("delete from crew_links where expires_at_s < ?", [now_s - KEPT_S])
            if len(_standing(db, incident, now_s)) >= MOST_OF_ONE_INCIDENT:
                raise NotPossibleError(
                    f"this incident has {MOST_OF_ONE_INCIDENT} crew links", hint="Revoke some of them first."
                )
            db.execute(
                "insert into crew_links (id, digest, incident_id, made_by, made_at_s, expires_at_s) "
                "values (?, ?, ?, ?, ?, ?)",
                [str(link_id), digest, incident, by, now_s, expires_at_s],
            )
            detail = {"incident_id": incident, "expires_at": utc(expires_at_s).isoformat()}
            write_deed(db, Deed(by, "crew_link.made", str(link_id), detail), now_s=now_s)
            return next(_link(row) for row in _standing(db, incident, now_s) if row["id"] == str(link_id))

        return await self._database.run(work)

    async def of(self, incident_id: UUID, *, now_s: float) -> list[CrewLink]:
        """Those of an incident that open something, the newest first."""
        rows = await self._database.read(lambda db: _standing(db, str(incident_id), now_s))
        return [_link(row) for row in rows]

    async def find(self, digest: str, *, now_s: float) -> CrewLink | None:
        """What a link opens now."""

        def work(db: Connection) -> list[dict[str, Any]]:
            values = {"digest": digest, "now_s": now_s}
            return list(db.query(f"select * from crew_links where digest = :digest and {_STANDS}", values))  # noqa: S608 (ours)

        return next((_link(row) for row in await self._database.read(work)), None)

    async def revoke(self, link_id: UUID, *, by: str, now_s: float) -> None:
        """It opens nothing any more. Raises ``UnknownNameError`` where it does not anyway."""

        def work(db: Connection) -> None:
            done = db.execute(
                f"update crew_links set revoked_at_s = :now_s, revoked_by = :by where id = :id and {_STANDS}",  # noqa: S608 (ours)
                {"id": str(link_id), "by": by, "now_s": now_s},
            )
            if not done.rowcount:
                raise UnknownNameError(f"no crew link {link_id} is open")
            write_deed(db, Deed(by, "crew_link.revoked", str(link_id)), now_s=now_s)

        await self._database.run(work)


def _standing(db: Connection, incident_id: str, now_s: float) -> list[dict[str, Any]]:
    """With those of incidents that have become part of it."""
    return list(
        db.query(
            "select * from crew_links where incident_id in "  # noqa: S608 (all of it is ours, values bound)
            f"(select id from incidents where id = :id or moved_to = :id) and {_STANDS} "
            "order by made_at_s desc, id desc",
            {"id": incident_id, "now_s": now_s},
        )
    )


def _link(row: dict[str, Any]) -> CrewLink:
    return CrewLink(
        id=UUID(row["id"]),
        incident_id=UUID(row["incident_id"]),
        made_by=row["made_by"],
        made_at=utc(row["made_at_s"]),
        expires_at=utc(row["expires_at_s"]),
    )
