"""Over a link that delays, cuts and breaks down everything arrives, alerts first, pictures almost once."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.uplink.makers import DRONE, KEY, eventually, make_alert, make_config, sha256_of
from uplink.backoff import Backoff
from uplink.client import ITEM_BACKOFF, LINK_BACKOFF, UplinkClient
from uplink.messages import Alert
from uplink.outbox import Outbox
from uplink.station.server import running

from .fault_proxy import FaultProxy, bad_link
from .processes import jpeg

MOST_SENT = 1.1  # times the size of the pictures


@dataclass(frozen=True, slots=True)
class BadDay:
    """How bad the link is, and how much has to get over it."""

    alerts: int
    picture_bytes: tuple[int, int]
    delay_s: tuple[float, float]
    outage_s: tuple[float, float]
    calm_s: tuple[float, float]
    link_backoff: Backoff
    item_backoff: Backoff
    timeout_s: float


SHORT = BadDay(
    alerts=15,
    picture_bytes=(20_000, 600_000),
    delay_s=(0.0, 0.005),
    outage_s=(0.05, 0.2),
    calm_s=(0.5, 1.0),
    link_backoff=Backoff(first_s=0.02, max_s=0.1),
    item_backoff=Backoff(first_s=0.02, max_s=0.2),
    timeout_s=60.0,
)
LONG = BadDay(
    alerts=300,
    picture_bytes=(20_000, 600_000),
    delay_s=(0.0, 0.5),
    outage_s=(1.0, 30.0),
    calm_s=(20.0, 60.0),
    link_backoff=LINK_BACKOFF,
    item_backoff=ITEM_BACKOFF,
    timeout_s=3000.0,
)


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(SHORT, id="short"),
        pytest.param(LONG, id="long", marks=[pytest.mark.chaos, pytest.mark.timeout(3600)]),
    ],
)
async def test_everything_arrives_alerts_first_and_pictures_are_hardly_sent_twice(
    tmp_path: Path, day: BadDay
) -> None:
    rng = random.Random(6)
    config = make_config(tmp_path)
    pictures = [_picture(rng, day) for _ in range(day.alerts)]
    alerts = [make_alert(pictures=(picture,)) for picture in pictures]
    with Outbox(tmp_path / "outbox.db") as outbox:
        async with running(config) as url:
            proxy = FaultProxy(int(url.rpartition(":")[2]), rng, day.delay_s, cut_share=0.3)
            async with bad_link(proxy):
                client = UplinkClient(
                    proxy.url,
                    DRONE,
                    KEY,
                    outbox,
                    link_backoff=day.link_backoff,
                    item_backoff=day.item_backoff,
                    rng=rng,
                )
                tasks = [asyncio.create_task(work) for work in (client.run(), _outages(proxy, rng, day))]
                for alert, picture in zip(alerts, pictures, strict=True):
                    await asyncio.to_thread(outbox.put_alert, alert, {sha256_of(picture): picture})
                await eventually(lambda: outbox.next_item() is None, timeout_s=day.timeout_s)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        assert outbox.refused().count == 0
    for picture in pictures:
        sha256 = sha256_of(picture)
        kept = tmp_path / "station" / "media" / sha256[:2] / f"{sha256}.jpg"
        assert kept.read_bytes() == picture
    _assert_alerts_before_their_pictures(proxy, alerts)
    sent, size = proxy.media_bytes(), sum(map(len, pictures))
    print(
        f"{day.alerts} alerts with {size / 1e6:.1f} MB of pictures: {len(proxy.carried)} requests, "
        f"{proxy.cuts} cut, {proxy.outages} outages, {sent / size:.3f} times the pictures' size sent"
    )
    assert proxy.cuts > 0.15 * len(proxy.carried)
    assert proxy.outages > 0
    assert sent <= MOST_SENT * size


def _assert_alerts_before_their_pictures(proxy: FaultProxy, alerts: list[Alert]) -> None:
    answered: set[str] = set()
    for one in proxy.carried:
        thing = one.path.split("/")[4]
        if one.path.startswith("/api/v1/alerts/") and one.status == 200:
            answered.add(thing)
        elif one.path.startswith("/api/v1/media/"):
            (alert,) = (alert for alert in alerts if alert.evidence[0].sha256 == thing)
            assert str(alert.id) in answered, "a picture was sent before its alert was answered"
    assert answered == {str(alert.id) for alert in alerts}


async def _outages(proxy: FaultProxy, rng: random.Random, day: BadDay) -> None:
    while True:
        await asyncio.sleep(rng.uniform(*day.calm_s))
        await proxy.outage(rng.uniform(*day.outage_s))


def _picture(rng: random.Random, day: BadDay) -> bytes:
    return jpeg() + rng.randbytes(rng.randint(*day.picture_bytes))
