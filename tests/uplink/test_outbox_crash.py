"""kill -9 in the middle of writing: what was acknowledged is there, and the file is sound."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from uplink.outbox import Outbox

from .makers import make_alert

# Puts revisions of the given alert, and new alerts with pictures, as fast as it can; prints each once it
# is kept.
WRITER = """
import hashlib, sys
from pathlib import Path
from uuid import uuid4
from uplink.messages import Alert
from uplink.outbox import Outbox

template = Alert.model_validate_json(sys.argv[2])
outbox = Outbox(Path(sys.argv[1]))
revision = 0
while True:
    revision += 1
    outbox.put_alert(template.model_copy(update={"revision": revision}))
    fresh = template.model_copy(update={"id": uuid4(), "revision": 1})
    picture = b"\\xff\\xd8\\xff" + fresh.id.bytes * 500
    outbox.put_alert(fresh, {hashlib.sha256(picture).hexdigest(): picture})
    print(revision, fresh.id, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 7, 20])
def test_kill_minus_nine_loses_nothing_that_was_acknowledged(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "outbox.db"
    template = make_alert()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), template.model_dump_json()],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None
    said = [writer.stdout.readline().split() for _ in range(lines)]
    writer.send_signal(signal.SIGKILL)
    said += [line.split() for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    assert writer.wait() == -signal.SIGKILL
    writer.stdout.close()

    with Outbox(path) as outbox:
        found: dict[str, int] = {}
        pictures = 0
        while item := outbox.next_item():
            if item.kind == "alert":
                found[item.key] = item.revision
            else:
                pictures += 1
            outbox.mark_sent(item)
    assert {fresh for _, fresh in said} <= set(found)
    assert found[str(template.id)] >= int(said[-1][0])
    assert pictures == len(found) - 1, "an alert and its pictures are kept together or not at all"
    assert not list(tmp_path.glob("*.corrupt*"))
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
