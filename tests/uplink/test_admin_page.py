"""Looking after the station from its page, in a real browser: each section does what it says, and who may not
is told why."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from uplink.messages import Alert
from uplink.station.people import Role
from uplink.station.zone import StationZone

from .makers import DRONE, HOME, make_alert, make_config, make_patrol, make_picture, sha256_of
from .page_checks import axe, fits
from .page_hands import Keyboard, Mouse, only_keyboard
from .page_harness import BROWSER, Browsers, Ground, standing
from .people import password_of

pytestmark = BROWSER


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ground(tmp_path_factory: pytest.TempPathFactory, browsers: Browsers) -> AsyncIterator[Ground]:
    """One station for all of these: each looks after something else of it."""
    config = make_config(tmp_path_factory.mktemp("admin")).model_copy(update={"sign_in": True})
    async with standing(config, browsers) as ground:
        yield ground


SIZES = [(1366, 768), (390, 844)]
LAT, LON = HOME.lat_deg, HOME.lon_deg


async def at(ground: Ground, section: str, name: str = "Ada", **more: Any) -> Page:
    return await ground.page(name, path=f"#/admin/{section}", **more)


async def named(ground: Ground, name: str) -> StationZone:
    zones: list[StationZone] = await ground.services.store.zones.standing()
    [zone] = [one for one in zones if one.name == name]
    return zone


def row(page: Page, key: str) -> Locator:
    return page.locator(f"[data-row='{key}']")


async def menu(hand: Mouse | Keyboard, page: Page, key: str, item: str) -> None:
    """An entry of a row's menu; by keys it is walked to."""
    await hand.press(row(page, key).get_by_role("button", name=re.compile("What can be done")))
    entry = page.get_by_role("menuitem", name=item)
    if isinstance(hand, Mouse):
        await entry.click()
        return
    for _ in range(10):
        if await entry.evaluate("(one) => one === document.activeElement"):
            break
        await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")


def burning_now() -> Alert:
    now = datetime.now(UTC)
    return make_alert().model_copy(update={"first_seen_at": now, "confirmed_at": now, "last_seen_at": now})


async def taken(page: Page, link: str) -> str:
    """What a link downloads."""
    async with page.expect_download() as started:
        await page.get_by_role("link", name=link).click()
    path = Path(await (await started.value).path())
    return await asyncio.to_thread(path.read_text, encoding="utf-8")


async def secret(page: Page, index: int = 0) -> str:
    return (await page.locator("[data-secret]").nth(index).inner_text()).strip()


@pytest.mark.parametrize(
    "with_keys", [pytest.param(False, id="mouse", marks=pytest.mark.slow), pytest.param(True, id="keyboard")]
)
async def test_people_come_change_and_go(ground: Ground, *, with_keys: bool) -> None:
    page = await at(ground, "users")
    await expect(row(page, "Ada")).to_contain_text("Admin")
    hand: Mouse | Keyboard = await only_keyboard(page) if with_keys else Mouse(page)

    await hand.press(page.get_by_role("button", name="Add a person"))
    dialog = page.get_by_role("dialog", name="Add a person")
    await hand.write(dialog.get_by_label("Name"), "two words")
    await hand.press(dialog.get_by_role("button", name="Add a person"))
    await expect(dialog.get_by_role("alert")).to_contain_text("without spaces")
    await hand.write(dialog.get_by_label("Name"), "pia")
    await hand.press(dialog.get_by_role("button", name="Add a person"))
    await expect(dialog.get_by_role("alert")).to_contain_text("there is a user pia already")
    await hand.write(dialog.get_by_label("Name"), "Zoe")
    await hand.press(dialog.get_by_role("button", name="Add a person"))
    shown = page.get_by_role("dialog", name="Password of Zoe")
    password = await secret(page)
    await hand.press(shown.get_by_role("button", name="I have kept it"))
    await expect(row(page, "Zoe")).to_contain_text("Viewer")
    assert password not in await page.content(), "it is shown once"
    answer = await ground.http.post(
        "/session", json={"name": "Zoe", "password": password}, headers={"X-Emberwatch-Session": "z" * 32}
    )
    assert answer.status_code == 200

    await menu(hand, page, "Zoe", "Sessions")
    await expect(page.get_by_role("dialog", name="Where Zoe is signed in")).to_contain_text("127.0.0.1")
    await hand.press(page.get_by_role("button", name="End", exact=True))
    await expect(page.get_by_text("Not signed in anywhere.")).to_be_visible()
    await hand.press(page.get_by_role("dialog").get_by_role("button", name="Close"))

    await menu(hand, page, "Zoe", "Disable")
    await hand.press(page.get_by_role("dialog").get_by_role("button", name="Disable"))
    await expect(row(page, "Zoe")).to_contain_text("disabled")
    await menu(hand, page, "Zoe", "Enable")
    await expect(row(page, "Zoe")).not_to_contain_text("disabled")

    await menu(hand, page, "Zoe", "Remove")
    remove = page.get_by_role("dialog", name="Remove")
    await expect(remove.get_by_role("button", name="Remove")).to_be_disabled()
    await hand.write(remove.get_by_label("Type “Zoe” to confirm"), "Zoe")
    await hand.press(remove.get_by_role("button", name="Remove"))
    await expect(row(page, "Zoe")).to_have_count(0)


async def test_a_role_and_a_password_change_and_the_last_admin_stays(ground: Ground) -> None:
    page, hand = await at(ground, "users"), None
    hand = Mouse(page)
    await menu(hand, page, "Ada", "Change role")
    dialog = page.get_by_role("dialog", name="Change role: Ada")
    await dialog.get_by_text("Pilot", exact=True).click()
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("log")).to_contain_text("nobody would be left who looks after the station")
    await menu(hand, page, "Vera", "Reset password")
    await page.get_by_role("dialog").get_by_role("button", name="Reset password").click()
    password = await secret(page)
    for tried, status in ((password_of("Vera"), 401), (password, 200)):
        answer = await ground.http.post(
            "/session", json={"name": "Vera", "password": tried}, headers={"X-Emberwatch-Session": "v" * 32}
        )
        assert answer.status_code == status


async def test_programs_and_drones_get_their_secrets_once(ground: Ground) -> None:
    page = await at(ground, "tokens")
    hand = Mouse(page)
    await page.get_by_role("button", name="Add a program").click()
    dialog = page.get_by_role("dialog", name="Add a program")
    await dialog.get_by_label("Name").fill("gis")
    await page.keyboard.press("Enter")
    token = await secret(page)
    answer = await ground.http.get("/alerts", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    await page.get_by_role("button", name="I have kept it").click()
    await menu(hand, page, "gis", "Shut out")
    await page.get_by_label("Type “gis” to confirm").fill("gis")
    await page.keyboard.press("Enter")
    await expect(row(page, "gis")).to_have_count(0)
    answer = await ground.http.get("/alerts", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401

    await ground.state(agent="1.2.3", firmware="ArduCopter 4.6")
    await page.get_by_role("link", name="Drones and keys").click()
    await expect(row(page, DRONE)).to_contain_text("from the configuration")
    await expect(row(page, DRONE)).to_contain_text("1.2.3")
    await page.get_by_role("button", name="Add a drone").click()
    dialog = page.get_by_role("dialog", name="Add a drone")
    await dialog.get_by_label("Drone").fill(DRONE)
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("its menu gives it a new key")
    await dialog.get_by_label("Drone").fill("ember-9")
    await page.keyboard.press("Enter")
    key, public, lines = [await secret(page, n) for n in range(3)]
    assert 'id = "ember-9"' in lines
    assert f'station_url = "{ground.url.rstrip("/")}"' in lines
    assert public == (await ground.http.get("/orders/key")).json()["public_key"]
    shown = {"Authorization": f"Bearer {key}"}
    known = await ground.http.put("/drones/ember-9/patrol", json={}, headers=shown)
    assert known.status_code == 422, "it is let in, with a patrol that makes no sense"
    await page.get_by_role("button", name="I have kept it").click()
    await menu(hand, page, "ember-9", "Revoke")
    await page.get_by_label("Type “ember-9” to confirm").fill("ember-9")
    await page.keyboard.press("Enter")
    await expect(row(page, "ember-9")).to_contain_text("revoked")
    revoked = await ground.http.put("/drones/ember-9/patrol", json={}, headers=shown)
    assert revoked.status_code == 401


async def test_a_zone_is_drawn_with_nothing_but_keys_and_what_burns_in_it_is_told_once_it_is_gone(
    ground: Ground,
) -> None:
    page = await at(ground, "zones")
    await expect(page.get_by_text("No ground is ignored")).to_be_visible()
    keys = await only_keyboard(page)
    await keys.press(page.get_by_role("button", name="New zone"))
    await keys.write(page.get_by_label("Name"), "Brickworks")
    await keys.choose(page.get_by_label("Reason"), "Permitted burn")
    await keys.press(page.get_by_role("button", name="Save"))
    await expect(page.get_by_text("A permitted burn needs an end.")).to_be_visible()
    await expect(page.get_by_text("A zone has at least three corners.")).to_be_visible()
    await keys.choose(page.get_by_label("Reason"), "Kiln")
    step = 0.001
    corners = [(LAT - step, LON - step), (LAT - step, LON + step), (LAT + step, LON)]
    for number, (lat, lon) in enumerate(corners, 1):
        await keys.write(page.get_by_label("New corner"), f"{lat}, {lon}")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label(f"Corner {number}", exact=True)).to_have_value(f"{lat:.6f}, {lon:.6f}")
    await keys.press(page.get_by_role("button", name="Save"))
    await expect(page.get_by_role("table", name="Ignore zones")).to_contain_text("Brickworks")
    [zone] = await ground.services.store.zones.standing()
    assert zone.made_by == "Ada"
    assert zone.ring == [(pytest.approx(lon), pytest.approx(lat)) for lat, lon in corners]

    alert = await ground.alert(burning_now())
    await expect(page.locator(".alarm")).to_have_count(0)
    assert [item.zone for item in await ground.services.store.suppressed.newest(9)] == ["Brickworks"]
    await menu(keys, page, str(zone.id), "Remove")
    await keys.write(page.get_by_label("Type “Brickworks” to confirm"), "Brickworks")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("No ground is ignored")).to_be_visible()
    assert await ground.services.store.suppressed.newest(9) == []
    [incident] = await ground.services.store.incidents.open(now_s=ground.services.clock())
    assert incident.alert_ids == [alert.id]
    await page.goto(f"{ground.url}#/fly")
    await expect(page.locator(f"[data-incident='{incident.id}']")).to_have_count(1)


async def test_zones_come_from_a_file_are_changed_and_go_into_one(ground: Ground, tmp_path: Path) -> None:
    page = await at(ground, "zones", timezone_id="Asia/Shanghai")
    ring = [[LON, LAT], [LON + 0.001, LAT], [LON, LAT + 0.001], [LON, LAT]]
    shapes = {"Chimney": ("Polygon", [ring]), "A point": ("Point", [1, 2])}
    features = [
        {"type": "Feature", "properties": {"name": name}, "geometry": {"type": kind, "coordinates": where}}
        for name, (kind, where) in shapes.items()
    ]
    file = tmp_path / "zones.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    await page.locator("input[type=file]").set_input_files(file)
    await expect(page.get_by_text("Feature 2 A point: it is no polygon")).to_be_visible()
    zone = await named(ground, "Chimney")
    hand = Mouse(page)
    await menu(hand, page, str(zone.id), "Change")
    await page.get_by_label("Until").fill("2027-01-01T08:00")
    await expect(page.get_by_text("Time of this computer (UTC+8): 2027-01-01 00:00 UTC")).to_be_visible()
    await page.get_by_label("only what is as large as the zone").check()
    await page.get_by_role("button", name="Save").click()
    await expect(row(page, str(zone.id))).to_contain_text("until 2027-01-01 00:00 UTC")
    await expect(row(page, str(zone.id))).to_contain_text("only what is as large as the zone")
    await menu(hand, page, str(zone.id), "History")
    history = page.get_by_role("dialog", name="History of Chimney")
    await expect(history).to_contain_text("Ada: changed")
    await history.get_by_role("button", name="Close").click()
    exported = json.loads(await taken(page, "Export GeoJSON"))
    assert [one["properties"]["name"] for one in exported["features"]] == ["Chimney"]


async def test_a_zone_is_drawn_on_the_map(ground: Ground) -> None:
    await ground.state()
    await ground.say(f"/drones/{DRONE}/patrol", make_patrol())
    page = await at(ground, "zones/new", with_map=True)
    drawing = page.locator("[data-ready='true']")
    await expect(drawing).to_be_visible()
    await drawing.scroll_into_view_if_needed()
    box = await drawing.bounding_box()
    assert box is not None
    corners = [(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6), (0.4, 0.4)]
    for x, y in corners:
        await page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        await page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    await expect(page.locator("[data-corner]")).to_have_count(4)
    first = page.get_by_label("Corner 1", exact=True)
    before = await first.input_value()
    await page.get_by_role("button", name="Corner 1 at").focus()
    await page.keyboard.press("ArrowUp")
    await expect(first).not_to_have_value(before)
    lats = [float(text.split(",")[0]) for text in (before, await first.input_value())]
    assert lats[0] < lats[1], "north is up"
    await page.get_by_label("Name").fill("Quarry")
    await page.get_by_label("Reason").select_option("quarry")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("table", name="Ignore zones")).to_contain_text("Quarry")
    zone = await named(ground, "Quarry")
    assert len(zone.ring) == 4
    await page.get_by_role("log").get_by_role("button", name="Put away").click()
    await fits(page, "admin-zones", SIZES)
    await page.goto(f"{ground.url}#/admin/zones/{zone.id}")
    await expect(page.locator("[data-corner]")).to_have_count(4)
    await expect(drawing).to_be_visible()
    await fits(page, "admin-zone", SIZES)
    assert await axe(page) == []


async def test_what_is_kept_is_set_and_a_backup_is_made(ground: Ground) -> None:
    page = await at(ground, "system")
    picture = make_picture("old", size=1000)
    await ground.services.store.media.put(sha256_of(picture), picture, drone_id=DRONE, now_s=0.0)
    await page.get_by_role("link", name="Storage").click()
    await expect(page.get_by_text("As the configuration file says.")).to_be_visible()
    await expect(page.get_by_text("This would remove now: 1 pictures (1.0 kB).")).to_be_visible()
    await page.get_by_label("Webhook log, days").fill("0")
    await expect(page.get_by_text("Between 1 and 36 500.")).to_be_visible()
    await page.get_by_label("Webhook log, days").fill("10")
    await page.get_by_role("button", name="Save and let it go").hover()
    await page.mouse.down()
    await expect(
        page.get_by_text("Set here; the configuration file says 30, 90 and 90 days.")
    ).to_be_visible()
    await page.mouse.up()
    assert ground.services.retention.policy.deliveries_days == 10
    await page.get_by_label("Pictures, days after their incident was closed").fill("36500")
    await expect(page.get_by_text("This would remove nothing now.")).to_be_visible()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="As the configuration says").click()
    await expect(page.get_by_text("As the configuration file says.")).to_be_visible()
    await expect(page.get_by_text("No backup was ever made here.")).to_be_visible()
    await page.get_by_role("button", name="Make a backup now").click()
    await expect(page.get_by_text("The last one is from")).to_be_visible()
    await expect(page.get_by_role("table", name="Backups")).to_contain_text("emberwatch-")


async def test_the_audit_log_is_filtered_verified_and_taken_away(ground: Ground) -> None:
    page = await at(ground, "system")
    for number in range(60):
        await ground.services.access.add_token(f"token-{number}", Role.VIEWER, by="Pia")
    await page.get_by_role("link", name="Audit").click()
    log = page.get_by_role("table", name="Audit")
    await expect(log.locator("tbody tr")).to_have_count(50)
    await page.get_by_role("button", name="Older").click()
    await expect(log).to_contain_text("token-0")
    await page.get_by_label("Who").fill("Pia")
    await page.get_by_label("About").fill("token-7")
    await page.keyboard.press("Enter")
    await expect(log.locator("tbody tr")).to_have_count(1)
    await page.get_by_label("What").select_option("user.*")
    await page.get_by_role("button", name="Show").click()
    await expect(log).to_contain_text("Nothing of this kind was done.")
    await page.get_by_role("button", name="Clear").click()
    await page.get_by_role("button", name="Verify the chain").click()
    await expect(page.get_by_text("The log is whole: ")).to_be_visible()
    table = await taken(page, "Export as CSV")
    assert {line["who"] for line in csv.DictReader(io.StringIO(table))} >= {"Pia", "Ada"}


async def test_health_is_told_in_words_and_others_are_told_why_not(ground: Ground) -> None:
    page = await at(ground, "system")
    await expect(page.get_by_text(re.compile("All is well|not as it should be"))).to_be_visible()
    await expect(page.get_by_text("Running for")).to_be_visible()
    pilot = await at(ground, "users", "Pia")
    await expect(pilot.get_by_text("This is for Admin")).to_be_visible()
    await expect(pilot.get_by_text("You are signed in as Pia, Pilot.")).to_be_visible()
    await pilot.get_by_role("link", name="Ignore zones").click()
    await expect(pilot.get_by_role("button", name="New zone")).to_be_disabled()
    await expect(pilot.get_by_text("Only admins may change this").first).to_be_visible()


async def test_every_section_can_be_read_and_used_by_everybody_on_a_desk_and_on_a_phone(
    ground: Ground,
) -> None:
    await ground.alert(make_alert())
    page = await at(ground, "users")
    for section in (
        "users",
        "tokens",
        "drones",
        "zones",
        "storage",
        "audit",
        "system",
        "webhooks",
        "zones/new",
    ):
        await page.goto(f"{ground.url}#/admin/{section}")
        await expect(page.locator("section h2")).to_be_visible()
        await expect(page.get_by_text("Asking the station…")).to_have_count(0)
        await fits(page, f"admin-{section.replace('/', '-')}", SIZES)
        assert await axe(page) == [], section
    await page.get_by_role("button", name="简体中文").click()
    await expect(page.locator("section h2")).to_have_text("新建忽略区")
    assert await axe(page) == []
