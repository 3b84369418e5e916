"""How the deliveries are worked off: in order, sparing who is broken, by whatever clock, and on record."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from uplink.errors import StoreError
from uplink.messages import AlertState
from uplink.station.store import schema
from uplink.station.store.deliveries import ReplayRange
from uplink.station.store.delivery_queue import FARTHEST_S
from uplink.station.store.schema import STEPS
from uplink.station.webhooks.config import WebhookConfig
from uplink.station.webhooks.endpoints import AT_ONCE

from .makers import NOON, SECRET, eventually, make_config, write_secret
from .receiver import Received, receiving
from .webhook_bench import Bench, webhook_bench

OLD_SECRET = "whsec_" + "b2xk" * 8
NOBODY = "http://127.0.0.1:9/"
HOUR_S = 3600.0


def webhook(folder: Path, url: str, **given: Any) -> WebhookConfig:
    secret = write_secret(folder / "webhook.secret", SECRET)
    return WebhookConfig.model_validate({"url": url, "secret_file": secret, "allow_private": True, **given})


async def live(bench: Bench, seconds: float, *, step_s: float = 1.0) -> int:
    """Lets time pass and delivers whenever something is due; returns how many posts were made."""
    posts = 0
    for _ in range(int(seconds / step_s)):
        posts += await bench.deliver()
        bench.pass_s(step_s)
    return posts


# --- order, and who is broken -------------------------------------------------------------------------


async def test_revisions_of_one_alert_do_not_overtake_each_other(tmp_path: Path) -> None:
    async with receiving() as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        alert_id = await bench.put()
        for revision in range(2, 7):
            await bench.put(alert_id, revision)
        others = [await bench.put() for _ in range(3)]
        assert await bench.deliver() == AT_ONCE, "one of it, beside the others"
        await bench.deliver_all()
        heard = [received.headers["webhook-id"] for received in receiver.received]
    assert [one for one in heard if str(alert_id) in one] == [
        f"msg_{alert_id}_{revision}" for revision in range(1, 7)
    ]
    assert set(heard[:4]) == {f"msg_{one}_1" for one in [alert_id, *others]}


async def test_one_that_waits_for_its_next_try_does_not_hold_up_what_came_after(tmp_path: Path) -> None:
    async with receiving(400, 200) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        alert_id = await bench.put()
        assert await bench.deliver() == 1
        await bench.put(alert_id, 2, AlertState.LOST)
        assert await bench.deliver() == 1
        newest, oldest = await bench.log()
        assert (newest.state, oldest.state) == ("delivered", "waiting")


async def test_hundreds_that_wait_for_a_dead_receiver_are_not_hammered_at_it(tmp_path: Path) -> None:
    async with webhook_bench(tmp_path, NOBODY) as bench:
        for _ in range(200):
            await bench.put()
        assert await bench.deliver() == AT_ONCE
        posts = await live(bench, 600.0)
        assert 5 <= posts <= 30, "one at a time, and each speaks for all"
        tried = [delivery for delivery in await bench.log() if delivery.attempts]
        assert len(tried) > 8, "not always the same one: the fault may lie with it"
        assert {delivery.state for delivery in await bench.log()} == {"waiting"}
        unsent = next(delivery for delivery in await bench.log() if not delivery.attempts)
        assert unsent.last_error == "not sent: the endpoint fails (no connection)"


async def test_what_waits_for_a_receiver_is_given_up_unsent_when_its_day_is_over(tmp_path: Path) -> None:
    async with webhook_bench(tmp_path, NOBODY) as bench:
        for _ in range(8):
            await bench.put()
        for _ in range(1000):
            if await bench.next_wait_s() is None:
                break
            await bench.deliver()
            wait_s = await bench.next_wait_s()
            bench.pass_s(max(1.0, wait_s or 0.0))
        assert {delivery.state for delivery in await bench.log()} == {"dead"}
        assert bench.now_s - NOON.timestamp() > 24 * HOUR_S
        dead = {heard.id for heard in bench.heard if heard.state == "dead"}
        assert dead == {delivery.id for delivery in await bench.log()}, "the pages hear of each"


async def test_a_receiver_that_works_again_gets_what_waits_at_once(tmp_path: Path) -> None:
    async with receiving(*[503] * 12, 200) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        for _ in range(20):
            await bench.put()
        while len(receiver.received) < 13:
            await bench.deliver()
            bench.pass_s(1.0)
        await bench.deliver_all()
        assert {delivery.state for delivery in await bench.log()} == {"delivered"}
        taken = [received.headers["webhook-id"] for received in receiver.received[12:]]
        assert len(taken) == len(set(taken)) == 20


async def test_what_a_receiver_refused_itself_is_not_sent_anew_when_it_works_again(tmp_path: Path) -> None:
    statuses = [*[400] * 5, *[503] * 3, 200]
    async with receiving(*statuses) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        refused = await bench.put()
        for _ in range(5):
            bench.pass_s(await bench.next_wait_s() or 0.0)
            await bench.deliver()
        others = [await bench.put() for _ in range(3)]
        assert await bench.deliver() == 3, "it is broken now"
        bench.pass_s(2.0)
        await bench.deliver_all()
        states = {delivery.subject_id: delivery.state for delivery in await bench.log()}
        assert states == {refused: "waiting"} | dict.fromkeys(others, "delivered")
        assert (await bench.next_wait_s() or 0.0) > 50.0


async def test_a_success_hurries_nothing_where_the_receiver_was_not_broken(tmp_path: Path) -> None:
    async with receiving(503, 200) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        await bench.put()
        await bench.deliver()
        await bench.put()
        assert await bench.deliver() == 1
        assert await bench.deliver() == 0
        assert (await bench.next_wait_s() or 0.0) >= 1.0


async def test_a_receiver_that_asks_for_time_is_given_it_for_every_event(tmp_path: Path) -> None:
    async with (
        receiving(429, 200, extra_headers="Retry-After: 120\r\n") as receiver,
        webhook_bench(tmp_path, receiver.url) as bench,
    ):
        await bench.put()
        await bench.deliver()
        assert await bench.next_wait_s() == pytest.approx(120.0)
        await bench.put()
        bench.pass_s(119.0)
        assert await bench.deliver() == 0
        bench.pass_s(1.0)
        await bench.deliver_all()
        assert {delivery.state for delivery in await bench.log()} == {"delivered"}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_success(tmp_path: Path, status: int) -> None:
    async with receiving(status) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        await bench.put()
        await bench.deliver()
        (delivery,) = await bench.log()
        assert (delivery.state, delivery.last_status) == ("delivered", status)


# --- gone ---------------------------------------------------------------------------------------------


async def test_gone_is_remembered_over_a_restart_until_it_is_enabled(tmp_path: Path) -> None:
    async with receiving(410, 200) as receiver:
        config = webhook(tmp_path, receiver.url, name="fire-dept")
        async with webhook_bench(tmp_path, configs=[config]) as bench:
            await bench.put()
            await bench.deliver()
        async with webhook_bench(tmp_path, configs=[config]) as bench:
            missed = await bench.put()
            assert await bench.deliver() == 0
            newest, _ = await bench.log()
            assert (newest.state, newest.last_error) == ("dead", "the endpoint is disabled")
            assert await bench.store.endpoints.enable("fire-dept", by="Ada", now_s=bench.now_s)
            assert not await bench.store.endpoints.enable("fire-dept", by="Ada", now_s=bench.now_s)
            await bench.put()
            assert await bench.deliver() == 1, "from now on"
            since = ReplayRange(since_s=NOON.timestamp())
            assert await bench.store.deliveries.replay("fire-dept", since, by="Ada", now_s=bench.now_s) == 2
            await bench.deliver_all()
            assert {delivery.state for delivery in await bench.log()} == {"delivered"}
            deeds = [(deed.who, deed.what, deed.about) for deed in await bench.store.audit.newest(9)]
        heard = [received.headers["webhook-id"] for received in receiver.received]
        assert f"msg_{missed}_1" in heard
    assert deeds == [
        ("Ada", "webhook.replayed", "fire-dept"),
        ("Ada", "webhook.enabled", "fire-dept"),
        ("station", "webhook.disabled", "fire-dept"),
    ]


async def test_a_receiver_that_is_gone_is_nothing_to_the_others(tmp_path: Path) -> None:
    async with (
        receiving(410) as gone,
        receiving() as other,
        webhook_bench(tmp_path, gone.url, other.url) as bench,
    ):
        await bench.put()
        await bench.deliver(0)
        await bench.put()
        await bench.deliver_all(1)
        assert len(other.received) == 2


# --- clocks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_s", [-30 * HOUR_S, -600.0, 600.0, 30 * HOUR_S])
async def test_when_the_clock_is_set_what_waits_keeps_its_distance(tmp_path: Path, by_s: float) -> None:
    async with webhook_bench(tmp_path, NOBODY) as bench:
        await bench.put()
        for _ in range(3):
            await bench.deliver()
            await bench.dispatcher.follow_the_clock()
            bench.pass_s(await bench.next_wait_s() or 0.0)
        await bench.deliver()
        wait_s = await bench.next_wait_s()
        assert wait_s is not None
        bench.set_clock_s(by_s)
        await bench.dispatcher.follow_the_clock()
        assert await bench.next_wait_s() == pytest.approx(wait_s)
        assert await bench.deliver() == 0
        bench.pass_s(wait_s)
        assert await bench.deliver() == 1


async def test_a_clock_that_is_right_changes_nothing(tmp_path: Path) -> None:
    async with webhook_bench(tmp_path, NOBODY) as bench:
        await bench.put()
        await bench.deliver()
        wait_s = await bench.next_wait_s()
        for _ in range(100):
            await bench.dispatcher.follow_the_clock()
        assert await bench.next_wait_s() == wait_s


async def test_what_a_wrong_clock_wrote_down_before_a_restart_is_not_late_by_years(tmp_path: Path) -> None:
    async with webhook_bench(tmp_path, NOBODY) as bench:
        bench.set_clock_s(10 * 365 * 24 * HOUR_S)
        await bench.put()
        await bench.deliver()
    async with receiving() as receiver:
        _point_at(tmp_path, receiver.url)
        async with webhook_bench(tmp_path, configs=[webhook(tmp_path, receiver.url, name="it")]) as bench:
            assert (await bench.next_wait_s() or 0.0) > FARTHEST_S
            assert await bench.deliver() == 1
            (delivery,) = await bench.log()
            assert delivery.state == "delivered"


def _point_at(folder: Path, url: str) -> None:
    """As if the endpoint had had this name from the beginning."""
    with closing(sqlite3.connect(make_config(folder).data_dir / "station.db")) as db:
        db.execute("update deliveries set endpoint_id = 'it'")
        db.commit()


# --- secrets ------------------------------------------------------------------------------------------


def _accepts(received: Received, secret: str) -> bool:
    try:
        Webhook(secret).verify(received.body, received.headers)
    except WebhookVerificationError:
        return False
    return True


@pytest.fixture
def rotating(tmp_path: Path) -> dict[str, Any]:
    return {"previous_secret_file": write_secret(tmp_path / "previous.secret", OLD_SECRET)}


async def test_while_a_secret_is_changed_both_hold(tmp_path: Path, rotating: dict[str, Any]) -> None:
    async with (
        receiving() as receiver,
        webhook_bench(tmp_path, configs=[webhook(tmp_path, receiver.url, **rotating)]) as bench,
    ):
        bench.now_s = datetime.now(UTC).timestamp()
        await bench.put()
        await bench.deliver()
        (received,) = receiver.received
        assert _accepts(received, SECRET)
        assert _accepts(received, OLD_SECRET)
        assert not _accepts(received, "whsec_" + "b3Ro" * 8)
        assert len(received.headers["webhook-signature"].split(" ")) == 2


async def test_the_previous_secret_ends_when_it_was_said_to(tmp_path: Path, rotating: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    until = now + timedelta(hours=1)
    async with receiving() as receiver:
        config = [webhook(tmp_path, receiver.url, previous_secret_until=until, **rotating)]
        async with webhook_bench(tmp_path, configs=config) as bench:
            for seconds in (0.0, HOUR_S + 1.0):
                bench.now_s = now.timestamp() + seconds
                await bench.put()
                await bench.deliver()
        counts = [len(received.headers["webhook-signature"].split(" ")) for received in receiver.received]
    assert counts == [2, 1]
    assert _accepts(receiver.received[0], OLD_SECRET)


async def test_without_a_previous_secret_one_signs(tmp_path: Path) -> None:
    async with receiving() as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        await bench.put()
        await bench.deliver()
    assert receiver.received[0].headers["webhook-signature"].count("v1,") == 1


async def test_an_event_that_is_told_twice_is_one(tmp_path: Path) -> None:
    async with webhook_bench(tmp_path, NOBODY) as bench:
        alert_id = await bench.put()
        await bench.put(alert_id)
        assert len(await bench.log()) == 1


async def test_a_station_that_stops_in_the_middle_of_a_post_makes_it_again(tmp_path: Path) -> None:
    """Whether the receiver had it cannot be known; the id tells it."""
    heard: list[bytes] = []
    reached = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        if len(heard) > 1:
            writer.write(b"HTTP/1.1 204 Yes\r\nConnection: close\r\n\r\n")
            await writer.drain()
        reached.set()
        await asyncio.sleep(0 if len(heard) > 1 else 60)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with webhook_bench(tmp_path, url) as bench:
        await bench.put()
        running = asyncio.create_task(bench.dispatcher.run())
        await asyncio.wait_for(reached.wait(), 10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    async with webhook_bench(tmp_path, url) as bench:
        await bench.deliver_all()
        (delivery,) = await bench.log()
        assert (delivery.state, delivery.attempts) == ("delivered", 2)
    server.close()
    ids = {line for head in heard for line in head.lower().split(b"\r\n") if line.startswith(b"webhook-id")}
    assert len(ids) == 1


# --- what was there before ----------------------------------------------------------------------------


async def test_deliveries_of_an_older_station_go_on_where_they_were(tmp_path: Path) -> None:
    """Its rows were about alerts only, and its attempts were the steps of the schedule."""
    folder = make_config(tmp_path).data_dir
    folder.mkdir(mode=0o700)
    released = STEPS[: STEPS.index(schema._ORDERS) + 1]
    alert_id = "0197c000-0000-7000-8000-000000000001"
    with closing(sqlite3.connect(folder / "station.db")) as db:
        for statement in (statement for step in released for statement in step):
            db.execute(statement)
        db.execute(f"pragma user_version = {len(released)}")
        db.execute(
            "insert into deliveries (event_id, type, alert_id, revision, endpoint_id, url_host, body, "
            "attempts, created_at_s, due_at_s) values (?, 'alert.confirmed', ?, 1, 'it', 'a.example', '{}', "
            "5, 0, ?)",
            [f"msg_{alert_id}_1", alert_id, NOON.timestamp()],
        )
        db.commit()
    async with receiving(503) as receiver:
        config = webhook(tmp_path, receiver.url, name="it")
        async with webhook_bench(tmp_path, configs=[config]) as bench:
            assert await bench.deliver() == 1
            (delivery,) = await bench.log()
            assert (str(delivery.subject_id), delivery.attempts) == (alert_id, 6)
            wait_s = await bench.next_wait_s()
            assert wait_s is not None
            assert 300.0 <= wait_s <= 360.0, "the seventh step"


async def test_a_store_that_cannot_write_stops_the_posts_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uplink.station.webhooks.dispatcher.STORE_PAUSE_S", 0.0)
    async with receiving() as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        await bench.put()
        take, refused = bench.store.delivery_queue.take, 0

        async def full(*_: Any, **__: Any) -> list[Any]:
            nonlocal refused
            refused += 1
            raise StoreError("the disk is full")

        monkeypatch.setattr(bench.store.delivery_queue, "take", full)
        running = asyncio.create_task(bench.dispatcher.run())
        await eventually(lambda: refused > 3)
        assert receiver.received == []
        monkeypatch.setattr(bench.store.delivery_queue, "take", take)
        await eventually(lambda: len(receiver.received) == 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "webhooks wait: the disk is full"
    ]
