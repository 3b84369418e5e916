"""Webhooks on the page, in a real browser: an admin tries one and lets it in again; nobody else sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from uplink.station.app import create_app
from uplink.station.server import running

from .makers import as_json, auth, make_alert
from .people import cheap_passwords, settle_in
from .receiver import Receiver, receiving
from .test_page import (  # noqa: F401 (fixtures)
    NO_WEBGL,
    Watch,
    browser,
    pytestmark,
)
from .test_sign_in_page import enter
from .test_webhook_admin import config_with

WITHOUT_WEBGL = pytest.mark.parametrize("browser", [NO_WEBGL], indirect=True, ids=["no-webgl"])


@dataclass(slots=True)
class Place:
    url: str
    receiver: Receiver
    http: httpx.AsyncClient


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with receiving() as receiver:
        config = config_with(tmp_path, receiver.url).model_copy(update={"sign_in": True})
        await settle_in(config.data_dir)
        with cheap_passwords():
            async with (
                running(config, create_app(config)) as url,
                httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
            ):
                yield Place(url, receiver, http)


@WITHOUT_WEBGL
async def test_an_admin_tries_a_webhook_and_lets_one_that_was_gone_in_again(
    browser: Browser,  # noqa: F811
    place: Place,
) -> None:
    place.receiver.statuses = [410, 500, 200]
    alert = make_alert()
    await place.http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
    page = await Watch().open(browser, place.url)
    await enter(page, "Ada")
    await page.get_by_role("button", name="Webhooks").click()
    row = page.locator('[data-webhook="incidents"]')
    await expect(row).to_contain_text("it answered that it is gone (410)")
    await expect(row).to_contain_text("0 waiting, 1 given up")
    await row.get_by_role("button", name="Test").click()
    await expect(row.get_by_role("status")).to_have_text("Fails: HTTP 500")
    await row.get_by_role("button", name="Test").click()
    await expect(row.get_by_role("status")).to_have_text("It took the test (HTTP 200).")
    await row.get_by_role("button", name="Enable").click()
    await expect(row.get_by_role("status")).to_have_text("Events go there again.")
    await row.get_by_role("button", name="Send again").click()
    await expect(row.get_by_role("status")).to_have_text("It is sent again.")
    await expect(row).to_contain_text("Last delivered")
    assert "token-in-path" not in await page.content()


@WITHOUT_WEBGL
async def test_a_pilot_does_not_see_webhooks(
    browser: Browser,  # noqa: F811
    place: Place,
) -> None:
    page = await Watch().open(browser, place.url)
    await enter(page, "Pia")
    await expect(page.get_by_role("button", name="Stand down")).to_be_visible()
    await expect(page.get_by_role("button", name="Webhooks")).to_have_count(0)
