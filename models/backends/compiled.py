"""Keeps what OpenVINO compiled, with checksums.

OpenVINO takes a file of its cache as it is: after a power cut or on a worn card it would see fires that are
not there, or none, and the trial of the back ends would be long past.
"""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import suppress
from pathlib import Path

from models.files import replace_file

log = logging.getLogger(__name__)

SUMS = "SHA256SUMS.json"
KEPT = "*.blob"


def checked(folder: Path) -> bool:
    """Whether ``folder`` can be used. What is not as it was :func:`noted` is thrown away."""
    try:
        sums = _sums(folder)
        sound: dict[str, object] = {}
        for file in folder.glob(KEPT):
            sound[file.name] = _sum(file)
            if sums.get(file.name) != sound[file.name]:
                log.warning("%s is spoilt; the network is compiled anew", file)
                file.unlink()
                del sound[file.name]
        _write_sums(folder, sound)  # a read-only folder would fail OpenVINO
    except OSError as error:
        log.warning("networks are compiled anew at every start: %s: %s", folder, error.strerror)
        return False
    return True


def noted(folder: Path) -> None:
    """Writes down the checksums of what is new in ``folder``."""
    sums = _sums(folder)
    new = [file for file in folder.glob(KEPT) if file.name not in sums]
    if new:
        with suppress(OSError):  # then it is compiled anew at the next start
            _write_sums(folder, sums | {file.name: _sum(file) for file in new})


def _write_sums(folder: Path, sums: dict[str, object]) -> None:
    replace_file(folder / SUMS, json.dumps(sums).encode())


def _sums(folder: Path) -> dict[str, object]:
    try:
        sums = json.loads((folder / SUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return sums if isinstance(sums, dict) else {}


def _sum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
