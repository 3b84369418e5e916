"""What of a station the maps of TAK are told: the drones that it hears, and the incidents that are open."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from uplink.station.feeds.config import TakConfig
from uplink.station.feeds.tak import TakFeed, tls_context
from uplink.station.feeds.tak_map import HeardDrone
from uplink.station.services import Services


def prepare_tak(config: TakConfig) -> Callable[[Services], TakFeed]:
    """Reads the certificates now. Raises ``StationError`` where they cannot be used."""
    tls = tls_context(config) if config.scheme == "tls" else None
    return lambda services: TakFeed(
        config,
        tls,
        drones=lambda: _heard(services),
        fires=lambda: services.store.incidents.open(now_s=services.clock()),
        clock=services.clock,
        rng=random.Random(),  # noqa: S311 (jitter, no secret)
    )


def _heard(services: Services) -> Iterator[HeardDrone]:
    """Those heard since the station started, for of others it does not know when they spoke."""
    ages_s = services.fleet.heard_ages_s(services.control.now_s())
    for state in services.fleet.states:
        if state.drone_id in ages_s:
            yield HeardDrone(state, services.clock() - ages_s[state.drone_id])
