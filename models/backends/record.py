"""What trying the back ends showed, kept from start to start."""

from __future__ import annotations

import json
import logging
import os
import platform
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

from models.files import replace_file

log = logging.getLogger(__name__)

FILE_NAME = "backends.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a way to run a model did."""

    disagreement: str | None
    """What it saw otherwise than it should, in plain words."""
    seconds: float | None = None
    """How long it looked at the golden picture; None where nobody needed to know."""


class Record:
    """Outcomes of one subject (a model, its labels, a number of threads, a machine) in a folder, or nowhere.

    A file that cannot be read or written costs the time of trying again and nothing else.
    """

    def __init__(self, folder: Path | None, subject: str) -> None:
        self._file = None if folder is None else folder / FILE_NAME
        self._subject = subject
        self._known = self._read().get(subject, {})

    def get(self, key: str) -> Outcome | None:
        """What is known of the way called ``key``."""
        return self._known.get(key)

    def put(self, key: str, outcome: Outcome) -> None:
        """Remembers ``outcome``."""
        self._known[key] = outcome
        if self._file is None:
            return
        everything = {**self._read(), self._subject: self._known}
        plain = {
            subject: {name: asdict(known) for name, known in outcomes.items()}
            for subject, outcomes in everything.items()
        }
        try:
            replace_file(self._file, json.dumps(plain, indent=1).encode())
        except OSError as error:
            log.warning(
                "what back ends can do is found out anew at the next start: %s: %s",
                self._file,
                error.strerror,
            )

    def _read(self) -> dict[str, dict[str, Outcome]]:
        if self._file is None:
            return {}
        try:
            plain = json.loads(self._file.read_text(encoding="utf-8"))
            return {
                str(subject): {str(name): _outcome(**known) for name, known in outcomes.items()}
                for subject, outcomes in plain.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError):
            log.warning("%s cannot be read; back ends are tried anew", self._file)
            return {}


def _outcome(disagreement: str | None, seconds: float | None) -> Outcome:
    """As it was written; raises TypeError for what never was."""
    if not isinstance(disagreement, str | None) or not isinstance(seconds, float | None):
        raise TypeError
    return Outcome(disagreement, seconds)


def machine() -> str:
    """What this computer computes with: the board, the CPU, NVIDIA's GPUs and their driver."""
    board = _text(Path("/proc/device-tree/model"))  # single-board computers; x86 has none
    gpus = sorted(
        _field(_text(path), "Model") for path in Path("/proc/driver/nvidia/gpus").glob("*/information")
    )
    cpu, driver = _text(Path("/proc/cpuinfo")), _text(Path("/proc/driver/nvidia/version"))
    # Virtual CPUs share a name and ARM's have none: what a CPU can do tells them apart.
    abilities = zlib.crc32((_field(cpu, "flags") or _field(cpu, "Features")).encode())
    parts = [board, _field(cpu, "model name"), platform.machine(), f"{abilities:08x}", *gpus]
    parts.append(_field(driver, "NVRM version"))
    return ", ".join([part for part in parts if part] + [f"{os.cpu_count()} cores"])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""


def _field(text: str, name: str) -> str:
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(name)), "")
