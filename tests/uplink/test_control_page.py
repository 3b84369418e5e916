"""Control in a real browser: take it, grant, start with a confirmation, pass it on, stand everybody down."""

from __future__ import annotations

import pytest_asyncio
from playwright.async_api import expect

from uplink.messages import OrderKind

from .makers import OTHER_DRONE, eventually, make_alert
from .page_checks import fits
from .page_hands import Keyboard, Mouse
from .page_harness import BROWSER, PREFLIGHT, READY, DroneStandIn, Ground

pytestmark = BROWSER

TRAFFIC = {
    "icao": "7C1234",
    "callsign": "HELITAK 3",
    "emitter": "rotorcraft",
    "lat_deg": -35.36,
    "lon_deg": 149.17,
    "distance_m": 1840,
    "bearing_deg": 47,
    "cpa_distance_m": 160,
    "cpa_height_m": 35,
    "cpa_in_s": 41,
}


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(open_ground: Ground) -> tuple[DroneStandIn, DroneStandIn]:
    return await open_ground.drone("Kestrel"), await open_ground.drone("Merlin", OTHER_DRONE)


async def test_take_control_grant_and_start_by_keyboard_alone(
    open_ground: Ground,
    fleet: tuple[DroneStandIn, DroneStandIn],
) -> None:
    kestrel, merlin = fleet
    kestrel.says["objection"] = "the mode has been stable for 2 s of 5 s"
    page = await open_ground.page()
    dock = page.get_by_role("region", name="Control of Kestrel")
    await expect(dock).to_contain_text("Nobody has control")
    await expect(dock.get_by_role("button", name="Start…")).to_be_disabled()

    async def press(name: str) -> None:
        button = page.get_by_role("button", name=name, exact=True)
        await expect(button).to_be_enabled()
        await button.focus()
        await page.keyboard.press("Enter")

    await press("Take control")
    await expect(dock).to_contain_text("You have control")
    await expect(dock.get_by_role("button", name="Grant")).to_be_disabled()
    await expect(dock).to_contain_text("stable for 2 s of 5 s")
    kestrel.says["objection"] = ""
    await press("Grant")
    await expect(dock).to_contain_text("Granted by operator")
    assert kestrel.kinds == [OrderKind.GRANT], "a grant is no order"

    await press("Start…")
    dialog = page.get_by_role("dialog", name="Start this flight?")
    await expect(dialog).to_contain_text("Kestrel")
    await expect(dialog).to_contain_text("North ridge")
    await expect(dialog).to_contain_text("92 %, 71 % needed")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    assert kestrel.kinds == [OrderKind.GRANT]
    await press("Start…")
    await Keyboard(page).hold(page.get_by_role("button", name="Start Kestrel", exact=True))
    await expect(dialog).to_be_hidden()
    await expect(dock).to_contain_text("Item 1 of 31")
    await expect(dock.get_by_role("region", name="Orders")).to_contain_text("done")
    assert kestrel.kinds == [OrderKind.GRANT, OrderKind.START]
    assert merlin.kinds == []


async def test_the_second_person_waits_for_a_hand_over(
    open_ground: Ground,
    fleet: tuple[DroneStandIn, DroneStandIn],
) -> None:
    first, second = await open_ground.page(), await open_ground.page()
    await first.get_by_role("button", name="Take control").click()
    await expect(second.get_by_text("operator has control", exact=True)).to_be_visible()
    await expect(second.get_by_role("button", name="Take control")).to_have_count(0)
    await expect(second.get_by_role("button", name="Grant")).to_have_count(0)
    await second.get_by_role("button", name="Ask for control").click()
    await expect(second.get_by_text("Asked operator for control", exact=True)).to_be_visible()
    await expect(first.get_by_text("operator asks for control", exact=True)).to_be_visible()
    await first.get_by_role("button", name="Hand over").click()
    await expect(second.get_by_text("You have control", exact=True)).to_be_visible()
    await expect(first.get_by_text("operator has control", exact=True)).to_be_visible()
    await second.reload()
    await expect(second.get_by_text("You have control", exact=True)).to_be_visible()
    await second.get_by_role("button", name="Let go").click()
    await first.get_by_role("button", name="Take control").click()
    await expect(first.get_by_text("You have control", exact=True)).to_be_visible()
    assert fleet[0].kinds == [], "who has control changes nothing aboard"


async def test_stand_down_is_held_and_reaches_every_drone_without_control(
    open_ground: Ground,
    fleet: tuple[DroneStandIn, DroneStandIn],
) -> None:
    owner, other = await open_ground.page(), await open_ground.page()
    await owner.get_by_role("button", name="Take control").click()
    await expect(other.get_by_text("operator has control", exact=True)).to_be_visible()
    button = other.get_by_role("button", name="Stand down", exact=True)
    await button.click()
    await expect(other.get_by_text("Hold until it has filled").first).to_be_visible()
    assert [one.kinds for one in fleet] == [[], []], "a touch in passing does nothing"
    await Mouse(other).hold(button)
    await eventually(lambda: [one.kinds for one in fleet] == [[OrderKind.STAND_DOWN]] * 2)
    await expect(other.get_by_text("Stand-down ordered of 2 drones")).to_be_visible()


async def test_the_drone_asks_to_look_again_and_a_person_answers(
    open_ground: Ground,
    fleet: tuple[DroneStandIn, DroneStandIn],
) -> None:
    kestrel, _ = fleet
    alert = make_alert()
    kestrel.says |= {"control": "granted", "response": {"phase": "asked", "alert_id": str(alert.id)}}
    await open_ground.alert(alert)
    page = await open_ground.page()
    card = page.locator(f"[data-alerts~='{alert.id}']")
    await expect(card.get_by_role("button", name="Look again")).to_be_disabled()
    await page.get_by_role("button", name="Take control").click()
    await card.get_by_role("button", name="Do not").click()
    await eventually(lambda: kestrel.kinds == [OrderKind.NO_LOOK])
    await card.get_by_role("button", name="Look again").click()
    await eventually(lambda: kestrel.kinds == [OrderKind.NO_LOOK, OrderKind.LOOK_AGAIN])
    assert {order.alert_id for order in kestrel.orders} == {alert.id}


async def test_traffic_and_a_plan_that_differs_are_alarms_and_nothing_is_cut_off(
    open_ground: Ground,
    fleet: tuple[DroneStandIn, DroneStandIn],
) -> None:
    kestrel, _ = fleet
    kestrel.says |= {
        "traffic": [TRAFFIC],
        "patrol": READY | {"plan_matches": False},
        "alarms": ["another ground station speaks as system 255"],
        "objection": "the mode has been stable for 2 s of 5 s",
        "preflight": [*PREFLIGHT, {"name": "Fence", "passed": False, "detail": "none aboard"}],
    }
    page = await open_ground.page()
    alarms = page.locator(".alarms")
    await expect(alarms).to_contain_text("HELITAK 3 (rotorcraft)")
    await expect(alarms).to_contain_text("closest 160 m in 41 s · 35 m above")
    await expect(alarms).to_contain_text("The plan aboard is not the plan shown")
    await expect(alarms).to_contain_text("another ground station")
    await page.get_by_role("button", name="Take control").click()
    await fits(page, "alarms", fingers=False)


async def test_what_was_lost_and_refused_stands_under_the_drone(
    open_ground: Ground,
    fleet: tuple[DroneStandIn, DroneStandIn],
) -> None:
    link = {"received": 48211, "lost_percent": 0.31, "unreadable": 0, "refused": 3, "unsent": 0}
    outbox = {"refused": 2, "refused_reason": "HTTP 409: another drone's", "pictures_dropped": 0}
    fleet[0].says |= {"firmware": "ArduCopter 4.6.3", "link": link, "outbox": outbox}
    page = await open_ground.page()
    health = page.get_by_role("region", name="Links of the drone")
    await expect(health.locator("span")).to_have_text(
        [
            "ArduCopter 4.6.3",
            "48211 messages received",
            "0.4 % lost",
            "3 refused for their signature",
            "The station refused 2, the latest for: HTTP 409: another drone's",
        ]
    )
    await expect(health).to_be_in_viewport(ratio=1)


async def test_what_is_refused_says_why_in_words_and_a_long_dialog_begins_at_its_top(
    open_ground: Ground,
    fleet: tuple[DroneStandIn, DroneStandIn],
) -> None:
    kestrel, _ = fleet
    page = await open_ground.page()
    dock = page.get_by_role("region", name="Control of Kestrel")
    await expect(dock.get_by_text("Start: Take control first", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Take control").click()
    await expect(dock.get_by_text("Start: Grant commands first", exact=True)).to_be_visible()
    low = {"name": "battery", "passed": False, "detail": "41 % is too little"}
    kestrel.says |= {"control": "granted", "preflight": [*PREFLIGHT, low]}
    why = "Start: Preflight has not passed: battery: 41 % is too little"
    await expect(dock.get_by_text(why, exact=True)).to_be_visible()

    many = [{"name": f"check {n}", "passed": True, "detail": "well"} for n in range(22)]
    kestrel.says |= {"preflight": many}
    await page.set_viewport_size({"width": 390, "height": 700})
    await dock.get_by_role("button", name="Control").click()
    await page.get_by_role("button", name="Start…").click()
    dialog = page.get_by_role("dialog", name="Start this flight?")
    await expect(dialog.get_by_text("North ridge")).to_be_in_viewport()
    await expect(dialog.get_by_role("button", name="Start Kestrel")).to_be_in_viewport()
    await page.keyboard.press("Escape")

    because = "the mode changed from AUTO to LOITER, which the agent had not asked for"
    kestrel.says |= {"control": "hands off", "control_reason": because, "armed": True}
    kestrel.says["patrol"] = READY | {"phase": "interrupted", "item": 9}
    await expect(page.locator(".alarms")).to_contain_text("Kestrel: Hands off")
    await expect(page.locator(".alarms")).to_contain_text(because)
