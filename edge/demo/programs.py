"""The demo's three programs, run exactly as a team runs them: `emberwatch station`, `virtual`, `agent`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from flight.errors import EmberwatchError

STOP_TIMEOUT_S = 8.0


class ProgramEndedError(EmberwatchError):
    """One of the programs ended though nobody asked it to."""

    def __init__(self, name: str, code: int, log_file: Path) -> None:
        self.name = name
        last = _last_line(log_file)
        super().__init__(
            f"the {name} ended by itself (exit code {code}): {last}", hint=f"Its log: {log_file}"
        )


class Programs:
    """A context in which programs run; leaving it ends them, in the reverse order of their start.

    They get a session of their own, so that Ctrl-C in the terminal reaches the demo alone, which then
    ends them one by one.
    """

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._running: list[tuple[str, subprocess.Popen[bytes], IO[bytes]]] = []

    def __enter__(self) -> Programs:
        return self

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
        """Start ``emberwatch ARGUMENTS``; its output goes to the end of NAME.log. Returns its process id.
        ``environment`` is what it has more than this process."""
        log = (self._log_folder / f"{name}.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        self._running.append((name, process, log))
        return process.pid

    def check(self) -> None:
        """Raises ProgramEndedError when one of them is gone."""
        for name, process, log in self._running:
            code = process.poll()
            if code is not None:
                raise ProgramEndedError(name, code, Path(log.name))

    def end(self, name: str, *, kill: bool = False) -> None:
        """End one that runs, as Ctrl-C does or with no warning."""
        (which,) = (one for one in self._running if one[0] == name)
        self._running.remove(which)
        _, process, log = which
        with contextlib.suppress(ProcessLookupError):
            process.kill() if kill else process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, _, _ in reversed(self._running[:]):
            self.end(name)


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
