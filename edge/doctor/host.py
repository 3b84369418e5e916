"""Where the doctor's facts come from: files below ``/proc``, ``/sys``, ``/etc`` and ``/dev``, and programs
that only tell. Nothing here changes anything. Tests give a folder of their own for ``/``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAM_TIMEOUT_S = 5.0

Run = Callable[[Sequence[str]], str | None]


def run_program(command: Sequence[str]) -> str | None:
    """What a program says on its standard output; None where there is none, it fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROGRAM_TIMEOUT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class Process:
    """Somebody who runs here."""

    pid: int
    name: str


class Host:
    """One computer, read-only."""

    def __init__(self, root: Path = Path("/"), run: Run = run_program) -> None:
        self._root = root
        self._run = run

    def path(self, absolute: str) -> Path:
        """Where a path of the computer is here."""
        return self._root / absolute.lstrip("/")

    def text(self, absolute: str) -> str | None:
        """A file's text, without the white space and zero bytes around it; None where it cannot be read."""
        return _text(self.path(absolute))

    def number(self, absolute: str) -> int | None:
        """The whole number that a file holds."""
        return whole_number(self.text(absolute))

    def found(self, pattern: str) -> list[str]:
        """The computer's paths that a pattern stands for, in order."""
        return sorted(f"/{path.relative_to(self._root)}" for path in self._root.glob(pattern.lstrip("/")))

    def said(self, *command: str) -> str | None:
        """What a program that only tells says; None where it does not."""
        return self._run(command)

    def target(self, absolute: str) -> str:
        """Where a symbolic link below ``/dev`` leads in the end; anything else is what it is."""
        seen = absolute
        for _ in range(8):
            try:
                to = os.readlink(self.path(seen))
            except OSError:
                break
            seen = os.path.normpath(Path(seen).parent / to)
        return seen

    def processes(self) -> list[Process]:
        """Everybody who runs."""
        found = []
        for folder in self.path("/proc").glob("[0-9]*"):
            name = _text(folder / "comm")
            if name is not None and folder.name.isdecimal():
                found.append(Process(int(folder.name), name))
        return sorted(found, key=lambda process: process.pid)

    def holders(self, device: str) -> list[Process]:
        """Who has a device open, as far as this user may see; not this program itself."""
        held = []
        for process in self.processes():
            links = self.path(f"/proc/{process.pid}/fd").glob("*")
            if process.pid != os.getpid() and any(_leads_to(link, device) for link in links):
                held.append(process)
        return held

    def groups_of(self, user: str) -> set[str] | None:
        """The groups of a user by ``/etc/passwd`` and ``/etc/group``; None where there is no such user."""
        users = (line.split(":") for line in (self.text("/etc/passwd") or "").splitlines())
        primary = next((fields[3] for fields in users if fields[0] == user and len(fields) > 3), None)
        if primary is None:
            return None
        groups = [line.split(":") for line in (self.text("/etc/group") or "").splitlines()]
        return {
            fields[0]
            for fields in groups
            if len(fields) > 3 and (fields[2] == primary or user in fields[3].split(","))
        }


def whole_number(text: str | None) -> int | None:
    """As it is written, or None."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n\t")
    except OSError:
        return None


def _leads_to(link: Path, device: str) -> bool:
    try:
        return os.readlink(link) == device
    except OSError:
        return False
