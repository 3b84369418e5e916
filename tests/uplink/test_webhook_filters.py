"""Which events an endpoint is told of: by their name, by where they are, by the level of an escalation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from uplink.messages import ErrorEllipse, Position
from uplink.station.config import StationConfig
from uplink.station.events import WebhookEvent, event_for, incident_event
from uplink.station.webhooks.config import WebhookConfig

from .makers import HOME, NOON, SECRET, make_alert, make_config, write_secret
from .webhook_bench import announce, incident_of_one, webhook_bench

NOW_S = NOON.timestamp()
AROUND_HOME = (149.0, -36.0, 150.0, -35.0)
FAR_AWAY = (9.0, 47.0, 10.0, 48.0)
# A degree of latitude has about 111 km.
JUST_NORTH = Position(lat_deg=-35.0 + 100 / 111_320, lon_deg=149.5)


def make_webhook(folder: Path, **given: Any) -> WebhookConfig:
    secret = write_secret(folder / "webhook.secret", SECRET)
    return WebhookConfig.model_validate({"url": "https://a.example/", "secret_file": secret, **given})


def alert_event(position: Position | None = HOME, ellipse: ErrorEllipse | None = None) -> WebhookEvent:
    alert = make_alert().model_copy(update={"position": position, "ellipse": ellipse})
    return event_for(alert, is_first=True, now_s=NOW_S)


def escalated_to(level: str) -> WebhookEvent:
    return incident_event("incident.escalated", incident_of_one(level="city"), now_s=NOW_S, level=level)


def test_without_filters_everything_is_told(tmp_path: Path) -> None:
    wants = make_webhook(tmp_path).filter
    for event in (alert_event(), alert_event(None), escalated_to("team")):
        assert wants.wants(event, told_before=False)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (["alert.*"], {"alert.confirmed"}),
        (["incident.*"], {"incident.opened", "incident.escalated"}),
        (["incident.opened"], {"incident.opened"}),
        (["alert.lost", "incident.escalated"], {"incident.escalated"}),
        (["alert.*", "incident.*"], {"alert.confirmed", "incident.opened", "incident.escalated"}),
    ],
)
def test_events_are_chosen_by_name_or_family(tmp_path: Path, events: list[str], told: set[str]) -> None:
    wants = make_webhook(tmp_path, events=events).filter
    opened = incident_event("incident.opened", incident_of_one(), now_s=NOW_S)
    found = {
        event.type
        for event in (alert_event(), opened, escalated_to("team"))
        if wants.wants(event, told_before=False)
    }
    assert found == told


def test_escalations_are_chosen_by_level_and_nothing_else_is(tmp_path: Path) -> None:
    """By who is to be told now: another target may have gone up to the city before."""
    wants = make_webhook(tmp_path, levels=["city"]).filter
    assert wants.wants(escalated_to("city"), told_before=False)
    assert not wants.wants(escalated_to("district"), told_before=True)
    opened = incident_event("incident.opened", incident_of_one(level=None), now_s=NOW_S)
    assert wants.wants(opened, told_before=False)


@pytest.mark.parametrize(
    ("area", "inside"),
    [
        ({"bbox": AROUND_HOME}, True),
        ({"bbox": FAR_AWAY}, False),
        ({"polygon": [(149.0, -36.0), (150.0, -36.0), (149.5, -34.0)]}, True),
        ({"polygon": [(149.0, -36.0), (149.1, -36.0), (149.0, -34.0)]}, False),
        ({"bbox": (170.0, -40.0, -170.0, -30.0)}, False),
        ({"bbox": (140.0, -40.0, -170.0, -30.0)}, True),  # across the date line
    ],
)
def test_an_area_is_longitude_first(tmp_path: Path, area: dict[str, Any], inside: bool) -> None:
    wants = make_webhook(tmp_path, **area).filter
    assert wants.wants(alert_event(), told_before=False) is inside
    assert wants.wants(escalated_to("team"), told_before=False) is inside


@pytest.mark.parametrize("lon_deg", [-179.5, 179.5])
def test_a_box_across_the_date_line_has_both_sides(tmp_path: Path, lon_deg: float) -> None:
    wants = make_webhook(tmp_path, bbox=(179.0, -40.0, -179.0, -30.0)).filter
    assert wants.wants(alert_event(Position(lat_deg=-35.0, lon_deg=lon_deg)), told_before=False)


@pytest.mark.parametrize(
    ("major_m", "minor_m", "orientation_deg", "told"),
    [
        (50.0, 50.0, 0.0, False),  # 100 m north of the area, to 50 m
        (120.0, 120.0, 0.0, True),
        (200.0, 20.0, 0.0, True),  # long from north to south
        (200.0, 20.0, 90.0, False),  # long from west to east
    ],
)
def test_a_fire_that_may_burn_within_the_area_belongs_to_it(
    tmp_path: Path, major_m: float, minor_m: float, orientation_deg: float, told: bool
) -> None:
    wants = make_webhook(tmp_path, bbox=AROUND_HOME).filter
    ellipse = ErrorEllipse(semi_major_m=major_m, semi_minor_m=minor_m, orientation_deg=orientation_deg)
    assert wants.wants(alert_event(JUST_NORTH, ellipse), told_before=False) is told
    assert not wants.wants(alert_event(JUST_NORTH), told_before=False)


@pytest.mark.parametrize("told", [True, False])
def test_a_field_decides_about_events_without_a_position(tmp_path: Path, told: bool) -> None:
    wants = make_webhook(tmp_path, bbox=FAR_AWAY, without_position=told).filter
    assert wants.wants(alert_event(None), told_before=False) is told
    assert make_webhook(tmp_path, bbox=FAR_AWAY).filter.wants(alert_event(None), told_before=False)


async def test_who_was_told_of_a_fire_is_told_that_it_was_elsewhere(tmp_path: Path) -> None:
    inside = make_alert()
    elsewhere = {"position": Position(lat_deg=47.5, lon_deg=9.5), "ellipse": None}
    async with webhook_bench(tmp_path, configs=[make_webhook(tmp_path, bbox=AROUND_HOME)]) as bench:
        for alert in (
            inside,
            inside.model_copy(update={"revision": 2, **elsewhere}),
            make_alert().model_copy(update=elsewhere),
        ):
            await announce(bench.store, alert, bench.dispatcher.names, now_s=NOW_S)
        told = [(row.subject_id, row.revision) for row in await bench.log()]
    assert told == [(inside.id, 2), (inside.id, 1)]


async def test_each_endpoint_has_filters_of_its_own(tmp_path: Path) -> None:
    configs = [
        make_webhook(tmp_path, name="here", bbox=AROUND_HOME),
        make_webhook(tmp_path, name="there", bbox=FAR_AWAY),
        make_webhook(tmp_path, name="incidents", events=["incident.*"]),
        make_webhook(tmp_path, name="all"),
    ]
    async with webhook_bench(tmp_path, configs=configs) as bench:
        await bench.put()
        assert {row.endpoint for row in await bench.log()} == {"here", "all"}


@pytest.mark.parametrize(
    ("levels", "escalation", "says"),
    [
        (["city"], [], None),
        (["ministry"], [], "there is no level 'ministry', only team, district, city"),
        (["ministry"], [{"name": "ministry", "after_s": 60}], None),
    ],
)
def test_a_level_that_there_is_not_is_refused(
    tmp_path: Path, levels: list[str], escalation: list[dict[str, Any]], says: str | None
) -> None:
    given = make_config(tmp_path).model_dump() | {
        "webhooks": [make_webhook(tmp_path, levels=levels).model_dump()],
        "escalation": escalation,
    }
    if says is None:
        StationConfig.model_validate(given)
    else:
        with pytest.raises(ValidationError, match=says):
            StationConfig.model_validate(given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bbox": (150.0, -35.0, 149.0, -36.0)}, "its south is not south of its north"),
        ({"bbox": AROUND_HOME, "polygon": [(0, 0), (1, 0), (1, 1)]}, "bbox or polygon, not both"),
        ({"polygon": [(0, 0), (1, 0)]}, "fewer than three corners"),
        ({"polygon": [(0, 0), (1, 1), (1, 0), (0, 1)]}, "polygon is no area: Self-intersection"),
        ({"polygon": [(47.5, 190.0), (1, 0), (1, 1)]}, "less than or equal to 90"),
        ({"bbox": (200.0, 0.0, 201.0, 1.0)}, "less than or equal to 180"),
        ({"without_position": False}, "without_position goes with bbox or polygon"),
        ({"events": ["alert.burning"]}, "alert.confirmed"),
        ({"events": ["test.ping"]}, "alert.confirmed"),
        ({"name": "Fire Dept"}, "pattern"),
        ({"previous_secret_until": NOON}, "goes with previous_secret_file"),
    ],
)
def test_a_mistake_in_the_configuration_is_explained(
    tmp_path: Path, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        make_webhook(tmp_path, **given)
    assert says in str(caught.value)
