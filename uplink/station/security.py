"""What goes around every answer: headers that keep a browser in bounds, and a word in the log of refusals."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

# The map draws in a worker that it makes from a blob, and takes pictures apart as blobs.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self' blob:; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000"
REFUSED = frozenset({400, 401, 403, 413, 429})
SAY_AGAIN_AFTER_S = 60.0


class Security:
    """ASGI middleware. ``is_page`` tells by its path what a browser may run; all else is data."""

    def __init__(self, app: ASGIApp, is_page: Callable[[str], bool], monotonic: Callable[[], float]) -> None:
        self._app = app
        self._is_page = is_page
        self._monotonic = monotonic
        self._said = SaidOnce(SAY_AGAIN_AFTER_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of the server."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                self._add_headers(scope, message)
                if message["status"] in REFUSED or _climbs(scope["path"]):
                    self._say(scope, message["status"])
            elif message["type"] == "websocket.close" and not opened:
                self._say(scope, 403)
            elif message["type"] == "websocket.accept":
                opened.append(True)
            await send(message)

        opened: list[bool] = []
        await self._app(scope, receive, guarded)

    def _add_headers(self, scope: Scope, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in ALWAYS.items():
            headers.setdefault(name, value)
        page = self._is_page(scope["path"])
        headers.setdefault("Content-Security-Policy", PAGE_POLICY if page else DATA_POLICY)
        if not page:
            headers.setdefault("Cache-Control", "no-store")
        if scope["scheme"] in ("https", "wss"):
            headers.setdefault("Strict-Transport-Security", HSTS)

    def _say(self, scope: Scope, status: int) -> None:
        """Once a minute for each address, place and reason: a drone with a revoked key tries all day."""
        client = scope["client"][0] if scope.get("client") else "nowhere"
        method = scope.get("method", "WebSocket")
        route = getattr(scope.get("route"), "path", "")
        if self._said.may_say(f"{client} {method} {route} {status}", self._monotonic()):
            # As repr: a path may hold line ends, and a log line is one line.
            log.warning(
                "refused with %d: %s %.200r from %s", status, method, _without_secret(scope["path"]), client
            )


class SaidOnce:
    """Whether something is news again. Pure: told the time; memory is bounded."""

    def __init__(self, again_after_s: float, capacity: int = 1000) -> None:
        self._again_after_s = again_after_s
        self._capacity = capacity
        self._said_at_s: OrderedDict[str, float] = OrderedDict()

    def may_say(self, what: str, now_s: float) -> bool:
        """True the first time, and again after a while."""
        said_at_s = self._said_at_s.get(what)
        if said_at_s is not None and now_s < said_at_s + self._again_after_s:
            return False
        self._said_at_s.pop(what, None)
        self._said_at_s[what] = now_s
        while len(self._said_at_s) > self._capacity:
            self._said_at_s.popitem(last=False)
        return True


def _without_secret(path: str) -> str:
    """What a crew link opens with stands in its path, and belongs into no log."""
    return "/crew/…" if path.startswith("/crew/") else path


def _climbs(path: str) -> bool:
    return ".." in path.replace("\\", "/").split("/")
