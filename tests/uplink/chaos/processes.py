"""A drone's sender and a station as processes of their own, to be killed and started anew."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from tests.uplink.makers import DRONE, KEY, SECRET, write_secret
from uplink.station.server import listen

ROOT = Path(__file__).parents[3]
_CONFIG = """
[station]
port = {port}
data_dir = "station"
sign_in = false

[[station.drones]]
id = "{drone}"
key_file = "drone.key"

[[station.webhooks]]
url = "http://127.0.0.1:9/nobody-listens"
secret_file = "webhook.secret"
allow_private = true
"""


def jpeg() -> bytes:
    """A small picture that can be decoded, also with anything behind it."""
    data = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 90, 30)).save(data, "JPEG")
    return data.getvalue()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    listener = listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    listener.close()
    return port


@dataclass(slots=True)
class Pair:
    """Both halves, in one folder. Everything that they say is in ``log``."""

    folder: Path
    port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        write_secret(self.folder / "drone.key", KEY)
        write_secret(self.folder / "webhook.secret", SECRET)
        (self.folder / "seed.jpg").write_bytes(jpeg())
        (self.folder / "station.toml").write_text(_CONFIG.format(port=self.port, drone=DRONE))

    def start(self, name: str) -> None:
        """``station`` or ``sender``."""
        self.running[name] = self._run(self._command(name))

    def kill(self, name: str) -> None:
        """As a power cut would, but for the kernel, which lives."""
        process = self.running.pop(name)
        assert process.poll() is None, f"{name} ended by itself\n{self.said()}"
        process.send_signal(signal.SIGKILL)
        process.wait()

    def wait_for_progress(self, name: str, alerts: int, timeout_s: float = 120.0) -> None:
        """Until the sender was told that so many more are kept, or the station has so many more of them."""
        how_many = {"sender": lambda: len(self.kept()), "station": self._at_the_station}[name]
        before, end_s = how_many(), time.monotonic() + timeout_s
        while how_many() < before + alerts:
            for each, process in self.running.items():
                assert process.poll() is None, f"{each} ended by itself\n{self.said()}"
            assert time.monotonic() < end_s, f"the {name} does not go on\n{self.said()}"
            time.sleep(0.02)

    def _at_the_station(self) -> int:
        path = self.folder / "station" / "station.db"
        if not path.exists():
            return 0
        try:
            with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
                found: int = db.execute("select coalesce(sum(revision), 0) from alerts").fetchone()[0]
                return found
        except sqlite3.OperationalError:
            return 0  # it has no tables yet

    def drain(self, timeout_s: float) -> None:
        """Until everything is at the station."""
        self.running["drain"] = self._run([*self._command("sender"), "--drain"])
        assert self.running["drain"].wait(timeout_s) == 0, self.said()
        del self.running["drain"]

    def stop(self) -> None:
        """Whatever is left."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait(30)

    def said(self) -> str:
        """The last of what was logged."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def kept(self) -> list[tuple[str, int, str]]:
        """Id, revision and picture of everything that the sender was told is kept."""
        path = self.folder / "kept.log"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        words = [line.split() for line in lines if line.endswith("\n")]
        return [(alert_id, int(revision), sha256) for alert_id, revision, sha256 in words]

    def _command(self, name: str) -> list[str]:
        if name == "station":
            return [sys.executable, "-m", "edge.cli", "station", "-c", str(self.folder / "station.toml")]
        url = f"http://127.0.0.1:{self.port}"
        return [sys.executable, "-m", "tests.uplink.chaos.sender", str(self.folder), url]

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env={**os.environ})
