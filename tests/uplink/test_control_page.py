"""Control in a real browser: take it, grant, start with a confirmation, pass it on, stand everybody down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from uplink.drone_link import DroneLink
from uplink.messages import DroneState, Order, OrderKind, OrderResult, OrderState
from uplink.order_sequence import OrderSequence
from uplink.order_signing import StationKey, StationPublicKey

from .makers import DRONE, KEY, NOON, OTHER_DRONE, OTHER_KEY, as_json, eventually, make_alert, make_state
from .test_page import (  # noqa: F401 (fixtures)
    CUT_OFF,
    SIZES,
    Drone,
    Watch,
    browser,
    drone,
    pytestmark,
    url,
)

PATROL = {"name": "North ridge", "phase": "ready", "item": 0, "items": 31, "plan_matches": True}
PREFLIGHT = [
    {"name": "Position", "passed": True, "detail": "3D fix"},
    {"name": "Battery", "passed": True, "detail": "92 %, 71 % needed"},
]
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


class FakeDrone:
    """The real link with an agent behind it that obeys, and does not forget what it was asked."""

    def __init__(self, station_url: str, drone_id: str, key: str, name: str, folder: Path) -> None:
        self.orders: list[Order] = []
        self.says: dict[str, Any] = {
            "name": name,
            "seeing": "seeing",
            "control": "hands off",
            "patrol": PATROL,
            "preflight": PREFLIGHT,
        }
        self._drone_id = drone_id
        self._link = DroneLink(
            station_url,
            drone_id,
            key,
            on_order=self._obey,
            station_key=StationPublicKey.parse(StationKey.open(folder / "station").public),
            sequence=OrderSequence(folder / f"{drone_id}.sequence"),
        )

    @property
    def kinds(self) -> list[OrderKind]:
        return [order.kind for order in self.orders]

    def _obey(self, order: Order) -> None:
        self.orders.append(order)
        if order.kind is OrderKind.GRANT:
            self.says |= {"control": "granted", "granted_by": order.by}
        if order.kind is OrderKind.START:
            self.says["patrol"] = PATROL | {"phase": "flying", "item": 1}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._link.run())
            while True:
                results = [
                    OrderResult(order_id=one.id, kind=one.kind, state=OrderState.DONE, at=NOON)
                    for one in self.orders[-8:]
                ]
                said = as_json(make_state(self._drone_id)) | self.says | {"orders": as_jsons(results)}
                self._link.set_state(DroneState.model_validate(said))
                await asyncio.sleep(0.05)


def as_jsons(messages: list[Any]) -> list[Any]:
    return [as_json(message) for message in messages]


@pytest_asyncio.fixture
async def fleet(url: str, tmp_path: Path) -> AsyncIterator[tuple[FakeDrone, FakeDrone]]:  # noqa: F811
    base = url.rstrip("/")
    drones = (
        FakeDrone(base, DRONE, KEY, "Kestrel", tmp_path),
        FakeDrone(base, OTHER_DRONE, OTHER_KEY, "Merlin", tmp_path),
    )
    tasks = [asyncio.create_task(one.run()) for one in drones]
    yield drones
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)


async def person(browser: Browser, url: str) -> Page:  # noqa: F811
    """A page with a session of its own, as on another machine."""
    page = await (await browser.new_context(locale="en-GB", reduced_motion="reduce")).new_page()
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.goto(url)
    return page


async def test_take_control_grant_and_start_by_keyboard_alone(
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
    fleet: tuple[FakeDrone, FakeDrone],
) -> None:
    kestrel, merlin = fleet
    kestrel.says["objection"] = "the mode has been stable for 2 s of 5 s"
    page = await person(browser, url)
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
    await press("Start Kestrel")
    await expect(dialog).to_be_hidden()
    await expect(dock).to_contain_text("Item 1 of 31")
    await expect(dock.get_by_role("region", name="Orders")).to_contain_text("done")
    assert kestrel.kinds == [OrderKind.GRANT, OrderKind.START]
    assert merlin.kinds == []


async def test_the_second_person_waits_for_a_hand_over(
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
    fleet: tuple[FakeDrone, FakeDrone],
) -> None:
    first, second = await person(browser, url), await person(browser, url)
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


async def test_stand_down_reaches_every_drone_in_two_steps_without_control(
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
    fleet: tuple[FakeDrone, FakeDrone],
) -> None:
    owner, other = await person(browser, url), await person(browser, url)
    await owner.get_by_role("button", name="Take control").click()
    await expect(other.get_by_text("operator has control", exact=True)).to_be_visible()
    await other.get_by_role("button", name="Stand down", exact=True).click()
    dialog = other.get_by_role("dialog")
    await expect(dialog).to_contain_text("2 drones")
    await expect(dialog).to_contain_text("Kestrel, Merlin")
    await dialog.get_by_role("button", name="Cancel").click()
    assert [one.kinds for one in fleet] == [[], []]
    await other.get_by_role("button", name="Stand down", exact=True).click()
    await dialog.get_by_role("button", name="Stand down all").click()
    await eventually(lambda: [one.kinds for one in fleet] == [[OrderKind.STAND_DOWN]] * 2)
    await expect(dialog).to_be_hidden()


async def test_the_drone_asks_to_look_again_and_a_person_answers(
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
    drone: Drone,  # noqa: F811
    fleet: tuple[FakeDrone, FakeDrone],
) -> None:
    kestrel, _ = fleet
    alert = make_alert()
    kestrel.says |= {"control": "granted", "response": {"phase": "asked", "alert_id": str(alert.id)}}
    await drone.alert(alert)
    page = await person(browser, url)
    card = page.locator(f"[data-alert='{alert.id}']")
    await expect(card.get_by_role("button", name="Look again")).to_be_disabled()
    await page.get_by_role("button", name="Take control").click()
    await card.get_by_role("button", name="Do not").click()
    await eventually(lambda: kestrel.kinds == [OrderKind.NO_LOOK])
    await card.get_by_role("button", name="Look again").click()
    await eventually(lambda: kestrel.kinds == [OrderKind.NO_LOOK, OrderKind.LOOK_AGAIN])
    assert {order.alert_id for order in kestrel.orders} == {alert.id}


async def test_traffic_and_a_plan_that_differs_are_alarms_and_nothing_is_cut_off(
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
    fleet: tuple[FakeDrone, FakeDrone],
) -> None:
    kestrel, _ = fleet
    kestrel.says |= {
        "traffic": [TRAFFIC],
        "patrol": PATROL | {"plan_matches": False},
        "alarms": ["another ground station speaks as system 255"],
        "objection": "the mode has been stable for 2 s of 5 s",
        "preflight": [*PREFLIGHT, {"name": "Fence", "passed": False, "detail": "none aboard"}],
    }
    page = await person(browser, url)
    alarms = page.locator(".alarms")
    await expect(alarms).to_contain_text("HELITAK 3 (rotorcraft)")
    await expect(alarms).to_contain_text("closest 160 m in 41 s · 35 m above")
    await expect(alarms).to_contain_text("The plan aboard is not the plan shown")
    await expect(alarms).to_contain_text("another ground station")
    await page.get_by_role("button", name="Take control").click()
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert await page.evaluate(CUT_OFF.replace("aside *", "aside *, .dock *")) == [], (width, height)
        await expect(page.get_by_role("button", name="Stand down", exact=True)).to_be_in_viewport()


async def test_what_was_lost_and_refused_stands_under_the_drone(
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
    fleet: tuple[FakeDrone, FakeDrone],
) -> None:
    link = {"received": 48211, "lost_percent": 0.31, "unreadable": 0, "refused": 3, "unsent": 0}
    outbox = {"refused": 2, "refused_reason": "HTTP 409: another drone's", "pictures_dropped": 0}
    fleet[0].says |= {"firmware": "ArduCopter 4.6.3", "link": link, "outbox": outbox}
    page = await person(browser, url)
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
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
    fleet: tuple[FakeDrone, FakeDrone],
) -> None:
    kestrel, _ = fleet
    page = await person(browser, url)
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
    kestrel.says["patrol"] = PATROL | {"phase": "interrupted", "item": 9}
    await expect(page.locator(".alarms")).to_contain_text("Kestrel: Hands off")
    await expect(page.locator(".alarms")).to_contain_text(because)
