"""The feed for GIS programs, against the abstract tests of OGC API – Features Part 1 (Core and GeoJSON)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.uplink.makers import DRONE, NOON, as_json, auth, make_alert, make_config, make_state
from uplink.messages import Alert, DegradedKind, DegradedReason, Position
from uplink.station.app import create_app

GEOJSON = "application/geo+json"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """One station for all tests, which only read. One drone; from the newest on five alerts a minute and a
    degree apart, one on each side of the antimeridian, and one that knows only a direction."""
    app = create_app(make_config(tmp_path_factory.mktemp("ogc")))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url="http://127.0.0.1", transport=httpx.ASGITransport(app)) as client,
    ):
        for number in range(5):
            await put(client, alert_at(float(number), lon_deg=149.0 + number))
        await put(client, alert_at(-10.0, lon_deg=179.5))
        await put(client, alert_at(-20.0, lon_deg=-179.5))
        await put(client, bearing())
        unwell = make_state().model_copy(update={"degraded": HOT_AND_SLOW})
        app.state.services.fleet.put_state(unwell, 0.0, NOON.timestamp())
        tip = await client.post("/api/v1/tips", json=TIP, headers={"X-Emberwatch-Session": "a" * 16})
        assert tip.status_code == 201, tip.text
        yield client


HOT_AND_SLOW = [
    DegradedReason(kind=kind, value=value, since=NOON, words=kind.value)
    for kind, value in ((DegradedKind.HOT, 91.0), (DegradedKind.SLOW, 2.0))
]
TIP = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [149.5, -35.5]},
    "properties": {
        "source": "control room",
        "external_id": "4711",
        "kind": "call",
        "observed_at": "2026-07-01T12:00:00Z",
        "radius_m": 250.0,
    },
}


def alert_at(minutes: float, *, lon_deg: float, lat_deg: float = -35.0) -> Alert:
    place = Position(lat_deg=lat_deg, lon_deg=lon_deg, alt_amsl_m=584.0)
    return make_alert(minutes=minutes).model_copy(update={"position": place})


def bearing() -> Alert:
    return make_alert(minutes=-30.0).model_copy(
        update={
            "position": None,
            "ellipse": None,
            "method": "bearing-only",
            "observer": Position(lat_deg=-35.0, lon_deg=149.0),
            "bearing_deg": 80.0,
            "bearing_sigma_deg": 2.0,
        }
    )


async def put(http: httpx.AsyncClient, alert: Alert) -> None:
    answer = await http.put(f"/api/v1/alerts/{alert.id}", json=as_json(alert), headers=auth())
    assert answer.status_code == 200, answer.text


def link(document: dict[str, Any], rel: str) -> dict[str, Any]:
    return next(each for each in document["links"] if each["rel"] == rel)


def longitudes(page: dict[str, Any]) -> list[float]:
    return [feature["geometry"]["coordinates"][0] for feature in page["features"] if feature["geometry"]]


EVERYWHERE = [153.0, 152.0, 151.0, 150.0, 149.0, 179.5, -179.5]


async def items(http: httpx.AsyncClient, collection: str = "alerts", **query: str | int) -> dict[str, Any]:
    answer = await http.get(f"/ogc/collections/{collection}/items", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == GEOJSON
    page: dict[str, Any] = answer.json()
    assert page["type"] == "FeatureCollection"
    assert page["numberReturned"] == len(page["features"])
    assert datetime.fromisoformat(page["timeStamp"]).tzinfo is not None
    return page


async def test_every_link_of_the_landing_page_leads_to_what_it_says(http: httpx.AsyncClient) -> None:
    landing = (await http.get("/ogc")).json()
    assert {each["rel"] for each in landing["links"]} == {"self", "service-desc", "conformance", "data"}
    for each in landing["links"]:
        answer = await http.get(each["href"])
        assert answer.status_code == 200
        assert answer.headers["content-type"] == each["type"]


async def test_the_interface_describes_the_items_with_their_parameters(http: httpx.AsyncClient) -> None:
    paths = (await http.get("/ogc/api")).json()["paths"]
    operation = paths["/ogc/collections/{collection_id}/items"]["get"]
    described = {each["name"]: each for each in operation["parameters"]}
    assert {"limit", "bbox", "datetime"} <= described.keys()
    assert (described["bbox"]["style"], described["bbox"]["explode"]) == ("form", False)
    assert list(operation["responses"]["200"]["content"]) == [GEOJSON]


async def test_it_keeps_to_core_and_geojson(http: httpx.AsyncClient) -> None:
    declared = (await http.get("/ogc/conformance")).json()["conformsTo"]
    parts = [
        each.removeprefix("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/") for each in declared
    ]
    assert parts == ["core", "geojson"]


async def test_each_collection_says_the_same_of_itself_alone_and_in_the_list(http: httpx.AsyncClient) -> None:
    listed = (await http.get("/ogc/collections")).json()
    assert link(listed, "self")["type"] == "application/json"
    assert {each["id"] for each in listed["collections"]} == {"incidents", "alerts", "drones", "tips"}
    for each in listed["collections"]:
        alone = await http.get(link(each, "self")["href"])
        assert alone.json() == each
        assert each["crs"] == ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"]
        features = await http.get(link(each, "items")["href"])
        assert features.headers["content-type"] == link(each, "items")["type"] == GEOJSON


async def test_the_extent_is_that_of_the_features(http: httpx.AsyncClient) -> None:
    extent = (await http.get("/ogc/collections/alerts")).json()["extent"]
    assert extent["spatial"]["bbox"] == [[-179.5, -35.0, 179.5, -35.0]]
    first, last = extent["temporal"]["interval"][0]
    assert datetime.fromisoformat(first) == NOON - timedelta(minutes=30)
    assert datetime.fromisoformat(last) == NOON + timedelta(minutes=4)


async def test_features_have_longitude_first_and_flat_properties(http: httpx.AsyncClient) -> None:
    newest = (await items(http))["features"][0]
    assert newest["geometry"] == {"type": "Point", "coordinates": [153.0, -35.0]}
    assert newest["properties"]["alt_amsl_m"] == 584.0
    assert newest["properties"]["semi_major_m"] == 12.0
    assert not any(isinstance(value, (dict, list)) for value in newest["properties"].values())


async def test_pages_follow_each_other_without_a_gap_or_a_repeat(http: httpx.AsyncClient) -> None:
    page = await items(http, limit=2)
    seen = longitudes(page)
    while following := [each for each in page["links"] if each["rel"] == "next"]:
        answer = await http.get(following[0]["href"])
        page = answer.json()
        assert len(page["features"]) <= 2
        seen += longitudes(page)
    assert seen == EVERYWHERE


async def test_the_next_page_keeps_to_the_same_question(http: httpx.AsyncClient) -> None:
    page = await items(http, limit=1, bbox="149.5,-90,152.5,90")
    seen = longitudes(page)
    while following := [each for each in page["links"] if each["rel"] == "next"]:
        page = (await http.get(following[0]["href"])).json()
        seen += longitudes(page)
    assert seen == [152.0, 151.0, 150.0]


async def test_a_full_last_page_has_no_next(http: httpx.AsyncClient) -> None:
    assert "next" not in {each["rel"] for each in (await items(http, limit=8))["links"]}


async def test_a_box_chooses_by_place_its_edge_included(http: httpx.AsyncClient) -> None:
    assert longitudes(await items(http, bbox="150,-36,151,-35")) == [151.0, 150.0]
    assert longitudes(await items(http, bbox="150,-34.9,151,-34")) == []


async def test_a_box_over_the_antimeridian_chooses_on_both_sides(http: httpx.AsyncClient) -> None:
    assert longitudes(await items(http, bbox="179,-90,-179,90")) == [179.5, -179.5]


async def test_an_alert_that_knows_only_a_direction_has_no_geometry_and_is_in_no_box(
    http: httpx.AsyncClient,
) -> None:
    oldest = (await items(http))["features"][-1]
    assert oldest["geometry"] is None
    assert (oldest["properties"]["observer_lon_deg"], oldest["properties"]["bearing_deg"]) == (149.0, 80.0)
    assert longitudes(await items(http, bbox="-180,-90,180,90")) == EVERYWHERE
    assert len((await items(http, bbox="-180,-90,180,90"))["features"]) == len(EVERYWHERE)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-07-01T12:02:00Z", [151.0]),
        ("2026-07-01T12:01:00Z/2026-07-01T12:02:00Z", [151.0, 150.0]),
        ("2026-07-01T14:03:00+02:00/..", [153.0, 152.0]),
        ("2026-07-01T11:45:00Z/2026-07-01T12:00:30Z", [149.0, 179.5]),
        ("../2026-07-01T11:45:00Z", [-179.5]),
    ],
)
async def test_datetime_chooses_by_the_time_of_confirmation(
    http: httpx.AsyncClient, when: str, expected: list[float]
) -> None:
    assert longitudes(await items(http, datetime=when)) == expected


@pytest.mark.parametrize(
    "query", ["limit=0", "bbox=1,2,3", "datetime=noon", "box=1,2,3,4", "limit=1&limit=2"]
)
async def test_what_is_not_understood_gets_400(http: httpx.AsyncClient, query: str) -> None:
    answer = await http.get(f"/ogc/collections/alerts/items?{query}")
    assert answer.status_code == 400
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    ["", "/api", "/conformance", "/collections", "/collections/alerts", "/collections/drones/items/ember-1"],
)
async def test_an_unknown_parameter_gets_400_everywhere(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(f"/ogc{path}")).status_code == 200
    assert (await http.get(f"/ogc{path}?colour=red")).status_code == 400


@pytest.mark.parametrize(
    "path", ["/collections/none", "/collections/none/items", "/collections/alerts/items/none", "/nothing"]
)
async def test_what_is_not_there_gets_404(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(f"/ogc{path}")).status_code == 404


async def test_a_feature_alone_is_the_one_in_the_list(http: httpx.AsyncClient) -> None:
    listed = (await items(http))["features"][2]
    answer = await http.get(f"/ogc/collections/alerts/items/{listed['id']}")
    assert answer.headers["content-type"] == GEOJSON
    alone = answer.json()
    assert link(alone, "self")["href"].endswith(listed["id"])
    assert link(alone, "collection")["href"].endswith("/ogc/collections/alerts")
    assert {name: alone[name] for name in listed} == listed


async def test_drones_are_where_they_last_said(http: httpx.AsyncClient) -> None:
    page = (await http.get("/ogc/collections/drones/items")).json()
    assert [feature["id"] for feature in page["features"]] == [DRONE]
    properties = page["features"][0]["properties"]
    assert (properties["mode"], properties["degraded"]) == ("AUTO", "hot, slow")
    elsewhere = await http.get("/ogc/collections/drones/items?bbox=0,0,1,1")
    assert elsewhere.json()["features"] == []


async def test_incidents_are_found_by_place_and_time_and_page_by_page(http: httpx.AsyncClient) -> None:
    page = await items(http, "incidents", bbox="148,-36,154,-34", limit=2)
    seen = longitudes(page)
    while following := [each for each in page["links"] if each["rel"] == "next"]:
        page = (await http.get(following[0]["href"])).json()
        seen += longitudes(page)
    assert seen == [153.0, 152.0, 151.0, 150.0, 149.0]
    one = await items(http, "incidents", datetime="2026-07-01T12:02:00Z")
    assert longitudes(one) == [151.0]
    assert one["features"][0]["properties"]["state"] == "new"


async def test_an_incident_alone_is_the_one_in_the_list(http: httpx.AsyncClient) -> None:
    listed = (await items(http, "incidents", limit=1))["features"][0]
    alone = (await http.get(f"/ogc/collections/incidents/items/{listed['id']}")).json()
    assert alone["properties"]["state"] == listed["properties"]["state"]
    assert alone["geometry"] == listed["geometry"]


async def test_tips_are_the_middles_of_their_circles(http: httpx.AsyncClient) -> None:
    (tip,) = (await items(http, "tips"))["features"]
    assert tip["geometry"]["coordinates"] == pytest.approx([149.5, -35.5])
    assert (tip["properties"]["source"], tip["properties"]["radius_m"]) == ("control room", 250.0)
    assert (await http.get(f"/ogc/collections/tips/items/{tip['id']}")).json()["id"] == tip["id"]
    assert (await items(http, "tips", bbox="0,0,1,1"))["features"] == []


@pytest.mark.parametrize("collection", ["incidents", "alerts", "tips"])
async def test_there_is_no_page_after_a_feature_that_does_not_exist(
    http: httpx.AsyncClient, collection: str
) -> None:
    for after in ("nothing", "00000000-0000-0000-0000-000000000000"):
        answer = await http.get(f"/ogc/collections/{collection}/items?after={after}")
        assert answer.status_code == 400
