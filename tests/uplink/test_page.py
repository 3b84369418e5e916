"""The page in a real browser, served by the real station, spoken to as a drone does it."""

from __future__ import annotations

import pytest
import uuid6
from playwright.async_api import Page, expect

from uplink.messages import Alert, BatteryHealth

from .makers import DRONE, HOME, as_json, make_alert, make_patrol
from .page_checks import fits
from .page_harness import BOX_PX, BROWSER, WIDTH_PX, Ground, fire, make_photo

pytestmark = BROWSER


async def test_a_fire_appears_live_with_photo_and_position(open_ground: Ground) -> None:
    page = await open_ground.page(with_map=True)
    await expect(page.get_by_role("complementary")).to_contain_text("No drone yet")
    await open_ground.state()
    await open_ground.say(f"/drones/{DRONE}/patrol", make_patrol())
    await expect(page.get_by_role("complementary")).to_contain_text("No open incident")
    await expect(page.get_by_role("region", name="Aircraft")).to_contain_text("AUTO")
    await expect(page.locator(f"[data-drone='{DRONE}']")).to_be_visible()
    await expect(page.get_by_text("verified aboard")).to_be_visible()

    jpeg = make_photo()
    alert = fire(jpeg)
    await open_ground.alert(alert)
    row = page.locator(f"[data-alerts~='{alert.id}']")
    await expect(row).to_contain_text("Fire")
    await expect(row).to_contain_text("90 %")
    await expect(row).to_contain_text("± 12 m")
    await expect(row).to_contain_text("-35.36326, 149.16524")
    await expect(row.locator("[data-photo='coming']")).to_be_visible()

    await open_ground.picture(jpeg)
    await expect(row.locator("[data-photo='here'] img")).to_be_visible()

    better = {"semi_major_m": 7.21, "semi_minor_m": 5.0, "orientation_deg": 30.0, "confidence": 0.9}
    revised = Alert.model_validate(as_json(alert) | {"revision": 3, "looks": 31, "ellipse": better})
    await open_ground.alert(revised)
    await open_ground.alert(Alert.model_validate(as_json(alert) | {"revision": 2}))  # late, and of no use
    await expect(row).to_contain_text("± 7.3 m")
    await expect(page.locator("[data-incident]")).to_have_count(1)

    await row.get_by_role("button", name="Fire").click()
    await expect(row).to_contain_text("seen in 31 frames")
    await expect(row).to_contain_text("Terrain model")
    await row.get_by_role("button", name="Photo 1 of 1").click()
    await expect(page.get_by_role("dialog").locator(".box")).to_be_visible()
    assert await where_in_photo(page) == pytest.approx([c / WIDTH_PX for c in BOX_PX], abs=0.01)


async def test_an_open_alert_shows_the_ground_what_led_up_to_it_and_how_large_it_is(
    open_ground: Ground,
) -> None:
    jpeg = make_photo()
    alert = fire(jpeg)
    beijing = {"lat_deg": 39.911954, "lon_deg": 116.377817}
    (photo,) = alert.evidence
    window = {"centre": beijing, "metres_per_px": 0.2}
    ground = as_json(photo) | {"kind": "ground view", "box_px": None, "width_px": 320, "height_px": 320}
    before = as_json(alert)["confirmed_at"].replace("12:00:00", "11:59:57")
    led = as_json(photo) | {"kind": "lead-up", "box_px": None, "captured_at": before}
    told = as_json(alert) | {
        "position": beijing,
        "evidence": [led, ground | {"ground": window}, as_json(photo)],
        "terrain": {"name": "hills.tif", "sigma_m": 4.5, "resolution_m": 30.0},
        "area_m2": 123.4, "area_sigma_m2": 41.2, "growth_m2_per_min": 12.0, "growth_sigma_m2_per_min": 5.0,
    }  # fmt: skip
    page = await open_ground.page()
    await open_ground.picture(jpeg)
    await open_ground.alert(Alert.model_validate(told))
    row = page.locator(f"[data-alerts~='{alert.id}']")
    await expect(row.locator(".picture .box")).to_have_count(1)
    await row.get_by_role("button", name="Fire").click()
    await expect(row.locator("[data-evidence='ground view']")).to_contain_text("64 m across")
    await expect(row.locator("[data-evidence='lead-up']")).to_contain_text("3 s before it was confirmed")
    await expect(row.locator("[data-evidence] img")).to_have_count(2)
    await expect(row).to_contain_text("Terrain model hills.tif (± 4.5 m)")
    await expect(row).to_contain_text("123 ± 42 m²")
    await expect(row).to_contain_text("39.91195, 116.37782")
    await expect(row).to_contain_text("39.91335, 116.38405")


async def test_a_photo_that_will_not_be_shown_says_so_instead_of_being_on_its_way(
    open_ground: Ground,
) -> None:
    broken = make_photo()[:200]
    alert = fire(broken)
    page = await open_ground.page()
    await open_ground.alert(alert)
    row = page.locator(f"[data-alerts~='{alert.id}']")
    await expect(row.locator("[data-photo='coming']")).to_be_visible()
    await open_ground.picture(broken)
    await expect(row.locator("[data-photo='none']")).to_contain_text("cannot be read")


async def where_in_photo(page: Page) -> list[float]:
    """The box on the opened photo: x1, y1, x2, y2 in widths of the photo."""
    corners: list[float] = await page.evaluate(
        """() => {
            const photo = document.querySelector("dialog .photo").getBoundingClientRect();
            const box = document.querySelector("dialog .box").getBoundingClientRect();
            const across = [box.left - photo.left, box.right - photo.left];
            const down = [box.top - photo.top, box.bottom - photo.top];
            return [across[0], down[0], across[1], down[1]].map((px) => px / photo.width);
        }"""
    )
    return corners


async def test_blind_is_an_alarm_in_both_languages(open_ground: Ground) -> None:
    page = await open_ground.page()
    alarm = page.get_by_role("alert")
    await open_ground.state(
        seeing="blind", blind_reason="no frame for 4 s", blind_since=make_alert().first_seen_at
    )
    await expect(alarm).to_contain_text("Blind since 12:00:00 UTC")
    await expect(alarm).to_contain_text("no frame for 4 s")
    await page.get_by_role("button", name="简体中文").click()
    await expect(alarm).to_contain_text("失明")
    await expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    await open_ground.state()
    await expect(alarm).to_be_empty()


async def test_the_page_comes_back_by_itself_when_the_station_does(open_ground: Ground) -> None:
    page = await open_ground.page()
    state = page.get_by_role("banner").get_by_role("status")
    await expect(state).to_contain_text("Live")
    await open_ground.stop()
    await expect(state).to_contain_text("Stale")
    alarm = page.get_by_role("alert")
    await expect(alarm).to_contain_text("The station is not heard: all that is shown is from")
    await open_ground.start()
    alert = await open_ground.alert()
    await expect(state).to_contain_text("Live")
    await expect(page.locator(f"[data-alerts~='{alert.id}']")).to_be_visible()
    await expect(page.get_by_role("alert")).to_be_empty()


async def test_without_webgl_all_but_the_map_works(open_ground: Ground) -> None:
    page = await open_ground.page()
    await expect(page.get_by_role("region", name="Map")).to_contain_text("The map needs WebGL 2")
    alert = await open_ground.alert()
    await expect(page.locator(f"[data-alerts~='{alert.id}']")).to_contain_text("± 12 m")


async def test_nothing_is_cut_off_at_any_size(open_ground: Ground) -> None:
    await open_ground.state(
        height_home_m=80.0,
        height_agl_m=123.4,
        ground_speed_m_s=12.3,
        armed=True,
        battery_percent=100.0,
        battery=BatteryHealth(left_s=1620.0, left_by="consumption", home_s=74.0, reaches_home="yes"),
        frames_per_s=10.0,
        alerts_waiting=12,
        control_reason="hands off: the pilot changed the mode to LOITER",
        seeing="blind",
        blind_reason="no frame from the camera for 4.2 s",
    )
    for number in range(4):
        place = HOME.model_copy(update={"lat_deg": HOME.lat_deg + 0.01 * number})
        await open_ground.alert(make_alert(uuid6.uuid7()).model_copy(update={"position": place}))
    page = await open_ground.page(with_map=True)
    await page.locator("[data-incident] h3 button").first.click()
    await expect(page.get_by_text("seen in 5 frames")).to_be_visible()
    await expect(page.get_by_text("Error ellipse")).to_be_visible()
    await fits(page, "blind", fingers=False)
