"""Which person a request comes from.

Every request that changes what a drone does carries ``X-Emberwatch-Session``, a random number of the page
that made it. It tells two pages apart, and because it is a header of our own no other web site can make a
browser send it: that would need a permission which the station never gives.
"""

from __future__ import annotations

import hashlib
import logging
from urllib.parse import urlsplit

from fastapi import HTTPException, Request

from uplink.station.answers import OperatorState
from uplink.station.auth import KeyRing
from uplink.station.config import StationConfig
from uplink.station.lease import Holder

log = logging.getLogger(__name__)

SESSION_HEADER = "X-Emberwatch-Session"
SESSION_LENGTHS = range(16, 129)
NAMELESS = "operator"
_NOBODY = "this station takes no orders: it can be reached from the network and knows no operators"


class Operators:
    """The people of the configuration. Raises ``StationError`` for a key file that cannot be used."""

    def __init__(self, config: StationConfig) -> None:
        self._keys = KeyRing("operator", ((one.name, one.key_file) for one in config.operators))
        # Through a proxy everybody comes from loopback.
        only_here = config.on_loopback and not config.names
        self._trusted = only_here and not len(self._keys)
        if not only_here and not len(self._keys):
            log.warning("orders are refused: list [[station.operators]], each with a name and a key_file")

    def state_of(self, request: Request) -> OperatorState:
        """What a page may know of itself before it asks for anything."""
        name, session = self._name(request), request.headers.get(SESSION_HEADER)
        return OperatorState(
            name=name,
            tag=tag_of(session) if session else None,
            needs_key=len(self._keys) > 0,
            orders_possible=self._trusted or len(self._keys) > 0,
        )

    def identify(self, request: Request) -> Holder:
        """Who asks. 403 from another site or where nobody may, 401 without a key that is known."""
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise HTTPException(403, "orders are taken from this station's own page only")
        session = request.headers.get(SESSION_HEADER, "")
        if len(session) not in SESSION_LENGTHS:
            raise HTTPException(403, f"give a random {SESSION_HEADER} of at least 16 characters")
        name = self._name(request)
        if name is not None:
            return Holder(name, session)
        if len(self._keys) == 0:
            raise HTTPException(403, _NOBODY)
        raise HTTPException(
            401, "give an operator's key as a bearer token", headers={"WWW-Authenticate": "Bearer"}
        )

    def _name(self, request: Request) -> str | None:
        if self._trusted:
            return NAMELESS
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        return self._keys.owner_of(key.strip()) if scheme.lower() == "bearer" else None


def tag_of(session: str) -> str:
    """A short name for a page that gives nothing away."""
    return hashlib.sha256(session.encode()).hexdigest()[:12]
