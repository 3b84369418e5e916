"""What an answer of the station means for the thing that was sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum

REFUSED_FOR_GOOD = frozenset({409, 413, 415, 422})  # another's alert, too large, no JPEG, not our schema
LONGEST_RETRY_AFTER_S = 600.0  # no slip of a proxy's may silence a drone for a day


class Verdict(Enum):
    """What is to become of the thing that was sent."""

    DELIVERED = "delivered"
    PARTLY = "partly"  # a piece of it arrived, and there is more
    REFUSED = "refused"  # never again: dead letter
    LATER = "later"  # this thing by itself, after a while
    TOO_OFTEN = "too often"  # no more pictures for a while
    OUT_OF_REACH = "out of reach"  # nothing else would fare better now


def judge(status: int) -> Verdict:
    """The verdict on an HTTP status.

    A key that the station does not know (401) and a proxy without a station behind it (502-504)
    concern every request alike. Only what the station itself says of a body is final; every other 4xx
    (a host name or a path that is not ours, a proxy's refusal) can be put right and may not cost an alert.
    """
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if status < 400 or status in (401, 502, 503, 504):
        return Verdict.OUT_OF_REACH
    if status == 429:
        return Verdict.TOO_OFTEN
    return Verdict.REFUSED if status in REFUSED_FOR_GOOD else Verdict.LATER


def retry_after_s(headers: Mapping[str, str]) -> float:
    """How long the answer asks us to hold back; 0 where it does not say.

    A date is read against the answer's own ``Date``: the drone's wall clock may be years off.
    """
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        wait_s = float(said)
    else:
        until, sent_at = _date(said), _date(headers.get("date", ""))
        wait_s = (until - sent_at).total_seconds() if until and sent_at else 0.0
    return min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else None
