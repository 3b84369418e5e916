"""Other systems hear of every alert: signed, once in effect, whatever kind of receiver they are."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook
from websockets.asyncio.client import connect

from uplink.errors import StationError
from uplink.messages import AlertState
from uplink.station.app import create_app
from uplink.station.config import StationConfig
from uplink.station.events import WebhookEvent, event_type
from uplink.station.incident import Incident
from uplink.station.server import running
from uplink.station.webhooks.dispatcher import LEASE_S
from uplink.station.webhooks.endpoints import load_endpoints
from uplink.station.webhooks.schedule import WAITS_S

from .listener import Listener
from .makers import (
    SECRET,
    as_json,
    auth,
    eventually,
    make_alert,
    make_config,
    write_secret,
)
from .receiver import Received, receiving
from .webhook_bench import webhook_bench


def _config(folder: Path, *urls: str) -> StationConfig:
    """A station that tells of alerts; of its incidents other tests tell."""
    config = make_config(folder, webhook_urls=urls)
    webhooks = [webhook.model_copy(update={"events": ["alert.*"]}) for webhook in config.webhooks]
    return config.model_copy(update={"webhooks": webhooks})


def _verified(received: Received) -> Any:
    return Webhook(SECRET).verify(received.body, received.headers)


async def test_an_alert_put_at_the_station_reaches_the_receiver_signed(tmp_path: Path) -> None:
    alert = make_alert()
    async with receiving() as receiver:
        config = _config(tmp_path, receiver.url)
        async with (
            running(config) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
        ):
            for _ in range(3):
                await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())

            async def delivered() -> bool:
                return [row["state"] for row in (await http.get("/deliveries")).json()] == ["delivered"]

            await eventually(delivered)
            (row,) = (await http.get("/deliveries")).json()
    (received,) = receiver.received
    event = WebhookEvent.model_validate(_verified(received))
    assert (event.type, event.data) == ("alert.confirmed", alert)
    assert received.headers["webhook-id"] == f"msg_{alert.id}_1" == row["event_id"]
    assert row["url_host"] in receiver.url
    assert (row["attempts"], row["last_status"]) == (1, 200)
    shown = json.dumps(row)
    assert "token-in-path" not in shown
    assert "whsec_" not in shown


async def test_open_pages_hear_how_a_delivery_fares(tmp_path: Path) -> None:
    alert = make_alert()
    async with receiving() as receiver:
        config = _config(tmp_path, receiver.url)
        async with (
            running(config) as url,
            connect(f"{url.replace('http', 'ws')}/api/v1/live", proxy=None) as page,
            httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
            asyncio.timeout(10),
        ):
            heard = Listener(page)
            assert (await heard.next())[0] == "snapshot"
            await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
            while True:
                kind, data = await heard.next()
                if kind == "delivery" and data["state"] == "delivered":
                    break
            assert data["subject_id"] == str(alert.id)


async def test_after_a_failure_the_same_event_comes_again(tmp_path: Path) -> None:
    async with receiving(500, 200) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        await bench.put()
        assert await bench.deliver() == 1
        assert await bench.deliver() == 0, "not before its time"
        wait_s = await bench.next_wait_s()
        assert wait_s is not None
        assert 1.0 <= wait_s <= 1.2
        bench.pass_s(wait_s)
        assert await bench.deliver() == 1
        assert await bench.next_wait_s() is None
        first, second = receiver.received
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
        assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
        assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
        (delivery,) = await bench.log()
        assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 2, 200)
        assert [heard.state for heard in bench.heard] == ["waiting", "delivered"]


async def test_a_receiver_that_is_gone_for_long_is_given_up_in_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(503) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        await bench.put()
        waits: list[float] = []
        while (wait_s := await bench.next_wait_s()) is not None:
            waits.append(wait_s)
            bench.pass_s(wait_s)
            await bench.deliver()
        assert len(waits) == len(receiver.received) == len(WAITS_S)
        for wait_s, planned_s in zip(waits, WAITS_S, strict=True):
            assert planned_s - 1e-3 <= wait_s <= planned_s * 1.2 + 1e-3
        (delivery,) = await bench.log()
        assert (delivery.state, delivery.attempts, delivery.last_error) == ("dead", 13, "HTTP 503")
    levels = [
        record.levelname for record in caplog.records if record.name == "uplink.station.webhooks.dispatcher"
    ]
    assert levels == ["WARNING", "ERROR"], "once when it begins to fail, once when it is given up"
    assert "token-in-path" not in caplog.text


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with (
        receiving() as elsewhere,
        receiving(302, extra_headers=f"Location: {elsewhere.url}\r\n") as receiver,
        webhook_bench(tmp_path, receiver.url) as bench,
    ):
        await bench.put()
        await bench.deliver()
        (delivery,) = await bench.log()
        assert (delivery.state, delivery.last_status) == ("waiting", 302)
        assert elsewhere.received == []


async def test_a_receiver_that_says_gone_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(410) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        for _ in range(6):
            await bench.put()
        await bench.deliver()
        asked = len(receiver.received)
        assert {delivery.state for delivery in await bench.log()} == {"dead"}
        await bench.put()
        assert await bench.next_wait_s() is None, "new events do not go there either"
        assert len(receiver.received) == asked
    assert "gone (410)" in caplog.text


async def test_one_endpoint_does_not_wait_for_another(tmp_path: Path) -> None:
    never = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    silent_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with receiving() as receiver:
        config = _config(tmp_path, silent_url, receiver.url)
        app = create_app(config)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(base_url="http://127.0.0.1/api/v1", transport=transport) as http,
        ):
            for _ in range(8):
                alert = make_alert()
                await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
            await eventually(lambda: len(receiver.received) == 8)
            states = [row["state"] for row in (await http.get("/deliveries")).json()]
            assert states.count("waiting") >= 8
    never.set()
    server.close()
    await server.wait_closed()


async def test_nobody_listening_is_told_in_words(tmp_path: Path) -> None:
    async with receiving() as receiver:
        pass
    async with webhook_bench(tmp_path, receiver.url) as bench:
        await bench.put()
        await bench.deliver()
        (delivery,) = await bench.log()
        assert (delivery.state, delivery.last_status) == ("waiting", None)
        assert delivery.last_error == "no connection"


async def test_an_attempt_that_a_crash_cut_off_is_made_again(tmp_path: Path) -> None:
    async with receiving() as receiver:
        async with webhook_bench(tmp_path, receiver.url) as bench:
            await bench.put()
            endpoint_id = bench.endpoints[0].name.id
            (taken,) = await bench.store.delivery_queue.take(
                endpoint_id, now_s=bench.now_s, lease_s=LEASE_S, limit=9
            )
            assert await bench.deliver() == 0, "it is taken"
            bench.pass_s(LEASE_S)
            assert await bench.store.delivery_queue.take(
                endpoint_id, now_s=bench.now_s, lease_s=LEASE_S, limit=9
            )
        async with webhook_bench(tmp_path, receiver.url) as bench:  # the station starts anew: no need to wait
            assert await bench.deliver() == 1
        assert [received.headers["webhook-id"] for received in receiver.received] == [taken.event_id]


async def test_deliveries_to_an_endpoint_no_longer_configured_are_closed(tmp_path: Path) -> None:
    async with webhook_bench(tmp_path, "http://127.0.0.1:9/") as bench:
        await bench.put()
    async with webhook_bench(tmp_path) as bench:
        (delivery,) = await bench.log()
        assert (delivery.state, delivery.last_error) == ("dead", "the endpoint is no longer configured")


async def test_each_revision_is_one_event_for_each_endpoint(tmp_path: Path) -> None:
    first = make_alert()
    async with receiving() as one, receiving() as two:
        app = create_app(_config(tmp_path, one.url, two.url))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(base_url="http://127.0.0.1/api/v1", transport=transport) as http,
        ):
            for revision, state in (
                (1, AlertState.CONFIRMED),
                (3, AlertState.CONFIRMED),
                (2, AlertState.CONFIRMED),
                (3, AlertState.CONFIRMED),
                (4, AlertState.LOST),
                (5, AlertState.WITHDRAWN),
            ):
                alert = make_alert(first.id, revision, state=state)
                await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
            for receiver in (one, two):
                await eventually(lambda: len(receiver.received) == 4)  # noqa: B023 (awaited at once)
    for receiver in (one, two):
        bodies = [json.loads(received.body) for received in receiver.received]
        assert [(body["data"]["revision"], body["type"]) for body in bodies] == [
            (1, "alert.confirmed"),
            (3, "alert.updated"),
            (4, "alert.lost"),
            (5, "alert.withdrawn"),
        ]


async def test_an_incident_is_told_beside_the_alert_that_opened_it(tmp_path: Path) -> None:
    alert = make_alert()
    async with receiving() as receiver:
        app = create_app(make_config(tmp_path, webhook_urls=(receiver.url,)))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(base_url="http://127.0.0.1/api/v1", transport=transport) as http,
        ):
            await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
            await eventually(lambda: len(receiver.received) == 2)
    told = {event.type: event for event in map(_event, receiver.received)}
    assert set(told) == {"alert.confirmed", "incident.opened"}
    incident = told["incident.opened"].data
    assert isinstance(incident, Incident)
    assert incident.alert_ids == [alert.id]


def _event(received: Received) -> WebhookEvent:
    return WebhookEvent.model_validate(_verified(received))


def test_event_types() -> None:
    assert event_type(AlertState.CONFIRMED, is_first=True) == "alert.confirmed"
    assert event_type(AlertState.CONFIRMED, is_first=False) == "alert.updated"
    for is_first in (True, False):
        assert event_type(AlertState.LOST, is_first=is_first) == "alert.lost"
        assert event_type(AlertState.WITHDRAWN, is_first=is_first) == "alert.withdrawn"


@pytest.mark.parametrize("secret", ["", SECRET[6:], "whsec_", "whsec_c2VjcmV0", SECRET[:-3], SECRET + "!"])
def test_a_secret_that_is_none_stops_the_start(tmp_path: Path, secret: str) -> None:
    config = make_config(tmp_path, webhook_urls=("http://127.0.0.1:9/token-in-path",))
    write_secret(tmp_path / "webhook.secret", secret)
    with pytest.raises(StationError) as caught:
        load_endpoints(config.webhooks)
    assert caught.value.hint
    assert "token-in-path" not in str(caught.value)
    assert SECRET[6:16] not in str(caught.value)
    assert "c2Vjcm" not in str(caught.value)


async def test_no_secret_and_no_whole_address_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    alert = make_alert()
    async with receiving(500, 200) as receiver:
        config = _config(tmp_path, receiver.url)
        app = create_app(config)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(base_url="http://127.0.0.1/api/v1", transport=transport) as http,
        ):
            await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
            await eventually(lambda: len(receiver.received) == 2)
    said = "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)
    assert "webhook 127.0.0.1" in said
    for secret in ("token-in-path", SECRET, SECRET.removeprefix("whsec_"), auth()["Authorization"]):
        assert secret not in said
