"""Whether an ignore zone of the station holds an alert back. Pure.

All of this has to be so:

1. Its label is one of the zone's.
2. Its position is known and lies in the zone, and the zone holds at least half of the ellipse in which it is
   with 90 %. What only knows a bearing, or knows its place badly, is told.
3. It covers less ground than ``breaks_at_m2``, and less than the zone itself.
4. It was confirmed, by capture, while the zone was in force: a backlog is judged like what comes live.
5. The zone still stands. Once it has ended, or was removed, whatever still burns is told: what was lost or
   withdrawn by then, or was last seen more than a day before the end, is over, and stays what it was.

What was told once is told to its end (``store.zones`` sees to that): a zone takes no alarm away.
"""

from __future__ import annotations

from uplink.messages import Alert, AlertState
from uplink.station.incident_evidence import covariance_of, ellipse_of
from uplink.station.zone import StationZone
from uplink.station.zone_ground import share_inside

LEAST_SHARE = 0.5
STILL_BURNS_S = 24 * 3600.0


def holds(zone: StationZone, alert: Alert, now_s: float) -> bool:
    """Whether the alert raises no alarm because of this zone; ``now_s`` is the station's clock."""
    return _is_meant(zone, alert) and not _is_over(zone, alert, now_s) and _is_inside(zone, alert)


def may_still_burn(alert: Alert, end_s: float) -> bool:
    """Whether an alert has to be told when what held it back comes to its end."""
    return alert.state is AlertState.CONFIRMED and alert.last_seen_at.timestamp() > end_s - STILL_BURNS_S


def _is_meant(zone: StationZone, alert: Alert) -> bool:
    if alert.label not in zone.labels:
        return False
    if zone.starts_at is not None and alert.confirmed_at < zone.starts_at:
        return False
    return alert.area_m2 is None or alert.area_m2 < min(zone.breaks_at_m2 or zone.area_m2, zone.area_m2)


def _is_over(zone: StationZone, alert: Alert, now_s: float) -> bool:
    end_s = zone.end_s
    if end_s is None:
        return False
    if alert.confirmed_at.timestamp() >= end_s:
        return True
    return now_s >= end_s and may_still_burn(alert, end_s)


def _is_inside(zone: StationZone, alert: Alert) -> bool:
    if alert.position is None:
        return False
    return share_inside(zone.ring, alert.position, ellipse_of(covariance_of(alert))) >= LEAST_SHARE
