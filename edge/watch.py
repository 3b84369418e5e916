"""What the camera sees, from frames to alerts: placed on the ground, put together, kept on the disk.

Nothing here commands the vehicle, and nothing waits for the ground station. Whatever is wrong with a frame
makes the agent blind, never dead.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from uuid6 import uuid7

from edge.alerts import REMEMBERED_ALERTS, AlertWriter, Draft, Provenance
from edge.carrier import Carrier
from edge.config import AgentConfig
from edge.evidence import FrameShelf, LeadUp, Picture
from edge.frame_facts import FrameFacts, facts_of
from edge.growth import Growth
from edge.health import Health
from edge.hotspot import Hotspot, HotspotChange, HotspotState, Look
from edge.hotspot_store import HotspotStore
from edge.hotspots import HotspotTracker
from edge.live_view import LiveView
from edge.locate import locate_detections
from edge.optics import Camera
from edge.pose import Pose, PoseUnavailable
from edge.tiling import TilePlanner
from edge.vision.process import VisionProcess
from edge.vision.report import FrameReport, Ready
from edge.vision.settings import vision_settings
from edge.vision.supervisor import VisionSupervisor
from edge.zones import Zones
from flight.errors import EmberwatchError
from flight.listeners import Listeners
from flight.terrain import Terrain
from uplink.errors import OutboxError
from uplink.messages import Alert
from uplink.outbox import Outbox

log = logging.getLogger(__name__)

MOST_UNKEPT_ALERTS = 64
KEEP_RETRY_S = 1.0
KEEP_RETRY_MAX_S = 30.0
HOTSPOTS_PERIOD_S = 5.0


class Watch:
    """One camera's watch over the ground.

    ``on_look`` is called with every frame that could be placed while the carrier is on duty, ``on_change``
    with every change of a hotspot. What needs no answer goes to ``on_quiet`` instead: what an ignore zone
    holds back, and what is remembered of before the agent's start. All run on the event loop and must be
    quick. ``on_ready`` and ``on_frame`` are called with all that comes in, and ``on_alert`` with each
    revision that is about to be kept.
    """

    def __init__(
        self,
        config: AgentConfig,
        carrier: Carrier,
        outbox: Outbox,
        camera: Camera,
        terrain: Terrain | None,
        *,
        first_child: VisionProcess | None = None,
        new_id: Callable[[], UUID] = uuid7,
    ) -> None:
        self.health = Health(time.monotonic(), 1.0 / config.camera.frames_per_s, still_s=carrier.still_s)
        self.pose: Pose | None = None
        self.frames_per_s = _Rate()
        self.inference_ms: float | None = None
        self.frame_age_s: float | None = None
        """From the latest frame's exposure until it had been looked at."""
        self.tiles_per_s = _Rate()
        self.provenance: Provenance | None = None
        self.on_look: Listeners[[Look]] = Listeners("looks")
        self.on_change: Listeners[[HotspotChange]] = Listeners("hotspots")
        self.on_quiet: Listeners[[HotspotChange]] = Listeners("quiet hotspots")
        self.on_ready: Listeners[[Ready]] = Listeners("detectors")
        self.on_frame: Listeners[[FrameReport, FrameFacts]] = Listeners("frames")
        self.on_alert: Listeners[[Alert]] = Listeners("alerts")
        self.zones = Zones(config.zones)
        self._config = config
        self._carrier = carrier
        self._outbox = outbox
        self._camera = camera
        self._terrain = terrain
        self._new_id = new_id
        self._tracker = HotspotTracker(new_id=new_id)
        self._growth = Growth()
        self._store = HotspotStore(config.data_dir / "hotspots.json", kept_s=3600 * config.hotspots_kept_h)
        self._saving = asyncio.Lock()
        self._keep_due = False
        self._latest_look: tuple[float, datetime] | None = None
        self._tiling: TilePlanner | None = None
        self._dropped_before, self._dropped = 0, 0
        self._shelf = FrameShelf()
        self._lead_up = LeadUp()
        self._vision = VisionSupervisor(
            vision_settings(config, camera),
            self.start_with,
            self._on_frame,
            self._on_trouble,
            must_go_on=carrier.must_go_on,
            first=first_child,
        )
        self._alerts = AlertWriter(
            config.drone.id, self._shelf, self._lead_up, known=outbox.told(REMEMBERED_ALERTS)
        )
        self.live_view = LiveView(
            self._vision,
            carrier,
            camera,
            terrain,
            latency_s=config.camera.latency_s,
            hotspots=lambda: [one for one in self._tracker.hotspots if self._alerts.knows(one.id)],
            seeing=self.health.state,
        )
        self._to_keep: asyncio.Queue[Draft] = asyncio.Queue(MOST_UNKEPT_ALERTS)
        self._logged: set[str] = set()
        carrier.on_moved.append(self._moved)

    @property
    def hotspots(self) -> list[Hotspot]:
        """All that are remembered, tentative and lost ones too."""
        return self._tracker.hotspots

    async def run(self) -> None:
        """Look until cancelled.

        Raises VisionError for what a person can mend before the first look, while the vehicle is not armed.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._see(), name="vision")
            tasks.create_task(self._keep_alerts(), name="alerts")
            tasks.create_task(self._keep_hotspots(), name="hotspots")

    async def _see(self) -> None:
        await self._vision.run()
        self.health.camera_ended()

    def _moved(self) -> None:
        self.pose = None

    def start_with(self, ready: Ready) -> None:
        """A detector is loaded."""
        self.on_ready.tell(ready)
        self.provenance = Provenance(ready.model_name, ready.model_sha256)
        self._dropped_before, self._dropped = self.frames_dropped, 0  # a new child counts from 0
        if self._tiling is None or self._tiling.input_px != ready.input_px:
            self._tiling = TilePlanner(ready.input_px)
        log.info(
            "vision is ready: %s on %s, threshold %.2f", ready.model_name, ready.backend, ready.threshold
        )

    @property
    def frames_dropped(self) -> int:
        """Frames that came and were never looked at, because newer ones did before there was time."""
        return self._dropped_before + self._dropped

    def _on_trouble(self, reason: str) -> None:
        self.health.vision_failed(reason[:200])

    def _on_frame(self, report: FrameReport) -> None:
        """One frame from the vision child. Whatever is wrong with it makes the agent blind, never dead."""
        exposed_s = report.exposed_s - self._config.camera.latency_s
        now_s = time.monotonic()
        self.frames_per_s.count(now_s)
        self.tiles_per_s.count(now_s, len(report.tiles))
        self.inference_ms = report.inference_ms
        self.frame_age_s = report.age_ms / 1e3 + self._config.camera.latency_s
        self._dropped = report.dropped
        self.live_view.found(exposed_s, report)
        try:
            facts = facts_of(self._carrier, exposed_s, report.unchanged, self.pose)
        except Exception as error:  # noqa: BLE001 - as below
            facts = FrameFacts(
                exposed_s, False, False, why=f"its pose cannot be had ({type(error).__name__})"
            )
            self._log_once("a frame's pose cannot be had", error)
        self.take(report, facts)

    def take(self, report: FrameReport, facts: FrameFacts) -> None:
        """One frame, and what the carrier says of its instant. All that follows comes of these two: given
        again, with the same ids for new hotspots, they make the same alerts."""
        self.on_frame.tell(report, facts)
        exposed_s = facts.exposed_s
        proves = self.health.frame_looked_at(
            exposed_s, report.fingerprint, report.contrast, report.flaw, stuck=facts.stuck
        )
        try:
            self._work_on(report, facts, proves=proves)
        except PoseUnavailable as error:
            self.health.pose_missing(error.reason)
        except EmberwatchError as error:
            self.health.pose_missing(error.message[:200])
        except Exception as error:  # noqa: BLE001 - flight, heartbeat and uplink outlive one bad frame
            self.health.pose_missing(f"a frame could not be worked on ({type(error).__name__})")
            self._log_once("a frame could not be worked on", error)
        else:
            self.health.pose_found(exposed_s)

    def _work_on(self, report: FrameReport, facts: FrameFacts, *, proves: bool) -> None:
        """Place what is on a frame, and tell what has changed. Raises PoseUnavailable, CameraProfileError."""
        exposed_s, utc, pose = facts.exposed_s, facts.utc, facts.pose
        if utc is not None:
            self._lead_up.put(exposed_s, Picture(report.glance, *report.glance_size_px, utc))
        if utc is None or pose is None:
            raise PoseUnavailable(facts.why)
        camera = self._camera.at_size(report.width_px, report.height_px)
        self.pose = pose
        if not facts.on_duty:
            return
        # A covered lens sees no fire go out, and an old picture nothing from this new place. But on a black
        # night a fire may be all that there is to see, and its smoke may be all over the picture.
        if not proves and (self.health.picture_is_old or not report.detections):
            return
        sightings = [
            replace(sighting, magnification=found.magnification)
            for found, sighting in zip(
                report.detections,
                locate_detections(report.detections, pose, camera, self._terrain),
                strict=True,
            )
        ]
        self._shelf.put(exposed_s, Picture(report.jpeg, report.width_px, report.height_px, utc))
        tiles = report.tiles if proves else ()
        look = Look(exposed_s, utc, pose, camera, tuple(sightings), self._terrain, tiles, proves)
        self._go_on(look)
        changes = self._tracker.look(look)
        self.live_view.placed(exposed_s, sightings)
        self._keep_due = self._keep_due or bool(sightings) or bool(changes)
        self._latest_look = look.at_s, utc
        self._growth.look(self._tracker.hotspots, look.at_s)
        told = [change for change in changes if not self._is_held_back(change.hotspot)]
        for change in told:
            self._tell(change, look, facts.time_source)
        self.on_look.tell(look)
        for change in changes:
            (self.on_change if change in told else self.on_quiet).tell(change)
        self._plan_tiles(look)  # it takes its time, and no alert waits for it

    def _plan_tiles(self, look: Look) -> None:
        """Remember what ground this look was close at, and tell the child what the next one should be."""
        if self._tiling is None or self._config.detector.tile_budget_ms == 0:
            return
        hotspots = self._tracker.hotspots
        self._tiling.looked(look.at_s, look.pose, look.camera, look.terrain, look.tiles, hotspots)
        pose = self._newest_pose(time.monotonic()) or look.pose
        if self._tiling.is_due(look.at_s):
            self._vision.plan(self._tiling.plan(look.at_s, pose, look.camera, look.terrain, hotspots))
        elif tiles := self._tiling.follow(look.at_s, pose, look.camera, hotspots):
            self._vision.plan(tiles)

    def _newest_pose(self, now_s: float) -> Pose | None:
        try:
            return self._carrier.pose_at(now_s)
        except PoseUnavailable:
            return None

    def _go_on(self, first: Look) -> None:
        """From the hotspots of before the agent was started anew, once there is a look to date them by."""
        if self._latest_look is not None or first.utc is None:
            return
        kept = self._store.take(first.at_s, first.utc)
        if kept is None:
            return
        try:
            self._tracker.go_on(kept, self._terrain)
        except Exception:  # whatever is wrong with a file, the watch goes on
            log.exception("the hotspots of before cannot be gone on with")
            self._tracker = HotspotTracker(new_id=self._new_id)
            return
        for hotspot in self._tracker.hotspots:
            if hotspot.state is HotspotState.CONFIRMED:
                self.on_quiet.tell(HotspotChange("updated", hotspot))

    def _is_held_back(self, hotspot: Hotspot) -> bool:
        """By an ignore zone. What has been told once is told of to its end."""
        if self._alerts.knows(hotspot.id):
            return False
        size = self._growth.of(hotspot.id)
        return self.zones.hold_back(hotspot, size.area_m2 if size else None)

    def _tell(self, change: HotspotChange, look: Look, time_source: Literal["gnss", "companion"]) -> None:
        assert self.provenance is not None  # noqa: S101 - a child says that it is ready before its first frame
        size = self._growth.of(change.hotspot.id)
        bundle = self._tracker.bundle(change.hotspot.id)
        draft = self._alerts.write(change, look, self.provenance, time_source, size, bundle)
        alert = draft.alert
        log.info("alert %s revision %d: %s %s", alert.id, alert.revision, alert.label, alert.state.value)
        if self._to_keep.full():
            lost = self._to_keep.get_nowait().alert
            log.error("the disk takes nothing: alert %s revision %d is not kept", lost.id, lost.revision)
        self._to_keep.put_nowait(draft)

    def _log_once(self, what: str, error: Exception) -> None:
        kind = f"{what}: {type(error).__name__}"
        if kind not in self._logged:
            self._logged.add(kind)
            log.error("%s", what, exc_info=error)

    async def _keep_alerts(self) -> None:
        """Alerts onto the disk, in order, off the loop: a slow SD card must not stop the heartbeat."""
        while True:
            await self._keep(await self._to_keep.get())

    async def keep_what_waits(self) -> None:
        """Every alert that is not on the disk yet, now."""
        while not self._to_keep.empty():
            await self._keep(self._to_keep.get_nowait())

    async def _keep(self, draft: Draft) -> None:
        # First: a crash in between may leave a hotspot without its alert, and never an alert whose fire
        # would be given another.
        await self._save_hotspots()
        alert, media, record = await asyncio.to_thread(self._alerts.complete, draft)
        self.on_alert.tell(alert)
        pause_s = KEEP_RETRY_S
        while not await self._is_kept(alert, media, record):
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, KEEP_RETRY_MAX_S)

    async def _keep_hotspots(self) -> None:
        """Every few seconds, if there is anything new to keep."""
        while True:
            await asyncio.sleep(HOTSPOTS_PERIOD_S)
            await self._save_hotspots()

    async def _save_hotspots(self) -> None:
        async with self._saving:
            if self._latest_look is None or not self._keep_due:
                return
            self._keep_due = False
            record = self._tracker.keep(*self._latest_look)
            await asyncio.to_thread(self._store.save, record)

    async def _is_kept(self, alert: Alert, media: dict[str, bytes], record: str | None) -> bool:
        try:
            await asyncio.to_thread(self._outbox.put_alert, alert, media, record)
        except OutboxError as error:
            log.warning("alert %s is not kept yet: %s", alert.id, error)
            return False
        return True


class _Rate:
    """Events a second over the last few."""

    def __init__(self, window_s: float = 5.0) -> None:
        self._window_s = window_s
        self._instants_s: deque[float] = deque()

    def count(self, now_s: float, events: int = 1) -> None:
        self._instants_s.extend([now_s] * events)
        self._forget(now_s)

    def per_s(self, now_s: float) -> float:
        self._forget(now_s)
        return len(self._instants_s) / self._window_s

    def _forget(self, now_s: float) -> None:
        while self._instants_s and now_s - self._instants_s[0] > self._window_s:
            self._instants_s.popleft()
