"""Has patrols planned by a child process, one after the other and each in bounded time.

Planning takes seconds of one core, and reads files of strangers: it is kept away from what takes alerts. What
the child is, whoever starts the station says; it gets jobs and gives answers, a line of JSON each.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from uplink.errors import NotPossibleError, StationError
from uplink.station.patrol_answers import (
    CameraChoice,
    ImportedPatrol,
    PatrolDraft,
    PatrolPreview,
    PlannedPatrol,
)

log = logging.getLogger(__name__)

TIMEOUT_S = 45.0
WAITING_MOST = 6
IDLE_S = 120.0
LINE_MAX_BYTES = 64 * 1024 * 1024


class PlannerBusyError(StationError):
    """Others wait already, or there is no planner."""


@dataclass(frozen=True, slots=True)
class Planned:
    """``package`` None: it could not be planned."""

    preview: PatrolPreview
    package: bytes | None


class PatrolPlanner:
    """``command`` starts the child; empty: this station plans nothing."""

    def __init__(self, command: Sequence[str] = (), *, timeout_s: float = TIMEOUT_S) -> None:
        self._command = command
        self._timeout_s = timeout_s
        self._child: Process | None = None
        self._one = asyncio.Lock()
        self._waiting = 0
        self._idle: asyncio.TimerHandle | None = None
        self._cameras: list[CameraChoice] = []

    async def plan(self, draft: PatrolDraft) -> Planned:
        """Raises PlannerBusyError."""
        job = {"do": "plan", **draft.model_dump(mode="json", exclude_unset=True)}
        try:
            answer = await self._ask(job)
        except _TooLongError:
            trouble = f"planning it took longer than {self._timeout_s:.0f} s"
            hint = "Cut the area in two, or fly higher."
            return Planned(PatrolPreview(planned=None, trouble=trouble, hint=hint), None)
        if "refused" in answer:
            preview = PatrolPreview(planned=None, trouble=answer["refused"], hint=answer["hint"])
            return Planned(preview, None)
        planned = PlannedPatrol.model_validate(answer["planned"])
        preview = PatrolPreview(planned=planned, trouble="", hint="")
        return Planned(preview, answer["package"].encode())

    async def read(self, name: str, content: bytes) -> ImportedPatrol:
        """What is in a file. Raises NotPossibleError that says what is wrong with it, PlannerBusyError."""
        job = {"do": "read", "name": name, "content": base64.b64encode(content).decode()}
        try:
            answer = await self._ask(job)
        except _TooLongError:
            raise NotPossibleError(f"{name} took too long to read: it is too large") from None
        if "refused" in answer:
            raise NotPossibleError(f"{answer['refused']}. {answer['hint']}".rstrip(". ") + ".")
        return ImportedPatrol.model_validate(answer)

    async def cameras(self) -> list[CameraChoice]:
        """By name. Raises PlannerBusyError."""
        if not self._cameras:
            try:
                answer = await self._ask({"do": "cameras"})
            except _TooLongError:
                raise PlannerBusyError("the planner does not answer: try again") from None
            self._cameras = [CameraChoice.model_validate(each) for each in answer["cameras"]]
        return self._cameras

    async def stop(self) -> None:
        """Ends the child."""
        if self._idle is not None:
            self._idle.cancel()
        child, self._child = self._child, None
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        if not self._command:
            raise NotPossibleError("this station plans no patrols")
        if self._waiting >= WAITING_MOST:
            raise PlannerBusyError("other patrols are planned just now: try again in a moment")
        self._waiting += 1
        try:
            async with self._one:
                if self._idle is not None:
                    self._idle.cancel()
                try:
                    return await self._answer(job)
                except BaseException:  # also cancelled: its answer would be taken for the next one's
                    await self.stop()
                    raise
        finally:
            self._waiting -= 1
            if self._child is not None and not self._waiting:
                self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._let_go)

    def _let_go(self) -> None:
        """Its memory is worth more than the second that it takes to start."""
        child, self._child = self._child, None
        if child is not None and child.stdin is not None:
            child.stdin.close()

    async def _answer(self, job: dict[str, Any]) -> dict[str, Any]:
        if self._child is None:
            self._child = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, limit=LINE_MAX_BYTES
            )
        child = self._child
        assert child.stdin is not None  # noqa: S101 (both were asked for)
        assert child.stdout is not None  # noqa: S101
        try:
            async with asyncio.timeout(self._timeout_s):
                child.stdin.write(json.dumps(job).encode() + b"\n")
                await child.stdin.drain()
                line = await child.stdout.readline()
        except TimeoutError:
            raise _TooLongError from None
        except (OSError, ValueError):
            line = b""
        if not line.endswith(b"\n"):
            log.error("the planner of patrols died of a job")
            raise PlannerBusyError("planning failed: try again")
        answer: dict[str, Any] = json.loads(line)
        return answer


class _TooLongError(Exception):
    """The child did not answer in time."""
