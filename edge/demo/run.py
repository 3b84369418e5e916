"""Runs the demo: takes off, watches, and says at the end what became of each fire."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import FrameType

import httpx
from rich.console import Console

from edge.demo.display import Display
from edge.demo.flight import DemoFlight
from edge.demo.programs import Programs
from edge.demo.sink import WebhookSink
from edge.demo.site import DemoSite, lay_out, new_webhook_secret
from edge.demo.truth import TruthWatcher
from edge.demo.verdict import as_table, judge
from flight.errors import EmberwatchError

LONGEST_S = 300.0
STATION_START_S = 30.0
POLL_PERIOD_S = 0.5


class DemoError(EmberwatchError):
    """The demo could not be flown."""


def run_demo(
    *,
    headless: bool,
    seed: int,
    port: int,
    keep: Path | None,
    sitl: Path | None = None,
    night: bool = False,
) -> int:
    """Fly the demo; returns the exit code: 0 only when every fire was found, placed and told.

    With ``headless`` it ends by itself within 180 s; else the page stays up after the flight until Ctrl-C.
    Everything it writes is under ``keep``, or in a temporary folder that is removed at the end.
    """
    # `kill` and a closed terminal end the demo as Ctrl-C does: through every `with` below.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    console = Console()
    started_s = time.monotonic()
    folder = keep.resolve() if keep else Path(tempfile.mkdtemp(prefix="emberwatch-demo-"))
    secret = new_webhook_secret()
    sink = WebhookSink(secret)
    try:
        with (
            console.status("Making a world with fires in it ...")
            if not headless
            else contextlib.nullcontext()
        ):
            site = lay_out(
                folder, seed=seed, port=port, webhook_secret=secret, webhook_url=sink.url, night=night
            )
        with Programs(folder) as programs, TruthWatcher(site.world, site.judge_truth_port) as truth:
            _start(programs, site, seed, sitl)
            flight = DemoFlight(started_s, last_item=len(site.patrol.items) - 1)
            with Display(console, site, flight, sink, live=not headless) as display:
                _wait_for_end(flight, site, programs, sink, display, started_s)
            received_s = {d.alert.id: d.received_s for d in reversed(sink.deliveries)}
            verdict = judge(truth.fires(), flight.alerts, received_s)
            console.print(as_table(verdict))
            console.print(flight.summary(sink), highlight=False)
            if not headless:
                console.print(f"The page stays up at [bold]{site.station_url}[/] – Ctrl-C ends it.")
                with contextlib.suppress(KeyboardInterrupt):
                    _stay(programs)
            return 0 if verdict.passed else 1
    except KeyboardInterrupt:
        if not headless:
            console.print("Stopped.")
        return 130
    finally:
        sink.close()
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            console.print(f"Configuration, logs and records are in {folder}", highlight=False)


def _start(programs: Programs, site: DemoSite, seed: int, sitl: Path | None) -> None:
    config = str(site.config_file)
    programs.start("station", ["station", "-c", config])
    truths = [argument for url in site.drone_truth_urls for argument in ("--truth", url)]
    out = f"udpout:127.0.0.1:{site.mavlink_port}"
    simulator = [] if sitl is None else ["--sitl", str(sitl.resolve())]
    programs.start("virtual drone", ["virtual", "--out", out, *truths, "--seed", str(seed), *simulator])
    programs.start("agent", ["agent", "-c", config])


def _wait_for_end(
    flight: DemoFlight,
    site: DemoSite,
    programs: Programs,
    sink: WebhookSink,
    display: Display,
    started_s: float,
) -> None:
    with httpx.Client(base_url=site.station_url, timeout=5.0) as client:
        while not flight.is_over(time.monotonic(), len(site.world.fires), sink):
            programs.check()
            now_s = time.monotonic()
            try:
                flight.take(client.get("/api/v1/snapshot").raise_for_status().json(), now_s)
            except httpx.HTTPError as error:
                if now_s - started_s > STATION_START_S:
                    raise DemoError(
                        f"the station does not answer: {error}", hint="Try again with --keep DIR."
                    ) from error
            display.refresh()
            if now_s - started_s > LONGEST_S:
                return
            time.sleep(POLL_PERIOD_S)


def _stay(programs: Programs) -> None:
    """Until Ctrl-C."""
    while True:
        programs.check()
        time.sleep(POLL_PERIOD_S)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
