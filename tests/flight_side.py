"""What flies an agent that has no eyes: the real flight deck, patrol, look again, orders and arbiter.

Two harnesses have it: ``tests.edge.flying.simulation`` in simulation time, and
``tests.flight.scenarios.companion`` in real time on the wire.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

from edge.airborne import Airborne
from edge.config.file import AgentConfig
from edge.flying.deck import FlightDeck
from edge.flying.flight import PatrolFlight
from edge.geometry.optics import Camera
from edge.telling.alerts import Provenance
from edge.watch import Watch
from flight.vehicle import Vehicle
from uplink.messages import Order, OrderKind, OrderResult, OrderState
from uplink.outbox import Outbox


def watch_without_eyes(config: AgentConfig, vehicle: Vehicle, outbox: Outbox) -> Watch:
    """A watch that is told of frames and hotspots by a test, as of the configured camera."""
    camera = Camera.load(config.main_camera.profile)
    carrier = Airborne(
        vehicle,
        mount_pitch_deg=config.main_camera.mount_pitch_deg,
        offset_rpy_deg=camera.offset_rpy_deg,
    )
    watch = Watch(config, carrier, outbox, camera, None)
    watch._main.provenance = Provenance("a test's", "0" * 64)
    return watch


class FlightSide(ABC):
    """A companion's life, and a person at a station who gives it orders."""

    DRONE_ID: ClassVar[str]
    LOOKS_S: ClassVar[float]
    """How often what became of an order is looked for."""
    ASKS_S: ClassVar[float]
    """How often a person asks again for a grant that was refused."""

    vehicle: Vehicle
    watch: Watch
    deck: FlightDeck

    @property
    def flight(self) -> PatrolFlight:
        assert self.deck.flight is not None
        return self.deck.flight

    async def _run(self) -> None:
        async with self.vehicle, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._live())
            await self.vehicle.wait_for_autopilot(60.0)
            tasks.create_task(self.deck.run())

    @abstractmethod
    async def _live(self) -> None:
        """Feed the heartbeat, and say what is seen."""

    async def order(self, kind: OrderKind, **more: Any) -> OrderResult:
        """As from the station, taken once; what became of it."""
        order = Order(id=uuid4(), drone_id=self.DRONE_ID, kind=kind, by="Ann", at=datetime.now(UTC), **more)
        self.deck.desk.take(order)
        return await self.result_of(order)

    async def result_of(self, order: Order) -> OrderResult:
        while True:
            for result in self.deck.desk.results:
                if result.order_id == order.id and result.state is not OrderState.ACCEPTED:
                    return result
            await asyncio.sleep(self.LOOKS_S)

    async def granted(self) -> None:
        """A person gives the grant as soon as nothing stands against it."""
        while (await self.order(OrderKind.GRANT)).state is not OrderState.DONE:
            await asyncio.sleep(self.ASKS_S)
