"""What goes wrong takes nothing else with it: bad elements, a part of the page that fails."""

from __future__ import annotations

import json

from playwright.async_api import WebSocketRoute, expect

from .makers import as_json, make_alert
from .page_harness import BROWSER, Ground

pytestmark = BROWSER


async def test_bad_elements_empty_no_list_and_are_told_of(open_ground: Ground) -> None:
    alert = await open_ground.alert()
    await open_ground.state(seeing="blind", blind_reason="no frame for 4 s")
    page = await open_ground.page()
    sound = as_json(make_alert(minutes=1))

    async def between(page_side: WebSocketRoute) -> None:
        station_side = page_side.connect_to_server()

        def spoil(text: str | bytes) -> None:
            events = json.loads(text)
            for event in events:
                if event["type"] == "snapshot":
                    bad = [sound | {"id": "x", "position": {"lat_deg": "north"}}, {"id": "y"}, None]
                    event["data"]["alerts"] = [*bad, *event["data"]["alerts"]]
            page_side.send(json.dumps([*events, {"type": "alert", "data": 7}, 7]))

        station_side.on_message(spoil)
        page_side.on_message(station_side.send)

    await page.route_web_socket("**/api/v1/live", between)
    await page.reload()
    await expect(page.locator(f"[data-alerts~='{alert.id}']")).to_be_visible()
    await expect(page.locator("[data-incident]")).to_have_count(1)
    alarms = page.get_by_role("alert")
    await expect(alarms).to_contain_text("no frame for 4 s")
    await expect(alarms).to_contain_text("things that the station said could not be shown")


async def test_a_part_of_the_page_that_fails_says_so_and_the_others_go_on(open_ground: Ground) -> None:
    page = await open_ground.page()
    await expect(page.get_by_role("banner").get_by_role("status")).to_contain_text("Live")
    await page.evaluate(
        "() => { window.kept = Date.prototype.toISOString;"
        " Date.prototype.toISOString = () => { throw new Error('broken'); }; }"
    )
    await open_ground.state(seeing="blind", blind_since=make_alert().first_seen_at)
    failed = page.get_by_role("alert").filter(has_text="Alarms cannot be shown")
    await expect(failed).to_be_visible()
    alert = await open_ground.alert()
    await expect(page.locator(f"[data-alerts~='{alert.id}']")).to_be_visible()

    await page.evaluate("() => { Date.prototype.toISOString = window.kept; }")
    await failed.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("alert").filter(has_text="Blind since 12:00:00 UTC")).to_be_visible()
