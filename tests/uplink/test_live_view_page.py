"""The live view on the page: in the map's corner, in its place, with a view of its own; by mouse and keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest_asyncio
from playwright.async_api import Page, expect

from uplink.drone_link import DroneLink
from uplink.live_view.sender import Taken, ViewSender
from uplink.live_view.words import PickedPlace, ViewBox, ViewMark, ViewPick
from uplink.messages import DroneState, ErrorEllipse
from uplink.order_sequence import OrderSequence

from .makers import DRONE, HOME, KEY, as_json, make_alert, make_state
from .page_checks import axe, fits
from .page_harness import BROWSER, Ground
from .view_makers import make_frame

pytestmark = BROWSER

SIZE_PX = (640, 360)
BOX = (0.3, 0.4, 0.4, 0.55)
ALERT = make_alert()


@dataclass
class Camera:
    """Pictures of a hillside with something bright in it, and the place of each point."""

    change: dict[str, Any] = field(default_factory=dict)
    asked: list[ViewPick] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)
    frames: bool = True
    number: int = 2**21

    async def take(self, _height_px: int, _quality: int, timeout_s: float) -> Taken | None:
        await asyncio.sleep(0.1 if self.frames else timeout_s)
        if not self.frames:
            return None
        self.number += 1
        box = ViewBox(label="fire", score=0.91, box=BOX, position=HOME, plus_minus_m=11.2, alert_id=ALERT.id)
        marks = [ViewMark(mark=1, x=0.5, y=0.7)] if self.asked else []
        said = {
            "captured_at": datetime.now(UTC), "width_px": SIZE_PX[0], "height_px": SIZE_PX[1],
            "boxes": [box], "boxes_age_ms": 80.0, "marks": marks,
        }  # fmt: skip
        return Taken(
            make_frame(self.number).model_copy(update=said | self.change),
            hillside(self.number),
            time.monotonic(),
        )

    def place(self, pick: ViewPick) -> PickedPlace:
        self.asked.append(pick)
        said: dict[str, Any] = {
            "id": pick.id,
            "frame": pick.frame,
            "position": HOME,
            "ellipse": ErrorEllipse(semi_major_m=14.2, semi_minor_m=6.0, orientation_deg=20.0),
            "method": "dem",
            "mark": 1,
            "slant_range_m": 94.0,
            "bearing_deg": 67.0,
            "bearing_sigma_deg": 2.1,
        }
        return PickedPlace.model_validate(said | self.answer)


def hillside(number: int) -> bytes:
    """Another one for each number."""
    rows = np.linspace(150, 60, SIZE_PX[1]).astype(np.uint8)[:, None, None]
    picture = np.broadcast_to(rows, (SIZE_PX[1], SIZE_PX[0], 3)).copy()
    left, top, right, bottom = (round(x * SIZE_PX[n % 2]) for n, x in enumerate(BOX))
    picture[top:bottom, left:right] = (20, 120 + number % 100, 250)
    ok, data = cv2.imencode(".jpg", picture)
    assert ok
    return data.tobytes()


@dataclass
class Watched:
    camera: Camera
    says: dict[str, Any]
    objection: str = ""


@pytest_asyncio.fixture(loop_scope="session")
async def watched(open_ground: Ground, tmp_path: Path) -> AsyncIterator[Watched]:
    """A drone whose pictures can be watched."""

    async def objection() -> str:
        return it.objection

    it = Watched(Camera(), {"name": "Kestrel", "seeing": "seeing", "heading_deg": 45.0})
    url = open_ground.url.rstrip("/")
    view = ViewSender(url, DRONE, KEY, it.camera, objection=objection, most_kbit_s=8000)
    link = DroneLink(
        url,
        DRONE,
        KEY,
        on_order=lambda _: None,
        on_watched=view.watched,
        station_key=None,
        sequence=OrderSequence(tmp_path / "order.sequence"),
    )

    async def say() -> None:
        while True:
            now = {"at": datetime.now(UTC).isoformat()}
            link.set_state(DroneState.model_validate(as_json(make_state()) | now | it.says))
            await asyncio.sleep(0.25)

    tasks = [asyncio.create_task(work) for work in (link.run(), view.run(), say())]
    yield it
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """On the screen."""
    around = await page.locator("[data-view] canvas").bounding_box()
    assert around is not None
    return around["x"] + x * around["width"], around["y"] + y * around["height"]


async def test_the_picture_lies_in_the_maps_corner_and_trades_places_with_it_by_button_and_by_key(
    open_ground: Ground, watched: Watched
) -> None:
    page = await open_ground.page()
    await open_ground.alert(ALERT)
    await page.get_by_role("button", name="Live picture").click()
    view = page.locator("[data-front]")
    await expect(page.locator("[data-view='live']")).to_be_visible()
    await expect(view).to_have_attribute("data-front", "map")
    await expect(page.locator("[data-age]")).to_contain_text("s old")
    await expect(page.locator("[data-view] canvas")).to_be_visible()
    await expect(page.locator("[data-age]")).to_be_visible()
    small = await view.bounding_box()
    await fits(page, "view-inset", fingers=False)  # the dock has fingers of its own

    await page.get_by_role("button", name="Swap picture and map").click()
    await expect(view).to_have_attribute("data-front", "view")
    large = await view.bounding_box()
    assert small is not None
    assert large is not None
    assert large["width"] > 2 * small["width"]
    await expect(page.locator("[data-box='fire']")).to_contain_text("Fire 91 % · ± 12 m")
    await expect(page.locator("[data-line]")).to_contain_text("360p")

    # Where somebody points is a place for everything that can be done with one.
    await page.mouse.click(*await at(page, 0.5, 0.7))
    card = page.locator("[data-picked-place='placed']")
    await expect(card).to_contain_text("-35.36326, 149.16524")
    await expect(card).to_contain_text("± 15 m · on the terrain model · 94 m from the camera")
    await expect(page.locator("[data-mark]")).to_be_visible()
    (pick,) = watched.camera.asked
    assert (round(pick.x, 2), round(pick.y, 2)) == (0.5, 0.7)
    await fits(page, "view-large", fingers=False)
    assert await axe(page) == []
    # A box that was told of selects what it is.
    await page.mouse.click(*await at(page, 0.35, 0.5))
    await expect(page.locator("[data-box].chosen")).to_be_visible()

    await page.keyboard.press("x")
    await expect(view).to_have_attribute("data-front", "map")
    await page.keyboard.press("v")
    await expect(view).to_have_count(0)
    await page.keyboard.press("v")
    await expect(page.locator("[data-view='live']")).to_be_visible()


async def test_alone_with_the_picture_everything_is_said_that_is_wrong_with_it(
    open_ground: Ground, watched: Watched
) -> None:
    page = await open_ground.page(path="#/watch", touch=True)
    await expect(page.locator("[data-view='live']")).to_be_visible()

    # By keys: the crosshair begins in the middle; above the horizon there is a bearing and the reason.
    watched.camera.answer = {
        "position": None, "ellipse": None, "mark": None, "why": "it meets no ground within 5000 m",
        "method": "bearing-only", "slant_range_m": None,
    }  # fmt: skip
    await page.locator("[role='application']").focus()
    for key in ("ArrowUp", "ArrowUp", "Shift+ArrowRight", "Enter"):
        await page.keyboard.press(key)
    card = page.locator("[data-picked-place='none']")
    await expect(card).to_contain_text("it meets no ground within 5000 m")
    await expect(card).to_contain_text("Bearing 67° ± 3° from the drone")
    (by_key,) = watched.camera.asked
    assert by_key.x > 0.5 > by_key.y
    await page.touchscreen.tap(*await at(page, 0.25, 0.6))
    await expect(card).to_be_visible()
    assert watched.camera.asked[-1].sigma > 3 * by_key.sigma, "a thumb is no needle"

    watched.camera.change = {
        "blind_reason": "the picture is frozen",
        "blind_since": datetime(2026, 7, 1, 12, tzinfo=UTC),
        "no_pose": "no attitude yet",
    }
    await expect(page.locator("[data-blind]")).to_contain_text("Blind since 12:00:00 UTC")
    await expect(page.locator("[data-view]")).to_contain_text("Places cannot be told: no attitude yet")
    assert await axe(page) == []
    await fits(page, "view-alone")
    watched.camera.change = {}

    watched.camera.frames = False
    await expect(page.locator("[data-view='stale'] [data-dated]")).to_contain_text("Not live: picture of")
    watched.camera.frames = True
    await expect(page.locator("[data-view='live']")).to_be_visible()

    watched.objection = "the link is metered"
    await expect(page.locator("[data-trouble]")).to_contain_text("sends no picture: the link is metered")
    await page.get_by_role("button", name="简体中文").click()
    await expect(page.locator("[data-trouble]")).to_contain_text("无人机不发送画面")
    watched.objection = ""
    await expect(page.locator("[data-view='live']")).to_be_visible()
