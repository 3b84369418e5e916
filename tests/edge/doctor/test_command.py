"""``emberwatch doctor`` as a person and a program run it."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from edge.cli import app
from edge.config.file import ConfigError
from edge.demo.site import free_port
from edge.doctor import command
from edge.doctor.check import Area, Check, report
from edge.doctor.command import Patience, doctor
from edge.doctor.detector import BackendFound, DetectorFound
from edge.doctor.host import Host
from tests.edge.doctor.hosts import host_of, process
from tests.edge.doctor.test_computer import RASPBERRY_PI

FINE = DetectorFound("ember-n", "0123456789abcdef", backends=(BackendFound("cpu", look_s=0.1),))
QUICK = Patience(heartbeat_s=0.1, settle_s=0.0, count_s=0.0, look_s=0.3)
FIT = "throttled=0x0\n"


@pytest.fixture
def no_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it does not matter: it takes a second."""
    monkeypatch.setattr(command, "try_detector", lambda section, frames_per_s: FINE)


class Screen:
    def __init__(self) -> None:
        self._text = io.StringIO()
        self.console = Console(file=self._text, width=160)

    @property
    def text(self) -> str:
        return self._text.getvalue()


def fit(root: Path) -> Host:
    process(root, 9, "chronyd")
    return host_of(root, RASPBERRY_PI, {"vcgencmd get_throttled": FIT})


def agent_file(folder: Path) -> Path:
    photos = folder / "photos"
    photos.mkdir()
    for number in range(2):
        Image.effect_noise((1280, 720), 60 + number).convert("RGB").save(photos / f"{number}.jpg")
    (folder / "drone.key").write_text("0123456789abcdef0123456789abcdef\n")
    (folder / "drone.key").chmod(0o600)
    file = folder / "companion.toml"
    file.write_text(
        '[agent]\ndata_dir = "data"\n[agent.drone]\nid = "d1"\n'
        f'[agent.uplink]\nkey_file = "drone.key"\nstation_url = "http://127.0.0.1:{free_port(socket.SOCK_STREAM)}"\n'
        f'[agent.mavlink]\nurl = "serial:{folder}/no-port:921600"\n'
        '[agent.detector]\nbackend = "cpu"\n'
        '[agent.camera]\nsource = "folder:photos"\nloop = true\n'
    )
    return file


def files_in(folder: Path) -> list[Path]:
    """But for the computer that is a folder."""
    return sorted(path for path in folder.rglob("*") if not path.is_relative_to(folder / "root"))


async def test_a_machine_alone_is_looked_at_without_a_configuration(tmp_path: Path) -> None:
    screen = Screen()
    code = await doctor(None, console=screen.console, host=fit(tmp_path))
    assert code == 0, screen.text
    assert "Raspberry Pi 5" in screen.text
    assert "chrony" in screen.text
    assert "camera" not in screen.text


async def test_a_whole_agent_is_looked_at_and_each_failure_says_what_to_do(tmp_path: Path) -> None:
    file, screen = agent_file(tmp_path), Screen()
    before = files_in(tmp_path)
    code = await doctor(file, patience=QUICK, console=screen.console, host=fit(tmp_path / "root"))
    assert code == 1
    for area in ("computer", "clock", "configuration", "records", "service", "serial port", "autopilot"):
        assert f"\n{area}\n" in f"\n{screen.text}", screen.text
    for area in ("camera", "detector", "terrain", "station"):
        assert f"\n{area}\n" in screen.text
    assert "no-port is not there" in screen.text
    assert "→" in screen.text
    assert "Not well:" in screen.text
    assert files_in(tmp_path) == before, "it changes nothing"


async def test_a_serial_port_that_the_agent_has_is_not_asked(tmp_path: Path, no_detector: None) -> None:
    file, screen, root = agent_file(tmp_path), Screen(), tmp_path / "root"
    host = fit(root)
    port = f"{tmp_path}/no-port"
    (root / port.lstrip("/")).parent.mkdir(parents=True)
    (root / port.lstrip("/")).touch()
    process(root, 77, "emberwatch", port)
    await doctor(file, patience=QUICK, console=screen.console, host=host)
    assert f"emberwatch has serial:{port}:921600: nobody was asked" in screen.text


async def test_programs_get_the_same_as_json(tmp_path: Path, no_detector: None) -> None:
    screen = Screen()
    code = await doctor(
        agent_file(tmp_path),
        patience=QUICK,
        as_json=True,
        console=screen.console,
        host=fit(tmp_path / "root"),
    )
    told = json.loads(screen.text)
    checks = [check for area in told["areas"] for check in area["checks"]]
    failed = [check for check in checks if check["passed"] is False]
    assert code == 1
    assert told["ok"] is False
    assert told["failed"] == len(failed)
    assert all(check["remedy"] for check in failed)
    assert told["emberwatch"]


async def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path, no_detector: None) -> None:
    file, screen = agent_file(tmp_path), Screen()
    (tmp_path / "drone.key").unlink()
    await doctor(file, patience=QUICK, console=screen.console, host=fit(tmp_path / "root"))
    assert "line 6: the key file of drone d1 does not exist" in screen.text
    file.write_text("[agent]\nno = 1\n")
    with pytest.raises(ConfigError):
        await doctor(file, console=screen.console, host=fit(tmp_path / "other"))


async def test_a_stations_machine_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(
        f'[station]\ndata_dir = "data"\nport = {free_port(socket.SOCK_STREAM)}\n'
    )
    screen = Screen()
    host = fit(tmp_path / "root")
    await doctor(tmp_path / "station.toml", console=screen.console, host=host)
    assert "station's records" in screen.text
    assert "nothing answers at http://127.0.0.1:" in screen.text
    assert "autopilot" not in screen.text


def test_nothing_failed_is_well_whatever_is_not_known() -> None:
    known, unknown = Check("a", True, ""), Check("b", None, "")
    assert report([Area("x", [known, unknown])]) == {
        "ok": True,
        "failed": 0,
        "unknown": 1,
        "areas": [
            {
                "name": "x",
                "checks": [
                    {"name": "a", "passed": True, "found": "", "remedy": ""},
                    {"name": "b", "passed": None, "found": "", "remedy": ""},
                ],
            }
        ],
    }


def test_the_verb_ends_with_the_doctors_verdict() -> None:
    outcome = CliRunner().invoke(app, ["doctor", "--json"])
    assert outcome.exit_code == (0 if json.loads(outcome.stdout)["ok"] else 1)
