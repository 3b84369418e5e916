"""Webhooks on the page, in a real browser: an admin tries one and lets it in again; nobody else sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from playwright.async_api import expect

from .page_harness import BROWSER, Browsers, Ground, standing
from .receiver import Receiver, receiving
from .test_webhook_admin import config_with

pytestmark = BROWSER


@dataclass(slots=True)
class Place:
    ground: Ground
    receiver: Receiver


@pytest_asyncio.fixture(loop_scope="session")
async def place(tmp_path: Path, browsers: Browsers) -> AsyncIterator[Place]:
    async with receiving() as receiver:
        config = config_with(tmp_path, receiver.url).model_copy(update={"sign_in": True})
        async with standing(config, browsers) as ground:
            yield Place(ground, receiver)


async def test_an_admin_tries_a_webhook_and_lets_one_that_was_gone_in_again(place: Place) -> None:
    place.receiver.statuses = [410, 500, 200]
    await place.ground.alert()
    page = await place.ground.page("Ada")
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


async def test_a_pilot_does_not_see_webhooks(place: Place) -> None:
    page = await place.ground.page("Pia")
    await expect(page.get_by_role("button", name="Stand down")).to_be_visible()
    await expect(page.get_by_role("button", name="Webhooks")).to_have_count(0)
