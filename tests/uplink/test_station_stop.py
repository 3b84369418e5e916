"""The station as a program: Ctrl-C and kill end it as they end the agent."""

from __future__ import annotations

import json
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


def test_a_station_that_logs_json_says_everything_in_objects(tmp_path: Path) -> None:
    config = tmp_path / "station.toml"
    config.write_text('[station]\nport = 0\ndata_dir = "data"\nlog_format = "json"\n')
    station = subprocess.Popen(
        [sys.executable, "-m", "edge.cli", "station", "-c", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert station.stderr is not None
    said = []
    for line in station.stderr:
        said.append(json.loads(line))
        if "station listens on" in said[-1]["message"]:
            break
    station.terminate()
    said += [json.loads(line) for line in station.communicate(timeout=40)[1].splitlines()]
    assert all({"at", "level", "logger", "message"} <= line.keys() for line in said)
    assert said[-1]["message"] == "stopped"
