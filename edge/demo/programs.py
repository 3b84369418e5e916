"""The demo's three programs, run exactly as a team runs them: `emberwatch station`, `virtual`, `agent`."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Sequence
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

    def start(self, name: str, arguments: Sequence[str]) -> int:
        """Start ``emberwatch ARGUMENTS``; its output goes to NAME.log. Returns its process id."""
        log = (self._log_folder / f"{name}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._running.append((name, process, log))
        return process.pid

    def check(self) -> None:
        """Raises ProgramEndedError when one of them is gone."""
        for name, process, log in self._running:
            code = process.poll()
            if code is not None:
                raise ProgramEndedError(name, code, Path(log.name))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, process, log in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
