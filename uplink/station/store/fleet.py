"""What the station remembers of its drones over a restart: last states, patrols, tracks, and history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlite_utils import Database as Connection

from uplink.ground import DroneGround, SearchedGround
from uplink.messages import DroneState, Message, PatrolRoute
from uplink.station.store.database import StationDatabase
from uplink.station.store.telemetry import Sample, add_samples

LonLat = tuple[float, float]
Shown = TypeVar("Shown", bound=Message)
_GROUND, _SEARCHED = "ground", "searched"


@dataclass(frozen=True, slots=True)
class DroneChange:
    """What is new of one drone since it was last saved: its state, its track from ``first_number`` on, and
    what of it is worth keeping for long."""

    state: DroneState
    first_number: int
    points: list[LonLat]
    oldest_kept: int
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SavedFleet:
    """Tracks come with the number of their first point."""

    states: list[DroneState]
    patrols: list[PatrolRoute]
    tracks: dict[str, tuple[int, list[LonLat]]]
    grounds: list[DroneGround] = field(default_factory=list)
    searched: list[SearchedGround] = field(default_factory=list)


class FleetStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def load(self) -> SavedFleet:
        """Everything, as it was last saved."""

        def work(db: Connection) -> SavedFleet:
            states = [
                DroneState.model_validate_json(row["body"])
                for row in db.query("select body from states order by drone_id")
            ]
            patrols = [
                PatrolRoute.model_validate_json(row["body"])
                for row in db.query("select body from patrols order by drone_id")
            ]
            tracks: dict[str, tuple[int, list[LonLat]]] = {}
            for row in db.query("select * from track_points order by drone_id, number"):
                _, points = tracks.setdefault(row["drone_id"], (row["number"], []))
                points.append((row["lon_deg"], row["lat_deg"]))
            return SavedFleet(
                states,
                patrols,
                tracks,
                _shown(db, _GROUND, DroneGround),
                _shown(db, _SEARCHED, SearchedGround),
            )

        return await self._database.run(work)

    async def save(self, changes: Sequence[DroneChange]) -> None:
        """All changes in one transaction."""

        def work(db: Connection) -> None:
            for change in changes:
                drone_id = change.state.drone_id
                db.execute(
                    "insert or replace into states (drone_id, body) values (?, ?)",
                    [drone_id, change.state.model_dump_json()],
                )
                db.conn.executemany(
                    "insert or replace into track_points (drone_id, number, lon_deg, lat_deg) "
                    "values (?, ?, ?, ?)",
                    [
                        (drone_id, number, lon_deg, lat_deg)
                        for number, (lon_deg, lat_deg) in enumerate(change.points, change.first_number)
                    ],
                )
                db.execute(
                    "delete from track_points where drone_id = ? and number < ?",
                    [drone_id, change.oldest_kept],
                )
                add_samples(db, change.samples)

        await self._database.run(work)

    async def save_patrol(self, patrol: PatrolRoute) -> None:
        """The plan that a drone flies now."""

        def work(db: Connection) -> None:
            db.execute(
                "insert or replace into patrols (drone_id, body) values (?, ?)",
                [patrol.drone_id, patrol.model_dump_json()],
            )

        await self._database.run(work)

    async def save_ground(self, ground: DroneGround | SearchedGround) -> None:
        """The newest of its kind of one drone."""
        what = _SEARCHED if isinstance(ground, SearchedGround) else _GROUND

        def work(db: Connection) -> None:
            db.execute(
                "insert or replace into shown (drone_id, what, body) values (?, ?, ?)",
                [ground.drone_id, what, ground.model_dump_json()],
            )

        await self._database.run(work)


def _shown(db: Connection, what: str, model: type[Shown]) -> list[Shown]:
    rows = db.query("select body from shown where what = ? order by drone_id", [what])
    return [model.model_validate_json(row["body"]) for row in rows]
