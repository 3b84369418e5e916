"""The audit log: nothing in it can be changed unnoticed, and admins read it in pages."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from uplink.errors import StoreError
from uplink.station.answers import OrderFate
from uplink.station.store.audit import NO_HASH, AuditFilter, AuditLog, Deed, write_deed
from uplink.station.store.database import StationDatabase
from uplink.station.store.deeds import deed_of_fate

from .people import station_with_people

ROWS = 5


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[StationDatabase]:
    database = StationDatabase(tmp_path / "station.db")
    yield database
    database.close()


@pytest_asyncio.fixture
async def audit(database: StationDatabase) -> AuditLog:
    """Five deeds; every other one is about x."""
    log = AuditLog(database)
    for number in range(ROWS):
        about = "x" if number % 2 == 0 else "y"
        deed = Deed("Ann", "user.added", about, {"number": number, "为": "火"})
        await log.write(deed, now_s=100.0 + number)
    return log


async def test_what_was_done_is_read_newest_first_in_pages_and_by_what_it_is_about(audit: AuditLog) -> None:
    newest = await audit.newest(2)
    assert [one.number for one in newest] == [5, 4]
    assert [one.number for one in await audit.newest(9, before=newest[-1].number)] == [3, 2, 1]
    assert [one.number for one in await audit.newest(9, wanted=AuditFilter(about="y"))] == [4, 2]
    assert [one.number for one in await audit.newest(9, before=3, wanted=AuditFilter(about="x"))] == [1]
    first = (await audit.newest(1, before=2))[0]
    assert (first.who, first.what, first.about, first.detail) == (
        "Ann",
        "user.added",
        "x",
        {"number": 0, "为": "火"},
    )
    assert first.at.timestamp() == 100.0


def test_every_fate_of_an_order_has_a_verb_of_its_own() -> None:
    deeds = {fate: deed_of_fate(fate, "order.given") for fate in OrderFate}
    assert deeds.pop(OrderFate.WAITING) == "order.given"
    assert deeds == {fate: f"order.{fate.value}" for fate in deeds}


async def test_an_empty_log_and_an_honest_one_are_whole(database: StationDatabase, tmp_path: Path) -> None:
    log = AuditLog(database)
    assert await log.first_break() is None

    def work(db: Any) -> None:
        for number in range(2500):
            write_deed(
                db, Deed("Ann", "user.added", str(number)), now_s=number
            )  # a whole second is kept as a fraction

    await database.run(work)
    assert await log.first_break() is None, "also over more lines than are read at once"


@pytest.mark.parametrize(
    "statement", ["update audit set who = 'Bob' where seq = 3", "delete from audit where seq = 3"]
)
async def test_the_database_refuses_to_change_or_delete_a_line(
    audit: AuditLog, database: StationDatabase, statement: str
) -> None:
    with pytest.raises(StoreError, match="only added to"):
        await database.run(lambda db: db.execute(statement))
    assert [one.who for one in await audit.newest(9)] == ["Ann"] * ROWS
    assert await audit.first_break() is None


def tamper(path: Path, statement: str, *values: Any) -> None:
    """As somebody with the file and without scruples would."""
    connection = sqlite3.connect(path)
    connection.execute("drop trigger audit_is_not_changed")
    connection.execute("drop trigger audit_is_not_deleted")
    assert connection.execute(statement, values).rowcount == 1
    connection.commit()
    connection.close()


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("seq", 77),
        ("at_s", 99.0),
        ("who", "Bob"),
        ("what", "test.undone"),
        ("about", "z"),
        ("detail", "{}"),
        ("hash", "f" * 64),
    ],
)
async def test_a_change_of_any_column_of_any_line_is_found(
    audit: AuditLog, tmp_path: Path, seq: int, column: str, value: Any
) -> None:
    tamper(tmp_path / "station.db", f"update audit set {column} = ? where seq = ?", value, seq)  # noqa: S608
    assert await audit.first_break() == seq


@pytest.mark.parametrize("seq", range(1, ROWS))
async def test_a_line_that_was_taken_out_is_found(audit: AuditLog, tmp_path: Path, seq: int) -> None:
    tamper(tmp_path / "station.db", "delete from audit where seq = ?", seq)
    assert await audit.first_break() == seq


async def test_a_line_that_was_put_in_between_with_a_hash_of_its_own_is_found(
    audit: AuditLog, tmp_path: Path
) -> None:
    from uplink.station.store.audit import hash_of_line

    forged = [ROWS + 1, 200.0, "Bob", "user.added", "x", "{}"]
    tamper(
        tmp_path / "station.db",
        "insert into audit (seq, at_s, who, what, about, detail, hash) values (?, ?, ?, ?, ?, ?, ?)",
        *forged,
        hash_of_line(NO_HASH, forged),
    )
    assert await audit.first_break() == ROWS + 1


async def test_the_newest_hash_tells_of_a_log_that_was_shortened(audit: AuditLog, tmp_path: Path) -> None:
    """A chain that is cut at its end is whole: only who noted its hash elsewhere knows better."""
    noted = (await audit.newest(1))[0].hash
    tamper(tmp_path / "station.db", "delete from audit where seq = ?", ROWS)
    assert await audit.first_break() is None
    assert noted not in [one.hash for one in await audit.newest(9)]


async def test_a_deed_is_not_written_without_what_it_records(
    audit: AuditLog, database: StationDatabase
) -> None:
    def work(db: Any) -> None:
        write_deed(db, Deed("Ann", "user.added", "never"), now_s=1.0)
        raise ValueError("what it records failed")

    with pytest.raises(ValueError, match="failed"):
        await database.run(work)
    assert len(await audit.newest(9)) == ROWS
    await audit.write(Deed("Ann", "user.added", "x"), now_s=1.0)
    assert await audit.first_break() is None


async def test_admins_read_it_and_nobody_else(tmp_path: Path) -> None:
    async with station_with_people(tmp_path) as station:
        ada, pia = await station.person("Ada"), await station.person("Pia")
        await ada.patch("/users/Vera", json={"role": "pilot"})
        entries = (await ada.get("/audit?limit=2")).json()
        assert [(one["who"], one["what"], one["about"]) for one in entries] == [
            ("Ada", "user.role", "Vera"),
            ("Pia", "session.begun", "Pia"),
        ]
        assert entries[0]["detail"] == {"role": "pilot"}
        earlier = (await ada.get(f"/audit?limit=1&before={entries[-1]['number']}")).json()
        assert earlier[0]["number"] == entries[-1]["number"] - 1
        about = (await ada.get("/audit?about=Vera")).json()
        assert {one["about"] for one in about} == {"Vera"}
        assert (await pia.get("/audit")).status_code == 403
