"""What the station answered with 2xx was on the disk before the answer: a power cut takes nothing back."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.uplink.makers import as_json, auth, make_alert, make_config, make_picture, sha256_of
from uplink.outbox import Outbox
from uplink.station.app import create_app

from .processes import Pair, free_port

FULL = 2
CALLS = "trace=fsync,fdatasync,sendto"


async def test_every_write_is_committed_and_synced_before_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        real_fsync(descriptor)
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        events.append(f"fsync {'folder' if path.is_dir() else path.suffix}")

    def noted(statement: str) -> None:
        if statement == "COMMIT":
            events.append(statement)

    def noting(app: ASGIApp) -> ASGIApp:
        async def noting_app(scope: Scope, receive: Receive, send: Send) -> None:
            async def noting_send(message: Any) -> None:
                if message["type"] == "http.response.start":
                    events.append(f"answer {message['status']}")
                await send(message)

            await app(scope, receive, noting_send)

        return noting_app

    monkeypatch.setattr(os, "fsync", fsync)
    app = create_app(make_config(tmp_path))
    app.add_middleware(noting)
    large = make_picture(size=5000)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            base_url="http://127.0.0.1/api/v1", transport=httpx.ASGITransport(app), headers=auth()
        ) as http,
    ):
        db = app.state.services.store._database._connection.conn
        assert db.execute("PRAGMA synchronous").fetchone() == (FULL,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        db.set_trace_callback(noted)
        alert = make_alert(pictures=(large,))
        picture = make_picture("another")

        async def done(method: str, path: str, **request: Any) -> list[str]:
            events.clear()
            answer = await http.request(method, path, **request)
            assert answer.status_code == 200
            return events[: events.index("answer 200")]

        before_alert = await done("PUT", f"/alerts/{alert.id}", json=as_json(alert))
        before_picture = await done("PUT", f"/media/{sha256_of(picture)}", content=picture)
        pieces = f"/media/{sha256_of(large)}/upload"
        piece = {"Upload-Length": str(len(large)), "Content-Type": "application/partial-upload"}
        before_piece = await done(
            "PATCH", pieces, content=large[:3000], headers={**piece, "Upload-Offset": "0"}
        )
        before_whole = await done(
            "PATCH", pieces, content=large[3000:], headers={**piece, "Upload-Offset": "3000"}
        )
        db.set_trace_callback(None)
    assert "COMMIT" in before_alert
    for before in (before_picture, before_whole):
        assert _in_order(before, ["fsync .part", "fsync folder", "COMMIT"]), before
    assert _in_order(before_piece, ["fsync .part", "fsync folder", "COMMIT"]), before_piece


def test_what_the_drone_keeps_is_synced_at_every_commit(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        connection: sqlite3.Connection = outbox._file._db.conn
        assert connection.execute("PRAGMA synchronous").fetchone() == (FULL,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.chaos
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_kernel_saw_a_sync_of_the_database_before_every_2xx(tmp_path: Path) -> None:
    """The station as a program, its system calls written down from outside."""
    pair = Pair(tmp_path, free_port())
    trace = tmp_path / "trace"
    pair.start("station")
    try:
        url = f"http://127.0.0.1:{pair.port}/api/v1"
        _until_it_answers(url)
        tracer = subprocess.Popen(
            ["strace", "-f", "-y", "-s16", f"-p{pair.running['station'].pid}", f"-o{trace}", f"-e{CALLS}"],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        with httpx.Client(base_url=url, headers=auth(), trust_env=False, timeout=30) as http:
            for number in range(30):
                picture = make_picture(f"{number}", size=20_000)
                alert = make_alert(pictures=(picture,))
                assert http.put(f"/alerts/{alert.id}", json=as_json(alert)).status_code == 200
                assert http.put(f"/media/{sha256_of(picture)}", content=picture).status_code == 200
        tracer.terminate()
        tracer.communicate(timeout=30)
    finally:
        pair.stop()
    answers = syncs = 0
    synced: set[str] = set()
    unfinished: dict[str, str] = {}
    for line in trace.read_text().splitlines():
        thread = line.split()[0]
        if match := re.search(r"\b(?:fsync|fdatasync)\(\d+<([^>]+)>", line):
            if "<unfinished" in line:
                unfinished[thread] = match.group(1)
            else:
                synced.add(match.group(1))
        elif re.search(r"(?:fsync|fdatasync) resumed>.*= 0", line):
            synced.add(unfinished.pop(thread))
        elif "sendto(" in line and '"HTTP/1.1 200' in line:
            answers += 1
            syncs += len(synced)
            assert any(path.endswith("station.db-wal") for path in synced), f"answer {answers}: {synced}"
            if answers % 2 == 0:
                assert any("/media/" in path and path.endswith(".part") for path in synced), synced
            synced.clear()
    print(f"{answers} answers of 2xx, {syncs} files synced before them, none without")
    assert answers == 60


def _in_order(events: list[str], wanted: list[str]) -> bool:
    rest = iter(events)
    return all(any(event == want for event in rest) for want in wanted)


def _until_it_answers(url: str) -> None:
    end_s = time.monotonic() + 60.0
    while True:
        try:
            httpx.get(f"{url}/healthz", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < end_s, "the station does not answer"
            time.sleep(0.05)
        else:
            return
