"""kill -9 of the drone's process and of the station, at random points and under load: nothing that was
acknowledged is lost, nothing counts twice, and both databases are sound."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .processes import Pair, free_port

AT_WORK_SHARE = 0.8  # the others meet it wherever it is, while it starts too
LONGEST_PAUSE_S = 0.4


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path, free_port())
    try:
        yield pair
    finally:
        pair.stop()


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(2, id="short"),
        pytest.param(200, id="long", marks=[pytest.mark.chaos, pytest.mark.timeout(3600)]),
    ],
)
def test_kill_minus_nine_loses_no_alert_and_doubles_none(pair: Pair, kills: int) -> None:
    rng = random.Random(9)
    for name in ("station", "sender"):
        pair.start(name)
    killed = {"station": 0, "sender": 0}
    for number in range(kills):
        name = ("station", "sender")[number % 2] if number < 2 else rng.choice(["station", "sender"])
        if rng.random() < AT_WORK_SHARE:
            pair.wait_for_progress(name, rng.randint(1, 8))
        time.sleep(rng.uniform(0.0, LONGEST_PAUSE_S))
        pair.kill(name)
        killed[name] += 1
        pair.start(name)
    pair.kill("sender")
    pair.drain(timeout_s=120.0)
    pair.kill("station")

    kept = pair.kept()
    highest: dict[str, int] = {}
    for alert_id, revision, _ in kept:
        highest[alert_id] = max(revision, highest.get(alert_id, 0))
    with _reading(pair.folder / "station" / "station.db") as db:
        stored = dict(db.execute("select id, revision from alerts").fetchall())
        rows = db.execute("select count(*) from alerts").fetchone()[0]
        events = "select count(*) from deliveries where type like 'alert.%' group by subject_id, revision"
        most_events = max(row[0] for row in db.execute(events))
    lost = {alert_id for alert_id, revision in highest.items() if stored.get(alert_id, 0) < revision}
    missing = [
        sha256
        for _, _, sha256 in kept
        if sha256 != "-" and not (pair.folder / "station" / "media" / sha256[:2] / f"{sha256}.jpg").is_file()
    ]
    print(
        f"{killed['station']} kills of the station, {killed['sender']} of the sender: {len(highest)} alerts "
        f"in {len(kept)} revisions, {len(lost)} lost, {rows - len(stored)} doubled"
    )
    assert not lost
    assert not missing
    assert rows == len(stored)
    assert most_events == 1, "a webhook is told of a revision once"
    assert not list(pair.folder.rglob("*.corrupt*"))
    with _reading(pair.folder / "outbox.db") as db:
        assert db.execute("select count(*) from dead_letters").fetchone() == (0,)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, once it has said that it is sound."""
    db = sqlite3.connect(path)
    try:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        yield db
    finally:
        db.close()
