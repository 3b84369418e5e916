"""How late pages hear of drones: 200 drones, five states a second each, told to 20 pages.

A real station process on loopback, and beside it, on the same cores, one process that is all drones and all
pages. Each state carries the instant at which its drone said it, and each page takes the time when it reads
it. A 21st page reads once in two seconds only: what it reads then must be the newest all the same, and cost
nobody anything.

``python -m tests.benchmarks.fan_out 600`` does it for ten minutes, and prints what the station's memory did.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks.table import Row
from uplink.messages import DroneState

OVER_S, WARM_UP_S, SETTLE_S = 20.0, 5.0, 2.0
SLOW_READ_S = 2.0
LATENCY_STEP_S = 0.001
REPOSITORY = Path(__file__).parents[2]
_CLOCK = b"1234567.5"
_SAID = re.compile(rb'"drone_id":"ember-(\d+)","at":"[^"]*","run":"[^"]*","clock_s":([0-9.]+)')


@dataclass(frozen=True)
class Scale:
    drones: int = 200
    pages: int = 20
    states_per_s: float = 5.0


@dataclass
class Heard:
    """Of the pages: how many states they read, how late, and whether one was older than the one before."""

    states: int = 0
    texts: int = 0
    characters: int = 0
    went_back: int = 0
    not_the_last: int = 0
    late: dict[int, int] = field(default_factory=dict)
    """Milliseconds → how many states."""
    slow_late: dict[int, int] = field(default_factory=dict)
    said: int = 0
    not_said: int = 0
    memory_kb: list[int] = field(default_factory=list)
    station_cores: float = 0.0
    over_s: float = 0.0


def rows() -> list[Row]:
    heard = measure(OVER_S)
    return [*_rows(heard, Scale()), Row("the station meanwhile", f"{heard.station_cores:.2f} cores", "–")]


def _rows(heard: Heard, scale: Scale) -> list[Row]:
    what = f"{scale.drones} drones × {scale.states_per_s:g} states a second told to {scale.pages} pages"
    first, last = heard.memory_kb[0] / 1024, heard.memory_kb[-1] / 1024
    return [
        Row(
            f"{what}: from a drone's word to a page",
            f"p50 {at(heard.late, 0.5)} ms, p95 {at(heard.late, 0.95)} ms, p99 {at(heard.late, 0.99)} ms "
            f"({heard.states / heard.over_s / scale.pages:.0f} states a second to each page, "
            f"{heard.said / heard.over_s:.0f} said, {heard.not_said} not said in time)",
            "p95 ≤ 250 ms",
        ),
        Row(
            "states that came after a newer one, pages that did not end with the newest of every drone",
            f"{heard.went_back}, {heard.not_the_last}",
            "0, 0",
        ),
        Row(
            f"the same to a page that reads every {SLOW_READ_S:.0f} s",
            f"p50 {at(heard.slow_late, 0.5)} ms, p95 {at(heard.slow_late, 0.95)} ms",
            "newest wins",
        ),
        Row(
            f"memory of the station over {heard.over_s:.0f} s",
            f"{first:.0f} → {last:.0f} MB (most {max(heard.memory_kb) / 1024:.0f} MB)",
            "flat",
        ),
    ]


def at(late: dict[int, int], share: float) -> int:
    """The milliseconds within which this share of the states came."""
    left = math.ceil(share * sum(late.values()))
    for late_ms in sorted(late):
        left -= late[late_ms]
        if left <= 0:
            return late_ms
    return -1


def measure(over_s: float, scale: Scale = Scale(), warm_up_s: float = WARM_UP_S) -> Heard:
    """With a load generator in a process of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        station_process(Path(folder), scale) as (station, port, keys),
    ):
        ours = {"port": port, "keys": keys, "over_s": over_s, "warm_up_s": warm_up_s, "station": station}
        asked = json.dumps(ours | {"scale": asdict(scale)})
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.fan_out", asked],
            cwd=REPOSITORY,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    said: dict[str, Any] = json.loads(done.stdout)
    for name in ("late", "slow_late"):
        said[name] = {int(late_ms): count for late_ms, count in said[name].items()}
    return Heard(**said)


@contextmanager
def station_process(folder: Path, scale: Scale) -> Iterator[tuple[int, int, list[str]]]:
    """Its process, its port and its drones' keys."""
    keys = [secrets.token_hex(16) for _ in range(scale.drones)]
    lines = ["[station]", "port = 0", 'data_dir = "data"', "sign_in = false"]
    for number, key in enumerate(keys):
        path = folder / f"{number}.key"
        path.write_text(key + "\n")
        path.chmod(0o600)
        lines += ["[[station.drones]]", f'id = "ember-{number}"', f'key_file = "{path.name}"']
    config, log = folder / "station.toml", folder / "log"
    config.write_text("\n".join(lines) + "\n")
    with log.open("wb") as stderr:
        station = subprocess.Popen(
            [sys.executable, "-m", "edge.cli", "station", "-c", str(config)], stderr=stderr, cwd=REPOSITORY
        )
    try:
        yield station.pid, _port_of(station, log), keys
    finally:
        station.terminate()
        station.wait(timeout=30)


def _port_of(station: subprocess.Popen[bytes], log: Path) -> int:
    while True:
        found = re.search(r"station listens on \S+:(\d+)\n", log.read_text())
        if found:
            return int(found[1])
        if station.poll() is not None:
            raise RuntimeError(log.read_text())
        time.sleep(0.05)


# --- the process that is all drones and all pages -----------------------------------------------------


def clock_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _Drone:
    """Says the same state, as large as a real one, from a place further on each time."""

    def __init__(self, number: int, scale: Scale, heard: Heard) -> None:
        self.last_s = 0.0
        self._heard = heard
        self._period_s = 1.0 / scale.states_per_s
        state = json.loads(a_state(number).model_dump_json())
        state["clock_s"], state["position"]["lat_deg"] = float(_CLOCK), 12.0625
        before, self._between, self._after = re.split(
            rb"1234567\.5|12\.0625", json.dumps(state, separators=(",", ":")).encode()
        )
        self._before = before
        self._phase = number / scale.drones

    async def fly(self, socket: ClientConnection, started_s: float, until_s: float) -> None:
        reading = asyncio.create_task(_read_all(socket))
        for step in itertools.count():
            due_s = started_s + (step + self._phase) * self._period_s
            await asyncio.sleep(max(0.0, due_s - clock_s()))
            if due_s >= until_s:
                break
            if clock_s() - due_s > self._period_s:
                self._heard.not_said += 1  # this process is late: that is no state of the station's
                continue
            now_s = self.last_s = round(clock_s(), 4)
            lat_deg = 12.0 + step * 2.0 / 111_195
            text = b"%s%.4f%s%.7f%s" % (self._before, now_s, self._between, lat_deg, self._after)
            await socket.send(text, text=True)
            self._heard.said += 1
        await asyncio.sleep(SETTLE_S)
        reading.cancel()


async def _read_all(socket: ClientConnection) -> None:
    async for _ in socket:
        pass


class _Page:
    def __init__(self, heard: Heard, late: dict[int, int]) -> None:
        self.seen_s: dict[int, float] = {}
        self._heard = heard
        self._late = late

    async def watch(self, socket: ClientConnection, from_s: float, pause_s: float = 0.0) -> None:
        heard, late, seen_s = self._heard, self._late, self.seen_s
        while True:
            text = await socket.recv(decode=False)
            now_s = clock_s()
            for drone, said in _SAID.findall(text):
                number, said_s = int(drone), float(said)
                heard.went_back += said_s < seen_s.get(number, 0.0)
                seen_s[number] = said_s
                if said_s >= from_s:
                    late_ms = round((now_s - said_s) / LATENCY_STEP_S)
                    late[late_ms] = late.get(late_ms, 0) + 1
            heard.texts += 1
            heard.characters += len(text)
            await socket.send("read")
            await asyncio.sleep(pause_s)


async def _load(
    port: int, keys: list[str], over_s: float, warm_up_s: float, station: int, scale: Scale
) -> Heard:
    heard = Heard(over_s=over_s)
    drones = [_Drone(number, scale, heard) for number in range(scale.drones)]
    pages = [_Page(heard, heard.late) for _ in range(scale.pages)]
    slow = _Page(heard, heard.slow_late)
    async with AsyncExitStack() as stack:

        async def open_socket(path: str, **more: Any) -> ClientConnection:
            url = f"ws://127.0.0.1:{port}/api/v1/{path}"
            return await stack.enter_async_context(
                connect(
                    url, proxy=None, compression=None, max_size=None, max_queue=4, close_timeout=1, **more
                )
            )

        lines = [
            await open_socket(
                f"drones/ember-{number}/link", additional_headers={"Authorization": f"Bearer {key}"}
            )
            for number, key in enumerate(keys)
        ]
        sockets = [await open_socket("live") for _ in pages]
        slow_socket = await open_socket("live")
        started_s = clock_s() + 0.5
        from_s = started_s + warm_up_s
        until_s = from_s + over_s
        watching = [
            asyncio.create_task(page.watch(socket, from_s))
            for page, socket in zip(pages, sockets, strict=True)
        ]
        watching.append(asyncio.create_task(slow.watch(slow_socket, from_s, SLOW_READ_S)))
        flying = [
            asyncio.create_task(drone.fly(socket, started_s, until_s))
            for drone, socket in zip(drones, lines, strict=True)
        ]
        await asyncio.sleep(max(0.0, from_s - clock_s()))
        said_before, cpu_before_s = heard.said, _cpu_s(station)
        while clock_s() < until_s:
            heard.memory_kb.append(_memory_kb(station))
            await asyncio.sleep(min(5.0, over_s / 4))
        heard.memory_kb.append(_memory_kb(station))
        heard.said -= said_before
        heard.station_cores = (_cpu_s(station) - cpu_before_s) / over_s
        await asyncio.gather(*flying)
        for task in watching:
            assert not task.done(), task.exception()
            task.cancel()
    newest = {number: drone.last_s for number, drone in enumerate(drones)}
    heard.not_the_last = sum(page.seen_s != newest for page in pages)
    heard.states = sum(heard.late.values())
    return heard


def a_state(number: int) -> DroneState:
    line = {"name": "Position", "passed": True, "detail": "3D fix, 14 satellites"}
    return DroneState.model_validate(
        {
            "drone_id": f"ember-{number}",
            "at": datetime.now(UTC),
            "run": "0190b5a0-0000-7000-8000-000000000000",
            "name": f"Ember {number}",
            "linked": True,
            "position": {"lat_deg": 12.0, "lon_deg": 8.0 + number * 0.01, "alt_amsl_m": 640.2},
            "height_home_m": 80.1,
            "height_agl_m": 78.4,
            "heading_deg": 213.4,
            "ground_speed_m_s": 9.8,
            "mode": "AUTO",
            "armed": True,
            "battery_percent": 71.0,
            "seeing": "seeing",
            "frames_per_s": 4.9,
            "inference_ms": 61.2,
            "frame_age_s": 0.21,
            "footprint": [(8.0 + step * 0.0001, 12.0 + step * 0.0001) for step in range(16)],
            "firmware": "ArduCopter 4.6.3",
            "link": {"received": 48211, "lost_percent": 0.3, "unreadable": 0, "refused": 0, "unsent": 0},
            "outbox": {"refused": 0, "pictures_dropped": 0},
            "patrol": {
                "name": "North ridge",
                "phase": "flying",
                "item": 7,
                "items": 31,
                "plan_matches": True,
            },
            "preflight": [line] * 6,
        }
    )


def _memory_kb(pid: int) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _main(asked: str) -> None:
    if asked.startswith("{"):
        said = json.loads(asked)
        print(json.dumps(asdict(asyncio.run(_load(**said | {"scale": Scale(**said["scale"])})))))
        return
    heard = measure(float(asked))
    for row in _rows(heard, Scale()):
        Console().print(f"{row.what}: {row.figure} ({row.bar})", highlight=False, soft_wrap=True)
    per_s = heard.characters / 1e6 / (heard.over_s + WARM_UP_S)
    print(f"{heard.station_cores:.2f} cores; {heard.texts} texts, {per_s:.1f} MB/s")
    print("memory, MB:", *(round(kb / 1024) for kb in heard.memory_kb))


if __name__ == "__main__":
    _main(sys.argv[1])
