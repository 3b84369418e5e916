"""A WebSocket that a drone opens to its station: how it is opened, and in words why it ended.

The library is loaded when the first one is opened: the agent must have started before.
"""

from __future__ import annotations

import ssl
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from uplink.errors import UplinkError

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

OPEN_TIMEOUT_S = 10.0
PING_EVERY_S = 10.0
CLOSE_TIMEOUT_S = 2.0
WORD_MAX_BYTES = 16 * 1024
_WORDS = {"http": "ws", "https": "wss"}


class StationSocket:
    """``what`` is the last word of its address. Raises ``UplinkError`` for an address that is none."""

    def __init__(
        self, station_url: str, drone_id: str, what: str, *, key: str, tls: ssl.SSLContext | None
    ) -> None:
        scheme, separator, rest = station_url.rstrip("/").partition("://")
        if scheme not in _WORDS or not separator or not rest:
            raise UplinkError(
                f"the station's address is not usable: {station_url!r}",
                hint="Give it as in http://192.168.1.10:8420",
            )
        self.url = f"{_WORDS[scheme]}://{rest}/api/v1/drones/{drone_id}/{what}"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._tls: dict[str, Any] = {"ssl": tls} if tls and scheme == "https" else {}

    def open(self) -> AbstractAsyncContextManager[ClientConnection]:
        """Enter it to be connected."""
        from websockets.asyncio.client import connect

        class _Connect(connect):
            def process_redirect(self, exc: Exception) -> Exception:
                return exc  # the key is for this station alone

        return _Connect(
            self.url,
            additional_headers=self._headers,
            compression=None,
            proxy=None,  # a proxy of the environment has no say on the drone's link
            open_timeout=OPEN_TIMEOUT_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_EVERY_S,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=WORD_MAX_BYTES,
            **self._tls,
        )


def close_code(error: Exception) -> int | None:
    """What the station closed it with, if it did."""
    from websockets.exceptions import ConnectionClosed

    return error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else None


def why_it_ended(error: Exception) -> str | None:
    """In a few words; None for what has nothing to do with a socket."""
    from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

    match error:
        case InvalidStatus():
            return f"HTTP {error.response.status_code}"
        case ConnectionClosed():
            closed = error.rcvd
            return "it broke" if closed is None else closed.reason or f"closed with {closed.code}"
        case OSError() | TimeoutError() | WebSocketException():
            return str(error) or type(error).__name__
    return None
