"""What a GIS program asks of a collection: how many, where and when. As OGC API – Features Part 1 words it.

The standard wants 400 for whatever cannot be understood, an unknown parameter too: a misspelt filter that is
passed over in silence would show everything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from uplink.errors import StationError

DEFAULT_LIMIT = 100
MOST_FEATURES = 1000
"""On one page. Who asks for more gets this many and a link to the next, as the standard wants it."""

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_OPEN_ENDS = ("", "..")
_LIMIT = re.compile(r"[0-9]{1,18}")


class QueryError(StationError):
    """A request for features that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Box:
    """Degrees, WGS 84. West of a box over the antimeridian is greater than its east."""

    west: float
    south: float
    east: float
    north: float

    def has(self, lon_deg: float, lat_deg: float) -> bool:
        """Whether a place is in it, its edge included."""
        if not self.south <= lat_deg <= self.north:
            return False
        if self.west <= self.east:
            return self.west <= lon_deg <= self.east
        return lon_deg >= self.west or lon_deg <= self.east


@dataclass(frozen=True, slots=True)
class Interval:
    """Both ends belong to it; one that is None is open."""

    start: datetime | None
    end: datetime | None

    def has(self, at: datetime) -> bool:
        """Whether an instant is in it."""
        return (self.start is None or self.start <= at) and (self.end is None or at <= self.end)


@dataclass(frozen=True, slots=True)
class ItemsQuery:
    """``after`` is the id of the last feature of the page before."""

    limit: int = DEFAULT_LIMIT
    box: Box | None = None
    interval: Interval | None = None
    after: str | None = None


def parse_items_query(parameters: Iterable[tuple[str, str]]) -> ItemsQuery:
    """Raises ``QueryError`` for a parameter that is unknown, given twice or not understood."""
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in ("limit", "bbox", "datetime", "after"):
            raise QueryError(f"there is no parameter {name!r}")
        if name in given:
            raise QueryError(f"{name} is given twice")
        given[name] = value
    return ItemsQuery(
        limit=_limit(given["limit"]) if "limit" in given else DEFAULT_LIMIT,
        box=_box(given["bbox"]) if "bbox" in given else None,
        interval=_interval(given["datetime"]) if "datetime" in given else None,
        after=given.get("after"),
    )


def _limit(text: str) -> int:
    if not _LIMIT.fullmatch(text) or int(text) < 1:
        raise QueryError("limit is a whole number, 1 or more")
    return min(int(text), MOST_FEATURES)


def _box(text: str) -> Box:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:  # heights, which nothing here is chosen by
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise QueryError(
            "bbox is west,south,east,north in degrees, or the same with a height after each pair"
        )
    west, south, east, north = numbers
    if south > north:
        raise QueryError("the south of bbox is north of its north")
    return Box(west, south, east, north)


def _interval(text: str) -> Interval:
    start, slash, end = text.partition("/")
    if not slash:
        instant = _instant(start)
        return Interval(instant, instant)
    first = None if start in _OPEN_ENDS else _instant(start)
    last = None if end in _OPEN_ENDS else _instant(end)
    if first is None and last is None:
        raise QueryError("one end of datetime has to be a time")
    if first is not None and last is not None and first > last:
        raise QueryError("datetime ends before it starts")
    return Interval(first, last)


def _instant(text: str) -> datetime:
    try:
        if not _DATE_TIME.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise QueryError(
            "datetime is a time as in 2026-07-01T12:00:00Z, or two of them with a slash between; "
            "`..` is an open end"
        ) from None
