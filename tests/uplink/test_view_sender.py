"""The drone's way to send pictures, against a real station: while it is watched, and again after a break."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from uplink.backoff import Backoff
from uplink.drone_link import DroneLink
from uplink.live_view.pace import IN_FLIGHT
from uplink.live_view.sender import PICKS_PER_S, Taken, ViewSender
from uplink.live_view.words import PickedPlace, ViewPick, ViewSaid
from uplink.order_sequence import OrderSequence
from uplink.station import views as views_module
from uplink.station.app import create_app
from uplink.station.server import running

from .makers import DRONE, HOME, KEY, eventually, make_config, make_jpeg, make_state
from .view_makers import Watching, make_frame, watching

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUICK = Backoff(first_s=0.01, max_s=0.05)


@dataclass
class Camera:
    """Takes a picture at once, and knows where each point is."""

    taken: int = 0
    sizes: set[int] = field(default_factory=set)
    asked: list[ViewPick] = field(default_factory=list)
    period_s: float = 0.02
    bytes_of: Callable[[int], int] | None = None
    """How large pictures of a height are, where that matters."""

    async def take(self, height_px: int, quality: int, timeout_s: float) -> Taken | None:
        await asyncio.sleep(self.period_s)
        self.taken += 1
        self.sizes.add(height_px)
        frame = make_frame(self.taken, boxes=1)
        jpeg = make_jpeg(self.taken % 20)
        if self.bytes_of is not None:
            jpeg = jpeg[:-2] + b"." * (self.bytes_of(height_px) - len(jpeg)) + jpeg[-2:]
            frame = frame.model_copy(update={"width_px": height_px * 16 // 9, "height_px": height_px})
        return Taken(frame, jpeg, time.monotonic() - 0.1)

    def place(self, pick: ViewPick) -> PickedPlace:
        self.asked.append(pick)
        return PickedPlace(id=pick.id, frame=pick.frame, position=HOME, method="dem")


@dataclass
class Drone:
    camera: Camera
    view: ViewSender
    link: DroneLink
    objection: str = ""


@asynccontextmanager
async def drone(url: str, folder: Path) -> AsyncIterator[Drone]:
    """Its line and its pictures, as the agent runs them."""

    async def objection() -> str:
        return it.objection

    camera = Camera()
    view = ViewSender(url, DRONE, KEY, camera, objection=objection, most_kbit_s=8000, backoff=QUICK)
    link = DroneLink(
        url,
        DRONE,
        KEY,
        on_order=lambda _: None,
        on_watched=view.watched,
        station_key=None,
        sequence=OrderSequence(folder / "order.sequence"),
        backoff=QUICK,
    )
    link.set_state(make_state())
    it = Drone(camera, view, link)
    tasks = [asyncio.create_task(link.run()), asyncio.create_task(view.run())]
    try:
        yield it
        assert not any(task.done() for task in tasks), "it never ends by itself"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def station(folder: Path, port: int = 0) -> AsyncIterator[tuple[str, httpx.AsyncClient, Any]]:
    config = make_config(folder, port=port)
    app = create_app(config)
    async with (
        running(config, app) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
    ):
        await http.get("/healthz")
        yield url, http, app.state.services


async def see(page: Watching, pictures: int) -> list[int]:
    """So many pictures, each acknowledged."""
    numbers = []
    for _ in range(pictures):
        frame = await page.frame()
        await page.say(ack=frame.frame, age_ms=1.0)
        numbers.append(frame.frame)
    return numbers


@dataclass
class Running:
    url: str
    http: httpx.AsyncClient
    services: Any


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views_module, "LINGER_S", 0.05)
        patch.setattr("uplink.live_view.sender.ASK_AGAIN_S", 0.05)
        async with station(tmp_path_factory.mktemp("sender")) as (url, http, services):
            yield Running(url, http, services)


async def test_pictures_come_while_somebody_watches_and_none_before_or_after(
    served: Running, tmp_path: Path
) -> None:
    async with drone(served.url, tmp_path) as it:
        await eventually(lambda: served.services.control.links.is_open(DRONE))
        assert it.camera.taken == 0
        async with watching(served.http) as page:
            numbers = await see(page, 6)
            assert numbers == sorted(set(numbers))
            frame = await page.frame()
            assert 100 <= frame.age_ms < 2000
            assert frame.line.rtt_ms is not None
            assert frame.sent_ms > 0
        await eventually(lambda: not it.view.is_watched)
        await eventually(lambda: not served.services.views._rooms)
        taken = it.camera.taken
        await asyncio.sleep(0.15)
        assert it.camera.taken == taken
        async with watching(served.http) as page:  # and again
            assert (await see(page, 2))[0] >= taken


async def test_a_page_that_says_nothing_is_sent_two_pictures(served: Running, tmp_path: Path) -> None:
    async with drone(served.url, tmp_path) as it, watching(served.http) as page:
        for _ in range(IN_FLIGHT):
            await page.frame()
        await asyncio.sleep(0.2)
        assert it.view.sent == IN_FLIGHT


async def test_over_a_metered_link_the_page_reads_why_and_pictures_come_once_it_is_not(
    served: Running, tmp_path: Path
) -> None:
    async with drone(served.url, tmp_path) as it:
        it.objection = "the link is metered"
        async with watching(served.http) as page:
            assert (await page.state("refused")).reason == "the link is metered"
            assert it.view.sent == 0
            it.objection = ""
            await see(page, 2)
            it.objection = "the link is metered again"
            await page.state("refused")
            sent = it.view.sent
            await asyncio.sleep(0.15)
            assert it.view.sent == sent


async def test_a_point_is_placed_by_the_drone(served: Running, tmp_path: Path) -> None:
    async with drone(served.url, tmp_path) as it, watching(served.http) as page:
        (frame,) = await see(page, 1)
        await page.say(pick=ViewPick(id=3, frame=frame, x=0.4, y=0.6))
        while not isinstance(said := await page.next(), ViewSaid):
            await page.say(ack=said.frame)
        assert said.picked is not None
        assert (said.picked.id, said.picked.frame, said.picked.position) == (3, frame, HOME)
        assert (it.camera.asked[0].x, it.camera.asked[0].y) == (0.4, 0.6)


async def test_no_more_points_are_placed_than_leave_time_for_flying() -> None:
    async def nothing() -> str:
        return ""

    now_s = 100.0
    camera = Camera()
    view = ViewSender(
        "http://127.0.0.1:9", DRONE, KEY, camera, objection=nothing, most_kbit_s=1000, clock=lambda: now_s
    )
    answers = [view._place(ViewPick(id=n, frame=1, x=0, y=0)) for n in range(1, 31)]
    assert len(camera.asked) == PICKS_PER_S
    assert answers[-1].why
    now_s += 2.0
    assert view._place(ViewPick(id=99, frame=1, x=0, y=0)).position == HOME


async def test_a_station_that_starts_anew_in_mid_view_gets_pictures_again(tmp_path: Path) -> None:
    async with AsyncExitStack() as first:
        url, http, _ = await first.enter_async_context(station(tmp_path))
        async with drone(url, tmp_path) as it:
            async with watching(http) as page:
                await see(page, 2)
                await first.aclose()
            assert not it.view.is_watched or it.view.sent
            async with station(tmp_path, http.base_url.port or 0) as (_, again, _), watching(again) as page:
                await see(page, 3)


async def test_a_camera_that_gives_nothing_or_fails_ends_no_line(served: Running, tmp_path: Path) -> None:
    async with drone(served.url, tmp_path) as it, watching(served.http) as page:
        await see(page, 1)
        whole = it.camera.take
        failures = 0

        async def failing(*_: Any) -> Taken | None:
            nonlocal failures
            failures += 1
            if failures == 1:
                return None
            if failures < 4:
                raise ArithmeticError("a picture that cannot be")
            it.camera.take = whole  # type: ignore[method-assign]
            return await whole(*_)

        it.camera.take = failing  # type: ignore[method-assign, assignment]
        await see(page, IN_FLIGHT + 3)
        assert failures == 4
