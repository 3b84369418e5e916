"""The drone speaks to its own station alone: what its certificate is checked against."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from uplink.backoff import Backoff
from uplink.client import UplinkClient
from uplink.drone_link import DroneLink
from uplink.errors import UplinkError
from uplink.order_sequence import OrderSequence
from uplink.outbox import Outbox
from uplink.station.server import running
from uplink.tls import trusting

from .makers import DRONE, KEY, eventually, make_alert, make_state
from .test_tls import certificate, with_tls

__all__ = ["certificate"]

QUICK = Backoff(first_s=0.01, max_s=0.05)


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_only_a_station_that_is_vouched_for_gets_alerts_and_states(
    tmp_path: Path,
    certificate: tuple[Path, Path],
    is_trusted: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tls = trusting(certificate[0] if is_trusted else None)
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.put_alert(make_alert())
        async with running(with_tls(tmp_path, *certificate)) as url:
            client = UplinkClient(url, DRONE, KEY, outbox, tls=tls, link_backoff=QUICK, item_backoff=QUICK)
            link = DroneLink(
                url,
                DRONE,
                KEY,
                on_order=lambda order: None,
                station_key=None,
                sequence=OrderSequence(tmp_path / "order.sequence"),
                tls=tls,
                backoff=QUICK,
            )
            link.set_state(make_state())
            tasks = [asyncio.create_task(client.run()), asyncio.create_task(link.run())]
            if is_trusted:
                await eventually(lambda: outbox.next_item() is None and link.connected)
            else:
                await eventually(lambda: caplog.text.lower().count("certificate verify failed") >= 2)
                assert outbox.waiting() == 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no certificate", pytest.raises(UplinkError, match="no certificate can be read")),
        (None, nullcontext()),
    ],
)
def test_a_file_without_a_certificate_is_said_at_once(
    tmp_path: Path, text: str | None, expected: AbstractContextManager[object]
) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with expected:
        trusting(None if text is None else path)
