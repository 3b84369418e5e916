"""Flights of a station: listed, looked at, replayed, written to files that other programs read."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pyogrio
import pytest
import pytest_asyncio
import shapely

from uplink.station.app import create_app
from uplink.station.history.text_files import csv_lines
from uplink.station.incident_rules import IncidentRules
from uplink.station.retention import cutoffs
from uplink.station.store.alerts import AlertStore
from uplink.station.store.store import Store

from .flight_makers import NOON_S, degraded, save, save_flight, told, utc_day
from .makers import DRONE, HOME, NOON, OTHER_DRONE, as_json, auth, make_alert, make_config
from .test_control import inside

KML = {"kml": "http://www.opengis.net/kml/2.2", "gx": "http://www.google.com/kml/ext/2.2"}
GPX = {"gpx": "http://www.topografix.com/GPX/1/1"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A station with two flights of a drone, the second with a silence and an alert in it, and one of another
    drone that goes on."""
    now_s = NOON_S + 7300.0  # a little after the latest of it
    app = create_app(make_config(tmp_path_factory.mktemp("flights")), clock=lambda: now_s)
    async with inside(app) as http:
        store: Store = app.state.services.store
        await save_flight(store)
        hour = 3600
        await save(
            store,
            told(hour - 5.0, armed=False),
            *(told(float(hour + at_s)) for at_s in range(0, 100, 5)),
            *(told(float(hour + at_s), mode="=RTL<&>") for at_s in range(300, 400, 5)),
            told(hour + 400.0, armed=False),
        )
        await save(store, told(2 * hour, drone_id=OTHER_DRONE, height_home_m=None))
        alert = make_alert(minutes=61.0)
        assert (await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())).is_success
        yield http


async def all_flights(http: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await http.get("/flights", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_flights_are_listed_the_newest_first_in_pages_and_by_drone_and_time(
    flown: httpx.AsyncClient,
) -> None:
    found = await all_flights(flown)
    assert [(one["drone_id"], one["ended"]) for one in found] == [
        (OTHER_DRONE, None),
        (DRONE, "disarmed"),
        (DRONE, "disarmed"),
    ]
    paged: list[dict[str, Any]] = []
    while page := await all_flights(flown, limit=1, **({"before": paged[-1]["id"]} if paged else {})):
        paged += page
    assert paged == found
    assert await all_flights(flown, drone_id=DRONE) == found[1:]
    middle = (NOON + timedelta(minutes=61)).isoformat()
    assert await all_flights(flown, since=middle, until=middle) == [found[1]]
    assert await all_flights(flown, kind="day") == []
    nobody = "019f0000-0000-7000-8000-000000000000"
    assert (await flown.get("/flights", params={"before": nobody})).status_code == 404
    for bad in ({"since": "2026-07-01T12:00:00"}, {"limit": "0"}, {"kind": "balloon"}, {"drone_id": "/"}):
        assert (await flown.get("/flights", params=bad)).status_code == 422, bad


async def test_a_flight_tells_its_gaps_alerts_and_length(flown: httpx.AsyncClient) -> None:
    flight = (await all_flights(flown))[1]
    assert (flight["duration_s"], flight["gaps"]) == (400.0, [{"from_s": 95.0, "to_s": 300.0}])
    assert flight["started_at"] == "2026-07-01T13:00:00Z"
    assert flight["alerts"] == 1
    detail = (await flown.get(f"/flights/{flight['id']}")).json()
    (raised,) = detail["raised"]
    assert (raised["after_s"], raised["alert"]["label"]) == (60.0, "fire")
    assert detail["orders"] == []
    first = (await all_flights(flown))[2]
    assert first["alerts"] == 0


async def test_a_track_is_thinned_and_keeps_what_a_replay_shows(flown: httpx.AsyncClient) -> None:
    flight = (await all_flights(flown))[1]
    path = f"/flights/{flight['id']}/track"
    whole = (await flown.get(path)).json()
    assert (len(whole["points"]), whole["kept"]) == (41, 41)
    point = whole["points"][1]
    assert (point["after_s"], point["height_agl_m"], point["control"]) == (5.0, 80.0, "granted")
    assert len(point["footprint"]) == 3
    thin = (await flown.get(path, params={"points": 12})).json()
    assert len(thin["points"]) <= 12
    assert thin["points"][0] == whole["points"][0]
    assert thin["points"][-1] == whole["points"][-1]
    assert 300.0 in [point["after_s"] for point in thin["points"]], "the change of mode is there"
    assert (await flown.get(path, params={"points": 5001})).status_code == 422


async def test_why_a_drone_was_degraded_is_kept_shown_and_exported(tmp_path: Path) -> None:
    app = create_app(make_config(tmp_path), clock=lambda: NOON_S + 700.0)
    hot, slow = degraded("hot", 88.0, "processor 88 C"), degraded("slow", 2.4, "2.4 frames/s")

    def reasons(at_s: int) -> dict[str, Any]:
        if not 100 <= at_s < 200:
            return {}
        warmer = hot.model_copy(update={"value": 88.0 + at_s / 100})
        return {"seeing": "degraded", "degraded": [warmer, slow] if at_s >= 150 else [warmer]}

    async with inside(app) as http:
        store: Store = app.state.services.store
        await save(
            store,
            *(told(float(at_s), **reasons(at_s)) for at_s in range(0, 600, 5)),
            told(600.0, armed=False),
        )
        (flight,) = await all_flights(http)
        assert (flight["degraded_s"], flight["blind_s"]) == (100.0, 0.0)
        path = f"/flights/{flight['id']}"
        points = (await http.get(f"{path}/track")).json()["points"]
        kinds = {point["after_s"]: [one["kind"] for one in point["degraded"]] for point in points}
        assert [kinds[at_s] for at_s in (95.0, 100.0, 150.0, 200.0)] == [[], ["hot"], ["hot", "slow"], []]
        assert points[30]["degraded"][1] == slow.model_dump(mode="json")
        thin = (await http.get(f"{path}/track", params={"points": 20})).json()["points"]
        assert {100.0, 150.0, 200.0} <= {point["after_s"] for point in thin}, "turns"
        rows = list(csv.DictReader((await http.get(f"{path}/export?format=csv")).text.splitlines()))
        assert [rows[number]["degraded"] for number in (19, 20, 30)] == [
            "",
            "hot",
            "hot, slow",
        ]


async def test_geojson_of_a_flight_is_read_by_gdal(flown: httpx.AsyncClient, tmp_path: Path) -> None:
    flight = (await all_flights(flown))[1]
    answer = await flown.get(f"/flights/{flight['id']}/export", params={"format": "geojson"})
    assert answer.headers["content-disposition"] == 'attachment; filename="ember-1-20260701-130000Z.geojson"'
    document = answer.json()
    assert (document["datum"], document["flight"]["id"]) == ("WGS84", flight["id"])
    tracks = [one for one in document["features"] if one["properties"].get("what") == "track"]
    lines = [shapely.geometry.shape(one["geometry"]) for one in tracks]
    assert [len(line.coords) for line in lines] == [20, 21], "two parts, with the silence between them"
    assert all(line.is_valid and line.bounds[1] < -35 for line in lines)
    path = tmp_path / "flight.geojson"
    path.write_bytes(answer.content)
    info = pyogrio.read_info(path)
    assert info["features"] == 2 + 41 + 1
    meta, _, geometry, fields = pyogrio.raw.read(path, where="what = 'state'")
    table = dict(zip(meta["fields"], fields, strict=True))
    assert list(table["mode"][-2:]) == ["=RTL<&>", "AUTO"]
    assert shapely.from_wkb(geometry)[0].y == pytest.approx(HOME.lat_deg + 36_000 / 111_195)


async def test_csv_of_a_flight_names_datum_and_units_and_no_spreadsheet_obeys_it(
    flown: httpx.AsyncClient,
) -> None:
    flight = (await all_flights(flown))[1]
    text = (await flown.get(f"/flights/{flight['id']}/export", params={"format": "csv"})).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 41
    assert (rows[0]["at"], rows[0]["datum"], rows[0]["armed"]) == (
        "2026-07-01T13:00:00+00:00",
        "WGS84",
        "true",
    )
    assert float(rows[0]["height_home_m"]) == 81.0
    assert rows[25]["mode"] == "'=RTL<&>"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", 'a,"b"\n=c', "plain"])
async def test_no_cell_is_a_formula_and_each_comes_back_as_it_was(cell: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_lines([{"a": cell}], ["a"], head=False), newline=""))
    assert row in ([cell], ["'" + cell])
    assert row[0][0] not in "=+-@\t\r"
    numbers = csv_lines([{"a": -1.5, "b": None}], ["a", "b"], head=False)
    assert numbers == "-1.5,\r\n"


async def test_kml_and_gpx_of_a_flight_are_read_by_gdal(flown: httpx.AsyncClient, tmp_path: Path) -> None:
    flight = (await all_flights(flown))[1]
    kml = await flown.get(f"/flights/{flight['id']}/export", params={"format": "kml"})
    root = ET.fromstring(kml.text)
    tracks = root.findall(".//gx:Track", KML)
    assert [len(track.findall("kml:when", KML)) for track in tracks] == [20, 21]
    assert [len(track.findall("gx:coord", KML)) for track in tracks] == [20, 21]
    first = tracks[0].find("gx:coord", KML)
    assert first is not None
    assert first.text is not None
    assert float(first.text.split()[2]) == 600.0
    assert len(root.findall(".//kml:Point", KML)) == 1
    gpx = await flown.get(f"/flights/{flight['id']}/export", params={"format": "gpx"})
    path = tmp_path / "flight.gpx"
    path.write_bytes(gpx.content)
    for layer, features in (("track_points", 41), ("waypoints", 1)):
        assert len(pyogrio.raw.read(path, layer=layer)[2]) == features
    assert ET.fromstring(gpx.text).findall("gpx:trk/gpx:trkseg", GPX)


async def test_a_flight_that_goes_on_is_exported_as_far_as_it_is(flown: httpx.AsyncClient) -> None:
    flight = (await all_flights(flown))[0]
    for kind in ("geojson", "csv", "kml", "gpx"):
        answer = await flown.get(f"/flights/{flight['id']}/export", params={"format": kind})
        assert answer.status_code == 200
        assert answer.content
    bad = await flown.get(f"/flights/{flight['id']}/export", params={"format": "shp"})
    assert bad.status_code == 422
    entries = (await flown.get("/audit", params={"about": flight["id"]})).json()
    assert [entry["detail"]["format"] for entry in entries] == ["gpx", "kml", "csv", "geojson"]


async def test_telemetry_in_pieces_and_over_a_restart_makes_the_same_flights(tmp_path: Path) -> None:
    samples = [
        told(-5.0, armed=False),
        *(told(float(at_s)) for at_s in range(0, 60, 5)),
        told(60.0, armed=False),
    ]
    whole, parts = Store(tmp_path / "a"), Store(tmp_path / "b")
    await save(whole, *samples)
    for sample in samples:
        await save(parts, sample)
        parts.close()
        parts = Store(tmp_path / "b")
    one, other = await whole.flights.newest(9), await parts.flights.newest(9)
    assert one == other
    assert len(one) == 1
    whole.close()
    parts.close()


async def test_flights_go_with_their_telemetry_and_not_before(tmp_path: Path) -> None:
    store = Store(tmp_path)
    await save_flight(store)
    await save(store, told(7200.0))
    policy = make_config(tmp_path).retention
    day_s = 86_400.0
    for now_s, left in ((NOON_S + 80 * day_s, 2), (NOON_S + 91 * day_s, 1)):
        await store.retention.take_flights(cutoffs(policy, now_s))
        assert len(await store.flights.newest(9)) == left, "what goes on stays"
    await store.flights.expire(utc_day, now_s=NOON_S + 91 * day_s)
    await store.retention.take_flights(cutoffs(policy, NOON_S + 91 * day_s))
    assert await store.flights.newest(9) == []
    store.close()


async def test_an_alert_dated_by_the_drones_own_calendar_is_put_where_it_belongs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    behind_s = 7200.0  # a companion that knows no better
    samples = [told(float(at_s), at=NOON + timedelta(seconds=at_s - behind_s)) for at_s in range(0, 300, 5)]
    await save(store, *samples)
    own = make_alert(minutes=1.0 - behind_s / 60).model_copy(update={"time_source": "companion"})
    by_satellite = make_alert(minutes=2.0)
    alerts = AlertStore(store._database, IncidentRules())
    for alert in (own, by_satellite):
        await alerts.put(alert, now_s=NOON_S, endpoints=())
    (flight,) = await store.flights.newest(9)
    assert flight.drone_clock_ahead_s == pytest.approx(-behind_s)
    detail = await store.flights.detail(flight.id)
    assert detail is not None
    assert {one.after_s: one.alert.id for one in detail.raised} == {60.0: own.id, 120.0: by_satellite.id}
    store.close()


async def test_states_of_an_earlier_version_are_cut_too(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def old(db: Any) -> None:
        for number in range(5):
            db.execute(
                "insert into telemetry (drone_id, at_s, heard_at_s, mode, armed, seeing) "
                "values (?, ?, ?, 'AUTO', ?, 'seeing')",
                [DRONE, NOON_S + number, NOON_S + number, int(number < 4)],
            )

    await store._database.run(old)
    await store.flights.cut(utc_day)
    (flight,) = await store.flights.newest(9)
    assert (flight.duration_s, flight.ended) == (4.0, "disarmed")
    track = await store.flights.track(flight.id, 100)
    assert track is not None
    assert track.points[0].control is None
    store.close()
