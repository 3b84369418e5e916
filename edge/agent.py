"""The agent on the drone: wires camera, detector, geometry, hotspots, outbox and autopilot together.

Wiring only. Data flows from the vision child to the outbox (``edge.watch``); orders flow from the station and
the patrol to the vehicle (``edge.flying``), and every one of them passes the arbiter. Nothing waits for the
ground.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from uuid6 import uuid7

from edge.airborne import Airborne
from edge.camera_eye import Second
from edge.config.file import AgentConfig
from edge.fixed_agent import FixedAgent
from edge.flying.deck import FlightDeck
from edge.flying.flight import PatrolFlight
from edge.health.condition import Condition
from edge.health.seeing import Seeing
from edge.patrols.depot import PatrolDepot, kept_patrol
from edge.patrols.load import load_patrol
from edge.patrols.patrol import FlyablePatrol
from edge.recording.recorder import Recorder
from edge.supervisor import Turn, supervise
from edge.telling.alerts import REMEMBERED_ALERTS
from edge.telling.drone_state import drone_state
from edge.telling.ground_told import GroundTeller
from edge.telling.pilot_told import PilotTold
from edge.vision.process import VisionProcess
from edge.watch import Watch
from flight.arbiter import RcSwitches
from flight.link import Link
from flight.signing import Signing, read_key
from flight.statustext import CRITICAL, NOTICE
from flight.vehicle import Vehicle
from uplink.client import UplinkClient
from uplink.drone_link import DroneLink
from uplink.errors import UplinkError
from uplink.keys import read_drone_key
from uplink.live_view.sender import ViewSender
from uplink.messages import DroneState, Order, PatrolRef
from uplink.metering import Metering
from uplink.order_sequence import OrderSequence
from uplink.order_signing import StationPublicKey
from uplink.outbox import Outbox
from uplink.patrol_fetch import PatrolFetch
from uplink.tls import trusting

log = logging.getLogger(__name__)


async def run_agent(config: AgentConfig, first_child: VisionProcess | None = None) -> None:
    """Run until cancelled, with a vision child that may have been started already.

    Raises EmberwatchError for what a person can mend before the flight.
    """
    key = read_drone_key(
        config.uplink.key_file, f"the key file of drone {config.drone.id}", error=UplinkError
    )
    station_key = _station_key(config)
    tls = trusting(config.uplink.station_ca_file)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with Outbox(config.data_dir / "outbox.db") as outbox:
        recorder = Recorder(config, known=outbox.told(REMEMBERED_ALERTS), new_id=uuid7)
        agent: Agent | FixedAgent = (
            Agent(
                config,
                vehicle_of(config),
                outbox,
                get_patrol=PatrolFetch(config.uplink.station_url, config.drone.id, key, tls=tls),
                first_child=first_child,
                new_id=recorder.new_id,
            )
            if config.fixed is None
            else FixedAgent(config, config.fixed, outbox, first_child=first_child, new_id=recorder.new_id)
        )
        metering = Metering(
            config.uplink.station_url,
            metered=config.uplink.metered,
            interfaces=config.uplink.metered_interfaces,
            picture_bytes=round(1024 * config.uplink.metered_picture_kb),
        )
        client = UplinkClient(
            config.uplink.station_url, config.drone.id, key, outbox, metering=metering, tls=tls
        )
        view = ViewSender(
            config.uplink.station_url,
            config.drone.id,
            key,
            agent.watch.live_view,
            objection=partial(view_objection, config.live_view.allow, metering),
            most_kbit_s=config.live_view.most_kbit_s,
            tls=tls,
        )
        link = DroneLink(
            config.uplink.station_url,
            config.drone.id,
            key,
            on_order=agent.take_order,
            on_back=client.station_is_heard,
            on_watched=view.watched,
            station_key=station_key,
            sequence=OrderSequence(config.data_dir / "order.sequence"),
            tls=tls,
        )

        def tell(state: DroneState) -> None:
            link.set_state(state)
            recorder.tell(state)

        recorder.start(agent.watch, agent.link)
        try:
            await agent.run(client, link, view, tell)
        finally:
            recorder.close()


async def view_objection(allow: str, metering: Metering) -> str:
    """Why people may not be sent the camera's picture now; empty is nothing."""
    if allow == "never":
        return "this drone's configuration does not allow to watch"
    await metering.largest_media_bytes()
    if metering.metered and allow != "always":
        return 'the link is metered, and [agent.live_view] allow is not "always"'
    return ""


def _station_key(config: AgentConfig) -> StationPublicKey | None:
    path = config.uplink.station_key_file
    return None if path is None else StationPublicKey.read(path)


def vehicle_of(config: AgentConfig, *, read_only: bool = False) -> Vehicle:
    """The vehicle that the configuration names, not yet opened. Raises LinkError or SigningError."""
    mavlink, control = config.mavlink, config.control
    signing = None
    if mavlink.signing_key_file is not None:
        signing = Signing(
            read_key(mavlink.signing_key_file),
            link_id=mavlink.signing_link_id,
            clock_file=config.data_dir / "signing.clock",
        )
    return Vehicle(
        mavlink.url,
        component_id=mavlink.component_id,
        read_only=mavlink.read_only or read_only,
        rc=RcSwitches(control.veto_channel, control.grant_channel, control.threshold_us),
        signing=signing,
    )


def second_airborne(config: AgentConfig, vehicle: Vehicle) -> Second | None:
    """The thermal camera beside the colour one, if there is one. Raises CameraProfileError."""
    section = config.second_camera
    if section is None:
        return None
    camera = section.optics()
    return Second(Airborne.of(section, camera, vehicle), camera)


class Agent:
    """One drone's agent. Everything it is made of is given to it or read from its configuration."""

    def __init__(
        self,
        config: AgentConfig,
        vehicle: Vehicle,
        outbox: Outbox,
        *,
        get_patrol: Callable[[PatrolRef], Awaitable[bytes]],
        first_child: VisionProcess | None = None,
        new_id: Callable[[], UUID] = uuid7,
    ) -> None:
        self._config = config
        self._vehicle = vehicle
        self._outbox = outbox
        self._terrain = config.terrain.open()
        self._camera = config.main_camera.optics()
        patrol = self._patrol()
        flight = PatrolFlight(vehicle, patrol, config.data_dir / "patrol.json") if patrol else None
        self.watch = Watch(
            config,
            Airborne.of(config.main_camera, self._camera, vehicle),
            outbox,
            self._camera,
            self._terrain,
            second=second_airborne(config, vehicle),
            first_child=first_child,
            new_id=new_id,
        )
        self._pilot_told = PilotTold(time.monotonic())
        self._condition = Condition(
            config,
            self.watch,
            telemetry_age_s=vehicle.telemetry.unheard_s,
            clock_off_s=self._clock_off_s,
        )
        depot = PatrolDepot(config.data_dir, get_patrol)
        self.deck = FlightDeck(config, vehicle, flight, self.watch, outbox, self._terrain, depot=depot)

    def _patrol(self) -> FlyablePatrol | None:
        """What the station sent last, before what the configuration names."""
        config = self._config
        sent = kept_patrol(config.data_dir)
        if sent is not None:
            log.info("the patrol is %s, as the station sent it", sent.name)
            return sent
        return load_patrol(config.patrol.file, self._terrain) if config.patrol.file else None

    @property
    def link(self) -> Link:
        """To the autopilot."""
        return self._vehicle.link

    def take_order(self, order: Order) -> None:
        """An order from the station."""
        self.deck.desk.take(order)

    async def run(
        self,
        client: UplinkClient,
        link: DroneLink,
        view: ViewSender,
        tell: Callable[[DroneState], None],
    ) -> None:
        """Until cancelled. ``tell`` takes what it says of itself."""
        self._condition.upload_age_s = link.unheard_s
        with self._condition:
            async with self._vehicle, asyncio.TaskGroup() as tasks:
                tasks.create_task(supervise(self._config, tell, self._turn, self._state), name="supervisor")
                tasks.create_task(self.watch.run(), name="watch")
                tasks.create_task(client.run(), name="courier")
                tasks.create_task(link.run(), name="drone link")
                tasks.create_task(view.run(), name="live view")
                await self._vehicle.wait_for_autopilot(self._config.mavlink.wait_s)
                tasks.create_task(self.deck.run(), name="flight deck")
                teller = GroundTeller(self._config, self.deck, self._vehicle.telemetry, client)
                tasks.create_task(teller.run(), name="ground")

    def _turn(self, now_s: float) -> Turn:
        """The loop's turning is the agent's heartbeat on the link."""
        self._vehicle.feed()
        telemetry = self._vehicle.telemetry
        mode = telemetry.mode if telemetry.linked else "no autopilot"
        self._condition.judge(now_s)
        seeing = self.watch.seeing(now_s)
        if telemetry.linked:
            self._tell_pilot(seeing, now_s)
        return Turn(
            f"{seeing.words}; {mode}",
            stands=telemetry.linked and telemetry.armed is False,
        )

    def _tell_pilot(self, seeing: Seeing, now_s: float) -> None:
        news = self._pilot_told.news(seeing, now_s)
        if news is not None:
            self._vehicle.tell(news.text, CRITICAL if news.alarm else NOTICE)
        for name, value in self._pilot_told.values(
            seeing,
            self._condition.health,
            self.watch.frames_per_s.per_s(now_s),
            self._outbox.waiting(),
            now_s,
        ):
            self._vehicle.tell_value(name, value)

    def _clock_off_s(self) -> float | None:
        """The computer's clock against GNSS time."""
        boot_s = self._vehicle.clock.boot_at(time.monotonic())
        utc = None if boot_s is None else self._vehicle.utc_at(boot_s)
        return None if utc is None else time.time() - utc.timestamp()

    def _state(self, now_s: float) -> DroneState:
        return drone_state(
            self._config,
            self._vehicle,
            self.watch,
            self.deck,
            self._outbox,
            self._camera,
            self._terrain,
            self._condition.health,
            now_s,
        )
