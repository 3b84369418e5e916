"""Tests of an endpoint, replays, and the record of every attempt."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from uplink.station.store.beside import StoreBeside
from uplink.station.store.deliveries import ReplayRange
from uplink.station.store.delivery_queue import CUT_OFF

from .makers import SECRET
from .receiver import receiving
from .webhook_bench import webhook_bench

NOBODY = "http://127.0.0.1:9/"


async def test_a_test_is_posted_signed_and_on_record(tmp_path: Path) -> None:
    async with receiving() as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        bench.now_s = datetime.now(UTC).timestamp()
        delivery = await bench.dispatcher.test(bench.endpoints[0], by="Ada")
        (received,) = receiver.received
        body = Webhook(SECRET).verify(received.body, received.headers)
        assert (body["type"], body["data"]["by"]) == ("test.ping", "Ada")
        assert (delivery.state, delivery.type, delivery.last_status) == ("delivered", "test.ping", 200)
        assert await bench.log() == [delivery]
        (attempt,) = await bench.store.deliveries.attempts(delivery.id, 9)
        assert (attempt.status, attempt.error) == (200, None)
        assert [deed.what for deed in await bench.store.audit.newest(9)] == ["webhook.tested"]


async def test_a_test_that_fails_is_not_repeated(tmp_path: Path) -> None:
    async with receiving(500) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        delivery = await bench.dispatcher.test(bench.endpoints[0], by="Ada")
        assert (delivery.state, delivery.last_error) == ("dead", "HTTP 500")
        assert await bench.next_wait_s() is None
        since = ReplayRange(since_s=0.0)
        replayed = await bench.store.deliveries.replay(delivery.endpoint, since, by="Ada", now_s=bench.now_s)
        assert replayed == 0
        assert len(receiver.received) == 1


async def test_a_test_is_posted_to_who_is_gone_or_broken_too(tmp_path: Path) -> None:
    async with receiving(410, 200) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        await bench.put()
        await bench.deliver()
        delivery = await bench.dispatcher.test(bench.endpoints[0], by="Ada")
        assert delivery.state == "delivered"
        assert (await bench.store.endpoints.tally(delivery.endpoint)).disabled_at_s is not None


async def test_a_test_that_arrives_frees_what_waits(tmp_path: Path) -> None:
    async with receiving(503, 503, 503, 200) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        for _ in range(3):
            await bench.put()
        await bench.deliver()
        assert await bench.deliver() == 0
        await bench.dispatcher.test(bench.endpoints[0], by="Ada")
        await bench.deliver_all()
        assert {delivery.state for delivery in await bench.log()} == {"delivered"}


async def test_one_event_is_sent_again_with_the_same_id(tmp_path: Path) -> None:
    async with receiving() as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        await bench.put()
        await bench.put()
        await bench.deliver_all()
        chosen = (await bench.log())[0]
        again = ReplayRange(event_id=chosen.event_id)
        replay = bench.store.deliveries.replay
        assert await replay(chosen.endpoint, again, by="Ada", now_s=bench.now_s) == 1
        await bench.deliver_all()
        assert await replay("another", again, by="Ada", now_s=bench.now_s) == 0
        heard = [received.headers["webhook-id"] for received in receiver.received]
        assert heard.count(chosen.event_id) == 2
        assert len(heard) == 3
        found = await bench.store.deliveries.get(chosen.id)
        assert found is not None
        assert (found.state, found.attempts) == ("delivered", 2)


@pytest.mark.parametrize(
    ("delivered_too", "until_s", "expected"),
    [(False, None, {2, 4}), (True, None, {2, 3, 4}), (True, 250.0, {2, 3}), (False, 90.0, set())],
)
async def test_a_time_is_replayed(
    tmp_path: Path, delivered_too: bool, until_s: float | None, expected: set[int]
) -> None:
    async with receiving(400, 400, 200, 400, 200) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        began_s = bench.now_s
        for _ in range(4):
            await bench.put()
            await bench.deliver()
            bench.pass_s(100.0)
            for delivery in await bench.log():  # given up at once: the day is not waited for
                if delivery.state == "waiting":
                    await _give_up(bench.store, delivery.id)
        what = ReplayRange(
            since_s=began_s + 50.0,
            until_s=None if until_s is None else began_s + until_s,
            delivered_too=delivered_too,
        )
        endpoint = bench.endpoints[0].name.id
        count = await bench.store.deliveries.replay(endpoint, what, by="Ada", now_s=bench.now_s)
        ids = {delivery.id for delivery in await bench.log() if delivery.state == "waiting"}
        assert ids == expected
        assert count == len(expected)


async def _give_up(store: StoreBeside, delivery_id: int) -> None:
    sql = "update deliveries set state = 'dead' where id = ?"
    await store.deliveries._database.run(lambda db: db.execute(sql, [delivery_id]))


async def test_a_replayed_event_has_the_whole_schedule_before_it(tmp_path: Path) -> None:
    async with receiving(503) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        await bench.put()
        for _ in range(2):
            while (wait_s := await bench.next_wait_s()) is not None:
                bench.pass_s(max(wait_s, 30.0))  # it is broken: an event that is due may have to wait for it
                await bench.deliver()
            (delivery,) = await bench.log()
            assert delivery.state == "dead"
            again = ReplayRange(event_id=delivery.event_id)
            await bench.store.deliveries.replay(delivery.endpoint, again, by="Ada", now_s=bench.now_s)
        assert len(receiver.received) == delivery.attempts == 26
        assert len({received.headers["webhook-id"] for received in receiver.received}) == 1


async def test_what_is_under_way_is_not_replayed_beside_itself(tmp_path: Path) -> None:
    async with webhook_bench(tmp_path, NOBODY) as bench:
        await bench.put()
        (delivery,) = await bench.log()
        await bench.store.delivery_queue.take(delivery.endpoint, now_s=bench.now_s, lease_s=60.0, limit=1)
        again = ReplayRange(event_id=delivery.event_id)
        replayed = bench.store.deliveries.replay(delivery.endpoint, again, by="Ada", now_s=bench.now_s)
        assert await replayed == 0


async def test_every_attempt_is_on_record_the_newest_first(tmp_path: Path) -> None:
    async with receiving(500, 302, 200) as receiver, webhook_bench(tmp_path, receiver.url) as bench:
        await bench.put()
        while (wait_s := await bench.next_wait_s()) is not None:
            bench.pass_s(wait_s)
            await bench.deliver()
        (delivery,) = await bench.log()
        attempts = await bench.store.deliveries.attempts(delivery.id, 9)
        assert [(one.status, one.error) for one in attempts] == [
            (200, None),
            (302, "HTTP 302"),
            (500, "HTTP 500"),
        ]
        assert attempts[0].at > attempts[1].at > attempts[2].at
        assert all(one.took_ms is not None and 0 < one.took_ms < 60_000 for one in attempts)
        assert len(receiver.received) == 3


async def test_an_attempt_that_a_crash_cut_off_is_on_record_as_that(tmp_path: Path) -> None:
    async with webhook_bench(tmp_path, NOBODY) as bench:
        await bench.put()
        (delivery,) = await bench.log()
        await bench.store.delivery_queue.take(delivery.endpoint, now_s=bench.now_s, lease_s=60.0, limit=1)
    async with webhook_bench(tmp_path, NOBODY) as bench:
        (attempt,) = await bench.store.deliveries.attempts(delivery.id, 9)
        assert (attempt.status, attempt.error, attempt.took_ms) == (None, CUT_OFF, None)
        assert await bench.deliver() == 1
