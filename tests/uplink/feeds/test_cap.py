"""Incidents as CAP 1.2: every message against the schema that OASIS publishes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry import Point, Polygon

from tests.uplink.feeds.incidents import INCIDENT_ID, make_incident
from tests.uplink.makers import HOME, NOON
from uplink.station.feeds.cap import (
    NAMESPACE,
    CapMessage,
    Issued,
    Kind,
    cap_message,
    cap_time,
    is_news,
    kind_of,
)
from uplink.station.feeds.config import CapConfig
from uplink.station.incident import Incident


@lru_cache(maxsize=1)
def schema() -> xmlschema.XMLSchema10:
    return xmlschema.XMLSchema10(Path(__file__).parent / "cap" / "CAP-v1.2.xsd")


def message(
    incident: Incident,
    kind: Kind = "Alert",
    before: tuple[Issued, ...] = (),
    *,
    moved: bool = False,
    **config: Any,
) -> ET.Element:
    """The parsed message, which is valid by the schema."""
    told = cap_message(
        incident, kind, before, now=NOON + timedelta(minutes=5), config=CapConfig(**config), moved=moved
    )
    return checked(told)


def checked(told: CapMessage) -> ET.Element:
    schema().validate(told.body.decode())
    return ET.fromstring(told.body)


def text(root: ET.Element, path: str) -> str | None:
    return root.findtext("/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/")))


FIRST = Issued(f"{INCIDENT_ID}-1", NOON, "Alert")
SECOND = Issued(f"{INCIDENT_ID}-2", NOON + timedelta(minutes=1), "Update")
CANCEL = Issued(f"{INCIDENT_ID}-3", NOON + timedelta(minutes=2), "Cancel")


def test_the_schema_would_see_a_broken_message() -> None:
    told = cap_message(make_incident(), "Alert", (), now=NOON, config=CapConfig())
    for good, bad in (
        (b"<status>Test", b"<status>Real"),
        (b"-00:00</sent>", b"Z</sent>"),
        (b"<info>", b"<x/><info>"),
    ):
        assert good in told.body
        with pytest.raises(xmlschema.XMLSchemaValidationError):
            schema().validate(told.body.replace(good, bad).decode())


def test_the_first_message_is_an_alert_with_the_place_and_the_sender() -> None:
    alert = message(make_incident(), sender="fire@example.org", sender_name="Watch", area="Ridge")
    assert text(alert, "identifier") == f"{INCIDENT_ID}-1"
    assert text(alert, "sender") == "fire@example.org"
    assert text(alert, "sent") == "2026-07-01T12:05:00-00:00"
    assert text(alert, "msgType") == "Alert"
    assert text(alert, "references") is None
    assert text(alert, "incidents") == str(INCIDENT_ID)
    assert text(alert, "info/senderName") == "Watch"
    assert (text(alert, "info/area/areaDesc") or "").startswith("Ridge: -35.36326, 149.16524")


@pytest.mark.parametrize("status", ["Actual", "Exercise", "Test"])
def test_the_status_is_the_configured_one_and_test_without(status: str) -> None:
    assert text(message(make_incident(), status=status), "status") == status
    assert text(message(make_incident()), "status") == "Test"


def test_an_update_refers_to_the_messages_before_it() -> None:
    update = message(make_incident(version=3), "Update", (FIRST, SECOND), sender="me")
    assert text(update, "identifier") == f"{INCIDENT_ID}-3"
    assert text(update, "references") == (
        f"me,{INCIDENT_ID}-1,2026-07-01T12:00:00-00:00 me,{INCIDENT_ID}-2,2026-07-01T12:01:00-00:00"
    )


def test_what_was_cancelled_is_not_referred_to_again() -> None:
    again = Issued(f"{INCIDENT_ID}-4", NOON + timedelta(minutes=3), "Alert")
    update = message(make_incident(version=5), "Update", (FIRST, CANCEL, again))
    assert text(update, "references") == f"emberwatch,{INCIDENT_ID}-4,2026-07-01T12:03:00-00:00"


@pytest.mark.parametrize(
    ("state", "response", "note"),
    [("resolved", "AllClear", "The incident is over."), ("false alarm", "None", "It was a false alarm.")],
)
def test_a_closed_incident_is_cancelled_with_why(state: str, response: str, note: str) -> None:
    cancel = message(make_incident(state=state), "Cancel", (FIRST,))
    assert text(cancel, "msgType") == "Cancel"
    assert text(cancel, "note") == note
    assert text(cancel, "info/responseType") == response
    assert text(cancel, "info/urgency") == "Past"


def test_an_incident_that_became_part_of_another_is_cancelled_as_that() -> None:
    cancel = message(make_incident(), "Cancel", (FIRST,), moved=True)
    assert "part of another" in (text(cancel, "note") or "")


@pytest.mark.parametrize(
    ("state", "before", "moved", "kind"),
    [
        ("new", (), False, "Alert"),
        ("acknowledged", (FIRST,), False, "Update"),
        ("dispatched", (FIRST, SECOND), False, "Update"),
        ("resolved", (FIRST,), False, "Cancel"),
        ("false alarm", (FIRST, SECOND), False, "Cancel"),
        ("new", (FIRST,), True, "Cancel"),
        ("acknowledged", (FIRST, CANCEL), False, "Alert"),
        ("resolved", (FIRST, CANCEL), False, None),
        ("resolved", (), False, None),
        ("new", (), True, None),
    ],
)
def test_what_comes_next_follows_from_the_state_and_from_what_was_told(
    state: str, before: tuple[Issued, ...], moved: bool, kind: Kind | None
) -> None:
    assert kind_of(make_incident(state=state), before, moved=moved, now=NOON) == kind


def test_what_was_last_seen_long_ago_and_never_told_is_not_told_now() -> None:
    later = NOON + timedelta(hours=25)
    assert kind_of(make_incident(), (), moved=False, now=later) is None
    assert kind_of(make_incident(), (FIRST,), moved=False, now=later) == "Update"


@pytest.mark.parametrize(
    ("change", "news"),
    [
        ({}, False),
        ({"version": 2}, True),
        ({"label": "smoke"}, True),
        ({"evidence": "lost"}, True),
        ({"severity": "severe"}, True),
        ({"alerts": 2, "probability": 0.95, "last_seen_at": NOON + timedelta(minutes=1)}, False),
        ({"position": HOME.model_dump() | {"lat_deg": HOME.lat_deg + 0.0001}}, False),  # 11 m
        ({"position": HOME.model_dump() | {"lat_deg": HOME.lat_deg + 0.00012}}, True),  # 13 m
        ({"position": None}, True),
    ],
)
def test_only_what_receivers_have_to_know_is_news(change: dict[str, Any], news: bool) -> None:
    assert is_news(make_incident(), make_incident(**change)) is news


def test_only_a_person_makes_it_observed() -> None:
    assert text(message(make_incident(certainty="likely")), "info/certainty") == "Likely"
    assert text(message(make_incident(certainty="possible")), "info/certainty") == "Possible"
    assert text(message(make_incident(certainty="observed")), "info/certainty") == "Likely"
    confirmed = make_incident(certainty="observed", confirmed_by="Ann")
    assert text(message(confirmed), "info/certainty") == "Observed"


def test_no_name_of_a_person_is_in_it() -> None:
    told = cap_message(
        make_incident(
            confirmed_by="Ann", certainty="observed", closed_because="Bob was there", state="resolved"
        ),
        "Cancel",
        (FIRST,),
        now=NOON,
        config=CapConfig(),
    )
    assert b"Ann" not in told.body
    assert b"Bob" not in told.body


def test_a_round_error_is_a_circle_in_kilometres_with_the_fire_in_it() -> None:
    assert text(message(make_incident()), "info/area/circle") == "-35.363262,149.165237 0.012"
    large = make_incident(area_m2=31_416.0)  # 100 m in radius
    assert text(message(large), "info/area/circle") == "-35.363262,149.165237 0.112"
    assert text(message(large), "info/area/polygon") is None


def test_a_long_error_is_a_polygon_that_lies_as_the_ellipse_does() -> None:
    long = make_incident(ellipse={"semi_major_m": 400.0, "semi_minor_m": 20.0, "orientation_deg": 90.0})
    alert = message(long)
    assert text(alert, "info/area/circle") is None
    pairs = [pair.split(",") for pair in (text(alert, "info/area/polygon") or "").split()]
    ring = [(float(lon), float(lat)) for lat, lon in pairs]
    assert ring[0] == ring[-1]
    assert len(ring) >= 4
    geod, polygon = Geod(ellps="WGS84"), Polygon(ring)
    for azimuth_deg, inside_m, outside_m in ((90, 395, 405), (270, 395, 405), (0, 19, 21), (180, 19, 21)):
        for distance_m, inside in ((inside_m, True), (outside_m, False)):
            lon, lat, _ = geod.fwd(HOME.lon_deg, HOME.lat_deg, azimuth_deg, distance_m)
            assert polygon.contains(Point(lon, lat)) is inside, (azimuth_deg, distance_m)


def test_a_direction_alone_has_an_area_in_words_only() -> None:
    alert = message(make_incident(position=None, ellipse=None))
    assert "only a direction" in (text(alert, "info/area/areaDesc") or "")
    assert text(alert, "info/area/circle") is None


def test_it_speaks_chinese_when_told_to() -> None:
    alert = message(make_incident(), language="zh-CN", area="梅花山")
    assert text(alert, "info/language") == "zh-CN"
    assert text(alert, "info/event") == "火情"
    assert (text(alert, "info/headline") or "").startswith("梅花山")


@given(area=st.text(max_size=128), name=st.text(max_size=128))
@settings(max_examples=20, deadline=None)
def test_any_text_is_escaped(area: str, name: str) -> None:
    message(make_incident(), area=area, sender_name=name)


def test_markup_in_a_text_stays_text() -> None:
    alert = message(make_incident(), area='<b>&"]]>\x00')
    assert (text(alert, "info/area/areaDesc") or "").startswith('<b>&"]]>: ')


def test_times_are_utc_with_an_offset_and_without_fractions() -> None:
    plus_two = datetime(2026, 7, 1, 14, 0, 0, 999_000, timezone(timedelta(hours=2)))
    assert cap_time(plus_two) == "2026-07-01T12:00:00-00:00"
    assert cap_time(datetime(2026, 7, 1, 12, tzinfo=UTC)) == "2026-07-01T12:00:00-00:00"
