"""What is safe around a fire, from where the vehicle is now: ``standoff`` with the vehicle's own facts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from edge.flying.clearance import Clearance, Fire, Wind
from edge.flying.flight import PatrolFlight
from edge.flying.standoff import Here, NoViewError, Place, StandOff, View
from flight.plans.path import legs
from flight.plans.plan import Plan
from flight.terrain import Terrain
from flight.vehicle import Vehicle
from uplink.messages import PatrolPhase

log = logging.getLogger(__name__)

WIND_FRESH_S = 30.0


class Around:
    """Answers what the response asks. What cannot be worked out counts as not safe."""

    def __init__(
        self,
        vehicle: Vehicle,
        flight: PatrolFlight,
        terrain: Terrain | None,
        stand_off_m: float,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vehicle = vehicle
        self._flight = flight
        self._terrain = terrain
        self._stand_off_m = stand_off_m
        self._now = now
        self._floor_amsl_m = float("-inf")

    def views(self, fire: Fire, count: int) -> Sequence[View]:
        """Raises NoViewError."""
        here = self._here()
        try:
            return self._around(fire).views(here, count)
        except NoViewError:
            raise
        except Exception as error:
            log.exception("no view could be worked out")
            raise NoViewError(f"no view could be worked out ({type(error).__name__})") from error

    def way(self, fire: Fire, place: Place) -> Sequence[Place] | None:
        """None where there is no safe way, and where none could be worked out."""
        try:
            return self._around(fire).way(self._here(), place)
        except NoViewError:
            return None
        except Exception:
            log.exception("no way could be worked out")
            return None

    def is_clear(self, fire: Fire, place: Place) -> bool:
        """False as well where it could not be worked out."""
        try:
            return self._around(fire).is_clear(self._here(), place)
        except NoViewError:
            return False
        except Exception:
            log.exception("a way could not be judged")
            return False

    def _here(self) -> Here:
        position = self._vehicle.telemetry.position
        if position is None:
            raise NoViewError("the vehicle's position is not known")
        if self._flight.phase is PatrolPhase.FLYING:  # once it has left the patrol, the floor stays
            progress, home = self._flight.progress, self._vehicle.telemetry.home
            home_amsl_m = None if home is None else home.alt_amsl_m
            self._floor_amsl_m = max(
                position.alt_amsl_m,
                patrol_height_amsl_m(progress.plan, progress.record.item, self._terrain, home_amsl_m),
            )
        return Here(position.lat_deg, position.lon_deg, position.alt_amsl_m, self._floor_amsl_m)

    def _around(self, fire: Fire) -> StandOff:
        wind = self._vehicle.telemetry.wind
        is_fresh = wind is not None and self._now() - wind.received_s < WIND_FRESH_S
        return StandOff(
            Clearance(
                fire,
                self._vehicle.commands.envelope,
                self._terrain,
                Wind(wind.from_deg, wind.speed_m_s) if wind is not None and is_fresh else None,
                self._stand_off_m,
            )
        )


def patrol_height_amsl_m(
    plan: Plan, item: int, terrain: Terrain | None, home_amsl_m: float | None = None
) -> float:
    """The height at which a patrol is flown on the way to an item: the higher end of that leg."""
    height_m = float("-inf")
    for leg in legs(plan, terrain, home_amsl_m=home_amsl_m):
        if leg.item.seq > item:
            break
        height_m = max(leg.start[2], leg.end[2])
    return height_m
