"""Judges a demo flight: every fire against every alert, by the alert's own claim of how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from pyproj import Geod
from rich.table import Table

from uplink.messages import Alert, AlertState

SAME_FIRE_M = 100.0  # beyond this an alert is not a bad position of the fire, but a fire that is not there
SAME_BEARING_DEG = 8.0  # an alert that knows no more than a bearing is explained by a fire there
MOST_SIGMAS = 3.0
_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class TrueFire:
    """Where a fire really is. ``visible_s``: when the camera first had it in view (monotonic)."""

    name: str
    lat_deg: float
    lon_deg: float
    visible_s: float | None


@dataclass(frozen=True, slots=True)
class FireVerdict:
    """What became of one fire. ``sigmas``: the error's Mahalanobis distance under the alert's covariance."""

    fire: TrueFire
    alert: Alert | None
    error_m: float | None
    sigmas: float | None
    visible_to_webhook_s: float | None
    told: bool

    @property
    def passed(self) -> bool:
        return self.alert is not None and self.sigmas is not None and self.sigmas <= MOST_SIGMAS and self.told


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole flight: passed when every fire was found, placed within 3 σ, and told to the webhook."""

    fires: tuple[FireVerdict, ...]
    false_alerts: tuple[Alert, ...]

    @property
    def passed(self) -> bool:
        return bool(self.fires) and all(fire.passed for fire in self.fires)


def offset_m(
    from_lat_deg: float, from_lon_deg: float, to_lat_deg: float, to_lon_deg: float
) -> tuple[float, float]:
    """East and north (m) from one point to another, along the WGS 84 geodesic."""
    azimuth_deg, _, distance_m = _GEOD.inv(from_lon_deg, from_lat_deg, to_lon_deg, to_lat_deg)
    azimuth = math.radians(azimuth_deg)
    return distance_m * math.sin(azimuth), distance_m * math.cos(azimuth)


def judge(
    fires: Sequence[TrueFire], alerts: Sequence[Alert], webhook_received_s: Mapping[UUID, float]
) -> Verdict:
    """Match alerts to fires, nearest first; an alert near no fire is a false one."""
    standing = [alert for alert in alerts if alert.state is not AlertState.WITHDRAWN]
    pairs = sorted(
        (math.hypot(*_error_m(fire, alert)), fire_index, alert_index)
        for fire_index, fire in enumerate(fires)
        for alert_index, alert in enumerate(standing)
        if alert.position is not None
    )
    nearest: dict[int, int] = {}
    explained: set[int] = set()
    for distance_m, fire_index, alert_index in pairs:
        if distance_m > SAME_FIRE_M:
            break
        explained.add(alert_index)
        if fire_index not in nearest and alert_index not in nearest.values():
            nearest[fire_index] = alert_index
    verdicts = tuple(
        _judge_one(fire, standing[nearest[index]] if index in nearest else None, webhook_received_s)
        for index, fire in enumerate(fires)
    )
    unexplained = (alert for i, alert in enumerate(standing) if i not in explained)
    return Verdict(verdicts, tuple(alert for alert in unexplained if not _points_at_one(alert, fires)))


def _points_at_one(alert: Alert, fires: Sequence[TrueFire]) -> bool:
    if alert.position is not None or alert.observer is None or alert.bearing_deg is None:
        return False
    offsets = (
        offset_m(alert.observer.lat_deg, alert.observer.lon_deg, fire.lat_deg, fire.lon_deg) for fire in fires
    )
    turns_deg = (math.degrees(math.atan2(east_m, north_m)) - alert.bearing_deg for east_m, north_m in offsets)
    return any(abs((turn_deg + 180) % 360 - 180) <= SAME_BEARING_DEG for turn_deg in turns_deg)


def _error_m(fire: TrueFire, alert: Alert) -> tuple[float, float]:
    assert alert.position is not None  # noqa: S101 - callers have checked
    return offset_m(fire.lat_deg, fire.lon_deg, alert.position.lat_deg, alert.position.lon_deg)


def _judge_one(fire: TrueFire, alert: Alert | None, webhook_received_s: Mapping[UUID, float]) -> FireVerdict:
    if alert is None:
        return FireVerdict(fire, None, None, None, None, told=False)
    error = np.array(_error_m(fire, alert))
    sigmas: float | None = None
    if alert.covariance_m2 is not None:
        ee, en, nn = alert.covariance_m2
        sigmas = float(np.sqrt(error @ np.linalg.solve([[ee, en], [en, nn]], error)))
    received_s = webhook_received_s.get(alert.id)
    both = received_s is not None and fire.visible_s is not None
    delay_s = received_s - fire.visible_s if both else None  # type: ignore[operator]
    return FireVerdict(fire, alert, float(np.hypot(*error)), sigmas, delay_s, told=received_s is not None)


def as_table(verdict: Verdict) -> Table:
    """What a person reads at the end."""
    table = Table(title="The fires of this flight", title_justify="left")
    for heading in ("fire", "found", "label", "error", "90 % ellipse", "error in σ", "visible → webhook"):
        table.add_column(heading, justify="left" if heading in ("fire", "found", "label") else "right")
    for fire in verdict.fires:
        alert = fire.alert
        ellipse = alert.ellipse if alert else None
        table.add_row(
            fire.fire.name,
            "[green]yes[/]" if alert else "[red]missed[/]",
            alert.label if alert else "–",
            _metres(fire.error_m),
            f"{ellipse.semi_major_m:.0f} × {ellipse.semi_minor_m:.0f} m" if ellipse else "–",
            "–"
            if fire.sigmas is None
            else f"[{'green' if fire.sigmas <= MOST_SIGMAS else 'red'}]{fire.sigmas:.1f}[/]",
            "[red]not delivered[/]" if alert and not fire.told else _seconds(fire.visible_to_webhook_s),
        )
    for alert in verdict.false_alerts:
        table.add_row("nothing there", "[yellow]false alert[/]", alert.label, "–", "–", "–", "–")
    return table


def _metres(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} m"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"
