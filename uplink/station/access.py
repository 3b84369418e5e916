"""Whom the station lets in: people with a session, programs with a token, drones with a key.

What the database says of them is kept here in memory, so that a request does not wait for the disk. It is
read anew after each change of our own, and within a second of what another program has changed: the verbs
``emberwatch station user …`` work while the station runs.

A page's requests that change something carry two headers that no other site can send with them: the page's
own random number, and a token that only who may read our answers knows. Their Origin has to be ours as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.requests import HTTPConnection

from uplink.errors import UnknownNameError
from uplink.station import passwords
from uplink.station.auth import DroneKeys
from uplink.station.first_admin import NAME as FIRST_NAME
from uplink.station.first_admin import forget_first_password, make_first_admin
from uplink.station.people import Person, Role, name_key
from uplink.station.rate_limit import RateLimit, SignInLimit
from uplink.station.sessions import (
    LIFETIME_S,
    MOST_BROWSER,
    Session,
    Sessions,
    csrf_token,
    digest_of,
    new_secret,
)
from uplink.station.store.audit import Deed
from uplink.station.store.store import Store
from uplink.station.store.users import Token, User

log = logging.getLogger(__name__)

PAGE_HEADER = "X-Emberwatch-Session"
CSRF_HEADER = "X-Emberwatch-Csrf"
PAGE_NUMBER_LENGTHS = range(16, 129)
NAMELESS = "operator"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOK_EVERY_S = 1.0
TOKENS_SAVED_EVERY_S = 60.0
SESSION_NAME = 16  # of a digest's characters; they open nothing
HASHES_AT_ONCE = 2  # each takes 64 MB and a core
_WHO = {"WWW-Authenticate": "Bearer"}


class Access:
    """``sign_in`` false: whoever sits at this machine is its admin."""

    def __init__(
        self,
        store: Store,
        keys: DroneKeys,
        data_dir: Path,
        *,
        sign_in: bool,
        secure: bool,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.sign_in_needed = sign_in
        self.secure = secure
        self.keys = keys
        self._store = store
        self._data_dir = data_dir
        self._clock = clock
        self._monotonic = monotonic
        self._users: dict[str, User] = {}
        self._tokens: dict[str, Token] = {}
        self._sessions = Sessions()
        self._limit = SignInLimit()
        self._deeds_of_failure = RateLimit(burst=60, every_s=10.0)
        self._unwritten_failures = 0
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self._changed = asyncio.Event()
        self._version = -1
        self._tokens_used: dict[str, float] = {}
        self._tokens_saved_s = monotonic()

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; with this prefix a browser lets nobody else set it."""
        return "__Host-emberwatch" if self.secure else "emberwatch"

    async def start(self) -> None:
        """Reads who there is. At the very first start there is nobody: then an admin is made."""
        await self.reload()
        if self.sign_in_needed and not any(user.role is Role.ADMIN for user in self._users.values()):
            await make_first_admin(self._store.users, self._data_dir, now_s=self._clock())
            await self.reload()

    async def run(self) -> None:
        """Keeps up with what other programs change, and writes down which sessions are in use; for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            version = await self._store.users.version()
            if version != self._version:
                await self.reload()
                self._version = version
            await self.save()

    async def reload(self) -> None:
        """What the database says now."""
        people, keys = await self._store.users.load(), await self._store.keys.load()
        self._users = {user.key: user for user in people.users}
        self._tokens = {token.digest: token for token in people.tokens}
        self._sessions.replace(people.sessions)
        self.keys.replace(keys)
        self._changed.set()
        self._changed = asyncio.Event()

    async def save(self) -> None:
        """When sessions and tokens were last used. Programs show tokens all the time: once a minute."""
        if used := self._sessions.take_used():
            await self._store.users.use_sessions(used)
        now_s = self._monotonic()
        if self._tokens_used and now_s - self._tokens_saved_s >= TOKENS_SAVED_EVERY_S:
            self._tokens_saved_s = now_s
            await self._store.users.use_tokens(self._tokens_used)
            self._tokens_used = {}

    def users_after(self, name: str) -> list[User]:
        """By name, without those up to this one."""
        return sorted(
            (one for one in self._users.values() if one.key > name_key(name)), key=lambda one: one.key
        )

    def tokens_after(self, name: str) -> list[Token]:
        """By name, without those up to this one."""
        return sorted(
            (self._as_used(one) for one in self._tokens.values() if one.key > name_key(name)),
            key=lambda one: one.key,
        )

    def sessions_of(self, name: str) -> list[Session]:
        """Those that have not ended, the last used first."""
        return self._sessions.of(name_key(name), self._clock())

    # --- who asks ---------------------------------------------------------------------------------

    def identify(self, connection: HTTPConnection) -> Person:
        """Who asks. 401 where that is not known; 403 from another site, or without the page's headers."""
        refuse_other_site(connection)
        changes = connection.scope.get("method", "GET") not in SAFE_METHODS
        page = connection.headers.get(PAGE_HEADER, "")
        if not self.sign_in_needed:
            if changes:
                _must_be_a_page(page)
            return Person(NAMELESS, Role.ADMIN, page)
        if "authorization" in connection.headers:
            token = self._token(connection.headers["authorization"])
            if token is None:
                raise HTTPException(401, "this is nobody's token", headers=_WHO)
            self._tokens_used[token.key] = self._clock()
            return Person(_name_of(token), token.role, page or f"token {token.name}")
        found = self._session(connection)
        if found is None:
            raise HTTPException(401, "sign in first", headers=_WHO)
        number, _, user = found
        if changes:
            _must_be_a_page(page)
            if not hmac.compare_digest(
                connection.headers.get(CSRF_HEADER, "").encode(), csrf_token(number).encode()
            ):
                raise HTTPException(403, f"{CSRF_HEADER} is missing or of another session")
        return Person(user.name, user.role, page)

    def must_be_own_page(self, connection: HTTPConnection) -> None:
        """403 for what another site could have sent: of who is not signed in yet."""
        refuse_other_site(connection)
        _must_be_a_page(connection.headers.get(PAGE_HEADER, ""))

    def session_of(self, connection: HTTPConnection) -> tuple[str, Session] | None:
        """The number and the session behind a request's cookie."""
        found = self._session(connection)
        return (found[0], found[1]) if found else None

    async def until_over(self, connection: HTTPConnection) -> None:
        """Returns when who opened this connection may no longer look. Until then it counts as use."""
        while True:
            changed = self._changed
            try:
                self.identify(connection)
            except HTTPException:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S * 10):
                    await changed.wait()

    def _token(self, authorization: str) -> Token | None:
        scheme, _, secret = authorization.partition(" ")
        return self._tokens.get(digest_of(secret.strip())) if scheme.lower() == "bearer" else None

    def _session(self, connection: HTTPConnection) -> tuple[str, Session, User] | None:
        number = connection.cookies.get(self.cookie, "")
        session = self._sessions.use(number, self._clock()) if number else None
        user = self._users.get(session.user_key) if session else None
        return (number, session, user) if session and user and not user.disabled else None

    def _as_used(self, token: Token) -> Token:
        return replace(token, used_at_s=self._tokens_used.get(token.key, token.used_at_s))

    # --- signing in and out -----------------------------------------------------------------------

    async def sign_in(
        self, name: str, password: str, address: str, browser: str = ""
    ) -> tuple[str, Session, User]:
        """A new session; its number goes into the cookie. 401 for what is wrong, 403 for who is disabled, 429
        for too many tries."""
        key = name_key(name)
        wait_s = self._limit.wait_s(address, key, self._monotonic())
        if wait_s > 0:
            headers = {"Retry-After": str(int(wait_s) + 1)}
            raise HTTPException(429, "too many tries to sign in; wait a little", headers=headers)
        self._limit.begin(address, key, self._monotonic())
        user = self._users.get(key)
        if not await self._fits(password, user):
            await self._note_failure(user, address)
            raise HTTPException(401, "the name or the password is wrong", headers=_WHO)
        assert user is not None  # noqa: S101 (nobody's password fits)
        if user.disabled:
            await self._note_failure(user, address)
            raise HTTPException(403, f"{user.name} is disabled; ask who looks after the station")
        self._limit.succeeded(address, key)
        number, now_s = new_secret(), self._clock()
        session = Session(digest_of(number), key, now_s, now_s, address, browser[:MOST_BROWSER])
        await self._store.users.begin_session(user, session, over_before_s=now_s - LIFETIME_S)
        await self.reload()
        log.info("%s signed in from %s", user.name, address)
        return number, session, user

    async def sign_out(self, connection: HTTPConnection) -> None:
        """Ends the session of who asks, if there is one."""
        found = self._session(connection)
        if found is not None:
            _, session, user = found
            await self._store.users.end_session(user.name, session.digest, now_s=self._clock())
            await self.reload()

    async def change_password(self, connection: HTTPConnection, old: str, new: str, address: str) -> None:
        """Of who asks; their other sessions end. 403 where the old one is wrong, 429 as for signing in."""
        found = self._session(connection)
        if found is None:
            raise HTTPException(409, "only who signed in with a password can change it")
        _, session, user = found
        wait_s = self._limit.wait_s(address, user.key, self._monotonic())
        if wait_s > 0:
            raise HTTPException(
                429, "too many tries; wait a little", headers={"Retry-After": f"{wait_s:.0f}"}
            )
        self._limit.begin(address, user.key, self._monotonic())
        if not await self._fits(old, user):
            await self._note_failure(user, address)
            raise HTTPException(403, "the old password is wrong")
        self._limit.succeeded(address, user.key)
        await self.set_password(user.name, new, by=user.name, keep=session.digest)

    async def set_password(self, name: str, new: str, *, by: str, keep: str | None = None) -> None:
        """Of anybody. Raises ``UnknownNameError``."""
        async with self._hashing:
            kept = await asyncio.to_thread(passwords.hash_password, new)
        await self._store.users.set_password(name, kept, by=by, now_s=self._clock(), keep=keep)
        if name_key(name) == FIRST_NAME:
            forget_first_password(self._data_dir)
        await self.reload()

    async def add_user(self, name: str, role: Role, password: str, *, by: str) -> None:
        """Raises ``NotPossibleError`` where the name is taken."""
        async with self._hashing:
            kept = await asyncio.to_thread(passwords.hash_password, password)
        await self._store.users.add(name, role, kept, by=by, now_s=self._clock())
        await self.reload()

    # --- looking after it ---------------------------------------------------------------------------

    def must_know(self, name: str) -> None:
        """Raises ``UnknownNameError`` where there is no such user."""
        if name_key(name) not in self._users:
            raise UnknownNameError(f"there is no user {name}")

    async def set_role(self, name: str, role: Role, *, by: str) -> None:
        """Raises ``UnknownNameError``, and ``NotPossibleError`` for the last admin."""
        await self._store.users.set_role(name, role, by=by, now_s=self._clock())
        await self.reload()

    async def set_disabled(self, name: str, disabled: bool, *, by: str) -> None:
        """Raises ``UnknownNameError``, and ``NotPossibleError`` for the last admin."""
        await self._store.users.set_disabled(name, disabled, by=by, now_s=self._clock())
        await self.reload()

    async def reset_password(self, name: str, *, by: str) -> str:
        """Another password, for an admin to hand on; all sessions end. Raises ``UnknownNameError``."""
        self.must_know(name)
        password = passwords.new_password()
        await self.set_password(name, password, by=by)
        return password

    async def end_sessions(self, name: str, session: str | None, *, by: str) -> None:
        """All of a user's, or one by its name in ``sessions_of``. Raises ``UnknownNameError``."""
        self.must_know(name)
        digests = [one.digest for one in self.sessions_of(name)]
        if session is not None:
            digests = [digest for digest in digests if digest[:SESSION_NAME] == session]
            if not digests:
                raise UnknownNameError(f"{name} has no session {session}", hint="It may have ended.")
        await self._store.users.end_sessions(name, digests, by=by, now_s=self._clock())
        await self.reload()

    async def remove_user(self, name: str, *, by: str) -> None:
        """Raises ``UnknownNameError``, and ``NotPossibleError`` for the last admin."""
        await self._store.users.remove(name, by=by, now_s=self._clock())
        await self.reload()

    async def add_token(self, name: str, role: Role, *, by: str) -> str:
        """The token. Raises ``NotPossibleError`` where the name is taken."""
        token = new_secret()
        await self._store.users.add_token(name, role, digest_of(token), by=by, now_s=self._clock())
        await self.reload()
        return token

    async def remove_token(self, name: str, *, by: str) -> None:
        """Raises ``UnknownNameError``."""
        await self._store.users.remove_token(name, by=by, now_s=self._clock())
        await self.reload()

    async def make_drone_key(self, drone_id: str, *, by: str) -> str:
        """The key; what the drone had before is no longer taken."""
        key = new_secret()
        await self._store.keys.put(drone_id, digest_of(key), by=by, now_s=self._clock())
        await self.reload()
        return key

    async def revoke_drone_key(self, drone_id: str, *, by: str) -> None:
        """Raises ``UnknownNameError``."""
        if drone_id not in self.keys.known:
            raise UnknownNameError(f"there is no drone {drone_id}")
        await self._store.keys.revoke(drone_id, by=by, now_s=self._clock())
        await self.reload()

    async def _fits(self, password: str, user: User | None) -> bool:
        async with self._hashing:
            return await asyncio.to_thread(passwords.fits, password, user.password_hash if user else None)

    async def _note_failure(self, user: User | None, address: str) -> None:
        """On record, but guessing cannot fill the disk. A name that nobody has is not written down: people
        type passwords into the wrong field."""
        about = user.name if user else "nobody"
        log.warning("a sign-in as %s from %s failed", about, address)
        now_s = self._monotonic()
        if self._deeds_of_failure.wait_s("all", now_s) > 0:
            self._unwritten_failures += 1
            return
        self._deeds_of_failure.take("all", now_s)
        detail = {"from": address} | (
            {"unwritten": self._unwritten_failures} if self._unwritten_failures else {}
        )
        self._unwritten_failures = 0
        await self._store.audit.write(Deed("station", "session.refused", about, detail), now_s=self._clock())


def refuse_other_site(connection: HTTPConnection) -> None:
    """403 where a browser says that another site asks. Browsers let any site send to any host."""
    origin = connection.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != connection.headers.get("host"):
        raise HTTPException(403, "this station answers its own page only")


def _must_be_a_page(page: str) -> None:
    if len(page) not in PAGE_NUMBER_LENGTHS:
        raise HTTPException(403, f"give a random {PAGE_HEADER} of at least 16 characters")


def _name_of(token: Token) -> str:
    return f"token {token.name}"
