"""The page in a real browser, for all tests of it: a real station, people at pages, drones that obey.

    from .page_harness import BROWSER, Ground

    pytestmark = BROWSER


    async def test_a_pilot_sends_the_drone_to_look_again(ground: Ground) -> None:
        kestrel = await ground.drone("Kestrel")
        alert = await ground.alert()
        page = await ground.page("Pia")  # signed in, in a window of her own
        await page.get_by_role("button", name="Look again").click()
        await eventually(lambda: OrderKind.LOOK_AGAIN in kestrel.kinds)

``ground`` is a station with the people of ``people.py`` (Vera sees, Pia flies, Ada administers) on a socket;
``open_ground`` is one where nobody signs in. A page is opened without WebGL, because drawing the map in
software takes most of the time: say ``with_map=True`` where the map is what is tested, and ``touch=True`` for
a finger. What a page asks of another host, and what goes wrong in its scripts, fails the test at its end.

One browser serves all tests of a process, in an event loop of its own: what is async in such a file must be
in that loop too (``pytest_asyncio.fixture(loop_scope="session")``). ``page_hands.py`` has a mouse and a
keyboard that do the same, ``page_checks.py`` looks whether all can be read, reached and used.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import httpx
import numpy as np
import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, Page, Playwright, async_playwright, expect

from uplink.drone_link import DroneLink
from uplink.messages import Alert, DroneState, Evidence, Order, OrderKind, OrderResult, OrderState
from uplink.order_sequence import OrderSequence
from uplink.order_signing import StationKey, StationPublicKey
from uplink.station.app import PAGE_DIR, create_app
from uplink.station.config import StationConfig
from uplink.station.server import running

from .drone import tell
from .makers import (
    DRONE,
    KEY,
    OTHER_DRONE,
    OTHER_KEY,
    as_json,
    auth,
    by_hash,
    make_alert,
    make_config,
    make_state,
)
from .people import PEOPLE, cheap_passwords, page_number, password_of, settle_in, sign_in

CHROMIUM = shutil.which("chromium")
NO_NAMES = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # what is not loopback cannot even be looked up
OFFLINE = ["--no-sandbox", "--disable-gpu", "--no-proxy-server", f"--host-resolver-rules={NO_NAMES}"]
SOFTWARE_WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
NO_WEBGL = ["--disable-3d-apis"]
DESK = (1366, 768)
PATIENCE_MS = 10_000
SAYS_EVERY_S, LOOKS_EVERY_S = 1.0, 0.05
WIDTH_PX, HEIGHT_PX = 1280, 720
BOX_PX = (800.0, 360.0, 960.0, 480.0)
KEYS = {DRONE: KEY, OTHER_DRONE: OTHER_KEY}

BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium (apt install chromium)"),
    pytest.mark.asyncio(loop_scope="session"),
]


class Browsers:
    """Chromium with and without WebGL, each started when it is first wanted."""

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._started: dict[bool, Browser] = {}

    async def get(self, *, with_map: bool) -> Browser:
        if with_map not in self._started:
            args = [*OFFLINE, *(SOFTWARE_WEBGL if with_map else NO_WEBGL)]
            self._started[with_map] = await self._playwright.chromium.launch(
                executable_path=CHROMIUM, args=args
            )
        return self._started[with_map]

    async def close(self) -> None:
        for browser in self._started.values():
            await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers() -> AsyncIterator[Browsers]:
    assert (PAGE_DIR / "index.html").is_file(), "the page is not built: pip install -e . builds it"
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browsers = Browsers(playwright)
        yield browsers
        await browsers.close()


class DroneStandIn:
    """The real link with an agent behind it that obeys, and does not forget what it was asked.

    Change ``says`` to change what it says of itself; put a reason into ``refuses`` to have it refuse.
    """

    def __init__(self, station_url: str, drone_id: str, name: str, folder: Path) -> None:
        self.orders: list[Order] = []
        self.checks: list[Order] = []
        """What it was asked about beforehand (``only_check``)."""
        self.refuses: dict[OrderKind, str] = {}
        self.answers: dict[OrderKind, str] = {}
        """What it says of an order that is done, or of a check."""
        self.says: dict[str, Any] = {
            "name": name,
            "seeing": "seeing",
            "control": "hands off",
            "patrol": READY,
            "preflight": PREFLIGHT,
        }
        self.drone_id = drone_id
        self._results: list[OrderResult] = []
        self._link = DroneLink(
            station_url,
            drone_id,
            KEYS[drone_id],
            on_order=self._obey,
            station_key=StationPublicKey.parse(StationKey.open(folder / "station").public),
            sequence=OrderSequence(folder / f"{drone_id}.sequence"),
        )

    @property
    def kinds(self) -> list[OrderKind]:
        return [order.kind for order in self.orders]

    def _obey(self, order: Order) -> None:
        (self.checks if order.only_check else self.orders).append(order)
        refusal = self.refuses.get(order.kind, "")
        state = OrderState.REFUSED if refusal else OrderState.DONE
        reason = refusal or self.answers.get(order.kind, "")
        self._results = [
            *self._results[-7:],
            OrderResult(order_id=order.id, kind=order.kind, state=state, reason=reason, at=datetime.now(UTC)),
        ]
        if refusal or order.only_check:
            return
        if order.kind in SENDS:
            at = None if order.place is None else as_json(order.place)
            sent = {"order_id": str(order.id), "kind": order.kind, "stage": "there", "place": at}
            self.says["sent"] = sent
            self.says["patrol"] = self.says["patrol"] | {"phase": "paused"}
        if order.kind is OrderKind.GRANT:
            self.says |= {"control": "granted", "granted_by": order.by}
        if order.kind is OrderKind.REVOKE:
            self.says |= {"control": "hands off", "granted_by": ""}
        if order.kind is OrderKind.START:
            self.says["patrol"] = READY | {"phase": "flying", "item": 1}
        if order.kind is OrderKind.PAUSE:
            self.says["patrol"] = self.says["patrol"] | {"phase": "paused"}
        if order.kind is OrderKind.RESUME:
            self.says["patrol"] = self.says["patrol"] | {"phase": "flying"}
            self.says["sent"] = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._link.run())
            said: dict[str, Any] = {}
            quiet_s = 0.0
            while True:
                says = self.says | {"orders": [as_json(result) for result in self._results]}
                quiet_s += LOOKS_EVERY_S
                if says != said or quiet_s >= SAYS_EVERY_S:
                    said, quiet_s = says, 0.0
                    now = {"at": datetime.now(UTC).isoformat()}
                    usual = as_json(make_state(self.drone_id))
                    self._link.set_state(DroneState.model_validate(usual | now | says))
                await asyncio.sleep(LOOKS_EVERY_S)


SENDS = (OrderKind.GO_TO, OrderKind.ORBIT, OrderKind.HOLD, OrderKind.CHANGE_HEIGHT)
READY = {"name": "North ridge", "phase": "ready", "item": 0, "items": 31, "plan_matches": True}
PREFLIGHT = [
    {"name": "Position", "passed": True, "detail": "3D fix"},
    {"name": "Battery", "passed": True, "detail": "92 %, 71 % needed"},
]


class Ground:
    """A station on a socket, the pages that look at it, and the drones that speak to it."""

    def __init__(self, config: StationConfig, browsers: Browsers, planner: Sequence[str] = ()) -> None:
        self.config = config
        self._planner = planner
        self.url = ""
        self.app: FastAPI
        self.http: httpx.AsyncClient
        """Of nobody; paths begin below ``/api/v1``."""
        self.hosts: set[str] = set()
        """That the pages asked for anything."""
        self.errors: list[str] = []
        """Of the pages' scripts."""
        self._browsers = browsers
        self._serving: contextlib.AsyncExitStack | None = None
        self._closing = contextlib.AsyncExitStack()
        self._stopped_once = False

    @property
    def services(self) -> Any:
        return self.app.state.services

    async def start(self) -> None:
        """Also again, with the same address and data, after ``stop``."""
        self.app = create_app(self.config, planner=self._planner)
        self._serving = contextlib.AsyncExitStack()
        base = await self._serving.enter_async_context(running(self.config, self.app))
        self.url = f"{base}/"
        self.config = self.config.model_copy(update={"port": urlsplit(base).port or 0})
        self.http = await self._serving.enter_async_context(
            httpx.AsyncClient(base_url=f"{base}/api/v1", trust_env=False)
        )

    async def stop(self) -> None:
        self._stopped_once = True
        await self._stop()

    async def _stop(self) -> None:
        if self._serving is not None:
            await self._serving.aclose()
            self._serving = None

    async def close(self) -> None:
        await self._closing.aclose()
        await self._stop()

    # --- people ---------------------------------------------------------------------------------------

    async def page(
        self,
        name: str | None = None,
        *,
        with_map: bool = False,
        size: tuple[int, int] = DESK,
        touch: bool = False,
        path: str = "",
        **context: Any,
    ) -> Page:
        """A window of a browser that has nothing else; ``name`` is signed in there. ``context`` goes to
        Playwright's ``new_context``, ``path`` (``#/history``) behind the address."""
        browser = await self._browsers.get(with_map=with_map)
        usual: dict[str, Any] = {"locale": "en-GB", "reduced_motion": "reduce", "has_touch": touch}
        window = await browser.new_context(
            viewport={"width": size[0], "height": size[1]}, **(usual | context)
        )
        self._closing.push_async_callback(window.close)
        page = await window.new_page()
        page.on("request", lambda request: self._note_host(request.url))
        page.on("websocket", lambda socket: self._note_host(socket.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self._note_error(said.type, said.text))
        if name is not None:
            answer = await window.request.post(
                f"{self.url}api/v1/session",
                data={"name": name, "password": password_of(name)},
                headers={"X-Emberwatch-Session": page_number(name)},
            )
            assert answer.ok, await answer.text()
        await page.goto(self.url + path)
        return page

    async def person(self, name: str) -> httpx.AsyncClient:
        """Signed in, without a page; paths begin below ``/api/v1``."""
        http = httpx.AsyncClient(base_url=f"{self.url}api/v1", trust_env=False)
        self._closing.push_async_callback(http.aclose)
        answer = await sign_in(http, name)
        answer.raise_for_status()
        return http

    def _note_host(self, url: str) -> None:
        if host := urlsplit(url).netloc:
            self.hosts.add(host)

    def _note_error(self, kind: str, text: str) -> None:
        # Being refused, or asking for a photo that is not here yet, is no mistake of a script.
        if kind != "error" or "responded with a status of 4" in text:
            return
        if self._stopped_once and ("ERR_CONNECTION" in text or "WebSocket connection" in text):
            return
        self.errors.append(text)

    # --- drones ---------------------------------------------------------------------------------------

    async def drone(self, name: str = "Kestrel", drone_id: str = DRONE) -> DroneStandIn:
        """One that speaks and obeys until the test ends."""
        stand_in = DroneStandIn(self.url.rstrip("/"), drone_id, name, self.config.data_dir.parent)
        task = asyncio.create_task(stand_in.run())

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._closing.push_async_callback(end)
        return stand_in

    async def say(self, path: str, message: Any) -> None:
        answer = await self.http.put(path, json=as_json(message), headers=auth())
        answer.raise_for_status()

    async def state(self, **change: Any) -> None:
        """One state of ``DRONE``, over a link of its own."""
        usual = {"name": "Kestrel", "heading_deg": 45.0, "seeing": "seeing"}
        await tell(self.http, DroneState.model_validate(as_json(make_state()) | usual | change))

    async def alert(self, alert: Alert | None = None) -> Alert:
        alert = make_alert() if alert is None else alert
        answer = await self.http.put(
            f"/alerts/{alert.id}", json=as_json(alert), headers=auth(KEYS[alert.drone_id])
        )
        answer.raise_for_status()
        return alert

    async def picture(self, jpeg: bytes) -> None:
        (sha256,) = by_hash(jpeg)
        headers = {**auth(), "Content-Type": "image/jpeg"}
        (await self.http.put(f"/media/{sha256}", content=jpeg, headers=headers)).raise_for_status()


@contextlib.asynccontextmanager
async def standing(
    config: StationConfig, browsers: Browsers, planner: Sequence[str] = ()
) -> AsyncIterator[Ground]:
    """A ground for a station of this configuration; ``planner`` plans patrols for it."""
    if config.sign_in and not (config.data_dir / "station.db").exists():
        await settle_in(config.data_dir, PEOPLE)
    ground = Ground(config, browsers, planner)
    with cheap_passwords():
        await ground.start()
        try:
            yield ground
        finally:
            await ground.close()
    others = ground.hosts - {urlsplit(ground.url).netloc}
    assert not others, f"the page asked {others}"
    assert not ground.errors, f"a script of the page failed: {ground.errors}"


@pytest_asyncio.fixture(loop_scope="session")
async def ground(tmp_path: Path, browsers: Browsers) -> AsyncIterator[Ground]:
    """Where people sign in."""
    config = make_config(tmp_path).model_copy(update={"sign_in": True})
    async with standing(config, browsers) as ground:
        yield ground


@pytest_asyncio.fixture(loop_scope="session")
async def open_ground(tmp_path: Path, browsers: Browsers) -> AsyncIterator[Ground]:
    """Where nobody signs in: whoever opens the page is its operator."""
    async with standing(make_config(tmp_path), browsers) as ground:
        yield ground


def make_photo() -> bytes:
    """A green picture with something bright where ``BOX_PX`` says."""
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), (40, 90, 50), np.uint8)
    x1, y1, x2, y2 = map(int, BOX_PX)
    picture[y1:y2, x1:x2] = (30, 140, 255)
    encoded, data = cv2.imencode(".jpg", picture)
    assert encoded
    return data.tobytes()


def fire(jpeg: bytes, **change: Any) -> Alert:
    """An alert with this photo, which has to be sent as well."""
    (sha256,) = by_hash(jpeg)
    alert = make_alert(pictures=(jpeg,))
    evidence = Evidence(
        sha256=sha256,
        size_bytes=len(jpeg),
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        captured_at=alert.last_seen_at,
        box_px=BOX_PX,
    )
    return alert.model_copy(update={"evidence": [evidence], **change})
