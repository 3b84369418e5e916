"""The live view from camera to eye: real vision child, agent, station and browser. What is pointed at on the
page is held against the truth of the rendered world."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.uplink.makers import DRONE, KEY
from tests.uplink.page_harness import BROWSER, Ground, browsers, open_ground
from tests.watched_mast import Mast, agent_of, lay_out, watching_world

__all__ = ["browsers", "open_ground"]

pytestmark = [*BROWSER, pytest.mark.e2e, pytest.mark.timeout(180)]

PATIENCE_MS = 90_000
MOST_ERROR_M = 8.0
PIXELS = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) {
        sum = (sum * 31 + data[i] + 3 * data[i + 1] + 7 * data[i + 2]) % 4294967296;
    }
    return { sum, first: data[0] + data[1] + data[2], frame: canvas.dataset.frame };
}"""

BOXES = """() => [...document.querySelectorAll("[data-box]")].map(
    (box) => box.getBoundingClientRect().toJSON()
)"""


def away_m(mast: Mast, text: str) -> float:
    """From the true fire to coordinates as the page says them."""
    lat_deg, lon_deg = (float(number) for number in text.split(","))
    per_lat, per_lon = mast.world.ground.frame.metres_per_degree
    return math.hypot((lat_deg - mast.fire.lat_deg) * per_lat, (lon_deg - mast.fire.lon_deg) * per_lon)


async def live(page: Page) -> None:
    await expect(page.locator("[data-view='live']")).to_be_visible(timeout=PATIENCE_MS)


async def test_somebody_watches_points_at_the_fire_and_gets_its_place(
    open_ground: Ground, tmp_path: Path
) -> None:
    mast = lay_out(tmp_path, open_ground.url, DRONE, KEY)
    async with watching_world(mast), agent_of(mast):
        page = await open_ground.page(path="#/watch")
        await live(page)
        canvas = page.locator("[data-view] canvas")

        # It moves, and what was found is drawn from data around where it truly is.
        first = await canvas.evaluate(PIXELS)
        await expect(canvas).not_to_have_attribute("data-frame", first["frame"])
        second = await canvas.evaluate(PIXELS)
        assert second["sum"] != first["sum"]
        assert first["first"] > 0
        box = page.locator("[data-box]").first
        await expect(box).to_be_visible(timeout=PATIENCE_MS)
        await expect(box).to_contain_text("± ")
        x, y = mast.share_of(mast.fire.lat_deg, mast.fire.lon_deg, mast.fire.alt_amsl_m)
        around = await canvas.bounding_box()
        assert around is not None
        at = around["x"] + x * around["width"], around["y"] + y * around["height"]
        drawn = await page.evaluate(BOXES)
        assert any(
            one["left"] - 12 <= at[0] <= one["right"] + 12 and one["top"] - 12 <= at[1] <= one["bottom"] + 12
            for one in drawn
        ), (drawn, at)
        await expect(page.locator("[data-age]")).to_contain_text("s old")
        await expect(page.locator("[data-line]")).to_contain_text("kbit/s")

        # A click is answered by the drone.
        await page.mouse.click(*at)
        card = page.locator("[data-picked-place='placed']")
        await expect(card).to_contain_text("on the terrain model")
        await expect(card).to_contain_text("answered in")
        assert away_m(mast, await card.locator("strong").inner_text()) < MOST_ERROR_M
        await expect(page.locator("[data-mark]")).to_be_visible()

        # And so is a key: the crosshair begins in the middle.
        await page.locator("[role='application']").focus()
        for _ in range(3):
            await page.keyboard.press("ArrowUp")
        cross = page.locator("[data-cross]")
        await expect(cross).to_be_attached()
        for _ in range(40):
            await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Enter")
        none = page.locator("[data-picked-place='none']")
        await expect(none).to_contain_text("before it meets the ground")
        await expect(none).to_contain_text("Bearing")


@pytest.mark.slow
async def test_a_view_comes_back_when_the_drone_or_the_station_does(
    open_ground: Ground, tmp_path: Path
) -> None:
    mast = lay_out(tmp_path, open_ground.url, DRONE, KEY)
    async with watching_world(mast):
        async with agent_of(mast):
            page = await open_ground.page(path="#/watch")
            await live(page)
        # Without the drone the picture is no live one, and says of when it is.
        await expect(page.locator("[data-view='stale'] [data-dated]")).to_contain_text("Not live: picture of")
        await expect(page.locator("[data-trouble]")).to_contain_text("not connected")
        async with agent_of(mast):
            await live(page)
            await open_ground.stop()
            await expect(page.locator("[data-trouble]")).to_contain_text("No connection to the station")
            await open_ground.start()
            await live(page)
