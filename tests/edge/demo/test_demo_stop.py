"""Ctrl-C in the middle of the demo leaves nothing behind: no program, no folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def programs_that_name(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if str(folder) in line:
            found.append(line)
    return found


@pytest.mark.e2e
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)], ids=["Ctrl-C", "kill"]
)
def test_a_stopped_demo_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    demo = subprocess.Popen(
        # As in a terminal: tests that a shell runs in its background inherit a Ctrl-C that does nothing.
        [
            "env",
            "--default-signal=INT",
            sys.executable,
            "-m",
            "edge.cli",
            "demo",
            "--headless",
            "--port",
            "0",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )
    assert demo.stdout is not None
    assert any("reports to the station" in line for line in demo.stdout)
    assert len(programs_that_name(tmp_path)) >= 2
    demo.send_signal(number)
    rest = demo.communicate(timeout=40)[0]
    assert demo.returncode == 130, rest
    assert "Traceback" not in rest
    assert programs_that_name(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
