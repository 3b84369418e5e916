"""What GIS programs may ask, word by word as the standard has it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from uplink.station.feeds.query import MOST_FEATURES, Box, Interval, QueryError, parse_items_query

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_limit_beyond_the_most_gets_the_most_and_no_error() -> None:
    assert parse_items_query([("limit", "1000000")]).limit == MOST_FEATURES


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "many", "", "١", "1_0"])
def test_a_limit_that_is_no_number_of_features_is_refused(limit: str) -> None:
    with pytest.raises(QueryError, match="limit"):
        parse_items_query([("limit", limit)])


def test_a_box_of_six_numbers_leaves_the_heights_aside() -> None:
    assert parse_items_query([("bbox", "1,2,-100,3,4,100")]).box == Box(1, 2, 3, 4)


@pytest.mark.parametrize("bbox", ["", "1,2,3", "1,2,3,4,5", "1,2,x,4", "nan,2,3,4", "1,2,inf,4", "1,4,3,2"])
def test_a_box_that_is_none_is_refused(bbox: str) -> None:
    with pytest.raises(QueryError, match="bbox"):
        parse_items_query([("bbox", bbox)])


def test_a_box_may_lie_over_the_antimeridian() -> None:
    box = parse_items_query([("bbox", "170,-10,-170,10")]).box
    assert box is not None
    assert box.has(179, 0)
    assert box.has(-179, 0)
    assert not box.has(0, 0)


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("2026-07-01T12:00:00Z", Interval(NOON, NOON)),
        ("2026-07-01T14:00:00+02:00/..", Interval(NOON, None)),
        ("../2026-07-01T12:00:00Z", Interval(None, NOON)),
        ("/2026-07-01T12:00:00.0Z", Interval(None, NOON)),
        ("2026-07-01T12:00:00Z/", Interval(NOON, None)),
    ],
)
def test_datetime_is_an_instant_or_an_interval(text: str, interval: Interval) -> None:
    assert parse_items_query([("datetime", text)]).interval == interval


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "../..",
        "/",
        "2026-07-01",
        "2026-07-01T12:00:00",
        "2026-13-01T12:00:00Z",
        "2026-07-01T13:00:00Z/2026-07-01T12:00:00Z",
        "0001-01-01T00:00:00+23:00",
    ],
)
def test_a_datetime_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="datetime"):
        parse_items_query([("datetime", text)])


def test_a_misspelt_parameter_is_refused_and_named() -> None:
    with pytest.raises(QueryError, match="'box'"):
        parse_items_query([("box", "1,2,3,4")])


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(QueryError, match="twice"):
        parse_items_query([("limit", "1"), ("limit", "2")])
