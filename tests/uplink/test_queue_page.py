"""Incidents as the queue, in a browser: from the alarm to its end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import uuid6
from playwright.async_api import Locator, Page, expect

from uplink.messages import Alert
from uplink.station.incident_config import IncidentsConfig

from .makers import HOME, OTHER_DRONE, as_json, eventually, make_alert, make_config
from .page_checks import SHOTS, axe, fits
from .page_hands import only_keyboard
from .page_harness import BROWSER, Browsers, Ground, fire, make_photo, standing

pytestmark = BROWSER

# What is started is counted by the page itself: nobody listens here.
COUNT_TONES = """() => {
    window.tones = 0;
    const { start } = OscillatorNode.prototype;
    OscillatorNode.prototype.start = function (...when) {
        window.tones += 1;
        return start.apply(this, when);
    };
}"""


def burning(*, north_m: float = 0.0, label: str = "fire", ago_s: float = 5.0, **change: Any) -> Alert:
    """Seen just now, so that its ages are those of a fire that burns."""
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    seen = {"first_seen_at": at.isoformat(), "confirmed_at": at.isoformat(), "last_seen_at": at.isoformat()}
    place = as_json(HOME) | {"lat_deg": HOME.lat_deg + north_m / 111_320}
    usual = as_json(make_alert(uuid6.uuid7())) | seen | {"position": place, "label": label}
    return Alert.model_validate(usual | change)


def card_of(page: Page, alert: Alert) -> Locator:
    return page.locator(f"[data-alerts~='{alert.id}']")


async def tones(page: Page) -> int:
    count: int = await page.evaluate("window.tones")
    return count


async def says(page: Page, expression: str, value: object) -> bool:
    return bool(await page.evaluate(expression) == value)


async def test_an_alarm_is_heard_and_worked_to_its_end_with_the_keyboard_alone(ground: Ground) -> None:
    await ground.state()
    page = await ground.page("Pia")
    await expect(page.get_by_role("complementary")).to_contain_text("No open incident")
    hand = await only_keyboard(page)
    await page.evaluate(COUNT_TONES)
    await expect(page.get_by_role("button", name="Turn sound on")).to_be_visible()
    await page.keyboard.press("Tab")  # the first touch lets the page be heard
    await expect(page.get_by_role("button", name="Sound and notices")).to_be_visible()
    jpeg = make_photo()
    alert = fire(jpeg)
    await ground.alert(alert)
    await ground.picture(jpeg)
    card = card_of(page, alert)
    await expect(card).to_have_attribute("data-state", "new")
    await expect(card.locator("[data-clock='acknowledge']")).to_contain_text("Acknowledge in 2:5")
    await expect(page).to_have_title("(1) Fly · Emberwatch")
    await expect(page.locator("[aria-live='assertive']").first).to_contain_text("New: Fire, 90 %, ± 12 m")

    async def sounded() -> bool:
        return await tones(page) >= 6

    await eventually(sounded)
    await hand.press(card.get_by_role("button", name="Fire"))
    await expect(card.get_by_role("region", name="What happened")).to_contain_text("Incident opened")
    await hand.press(card.get_by_role("button", name="Acknowledge"))
    await expect(card).to_have_attribute("data-state", "acknowledged")
    await expect(card.locator("[data-clock='dispatch']").first).to_contain_text("Dispatch in")
    await expect(page).to_have_title("Fly · Emberwatch")
    await hand.press(card.get_by_role("button", name="Dispatch…"))
    dialog = page.get_by_role("dialog", name="Send a unit")
    await expect(dialog.get_by_role("button", name="Dispatch")).to_be_disabled()
    await hand.write(dialog.get_by_label("Unit", exact=True), "Engine 4")
    await hand.press(dialog.get_by_role("button", name="Dispatch"))
    await expect(card).to_have_attribute("data-state", "dispatched")
    await expect(card).to_contain_text("Sent: Engine 4")
    await expect(card.get_by_role("region", name="What happened")).to_contain_text("Dispatched: Engine 4")
    await hand.press(card.get_by_role("button", name="Resolve…"))
    dialog = page.get_by_role("dialog", name="Resolve this incident?")
    await hand.press(dialog.get_by_role("button", name="Extinguished"))
    await hand.press(dialog.get_by_role("button", name="Resolve", exact=True))
    await expect(page.get_by_role("complementary")).to_contain_text("No open incident", timeout=15_000)
    await hand.go_to(page.get_by_role("tab", name="Open"))
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await expect(card).to_contain_text("Extinguished")
    await expect(card).to_have_attribute("data-state", "resolved")


async def test_letters_do_what_the_buttons_do_and_arrows_walk(open_ground: Ground) -> None:
    await open_ground.state()
    page = await open_ground.page()
    first, second = burning(), burning(north_m=3000, label="smoke")
    for alert in (first, second):
        await open_ground.alert(alert)
    await expect(page.locator("[data-incident]")).to_have_count(2)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(card_of(page, second).get_by_role("button", name="Smoke")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await expect(card_of(page, first)).to_contain_class("open")
    await page.keyboard.press("a")
    await expect(card_of(page, first)).to_have_attribute("data-state", "acknowledged")
    await page.keyboard.press("d")
    await page.keyboard.type("Engine 4")
    await page.keyboard.press("Enter")
    await expect(card_of(page, first)).to_have_attribute("data-state", "dispatched")
    await page.keyboard.press("Escape")
    await expect(page.locator("[data-incident].open")).to_have_count(0)
    # The card has moved below the other one, and the focus with it; when it goes, the focus is on the next.
    await expect(page.locator("[data-incident]").last).to_have_attribute("data-alerts", str(first.id))
    await expect(card_of(page, first).get_by_role("button", name="Fire")).to_be_focused()
    await page.keyboard.press("r")
    await page.keyboard.type("out")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-incident]")).to_have_count(1, timeout=15_000)
    await expect(card_of(page, second).get_by_role("button", name="Smoke")).to_be_focused()


async def test_a_viewer_sees_where_it_is_and_why_nothing_can_be_done(ground: Ground) -> None:
    await ground.state()
    alert = await ground.alert(burning())
    page = await ground.page("Vera")
    card = card_of(page, alert)
    await card.get_by_role("button", name="Fire").click()
    await expect(card.get_by_role("button", name="Acknowledge")).to_be_disabled()
    await expect(card).to_contain_text("Viewers cannot give orders")
    await expect(card.get_by_role("link", name="Evidence")).to_have_count(0)
    await card.get_by_role("button", name="Crew link…").click()
    dialog = page.get_by_role("dialog", name="Link for the crew")
    await expect(dialog.get_by_role("button", name="Make a link")).to_be_disabled()
    await expect(dialog.get_by_role("img", name="QR code")).to_be_visible()


async def test_who_comes_second_is_told_and_sees_how_it_is(open_ground: Ground) -> None:
    await open_ground.state()
    alert = await open_ground.alert(burning())
    page = await open_ground.page()
    card = card_of(page, alert)
    await expect(card).to_have_attribute("data-state", "new")
    incident = await card.get_attribute("data-incident")
    await page.route("**/api/v1/live", lambda route: route.abort())
    # Somebody else is faster, and this page has not heard of it: its line is held up.
    held: list[Any] = []

    async def hold(route: Any) -> None:
        headers = {"If-Match": "*", "X-Emberwatch-Session": "s" * 32}
        if not held:
            held.append(True)
            path = f"/incidents/{incident}/steps"
            answer = await open_ground.http.post(
                path, json={"step": "dispatch", "unit": "Ladder 2"}, headers=headers
            )
            assert answer.status_code == 200, answer.text
        await route.continue_()

    await page.route("**/steps", hold)
    await card.get_by_role("button", name="Acknowledge").click()
    await expect(card.locator("[data-said='faster']")).to_contain_text("Somebody was faster")
    await expect(card.locator("[data-said='faster']")).to_contain_text("Dispatched")
    await expect(card).to_have_attribute("data-state", "dispatched")
    await expect(card).to_contain_text("Sent: Ladder 2")
    await card.get_by_role("button", name="Understood").click()
    await expect(card.locator("[data-said]")).to_have_count(0)


async def test_two_are_merged_split_and_put_back(open_ground: Ground) -> None:
    await open_ground.state()
    near, far = burning(), burning(north_m=900, drone_id=OTHER_DRONE)
    for alert in (near, far, burning(north_m=4000)):
        await open_ground.alert(alert)
    page = await open_ground.page()
    await expect(page.locator("[data-incident]")).to_have_count(3)
    await card_of(page, near).get_by_role("button", name="Fire").click()
    await card_of(page, near).get_by_role("button", name="Merge…").click()
    dialog = page.get_by_role("dialog", name="Merge with another incident")
    await expect(dialog.get_by_role("radio").first).to_be_visible()
    await expect(dialog.locator("label").first).to_contain_text("897 m away")
    await dialog.get_by_role("radio").first.check()
    await dialog.get_by_label("Why").fill("one front")
    await dialog.get_by_role("button", name="Merge").click()
    await expect(page.locator("[data-incident]")).to_have_count(2)
    joined = card_of(page, near)
    await expect(joined).to_contain_class("open")
    await expect(joined).to_contain_text("2 alerts")
    await joined.get_by_role("button", name="Split…").click()
    dialog = page.get_by_role("dialog", name="Split this incident")
    await dialog.get_by_role("checkbox").first.check()
    await dialog.get_by_label("Why").fill("two after all")
    await dialog.get_by_role("button", name="Split off").click()
    await expect(page.locator("[data-incident]")).to_have_count(3)
    opened = page.locator("[data-incident].open")
    await opened.get_by_role("region", name="What happened").get_by_role("button", name="Undo").last.click()
    dialog = page.get_by_role("dialog", name="Undo this?")
    await dialog.get_by_label("Why").fill("one front")
    await dialog.get_by_role("button", name="Undo").click()
    await expect(page.locator("[data-incident]")).to_have_count(2)


async def test_a_crew_opens_position_and_photo_without_an_account(ground: Ground) -> None:
    await ground.state()
    jpeg = make_photo()
    alert = await ground.alert(fire(jpeg))
    await ground.picture(jpeg)
    page = await ground.page("Pia")
    await card_of(page, alert).get_by_role("button", name="Fire").click()
    await card_of(page, alert).get_by_role("button", name="Crew link…").click()
    dialog = page.get_by_role("dialog", name="Link for the crew")
    await expect(dialog.get_by_role("img", name="QR code: -35.36326, 149.16524")).to_be_visible()
    await expect(dialog.get_by_role("link", name="OpenStreetMap")).to_have_attribute(
        "href", "https://www.openstreetmap.org/?mlat=-35.363262&mlon=149.165237#map=17/-35.363262/149.165237"
    )
    await expect(dialog.get_by_role("link", name="Amap")).to_have_count(0)
    await dialog.get_by_role("button", name="Make a link").click()
    await expect(dialog.get_by_role("img", name="QR code: Page for the crew")).to_be_visible()
    link = (await dialog.locator(".link").inner_text()).strip()
    phone = await ground.page(size=(390, 844), touch=True, path=link.removeprefix(ground.url))
    await expect(phone.get_by_role("heading", level=1)).to_contain_text("Fire · 90 % sure")
    await expect(phone.get_by_role("main")).to_contain_text("-35.36326, 149.16524 WGS 84")
    await expect(phone.get_by_role("main")).to_contain_text("± 12 m")
    await expect(phone.locator("figure img")).to_have_js_property("complete", True)
    await eventually(lambda: _is_shown(phone))
    await expect(phone.locator(".box")).to_be_visible()
    assert await axe(phone) == []
    await fits(phone, "crew", [(390, 844)])
    await dialog.get_by_role("button", name="Take back").click()
    await phone.reload()
    await expect(phone.get_by_role("heading", level=1)).to_contain_text("This link is over")


async def _is_shown(phone: Page) -> bool:
    shown: bool = await phone.locator("figure img").evaluate("(image) => image.naturalWidth > 0")
    return shown


async def test_what_cannot_be_read_takes_nothing_else_with_it(open_ground: Ground) -> None:
    await open_ground.state()
    good = await open_ground.alert(burning())
    bad = await open_ground.alert(burning(north_m=3000))

    def spoil(text: str) -> str:
        return text.replace(f'"alert_ids":["{bad.id}"]', '"alert_ids":7')

    def tamper(socket: Any) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda text: socket.send(spoil(text)))
        socket.on_message(server.send)

    page = await open_ground.page(path="#/fly")
    await page.route_web_socket("**/api/v1/live", tamper)
    await page.reload()
    await expect(card_of(page, good)).to_contain_text("Fire")
    await expect(page.get_by_text("1 things that the station said could not be shown")).to_be_visible()
    await expect(page.locator("[data-incident]")).to_have_count(1)


async def test_the_filter_says_what_it_holds_back_and_suppressed_ones_say_by_which_rule(
    open_ground: Ground,
) -> None:
    kiln = {
        "hotspot_id": str(uuid6.uuid7()),
        "zone": "brickworks",
        "reason": "kiln",
        "label": "smoke",
        "position": as_json(HOME),
        "last_seen_at": datetime.now(UTC).isoformat(),
    }
    await open_ground.state(suppressed=[kiln], suppressed_ever=1)
    await open_ground.alert(burning())
    smoke = await open_ground.alert(burning(north_m=3000, label="smoke"))
    page = await open_ground.page()
    await expect(page.locator("[data-incident]")).to_have_count(2)
    await page.get_by_role("button", name="Filter").click()
    await page.get_by_label("Class").select_option("smoke")
    await expect(page.locator("[data-incident]")).to_have_count(1)
    await expect(card_of(page, smoke)).to_be_visible()
    await expect(page.get_by_text("1 not shown by the filter")).to_be_visible()
    await page.get_by_role("button", name="Show all").click()
    await expect(page.locator("[data-incident]")).to_have_count(2)
    await page.get_by_role("tab", name="Suppressed").click()
    await expect(page.locator("[data-suppressed]")).to_contain_text(
        "Kept back by zone brickworks: kiln", timeout=20_000
    )


async def test_everybody_can_read_and_reach_the_queue_at_any_size(open_ground: Ground) -> None:
    await open_ground.state()
    jpeg = make_photo()
    await open_ground.picture(jpeg)
    photo = as_json(fire(jpeg))["evidence"]
    growing: dict[str, Any] = {
        "area_m2": 120.0,
        "area_sigma_m2": 30.0,
        "growth_m2_per_min": 12.0,
        "growth_sigma_m2_per_min": 4.0,
    }
    alerts = [burning(evidence=photo, **growing), burning(north_m=3000, label="smoke", evidence=photo)]
    alerts += [burning(north_m=6000 + 2000 * n) for n in range(3)]
    for alert in alerts:
        await open_ground.alert(alert)
    page = await open_ground.page(with_map=bool(SHOTS))
    first = card_of(page, alerts[0])
    await expect(first.locator("[data-photo='here'] img")).to_be_visible()
    assert await axe(page) == []
    await fits(page, "queue", fingers=False)
    await first.get_by_role("button", name="Fire").click()
    await expect(first.get_by_role("region", name="What happened")).to_contain_text("Incident opened")
    assert await axe(page) == []
    await fits(page, "incident", fingers=False)
    await page.get_by_role("button", name="简体中文").click()
    await expect(first).to_contain_text("新警情")
    await fits(page, "incident-zh", [(390, 844), (1366, 768)], fingers=False)


async def test_the_map_and_the_list_select_each_other(open_ground: Ground) -> None:
    await open_ground.state()
    alert = await open_ground.alert(burning())
    await open_ground.alert(burning(north_m=3000, label="smoke"))
    page = await open_ground.page(with_map=True)
    opened = page.locator("[data-incident].open")
    view = page.get_by_role("region", name="Map").first
    await expect(view.locator("canvas")).to_be_visible()
    await card_of(page, alert).get_by_role("button", name="Fire").click()
    box = await view.bounding_box()
    assert box is not None
    middle = (box["width"] / 2, box["height"] / 2)
    await page.wait_for_timeout(1500)  # the map flies there
    await page.keyboard.press("Escape")
    await expect(opened).to_have_count(0)
    await view.click(position={"x": middle[0], "y": middle[1]})
    await expect(opened).to_have_attribute("data-alerts", str(alert.id))


def five_hundred(text: str) -> str:
    """A snapshot with one incident, told as five hundred of them."""
    events = json.loads(text)
    for event in events:
        if event["type"] == "snapshot" and len(event["data"]["incidents"]) == 1:
            [one] = event["data"]["incidents"]
            event["data"]["incidents"] = [
                one | {"id": str(UUID(int=n)), "alert_ids": [], "probability": n / 1000}
                for n in range(1, 500)
            ]
    return json.dumps(events)


@pytest.mark.slow
async def test_five_hundred_incidents_are_a_list_that_can_be_worked(open_ground: Ground) -> None:
    await open_ground.state()
    await open_ground.alert(burning())

    def multiply(socket: Any) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda text: socket.send(five_hundred(text)))
        socket.on_message(server.send)

    page = await open_ground.page()
    await page.route_web_socket("**/api/v1/live", multiply)
    await page.reload()
    cards = page.locator("[data-incident]")
    await expect(cards).to_have_count(499)
    # What is far from view is a line with its name, and no more.
    drawn = cards.filter(has=page.get_by_role("button", name="Acknowledge"))
    assert 3 <= await drawn.count() <= 30
    await cards.last.scroll_into_view_if_needed()
    await expect(cards.last.get_by_role("button", name="Acknowledge")).to_be_visible()
    assert await drawn.count() <= 40
    await cards.last.get_by_role("button", name="Fire").focus()
    await page.keyboard.press("ArrowUp")
    await expect(cards.nth(497).get_by_role("button", name="Fire")).to_be_focused()
    await page.get_by_role("searchbox").fill(str(UUID(int=250)))
    await expect(cards).to_have_count(1)
    await expect(page.get_by_text("498 not shown by the filter")).to_be_visible()


async def test_a_notice_is_shown_when_the_page_is_not_in_front_and_sound_can_be_silenced(
    open_ground: Ground,
) -> None:
    await open_ground.state()
    page = await open_ground.page(permissions=["notifications"])
    await page.evaluate(COUNT_TONES)
    await page.evaluate(
        """() => {
            window.notices = [];
            document.hasFocus = () => false;
            window.Notification = class {
                static permission = "granted";
                constructor(title) { window.notices.push(title); }
                close() {}
            };
        }"""
    )
    await page.mouse.click(5, 5)
    await page.get_by_role("button", name="Sound and notices").click()
    dialog = page.get_by_role("dialog", name="Sound and notices")
    await expect(dialog).to_contain_text("The browser shows notices.")
    await dialog.get_by_role("button", name="Try").first.click()
    assert await tones(page) == 6
    await dialog.get_by_role("checkbox", name="New smoke").uncheck()
    await dialog.get_by_role("button", name="Close").click()
    await open_ground.alert(burning(label="smoke"))
    await eventually(lambda: says(page, "window.notices", ["New: Smoke, 90 %, ± 12 m"]))
    assert await tones(page) == 6, "smoke is muted"
    await open_ground.alert(burning(north_m=3000))
    await eventually(lambda: says(page, "window.tones", 12))
    await page.reload()
    await page.mouse.click(5, 5)
    await page.get_by_role("button", name="Sound and notices").click()
    await expect(dialog.get_by_role("checkbox", name="New smoke")).not_to_be_checked()


async def test_a_clock_turns_overdue_by_itself_and_says_who_was_told(
    tmp_path: Path, browsers: Browsers
) -> None:
    hurried = make_config(tmp_path).model_copy(update={"incidents": IncidentsConfig(acknowledge_s=2)})
    async with standing(hurried, browsers) as ground:
        await ground.state()
        page = await ground.page()
        await page.evaluate(COUNT_TONES)
        await page.mouse.click(5, 5)
        smoke = await ground.alert(burning(label="smoke"))
        flames = await ground.alert(burning(north_m=3000))
        await expect(page.locator("[data-incident]").first).to_have_attribute("data-alerts", str(flames.id))
        clock = card_of(page, smoke).locator("[data-clock='acknowledge']")
        await expect(clock).to_have_attribute("data-tone", "overdue")
        await expect(clock).to_contain_text("overdue · told team")
        await expect(page.locator("[aria-live='assertive']").first).to_contain_text("Overdue")
        # Fire has six notes, smoke two, what is overdue six more.
        await eventually(lambda: says(page, "window.tones >= 14", True))
        await card_of(page, smoke).get_by_role("button", name="Acknowledge").click()
        await expect(card_of(page, smoke)).to_contain_text("Dispatch in")
