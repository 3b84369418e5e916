"""What happens on a shift, told with a mouse and then with a keyboard alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.async_api import Locator, Page, expect

from uplink.messages import Alert, OrderKind

from .makers import as_json, eventually
from .page_hands import Hand, Mouse, only_keyboard
from .page_harness import BROWSER, READY, DroneStandIn, Ground, fire, make_photo

pytestmark = BROWSER
# What a keyboard can do a mouse can, nearly always: one story is told by mouse each time, all now and then.
KEYBOARD = pytest.param(False, id="keyboard")
HANDS = pytest.mark.parametrize(
    "with_mouse", [pytest.param(True, id="mouse", marks=pytest.mark.slow), KEYBOARD]
)
BOTH = pytest.mark.parametrize("with_mouse", [pytest.param(True, id="mouse"), KEYBOARD])


async def hand_of(page: Page, *, with_mouse: bool) -> Hand:
    return Mouse(page) if with_mouse else await only_keyboard(page)


def now() -> str:
    return datetime.now(UTC).isoformat()


async def burn(ground: Ground) -> Alert:
    """A fire of this moment, with its photo."""
    photo = make_photo()
    at = datetime.now(UTC)
    alert = fire(photo, first_seen_at=at, last_seen_at=at, confirmed_at=at)
    await ground.alert(alert)
    await ground.picture(photo)
    return alert


def card_of(page: Page, alert: Alert) -> Locator:
    return page.locator(f"[data-alerts~='{alert.id}']")


def alarms(page: Page) -> Locator:
    return page.locator(".alarms")


async def in_flight(drone: DroneStandIn) -> None:
    drone.says |= {"patrol": READY | {"phase": "flying", "item": 3}, "armed": True, "mode": "AUTO"}


@BOTH
async def test_from_the_alarm_over_a_second_look_to_the_end_of_the_fire(
    ground: Ground, with_mouse: bool
) -> None:
    kestrel = await ground.drone("Kestrel")
    await in_flight(kestrel)
    page = await ground.page("Pia")
    hand = await hand_of(page, with_mouse=with_mouse)
    await hand.press(page.get_by_role("button", name="Take control"))
    await hand.press(page.get_by_role("button", name="Grant", exact=True))
    await eventually(lambda: OrderKind.GRANT in kestrel.kinds)

    alert = await burn(ground)
    kestrel.says["response"] = {"phase": "asked", "alert_id": str(alert.id)}
    card = card_of(page, alert)
    await expect(card).to_have_attribute("data-state", "new")
    await expect(card).to_contain_text("± 12 m")
    await expect(card.locator("[data-photo='here'] img")).to_be_visible()
    await hand.press(card.get_by_role("button", name="Look again", exact=True))
    await eventually(lambda: OrderKind.LOOK_AGAIN in kestrel.kinds)
    order = kestrel.orders[-1]
    assert (order.alert_id, order.by) == (alert.id, "Pia")
    kestrel.says["response"] = {"phase": "looking", "alert_id": str(alert.id)}
    await expect(card).to_contain_text("Drone looks at it now")
    better = {"semi_major_m": 7.21, "semi_minor_m": 5.0, "orientation_deg": 30.0, "confidence": 0.9}
    seen = as_json(alert) | {"revision": 2, "looks": 31, "ellipse": better, "last_seen_at": now()}
    await ground.alert(Alert.model_validate(seen))
    await expect(card).to_contain_text("± 7.3 m")
    kestrel.says["response"] = {"phase": "idle"}

    await hand.press(card.get_by_role("button", name="Acknowledge"))
    await expect(card).to_have_attribute("data-state", "acknowledged")
    await hand.press(card.get_by_role("button", name="Dispatch…"))
    dialog = page.get_by_role("dialog", name="Send a unit")
    await hand.write(dialog.get_by_label("Unit", exact=True), "Engine 4")
    await hand.press(dialog.get_by_role("button", name="Dispatch"))
    await expect(card).to_have_attribute("data-state", "dispatched")
    await hand.press(card.get_by_role("button", name="Resolve…"))
    dialog = page.get_by_role("dialog", name="Resolve this incident?")
    await hand.press(dialog.get_by_role("button", name="Extinguished"))
    await hand.press(dialog.get_by_role("button", name="Resolve", exact=True))
    await expect(page.get_by_role("complementary")).to_contain_text("No open incident", timeout=15_000)
    admin = await ground.person("Ada")
    [incident] = (await admin.get("/incidents")).json()
    assert (incident["state"], incident["units"]) == ("resolved", ["Engine 4"])


@HANDS
async def test_a_patrol_that_is_aboard_is_started_paused_and_gone_on_with(
    ground: Ground, with_mouse: bool
) -> None:
    kestrel = await ground.drone("Kestrel")
    page = await ground.page("Pia")
    hand = await hand_of(page, with_mouse=with_mouse)
    dock = page.get_by_role("region", name="Control of Kestrel")
    await hand.press(page.get_by_role("button", name="Take control"))
    await hand.press(page.get_by_role("button", name="Grant", exact=True))
    await hand.press(page.get_by_role("button", name="Start…"))
    dialog = page.get_by_role("dialog", name="Start this flight?")
    await expect(dialog).to_contain_text("North ridge")
    await hand.hold(dialog.get_by_role("button", name="Start Kestrel"))
    await expect(dock).to_contain_text("Item 1 of 31")
    await hand.press(dock.get_by_role("button", name="Pause"))
    await expect(dock).to_contain_text("Paused")
    await hand.hold(dock.get_by_role("button", name="Resume"))
    await expect(dock).to_contain_text("Flying")
    assert kestrel.kinds == [OrderKind.GRANT, OrderKind.START, OrderKind.PAUSE, OrderKind.RESUME]


@HANDS
async def test_a_station_that_is_started_anew_in_the_middle_of_a_dispatch_loses_nothing(
    ground: Ground, with_mouse: bool
) -> None:
    await ground.drone("Kestrel")
    page = await ground.page("Pia")
    hand = await hand_of(page, with_mouse=with_mouse)
    alert = await burn(ground)
    card = card_of(page, alert)
    await hand.press(card.get_by_role("button", name="Acknowledge"))
    await expect(card).to_have_attribute("data-state", "acknowledged")
    await hand.press(card.get_by_role("button", name="Dispatch…"))
    dialog = page.get_by_role("dialog", name="Send a unit")
    await hand.write(dialog.get_by_label("Unit", exact=True), "Engine 4")

    await ground.stop()
    await expect(alarms(page)).to_contain_text("The station is not heard")
    await hand.press(dialog.get_by_role("button", name="Dispatch"))
    await expect(dialog).to_contain_text("the station does not answer")
    await expect(dialog.get_by_label("Unit", exact=True)).to_have_value("Engine 4")

    await ground.start()
    await expect(page.get_by_role("banner").get_by_role("status")).to_contain_text("Live")
    await hand.press(dialog.get_by_role("button", name="Dispatch"))
    await expect(card).to_have_attribute("data-state", "dispatched")
    await expect(card).to_contain_text("Sent: Engine 4")
    await expect(alarms(page)).not_to_contain_text("The station is not heard")


@HANDS
async def test_control_passes_from_one_to_the_other_and_a_pilot_with_a_stick_beats_both(
    ground: Ground, with_mouse: bool
) -> None:
    kestrel = await ground.drone("Kestrel")
    pia, ada = await ground.page("Pia"), await ground.page("Ada")
    hers, his = await hand_of(pia, with_mouse=with_mouse), await hand_of(ada, with_mouse=with_mouse)
    await hers.press(pia.get_by_role("button", name="Take control"))
    await hers.press(pia.get_by_role("button", name="Grant", exact=True))
    await eventually(lambda: OrderKind.GRANT in kestrel.kinds)
    await his.press(ada.get_by_role("button", name="Ask for control"))
    await expect(pia.get_by_text("Ada asks for control", exact=True)).to_be_visible()
    await hers.press(pia.get_by_role("button", name="Hand over"))
    await expect(ada.get_by_text("You have control", exact=True)).to_be_visible()
    await expect(pia.get_by_text("Ada has control", exact=True)).to_be_visible()
    assert kestrel.kinds == [OrderKind.GRANT], "who has control changes nothing aboard"

    because = "the mode changed from AUTO to LOITER, which the agent had not asked for"
    await in_flight(kestrel)
    kestrel.says |= {"control": "hands off", "control_reason": because, "mode": "LOITER"}
    kestrel.says["patrol"] = READY | {"phase": "interrupted", "item": 9}
    for page in (pia, ada):
        await expect(alarms(page)).to_contain_text("Kestrel: Hands off")
        await expect(alarms(page)).to_contain_text(because)


@HANDS
async def test_a_drone_that_goes_blind_is_an_alarm_until_it_sees_again(
    ground: Ground, with_mouse: bool
) -> None:
    kestrel = await ground.drone("Kestrel")
    page = await ground.page("Pia")
    hand = await hand_of(page, with_mouse=with_mouse)
    await in_flight(kestrel)
    await hand.press(page.get_by_role("button", name="Take control"))
    since = now()
    kestrel.says |= {"seeing": "blind", "blind_since": since, "blind_reason": "the lens is covered"}
    alarm = alarms(page)
    await expect(alarm).to_contain_text(f"Blind since {since[11:19]} UTC")
    await expect(alarm).to_contain_text("the lens is covered")
    assert await alarm.locator("p").first.evaluate("(line) => getComputedStyle(line).backgroundColor") in (
        "rgb(179, 21, 28)"
    )
    await hand.press(page.get_by_role("button", name="简体中文"))
    await expect(alarm).to_contain_text("失明")
    kestrel.says |= {"seeing": "seeing", "blind_since": None, "blind_reason": ""}
    await expect(alarm).not_to_contain_text("失明")
