"""What seeing takes of the machine: memory, and time from the agent's start to its first inference."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from edge.vision.process import VisionProcess
from edge.vision.report import FrameReport, VisionSettings, read
from models import golden
from models.detector import Detector
from models.letterbox import Letterbox
from tests.benchmarks import peer
from tests.benchmarks.table import Row

STARTS = 5
# Not getrusage: its peak counts the parent's memory from before the program was loaded.
_PEAK = """
kib = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(kib) // 1024)
"""
_OURS = """
import json, sys
from pathlib import Path
from models import golden
from models.detector import Detector
backend, cache = json.loads(sys.argv[1])
detector = Detector.load(backend=backend, cache=Path(cache))
picture = golden.picture()
for _ in range(10):
    detector.detect(picture)
"""
_THEIRS = """
import json, sys
from pathlib import Path
from models import golden
from tests.benchmarks import peer
path, height, width = json.loads(sys.argv[1])
predict = peer.ultralytics_predict(Path(path), golden.picture(), height, width, 0.3)
for _ in range(10):
    predict()
"""

_AGENT = """
[agent]
data_dir = "data"
[agent.drone]
id = "bench"
[agent.camera]
source = "pictures"
[agent.mavlink]
url = "udpin:127.0.0.1:0"
[agent.uplink]
key_file = "drone.key"
"""


def rows() -> list[Row]:
    with TemporaryDirectory() as folder:
        return [*_memory(Path(folder)), _start(Path(folder)), _agent_start(Path(folder))]


def _memory(cache: Path) -> list[Row]:
    found = []
    theirs_mib = 0
    if peer.has_ultralytics():
        height, width = golden.picture().shape[:2]
        layout = Letterbox.fit(width, height, long_side=Detector.load(backend="cpu").input_px)
        with peer.plain_export() as plain:
            theirs_mib = _peak_mib(_THEIRS, [str(plain), layout.input_height, layout.input_width])
    for backend in ("cpu", "auto"):
        _peak_mib(_OURS, [backend, str(cache)])  # the trial of the back ends is paid here
        ours_mib = _peak_mib(_OURS, [backend, str(cache)])
        figure = f"{ours_mib} MiB; {peer.NO_ULTRALYTICS}"
        if theirs_mib:
            figure = f"{ours_mib / theirs_mib:.2f} ({ours_mib} MiB ÷ {theirs_mib} MiB)"
        found.append(Row(f"peak memory ÷ ultralytics predict process: ours on {backend}", figure, "≤ 0.30"))
    return found


def _peak_mib(script: str, told: list[object]) -> int:
    done = subprocess.run(
        [sys.executable, "-c", script + _PEAK, json.dumps(told)], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1])


def _start(folder: Path) -> Row:
    """From the start of the process to its first report; the trial of the back ends was paid before."""
    pictures = folder / "pictures"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "1.jpg"), cv2.resize(golden.picture(), (1280, 720)))
    settings = VisionSettings(
        source=str(pictures),
        frames_per_s=5.0,
        loop=True,
        model=None,
        threshold=None,
        sensitivity="patrol",
        backend="auto",
        labels=None,
        cache_dir=str(folder),
        threads=peer.THREADS,
        tile_budget_s=None,
        width_px=1280,
        height_px=720,
        hfov_deg=78.0,
        virtual_seed=1,
        virtual_truth_url="",
    )
    asyncio.run(_first_look(settings))
    seconds = [asyncio.run(_first_look(settings)) for _ in range(STARTS)]
    figure = f"{statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f} of {STARTS})"
    return Row("vision child: start to first frame looked at, caches warm", figure, "≤ 2 s")


def _agent_start(folder: Path) -> Row:
    """The whole of `emberwatch agent` on the pictures of :func:`_start`, without a vehicle or a station."""
    (folder / "agent.toml").write_text(_AGENT)
    key = folder / "drone.key"
    key.write_text("0" * 64 + "\n")
    key.chmod(0o600)
    _agent_ready_s(folder)
    seconds = [_agent_ready_s(folder) for _ in range(STARTS)]
    figure = f"{statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f} of {STARTS})"
    return Row("agent: start to first inference, caches warm", figure, "≤ 2 s")


def _agent_ready_s(folder: Path) -> float:
    began_s = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "edge.cli", "agent", "--config", str(folder / "agent.toml")],
        stderr=subprocess.PIPE,
        text=True,
    ) as agent:
        assert agent.stderr is not None
        told = ""
        for line in agent.stderr:
            told += line
            if "vision is ready" in line:  # the network has run once by then
                break
        else:
            raise RuntimeError(f"the agent did not start: {told[-600:]}")
        took_s = time.perf_counter() - began_s
        agent.kill()
    return took_s


async def _first_look(settings: VisionSettings) -> float:
    began_s = time.perf_counter()
    child = await VisionProcess.start()
    child.tell(settings)
    assert child.process.stdout is not None
    while not isinstance(message := await read(child.process.stdout), FrameReport):
        if type(message).__name__ in ("Failed", "Ended"):
            raise RuntimeError(f"the vision child did not see: {message}")
    took_s = time.perf_counter() - began_s
    await child.end()
    return took_s
