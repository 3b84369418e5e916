"""Ignore zones of the station: what is in them alarms nobody, stays listed, and is never lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from uplink.messages import Alert, AlertState
from uplink.station.config import RetentionConfig
from uplink.station.retention import cutoffs
from uplink.station.store.alerts import store_alert
from uplink.station.store.deliveries import EndpointName
from uplink.station.store.incident_settling import STATION, Hand
from uplink.station.store.suppressed import SuppressedStore
from uplink.station.store.zone_rows import zones_where
from uplink.station.store.zones import Change, ZoneNews, ZoneStore
from uplink.station.zone import StationZone
from uplink.station.zone_rule import holds, may_still_burn

from .incident_makers import RULES, memory_database, random_story, seen
from .incident_station import IncidentStation, Json, incident_station
from .makers import NOON, auth, make_alert, make_picture, sha256_of
from .test_suppressed import kiln, telling
from .test_zone_rule import draft, ring

HOOKS = (EndpointName("hook", "example.org"),)


def body(**more: Any) -> Json:
    return dict(draft(**more).model_dump(mode="json"))


async def add(station: IncidentStation, **more: Any) -> Json:
    answer = await station.http.post("/zones", json=body(**more))
    assert answer.status_code == 201, answer.text
    assert answer.headers["etag"] == '"1"'
    return dict(answer.json())


async def change(station: IncidentStation, zone: Json, **more: Any) -> httpx.Response:
    tag = {"If-Match": f'"{zone["version"]}"'}
    return await station.http.put(f"/zones/{zone['id']}", json=body(**more), headers=tag)


async def remove(station: IncidentStation, zone: Json) -> Json:
    answer = await station.http.delete(f"/zones/{zone['id']}", headers={"If-Match": f'"{zone["version"]}"'})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def suppressed(station: IncidentStation, **query: Any) -> list[Json]:
    return list((await station.http.get("/suppressed", params=query)).json())


async def told(station: IncidentStation) -> list[str]:
    """Every event of every webhook, the oldest first."""
    return [one["type"] for one in reversed((await station.http.get("/deliveries")).json())]


async def deeds(station: IncidentStation) -> list[str]:
    entries = await station.services.store.audit.newest(500)
    return [one.what for one in reversed(entries) if one.what.split(".")[0] in ("zone", "alert")]


async def test_what_is_in_a_zone_alarms_nobody_and_is_listed_with_its_rule(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        zone = await add(station)
        page = station.services.live.join()
        await page.news()
        await station.put(seen(0, 0, number=1), seen(200, 0, number=2))
        assert [one["alert_ids"] for one in await station.all()] == [[str(UUID(int=2))]]
        assert await told(station) == ["alert.confirmed", "incident.opened"]
        [item] = await suppressed(station)
        assert (item["by"], item["zone"], item["reason"]) == ("station", "brickworks", "kiln")
        assert (item["zone_id"], item["zone_version"]) == (zone["id"], 1)
        assert item["hotspot_id"] == str(UUID(int=1))
        kept = (await station.http.get(f"/alerts/{UUID(int=1)}")).json()
        assert kept["suppressed_by"] == "brickworks"
        assert '"suppressed_by":"brickworks"' in str(await page.news()), "open pages see it as what it is"
        assert (await station.http.get("/snapshot")).json()["zones"] == [zone]
        await station.after(3600)
        assert len(await station.all()) == 1
        assert await deeds(station) == ["zone.made", "alert.suppressed"]


async def test_an_alert_that_moves_out_is_told_at_once(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        await add(station)
        await station.put(seen(40, 0), seen(45, 0, revision=2))
        assert await told(station) == []
        await station.put(seen(70, 0, revision=3))
        assert await told(station) == ["alert.confirmed", "incident.opened"]
        assert await suppressed(station) == []
        assert await deeds(station) == ["zone.made", "alert.suppressed", "alert.released"]
        await station.put(seen(10, 0, revision=4))
        assert len(await station.all()) == 1, "what was told once is told to its end"
        assert await suppressed(station) == []
        assert (await told(station))[-1] == "alert.updated"


async def test_a_fire_that_grows_breaks_through(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        await add(station)
        await station.put(seen(0, 0, area_m2=40.0), seen(0, 0, revision=2, area_m2=190.0))
        assert await station.all() == []
        await station.put(seen(0, 0, revision=3, area_m2=210.0))
        assert (await station.only())["area_m2"] == 210.0


async def test_what_still_burns_is_told_when_the_zone_ends(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        ends_at = NOON + timedelta(hours=1)
        await add(station, reason="permitted burn", ends_at=ends_at)
        await station.put(seen(0, 0, number=1), seen(20, 0, number=2), seen(10, 0, number=3))
        await station.put(seen(20, 0, number=2, revision=2, state=AlertState.LOST))
        await station.put(seen(10, 0, number=3, revision=2, state=AlertState.WITHDRAWN))
        await station.services.zones.tick()
        assert await station.all() == []
        page = station.services.live.join()
        await page.news()
        station.clock.s = ends_at.timestamp()
        await station.services.zones.tick()
        incident = await station.only()
        assert incident["alert_ids"] == [str(UUID(int=1))]
        assert incident["reported_at"] == "2026-07-01T13:00:00Z", "the clocks run from when people could know"
        assert '"suppressed_by":null' in str(await page.news())
        assert len(await suppressed(station)) == 2
        assert not await station.services.store.zones.some_ended(station.clock.s), "it is told once"
        await station.put(seen(20, 0, number=2, revision=3))
        assert (await station.only())["alerts"] == 2, "it burns again, and nobody allows it any more"


async def test_a_zone_that_ended_while_the_station_was_down_lets_go_at_the_start(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        await add(station, ends_at=NOON + timedelta(hours=1))
        await station.put(seen(0, 0))
        await station.services.incidents.begin()
        assert await station.all() == [], "linking older alerts leaves it to the zone"
        clock = station.clock
    clock.s += 7200
    async with incident_station(tmp_path, clock=clock) as station:
        await station.services.zones.tick()
        assert len(await station.all()) == 1


async def test_removing_a_zone_or_drawing_it_elsewhere_tells_at_once(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        zone = await add(station)
        other = await add(station, name="chimney", ring=ring(-20, -20, 20, 20))
        await station.put(seen(0, 0, number=1), seen(40, 0, number=2))
        answer = await change(station, zone, ring=ring(-50, -50, 20, 50), note="smaller")
        assert answer.status_code == 200, answer.text
        assert [one["alert_ids"] for one in await station.all()] == [[str(UUID(int=2))]]
        assert [one["zone_version"] for one in await suppressed(station)] == [2], "the rule as it is now"
        station.clock.s += 0.12345678  # a clock knows parts of a second that a time does not
        removed = await remove(station, answer.json())
        assert removed["removed_at"] is not None
        [item] = await suppressed(station)
        assert item["zone"] == "chimney", "another zone holds it still"
        await remove(station, other)
        assert await suppressed(station) == []
        assert (await station.only())["alerts"] == 2
        assert (await station.http.get("/zones")).json() == []
        lines = (await station.http.get(f"/zones/{zone['id']}/versions")).json()
        assert [(one["what"], one["who"]) for one in lines] == [
            ("zone.removed", "operator"),
            ("zone.changed", "operator"),
            ("zone.made", "operator"),
        ]
        older = (await station.http.get(f"/zones/{zone['id']}/versions", params={"before": 2})).json()
        assert [one["zone"]["version"] for one in older] == [1]


async def test_an_incident_that_there_is_stays_when_a_zone_is_drawn_over_it(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        await station.put(seen(0, 0))
        await add(station)
        await station.put(seen(0, 0, revision=2))
        assert len(await station.all()) == 1
        assert await suppressed(station) == []


async def test_a_backlog_is_judged_by_capture(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        await add(
            station,
            reason="permitted burn",
            starts_at=NOON,
            ends_at=NOON + timedelta(hours=1),
            breaks_at_m2=None,
        )
        station.clock.s += 6 * 3600
        await station.put(
            seen(0, 0, number=1, minutes=30, state=AlertState.LOST),  # it was allowed, and is over
            seen(0, 0, number=2, minutes=-30, state=AlertState.LOST),
            seen(0, 0, number=3, minutes=90, state=AlertState.LOST),
        )
        assert [one["hotspot_id"] for one in await suppressed(station)] == [str(UUID(int=1))]


async def test_drones_own_zones_and_the_stations_are_one_list(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        await add(station)
        await station.put(seen(0, 0, number=7, minutes=1))
        station.services.incidents.suppressed.take(telling(kiln(7, 0.5, zone="aboard"), kiln(8, 20)))
        await station.after(1)
        both = await suppressed(station)
        assert [(one["by"], one["zone"]) for one in both] == [
            ("drone", "brickworks"),
            ("station", "brickworks"),
        ]
        assert await suppressed(station, by="station") == both[1:]
        assert await suppressed(station, before=both[0]["hotspot_id"]) == both[1:]
        assert await suppressed(station, zone="aboard") == []


async def test_two_people_do_not_overwrite_each_other_and_names_are_unique(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        zone = await add(station)
        assert (await station.http.post("/zones", json=body(name="BrickWorks"))).status_code == 409
        assert (await change(station, zone, note="first")).status_code == 200
        second = await change(station, zone, note="second")
        assert second.status_code == 409
        assert "version 2" in second.json()["detail"]
        assert (await station.http.put(f"/zones/{zone['id']}", json=body())).status_code == 428
        assert (
            await station.http.put(f"/zones/{UUID(int=9)}", json=body(), headers={"If-Match": "*"})
        ).status_code == 404
        current = (await station.http.get(f"/zones/{zone['id']}")).json()
        assert current["note"] == "first"
        await remove(station, current)
        again = await change(station, current | {"version": 3}, note="third")
        assert (again.status_code, "was removed" in again.json()["detail"]) == (409, True)
        await add(station)


async def test_zones_come_and_go_as_geojson_and_one_bad_feature_keeps_no_other_out(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        await add(station, note="since 1911", labels=["smoke"], breaks_at_m2=None)
        file = (await station.http.get("/zones/export")).json()
        [feature] = file["features"]
        corners = feature["geometry"]["coordinates"][0]
        assert corners[0] == corners[-1]
        again = {**feature, "properties": {**feature["properties"], "name": "copy", "colour": "red"}}
        bare = {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[[*c, 420.0] for c in corners]]},
        }
        bad: list[Any] = [
            {"geometry": {"type": "Point", "coordinates": [8, 47]}, "properties": {"name": "a point"}},
            {"geometry": {"type": "Polygon", "coordinates": [corners, corners]}},
            {"geometry": {"type": "Polygon", "coordinates": [["x", "y"]]}, "properties": None},
            {**again, "properties": {"name": "hole", "reason": "volcano"}},
            feature,  # the name is taken
            bare,  # it has none
        ]
        answer = await station.http.post(
            "/zones/import", json={"type": "FeatureCollection", "features": [*bad, again], "crs": None}
        )
        assert answer.status_code == 200, answer.text
        came = answer.json()
        [made] = came["made"]
        assert (made["name"], made["note"], made["labels"]) == ("copy", "since 1911", ["smoke"])
        assert made["breaks_at_m2"] is None
        assert made["ring"] == [list(corner) for corner in corners[:-1]]
        assert [one["number"] for one in came["refused"]] == [1, 2, 3, 4, 5, 6]
        assert [one["reason"] for one in came["refused"]][:2] == [
            "it is no polygon",
            "it has holes, or no corners",
        ]
        assert "there is a zone brickworks already" in came["refused"][4]["reason"]
        assert (await station.http.post("/zones/import", json={"type": "Feature"})).status_code == 422


class Bench:
    """A station's tables in memory, worked without an event loop, and whom it has told what."""

    def __init__(self) -> None:
        self.db = memory_database()
        self.zones = ZoneStore(self, RULES)  # type: ignore[arg-type]
        self.let_go = 0

    async def run(self, work: Callable[[Any], Any]) -> Any:
        return work(self.db)

    read = run

    def put(self, alert: Alert, now_s: float) -> None:
        store_alert(self.db, alert, Hand(STATION, now_s, RULES, HOOKS))

    def do(self, work: Coroutine[Any, Any, ZoneNews]) -> ZoneNews:
        try:
            work.send(None)
        except StopIteration as done:
            news: ZoneNews = done.value
            self.let_go += len(news.alerts)
            return news
        raise AssertionError("it waited for something")

    def must_be_whole(self, now_s: float) -> int:
        """Every alert is in one incident that stands, and was told; or is suppressed by a zone that holds it,
        and was not. How many are suppressed."""
        rows = list(
            self.db.query(
                "select a.id, a.body, a.zone_id, i.id as incident, i.moved_to, "
                "exists (select 1 from deliveries d where d.subject_id = a.id) as is_told "
                "from alerts a left join footprints f on f.id = a.footprint_id "
                "left join incidents i on i.id = f.incident_id"
            )
        )
        for row in rows:
            assert (row["incident"] is None) == (row["zone_id"] is not None)
            assert row["moved_to"] is None
            assert row["is_told"] == (row["incident"] is not None)
        held = [row for row in rows if row["zone_id"] is not None]
        listed = SuppressedStore(self)  # type: ignore[arg-type]
        assert {str(item.hotspot_id) for item in now(listed.newest(500))} == {row["id"] for row in held}
        for row in held:
            alert = Alert.model_validate_json(row["body"])
            (zone,) = zones_where(self.db, "id = ?", [row["zone_id"]])
            assert holds(zone, alert, now_s) or not may_still_burn(alert, zone.changed_at.timestamp())
        return len(held)


def now(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited for something")


def test_no_alert_is_ever_lost_by_zones() -> None:
    """Alerts come in any order while zones are drawn, moved, end and are removed."""
    held, let_go = 0, 0
    for seed in range(12):
        bench = Bench()
        held += _live(bench, random.Random(seed))
        let_go += bench.let_go
    assert min(held, let_go) > 10, "the stories try nothing"


def _live(bench: Bench, rng: random.Random) -> int:
    """How often something was held back."""
    standing: list[StationZone] = []
    held, now_s = 0, NOON.timestamp()
    story = random_story(rng, 30)
    rng.shuffle(story)
    for step, alert in enumerate(story):
        now_s += rng.choice([1.0, 600.0])
        bench.put(alert, now_s)
        west_m, south_m = rng.uniform(-900, 0), rng.uniform(-900, 0)
        said = draft(
            name=f"zone {step}",
            ring=ring(west_m, south_m, west_m + 900, south_m + 900),
            breaks_at_m2=rng.choice([200.0, None]),
            labels=rng.choice([["fire"], ["fire", "smoke"]]),
            ends_at=rng.choice([None, NOON + timedelta(minutes=rng.uniform(60, 400))]),
        )
        by, act = Change("Ada", now_s, HOOKS), rng.random()
        if act < 0.3:
            standing += bench.do(bench.zones.add(said, by)).zones
        elif standing and act < 0.4:
            [standing[-1]] = bench.do(bench.zones.change(standing[-1].id, None, said, by)).zones
        elif standing and act < 0.5:
            bench.do(bench.zones.remove(standing.pop().id, None, by))
        bench.do(bench.zones.tell_ended(by))
        held += bench.must_be_whole(now_s)
    return held


async def test_pictures_of_what_is_suppressed_go_when_their_time_is_over(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        store = station.services.store
        await add(station)
        for number, east_m in ((1, 0), (2, 500)):
            picture = make_picture(f"picture {number}")
            sha256 = sha256_of(picture)
            answer = await station.http.put(
                f"/media/{sha256}", content=picture, headers={**auth(), "Content-Type": "image/jpeg"}
            )
            assert answer.status_code == 200, answer.text
            evidence = make_alert(pictures=(picture,)).evidence
            await station.put(seen(east_m, 0, number=number, evidence=evidence))
        later_s = station.clock.s + 31 * 86400
        limits = cutoffs(RetentionConfig(), later_s)
        assert await store.retention.take_media(limits) == 1, "the incident that is open keeps its own"
        assert (await station.http.get(f"/media/{sha256_of(make_picture('picture 1'))}")).status_code == 410
