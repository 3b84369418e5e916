"""Where the vehicle may be sent: checked on the companion before a byte leaves it (flight rules 19, 24).

The autopilot has its own fence; this one refuses first, says why in words, and knows the ground. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flight.plans.fence import Fence, distance_m
from flight.telemetry import Home
from flight.terrain import Terrain

FENCE_MARGIN_M = 5.0
"""Nobody is sent, and no patrol is flown, nearer to a fence than this."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Limits of every place that the agent may name. ``home`` None: nothing is known to be near enough."""

    home: Home | None = None
    fence: Fence | None = None
    terrain: Terrain | None = None
    least_height_agl_m: float = 20.0
    ceiling_home_m: float = 120.0
    range_m: float = 3000.0
    fence_margin_m: float = FENCE_MARGIN_M

    def objection(self, lat_deg: float, lon_deg: float, alt_amsl_m: float) -> str:
        """Why the vehicle may not be sent there, in plain words; empty where it may."""
        if not all(math.isfinite(value) for value in (lat_deg, lon_deg, alt_amsl_m)):
            return "it is not a place: a coordinate is not a number"
        if abs(lat_deg) > 90 or abs(lon_deg) > 180:
            return f"{lat_deg:g}, {lon_deg:g} is not on earth"
        if lat_deg == 0 and lon_deg == 0:
            return "0, 0 is how a lost position looks"
        if self.home is None:
            return "the autopilot's home is not known"
        away_m = distance_m(self.home.lat_deg, self.home.lon_deg, lat_deg, lon_deg)
        if away_m > self.range_m:
            return f"it is {away_m:.0f} m from home, and {self.range_m:.0f} m is the limit"
        height_home_m = alt_amsl_m - self.home.alt_amsl_m
        if height_home_m > self.ceiling_home_m:
            return f"it is {height_home_m:.0f} m above home, and {self.ceiling_home_m:.0f} m is the ceiling"
        if self.fence is not None:
            breach = self.fence.objection(lat_deg, lon_deg, margin_m=self.fence_margin_m)
            if breach:
                return breach
        return self._ground(lat_deg, lon_deg, alt_amsl_m, height_home_m)

    def _ground(self, lat_deg: float, lon_deg: float, alt_amsl_m: float, height_home_m: float) -> str:
        if self.terrain is None:  # then home's height is all that is known of the ground
            height_agl_m, of_what = height_home_m, "home, and no terrain model is loaded"
        else:
            ground_m = float(self.terrain.height_amsl_m(np.array([lat_deg]), np.array([lon_deg]))[0])
            if math.isnan(ground_m):
                return "it is beyond the terrain model"
            height_agl_m, of_what = alt_amsl_m - ground_m, "the ground"
        if height_agl_m < self.least_height_agl_m:
            return f"it is {height_agl_m:.0f} m above {of_what}; {self.least_height_agl_m:.0f} m is the least"
        return ""
