"""The station's database: many pieces in one commit, each all or nothing; brought forward after a copy."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database as Connection

from uplink.errors import StoreError
from uplink.station.store import database as database_module
from uplink.station.store.database import StationDatabase
from uplink.station.store.schema import STEPS


@pytest.fixture
def database(tmp_path: Path) -> Iterator[StationDatabase]:
    database = StationDatabase(tmp_path / "station.db", on_commit=lambda *commit: commits.append(commit))
    commits.clear()
    yield database
    database.close()


commits: list[tuple[int, float]] = []


def _put(drone_id: str) -> Any:
    def work(db: Connection) -> str:
        db.execute("insert into states (drone_id, body) values (?, '{}')", [drone_id])
        return drone_id

    return work


async def _states(database: StationDatabase) -> list[str]:
    return await database.read(
        lambda db: [row["drone_id"] for row in db.query("select drone_id from states order by rowid")]
    )


class _Busy:
    """Keeps the writing thread in a piece of work, so that what is asked meanwhile gathers behind it."""

    def __init__(self, database: StationDatabase) -> None:
        self._database = database
        self._go_on = threading.Event()
        self._begun = asyncio.Event()

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()

        def work(_: Connection) -> None:
            loop.call_soon_threadsafe(self._begun.set)
            self._go_on.wait(10)

        self._task = asyncio.create_task(self._database.run(work))
        await self._begun.wait()

    async def __aexit__(self, *_: object) -> None:
        self._go_on.set()
        await self._task


async def _together(database: StationDatabase, *pieces: Any) -> list[Any]:
    """Asked one after the other while the thread is busy: one batch."""
    async with _Busy(database):
        tasks = [asyncio.create_task(database.run(work)) for work in pieces]
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_waits_shares_one_commit_and_keeps_its_order(database: StationDatabase) -> None:
    names = [f"d{number}" for number in range(20)]
    assert await _together(database, *(_put(name) for name in names)) == names
    assert await _states(database) == names
    assert [pieces for pieces, _ in commits] == [1, 20]


async def test_a_piece_that_fails_undoes_itself_alone(database: StationDatabase) -> None:
    def breaks(db: Connection) -> None:
        db.execute("insert into states (drone_id, body) values ('half', '{}')")
        raise ValueError("no")

    def twice(db: Connection) -> None:
        db.execute("insert into states (drone_id, body) values ('a', '{}')")

    first, broken, doubled, last = await _together(database, _put("a"), breaks, twice, _put("b"))
    assert (first, last) == ("a", "b")
    assert isinstance(broken, ValueError)
    assert isinstance(doubled, StoreError)
    assert isinstance(doubled.__cause__, sqlite3.IntegrityError)
    assert await _states(database) == ["a", "b"]


async def test_a_failure_that_undoes_the_whole_commit_costs_only_who_caused_it(
    database: StationDatabase,
) -> None:
    """As SQLite does where the disk is full: everything before in the same commit is gone as well."""

    def fills_the_disk(db: Connection) -> None:
        db.conn.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    first, full, last = await _together(database, _put("a"), fills_the_disk, _put("b"))
    assert (first, last) == ("a", "b")
    assert isinstance(full, StoreError)
    assert await _states(database) == ["a", "b"]


async def test_what_is_no_longer_waited_for_is_not_begun(database: StationDatabase) -> None:
    async with _Busy(database):
        task = asyncio.create_task(database.run(_put("a")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await _states(database) == []


async def test_reading_does_not_wait_for_writing_and_sees_only_what_is_committed(
    database: StationDatabase,
) -> None:
    await database.run(_put("a"))
    async with _Busy(database):
        task = asyncio.create_task(database.run(_put("b")))
        async with asyncio.timeout(5):
            assert await _states(database) == ["a"]
    await task
    assert await _states(database) == ["a", "b"]


async def test_nothing_can_be_written_by_reading(database: StationDatabase) -> None:
    with pytest.raises(StoreError, match="readonly"):
        await database.read(_put("a"))


async def test_closing_does_what_was_asked_before(tmp_path: Path) -> None:
    database = StationDatabase(tmp_path / "station.db")
    tasks = [asyncio.create_task(database.run(_put(f"d{number}"))) for number in range(50)]
    await asyncio.sleep(0)
    database.close()
    await asyncio.gather(*tasks)
    connection = sqlite3.connect(tmp_path / "station.db")
    assert connection.execute("select count(*) from states").fetchone() == (50,)
    connection.close()


def _old(path: Path, layout: int) -> None:
    """A database as an Emberwatch of that layout left it, with an alert in it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    for step in STEPS[:layout]:
        for statement in step:
            connection.execute(statement)
    connection.execute("insert into states values ('ember-1', '{}')")
    connection.execute(
        "insert into alerts values ('a', 'ember-1', 1, 0, 0, '{\"evidence\": [{\"sha256\": \"s\"}]}')"
    )
    connection.execute(f"PRAGMA user_version = {layout}")
    connection.close()


def _layout(path: Path) -> int:
    connection = sqlite3.connect(path)
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("select * from states").fetchall() == [("ember-1", "{}")]
    connection.close()
    return int(layout)


async def test_an_older_layout_is_copied_and_then_brought_forward(tmp_path: Path) -> None:
    path = tmp_path / "station.db"
    _old(path, 2)
    database = StationDatabase(path)
    assert await _states(database) == ["ember-1"]
    named = await database.read(lambda db: list(db.query("select sha256, alert_id from evidence")))
    assert named == [{"sha256": "s", "alert_id": "a"}]
    database.close()
    copy = tmp_path / "station.db.layout-2.bak"
    assert (_layout(path), _layout(copy)) == (len(STEPS), 2)
    assert copy.stat().st_mode & 0o077 == 0, "what is in it is nobody else's"
    copy.unlink()
    StationDatabase(path).close()
    assert not copy.exists(), "nothing to bring forward, nothing to copy"


def test_a_step_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "station.db"
    _old(path, 2)
    monkeypatch.setattr(database_module, "STEPS", (*STEPS, ("create table nonsense (",)))
    with pytest.raises(StoreError, match="failed"):
        StationDatabase(path)
    assert _layout(path) == 2
    assert _layout(tmp_path / "station.db.layout-2.bak") == 2


def test_without_room_for_the_copy_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "station.db"
    _old(path, 2)

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(database_module, "copy_database", no_room)
    with pytest.raises(StoreError, match=r"could not be copied to station\.db\.layout-2\.bak"):
        StationDatabase(path)
    assert _layout(path) == 2
