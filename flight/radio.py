"""What a telemetry radio on the link says of itself (RADIO_STATUS): it is no part of the vehicle."""

from __future__ import annotations

from dataclasses import dataclass

from flight.link import Message

FRESH_S = 10.0
UNKNOWN = 255
MOST = 254


@dataclass(frozen=True, slots=True)
class RadioStrength:
    """Of the radio's own scale, percent; None where it does not know."""

    here_percent: float | None
    remote_percent: float | None


class TelemetryRadio:
    """The latest. ``handle`` its messages."""

    def __init__(self) -> None:
        self._strength = RadioStrength(None, None)
        self._heard_s = float("-inf")

    def handle(self, message: Message, received_s: float) -> None:
        """RADIO_STATUS, of whichever radio."""
        self._strength = RadioStrength(_percent(message.rssi), _percent(message.remrssi))
        self._heard_s = received_s

    def strength(self, now_s: float) -> RadioStrength | None:
        """None where none was heard lately."""
        return self._strength if now_s - self._heard_s <= FRESH_S else None


def _percent(rssi: int) -> float | None:
    return None if rssi == UNKNOWN else 100.0 * min(rssi, MOST) / MOST
