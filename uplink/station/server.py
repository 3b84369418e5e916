"""How the station is served: its socket, uvicorn, and when to begin and end."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from uplink.errors import StationError
from uplink.station.app import create_app
from uplink.station.config import StationConfig
from uplink.station.http_head import BoundedHead

log = logging.getLogger(__name__)

SHUTDOWN_GRACE_S = 5
WEBSOCKET_MAX_BYTES = 128 * 1024  # a drone's state is the largest, well below
WEBSOCKET_PING_S = 15.0
UNSENT_BYTES = 64 * 1024  # that the kernel keeps of one connection: what waits there is not replaced by newer


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ``StationError`` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its protocol's name: only then does asyncio switch off the wait for more to send with (TCP_NODELAY).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as reason:
        listener.close()
        if reason.errno == errno.EADDRINUSE:
            raise StationError(
                f"port {port} on {host} is in use",
                hint="Stop the program that has it (often another station), or choose another port.",
            ) from None
        raise StationError(
            f"the station cannot listen on {host} port {port}: {reason.strerror}",
            hint="host must be an address of this machine, and ports below 1024 need privileges.",
        ) from None
    return listener


async def serve(config: StationConfig, *, planner: Sequence[str] = ()) -> None:
    """Runs the station until cancelled; ``planner`` is the command that plans patrols. Raises
    ``StationError`` if it cannot start."""
    async with _listening(config, None, planner) as (url, served):
        if not config.on_loopback and not config.behind_https:
            log.warning("passwords and keys travel unencrypted to %s: give tls_cert_file, or a proxy", url)
        log.info("station listens on %s", url)
        await asyncio.shield(served)
        raise StationError("the station ended by itself", hint="Its log says why.")


@asynccontextmanager
async def running(config: StationConfig, app: FastAPI | None = None) -> AsyncIterator[str]:
    """The station inside this event loop; gives its URL. Requests may be made at once."""
    async with _listening(config, app) as (url, _):
        yield url


@asynccontextmanager
async def _listening(
    config: StationConfig, app: FastAPI | None, planner: Sequence[str] = ()
) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    listener = listen(config.host, config.port)
    try:
        server = _server(config, app or create_app(config, planner=planner))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield _url(listener, tls=config.tls), task
        finally:
            server.should_exit = True
            await task
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn's, with the signals left to the program around it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(config: StationConfig, app: FastAPI) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            app,
            http=BoundedHead,
            ssl_certfile=config.tls_cert_file,
            ssl_keyfile=config.tls_key_file,
            proxy_headers=bool(config.proxies),
            forwarded_allow_ips=[str(proxy) for proxy in config.proxies],
            log_config=None,
            log_level="warning",  # a line for every page that opens or closes says nothing
            access_log=False,
            server_header=False,
            ws_max_size=WEBSOCKET_MAX_BYTES,
            ws_ping_interval=WEBSOCKET_PING_S,
            ws_ping_timeout=WEBSOCKET_PING_S,
            ws_per_message_deflate=False,  # for hundreds of drones and dozens of pages it costs a core
            timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        )
    )


def _url(listener: socket.socket, *, tls: bool) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
