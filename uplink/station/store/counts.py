"""How much there is of what is worth watching."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database as Connection

from uplink.station.store.database import StationDatabase


@dataclass(frozen=True, slots=True)
class Counts:
    """``oldest_delivery_s`` is when the longest waiting webhook delivery was made, in seconds since 1970."""

    deliveries: dict[str, int]
    oldest_delivery_s: float | None
    incidents: dict[str, int]
    unchecked_pictures: int
    oldest_picture_s: float | None


class CountStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def read(self) -> Counts:
        """As it is now. What is over is not counted where that would read whole tables."""

        def work(db: Connection) -> Counts:
            (waiting,) = db.query(
                "select count(*) as number, min(created_at_s) as oldest from deliveries "
                "where state = 'waiting'"
            )
            (dead,) = db.query("select count(*) as number from deliveries where state = 'dead'")
            (unchecked,) = db.query(
                "select count(*) as number, min(received_at_s) as oldest from media where state = 'unchecked'"
            )
            incidents = db.query(
                "select state, count(*) as number from incidents where moved_to is null group by state"
            )
            return Counts(
                {"waiting": waiting["number"], "dead": dead["number"]},
                waiting["oldest"],
                {row["state"]: row["number"] for row in incidents},
                unchecked["number"],
                unchecked["oldest"],
            )

        return await self._database.read(work)
