"""People work incidents: who did what, when and why, and nobody overwrites anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from uplink.messages import AlertState
from uplink.station.incident_config import EscalationConfig

from .incident_makers import seen
from .incident_station import Clock, IncidentStation, incident_station
from .makers import NOON, OTHER_DRONE, as_json, auth, make_config
from .people import station_with_people

MINUTE_S = 60.0


@pytest_asyncio.fixture
async def station(tmp_path: Path) -> AsyncIterator[IncidentStation]:
    async with incident_station(tmp_path) as found:
        yield found


async def test_an_alert_opens_an_incident_that_tells_what_is_known(station: IncidentStation) -> None:
    await station.put(seen(0, 0, number=1, area_m2=2000.0, probability=0.8))
    incident = await station.only()
    assert (incident["state"], incident["version"]) == ("new", 1)
    assert (incident["certainty"], incident["severity"], incident["probability"]) == ("likely", "severe", 0.8)
    assert (incident["alerts"], incident["drone_ids"]) == (1, ["ember-1"])
    assert incident["confirmed_at"] == "2026-07-01T12:00:00Z"
    assert incident["reported_at"] == "2026-07-01T12:01:00Z", "captured at noon, heard of a minute later"
    assert incident["acknowledge"]["due_at"] == "2026-07-01T12:04:00Z"
    assert incident["dispatch"]["due_at"] == "2026-07-01T12:16:00Z"
    assert incident["position"]["lat_deg"] == pytest.approx(47.05)
    detail = await station.get(incident)
    assert [member["id"] for member in detail["members"]] == [str(UUID(int=1))]
    assert await station.told() == ["incident.opened"]
    assert await station.deeds() == ["incident.opened"]


async def test_alerts_of_two_drones_of_one_fire_are_one_incident(station: IncidentStation) -> None:
    await station.put(seen(0, 0, number=1), seen(40, 0, number=2, drone_id=OTHER_DRONE, label="smoke"))
    incident = await station.only()
    assert (incident["alerts"], incident["drone_ids"], incident["label"]) == (
        2,
        ["ember-1", "ember-2"],
        "fire",
    )
    assert await station.told() == ["incident.opened"], "the second drone is no news to a fire brigade"


async def test_every_step_says_who_when_and_why(station: IncidentStation) -> None:
    await station.put(seen(0, 0, number=1))
    incident = await station.only()
    for step in ("acknowledge", "confirm", "dispatch"):
        station.clock.s += 30
        incident = await station.step(incident, step)
    station.clock.s += 30
    incident = await station.step(incident, "resolve", "out, and cold")
    assert (incident["state"], incident["certainty"]) == ("resolved", "observed")
    assert incident["closed_because"] == "out, and cold"
    assert incident["acknowledge"]["met_at"] == "2026-07-01T12:01:30Z"
    lines = (await station.timeline(incident))["entries"]
    assert [(line["at"][14:19], line["what"], line["who"]) for line in lines if line["kind"] == "step"] == [
        ("01:00", "incident.opened", "station"),
        ("01:30", "incident.acknowledged", "operator"),
        ("02:00", "incident.confirmed", "operator"),
        ("02:30", "incident.dispatched", "operator"),
        ("03:00", "incident.resolved", "operator"),
    ]
    assert [line["reason"] for line in lines if line["kind"] == "step"][-1] == "out, and cold"
    assert "incident.confirmed" in await station.deeds()
    assert await station.told() == [
        "incident.opened",
        "incident.acknowledged",
        "incident.dispatched",
        "incident.resolved",
    ]


async def test_the_second_of_two_pilots_is_told_that_the_first_was_faster(station: IncidentStation) -> None:
    await station.put(seen(0, 0, number=1))
    incident = await station.only()
    await station.step(incident, "acknowledge")
    answer = await station.post(incident, "steps", step="false alarm", reason="a barbecue")
    assert answer.status_code == 409
    assert answer.json()["current"]["state"] == "acknowledged"
    assert (await station.get(incident))["state"] == "acknowledged"
    assert await station.steps(incident) == ["incident.opened", "incident.acknowledged"]


async def test_news_of_the_drones_make_no_ones_version_old(station: IncidentStation) -> None:
    await station.put(seen(0, 0, number=1))
    incident = await station.only()
    await station.put(seen(3, 0, number=1, revision=2), seen(30, 0, number=2))
    assert (await station.step(incident, "acknowledge"))["alerts"] == 2


REFUSED: list[tuple[str | None, dict[str, Any], int]] = [
    (None, {"step": "acknowledge"}, 428),
    ("3", {"step": "acknowledge"}, 422),
    ('"7"', {"step": "acknowledge"}, 409),
    ("", {"step": "resolve"}, 422),
    ("", {"step": "resolve", "reason": "  "}, 422),
    ("", {"step": "explode"}, 422),
    ("", {"step": "reopen", "reason": "was it ever closed?"}, 409),
]


async def test_what_is_refused_changes_nothing(station: IncidentStation) -> None:
    await station.put(seen(0, 0, number=1))
    incident = await station.only()
    for match, body, status in REFUSED:
        assert (await station.post(incident, "steps", match=match, **body)).status_code == status, body
        assert await station.only() == incident
    assert (await station.post(incident, "steps", match="*", step="acknowledge")).status_code == 200


async def test_an_incident_that_nobody_knows_is_not_found(station: IncidentStation) -> None:
    nobody = {"id": str(uuid4()), "version": 1}
    for path in ("", "/alerts", "/timeline"):
        assert (await station.http.get(f"/incidents/{nobody['id']}{path}")).status_code == 404
    assert (await station.post(nobody, "steps", step="acknowledge")).status_code == 404


async def test_lists_choose_by_state_time_place_and_drone_and_go_on_page_by_page(
    station: IncidentStation,
) -> None:
    for number in range(1, 6):
        await station.put(seen(1000.0 * number, 0, number=number, minutes=float(number)))
    await station.put(seen(0, 9000, number=6, minutes=60.0, drone_id=OTHER_DRONE))
    newest = await station.all()
    assert [incident["alert_ids"][0] for incident in newest] == [str(UUID(int=n)) for n in range(6, 0, -1)]
    await station.step(newest[-1], "acknowledge")
    assert len(await station.all(state=["new"])) == 5
    assert len(await station.all(state=["new", "acknowledged"])) == 6
    assert (await station.only(drone_id=OTHER_DRONE))["id"] == newest[0]["id"]
    assert (await station.only(since="2026-07-01T12:30:00Z"))["id"] == newest[0]["id"]
    assert (await station.only(until="2026-07-01T12:01:30Z"))["id"] == newest[-1]["id"]
    east_deg = newest[0]["position"]["lon_deg"]
    assert (await station.only(bbox=f"{east_deg - 0.01},47.1,{east_deg + 0.01},47.2"))["id"] == newest[0][
        "id"
    ]
    pages: list[Any] = []
    while page := await station.all(limit=4, **({"before": pages[-1]["id"]} if pages else {})):
        pages += page
    assert [incident["id"] for incident in pages] == [incident["id"] for incident in newest]
    assert (await station.http.get("/incidents", params={"bbox": "1,50,2,40"})).status_code == 422


async def test_its_alerts_and_its_history_come_page_by_page(station: IncidentStation) -> None:
    await station.put(*(seen(i, 0, number=i, minutes=float(i)) for i in range(1, 6)))
    await station.put(seen(0, 0, number=1, minutes=1.0, revision=3, state=AlertState.LOST))
    incident = await station.only()
    alerts: list[Any] = []
    while page := (
        await station.http.get(
            f"/incidents/{incident['id']}/alerts",
            params={"limit": "2", **({"after": alerts[-1]["id"]} if alerts else {})},
        )
    ).json():
        alerts += page
    assert [alert["id"] for alert in alerts] == incident["alert_ids"]
    whole = await station.timeline(incident)
    assert [
        (line["what"], line["revision"]) for line in whole["entries"] if line["alert_id"] == str(UUID(int=1))
    ] == [("alert.confirmed", 1), ("alert.lost", 3)]
    assert whole["total"] == len(whole["entries"])
    paged = [
        line
        for offset in range(0, whole["total"], 3)
        for line in (await station.timeline(incident, limit=3, offset=offset))["entries"]
    ]
    assert paged == whole["entries"]
    assert any(line["kind"] == "delivery" for line in paged)


async def test_a_bridge_joins_two_incidents_and_the_younger_name_leads_to_the_older(
    station: IncidentStation,
) -> None:
    await station.put(seen(0, 0, number=1), seen(160, 0, number=2, minutes=5))
    younger, older = await station.all()
    younger = await station.step(younger, "dispatch")
    await station.put(seen(80, 0, number=3, minutes=9))
    joined = await station.only()
    assert (joined["id"], joined["aliases"]) == (older["id"], [younger["id"]])
    assert joined["state"] == "dispatched", "what a person did is not lost"
    assert joined["version"] > younger["version"]
    assert (await station.told())[-1] == "incident.merged"
    gone = await station.http.get(f"/incidents/{younger['id']}")
    assert (gone.status_code, gone.json()["incident_id"]) == (410, older["id"])
    assert (await station.post(younger, "steps", step="resolve", reason="out")).status_code == 410
    assert await station.steps(joined) == [
        "incident.opened",
        "incident.opened",
        "incident.dispatched",
        "incident.merged",
    ]


async def test_an_incident_that_gets_an_older_first_alert_keeps_its_state_under_the_new_name(
    station: IncidentStation,
) -> None:
    await station.put(seen(0, 0, number=2, minutes=10))
    known = await station.step(await station.only(), "acknowledge")
    await station.put(seen(0, 0, number=1, drone_id=OTHER_DRONE))  # from a drone that was out of reach
    renamed = await station.only()
    assert (renamed["state"], renamed["aliases"]) == ("acknowledged", [known["id"]])
    assert "incident.acknowledged" in await station.steps(renamed)


async def test_a_place_that_parts_from_its_incident_is_new_and_the_rest_keeps_the_state(
    station: IncidentStation,
) -> None:
    await station.put(seen(0, 0, number=1), seen(20, 0, number=2), seen(40, 0, number=3))
    whole = await station.step(await station.only(), "dispatch")
    await station.put(seen(900, 0, number=1, revision=2))  # the first one, which gives the name, was off
    parted, rest = sorted(await station.all(), key=lambda incident: incident["alerts"])
    assert (rest["alerts"], rest["state"]) == (2, "dispatched")
    assert (parted["id"], parted["state"], parted["related"]) == (whole["id"], "new", rest["id"])
    assert "incident.dispatched" in await station.steps(rest)
    assert parted["version"] > whole["version"], "who still sees the old one cannot act on it unawares"


async def test_a_person_merges_and_undoes_it(station: IncidentStation) -> None:
    await station.put(seen(0, 0, number=1), seen(2000, 0, number=2, minutes=1))
    other, one = await station.all()
    answer = await station.post(one, "merge", incident_ids=[other["id"]], reason="one fire, two flanks")
    assert answer.status_code == 200
    assert (await station.only())["id"] == answer.json()["id"] == one["id"]
    await station.put(seen(2010, 0, number=3, minutes=3))
    merged = await station.only()
    assert merged["alerts"] == 3
    lines = [line for line in (await station.timeline(merged))["entries"] if line["decision_id"]]
    assert [(line["what"], line["who"], line["reason"]) for line in lines] == [
        ("incident.merged", "operator", "one fire, two flanks")
    ]
    answer = await station.post(merged, "undo", decision_id=lines[0]["decision_id"], reason="two fires")
    assert answer.status_code == 200
    assert [(incident["id"], incident["alerts"]) for incident in await station.all()] == [
        (other["id"], 2),
        (one["id"], 1),
    ]
    again = await station.post(answer.json(), "undo", decision_id=lines[0]["decision_id"], reason="again")
    assert again.status_code == 409
    assert "incident.split" in await station.deeds()


async def test_a_person_splits_and_later_alerts_join_the_half_they_fit_best(station: IncidentStation) -> None:
    await station.put(*(seen(50.0 * i, 0, number=i + 1, minutes=i) for i in range(4)))
    whole = await station.step(await station.only(), "acknowledge")
    leaving = [str(UUID(int=3)), str(UUID(int=4))]
    answer = await station.post(whole, "split", alert_ids=leaving, reason="two houses")
    assert answer.status_code == 200
    stays, leaves = answer.json()["stays"], answer.json()["leaves"]
    assert (stays["id"], stays["alerts"], leaves["alert_ids"]) == (whole["id"], 2, leaving)
    assert (stays["state"], leaves["state"]) == ("acknowledged", "acknowledged"), (
        "a person has looked at both"
    )
    assert "incident.acknowledged" in await station.steps(leaves)
    # Between the halves, and near both: it does not join them again.
    await station.put(seen(70, 0, number=5, minutes=6), seen(90, 0, number=6, minutes=6))
    by_id = {incident["id"]: incident["alerts"] for incident in await station.all()}
    assert by_id == {stays["id"]: 3, leaves["id"]: 3}
    back = await station.post(stays, "merge", incident_ids=[leaves["id"]], reason="one house after all")
    assert back.status_code == 200
    assert (await station.only())["alerts"] == 6


async def test_a_split_that_makes_no_sense_is_refused(station: IncidentStation) -> None:
    await station.put(seen(0, 0, number=1), seen(0, 0, number=2), seen(5000, 0, number=3))
    incident = next(one for one in await station.all() if one["alerts"] == 2)
    for numbers in ((1, 2), (3,), (9,)):
        ids = [str(UUID(int=number)) for number in numbers]
        assert (await station.post(incident, "split", alert_ids=ids, reason="?")).status_code == 409
    assert (
        await station.post(incident, "merge", incident_ids=[incident["id"]], reason="?")
    ).status_code == 409


async def test_a_fire_where_one_was_put_out_long_before_is_a_new_incident(station: IncidentStation) -> None:
    await station.put(seen(0, 0, number=1))
    old = await station.step(await station.only(), "resolve", "out")
    station.clock.s += 10 * MINUTE_S
    await station.put(seen(10, 0, number=2, minutes=12))
    assert (await station.get(old))["alerts"] == 2, "the last smoke of it"
    station.clock.s += 40 * MINUTE_S
    await station.put(seen(5, 0, number=3, minutes=50))
    again, before = await station.all()
    assert (again["state"], again["related"], again["alerts"]) == ("new", old["id"], 1)
    assert (before["id"], before["state"], before["alerts"]) == (old["id"], "resolved", 2)


async def test_what_was_captured_before_it_was_closed_belongs_to_it_however_late_it_comes(
    station: IncidentStation,
) -> None:
    await station.put(seen(0, 0, number=1))
    station.clock.s += 60 * MINUTE_S
    old = await station.step(await station.only(), "false alarm", "the baker's chimney")
    station.clock.s += 300 * MINUTE_S
    await station.put(seen(10, 0, number=2, minutes=20, drone_id=OTHER_DRONE))
    assert (await station.only())["alerts"] == 2
    assert (await station.get(old))["state"] == "false alarm"


async def test_who_reopens_an_incident_has_it_take_in_what_burns_there_now(station: IncidentStation) -> None:
    await station.put(seen(0, 0, number=1))
    old = await station.step(await station.only(), "resolve", "out")
    station.clock.s += 60 * MINUTE_S
    await station.put(seen(5, 0, number=2, minutes=60))
    assert len(await station.all()) == 2
    await station.step(old, "reopen", "it was never out")
    reopened = await station.only()
    assert (reopened["id"], reopened["state"], reopened["alerts"]) == (old["id"], "acknowledged", 2)


async def test_people_who_are_late_are_told_level_by_level(tmp_path: Path) -> None:
    config = make_config(tmp_path, webhook_urls=("http://127.0.0.1:9/hook",)).model_copy(
        update={
            "escalation": [
                EscalationConfig(name="team", after_s=0),
                EscalationConfig(name="city", after_s=600),
            ]
        }
    )
    async with incident_station(tmp_path, config) as station:
        await station.put(seen(0, 0, number=1))
        await station.after(179)
        assert "incident.escalated" not in await station.told()
        await station.after(1)
        incident = await station.only()
        assert (incident["level"], incident["acknowledge"]["level"]) == ("team", "team")
        await station.after(1)
        assert incident["acknowledge"]["missed"] is False, "it was due this very second"
        assert (await station.only())["acknowledge"]["missed"] is True
        await station.after(600)
        incident = await station.only()
        assert incident["level"] == "city"
        assert (await station.told()).count("incident.escalated") == 2
        await station.step(incident, "dispatch")
        await station.after(100_000)
        assert (await station.told()).count("incident.escalated") == 2
        assert "incident.escalated" in await station.steps(incident)


async def test_a_station_that_was_down_escalates_once(tmp_path: Path) -> None:
    clock = Clock()
    async with incident_station(tmp_path, clock=clock) as station:
        await station.put(seen(0, 0, number=1))
    clock.s += 86_400
    for _ in range(2):
        async with incident_station(tmp_path, clock=clock) as station:
            await station.after(1)
            await station.after(1)
            assert (await station.only())["level"] == "city"
            assert (await station.told()).count("incident.escalated") == 1


async def test_nobody_has_to_hurry_to_what_the_drone_took_back(station: IncidentStation) -> None:
    await station.put(seen(0, 0, number=1), seen(0, 0, number=1, revision=2, state=AlertState.WITHDRAWN))
    await station.after(86_400)
    assert (await station.only())["evidence"] == "withdrawn"
    assert "incident.escalated" not in await station.told()


async def test_a_station_that_starts_anew_goes_on_where_it_was(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        await station.put(seen(0, 0, number=1))
        before = await station.step(await station.only(), "acknowledge")
    async with incident_station(tmp_path) as station:
        assert await station.only() == before
        await station.put(seen(20, 0, number=2))
        assert (await station.only())["alerts"] == 2


async def test_pages_get_what_is_open_and_hear_of_each_change(station: IncidentStation) -> None:
    page = station.services.live.join()
    await station.put(seen(0, 0, number=1))
    incident = await station.step(await station.only(), "acknowledge")
    snapshot = (await station.http.get("/snapshot")).json()
    assert snapshot["incidents"] == [incident]
    assert await page.news() is None  # the snapshot first
    await station.put(seen(20, 0, number=2))
    await station.after(1)
    news = await page.news()
    assert news is not None
    assert '"type":"incident"' in news
    assert '"alerts":2' in news
    await station.step(await station.only(), "resolve", "out")
    assert (await station.http.get("/snapshot")).json()["incidents"] == []


STRANGE: list[dict[str, Any]] = [
    {"covariance_m2": (1e308, 1e308, 1e308)},
    {"covariance_m2": (-1.0, 5.0, 0.0)},
    {
        "covariance_m2": None,
        "ellipse": {"semi_major_m": 1e308, "semi_minor_m": 1e-308, "orientation_deg": 0},
    },
    {"position": {"lat_deg": 90.0, "lon_deg": 180.0}},
    {"position": {"lat_deg": -90.0, "lon_deg": -180.0}},
    {"area_m2": 1e308, "growth_m2_per_min": -1e308},
    {"confirmed_at": "0001-01-01T00:00:00+14:00", "first_seen_at": "0001-01-01T00:00:00+14:00"},
    {"last_seen_at": "9999-12-31T23:59:59-12:00"},
    {"first_seen_at": "9999-12-31T23:59:59Z", "last_seen_at": "0001-01-01T00:00:00Z"},
    {"position": None, "observer": {"lat_deg": 90.0, "lon_deg": 0.0}, "bearing_deg": 0.0},
]


async def test_whatever_numbers_a_drone_says_there_is_an_incident(station: IncidentStation) -> None:
    for number, said in enumerate(STRANGE, 1):
        near = seen(0, 0, number=2 * number)
        await station.put(near, seen(0, 0, number=2 * number + 1, drone_id=OTHER_DRONE, **said))
        await station.after(1)
        incidents = await station.all()
        assert sum(incident["alerts"] for incident in incidents) == 2 * number
        for incident in incidents:
            assert len((await station.timeline(incident))["entries"]) >= 2
            assert (await station.get(incident))["members"]


async def test_a_viewer_looks_and_a_pilot_works(tmp_path: Path) -> None:
    async with station_with_people(tmp_path) as manned:
        nobody, vera, pia = await manned.nobody(), await manned.person("Vera"), await manned.person("Pia")
        alert = seen(0, 0, number=1)
        await nobody.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
        [incident] = (await vera.get("/incidents")).json()
        path = f"/incidents/{incident['id']}"
        for unknown in ("", path, f"{path}/alerts", f"{path}/timeline", "/suppressed"):
            assert (await nobody.get(unknown or "/incidents")).status_code == 401
        bodies: dict[str, dict[str, Any]] = {
            "steps": {"step": "acknowledge"},
            "merge": {"incident_ids": [incident["id"]], "reason": "?"},
            "split": {"alert_ids": [str(alert.id)], "reason": "?"},
            "undo": {"decision_id": incident["id"], "reason": "?"},
        }
        for verb, body in bodies.items():
            for http, status in ((nobody, 401), (vera, 403)):
                answer = await http.post(f"{path}/{verb}", json=body, headers={"If-Match": "*"})
                assert answer.status_code == status
        assert (await vera.get("/incidents")).json() == [incident]
        answer = await pia.post(f"{path}/steps", json=bodies["steps"], headers={"If-Match": "*"})
        assert answer.json()["acknowledge"]["by"] == "Pia"


async def test_alerts_from_before_there_were_incidents_get_theirs_and_nobody_is_called(
    tmp_path: Path,
) -> None:
    async with incident_station(tmp_path) as station:
        await station.put(seen(0, 0, number=1), seen(20, 0, number=2), seen(5000, 0, number=3))
        before = await station.all()
        await station.services.store.alerts._database.run(_forget_incidents)
    clock = Clock(NOON.timestamp() + 100 * 86_400)
    async with incident_station(tmp_path, clock=clock) as station:
        await station.services.incidents.begin()
        assert [one["id"] for one in await station.all()] == [one["id"] for one in before]
        await station.after(100_000)
        assert "incident.escalated" not in await station.told()
        assert (await station.told()).count("incident.opened") == 2, "of the first time"


def _forget_incidents(db: Any) -> None:
    db.execute("update alerts set footprint_id = null")
    for table in ("footprints", "reaches", "incidents", "incident_steps"):
        db.execute(f"delete from {table}")  # noqa: S608
