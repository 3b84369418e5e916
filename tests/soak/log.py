"""What the soak has seen: the drone's states as the station had them, and the processes' size."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.soak.processes import Sample, sample, tree, zombies
from tests.soak.rig import Rig

LOOK_S = 0.5
WEIGH_S = 5.0


@dataclass(slots=True)
class Seen:
    """``heard_s``: since the start of the soak; ``drone``: its state as the station had it."""

    heard_s: float
    drone: dict[str, Any]


@dataclass(slots=True)
class Log:
    """Filled by ``run``."""

    rig: Rig
    began_s: float
    latest: Seen | None = None
    alerts: list[dict[str, Any]] = field(default_factory=list)
    blind_s: list[tuple[float, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    agent: list[Sample] = field(default_factory=list)
    station: list[Sample] = field(default_factory=list)
    whole_agent_mb: list[float] = field(default_factory=list)
    zombies: set[int] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def now_s(self) -> float:
        return time.monotonic() - self.began_s

    def say(self, what: str) -> None:
        line = f"{self.now_s:7.1f} s  {what}"
        self.told.append(line)
        print(line, flush=True)

    async def run(self) -> None:
        """Until cancelled. Raises ProgramEndedError where one of the programs ends by itself."""
        weighed_s = 0.0
        dying: set[int] = set()
        while True:
            self.rig.programs.check()
            await self._look()
            if self.now_s - weighed_s >= WEIGH_S:
                weighed_s = self.now_s
                self._weigh()
                # One that has just ended may be asked for in a moment.
                found = zombies([self.rig.agent, self.rig.station])
                self.zombies |= found & dying
                dying = found
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        snapshot = await self.rig.snapshot()
        if snapshot is None:
            return
        self.alerts = snapshot["alerts"] or self.alerts
        for drone in snapshot["drones"]:
            # A state that was told before is no news: nobody speaks.
            if self.latest is not None and drone["at"] == self.latest.drone["at"]:
                continue
            before = self.latest
            self.latest = Seen(self.now_s, drone)
            if drone["seeing"] == "blind":
                self.blind_s.append((self.now_s, drone["blind_reason"]))
            if before is None or _sight(before.drone) != _sight(drone):
                self.say(_sight(drone))
            self._changed.set()

    def _weigh(self) -> None:
        for pid, samples in ((self.rig.agent, self.agent), (self.rig.station, self.station)):
            one = sample(pid, self.now_s)
            if one is not None:
                samples.append(one)
        whole = [one.pss_mb for pid in tree(self.rig.agent) if (one := sample(pid, 0.0)) is not None]
        self.whole_agent_mb.append(sum(whole))

    async def until(self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float) -> bool:
        """Whether within the time the drone told a state that is as wanted: from now on."""
        from_s = self.now_s
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    self._changed.clear()
                    await self._changed.wait()
                    assert self.latest is not None
                    if self.latest.heard_s > from_s and wanted(self.latest.drone):
                        return True
        except TimeoutError:
            return False


def sees(drone: dict[str, Any]) -> bool:
    """Well or badly."""
    return not is_blind(drone)


def is_blind(drone: dict[str, Any]) -> bool:
    return bool(drone["seeing"] == "blind")


def degraded_by(drone: dict[str, Any]) -> list[str]:
    """Kinds of what else is wrong."""
    return [reason["kind"] for reason in drone["degraded"]]


def _sight(drone: dict[str, Any]) -> str:
    why = [part for part in (drone["blind_reason"], *degraded_by(drone)) if part]
    return f"{drone['seeing']} {', '.join(why)}".rstrip()


def instant(text: str) -> datetime:
    """As it stands in JSON."""
    return datetime.fromisoformat(text)
