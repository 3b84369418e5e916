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
from datetime import datetime
from functools import partial
from typing import Literal
from uuid import UUID

from uuid6 import uuid7

from edge.camera_eye import CameraEye, Second, blind_beside, seeing_with
from edge.carrier import Carrier
from edge.config.file import AgentConfig
from edge.frame_facts import FrameFacts, facts_of
from edge.geometry.locate import locate_found
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose, PoseUnavailable
from edge.health.degraded import Reason
from edge.health.seeing import Seeing
from edge.hotspots.growth import Growth
from edge.hotspots.hotspot import Hotspot, HotspotChange, HotspotState, Look
from edge.hotspots.hotspot_store import HotspotStore
from edge.hotspots.tracker import HotspotTracker
from edge.hotspots.zones import Zones
from edge.telling.alerts import REMEMBERED_ALERTS, AlertWriter, Draft, Provenance
from edge.telling.evidence import FrameShelf, LeadUp, Picture
from edge.telling.live_view import LiveView
from edge.tiling import TilePlanner
from edge.vision.flaw import Flaw
from edge.vision.process import VisionProcess
from edge.vision.report import Eye, FrameReport, Ready
from edge.vision.settings import vision_settings
from edge.vision.supervisor import VisionSupervisor
from edge.vision.view import Shown
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
# A stream that repeats one picture often goes on once it is opened anew.
FROZEN_RESTART_S = 10.0


class Watch:
    """The watch over the ground, of one camera or of two.

    ``on_look`` is called with every frame that could be placed while the carrier is on duty, ``on_change``
    with every change of a hotspot. What needs no answer goes to ``on_quiet`` instead: what an ignore zone
    holds back, and what is remembered of before the agent's start. All run on the event loop and must be
    quick. ``on_ready`` and ``on_frame`` are called with all that comes in, ``on_alert`` with each
    revision that is about to be kept, and ``on_film`` with pictures for the flight recorder.
    """

    def __init__(
        self,
        config: AgentConfig,
        carrier: Carrier,
        outbox: Outbox,
        camera: Camera,
        terrain: Terrain | None,
        *,
        second: Second | None = None,
        first_child: VisionProcess | None = None,
        new_id: Callable[[], UUID] = uuid7,
    ) -> None:
        now_s = time.monotonic()
        self._main = CameraEye(config, config.main_camera, carrier, camera, now_s)
        self._eyes: dict[Eye, CameraEye] = {self._main.name: self._main}
        if second is not None and config.second_camera is not None:
            beside = CameraEye(config, config.second_camera, second.carrier, second.camera, now_s)
            self._eyes[beside.name] = beside
        self.health = self._main.health
        self.pose: Pose | None = None
        self.frames_per_s = _Rate()
        self.inference_ms: float | None = None
        self.frame_age_s: float | None = None
        """From the latest frame's exposure until it had been looked at."""
        self.degraded: tuple[Reason, ...] = ()
        """What is wrong short of being blind, as it was judged last."""
        self.covered = 0.0
        """The share of the latest frame that something is before."""
        self.tiles_per_s = _Rate()
        self.on_look: Listeners[[Look]] = Listeners("looks")
        self.on_change: Listeners[[HotspotChange]] = Listeners("hotspots")
        self.on_quiet: Listeners[[HotspotChange]] = Listeners("quiet hotspots")
        self.on_ready: Listeners[[Ready]] = Listeners("detectors")
        self.on_frame: Listeners[[FrameReport, FrameFacts]] = Listeners("frames")
        self.on_alert: Listeners[[Alert]] = Listeners("alerts")
        self.on_film: Listeners[[Shown]] = Listeners("film")
        self.zones = Zones(config.zones)
        self._config = config
        self._outbox = outbox
        self._terrain = terrain
        self._new_id = new_id
        self._tracker = HotspotTracker(new_id=new_id)
        self._growth = Growth()
        self._store = HotspotStore(config.data_dir / "hotspots.json", kept_s=3600 * config.hotspots_kept_h)
        self._saving = asyncio.Lock()
        self._keep_due = False
        self._latest_look: tuple[float, datetime] | None = None
        self._tiling: TilePlanner | None = None
        self._shelf = FrameShelf()
        self._lead_up = LeadUp()
        self._visions = {
            name: VisionSupervisor(
                vision_settings(config, eye.camera, eye.section),
                self.start_with,
                self._on_frame,
                partial(self._on_trouble, eye),
                on_film=self.on_film.tell,
                must_go_on=carrier.must_go_on,
                first=first_child if eye is self._main else None,
            )
            for name, eye in self._eyes.items()
        }
        self._vision = self._visions[self._main.name]
        self._alerts = AlertWriter(
            config.drone.id, self._shelf, self._lead_up, known=outbox.told(REMEMBERED_ALERTS)
        )
        self.live_view = LiveView(
            self._vision,
            carrier,
            camera,
            terrain,
            latency_s=config.main_camera.latency_s,
            hotspots=lambda: [one for one in self._tracker.hotspots if self._alerts.knows(one.id)],
            seeing=self.seeing,
        )
        self._to_keep: asyncio.Queue[Draft] = asyncio.Queue(MOST_UNKEPT_ALERTS)
        self._logged: set[str] = set()
        for eye in self._eyes.values():
            eye.carrier.on_moved.append(partial(self._moved, eye))

    @property
    def provenance(self) -> Provenance | None:
        """The main camera's detector, once it is loaded."""
        return self._main.provenance

    def seeing(self, now_s: float) -> Seeing:
        """Whether a fire would be seen by any of the cameras, and what is not as it should be."""
        seeing = seeing_with({name: eye.health.state(now_s) for name, eye in self._eyes.items()})
        return seeing.with_degraded(self.degraded)

    def blind_beside(self, now_s: float) -> dict[Eye, str]:
        """Which of two cameras is blind while the other one sees, and why."""
        return blind_beside({name: eye.health.state(now_s) for name, eye in self._eyes.items()})

    @property
    def visions(self) -> list[VisionSupervisor]:
        """Which keep the vision processes alive, the main camera's first."""
        return list(self._visions.values())

    @property
    def hotspots(self) -> list[Hotspot]:
        """All that are remembered, tentative and lost ones too."""
        return self._tracker.hotspots

    async def run(self) -> None:
        """Look until cancelled.

        Raises VisionError for what a person can mend before the first look, while the vehicle is not armed.
        """
        async with asyncio.TaskGroup() as tasks:
            for name, eye in self._eyes.items():
                tasks.create_task(self._see(eye), name=f"{name} vision")
            tasks.create_task(self._keep_alerts(), name="alerts")
            tasks.create_task(self._keep_hotspots(), name="hotspots")

    async def _see(self, eye: CameraEye) -> None:
        await self._visions[eye.name].run()
        eye.health.camera_ended()

    def _moved(self, eye: CameraEye) -> None:
        eye.pose = None
        if eye is self._main:
            self.pose = None

    def start_with(self, ready: Ready) -> None:
        """A detector is loaded."""
        self.on_ready.tell(ready)
        self._eyes[ready.eye].ready(ready)
        if ready.eye == "colour" and (self._tiling is None or self._tiling.input_px != ready.input_px):
            self._tiling = TilePlanner(ready.input_px)
        log.info(
            "vision is ready: %s on %s, threshold %.2f", ready.model_name, ready.backend, ready.threshold
        )

    @property
    def frames_dropped(self) -> int:
        """The main camera's that came and were never looked at."""
        return self._main.frames_dropped

    def _on_trouble(self, eye: CameraEye, reason: str) -> None:
        eye.health.vision_failed(reason[:200])

    def _on_frame(self, report: FrameReport) -> None:
        """One frame from the vision child. Whatever is wrong with it makes the agent blind, never dead."""
        eye = self._eyes[report.eye]
        exposed_s = report.exposed_s - eye.section.latency_s
        eye.looked(report)
        if eye is self._main:
            now_s = time.monotonic()
            self.frames_per_s.count(now_s)
            self.tiles_per_s.count(now_s, len(report.tiles))
            self.inference_ms = report.inference_ms
            self.covered = report.covered
            self.frame_age_s = report.age_ms / 1e3 + eye.section.latency_s
            self.live_view.found(exposed_s, report)
        try:
            facts = facts_of(eye.carrier, exposed_s, report.unchanged, eye.pose)
        except Exception as error:  # noqa: BLE001 - as below
            facts = FrameFacts(
                exposed_s, False, False, why=f"its pose cannot be had ({type(error).__name__})"
            )
            self._log_once("a frame's pose cannot be had", error)
        self.take(report, facts)
        if eye.health.frozen_for_s(exposed_s) > FROZEN_RESTART_S:
            self._visions[eye.name].start_again("the picture is frozen")

    def take(self, report: FrameReport, facts: FrameFacts) -> None:
        """One frame, and what the carrier says of its instant. All that follows comes of these two: given
        again, with the same ids for new hotspots, they make the same alerts."""
        self.on_frame.tell(report, facts)
        eye, exposed_s = self._eyes[report.eye], facts.exposed_s
        proves = eye.health.frame_looked_at(
            exposed_s, report.fingerprint, report.contrast, report.flaw, stuck=facts.stuck
        )
        try:
            self._work_on(report, facts, eye, proves=proves)
        except PoseUnavailable as error:
            eye.health.pose_missing(error.reason)
        except EmberwatchError as error:
            eye.health.pose_missing(error.message[:200])
        except Exception as error:  # noqa: BLE001 - flight, heartbeat and uplink outlive one bad frame
            eye.health.pose_missing(f"a frame could not be worked on ({type(error).__name__})")
            self._log_once("a frame could not be worked on", error)
        else:
            eye.health.pose_found(exposed_s)

    def _work_on(self, report: FrameReport, facts: FrameFacts, eye: CameraEye, *, proves: bool) -> None:
        """Place what is on a frame, and tell what has changed. Raises PoseUnavailable, CameraProfileError."""
        exposed_s, utc, pose = facts.exposed_s, facts.utc, facts.pose
        # Where a thermal camera sees by night, the black frames of the other one led up to nothing.
        if utc is not None and not (report.flaw is Flaw.BLACK and len(self._eyes) > 1):
            self._lead_up.put(exposed_s, Picture(report.glance, *report.glance_size_px, utc))
        if utc is None or pose is None:
            raise PoseUnavailable(facts.why)
        camera = eye.camera.at_size(report.width_px, report.height_px)
        eye.pose = pose
        if eye is self._main:
            self.pose = pose
        if not facts.on_duty:
            return
        # A covered lens sees no fire go out, and an old picture nothing from this new place. But on a black
        # night a fire may be all that there is to see, and its smoke may be all over the picture.
        if not proves and (eye.health.picture_is_old or not report.detections):
            return
        sightings = locate_found(report.detections, pose, camera, self._terrain, eye=eye.name)
        picture = Picture(report.jpeg, report.width_px, report.height_px, utc, report.span_c)
        self._shelf.put(exposed_s, picture)
        tiles = report.tiles if proves else ()
        look = Look(exposed_s, utc, pose, camera, tuple(sightings), self._terrain, tiles, proves, eye.name)
        self._go_on(look)
        changes = self._tracker.look(look)
        if eye is self._main:
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
        if self._tiling is None or look.eye != "colour" or self._config.detector.tile_budget_ms == 0:
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
            return self._main.carrier.pose_at(now_s)
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
        provenance = self._eyes[look.eye].provenance
        assert provenance is not None  # noqa: S101 - a child says that it is ready before its first frame
        size = self._growth.of(change.hotspot.id)
        bundle = self._tracker.bundle(change.hotspot.id)
        draft = self._alerts.write(change, look, provenance, time_source, size, bundle)
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
