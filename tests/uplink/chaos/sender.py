"""The drone's half as a program of its own, to be killed: ``python -m tests.uplink.chaos.sender FOLDER URL``.

Puts alerts, revisions of them and pictures as fast as they come, and writes each down once it is kept: what
stands in ``kept.log`` was acknowledged and may not be lost. With ``--drain`` it puts nothing, and ends once
everything is at the station.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from pathlib import Path
from uuid import UUID

from tests.uplink.makers import DRONE, KEY, make_alert, sha256_of
from uplink.backoff import Backoff
from uplink.client import UplinkClient
from uplink.outbox import Outbox

PAUSE_S = (0.0, 0.05)
REVISED_SHARE = 0.4
MOST_WAITING = 40


async def send(folder: Path, station_url: str, *, drain: bool) -> None:
    with Outbox(folder / "outbox.db") as outbox:
        quick = Backoff(first_s=0.02, max_s=0.2)
        client = UplinkClient(station_url, DRONE, KEY, outbox, link_backoff=quick, item_backoff=quick)
        sending = asyncio.create_task(client.run())
        if drain:
            while await asyncio.to_thread(outbox.next_item) is not None:
                await asyncio.sleep(0.02)
        else:
            await asyncio.to_thread(_put_for_ever, outbox, folder)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


def _put_for_ever(outbox: Outbox, folder: Path) -> None:
    rng = random.Random()
    seed = (folder / "seed.jpg").read_bytes()
    kept = os.open(folder / "kept.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    told: dict[UUID, int] = {}
    while True:
        if told and rng.random() < REVISED_SHARE:
            alert_id = rng.choice(list(told))
            told[alert_id] += 1
            alert = make_alert(alert_id, told[alert_id])
            outbox.put_alert(alert)
            os.write(kept, f"{alert.id} {alert.revision} -\n".encode())
        else:
            picture = seed + rng.randbytes(rng.randint(1_000, 60_000))
            alert = make_alert(pictures=(picture,), minutes=rng.uniform(0, 600))
            told[alert.id] = 1
            sha256 = sha256_of(picture)
            outbox.put_alert(alert, {sha256: picture})
            os.write(kept, f"{alert.id} 1 {sha256}\n".encode())
        time.sleep(rng.uniform(*PAUSE_S))
        while outbox.waiting() + outbox.media_waiting() > MOST_WAITING:
            time.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(send(Path(sys.argv[1]), sys.argv[2], drain="--drain" in sys.argv))
