"""The receivers of a configuration, each with its own secrets, and how they are signed for."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from standardwebhooks import Webhook

from uplink.errors import StationError
from uplink.keys import read_secret, readable_by_others
from uplink.station.store.deliveries import EndpointName
from uplink.station.webhooks.breaker import Breaker
from uplink.station.webhooks.config import WebhookConfig

log = logging.getLogger(__name__)

WHSEC = "whsec_"
SECRET_MIN_BYTES, SECRET_MAX_BYTES = 24, 64  # as Standard Webhooks asks
AT_ONCE = 4  # posts in flight per endpoint


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs: the current secret, and for a time the one before it."""

    current: Webhook
    previous: Webhook | None = None
    previous_until_s: float | None = None

    def sign(self, message_id: str, body: str, *, now_s: float) -> str:
        """Every signature that holds now, the current one first, separated by spaces."""
        at = datetime.fromtimestamp(int(now_s), UTC)
        signers = [self.current, *([self.previous] if self.previous and self.both_sign(now_s) else [])]
        return " ".join(signer.sign(msg_id=message_id, timestamp=at, data=body) for signer in signers)

    def both_sign(self, now_s: float) -> bool:
        """Whether the previous secret has not ended."""
        ended = self.previous_until_s is not None and now_s >= self.previous_until_s
        return self.previous is not None and not ended


@dataclass(slots=True)
class Endpoint:
    """A receiver with its own secrets."""

    url: str = field(repr=False)  # its path or query may hold a token
    name: EndpointName
    signers: Signers = field(repr=False)
    allow_private: bool
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    breaker: Breaker = field(default_factory=lambda: Breaker(AT_ONCE))
    failing: bool = False


def load_endpoints(configs: Iterable[WebhookConfig], *, public_url: str = "") -> list[Endpoint]:
    """Reads the secrets. Raises ``StationError`` for a secret file that is missing or holds none, and for two
    endpoints of one name."""
    endpoints = []
    for config in configs:
        url = str(config.url)
        host = httpx.URL(url).netloc.decode()
        name = EndpointName(
            id=config.name or hashlib.sha256(url.encode()).hexdigest()[:16],
            url_host=host,
            datum=config.datum,
            wants=config.filter,
            public_url=public_url,
        )
        until = config.previous_secret_until
        previous = config.previous_secret_file
        signers = Signers(
            current=read_signer(config.secret_file, f"the secret file of webhook {host}"),
            previous=read_signer(previous, f"the file of its previous secret ({host})") if previous else None,
            previous_until_s=until.timestamp() if until else None,
        )
        endpoints.append(Endpoint(url, name, signers, config.allow_private))
    twice = [id_ for id_, count in Counter(one.name.id for one in endpoints).items() if count > 1]
    if twice:
        raise StationError(
            f"two webhooks are called {twice[0]}", hint="Give every [[station.webhooks]] a name of its own."
        )
    return endpoints


def read_signer(path: Path, what: str) -> Webhook:
    """Reads a secret. Raises ``StationError`` for a file that is missing or holds none."""
    secret = read_secret(path, what, error=StationError)
    if readable_by_others(path):
        log.warning("other users can read %s: chmod 600 it", path)
    # The library forgives what is not base64 and signs with whatever is left; we would rather not start.
    try:
        if not secret.startswith(WHSEC):
            raise ValueError(f"it does not begin with {WHSEC}")
        key = base64.b64decode(secret.removeprefix(WHSEC), validate=True)
        if not SECRET_MIN_BYTES <= len(key) <= SECRET_MAX_BYTES:
            raise ValueError(f"it has {len(key)} bytes instead of {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES}")
    except ValueError as reason:
        raise StationError(
            f"{path} holds no webhook secret: {reason}",
            hint=f"A secret is {WHSEC} followed by base64, as from: echo {WHSEC}$(openssl rand -base64 32)",
        ) from None
    return Webhook(key)
