"""The station as a program: Ctrl-C and kill end it as they end the agent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_a_stopped_station_says_so_and_has_not_failed(tmp_path: Path, number: signal.Signals) -> None:
    config = tmp_path / "station.toml"
    config.write_text('[station]\nport = 0\ndata_dir = "data"\n')
    station = subprocess.Popen(
        [sys.executable, "-m", "edge.cli", "station", "-c", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert station.stderr is not None
    assert any("station listens on" in line for line in station.stderr)
    station.send_signal(number)
    rest = station.communicate(timeout=40)[1]
    assert station.returncode == 0, rest
    assert rest.endswith("emberwatch: stopped\n")
    assert "Traceback" not in rest
