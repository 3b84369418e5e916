"""Joins alerts of different cameras that each know only a direction: where they cross, there it burns.

Alerts are linked by capture time, in whatever order they come. Two cameras that each see two fires have four
crossings, and two of them are nothing: a crossing whose alerts cross elsewhere as well is told as ambiguous,
until a third camera decides.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from uplink.messages import Alert, AlertState, ErrorEllipse, Position
from uplink.station.answers import CrossedAlerts
from uplink.station.triangulate import Bearing, Crossing, triangulate

MOST_ALERTS = 100
MOST_CROSSINGS = 50
TOGETHER_S = 600.0
"""Seen within this of each other by two cameras: one that pans, or flies, does not look all the time."""
OBSERVER_SIGMA_M = 2.0  # where an alert does not say


class Crossings:
    """The alerts without a position, and where their lines of sight cross."""

    def __init__(self, alerts: Iterable[Alert] = ()) -> None:
        self._alerts: OrderedDict[UUID, Alert] = OrderedDict()
        for alert in alerts:
            self._put(alert)
        self.now = crossings_of(list(self._alerts.values()))

    def take(self, alert: Alert) -> bool:
        """A newer revision of an alert; whether the crossings have changed."""
        if not self._put(alert):
            return False
        before, self.now = self.now, crossings_of(list(self._alerts.values()))
        return self.now != before

    def _put(self, alert: Alert) -> bool:
        if _bearing(alert) is None:
            return self._alerts.pop(alert.id, None) is not None
        self._alerts[alert.id] = alert
        while len(self._alerts) > MOST_ALERTS:
            self._alerts.popitem(last=False)
        return True


def crossings_of(alerts: Sequence[Alert]) -> list[CrossedAlerts]:
    """All crossings of these, those of the most cameras first. Alerts that know no bearing are left out."""
    known = {str(alert.id): (alert, bearing) for alert in alerts if (bearing := _bearing(alert)) is not None}
    lines = [
        Line(key, alert.drone_id, alert.first_seen_at.timestamp(), alert.last_seen_at.timestamp(), bearing)
        for key, (alert, bearing) in known.items()
    ]
    return [
        _told([known[line.key][0] for line in meeting.lines], meeting.crossing, ambiguous=meeting.ambiguous)
        for meeting in meetings_of(lines)[:MOST_CROSSINGS]
    ]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of sight, and when it was looked along. ``key`` names it; ``camera`` is the drone's id."""

    key: str
    camera: str
    start_s: float
    end_s: float
    bearing: Bearing


@dataclass(frozen=True, slots=True, eq=False)
class Meeting:
    """Lines that cross at one place. Ambiguous: some of them cross elsewhere as well."""

    lines: list[Line]
    crossing: Crossing
    ambiguous: bool


def meetings_of(lines: Sequence[Line]) -> list[Meeting]:
    """All places where these cross, those of the most cameras first; the same in any order of the lines."""
    known = sorted(lines, key=lambda line: line.key)
    found: dict[frozenset[str], tuple[list[Line], Crossing]] = {}
    for first, second in itertools.combinations(known, 2):
        group = [first, second]
        crossing = crossing_of(group)
        if crossing is None:
            continue
        for other in known:
            wider = crossing_of([*group, other])
            if wider is not None:
                group, crossing = [*group, other], wider
        found[frozenset(line.key for line in group)] = group, crossing
    best = sorted(found.items(), key=lambda item: (-len(item[0]), max(item[1][1].semi_axes_m)))
    # What three cameras agree on is not to be had by two of them elsewhere.
    settled: list[frozenset[str]] = []
    for keys, _ in best:
        if not any(len(keys) < len(other) and keys & other for other in settled):
            settled.append(keys)
    return [
        Meeting(*found[keys], ambiguous=any(keys & other for other in settled if other != keys))
        for keys in settled
    ]


def crossing_of(group: Sequence[Line]) -> Crossing | None:
    """Where all of these cross, if they were looked along at one time and tell a place."""
    if len({line.camera for line in group}) < len(group):
        return None  # one camera's two alerts are two things
    if max(line.start_s for line in group) - min(line.end_s for line in group) > TOGETHER_S:
        return None
    return triangulate([line.bearing for line in group])


def _bearing(alert: Alert) -> Bearing | None:
    known = alert.observer is not None and alert.bearing_deg is not None
    if alert.state is not AlertState.CONFIRMED or alert.position is not None or not known:
        return None
    if alert.bearing_sigma_deg is None:
        return None
    assert alert.observer is not None  # noqa: S101 - known
    assert alert.bearing_deg is not None  # noqa: S101 - known
    return Bearing(
        alert.observer.lat_deg,
        alert.observer.lon_deg,
        alert.bearing_deg,
        alert.bearing_sigma_deg,
        OBSERVER_SIGMA_M if alert.pose is None else alert.pose.horizontal_sigma_m,
    )


def _told(alerts: Sequence[Alert], crossing: Crossing, *, ambiguous: bool) -> CrossedAlerts:
    larger_m, smaller_m = crossing.semi_axes_m
    covariance = crossing.covariance_m2
    return CrossedAlerts(
        alert_ids=[alert.id for alert in alerts],
        label="fire" if any(alert.label == "fire" for alert in alerts) else "smoke",
        position=Position(lat_deg=crossing.lat_deg, lon_deg=crossing.lon_deg),
        ellipse=ErrorEllipse(
            semi_major_m=max(larger_m, 0.1),
            semi_minor_m=max(smaller_m, 0.1),
            orientation_deg=crossing.orientation_deg,
        ),
        covariance_m2=(float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
        angle_deg=crossing.angle_deg,
        ambiguous=ambiguous,
    )
