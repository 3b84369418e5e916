"""Webhooks on the page, in a real browser: an admin tries one and lets it in again; nobody else sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from playwright.async_api import expect

from .makers import eventually
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
    await page.get_by_role("link", name="Admin").click()
    await page.get_by_role("link", name="Webhooks").click()
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
    await expect(row.get_by_role("status")).to_have_text("1 are sent again.")
    await expect(row).to_contain_text("Last delivered")
    assert "token-in-path" not in await page.content()


async def test_the_log_of_a_webhook_has_its_attempts_and_sends_one_event_or_a_time_again(
    place: Place,
) -> None:
    await place.ground.alert()
    page = await place.ground.page("Ada", path="#/admin/webhooks")
    await page.get_by_role("link", name="What went to incidents").click()
    log = page.get_by_role("table", name="What went to incidents")
    event = log.locator("tbody tr", has_text="alert.confirmed")
    await expect(event).to_contain_text("Delivered")
    await event.get_by_role("button", name="Attempts").click()
    attempts = page.get_by_role("dialog", name="Attempts at alert.confirmed")
    await expect(attempts).to_contain_text("HTTP 200")
    await attempts.get_by_role("button", name="Close").click()
    before = len(place.receiver.received)
    await event.get_by_role("button", name="Send again").click()
    await expect(page.get_by_role("log")).to_contain_text("1 are sent again.")
    await eventually(lambda: _has(place.receiver, before + 1))
    await page.get_by_text("Given up").click()
    await expect(log).to_contain_text("Nothing of this kind.")
    await page.get_by_role("button", name="Send a time again").click()
    dialog = page.get_by_role("dialog", name="Send a time again")
    await dialog.get_by_role("button", name="Send again").click()
    await expect(dialog).to_contain_text("This is needed.")
    await dialog.get_by_label("From").fill("2020-01-01T00:00")
    await dialog.get_by_label("Also what was delivered").check()
    await dialog.get_by_role("button", name="Send again").click()
    await expect(dialog).not_to_be_visible()
    await eventually(lambda: _has(place.receiver, before + 2))


def _has(receiver: Receiver, count: int) -> bool:
    return len(receiver.received) >= count


async def test_a_pilot_is_told_who_sees_webhooks(place: Place) -> None:
    page = await place.ground.page("Pia", path="#/admin/webhooks")
    await expect(page.get_by_text("This is for Admin")).to_be_visible()
    await expect(page.locator("[data-webhook]")).to_have_count(0)
