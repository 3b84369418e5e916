"""How fast the pilot's page is, in Debian's chromium with software WebGL, beside a real station process.

Everything shares the cores of this machine: the browser with its software drawing, the station, and what
plays the drones. Times of "stored" are the station's answers; times of the page are read in it, by the same
clock. ``python -m tests.benchmarks page`` runs this table alone.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uuid6
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect
from websockets.asyncio.client import connect

from tests.benchmarks.fan_out import REPOSITORY, Scale, a_state, station_process
from tests.benchmarks.table import Row
from tests.uplink.makers import HOME, as_json, auth, make_alert
from tests.uplink.page_harness import CHROMIUM, OFFLINE, SOFTWARE_WEBGL
from uplink.messages import Alert
from uplink.station.app import PAGE_DIR

ALERTS, COLD_LOADS = 60, 5
DRONES, STATES_PER_S, INCIDENTS = 50, 2.0, 500
PAN_S, TURNS = 6.0, 3
SETTLE_MS = 3000.0
APART_DEG = 0.004  # 440 m: each is an incident of its own
AUDIBLE = ["--autoplay-policy=no-user-gesture-required"]
SIZE: ViewportSize = {"width": 1366, "height": 768}


def rows() -> list[Row]:
    if CHROMIUM is None:
        return [Row("the page", "not measured: needs Debian's chromium", "–")]
    return [*asyncio.run(_alerts()), *asyncio.run(_cold()), *asyncio.run(_panning())]


# --- an alert becomes visible and audible -------------------------------------------------------------

LISTEN = """() => {
    window.shown = {};
    window.sounded = [];
    const start = AudioScheduledSourceNode.prototype.start;
    AudioScheduledSourceNode.prototype.start = function (...when) {
        if (this.context.state === "running") window.sounded.push(Date.now());
        return start.apply(this, when);
    };
    const look = () => {
        for (const row of document.querySelectorAll("[data-incident]"))
            window.shown[row.dataset.incident] ??= Date.now();
    };
    const changed = new MutationObserver(() => requestAnimationFrame(look));
    changed.observe(document, { childList: true, subtree: true });
}"""
FORGET = "() => { window.shown = {}; window.sounded = []; }"
NEXT = """() => new Promise((done) => {
    const look = () => {
        const [seen, heard] = [Object.values(window.shown)[0], window.sounded[0]];
        seen && heard ? done([seen, heard]) : setTimeout(look, 5);
    };
    look();
})"""


async def _alerts() -> list[Row]:
    async with _station(Scale(drones=1)) as (url, keys), _browser() as browser:
        page = await _opened(browser, url)
        await page.evaluate(LISTEN)
        await page.mouse.click(4, 4)  # browsers are silent until somebody has touched the page
        seen_ms, heard_ms = [], []
        async with httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http:
            for number in range(ALERTS):
                alert = _alert(number, 0)
                await page.evaluate(FORGET)
                answer = await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth(keys[0]))
                stored_ms = time.time() * 1000
                answer.raise_for_status()
                async with asyncio.timeout(20):
                    seen, heard = await page.evaluate(NEXT)
                seen_ms.append(seen - stored_ms)
                heard_ms.append(heard - stored_ms)
                await page.wait_for_timeout(150 * (1 + number % 3))
    both = [max(pair) for pair in zip(seen_ms, heard_ms, strict=True)]
    return [
        Row(
            f"from an alert stored to its incident visible and sounding, {ALERTS} alerts, map open",
            f"p50 {_at(both, 0.5):.0f} ms, p95 {_at(both, 0.95):.0f} ms "
            f"(visible p95 {_at(seen_ms, 0.95):.0f} ms, sounding p95 {_at(heard_ms, 0.95):.0f} ms)",
            "p95 ≤ 1 s",
        )
    ]


# --- the first load -----------------------------------------------------------------------------------


async def _cold() -> list[Row]:
    """Each time a browser that has never been started: no cache of anything."""
    queue_ms, map_ms, asked = [], [], set()
    async with _station(Scale(drones=3)) as (url, keys):
        await _put_alerts(url, keys, range(20))
        for _ in range(COLD_LOADS):
            async with _browser() as browser:
                page = await browser.new_page(viewport=SIZE)
                page.on("request", lambda request: asked.add(request.url))
                started = time.perf_counter()
                await page.goto(url, wait_until="commit")
                # Usable: what is pressed answers.
                await page.locator("[data-incident] h3 button").first.click()
                await page.locator("[data-incident].open").wait_for()
                queue_ms.append((time.perf_counter() - started) * 1000)
                await page.locator("[data-map='drawn']").wait_for()
                map_ms.append((time.perf_counter() - started) * 1000)
    others = {host for one in asked if (host := urlsplit(one).netloc)} - {urlsplit(url).netloc}
    # Its worker is asked for by the browser itself, and is no request of the page's.
    names = {Path(urlsplit(one).path).name for one in asked}
    scripts = {file: len(gzip.compress(file.read_bytes())) / 1000 for file in PAGE_DIR.rglob("*.js")}
    first = sum(kb for file, kb in scripts.items() if file.name in names or "-worker-" in file.name)
    return [
        Row(
            f"first load, new browser, empty cache, loopback, software WebGL, {COLD_LOADS} times: "
            "until an incident of the queue is open",
            f"{statistics.median(queue_ms) / 1000:.2f} s (slowest {max(queue_ms) / 1000:.2f} s)",
            "≤ 3 s",
        ),
        Row(
            "the same until the map is drawn",
            f"{statistics.median(map_ms) / 1000:.2f} s (slowest {max(map_ms) / 1000:.2f} s)",
            "≤ 6 s",
        ),
        Row(
            "JavaScript of the first load with its map and the map's worker, gzip",
            f"{first:.0f} kB (all views together: {sum(scripts.values()):.0f} kB)",
            "≤ 600 kB",
        ),
        Row("hosts that the page asked besides its station", str(len(others)), "0"),
    ]


# --- many drones, many incidents ----------------------------------------------------------------------

# The map is dragged to and fro as by hand, a little each frame, and what a frame takes is kept. What a script
# of ours does in one go is kept too: a timer, a message, an event; not what MapLibre draws in its frames.
PAN = """async (pan_ms) => {
    const canvas = document.querySelector(".maplibregl-canvas");
    const box = canvas.getBoundingClientRect();
    const handlers = [];
    const frames = [];
    new PerformanceObserver((list) => {
        for (const frame of list.getEntries())
            for (const { invoker, invokerType, duration, sourceFunctionName } of frame.scripts)
                handlers.push({ invoker, invokerType, duration, sourceFunctionName });
    }).observe({ type: "long-animation-frame" });
    const say = (type, x, y, target = document) => {
        const where = { buttons: 1, clientX: x, clientY: y };
        const how = { bubbles: true, cancelable: true, view: window };
        target.dispatchEvent(new MouseEvent(type, { ...how, ...where }));
    };
    const middle = [box.left + box.width / 2, box.top + box.height / 2];
    say("mousedown", ...middle, canvas);
    const began = performance.now();
    const places = new Set();
    let last = began;
    await new Promise((done) => {
        const step = (now) => {
            frames.push(now - last);
            last = now;
            if (now - began > pan_ms) return done();
            places.add(document.querySelector("[data-coordinates]").textContent);
            const turn = ((now - began) / 1500) * 2 * Math.PI;
            say("mousemove", middle[0] + 180 * Math.sin(turn), middle[1] + 120 * Math.sin(turn / 2));
            requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
    });
    say("mouseup", ...middle);
    await new Promise((done) => setTimeout(done, 300));
    return { frames: frames.slice(5), handlers, places: places.size };
}"""
DRAWS = ("FrameRequestCallback", "Worker.onmessage", "MessagePort.onmessage")


async def _panning() -> list[Row]:
    ratios, empty_ms, full_ms, ours, worst = [], [], [], [], (0.0, "")
    async with (
        _station(Scale(drones=1)) as (quiet_url, quiet_keys),
        _station(Scale(drones=DRONES)) as (busy_url, keys),
    ):
        # Two at the corners of the same ground, so that both maps show the same of the world.
        await _put_alerts(quiet_url, quiet_keys, [0, INCIDENTS - 1])
        await _put_alerts(busy_url, keys, range(INCIDENTS))
        for _ in range(TURNS):
            empty = await _pan(quiet_url)
            with _drones(busy_url, keys):
                full = await _pan(busy_url, incidents=INCIDENTS)
            empty_ms.append(statistics.mean(empty["frames"]))
            full_ms.append(statistics.mean(full["frames"]))
            ratios.append(full_ms[-1] / empty_ms[-1])
            for one in full["handlers"]:
                if not one["invoker"].startswith(DRAWS):
                    ours.append(one["duration"])
                    worst = max(worst, (one["duration"], one["invoker"]))
    return [
        Row(
            f"frame time while panning, {DRONES} drones × {STATES_PER_S:g} states a second and {INCIDENTS} "
            "incidents, ÷ that of the same map with two incidents",
            f"{statistics.median(ratios):.2f} "
            f"({statistics.median(full_ms):.1f} ms ÷ {statistics.median(empty_ms):.1f} ms)",
            "≤ 1.5",
        ),
        Row(
            "the longest of the page's own handlers meanwhile",
            f"{worst[0]:.0f} ms ({worst[1] or 'none beyond a long frame'})",
            "≤ 50 ms",
        ),
    ]


async def _pan(url: str, incidents: int = 0) -> dict[str, Any]:
    async with _browser() as browser:
        page = await _opened(browser, url)
        if incidents:
            await expect(page.locator("[data-drone]")).to_have_count(DRONES, timeout=30_000)
        await page.get_by_role("button", name="Show everything").click()
        await page.wait_for_timeout(SETTLE_MS)
        panned: dict[str, Any] = await page.evaluate(PAN, PAN_S * 1000)
        assert panned["places"] > 5, "the map did not move"
        return panned


async def _put_alerts(url: str, keys: list[str], numbers: Iterable[int]) -> None:
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http:
        for at in numbers:
            alert = _alert(at, at % len(keys))
            answer = await http.put(
                f"/alerts/{alert.id}", json=as_json(alert), headers=auth(keys[at % len(keys)])
            )
            answer.raise_for_status()


def _alert(number: int, drone: int) -> Alert:
    """On a grid, so that none is another's neighbour."""
    now = datetime.now(UTC)
    row, column = divmod(number, 25)
    position = HOME.model_copy(
        update={"lat_deg": HOME.lat_deg + row * APART_DEG, "lon_deg": HOME.lon_deg + column * APART_DEG}
    )
    times = {"first_seen_at": now, "last_seen_at": now, "confirmed_at": now}
    return make_alert(uuid6.uuid7(), drone_id=f"ember-{drone}").model_copy(
        update={"position": position, **times}
    )


@contextmanager
def _drones(url: str, keys: list[str]) -> Iterator[None]:
    """All of them fly, in a process of their own."""
    asked = json.dumps({"url": url, "keys": keys})
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.page", asked], cwd=REPOSITORY)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


async def _fly_all(url: str, keys: list[str]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number, key in enumerate(keys):
            tasks.create_task(_fly(url.replace("http", "ws", 1), number, key))


async def _fly(url: str, number: int, key: str) -> None:
    state = json.loads(a_state(number).model_dump_json())
    headers = {"Authorization": f"Bearer {key}"}
    line = f"{url}/api/v1/drones/ember-{number}/link"
    async with connect(line, additional_headers=headers, proxy=None, compression=None) as socket:
        reading = asyncio.create_task(_read_all(socket))
        while not reading.done():
            turn = time.time() / 40 + number
            state["at"] = datetime.now(UTC).isoformat()
            state["clock_s"] = time.monotonic()
            state["heading_deg"] = math.degrees(turn) % 360
            state["position"] |= {
                "lat_deg": HOME.lat_deg + (number // 10) * 0.015 + 0.004 * math.sin(turn),
                "lon_deg": HOME.lon_deg + (number % 10) * 0.01 + 0.004 * math.cos(turn),
            }
            await socket.send(json.dumps(state))
            await asyncio.sleep(1 / STATES_PER_S)


async def _read_all(socket: Any) -> None:
    async for _ in socket:
        pass


@asynccontextmanager
async def _station(scale: Scale) -> AsyncIterator[tuple[str, list[str]]]:
    with tempfile.TemporaryDirectory() as folder, station_process(Path(folder), scale) as (_, port, keys):
        yield f"http://127.0.0.1:{port}", keys


@asynccontextmanager
async def _browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*OFFLINE, *SOFTWARE_WEBGL, *AUDIBLE]
        )
        yield browser
        await browser.close()


async def _opened(browser: Browser, url: str) -> Page:
    """With its map drawn."""
    page = await browser.new_page(viewport=SIZE)
    await page.goto(url)
    await page.locator("[data-map='drawn']").wait_for()
    return page


def _at(values: list[float], share: float) -> float:
    return sorted(values)[math.ceil(share * len(values)) - 1]


if __name__ == "__main__":  # the process that plays the drones
    asyncio.run(_fly_all(**json.loads(sys.argv[1])))
