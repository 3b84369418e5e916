"""Patrols on the page: an area is drawn, checked, sent, and what is aboard is seen to be what is shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from edge.patrols.package import unpack
from flight.missions import fingerprint
from tests.edge.patrols.patrol_makers import write_dem
from tests.flight.plan_makers import HOME, out_and_back, to
from uplink.messages import OrderKind, PatrolRef
from uplink.station.patrol_answers import PatrolDraft

from .makers import DRONE, KEY, as_json, auth, make_config
from .page_checks import axe, fits
from .page_hands import Hand, Keyboard, Mouse, only_keyboard
from .page_harness import BROWSER, READY, Browsers, DroneStandIn, Ground, standing
from .patrol_makers import PLANNER, draft, kml, ring

pytestmark = BROWSER

AREA = ring(-400, -150, -100, 150)
LONG_MS = 60_000  # planning takes a second of a core that is not shared


@pytest_asyncio.fixture(loop_scope="session")
async def hills(tmp_path: Path, browsers: Browsers) -> AsyncIterator[Ground]:
    """A station that plans on a terrain of hills, with people."""
    dem = write_dem(tmp_path / "dem.tif")
    config = make_config(tmp_path).model_copy(update={"sign_in": True, "dem": dem})
    async with standing(config, browsers, PLANNER) as ground:
        yield ground


async def loads(drone: DroneStandIn, ground: Ground) -> None:
    """Does what the agent does with the order: fetches, unpacks, and tells what it read back."""
    while OrderKind.LOAD_PATROL not in drone.kinds:
        await asyncio.sleep(0.05)
    order = drone.orders[drone.kinds.index(OrderKind.LOAD_PATROL)]
    assert order.patrol is not None
    answer = await ground.http.get(f"/drones/{DRONE}/patrols/{order.patrol.sha256}", headers=auth(KEY))
    drone.says["patrol"] = patrol_state(answer, order.patrol)


def patrol_state(answer: httpx.Response, ref: PatrolRef) -> dict[str, Any]:
    plan = unpack(answer.content, ref).flights[0]
    return READY | {
        "name": ref.name,
        "sent": as_json(ref),
        "plan_aboard_sha256": fingerprint(plan.items),
        "items": len(plan.items) - 1,
    }


async def write_corners(page: Page, hand: Hand, corners: list[list[float]]) -> None:
    for lat, lon in corners:
        await hand.write(page.get_by_label("New corner: latitude, longitude"), f"{lat}, {lon}")
        await page.keyboard.press("Enter")
    await expect(page.get_by_label(f"Corner {len(corners)}", exact=True)).to_be_visible()


# The map's test has a pointer too: with the mouse all of it is told in the long run only.
@pytest.mark.parametrize("hand", [pytest.param(Mouse, marks=pytest.mark.slow), Keyboard])
async def test_an_area_is_drawn_checked_and_sent_and_aboard_is_what_is_shown(
    hand: type[Hand], hills: Ground
) -> None:
    drone = await hills.drone()
    page = await hills.page("Pia", path="#/patrols")
    works = await only_keyboard(page) if hand is Keyboard else hand(page)
    await works.press(page.get_by_role("button", name="New patrol"))
    await works.write(page.get_by_label("Name"), "West paddock")
    await write_corners(page, works, AREA)
    await expect(page.get_by_text("Say where home is").first).to_be_visible()

    shapes = page.get_by_role("group", name="What you draw")
    await shapes.get_by_role("radio", name="Area").focus()
    await page.keyboard.press("ArrowRight")
    await works.press(page.get_by_role("button", name="Where Kestrel stands"))
    result = page.get_by_role("region", name="What comes of it")
    await expect(result.get_by_text("Safe by what was checked")).to_be_visible(timeout=LONG_MS)
    await expect(result.get_by_text("8.9 ha")).to_be_visible()
    await expect(result.get_by_text("Heights follow dem.tif")).to_be_visible()

    await works.press(page.get_by_role("button", name="Undo"))
    await expect(page.get_by_text("Say where home is").first).to_be_visible()
    await works.press(page.get_by_role("button", name="Redo"))
    await expect(result.get_by_text("Safe by what was checked")).to_be_visible(timeout=LONG_MS)
    await works.press(page.get_by_role("button", name="Save"))
    await expect(page.get_by_text("Version 1, Pia").first).to_be_visible(timeout=LONG_MS)

    await page.get_by_role("tab", name="Draw").focus()
    await page.keyboard.press("End")
    send = page.get_by_role("button", name="Send to Kestrel")
    await expect(send).to_be_disabled()
    await works.press(page.get_by_role("button", name="Take control"))
    await works.press(page.get_by_role("button", name="Grant"))
    loading = asyncio.create_task(loads(drone, hills))
    await works.hold(send)
    await loading
    aboard = page.locator(".aboard")
    await expect(aboard).to_have_attribute("data-tone", "ok")
    await expect(aboard).to_contain_text("Aboard is what is shown")

    drone.says["patrol"] |= {"plan_aboard_sha256": "0" * 64, "plan_matches": False}
    await expect(aboard).to_have_attribute("data-tone", "bad")
    await expect(aboard).to_contain_text("What is aboard is not what is shown")


async def test_files_that_cannot_be_used_say_what_to_do_and_a_good_one_is_planned(hills: Ground) -> None:
    page = await hills.page("Pia", path="#/patrols")
    picker = page.locator("input[type=file]")
    many = out_and_back(*[to(30 + number / 100, 40) for number in range(2996)])
    for name, content, words in (
        (
            "tower.kml",
            kml("<Point><coordinates>149.1,-35.3</coordinates></Point>"),
            "has no polygon: it has only 1 point. Draw one around the ground",
        ),
        ("long.plan", many.to_bytes(), "an autopilot holds about 700. Cut it into several plans"),
    ):
        await picker.set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})
        await expect(page.get_by_text(words)).to_be_visible(timeout=LONG_MS)

    lat, lon = HOME.lat_deg, HOME.lon_deg
    crossed = " ".join(
        f"{lon + x},{lat + y}" for x, y in [(0, 0), (0.004, 0.004), (0.004, 0), (0, 0.004), (0, 0)]
    )
    bow = kml(
        f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{crossed}</coordinates></LinearRing>"
        "</outerBoundaryIs></Polygon>"
    )
    await picker.set_input_files({"name": "bow.kml", "mimeType": "text/xml", "buffer": bow})
    await expect(page.get_by_text("Sides of “Area” cross near -35.36126")).to_be_visible(timeout=LONG_MS)
    await expect(page.get_by_text("move its corners apart")).to_be_visible()

    plan = out_and_back(to(200, 60), to(300, 100))
    await picker.set_input_files(
        {"name": "by hand.plan", "mimeType": "text/plain", "buffer": plan.to_bytes()}
    )
    await expect(page.get_by_text("Safe by what was checked")).to_be_visible(timeout=LONG_MS)
    await expect(page.get_by_text("is flown as it is")).to_be_visible()


@pytest.mark.slow
async def test_corners_are_drawn_dragged_and_taken_back_on_the_map(hills: Ground) -> None:
    await hills.drone()
    page = await hills.page("Pia", with_map=True, path="#/patrols/new")
    await expect(page.get_by_text("Drawing: click for each corner")).to_be_visible(timeout=LONG_MS)
    canvas = page.locator(".maplibregl-canvas")
    await expect(page.locator(".maplibregl-ctrl-scale")).to_have_text(re.compile(r"^\d+\sm$"))
    box = await canvas.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for x, y in ((-120, -90), (120, -90), (120, 90), (-120, 90)):
        await page.mouse.click(middle[0] + x, middle[1] + y)
    await expect(page.get_by_label("Corner 4", exact=True)).to_be_visible()
    before = await page.get_by_label("Corner 1", exact=True).input_value()
    handle = page.get_by_role("button", name=re.compile("^Corner 1 at"))
    await handle.hover()
    await page.mouse.down()
    await page.mouse.move(middle[0] - 180, middle[1] - 140, steps=4)
    await page.mouse.up()
    dragged = await page.get_by_label("Corner 1", exact=True).input_value()
    assert dragged != before
    await handle.focus()
    await page.keyboard.press("ArrowUp")
    assert await page.get_by_label("Corner 1", exact=True).input_value() != dragged
    await page.keyboard.press("Delete")
    await expect(page.get_by_label("Corner 4", exact=True)).to_have_count(0)
    for _ in range(3):
        await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_label("Corner 1", exact=True)).to_have_value(before)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["English", "简体中文"])
async def test_everybody_can_read_and_use_it_at_any_size(language: str, hills: Ground) -> None:
    await hills.drone()
    pia = await hills.page("Pia", path="#/patrols")
    kept = await hills.services.patrols.add(
        PatrolDraft.model_validate(draft(name="Ridge", repeat={"daily_utc": ["06:00:00"]})),
        "Pia",
    )
    await pia.reload()
    if language != "English":
        await pia.get_by_role("button", name=language).click()
    await expect(pia.get_by_text("Ridge")).to_be_visible()
    assert await axe(pia) == []
    await fits(pia, f"patrols-list-{language}")
    await pia.goto(f"{hills.url}#/patrols/{kept.id}")
    await expect(pia.locator("figure svg")).to_be_visible(timeout=LONG_MS)
    for number in range(4):
        await pia.get_by_role("tab").nth(number).click()
        assert await axe(pia) == []
        await fits(pia, f"patrols-{number}-{language}")
