"""Looking after webhooks: who may, what it shows, that it is on record; by the interface and by the shell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import pytest_asyncio
from pydantic import ValidationError
from typer.testing import CliRunner

from edge.cli import app
from flight.errors import EmberwatchError
from uplink.station.config import StationConfig
from uplink.station.webhooks.answers import ReplayRequest

from .makers import NOON, SECRET, as_json, auth, eventually, make_alert, make_config, write_secret
from .people import Station, station_with_people
from .receiver import Receiver, receiving

OF_AN_ADMIN = [
    ("GET", "/webhooks", None),
    ("POST", "/webhooks/incidents/test", None),
    ("POST", "/webhooks/incidents/enable", None),
    ("POST", "/webhooks/incidents/replay", {"since": "2026-07-01T00:00:00Z"}),
]


@dataclass(slots=True)
class Place:
    station: Station
    receiver: Receiver

    async def put_alert(self) -> str:
        alert = make_alert()
        http = await self.station.nobody()
        answer = await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
        assert answer.status_code == 200, answer.text
        return f"msg_{alert.id}_1"

    async def deeds(self) -> list[tuple[str, str, str]]:
        entries = await self.station.services.store.audit.newest(500)
        found = [(one.who, one.what, one.about) for one in reversed(entries)]
        return [deed for deed in found if deed[1].startswith("webhook.")]


def config_with(folder: Path, url: str, **more: Any) -> StationConfig:
    webhook = {
        "url": url,
        "name": "incidents",
        "secret_file": write_secret(folder / "webhook.secret", SECRET),
        "allow_private": True,
        "events": ["alert.*"],
        **more,
    }
    return StationConfig.model_validate(make_config(folder).model_dump() | {"webhooks": [webhook]})


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with receiving() as receiver:
        config = config_with(tmp_path, receiver.url).model_copy(update={"sign_in": True})
        async with station_with_people(tmp_path, config=config) as station:
            yield Place(station, receiver)


# --- the interface ------------------------------------------------------------------------------------


async def test_only_an_admin_looks_after_webhooks(place: Place) -> None:
    for method, path, body in OF_AN_ADMIN:
        nobody = await place.station.nobody()
        assert (await nobody.request(method, path, json=body)).status_code in (401, 403), path
        for name in ("Vera", "Pia"):
            http = await place.station.person(name)
            assert (await http.request(method, path, json=body)).status_code == 403, (name, path)
    assert place.receiver.received == []
    assert await place.deeds() == []
    ada = await place.station.person("Ada")
    for method, path, body in OF_AN_ADMIN:
        assert (await ada.request(method, path, json=body)).status_code == 200, path


async def test_a_viewer_sees_how_deliveries_fare(place: Place) -> None:
    vera = await place.station.person("Vera")
    event_id = await place.put_alert()

    async def delivered() -> bool:
        rows = (await vera.get("/deliveries", params={"state": "delivered"})).json()
        return [row["event_id"] for row in rows] == [event_id]

    await eventually(delivered)
    (row,) = (await vera.get("/deliveries")).json()
    (attempt,) = (await vera.get(f"/deliveries/{row['id']}/attempts")).json()
    assert (attempt["status"], attempt["error"]) == (200, None)
    assert (await vera.get("/deliveries/9999/attempts")).status_code == 404
    for wrong in ({"state": "dead"}, {"endpoint": "another"}, {"subject_id": str(make_alert().id)}):
        assert (await vera.get("/deliveries", params=wrong)).json() == []
    for right in ({"endpoint": "incidents"}, {"subject_id": row["subject_id"]}):
        assert (await vera.get("/deliveries", params=right)).json() == [row]


async def test_the_test_button_tells_what_came_of_it(place: Place) -> None:
    ada = await place.station.person("Ada")
    answer = (await ada.post("/webhooks/incidents/test")).json()
    assert (answer["state"], answer["last_status"], answer["type"]) == ("delivered", 200, "test.ping")
    place.receiver.statuses = [500]
    answer = (await ada.post("/webhooks/incidents/test")).json()
    assert (answer["state"], answer["last_error"]) == ("dead", "HTTP 500")
    assert await place.deeds() == [("Ada", "webhook.tested", "incidents")] * 2


async def test_an_endpoint_that_said_it_is_gone_is_enabled_and_gets_what_it_missed(place: Place) -> None:
    ada = await place.station.person("Ada")
    place.receiver.statuses = [410, 200]
    await place.put_alert()

    async def disabled() -> bool:
        (state,) = (await ada.get("/webhooks")).json()
        return state["disabled_at"] is not None

    await eventually(disabled)
    await place.put_alert()
    (state,) = (await ada.get("/webhooks")).json()
    assert (state["dead"], state["waiting"]) == (2, 0)
    assert state["disabled_because"] == "it answered that it is gone (410)"
    replay = {"since": "2020-01-01T00:00:00Z"}
    assert (await ada.post("/webhooks/incidents/replay", json=replay)).status_code == 409
    state = (await ada.post("/webhooks/incidents/enable")).json()
    assert state["disabled_at"] is None
    assert (await ada.post("/webhooks/incidents/replay", json=replay)).json() == {"deliveries": 2}

    async def delivered() -> bool:
        return [row["state"] for row in (await ada.get("/deliveries")).json()] == ["delivered"] * 2

    await eventually(delivered)
    assert await place.deeds() == [
        ("station", "webhook.disabled", "incidents"),
        ("Ada", "webhook.enabled", "incidents"),
        ("Ada", "webhook.replayed", "incidents"),
    ]


async def test_what_is_shown_holds_no_secret(place: Place) -> None:
    ada = await place.station.person("Ada")
    await place.put_alert()
    await eventually(lambda: len(place.receiver.received) == 1)
    shown = [(await ada.get(path)).text for path in ("/webhooks", "/deliveries", "/deliveries/1/attempts")]
    for text in shown:
        assert "token-in-path" not in text
        assert SECRET.removeprefix("whsec_")[:12] not in text
    state = json.loads(shown[0])[0]
    assert (state["id"], state["events"], state["has_area"]) == ("incidents", ["alert.*"], False)
    assert state["url_host"] in place.receiver.url


async def test_an_endpoint_that_there_is_not_is_not_found(place: Place) -> None:
    ada = await place.station.person("Ada")
    for verb in ("test", "enable"):
        assert (await ada.post(f"/webhooks/another/{verb}")).status_code == 404
    body = {"event_id": "msg_1"}
    assert (await ada.post("/webhooks/another/replay", json=body)).status_code == 404


async def test_the_schema_is_published_to_everybody(place: Place) -> None:
    http = await place.station.nobody()
    answer = await http.get("/webhooks/schema")
    assert answer.status_code == 200
    ada = await place.station.person("Ada")
    await place.put_alert()
    await ada.post("/webhooks/incidents/test")
    await eventually(lambda: len(place.receiver.received) == 2)
    validator = jsonschema_rs.validator_for(answer.json(), validate_formats=True)
    for received in place.receiver.received:
        validator.validate(json.loads(received.body))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"event_id": "msg_1", "since": NOON},
        {"event_id": "msg_1", "delivered_too": True},
        {"event_id": "msg_1", "until": NOON},
        {"until": NOON},
    ],
)
def test_a_replay_is_of_one_event_or_of_a_time(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReplayRequest.model_validate(given)


# --- the shell ----------------------------------------------------------------------------------------

FILE = """\
[station]
data_dir = "station"
[[station.drones]]
id = "ember-1"
key_file = "ember-1.key"
[[station.webhooks]]
name = "incidents"
url = "{url}"
secret_file = "webhook.secret"
allow_private = true
events = ["alert.*"]
"""


def shell(folder: Path, *words: str) -> str:
    """What the verb says; raises what it would print as one line."""
    done = CliRunner().invoke(app, ["station", "webhook", *words, "-c", str(folder / "station.toml")])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def config_file(folder: Path, url: str) -> None:
    config_with(folder, url)
    (folder / "station.toml").write_text(FILE.format(url=url))


async def test_a_test_from_the_shell_beside_a_running_station(tmp_path: Path) -> None:
    async with receiving() as receiver:
        config_file(tmp_path, receiver.url)
        config = config_with(tmp_path, receiver.url)
        async with station_with_people(tmp_path, config=config) as station:
            said = await asyncio.to_thread(shell, tmp_path, "test", "incidents")
            assert said.startswith("incidents took the test: HTTP 200 after ")
            (row,) = (await (await station.nobody()).get("/deliveries")).json()
            assert (row["type"], row["state"]) == ("test.ping", "delivered")
            (deed, *_) = await station.services.store.audit.newest(1)
            assert deed.what == "webhook.tested"
            assert deed.who.startswith("shell ")
    (received,) = receiver.received
    assert json.loads(received.body)["type"] == "test.ping"


async def test_what_is_enabled_and_replayed_from_the_shell_is_sent_by_the_running_station(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uplink.station.webhooks.dispatcher.LOOK_EVERY_S", 0.05)
    async with receiving(410, 200) as receiver:
        config_file(tmp_path, receiver.url)
        config = config_with(tmp_path, receiver.url)
        async with station_with_people(tmp_path, config=config) as station:
            place = Place(station, receiver)
            event_id = await place.put_alert()
            http = await station.nobody()

            async def is_so(state: str) -> bool:
                rows: list[dict[str, Any]] = (await http.get("/deliveries")).json()
                return [row["state"] for row in rows] == [state]

            await eventually(lambda: is_so("dead"))
            with pytest.raises(EmberwatchError, match="incidents is disabled"):
                await asyncio.to_thread(shell, tmp_path, "replay", "incidents", "--event", event_id)
            listed = await asyncio.to_thread(shell, tmp_path, "list")
            assert "\t0 waiting\t1 given up\tdisabled " in listed
            assert "token-in-path" not in listed
            assert await asyncio.to_thread(shell, tmp_path, "enable", "incidents") == "incidents is enabled\n"
            said = await asyncio.to_thread(shell, tmp_path, "replay", "incidents", "--since", "2020-01-01")
            assert said == "1 event is sent again\n"
            await eventually(lambda: is_so("delivered"))
    assert [received.headers["webhook-id"] for received in receiver.received] == [event_id] * 2


def test_without_a_station_the_shell_works_as_well(tmp_path: Path) -> None:
    config_file(tmp_path, "http://127.0.0.1:9/")
    assert "\tnothing delivered yet\n" in shell(tmp_path, "list")
    assert shell(tmp_path, "enable", "incidents") == "incidents was not disabled\n"
    with pytest.raises(EmberwatchError, match="did not take the test: no connection"):
        shell(tmp_path, "test", "incidents")
    assert "\tfails: no connection\n" in shell(tmp_path, "list")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["test", "another"], "no webhook is called another. See: emberwatch station webhook list"),
        (["enable", "another"], "no webhook is called another"),
        (["replay", "incidents"], "what is to be sent again?"),
        (["replay", "incidents", "--event", "msg_1", "--since", "2026-07-01"], "what is to be sent again?"),
        (["replay", "incidents", "--event", "msg_1", "--delivered"], "go with --since"),
        (["replay", "incidents", "--since", "yesterday"], "--since is no time: yesterday"),
    ],
)
def test_a_mistake_at_the_shell_is_explained(tmp_path: Path, words: list[str], says: str) -> None:
    config_file(tmp_path, "http://127.0.0.1:9/")
    with pytest.raises(EmberwatchError) as caught:
        shell(tmp_path, *words)
    assert says in str(caught.value)


async def test_two_endpoints_of_one_name_are_refused(tmp_path: Path) -> None:
    webhooks = [
        {"url": f"https://{host}.example/", "name": "incidents", "secret_file": tmp_path / "webhook.secret"}
        for host in ("a", "b")
    ]
    with pytest.raises(ValidationError, match="webhook incidents is listed twice"):
        StationConfig.model_validate(make_config(tmp_path).model_dump() | {"webhooks": webhooks})
