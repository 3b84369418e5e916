"""What is safe around fires, from where the vehicle is now: ``standoff`` with the vehicle's own facts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence

import numpy as np

from edge.flying.clearance import Clearance, Fire, Place, Wind
from edge.flying.flight import PatrolFlight
from edge.flying.standoff import Here, NoViewError, StandOff, View
from flight.plans.items import Command
from flight.plans.path import Leg, legs, sampled
from flight.terrain import Terrain
from flight.vehicle import Vehicle
from uplink.messages import PatrolPhase

log = logging.getLogger(__name__)

WIND_FRESH_S = 30.0
POSITION_FRESH_S = 2.0
BELOW_PATROL_M = 5.0  # a vehicle in a gust, or not quite at its height yet


class Around:
    """Answers what the response asks. What cannot be worked out counts as not safe.

    ``fires`` are all that are confirmed now: each has to be kept clear of, whichever is looked at.
    """

    def __init__(
        self,
        vehicle: Vehicle,
        flight: PatrolFlight,
        terrain: Terrain | None,
        stand_off_m: float,
        fires: Callable[[], Collection[Fire]],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vehicle = vehicle
        self._flight = flight
        self._terrain = terrain
        self._stand_off_m = stand_off_m
        self._fires = fires
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
        return self._is_safe(lambda: self._around(fire).is_clear(self._here(), place))

    def is_way_back(self, fire: Fire, track: Sequence[Place]) -> bool:
        """False as well where it could not be worked out."""
        return self._is_safe(lambda: self._around(fire).is_way_back(track))

    def is_onward_clear(self, fire: Fire) -> bool:
        """Whether the straight way from here to where the patrol goes on to is safe: the autopilot flies it
        when the patrol is resumed here."""
        onward = self.onward
        return onward is not None and self.is_clear(fire, onward)

    @property
    def onward(self) -> Place | None:
        """Where the patrol goes on to; None where nobody knows."""
        leg = self._leg()
        return None if leg is None else leg.end

    def is_home_clear(self) -> bool:
        """Whether the straight way home is safe, at the height of now."""
        fire, home = next(iter(self._fires()), None), self._vehicle.telemetry.home
        if fire is None or home is None:
            return home is not None
        return self._is_safe(
            lambda: self._around(fire).is_clear(
                here := self._here(), (home.lat_deg, home.lon_deg, here.alt_amsl_m)
            )
        )

    def nearest_view_m(self, fire: Fire) -> tuple[float, float]:
        """How far off over ground, and how high above the fire, the nearest view of it is at the least.
        Raises NoViewError where the vehicle's position is not known."""
        return self._around(fire).nearest_m, self._here().floor_amsl_m - fire.alt_amsl_m

    @property
    def home_amsl_m(self) -> float | None:
        """The height of home."""
        home = self._vehicle.telemetry.home
        return None if home is None else home.alt_amsl_m

    @property
    def is_on_patrol(self) -> bool:
        """Whether the vehicle is where a look again may begin: past the climb, at the patrol's height, and
        where it may be sent back to."""
        item, items = self._item, self._flight.progress.part.items
        if not 0 < item < len(items) or items[item].command == Command.NAV_TAKEOFF:
            return False  # item 0 is flown to by nobody: the mission has not begun yet
        leg, position = self._leg(), self._vehicle.telemetry.position_since(POSITION_FRESH_S)
        if leg is None or position is None:
            return False
        if self._vehicle.commands.envelope.objection(position.lat_deg, position.lon_deg, position.alt_amsl_m):
            return False
        lat_deg, lon_deg, alt_m, _ = sampled(leg, self._terrain)
        east_deg = (lon_deg - position.lon_deg) * np.cos(np.radians(position.lat_deg))
        nearest = int(np.argmin(np.hypot(lat_deg - position.lat_deg, east_deg)))
        return position.alt_amsl_m >= float(alt_m[nearest]) - BELOW_PATROL_M

    def _is_safe(self, answer: Callable[[], bool]) -> bool:
        try:
            return answer()
        except NoViewError:
            return False
        except Exception:
            log.exception("a way could not be judged")
            return False

    def _here(self) -> Here:
        position = self._vehicle.telemetry.position_since(POSITION_FRESH_S)
        if position is None:
            raise NoViewError("the vehicle's position is not known")
        if self._flight.phase is PatrolPhase.FLYING:  # once it has left the patrol, the floor stays
            leg = self._leg()
            patrol_m = position.alt_amsl_m if leg is None else max(leg.start[2], leg.end[2])
            self._floor_amsl_m = max(position.alt_amsl_m, patrol_m)
        return Here(position.lat_deg, position.lon_deg, position.alt_amsl_m, self._floor_amsl_m)

    @property
    def _item(self) -> int:
        """Of the part that is aboard: the one flown to; 0 before the start, and where nobody says."""
        return self._vehicle.telemetry.mission_item or 0

    def _leg(self) -> Leg | None:
        """The one that the patrol is on, or was on when it was left."""
        home = self._vehicle.telemetry.home
        return next(
            (
                leg
                for leg in legs(
                    self._flight.progress.part,
                    self._terrain,
                    home_amsl_m=None if home is None else home.alt_amsl_m,
                )
                if leg.item.seq >= self._item
            ),
            None,
        )

    def _around(self, fire: Fire) -> StandOff:
        return StandOff(
            Clearance(
                fire,
                self._vehicle.commands.envelope,
                self._terrain,
                fresh_wind(self._vehicle, self._now()),
                self._stand_off_m,
                [other for other in self._fires() if other is not fire],
            )
        )


def fresh_wind(vehicle: Vehicle, now_s: float) -> Wind | None:
    """As the autopilot has it; None where it has not said so lately."""
    wind = vehicle.telemetry.wind
    if wind is None or now_s - wind.received_s >= WIND_FRESH_S:
        return None
    return Wind(wind.from_deg, wind.speed_m_s)
