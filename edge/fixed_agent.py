"""The agent beside a fixed camera: the watch, the outbox and the way to the station, and no vehicle.

Wiring only, as ``edge.agent`` is for a drone. Orders are for vehicles: each is refused, with the reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

from uuid6 import uuid7

from edge.config.file import AgentConfig
from edge.config.fixed_section import FixedSection
from edge.fixed import FixedMount, second_fixed
from edge.flying.orders import OrderDesk
from edge.geometry.footprint import footprint
from edge.geometry.locate import MAX_RANGE_M
from edge.health.condition import Condition
from edge.supervisor import Turn, supervise
from edge.telling.drone_state import camera_view, watch_facts
from edge.telling.ground_told import ignore_zones
from edge.vision.process import VisionProcess
from edge.watch import Watch
from flight.errors import EmberwatchError
from uplink.client import UplinkClient
from uplink.drone_link import DroneLink
from uplink.ground import DroneGround
from uplink.live_view.sender import ViewSender
from uplink.messages import ControlState, DroneState, Order, OrderKind, Position
from uplink.outbox import Outbox

log = logging.getLogger(__name__)

NO_VEHICLE = "this is a fixed camera: it takes no orders"


class OrderForNobody(EmberwatchError):  # noqa: N818 - a state of affairs, not a mistake
    """There is no vehicle that could obey."""


class FixedAgent:
    """One fixed camera's agent."""

    def __init__(
        self,
        config: AgentConfig,
        section: FixedSection,
        outbox: Outbox,
        *,
        first_child: VisionProcess | None = None,
        new_id: Callable[[], UUID] = uuid7,
    ) -> None:
        """Raises FixedCameraError, TerrainError or CameraProfileError for what a person can mend."""
        self._config = config
        self._outbox = outbox
        terrain = config.terrain.open()
        self._camera = camera = config.main_camera.optics()
        self.mount = FixedMount(section, terrain)
        self.watch = Watch(
            config,
            self.mount,
            outbox,
            camera,
            terrain,
            second=second_fixed(config, section, terrain),
            first_child=first_child,
            new_id=new_id,
        )
        self._condition = Condition(config, self.watch)
        self.desk = OrderDesk(dict.fromkeys(OrderKind, _refuse))
        self._footprint = footprint(self.mount.pose_at(0.0), camera, terrain, max_range_m=MAX_RANGE_M)

    @property
    def link(self) -> None:
        """There is no autopilot."""

    def take_order(self, order: Order) -> None:
        """An order from the station."""
        self.desk.take(order)

    async def run(
        self,
        client: UplinkClient,
        link: DroneLink,
        view: ViewSender,
        tell: Callable[[DroneState], None],
    ) -> None:
        """Until cancelled. ``tell`` takes what it says of itself."""
        client.show(
            DroneGround(drone_id=self._config.drone.id, ignore_zones=ignore_zones(self._config.zones))
        )
        self._condition.upload_age_s = link.unheard_s
        with self._condition:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(supervise(self._config, tell, self._turn, self.state), name="supervisor")
                tasks.create_task(self.watch.run(), name="watch")
                tasks.create_task(client.run(), name="courier")
                tasks.create_task(link.run(), name="drone link")
                tasks.create_task(view.run(), name="live view")
                tasks.create_task(self.desk.run(), name="orders")

    def state(self, now_s: float) -> DroneState:
        """What the station hears of it, as of ``now_s`` (monotonic)."""
        mount = self.mount
        facts = watch_facts(self._config, self.watch, self._outbox, self._condition.health, now_s)
        return DroneState(
            **facts,
            fixed=True,
            linked=False,
            position=Position(lat_deg=mount.lat_deg, lon_deg=mount.lon_deg, alt_amsl_m=mount.alt_amsl_m),
            height_agl_m=mount.height_agl_m,
            heading_deg=mount.heading_deg,
            control=ControlState.READ_ONLY,
            control_reason=NO_VEHICLE,
            footprint=[] if facts["blind_reason"] else self._footprint,
            view=camera_view(mount.pose_at(now_s), self._camera),
            orders=self.desk.results,
        )

    def _turn(self, now_s: float) -> Turn:
        self._condition.judge(now_s)
        return Turn(self.watch.seeing(now_s).words, stands=True)


async def _refuse(_order: Order) -> None:
    raise OrderForNobody(NO_VEHICLE)
