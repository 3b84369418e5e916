"""A small file system in memory, to be filled to the last byte, and a program that runs on it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Mounting needs a name space of its own, which containers do not always grant.
MOUNT = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
MAY_NOT_MOUNT = 77
BEGIN = """
import asyncio, logging, os, sys
from pathlib import Path
from tests.uplink.makers import by_hash, make_alert, make_picture, sha256_of
from uplink.errors import OutboxFullError, StoreError
from uplink.outbox import Outbox

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
folder = Path(sys.argv[1])
path = folder / "outbox.db"

def fill(name="fill", but_bytes=0):
    try:
        with open(folder / name, "ab", buffering=0) as file:
            while file.write(b"x" * 4096) == 4096:
                pass
    except OSError:
        pass
    if but_bytes:
        os.truncate(folder / name, (folder / name).stat().st_size - but_bytes)
"""


def said_on_a_small_disk(tmp_path: Path, script: str) -> str:
    """What a program says that has a file system of 24 MB to itself; skips the test where none can be had."""
    disk, program = tmp_path / "disk", tmp_path / "program.py"
    disk.mkdir()
    program.write_text(BEGIN + textwrap.dedent(script))
    run = f'exec "{sys.executable}" "{program}" "{disk}"'
    command = f"mount -t tmpfs -o size=24m none {disk} || exit {MAY_NOT_MOUNT}; {run}"
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    try:
        done = subprocess.run([*MOUNT, command], capture_output=True, text=True, cwd=ROOT, env=environment)
    except FileNotFoundError:
        pytest.skip("needs unshare")
    if done.returncode == MAY_NOT_MOUNT or "unshare failed" in done.stderr:
        pytest.skip("may not mount")
    assert done.returncode == 0, done.stderr
    return done.stdout
