"""Tips in a real browser: they appear, one click sends the drone, and what it saw is shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from playwright.async_api import Page, expect

from uplink.messages import OrderKind

from .makers import HOME, OTHER_DRONE, eventually
from .page_checks import fits
from .page_harness import BROWSER, READY, DroneStandIn, Ground

pytestmark = BROWSER

TEXT = "Smoke behind the barn, caller cannot see flames"


async def tell(ground: Ground, external_id: str = "7", **said: Any) -> str:
    properties = {
        "source": "Control room",
        "external_id": external_id,
        "kind": "call",
        "observed_at": datetime.now(UTC).isoformat(),
        "text": TEXT,
        "radius_m": 120.0,
        **said,
    }
    place = {"type": "Point", "coordinates": [HOME.lon_deg + 0.002, HOME.lat_deg + 0.001]}
    feature = {"type": "Feature", "geometry": place, "properties": properties}
    answer = await ground.http.post("/tips", json=feature, headers={"X-Emberwatch-Session": "s" * 32})
    assert answer.status_code == 201, answer.text
    tip_id: str = answer.json()["id"]
    return tip_id


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(open_ground: Ground) -> tuple[DroneStandIn, DroneStandIn]:
    return await open_ground.drone("Kestrel"), await open_ground.drone("Merlin", OTHER_DRONE)


async def take(page: Page) -> None:
    await page.get_by_role("button", name="Take control").click()
    await page.get_by_role("button", name="Grant", exact=True).click()
    await expect(page.get_by_text("Granted by operator")).to_be_visible()


async def test_one_click_sends_the_drone_and_what_it_saw_is_shown(
    open_ground: Ground, fleet: tuple[DroneStandIn, DroneStandIn]
) -> None:
    kestrel, merlin = fleet
    page = await open_ground.page(with_map=True)
    await expect(page.get_by_role("region", name="Control of Kestrel")).to_be_visible()
    tip_id = await tell(open_ground)
    await expect(page.get_by_role("tab", name="Tips")).to_contain_text("1")
    await page.get_by_role("tab", name="Tips").click()
    card = page.locator(f"[data-tip='{tip_id}']")
    await expect(card).to_contain_text("Call: Control room")
    await expect(card).to_contain_text(TEXT)
    await expect(card).to_contain_text("± 120 m")
    await expect(page.locator(f"[data-tip-marker='{tip_id}']")).to_be_visible()
    send = card.get_by_role("button", name="Send Kestrel")
    await expect(send).to_be_disabled()
    await expect(card).to_contain_text("Take control first")
    await take(page)
    await expect(card).to_contain_text("Not in this phase of the patrol")
    kestrel.says["patrol"] = READY | {"phase": "flying", "item": 3}
    await expect(send).to_be_enabled()
    await send.click()
    await eventually(lambda: OrderKind.LOOK_AT in kestrel.kinds)
    order = kestrel.orders[-1]
    assert (str(order.tip_id), order.radius_m) == (tip_id, 120.0)
    await expect(card).to_contain_text("Looked at")  # this drone obeys at once
    assert merlin.kinds == []


async def test_a_tip_is_settled_with_a_reason_and_is_gone(
    open_ground: Ground, fleet: tuple[DroneStandIn, DroneStandIn]
) -> None:
    page = await open_ground.page()
    tip_id = await tell(open_ground)
    await page.get_by_role("tab", name="Tips").click()
    card = page.locator(f"[data-tip='{tip_id}']")
    await card.get_by_role("button", name="Settle…").click()
    dialog = page.get_by_role("dialog", name="Settle this tip")
    await expect(dialog.get_by_role("button", name="Nothing in it")).to_be_disabled()
    await dialog.get_by_label("Why").fill("a barbecue")
    await dialog.get_by_role("button", name="Nothing in it").click()
    await expect(card).to_have_count(0)
    [tip] = (await open_ground.http.get("/tips", params={"state": "dismissed"})).json()
    assert (tip["id"], tip["reason"]) == (tip_id, "a barbecue")


async def test_a_list_of_tips_fits_on_every_screen_in_both_languages(
    open_ground: Ground, fleet: tuple[DroneStandIn, DroneStandIn]
) -> None:
    page = await open_ground.page()
    for number, kind in enumerate(("call", "sensor", "satellite", "other")):
        source = f"{kind} system of the fire brigade"
        await tell(open_ground, str(number), kind=kind, source=source, text=TEXT * 4)
    await page.get_by_role("tab", name="Tips").click()
    await expect(page.locator("[data-tip]")).to_have_count(4)
    for tips_name in ("Tips", "线索"):
        tips = page.get_by_role("region", name=tips_name)
        await expect(tips).to_be_visible()
        await fits(page, f"tips-{tips_name}", fingers=False)
        if tips_name == "Tips":
            await page.get_by_role("button", name="简体中文").click()
