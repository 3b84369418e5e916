"""An incident system in miniature: receives webhooks, believes only those whose signature holds, and keeps
what they say of alerts."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from uplink.messages import Alert
from uplink.station.events import WebhookEvent

MAX_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook about an alert whose signature held. ``received_s`` is on the monotonic clock."""

    webhook_id: str
    type: str
    alert: Alert
    received_s: float


class WebhookSink:
    """Listens on a free loopback port from construction until ``close``."""

    def __init__(self, secret: str) -> None:
        self.deliveries: list[Delivery] = []
        self.refused = 0
        verifier = Webhook(secret)
        sink = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(min(length, MAX_BODY_BYTES))
                try:
                    verifier.verify(body, {key.lower(): value for key, value in self.headers.items()})
                    event = WebhookEvent.model_validate_json(body)
                except (WebhookVerificationError, ValueError):
                    sink.refused += 1
                    self.send_response(400)
                else:
                    if isinstance(event.data, Alert):
                        webhook_id = self.headers["webhook-id"]
                        sink.deliveries.append(Delivery(webhook_id, event.type, event.data, time.monotonic()))
                    self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Quiet: the terminal belongs to the demo's display."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhook sink", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/incidents"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
