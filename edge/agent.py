"""The agent on the drone: wires camera, detector, geometry, hotspots, outbox and autopilot together.

Wiring only. Data flows from the vision child to the outbox; the one thing here that commands the vehicle
is the patrol, and every command passes the arbiter. Nothing waits for the ground.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from pydantic import ValidationError
from uuid6 import uuid7

from edge.alerts import AlertWriter, Provenance
from edge.config import AgentConfig
from edge.evidence import FrameShelf, Picture
from edge.footprint import footprint
from edge.health import Health
from edge.hotspot import Look
from edge.hotspots import HotspotTracker
from edge.locate import locate_detections
from edge.optics import Camera
from edge.patrol import Patrol
from edge.pose import Pose, PoseBuffer, PoseUnavailable
from edge.vision.report import FrameReport, Ready, VisionSettings
from edge.vision.supervisor import VisionSupervisor
from flight.errors import EmberwatchError
from flight.plans.qgc import read_plan
from flight.telemetry import PositionSample
from flight.terrain import RasterTerrain, Terrain
from flight.vehicle import Vehicle
from uplink.client import UplinkClient
from uplink.errors import OutboxError, UplinkError
from uplink.keys import read_drone_key
from uplink.messages import Alert, ControlState, DroneState, PatrolRoute, Position
from uplink.outbox import Outbox

log = logging.getLogger(__name__)

LOOP_PERIOD_S = 0.1
STATE_PERIOD_S = 0.5
FOOTPRINT_RANGE_M = 600.0
MOST_UNKEPT_ALERTS = 64
KEEP_RETRY_S = 1.0
KEEP_RETRY_MAX_S = 30.0


async def run_agent(config: AgentConfig) -> None:
    """Run until cancelled. Raises EmberwatchError for what a person can mend before the flight."""
    key = read_drone_key(
        config.uplink.key_file, f"the key file of drone {config.drone.id}", error=UplinkError
    )
    config.data_dir.mkdir(parents=True, exist_ok=True)
    mavlink = config.mavlink
    with Outbox(config.data_dir / "outbox.db") as outbox:
        vehicle = Vehicle(mavlink.url, component_id=mavlink.component_id, read_only=mavlink.read_only)
        client = UplinkClient(config.uplink.station_url, config.drone.id, key, outbox)
        await Agent(config, vehicle, outbox, client).run()


class Agent:
    """One drone's agent. Everything it is made of is given to it or read from its configuration."""

    def __init__(self, config: AgentConfig, vehicle: Vehicle, outbox: Outbox, client: UplinkClient) -> None:
        self._config = config
        self._vehicle = vehicle
        self._outbox = outbox
        self._client = client
        self._plan = read_plan(config.patrol.file) if config.patrol.file else None
        self._terrain: Terrain | None = RasterTerrain.open(config.terrain.dem) if config.terrain.dem else None
        self._camera = Camera.load(config.camera.profile)
        self._poses = PoseBuffer(
            mount_pitch_deg=config.camera.mount_pitch_deg, offset_rpy_deg=self._camera.offset_rpy_deg
        )
        self._tracker = HotspotTracker(new_id=uuid7)
        self._shelf = FrameShelf()
        self._health = Health(time.monotonic(), 1.0 / config.camera.frames_per_s)
        self._vision = VisionSupervisor(self._vision_settings(), self._on_ready, self._on_frame)
        self._alerts = AlertWriter(config.drone.id, self._shelf)
        self._provenance: Provenance | None = None
        self._to_keep: asyncio.Queue[tuple[Alert, dict[str, bytes]]] = asyncio.Queue(MOST_UNKEPT_ALERTS)
        self._pose: Pose | None = None
        self._frames_per_s = _Rate()
        self._inference_ms: float | None = None
        self._logged: set[str] = set()

    def _vision_settings(self) -> VisionSettings:
        camera, detector, virtual = self._config.camera, self._config.detector, self._config.virtual
        return VisionSettings(
            source=camera.source,
            frames_per_s=camera.frames_per_s,
            loop=camera.loop,
            model=str(detector.model) if detector.model else None,
            threshold=detector.threshold,
            threads=detector.threads,
            width_px=self._camera.width_px,
            height_px=self._camera.height_px,
            hfov_deg=self._camera.hfov_deg,
            virtual_seed=virtual.seed,
            virtual_truth_url=virtual.truth_url,
        )

    async def run(self) -> None:
        telemetry = self._vehicle.telemetry
        telemetry.on_attitude.append(self._poses.add_attitude)
        telemetry.on_position.append(self._poses.add_position)
        telemetry.on_gimbal.append(self._poses.add_gimbal)
        telemetry.on_reboot.append(lambda _: self._poses.clear())
        async with self._vehicle, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._supervise(), name="supervisor")
            tasks.create_task(self._see(), name="vision")
            tasks.create_task(self._keep_alerts(), name="alerts")
            tasks.create_task(self._client.run(), name="uplink")
            await self._vehicle.wait_for_autopilot(self._config.mavlink.wait_s)
            if self._plan is not None:
                tasks.create_task(
                    self._fly(Patrol(self._vehicle, self._plan, unattended=self._config.patrol.unattended))
                )

    async def _supervise(self) -> None:
        """The loop whose turning is the agent's heartbeat on the link."""
        state_due_s = 0.0
        while True:
            self._vehicle.feed()
            now_s = time.monotonic()
            if now_s >= state_due_s:
                state_due_s = now_s + STATE_PERIOD_S
                try:
                    self._client.set_state(self._state(now_s))
                except Exception as error:  # noqa: BLE001 - a value that cannot be shown stops no heartbeat
                    self._log_once("the drone's state could not be told", error)
            await asyncio.sleep(LOOP_PERIOD_S)

    async def _see(self) -> None:
        await self._vision.run()
        self._health.camera_ended()

    async def _fly(self, patrol: Patrol) -> None:
        assert self._plan is not None  # noqa: S101 - a patrol is only flown from one
        aboard = await patrol.bring_aboard()
        try:
            route = PatrolRoute(
                drone_id=self._config.drone.id,
                name=self._plan.name[:128],
                plan_sha256=self._plan.sha256,
                aboard=aboard,
                route=self._plan.route,
            )
            await asyncio.to_thread(self._outbox.put_patrol, route)
        except (OutboxError, ValidationError) as error:
            log.warning("the patrol is not shown at the station: %s", error)
        if aboard:
            await patrol.fly(lambda: self._health.state(time.monotonic()).state)

    def _on_ready(self, ready: Ready) -> None:
        self._provenance = Provenance(ready.model_name, ready.model_sha256)
        log.info("vision is ready: %s, threshold %.2f", ready.model_name, ready.threshold)

    def _on_frame(self, report: FrameReport) -> None:
        """One frame from the vision child. Whatever is wrong with it makes the agent blind, never dead."""
        exposed_s = report.exposed_s - self._config.camera.latency_s
        self._frames_per_s.count(time.monotonic())
        self._inference_ms = report.inference_ms
        self._health.frame_looked_at(exposed_s, report.fingerprint, report.contrast)
        try:
            self._work_on(report, exposed_s)
        except PoseUnavailable as error:
            self._health.pose_missing(error.reason)
        except EmberwatchError as error:
            self._health.pose_missing(error.message[:200])
        except Exception as error:  # noqa: BLE001 - flight, heartbeat and uplink outlive one bad frame
            self._health.pose_missing(f"a frame could not be worked on ({type(error).__name__})")
            self._log_once("a frame could not be worked on", error)
        else:
            self._health.pose_found(exposed_s)

    def _work_on(self, report: FrameReport, exposed_s: float) -> None:
        """Place what is on a frame, and tell what has changed. Raises PoseUnavailable, CameraProfileError."""
        assert self._provenance is not None  # noqa: S101 - a child says that it is ready before its first frame
        boot_s = self._vehicle.clock.boot_at(exposed_s)
        if boot_s is None:
            raise PoseUnavailable("the autopilot's clock is not known yet")
        pose = self._poses.at(boot_s)
        camera = self._camera.at_size(report.width_px, report.height_px)
        self._pose = pose
        if not self._vehicle.telemetry.armed:
            # On the ground it looks at its crew, their van and the sky: no place to raise an alarm from.
            return
        sightings = locate_detections(report.detections, pose, camera, self._terrain)
        utc, time_source = self._utc(boot_s, exposed_s)
        self._shelf.put(exposed_s, Picture(report.jpeg, report.width_px, report.height_px, utc))
        look = Look(exposed_s, utc, pose, camera, tuple(sightings), self._terrain)
        for change in self._tracker.look(look):
            alert, media = self._alerts.write(change, self._provenance, time_source)
            log.info("alert %s revision %d: %s %s", alert.id, alert.revision, alert.label, alert.state.value)
            if self._to_keep.full():
                lost, _ = self._to_keep.get_nowait()
                log.error("the disk takes nothing: alert %s revision %d is not kept", lost.id, lost.revision)
            self._to_keep.put_nowait((alert, media))

    def _log_once(self, what: str, error: Exception) -> None:
        kind = f"{what}: {type(error).__name__}"
        if kind not in self._logged:
            self._logged.add(kind)
            log.error("%s", what, exc_info=error)

    async def _keep_alerts(self) -> None:
        """Alerts onto the disk, in order, off the loop: a slow SD card must not stop the heartbeat."""
        while True:
            alert, media = await self._to_keep.get()
            pause_s = KEEP_RETRY_S
            while not await self._is_kept(alert, media):
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, KEEP_RETRY_MAX_S)

    async def _is_kept(self, alert: Alert, media: dict[str, bytes]) -> bool:
        try:
            await asyncio.to_thread(self._outbox.put_alert, alert, media)
        except OutboxError as error:
            log.warning("alert %s is not kept yet: %s", alert.id, error)
            return False
        return True

    def _utc(self, boot_s: float, exposed_s: float) -> tuple[datetime, Literal["gnss", "companion"]]:
        """The exposure in UTC: GNSS time by way of the autopilot, the companion's clock before the fix."""
        utc = self._vehicle.utc_at(boot_s)
        if utc is not None:
            return utc, "gnss"
        return datetime.now(tz=UTC) - timedelta(seconds=time.monotonic() - exposed_s), "companion"

    def _state(self, now_s: float) -> DroneState:
        telemetry, arbiter = self._vehicle.telemetry, self._vehicle.arbiter
        seeing = self._health.state(now_s)
        position = telemetry.position
        blind = seeing.reason != ""
        utc = datetime.now(tz=UTC)
        return DroneState(
            drone_id=self._config.drone.id,
            at=utc,
            name=self._config.drone.name,
            linked=telemetry.linked,
            position=Position(
                lat_deg=position.lat_deg, lon_deg=position.lon_deg, alt_amsl_m=position.alt_amsl_m
            )
            if position
            else None,
            height_home_m=position.height_home_m if position else None,
            height_agl_m=self._height_agl_m(),
            heading_deg=telemetry.heading_deg,
            ground_speed_m_s=telemetry.ground_speed_m_s,
            mode=telemetry.mode,
            armed=telemetry.armed,
            battery_percent=telemetry.battery_percent,
            mission_item=telemetry.mission_item,
            control=ControlState(arbiter.control),
            control_reason=arbiter.reason,
            seeing=seeing.state,
            blind_reason=seeing.reason,
            blind_since=utc - timedelta(seconds=now_s - seeing.since_s) if blind else None,
            frames_per_s=self._frames_per_s.per_s(now_s),
            inference_ms=self._inference_ms,
            footprint=[] if blind or self._pose is None else self._footprint(self._pose),
            alerts_waiting=self._outbox.waiting(),
        )

    def _height_agl_m(self) -> float | None:
        position = self._vehicle.telemetry.position
        if position is None or self._terrain is None:
            return None
        ground_m = float(
            self._terrain.height_amsl_m(np.array([position.lat_deg]), np.array([position.lon_deg]))[0]
        )
        return None if np.isnan(ground_m) else position.alt_amsl_m - ground_m

    def _footprint(self, pose: Pose) -> list[tuple[float, float]]:
        return footprint(pose, self._camera, self._terrain, max_range_m=FOOTPRINT_RANGE_M)


def _position(sample: PositionSample) -> Position:
    return Position(lat_deg=sample.lat_deg, lon_deg=sample.lon_deg, alt_amsl_m=sample.alt_amsl_m)


class _Rate:
    """Events a second over the last few."""

    def __init__(self, window_s: float = 5.0) -> None:
        self._window_s = window_s
        self._instants_s: list[float] = []

    def count(self, now_s: float) -> None:
        self._instants_s.append(now_s)
        self._forget(now_s)

    def per_s(self, now_s: float) -> float:
        self._forget(now_s)
        return len(self._instants_s) / self._window_s

    def _forget(self, now_s: float) -> None:
        self._instants_s = [instant for instant in self._instants_s if now_s - instant <= self._window_s]
