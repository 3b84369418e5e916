"""The aircraft on the page: who has control, where it is sent, what it answers, and that it is blind."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from uplink.messages import OrderKind

from .makers import OTHER_DRONE, eventually
from .page_checks import fits
from .page_hands import Hand, Keyboard, Mouse
from .page_harness import BROWSER, READY, DroneStandIn, Ground

pytestmark = BROWSER

# The mouse's way to send a drone is told with the map, and the rest of its ways in the long run.
HANDS = pytest.mark.parametrize("hand", [pytest.param(Mouse, marks=pytest.mark.slow), Keyboard])
FLYING: dict[str, Any] = {
    "armed": True,
    "mode": "AUTO",
    "control": "granted",
    "granted_by": "Pia",
    "height_home_m": 61.0,
    "height_agl_m": 58.0,
    "patrol": READY | {"phase": "flying", "item": 7},
    "battery_percent": 71,
    "battery": {
        "voltage_v": 15.1,
        "left_s": 900,
        "left_by": "autopilot",
        "home_s": 95,
        "reaches_home": "yes",
    },
    "gps": {"fix": "3D", "satellites": 14},
    "radio": {"rc_percent": 82},
    "home_distance_m": 412,
    "flight_time_s": 340,
}
THERE = "-35.36142, 149.16523"


async def flying(ground: Ground, name: str = "Kestrel") -> DroneStandIn:
    drone = await ground.drone(name)
    drone.says |= FLYING
    drone.answers |= {OrderKind.GO_TO: "420 m in about 84 s; about 65 % of battery there"}
    return drone


async def in_control(ground: Ground, hand: type[Hand], name: str = "Pia") -> tuple[Page, Hand]:
    page = await ground.page(name)
    works = hand(page)
    await works.press(page.get_by_role("button", name="Take control"))
    await expect(page.get_by_text("You have control", exact=True)).to_be_visible()
    return page, works


def strip(page: Page) -> Any:
    return page.get_by_role("region", name="Aircraft")


@HANDS
async def test_control_goes_from_one_person_to_another(ground: Ground, hand: type[Hand]) -> None:
    await flying(ground)
    first, pia = await in_control(ground, hand)
    second = await ground.page("Ada")
    ada = hand(second)
    await expect(second.get_by_text("Pia has control", exact=True)).to_be_visible()
    hold = second.get_by_role("button", name="Hold", exact=True)
    await expect(hold).to_be_disabled()
    await expect(second.get_by_role("region", name="Send")).to_contain_text("Take control first")
    await ada.press(second.get_by_role("button", name="Ask for control"))
    await expect(first.get_by_text("Ada asks for control", exact=True)).to_be_visible()
    await pia.press(first.get_by_role("button", name="Hand over"))
    await expect(second.get_by_text("You have control", exact=True)).to_be_visible()
    await expect(first.get_by_text("Ada has control", exact=True)).to_be_visible()
    await expect(hold).to_be_enabled()
    await expect(first.get_by_role("button", name="Hold", exact=True)).to_be_disabled()


@HANDS
async def test_go_here_hold_resume(ground: Ground, hand: type[Hand]) -> None:
    drone = await flying(ground)
    page, works = await in_control(ground, hand)
    dock = page.get_by_role("region", name="Control of Kestrel")
    await works.press(dock.get_by_role("button", name="Go to…"))
    sheet = page.get_by_role("dialog", name="Send Kestrel")
    await works.write(sheet.get_by_label("Coordinates"), THERE)
    await works.write(sheet.get_by_label("Height (m)"), "45")
    await expect(sheet).to_contain_text("It would: 420 m in about 84 s")
    assert drone.orders == [], "a check flies nothing"
    asked = drone.checks[-1]
    assert asked.place is not None
    assert (asked.place.lat_deg, asked.height_m, asked.height_above) == (-35.36142, 45.0, "ground")
    await works.hold(sheet.get_by_role("button", name="Send Kestrel"))
    await expect(sheet).to_be_hidden()
    await expect(dock.get_by_role("region", name="Send")).to_contain_text("Stays there")
    orders = dock.get_by_role("region", name="Orders")
    await expect(orders).to_contain_text("Go here")
    await expect(orders).to_contain_text("420 m in about 84 s")
    await works.hold(dock.get_by_role("button", name="Hold", exact=True))
    await expect(dock.get_by_role("region", name="Send")).to_contain_text("Stands")
    await works.hold(dock.get_by_role("button", name="Resume"))
    await expect(dock).to_contain_text("Flying")
    await eventually(lambda: drone.kinds == [OrderKind.GO_TO, OrderKind.HOLD, OrderKind.RESUME])


@HANDS
async def test_what_the_drone_would_refuse_says_so_and_cannot_be_sent(
    ground: Ground, hand: type[Hand]
) -> None:
    drone = await flying(ground)
    drone.refuses[OrderKind.GO_TO] = "it is 40 m outside the fence"
    drone.refuses[OrderKind.HOLD] = "DO_REPOSITION denied"
    page, works = await in_control(ground, hand)
    await works.press(page.get_by_role("button", name="Go to…"))
    sheet = page.get_by_role("dialog", name="Send Kestrel")
    send = sheet.get_by_role("button", name="Send Kestrel")
    await works.write(sheet.get_by_label("Coordinates"), "somewhere")
    await expect(sheet.get_by_role("alert")).to_have_text("These are no coordinates")
    await expect(send).to_be_disabled()
    await works.write(sheet.get_by_label("Coordinates"), THERE)
    await expect(sheet).to_contain_text("It would refuse: it is 40 m outside the fence")
    await expect(send).to_be_disabled()
    await works.press(sheet.get_by_role("button", name="Cancel"))
    await works.hold(page.get_by_role("button", name="Hold", exact=True))
    orders = page.get_by_role("region", name="Orders")
    await expect(orders).to_contain_text("refused")
    await expect(orders).to_contain_text("DO_REPOSITION denied")
    assert drone.kinds == [OrderKind.HOLD]


@HANDS
async def test_it_lands_only_after_it_was_said_where_and_held_once_more(
    ground: Ground, hand: type[Hand]
) -> None:
    drone = await flying(ground)
    page, works = await in_control(ground, hand)
    await works.press(page.get_by_role("button", name="Land…"))
    dialog = page.get_by_role("dialog", name="Land Kestrel here?")
    await expect(dialog).to_contain_text("It comes down where it is now: -35.")
    await expect(dialog).to_contain_text("58 m")
    await works.press(dialog.get_by_role("button", name="Cancel"))
    assert drone.kinds == []
    await works.press(page.get_by_role("button", name="Land…"))
    await works.hold(dialog.get_by_role("button", name="Land here"))
    await eventually(lambda: drone.kinds == [OrderKind.LAND])
    assert drone.orders[-1].place is not None


async def test_the_pilot_takes_over_and_the_page_says_so_and_why_nothing_can_be_ordered(
    ground: Ground,
) -> None:
    drone = await flying(ground)
    page, _ = await in_control(ground, Mouse)
    await expect(page.get_by_role("button", name="Hold", exact=True)).to_be_enabled()
    why = "the mode changed from GUIDED to LOITER, which the agent had not asked for"
    drone.says |= {
        "mode": "LOITER",
        "control": "hands off",
        "control_reason": why,
        "granted_by": "",
        "objection": "the mode became LOITER 2 s ago and must last 5 s",
        "grant_channel": 8,
    }
    await expect(strip(page)).to_contain_text("Hands off")
    await expect(strip(page)).to_contain_text(why)
    lease = page.get_by_role("region", name="Control", exact=True)
    await expect(lease).to_contain_text("must last 5 s")
    await expect(lease).to_contain_text("channel 8")
    await expect(lease.get_by_role("button", name="Grant")).to_be_disabled()
    send = page.get_by_role("region", name="Send")
    for name in ("Hold", "Return", "Go to…", "Height…", "Land…"):
        await expect(send.get_by_role("button", name=name, exact=True)).to_be_disabled()
    await expect(send).to_contain_text("Grant commands first")


async def test_the_strip_says_how_it_is_and_that_it_is_blind_and_the_worst_is_found_first(
    ground: Ground,
) -> None:
    drone = await flying(ground)
    merlin = await ground.drone("Merlin", OTHER_DRONE)
    page, _ = await in_control(ground, Mouse)
    for words in ("71 %", "15 min left", "home takes 95 s", "enough for home", "412 m", "5 min"):
        await expect(strip(page)).to_contain_text(words)
    for words in ("3D", "14 sat.", "remote 82 %", "there and back", "58 m", "61 m"):
        await expect(strip(page)).to_contain_text(words)
    drone.says["battery"] = FLYING["battery"] | {"left_s": 60, "reaches_home": "no"}
    await expect(strip(page)).to_contain_text("not enough for home")
    await fits(page, "aircraft")
    merlin.says |= {"seeing": "blind", "blind_reason": "frozen", "blind_since": "2026-07-01T12:03:04Z"}
    picker = page.get_by_role("button", name="Choose an aircraft")
    await expect(picker).to_contain_text("1")
    await picker.click()
    dialog = page.get_by_role("dialog", name="Choose an aircraft")
    rows = dialog.get_by_role("listitem")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0)).to_contain_text("Kestrel")
    await expect(rows.nth(0)).to_contain_text("The battery does not reach home")
    await expect(rows.nth(1)).to_contain_text("Blind: frozen")
    await dialog.get_by_role("searchbox").fill("merl")
    await expect(rows).to_have_count(1)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    await expect(strip(page)).to_contain_text("Blind since 12:03:04 UTC")
