"""Which network interface leads to the station, as the kernel says."""

from __future__ import annotations

from uplink.metering import Metering, interface_towards
from uplink.outbox_tables import ANY_SIZE


def test_the_way_to_this_machine_leads_over_loopback() -> None:
    assert interface_towards("127.0.0.1", 8420) == "lo"


def test_to_where_nothing_leads_no_interface_does() -> None:
    assert interface_towards("not.a.host.invalid", 8420) == ""


async def test_while_no_way_is_known_the_last_one_counts() -> None:
    ways, now_s = ["wwan0", "", "wlan0"], [0.0]
    metering = Metering(
        "https://station",
        metered=False,
        interfaces=["wwan0"],
        picture_bytes=100,
        clock=lambda: now_s[0],
        interface_to=lambda host, port: ways.pop(0) if (host, port) == ("station", 443) else "?",
    )
    largest = []
    for _ in range(3):
        largest.append(await metering.largest_media_bytes())
        now_s[0] += 60
    assert largest == [100, 100, ANY_SIZE]
