"""What the tests of evidence packages begin with, and how a package is changed."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from .evidence_makers import station_with_incident
from .incident_station import IncidentStation, Json

Fire = tuple[IncidentStation, Json]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fire(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fire]:
    async with station_with_incident(tmp_path_factory.mktemp("package")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(fire: Fire, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package as the station made it."""
    station, incident = fire
    answer = await station.http.get(f"/incidents/{incident['id']}/package")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    path = tmp_path_factory.mktemp("whole") / "whole.zip"
    path.write_bytes(answer.content)
    return path


def key_of(fire: Fire) -> str:
    return str(fire[0].services.control.public_key)


def read(path: Path, name: str) -> Any:
    with zipfile.ZipFile(path) as package:
        return json.loads(package.read(name))


def ran(*words: str, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


Change = Callable[[dict[str, bytes]], None]


def rewrite(source: Path, target: Path, change: Change) -> Path:
    """Another zip with the same files, changed."""
    with zipfile.ZipFile(source) as package:
        files = {name: package.read(name) for name in package.namelist()}
    change(files)
    with zipfile.ZipFile(target, "w") as package:
        for name, data in files.items():
            package.writestr(name, data)
    return target


def one(files: dict[str, bytes], folder: str) -> str:
    return next(name for name in sorted(files) if name.startswith(folder))


def grow_report(files: dict[str, bytes]) -> None:
    files["report.html"] += b"<p>and more"
