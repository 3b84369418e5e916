"""What the station answers about webhooks, beyond each delivery."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from uplink.gcj02 import Datum
from uplink.messages import Message, UtcTime


class DeliveryAttempt(Message):
    """One try at a delivery."""

    at: UtcTime = Field(description="when it was over")
    took_ms: float | None = Field(description="none where the station stopped in the middle of it")
    status: int | None = Field(description="HTTP status of the answer, if there was one")
    error: str | None = Field(description="what went wrong, in words; none when it was delivered")


class WebhookState(Message):
    """An endpoint of the configuration and how it fares. The address beyond its host may be secret."""

    id: str = Field(description="its name, or a number made from its address")
    url_host: str
    events: list[str] = Field(description="that it is told of; every one when empty")
    has_area: bool = Field(description="it is told only of what may be in its area")
    datum: Datum
    two_secrets: bool = Field(description="the secret before this one still signs too")
    disabled_at: UtcTime | None = Field(description="since when nothing goes there, until it is enabled")
    disabled_because: str | None
    last_error: str | None = Field(description="of the latest attempt; none when it was delivered")
    waiting: int = Field(ge=0, description="deliveries that wait for their next attempt")
    dead: int = Field(ge=0, description="deliveries given up; they can be replayed")
    oldest_waiting_at: UtcTime | None
    last_delivered_at: UtcTime | None


class ReplayRequest(Message):
    """What is to be sent anew: one event, or everything written down in a time that was given up."""

    event_id: str | None = Field(None, max_length=200, description="its `webhook-id`, whatever became of it")
    since: UtcTime | None = None
    until: UtcTime | None = None
    delivered_too: bool = Field(False, description="of a time, also what was delivered")

    @model_validator(mode="after")
    def _one_or_a_time(self) -> Self:
        if (self.event_id is None) == (self.since is None):
            raise ValueError("give event_id, or since and perhaps until")
        if self.event_id is not None and (self.until is not None or self.delivered_too):
            raise ValueError("until and delivered_too go with since")
        return self


class Replayed(Message):
    """They are due at once."""

    deliveries: int = Field(ge=0)
