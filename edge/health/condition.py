"""How the agent is: its sight, its links and its computer put together, once a second."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.camera_eye import NAMES
from edge.config.file import AgentConfig
from edge.health.degraded import Degraded, Symptom
from edge.health.machine import Machine, Sensors
from edge.vision.report import Eye
from edge.watch import Watch
from uplink.clock import elapsed_s
from uplink.messages import AgentHealth
from uplink.messages import DegradedKind as Kind

log = logging.getLogger(__name__)

EVERY_S = 1.0
RESTART_TOLD_S = 60.0


def unknown() -> float | None:
    """An age or an offset that there is none of."""
    return None


class Condition:
    """One agent's. ``judge`` it in every turn of the loop: it never waits. Its computer is read while its
    context lasts."""

    def __init__(
        self,
        config: AgentConfig,
        watch: Watch,
        *,
        telemetry_age_s: Callable[[], float | None] = unknown,
        clock_off_s: Callable[[], float | None] = unknown,
        root: Path | None = None,
    ) -> None:
        """``clock_off_s``: the computer's clock against a better one, where there is one."""
        self.upload_age_s: Callable[[], float | None] = unknown
        """Since the station answered; None before it ever did."""
        self._frames_per_s = config.main_camera.frames_per_s
        self._watch = watch
        self._telemetry_age_s = telemetry_age_s
        self._clock_off_s = clock_off_s
        self._machine = Machine(config.data_dir, processes=self._processes, root=root)
        self._degraded = Degraded()
        self._due_s = 0.0
        self._started_s: float | None = None
        self._blind_beside: dict[Eye, str] = {}
        self._clock_began_s = time.time() - elapsed_s()
        self.health = AgentHealth()
        """As it was judged last."""

    def __enter__(self) -> Self:
        self._machine.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._machine.__exit__(kind, error, trace)

    def judge(self, now_s: float) -> None:
        """What the watch says from now on, and ``health``."""
        if now_s < self._due_s:
            return
        self._due_s = now_s + EVERY_S
        self._started_s = now_s if self._started_s is None else self._started_s
        sensors = self._machine.sensors.value or Sensors()
        self.health = self._facts(sensors, now_s)
        self._watch.degraded = self._degraded.judge(self._symptoms(self.health, sensors, now_s), now_s)

    def _facts(self, sensors: Sensors, now_s: float) -> AgentHealth:
        watch = self._watch
        frame_s = watch.visions[0].frame_s
        return AgentHealth(
            frame_age_s=None if frame_s is None else max(0.0, now_s - frame_s),
            look_age_s=watch.health.look_age_s(now_s),
            pose_age_s=watch.health.pose_age_s(now_s),
            telemetry_age_s=self._telemetry_age_s(),
            upload_age_s=self.upload_age_s(),
            vision_restarts=sum(vision.restarts.count for vision in watch.visions),
            temperature_c=sensors.temperature_c,
            throttled=sensors.throttled,
            under_voltage=sensors.under_voltage,
            memory_free_mb=sensors.memory_free_mb,
            agent_memory_mb=sensors.agent_memory_mb,
            disk_free_mb=self._machine.disk_free_mb.value,
            clock_synchronised=sensors.clock_synchronised,
            clock_off_s=self._clock_off_s(),
        )

    def _symptoms(self, health: AgentHealth, sensors: Sensors, now_s: float) -> dict[Kind, Symptom]:
        watch = self._watch
        found: dict[Kind, Symptom] = {}

        def stands(kind: Kind, level: float | bool | None) -> None:
            if level is not None:
                found[kind] = Symptom(float(level), float(level))

        if not watch.seeing(now_s).reason:  # of a blind one the frames are another's alarm
            frames_per_s = watch.frames_per_s.per_s(now_s)
            found[Kind.SLOW] = Symptom(frames_per_s / self._frames_per_s, frames_per_s)
            found[Kind.COVERED] = Symptom(watch.covered, 100 * watch.covered)
        blind = watch.blind_beside(now_s)
        stands(Kind.COLOUR, "colour" in blind)
        stands(Kind.THERMAL, "thermal" in blind)
        for eye in blind.keys() - self._blind_beside.keys():
            log.warning("%s is blind: %s; the other one sees", NAMES[eye], blind[eye])
        self._blind_beside = blind
        restarts = [vision.restarts for vision in watch.visions]
        ages_s = [age_s for one in restarts if (age_s := one.since_last_s(now_s)) is not None]
        if ages_s and min(ages_s) < RESTART_TOLD_S:
            found[Kind.RESTARTED] = Symptom(1.0, sum(one.recent(now_s) for one in restarts))
        stands(Kind.TELEMETRY, health.telemetry_age_s)
        assert self._started_s is not None  # noqa: S101 - ``judge`` has set it
        stands(Kind.UPLOAD, now_s - self._started_s if health.upload_age_s is None else health.upload_age_s)
        stands(Kind.HOT, sensors.temperature_c)
        stands(Kind.THROTTLED, sensors.throttled)
        stands(Kind.SUPPLY, sensors.under_voltage)
        stands(Kind.MEMORY, sensors.memory_free_mb)
        stands(Kind.OWN_MEMORY, sensors.agent_memory_mb)
        stands(Kind.DISK, health.disk_free_mb)
        stands(Kind.CLOCK, self._clock_error_s(health))
        stands(Kind.SENSORS, self._machine.age_s(now_s))
        return found

    def _clock_error_s(self, health: AgentHealth) -> float | None:
        """Without a better clock: how far it has leapt, unless a time service keeps it right."""
        if health.clock_off_s is not None:
            return abs(health.clock_off_s)
        if health.clock_synchronised:
            return 0.0
        return abs(time.time() - elapsed_s() - self._clock_began_s)

    def _processes(self) -> list[int]:
        children = [vision.process_id for vision in self._watch.visions]
        return [os.getpid(), *(child for child in children if child is not None)]
