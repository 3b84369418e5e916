"""Whatever people and drones do, in any order: what the database holds is what follows from the alerts and
from what people said of them."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import sqlite_utils
from hypothesis import given, settings
from hypothesis import strategies as st

from uplink.station.incident import IncidentState
from uplink.station.incident_answers import StepKind
from uplink.station.incident_footprint import Footprint
from uplink.station.incident_life import OPEN
from uplink.station.incident_links import events_of
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase
from uplink.station.store.incident_rows import incident_id_of
from uplink.station.store.incidents import Actor, IncidentConflictError, IncidentStore

from .incident_makers import NOW_S, RULES, grouping_of, memory_database, put_all, random_story

ANN = Actor("Ann", "because", None)


class InMemory:
    """Does the work at once."""

    def __init__(self, db: sqlite_utils.Database) -> None:
        self._db = db

    async def run(self, work: Callable[[sqlite_utils.Database], Any]) -> Any:
        self._db.execute("begin")
        try:
            found = work(self._db)
            self._db.execute("commit")
        except BaseException:
            self._db.execute("rollback")
            raise
        return found

    read = run


def check(db: sqlite_utils.Database) -> None:
    """Everything that has to hold at all times."""
    rows = list(db.query("select id, key, cluster from footprints"))
    apart: dict[str, set[str]] = {}
    for row in db.query("select pin, other from apart"):
        apart.setdefault(row["pin"], set()).add(row["other"])
    nodes = [Footprint.from_key(row["key"]) for row in rows]
    wanted = {}
    for cluster in events_of(nodes, {pin: frozenset(others) for pin, others in apart.items()}):
        assert len({rows[i]["cluster"] for event in cluster for i in event}) == 1
        for event in cluster:
            ids = json.dumps([rows[i]["id"] for i in event])
            members = [
                row["id"]
                for row in db.query(
                    "select id from alerts where footprint_id in (select value from json_each(?)) "
                    "order by confirmed_at_s, id",
                    [ids],
                )
            ]
            wanted[incident_id_of(members[0])] = frozenset(members)
    assert grouping_of(db) == wanted
    for row in db.query(
        "select i.id, i.moved_to, t.moved_to as further from incidents i "
        "left join incidents t on t.id = i.moved_to"
    ):
        assert (row["moved_to"] is None) == (row["id"] in wanted), "an incident is a name, or an alias"
        assert row["further"] is None, "an alias leads to an incident"
        assert row["moved_to"] is None or row["moved_to"] in wanted
    cut = db.query(
        "select distinct i.state from alerts a join footprints f on f.id = a.footprint_id "
        "join incidents i on i.id = f.incident_id where a.cut_s is not null"
    )
    assert not {IncidentState(row["state"]) for row in cut} & set(OPEN), (
        "what is open is cut off from nothing"
    )
    pinned = db.query(
        "select pin from alerts a where pin is not null group by pin having count(distinct "
        "(select incident_id from footprints f where f.id = a.footprint_id)) > 1"
    )
    assert list(pinned) == [], "what a person joined stays together"


async def act(store: IncidentStore, db: sqlite_utils.Database, rng: random.Random, now_s: float) -> None:
    """A person does something with an incident, if it is possible."""
    groups = grouping_of(db)
    one, *others = rng.sample(sorted(groups), len(groups))
    kind = rng.choice(["close", "reopen", "merge", "merge", "split", "split", "undo"])
    decisions = [row["id"] for row in db.query("select id from decisions where undone = 0")]
    try:
        if kind == "close":
            step = rng.choice([StepKind.RESOLVE, StepKind.FALSE_ALARM])
            await store.take_step(UUID(one), step, ANN, now_s=now_s, endpoints=())
        elif kind == "reopen":
            await store.take_step(UUID(one), StepKind.REOPEN, ANN, now_s=now_s, endpoints=())
        elif kind == "merge" and others:
            await store.merge(UUID(one), [UUID(others[0])], ANN, now_s=now_s, endpoints=())
        elif kind == "split" and len(groups[one]) > 1:
            leaving = rng.sample(sorted(groups[one]), rng.randint(1, len(groups[one]) - 1))
            await store.split(UUID(one), [UUID(each) for each in leaving], ANN, now_s=now_s, endpoints=())
        elif kind == "undo" and decisions:
            await store.undo(UUID(one), UUID(rng.choice(decisions)), ANN, now_s=now_s, endpoints=())
    except IncidentConflictError:
        pass  # as people are told


def play(seed: int, alerts: int) -> sqlite_utils.Database:
    rng = random.Random(seed)
    db = memory_database()
    store = IncidentStore(cast("StationDatabase", InMemory(db)), RULES)
    story = random_story(rng, alerts)
    rng.shuffle(story)
    for number, alert in enumerate(story):
        now_s = NOW_S + 600.0 * number
        put_all(db, [alert], now_s=now_s)
        if rng.random() < 0.3:
            asyncio.run(act(store, db, rng, now_s))
        if rng.random() < 0.3:
            check(db)
    check(db)
    return db


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 14))
def test_incidents_follow_from_the_alerts_and_from_what_people_said(seed: int, alerts: int) -> None:
    play(seed, alerts)


def test_the_check_would_see_an_incident_that_is_wrong() -> None:
    db = play(1, 10)
    write_deed(db, Deed("a test", "incident.noted", "x"), now_s=NOW_S)
    check(db)
    groups = grouping_of(db)
    assert len(groups) > 1
    db.execute("update footprints set incident_id = ?", [sorted(groups)[0]])
    try:
        check(db)
    except AssertionError:
        return
    raise AssertionError("nothing was seen")
