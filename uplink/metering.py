"""Whether the bytes on the way to the station cost, and what may go then: alerts always, small pictures, and
the rest waits for a better link.

It is so if the configuration says so, or if the way to the station leads over a network interface that it
names. The kernel is asked for that way, and nothing is sent for it.
"""

from __future__ import annotations

import asyncio
import fcntl
import ipaddress
import logging
import socket
import struct
from collections.abc import Callable, Collection
from pathlib import Path
from urllib.parse import urlsplit

from uplink.clock import elapsed_s
from uplink.outbox_tables import ANY_SIZE

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
_SIOCGIFADDR = 0x8915
_IFADDR = struct.Struct("16s4x4s8x")  # name, then the address within a sockaddr_in


class Metering:
    """``interface_to`` names the interface towards a host and port, or "" where there is none."""

    def __init__(
        self,
        station_url: str,
        *,
        metered: bool,
        interfaces: Collection[str],
        picture_bytes: int,
        clock: Callable[[], float] = elapsed_s,
        interface_to: Callable[[str, int], str] | None = None,
    ) -> None:
        url = urlsplit(station_url)
        self._host, self._port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        self._always = metered
        self._interfaces = frozenset(interfaces)
        self._picture_bytes = picture_bytes
        self._clock = clock
        self._interface_to = interface_to or interface_towards
        self._looked_at_s: float | None = None
        self.metered = metered

    async def largest_media_bytes(self) -> int:
        """The size up to which pictures may go now."""
        if self._interfaces and not self._always:
            await self._look()
        return self._picture_bytes if self.metered else ANY_SIZE

    async def _look(self) -> None:
        now_s = self._clock()
        if self._looked_at_s is not None and now_s - self._looked_at_s < LOOK_EVERY_S:
            return
        self._looked_at_s = now_s
        # In a thread: a name is looked up on the way.
        name = await asyncio.to_thread(self._interface_to, self._host, self._port)
        metered = self.metered if not name else name in self._interfaces
        if metered != self.metered:
            log.info(
                "the way to the station leads over %s: %s",
                name,
                f"alerts go, and pictures up to {self._picture_bytes} bytes"
                if metered
                else "everything goes",
            )
        self.metered = metered


def unmetered() -> Metering:
    """Of a link that costs nothing."""
    return Metering("http://localhost", metered=False, interfaces=(), picture_bytes=ANY_SIZE)


def interface_towards(host: str, port: int) -> str:
    """The network interface that leads to a host, as in ``wwan0``; "" where nothing does."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as asking:
            asking.connect(address)  # of a datagram socket: the kernel only picks the way
            own = ipaddress.ip_address(asking.getsockname()[0].partition("%")[0])
    except OSError:
        return ""
    return _owner_of_v4(own) if isinstance(own, ipaddress.IPv4Address) else _owner_of_v6(own)


def _owner_of_v4(own: ipaddress.IPv4Address) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(asking, _SIOCGIFADDR, _IFADDR.pack(name.encode(), b""))
            except OSError:
                continue  # one without an address
            if _IFADDR.unpack(answer)[1] == own.packed:
                return name
    return ""


def _owner_of_v6(own: ipaddress.IPv6Address) -> str:
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        words = line.split()
        if words and words[0] == own.packed.hex():
            return words[-1]
    return ""
