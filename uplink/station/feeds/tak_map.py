"""What the maps of TAK have been told, and what they are to be told now. Pure.

A drone is told anew when the station has heard it again, a fire when it has changed and well before it would
go stale. What is over is taken off, and again on the next connection, in case the first word was lost.
Times are seconds since 1970.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from uplink.messages import DroneState
from uplink.station.feeds.cot import delete_event, drone_event, fire_event, ping_event
from uplink.station.incident import Incident

LEAST_S = 1.0  # between two words about one thing
AGAIN_AFTER = 1 / 3  # of the time after which it would be stale
PING_S = 20.0
_NEVER = -math.inf


@dataclass(frozen=True, slots=True)
class HeardDrone:
    """A drone's last state, and when the station heard it."""

    state: DroneState
    heard_s: float


@dataclass(slots=True)
class _Told:
    at_s: float
    what: DroneState | Incident


@dataclass(slots=True)
class _Gone:
    since_s: float
    is_told: bool = False


class TakMap:
    """One for all connections to a server, one after the other."""

    def __init__(self, stale_s: float) -> None:
        self._stale_s = stale_s
        self._drones: dict[str, _Told] = {}
        self._fires: dict[str, _Told] = {}
        self._gone: dict[str, _Gone] = {}
        self._said_s = _NEVER

    def begin(self) -> None:
        """A new connection: whether the last words arrived is not known."""
        self._said_s = _NEVER
        self._drones.clear()
        for told in self._fires.values():
            told.at_s = _NEVER
        for gone in self._gone.values():
            gone.is_told = False

    def due(self, drones: Iterable[HeardDrone], fires: Sequence[Incident], now_s: float) -> list[bytes]:
        """The events to send now. ``fires`` are all that are not closed."""
        burning = {
            str(fire.id): fire for fire in fires if fire.position is not None and fire.evidence != "withdrawn"
        }
        now = datetime.fromtimestamp(now_s, UTC)
        events = [
            *self._due_gone(burning.keys(), now, now_s),
            *self._due_fires(burning, now, now_s),
            *self._due_drones(drones, now, now_s),
        ]
        if not events and now_s - self._said_s >= PING_S:
            events = [ping_event(now=now)]
        if events:
            self._said_s = now_s
        return events

    def _due_gone(self, burning: Iterable[str], now: datetime, now_s: float) -> Iterator[bytes]:
        for uid in self._fires.keys() - set(burning):
            del self._fires[uid]
            self._gone[uid] = _Gone(now_s)
        for uid, gone in list(self._gone.items()):
            if uid in set(burning) or now_s - gone.since_s > self._stale_s:
                del self._gone[uid]
            elif not gone.is_told:
                gone.is_told = True
                yield delete_event(uid, now=now)

    def _due_fires(self, burning: dict[str, Incident], now: datetime, now_s: float) -> Iterator[bytes]:
        for uid, fire in burning.items():
            told = self._fires.get(uid)
            if told is not None:
                wait_s = self._stale_s * AGAIN_AFTER if told.what == fire else LEAST_S
                if now_s - told.at_s < wait_s:
                    continue
            event = fire_event(fire, now=now, stale_s=self._stale_s)
            if event is not None:
                self._fires[uid] = _Told(now_s, fire)
                yield event

    def _due_drones(self, drones: Iterable[HeardDrone], now: datetime, now_s: float) -> Iterator[bytes]:
        for drone in drones:
            told = self._drones.get(drone.state.drone_id)
            if now_s - drone.heard_s > self._stale_s:
                continue  # it fell silent: the map may forget it
            if told is not None and (told.what == drone.state or now_s - told.at_s < LEAST_S):
                continue
            heard = datetime.fromtimestamp(drone.heard_s, UTC)
            event = drone_event(drone.state, heard=heard, now=now, stale_s=self._stale_s)
            if event is not None:
                self._drones[drone.state.drone_id] = _Told(now_s, drone.state)
                yield event
