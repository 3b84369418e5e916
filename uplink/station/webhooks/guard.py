"""Connects webhooks to public addresses only, unless their configuration says otherwise.

What counts is the address that is connected to, not the name: a name can be public when it is looked at and
private when it is used (DNS rebinding). So the name is resolved here, every address it has is looked at, and
the connection goes to the very address that was found good; TLS and ``Host`` still use the name.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import httpcore
import httpx

from uplink.errors import StationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]

# Where a cloud tells machines its secrets, at addresses that are not private by themselves.
_METADATA = frozenset({ipaddress.ip_address("168.63.129.16")})
# Python before 3.13 takes these for public.
_NOT_GLOBAL = ipaddress.ip_network("192.0.0.0/24")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
# Of several addresses, one that does not answer must not use up the time of the others.
FIRST_TRY_S = 3.0
KEEP_OPEN_S = 5.0


class RefusedAddressError(StationError):
    """A webhook's name leads to an address that it must not be sent to."""


class UnknownHostError(httpcore.ConnectError):
    """A webhook's name leads nowhere."""


def why_refused(address: Address) -> str | None:
    """What kind of address it is, in words; None for a public one. An IPv4 address inside an IPv6 one is
    looked at as itself."""
    inner = _inner(address)
    if inner is not None:
        return why_refused(inner)
    if address in _METADATA:
        return "a cloud's metadata service"
    for is_so, words in (
        (address.is_loopback, "this machine itself"),
        (address.is_link_local, "link-local"),
        (address.is_multicast, "multicast"),
        (address.is_unspecified, "no address"),
        (not address.is_global or address in _NOT_GLOBAL, "private"),
        (address in _NAT64_LOCAL, "private"),
    ):
        if is_so:
            return words
    return None


def refused_literal(host: str) -> str | None:
    """Why a host that needs no look-up, an address or ``localhost``, is refused; None for every other."""
    bare = host.strip("[]").rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return "this machine itself"
    try:
        return why_refused(ipaddress.ip_address(bare))
    except ValueError:
        return None


class NameLookup:
    """The system's resolver in a thread of its own: who has a name that is slow to look up waits alone."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="webhook-names")

    async def __call__(self, host: str, port: int) -> list[str]:
        """Every address of a name."""
        find = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._thread, find)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def close(self) -> None:
        """Looks up nothing more, and waits for nothing."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens the sockets. Raises ``RefusedAddressError`` where a name has no address that is allowed."""

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """To the first allowed address of the host that answers."""
        try:
            addresses = self._allowed(host, await self._resolve(host, port))
        except OSError:
            raise UnknownHostError(f"{host} is not known") from None
        for address in addresses[:-1]:
            try:
                first_try_s = FIRST_TRY_S if timeout is None else min(FIRST_TRY_S, timeout)
                return await self._inner.connect_tcp(
                    address, port, first_try_s, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """httpcore's, for retries that are not used here."""
        await self._inner.sleep(seconds)

    def _allowed(self, host: str, addresses: list[str]) -> list[str]:
        if not addresses:
            raise UnknownHostError(f"{host} has no address")
        if self._allow_private:
            return addresses
        # A scope, as in fe80::1%eth0, only ever goes with addresses that are refused.
        reasons = {one: why_refused(ipaddress.ip_address(one.partition("%")[0])) for one in addresses}
        allowed = [one for one in addresses if reasons[one] is None]
        if not allowed:
            raise RefusedAddressError(
                f"{host} leads to {addresses[0]} ({reasons[addresses[0]]})",
                hint="Where that is meant, give the webhook allow_private = true.",
            )
        return allowed


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx over sockets that the guard opened. No proxy, no redirect, no retry. Closes ``lookup``."""

    def __init__(
        self,
        backend: GuardedBackend,
        ssl_context: ssl.SSLContext,
        *,
        connections: int,
        lookup: NameLookup | None = None,
    ) -> None:
        self._lookup = lookup
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=connections,
            keepalive_expiry=KEEP_OPEN_S,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request. What goes wrong is told in httpcore's errors."""
        url = request.url
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Closes what is open."""
        await self._pool.aclose()
        if self._lookup is not None:
            self._lookup.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    return address.teredo[1] if address.teredo is not None else None
