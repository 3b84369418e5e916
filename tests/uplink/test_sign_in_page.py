"""Signing in, in a real browser: nothing is shown before, and a viewer is told why a button does nothing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest_asyncio
from playwright.async_api import Page, expect

from .makers import DRONE
from .page_checks import fits
from .page_harness import BROWSER, Ground
from .people import password_of

pytestmark = BROWSER


@pytest_asyncio.fixture(loop_scope="session")
async def door(ground: Ground) -> Ground:
    """Behind it: a drone, and an alert."""
    await ground.state(name="")
    await ground.alert()
    return ground


async def enter(page: Page, name: str, password: str | None = None) -> None:
    form = page.get_by_role("form", name="Sign in to the station")
    await form.get_by_label("Name").fill(name)
    await form.get_by_label("Password").fill(password_of(name) if password is None else password)
    await page.keyboard.press("Enter")


def alerts(page: Page) -> Any:
    return page.locator("[data-incident]")


async def test_nothing_is_shown_before_somebody_signs_in_nor_after_they_left(door: Ground) -> None:
    page = await door.page()
    await expect(page.get_by_role("form", name="Sign in to the station")).to_be_visible()
    await expect(page.get_by_label("Name")).to_be_focused()
    asked = await page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert {urlsplit(one).path for one in asked if "/api/" in one} == {"/api/v1/session"}
    await enter(page, "Pia", "not her password")
    await expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    await expect(page.get_by_label("Password")).to_have_value("")

    await enter(page, "Pia")
    await expect(alerts(page)).to_have_count(1)
    await expect(page.get_by_role("banner").get_by_role("status")).to_contain_text("Live")
    await page.reload()
    await expect(alerts(page)).to_have_count(1)
    assert password_of("Pia") not in await page.content()
    assert await page.evaluate("document.cookie") == "", "no script sees the session"

    await page.get_by_role("button", name="Pia").click()
    dialog = page.get_by_role("dialog", name="Signed in as Pia")
    await expect(dialog).to_contain_text("Pilot")
    await dialog.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("form", name="Sign in to the station")).to_be_visible()
    await expect(alerts(page)).to_have_count(0)
    await page.reload()
    await expect(page.get_by_role("form", name="Sign in to the station")).to_be_visible()


async def test_the_page_goes_back_to_the_door_when_the_station_ends_the_session(door: Ground) -> None:
    page = await door.page()
    await enter(page, "Vera")
    await expect(alerts(page)).to_have_count(1)
    await door.services.access.remove_user("Vera", by="Ada")
    await expect(page.get_by_role("form", name="Sign in to the station")).to_be_visible()
    await expect(page.get_by_text("You were signed out.")).to_be_visible()
    await expect(alerts(page)).to_have_count(0)


async def test_a_viewer_sees_everything_and_is_told_why_no_button_does_anything(door: Ground) -> None:
    page = await door.page()
    await enter(page, "Vera")
    await expect(alerts(page)).to_have_count(1)
    dock = page.get_by_role("region", name=f"Control of {DRONE}")
    await expect(dock.get_by_role("button", name="Take control")).to_be_disabled()
    lease = dock.get_by_role("region", name="Control", exact=True)
    await expect(lease.get_by_text("Viewers cannot give orders", exact=True)).to_be_visible()
    stand_down = page.get_by_role("button", name="Stand down", exact=True)
    await expect(stand_down).to_be_disabled()
    await expect(stand_down).to_have_attribute("title", "Viewers cannot give orders")


async def test_a_pilot_takes_control_and_changes_the_password(door: Ground) -> None:
    page = await door.page()
    await enter(page, "Pia")
    await page.get_by_role("button", name="Take control").click()
    await expect(page.get_by_text("You have control", exact=True)).to_be_visible()

    await page.get_by_role("button", name="Pia").click()
    dialog = page.get_by_role("dialog", name="Signed in as Pia")
    await dialog.get_by_role("button", name="Change password").click()
    await dialog.get_by_label("Old password").fill("not the old one")
    await dialog.get_by_label("New password").fill("another long password")
    await page.keyboard.press("Enter")
    await expect(dialog).to_contain_text("The old password is wrong.")
    await dialog.get_by_label("Old password").fill(password_of("Pia"))
    await dialog.get_by_label("New password").fill("another long password")
    await page.keyboard.press("Enter")
    await expect(dialog).to_contain_text("Changed.")
    await dialog.get_by_role("button", name="Sign out").click()
    await enter(page, "Pia", "another long password")
    await expect(alerts(page)).to_have_count(1)


async def test_the_door_speaks_both_languages_and_fits_every_screen(door: Ground) -> None:
    page = await door.page()
    await page.get_by_role("button", name="简体中文").click()
    await expect(page.get_by_role("heading")).to_have_text("登录地面站")
    await page.get_by_role("button", name="English").click()
    await fits(page, "door", fingers=False)
    await enter(page, "Vera")
    await expect(alerts(page)).to_have_count(1)
    await fits(page, "viewer", fingers=False)


async def test_the_map_is_drawn_and_no_rule_of_the_page_is_broken(door: Ground) -> None:
    """The policy allows no script, style or picture but our own; the map's worker is a blob."""
    page = await door.page(with_map=True, reduced_motion="no-preference")
    await page.add_init_script(
        "window.broken = []; addEventListener('securitypolicyviolation', "
        "(told) => broken.push(`${told.violatedDirective} ${told.blockedURI} ${told.sourceFile}`));"
    )
    answer = await page.goto(door.url)
    assert answer is not None
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert "'unsafe" not in answer.headers["content-security-policy"]
    await enter(page, "Ada")
    await expect(page.locator("[data-incident]")).to_have_count(1)
    await expect(page.locator(f"[data-drone='{DRONE}']")).to_be_visible()
    await page.locator("[data-incident] h3 button").first.click()
    await page.get_by_role("button", name="Take control").click()
    await expect(page.locator("canvas")).to_be_visible()
    assert await page.evaluate("broken") == []
    await page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hit=1\">')"
    )
    await page.evaluate("fetch('https://evil.example/').catch(() => 0)")
    await page.wait_for_function("broken.length >= 2")
    assert await page.evaluate("window.hit") is None
    door.errors.clear()  # the browser told of what it did not let through


async def test_no_other_page_frames_ours(door: Ground) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        headers = (await http.get(door.url)).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
