"""The station between a drone's pictures and the pages that watch: newest wins, nobody waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from uplink.live_view.frame import pack_frame
from uplink.live_view.words import PickedPlace, ViewAsked, ViewPick, ViewSaid
from uplink.station import views as views_module
from uplink.station.app import create_app
from uplink.station.server import running
from uplink.station.views import (
    KEY_GONE,
    MOST_PICKS,
    MOST_VIEWERS,
    NOBODY,
    NOT_NOW,
    REPLACED,
    TOO_MANY,
    Views,
)

from .drone import linked
from .makers import DRONE, HOME, OTHER_DRONE, OTHER_KEY, eventually, make_config, make_jpeg
from .view_makers import make_frame, packed, sending, socket_url, watching

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Station:
    def __init__(self, http: httpx.AsyncClient, services: Any, folder: Path) -> None:
        self.http, self.services, self.folder = http, services, folder


# Making an application takes longer than all that is told of it here: one for the file.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def station(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Station]:
    config = make_config(tmp_path_factory.mktemp("views"))
    app = create_app(config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views_module, "LINGER_S", 0.02)
        async with (
            running(config, app) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
        ):
            await http.get("/healthz")
            yield Station(http, app.state.services, config.data_dir)


async def closed_with(socket: Any) -> int:
    """The code that the station ends a socket with."""
    async with asyncio.timeout(10):
        await socket.wait_closed()
    code: int = socket.close_code
    return code


async def test_a_picture_goes_from_the_drone_to_every_page_and_the_acknowledgement_back(
    station: Station,
) -> None:
    async with watching(station.http) as one, watching(station.http) as other, sending(station.http) as drone:
        await drone.send(packed(1, boxes=2))
        assert await one.frame() == await other.frame() == make_frame(1, boxes=2)
        await one.say(ack=1, age_ms=250.0)
        assert await drone.hear() == ViewAsked(ack=1, age_ms=250.0)
        await other.say(ack=1, age_ms=900.0)  # the second page's word is no news
        await drone.send(packed(2))
        await one.frame()
        await one.say(ack=2)
        assert await drone.hear() == ViewAsked(ack=2)
        assert (await one.state("sending")).viewers == 2


async def test_a_slow_page_gets_the_newest_and_keeps_nobody_else_waiting(station: Station) -> None:
    async with (
        watching(station.http) as slow,
        watching(station.http) as quick,
        sending(station.http) as drone,
    ):
        for frame in range(1, 9):
            await drone.send(packed(frame))
            assert (await quick.frame()).frame == frame
            await quick.say(ack=frame)
        assert [(await slow.frame()).frame for _ in range(2)] == [1, 2]
        await slow.say(ack=2)
        assert (await slow.frame()).frame == 8, "what came in between was dropped for it"
        station.services.views.tell_state(DRONE)
        assert (await slow.state("sending", since=len(slow.states))).dropped == 5
        assert quick.states[-1].dropped == 0


async def test_a_page_that_says_nothing_holds_two_pictures_and_the_newest(station: Station) -> None:
    async with watching(station.http) as page, sending(station.http) as drone:
        before = station.services.views.shown
        for frame in (1, 2):
            await drone.send(packed(frame))
            assert (await page.frame()).frame == frame
        for frame in range(3, 30):
            await drone.send(packed(frame))
        await eventually(lambda: bool(station.services.views.shown == before + 29))
        (viewer,) = station.services.views._rooms[DRONE].viewers
        assert viewer._slot[0] == 29
        assert viewer.dropped == 26


async def test_a_drone_is_told_at_once_that_somebody_watches_and_again_for_as_long_as_it_is_so(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uplink.station.routes.drone_link.WATCHED_S", 0.3)
    async with linked(station.http) as drone:
        async with watching(station.http):
            for _ in range(3):
                assert (await drone.hear()).watched_s == 0.3
        await eventually(lambda: not station.services.views.is_watched(DRONE))
        quiet = asyncio.create_task(drone.hear())
        await asyncio.sleep(0.3)
        assert not quiet.done()
        async with watching(station.http):
            assert (await quiet).watched_s == 0.3


async def test_pictures_that_nobody_watches_are_not_wanted(station: Station) -> None:
    async with sending(station.http) as drone:
        assert await closed_with(drone.socket) == NOBODY
    async with watching(station.http) as page:
        drone_socket = sending(station.http)
        drone = await drone_socket.__aenter__()
        await drone.send(packed(1))
        await page.frame()
    assert await closed_with(drone.socket) == NOBODY
    await drone_socket.__aexit__(None, None, None)
    await eventually(lambda: not station.services.views._rooms)


async def test_a_page_that_is_loaded_anew_finds_the_stream_still_running(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_module, "LINGER_S", 600.0)  # of a page that is very slow to come back
    async with watching(station.http) as page, sending(station.http) as drone:
        await drone.send(packed(1))
        await page.frame()
        await page.socket.close()
        await eventually(lambda: not station.services.views.is_watched(DRONE))
        async with watching(station.http) as again:
            await drone.send(packed(2))
            assert (await again.frame()).frame == 2


async def test_a_page_that_is_loaded_anew_twice_is_waited_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    views = Views(lambda drone_id: None, lambda drone_id: True)
    first = views.watch(DRONE)
    stream = views.open(DRONE)
    assert stream is not None
    monkeypatch.setattr(views_module, "LINGER_S", 0.0)
    views.leave(DRONE, first)
    second = views.watch(DRONE)
    monkeypatch.setattr(views_module, "LINGER_S", 600.0)
    views.leave(DRONE, second)
    await asyncio.sleep(0.01)  # what was due when the first one left is over
    assert not stream.ended.is_set()
    views.watch(DRONE)
    assert views.open(DRONE) is not None, "the drone may connect anew, too"
    assert stream.end_code == REPLACED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 100,
        packed(1)[:-9],
        '{"picked": 3}',
        '{"frame": 1}',
        "no json",
        b"\0\2{}\xff\xd8\xff\xd9",
    ],
)
async def test_what_is_no_picture_ends_the_stream_and_reaches_nobody(
    station: Station, data: bytes | str
) -> None:
    async with watching(station.http) as page, sending(station.http) as drone:
        await drone.send(data)
        assert await closed_with(drone.socket) == 1007
        async with sending(station.http) as again:
            await again.send(packed(5))
            assert (await page.frame()).frame == 5


async def test_other_datums_and_too_much_are_refused(station: Station) -> None:
    async with watching(station.http):
        async with sending(station.http) as drone:
            box = make_frame(1, boxes=1).boxes[0]
            gcj = box.model_copy(update={"position": HOME.model_copy(update={"datum": "GCJ02"})})
            await drone.send(pack_frame(make_frame(1).model_copy(update={"boxes": [gcj]}), make_jpeg()))
            assert await closed_with(drone.socket) == 1007
        async with sending(station.http) as drone:
            with suppress(ConnectionClosed):
                for frame in range(1, 400):
                    await drone.send(packed(frame))
            assert await closed_with(drone.socket) == 1008
        async with sending(station.http) as drone:
            await drone.send(b"." * 140_000)
            assert await closed_with(drone.socket) == 1009


async def test_of_two_streams_of_one_drone_the_later_counts_and_a_revoked_key_ends_it(
    station: Station,
) -> None:
    other = (station.http, OTHER_KEY, OTHER_DRONE)
    async with (
        watching(station.http, OTHER_DRONE) as page,
        sending(*other) as first,
        sending(*other) as second,
    ):
        assert await closed_with(first.socket) == REPLACED
        await second.send(packed(3))
        assert (await page.frame()).frame == 3
        await station.services.access.revoke_drone_key(OTHER_DRONE, by="a test")
        assert await closed_with(second.socket) == KEY_GONE


async def test_a_point_is_asked_of_the_drone_and_the_answer_goes_to_who_asked(station: Station) -> None:
    async with watching(station.http) as one, watching(station.http) as other, sending(station.http) as drone:
        await drone.send(packed(1))
        await one.frame()
        await other.frame()
        pick = ViewPick(id=5, frame=1, x=0.25, y=0.75)
        await one.say(pick=pick)
        asked = (await drone.hear()).pick
        assert asked is not None
        await other.say(pick=pick.model_copy(update={"x": 0.5}))
        asked_too = (await drone.hear()).pick
        assert asked_too is not None
        assert (asked.x, asked_too.x) == (0.25, 0.5)
        assert asked.id != asked_too.id
        for number, lat_deg in ((asked_too.id, 2.0), (asked.id, 1.0)):
            place = PickedPlace(id=number, frame=1, position=HOME.model_copy(update={"lat_deg": lat_deg}))
            await drone.send(ViewSaid(picked=place).model_dump_json())
        for page, lat_deg in ((one, 1.0), (other, 2.0)):
            said = await page.next()
            assert isinstance(said, ViewSaid)
            assert said.picked is not None
            assert said.picked.position is not None
            assert (said.picked.id, said.picked.position.lat_deg) == (5, lat_deg)


async def test_who_asks_while_no_drone_sends_or_far_too_often_reads_why(station: Station) -> None:
    async with watching(station.http) as page:
        await page.say(pick=ViewPick(id=1, frame=1, x=0.5, y=0.5))
        said = await page.next()
        assert isinstance(said, ViewSaid)
        assert said.picked is not None
        assert said.picked.why == NOT_NOW
        async with sending(station.http) as drone:
            for number in range(2, 4 + MOST_PICKS):
                await page.say(pick=ViewPick(id=number, frame=1, x=0.5, y=0.5))
            for _ in range(2):
                said = await page.next()
                assert isinstance(said, ViewSaid)
                assert said.picked is not None
                assert (said.picked.id > 1 + MOST_PICKS, said.picked.why) == (True, TOO_MANY)
            await drone.hear()
        answers = [await page.next() for _ in range(MOST_PICKS)]
        assert {said.picked.why for said in answers if isinstance(said, ViewSaid) and said.picked} == {
            NOT_NOW
        }


async def test_a_page_reads_why_there_is_no_picture(station: Station) -> None:
    async with watching(station.http) as page:
        await page.state("no link")
        async with linked(station.http):
            await page.state("asked")
            async with sending(station.http) as drone:
                await page.state("sending")
                await drone.send(ViewSaid(refused="the link is metered").model_dump_json())
                assert (await page.state("refused")).reason == "the link is metered"
                await drone.send(ViewSaid(refused="").model_dump_json())
                await page.state("sending")
            await page.state("asked")
        await page.state("no link")


async def test_a_look_is_on_record_once_and_the_picture_itself_nowhere(station: Station) -> None:
    marker = packed(1, no_pose="a-header-of-which-nothing-is-kept")
    for _ in range(3):
        async with watching(station.http) as page, sending(station.http) as drone:
            await drone.send(marker)
            await page.frame()
    deeds = (await station.http.get("/audit", params={"about": DRONE})).json()
    assert [(one["who"], one["what"]) for one in deeds] == [("operator", "view.seen")]
    for path in station.folder.rglob("*"):
        if path.is_file():
            assert b"of-which-nothing-is-kept" not in path.read_bytes(), path


async def test_a_drone_that_is_none_is_not_watched_nor_one_by_everybody(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(socket_url(station.http, "view", "no-such-drone"), proxy=None) as socket:
        assert await closed_with(socket) == 4404
    assert MOST_VIEWERS >= 20
    monkeypatch.setattr(views_module, "MOST_VIEWERS", 1)
    async with (
        watching(station.http, OTHER_DRONE),
        connect(socket_url(station.http, "view", OTHER_DRONE), proxy=None) as socket,
    ):
        assert await closed_with(socket) == 1013
