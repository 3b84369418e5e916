"""The page in a real browser, served by the real station, spoken to as a drone does it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import httpx
import numpy as np
import pytest
import pytest_asyncio
import uuid6
from playwright.async_api import Browser, Page, async_playwright, expect

from uplink.messages import Alert, DroneState, Evidence
from uplink.station.app import PAGE_DIR
from uplink.station.server import running

from .drone import tell
from .makers import DRONE, HOME, as_json, auth, by_hash, make_alert, make_config, make_patrol, make_state

CHROMIUM = shutil.which("chromium")
SOFTWARE_WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
NO_WEBGL = ["--disable-3d-apis"]
NO_NAMES = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # what is not loopback cannot even be looked up
OFFLINE = ["--no-sandbox", "--disable-gpu", "--no-proxy-server", f"--host-resolver-rules={NO_NAMES}"]
SIZES = [(1366, 768), (1920, 1080), (1024, 768), (390, 844)]
WIDTH_PX, HEIGHT_PX = 1280, 720
BOX_PX = (800.0, 360.0, 960.0, 480.0)
PATIENCE_MS = 10_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium (apt install chromium)"),
]


@pytest_asyncio.fixture(params=[SOFTWARE_WEBGL])
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    assert (PAGE_DIR / "index.html").is_file(), "the page is not built: pip install -e . builds it"
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*OFFLINE, *request.param])
        yield browser
        await browser.close()


class Watch:
    """Opens the page and keeps what it asks for and what goes wrong in it."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()
        self.errors: list[str] = []

    async def open(self, browser: Browser, url: str) -> Page:
        width, height = SIZES[0]
        page = await browser.new_page(
            viewport={"width": width, "height": height}, locale="en-GB", reduced_motion="reduce"
        )
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self._note(said.type, said.text))
        await page.goto(url)
        return page

    def _note(self, kind: str, text: str) -> None:
        # A photo may come after its alert, and is checked before it is shown.
        if kind == "error" and not any(f"status of {status}" in text for status in (404, 425)):
            self.errors.append(text)


def make_jpeg() -> bytes:
    """A green picture with something bright where ``BOX_PX`` says."""
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), (40, 90, 50), np.uint8)
    x1, y1, x2, y2 = map(int, BOX_PX)
    picture[y1:y2, x1:x2] = (30, 140, 255)
    encoded, data = cv2.imencode(".jpg", picture)
    assert encoded
    return data.tobytes()


def fire(jpeg: bytes, **change: Any) -> Alert:
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


def flying(**change: Any) -> DroneState:
    usual = {"name": "Kestrel", "heading_deg": 45.0, "seeing": "seeing"}
    return DroneState.model_validate(as_json(make_state()) | usual | change)


class Drone:
    """Speaks to a station as a drone does."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def say(self, path: str, message: Any) -> None:
        answer = await self._http.put(path, json=as_json(message), headers=auth())
        answer.raise_for_status()

    async def state(self, **change: Any) -> None:
        await tell(self._http, flying(**change))

    async def alert(self, alert: Alert) -> None:
        await self.say(f"/alerts/{alert.id}", alert)

    async def picture(self, jpeg: bytes) -> None:
        (sha256,) = by_hash(jpeg)
        headers = {**auth(), "Content-Type": "image/jpeg"}
        (await self._http.put(f"/media/{sha256}", content=jpeg, headers=headers)).raise_for_status()


@pytest_asyncio.fixture
async def drone(served: httpx.AsyncClient) -> Drone:
    return Drone(served)


@pytest.fixture
def url(served: httpx.AsyncClient) -> str:
    return f"http://{served.base_url.netloc.decode()}/"


async def test_a_fire_appears_live_with_photo_and_position(browser: Browser, drone: Drone, url: str) -> None:
    watch = Watch()
    page = await watch.open(browser, url)
    await expect(page.get_by_role("complementary")).to_contain_text("No drone yet")
    await drone.state()
    await drone.say(f"/drones/{DRONE}/patrol", make_patrol())
    await expect(page.get_by_role("complementary")).to_contain_text("No alert")
    await expect(page.get_by_role("region", name="Aircraft")).to_contain_text("AUTO")
    await expect(page.locator(f"[data-drone='{DRONE}']")).to_be_visible()
    await expect(page.get_by_text("verified aboard")).to_be_visible()

    jpeg = make_jpeg()
    alert = fire(jpeg)
    await drone.alert(alert)
    row = page.locator(f"[data-alert='{alert.id}']")
    await expect(row).to_contain_text("Fire")
    await expect(row).to_contain_text("90 %")
    await expect(row).to_contain_text("± 12 m")
    await expect(row).to_contain_text("-35.36326, 149.16524")
    await expect(row.locator("[data-photo='coming']")).to_be_visible()
    await expect(page.locator(f"[data-marker='{alert.id}']")).to_be_visible()

    await drone.picture(jpeg)
    await expect(row.locator("[data-photo='here'] img")).to_be_visible()

    better = {"semi_major_m": 7.21, "semi_minor_m": 5.0, "orientation_deg": 30.0, "confidence": 0.9}
    revised = Alert.model_validate(as_json(alert) | {"revision": 3, "looks": 31, "ellipse": better})
    await drone.alert(revised)
    await drone.alert(Alert.model_validate(as_json(alert) | {"revision": 2}))  # late, and of no use
    await expect(row).to_contain_text("± 7.3 m")
    await expect(page.locator("[data-alert]")).to_have_count(1)

    await row.get_by_role("button", name="Fire").click()
    await expect(row).to_contain_text("seen in 31 frames")
    await expect(row).to_contain_text("Terrain model")
    await expect(row.locator(".box")).to_be_visible()
    assert await where_in_photo(page) == pytest.approx([c / WIDTH_PX for c in BOX_PX], abs=0.01)

    assert watch.hosts == {urlsplit(url).netloc}
    assert watch.errors == []


async def test_an_open_alert_shows_the_ground_what_led_up_to_it_and_how_large_it_is(
    browser: Browser, drone: Drone, url: str
) -> None:
    jpeg = make_jpeg()
    alert = fire(jpeg)
    beijing = {"lat_deg": 39.911954, "lon_deg": 116.377817}
    (photo,) = alert.evidence
    window = {"centre": beijing, "metres_per_px": 0.2}
    ground = as_json(photo) | {"kind": "ground view", "box_px": None, "width_px": 320, "height_px": 320}
    before = as_json(alert)["confirmed_at"].replace("12:00:00", "11:59:57")
    led = as_json(photo) | {"kind": "lead-up", "box_px": None, "captured_at": before}
    told = as_json(alert) | {
        "position": beijing,
        "evidence": [led, ground | {"ground": window}, as_json(photo)],
        "terrain": {"name": "hills.tif", "sigma_m": 4.5, "resolution_m": 30.0},
        "area_m2": 123.4, "area_sigma_m2": 41.2, "growth_m2_per_min": 12.0, "growth_sigma_m2_per_min": 5.0,
    }  # fmt: skip
    watch = Watch()
    page = await watch.open(browser, url)
    await drone.picture(jpeg)
    await drone.alert(Alert.model_validate(told))
    row = page.locator(f"[data-alert='{alert.id}']")
    await expect(row.locator(".picture .box")).to_have_count(1)
    await row.get_by_role("button", name="Fire").click()
    await expect(row.locator("[data-evidence='ground view']")).to_contain_text("64 m across")
    await expect(row.locator("[data-evidence='lead-up']")).to_contain_text("3 s before it was confirmed")
    await expect(row.locator("[data-evidence] img")).to_have_count(2)
    await expect(row).to_contain_text("Terrain model hills.tif (± 5 m)")
    await expect(row).to_contain_text("123 ± 42 m²")
    await expect(row).to_contain_text("39.91195, 116.37782")
    await expect(row).to_contain_text("39.91335, 116.38405")
    assert watch.errors == []


async def test_a_photo_that_will_not_be_shown_says_so_instead_of_being_on_its_way(
    browser: Browser, drone: Drone, url: str
) -> None:
    broken = make_jpeg()[:200]
    alert = fire(broken)
    page = await Watch().open(browser, url)
    await drone.alert(alert)
    row = page.locator(f"[data-alert='{alert.id}']")
    await expect(row.locator("[data-photo='coming']")).to_be_visible()
    await drone.picture(broken)
    await expect(row.locator("[data-photo='none']")).to_contain_text("cannot be read")


async def where_in_photo(page: Page) -> list[float]:
    """The box on the opened photo: x1, y1, x2, y2 in widths of the photo."""
    corners: list[float] = await page.evaluate(
        """() => {
            const photo = document.querySelector(".open .photo").getBoundingClientRect();
            const box = document.querySelector(".open .box").getBoundingClientRect();
            const across = [box.left - photo.left, box.right - photo.left];
            const down = [box.top - photo.top, box.bottom - photo.top];
            return [across[0], down[0], across[1], down[1]].map((px) => px / photo.width);
        }"""
    )
    return corners


async def test_queue_and_map_select_each_other_by_key_and_by_click(
    browser: Browser, drone: Drone, url: str
) -> None:
    await drone.state()
    first, second = make_alert(), make_alert(minutes=1)
    await drone.alert(first)
    await drone.alert(
        second.model_copy(update={"label": "smoke", "position": HOME.model_copy(update={"lat_deg": -35.36})})
    )
    page = await Watch().open(browser, url)
    opened = page.locator("[data-alert].open")
    await expect(page.locator("[data-marker]")).to_have_count(2)

    await page.locator("[data-alert] h3 button").first.focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(opened).to_have_attribute("data-alert", str(first.id))
    marker = page.locator(f"[data-marker='{first.id}']")
    await expect(marker).to_contain_class("selected")
    await page.keyboard.press("Escape")
    await expect(opened).to_have_count(0)

    await page.locator("button[title='Show everything']").click()
    await page.locator(f"[data-marker='{second.id}']").click()
    await expect(opened).to_have_attribute("data-alert", str(second.id))


async def test_blind_is_an_alarm_in_both_languages(browser: Browser, drone: Drone, url: str) -> None:
    page = await Watch().open(browser, url)
    alarm = page.get_by_role("alert")
    await drone.state(seeing="blind", blind_reason="no frame for 4 s", blind_since=make_alert().first_seen_at)
    await expect(alarm).to_contain_text("Blind since 12:00:00 UTC")
    await expect(alarm).to_contain_text("no frame for 4 s")
    await page.get_by_role("button", name="简体中文").click()
    await expect(alarm).to_contain_text("失明")
    await expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    await drone.state()
    await expect(alarm).to_be_empty()


async def test_the_page_comes_back_by_itself_when_the_station_does(browser: Browser, tmp_path: Path) -> None:
    async with running(make_config(tmp_path)) as url:
        page = await Watch().open(browser, url)
        state = page.get_by_role("banner").get_by_role("status")
        await expect(state).to_contain_text("Live")
    await expect(state).to_contain_text("Stale")

    alert = make_alert()
    async with (
        running(make_config(tmp_path, port=urlsplit(url).port or 0)) as again,
        httpx.AsyncClient(base_url=f"{again}/api/v1", trust_env=False) as http,
    ):
        await Drone(http).alert(alert)
        await expect(state).to_contain_text("Live")
        await expect(page.locator(f"[data-alert='{alert.id}']")).to_be_visible()
        await page.close()


@pytest.mark.parametrize("browser", [NO_WEBGL], indirect=True, ids=["no-webgl"])
async def test_without_webgl_all_but_the_map_works(browser: Browser, drone: Drone, url: str) -> None:
    watch = Watch()
    page = await watch.open(browser, url)
    await expect(page.get_by_role("main")).to_contain_text("The map needs WebGL 2")
    alert = make_alert()
    await drone.alert(alert)
    await expect(page.locator(f"[data-alert='{alert.id}']")).to_contain_text("± 12 m")
    assert watch.errors == []


async def test_nothing_is_cut_off_at_any_size(browser: Browser, drone: Drone, url: str) -> None:
    await drone.state(
        height_home_m=80.0,
        height_agl_m=123.4,
        ground_speed_m_s=12.3,
        armed=True,
        battery_percent=100.0,
        frames_per_s=10.0,
        alerts_waiting=12,
        control_reason="hands off: the pilot changed the mode to LOITER",
        seeing="blind",
        blind_reason="no frame from the camera for 4.2 s",
    )
    for minute in range(4):
        await drone.alert(make_alert(uuid6.uuid7(), minutes=minute))
    page = await Watch().open(browser, url)
    await page.locator("[data-alert] h3 button").first.click()
    await expect(page.get_by_text("seen in 5 frames")).to_be_visible()
    await expect(page.get_by_text("Error ellipse")).to_be_visible()
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert await page.evaluate(CUT_OFF) == [], (width, height)


# What reaches beyond the window, hides part of itself, or lies over its neighbour in the strip.
CUT_OFF = """() => {
    const wrong = [];
    const say = (what, element) => wrong.push(`${what}: ${element.className} ${element.innerText}`);
    const seen = (element) => element.getClientRects().length > 0 && !element.closest(".unseen, .photo");
    const all = (selector) => [...document.querySelectorAll(selector)].filter(seen);
    for (const element of all("header *, .alarms *, aside *, .legend *")) {
        const { left, right } = element.getBoundingClientRect();
        if (left < -1 || right > innerWidth + 1) say("off the window", element);
        const hides = getComputedStyle(element).overflowX === "hidden";
        if (hides && element.scrollWidth > element.clientWidth + 1) say("cut", element);
    }
    const words = all("header dt, header b, header .who > *, header .pill, header .language");
    for (const one of words) {
        const p = one.getBoundingClientRect();
        for (const other of words) {
            const q = other.getBoundingClientRect();
            const across = p.left < q.right - 1 && q.left < p.right - 1;
            const down = p.top < q.bottom - 2 && q.top < p.bottom - 2;
            if (one !== other && across && down) say("overlaps", one);
        }
    }
    return wrong;
}"""
