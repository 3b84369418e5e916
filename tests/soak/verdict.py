"""Judges a soak by what the agent wrote down, what the station has, and what came to the webhook."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from edge.demo.sink import Delivery
from edge.recording.parts import recordings
from edge.recording.recorder import FOLDER
from edge.recording.tape import Recording
from tests.soak.faults import Fault
from tests.soak.serial_line import SerialLine

Revision = tuple[str, int]

SILENT_S = 4.0  # a heartbeat a second is the rule: this is the loop standing still, not a busy machine
BLIND_TEXT = "Blind:"


def told_by_agent(data_dir: Path) -> dict[str, int]:
    """Every alert and its latest revision, of the outbox and the recordings together."""
    latest: dict[str, int] = {}
    with sqlite3.connect(f"file:{data_dir / 'outbox.db'}?mode=ro", uri=True) as db:
        told = [json.loads(body) for (body,) in db.execute("select body from alerts")]
    for folder in recordings(data_dir / FOLDER):
        told += [one.head["alert"] for one in Recording.open(folder).records() if one.head["kind"] == "alert"]
    for alert in told:
        latest[alert["id"]] = max(alert["revision"], latest.get(alert["id"], 0))
    return latest


def lost_alerts(told: dict[str, int], at_station: Sequence[dict[str, Any]]) -> list[str]:
    """What the agent told and the station does not have."""
    there = {alert["id"]: alert["revision"] for alert in at_station}
    return [
        f"alert {one}: told up to revision {revision}, the station has {there.get(one)}"
        for one, revision in told.items()
        if there.get(one) != revision
    ]


def webhook_faults(at_station: Sequence[dict[str, Any]], deliveries: Sequence[Delivery]) -> list[str]:
    """Revisions that came under two names (a receiver would take them for two), and alerts whose latest
    did not come."""
    names: dict[Revision, set[str]] = defaultdict(set)
    for one in deliveries:
        names[str(one.alert.id), one.alert.revision].add(one.webhook_id)
    twice = [f"webhook of {one}: {len(ids)} ids" for one, ids in names.items() if len(ids) != 1]
    missing = [
        f"alert {alert['id']} revision {alert['revision']}: no webhook"
        for alert in at_station
        if (alert["id"], alert["revision"]) not in names
    ]
    return twice + missing


def pilot_faults(fault: Fault, line: SerialLine, began_s: float) -> list[str]:
    """Where from the fault's beginning (monotonic seconds) until now the flight's side stood still, or the
    pilot was not told once that nobody looks. While it is unplugged nothing can be said of either."""
    if fault.unplugged:
        return []
    beats_s = [began_s, *(at_s for at_s in line.beats_s if at_s > began_s), time.monotonic()]
    silent_s = max(after - before for before, after in pairwise(beats_s))
    told = [text for at_s, text in line.texts if at_s > began_s and BLIND_TEXT in text]
    found = []
    if silent_s > SILENT_S:
        found.append(f"{fault.name}: no heartbeat of the agent for {silent_s:.1f} s")
    if len(told) > 1 or (fault.blinds and not told):
        found.append(f"{fault.name}: the pilot was told {told}")
    return found


def repeats(deliveries: Sequence[Delivery]) -> int:
    """Deliveries that came again under the same id, as the standard allows after a crash."""
    return sum(count - 1 for count in Counter(one.webhook_id for one in deliveries).values())
