"""The clock for whatever must not outlive a sleep of the machine.

``time.monotonic`` stands still while a laptop's lid is shut: an order from before would be as young as ever
when it is opened again, and a lease still held.
"""

from __future__ import annotations

import time


def elapsed_s() -> float:
    """Seconds since this machine started, its sleep included. Nothing can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
