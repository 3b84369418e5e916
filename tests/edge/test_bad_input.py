"""What a user can get wrong: one clear line that says what to do, an exit code, nothing half-written."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

AGENT = """\
[agent]
data_dir = "data"
[agent.drone]
id = "d1"
[agent.mavlink]
url = "{mavlink}"
wait_s = {wait_s}
[agent.camera]
source = "{source}"
[agent.detector]
{detector}
[agent.patrol]
{patrol}
[agent.uplink]
key_file = "drone.key"
"""


def emberwatch(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge.cli", *arguments], cwd=folder, capture_output=True, text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "500"},
    )  # fmt: skip


def agent_config(
    folder: Path,
    *,
    mavlink: str = "udpin:127.0.0.1:0",
    source: str = "pictures",
    detector: str = "",
    patrol: str = "",
    wait_s: float = 20.0,
) -> Path:
    (folder / "drone.key").write_text("0123456789abcdef0123\n")
    (folder / "pictures").mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "pictures" / "1.png"), np.zeros((90, 160, 3), np.uint8))
    path = folder / "agent.toml"
    path.write_text(
        AGENT.format(mavlink=mavlink, source=source, detector=detector, patrol=patrol, wait_s=wait_s)
    )
    return path


def said_in_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode not in (0, -11), done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("emberwatch: ")]
    for word in words:
        assert word in line


@pytest.fixture
def taken_tcp_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


@pytest.fixture
def taken_udp_port() -> Iterator[int]:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


def test_every_mistake_in_a_config_is_named_with_its_line(tmp_path: Path) -> None:
    path = agent_config(tmp_path)
    path.write_text(
        path.read_text()
        .replace('id = "d1"', 'id = "d1"\nnmae = "x"')
        .replace("wait_s = 20.0", 'wait_s = "soon"')
    )
    done = emberwatch("config", "check", str(path), folder=tmp_path)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "line 5" in done.stderr
    assert "nmae" in done.stderr
    assert "name" in done.stderr
    assert "line 8" in done.stderr


def test_a_good_config_is_called_fine(tmp_path: Path) -> None:
    done = emberwatch("config", "check", str(agent_config(tmp_path)), folder=tmp_path)
    assert (done.returncode, "fine (agent)" in done.stdout) == (0, True)


def test_a_config_that_is_not_there(tmp_path: Path) -> None:
    said_in_one_line(emberwatch("agent", "-c", "nowhere.toml", folder=tmp_path), "nowhere.toml")


def test_a_config_that_is_not_toml(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[agent\n")
    said_in_one_line(emberwatch("config", "check", "bad.toml", folder=tmp_path), "bad.toml", "line 1")


def test_a_missing_model(tmp_path: Path) -> None:
    config = agent_config(tmp_path, detector='model = "gone.onnx"')
    said_in_one_line(emberwatch("agent", "-c", str(config), folder=tmp_path), "gone.onnx")


def test_a_model_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "cat.onnx").write_bytes(b"meow" * 100)
    config = agent_config(tmp_path, detector='model = "cat.onnx"')
    said_in_one_line(emberwatch("agent", "-c", str(config), folder=tmp_path), "cat.onnx")


def test_an_unreadable_video(tmp_path: Path) -> None:
    (tmp_path / "street.mp4").write_bytes(b"no video at all")
    config = agent_config(tmp_path, source="street.mp4")
    said_in_one_line(emberwatch("agent", "-c", str(config), folder=tmp_path), "street.mp4")


def test_a_broken_plan(tmp_path: Path) -> None:
    (tmp_path / "patrol.plan").write_text('{"fileType": "Plan", "mission": {"items": [{"type": 3}]}}')
    config = agent_config(tmp_path, patrol='file = "patrol.plan"')
    said_in_one_line(emberwatch("agent", "-c", str(config), folder=tmp_path), "patrol.plan")


def test_a_dead_mavlink_endpoint(tmp_path: Path) -> None:
    done = emberwatch("agent", "-c", str(agent_config(tmp_path, wait_s=1.0)), folder=tmp_path)
    said_in_one_line(done, "heartbeat")


def test_a_mavlink_url_that_is_none(tmp_path: Path) -> None:
    config = agent_config(tmp_path, mavlink="serialport")
    said_in_one_line(emberwatch("agent", "-c", str(config), folder=tmp_path), "serialport")


def test_a_busy_mavlink_port(tmp_path: Path, taken_udp_port: int) -> None:
    config = agent_config(tmp_path, mavlink=f"udpin:127.0.0.1:{taken_udp_port}")
    said_in_one_line(emberwatch("agent", "-c", str(config), folder=tmp_path), str(taken_udp_port), "in use")


def test_a_busy_station_port(tmp_path: Path, taken_tcp_port: int) -> None:
    (tmp_path / "station.toml").write_text(f'[station]\nport = {taken_tcp_port}\ndata_dir = "data"\n')
    done = emberwatch("station", "-c", "station.toml", folder=tmp_path)
    said_in_one_line(done, str(taken_tcp_port), "in use")


def test_a_missing_key_file(tmp_path: Path) -> None:
    config = agent_config(tmp_path)
    (tmp_path / "drone.key").unlink()
    said_in_one_line(emberwatch("agent", "-c", str(config), folder=tmp_path), "drone.key")


def test_scanning_what_is_not_there(tmp_path: Path) -> None:
    said_in_one_line(emberwatch("scan", "nowhere.jpg", "--out", "results", folder=tmp_path), "nowhere.jpg")
    assert not (tmp_path / "results").exists()


def test_scanning_with_a_missing_model_writes_nothing(tmp_path: Path) -> None:
    agent_config(tmp_path)
    done = emberwatch("scan", "pictures", "--model", "gone.onnx", "--out", "results", folder=tmp_path)
    said_in_one_line(done, "gone.onnx")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("profile", ["companion.toml", "station.toml"])
def test_the_shipped_profiles_lack_nothing_but_the_key(profile: str, tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "hardware" / "profiles" / profile
    path = tmp_path / profile
    path.write_text(shipped.read_text())
    without = emberwatch("config", "check", str(path), folder=tmp_path)
    said_in_one_line(without, "line ", "drone.key", "make one with: openssl rand")
    (tmp_path / "drone.key").write_text("0123456789abcdef0123\n")
    assert emberwatch("config", "check", str(path), folder=tmp_path).returncode == 0


@pytest.mark.parametrize("verb", ["demo", "agent", "station", "virtual", "scan", "config", "model"])
def test_every_verb_explains_itself(verb: str, tmp_path: Path) -> None:
    done = emberwatch(verb, "--help", folder=tmp_path)
    assert done.returncode == 0
    assert "Usage" in done.stdout
