"""Signing in, in a real browser: nothing is shown before, and a viewer is told why a button does nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, Page, expect

from uplink.station.app import create_app
from uplink.station.server import running

from .drone import state_of, tell
from .makers import DRONE, as_json, auth, make_alert, make_config
from .people import cheap_passwords, password_of, settle_in
from .test_page import (  # noqa: F401 (fixtures)
    CUT_OFF,
    NO_WEBGL,
    SIZES,
    Watch,
    browser,
    pytestmark,
)


class Served:
    """A station with people, over a real socket."""

    def __init__(self, url: str, app: FastAPI) -> None:
        self.url = url
        self.services: Any = app.state.services


@pytest_asyncio.fixture
async def served_people(tmp_path: Path) -> AsyncIterator[Served]:
    config = make_config(tmp_path).model_copy(update={"sign_in": True})
    await settle_in(config.data_dir)
    app = create_app(config)
    with cheap_passwords():
        async with (
            running(config, app) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
        ):
            alert = make_alert()
            await tell(http, state_of())
            (await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())).raise_for_status()
            yield Served(url, app)


async def enter(page: Page, name: str, password: str | None = None) -> None:
    form = page.get_by_role("form", name="Sign in to the station")
    await form.get_by_label("Name").fill(name)
    await form.get_by_label("Password").fill(password_of(name) if password is None else password)
    await page.keyboard.press("Enter")


def alerts(page: Page) -> Any:
    return page.locator("[data-alert]")


@pytest.mark.parametrize("browser", [NO_WEBGL], indirect=True, ids=["no-webgl"])
async def test_nothing_is_shown_before_somebody_signs_in_nor_after_they_left(
    browser: Browser,  # noqa: F811
    served_people: Served,
) -> None:
    watch = Watch()
    page = await watch.open(browser, served_people.url)
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


@pytest.mark.parametrize("browser", [NO_WEBGL], indirect=True, ids=["no-webgl"])
async def test_the_page_goes_back_to_the_door_when_the_station_ends_the_session(
    browser: Browser,  # noqa: F811
    served_people: Served,
) -> None:
    page = await Watch().open(browser, served_people.url)
    await enter(page, "Vera")
    await expect(alerts(page)).to_have_count(1)
    await served_people.services.access.remove_user("Vera", by="Ada")
    await expect(page.get_by_role("form", name="Sign in to the station")).to_be_visible()
    await expect(page.get_by_text("You were signed out.")).to_be_visible()
    await expect(alerts(page)).to_have_count(0)


@pytest.mark.parametrize("browser", [NO_WEBGL], indirect=True, ids=["no-webgl"])
async def test_a_viewer_sees_everything_and_is_told_why_no_button_does_anything(
    browser: Browser,  # noqa: F811
    served_people: Served,
) -> None:
    watch = Watch()
    page = await watch.open(browser, served_people.url)
    await enter(page, "Vera")
    await expect(alerts(page)).to_have_count(1)
    dock = page.get_by_role("region", name=f"Control of {DRONE}")
    await expect(dock.get_by_role("button", name="Take control")).to_be_disabled()
    await expect(dock.get_by_text("Viewers cannot give orders", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Stand down", exact=True).click()
    dialog = page.get_by_role("dialog", name="Stand down every drone?")
    await expect(dialog.get_by_role("button", name="Stand down all")).to_be_disabled()
    await expect(dialog).to_contain_text("Viewers cannot give orders")
    assert watch.errors == []


@pytest.mark.parametrize("browser", [NO_WEBGL], indirect=True, ids=["no-webgl"])
async def test_a_pilot_takes_control_and_changes_the_password(
    browser: Browser,  # noqa: F811
    served_people: Served,
) -> None:
    page = await Watch().open(browser, served_people.url)
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


async def test_the_door_speaks_both_languages_and_fits_every_screen(
    browser: Browser,  # noqa: F811
    served_people: Served,
) -> None:
    page = await Watch().open(browser, served_people.url)
    await page.get_by_role("button", name="简体中文").click()
    await expect(page.get_by_role("heading")).to_have_text("登录地面站")
    await page.get_by_role("button", name="English").click()
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        await expect(page.get_by_role("button", name="Sign in")).to_be_in_viewport(ratio=1)
    await enter(page, "Vera")
    await expect(alerts(page)).to_have_count(1)
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert await page.evaluate(CUT_OFF) == [], (width, height)
        await expect(page.get_by_role("button", name="Vera")).to_be_in_viewport(ratio=1)


async def test_the_map_is_drawn_and_no_rule_of_the_page_is_broken(
    browser: Browser,  # noqa: F811
    served_people: Served,
) -> None:
    """The policy allows no script, style or picture but our own; the map's worker is a blob."""
    page = await (await browser.new_context(locale="en-GB")).new_page()
    await page.add_init_script(
        "window.broken = []; addEventListener('securitypolicyviolation', "
        "(told) => broken.push(`${told.violatedDirective} ${told.blockedURI} ${told.sourceFile}`));"
    )
    answer = await page.goto(served_people.url)
    assert answer is not None
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert "'unsafe" not in answer.headers["content-security-policy"]
    await enter(page, "Ada")
    await expect(page.locator("[data-marker]")).to_have_count(1)
    await expect(page.locator(f"[data-drone='{DRONE}']")).to_be_visible()
    await page.locator("[data-alert] h3 button").first.click()
    await page.get_by_role("button", name="Take control").click()
    await expect(page.locator("canvas")).to_be_visible()
    assert await page.evaluate("broken") == []
    await page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hit=1\">')"
    )
    await page.evaluate("fetch('https://evil.example/').catch(() => 0)")
    await page.wait_for_function("broken.length >= 2")
    assert await page.evaluate("window.hit") is None


async def test_no_other_page_frames_ours(served_people: Served) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        headers = (await http.get(served_people.url)).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
