"""What a look, or an order that takes the vehicle somewhere, wants done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FlyTo:
    """Send the vehicle to a place; ``take_over`` for the first one, which changes the mode."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    take_over: bool


@dataclass(frozen=True, slots=True)
class LookAt:
    """Point the camera at a place and keep it there."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float


@dataclass(frozen=True, slots=True)
class LookAhead:
    """Let go of the place."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with the patrol where it was left."""


@dataclass(frozen=True, slots=True)
class Strand:
    """The patrol cannot be gone on with: the vehicle is left where it is."""


@dataclass(frozen=True, slots=True)
class Circle:
    """Fly circles around a place, by the autopilot itself."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    radius_m: float


@dataclass(frozen=True, slots=True)
class ReturnHome:
    """Fly home and land, by the autopilot itself."""


@dataclass(frozen=True, slots=True)
class ComeDown:
    """Land where it is."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Stay where it is now, wherever that is; ``take_over`` changes the mode."""

    take_over: bool


LookAction = FlyTo | LookAt | LookAhead | Resume | Strand
Action = LookAction | Circle | ReturnHome | ComeDown | Stay
