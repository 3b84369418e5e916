"""From a stored alert to the event that webhooks carry. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from uplink.messages import Alert, AlertState, WebhookEvent

EventType = Literal["alert.confirmed", "alert.updated", "alert.lost", "alert.withdrawn"]


def event_type(state: AlertState, *, is_first: bool) -> EventType:
    """``alert.confirmed`` once, for the first revision that the station ever stored; then updates.

    An alert that the station first hears of as lost or withdrawn is told as that.
    """
    match state:
        case AlertState.CONFIRMED:
            return "alert.confirmed" if is_first else "alert.updated"
        case AlertState.LOST:
            return "alert.lost"
        case AlertState.WITHDRAWN:
            return "alert.withdrawn"


def event_for(alert: Alert, *, is_first: bool, now_s: float) -> WebhookEvent:
    """The event of a newly stored revision; ``now_s`` is seconds since 1970."""
    return WebhookEvent(
        type=event_type(alert.state, is_first=is_first),
        timestamp=datetime.fromtimestamp(now_s, UTC),
        data=alert,
    )


def event_id(alert: Alert) -> str:
    """The ``webhook-id``: the same for every attempt, so that a receiver can tell a repeat."""
    return f"msg_{alert.id}_{alert.revision}"
