"""A zip file that is sent while it is written: nothing of it is kept but the list of what is in it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING

from uplink.station.package.manifest import ManifestFile

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


class ZipStream:
    """``at`` dates the files. What is ready to be sent comes out of ``add`` and ``finish``."""

    def __init__(self, at: datetime) -> None:
        self._sink = _Sink()
        # The sink cannot go back: sizes then stand behind each file and in the directory at the end.
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
        self._date = (at.year, at.month, at.day, at.hour, at.minute, at.second)
        self.files: list[ManifestFile] = []

    async def add(
        self, path: str, what: str, pieces: AsyncIterator[bytes], *, pressed: bool = True
    ) -> AsyncIterator[bytes]:
        """One file; not ``pressed`` where that saves nothing, as with JPEGs."""
        info = zipfile.ZipInfo(path, self._date)
        info.compress_type = zipfile.ZIP_DEFLATED if pressed else zipfile.ZIP_STORED
        info.external_attr = 0o644 << 16
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as file:
            async for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
                if ready := self._sink.take():
                    yield ready
        self.files.append(ManifestFile(path=path, size_bytes=size, sha256=digest.hexdigest(), what=what))
        yield self._sink.take()

    def finish(self) -> bytes:
        """The directory at the end."""
        self._zip.close()
        return self._sink.take()


class _Sink(io.RawIOBase):
    """A file that can only be written to."""

    def __init__(self) -> None:
        self._ready = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        before = len(self._ready)
        self._ready += data
        return len(self._ready) - before

    def take(self) -> bytes:
        ready, self._ready = bytes(self._ready), bytearray()
        return ready
