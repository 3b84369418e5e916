"""Tips in a real browser: they appear, one click sends the drone, and what it saw is shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
from playwright.async_api import Browser, Page, expect

from uplink.messages import OrderKind

from .makers import HOME, eventually
from .test_control_page import PATROL, FakeDrone, fleet, person  # noqa: F401 (fixtures)
from .test_page import CUT_OFF, SIZES, browser, pytestmark, url  # noqa: F401 (fixtures)

TEXT = "Smoke behind the barn, caller cannot see flames"


async def tell(served: httpx.AsyncClient, external_id: str = "7", **said: Any) -> str:
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
    answer = await served.post("/tips", json=feature, headers={"X-Emberwatch-Session": "s" * 32})
    assert answer.status_code == 201, answer.text
    tip_id: str = answer.json()["id"]
    return tip_id


async def take(page: Page) -> None:
    await page.get_by_role("button", name="Take control").click()
    await page.get_by_role("button", name="Grant", exact=True).click()
    await expect(page.get_by_text("Granted by operator")).to_be_visible()


async def test_one_click_sends_the_drone_and_what_it_saw_is_shown(
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
    served: httpx.AsyncClient,
    fleet: tuple[FakeDrone, FakeDrone],  # noqa: F811
) -> None:
    kestrel, merlin = fleet
    page = await person(browser, url)
    await expect(page.get_by_role("region", name="Control of Kestrel")).to_be_visible()
    await expect(page.get_by_role("region", name="Tips")).to_have_count(0)
    tip_id = await tell(served)
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
    kestrel.says["patrol"] = PATROL | {"phase": "flying", "item": 3}
    await expect(send).to_be_enabled()
    await send.click()
    await eventually(lambda: OrderKind.LOOK_AT in kestrel.kinds)
    order = kestrel.orders[-1]
    assert (str(order.tip_id), order.radius_m) == (tip_id, 120.0)
    await expect(card).to_contain_text("Looked at")  # this drone obeys at once
    assert merlin.kinds == []


async def test_a_tip_is_settled_with_a_reason_and_is_gone(
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
    served: httpx.AsyncClient,
    fleet: tuple[FakeDrone, FakeDrone],  # noqa: F811
) -> None:
    page = await person(browser, url)
    tip_id = await tell(served)
    card = page.locator(f"[data-tip='{tip_id}']")
    await card.get_by_role("button", name="Settle…").click()
    dialog = page.get_by_role("dialog", name="Settle this tip")
    await expect(dialog.get_by_role("button", name="Nothing in it")).to_be_disabled()
    await dialog.get_by_label("Why").fill("a barbecue")
    await dialog.get_by_role("button", name="Nothing in it").click()
    await expect(card).to_have_count(0)
    [tip] = (await served.get("/tips", params={"state": "dismissed"})).json()
    assert (tip["id"], tip["reason"]) == (tip_id, "a barbecue")


async def test_a_list_of_tips_leaves_room_for_the_alerts_on_every_screen_in_both_languages(
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
    served: httpx.AsyncClient,
    fleet: tuple[FakeDrone, FakeDrone],  # noqa: F811
) -> None:
    page = await person(browser, url)
    for number, kind in enumerate(("call", "sensor", "satellite", "other")):
        await tell(served, str(number), kind=kind, source=f"{kind} system of the fire brigade", text=TEXT * 4)
    await expect(page.locator("[data-tip]")).to_have_count(4)
    for tips_name in ("Tips", "线索"):
        tips = page.get_by_role("region", name=tips_name)
        await expect(tips).to_be_visible()
        for width, height in SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            assert await page.evaluate(CUT_OFF) == [], (width, height)
            queue, box = await page.get_by_role("complementary").bounding_box(), await tips.bounding_box()
            assert queue is not None
            assert box is not None
            assert width <= 760 or box["height"] < 0.5 * queue["height"]
        if tips_name == "Tips":
            await page.locator(".language").click()
