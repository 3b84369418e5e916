"""The pictures of the page in the READMEs, taken during a demo flight: ``python -m tests.page_pictures``.

What they show is what the demo's drone really found. They go to uplink/station/ui/pictures, small enough to
be in a repository; with names of some of them (``fly history``) only those.
"""

from __future__ import annotations

import asyncio
import io
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.uplink.page_harness import CHROMIUM, OFFLINE, SOFTWARE_WEBGL

REPOSITORY = Path(__file__).parents[1]
PICTURES = REPOSITORY / "uplink/station/ui/pictures"
DESK, PHONE = (1440, 900), (390, 844)
START_S, FOUND_S = 60.0, 240.0
SETTLE_MS = 2_500  # the map flies there, and draws
FOUND = 2
KILN = [(-35.3649, 149.1645), (-35.3649, 149.1654), (-35.3642, 149.1654), (-35.3642, 149.1645)]
AREA = [[-35.3655, 149.1625], [-35.3655, 149.1675], [-35.3625, 149.1675], [-35.3625, 149.1625]]


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        demo = [sys.executable, "-m", "edge.cli", "demo", "--headless", "--port", str(port), "--keep", folder]
        process = subprocess.Popen(demo, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
        try:
            asyncio.run(_visit(f"http://127.0.0.1:{port}/", sys.argv[1:]))
        finally:
            process.terminate()
            process.wait(timeout=60)


async def _visit(url: str, wanted: list[str]) -> None:
    await _answers(f"{url}healthz")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*OFFLINE, *SOFTWARE_WEBGL])
        await _take_all(browser, url, wanted)
        await browser.close()


async def _take_all(browser: Browser, url: str, wanted: list[str]) -> None:
    page = await _opened(browser, url, DESK)
    photos = page.locator("[data-incident] [data-photo='here']")
    await expect(photos.nth(FOUND - 1)).to_be_visible(timeout=FOUND_S * 1000)
    ways = {
        "fly": _fly,
        "watch": _watch,
        "patrols": _patrols,
        "history": _history,
        "zones": _zones,
        "audit": _audit,
        "sun": _sun,
    }
    for name, way in ways.items():
        if not wanted or name in wanted:
            await way(page, url)
            await _take(page, name)
    if not wanted or "phone" in wanted:
        phone = await _opened(browser, url, PHONE)
        await expect(phone.locator("[data-incident]").first).to_be_visible()
        await _take(phone, "phone")


async def _fly(page: Page, url: str) -> None:
    await page.get_by_role("button", name="Show everything").click()


async def _watch(page: Page, url: str) -> None:
    await page.goto(f"{url}#/watch")


async def _patrols(page: Page, url: str) -> None:
    await page.goto(f"{url}#/patrols/new")
    field = page.get_by_label("New corner: latitude, longitude")
    for lat, lon in AREA:
        await field.fill(f"{lat}, {lon}")
        await field.press("Enter")
    await page.get_by_role("group", name="What you draw").get_by_text("Home").click()
    await page.get_by_role("button", name="Where Virtual drone stands").click()
    await expect(page.get_by_text("Safe by what was checked")).to_be_visible(timeout=START_S * 1000)
    await page.get_by_role("button", name="Show all of it").click()


async def _history(page: Page, url: str) -> None:
    await page.goto(f"{url}#/history")
    await page.get_by_role("link", name="Open the flight of").first.click()
    await page.get_by_role("slider", name="Timeline").press("End")


async def _zones(page: Page, url: str) -> None:
    await page.goto(f"{url}#/admin/zones/new")
    await page.get_by_label("Name").fill("Brickworks")
    await page.get_by_label("Reason").select_option("kiln")
    field = page.get_by_label("New corner")
    for lat, lon in KILN:
        await field.fill(f"{lat}, {lon}")
        await field.press("Enter")
    await page.locator("[data-ready='true']").scroll_into_view_if_needed()


async def _audit(page: Page, url: str) -> None:
    await page.goto(f"{url}#/admin/audit")


async def _sun(page: Page, url: str) -> None:
    await page.goto(f"{url}#/fly")
    await _look(page, "Sun")


async def _opened(browser: Browser, url: str, size: tuple[int, int]) -> Page:
    page = await browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark", locale="en-GB"
    )
    await page.goto(url)
    return page


async def _look(page: Page, name: str) -> None:
    await page.keyboard.press(",")
    await page.get_by_role("dialog").get_by_text(name, exact=True).click()
    await page.keyboard.press("Escape")


async def _take(page: Page, name: str) -> None:
    await page.wait_for_timeout(SETTLE_MS)
    picture = Image.open(io.BytesIO(await page.screenshot()))
    picture.convert("RGB").save(PICTURES / f"{name}.webp", quality=82, method=6)
    print(f"{name}.webp: {(PICTURES / f'{name}.webp').stat().st_size / 1000:.0f} kB")


async def _answers(url: str) -> None:
    async with asyncio.timeout(START_S), httpx.AsyncClient(trust_env=False) as http:
        while True:
            try:
                (await http.get(url)).raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(0.3)
            else:
                return


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
