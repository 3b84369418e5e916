"""The film and the MAVLink log of a flight, what a killed agent leaves of them, and the disk they keep to."""

from __future__ import annotations

import io
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pymavlink import mavutil

from edge.camera import Frame
from edge.recording.parts import LEFT_BYTES, parts_of, recordings
from edge.recording.recorder import FOLDER
from edge.recording.replay_command import list_recordings
from edge.recording.tape import Packets, Picture, Record, Recording, Tape
from edge.vision.filmer import Filmer
from edge.vision.view import Shown, pack_shown
from flight.link import Codec, Link, mavlink
from tests.edge.watched_flight import FIRE, Flight
from uplink.outbox import Outbox

MEGABYTE = 1024 * 1024


def jpeg(grey: int, width_px: int = 64, height_px: int = 48) -> bytes:
    return cv2.imencode(".jpg", np.full((height_px, width_px, 3), grey, np.uint8))[1].tobytes()


def films(folder: Path) -> list[list[tuple[float, float]]]:
    """Of each film, seconds and mean grey of its pictures, as a player sees them."""
    found = []
    for path in parts_of(folder):
        if path.suffix != ".mkv":
            continue
        video = cv2.VideoCapture(str(path))
        pictures = []
        while (read := video.read())[0]:
            pictures.append((video.get(cv2.CAP_PROP_POS_MSEC) / 1000, float(read[1].mean())))
        found.append(pictures)
    return found


def logged(folder: Path) -> list[Any]:
    """All messages of the MAVLink logs, as pymavlink's own reader sees them."""
    found = []
    for path in parts_of(folder):
        if path.suffix == ".tlog":
            log = mavutil.mavlink_connection(str(path))
            while (message := log.recv_msg()) is not None:
                found.append(message)
            log.close()
    return found


def heartbeat(custom_mode: int) -> Any:
    return mavlink.MAVLink_heartbeat_message(2, 3, 81, custom_mode, 4, 3)


def test_the_film_plays_with_the_instants_at_which_its_pictures_were_taken(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "a", {}, most_bytes=10 * MEGABYTE)
    for number in range(5):
        tape.put(Picture(50.0 + number * 0.7, 64, 48, jpeg(40 * number)))
    tape.put(Picture(60.0, 32, 24, jpeg(200, 32, 24)))  # the camera has another size now
    tape.close()
    first, second = films(tmp_path / "a")
    assert [at_s for at_s, _ in first] == pytest.approx([0.0, 0.7, 1.4, 2.1, 2.8])
    assert [grey for _, grey in first] == pytest.approx([0, 40, 80, 120, 160], abs=2)
    assert [at_s for at_s, _ in second] == [0.0]


async def test_all_mavlink_that_came_and_went_is_in_a_log_that_pymavlink_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_s = time.time()
    with Outbox(tmp_path / "outbox.db") as outbox, socket.socket(type=socket.SOCK_DGRAM) as vehicle:
        flight = Flight(tmp_path, outbox, monkeypatch)
        async with Link("udpin:127.0.0.1:0") as link:
            flight.recorder.start(flight.watch, link)
            codec = Codec(7, 1)
            with link.expect("HEARTBEAT") as inbox:
                link.speak_as(7)
                vehicle.connect(("127.0.0.1", link.local_port))
                vehicle.send(codec.encode(heartbeat(11)) + codec.encode(heartbeat(12)))
                assert await inbox.next(10.0)
            assert link.send(heartbeat(99))
        flight.recorder.close()
    (folder,) = recordings(flight.config.data_dir / FOLDER)
    messages = logged(folder)
    assert [(m.get_srcComponent(), m.custom_mode) for m in messages] == [(1, 11), (1, 12), (191, 99)]
    assert all(began_s - 1 < message._timestamp < time.time() + 1 for message in messages)


KILLED = """
import sys
from pathlib import Path
from edge.recording.tape import Packets, Picture, Record, Tape
from flight.link import Codec, mavlink
tape = Tape(Path(sys.argv[1]), {"started_at": "2026-01-01T00:00:00"}, most_bytes=200_000_000)
codec, jpeg = Codec(7, 1), Path(sys.argv[2]).read_bytes()
for number in range(10**9):
    tape.put(Record({"kind": "id", "number": number}, jpeg))
    tape.put(Picture(number * 0.5, 1280, 720, jpeg))
    message = mavlink.MAVLink_heartbeat_message(2, 3, 81, number, 4, 3)
    tape.put(Packets([(number * 0.5, codec.encode(message))]))
    print(number, flush=True)
"""


def test_what_a_killed_process_had_recorded_is_readable_to_the_last_entry(tmp_path: Path) -> None:
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(jpeg(128, 1280, 720))
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path / "a", picture], stdout=subprocess.PIPE, text=True
    ) as writing:
        assert writing.stdout is not None
        for line in writing.stdout:
            if int(line) == 30:
                writing.send_signal(signal.SIGKILL)
                break
        last = int([line, *writing.stdout][-1])  # it went on until the signal came
    assert writing.returncode == -signal.SIGKILL
    recording = Recording.open(tmp_path / "a")
    assert recording.whole
    told = [record.head["number"] for record in recording.records()]
    assert told[: last + 1] == list(range(last + 1))
    assert len(told) - last in (1, 2)
    modes = [message.custom_mode for message in logged(tmp_path / "a")]
    assert modes[: last + 1] == list(range(last + 1))
    assert sum(map(len, films(tmp_path / "a"))) >= last + 1


def test_a_clock_that_was_set_back_does_not_cost_the_flight_that_is_recorded(tmp_path: Path) -> None:
    """Recordings are named by their time, and one of last year's clock would be the oldest."""
    before = Tape(tmp_path / "20270101T000000Z-aaaa", {}, most_bytes=MEGABYTE)
    before.put(Picture(1.0, 64, 48, bytes(400_000)))
    before.close()
    now = Tape(tmp_path / "20260101T000000Z-bbbb", {}, most_bytes=MEGABYTE)
    for number in range(5):  # of another size each time: in a file of its own
        now.put(Picture(2.0 + number, 64 + number, 48, bytes(60_000)))
    now.close()
    assert len(parts_of(tmp_path / "20260101T000000Z-bbbb")) == 1 + 5
    assert recordings(tmp_path) == [tmp_path / "20260101T000000Z-bbbb"]


def test_film_and_mavlink_log_keep_to_the_same_share_and_the_oldest_goes_first(tmp_path: Path) -> None:
    packet = Codec(7, 1).encode(heartbeat(1))
    most_bytes = 400_000
    for name in ("a", "b"):
        tape = Tape(tmp_path / name, {}, most_bytes=most_bytes)
        for number in range(300):
            tape.put(Record({"kind": "id"}, bytes(1000)))
            tape.put(Picture(number, 64, 48, bytes(1000)))
            tape.put(Packets([(number, packet)] * 10))
        tape.close()
        assert sum(Recording.open(one).size_bytes for one in recordings(tmp_path)) <= most_bytes
    assert [one.name for one in recordings(tmp_path)] == ["b"]
    left = parts_of(tmp_path / "b")
    assert {path.suffix for path in left} == {".part", ".tlog", ".mkv"}
    numbers = [int(path.stem) for path in left]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "only the oldest are gone"


def test_the_last_of_the_disk_is_left_to_alerts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = Tape(tmp_path / "a", {}, most_bytes=10 * MEGABYTE)
    monkeypatch.setattr(
        "edge.recording.parts.shutil.disk_usage",
        lambda _path: type("Usage", (), {"free": LEFT_BYTES - 1}),
    )
    with pytest.raises(OSError, match="for alerts"):
        tape.put(Picture(0.0, 64, 48, jpeg(0)))
    tape.put(Record({"kind": "id"}))  # what is open goes on


def test_a_list_of_recordings_says_how_long_they_are_and_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    with Outbox(tmp_path / "outbox.db") as outbox:
        flight = Flight(tmp_path, outbox, monkeypatch, recorded=True)
        flight.vehicle.telemetry.armed = True
        flight.see(12, FIRE)
        for _ in range(2):
            flight.watch.on_alert.tell(alert_like(flight))
        flight.recorder.close()
    list_recordings(flight.config.data_dir)
    (row,) = [line for line in capsys.readouterr().out.splitlines() if FOLDER in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[2:5] == ["0.2", "60", "1"]
    assert cells[6] == "yes"


def alert_like(flight: Flight) -> Any:
    """One that only its id matters of."""
    told = {"id": "0190a1b2-0000-7000-8000-000000000001"}
    return type("Told", (), {"model_dump": lambda _self, mode: told})()


def test_the_film_is_made_of_few_frames_at_the_height_that_is_wished() -> None:
    pipe = io.BytesIO()
    filmer = Filmer(pipe, frames_per_s=2.0, height_px=36)
    image = np.zeros((72, 128, 3), np.uint8)
    for number in range(11):  # ten a second
        filmer.see(Frame(image, number * 0.1, number, "test"))
        filmer.film_one(timeout_s=0.0)
    made = pipe.getvalue()
    assert made.count(b'"film": true') in (2, 3)
    assert b'"height_px": 36' in made
    idle = Filmer(pipe, frames_per_s=0.0, height_px=36)
    idle.see(Frame(image, 0.0, 1, "test"))
    assert idle._frames._item is None


def test_a_picture_for_who_watches_is_none_of_the_film() -> None:
    assert b'"film": false' in pack_shown(Shown(0.0, 1, 1, 1, 1))
