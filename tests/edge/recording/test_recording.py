"""What the flight recorder keeps, and that a replay makes the same alerts of it."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import cv2
import numpy as np
import pytest
from uuid6 import uuid7

from edge.recording.look_again import look_again
from edge.recording.parts import HEADER, recordings
from edge.recording.recorder import FOLDER, Recorder
from edge.recording.replay import Outcome, replay
from edge.recording.tape import Record, Recording, RecordingError, Tape
from edge.vision.merge import Found
from edge.vision.report import PICTURES, FrameReport
from tests.edge.watched_flight import FIRE, Flight
from uplink.outbox import Outbox

SMOKE = Found("smoke", 0.7, 300.0, 200.0, 420.0, 330.0)
PICTURE = b"\xff\xd8" + b"x" * 1000


@pytest.fixture
def flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flight]:
    with Outbox(tmp_path / "outbox.db") as outbox:
        flown = Flight(tmp_path, outbox, monkeypatch, recorded=True)
        flown.vehicle.telemetry.armed = True
        yield flown


async def recorded(flight: Flight) -> Recording:
    await flight.watch.keep_what_waits()
    flight.recorder.close()
    (folder,) = recordings(flight.config.data_dir / FOLDER)
    return Recording.open(folder)


async def test_a_replay_tells_the_same_alerts_digit_for_digit(flight: Flight) -> None:
    flight.see(3, FIRE, speed_m_s=5.0)
    flight.see(2, FIRE, SMOKE, speed_m_s=5.0)
    flight.see(12, FIRE)
    flight.see(30)  # it is lost
    outcome = await replay(await recorded(flight))
    assert outcome.frames == 235
    assert outcome.missing == 0
    assert len(outcome.then) >= 3
    assert {alert.state for alert in outcome.then.values()} == {"confirmed", "lost"}
    assert outcome.differences == []
    assert outcome.now == outcome.then


async def test_what_has_come_out_differently_is_named(flight: Flight) -> None:
    flight.see(3, FIRE)
    recording = await recorded(flight)
    outcome = await replay(recording)
    ((key, alert),) = [*outcome.now.items()][:1]
    told = {**outcome.now, key: alert.model_copy(update={"score": 0.1})}
    more = (str(UUID(int=1)), 1)
    assert Outcome(then={**outcome.then, more: alert}, now=told).differences == [
        f"alert {more[0]}, revision 1: told then only",
        f"alert {key[0]}, revision {key[1]}: another score",
    ]


async def test_frames_that_could_not_be_placed_are_replayed_as_such(flight: Flight) -> None:
    flight.see(2, FIRE)
    flight.see(2, FIRE, posed=False)
    flight.position_ok = False
    flight.see(2, FIRE)
    flight.position_ok = True
    flight.see(3, FIRE)
    outcome = await replay(await recorded(flight))
    assert outcome.then
    assert outcome.differences == []


async def test_another_pipeline_is_found_out(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    flight.see(4, FIRE)
    recording = await recorded(flight)
    monkeypatch.setattr("edge.hotspots.track.HIT_LOG_ODDS", 0.1)
    assert (await replay(recording)).differences


async def test_a_recording_that_a_crash_has_cut_short_is_replayed_up_to_there(flight: Flight) -> None:
    flight.see(4, FIRE)
    recording = await recorded(flight)
    (part,) = recording.folder.glob("*.part")
    part.write_bytes(part.read_bytes()[:-700])
    outcome = await replay(recording)
    assert 0 < outcome.frames <= 20


def record(number: int) -> Record:
    return Record({"kind": "id", "id": str(UUID(int=number))}, PICTURE)


def test_all_recordings_together_keep_to_their_share_of_the_disk(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        tape = Tape(tmp_path / name, {}, most_bytes=50_000)
        for number in range(25):
            tape.append(record(number))
        tape.close()
    left = {folder.name: Recording.open(folder) for folder in recordings(tmp_path)}
    assert sum(one.size_bytes for one in left.values()) <= 50_000
    assert "a" not in left  # the oldest has gone, with its folder
    assert not (tmp_path / "a").exists()
    assert left["c"].whole


def test_a_recording_longer_than_its_share_loses_its_own_beginning_and_says_so(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "a", {}, most_bytes=30_000)
    for number in range(100):
        tape.append(record(number))
    tape.close()
    one = Recording.open(tmp_path / "a")
    assert not one.whole
    assert [*one.records()][-1] == record(99)


async def test_a_full_disk_costs_records_and_nothing_else(
    flight: Flight, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_tape: Tape, _entry: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    flight.see(1, FIRE)
    monkeypatch.setattr(Tape, "put", full)
    flight.see(20, FIRE)
    await flight.watch.keep_what_waits()
    flight.recorder.close()
    assert flight.changes
    assert caplog.text.count("the flight is not recorded for now") <= 1


async def test_nothing_is_recorded_where_nothing_shall_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        flight = Flight(tmp_path, outbox, monkeypatch, recorded=True, most_mb=0)
        flight.see(2, FIRE)
        flight.recorder.close()
    assert recordings(flight.config.data_dir / FOLDER) == []


def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="there is no recording in"):
        Recording.open(tmp_path)
    (tmp_path / HEADER).write_text("{")
    with pytest.raises(RecordingError, match="is damaged"):
        Recording.open(tmp_path)
    (tmp_path / HEADER).write_text(json.dumps({"format": "emberwatch recording", "version": 99}))
    with pytest.raises(RecordingError, match="another kind or version"):
        Recording.open(tmp_path)


def test_a_recorder_that_was_not_started_takes_nothing(flight: Flight) -> None:
    idle = Recorder(flight.config, known={}, new_id=uuid7)
    assert idle.new_id()
    idle.close()


def test_recorded_pictures_are_looked_at_again_by_another_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One box is found again with another score, one is not, and one is new."""
    jpeg = cv2.imencode(".jpg", np.full((720, 1280, 3), 90, np.uint8))[1].tobytes()
    report = FrameReport(1, 0.2, 1280, 720, (FIRE, SMOKE), 20.0, 0, 1, 40.0)
    told = {key: value for key, value in asdict(report).items() if key not in PICTURES}
    tape = Tape(tmp_path / "a", {}, most_bytes=1_000_000)
    for picture in (jpeg, b"", b"no picture"):
        tape.append(Record({"kind": "frame", "report": told, "facts": {}}, picture))
    tape.close()
    elsewhere = Found("smoke", 0.5, 900.0, 200.0, 990.0, 330.0)
    other = SimpleNamespace(detect=lambda _image: [replace(FIRE, score=0.7, x1=FIRE.x1 + 5), elsewhere])
    monkeypatch.setattr("models.detector.Detector.load", lambda _model, threads: other)
    (judged,) = look_again(tmp_path / "a", None).values()
    assert (judged.frames, judged.then, judged.now, judged.both) == (1, 2, 2, 1)
    assert judged.score_off == pytest.approx(0.1)
    assert "1 pictures: 2 boxes then, 2 now, 1 the same" in capsys.readouterr().out


def test_a_flight_on_which_nothing_was_found_has_no_frame_to_look_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Tape(tmp_path / "a", {}, most_bytes=1_000_000).close()
    assert look_again(tmp_path / "a", None) == {}
    assert "Nothing was found" in capsys.readouterr().out
