"""Crew links: whoever has one sees one incident, without an account, until it ends or is taken back.

What opens it is 256 random bits in its address, of which the station keeps a digest. Guessing is slow from
one address, and a link that went round a city does not slow the station down.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

import uuid6
from fastapi import HTTPException

from uplink.errors import StoreError
from uplink.station.crew_answers import CrewLink, MadeCrewLink
from uplink.station.looks import Looks
from uplink.station.rate_limit import RateLimit
from uplink.station.sessions import digest_of, new_secret
from uplink.station.store.audit import Deed
from uplink.station.store.store import Store

log = logging.getLogger(__name__)

GUESSES, GUESS_EVERY_S = 20, 10.0  # from one address
REQUESTS, REQUEST_EVERY_S = 120, 0.2  # with one link: forty phones that ask every ten seconds, and pictures


class Crew:
    """``clock`` gives seconds since 1970. On the event loop only."""

    def __init__(self, store: Store, *, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._guesses = RateLimit(GUESSES, GUESS_EVERY_S)
        self._requests = RateLimit(REQUESTS, REQUEST_EVERY_S)
        self._looks = Looks()

    async def make(self, incident_id: UUID, hours: float, *, by: str) -> MadeCrewLink:
        """Raises ``UnknownIncidentError``, and ``NotPossibleError`` where there are too many."""
        secret, now_s = new_secret(), self._clock()
        link = await self._store.crew_links.add(
            uuid6.uuid7(),
            digest_of(secret),
            incident_id,
            by=by,
            now_s=now_s,
            expires_at_s=now_s + 3600 * hours,
        )
        return MadeCrewLink(**dict(link), path=f"crew/{secret}")

    async def open(self, secret: str, address: str) -> CrewLink:
        """The link that this opens; 404 where there is none (any more), 429 for too many."""
        now_s = self._monotonic()
        _let(self._guesses, address, now_s)
        link = await self._store.crew_links.find(digest_of(secret), now_s=self._clock())
        if link is None:
            self._guesses.take(address, now_s)
            raise HTTPException(404, "this link is over, was taken back, or never was")
        _let(self._requests, str(link.id), now_s)
        self._requests.take(str(link.id), now_s)
        await self._record(link, address)
        return link

    async def _record(self, link: CrewLink, address: str) -> None:
        """Once an hour for each address. A disk that is full does not hide a fire."""
        if not self._looks.is_new(address, str(link.id), self._clock()):
            return
        deed = Deed("crew", "crew_link.opened", str(link.id), {"from": address})
        try:
            await self._store.audit.write(deed, now_s=self._clock())
        except StoreError as reason:
            self._looks.forget(address, str(link.id))
            log.warning("crew link %s is opened from %s, not recorded: %s", link.id, address, reason)


def _let(limit: RateLimit, key: str, now_s: float) -> None:
    wait_s = limit.wait_s(key, now_s)
    if wait_s > 0:
        raise HTTPException(429, "too often; wait a little", headers={"Retry-After": str(int(wait_s) + 1)})
