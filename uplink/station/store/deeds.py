"""The verbs of the audit log, each explained in ``uplink/README.md``. A deed that is none of these does not
pass the types."""

from __future__ import annotations

from typing import Literal

from uplink.station.answers import OrderFate
from uplink.station.events import IncidentEventType

OrderDeed = Literal[
    "order.given",
    "order.sent",
    "order.waits again",
    "order.accepted",
    "order.done",
    "order.refused",
    "order.expired",
    "order.overtaken",
    "order.lost",
]
IncidentNote = Literal["incident.confirmed", "incident.noted"]
ZoneDeed = Literal["zone.made", "zone.changed", "zone.removed"]
TipDeed = Literal[
    "tip.told",
    "tip.updated",
    "tip.taken",
    "tip.looked_at",
    "tip.not_looked_at",
    "tip.linked",
    "tip.closed",
    "tip.dismissed",
    "tip.reopened",
    "tip.expired",
]
DeedName = Literal[
    "session.begun",
    "session.ended",
    "session.refused",
    "user.added",
    "user.removed",
    "user.role",
    "user.password",
    "user.disabled",
    "user.enabled",
    "token.added",
    "token.removed",
    "key.made",
    "key.revoked",
    "control.taken",
    "control.handed over",
    "control.let go",
    OrderDeed,
    IncidentEventType,
    IncidentNote,
    "incident.reported",
    "incident.packaged",
    "incident.package_made",
    "incidents.exported",
    "alert.suppressed",
    "alert.released",
    ZoneDeed,
    TipDeed,
    "crew_link.made",
    "crew_link.revoked",
    "crew_link.opened",
    "patrol.created",
    "patrol.changed",
    "patrol.deleted",
    "media.seen",
    "media.original",
    "media.exported",
    "media.held",
    "media.released",
    "media.quarantined",
    "view.seen",
    "flight.exported",
    "webhook.tested",
    "webhook.disabled",
    "webhook.enabled",
    "webhook.replayed",
    "retention.changed",
    "retention.swept",
    "backup.made",
    "station.restored",
    "audit.exported",
]

_OF_FATE: dict[OrderFate, OrderDeed] = {
    OrderFate.ACCEPTED: "order.accepted",
    OrderFate.DONE: "order.done",
    OrderFate.REFUSED: "order.refused",
    OrderFate.EXPIRED: "order.expired",
    OrderFate.OVERTAKEN: "order.overtaken",
    OrderFate.LOST: "order.lost",
}


def deed_of_fate(fate: OrderFate, waiting: OrderDeed) -> OrderDeed:
    """What the turn is called that brought an order there; ``waiting`` is told by how it came to wait."""
    return waiting if fate is OrderFate.WAITING else _OF_FATE[fate]
