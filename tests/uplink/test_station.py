"""What the station takes, refuses, keeps and shows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import uuid6
from pydantic import ValidationError

from uplink.errors import StationError
from uplink.messages import Alert, AlertState
from uplink.station.app import create_app
from uplink.station.config import StationConfig
from uplink.station.server import listen, running, serve
from uplink.station.store.store import Store

from .drone import tell
from .makers import (
    HOME,
    KEY,
    OTHER_DRONE,
    OTHER_KEY,
    as_json,
    auth,
    make_alert,
    make_config,
    make_jpeg,
    make_patrol,
    make_picture,
    make_state,
    sha256_of,
    write_secret,
)


async def _put_alert(http: httpx.AsyncClient, alert: Alert, key: str = KEY) -> httpx.Response:
    return await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth(key))


async def test_what_drones_say_is_in_the_snapshot(station: httpx.AsyncClient) -> None:
    alert, state, patrol = make_alert(), make_state(), make_patrol()
    assert await tell(station, state) == []
    assert (
        await station.put("/drones/ember-1/patrol", json=as_json(patrol), headers=auth())
    ).status_code == 204
    receipt = await _put_alert(station, alert)
    assert receipt.json() == {"id": str(alert.id), "revision": 1}

    snapshot = (await station.get("/snapshot")).json()
    (stored,) = snapshot["alerts"]
    assert stored.pop("received_at").endswith("Z")
    assert stored.pop("suppressed_by") is None
    assert stored == as_json(alert)
    assert snapshot["drones"] == [as_json(state)]
    assert snapshot["patrols"] == [as_json(patrol)]
    assert snapshot["tracks"] == {"ember-1": [[HOME.lon_deg, HOME.lat_deg]]}
    assert (await station.get("/drones")).json() == [as_json(state)]


@pytest.mark.parametrize("seed", range(3))
async def test_revisions_in_any_order_end_in_the_same_alert(station: httpx.AsyncClient, seed: int) -> None:
    alert_id = uuid6.uuid7()
    revisions = [make_alert(alert_id, number, minutes=number) for number in range(1, 7)]
    revisions.append(make_alert(alert_id, 7, state=AlertState.LOST))
    shuffled = revisions * 2
    random.Random(seed).shuffle(shuffled)
    highest = 0
    for alert in shuffled:
        highest = max(highest, alert.revision)
        assert (await _put_alert(station, alert)).json()["revision"] == highest
    stored = (await station.get(f"/alerts/{alert_id}")).json()
    for ours in ("received_at", "suppressed_by"):
        stored.pop(ours)
    assert stored == as_json(revisions[-1])
    assert len((await station.get("/alerts")).json()) == 1


async def test_a_page_of_alerts_goes_on_where_the_last_one_ended(station: httpx.AsyncClient) -> None:
    alerts = [make_alert(minutes=minute) for minute in range(7)]
    for alert in random.Random(0).sample(alerts, len(alerts)):
        await _put_alert(station, alert)
    seen: list[str] = []
    before: dict[str, str] = {}
    while page := (await station.get("/alerts", params={"limit": "3", **before})).json():
        seen += [alert["id"] for alert in page]
        before = {"before": seen[-1]}
    assert seen == [str(alert.id) for alert in reversed(alerts)], "by capture time, the newest first"
    assert (await station.get("/alerts", params={"before": str(uuid4())})).status_code == 404


@pytest.mark.parametrize("headers", [{}, auth("w" * 32), {"Authorization": f"Basic {KEY}"}, auth(KEY[:-1])])
async def test_without_a_known_key_nothing_is_written(
    station: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    picture, alert = make_picture(), make_alert()
    for request in (
        station.put("/drones/ember-1/patrol", json=as_json(make_patrol()), headers=headers),
        station.put(f"/alerts/{alert.id}", json=as_json(alert), headers=headers),
        station.put(f"/media/{sha256_of(picture)}", content=picture, headers=headers),
    ):
        answer = await request
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert (await station.get(f"/media/{sha256_of(picture)}")).status_code == 404
    snapshot = (await station.get("/snapshot")).json()
    assert set(snapshot) > {"drones", "patrols", "alerts", "crossings", "tracks"}
    assert not any(value for name, value in snapshot.items() if name != "now")


async def test_the_key_of_another_drone_is_refused(station: httpx.AsyncClient) -> None:
    patrol = as_json(make_patrol())
    answer = await station.put("/drones/ember-1/patrol", json=patrol, headers=auth(OTHER_KEY))
    assert answer.status_code == 403
    assert (await _put_alert(station, make_alert(), OTHER_KEY)).status_code == 403


async def test_no_drone_can_take_over_the_alert_of_another(station: httpx.AsyncClient) -> None:
    alert = make_alert()
    await _put_alert(station, alert)
    theirs = make_alert(alert.id, 9, drone_id=OTHER_DRONE)
    assert (await _put_alert(station, theirs, OTHER_KEY)).status_code == 409
    assert (await station.get(f"/alerts/{alert.id}")).json()["drone_id"] == alert.drone_id


async def test_path_and_body_have_to_name_the_same_thing(station: httpx.AsyncClient) -> None:
    answer = await station.put(f"/alerts/{uuid4()}", json=as_json(make_alert()), headers=auth())
    assert answer.status_code == 422
    patrol = as_json(make_patrol(drone_id=OTHER_DRONE))
    answer = await station.put("/drones/ember-1/patrol", json=patrol, headers=auth())
    assert answer.status_code == 422


async def test_a_body_that_is_not_the_message_is_refused_with_the_place(station: httpx.AsyncClient) -> None:
    alert = make_alert()
    answer = await station.put(
        f"/alerts/{alert.id}", json={**as_json(alert), "probabilty": 1}, headers=auth()
    )
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "probabilty"]


async def test_numbers_that_json_does_not_have_are_refused(station: httpx.AsyncClient) -> None:
    alert = make_alert()
    body = {**as_json(alert), "covariance_m2": [float("nan"), 0.0, float("inf")]}
    answer = await station.put(
        f"/alerts/{alert.id}",
        content=json.dumps(body),
        headers={**auth(), "Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert (await station.get("/snapshot")).json()["alerts"] == []


async def test_a_picture_that_a_crash_left_without_its_row_is_sent_again(tmp_path: Path) -> None:
    picture = make_picture()
    store = Store(tmp_path)
    leftover = tmp_path / "media" / sha256_of(picture)[:2] / f"{sha256_of(picture)}.jpg"
    leftover.write_bytes(b"half")
    assert await store.media.find(sha256_of(picture)) is None
    await store.media.put(sha256_of(picture), picture, drone_id="ember-1", now_s=0.0)
    found = await store.media.find(sha256_of(picture))
    assert found is not None
    assert found.read_bytes() == picture
    store.close()


async def test_pictures_that_are_none_are_refused(station: httpx.AsyncClient) -> None:
    picture, page = make_picture(), b"<html>hello</html>"

    async def status(sha256: str, content: bytes) -> int:
        return (await station.put(f"/media/{sha256}", content=content, headers=auth())).status_code

    assert await status(sha256_of(page), page) == 415
    assert await status("0" * 64, picture) == 422
    assert await status(sha256_of(picture).upper(), picture) == 422
    assert await status("..%2f..%2fetc%2fpasswd", picture) in (404, 405, 422)


async def test_a_body_is_bounded_whatever_it_announces(served: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"[" * 65536

    oversized = make_picture(size=5 * 1024 * 1024 + 1)
    headers = {**auth(), "Content-Type": "application/json"}
    for url, content in (
        (f"/media/{sha256_of(oversized)}", oversized),
        ("/drones/ember-1/patrol", b"[" * 300_000),
    ):
        answer = await served.put(url, content=content, headers=headers)
        assert answer.status_code == 413
    for url in (f"/media/{'0' * 64}", "/drones/ember-1/patrol"):
        # Cut off while it still sends, it may or may not get to read why.
        with contextlib.suppress(httpx.WriteError, httpx.ReadError):
            async with asyncio.timeout(10):
                answer = await served.put(url, content=endless(), headers=headers)
            assert answer.status_code == 413
    assert (await served.get("/snapshot")).json()["patrols"] == []


async def test_the_track_is_thinned(station: httpx.AsyncClient) -> None:
    for metres in (0.0, 1.0, 1.9, 2.5, 3.0, 10.0):
        await tell(station, make_state(lat_deg=HOME.lat_deg + metres / 111_195))
    track = (await station.get("/snapshot")).json()["tracks"]["ember-1"]
    assert [round((lat - HOME.lat_deg) * 111_195, 1) for _, lat in track] == [0.0, 2.5, 10.0]


async def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    picture = make_jpeg()
    snapshots = []
    for start in range(2):
        async with (
            running(config) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
        ):
            if start == 0:
                await _put_alert(http, make_alert(pictures=(picture,)))
                await http.put(f"/media/{sha256_of(picture)}", content=picture, headers=auth())
                await http.put("/drones/ember-1/patrol", json=as_json(make_patrol()), headers=auth())
                for step in range(3):
                    await tell(http, make_state(lat_deg=HOME.lat_deg + step * 0.001))
            snapshot = (await http.get("/snapshot")).json()
            assert snapshot.pop("now").endswith("Z")
            snapshots.append(snapshot)
            assert (await http.get(f"/media/{sha256_of(picture)}/original")).content == picture
    assert snapshots[0] == snapshots[1]
    assert len(snapshots[1]["tracks"]["ember-1"]) == 3


async def test_a_web_site_cannot_reach_a_station_on_loopback(station: httpx.AsyncClient) -> None:
    answer = await station.get("/snapshot", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert (await station.get("/snapshot")).headers.get("access-control-allow-origin") is None


async def test_the_page_is_served_when_it_is_built_and_explained_when_not(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    for built in (False, True):
        page = tmp_path / "dist"
        if built:
            page.mkdir()
            (page / "index.html").write_text("<p>the map")
        app = create_app(config, page_dir=page)
        async with running(config, app) as url, httpx.AsyncClient(trust_env=False) as http:
            text = (await http.get(url)).text
            assert ("the map" in text) is built
            assert ("pip install" in text) is not built
            assert (await http.get(f"{url}/api/v1/drones")).json() == []


async def test_the_log_tells_of_each_new_alert_once(
    station: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "uplink.station.routes.alerts")
    alert = make_alert()
    for one in (alert, alert, make_alert(alert.id, 2)):
        assert (await _put_alert(station, one)).is_success
    said = [record.getMessage() for record in caplog.records if record.name.endswith("routes.alerts")]
    assert said == [f"new alert of ember-1: fire, 0.90, -35.36326, 149.16524 ({alert.id})"]


async def test_a_busy_port_is_one_clear_line(tmp_path: Path) -> None:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with pytest.raises(StationError, match=f"port {port} on 127.0.0.1 is in use") as caught:
        await serve(make_config(tmp_path, port=port))
    assert caught.value.hint
    assert not (tmp_path / "station").exists(), "nothing was begun"
    listener.close()


def test_a_foreign_address_is_one_clear_line() -> None:
    with pytest.raises(StationError, match=r"cannot listen on 192\.0\.2\.1"):
        listen("192.0.2.1", 0)


def test_keys_that_cannot_be_used_stop_the_start(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    (tmp_path / "ember-1.key").unlink()
    with pytest.raises(StationError, match=r"key file of drone ember-1 does not exist: .*ember-1\.key"):
        create_app(config)
    write_secret(tmp_path / "ember-1.key", "short")
    with pytest.raises(StationError, match="no usable key") as caught:
        create_app(config)
    assert "short" not in str(caught.value)
    write_secret(tmp_path / "ember-1.key", OTHER_KEY)
    with pytest.raises(StationError, match="ember-1 and ember-2 have the same key"):
        create_app(config)


async def test_two_stations_do_not_share_a_data_folder(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    async with running(config):
        with pytest.raises(StationError, match="another station uses the data folder"):
            create_app(config)
    async with running(config):
        pass


def test_a_broken_database_is_one_clear_line(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    config.data_dir.mkdir()
    (config.data_dir / "station.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(StationError, match="corrupt"):
        create_app(config)


def test_config_refuses_typing_errors_and_doubles(tmp_path: Path) -> None:
    whole = make_config(tmp_path).model_dump()
    with pytest.raises(ValidationError, match="prot"):
        StationConfig.model_validate({**whole, "prot": 1})
    with pytest.raises(ValidationError, match="drone ember-1 is listed twice"):
        StationConfig.model_validate({**whole, "drones": whole["drones"][:1] * 2})


def test_every_config_field_is_described() -> None:
    schema = StationConfig.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, field in model["properties"].items():
            assert field.get("description"), f"{model['title']}.{name}"
