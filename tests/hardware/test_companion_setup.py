"""The set-up of a companion computer, run in a Debian made for it, and what can be said without one."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPANION = ROOT / "hardware/companion"
SUITE = "bookworm"
PACKAGES = "systemd,udev,python3,python3-venv,chrony,ca-certificates"
AGENT = "/opt/emberwatch-agent"
READY_S = 60.0
# What a Debian writes by itself when users come and go.
OWN_DIARY = re.compile(
    r"(etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|root/.*|tmp/.*|var/(log|cache)/.*)$"
)

needs_debian = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        shutil.which("debootstrap") is None or os.geteuid() != 0, reason="needs debootstrap, and root"
    ),
]


def run(*command: str | Path, **more: str) -> str:
    result = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | more,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def mirror() -> list[str]:
    """Where this machine has its own packages from; none: debootstrap's default."""
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    found = re.search(r"^URIs: (\S+)", sources.read_text(), re.MULTILINE) if sources.is_file() else None
    return [found.group(1)] if found else []


class Computer:
    """A Debian in a folder, with a wheel of this project and all that it needs in ``/wheels``."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, self.root, *mirror())
        self.wheels = self.root / "wheels"
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", self.wheels, ROOT)
        (self.wheel,) = self.wheels.glob("emberwatch-*.whl")
        run(
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--only-binary=:all:",
            "-d",
            self.wheels,
            self.wheel,
        )
        shutil.copytree(COMPANION, self.root / "companion")
        for place in ("proc", "dev"):
            run("mount", "--rbind", f"/{place}", self.root / place)
        self.before = self.files()

    def files(self) -> set[str]:
        """All that is in it but what is mounted and what we brought."""
        found = set()
        for folder, folders, names in os.walk(self.root):
            here = Path(folder).relative_to(self.root)
            if here == Path():
                folders[:] = [
                    name for name in folders if name not in ("proc", "dev", "wheels", "companion", "run")
                ]
            found |= {str(here / name) for name in (*folders, *names)}
        return {name for name in found if not OWN_DIARY.match(name)}

    def says(self, *command: str) -> str:
        return run("chroot", self.root, *command, PATH="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")

    def set_up(self, wheel: Path | None = None) -> str:
        named = f"/wheels/{(wheel or self.wheel).name}"
        return self.says("/companion/setup.sh", "install", "--from", named, "--wheels", "/wheels")

    def current(self) -> str:
        return os.readlink(self.root / AGENT[1:] / "current")

    def close(self) -> None:
        for place in ("proc", "dev"):
            run("umount", "-R", "-l", self.root / place)


@pytest.fixture(scope="module")
def computer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Computer]:
    computer = Computer(tmp_path_factory.mktemp("companion"))
    yield computer
    computer.close()


class TestOnADebian:
    """In this order: as it is set up, brought up to date, brought back and taken away."""

    pytestmark = needs_debian

    def test_one_command_sets_it_up_and_the_second_changes_nothing(self, computer: Computer) -> None:
        assert "installed" in computer.set_up()
        files = computer.files()
        assert computer.set_up().splitlines()[-1] == "Nothing to do: everything is as it should be."
        assert computer.files() == files

    def test_the_service_is_enabled_and_its_unit_holds(self, computer: Computer) -> None:
        assert (
            computer.root / "etc/systemd/system/multi-user.target.wants/emberwatch-agent.service"
        ).is_symlink()
        assert (
            computer.says("systemd-analyze", "verify", "/etc/systemd/system/emberwatch-agent.service") == ""
        )
        groups = computer.says("id", "-nG", "emberwatch").split()
        assert {"dialout", "video"} <= set(groups)
        assert (computer.root / "etc/emberwatch/agent.toml").stat().st_mode & 0o777 == 0o640

    def test_the_agent_reports_ready_and_feeds_its_watchdog(self, computer: Computer) -> None:
        key = computer.root / "etc/emberwatch/drone.key"
        key.write_text("k" * 64 + "\n")
        computer.says("chown", "root:emberwatch", "/etc/emberwatch/drone.key")
        key.chmod(0o640)
        unit = (computer.root / "etc/systemd/system/emberwatch-agent.service").read_text()
        start = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
        assert start is not None
        address = computer.root / "run/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(address))
            address.chmod(0o666)
            systemd.settimeout(READY_S)
            agent = subprocess.Popen(
                ["chroot", "--userspec=emberwatch:emberwatch", str(computer.root), *start.group(1).split()],
                env=os.environ | {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "2000000"},
            )
            try:
                said = [systemd.recv(200).decode() for _ in range(4)]
            finally:
                agent.terminate()
                agent.wait(20)
        assert said[0] == "READY=1"
        assert said[1].startswith("STATUS=blind: no frame has been looked at yet; no autopilot")
        assert "WATCHDOG=1" in said[2:]
        assert agent.returncode == 0

    def test_a_new_version_can_be_taken_back(self, computer: Computer) -> None:
        first = computer.current()
        newer = computer.wheels / f"newer/{computer.wheel.name}"
        newer.parent.mkdir()
        shutil.copy(computer.wheel, newer)
        with zipfile.ZipFile(newer, "a") as archive:
            archive.comment = b"the next version"
        named = f"/wheels/newer/{newer.name}"
        assert "the one before" in computer.says(
            f"{AGENT}/setup.sh", "install", "--from", named, "--wheels", "/wheels"
        )
        second = computer.current()
        assert second != first
        computer.says("emberwatch-companion", "back")
        assert computer.current() == first
        assert first in computer.says("emberwatch-companion", "status")

    def test_a_version_that_cannot_be_installed_leaves_the_one_there_is(self, computer: Computer) -> None:
        current = computer.current()
        broken = computer.wheels / "broken-1.0-py3-none-any.whl"
        broken.write_text("no wheel")
        with pytest.raises(AssertionError, match="what ran before runs on"):
            computer.set_up(broken)
        broken.unlink()
        assert computer.current() == current
        assert len(list((computer.root / AGENT[1:] / "versions").iterdir())) == 2

    def test_taken_away_it_leaves_nothing(self, computer: Computer) -> None:
        computer.says("emberwatch-companion", "remove", "--data")
        assert computer.files() - computer.before == set()
        assert "emberwatch" not in (computer.root / "etc/passwd").read_text()


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_the_script_is_sound() -> None:
    assert run("shellcheck", COMPANION / "setup.sh") == ""


def test_without_root_it_says_so_and_does_nothing() -> None:
    as_nobody = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    script = (COMPANION / "setup.sh").read_text()
    result = subprocess.run([*as_nobody, "sh", "-s", "install"], input=script, capture_output=True, text=True)
    assert result.returncode == 1
    assert "needs root" in result.stderr


def test_every_device_that_the_rules_name_may_be_opened_by_the_unit() -> None:
    unit = (COMPANION / "emberwatch-agent.service").read_text()
    for kind in ("ttyACM", "ttyAMA", "ttyTHS", "ttyUSB", "video4linux", "watchdog"):
        assert f"DeviceAllow=char-{kind} rw" in unit


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_dependency_has_a_wheel_for_64_bit_arm(tmp_path: Path) -> None:
    """What a Raspberry Pi 5 and a Jetson Orin would install; the project's own wheel is for all."""
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("emberwatch-*.whl")
    told = run(
        sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--target", tmp_path / "x",
        "--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp",
        "--platform", "manylinux_2_28_aarch64", "--platform", "manylinux_2_27_aarch64",
        "--platform", "manylinux2014_aarch64", wheel,
    )  # fmt: skip
    (line,) = [line for line in told.splitlines() if line.startswith("Would install")]
    assert "onnxruntime-" in line
    assert "opencv-python-headless-" in line
