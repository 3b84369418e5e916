"""Ways to an autopilot, one file each: what they share is ``Transport``, and they are opened by URL.

=================================  =============================================================
``udpin:127.0.0.1:14550``          listen; answer the address that the vehicle was last heard from
``udpout:192.168.0.10:14550``      send there first
``tcp:192.168.0.10:5760``          connect, and connect again
``serial:/dev/ttyAMA0:921600``     a serial port at this many baud, opened again when it comes back
=================================  =============================================================

All are sockets of our own on the event loop: nothing blocks, nothing queues without a bound, and what cannot
go out at once is better lost than late (flight rule 30).
"""

from __future__ import annotations

from flight.transports.serial import SerialTransport
from flight.transports.tcp import TcpTransport
from flight.transports.transport import Address, LinkError, Transport, on_network
from flight.transports.udp import Endpoint, UdpTransport

__all__ = ["Address", "Endpoint", "LinkError", "Transport", "transport_of"]

_HINT = (
    "Write udpin:127.0.0.1:14550 to listen, udpout:192.168.0.10:14550 to send there first, "
    "tcp:192.168.0.10:5760, or serial:/dev/ttyAMA0:921600."
)


def transport_of(url: str) -> Transport:
    """The transport that a URL names, not yet open; raises LinkError that names the mistake."""
    kind, _, place = url.partition(":")
    match kind:
        case "udpin" | "udpout":
            return UdpTransport(Endpoint.parse(url))
        case "tcp":
            return TcpTransport(*on_network(url, place, hint=_HINT))
        case "serial":
            return SerialTransport.parse(url, hint=_HINT)
    raise LinkError(f"the link {url!r} does not begin with udpin: or udpout:, tcp: or serial:", hint=_HINT)
