"""Checks pictures after they came, and makes the copies that people see of them.

A picture that can be decoded gets a copy; one that cannot is put into quarantine. Decoding is done by a child
process (``picture_copy``), one picture at a time: a decoder that hangs or dies on a picture takes nothing
else with it. What waits is in the database, so that a restart goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from uplink.errors import StoreError
from uplink.station.store.copies import PART
from uplink.station.store.media import MediaState, MediaStore

log = logging.getLogger(__name__)

AT_ONCE = 32
TIMEOUT_S = 20.0
TRIES = 2
WANTED_AT_MOST = 200
ENOUGH_S = 60.0  # without news: a picture may have been put back


class PictureChecker:
    """``clock`` gives seconds since 1970."""

    def __init__(self, media: MediaStore, *, clock: Callable[[], float]) -> None:
        self._media = media
        self._clock = clock
        self._child: Process | None = None
        self._wanted: OrderedDict[str, None] = OrderedDict()

    def want(self, sha256: str) -> None:
        """Somebody looks at it now: it comes before the others."""
        self._wanted[sha256] = None
        if len(self._wanted) > WANTED_AT_MOST:
            self._wanted.popitem(last=False)
        self._media.news.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._media.news.clear()
                while await self.check_some():
                    pass
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ENOUGH_S):
                        await self._media.news.wait()
        finally:
            await self._end_child()

    async def check_some(self) -> int:
        """Checks a few of those that wait, first those that somebody wants to see; returns how many."""
        sha256s = await self._media.unchecked(AT_ONCE)
        done = 0
        fit: list[str] = []
        while sha256s or self._wanted:
            wanted = self._wanted.popitem(last=False)[0] if self._wanted else None
            sha256 = wanted or sha256s.pop(0)
            if sha256 in fit or (wanted and not await self._is_unchecked(wanted)):
                continue
            done += 1
            flaw = await self._flaw_of(sha256)
            if flaw is None:
                fit.append(sha256)
            else:
                log.warning(
                    "picture %s is put into quarantine: %s",
                    sha256,
                    flaw,
                    extra={"event": "media.quarantined", "sha256": sha256, "flaw": flaw},
                )
                await self._media.quarantine(sha256, flaw, now_s=self._clock())
            if wanted and fit:
                await self._media.mark_shown(fit)
                fit.clear()
        if fit:
            await self._media.mark_shown(fit)
        return done

    async def _is_unchecked(self, sha256: str) -> bool:
        row = await self._media.get(sha256)
        return row is not None and row.state is MediaState.UNCHECKED

    async def _flaw_of(self, sha256: str) -> str | None:
        """Makes the copy; else says why the picture can have none."""
        original, copy = self._media.original(sha256), self._media.shown(sha256)
        if not original.exists():
            return "its file is missing"
        part = copy.with_name(copy.name + PART)
        for attempt in range(TRIES):
            try:
                answer = await self._ask(original, part)
            except _ChildError as reason:
                await self._end_child()
                if attempt == TRIES - 1:
                    return str(reason)
                continue
            if "failure" in answer:
                raise StoreError(f"the copy of a picture could not be written: {answer['failure']}")
            if "flaw" in answer:
                return answer["flaw"]
            part.rename(copy)
            break
        return None

    async def _ask(self, original: Path, copy: Path) -> dict[str, str]:
        if self._child is None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "uplink.station.picture_copy", stdin=PIPE, stdout=PIPE
            )
        child = self._child
        assert child.stdin is not None  # noqa: S101 (both were asked for)
        assert child.stdout is not None  # noqa: S101
        job = json.dumps({"original": str(original), "copy": str(copy)})
        try:
            async with asyncio.timeout(TIMEOUT_S):
                child.stdin.write(job.encode() + b"\n")
                await child.stdin.drain()
                line = await child.stdout.readline()
        except TimeoutError:
            raise _ChildError(f"decoding it took longer than {TIMEOUT_S:.0f} s") from None
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            raise _ChildError("the decoder died of it")
        answer: dict[str, str] = json.loads(line)
        return answer

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()


class _ChildError(Exception):
    """The child process is of no use any more."""
