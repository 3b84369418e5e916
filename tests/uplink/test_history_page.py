"""Flights seen again, and what is handed on about incidents, on the page in a real browser."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from uplink.messages import Alert
from uplink.station.incident_answers import StepKind
from uplink.station.package.check import check_package
from uplink.station.store.incidents import Actor

from .evidence_makers import photo, rich_alert
from .flight_makers import degraded, save, told
from .makers import DRONE, eventually, make_alert, sha256_of
from .page_checks import NARROW, SIZES, axe, fits
from .page_harness import BROWSER, Ground

pytestmark = BROWSER

BEGIN_S = 4 * 3600.0 - 300.0  # five minutes before midnight in Shanghai
ZONE: dict[str, Any] = {"timezone_id": "Asia/Shanghai"}


async def fly(ground: Ground) -> Alert:
    """Ten minutes over midnight: an alert, a hot minute, a blind one, a silence, another mode at the end."""

    def at(seconds: int) -> dict[str, Any]:
        hot, blind = 60 <= seconds < 120, 120 <= seconds < 180
        return {
            "mode": "AUTO" if seconds < 480 else "RTL",
            "seeing": "blind" if blind else "degraded" if hot else "seeing",
            "degraded": [degraded("hot", 88.0)] if hot else [],
            "blind_reason": "the lens is covered" if blind else "",
            "height_home_m": 20.0 + seconds / 10,
        }

    assert (await ground.http.get("/healthz")).is_success  # it has started
    await save(
        ground.services.store,
        told(BEGIN_S - 5.0, armed=False),
        *(told(BEGIN_S + seconds, **at(seconds)) for seconds in range(0, 600, 5) if not 240 < seconds < 360),
        told(BEGIN_S + 600.0, armed=False, mode="RTL"),
    )
    seen = told(BEGIN_S + 60.0).state.position
    assert seen is not None
    alert = make_alert(minutes=(BEGIN_S + 60.0) / 60.0).model_copy(update={"position": seen})
    return await ground.alert(alert)


@pytest.mark.slow
async def test_a_flight_is_seen_again_with_a_mouse(ground: Ground, tmp_path: Path) -> None:
    alert = await fly(ground)
    page = await ground.page("Vera", path="#/history", with_map=True, **ZONE)
    row = page.get_by_role("row").filter(has_text="2026-07-01 23:55 – 00:05 (+1)")
    await expect(row).to_contain_text("10 min")
    await expect(row).to_contain_text("landed")
    await expect(row).to_contain_text("blind for 60 s")
    await expect(row).to_contain_text("degraded for 60 s")
    await row.get_by_role("link").click()
    slider = page.get_by_role("slider", name="Timeline")
    await expect(slider).to_have_attribute("aria-valuemax", "600")
    await expect(page.get_by_text("Times: Asia/Shanghai (UTC+08:00)")).to_be_visible()
    await expect(page.locator(".maplibregl-canvas")).to_be_visible(timeout=30_000)
    marker = page.locator(f"[data-raised='{alert.id}']")
    await expect(marker).to_have_count(0)

    box = await slider.bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + 40)
    await expect(slider).to_have_attribute("aria-valuenow", "150")
    await expect(page.get_by_text("Blind: the lens is covered")).to_be_visible()
    await expect(marker).to_be_visible(timeout=20_000)
    await page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 300)
    await expect(page.get_by_text("The drone was not heard then")).to_be_visible()
    await page.mouse.up()
    await expect(slider).to_have_attribute("aria-valuenow", "300")
    await expect(page.locator(".ticks .day")).to_have_text("2026-07-02")
    await fits(page, "history-map", [(1366, 768), (390, 844)])

    await page.get_by_role("button", name="Go to 23:56:00: Fire 90 %").click()
    await expect(slider).to_have_attribute("aria-valuenow", "60")
    await expect(page.get_by_text("The computer is at 88 °C.")).to_be_visible()
    await page.get_by_label("Speed").select_option("60")
    await page.get_by_role("button", name="Play").click()
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()
    await expect(slider).to_have_attribute("aria-valuenow", "600", timeout=30_000)
    await expect(page.get_by_role("button", name="Play")).to_be_visible()

    async with page.expect_download() as saving:
        await page.get_by_role("link", name="Save as csv").click()
    download = await saving.value
    path = tmp_path / "flight.csv"
    await download.save_as(path)
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert len(rows) == 120 - 23 + 1


async def test_a_flight_is_found_and_seen_again_with_the_keyboard_alone_and_without_a_map(
    ground: Ground,
) -> None:
    await fly(ground)
    page = await ground.page("Vera", path="#/history", **ZONE)
    link = page.get_by_role("link", name="Open the flight of ember-1, 2026-07-01 23:55 – 00:05 (+1)")
    await link.focus()
    await page.keyboard.press("Enter")
    slider = page.get_by_role("slider", name="Timeline")
    await slider.focus()
    for key, value in (
        ("ArrowRight", "5"),
        ("Shift+ArrowRight", "65"),
        ("PageUp", "125"),
        ("ArrowLeft", "120"),
        ("End", "600"),
        ("Home", "0"),
    ):
        await page.keyboard.press(key)
        await expect(slider).to_have_attribute("aria-valuenow", value)
    said = await slider.get_attribute("aria-valuetext")
    assert said == "23:55:00, 0 s of 10 min. AUTO, 20 m"
    await page.keyboard.press("PageUp")
    assert "Degraded: The computer is at 88 °C." in str(await slider.get_attribute("aria-valuetext"))
    await page.keyboard.press("PageUp")
    assert "Blind: the lens is covered" in str(await slider.get_attribute("aria-valuetext"))
    await page.keyboard.press("Space")
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()
    await page.keyboard.press("k")
    await expect(page.get_by_role("button", name="Play")).to_be_visible()
    await expect(page.get_by_text("The map needs WebGL 2.")).to_be_visible()
    before = int(str(await slider.get_attribute("aria-valuenow")))
    await page.get_by_role("heading", name="Flight of ember-1").click()
    await page.keyboard.press("l")
    await expect(slider).to_have_attribute("aria-valuenow", str(before + 5))
    await page.reload()
    await expect(slider).to_be_visible()  # the address leads back to the same flight
    await page.get_by_role("link", name="All flights").click()
    await expect(link).to_be_visible()

    rows = page.locator("tbody tr[data-row]")
    await expect(rows).to_have_count(1)
    await page.get_by_label("From").fill("2026-07-03")
    await expect(page.get_by_text("No flights.")).to_be_visible()
    await page.get_by_label("From").fill("2026-07-02")
    await expect(rows).to_have_count(1)
    await page.get_by_label("To", exact=True).fill("2026-07-02")
    await page.get_by_text("Days of fixed cameras").click()
    await expect(rows).to_have_count(0)
    await page.goto(f"{ground.url}#/history/flight/019f0000-0000-7000-8000-000000000000")
    await expect(page.get_by_text("This flight is not there any more")).to_be_visible()


async def burn(ground: Ground) -> None:
    """An incident with photos that somebody has settled."""
    pictures = [photo(number) for number in range(2)]
    alert = await ground.alert(rich_alert(0, DRONE, pictures))
    for data in pictures:
        await ground.picture(data)
    media = ground.services.store.media

    async def checked() -> bool:
        rows = await media.rows([sha256_of(data) for data in pictures])
        return len(rows) == 2 and all(row.state == "shown" for row in rows.values())

    await eventually(checked, timeout_s=60)
    incidents, now_s = ground.services.store.incidents, ground.services.clock()
    incident = await incidents.with_alert(alert.id, now_s=now_s)
    await incidents.take_step(
        incident.id, StepKind.RESOLVE, Actor("Pia", "out", None), now_s=now_s, endpoints=()
    )


async def test_a_settled_incident_is_handed_on(ground: Ground, tmp_path: Path) -> None:
    await burn(ground)
    page = await ground.page("Pia", path="#/history/incidents", **ZONE)
    row = page.locator("tbody tr[data-row]")
    await expect(row).to_contain_text("Resolved")
    async with page.context.expect_page() as opening:
        await row.get_by_role("link", name="Report").click()
    report = await opening.value
    await expect(report.get_by_role("heading", name="Incident report: Fire")).to_be_visible()
    await expect(report.get_by_text("Times: Asia/Shanghai (UTC+08:00)")).to_be_visible()
    pictures = report.locator("img")
    await expect(pictures).to_have_count(2)
    assert await pictures.first.evaluate("image => image.naturalWidth") == 800
    await report.close()

    async with page.expect_download() as saving:
        await row.get_by_role("link", name="Evidence").click()
    path = tmp_path / "evidence.zip"
    await (await saving.value).save_as(path)
    verdict = check_package(path)
    assert verdict.problems == []
    assert (verdict.originals, verdict.copies) == (0, 2), "a pilot gets no originals"

    await row.get_by_role("button", name="blurred").click()
    picture = page.get_by_role("group", name="Picture 1 of 2")
    box = await picture.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 40, box["y"] + 30)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 140, box["y"] + 100)
    await page.mouse.up()
    await expect(page.get_by_text("1 boxes", exact=True)).to_be_visible()
    second = page.get_by_role("group", name="Picture 2 of 2")
    await page.locator("figure").nth(1).get_by_role("button", name="Add a box").press("Enter")
    await second.focus()
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Shift+ArrowDown")
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Make the package (2 boxes)").click()
    path = tmp_path / "blurred.zip"
    await (await saving.value).save_as(path)
    verdict = check_package(path)
    assert verdict.problems == []
    assert verdict.manifest is not None
    assert len(verdict.manifest.blurred) == 2

    page = await ground.page("Vera", path="#/history/incidents", **ZONE)
    await expect(page.get_by_text("Reports and packages are for pilots and admins")).to_be_visible()
    await expect(page.locator("tbody tr[data-row]")).to_have_count(1)
    await expect(page.get_by_role("link", name="Report")).to_have_count(0)


async def look(page: Page, name: str, language: str) -> None:
    assert await axe(page) == []
    await fits(page, f"{name}-{language}", SIZES if language == "en" else NARROW)


async def test_everybody_can_read_and_reach_all_of_it_in_both_languages(ground: Ground) -> None:
    await fly(ground)
    await burn(ground)
    page = await ground.page("Pia", path="#/history", **ZONE)
    for language in ("en", "zh"):
        if language == "zh":
            await page.get_by_role("button", name="中文").first.click()
        await page.goto(f"{ground.url}#/history/flights")
        await expect(page.locator("tbody tr[data-row]")).to_have_count(1)
        await look(page, "history-flights", language)
        await page.locator("tbody a").click()
        slider = page.get_by_role("slider")
        await slider.focus()
        for _ in range(3):
            await page.keyboard.press("PageUp")
        await look(page, "history-replay", language)
        await page.goto(f"{ground.url}#/history/incidents")
        await expect(page.locator("tbody tr[data-row]")).to_have_count(1)
        await look(page, "history-incidents", language)
