"""Keeps the vision child alive: starts it, reads it, restarts it when it is silent, hung or gone.

The age of the last good inference is the only proof of life that counts: a child whose process lives
but that has looked at nothing is ended and started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence

from edge.vision.plan import plan_line
from edge.vision.process import VisionProcess
from edge.vision.report import BrokenReportError, Ended, Failed, FrameReport, Ready, VisionSettings, read
from edge.vision.tile import Tile
from edge.vision.view import Shown, Wish, read_shown
from flight.errors import EmberwatchError

log = logging.getLogger(__name__)

WARM_UP_S = 45.0  # a provider that builds its engine on a small computer takes its time
STALLED_S = 10.0
EXIT_S = 2.0
RESTART_DELAYS_S = (0.5, 1.0, 2.0, 5.0, 10.0)


class VisionError(EmberwatchError):
    """The child could not start seeing, for a reason that a person can mend."""


class VisionSupervisor:
    """One vision child after another; ``first`` is one that has been started and told already.

    ``on_ready``, ``on_report`` and ``on_trouble`` (why nothing is looked at) are called in the event loop.
    Until the first frame has been looked at, what the child says is wrong ends the agent with that one line,
    unless it ``must_go_on``: an agent may be started again in the air. From then on it is a fault in flight:
    the child is restarted for as long as it takes, and the agent is blind meanwhile.
    """

    def __init__(
        self,
        settings: VisionSettings,
        on_ready: Callable[[Ready], None],
        on_report: Callable[[FrameReport], None],
        on_trouble: Callable[[str], None],
        *,
        must_go_on: Callable[[], Awaitable[bool]],
        first: VisionProcess | None = None,
        warm_up_s: float = WARM_UP_S,
        stalled_s: float = STALLED_S,
    ) -> None:
        self._settings = settings
        self._first = first
        self._on_ready = on_ready
        self._on_report = on_report
        self._on_trouble = on_trouble
        self._must_go_on = must_go_on
        self._goes_on = False
        self._warm_up_s = warm_up_s
        self._stalled_s = max(stalled_s, 3.0 / settings.frames_per_s)
        self.reports = 0
        self.restarts = 0
        self.process_id: int | None = None
        self._says_to: asyncio.StreamWriter | None = None
        self._shown: Shown | None = None
        self._is_shown = asyncio.Event()

    def plan(self, tiles: Sequence[Tile]) -> None:
        """Tell the child what to look at closely on its next frames. Never waits: a plan that the child has
        not taken from the pipe yet is one too many, and this one is left out."""
        self._say(plan_line(tiles))

    async def show(self, wish: Wish, timeout_s: float) -> Shown | None:
        """A picture for people who watch; None where none comes in time. One after another."""
        self._shown = None
        self._is_shown.clear()
        self._say(wish.line())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._is_shown.wait()
        return self._shown

    def _say(self, line: str) -> None:
        pipe = self._says_to
        if (
            pipe is not None
            and not pipe.transport.is_closing()
            and not pipe.transport.get_write_buffer_size()
        ):
            pipe.write(line.encode())

    async def run(self) -> None:
        """Runs until the camera's end (a video file's last frame) or until cancelled.

        Raises VisionError for a mistake in model or camera found before the first look on the ground.
        """
        failures_in_a_row, said = 0, ""
        while True:
            reports_before = self.reports
            reason = await self._one_child()
            if reason is None:
                log.info("the camera has ended")
                return
            failures_in_a_row = failures_in_a_row + 1 if self.reports == reports_before else 1
            if failures_in_a_row == 1 or reason != said:  # not every ten seconds for hours
                log.error("vision is restarted: %s", reason)
            said = reason
            self._on_trouble(reason)
            self.restarts += 1
            await asyncio.sleep(RESTART_DELAYS_S[min(failures_in_a_row, len(RESTART_DELAYS_S)) - 1])

    async def _one_child(self) -> str | None:
        """Start a child and read it to its end; why there must be another, or None at the camera's end."""
        child, self._first = self._first, None
        if child is None:
            try:
                child = await VisionProcess.start()
            except (OSError, RuntimeError) as error:  # no memory, files or processes left; or no threads
                return f"the vision process cannot be started ({error})"
            child.tell(self._settings)
        self.process_id = child.process.pid
        showing = asyncio.create_task(self._take_pictures(child), name="pictures")
        try:
            return await self._follow(child.process)
        finally:
            self._says_to = None
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
            await child.end()
            self.process_id = None

    async def _take_pictures(self, child: VisionProcess) -> None:
        """What the child shows to people who watch. Whatever is wrong with that, it goes on looking."""
        try:
            stream = await child.pictures()
            while True:
                self._shown = await read_shown(stream)
                self._is_shown.set()
        except EOFError:
            return
        except (BrokenReportError, OSError) as error:
            log.warning("no more pictures for who watches from this vision process: %s", error)

    async def _follow(self, process: Process) -> str | None:
        """As ``_one_child``, of one that has started."""
        assert process.stdin is not None  # noqa: S101 - both are pipes, as asked for
        assert process.stdout is not None  # noqa: S101
        timeout_s = self._warm_up_s
        try:
            while True:
                message = await asyncio.wait_for(read(process.stdout), timeout_s)
                match message:
                    case Ready():
                        self._says_to = process.stdin
                        self._on_ready(message)
                    case Failed():
                        return await self._failed(message)
                    case Ended():
                        return None
                    case FrameReport():
                        self.reports += 1
                        timeout_s = self._stalled_s
                        self._on_report(message)
        except TimeoutError:
            return f"nothing was looked at for {timeout_s:.0f} s"
        except BrokenReportError as error:
            return str(error)
        except (EOFError, ConnectionError):
            with contextlib.suppress(TimeoutError):  # it may hang on its way out
                await asyncio.wait_for(process.wait(), EXIT_S)
            return f"the process ended by itself (exit code {process.returncode})"

    async def _failed(self, failed: Failed) -> str:
        """A fault in flight, or a mistake that a person mends on the ground: then raises VisionError."""
        if not self.reports and not self._goes_on:
            self._on_trouble(failed.message)
            # Once in the air it stays a fault in flight: an agent that ends on landing helps nobody either.
            self._goes_on = await self._must_go_on()
            if not self._goes_on:
                raise VisionError(failed.message, hint=failed.hint)
        return failed.message
