"""The demo's chain with handles to break it by: station, virtual drone, agent, and what is between them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from edge.demo.drone import SET_UP, fly_virtual_drone
from edge.demo.programs import Programs
from flight.plans.qgc import write_plan
from tests.chain import Chain
from tests.soak.serial_line import SerialLine
from tests.soak.world import Burning, laps
from tests.uplink.chaos.fault_proxy import FaultProxy, bad_link

ROOT = Path(__file__).parents[2]
INJECTED = Path(__file__).parent / "injected"
DATA_DISK_MB = 1024
RECORDINGS_MB = 40
FLIGHT_SPARE_S = 300.0
ENDURANCE_S = 4 * 3600.0
BATTERY_MAH = 80_000.0  # hours: what ends this flight is the test
COOL_MILLIDEGREES = 52_000


@dataclass(slots=True)
class Rig:
    """What runs, and where its handles are."""

    chain: Chain
    programs: Programs
    line: SerialLine
    proxy: FaultProxy
    http: httpx.AsyncClient
    rng: random.Random
    clock_library: Path | None
    """None where there is no compiler to make it."""
    station: int = 0
    agent: int = 0

    @property
    def folder(self) -> Path:
        return self.chain.site.folder

    @property
    def faults(self) -> Path:
        """Files here are faults in the vision child."""
        return self.folder / "faults"

    @property
    def host(self) -> Path:
        """The machine's sensors, as the agent sees them."""
        return self.folder / "host"

    @property
    def clock(self) -> Path:
        """How far the agent's wall clock is off."""
        return self.folder / "clock"

    def set_clock(self, off_s: int) -> None:
        # In place: the agent has the file mapped, and one that is short for a moment would end it.
        file = os.open(self.clock, os.O_WRONLY | os.O_CREAT)
        os.pwrite(file, struct.pack("=q", off_s), 0)
        os.close(file)

    @property
    def data_disk(self) -> Path:
        """The agent's data folder: a disk of its own where there may be one."""
        return self.folder / "agent"

    def start_station(self) -> None:
        self.station = self.programs.start("station", ["station", "-c", str(self.chain.site.config_file)])

    def start_agent(self) -> None:
        environment = {
            "PYTHONPATH": f"{INJECTED}{os.pathsep}{ROOT}",
            "EMBERWATCH_SOAK_FOLDER": str(self.faults),
            "EMBERWATCH_HOST_ROOT": str(self.host),
        }
        if self.clock_library is not None:
            environment |= {"LD_PRELOAD": str(self.clock_library), "EMBERWATCH_SOAK_CLOCK": str(self.clock)}
        self.agent = self.programs.start(
            "agent", ["agent", "-c", str(self.chain.site.config_file)], environment
        )

    async def snapshot(self) -> dict[str, Any] | None:
        """The station's, None where it does not answer."""
        try:
            answer = await self.http.get("/api/v1/snapshot")
        except httpx.TransportError:
            return None
        found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return found


@asynccontextmanager
async def rig(folder: Path, seed: int, burning: Burning, seconds: float) -> AsyncIterator[Rig]:
    """All of it, running."""
    chain = Chain.lay_out(folder, seed)
    site = chain.site
    write_plan(folder / "patrol.plan", laps(burning.world(), seconds + FLIGHT_SPARE_S))
    with (folder / "patrol.toml").open("a") as patrol:
        patrol.write(f"endurance_s = {ENDURANCE_S}\n")
    station_port = int(site.station_url.rpartition(":")[2])
    proxy = FaultProxy(station_port, random.Random(seed))
    device = folder / "autopilot"
    async with (
        bad_link(proxy),
        SerialLine(device, site.mavlink_port) as line,
        httpx.AsyncClient(base_url=site.station_url, timeout=5.0) as http,
    ):
        chain.change_config(f'url = "udpin:127.0.0.1:{site.mavlink_port}"', f'url = "serial:{device}:115200"')
        chain.change_config(f'station_url = "{site.station_url}"', f'station_url = "{proxy.url}"')
        chain.change_config("[agent.detector]", '[agent.detector]\nbackend = "cpu"')
        chain.change_config(
            "[agent.terrain]",
            f"[agent.recorder]\nmost_mb = {RECORDINGS_MB}\n\n"
            f"[agent.limits]\nendurance_s = {ENDURANCE_S}\n\n[agent.terrain]",
        )
        with Programs(folder) as programs, _own_disk(folder / "agent"):
            made = Rig(chain, programs, line, proxy, http, random.Random(seed), _clock_library(folder))
            made.faults.mkdir()
            burning.write(made.faults)
            made.set_clock(0)
            heat(made.host, COOL_MILLIDEGREES)
            SET_UP["BATT_CAPACITY"] = BATTERY_MAH
            drone = asyncio.create_task(
                fly_virtual_drone(
                    out=f"udpout:127.0.0.1:{site.mavlink_port}",
                    truth=(site.drone_truth_urls[0],),
                    seed=seed,
                    speed=1.0,
                )
            )
            try:
                made.start_station()
                made.start_agent()
                yield made
            finally:
                programs.end("agent")
                drone.cancel()
                await asyncio.gather(drone, return_exceptions=True)
                del SET_UP["BATT_CAPACITY"]
                chain.sink.close()


def heat(host: Path, millidegrees: int) -> None:
    """What the processor's sensor says."""
    zone = host / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text(f"{millidegrees}\n")


def _clock_library(folder: Path) -> Path | None:
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "clock.so"
    subprocess.check_call([compiler, "-O2", "-shared", "-fPIC", "-o", library, INJECTED / "clock.c"])
    return library


@contextlib.contextmanager
def _own_disk(folder: Path) -> Iterator[None]:
    """A disk in memory for the agent's data, where this process may mount one."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.call(
        ["mount", "-t", "tmpfs", "-o", f"size={DATA_DISK_MB}m", "tmpfs", folder]
    )
    try:
        yield
    finally:
        if mounted:
            # Its files outlive the disk: the judge reads them, and whoever looks for what went wrong.
            kept = folder.with_name("agent data")
            subprocess.check_call(["cp", "-r", folder, kept])
            subprocess.check_call(["umount", folder])
            folder.rmdir()
            kept.rename(folder)


def resize_disk(folder: Path, size_bytes: int) -> None:
    """Of a disk in memory."""
    subprocess.check_call(["mount", "-o", f"remount,size={size_bytes}", folder])
