"""A whole day, on a clock that jumps: receivers that are slow, failing, redirecting, gone or away for a day,
and a station that dies in the middle. Everything but the sockets is real."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from uuid import UUID

import httpcore
import httpx
import pytest
from standardwebhooks import Webhook

from uplink.messages import AlertState
from uplink.station.answers import Delivery
from uplink.station.store.beside import StoreBeside
from uplink.station.webhooks.answers import DeliveryAttempt
from uplink.station.webhooks.config import WebhookConfig
from uplink.station.webhooks.dispatcher import WebhookDispatcher
from uplink.station.webhooks.endpoints import Endpoint, load_endpoints
from uplink.station.webhooks.schedule import WAITS_S

from .makers import NOON, SECRET, make_alert, make_config, write_secret
from .virtual_time import VirtualTimeLoop, run_in_virtual_time
from .webhook_bench import announce, hurry

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
ALERTS = 12
EVERY_S = DAY_S / ALERTS
POISONED = 5
REVISIONS = (AlertState.CONFIRMED, AlertState.CONFIRMED, AlertState.LOST)
DIES_AT_S = 7 * HOUR_S + 1.0


@dataclass(slots=True)
class Post:
    """What a receiver heard, when, and what it answered (0: nothing)."""

    at_s: float
    webhook_id: str
    subject: str
    revision: int
    status: int = 0


Behaviour = Callable[[float, Post], Awaitable[httpx.Response]]


@dataclass(slots=True)
class Day:
    """Times are seconds since the day began."""

    put_at_s: dict[str, float] = field(default_factory=dict)
    heard: dict[str, list[Post]] = field(default_factory=lambda: defaultdict(list))
    log: dict[str, list[Delivery]] = field(default_factory=lambda: defaultdict(list))
    attempts: dict[int, list[DeliveryAttempt]] = field(default_factory=dict)
    most_in_flight: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    poison: UUID | None = None

    def taken(self, name: str) -> dict[str, list[Post]]:
        """The posts that were answered with 2xx, by webhook-id."""
        found = defaultdict(list)
        for post in self.heard[name]:
            if 200 <= post.status < 300:
                found[post.webhook_id].append(post)
        return found


# --- receivers ----------------------------------------------------------------------------------------


async def steady(now_s: float, post: Post) -> httpx.Response:
    return httpx.Response(204)


async def slow(now_s: float, post: Post) -> httpx.Response:
    await asyncio.sleep(9.0)
    return httpx.Response(200)


async def hangs_for_two_hours(now_s: float, post: Post) -> httpx.Response:
    if now_s < 2 * HOUR_S:
        await asyncio.sleep(HOUR_S)
    return httpx.Response(200)


async def fails_for_three_hours(now_s: float, post: Post) -> httpx.Response:
    return httpx.Response(500 if now_s < 3 * HOUR_S else 200)


async def redirects_for_two_hours(now_s: float, post: Post) -> httpx.Response:
    if now_s < 2 * HOUR_S:
        return httpx.Response(307, headers={"Location": "https://steady.example/"})
    return httpx.Response(200)


async def busy_for_an_hour(now_s: float, post: Post) -> httpx.Response:
    return httpx.Response(429, headers={"Retry-After": "600"}) if now_s < HOUR_S else httpx.Response(200)


async def away_for_a_day(now_s: float, post: Post) -> httpx.Response:
    if now_s < DAY_S:
        raise httpcore.ConnectError("nobody is there")
    return httpx.Response(200)


async def gone_after_six_hours(now_s: float, post: Post) -> httpx.Response:
    return httpx.Response(410 if now_s > 6 * HOUR_S else 200)


async def flickers(now_s: float, post: Post) -> httpx.Response:
    return httpx.Response(503 if int(now_s * 7) % 3 else 200)


RECEIVERS: dict[str, Behaviour] = {
    "steady": steady,
    "slow": slow,
    "hanging": hangs_for_two_hours,
    "failing": fails_for_three_hours,
    "redirecting": redirects_for_two_hours,
    "busy": busy_for_an_hour,
    "away": away_for_a_day,
    "gone": gone_after_six_hours,
    "flickering": flickers,
    "picky": steady,  # refuses one event always: see below
    "lonely": away_for_a_day,  # is told of one event only
}


# --- the day ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("day")
    with pytest.MonkeyPatch.context() as patch:
        return run_in_virtual_time(lambda loop: _live_through(folder, loop, patch))


async def _live_through(folder: Path, loop: VirtualTimeLoop, patch: pytest.MonkeyPatch) -> Day:
    day = Day()
    # It looks at the database every few seconds for what others wrote; here nobody else does.
    patch.setattr("uplink.station.webhooks.dispatcher.LOOK_EVERY_S", HOUR_S)
    verifier = _verifier(loop, patch)
    secret = write_secret(folder / "webhook.secret", SECRET)
    configs = [
        WebhookConfig.model_validate(
            {
                "url": f"https://{name}.example/hook",
                "name": name,
                "secret_file": secret,
                "events": ["alert.withdrawn"] if name == "lonely" else [],
            }
        )
        for name in RECEIVERS
    ]
    store = _open(folder, loop)

    def receiver(endpoint: Endpoint) -> httpx.AsyncBaseTransport:
        return httpx.MockTransport(_handler(endpoint.name.id, day, loop, verifier))

    def new_dispatcher() -> WebhookDispatcher:
        return WebhookDispatcher(
            load_endpoints(configs),
            store.delivery_queue,
            store.endpoints,
            on_change=lambda _: None,
            clock=lambda: NOON.timestamp() + loop.time(),
            monotonic=loop.time,
            rng=random.Random(6),
            transport=receiver,
        )

    dispatcher = new_dispatcher()
    running = asyncio.create_task(dispatcher.run())
    for number in range(ALERTS):
        await _tell(day, store, dispatcher, number, loop)
        if loop.time() < DIES_AT_S <= loop.time() + EVERY_S:
            await asyncio.sleep(DIES_AT_S - loop.time())
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            dispatcher = new_dispatcher()
            running = asyncio.create_task(dispatcher.run())
        await asyncio.sleep((number + 1) * EVERY_S - loop.time())
    await asyncio.sleep(8 * HOUR_S)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    for name in RECEIVERS:
        day.log[name] = await store.deliveries.newest(500, endpoint_id=name)
        for delivery in day.log[name]:
            day.attempts[delivery.id] = await store.deliveries.attempts(delivery.id, 500)
    store.close()
    return day


async def _tell(
    day: Day, store: StoreBeside, dispatcher: WebhookDispatcher, number: int, loop: VirtualTimeLoop
) -> None:
    alert = make_alert()
    if number == POISONED:
        day.poison = alert.id
    for revision, state in enumerate(REVISIONS, start=1):
        is_withdrawn = number == 0 and revision == 3
        told = make_alert(alert.id, revision, state=AlertState.WITHDRAWN if is_withdrawn else state)
        await announce(store, told, dispatcher.names, now_s=NOON.timestamp() + loop.time())
        day.put_at_s[f"msg_{alert.id}_{revision}"] = loop.time()
        dispatcher.wake()
        await asyncio.sleep(7.0)


def _handler(
    name: str, day: Day, loop: VirtualTimeLoop, verifier: Webhook
) -> Callable[[httpx.Request], Coroutine[Any, Any, httpx.Response]]:
    in_flight = 0

    async def handle(request: httpx.Request) -> httpx.Response:
        nonlocal in_flight
        body = verifier.verify(request.content, dict(request.headers))
        assert request.url.host == f"{name}.example"
        data = body["data"]
        post = Post(loop.time(), request.headers["webhook-id"], data["id"], data["revision"])
        day.heard[name].append(post)
        in_flight += 1
        day.most_in_flight[name] = max(day.most_in_flight[name], in_flight)
        try:
            if name == "picky" and data["id"] == str(day.poison) and data["revision"] == 2:
                answer = httpx.Response(400)
            else:
                answer = await RECEIVERS[name](post.at_s, post)
        finally:
            in_flight -= 1
        post.status = answer.status_code
        return answer

    return handle


def _open(folder: Path, loop: VirtualTimeLoop) -> StoreBeside:
    """The store, with the loop told while its threads are at work."""
    store = StoreBeside(make_config(folder).data_dir)
    hurry(store)
    database = store.deliveries._database
    at_work = 0

    def counted(ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def asked(work: Any) -> Any:
            nonlocal at_work
            at_work += 1
            try:
                return await ask(work)
            finally:
                at_work -= 1

        return asked

    for name in ("run", "read"):
        setattr(database, name, counted(getattr(database, name)))
    loop.busy = lambda: at_work > 0
    return store


def _verifier(loop: VirtualTimeLoop, patch: pytest.MonkeyPatch) -> Webhook:
    """The library itself, which refuses what is older than five minutes, on the day's clock."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Now:
            return cls.fromtimestamp(NOON.timestamp() + loop.time(), tz)

    patch.setattr("standardwebhooks.webhooks.datetime", Now)
    return Webhook(SECRET)


# --- what is to be seen -------------------------------------------------------------------------------

EVERYTHING = ALERTS * len(REVISIONS)
COMPLETE = ["steady", "slow", "hanging", "failing", "redirecting", "busy", "away", "flickering"]


@pytest.mark.parametrize("name", COMPLETE)
def test_every_event_is_taken_exactly_once(day: Day, name: str) -> None:
    taken = day.taken(name)
    assert set(taken) == set(day.put_at_s)
    assert len(taken) == EVERYTHING
    assert {webhook_id for webhook_id, posts in taken.items() if len(posts) != 1} == set()


@pytest.mark.parametrize("name", COMPLETE)
def test_the_log_has_one_success_for_every_event(day: Day, name: str) -> None:
    assert len(day.log[name]) == EVERYTHING
    assert {delivery.state for delivery in day.log[name]} == {"delivered"}
    for delivery in day.log[name]:
        statuses = [attempt.status for attempt in day.attempts[delivery.id]]
        assert sum(status is not None and 200 <= status < 300 for status in statuses) == 1
        assert statuses[0] == delivery.last_status, "and it is the last"


def test_the_log_has_every_attempt(day: Day) -> None:
    for name in RECEIVERS:
        logged = sum(len(day.attempts[delivery.id]) for delivery in day.log[name])
        assert logged == len(day.heard[name])


@pytest.mark.parametrize("name", RECEIVERS)
def test_an_event_has_the_same_id_in_every_attempt(day: Day, name: str) -> None:
    ids = defaultdict(set)
    for post in day.heard[name]:
        ids[post.subject, post.revision].add(post.webhook_id)
    assert ids
    assert all(len(found) == 1 for found in ids.values())


@pytest.mark.parametrize("name", ["steady", "picky"])
def test_the_trouble_of_others_delays_nothing(day: Day, name: str) -> None:
    for webhook_id, (post,) in day.taken(name).items():
        assert post.at_s - day.put_at_s[webhook_id] < 0.1


def test_a_slow_receiver_gets_everything_in_the_first_attempt(day: Day) -> None:
    assert len(day.heard["slow"]) == EVERYTHING


def test_a_single_event_follows_the_schedule_for_a_day(day: Day) -> None:
    """Each wait is the schedule's with its jitter; the attempt after 24 h is the one that arrives."""
    at_s = [post.at_s for post in day.heard["lonely"]]
    waits_s = [later - earlier for earlier, later in itertools.pairwise(at_s)]
    assert len(at_s) == len(WAITS_S)
    for wait_s, planned_s in zip(waits_s, WAITS_S[1:], strict=True):
        assert planned_s - 1e-3 <= wait_s <= planned_s * 1.2 + 0.1
    assert at_s[-1] - at_s[0] > DAY_S
    assert [delivery.state for delivery in day.log["lonely"]] == ["delivered"]


@pytest.mark.parametrize("name", ["away", "failing", "redirecting"])
def test_a_receiver_that_works_again_gets_everything_within_minutes_and_in_order(day: Day, name: str) -> None:
    worked_at_s = min(post.at_s for post in day.heard[name] if post.status == 200)
    late = [posts[0] for posts in day.taken(name).values() if day.put_at_s[posts[0].webhook_id] < worked_at_s]
    assert len(late) > 2
    assert max(post.at_s for post in late) - worked_at_s < 60.0
    by_subject = defaultdict(list)
    _, *rest = sorted(late, key=lambda post: post.at_s)
    for post in rest:  # the first one is whichever event the receiver was tried with
        by_subject[post.subject].append(post.revision)
    assert all(revisions == sorted(revisions) for revisions in by_subject.values())


def test_a_dead_receiver_is_tried_with_one_event_and_not_hammered(day: Day) -> None:
    tries = [post.at_s for post in day.heard["away"] if post.at_s < DAY_S]
    assert len(tries) < len(WAITS_S) * EVERYTHING * 0.6, "far less than every event by itself would make"
    waits_s = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert sum(wait_s < 0.9 for wait_s in waits_s) < 6, "only before it is known to be dead, twice a day"


def test_a_receiver_that_asked_for_time_is_given_it(day: Day) -> None:
    busy = [post.at_s for post in day.heard["busy"] if post.status == 429]
    waits_s = [later - earlier for earlier, later in itertools.pairwise(busy)]
    assert busy
    assert min(waits_s) >= 600.0
    assert len(busy) <= HOUR_S / 600.0 + 1


def test_a_redirect_is_followed_nowhere(day: Day) -> None:
    assert len(day.heard["steady"]) == EVERYTHING
    assert any(post.status == 307 for post in day.heard["redirecting"])


def test_a_receiver_that_is_gone_hears_nothing_more_and_what_it_missed_is_kept(day: Day) -> None:
    at_s = [post.at_s for post in day.heard["gone"] if post.status == 410]
    assert len(at_s) == 1
    assert max(post.at_s for post in day.heard["gone"]) == at_s[0]
    states = [delivery.state for delivery in day.log["gone"]]
    assert len(states) == EVERYTHING
    assert states.count("delivered") == len(day.taken("gone"))
    assert states.count("dead") == EVERYTHING - len(day.taken("gone"))


def test_one_event_that_is_refused_holds_up_no_other(day: Day) -> None:
    taken = day.taken("picky")
    refused = f"msg_{day.poison}_2"
    assert set(taken) == set(day.put_at_s) - {refused}
    tries = [post.at_s for post in day.heard["picky"] if post.webhook_id == refused]
    for wait_s, planned_s in zip(
        [later - earlier for earlier, later in itertools.pairwise(tries)], WAITS_S[1:], strict=False
    ):
        assert planned_s - 1e-3 <= wait_s <= planned_s * 1.2 + 0.1


def test_no_receiver_has_more_than_four_posts_at_once(day: Day) -> None:
    assert max(day.most_in_flight.values()) <= 4
