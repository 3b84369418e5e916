"""The library of patrols: planned without a drone, kept in versions, imported, handed to drones by hash."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from edge.patrols.package import unpack
from flight.plans.patrol_file import PatrolFile
from flight.plans.qgc import parse_plan
from flight.plans.wpl import write_wpl
from tests.edge.patrols.patrol_makers import write_dem
from tests.flight.plan_makers import HOME, out_and_back, to
from uplink.errors import NotPossibleError
from uplink.messages import Order, PatrolRef
from uplink.station.patrol_answers import PatrolDraft
from uplink.station.patrol_planner import PatrolPlanner, PlannerBusyError
from uplink.station.store.audit import AuditFilter

from .drone import linked, state_of
from .makers import DRONE, KEY, OTHER_DRONE, OTHER_KEY, auth, make_config
from .patrol_makers import CROSSED, PLANNER, draft, kml, ring
from .people import Station, station_with_people

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hq(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Station]:
    """On a terrain of hills, with people."""
    folder = tmp_path_factory.mktemp("patrols")
    dem = write_dem(folder / "dem.tif")
    config = make_config(folder).model_copy(update={"sign_in": True, "dem": dem})
    async with station_with_people(folder, config=config, planner=PLANNER) as station:
        yield station


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pia(hq: Station) -> httpx.AsyncClient:
    return await hq.person("Pia")


async def planned(http: httpx.AsyncClient, said: dict[str, Any]) -> dict[str, Any]:
    answer = await http.post("/patrols/plan", json=said)
    assert answer.status_code == 200, answer.text
    preview: dict[str, Any] = answer.json()
    return preview


async def imported(http: httpx.AsyncClient, name: str, content: bytes) -> httpx.Response:
    return await http.post("/patrols/import", params={"name": name}, content=content)


# --- planning ------------------------------------------------------------------------------------------


async def test_a_drawn_area_is_planned_without_any_drone(pia: httpx.AsyncClient) -> None:
    preview = await planned(pia, draft())
    assert preview["trouble"] == ""
    plan = preview["planned"]
    [flight] = plan["flights"]
    assert plan["problems"] == []
    assert plan["area_m2"] == pytest.approx(200_000, rel=0.01)
    assert plan["seen_percent"] > 99
    assert plan["terrain"] == "dem.tif"
    assert flight["battery_percent"] == pytest.approx(100 * flight["time_s"] / 1500.0)
    assert flight["length_m"] > 3000
    assert flight["route"][0] == flight["route"][-1] == pytest.approx([HOME.lon_deg, HOME.lat_deg])
    profile = flight["profile"]
    assert 100 < len(profile) <= 400
    assert profile[-1]["along_m"] == pytest.approx(flight["length_m"], rel=0.02)
    cruise = [point for point in profile if 200 < point["along_m"] < flight["length_m"] - 200]
    above_m = [point["alt_amsl_m"] - point["ground_amsl_m"] for point in cruise]
    assert 40 < min(above_m) <= max(above_m) < 80, "it follows the hills"


async def test_what_is_not_safe_is_said_with_its_place_and_is_not_sent(pia: httpx.AsyncClient) -> None:
    said = draft(height_agl_m=110.0)
    preview = await planned(pia, said)
    [first, *_] = preview["planned"]["problems"]
    assert "above home; the ceiling is 120 m" in first["what"]
    assert (first["flight"], abs(first["lat_deg"] - HOME.lat_deg) < 0.01) == (1, True)
    kept = (await pia.post("/patrols", json=said)).json()
    assert kept["ref"] is None
    answer = await pia.get(f"/patrols/{kept['id']}/file")
    assert answer.status_code == 409
    assert "the ceiling is 120 m" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "words", "hint"),
    [
        ({"area": [list(c) for c in CROSSED]}, "crosses itself near -35.36", "no two sides cross"),
        ({"camera": "box-brownie"}, "camera profile box-brownie cannot be read", "Known are"),
        ({"area": ring(-60000, -60000, 60000, 60000)}, "strips", "cut the area in two"),
        ({"endurance_s": 60.0}, "the battery allows", "Take off nearer"),
    ],
)
async def test_what_cannot_be_planned_says_why_and_what_to_do(
    pia: httpx.AsyncClient, changes: dict[str, Any], words: str, hint: str
) -> None:
    preview = await planned(pia, draft(**changes))
    assert preview["planned"] is None
    assert words in preview["trouble"]
    assert hint in preview["hint"]


@pytest.mark.parametrize(
    "patrol",
    [
        {"camera": "../../etc/passwd.toml"},
        {"area": None, "plan": "/etc/passwd", "height_agl_m": None, "home": None},
        {"area": ring(0, 0, 10, 10)[:2]},
        {"speed_m_s": -1},
        {"height": 60},
    ],
)
async def test_a_draft_that_makes_no_sense_or_names_a_file_of_the_station_is_422(
    pia: httpx.AsyncClient, patrol: dict[str, Any]
) -> None:
    answer = await pia.post("/patrols/plan", json=draft(**patrol))
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", "patrol"] or patrol.keys() & {"camera", "plan"}


# --- the library ---------------------------------------------------------------------------------------


async def test_a_patrol_is_kept_in_versions_and_the_second_of_two_who_change_it_is_told(
    hq: Station, pia: httpx.AsyncClient
) -> None:
    said = draft(name="ridge", repeat={"daily_utc": ["06:00:00", "18:00:00"]}, unattended=True)
    made = (await pia.post("/patrols", json=said)).json()
    path = f"/patrols/{made['id']}"
    assert made["draft"] == said, "what was left out stays out"
    assert (made["version"], made["changed_by"], made["ref"]["version"]) == (1, "Pia", 1)

    other = draft(name="ridge", height_agl_m=50.0)
    changed = await pia.put(path, json=other, params={"version": 1})
    assert changed.json()["version"] == 2
    assert changed.json()["ref"]["sha256"] != made["ref"]["sha256"]
    late = await pia.put(path, json=said, params={"version": 1})
    assert late.status_code == 409
    assert "at version 2" in late.json()["detail"]

    assert (await pia.get(path)).json()["draft"] == other
    assert (await pia.get(path, params={"version": 1})).json() == made
    assert (await pia.get(path, params={"version": 7})).status_code == 404
    [first, *_] = (await pia.get("/patrols")).json()
    assert (first["name"], first["version"], first["kind"], first["flights"]) == ("ridge", 2, "area", 1)
    assert first["sha256"] == changed.json()["ref"]["sha256"]

    assert (await pia.delete(path, params={"version": 1})).status_code == 409
    assert (await pia.delete(path, params={"version": 2})).status_code == 204
    assert (await pia.get(path)).status_code == 404
    entries = await hq.services.store.audit.newest(50, wanted=AuditFilter(about=made["id"]))
    assert [entry.what for entry in reversed(entries)] == [
        "patrol.created",
        "patrol.changed",
        "patrol.deleted",
    ]
    assert {entry.who for entry in entries} == {"Pia"}


async def test_the_list_goes_on_page_by_page(pia: httpx.AsyncClient) -> None:
    for number in range(3):
        await pia.post(
            "/patrols", json=draft(name=f"page {number}", points=[[HOME.lat_deg, HOME.lon_deg]], area=None)
        )
    first = (await pia.get("/patrols", params={"limit": 2})).json()
    assert [one["name"] for one in first] == ["page 2", "page 1"]
    rest = (await pia.get("/patrols", params={"before": first[-1]["id"]})).json()
    assert rest[0]["name"] == "page 0"
    assert rest[0]["kind"] == "points"
    assert (await pia.get("/patrols", params={"before": str(uuid4())})).status_code == 404


async def test_it_comes_out_as_files_that_read_the_same(pia: httpx.AsyncClient) -> None:
    said = draft(
        name='the "north" ridge',
        no_fly=[{"center": [HOME.lat_deg + 0.001, HOME.lon_deg], "radius_m": 30.0}],
        repeat={"every_min": 90.0},
    )
    made = (await pia.post("/patrols", json=said)).json()
    toml = await pia.get(f"/patrols/{made['id']}/file", params={"as": "toml"})
    read = PatrolFile.model_validate(tomllib.loads(toml.text))
    assert read == PatrolFile.model_validate(said["patrol"])
    plan = await pia.get(f"/patrols/{made['id']}/file")
    assert 'filename="the-north-ridge-1.plan"' in plan.headers["content-disposition"]
    flight = made["preview"]["planned"]["flights"][0]
    assert parse_plan(plan.content, Path("x.plan")).sha256 == flight["plan_sha256"]
    again = (await imported(pia, "north.toml", toml.content)).json()
    assert again["patrol"]["name"] == 'the "north" ridge'
    assert (await pia.get(f"/patrols/{made['id']}/file", params={"flight": 9})).status_code == 404


# --- imports -------------------------------------------------------------------------------------------


async def test_an_area_comes_from_kml_kmz_and_geojson(pia: httpx.AsyncClient) -> None:
    corners = ring(-300, -100, -50, 100)
    said = " ".join(f"{lon},{lat},0" for lat, lon in [*corners, corners[0]])
    polygon = (
        f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{said}</coordinates></LinearRing>"
        "</outerBoundaryIs></Polygon>"
    )
    geojson = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {},
                "geometry": {"type": "Polygon", "coordinates": [[[lon, lat] for lat, lon in corners]]},
            }
        ],
    }
    for name, content in (("north.kml", kml(polygon)), ("north.geojson", json.dumps(geojson).encode())):
        answer = await imported(pia, name, content)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "name": "north",
            "patrol": None,
            "plan_text": None,
            "area": corners,
            "corridor": None,
            "notes": [],
        }


async def test_a_line_comes_as_a_corridor(pia: httpx.AsyncClient) -> None:
    line = "<LineString><coordinates>149.16,-35.36 149.17,-35.36</coordinates></LineString>"
    answer = (await imported(pia, "power line.kml", kml(line))).json()
    assert answer["corridor"] == {"line": [[-35.36, 149.16], [-35.36, 149.17]], "width_m": 60.0}
    assert "60 m wide" in answer["notes"][0]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "tower.kml",
            kml("<Point><coordinates>149.1,-35.3</coordinates></Point>"),
            "tower.kml has no polygon: it has only 1 point. Draw one around the ground",
        ),
        ("empty.kml", kml(""), "it has nothing drawn in it"),
        ("broken.kml", b"<kml><Document>", "broken.kml is not XML: line 1"),
        ("bomb.kml", b'<!DOCTYPE kml [<!ENTITY a "b">]><kml>&a;</kml>', "declares entities"),
        ("notes.txt", b"north of the road", "is neither GeoJSON, KML, KMZ, a .plan"),
        (
            "metres.geojson",
            b'{"type": "Polygon", "coordinates": [[[693000, 6084000], [694000, 6084000], [1, 2]]]}',
            "these are no degrees. Export it again as WGS 84",
        ),
        ("own.toml", b'name = "a"\nplan = "b.plan"\n', "names another file, b.plan. Import that one."),
        ("wrong.toml", b'name = "a"\nhome = [1, 2]\nspeed = 3\n', "line 3"),
        ("nothing.plan", b"", "nothing.plan is empty"),
    ],
)
async def test_a_file_that_cannot_be_used_is_refused_with_what_to_do(
    pia: httpx.AsyncClient, name: str, content: bytes, words: str
) -> None:
    answer = await imported(pia, name, content)
    assert answer.status_code == 409
    assert words in answer.json()["detail"]


async def test_a_plan_of_three_thousand_items_is_told_what_an_autopilot_holds(
    pia: httpx.AsyncClient, tmp_path: Path
) -> None:
    many = out_and_back(*[to(30 + number / 100, 40) for number in range(2996)])
    write_wpl(tmp_path / "long.waypoints", many)
    for name, content in (
        ("long.waypoints", (tmp_path / "long.waypoints").read_bytes()),
        ("long.plan", many.to_bytes()),
    ):
        answer = await imported(pia, name, content)
        assert answer.status_code == 409
        assert "mission items, and an autopilot holds about 700" in answer.json()["detail"]
        assert "Cut it into several plans" in answer.json()["detail"]


async def test_a_ready_made_plan_is_flown_as_it_is(pia: httpx.AsyncClient) -> None:
    plan = out_and_back(to(200, 60), to(300, 100))
    answer = (await imported(pia, "by hand.plan", plan.to_bytes())).json()
    assert answer["patrol"] == {"name": "by hand", "plan": "by hand.plan"}
    made = (await pia.post("/patrols", json={name: answer[name] for name in ("patrol", "plan_text")})).json()
    [flight] = made["preview"]["planned"]["flights"]
    assert made["preview"]["planned"]["problems"] == []
    assert flight["items"] == len(plan.items) - 1
    assert flight["plan_sha256"] == plan.sha256
    assert (await pia.get(f"/patrols/{made['id']}/file", params={"as": "toml"})).status_code == 409


async def test_a_polygon_of_too_many_corners_is_simplified_and_said_so(pia: httpx.AsyncClient) -> None:
    import math

    circle = [
        [149.165 + 0.004 * math.cos(a / 1000 * math.tau), -35.363 + 0.004 * math.sin(a / 1000 * math.tau)]
        for a in range(2000)
    ]
    content = json.dumps({"type": "Polygon", "coordinates": [circle[:1000]]}).encode()
    answer = (await imported(pia, "lake.geojson", content)).json()
    assert len(answer["area"]) <= 500
    assert "1000 corners" in answer["notes"][0]


# --- to drones -----------------------------------------------------------------------------------------


async def test_the_order_names_the_patrol_and_the_drone_gets_it_with_its_key(
    hq: Station, pia: httpx.AsyncClient
) -> None:
    made = (await pia.post("/patrols", json=draft(name="sent"))).json()
    send = {"drone_id": DRONE, "version": 1}
    path = f"/patrols/{made['id']}/send"
    nobody = await hq.nobody()
    assert (await pia.post(path, json=send)).status_code == 404, "nobody has heard this drone"
    async with linked(nobody) as drone:
        await drone.say(state_of(run=uuid4()))
        assert (await pia.post(path, json=send)).status_code == 409
        assert (await pia.post(f"/drones/{DRONE}/lease")).status_code == 200
        as_order = await pia.post(f"/drones/{DRONE}/orders", json={"kind": "load patrol"})
        assert as_order.status_code == 422
        stale = await pia.post(path, json={"drone_id": DRONE, "version": 2})
        assert "at version 1" in stale.json()["detail"]
        given = await pia.post(path, json=send)
        assert given.status_code == 202, given.text
        assert given.json()["patrol"] == made["ref"]
        word = await drone.hear()
        assert word.order is not None
        ref = Order.model_validate_json(word.order.order).patrol
        assert ref is not None
    there = f"/drones/{DRONE}/patrols/{ref.sha256}"
    package = await nobody.get(there, headers=auth(KEY))
    assert hashlib.sha256(package.content).hexdigest() == ref.sha256
    patrol = unpack(package.content, PatrolRef.model_validate(made["ref"]))
    assert [flight.sha256 for flight in patrol.flights] == [
        flight["plan_sha256"] for flight in made["preview"]["planned"]["flights"]
    ]
    assert (await nobody.get(there, headers=auth(OTHER_KEY))).status_code == 403
    other = f"/drones/{OTHER_DRONE}/patrols/{'0' * 64}"
    assert (await nobody.get(other, headers=auth(OTHER_KEY))).status_code == 404


# --- the child that plans ------------------------------------------------------------------------------


async def test_a_planner_that_hangs_is_ended_and_the_next_job_gets_a_new_one(tmp_path: Path) -> None:
    hangs_once = (
        "import json, pathlib, sys, time\n"
        f"mark = pathlib.Path({str(tmp_path / 'mark')!r})\n"
        "for line in sys.stdin:\n"
        "    if not mark.exists():\n"
        "        mark.touch(); time.sleep(60)\n"
        "    print(json.dumps({'refused': 'no', 'hint': ''}), flush=True)\n"
    )
    planner = PatrolPlanner([sys.executable, "-c", hangs_once], timeout_s=1.0)
    said = PatrolDraft.model_validate(draft())
    first = await planner.plan(said)
    assert first.preview.trouble == "planning it took longer than 1 s"
    assert (await planner.plan(said)).preview.trouble == "no"
    await planner.stop()


async def test_one_that_dies_and_more_jobs_than_it_can_take_are_said_and_nothing_is_mixed_up() -> None:
    planner = PatrolPlanner([sys.executable, "-c", "import sys; sys.stdin.readline()"])
    said = PatrolDraft.model_validate(draft())
    outcomes = await asyncio.gather(*(planner.plan(said) for _ in range(9)), return_exceptions=True)
    words = [str(outcome) for outcome in outcomes]
    assert all(isinstance(outcome, PlannerBusyError) for outcome in outcomes)
    assert sum("just now" in word for word in words) == 3
    assert sum("planning failed" in word for word in words) == 6
    await planner.stop()


async def test_a_station_without_a_planner_says_so() -> None:
    with pytest.raises(NotPossibleError, match="plans no patrols"):
        await PatrolPlanner().plan(PatrolDraft.model_validate(draft()))
