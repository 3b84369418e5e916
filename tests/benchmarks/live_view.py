"""The live view: what watching costs the search for fires, and how old the pictures are that people see.

The agent of a fixed camera is a process of its own, with its vision child; station and viewer are here. Over
the virtual camera frames are looked at with and without a viewer by turns. For the age of pictures the camera
is a recorded film at 15 frames a second, so that rendering does not count; the viewer decodes pictures as a
page does. Exposures and ages are of the one clock of this machine: nothing is estimated.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
from websockets.asyncio.client import connect

from edge.demo.programs import Programs
from hardware.virtual.pose import TruePose
from hardware.virtual.render.render import Renderer
from tests.benchmarks.table import Row
from tests.uplink.chaos.fault_proxy import FaultProxy, ThinLine, bad_link
from tests.uplink.makers import DRONE, KEY, make_config
from tests.watched_mast import Mast, lay_out, watching_world
from uplink.live_view.frame import unpack_frame
from uplink.live_view.words import ViewFrame
from uplink.station.server import running

TURNS, TURN_S = 4, 20.0
TOLD_OVER_S = 5.0  # of which the drone tells how many frames it has looked at
OVER_S, SETTLE_S = 30.0, 8.0
FILM_FRAMES, FILM_PER_S = 30, 15.0
THIN_KBIT_S, THIN_WAY_S = 600, 0.04
LOOKS_S = 120.0


def rows() -> list[Row]:
    return asyncio.run(_rows())


async def _rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        ratio, alone, watched = await _inference_ratio(Path(folder))
    made = [
        Row(
            "frames looked at, with a viewer against without, virtual camera at 5 a second",
            f"{ratio:.2f} × ({watched:.2f} and {alone:.2f} a second)",
            "≥ 0.95 ×",
        )
    ]
    for name, thin in (
        ("loopback", False),
        (f"{THIN_KBIT_S} kbit/s and {2 * THIN_WAY_S * 1e3:.0f} ms", True),
    ):
        with tempfile.TemporaryDirectory() as folder:
            ages_s, frames = await _ages(Path(folder), thin=thin)
        half, most = (float(np.percentile(ages_s, q)) for q in (50, 95))
        height_px = statistics.mode(frame.height_px for frame in frames)
        made.append(
            Row(
                f"age of the picture when it is seen, over {name}",
                f"half {half * 1e3:.0f} ms, 95 % {most * 1e3:.0f} ms, at {len(frames) / OVER_S:.1f} a second "
                f"of mostly {height_px} lines",
                "–",
            )
        )
    return made


# --- what it costs ------------------------------------------------------------------------------------


async def _inference_ratio(folder: Path) -> tuple[float, float, float]:
    """With against without, by turns; and both, a second."""
    async with _station(folder) as url:
        mast = lay_out(folder, url, DRONE, KEY, size_px=(1280, 720))
        async with watching_world(mast), _agent(mast), httpx.AsyncClient(base_url=f"{url}/api/v1") as http:
            await _looks(http)
            alone, watched = [], []
            for _ in range(TURNS):
                alone.append(await _looked_per_s(http))
                async with _viewer(url):
                    watched.append(await _looked_per_s(http))
    return sum(watched) / sum(alone), statistics.mean(alone), statistics.mean(watched)


async def _looked_per_s(http: httpx.AsyncClient) -> float:
    """The mean of what the drone tells of its last seconds, again and again."""
    await asyncio.sleep(TOLD_OVER_S)
    told = []
    for _ in range(round(TURN_S - TOLD_OVER_S)):
        await asyncio.sleep(1.0)
        (drone,) = (await http.get("/drones")).json()
        told.append(float(drone["frames_per_s"]))
    return statistics.mean(told)


async def _looks(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(LOOKS_S):
        while True:
            drones = (await http.get("/drones")).json()
            if drones and drones[0]["seeing"] == "seeing":
                return
            await asyncio.sleep(0.5)


# --- how old ------------------------------------------------------------------------------------------


async def _ages(folder: Path, *, thin: bool) -> tuple[list[float], list[ViewFrame]]:
    """Of all pictures in ``OVER_S``, from exposure until decoded."""
    async with _station(folder) as url:
        port = int(url.rpartition(":")[2])
        proxy = FaultProxy(port, random.Random(1))
        if thin:
            proxy.up, proxy.down = (ThinLine(125 * THIN_KBIT_S, THIN_WAY_S) for _ in range(2))
        async with bad_link(proxy) as link:
            mast = lay_out(folder, link.url if thin else url, DRONE, KEY, size_px=(1280, 720))
            film(mast, folder / "film.avi")
            text = mast.config_file.read_text()
            text = text.replace('source = "virtual"', 'source = "film.avi"\nloop = true')
            mast.config_file.write_text(text)
            async with _agent(mast), httpx.AsyncClient(base_url=f"{url}/api/v1") as http:
                await _looks(http)
                async with _viewer(url) as seen:
                    await asyncio.sleep(SETTLE_S)
                    seen.clear()
                    await asyncio.sleep(OVER_S)
                    got = list(seen)
    return [age_s for age_s, _ in got], [frame for _, frame in got]


def film(mast: Mast, path: Path) -> None:
    """What the camera sees in two seconds."""
    renderer = Renderer(mast.world, mast.lens)
    size = mast.lens.width_px, mast.lens.height_px
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FILM_PER_S, size)
    pose = mast.pose
    for number in range(FILM_FRAMES):
        at = TruePose(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m, pose.quaternion, number / FILM_PER_S)
        writer.write(renderer.render(at))
    writer.release()


@asynccontextmanager
async def _viewer(url: str) -> AsyncIterator[list[tuple[float, ViewFrame]]]:
    """Decodes every picture, says so, and keeps how old it was by then."""
    seen: list[tuple[float, ViewFrame]] = []

    async def watch() -> None:
        address = f"{url.replace('http', 'ws')}/api/v1/drones/{DRONE}/view"
        async with connect(address, proxy=None) as socket:
            async for message in socket:
                if isinstance(message, str):
                    continue
                frame, jpeg = unpack_frame(message)
                picture = await asyncio.to_thread(
                    cv2.imdecode, np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR
                )
                assert picture is not None
                age_s = time.monotonic() - (frame.sent_ms - frame.age_ms) / 1e3
                seen.append((age_s, frame))
                await socket.send(json.dumps({"ack": frame.frame, "age_ms": age_s * 1e3}))

    watching = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@asynccontextmanager
async def _station(folder: Path) -> AsyncIterator[str]:
    async with running(make_config(folder)) as url:
        yield url


@asynccontextmanager
async def _agent(mast: Mast) -> AsyncIterator[None]:
    with contextlib.ExitStack() as stack:
        programs = stack.enter_context(Programs(mast.config_file.parent))
        programs.start("agent", ["agent", "-c", str(mast.config_file)])
        yield
        programs.check()
