"""Who is signed in. Pure but for new secrets: told the time, seconds since 1970.

A session ends a while after the last page that used it was closed, and after a shift however it is used. An
open page uses it: one that shows alerts may not go dark because nobody pressed a key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace

IDLE_S = 2 * 3600.0
LIFETIME_S = 12 * 3600.0
MAX_PER_USER = 20  # the oldest goes
MOST_BROWSER = 200


@dataclass(frozen=True, slots=True)
class Session:
    """Of one browser. ``digest`` is of the number in its cookie; ``address`` and ``browser`` are as they were
    when it began."""

    digest: str
    user_key: str
    begun_at_s: float
    used_at_s: float
    address: str = ""
    browser: str = ""

    @property
    def ends_at_s(self) -> float:
        """When it ends unless it is used."""
        return min(self.used_at_s + IDLE_S, self.begun_at_s + LIFETIME_S)


class Sessions:
    """Those that there are, by their digest."""

    def __init__(self) -> None:
        self._by_digest: dict[str, Session] = {}
        self._used: dict[str, float] = {}

    def replace(self, known: Iterable[Session]) -> None:
        """As the store has them; what was used since it was told stays used."""
        before = self._by_digest
        self._by_digest = {
            one.digest: replace(one, used_at_s=max(one.used_at_s, before.get(one.digest, one).used_at_s))
            for one in known
        }
        self._used = {digest: at_s for digest, at_s in self._used.items() if digest in self._by_digest}

    def use(self, number: str, now_s: float) -> Session | None:
        """The session of a cookie; none where it has ended or never was."""
        session = self.find(digest_of(number), now_s)
        if session is None:
            return None
        self._used[session.digest] = now_s
        session = self._by_digest[session.digest] = replace(session, used_at_s=now_s)
        return session

    def find(self, digest: str, now_s: float) -> Session | None:
        """Without using it."""
        session = self._by_digest.get(digest)
        return session if session is not None and now_s < session.ends_at_s else None

    def of(self, user_key: str, now_s: float) -> list[Session]:
        """A user's that have not ended, the last used first."""
        held = [one for one in self._by_digest.values() if one.user_key == user_key and now_s < one.ends_at_s]
        return sorted(held, key=lambda one: (-one.used_at_s, one.digest))

    def take_used(self) -> dict[str, float]:
        """When which were used since this was last asked, for the store."""
        used, self._used = self._used, {}
        return used


def new_secret() -> str:
    """256 random bits, for a cookie or a header."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What is kept of a random secret. One hash will do: nobody guesses 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_token(number: str) -> str:
    """What only a page that may read our answers knows of a session; it opens nothing by itself."""
    return hmac.new(number.encode(), b"emberwatch csrf", hashlib.sha256).hexdigest()
