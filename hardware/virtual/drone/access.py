"""Whose packets are heard (``GCS_MAVLink/GCS_Signing.cpp``).

Without a key: everybody's. With one: what is signed with it, and RADIO_STATUS. ArduPilot's first port (USB)
hears everything all the same; this stand-in's only link is a telemetry port.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flight.signing import Signing, Verdict


class Access:
    """Judges packets; ``signing`` is for what is sent."""

    def __init__(self, utc_s: Callable[[], float]) -> None:
        self.signing: Signing | None = None
        self._utc_s = utc_s

    def set_up(self, key: bytes, timestamp: int) -> None:
        """SETUP_SIGNING: a key of zeros with timestamp 0 switches signing off."""
        is_off = timestamp == 0 and not any(key)
        self.signing = None if is_off else Signing(key, link_id=0, clock_file=None, utc_s=self._utc_s)

    def admits(self, message: Any) -> bool:
        """Whether this packet is to be obeyed."""
        if self.signing is None:
            return True
        return self.signing.verdict(bytes(message.get_msgbuf())) is Verdict.GENUINE
