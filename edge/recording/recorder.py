"""The flight recorder: everything that the watch decides by, what it told, the MAVLink that came and went,
and a film of what the camera saw, written down in flight.

Nothing waits for it. Records go to a thread by a bounded queue; a disk that is slow or full costs records,
never a frame or a heartbeat, and the tape says how many are missing and where.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

from edge.config.file import AgentConfig
from edge.frame_facts import FrameFacts
from edge.geometry.sighting_record import to_record
from edge.hotspots.hotspot_store import boot_id
from edge.recording.tape import Packets, Picture, Record, Tape
from edge.vision.report import PICTURES, FrameReport, Ready
from edge.vision.view import Shown
from edge.watch import Watch
from flight.link import Link
from uplink.messages import Alert, DroneState

log = logging.getLogger(__name__)

FOLDER = "recordings"
MOST_WAITING = 64
RETRY_S = 10.0
END_S = 2.0
PACKETS_PERIOD_S = 0.5  # what a crash may cost of the MAVLink log
SYNC_PERIOD_S = 5.0  # what a power cut may cost of everything
MOST_PACKETS = 2000  # that wait for their turn


class Recorder:
    """Of one run of the agent. ``start`` it once, ``close`` it at the end."""

    def __init__(self, config: AgentConfig, *, known: Mapping[str, str], new_id: Callable[[], UUID]) -> None:
        """``known``: the alerts of before this run, as the outbox has them. ``new_id`` makes ids."""
        self._new_id = new_id
        self._most_bytes = round(config.recorder.most_mb * 1e6)
        self._folder = config.data_dir / FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        self._header = {
            "emberwatch": version("emberwatch"),
            "boot": boot_id(),
            "started_at": datetime.now(UTC).isoformat(),
            "config": config.model_dump(mode="json"),
            "known": dict(known),
            "hotspots": _text(config.data_dir / "hotspots.json"),
        }
        self._waiting: queue.Queue[Record | Packets | Picture | None] = queue.Queue(MOST_WAITING)
        self._packets: list[tuple[float, bytes]] = []
        self._packets_due_s = 0.0
        self._missing = 0
        self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._failing = False

    def new_id(self) -> UUID:
        """A new hotspot's, which goes onto the tape."""
        made = self._new_id()
        self._put(Record({"kind": "id", "id": str(made)}))
        return made

    def start(self, watch: Watch, link: Link | None = None) -> None:
        """Write down all that ``watch`` hears and tells from now on, and what goes over ``link``."""
        if self._most_bytes == 0:
            return
        watch.on_ready.append(self._ready)
        watch.on_frame.append(self._frame)
        watch.on_alert.append(self._alert)
        watch.on_film.append(self._film)
        if link is not None:
            link.on_packet.append(self._packet)
        self._thread.start()

    def tell(self, state: DroneState) -> None:
        """What the drone says of itself: telemetry, control, orders and what became of them."""
        self._put(Record({"kind": "state", "state": state.model_dump(mode="json", exclude_defaults=True)}))

    def close(self) -> None:
        """Write what waits, for a moment at most."""
        if not self._thread.is_alive():
            return
        try:
            self._hand_over_packets()
            self._waiting.put(None, timeout=END_S)
        except queue.Full:
            return
        self._thread.join(END_S)

    def _ready(self, ready: Ready) -> None:
        self._put(Record({"kind": "ready", "ready": asdict(ready)}))

    def _frame(self, report: FrameReport, facts: FrameFacts) -> None:
        told = {key: value for key, value in asdict(report).items() if key not in PICTURES}
        head = {"kind": "frame", "report": told, "facts": to_record(facts)}
        self._put(Record(head, report.jpeg, report.glance))
        if report.values:
            self._put(Record({"kind": "values", "eye": report.eye, "seq": report.seq}, report.values))

    def _alert(self, alert: Alert) -> None:
        self._put(Record({"kind": "alert", "alert": alert.model_dump(mode="json")}))

    def _film(self, shown: Shown) -> None:
        """One that there is no room for is missing in the film, which says when each was taken."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(Picture(shown.exposed_s, shown.width_px, shown.height_px, shown.jpeg))

    def _packet(self, packet: bytes, at_s: float) -> None:
        if len(self._packets) < MOST_PACKETS:
            self._packets.append((at_s, packet))
        if at_s >= self._packets_due_s:
            self._packets_due_s = at_s + PACKETS_PERIOD_S
            with contextlib.suppress(queue.Full):
                self._hand_over_packets()

    def _hand_over_packets(self) -> None:
        """Raises queue.Full, and keeps them then."""
        if self._packets:
            self._waiting.put_nowait(Packets(self._packets))
            self._packets = []

    def _put(self, record: Record) -> None:
        if not self._thread.is_alive():
            return
        try:
            if self._missing:
                self._waiting.put_nowait(Record({"kind": "gap", "records": self._missing}))
                self._missing = 0
            self._waiting.put_nowait(record)
        except queue.Full:
            self._missing += 1

    def _write(self) -> None:
        tape: Tape | None = None
        again_s, synced_s = 0.0, time.monotonic()
        lost = 0
        while (entry := self._waiting.get()) is not None:
            now_s = time.monotonic()
            if now_s < again_s:
                lost += isinstance(entry, Record)
                continue
            try:
                tape = tape or Tape(self._folder, self._header, most_bytes=self._most_bytes)
                if lost:
                    tape.append(Record({"kind": "gap", "records": lost}))
                    lost = 0
                tape.put(entry)
                if now_s - synced_s >= SYNC_PERIOD_S:
                    tape.sync()
                    synced_s = now_s
                self._failing = False
            except (OSError, ValueError) as error:
                lost += isinstance(entry, Record)
                again_s = now_s + RETRY_S
                if not self._failing:
                    self._failing = True
                    log.warning("the flight is not recorded for now: %s", error)
        if tape is not None:
            tape.close()


def _text(path: Path) -> Any:
    """A JSON file's content, None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
