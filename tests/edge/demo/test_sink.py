"""The demo's incident system believes a signature and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from edge.demo.sink import WebhookSink
from tests.edge.demo.test_verdict import alert
from uplink.station.events import WebhookEvent

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def sink() -> Iterator[WebhookSink]:
    sink = WebhookSink(SECRET)
    yield sink
    sink.close()


def post(sink: WebhookSink, body: str, secret: str) -> int:
    now = datetime.now(tz=UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
    }
    return httpx.post(sink.url, content=body, headers=headers).status_code


def event() -> str:
    return WebhookEvent(
        type="alert.confirmed", timestamp=datetime.now(tz=UTC), data=alert(5)
    ).model_dump_json()


def test_a_signed_event_is_taken(sink: WebhookSink) -> None:
    assert post(sink, event(), SECRET) == 204
    (taken,) = sink.deliveries
    assert (taken.webhook_id, taken.alert.id) == ("msg_1", UUID(int=5))


def test_a_wrong_signature_is_refused_and_counted(sink: WebhookSink) -> None:
    assert post(sink, event(), OTHER) == 400
    assert (sink.deliveries, sink.refused) == ([], 1)


def test_a_signed_body_that_is_no_event_is_refused(sink: WebhookSink) -> None:
    assert post(sink, '{"type": "hello"}', SECRET) == 400
    assert sink.deliveries == []
