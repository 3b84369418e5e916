"""How often something may be tried. Pure: told the time, monotonic seconds; memory is bounded."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

CAPACITY = 10_000


class RateLimit:
    """``burst`` at once, then one every ``every_s``, for each key by itself.

    Of a key only the instant is kept at which it would be as fresh as one that was never seen.
    """

    def __init__(self, burst: int, every_s: float, capacity: int = CAPACITY) -> None:
        self._most_s = burst * every_s
        self._every_s = every_s
        self._capacity = capacity
        self._fresh_at_s: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._fresh_at_s)

    def wait_s(self, key: str, now_s: float) -> float:
        """How long until one more may be tried; 0 when it may now."""
        fresh_at_s = self._fresh_at_s.get(key, now_s)
        return max(0.0, fresh_at_s + self._every_s - self._most_s - now_s)

    def take(self, key: str, now_s: float) -> None:
        """One was tried."""
        self._fresh_at_s[key] = max(self._fresh_at_s.pop(key, now_s), now_s) + self._every_s
        if len(self._fresh_at_s) > self._capacity:
            self._make_room(now_s)

    def give_back(self, key: str) -> None:
        """What was tried was right: it does not count."""
        if key in self._fresh_at_s:
            self._fresh_at_s[key] -= self._every_s

    def _make_room(self, now_s: float) -> None:
        for key in [key for key, fresh_at_s in self._fresh_at_s.items() if fresh_at_s <= now_s]:
            del self._fresh_at_s[key]
        while len(self._fresh_at_s) > self._capacity:
            self._fresh_at_s.popitem(last=False)


class SignInLimit:
    """Guessing is slow from one address, and slow for one name from all addresses together.

    Who has signed in from an address is not kept out there by others who guess at their name.
    """

    def __init__(self, burst: int = 10, every_s: float = 30.0, capacity: int = CAPACITY) -> None:
        self._by_address = RateLimit(burst, every_s, capacity)
        self._by_name = RateLimit(burst, every_s, capacity)
        self._at_home: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._capacity = capacity

    def wait_s(self, address: str, name_key: str, now_s: float) -> float:
        """How long this name must not be tried from this address; 0 when it may be now."""
        wait_s = self._by_address.wait_s(network_of(address), now_s)
        if (name_key, address) in self._at_home:
            return wait_s
        return max(wait_s, self._by_name.wait_s(name_key, now_s))

    def begin(self, address: str, name_key: str, now_s: float) -> None:
        """Before a password is looked at, so that many at once are counted too."""
        self._by_address.take(network_of(address), now_s)
        self._by_name.take(name_key, now_s)

    def succeeded(self, address: str, name_key: str) -> None:
        """The password was right: this try does not count."""
        self._by_address.give_back(network_of(address))
        self._by_name.give_back(name_key)
        self._at_home[name_key, address] = None
        self._at_home.move_to_end((name_key, address))
        while len(self._at_home) > self._capacity:
            self._at_home.popitem(last=False)


def network_of(address: str) -> str:
    """Whose address it is: of IPv6 a household has 2⁶⁴."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))
