"""The map in a real browser: what is dropped into the station's folder is seen, places can be worked with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Page, expect

from uplink.ground import DroneGround, FenceZone
from uplink.messages import OrderKind

from .makers import DRONE, HOME, eventually, make_patrol
from .map_makers import (
    as_metadata,
    coloured,
    tiles_around,
    vector_tile,
    write_hills,
    write_mbtiles,
    write_pmtiles,
)
from .page_hands import Mouse
from .page_harness import BROWSER, READY, Ground
from .test_ground import searched

pytestmark = BROWSER

LAT, LON = HOME.lat_deg, HOME.lon_deg
SIZE = (1000, 620)  # the map is drawn in software here: the fewer pixels the better
PATCH = {"x": 60, "y": 210, "width": 90, "height": 84}
"""Of the window: map with nothing over it."""

Picture = NDArray[np.float64]


async def picture(page: Page) -> Picture:
    """Of the patch: blue, green, red."""
    png = await page.screenshot(clip=PATCH)  # type: ignore[arg-type]
    decoded = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, np.float64)


async def until(page: Page, looks: Callable[[Picture], bool], what: str) -> Picture:
    for _ in range(60):
        seen = await picture(page)
        if looks(seen):
            return seen
        await asyncio.sleep(0.15)
    raise AssertionError(f"{what}: the patch is {seen.mean(axis=(0, 1))}")


def is_mostly(channel: int) -> Callable[[Picture], bool]:
    """That this colour is twice as strong as the others; 0 blue, 1 green, 2 red."""

    def looks(seen: Picture) -> bool:
        mean = seen.mean(axis=(0, 1))
        return bool(mean[channel] > 2 * max(np.delete(mean, channel)))

    return looks


async def with_drone(ground: Ground, **context: Any) -> Page:
    page = await ground.page(with_map=True, size=SIZE, color_scheme="dark", **context)
    await ground.state()
    await expect(page.locator(f"[data-drone='{DRONE}']")).to_have_count(1)
    return page


async def test_map_files_are_seen_as_soon_as_they_are_dropped_in(open_ground: Ground) -> None:
    page = await with_drone(open_ground)
    folder = open_ground.config.data_dir / "map"
    layers = page.get_by_role("button", name="Layers")
    bare = await picture(page)
    assert not is_mostly(1)(bare)

    await layers.click()
    await expect(page.get_by_text("No map files yet")).to_be_visible()
    await layers.click()
    green = tiles_around(LAT, LON, range(8, 15), coloured(0, 160, 0), reach=1)
    write_mbtiles(folder / "aerial.mbtiles", green, name="Aerial photos", attribution="© Some Survey")
    (folder / "torn.mbtiles").write_text("only the beginning of it was copied " * 9)
    await layers.click()
    await until(page, is_mostly(1), "an MBTiles file is drawn")
    await expect(page.get_by_role("checkbox", name="Aerial photos")).to_be_checked()
    await expect(page.locator("[data-broken='torn.mbtiles']")).to_contain_text("no MBTiles file")
    await expect(page.get_by_text("© Some Survey").last).to_be_visible()
    await page.get_by_role("checkbox", name="Aerial photos").uncheck()
    await until(page, lambda seen: not is_mostly(1)(seen), "it is taken off")
    await layers.click()

    red = tiles_around(LAT, LON, range(8, 16), coloured(0, 0, 160), reach=1)
    write_pmtiles(folder / "site.pmtiles", red, name="Site")
    await layers.click()
    await until(page, is_mostly(2), "a PMTiles archive is drawn")
    slider = page.get_by_role("slider", name="Strength")
    strong = (await picture(page)).mean(axis=(0, 1))[2]
    await slider.fill("0.4")
    await until(page, lambda seen: seen.mean(axis=(0, 1))[2] < 0.7 * strong, "its ground is fainter")
    await page.get_by_role("checkbox", name="Site").uncheck()
    await slider.fill("1")
    await layers.click()

    await page.reload()  # what was chosen is remembered
    await expect(page.locator(f"[data-drone='{DRONE}']")).to_have_count(1)
    level = await until(page, lambda seen: not is_mostly(2)(seen), "what was taken off stays off")
    write_hills(folder / "hills.tif", LAT, LON, reach_deg=0.01)
    await layers.click()
    await expect(page.get_by_role("checkbox", name="Hills")).to_be_checked()
    shaded = await until(page, lambda seen: seen.std() > level.std() + 2, "hills are shaded")
    await page.get_by_role("checkbox", name="Hills").uncheck()
    await page.get_by_role("checkbox", name="Colours for height").check()
    await until(page, lambda seen: np.abs(seen - shaded).mean() > 5, "heights have colours")


async def test_vector_tiles_searched_ground_and_fences_are_drawn_and_explained(open_ground: Ground) -> None:
    folder = open_ground.config.data_dir / "map"
    folder.mkdir(exist_ok=True)
    everywhere = [[(0, 0), (4096, 0), (4096, 4096), (0, 4096)]]
    tile = vector_tile(
        {
            "landcover": [({"class": "wood"}, "area", everywhere)],
            "building": [({"class": "house"}, "area", everywhere)],
            "transportation": [({"class": "primary"}, "line", [[(0, 2048), (4096, 2048)]])],
        }
    )
    layers = [{"id": name} for name in ("landcover", "building", "transportation")]
    tiles = tiles_around(LAT, LON, range(14, 15), tile, reach=1)
    page = await with_drone(open_ground)
    bare = await picture(page)
    write_mbtiles(folder / "city.mbtiles", tiles, format="pbf", json=as_metadata(vector_layers=layers))
    await page.get_by_role("button", name="Layers").click()
    seen = await until(page, lambda seen: np.abs(seen - bare).mean() > 10, "its areas are drawn")
    building = np.array([0x4D, 0x40, 0x33])  # blue, green, red of a building in the dark look
    assert np.abs(np.median(seen, axis=(0, 1)) - building).max() < 6, "buildings lie over the wood"
    await page.get_by_role("checkbox", name="city").uncheck()
    await until(page, lambda seen: np.abs(seen - bare).mean() < 2, "they are taken off")

    around = [(LON + dx, LAT + dy) for dx, dy in ((-0.01, -0.01), (0.01, -0.01), (0.01, 0.01), (-0.01, 0.01))]
    now = datetime.now(UTC)
    ground = searched(
        bytes([200] * 12),
        west_deg=LON - 0.01,
        east_deg=LON + 0.01,
        south_deg=LAT - 0.01,
        north_deg=LAT + 0.01,
        began=now - timedelta(seconds=200 * 15),
    )
    await open_ground.say(f"/drones/{DRONE}/searched", ground)
    fresh = await until(page, lambda seen: seen[..., 1].mean() > bare[..., 1].mean() + 30, "it is green")
    panel = page.get_by_role("region", name="Layers")
    await expect(panel.get_by_text("Searched, minutes ago")).to_be_visible()
    old = ground.model_copy(update={"began": now - timedelta(hours=9)})
    await open_ground.say(f"/drones/{DRONE}/searched", old)
    await until(page, lambda seen: seen[..., 1].mean() < fresh[..., 1].mean() - 20, "old ground is fainter")

    fence = DroneGround(drone_id=DRONE, fence=[FenceZone(keep="out", ring=around)])
    faint = await picture(page)
    await open_ground.say(f"/drones/{DRONE}/ground", fence)
    await expect(panel.get_by_text("No-fly area", exact=True)).to_be_visible()
    hatched = await until(page, lambda seen: seen.std() > faint.std() + 5, "a no-fly area is hatched")
    await page.get_by_role("checkbox", name="Fence, no-fly areas").uncheck()
    await until(page, lambda seen: seen.std() < hatched.std() - 4, "it is taken off")
    await expect(panel.get_by_text("No-fly area", exact=True)).to_have_count(0)


async def test_a_drone_is_sent_to_where_the_map_was_pointed_at_by_finger_mouse_or_key(ground: Ground) -> None:
    kestrel = await ground.drone()
    kestrel.says |= {"armed": True, "mode": "AUTO", "control": "granted", "granted_by": "Pia"}
    kestrel.says |= {"height_home_m": 61.0, "height_agl_m": 58.0}
    kestrel.says["patrol"] = READY | {"phase": "flying", "item": 7}
    kestrel.answers[OrderKind.GO_TO] = "420 m in about 84 s"
    page = await ground.page("Pia", with_map=True, touch=True, size=SIZE)
    await expect(page.locator(f"[data-drone='{DRONE}']")).to_have_count(1)
    await page.get_by_role("button", name="Take control").click()
    card = page.get_by_role("region", name="This place")

    finger = await page.context.new_cdp_session(page)
    await finger.send(
        "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 120, "y": 260}]}
    )
    await expect(card).to_be_visible()  # while it is still there
    await finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    touched = await card.locator("[data-notation='wgs84']").text_content()
    await page.get_by_role("button", name="Layers").click()
    await page.mouse.click(150, 240, button="right")
    wgs84 = card.locator("[data-notation='wgs84']")
    await expect(wgs84).not_to_have_text(touched or "")
    there = await wgs84.text_content()
    await card.get_by_role("button", name="Go there").click()
    sheet = page.get_by_role("dialog", name="Send Kestrel")
    await expect(sheet).to_contain_text("It would: 420 m in about 84 s")
    await Mouse(page).hold(sheet.get_by_role("button", name="Send Kestrel"))
    await eventually(lambda: OrderKind.GO_TO in kestrel.kinds)
    sent = kestrel.orders[-1].place
    assert sent is not None
    assert f"{sent.lat_deg:.5f}, {sent.lon_deg:.5f}" == there
    await expect(card).to_have_count(0)

    await page.keyboard.press("p")
    await expect(card.get_by_role("button", name="Close")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(card).to_have_count(0)
    await page.keyboard.press("p")
    await card.get_by_role("button", name="Measure from here").press("Enter")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("region", name="Measure").locator("[data-length]")).to_contain_text("m")
    await page.keyboard.press("Escape")
    for number in (1, 2):
        await page.keyboard.press("p")
        await card.get_by_role("button", name="Patrol point here").press("Enter")
        await expect(page.get_by_label(f"Corner {number}", exact=True)).to_be_visible()
        await expect(page.get_by_label(f"Corner {number + 1}", exact=True)).to_have_count(0)
        await page.evaluate("location.hash = '#/fly'")
        await expect(page.locator(f"[data-drone='{DRONE}']")).to_have_count(1)


async def test_places_are_read_in_every_notation_and_measured_with_keys_alone(open_ground: Ground) -> None:
    page = await with_drone(open_ground)
    await open_ground.say(f"/drones/{DRONE}/patrol", make_patrol())
    await page.mouse.click(150, 240)
    card = page.get_by_role("region", name="This place")
    await expect(card.locator("[data-notation='mgrs']")).to_contain_text("55H FA")
    await expect(card.locator("[data-notation='gcj02']")).to_have_count(0)
    await expect(page.locator("[data-picked]")).to_be_visible()
    await card.get_by_role("button", name="Close").click()

    await page.mouse.move(150, 240)
    shown = page.locator("[data-coordinates]")
    first = await shown.text_content()
    await page.mouse.move(120, 280)
    await expect(shown).not_to_have_text(first or "")
    await page.get_by_role("combobox", name="Notation of coordinates").select_option("utm")
    await expect(shown).to_contain_text("55H 6")

    await page.get_by_role("button", name="Go to coordinates").click()
    field = page.get_by_label("Coordinates", exact=True)
    await field.fill("somewhere")
    await field.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="no coordinates")).to_be_visible()
    await field.fill("50S MK 48499 17799")
    await field.press("Enter")
    await expect(card.locator("[data-notation='wgs84']")).to_contain_text("39.9087")
    await expect(card.locator("[data-notation='gcj02']")).to_contain_text("39.9101")
    await card.get_by_role("button", name="Close").click()
    await expect(card).to_have_count(0)

    tool = page.get_by_role("button", name="Measure")
    await tool.focus()
    await page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="Measure")
    await expect(panel).to_contain_text("By keyboard")
    await page.keyboard.press("Enter")
    for key in ("ArrowRight", "ArrowUp"):
        before = await page.locator("[data-coordinates]").text_content()
        await page.keyboard.press(key)
        await expect(page.locator("[data-coordinates]")).not_to_have_text(before or "")
        await page.keyboard.press("Enter")
    await expect(panel.locator("[data-length]")).to_contain_text("m")
    await expect(panel.locator("[data-area]")).to_contain_text("area")
    await page.keyboard.press("Backspace")
    await expect(panel.locator("[data-area]")).to_have_count(0)
    await expect(panel).to_contain_text("90°")
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
