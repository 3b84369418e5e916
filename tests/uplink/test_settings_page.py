"""What a user chooses for a browser shows at once and is kept; the keys, and the sheet that lists them."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from .page_checks import axe, fits
from .page_hands import Keyboard
from .page_harness import BROWSER, Ground

pytestmark = BROWSER


async def ground_colour(page: Page) -> str:
    colour: str = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


async def test_look_units_and_language_change_at_once_and_are_remembered(open_ground: Ground) -> None:
    await open_ground.state(height_home_m=80.0, ground_speed_m_s=10.0)
    page = await open_ground.page(color_scheme="light")
    html, aircraft = page.locator("html"), page.get_by_role("region", name="Aircraft")
    await expect(html).to_have_attribute("data-look", "light")
    await page.emulate_media(color_scheme="dark")
    await expect(html).to_have_attribute("data-look", "dark")
    await expect(aircraft).to_contain_text("80 m")

    keyboard = Keyboard(page)
    await page.keyboard.press(",")
    settings = page.get_by_role("dialog", name="Settings")
    await keyboard.go_to(settings.get_by_role("radio", name="As the computer"))
    for look, colour in (
        ("dark", "rgb(11, 16, 22)"),
        ("light", "rgb(233, 238, 243)"),
        ("sun", "rgb(255, 255, 255)"),
    ):
        await page.keyboard.press("ArrowRight")
        await expect(html).to_have_attribute("data-look", look)
        assert await ground_colour(page) == colour
    await settings.get_by_text("Imperial").click()
    await expect(aircraft).to_contain_text("262 ft")
    await expect(aircraft).to_contain_text("22.4 mph")
    await settings.get_by_text("简体中文").click()
    await expect(page.get_by_role("dialog", name="设置")).to_be_visible()
    assert await axe(page) == []
    await fits(page, "settings-zh")

    await page.reload()
    await expect(html).to_have_attribute("data-look", "sun")
    await expect(html).to_have_attribute("lang", "zh-Hans")
    await expect(page.get_by_text("262 ft")).to_be_visible()


async def test_the_sheet_lists_each_key_once_and_no_key_acts_while_somebody_writes(
    open_ground: Ground,
) -> None:
    page = await open_ground.page()
    await expect(page.get_by_role("banner").get_by_role("status")).to_contain_text("Live")
    await page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(sheet).to_contain_text("To the next control")
    keys = await sheet.locator("kbd").all_inner_texts()
    assert {"?", ",", "Tab"} <= set(keys)
    assert len(keys) == len(set(keys)), "two things by one key"
    assert await axe(page) == []
    await fits(page, "keys")
    await page.keyboard.press(",")
    await expect(page.get_by_role("dialog")).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()

    await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<input id=writes>')")
    await page.locator("#writes").focus()
    await page.keyboard.type("why?,")
    assert await page.locator("#writes").input_value() == "why?,"
    await expect(page.get_by_role("dialog")).to_be_hidden()

    await page.locator("#writes").evaluate("(field) => field.remove()")
    await page.get_by_role("button", name="Settings").click()
    settings = page.get_by_role("dialog", name="Settings")
    await settings.get_by_label("Single keys are shortcuts").uncheck()
    await settings.get_by_role("button", name="Keyboard shortcuts").click()
    await expect(sheet).to_contain_text("switched off")
    await sheet.get_by_role("button", name="Close").click()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name=re.compile("."))).to_have_count(0)
