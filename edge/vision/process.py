"""One vision child as a process, and what leads to it and from it.

Its standard output carries what it says of frames. Pictures for people who watch come by a pipe of their own:
one that nobody reads holds up no inference, and one that is broken takes nothing else along.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process

from edge.vision.report import VisionSettings

log = logging.getLogger(__name__)


class VisionProcess:
    """Started, and not yet told what to look at. ``end`` it."""

    def __init__(self, process: Process, pictures_fd: int) -> None:
        self.process = process
        self._pictures_fd: int | None = pictures_fd
        self._pictures: asyncio.BaseTransport | None = None

    @classmethod
    async def start(cls) -> VisionProcess:
        """It waits to be told what to look at, and ends by itself when nobody does. Raises OSError or
        RuntimeError where there is no room for another process."""
        ours, its = os.pipe()
        try:
            level = str(log.getEffectiveLevel())
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "edge.vision.child", level, str(its)),
                stdin=PIPE,
                stdout=PIPE,
                pass_fds=(its,),
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(its)
        return cls(process, ours)

    def tell(self, settings: VisionSettings) -> None:
        """What to look at: its first line. One that is gone already is found out by reading it."""
        assert self.process.stdin is not None  # noqa: S101 - a pipe, as asked for
        self.process.stdin.write((settings.to_json() + "\n").encode())

    async def pictures(self) -> asyncio.StreamReader:
        """What comes by the pictures' pipe. Once."""
        assert self._pictures_fd is not None  # noqa: S101 - once
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        file, self._pictures_fd = os.fdopen(self._pictures_fd, "rb", 0), None
        self._pictures, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        return reader

    async def end(self) -> None:
        """Kill and reap: one that hangs in a driver heeds nothing gentler, and it holds nothing to lose."""
        if self._pictures is not None:
            self._pictures.close()
        if self._pictures_fd is not None:
            os.close(self._pictures_fd)
            self._pictures_fd = None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
