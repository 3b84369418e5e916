"""When a delivery that failed is tried again. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# The wait before each attempt: from at once to the next day. Early steps are short, because a fire does not
# wait for a polite retry; late ones are long enough that a receiver may be gone for a whole day.
WAITS_S = (0.0, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 14_400.0, 21_600.0, 21_600.0, 21_600.0)
JITTER = 0.2
# A receiver may ask for more time than the schedule gives, but a fire is no news tomorrow.
RETRY_AFTER_MAX_S = 3600.0
LONGEST_WAIT_S = max(WAITS_S) * (1.0 + JITTER)


def wait_before(attempt: int, jitter: float, *, asked_s: float | None = None) -> float | None:
    """Seconds to wait before attempt number ``attempt`` (from 1); None when there are no more.

    ``jitter`` in [0, 1) adds up to 20 %, so that events that failed together are not sent again together.
    ``asked_s`` is what the receiver asked for (``Retry-After``): no earlier, but in bounds.
    """
    if attempt > len(WAITS_S):
        return None
    wait_s = WAITS_S[attempt - 1] * (1.0 + JITTER * jitter)
    return wait_s if asked_s is None else max(wait_s, min(asked_s, RETRY_AFTER_MAX_S))


def asked_wait_s(retry_after: str | None, *, date: str | None, now_s: float) -> float | None:
    """Seconds that a ``Retry-After`` asks for: a number, or a time. A time is taken by the receiver's own
    clock where it tells that (its ``Date``), else by ours. None for what is neither."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return min(float(retry_after), RETRY_AFTER_MAX_S)
    at = _http_time(retry_after)
    if at is None:
        return None
    theirs = _http_time(date) if date else None
    reference_s = now_s if theirs is None else theirs.timestamp()
    return min(max(0.0, at.timestamp() - reference_s), RETRY_AFTER_MAX_S)


def _http_time(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        at.timestamp()
    except (ValueError, OverflowError):
        return None
    return at
