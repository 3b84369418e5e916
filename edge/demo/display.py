"""The demo in the terminal: a live panel for a person, plain lines for a log."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from edge.demo.flight import DemoFlight
from edge.demo.sink import WebhookSink
from edge.demo.site import DemoSite
from uplink.messages import DroneState, SeeingState

STORY_LINES = 12


class Display:
    """Shows the flight while it lasts."""

    def __init__(
        self, console: Console, site: DemoSite, flight: DemoFlight, sink: WebhookSink, *, live: bool
    ) -> None:
        self._console = console
        self._site = site
        self._flight = flight
        self._sink = sink
        self._printed = 0
        self._live = Live(self._panel(), console=console, refresh_per_second=4) if live else None

    def __enter__(self) -> Display:
        if self._live:
            self._live.start()
        else:
            self._console.print(f"Page: {self._site.station_url}", highlight=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refresh()
        if self._live:
            self._live.stop()

    def refresh(self) -> None:
        if self._live:
            self._live.update(self._panel())
            return
        for line in self._flight.story[self._printed :]:
            self._console.print(line, highlight=False)
        self._printed = len(self._flight.story)

    def _panel(self) -> Panel:
        page = f"Open the page: [bold link={self._site.station_url}]{self._site.station_url}[/]"
        facts = Table.grid(padding=(0, 2))
        for name, value in self._facts(self._flight.drone):
            facts.add_row(f"[dim]{name}[/]", value)
        story = "\n".join(self._flight.story[-STORY_LINES:])
        return Panel(
            Group(page, "", facts, "", story), title="Emberwatch demo: a virtual drone over a rendered world"
        )

    def _facts(self, drone: DroneState | None) -> list[tuple[str, str]]:
        told = f"{len(self._flight.alerts)} alerts, {len(self._sink.deliveries)} webhooks delivered"
        if drone is None:
            return [("drone", "starting"), ("found", told)]
        height = "–" if drone.height_agl_m is None else f"{drone.height_agl_m:.0f} m above ground"
        rate = "" if drone.frames_per_s is None else f", {drone.frames_per_s:.1f} frames/s"
        sight = (
            "[green]seeing[/]"
            if drone.seeing is SeeingState.SEEING
            else f"[red bold]BLIND[/] {drone.blind_reason}"
        )
        return [
            ("drone", f"{drone.mode or '–'}, {height}"),
            ("camera", sight + rate),
            ("found", told),
        ]
