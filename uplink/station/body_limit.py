"""Refuses bodies that are too large while they arrive, before anything has read them into memory."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_MAX_BYTES = 5 * 1024 * 1024
ABSURD_BYTES = 64 * 1024 * 1024  # nobody is heard out who announces more than this
JSON_MAX_BYTES = 256 * 1024  # a patrol of 2000 points is the largest message, well below
PATROL_MAX_BYTES = 6 * 1024 * 1024  # of a ready-made plan, or of a file that somebody drew
MEDIA_PATH, PATROL_PATH = "/api/v1/media/", "/api/v1/patrols"
_CLOSE = {"Connection": "close"}


class BodyLimit:
    """ASGI middleware: by the announced length at once, else by counting."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = _limit(scope["path"])
        refusal = f"a body here has at most {limit} bytes"
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced) > limit:
            # An honest sender is let finish, because one that is cut off never learns why; the server
            # throws the bytes away.
            absurd = not announced.isdecimal() or int(announced) > ABSURD_BYTES
            headers = _CLOSE if absurd else {}
            await JSONResponse({"detail": refusal}, 413, headers)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, refusal, _CLOSE)
            return message

        await self._app(scope, counted, send)


def _limit(path: str) -> int:
    if path.startswith(MEDIA_PATH):
        return MEDIA_MAX_BYTES
    return PATROL_MAX_BYTES if path.startswith(PATROL_PATH) else JSON_MAX_BYTES
