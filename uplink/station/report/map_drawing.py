"""The map of a report: shapes in pixels, to be set as SVG. Pure.

North is up; metres east and north of the middle, which is flat enough over the few kilometres that it shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from uplink.messages import ErrorEllipse, Position
from uplink.station.answers import StoredAlert, TrackPoint
from uplink.station.incident import Incident
from uplink.station.report.facts import Facts

OVERVIEW_PX, CLOSE_UP_PX = (440, 420), (270, 420)
LEAST_CLOSE_M = 15.0
LEAST_HALF_M, MOST_HALF_M = 60.0, 5000.0  # of the height
NEAR_M = 1500.0  # of the track and of cameras: what is further away does not make the map smaller
RAY_M = 20_000.0
GAP_S = 75.0
EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG


@dataclass(frozen=True, slots=True)
class Ellipse:
    """``turn_deg`` clockwise, of the longer half axis from the right."""

    x: float
    y: float
    rx: float
    ry: float
    turn_deg: float
    kind: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something with a name at a place."""

    x: float
    y: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """``points`` as SVG has them."""

    points: str
    kind: str


@dataclass(slots=True)
class Drawing:
    """All of it. ``bar_px`` is as long as ``bar_m`` on the ground."""

    width: int
    height: int
    bar_px: float
    bar_m: float
    lines: list[Line] = field(default_factory=list)
    ellipses: list[Ellipse] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    edges: list[Mark] = field(default_factory=list)


def draw(facts: Facts) -> list[Drawing]:
    """All of it, and the fire itself where that is too small in it; none where nothing has a place."""
    middle = _middle(facts)
    if middle is None:
        return []
    half_m = _half_m(facts, middle)
    drawings = [_drawing(facts, _Frame(middle, half_m, OVERVIEW_PX))]
    ellipse = facts.incident.ellipse
    if ellipse is not None:
        close_m = max(LEAST_CLOSE_M, 2.5 * ellipse.semi_major_m * CLOSE_UP_PX[1] / CLOSE_UP_PX[0])
        drawings.append(_drawing(facts, _Frame(middle, min(close_m, half_m), CLOSE_UP_PX)))
    return drawings


def _drawing(facts: Facts, frame: _Frame) -> Drawing:
    bar_m = _round_length_m(0.45 * frame.width / frame.px_per_m)
    drawing = Drawing(frame.width, frame.height, bar_px=bar_m * frame.px_per_m, bar_m=bar_m)
    _add_graticule(drawing, frame)
    for points in facts.tracks.values():
        drawing.lines += [Line(line, "track") for line in _track(frame, points)]
    for alert in facts.alerts:
        _add_alert(drawing, frame, alert)
    _add_observers(drawing, frame, facts.alerts)
    _add_incident(drawing, frame, facts.incident)
    return drawing


class _Frame:
    def __init__(self, middle: Position, half_m: float, size_px: tuple[int, int]) -> None:
        self.middle = middle
        self.half_m = half_m
        self.width, self.height = size_px
        self.px_per_m = self.height / 2 / half_m

    def xy(self, lat_deg: float, lon_deg: float) -> tuple[float, float]:
        east_m, north_m = metres_from(self.middle, lat_deg, lon_deg)
        return self.width / 2 + east_m * self.px_per_m, self.height / 2 - north_m * self.px_per_m

    def text(self, lat_deg: float, lon_deg: float) -> str:
        x, y = self.xy(lat_deg, lon_deg)
        return f"{x:.1f},{y:.1f}"


def metres_from(middle: Position, lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """East and north, over short distances."""
    east = math.radians((lon_deg - middle.lon_deg + 180) % 360 - 180) * math.cos(math.radians(middle.lat_deg))
    return EARTH_RADIUS_M * east, EARTH_RADIUS_M * math.radians(lat_deg - middle.lat_deg)


def _middle(facts: Facts) -> Position | None:
    places = [facts.incident.position, *(alert.position for alert in facts.alerts)]
    places += [alert.observer for alert in facts.alerts]
    return next((place for place in places if place is not None), None)


def _half_m(facts: Facts, middle: Position) -> float:
    """Half of the height, so that what matters is in it."""
    ellipse = facts.incident.ellipse
    reach_m = 2.5 * ellipse.semi_major_m if ellipse else 0.0
    for alert in facts.alerts:
        if alert.position is not None:
            wide_m = alert.ellipse.semi_major_m if alert.ellipse else 0.0
            reach_m = max(reach_m, _far_m(middle, alert.position.lat_deg, alert.position.lon_deg) + wide_m)
    near = [
        far_m
        for lat_deg, lon_deg in _seen_from(facts)
        if (far_m := _far_m(middle, lat_deg, lon_deg)) <= NEAR_M
    ]
    return min(max(LEAST_HALF_M, 1.15 * reach_m, 1.15 * max(near, default=0.0)), MOST_HALF_M)


def _seen_from(facts: Facts) -> list[tuple[float, float]]:
    places = [(a.observer.lat_deg, a.observer.lon_deg) for a in facts.alerts if a.observer is not None]
    for points in facts.tracks.values():
        places += [(p.lat_deg, p.lon_deg) for p in points if p.lat_deg is not None and p.lon_deg is not None]
    return places


def _far_m(middle: Position, lat_deg: float, lon_deg: float) -> float:
    """In the direction that the overview is longer in."""
    east_m, north_m = metres_from(middle, lat_deg, lon_deg)
    return max(abs(east_m) * OVERVIEW_PX[1] / OVERVIEW_PX[0], abs(north_m))


def _track(frame: _Frame, points: Sequence[TrackPoint]) -> list[str]:
    """Broken where the drone was not heard."""
    lines: list[list[str]] = [[]]
    before: TrackPoint | None = None
    for point in points:
        if point.lat_deg is None or point.lon_deg is None:
            continue
        if before is not None and (point.heard_at - before.heard_at).total_seconds() > GAP_S:
            lines.append([])
        lines[-1].append(frame.text(point.lat_deg, point.lon_deg))
        before = point
    return [" ".join(line) for line in lines if len(line) > 1]


def _add_alert(drawing: Drawing, frame: _Frame, alert: StoredAlert) -> None:
    observer = alert.observer
    if alert.position is not None:
        if alert.ellipse is not None:
            drawing.ellipses.append(_ellipse(frame, alert.position, alert.ellipse, "alert"))
        place = frame.xy(alert.position.lat_deg, alert.position.lon_deg)
        drawing.marks.append(Mark(*place, f"alert {alert.label}", ""))
        if observer is not None:
            drawing.lines.append(
                Line(
                    f"{frame.text(observer.lat_deg, observer.lon_deg)} {place[0]:.1f},{place[1]:.1f}", "sight"
                )
            )
    elif observer is not None and alert.bearing_deg is not None:
        x, y = frame.xy(observer.lat_deg, observer.lon_deg)
        azimuth, reach = math.radians(alert.bearing_deg), RAY_M * frame.px_per_m
        end = f"{x + reach * math.sin(azimuth):.1f},{y - reach * math.cos(azimuth):.1f}"
        drawing.lines.append(Line(f"{x:.1f},{y:.1f} {end}", "bearing"))


def _add_observers(drawing: Drawing, frame: _Frame, alerts: Sequence[StoredAlert]) -> None:
    """Those at one place have one mark with all their names."""
    names: dict[tuple[int, int], dict[str, None]] = {}
    for alert in alerts:
        if alert.observer is not None:
            x, y = frame.xy(alert.observer.lat_deg, alert.observer.lon_deg)
            names.setdefault((round(x), round(y)), {})[alert.drone_id] = None
    for (x_px, y_px), drones in names.items():
        drawing.marks.append(Mark(x_px, y_px, "observer", ", ".join(drones)))


def _add_incident(drawing: Drawing, frame: _Frame, incident: Incident) -> None:
    if incident.position is None:
        return
    if incident.ellipse is not None:
        drawing.ellipses.append(_ellipse(frame, incident.position, incident.ellipse, "incident"))
    place = frame.xy(incident.position.lat_deg, incident.position.lon_deg)
    drawing.marks.append(Mark(*place, f"incident {incident.label}", ""))


def _ellipse(frame: _Frame, at: Position, ellipse: ErrorEllipse, kind: str) -> Ellipse:
    x, y = frame.xy(at.lat_deg, at.lon_deg)
    return Ellipse(
        x,
        y,
        ellipse.semi_major_m * frame.px_per_m,
        ellipse.semi_minor_m * frame.px_per_m,
        ellipse.orientation_deg - 90.0,
        kind,
    )


def _add_graticule(drawing: Drawing, frame: _Frame) -> None:
    """Lines of round degrees, with their names at the edges."""
    m_per_deg = EARTH_RADIUS_M * math.pi / 180
    parallel = max(1e-6, math.cos(math.radians(frame.middle.lat_deg)))
    half_lat = frame.half_m / m_per_deg
    half_lon = half_lat * frame.width / frame.height / parallel
    for lat_deg in _ticks(frame.middle.lat_deg, half_lat, 2):
        _, y = frame.xy(lat_deg, frame.middle.lon_deg)
        drawing.lines.append(Line(f"0,{y:.1f} {frame.width},{y:.1f}", "grid"))
        if 24.0 < y < frame.height - 40.0:  # not under the scale, nor under the names of meridians
            drawing.edges.append(Mark(4.0, y - 3.0, "edge", f"{lat_deg:.7g}°"))
    for lon_deg in _ticks(frame.middle.lon_deg, half_lon, 3 if frame.width > 300 else 2):
        x, _ = frame.xy(frame.middle.lat_deg, lon_deg)
        drawing.lines.append(Line(f"{x:.1f},0 {x:.1f},{frame.height}", "grid"))
        if x < frame.width - 60.0:
            drawing.edges.append(Mark(x + 3.0, 12.0, "edge", f"{(lon_deg + 180) % 360 - 180:.7g}°"))


def _ticks(middle: float, half: float, at_most: int) -> list[float]:
    step = _round_length_m(2 * half / at_most)
    first = math.ceil((middle - half) / step)
    return [number * step for number in range(first, math.floor((middle + half) / step) + 1)]


def _round_length_m(at_most: float) -> float:
    """The largest of 1, 2, 5, 10, … that is not longer."""
    power = 10.0 ** math.floor(math.log10(at_most))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= at_most * 1.000001)
