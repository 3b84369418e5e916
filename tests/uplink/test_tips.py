"""Tips: told by other systems, looked at by drones, settled by people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from uplink.messages import OrderState
from uplink.station import tips as tips_module
from uplink.station.app import create_app

from .drone import linked, state_of, tell
from .makers import DRONE, HOME, NOON, OTHER_DRONE, as_json, auth, make_config
from .people import Station, station_with_people
from .tip_makers import (
    AGENT,
    alert_in_it,
    becomes,
    deeds,
    feature,
    in_control,
    put,
    result,
    send,
    sent,
    tip_now,
    told,
)

ANN = {"X-Emberwatch-Session": "a" * 32}
HOUR_S = 3600.0

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Wall:
    def __init__(self) -> None:
        self.s = NOON.timestamp()

    def __call__(self) -> float:
        return self.s


class Shared:
    """One station for the stories that need none of their own."""

    def __init__(self, http: httpx.AsyncClient, wall: Wall) -> None:
        self.http = http
        self.wall = wall


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shared]:
    wall = Wall()
    async with station_at(tmp_path_factory.mktemp("tips"), wall) as http:
        yield Shared(http, wall)


@asynccontextmanager
async def cleared(shared: Shared) -> AsyncIterator[httpx.AsyncClient]:
    """It knows nothing of the stories before, and its drones' agents have started anew."""
    AGENT.run = uuid4()
    shared.wall.s = NOON.timestamp()
    services = shared.http.app.state.services  # type: ignore[attr-defined]

    def work(db: Any) -> None:
        for table in ("tips", "orders"):
            db.execute(f"delete from {table}")  # noqa: S608

    await services.store._database.run(work)
    services.tips._known.clear()
    for drone_id in (DRONE, OTHER_DRONE):
        await shared.http.delete(f"/drones/{drone_id}/lease")
    yield shared.http


@pytest.fixture
def wall(request: pytest.FixtureRequest) -> Wall:
    """The shared station's clock, or that of one of its own."""
    if "shared" in request.fixturenames:
        shared: Shared = request.getfixturevalue("shared")
        return shared.wall
    return Wall()


@asynccontextmanager
async def station_at(folder: Path, wall: Wall) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(make_config(folder), clock=wall)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            base_url="http://127.0.0.1/api/v1", transport=httpx.ASGITransport(app), headers=ANN
        ) as http,
    ):
        http.app = app  # type: ignore[attr-defined]
        yield http


# --- they come in -------------------------------------------------------------------------------------


async def test_a_tip_is_kept_told_to_the_pages_and_on_record(tmp_path: Path, wall: Wall) -> None:
    async with station_at(tmp_path, wall) as http:
        page = http.app.state.services.live.join()  # type: ignore[attr-defined]
        assert await page.news() is None
        answer = await http.post("/tips", json=feature())
        assert answer.status_code == 201
        tip = answer.json()
        assert (tip["state"], tip["told_by"], tip["radius_m"]) == ("open", "operator", 200.0)
        assert tip["place"]["lat_deg"] == pytest.approx(HOME.lat_deg + 0.002)
        assert f'"type":"tip","data":{{"id":"{tip["id"]}"' in (await page.news() or "")
        assert (await http.get("/snapshot")).json()["tips"] == [tip]
        assert await deeds(http, tip) == [("operator", "tip.told")]
    async with station_at(tmp_path, wall) as http:
        assert (await http.get("/snapshot")).json()["tips"] == [tip], "it outlives the process"


async def test_the_same_again_changes_nothing_and_what_is_new_is_taken_up(shared: Shared, wall: Wall) -> None:
    async with cleared(shared) as http:
        tip = await told(http)
        wall.s += 60.0
        assert await told(http) == tip
        updated = await told(http, text="flames", radius_m=50.0)
        assert (updated["id"], updated["text"], updated["radius_m"]) == (tip["id"], "flames", 50.0)
        assert updated["expires_at"] > tip["expires_at"]
        other = await told(http, source="satellite", kind="satellite")
        assert other["id"] != tip["id"], "an id is its system's own"
        assert await deeds(http, tip) == [("operator", "tip.told"), ("operator", "tip.updated")]


async def test_what_is_not_well_formed_is_refused(shared: Shared) -> None:
    async with cleared(shared) as http:
        soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        changes: list[dict[str, Any]] = [
            {"radius_m": 6000.0},
            {"radius_m": -1.0},
            {"text": "x" * 2001},
            {"text": "a\x00b"},
            {"source": ""},
            {"external_id": "a\nb"},
            {"kind": "rumour"},
            {"observed_at": "2026-07-01T12:00:00"},
            {"observed_at": soon},
            {"raduis_m": 5},
            {"circle": "1,2 3; drop table tips"},
            {"circle": "1,2 3"},
        ]
        for change in changes:
            answer = await http.post("/tips", json=feature(**change), headers=ANN)
            assert answer.status_code == 422, change
        assert (await http.get("/tips")).json() == []


async def test_there_are_never_more_open_ones_than_people_can_look_at(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cleared(shared) as http:
        monkeypatch.setattr(tips_module, "MOST_OPEN", 2)
        first = await told(http, external_id="1")
        await told(http, external_id="2")
        assert (await http.post("/tips", json=feature("3"))).status_code == 429
        assert (await http.post("/tips", json=feature("2", text="more"))).status_code == 200
        await http.post(f"/tips/{first['id']}/steps", json={"step": "dismiss", "reason": "a barbecue"})
        assert (await http.post("/tips", json=feature("3"))).status_code == 201


async def test_they_are_listed_page_by_page_and_by_state(shared: Shared) -> None:
    async with cleared(shared) as http:
        every = [await told(http, external_id=str(number)) for number in range(5)]
        await http.post(
            f"/tips/{every[0]['id']}/steps", json={"step": "close", "reason": "fire brigade there"}
        )
        page = (await http.get("/tips", params={"limit": 2})).json()
        rest = (await http.get("/tips", params={"before": page[-1]["id"]})).json()
        assert [tip["external_id"] for tip in [*page, *rest]] == ["4", "3", "2", "1", "0"]
        closed = (await http.get("/tips", params={"state": ["closed", "dismissed"]})).json()
        assert [tip["external_id"] for tip in closed] == ["0"]
        assert (await http.get("/tips", params={"before": str(uuid4())})).status_code == 404
        assert (await http.get(f"/tips/{uuid4()}")).status_code == 404


@pytest_asyncio.fixture(loop_scope="module")
async def manned(tmp_path: Path) -> AsyncIterator[Station]:
    async with station_with_people(tmp_path) as station:
        yield station


async def test_a_viewer_reads_and_a_pilot_or_a_program_with_a_token_tells(manned: Station) -> None:
    vera, pia = await manned.person("Vera"), await manned.person("Pia")
    assert (await vera.post("/tips", json=feature())).status_code == 403
    assert (await pia.post("/tips", json=feature())).status_code == 201
    assert len((await vera.get("/tips")).json()) == 1
    nobody = await manned.nobody()
    assert (await nobody.get("/tips")).status_code == 401
    assert (await nobody.post("/tips", json=feature())).status_code == 401
    token = await manned.services.access.add_token("dispatch", "pilot", by="Ada")
    told_by = await nobody.post("/tips", json=feature("call-8"), headers=auth(token))
    assert (told_by.status_code, told_by.json()["told_by"]) == (201, "token dispatch")


# --- a drone is sent ----------------------------------------------------------------------------------


async def test_one_click_sends_a_drone_and_what_it_saw_comes_back(shared: Shared) -> None:
    async with cleared(shared) as http:
        tip = await told(http)
        await in_control(http)
        order_id = await sent(http, tip)
        (order,) = await tell(http, state_of(run=AGENT.run))
        assert (order["kind"], order["tip_id"], order["radius_m"]) == ("look at", tip["id"], 200.0)
        assert order["place"]["lat_deg"] == tip["place"]["lat_deg"]
        taken = await tip_now(http, tip)
        assert (taken["state"], taken["look"]["drone_id"], taken["look"]["by"]) == (
            "taken",
            DRONE,
            "operator",
        )
        await tell(http, state_of(DRONE, result(order_id, OrderState.ACCEPTED), run=AGENT.run))
        seen = result(order_id, OrderState.DONE, "nothing seen; 97 % of the circle was in view")
        await tell(http, state_of(DRONE, seen, run=AGENT.run))
        looked = await becomes(http, tip, "looked at")
        assert looked["reason"] == looked["look"]["result"] == seen.reason
        assert looked["state_by"] == f"drone {DRONE}"
        assert looked["alert_ids"] == []
        assert [what for _, what in await deeds(http, tip)] == ["tip.told", "tip.taken", "tip.looked_at"]


async def test_the_alerts_that_the_drone_names_are_the_tips_whether_it_got_done_or_not(
    shared: Shared,
) -> None:
    first, second = uuid4(), uuid4()
    async with cleared(shared) as http:
        tip = await told(http)
        await in_control(http)
        refused = result(await sent(http, tip), OrderState.REFUSED, "1 alert; the pilot took over", first)
        await tell(http, state_of(DRONE, refused, run=AGENT.run))
        tip = await becomes(http, tip, "open")
        assert (tip["alert_ids"], tip["reason"]) == ([str(first)], refused.reason)
        done = result(await sent(http, tip), OrderState.DONE, "2 alerts", first, second)
        await tell(http, state_of(DRONE, done, run=AGENT.run))
        tip = await becomes(http, tip, "looked at")
        assert tip["alert_ids"] == [str(first), str(second)]
        logged = (await http.get("/orders")).json()[0]
        assert logged["alert_ids"] == [str(first), str(second)]


async def test_an_alert_confirmed_in_the_circle_while_the_drone_looks_is_linked_at_once(
    shared: Shared, wall: Wall
) -> None:
    async with cleared(shared) as http:
        await in_control(http)
        tip = await told(http)
        order_id = await sent(http, tip)
        before, outside = alert_in_it(minutes=-5.0), alert_in_it(minutes=1.0, north_deg=0.02)
        inside = alert_in_it(minutes=1.0)
        for alert in (before, outside, inside):
            await put(http, alert)
        others = alert_in_it(minutes=1.0, drone_id=OTHER_DRONE)
        await http.put(f"/alerts/{others.id}", json=as_json(others), headers=auth("o" * 32))
        assert (await tip_now(http, tip))["alert_ids"] == [str(inside.id)]
        assert (await tip_now(http, tip))["state"] == "taken"
        wall.s += 120.0
        await tell(
            http, state_of(DRONE, result(order_id, OrderState.DONE, "1 alert", inside.id), run=AGENT.run)
        )
        await becomes(http, tip, "looked at")
        backlog, later = alert_in_it(minutes=1.5), alert_in_it(minutes=10.0)
        await put(http, backlog)
        await put(http, later)
        assert (await tip_now(http, tip))["alert_ids"] == [str(inside.id), str(backlog.id)]


async def test_nobody_sends_a_second_drone_and_none_to_a_tip_that_is_settled(shared: Shared) -> None:
    async with cleared(shared) as http:
        await in_control(http)
        await in_control(http, OTHER_DRONE)
        tip = await told(http)
        answers = await asyncio.gather(send(http, tip), send(http, tip, OTHER_DRONE))
        assert sorted(answer.status_code for answer in answers) == [202, 409]
        closed = await told(http, external_id="2")
        await http.post(f"/tips/{closed['id']}/steps", json={"step": "close", "reason": "done"})
        assert (await send(http, closed, OTHER_DRONE)).status_code == 409
        assert (await send(http, {"id": str(uuid4())}, OTHER_DRONE)).status_code == 404
        assert len((await http.get("/orders")).json()) == 1


async def test_two_tips_for_one_drone_are_two_orders(shared: Shared) -> None:
    async with cleared(shared) as http:
        await in_control(http)
        one, two = await told(http, external_id="1"), await told(http, external_id="2")
        assert await sent(http, one) != await sent(http, two)
        tips = {order["tip_id"] for order in await tell(http, state_of(run=AGENT.run))}
        assert tips == {one["id"], two["id"]}


async def test_control_is_needed_and_the_order_says_what_is_looked_at(shared: Shared) -> None:
    async with cleared(shared) as http:
        tip = await told(http)
        await tell(http, state_of(run=AGENT.run))
        assert (await send(http, tip)).status_code == 409
        await in_control(http)
        place = {"lat_deg": -35.3, "lon_deg": 149.1}
        for wrong in (
            {"kind": "look at"},
            {"kind": "look at", "place": place},
            {"kind": "look at", "tip_id": tip["id"], "place": place, "radius_m": 5},
            {"kind": "look at", "place": place, "radius_m": 9000},
            {"kind": "look at", "place": {**place, "datum": "GCJ02"}, "radius_m": 5},
            {"kind": "start", "tip_id": tip["id"]},
            {"kind": "pause", "place": place, "radius_m": 5},
        ):
            assert (await http.post(f"/drones/{DRONE}/orders", json=wrong)).status_code == 422, wrong
        free = await http.post(
            f"/drones/{DRONE}/orders", json={"kind": "look at", "place": place, "radius_m": 50}
        )
        assert (free.status_code, free.json()["place"]["lat_deg"]) == (202, -35.3)


@pytest.mark.parametrize("why", ["overtaken", "lost", "expired"])
async def test_an_order_that_came_to_nothing_leaves_the_tip_open(tmp_path: Path, why: str) -> None:
    wall, monotonic = Wall(), Wall()
    app = create_app(make_config(tmp_path), clock=wall, monotonic=monotonic)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url="http://127.0.0.1/api/v1", transport=transport, headers=ANN) as http,
    ):
        await in_control(http)
        tip = await told(http)
        order_id = await sent(http, tip)
        if why == "overtaken":
            await http.post("/stand-down")
        elif why == "lost":
            await tell(http, state_of(DRONE, result(order_id, OrderState.ACCEPTED), run=AGENT.run))
            await tell(http, state_of(run=uuid4()))
        else:
            monotonic.s += 20.0
        assert (await becomes(http, tip, "open"))["look"]["result"] != ""


async def test_what_became_of_an_order_while_the_station_was_down_is_found_at_its_start(
    tmp_path: Path, wall: Wall
) -> None:
    async with station_at(tmp_path, wall) as http:
        await in_control(http)
        tip = await told(http)
        await sent(http, tip)
    async with station_at(tmp_path, wall) as http:
        assert (await becomes(http, tip, "open"))["look"]["result"] == "the drone did not answer in time"


async def test_a_station_that_died_before_it_wrote_down_what_was_found_does_so_at_its_start(
    tmp_path: Path, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        await asyncio.Event().wait()

    async with station_at(tmp_path, wall) as http:
        await in_control(http)
        tip = await told(http)
        order_id = await sent(http, tip)
        monkeypatch.setattr(tips_module.Tips, "_settle", dies)
        seen = result(order_id, OrderState.DONE, "1 alert", uuid4())
        await tell(http, state_of(DRONE, seen, run=AGENT.run))
    monkeypatch.undo()
    async with station_at(tmp_path, wall) as http:
        looked = await tip_now(http, tip)
        assert (looked["state"], looked["reason"]) == ("looked at", "1 alert")
        assert looked["alert_ids"] == [str(seen.alert_ids[0])]


# --- people and time ----------------------------------------------------------------------------------


async def test_people_close_dismiss_and_reopen_with_their_reason(shared: Shared) -> None:
    async with cleared(shared) as http:
        tip = await told(http)

        async def step(name: str, reason: str = "as I say") -> httpx.Response:
            return await http.post(f"/tips/{tip['id']}/steps", json={"step": name, "reason": reason})

        assert (await step("dismiss", " ")).status_code == 422
        dismissed = (await step("dismiss", "a barbecue")).json()
        assert (dismissed["state"], dismissed["state_by"], dismissed["reason"]) == (
            "dismissed",
            "operator",
            "a barbecue",
        )
        assert (await http.get("/snapshot")).json()["tips"] == []
        assert (await step("close")).status_code == 409
        assert (await told(http, text="flames"))["state"] == "dismissed", "a person's word stands"
        assert (await step("reopen")).json()["state"] == "open"
        assert (await step("reopen")).status_code == 409
        assert [what for _, what in await deeds(http, tip)] == [
            "tip.told",
            "tip.dismissed",
            "tip.updated",
            "tip.reopened",
        ]


async def test_what_nobody_works_on_expires_and_opens_again_with_news(
    tmp_path: Path, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tips_module, "TICK_S", 0.01)
    async with station_at(tmp_path, wall) as http:
        await in_control(http)
        tip, taken = await told(http), await told(http, external_id="2")
        order_id = await sent(http, taken)
        await tell(http, state_of(DRONE, result(order_id, OrderState.ACCEPTED), run=AGENT.run))
        wall.s += 23.9 * HOUR_S
        await asyncio.sleep(0.05)
        assert (await tip_now(http, tip))["state"] == "open"
        wall.s += 0.2 * HOUR_S
        assert (await becomes(http, tip, "expired"))["state_by"] == "station"
        assert (await tip_now(http, taken))["state"] == "taken", "a drone is on its way there"
        assert (await told(http))["state"] == "expired", "the same again is no news"
        assert (await told(http, text="it burns still"))["state"] == "open"


async def test_it_says_which_alerts_are_near(tmp_path: Path, wall: Wall) -> None:
    async with station_at(tmp_path, wall) as http:
        near, far = alert_in_it(north_deg=0.004), alert_in_it(north_deg=0.02)
        old = alert_in_it(minutes=-60 * 30)
        await put(http, near)
        await put(http, old)
        tip = await told(http)
        [said] = tip["near"]
        assert said["alert_id"] == str(near.id)
        assert said["distance_m"] == pytest.approx(222.0, abs=2.0)
        page = http.app.state.services.live.join()  # type: ignore[attr-defined]
        assert await page.news() is None
        nearer = alert_in_it(north_deg=0.003)
        await put(http, far)
        await put(http, nearer)
        assert '"type":"tip"' in (await page.news() or ""), "the pages hear of a new one nearby"
        [shown] = (await http.get("/snapshot")).json()["tips"]
        assert [alert["alert_id"] for alert in shown["near"]] == [str(nearer.id), str(near.id)]


async def test_a_page_that_opens_while_a_drone_answers_never_shows_a_tip_twice(shared: Shared) -> None:
    async with cleared(shared) as http, linked(http) as drone:
        await drone.say(state_of(run=AGENT.run))
        await http.post(f"/drones/{DRONE}/lease")
        tip = await told(http)
        order_id = await sent(http, tip)
        await drone.say(state_of(DRONE, result(order_id, OrderState.DONE, "nothing seen"), run=AGENT.run))
        await becomes(http, tip, "looked at")
        assert len((await http.get("/snapshot")).json()["tips"]) == 1
        again = await sent(http, tip)
        assert again != order_id, "it may be looked at once more"
