"""The flight deck: patrol, look again, orders, traffic and coverage of one vehicle, put together.

Wiring only. Rules are in the parts: who may command in ``flight.arbiter``, when to look again in
``edge.response``, what is safe in ``flight.envelope``, where a patrol stands in ``edge.flying.progress``.
"""

from __future__ import annotations

import logging
from datetime import datetime

from flight.traffic import Traffic, TrafficWarning

from edge.config import AgentConfig
from edge.coverage import Coverage
from edge.flying.flight import PatrolFlight
from edge.flying.look_again import LookAgain
from edge.flying.orders import OrderDesk
from edge.preflight import Preflight
from edge.watch import Watch
from flight.terrain import Terrain
from flight.vehicle import Vehicle
from uplink.messages import PreflightLine
from uplink.outbox import Outbox

log = logging.getLogger(__name__)

TICK_S = 0.2
PREFLIGHT_PERIOD_S = 2.0
COVERAGE_PERIOD_S = 15.0
UNATTENDED_RETRY_S = 1.0


class FlightDeck:
    """Everything that acts on, or watches over, the flight. ``run`` it once the autopilot was heard."""

    def __init__(
        self,
        config: AgentConfig,
        vehicle: Vehicle,
        flight: PatrolFlight | None,
        watch: Watch,
        outbox: Outbox,
        terrain: Terrain | None,
    ) -> None:
        self._config = config
        self._vehicle = vehicle
        self._watch = watch
        self._outbox = outbox
        self.flight = flight
        self.coverage = Coverage(terrain)
        self.look_again = LookAgain(config, vehicle, flight, terrain)
        self.traffic: list[TrafficWarning] = []
        self.preflight: list[PreflightLine] = []
        self.next_start: datetime | None = None
        self._traffic = Traffic.of(config.traffic) if False else Traffic()
        self._preflight = Preflight(
            vehicle,
            seeing=watch.health.state,
            model_name=lambda: watch.provenance.model_name if watch.provenance else None,
            data_dir=config.data_dir,
            endurance_s=config.limits.endurance_s,
            reserve_percent=config.limits.reserve_percent,
        )
        self.desk = OrderDesk({})
