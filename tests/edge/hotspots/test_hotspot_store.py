"""Hotspots outlive the agent: the same fire goes on under the same alert."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from edge.hotspots.hotspot import Hotspot, HotspotChange, HotspotState
from edge.hotspots.hotspot_record import TrackerRecord
from edge.hotspots.hotspot_store import CLOCKS_APART_S, HotspotStore
from edge.hotspots.tracker import MOST_KEPT
from tests.edge import watched_flight
from tests.edge.hotspots.test_hotspots import ABOVE, PLACE, START, Watch, box, offset_m
from tests.edge.watched_flight import FIRE, Flight
from uplink.messages import Alert, AlertState
from uplink.outbox import Outbox

KEPT_S = 6 * 3600.0
UTC_10 = START + timedelta(seconds=10)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "hotspots.json"


@pytest.fixture
def boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that says which boot of the machine this is."""
    path = tmp_path / "boot_id"
    path.write_text("one\n")
    monkeypatch.setattr("edge.hotspots.hotspot_store.BOOT_ID", path)
    return path


def seen(seconds: float = 4.0) -> Watch:
    """A watch that has confirmed a fire, and has one wrong box besides."""
    watch = Watch()
    now_s = watch.looks(10.0, int(seconds * 5), ABOVE, [box(ABOVE, *PLACE, score=0.8)])
    watch.look(now_s, ABOVE, [box(ABOVE, *PLACE, score=0.8), box(ABOVE, 40.0, 60.0, score=0.5)])
    return watch


def kept(watch: Watch, file: Path) -> TrackerRecord:
    """The latest state of a watch, put on the disk."""
    latest = max(hotspot.latest.at_s for hotspot in watch.tracker.hotspots)
    record = watch.tracker.keep(latest, START + timedelta(seconds=latest))
    HotspotStore(file, kept_s=KEPT_S).save(record)
    return record


def taken(file: Path, at_s: float, utc: datetime) -> Watch | None:
    """A new watch that goes on with what is on the disk."""
    record = HotspotStore(file, kept_s=KEPT_S).take(at_s, utc)
    if record is None:
        return None
    watch = Watch()
    watch.tracker.go_on(record, watch.terrain)
    return watch


def confirmed(watch: Watch | None) -> Hotspot:
    assert watch is not None
    (hotspot,) = watch.confirmed
    return hotspot


def test_the_same_fire_goes_on_under_its_id_where_it_was(file: Path) -> None:
    before = seen()
    kept(before, file)
    watch = taken(file, 60.0, START + timedelta(seconds=60))
    assert watch is not None
    old, new = confirmed(before), confirmed(watch)
    assert (new.id, new.looks, new.probability) == (old.id, old.looks, old.probability)
    assert math.dist(offset_m(new, PLACE), offset_m(old, PLACE)) < 0.1
    assert new.covariance_m2 is not None
    assert old.covariance_m2 is not None
    assert new.covariance_m2 == pytest.approx(old.covariance_m2, rel=0.05, abs=0.5)
    watch.looks(60.0, 10, ABOVE, [box(ABOVE, *PLACE, score=0.8)])
    assert set(watch.kinds) == {"updated"}
    assert {change.hotspot.id for change in watch.changes} == {old.id}
    assert confirmed(watch).looks == old.looks + 10
    assert confirmed(watch).first.utc == UTC_10


def test_a_fire_that_is_out_after_the_restart_is_told_to_be_lost(file: Path) -> None:
    kept(seen(), file)
    watch = taken(file, 60.0, START + timedelta(seconds=60))
    assert watch is not None
    watch.looks(60.0, 60, ABOVE)
    assert [(change.kind, change.hotspot.id) for change in watch.changes] == [("lost", UUID(int=1))]


def test_tentative_ones_are_not_kept_and_of_many_the_latest(file: Path) -> None:
    watch = seen()
    assert len(watch.tracker.hotspots) == 2
    assert [track.id for track in kept(watch, file).tracks] == [UUID(int=1)]
    (track,) = watch.tracker._tracks[:1]
    for number in range(2 * MOST_KEPT):
        copy = type(track).of_record(replace(_record(watch), id=UUID(int=100 + number)), track._config)
        copy.latest = replace(copy.latest, at_s=20.0 + number)
        watch.tracker._tracks.append(copy)
    record = kept(watch, file)
    assert len(record.tracks) == MOST_KEPT
    assert min(track.latest.at_s for track in record.tracks) == 20.0 + MOST_KEPT


def _record(watch: Watch) -> Any:
    return watch.tracker.keep(20.0, START).tracks[0]


def test_what_was_seen_apart_stays_apart(file: Path) -> None:
    before = Watch()
    fires = [box(ABOVE, *PLACE, score=0.8), box(ABOVE, 12.0, 80.0, score=0.8)]
    before.looks(10.0, 20, ABOVE, fires)
    assert len(before.confirmed) == 2
    kept(before, file)
    watch = taken(file, 60.0, START + timedelta(seconds=60))
    assert watch is not None
    watch.looks(60.0, 20, ABOVE, fires)
    assert {hotspot.id for hotspot in watch.confirmed} == {hotspot.id for hotspot in before.confirmed}
    assert set(watch.kinds) == {"updated"}


# --- clocks ------------------------------------------------------------------------------------------------


def test_after_a_reboot_instants_are_converted_by_way_of_utc(file: Path, boot: Path) -> None:
    """The machine's clock has begun anew, 20 minutes after the last look."""
    record = kept(seen(), file)
    boot.write_text("two\n")
    watch = taken(file, 3.0, record.utc + timedelta(minutes=20))
    hotspot = confirmed(watch)
    assert hotspot.latest.at_s == pytest.approx(3.0 - 1200.0)
    assert hotspot.latest.at_s - hotspot.first.at_s == pytest.approx(record.at_s - 10.0)


def test_on_the_same_boot_a_clock_that_was_set_right_does_not_matter(file: Path, boot: Path) -> None:
    assert boot.exists()
    record = kept(seen(), file)
    watch = taken(file, record.at_s + 60.0, record.utc + timedelta(days=300))
    assert confirmed(watch).latest.at_s == pytest.approx(record.at_s)


@pytest.mark.parametrize(
    ("age_s", "goes_on"),
    [(KEPT_S - 1, True), (KEPT_S + 1, False), (-CLOCKS_APART_S + 1, True), (-CLOCKS_APART_S - 1, False)],
)
def test_only_what_is_not_too_old_and_not_of_the_future_is_gone_on_with(
    file: Path, boot: Path, age_s: float, goes_on: bool
) -> None:
    record = kept(seen(), file)
    boot.write_text("two\n")
    watch = taken(file, 5.0, record.utc + timedelta(seconds=age_s))
    assert (watch is not None) is goes_on
    if watch is not None:
        assert confirmed(watch).latest.at_s <= 5.0


def test_what_was_taken_is_not_taken_twice(file: Path) -> None:
    kept(seen(), file)
    store = HotspotStore(file, kept_s=KEPT_S)
    assert store.take(20.0, START + timedelta(seconds=20)) is not None
    assert store.take(21.0, START + timedelta(seconds=21)) is None


# --- files that are no good --------------------------------------------------------------------------------


def _changed(text: str, change: str) -> str:
    document = json.loads(text)
    track = document["tracker"]["tracks"][0]
    match change:
        case "version":
            document["version"] = 99
        case "format":
            document["format"] = "patrol"
        case "field":
            del track["looks"]
        case "kind":
            track["log_odds"] = "much"
        case "nan":
            return text.replace(f'"log_odds":{track["log_odds"]}', '"log_odds":NaN')
        case "huge":
            return text.replace(f'"log_odds":{track["log_odds"]}', '"log_odds":1' + 400 * "0")
        case "list":
            return "[]"
        case "deep":
            return 100_000 * "["
        case "half":
            return text[: len(text) // 2]
        case "empty":
            return ""
    return json.dumps(document)


@pytest.mark.parametrize(
    "change",
    ["version", "format", "field", "kind", "nan", "huge", "list", "deep", "half", "empty"],
)
def test_a_file_that_is_damaged_or_foreign_is_told_of_and_stops_nothing(
    file: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept(seen(), file)
    file.write_text(_changed(file.read_text(), change))
    assert taken(file, 60.0, START + timedelta(seconds=60)) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(file) in caplog.text
    kept(seen(), file)
    assert confirmed(taken(file, 60.0, START + timedelta(seconds=60))).id == UUID(int=1)


def test_a_file_with_bytes_that_are_no_text_and_one_that_is_a_folder_stop_nothing(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"\xff\x00\xfe")
    assert taken(file, 60.0, START) is None
    file.unlink()
    file.mkdir()
    assert taken(file, 60.0, START) is None


def test_numbers_of_another_shape_stop_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        flight = Flight(tmp_path, outbox, monkeypatch)
        watch = seen()
        record = kept(watch, tmp_path / "data" / "hotspots.json")
        spot = record.tracks[0].spot
        assert spot is not None
        wrong = replace(record.tracks[0], spot=replace(spot, information=np.eye(2)))
        HotspotStore(tmp_path / "data" / "hotspots.json", kept_s=KEPT_S).save(
            replace(record, tracks=(wrong,))
        )
        flight.watch._store = HotspotStore(tmp_path / "data" / "hotspots.json", kept_s=KEPT_S)
        flight.vehicle.telemetry.armed = True
        flight.see(4.0, FIRE)
        (confirmed_,) = [h for h in flight.watch.hotspots if h.state is HotspotState.CONFIRMED]
        assert confirmed_.id != UUID(int=1)


def test_a_disk_that_takes_nothing_is_told_of_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    record = kept(seen(), file)
    store = HotspotStore(file, kept_s=KEPT_S)
    file.unlink()
    file.parent.rmdir()
    file.parent.write_text("in the way")
    store.save(record)
    store.save(record)
    file.parent.unlink()
    store.save(record)
    assert [one.levelname for one in caplog.records if one.name == "edge.hotspots.hotspot_store"] == [
        "WARNING",
        "INFO",
    ]
    assert file.exists()


# --- the agent ---------------------------------------------------------------------------------------------

_AGENT = """
import asyncio, sys
from pathlib import Path
import pytest
from tests.edge.watched_flight import FIRE, Flight
from uplink.outbox import Outbox

async def main(folder):
    with Outbox(folder / "outbox.db") as outbox:
        flight = Flight(folder, outbox, pytest.MonkeyPatch())
        flight.vehicle.telemetry.armed = True
        watch = flight.watch
        keeping = [asyncio.create_task(work()) for work in (watch._keep_alerts, watch._keep_hotspots)]
        while True:
            flight.see(0.2, FIRE)
            await asyncio.sleep(0.001)
            if outbox.waiting():
                print(flight.changes[0].hotspot.id, flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.fixture
def killed(tmp_path: Path) -> tuple[Path, UUID]:
    """An agent's folder after ``kill -9`` in the middle of its work, and the id of the fire that it saw."""
    with subprocess.Popen(
        [sys.executable, "-c", _AGENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            told = process.stdout.readline()
        finally:
            os.kill(process.pid, signal.SIGKILL)
    return tmp_path, UUID(told.strip())


def test_after_kill_9_the_same_fire_goes_on_under_its_alert_with_a_higher_revision(
    killed: tuple[Path, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, fire_id = killed
    with Outbox(folder / "outbox.db") as outbox:
        (told,) = [Alert.model_validate_json(body) for body in outbox.told(10).values()]
        assert told.id == fire_id
        flight = Flight(folder, outbox, monkeypatch)
        flight.vehicle.telemetry.armed = True
        quiet: list[HotspotChange] = []
        flight.watch.on_quiet.append(quiet.append)
        flight.see(4.0, FIRE)
        assert [change.hotspot.id for change in quiet] == [fire_id]  # it is kept clear of before it is seen
        alerts = flight.alerts
    assert {alert.id for alert in alerts} == {fire_id}
    assert [alert.revision for alert in alerts] == list(
        range(told.revision + 1, told.revision + 1 + len(alerts))
    )
    assert alerts[0].state is AlertState.CONFIRMED
    assert alerts[0].confirmed_at == told.confirmed_at
    assert alerts[0].looks > told.looks


def test_hotspots_are_on_the_disk_before_their_alert_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    with Outbox(tmp_path / "outbox.db") as outbox:
        flight = Flight(tmp_path, outbox, monkeypatch)
        flight.vehicle.telemetry.armed = True
        monkeypatch.setattr(flight.watch._store, "save", lambda _record: order.append("hotspots"))
        monkeypatch.setattr(flight.watch._outbox, "put_alert", lambda *_: order.append("alert"))
        flight.see(2.0, FIRE)

        async def keep() -> None:
            keeping = asyncio.create_task(flight.watch._keep_alerts())
            while "alert" not in order:
                await asyncio.sleep(0.001)
            keeping.cancel()

        asyncio.run(asyncio.wait_for(keep(), 30))
    assert order[:2] == ["hotspots", "alert"]


def test_an_agent_told_to_keep_nothing_begins_anew(
    killed: tuple[Path, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, fire_id = killed
    monkeypatch.setattr(
        watched_flight, "CONFIG", watched_flight.CONFIG.replace('"data"', '"data"\nhotspots_kept_h = 0')
    )
    with Outbox(folder / "outbox.db") as outbox:
        flight = Flight(folder, outbox, monkeypatch)
        flight.vehicle.telemetry.armed = True
        flight._seq = 10_000  # some time later
        flight.see(4.0, FIRE)
        alerts = flight.alerts
    assert alerts
    assert fire_id not in {alert.id for alert in alerts}
    assert datetime.now(tz=UTC) >= alerts[0].confirmed_at
