"""Sends the vehicle to look at a place that a person names: whether it can, by which patches, and its end.

The rules are those of looking again (``response``, ``standoff``): it is the same look with another subject.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from uuid import UUID

import numpy as np

from edge.config.file import AgentConfig
from edge.flying.around import Around
from edge.flying.clearance import Fire, Place
from edge.flying.endurance import RECKONED_M_S, battery_objection
from edge.flying.flight import PatrolError, PatrolFlight
from edge.flying.orders import Ending
from edge.flying.patches import (
    IN_PICTURE,
    LEAST_PATCH_M,
    nearest_first,
    patch_radius_m,
    patches,
    shown_radius_m,
)
from edge.flying.response import Response
from edge.flying.rules import Mode, Rules
from edge.flying.situation import Phase, Situation
from edge.flying.standoff import NoViewError
from edge.flying.subject import PlaceSubject
from edge.flying.visit import Visit
from edge.geometry.sighting import ellipse
from edge.hotspots.hotspot import Look
from flight.plans.fence import Circle, distance_m
from flight.terrain import Terrain
from uplink.messages import Order, PatrolPhase

TURN_S = 5.0  # to begin and to end each leg
SMALLER = 0.8
_STANDARD_RADIUS = ellipse(np.eye(2))[0]


class Visits:
    """Of one vehicle on one patrol: one at a time."""

    def __init__(
        self,
        config: AgentConfig,
        flight: PatrolFlight,
        terrain: Terrain | None,
        around: Around,
        response: Response,
        rules: Rules,
        *,
        now: Callable[[], float],
    ) -> None:
        self._allowed = Mode(config.response.look_again) is not Mode.OFF
        self._camera = config.main_camera.optics()
        self._flight = flight
        self._terrain = terrain
        self._around = around
        self._response = response
        self._rules = rules
        self._now = now
        self._visit: Visit | None = None

    @property
    def tip_id(self) -> UUID | None:
        """Of the tip that the look of now is for."""
        visit = self._visit
        return visit.tip_id if visit is not None and self._response.target == visit.id else None

    def owns(self, subject_id: UUID | None) -> bool:
        """Whether the response's subject is a place, and no hotspot."""
        return self._visit is not None and subject_id == self._visit.id

    def begin(
        self, order: Order, situation: Situation, fires: Mapping[UUID, tuple[Fire, bool]]
    ) -> asyncio.Future[Ending]:
        """Send it there; the future is how it ends. Raises PatrolError for what stands against it.

        ``fires`` are those that burn now, and whether people are told of them.
        """
        if not self._allowed:
            raise PatrolError("this site allows no looks", hint='[agent.response] look_again is "off".')
        circle = _circle(order)
        if self._flight.phase is PatrolPhase.LOOKING_AGAIN:
            raise PatrolError("it looks at something else now")
        if self._flight.phase is not PatrolPhase.FLYING:
            raise PatrolError(f"it goes from its patrol only, and the patrol is {self._flight.phase.value}")
        if situation.place is None:
            raise PatrolError("its position is not known")
        subject = PlaceSubject(
            order.id, self._patches(circle, order, situation, situation.place), self._rules, self._around
        )
        visit = Visit(order, circle)
        for hotspot_id, (fire, alerted) in fires.items():
            visit.burns(hotspot_id, fire, alerted=alerted)
        if not self._response.send(subject, self._now()):
            raise PatrolError("it looks at something else now")
        self._visit = visit
        return visit.ended

    def look(self, look: Look) -> None:
        """A frame was looked at."""
        if self._visit is not None and self._response.phase in (Phase.GOING, Phase.LOOKING):
            self._visit.look(look)

    def burns(self, hotspot_id: UUID, fire: Fire, *, alerted: bool) -> None:
        """A fire is confirmed, or its estimate is another one."""
        if self._visit is not None and not self._visit.ended.done():
            self._visit.burns(hotspot_id, fire, alerted=alerted)

    def conclude(self) -> None:
        """Tell the end, once there is one. Call after whatever may have ended it."""
        visit, response = self._visit, self._response
        if visit is None or visit.ended.done() or response.is_about(visit.id):
            return
        if response.target == visit.id:  # on its way back
            visit.looked("" if response.reason == "looked at" else response.reason)
        else:
            visit.dropped(response.reason)

    # --- inside -----------------------------------------------------------------------------------

    def _patches(self, circle: Circle, order: Order, situation: Situation, here: Place) -> list[Fire]:
        """As many as time and battery allow, in an order that is short to fly."""
        alt_m = self._ground_m(circle.lat_deg, circle.lon_deg, order)
        radius_m = self._patch_radius_m(circle, alt_m)
        middles = patches(circle, radius_m)
        objection = ""
        for count in range(len(middles), 0, -1):
            way = nearest_first(middles[:count], here[:2])
            objection = self._objection(way, situation, here)
            if not objection:
                return [_fire(*at, self._ground_m(*at, order), radius_m) for at in way]
        raise PatrolError(objection)

    def _patch_radius_m(self, circle: Circle, alt_m: float) -> float:
        """Small enough for this camera to show a patch whole from the stand-off."""
        radius_m = patch_radius_m(circle)
        while radius_m > LEAST_PATCH_M:
            try:
                away_m, above_m = self._around.nearest_view_m(
                    _fire(circle.lat_deg, circle.lon_deg, alt_m, radius_m)
                )
            except NoViewError as error:
                raise PatrolError(error.message) from error
            if above_m > 0 and IN_PICTURE * shown_radius_m(self._camera, away_m, above_m) >= radius_m:
                break
            radius_m = max(SMALLER * radius_m, LEAST_PATCH_M)
        return radius_m

    def _objection(self, way: list[tuple[float, float]], situation: Situation, here: Place) -> str:
        """Why not all of these can be looked at; empty where they can."""
        rules = self._rules
        stops = [here[:2], *way]
        out_m = sum(distance_m(*start, *end) for start, end in zip(stops, way, strict=False))
        out_s = out_m / RECKONED_M_S + len(way) * (rules.look_s + TURN_S)
        back_m = distance_m(*way[-1], *here[:2])
        if out_s > rules.longest_at_s:
            return (
                f"it is too far: {out_m:.0f} m from here take {out_s:.0f} s with the look, "
                f"and {rules.longest_at_s:.0f} s is the limit"
            )
        need = max(rules.need_percent, 100 * (out_s + back_m / RECKONED_M_S) / rules.endurance_s)
        return battery_objection(situation.battery_percent, need, rules.reserve_percent)

    def _ground_m(self, lat_deg: float, lon_deg: float, order: Order) -> float:
        """Above sea level: the terrain model's, else as the order has it, else home's."""
        if self._terrain is not None:
            height_m = float(self._terrain.height_amsl_m(np.array([lat_deg]), np.array([lon_deg]))[0])
            if math.isnan(height_m):
                raise PatrolError("it is beyond the terrain model")
            return height_m
        if order.place is not None and order.place.alt_amsl_m is not None:
            return order.place.alt_amsl_m
        home_m = self._around.home_amsl_m
        if home_m is None:
            raise PatrolError("the autopilot's home is not known")
        return home_m


def _circle(order: Order) -> Circle:
    """Raises PatrolError for an order that names none."""
    place, radius_m = order.place, order.radius_m
    if place is None or radius_m is None:
        raise PatrolError("the order names no place to look at")
    if place.datum != "WGS84":
        raise PatrolError("drones take WGS 84 positions only")
    return Circle(place.lat_deg, place.lon_deg, radius_m)


def _fire(lat_deg: float, lon_deg: float, alt_amsl_m: float, radius_m: float) -> Fire:
    """Something that may burn anywhere in a disc, so that it is kept clear of like one."""
    return Fire(lat_deg, lon_deg, alt_amsl_m, np.eye(2) * (radius_m / _STANDARD_RADIUS) ** 2)
