"""The demo's chain for forty minutes at real speed, and every minute something goes wrong."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.faults import FIRST, OTHERS, Fault
from tests.soak.log import Log, degraded_by, is_blind, sees
from tests.soak.processes import median_between
from tests.soak.rig import Rig, rig
from tests.soak.verdict import lost_alerts, pilot_faults, repeats, told_by_agent, webhook_faults
from tests.soak.world import FIRES, Burning

MINUTES = float(os.environ.get("EMBERWATCH_SOAK_MINUTES", "40"))
SEED = int(os.environ.get("EMBERWATCH_SOAK_SEED", "8"))
FAULT_EVERY_S = 60.0
SETTLE_S = 60.0
BLIND_WITHIN_S = 15.0
"""After a fault began: 5 s without a fresh frame, a provider's start, and the state's way to here."""
DEGRADED_WITHIN_S = 25.0
"""After a fault began: the slowest reason waits for a disk to be read and for its hysteresis."""
SEEING_WITHIN_S = 60.0
"""After it ended: a vision that failed again and again is tried once in half a minute."""
MORE_MB = 5.0
MORE_FILES = 3

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(MINUTES * 60 + 600)]


def order_of_faults(rng: random.Random) -> Iterator[Fault]:
    """Each once in every round of ten, for ever."""
    while True:
        yield FIRST
        yield from rng.sample(OTHERS, len(OTHERS))


async def test_forty_minutes_of_faults_lose_no_alert_and_leave_nothing_behind(tmp_path: Path) -> None:
    seconds = MINUTES * 60
    burning = Burning(SEED, time.monotonic() + 20.0, seconds / FIRES)
    problems: list[str] = []
    async with rig(tmp_path, SEED, burning, seconds) as running:
        log = Log(running, time.monotonic())
        watching = asyncio.create_task(log.run())
        try:
            assert await log.until(sees, 120.0), "the chain does not come to see"
            await _break_things(running, log, seconds, problems, watching)
            await _settle(log, watching)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        deliveries = list(running.chain.sink.deliveries)
    told = told_by_agent(running.data_disk)
    problems += lost_alerts(told, log.alerts) + webhook_faults(log.alerts, deliveries)
    if log.zombies:
        problems.append(f"zombies: {log.zombies}")
    problems += _growth(log, seconds)
    log.say(f"{len(told)} alerts, {sum(told.values())} revisions, {len(deliveries)} webhooks")
    log.say(f"{repeats(deliveries)} webhooks came again under their id, {running.chain.sink.refused} refused")
    log.say(f"the whole agent, all processes: {max(log.whole_agent_mb):.0f} MB (PSS) at most")
    assert told, "nothing was found at all"
    assert not problems, "\n".join(problems)


async def _break_things(
    running: Rig, log: Log, seconds: float, problems: list[str], watching: asyncio.Task[None]
) -> None:
    faults = order_of_faults(running.rng)
    due_s = log.now_s
    while due_s + FAULT_EVERY_S < seconds:
        fault = next(faults)
        if fault.possible(running):
            problems += await _one(fault, running, log)
        else:
            log.say(f"left out, not possible here: {fault.name}")
        due_s += FAULT_EVERY_S
        await _wait(max(0.0, due_s - log.now_s), watching)


async def _one(fault: Fault, running: Rig, log: Log) -> list[str]:
    """One fault, from its beginning until it is over. What was not as it should be."""
    if not await log.until(sees, SEEING_WITHIN_S):
        return [f"{log.now_s:.0f} s: not seeing before {fault.name}"]
    log.say(f"fault: {fault.name}")
    found = []
    began_s = log.now_s
    async with fault.act(running):
        if fault.blinds and not await log.until(is_blind, BLIND_WITHIN_S):
            found.append(f"{began_s:.0f} s: {fault.name}, and blind was not told")
        if fault.degrades and not await log.until(
            lambda drone: fault.degrades in degraded_by(drone), DEGRADED_WITHIN_S
        ):
            found.append(f"{began_s:.0f} s: {fault.name}, and degraded was not told")
        await asyncio.sleep(max(0.0, began_s + fault.lasts_s - log.now_s))
        if fault.unheard is (log.latest is not None and log.latest.heard_s > log.now_s - 3.0):
            found.append(f"{began_s:.0f} s: {fault.name}: heard is {not fault.unheard}, and should not be")
    ended_s = log.now_s
    if await log.until(
        lambda drone: sees(drone) and fault.degrades not in degraded_by(drone), SEEING_WITHIN_S
    ):
        log.say(f"over: {fault.name}, sees again {log.now_s - ended_s:.1f} s after")
    else:
        found.append(f"{ended_s:.0f} s: {fault.name} is over, and the agent does not see again as before")
    found += pilot_faults(fault, running.line, log.began_s + began_s)
    for one in found:
        log.say(one)
    return found


async def _settle(log: Log, watching: asyncio.Task[None]) -> None:
    """What waits is sent, and what was sent is passed on."""
    until_s = log.now_s + SETTLE_S
    while log.now_s < until_s and (log.latest is None or log.latest.drone["alerts_waiting"]):
        await _wait(1.0, watching)
    await _wait(5.0, watching)


async def _wait(seconds: float, watching: asyncio.Task[None]) -> None:
    """Or until a program ends by itself, which is raised."""
    done, _ = await asyncio.wait([watching], timeout=seconds)
    if done:
        watching.result()


def _growth(log: Log, seconds: float) -> list[str]:
    """Of a whole run: its last quarter against its second one (minutes 30 to 40, and 10 to 20)."""
    quarter_s = seconds / 4
    found = []
    for name, samples in (("supervisor", log.agent), ("station", log.station)):
        for what, most in (("rss_mb", MORE_MB), ("files", MORE_FILES)):
            then = median_between(samples, quarter_s, 2 * quarter_s, what)
            now = median_between(samples, 3 * quarter_s, seconds, what)
            log.say(f"{name} {what}: {then:.1f} in the second quarter, {now:.1f} in the last")
            if now > then + most:
                found.append(f"{name}: {what} {then:.1f} → {now:.1f}")
        pss = median_between(samples, 3 * quarter_s, seconds, "pss_mb")
        log.say(f"{name} pss_mb: {pss:.1f} in the last quarter")
    return found
