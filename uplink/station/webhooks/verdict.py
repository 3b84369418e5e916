"""What an answer means: delivered, or whose fault it is. Pure."""

from __future__ import annotations

from enum import Enum, auto

GONE = 410
# These speak of what was sent. Everything else that is no success would meet any other event just the same.
ABOUT_THE_EVENT = frozenset({400, 409, 411, 413, 414, 415, 422, 431})


class Verdict(Enum):
    """Delivered: 2xx, and nothing else. Refused: this event was not to the receiver's taste. Failed: the
    receiver does not work now, whatever it is sent. Gone: it wants nothing any more."""

    DELIVERED = auto()
    REFUSED = auto()
    FAILED = auto()
    GONE = auto()


def verdict_on(status: int | None) -> Verdict:
    """``status`` is None when there was no answer at all. A redirect is no success: it is not followed."""
    if status is None:
        return Verdict.FAILED
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if status == GONE:
        return Verdict.GONE
    return Verdict.REFUSED if status in ABOUT_THE_EVENT else Verdict.FAILED
