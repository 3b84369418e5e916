"""What a whole agent takes of the machine: all its processes, in flight, with five 720p pictures a second."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from edge.demo.programs import Programs
from edge.recording.parts import recordings
from edge.recording.recorder import FOLDER
from edge.recording.tape import Recording
from models import golden
from tests.benchmarks.table import Row
from tests.chain import Chain
from tests.soak.processes import cpu_s, sample, tree

SEED = 11
WARM_UP_S = 60.0  # it has taken off by then
MEASURED_S = 180.0
LOOK_S = 2.0
MOST_MB, MOST_CORES = 350, 1.5


def rows() -> list[Row]:
    with TemporaryDirectory() as folder:
        chain = Chain.lay_out(Path(folder), SEED)
        try:
            return _measured(chain)
        finally:
            chain.sink.close()


def _measured(chain: Chain) -> list[Row]:
    """The virtual drone and the station are none of it."""
    site = chain.site
    _take_pictures(site.folder / "pictures")
    chain.change_config('source = "virtual"', 'source = "pictures"\nloop = true')
    chain.change_config("threads = 1\n", "")  # as many as it takes by itself
    config, pss_mb, rss_mb = str(site.config_file), [], []
    with Programs(site.folder) as programs:
        programs.start("station", ["station", "-c", config])
        out = f"udpout:127.0.0.1:{site.mavlink_port}"
        programs.start("virtual drone", ["virtual", "--out", out, "--seed", str(SEED)])
        agent = programs.start("agent", ["agent", "-c", config])
        time.sleep(WARM_UP_S)
        began_s, used_s = time.monotonic(), _cpu_s(agent)
        while time.monotonic() - began_s < MEASURED_S:
            time.sleep(LOOK_S)
            programs.check()
            found = [one for pid in tree(agent) if (one := sample(pid, 0.0)) is not None]
            pss_mb.append(sum(one.pss_mb for one in found))
            rss_mb.append(sum(one.rss_mb for one in found))
        cores = (_cpu_s(agent) - used_s) / (time.monotonic() - began_s)
    (recording,) = recordings(site.folder / "agent" / FOLDER)
    held = Recording.open(recording).contents()
    what = f"whole agent in flight, 5 frames/s of 720p, {MEASURED_S / 60:.0f} min"
    middle = statistics.median(pss_mb)
    return [
        Row(
            f"{what}: memory of all its processes",
            f"{max(pss_mb):.0f} MB PSS, {max(rss_mb):.0f} MB RSS at most; median {middle:.0f} MB PSS",
            f"≤ {MOST_MB} MB",
        ),
        Row(
            f"{what}: processor",
            f"{cores:.2f} cores; {held.frames / held.seconds:.1f} frames/s looked at, {held.alerts} alerts",
            f"≤ {MOST_CORES} cores",
        ),
    ]


def _take_pictures(folder: Path) -> None:
    """No two are the same, and one in five shows fire: nothing is spared for a still picture."""
    folder.mkdir()
    size = (1280, 720)
    fire = cv2.resize(golden.picture(), size)
    noise = np.random.default_rng(1).integers(60, 140, (90, 160, 3), np.uint8)
    ground = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    for number in range(20):
        picture = np.roll(fire if number % 5 == 0 else ground, 16 * number, axis=1)
        cv2.imwrite(str(folder / f"{number:02}.jpg"), picture)


def _cpu_s(agent: int) -> float:
    return sum(cpu_s(pid) for pid in tree(agent))
