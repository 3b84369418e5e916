"""When an ignore zone of the station holds an alert back: a table of places, sizes and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from uplink.messages import Alert, AlertState, ErrorEllipse
from uplink.station.zone import StationZone, ZoneDraft
from uplink.station.zone_ground import area_of_ring_m2
from uplink.station.zone_rule import holds

from .incident_makers import LAT_DEG, LON_DEG, place, seen
from .makers import NOON

NOW_S = NOON.timestamp() + 600.0


def ring(
    west_m: float,
    south_m: float,
    east_m: float,
    north_m: float,
    *,
    at: tuple[float, float] = (LAT_DEG, LON_DEG),
) -> list[tuple[float, float]]:
    corners = [(west_m, south_m), (east_m, south_m), (east_m, north_m), (west_m, north_m)]
    return [(one.lon_deg, one.lat_deg) for one in (place(*corner, at=at) for corner in corners)]


def draft(**more: Any) -> ZoneDraft:
    """Brickworks of 100 m by 100 m around the middle of the story."""
    said = {"name": "brickworks", "reason": "kiln", "ring": ring(-50, -50, 50, 50)}
    return ZoneDraft.model_validate(said | more)


def zone(**more: Any) -> StationZone:
    kept = {"removed_at": more.pop("removed_at", None)}
    said = draft(**more)
    return StationZone(
        **said.model_dump(),
        **kept,
        id=UUID(int=1),
        version=1,
        area_m2=area_of_ring_m2(said.ring),
        made_at=NOON,
        made_by="Ada",
        changed_at=NOON,
        changed_by="Ada",
    )


@pytest.mark.parametrize(
    ("alert", "held"),
    [
        (seen(0, 0), True),
        (seen(45, 0), True),  # inside; its ellipse (11 m) reaches a little out
        (seen(50.5, 0), False),  # half a metre outside
        (seen(49, 49), False),  # in the corner the zone holds a quarter of the ellipse
        (seen(0, 0, sigma_m=15.0), True),
        (seen(0, 0, sigma_m=40.0), False),  # inside, but 90 % is a circle of 86 m radius
        (seen(40, 0, covariance_m2=(4.0, 0.0, 900.0)), True),  # long, and along the border
        (seen(40, 0, covariance_m2=(900.0, 0.0, 4.0)), True),  # across it: 60 % are inside
        (seen(49.9, 0, covariance_m2=(900.0, 0.0, 4.0)), True),  # 50 m of it west, the border cuts the rest
        (seen(0, 0, bearing_deg=0.0), False),  # only a direction is known: it may be anywhere
    ],
)
def test_a_zone_holds_what_is_in_it_with_the_better_part_of_where_it_may_be(
    alert: Alert,
    held: bool,
) -> None:
    assert holds(zone(), alert, NOW_S) is held


def test_an_ellipse_of_another_confidence_is_judged_by_its_90_percent() -> None:
    def told(confidence: float, semi_m: float) -> Alert:
        ellipse = ErrorEllipse(
            semi_major_m=semi_m, semi_minor_m=semi_m, orientation_deg=0.0, confidence=confidence
        )
        return seen(0, 0, covariance_m2=None).model_copy(update={"ellipse": ellipse})

    assert holds(zone(), told(0.9, 60.0), NOW_S)
    assert not holds(zone(), told(0.39, 60.0), NOW_S), "1 σ of 60 m is 129 m with 90 %"
    unknown = seen(0, 0, covariance_m2=None)
    assert not holds(zone(), unknown, NOW_S), "no error at all is told: 50 m are assumed, 107 m with 90 %"


def test_a_zone_holds_back_its_own_labels_only() -> None:
    chimney = zone(labels=["smoke"])
    assert holds(chimney, seen(0, 0, label="smoke"), NOW_S)
    assert not holds(chimney, seen(0, 0, label="fire"), NOW_S)


@pytest.mark.parametrize(
    ("breaks_at_m2", "area_m2", "held"),
    [
        (200.0, None, True),
        (200.0, 199.0, True),
        (200.0, 200.0, False),
        (None, 9_000.0, True),
        (None, 11_000.0, False),  # more than the whole zone: it is not in there alone
        (1e6, 11_000.0, False),
    ],
)
def test_what_has_grown_breaks_through(
    breaks_at_m2: float | None,
    area_m2: float | None,
    held: bool,
) -> None:
    assert holds(zone(breaks_at_m2=breaks_at_m2), seen(0, 0, area_m2=area_m2), NOW_S) is held


CHINA = timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("minutes", "now_minutes", "held"),
    [
        (-1, 10, False),  # confirmed before the permit began
        (0, 10, True),
        (59, 59.9, True),
        (59, 60, False),  # the permit is over, and it still burns
        (60, 60, False),
        (61, 61, False),
    ],
)
def test_a_permit_counts_by_capture_and_ends_by_the_stations_clock(
    minutes: float,
    now_minutes: float,
    held: bool,
) -> None:
    # The same hour, as somebody in China and somebody in UTC write it.
    for starts, ends in (
        ("2026-07-01T20:00:00+08:00", "2026-07-01T21:00:00+08:00"),
        ("2026-07-01T12:00:00Z", "2026-07-01T13:00:00Z"),
    ):
        burn = zone(reason="permitted burn", starts_at=starts, ends_at=ends)
        alert = seen(0, 0, minutes=minutes)
        assert holds(burn, alert, NOON.timestamp() + 60 * now_minutes) is held


def test_what_was_over_when_the_zone_ended_stays_what_it_was() -> None:
    ends_at = NOON + timedelta(hours=30)
    burn = zone(ends_at=ends_at)
    later_s = ends_at.timestamp() + 3600.0
    assert holds(burn, seen(0, 0, state=AlertState.LOST), later_s)
    assert holds(burn, seen(0, 0, state=AlertState.WITHDRAWN), later_s)
    assert holds(burn, seen(0, 0), later_s), "nobody has seen it for more than a day"
    assert not holds(burn, seen(0, 0, for_minutes=7 * 60), later_s)


def test_a_zone_that_was_removed_is_one_that_has_ended() -> None:
    removed = zone(removed_at=NOON + timedelta(minutes=5))
    assert not holds(removed, seen(0, 0, for_minutes=1), NOW_S)
    assert holds(removed, seen(0, 0, state=AlertState.LOST), NOW_S)
    assert not holds(removed, seen(0, 0, minutes=6, state=AlertState.LOST), NOW_S)


def test_zones_lie_over_the_date_line_too() -> None:
    at = (-17.0, 180.0)
    over = zone(ring=ring(-50, -50, 50, 50, at=at))
    assert over.area_m2 == pytest.approx(10_000.0, rel=0.01)
    for east_m in (-40, 0, 40):
        assert holds(over, seen(east_m, 0, at=at), NOW_S), east_m
    assert not holds(over, seen(60, 0, at=at), NOW_S)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"ring": ring(-50, -50, 50, 50)[:2]}, "at least 3 items"),
        ({"ring": [(8.0, 47.0), (8.1, 47.0), (8.0, 47.0)]}, "no area"),
        ({"ring": [(8.0, 47.0), (8.001, 47.001), (8.001, 47.0), (8.0, 47.001)]}, "crosses itself"),
        ({"ring": ring(0, 0, 2400, 2400)}, "5.8 km²"),
        ({"ring": ring(0, 0, 10_500, 20)}, "more than 10 km long"),
        ({"ring": [(8.0, 89.0), (8.1, 89.0), (8.1, 89.01)]}, "85° of latitude"),
        ({"name": "  "}, "at least 1 character"),
        ({"labels": []}, "at least 1 item"),
        ({"labels": ["fire", "fire"]}, "twice"),
        ({"breaks_at_m2": 0}, "greater than 0"),
        ({"reason": "permitted burn"}, "a permit ends"),
        ({"starts_at": NOON, "ends_at": NOON}, "ends before it starts"),
        ({"ends_at": datetime(2026, 7, 1, 12)}, "carries its zone"),  # noqa: DTZ001
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        draft(**more)


def test_a_zone_takes_times_of_any_zone_and_keeps_the_instant() -> None:
    assert draft(ends_at=NOON.astimezone(CHINA)).ends_at == NOON.astimezone(UTC)
