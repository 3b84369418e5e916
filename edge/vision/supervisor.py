"""Keeps the vision child alive: starts it, reads it, restarts it when it is silent, hung or gone.

The age of the last good inference is the only proof of life that counts: a child whose process lives
but that has looked at nothing is ended and started again. That counts from a child's first look on; until
then it may take its time to warm up. How soon the next one comes is bounded (``edge.vision.restarts``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence

from edge.vision.plan import plan_line
from edge.vision.process import VisionProcess
from edge.vision.report import (
    BrokenReportError,
    Ended,
    Failed,
    FrameReport,
    Ready,
    VisionSettings,
    Waiting,
    read,
)
from edge.vision.restarts import Restarts
from edge.vision.tile import Tile
from edge.vision.view import Shown, Wish, read_shown
from flight.errors import EmberwatchError

log = logging.getLogger(__name__)

WARM_UP_S = 45.0  # a provider that builds its engine on a small computer takes its time
STALLED_S = 10.0
EXIT_S = 2.0


class VisionError(EmberwatchError):
    """The child could not start seeing, for a reason that a person can mend."""


class VisionSupervisor:
    """One vision child after another; ``first`` is one that has been started and told already.

    ``on_ready``, ``on_report``, ``on_trouble`` (why nothing is looked at) and ``on_film`` (a picture of the
    flight recorder's film) are called in the event loop.
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
        on_film: Callable[[Shown], None] = lambda _picture: None,
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
        self._on_film = on_film
        self._must_go_on = must_go_on
        self._goes_on = False
        self.restarts = Restarts(warm_up_s)
        self._stalled_s = max(stalled_s, 3.0 / settings.frames_per_s)
        self.reports = 0
        self.frame_s: float | None = None
        """When the latest frame that the camera gave was exposed, looked at or not."""
        self._again = asyncio.Event()
        self._again_why = ""
        self._was_too_slow = False
        self.process_id: int | None = None
        self._says_to: asyncio.StreamWriter | None = None
        self._shown: Shown | None = None
        self._is_shown = asyncio.Event()

    def plan(self, tiles: Sequence[Tile]) -> None:
        """Tell the child what to look at closely on its next frames. Never waits: a plan that the child has
        not taken from the pipe yet is one too many, and this one is left out."""
        self._say(plan_line(tiles))

    def start_again(self, why: str) -> None:
        """End the child that looks now, and start another: what it looks at is no good."""
        self._again_why = why
        self._again.set()

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
        said = ""
        while True:
            reports_before = self.reports
            reason = await self._one_child()
            if reason is None:
                log.info("the camera has ended")
                return
            looked = self.reports > reports_before
            if looked or reason != said:  # not every ten seconds for hours
                log.error("vision is restarted: %s", reason)
            said = reason
            self._on_trouble(reason)
            await asyncio.sleep(
                self.restarts.failed(time.monotonic(), looked=looked, was_warming_up=self._was_too_slow)
            )

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
        self._again.clear()
        try:
            return await self._follow_until_told(child.process)
        finally:
            self._says_to = None
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
            await child.end()
            self.process_id = None

    async def _take_pictures(self, child: VisionProcess) -> None:
        """What the child shows to people who watch, and films. Whatever is wrong with that, it goes on
        looking."""
        try:
            stream = await child.pictures()
            while True:
                picture = await read_shown(stream)
                if picture.film:
                    self._on_film(picture)
                    continue
                self._shown = picture
                self._is_shown.set()
        except EOFError:
            return
        except (BrokenReportError, OSError) as error:
            log.warning("no more pictures for who watches from this vision process: %s", error)

    async def _follow_until_told(self, process: Process) -> str | None:
        """As ``_one_child``, of one that has started."""
        following = asyncio.create_task(self._follow(process), name="vision child")
        told = asyncio.create_task(self._again.wait(), name="vision again")
        try:
            await asyncio.wait((following, told), return_when=asyncio.FIRST_COMPLETED)
            return following.result() if following.done() else self._again_why
        finally:
            for task in (following, told):
                task.cancel()
            await asyncio.gather(following, told, return_exceptions=True)

    async def _follow(self, process: Process) -> str | None:
        assert process.stdin is not None  # noqa: S101 - both are pipes, as asked for
        assert process.stdout is not None  # noqa: S101
        loop = asyncio.get_running_loop()
        within_s, looked, waits = self.restarts.warm_up_s, False, False
        deadline_s = loop.time() + within_s
        self._was_too_slow = False
        try:
            while True:
                async with asyncio.timeout_at(deadline_s):
                    message = await read(process.stdout)
                waits = isinstance(message, Waiting)
                match message:
                    case Ready():
                        self._says_to = process.stdin
                        deadline_s = loop.time() + within_s
                        self._on_ready(message)
                    case Failed():
                        return await self._failed(message)
                    case Ended():
                        return None
                    case Waiting():
                        if message.frame_s is not None:
                            self.frame_s = message.frame_s
                    case FrameReport():
                        self.reports += 1
                        self.frame_s = message.exposed_s
                        looked, within_s = True, self._stalled_s
                        deadline_s = loop.time() + within_s
                        self._on_report(message)
        except TimeoutError:
            self._was_too_slow = not looked
            if waits:
                return f"the camera gave no frame for {within_s:.0f} s: cable, power, address?"
            return f"nothing was looked at for {within_s:.0f} s: camera or detector hangs"
        except BrokenReportError as error:
            return str(error)
        except (EOFError, ConnectionError):
            with contextlib.suppress(TimeoutError):  # it may hang on its way out
                await asyncio.wait_for(process.wait(), EXIT_S)
            return f"the vision process ended by itself ({_how_it_ended(process.returncode)})"

    async def _failed(self, failed: Failed) -> str:
        """A fault in flight, or a mistake that a person mends on the ground: then raises VisionError."""
        if not self.reports and not self._goes_on:
            self._on_trouble(failed.message)
            # Once in the air it stays a fault in flight: an agent that ends on landing helps nobody either.
            self._goes_on = await self._must_go_on()
            if not self._goes_on:
                raise VisionError(failed.message, hint=failed.hint)
        return failed.message


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "it hangs on its way out"
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
