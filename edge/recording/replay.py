"""A recorded flight, gone through once more: the same frames, poses, times and ids through the same pipeline.

What comes out must be what was told then, picture for picture and digit for digit. Where it is not, the code
has changed what it makes of the same flight, and ``Outcome`` says where.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from uuid6 import uuid7

from edge.camera_eye import Second
from edge.config.file import AgentConfig
from edge.frame_facts import FrameFacts
from edge.geometry.pose import Pose, PoseUnavailable
from edge.geometry.sighting_record import from_record
from edge.hotspots.hotspot_store import boot_id
from edge.recording.tape import Record, Recording, RecordingError
from edge.vision.flaw import Flaw
from edge.vision.merge import Found
from edge.vision.report import FrameReport, Ready
from edge.vision.tile import Tile
from edge.watch import Watch
from flight.listeners import Listeners
from uplink.messages import Alert
from uplink.outbox import Outbox


@dataclass(slots=True)
class Outcome:
    """What was told then and what is told now, by id and revision."""

    frames: int = 0
    missing: int = 0
    """Records that never came onto the tape."""
    then: dict[tuple[str, int], Alert] = field(default_factory=dict)
    now: dict[tuple[str, int], Alert] = field(default_factory=dict)

    @property
    def differences(self) -> list[str]:
        """One line for each revision that is not the same."""
        found = []
        for key in sorted(self.then.keys() | self.now.keys()):
            name = f"alert {key[0]}, revision {key[1]}"
            then, now = self.then.get(key), self.now.get(key)
            if then is None or now is None:
                found.append(f"{name}: told {'now' if then is None else 'then'} only")
            elif then != now:
                fields = [one for one in Alert.model_fields if getattr(then, one) != getattr(now, one)]
                found.append(f"{name}: another {', '.join(fields)}")
        return found


class _OffDuty:
    """The carrier of a replay: all that it would say is on the tape."""

    still_s = None
    on_duty = False

    def __init__(self) -> None:
        self.on_moved: Listeners[[]] = Listeners("poses")

    async def must_go_on(self) -> bool:
        return False

    def pose_at(self, _at_s: float) -> Pose:
        raise PoseUnavailable("this is a replay")

    def utc_at(self, _at_s: float) -> tuple[datetime, Literal["gnss", "companion"]]:
        raise PoseUnavailable("this is a replay")

    def is_stuck(self, _unchanged: float, _pose: Pose | None) -> bool:
        return False


async def replay(recording: Recording, on_progress: Callable[[int], None] = lambda _frames: None) -> Outcome:
    """Go through it, in a folder that is thrown away. Raises RecordingError, ConfigError, TerrainError."""
    outcome = Outcome()
    ids = iter([UUID(record.head["id"]) for record in recording.records() if record.head["kind"] == "id"])
    with tempfile.TemporaryDirectory(prefix="emberwatch-replay-") as folder:
        config = _config(recording, Path(folder))
        _lay_out(recording, config)
        with Outbox(config.data_dir / "outbox.db") as outbox:
            for body in recording.header["known"].values():
                outbox.put_alert(Alert.model_validate_json(body), {}, None)
            camera, terrain = config.main_camera.optics(), config.terrain.open()
            beside = config.second_camera
            watch = Watch(
                config,
                _OffDuty(),
                outbox,
                camera,
                terrain,
                second=None if beside is None else Second(_OffDuty(), beside.optics()),
                new_id=lambda: next(ids, None) or uuid7(),
            )
            watch.on_alert.append(lambda alert: outcome.now.update({_key(alert): alert}))
            for record in recording.records():
                if await _take(record, watch, outcome):
                    on_progress(outcome.frames)
    return outcome


async def _take(record: Record, watch: Watch, outcome: Outcome) -> bool:
    """Whether it was a frame."""
    match record.head["kind"]:
        case "ready":
            watch.start_with(Ready(**record.head["ready"]))
        case "frame":
            outcome.frames += 1
            watch.take(report_of(record), from_record(FrameFacts, record.head["facts"]))
            await watch.keep_what_waits()
            return True
        case "alert":
            alert = Alert.model_validate(record.head["alert"])
            outcome.then[_key(alert)] = alert
        case "gap":
            outcome.missing += int(record.head["records"])
    return False


def report_of(record: Record) -> FrameReport:
    """A frame's, with its pictures."""
    told: dict[str, Any] = dict(record.head["report"])
    told["detections"] = tuple(Found.of_record(found) for found in told["detections"])
    told["tiles"] = tuple(Tile(**tile) for tile in told["tiles"])
    told["flaw"] = Flaw(told["flaw"])
    told["span_c"] = tuple(told["span_c"]) if told.get("span_c") else None
    return FrameReport(**told, jpeg=record.jpeg, glance=record.glance)


def _key(alert: Alert) -> tuple[str, int]:
    return str(alert.id), alert.revision


def _config(recording: Recording, folder: Path) -> AgentConfig:
    told = {**recording.header["config"], "data_dir": str(folder)}
    try:
        return AgentConfig.model_validate(told)
    except ValueError as error:
        raise RecordingError(f"its configuration is none of this version: {error}") from error


def _lay_out(recording: Recording, config: AgentConfig) -> None:
    """The hotspots that it began with; instants of the boot of then are those of the boot of now."""
    kept = recording.header["hotspots"]
    if kept is None:
        return
    if kept.get("boot") == recording.header.get("boot"):
        kept = {**kept, "boot": boot_id()}
    (config.data_dir / "hotspots.json").write_text(json.dumps(kept), encoding="utf-8")
