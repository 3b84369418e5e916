"""In real time and over real sockets: a station that is killed again and again tells receivers that are
slow, failing, redirecting, silent or cut off. At the end each has everything, with one success in the log."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from uplink.station.server import listen

from .makers import DRONE, KEY, SECRET, as_json, auth, make_alert, write_secret

pytestmark = pytest.mark.chaos

ROOT = Path(__file__).parents[2]
ALERTS = 60
KILLS = 12
CONFIG = """\
[station]
port = {port}
data_dir = "station"
sign_in = false
[[station.drones]]
id = "{drone}"
key_file = "drone.key"
"""
WEBHOOK = """\
[[station.webhooks]]
name = "{name}"
url = "{url}"
secret_file = "webhook.secret"
allow_private = true
events = ["alert.*"]
"""


@dataclass(slots=True)
class Moody:
    """A receiver that believes only what is signed, and answers as its mood is."""

    name: str
    rng: random.Random
    redirect_to: str = ""
    url: str = ""
    began_s: float = 0.0
    taken: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    ids: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    strangers: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
            headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head) if key}
            body = await reader.readexactly(int(headers["content-length"]))
            data = Webhook(SECRET).verify(body, headers)["data"]
            webhook_id = headers["webhook-id"]
            self.ids[data["id"], data["revision"]].add(webhook_id)
            status = await self._mood(asyncio.get_running_loop().time() - self.began_s)
            if status is None:
                return
            if 200 <= status < 300:
                self.taken[webhook_id] += 1
            more = f"Location: {self.redirect_to}\r\n" if 300 <= status < 400 else ""
            answer = f"HTTP/1.1 {status} So\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n"
            writer.write(answer.encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except ValueError:
            self.strangers += 1
        finally:
            writer.close()

    async def _mood(self, passed_s: float) -> int | None:
        """A status, or None: the connection is cut."""
        match self.name:
            case "slow":
                await asyncio.sleep(self.rng.uniform(0.5, 3.0))
            case "failing" if self.rng.random() < 0.4:
                return self.rng.choice([500, 502, 503])
            case "cut off" if self.rng.random() < 0.3:
                return None
            case "redirecting" if passed_s < 15.0:
                return 302
            case "silent" if passed_s < 15.0:
                await asyncio.sleep(60.0)
                return None
        return 204


@asynccontextmanager
async def _receiving(moody: Moody) -> AsyncIterator[Moody]:
    server = await asyncio.start_server(moody.handle, "127.0.0.1", 0)
    moody.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    moody.began_s = asyncio.get_running_loop().time()
    try:
        yield moody
    finally:
        server.close()


class Killed:
    """The station's process: killed now and then, and started again at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "edge.cli",
                "station",
                "-c",
                str(self._folder / "station.toml"),
                stdout=log,
                stderr=log,
                cwd=ROOT,
            )

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        assert self._process is not None
        assert self._process.returncode is None, (self._folder / "log").read_text()[-3000:]
        self._process.send_signal(how)
        await self._process.wait()


@pytest.mark.timeout(600)
async def test_a_station_that_is_killed_again_and_again_tells_everything_once(tmp_path: Path) -> None:
    rng = random.Random(20260701)
    names = ["steady", "slow", "failing", "cut off", "redirecting", "silent"]
    async with AsyncExitStack() as stack:
        steady = await stack.enter_async_context(_receiving(Moody("steady", rng)))
        receivers = [steady]
        receivers += [
            await stack.enter_async_context(_receiving(Moody(name, rng, steady.url))) for name in names[1:]
        ]
        url = _lay_out(tmp_path, receivers)
        station = Killed(tmp_path)
        await station.start()
        async with httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False, timeout=5.0) as http:
            telling = asyncio.create_task(_tell(http))
            for _ in range(KILLS):
                await _until(lambda: _is_up(http), 60.0)
                await asyncio.sleep(rng.uniform(0.05, 2.5))
                await station.kill()
                await station.start()
            told = await telling
            await _until(lambda: _all_delivered(tmp_path), 300.0)
            await station.kill(signal.SIGTERM)
    expected = {f"msg_{alert_id}_1" for alert_id in told}
    assert len(expected) == ALERTS
    for receiver in receivers:
        assert set(receiver.taken) == expected, receiver.name
        assert all(len(ids) == 1 for ids in receiver.ids.values()), receiver.name
        assert receiver.strangers == 0, receiver.name
    twice = sum(count - 1 for receiver in receivers for count in receiver.taken.values())
    assert twice <= KILLS * len(receivers) * 4, "only what a kill cut off is told again"
    assert _successes(tmp_path) == dict.fromkeys(
        ((name.replace(" ", "-"), event_id) for name in names for event_id in expected), 1
    )


def _lay_out(folder: Path, receivers: list[Moody]) -> str:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    write_secret(folder / "drone.key", KEY)
    write_secret(folder / "webhook.secret", SECRET)
    webhooks = [WEBHOOK.format(name=one.name.replace(" ", "-"), url=one.url) for one in receivers]
    (folder / "station.toml").write_text(CONFIG.format(port=port, drone=DRONE) + "".join(webhooks))
    return f"http://127.0.0.1:{port}"


async def _tell(http: httpx.AsyncClient) -> list[str]:
    """As a drone does: again and again until the station has it."""
    told = []
    for _ in range(ALERTS):
        alert = make_alert()
        while True:
            try:
                answer = await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
                answer.raise_for_status()
                break
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
        told.append(str(alert.id))
        await asyncio.sleep(0.3)
    return told


async def _is_up(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/healthz")).is_success
    except httpx.HTTPError:
        return False


async def _all_delivered(folder: Path) -> bool:
    sql = "select count(*) from deliveries where state <> 'delivered' and type like 'alert.%'"
    return bool(_ask(folder, sql) == [(0,)])


def _successes(folder: Path) -> dict[tuple[str, str], int]:
    rows = _ask(
        folder,
        "select endpoint_id, event_id, count(*) from delivery_attempts join deliveries "
        "on deliveries.id = delivery_id where status between 200 and 299 group by 1, 2",
    )
    return {(endpoint, event_id): count for endpoint, event_id, count in rows}


def _ask(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "station" / "station.db", timeout=10.0)) as db:
        return list(db.execute(sql))


async def _until(condition: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(0.1)
