"""Every view, with much to show: all can read and use it, in both languages, in all looks and sizes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.async_api import Page, Request, expect

from .makers import HOME, OTHER_DRONE, eventually, make_alert, make_patrol
from .page_checks import NARROW, SIZES, axe, misfits
from .page_harness import BROWSER, Ground, fire, make_photo
from .tip_makers import feature

ROUTES = (Path(__file__).parents[2] / "uplink/station/ui/src/route.ts").read_text(encoding="utf-8")
VIEWS = re.findall(r'"(\w+)"', re.findall(r"NAMES = \[(.*?)\]", ROUTES, re.DOTALL)[0])
LOOKS = ("light", "sun")

pytestmark = BROWSER


async def much(ground: Ground) -> None:
    """Two drones, one of them blind; fires, smoke, tips; a patrol; photos here and on their way."""
    kestrel, merlin = await ground.drone("Kestrel"), await ground.drone("Merlin", OTHER_DRONE)
    kestrel.says |= {
        "height_home_m": 80.0, "height_agl_m": 123.4, "ground_speed_m_s": 12.3, "armed": True,
        "battery_percent": 64.0, "frames_per_s": 10.0, "frame_age_s": 0.2, "heading_deg": 45.0,
        "alarms": ["another ground station speaks as system 255"],
    }  # fmt: skip
    merlin.says |= {"seeing": "blind", "blind_reason": "no frame from the camera for 4.2 s"}
    await ground.say(f"/drones/{kestrel.drone_id}/patrol", make_patrol("North ridge"))
    photo = make_photo()
    await ground.picture(photo)
    now = datetime.now(UTC)
    for number, label in enumerate(("fire", "smoke", "fire", "smoke")):
        place = HOME.model_copy(update={"lat_deg": HOME.lat_deg + 0.004 * number})
        at = now - timedelta(minutes=number)
        usual = fire(photo) if number < 2 else make_alert()
        times = {"first_seen_at": at, "last_seen_at": at, "confirmed_at": at}
        size = {"area_m2": 123.4, "area_sigma_m2": 41.2, "growth_m2_per_min": 12.0}
        await ground.alert(usual.model_copy(update={"label": label, "position": place, **times, **size}))
    admin = await ground.person("Ada")
    answer = await admin.post("/tips", json=feature(observed_at=now.isoformat()))
    assert answer.status_code == 201, answer.text


class Visitor:
    """Goes from view to view, and waits until nothing is asked for any more."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._asked: set[Request] = set()
        page.on("request", self._begin)
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._end)

    def _begin(self, request: Request) -> None:
        self._asked.add(request)

    def _end(self, request: Request) -> None:
        self._asked.discard(request)

    async def to(self, view: str) -> None:
        await self._page.evaluate("(view) => { location.hash = `#/${view}`; }", view)
        await expect(self._page.locator("main")).to_be_visible()
        await expect(self._page.get_by_text(re.compile("^(Loading|正在加载)"))).to_have_count(0)
        await eventually(lambda: not self._asked)
        await self._page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
        )


async def choose(page: Page, option: str) -> None:
    await page.keyboard.press(",")
    await page.get_by_role("dialog").get_by_text(option, exact=True).click()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.timeout(300)
async def test_everybody_can_read_and_use_every_view(ground: Ground) -> None:
    await much(ground)
    page = await ground.page("Ada", with_map=True, color_scheme="dark")
    await expect(page.locator("[data-drone]")).to_have_count(2)
    visitor = Visitor(page)
    wrong: dict[str, list[str]] = {}
    for language, name, sizes in (("en", "English", SIZES), ("zh", "简体中文", NARROW)):
        await choose(page, name)
        for view in VIEWS:
            await visitor.to(view)
            wrong[f"{view} {language}"] = await axe(page)
            for (width, height), found in (await misfits(page, f"{view}-{language}", sizes)).items():
                wrong[f"{view} {language} {width}×{height}"] = found
    for look in LOOKS:
        await choose(page, {"light": "浅色", "sun": "强光"}[look])
        for view in VIEWS:
            await visitor.to(view)
            wrong[f"{view} {look}"] = await axe(page, only=["color-contrast"])
    lines = [f"{where}: {one}" for where, found in wrong.items() for one in found]
    assert not lines, "\n".join(lines)


async def test_each_view_has_its_title_one_main_part_and_headings_in_order(ground: Ground) -> None:
    page = await ground.page("Ada")
    visitor = Visitor(page)
    titles = set()
    for view in VIEWS:
        await visitor.to(view)
        titles.add(await page.title())
        await expect(page.get_by_role("main")).to_have_count(1)
        await expect(page.get_by_role("banner")).to_have_count(1)
        levels = await page.evaluate(
            "[...document.querySelectorAll('h1, h2, h3, h4')].filter((one) => one.checkVisibility())"
            ".map((one) => Number(one.tagName[1]))"
        )
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels)), (view, levels)
    assert len(titles) == len(VIEWS)


async def test_the_keyboard_goes_past_the_head_of_the_page(ground: Ground) -> None:
    page = await ground.page("Pia")
    await expect(page.get_by_role("banner")).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main")).to_be_focused()
