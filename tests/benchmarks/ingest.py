"""How many alerts with their pictures a station takes in a second, each on its disk before the answer.

A real station process on loopback, and beside it, on the same cores, a process that speaks to it as drones
do: each on a connection of its own puts an alert and then the alert's picture of 40 kB, and goes on when both
are answered. First as fast as they can; then 200 a second by the clock, where what comes late counts as late.
The station checks and re-encodes the pictures meanwhile, as it always does.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import uuid6
from PIL import Image

from tests.benchmarks.table import Row
from tests.uplink.makers import NOON, make_alert

DRONES = 16
PICTURE_BYTES = 40_000
FLAT_OUT_S, PACED_S = 10.0, 15.0
PACE_PER_S = 200
BARE = 500  # alerts with pictures that the bare limit is measured with
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Taken:
    """What the station answered: seconds for each alert with its picture, and for each request."""

    pair_s: list[float] = field(default_factory=list)
    alert_s: list[float] = field(default_factory=list)
    picture_s: list[float] = field(default_factory=list)
    over_s: float = 0.0

    @property
    def per_s(self) -> float:
        return len(self.pair_s) / self.over_s


def rows() -> list[Row]:
    bare_per_s = bare_limit_per_s()
    flat, paced = measure()
    ratio = flat.per_s / bare_per_s
    return [
        Row(
            "alerts with a 40 kB picture taken in, durable before the answer, flat out",
            f"{flat.per_s:.0f}/s ({ratio:.2f} of the {bare_per_s:.0f}/s at which one process does nothing "
            "but write and fsync the same bytes)",
            "≥ 200/s",
        ),
        Row(
            f"the same at {PACE_PER_S}/s by the clock: time to both answers",
            f"p50 {_at(paced.pair_s, 0.5):.1f} ms, p99 {_at(paced.pair_s, 0.99):.1f} ms (alert alone: p99 "
            f"{_at(paced.alert_s, 0.99):.1f} ms; picture alone: p99 {_at(paced.picture_s, 0.99):.1f} ms)",
            "p99 ≤ 100 ms",
        ),
    ]


def measure(*, flat_out_s: float = FLAT_OUT_S, paced_s: float = PACED_S) -> tuple[Taken, Taken]:
    """Flat out, then by the clock; with a load generator in a process of its own."""
    with tempfile.TemporaryDirectory() as folder, _station(Path(folder)) as (port, keys):
        asked = json.dumps({"port": port, "keys": keys, "flat_out_s": flat_out_s, "paced_s": paced_s})
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.ingest", asked],
            cwd=REPOSITORY,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    flat, paced = json.loads(done.stdout)
    return Taken(**flat), Taken(**paced)


def bare_limit_per_s() -> float:
    """Alerts with pictures a second that one process writes, each in a file of its own with an fsync each."""
    picture, alert = b"p" * PICTURE_BYTES, _alert_body(b"")[1]
    with tempfile.TemporaryDirectory() as folder:
        started_s = time.perf_counter()
        for number in range(BARE):
            for name, data in (("json", alert), ("jpg", picture)):
                with Path(folder, f"{number}.{name}").open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
        return BARE / (time.perf_counter() - started_s)


@contextmanager
def _station(folder: Path) -> Iterator[tuple[int, list[str]]]:
    keys = [secrets.token_hex(16) for _ in range(DRONES)]
    lines = ["[station]", "port = 0", 'data_dir = "data"']
    for number, key in enumerate(keys):
        path = folder / f"{number}.key"
        path.write_text(key + "\n")
        path.chmod(0o600)
        lines += ["[[station.drones]]", f'id = "ember-{number}"', f'key_file = "{path.name}"']
    config = folder / "station.toml"
    config.write_text("\n".join(lines) + "\n")
    station = subprocess.Popen(
        [sys.executable, "-m", "edge.cli", "station", "-c", str(config)],
        stderr=(folder / "log").open("wb"),
        cwd=REPOSITORY,
    )
    try:
        yield _port_of(station, folder / "log"), keys
    finally:
        station.terminate()
        station.wait(timeout=30)


def _port_of(station: subprocess.Popen[bytes], log: Path) -> int:
    while True:
        text = log.read_text()
        if "station listens on" in text and text.endswith("\n"):
            line = next(line for line in text.splitlines() if "station listens on" in line)
            return int(line.rsplit(":", 1)[1])
        if station.poll() is not None:
            raise RuntimeError(text)
        time.sleep(0.05)


class _Drone:
    """One connection that is kept, and as little between it and the socket as possible."""

    def __init__(self, number: int, key: str, port: int, jpeg: bytes) -> None:
        self._id, self._key, self._port, self._jpeg = f"ember-{number}", key, port, jpeg

    async def connect(self) -> None:
        self._in, self._out = await asyncio.open_connection("127.0.0.1", self._port)

    async def send(self, taken: Taken, due_s: float | None = None) -> None:
        """An alert, then its picture. Counted from ``due_s``, else from now."""
        started_s = time.perf_counter() if due_s is None else due_s
        picture = _unlike(self._jpeg)
        sha256, alert = _alert_body(picture, self._id)
        began_s = time.perf_counter()
        await self._put(f"alerts/{json.loads(alert)['id']}", "application/json", alert)
        middle_s = time.perf_counter()
        await self._put(f"media/{sha256}", "image/jpeg", picture)
        ended_s = time.perf_counter()
        taken.alert_s.append(middle_s - began_s)
        taken.picture_s.append(ended_s - middle_s)
        taken.pair_s.append(ended_s - started_s)

    async def _put(self, path: str, kind: str, body: bytes) -> None:
        head = (
            f"PUT /api/v1/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._out.write(head.encode() + body)
        answer = await self._in.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in answer.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        body = await self._in.readexactly(length)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{path}: {answer!r} {body!r}")


async def _load(port: int, keys: list[str], flat_out_s: float, paced_s: float) -> tuple[Taken, Taken]:
    jpeg = _jpeg()
    drones = [_Drone(number, key, port, jpeg) for number, key in enumerate(keys)]
    for drone in drones:
        await drone.connect()
    flat, paced = Taken(over_s=flat_out_s), Taken(over_s=paced_s)
    began_s = time.perf_counter()

    async def until_the_end(drone: _Drone) -> None:
        while time.perf_counter() < began_s + flat_out_s:
            await drone.send(flat)

    async def by_the_clock(drone: _Drone, first: int) -> None:
        for number in range(first, int(PACE_PER_S * paced_s), DRONES):
            due_s = began_s + number / PACE_PER_S
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            await drone.send(paced, due_s)

    await asyncio.gather(*(until_the_end(drone) for drone in drones))
    began_s = time.perf_counter() + 0.1
    await asyncio.gather(*(by_the_clock(drone, first) for first, drone in enumerate(drones)))
    return flat, paced


def _alert_body(picture: bytes, drone_id: str = "ember-0") -> tuple[str, bytes]:
    """The picture's hash, and an alert as a drone sends it; from a text, or making it would be the load."""
    global _template
    if not _template:
        told: dict[str, Any] = make_alert(pictures=(b"-",)).model_dump(mode="json")
        told["pose"] = {
            "at": NOON.isoformat(), "time_source": "gnss", "position": told["position"], "azimuth_deg": 12.0,
            "elevation_deg": -60.0, "roll_deg": 0.3, "horizontal_sigma_m": 1.5, "vertical_sigma_m": 2.5,
            "attitude_sigma_deg": 0.5, "heading_sigma_deg": 2.0, "gimbal_sigma_deg": 0.3,
            "time_sigma_s": 0.02, "camera": "virtual_78", "hfov_deg": 78.0,
        }  # fmt: skip
        told |= {"id": "ALERT", "drone_id": "DRONE"}
        told["evidence"][0] |= {"sha256": "SHA256", "size_bytes": PICTURE_BYTES}
        _template = json.dumps(told)
    sha256 = hashlib.sha256(picture).hexdigest()
    text = _template.replace("ALERT", str(uuid6.uuid7())).replace("DRONE", drone_id).replace("SHA256", sha256)
    return sha256, text.encode()


_template = ""


def _jpeg() -> bytes:
    """A frame of 1280 × 720 in about 40 kB."""
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 255, (12, 20, 3), dtype=np.uint8))
    frame = coarse.resize((1280, 720), Image.Resampling.BICUBIC)
    best = b""
    for quality in range(20, 96):
        out = io.BytesIO()
        frame.save(out, "JPEG", quality=quality)
        if len(out.getvalue()) > PICTURE_BYTES - 30:
            break
        best = out.getvalue()
    return best


def _unlike(jpeg: bytes) -> bytes:
    """The same picture in other bytes: a comment after the first marker, filled up to 40 kB."""
    fill = max(0, PICTURE_BYTES - len(jpeg) - 4 - 16)
    comment = secrets.token_bytes(16) + b" " * fill
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def _at(seconds: list[float], share: float) -> float:
    """That quantile, in ms."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[round(share * 100) - 1] * 1e3


if __name__ == "__main__":
    if len(sys.argv) > 1:
        answer = asyncio.run(_load(**json.loads(sys.argv[1])))
        print(json.dumps([vars(part) for part in answer]))
    else:
        print(*rows(), sep="\n")
