"""Backups are made while the station takes alerts, hold all of it, and come back whole."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.cli import app as command_line
from uplink.errors import StationError
from uplink.station.backup import backups_in, check_backup, make_backup, prune
from uplink.station.restore import restore
from uplink.station.server import running
from uplink.station.store.audit import AuditFilter
from uplink.station.store.store import Store

from .makers import make_alert, make_config, make_picture, sha256_of

NOON = datetime(2027, 7, 1, 12, 0, tzinfo=UTC)


def _nothing(what: str, done: int, of: int) -> None:
    assert 0 <= done <= of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.close()


async def _take(store: Store, name: str) -> None:
    picture = make_picture(name)
    await store.alerts.put(make_alert(pictures=(picture,)), now_s=NOON.timestamp(), endpoints=[])
    await store.media.put(sha256_of(picture), picture, drone_id="ember-1", now_s=NOON.timestamp())


def _backup(tmp_path: Path, now: datetime = NOON) -> Path:
    made = make_backup(tmp_path / "data", tmp_path / "backups", now=now, on_progress=_nothing)
    assert (made.damaged, made.missing) == ([], [])
    return made.folder


def _pictures(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in folder.glob("media/*/*.jpg")}


def _rows(folder: Path, table: str) -> int:
    connection = sqlite3.connect(folder / "station.db")
    (number,) = connection.execute(f"select count(*) from {table}").fetchone()  # noqa: S608
    connection.close()
    return int(number)


async def test_a_backup_under_load_is_one_instant_and_ends(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts go on being taken; every picture that the backup's database names is in it."""
    monkeypatch.setattr("uplink.station.store.copies.PAGES_AT_ONCE", 1)
    stop = asyncio.Event()
    taken = 0

    async def load(lane: int) -> None:
        nonlocal taken
        while not stop.is_set():
            await _take(store, f"{lane}-{taken}")
            taken += 1

    lanes = [asyncio.create_task(load(lane)) for lane in range(4)]
    while taken < 20:
        await asyncio.sleep(0.01)
    before = taken
    steps: list[int] = []

    def slowly(what: str, done: int, of: int) -> None:
        if what == "database":
            steps.append(done)
            time.sleep(0.002)

    made = await asyncio.to_thread(
        lambda: make_backup(tmp_path / "data", tmp_path / "backups", now=NOON, on_progress=slowly)
    )
    folder = made.folder
    assert taken > before, "nobody had to wait for it"
    assert steps == list(range(1, len(steps) + 1)), "no write makes it begin again"
    while taken < before + 4:
        await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*lanes)
    check_backup(folder, _nothing)
    assert _rows(folder, "media") == len(_pictures(folder)) >= before
    assert all(sha256_of(data) == name for name, data in _pictures(folder).items())
    assert _rows(folder, "media") <= _rows(folder, "alerts") <= _rows(folder, "media") + 4


async def test_what_was_backed_up_comes_back_and_what_was_there_is_set_aside(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    (tmp_path / "data" / "orders.key").write_bytes(b"secret")
    await _take(store, "first")
    folder = _backup(tmp_path)
    await _take(store, "second")
    store.close()
    restored = restore(folder, tmp_path / "data", who="shell ann", now=NOON, on_progress=_nothing)
    again = Store(tmp_path / "data")
    assert len(await again.alerts.newest(10)) == 1
    assert await again.media.find(sha256_of(make_picture("first"))) is not None
    (entry,) = await again.audit.newest(10, wanted=AuditFilter(about="station"))
    assert (entry.who, entry.what, entry.detail["backup"]) == ("shell ann", "station.restored", folder.name)
    again.close()
    assert (tmp_path / "data" / "orders.key").read_bytes() == b"secret"
    assert restored.set_aside == tmp_path / "data" / "before-restore-20270701T120000Z"
    assert _rows(restored.set_aside, "alerts") == 2
    assert len(_pictures(restored.set_aside)) == 2
    second = restore(
        folder, tmp_path / "data", who="shell ann", now=NOON + timedelta(hours=1), on_progress=_nothing
    )
    assert restored.set_aside.exists()
    assert second.set_aside is not None
    assert not list(second.set_aside.glob("before-restore-*"))


async def test_nobody_else_can_read_a_backup(tmp_path: Path, store: Store) -> None:
    (tmp_path / "data" / "orders.key").write_bytes(b"secret")
    await _take(store, "a")
    folder = _backup(tmp_path)
    for path in (folder, *folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "media", "orders.key", "station.db"}


async def test_a_picture_that_an_older_backup_has_takes_no_room_again(tmp_path: Path, store: Store) -> None:
    await _take(store, "a")
    first, second = (_backup(tmp_path, NOON + timedelta(days=day)) for day in range(2))
    inodes = {next(folder.glob("media/*/*.jpg")).stat().st_ino for folder in (first, second)}
    assert len(inodes) == 1


async def test_where_links_are_impossible_pictures_are_copied(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_disk(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", other_disk)
    await _take(store, "a")
    folder = _backup(tmp_path)
    (path,) = folder.glob("media/*/*.jpg")
    assert path.read_bytes() == make_picture("a")
    assert path.stat().st_nlink == 1
    check_backup(folder, _nothing)


async def test_a_picture_that_rotted_on_the_disk_is_named_and_taken_from_an_older_backup(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        await _take(store, name)
        if name == "a":
            first = _backup(tmp_path)
    for name in ("a", "b"):
        path = store.media.original(sha256_of(make_picture(name)))
        path.unlink()  # the first backup is a hard link
        path.write_bytes(b"rotten")
    made = make_backup(
        tmp_path / "data", tmp_path / "backups", now=NOON + timedelta(days=1), on_progress=_nothing
    )
    assert made.damaged == [sha256_of(make_picture("b"))]
    assert _pictures(made.folder) == _pictures(first)


async def test_only_the_newest_backups_are_kept(tmp_path: Path, store: Store) -> None:
    folders = [_backup(tmp_path, NOON + timedelta(days=day)) for day in range(4)]
    stranger = tmp_path / "backups" / "holiday"
    stranger.mkdir()
    assert sorted(prune(tmp_path / "backups", 2)) == folders[:2]
    assert backups_in(tmp_path / "backups") == [folders[3], folders[2]]
    assert stranger.exists()


@pytest.mark.parametrize("damage", ["picture", "picture missing", "database", "key", "manifest"])
async def test_a_damaged_backup_changes_nothing(tmp_path: Path, store: Store, damage: str) -> None:
    (tmp_path / "data" / "orders.key").write_bytes(b"secret")
    await _take(store, "a")
    folder = _backup(tmp_path)
    picture = next(folder.glob("media/*/*.jpg"))
    victim = {"database": folder / "station.db", "key": folder / "orders.key"}.get(damage, picture)
    if damage == "manifest":
        (folder / "manifest.json").unlink()
    else:
        data = bytearray(victim.read_bytes())
        victim.unlink()
        data[len(data) // 2] ^= 0xFF
        if damage != "picture missing":
            victim.write_bytes(data)
    store.close()
    before = sorted(path.name for path in (tmp_path / "data").iterdir())
    with pytest.raises(StationError):
        restore(folder, tmp_path / "data", who="shell ann", now=NOON, on_progress=_nothing)
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == before
    store.__init__(tmp_path / "data")  # type: ignore[misc]


async def test_a_station_that_runs_is_not_restored_into(tmp_path: Path, store: Store) -> None:
    folder = _backup(tmp_path)
    with pytest.raises(StationError, match="a station uses"):
        restore(folder, tmp_path / "data", who="shell ann", now=NOON, on_progress=_nothing)


async def test_a_restore_that_was_cut_off_keeps_the_station_from_starting_until_it_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "data")
    await _take(store, "a")
    folder = _backup(tmp_path)
    store.close()

    def dies(source: Path, target: Path) -> Path:
        if source.parent.name == "restoring":
            raise KeyboardInterrupt
        os.rename(source, target)
        return target

    monkeypatch.setattr(Path, "rename", dies)
    with pytest.raises(KeyboardInterrupt):
        restore(folder, tmp_path / "data", who="shell ann", now=NOON, on_progress=_nothing)
    monkeypatch.undo()
    with pytest.raises(StationError, match="was cut off"):
        Store(tmp_path / "data")
    later = NOON + timedelta(minutes=1)
    restore(folder, tmp_path / "data", who="shell ann", now=later, on_progress=_nothing)
    again = Store(tmp_path / "data")
    assert len(await again.alerts.newest(10)) == 1
    again.close()


def test_a_folder_that_is_no_backup_says_where_there_are_some(tmp_path: Path) -> None:
    Store(tmp_path / "data").close()
    folder = _backup(tmp_path)
    with pytest.raises(StationError, match="no complete backup") as caught:
        restore(folder.parent, tmp_path / "data", who="shell ann", now=NOON, on_progress=_nothing)
    assert folder.name in caught.value.hint
    with pytest.raises(StationError, match="no station in"):
        make_backup(tmp_path / "nothing", tmp_path, now=NOON, on_progress=_nothing)


def test_a_manifest_reaches_no_other_file(tmp_path: Path) -> None:
    Store(tmp_path / "data").close()
    folder = _backup(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    (tmp_path / "other").write_bytes(b"")
    manifest["files"]["../../other"] = sha256_of(b"")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(StationError, match="missing or damaged"):
        check_backup(folder, _nothing)


async def test_the_verbs_back_up_a_station_that_runs_and_restore_one_that_is_stopped(tmp_path: Path) -> None:
    config = tmp_path / "station.toml"
    config.write_text('[station]\nport = 0\nsign_in = false\ndata_dir = "station"\n')
    common = ["-c", str(config)]

    async def verb(*arguments: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, command_line, ["station", *arguments])
        return result.exit_code, result.output + str(result.exception or "")

    to = ["--to", str(tmp_path / "backups")]
    async with running(make_config(tmp_path)):
        code, said = await verb("backup", *common, *to, "--keep", "1")
        assert code == 0, said
        (folder,) = backups_in(tmp_path / "backups")
        assert f"{folder}: 0 pictures" in said.replace("\n", "")
        code, said = await verb("restore", *common, "--from", str(folder))
        assert code == 1
        assert "a station uses" in said
    code, said = await verb("restore", *common, "--from", str(folder))
    assert code == 0, said
    assert "before-restore-" in said
    async with running(make_config(tmp_path)):
        pass
