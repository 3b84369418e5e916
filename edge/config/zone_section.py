"""The ``[[agent.zones]]`` tables: ground on which something burns that nobody needs to be told of."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from edge.config.section import Section
from flight.plans.patrol_file import Ring


def _has_zone(when: date) -> date:
    if isinstance(when, datetime) and when.tzinfo is None:
        raise ValueError("a time needs its zone, as in 2026-07-01T18:00:00+08:00")
    return when


# A datetime is a date, too: as a union, so that each stays what it was written as.
Moment = Annotated[datetime | date, AfterValidator(_has_zone)]


class ZoneSection(Section):
    """Ground where fire is known and allowed. A hotspot in it raises no alert and is shown as suppressed."""

    name: str = Field(min_length=1, max_length=64, description="what people call it")
    reason: Literal["chimney", "quarry", "kiln", "permitted burn"] = Field(
        description="why fire is allowed there"
    )
    polygon: Ring = Field(
        description="[[latitude, longitude], …], some 15 m wider than what burns, for the error of positions"
    )
    valid_from: Moment | None = Field(
        None, description="a date, from its first minute in UTC, or a time with its zone; left out: at once"
    )
    valid_until: Moment | None = Field(
        None, description="a date, to its last minute in UTC, or a time with its zone; left out: for good"
    )

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.begins is not None and self.ends is not None and self.begins >= self.ends:
            raise ValueError("valid_until is before valid_from")
        if self.reason == "permitted burn" and self.ends is None:
            raise ValueError("a permitted burn needs valid_until: a permit ends")
        return self

    @property
    def begins(self) -> datetime | None:
        """In UTC."""
        return None if self.valid_from is None else _instant(self.valid_from, timedelta(0))

    @property
    def ends(self) -> datetime | None:
        """In UTC; from then on it holds nothing back."""
        return None if self.valid_until is None else _instant(self.valid_until, timedelta(days=1))


def _instant(when: date, whole_day: timedelta) -> datetime:
    if isinstance(when, datetime):
        return when.astimezone(UTC)
    return datetime.combine(when, time(), UTC) + whole_day
