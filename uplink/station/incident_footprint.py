"""What of an alert decides which others it is one event with: where, how surely, when, and what people said.

A footprint is rounded: two alerts with the same one are the same event without reckoning, and a revision that
leaves it as it was changes no incident. That bounds the work where many alerts tell of one place.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from enum import IntEnum

from uplink.messages import Alert, AlertState

STEP_DEG = 1e-4
"""Positions are rounded to it: at most 6 m, which the floor of the gate covers."""
STEP_S = 60
SIGMA_STEP = 1.25
LEAST_SIGMA_M = 5.0
TURN_STEP_DEG = 15.0
ROUND_BELOW = 1.5
"""An ellipse less long than this, for its width, counts as a circle."""
PLACE_SIGMA_M = 75.0
VAGUE_SIGMA_M = 750.0
MOST_SIGMA_M = 5000.0
"""A position that is worse than this says nothing."""
ASSUMED_SIGMA_M = 50.0
"""Of a position that comes without an error."""
OBSERVER_SIGMA_M = 2.0
"""Of a camera that does not say."""
SIZE_STEP_M = 10.0
MOST_RADIUS_M = 500.0
MOST_GROWTH_M2_PER_S = 100.0
LEAST_BEARING_SIGMA_DEG = 0.5
_MOST_M2 = 1e12


class Kind(IntEnum):
    """How well an alert knows where it is. Only places join one another: a worse one joins one of them, and
    never joins two of them together."""

    PLACE = 0
    ROUGH = 1
    DIRECTION = 2
    NOWHERE = 3


@dataclass(frozen=True, slots=True)
class Footprint:
    """``lat_deg``, ``lon_deg`` and the covariance are the fire's; of a direction, the camera's."""

    kind: Kind
    lat_deg: float
    lon_deg: float
    sigma_major_m: float
    sigma_minor_m: float
    orientation_deg: float
    start_s: int
    end_s: int
    radius_m: float
    growth_m2_per_s: float
    is_smoke: bool
    bearing_deg: float = 0.0
    bearing_sigma_deg: float = 0.0
    camera: str = ""
    """Of a direction: the drone's id. Of what is nowhere: the alert's, so that it is like no other."""
    pin: str | None = None
    """Same pin: a person said that they are one event."""
    cut_s: float | None = None
    """Its incident is closed: what was confirmed later than this is another event."""

    @property
    def key(self) -> str:
        """The same text for the same footprint, and the other way round."""
        return json.dumps([getattr(self, name) for name in self.__slots__])

    @classmethod
    def from_key(cls, key: str) -> Footprint:
        """What ``key`` gave."""
        kind, *rest = json.loads(key)
        return cls(Kind(kind), *rest)

    @property
    def covariance_m2(self) -> tuple[float, float, float]:
        """East-east, east-north, north-north."""
        turn_rad = math.radians(self.orientation_deg)
        east, north = math.sin(turn_rad), math.cos(turn_rad)
        major, minor = self.sigma_major_m**2, self.sigma_minor_m**2
        return (
            major * east**2 + minor * north**2,
            (major - minor) * east * north,
            major * north**2 + minor * east**2,
        )

    def with_decisions(self, pin: str | None, cut_s: float | None) -> Footprint:
        """The same place and time, with what people have said of it."""
        return replace(self, pin=pin, cut_s=cut_s)


def footprint_of(alert: Alert, pin: str | None = None, cut_s: float | None = None) -> Footprint:
    """The alert's, with what people have said of it."""
    position, observer = alert.position, alert.observer
    sigmas = _sigmas(alert)
    knows_direction = observer is not None and alert.bearing_deg is not None
    start_s = math.floor(alert.confirmed_at.timestamp() / STEP_S) * STEP_S
    end_s = math.ceil(max(alert.confirmed_at, alert.last_seen_at).timestamp() / STEP_S) * STEP_S
    is_smoke = alert.label == "smoke"
    if position is not None and sigmas[0] <= (VAGUE_SIGMA_M if knows_direction else MOST_SIGMA_M):
        # What a drone takes back may be where it was, but is no reason to hold others together.
        is_place = sigmas[0] <= PLACE_SIGMA_M and alert.state is not AlertState.WITHDRAWN
        growth = max(0.0, alert.growth_m2_per_min or 0.0) / 60
        return Footprint(
            Kind.PLACE if is_place else Kind.ROUGH,
            _rounded_deg(position.lat_deg),
            _rounded_deg(position.lon_deg),
            *sigmas,
            start_s,
            end_s,
            min(MOST_RADIUS_M, _step_up(math.sqrt((alert.area_m2 or 0.0) / math.pi), SIZE_STEP_M)),
            min(MOST_GROWTH_M2_PER_S, _step_up(growth, 0.5)),
            is_smoke,
            pin=pin,
            cut_s=cut_s,
        )
    if observer is None or alert.bearing_deg is None:
        nowhere = (Kind.NOWHERE, 0.0, 0.0, 0.0, 0.0, 0.0, start_s, end_s, 0.0, 0.0, is_smoke, 0.0, 0.0)
        return Footprint(*nowhere, str(alert.id), pin, cut_s)
    sigma_deg = max(LEAST_BEARING_SIGMA_DEG, alert.bearing_sigma_deg or 0.0)
    observer_m = OBSERVER_SIGMA_M if alert.pose is None else alert.pose.horizontal_sigma_m
    return Footprint(
        Kind.DIRECTION,
        _rounded_deg(observer.lat_deg),
        _rounded_deg(observer.lon_deg),
        *(_sigma_step(observer_m), _sigma_step(observer_m), 0.0),
        start_s,
        end_s,
        0.0,
        0.0,
        is_smoke,
        round(alert.bearing_deg * 10) / 10 % 360,
        _step_up(sigma_deg, 0.5),
        alert.drone_id,
        pin,
        cut_s,
    )


def _sigmas(alert: Alert) -> tuple[float, float, float]:
    """1σ along both axes, and the direction of the longer one, all rounded."""
    if alert.covariance_m2 is not None:
        east, cross, north = (min(max(part, -_MOST_M2), _MOST_M2) for part in alert.covariance_m2)
        middle, spread = (east + north) / 2, math.hypot((east - north) / 2, cross)
        major, minor = math.sqrt(max(0.0, middle + spread)), math.sqrt(max(0.0, middle - spread))
        turn_deg = math.degrees(math.atan2(2 * cross, north - east)) / 2
    elif alert.ellipse is not None:
        of_one = math.sqrt(-2 * math.log(1 - alert.ellipse.confidence))
        axes = alert.ellipse.semi_major_m / of_one, alert.ellipse.semi_minor_m / of_one
        major, minor, turn_deg = max(axes), min(axes), alert.ellipse.orientation_deg
    else:
        major = minor = ASSUMED_SIGMA_M
        turn_deg = 0.0
    is_round = major < ROUND_BELOW * max(minor, LEAST_SIGMA_M)
    turn_deg = 0.0 if is_round else round(turn_deg / TURN_STEP_DEG) * TURN_STEP_DEG % 180
    major_m = _sigma_step(major)
    return major_m, major_m if is_round else _sigma_step(minor), turn_deg


def _sigma_step(sigma_m: float) -> float:
    """Rounded up, so that no error is told smaller than it is."""
    sigma_m = min(max(sigma_m, LEAST_SIGMA_M), 2 * MOST_SIGMA_M)
    steps = math.ceil(math.log(sigma_m / LEAST_SIGMA_M, SIGMA_STEP) - 1e-9)
    return round(LEAST_SIGMA_M * SIGMA_STEP**steps, 1)


def _rounded_deg(angle_deg: float) -> float:
    return round(round(angle_deg / STEP_DEG) * STEP_DEG, 4)


def _step_up(value: float, step: float) -> float:
    return math.ceil(value / step - 1e-9) * step
