"""The loop that every agent lives by: heartbeat, watchdogs, and what the station is told of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.config.file import AgentConfig
from edge.health.service import Service
from uplink.messages import DroneState

log = logging.getLogger(__name__)

LOOP_PERIOD_S = 0.1


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of the loop finds. ``status`` is one line; ``stands``: it is known not to fly."""

    status: str
    stands: bool


async def supervise(
    config: AgentConfig,
    tell: Callable[[DroneState], None],
    turn: Callable[[float], Turn],
    state: Callable[[float], DroneState],
) -> None:
    """Until cancelled. ``turn`` is called in each turn, ``state`` as often as the station is told, each with
    the instant (monotonic seconds); ``tell`` takes what ``state`` gave. A value that cannot be told stops
    nothing."""
    service = Service(config.service.hardware_watchdog)
    state_period_s = 1.0 / config.uplink.states_per_s
    state_due_s = 0.0
    logged: set[str] = set()
    try:
        while True:
            now_s = time.monotonic()
            found = turn(now_s)
            service.beat(now_s, found.status, stands=found.stands)
            if now_s >= state_due_s:
                state_due_s = max(state_due_s + state_period_s, now_s)
                try:
                    tell(state(now_s))
                except Exception as error:
                    if type(error).__name__ not in logged:
                        logged.add(type(error).__name__)
                        log.exception("the state could not be told")
            await asyncio.sleep(LOOP_PERIOD_S)
    finally:
        service.stop()
