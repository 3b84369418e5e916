"""The text that is posted: the event in the endpoint's datum, with links, and never too large. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from uplink.gcj02 import Datum, in_datum
from uplink.messages import Alert
from uplink.station.events import MediaLink, Ping, WebhookEvent
from uplink.station.incident import Incident

API = "/api/v1"
MAX_BYTES = 20_000  # a receiver may refuse more than 20 kB, as Standard Webhooks says
SOME = 20


def body_of(event: WebhookEvent, *, datum: Datum, public_url: str) -> str:
    """JSON of less than 20 kB. What does not fit is left out, the least needed first, and the body says so:
    it can be read at ``url``."""
    told = in_datum(event, datum)
    body = _with_links(told, public_url).model_dump_json()
    for part, lighter in _lighter(told.data):
        if len(body.encode()) < MAX_BYTES:
            break
        data = told.data.model_copy(update=lighter)
        told = told.model_copy(update={"data": data, "left_out": [*told.left_out, part]})
        body = _with_links(told, public_url).model_dump_json()
    return body


def _with_links(event: WebhookEvent, public_url: str) -> WebhookEvent:
    base = public_url.rstrip("/") + API
    match event.data:
        case Alert(id=id_, evidence=evidence):
            media = [
                MediaLink(sha256=picture.sha256, url=f"{base}/media/{picture.sha256}") for picture in evidence
            ]
            return event.model_copy(update={"url": f"{base}/alerts/{id_}", "media": media})
        case Incident(id=id_, photos=photos):
            media = [MediaLink(sha256=photo.sha256, url=f"{base}/media/{photo.sha256}") for photo in photos]
            return event.model_copy(update={"url": f"{base}/incidents/{id_}", "media": media})
        case Ping():
            return event


def _lighter(data: Alert | Incident | Ping) -> Iterator[tuple[str, dict[str, object]]]:
    """What can be left out, the least needed first, and what is there instead. What then remains is bounded
    by the models themselves."""
    match data:
        case Alert(evidence=evidence):
            yield "evidence (lead-up)", {"evidence": [one for one in evidence if one.kind != "lead-up"]}
            yield "terrain", {"terrain": None}
            yield "pose", {"pose": None}
            yield "evidence", {"evidence": []}
        case Incident(alert_ids=alert_ids, drone_ids=drone_ids):
            yield "photos", {"photos": []}
            yield "aliases", {"aliases": []}
            yield f"alert_ids (after {SOME})", {"alert_ids": alert_ids[:SOME]}
            yield f"drone_ids (after {SOME})", {"drone_ids": drone_ids[:SOME]}
            yield "closed_because", {"closed_because": None}
            yield "units", {"units": []}
        case Ping():
            return
