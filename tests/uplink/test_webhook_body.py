"""What is posted: events with links, small enough for every receiver, as the published schema says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest
import uuid6

from uplink.gcj02 import Datum
from uplink.messages import Alert, Evidence
from uplink.station.events import Ping, WebhookEvent, event_for, event_id, incident_event
from uplink.station.incident import Incident
from uplink.station.routes.webhooks import event_schema
from uplink.station.webhooks.body import MAX_BYTES, body_of

from .largest import largest
from .makers import NOON, make_alert, make_picture, sha256_of
from .webhook_bench import incident_of_one

NOW_S = NOON.timestamp()
PUBLIC_URL = "https://station.example.org/"
LONG_URL = "https://" + "station." * 30 + "example.org/"


def told(event: WebhookEvent, *, datum: Datum = "wgs84", public_url: str = "") -> dict[str, Any]:
    body: dict[str, Any] = json.loads(body_of(event, datum=datum, public_url=public_url))
    return body


def alert_event(alert: Alert) -> WebhookEvent:
    return event_for(alert, is_first=True, now_s=NOW_S)


def event_about(data: Alert | Incident) -> WebhookEvent:
    if isinstance(data, Alert):
        return alert_event(data)
    reason, level = "\x01" * 1000, "\x01" * 64
    return incident_event("incident.merged", data, now_s=NOW_S, who="\x01" * 80, reason=reason, level=level)


def ping() -> WebhookEvent:
    return WebhookEvent(type="test.ping", timestamp=NOON, data=Ping(id=uuid6.uuid7(), by="Ann"))


def test_links_begin_with_the_address_of_the_configuration() -> None:
    picture = make_picture()
    alert = make_alert(pictures=(picture,))
    body = told(alert_event(alert), public_url=PUBLIC_URL)
    assert body["url"] == f"https://station.example.org/api/v1/alerts/{alert.id}"
    sha256 = sha256_of(picture)
    link = {"sha256": sha256, "url": f"https://station.example.org/api/v1/media/{sha256}"}
    assert body["media"] == [link]


def test_without_one_they_are_paths() -> None:
    incident = incident_of_one()
    body = told(incident_event("incident.opened", incident, now_s=NOW_S))
    assert body["url"] == f"/api/v1/incidents/{incident.id}"
    assert told(ping())["url"] is None


def test_what_was_sent_reads_as_what_was_meant() -> None:
    alert, incident = make_alert(pictures=(make_picture(),)), incident_of_one()
    for event in (alert_event(alert), incident_event("incident.merged", incident, now_s=NOW_S), ping()):
        read = WebhookEvent.model_validate_json(body_of(event, datum="wgs84", public_url=""))
        assert (read.type, read.data, read.left_out) == (event.type, event.data, [])


@pytest.mark.parametrize("public_url", ["", PUBLIC_URL, LONG_URL])
@pytest.mark.parametrize("datum", ["wgs84", "gcj02"])
@pytest.mark.parametrize("model", [Alert, Incident])
def test_the_largest_alert_and_incident_are_small_enough(
    model: type[Alert | Incident], datum: Datum, public_url: str
) -> None:
    body = body_of(event_about(largest(model)), datum=datum, public_url=public_url)
    assert len(body.encode()) < MAX_BYTES
    assert WebhookEvent.model_validate_json(body).data.id == largest(model).id


@pytest.mark.parametrize("model", [Alert, Incident])
def test_without_leaving_anything_out_they_would_not_be(model: type[Alert | Incident]) -> None:
    """Else the test above sees nothing."""
    body = body_of(event_about(largest(model)), datum="wgs84", public_url=LONG_URL)
    assert WebhookEvent.model_validate_json(body).left_out


def test_the_least_needed_is_left_out_first_and_told() -> None:
    lead_up, detection = (
        largest(Evidence).model_copy(update={"kind": kind, "sha256": digit * 64})
        for kind, digit in (("lead-up", "1"), ("detection", "2"))
    )
    alert = largest(Alert).model_copy(update={"evidence": [lead_up] * 8 + [detection] * 8})
    body = told(alert_event(alert), public_url=LONG_URL)
    assert body["left_out"] == ["evidence (lead-up)"]
    assert {picture["kind"] for picture in body["data"]["evidence"]} == {"detection"}
    assert {link["sha256"] for link in body["media"]} == {"2" * 64}
    assert body["data"]["pose"] is not None


def test_an_ordinary_alert_loses_nothing() -> None:
    alert = largest(Alert).model_copy(
        update={"evidence": largest(Alert).evidence[:6], "model_name": "fire detector 3"}
    )
    assert told(alert_event(alert), public_url=PUBLIC_URL)["left_out"] == []


def test_an_incident_says_who_did_it_and_why() -> None:
    event = incident_event(
        "incident.resolved", incident_of_one(), now_s=NOW_S, who="Pia", reason="extinguished", level=None
    )
    body = told(event)
    assert (body["who"], body["reason"], body["level"]) == ("Pia", "extinguished", None)


def test_positions_are_in_the_datum_of_the_endpoint() -> None:
    beijing = {"lat_deg": 39.9, "lon_deg": 116.4}
    incident = incident_of_one(position=beijing)
    body = told(incident_event("incident.opened", incident, now_s=NOW_S), datum="gcj02")
    assert body["data"]["position"]["datum"] == "GCJ02"
    assert body["data"]["position"]["lat_deg"] != beijing["lat_deg"]


def test_the_schema_takes_what_is_sent() -> None:
    validator = jsonschema_rs.validator_for(event_schema(), validate_formats=True)
    for event in (
        alert_event(largest(Alert)),
        alert_event(make_alert()),
        incident_event("incident.opened", largest(Incident), now_s=NOW_S),
        incident_event("incident.escalated", incident_of_one(), now_s=NOW_S, who="station", level="city"),
        ping(),
    ):
        validator.validate(told(event, public_url=PUBLIC_URL))


@pytest.mark.parametrize(
    "wrong", [{"type": "alert.burning"}, {"timestamp": "now"}, {"data": {}}, {"more": 1}, {"media": [{}]}]
)
def test_the_schema_refuses_what_is_not(wrong: dict[str, Any]) -> None:
    validator = jsonschema_rs.validator_for(event_schema(), validate_formats=True)
    assert not validator.is_valid(told(alert_event(make_alert())) | wrong)


def test_an_event_has_one_name_and_no_other_event_has_it() -> None:
    alert, incident = make_alert(), incident_of_one()
    later_s = NOW_S + 60.0
    assert event_id(alert_event(alert)) == f"msg_{alert.id}_1"
    events = [
        alert_event(alert),
        alert_event(make_alert(alert.id, 2)),
        incident_event("incident.opened", incident, now_s=NOW_S),
        incident_event("incident.escalated", incident, now_s=NOW_S, level="team"),
        incident_event("incident.escalated", incident, now_s=NOW_S, level="district"),
        incident_event("incident.escalated", incident, now_s=later_s, level="team"),  # nobody did anything
        incident_event("incident.acknowledged", incident_of_one(id=incident.id, version=2), now_s=later_s),
    ]
    names = [event_id(event) for event in events]
    assert len(set(names)) == len(names)
    assert [event_id(event.model_copy()) for event in events] == names
    assert all("." not in name for name in names), "a dot parts the signed text"


def test_the_time_of_an_event_is_the_stations() -> None:
    assert alert_event(make_alert(minutes=-90)).timestamp == datetime.fromtimestamp(NOW_S, UTC)
