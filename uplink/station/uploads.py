"""Takes pictures in one go or in pieces, as the link allows, and hands them to the media store when whole.

Invariants:

- What an answer calls received is on the disk.
- What came before an upload broke off is kept: its sender asks for the offset and goes on from there. Who
  asks, or sends again, has given up the request before, even where its connection still seems open.
- Bytes that came twice change nothing; a gap is refused with the offset that is wanted.
- Only bytes that are a JPEG and have the SHA-256 they are named by become a picture. A part that turns out
  wrong is thrown away, and the sender begins anew.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from weakref import WeakValueDictionary

from starlette.requests import ClientDisconnect

from uplink.errors import StationError
from uplink.station.answers import UploadProgress
from uplink.station.store.media import MediaStore
from uplink.station.store.uploads import Part, UploadStore

JPEG_START = b"\xff\xd8\xff"
SMALL_BYTES = 256 * 1024  # are hashed in less time than it takes to ask a thread
BODY_TIMEOUT_S = 120.0


class Ending(Enum):
    """How the body of a request came to its end."""

    WHOLE = "whole"
    BROKE_OFF = "the upload broke off"
    TOO_SLOW = "the upload took too long"
    GIVEN_UP = "its sender has come again"


class GapError(StationError):
    """Bytes before these are missing."""

    def __init__(self, wanted_bytes: int) -> None:
        self.wanted_bytes = wanted_bytes
        super().__init__(f"go on from byte {wanted_bytes}")


class NotAJpegError(StationError):
    """These bytes are no JPEG."""


class WrongBytesError(StationError):
    """These bytes are not the ones that were announced."""


class Reception:
    """The body of one request on its way in."""

    def __init__(self) -> None:
        self._scope: asyncio.Timeout | None = None
        self._is_given_up = False
        self.is_over = asyncio.Event()

    async def read(self, stream: AsyncIterator[bytes]) -> tuple[bytes, Ending]:
        """What comes of it in bounded time.

        Nothing else is waited for in between: what had come when a link broke would be lost. The size was
        bounded on the way here (``BodyLimit``).
        """
        data, ending = bytearray(), Ending.WHOLE
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S) as self._scope:
                async for chunk in stream:
                    data += chunk
        except TimeoutError:
            ending = Ending.GIVEN_UP if self._is_given_up else Ending.TOO_SLOW
        except ClientDisconnect:
            ending = Ending.BROKE_OFF
        self._scope = None
        return bytes(data), ending

    def give_up(self) -> None:
        """Its sender does not go on with it."""
        if self._scope is not None and not self._scope.expired():
            self._is_given_up = True
            self._scope.reschedule(asyncio.get_running_loop().time())


class Uploads:
    """``clock`` gives seconds since 1970."""

    def __init__(self, store: UploadStore, media: MediaStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._media = media
        self._clock = clock
        self._receptions: dict[tuple[str, str], Reception] = {}
        # Two requests for one picture: the one that broke off, and the one that goes on.
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def progress(self, drone_id: str, sha256: str) -> UploadProgress:
        """How much of a picture is here; of one that nobody has begun, nothing."""
        await self._end_earlier(drone_id, sha256)
        async with self._lock(drone_id, sha256):
            path = await self._media.find(sha256)
            if path is not None:
                size_bytes = path.stat().st_size
                return _told(sha256, Part(size_bytes, size_bytes), complete=True)
            part = self._store.find(drone_id, sha256)
            return _told(sha256, part or Part(0, 0), complete=False)

    async def take(
        self, drone_id: str, sha256: str, data: bytes, *, offset_bytes: int, size_bytes: int
    ) -> UploadProgress:
        """Bytes from an offset on, of a picture of that size. They are on the disk when this returns.

        Raises ``GapError``, ``NotAJpegError`` or ``WrongBytesError``.
        """
        async with self._lock(drone_id, sha256):
            if offset_bytes == 0 and not JPEG_START.startswith(data[:3]):
                raise NotAJpegError("the body is not a JPEG")
            end_bytes = offset_bytes + len(data)
            if end_bytes > size_bytes:
                raise WrongBytesError(f"{end_bytes} bytes of a picture of {size_bytes}")
            if len(data) == size_bytes:
                return await self._finish(drone_id, sha256, data)
            if await self._media.find(sha256) is not None:
                await self._store.drop(drone_id, sha256)
                return _told(sha256, Part(size_bytes, size_bytes), complete=True)
            part = self._store.find(drone_id, sha256) or Part(0, size_bytes)
            if part.size_bytes != size_bytes:
                await self._store.drop(drone_id, sha256)
                part = Part(0, size_bytes)
            if offset_bytes > part.offset_bytes:
                raise GapError(part.offset_bytes)
            data = data[part.offset_bytes - offset_bytes :]
            if part.offset_bytes + len(data) == size_bytes:
                return await self._finish(
                    drone_id, sha256, await self._store.read(drone_id, sha256, part) + data
                )
            if data:
                part = await self._store.append(drone_id, sha256, part, data, now_s=self._clock())
            return _told(sha256, part, complete=False)

    @asynccontextmanager
    async def receiving(self, drone_id: str, sha256: str) -> AsyncIterator[Reception]:
        """Around the reading of a body and the ``take`` of what came of it."""
        await self._end_earlier(drone_id, sha256)
        key, reception = (drone_id, sha256), Reception()
        self._receptions[key] = reception
        try:
            yield reception
        finally:
            reception.is_over.set()
            if self._receptions.get(key) is reception:
                del self._receptions[key]

    async def _end_earlier(self, drone_id: str, sha256: str) -> None:
        earlier = self._receptions.get((drone_id, sha256))
        if earlier is not None:
            earlier.give_up()
            await earlier.is_over.wait()

    async def _finish(self, drone_id: str, sha256: str, data: bytes) -> UploadProgress:
        is_jpeg = data.startswith(JPEG_START)
        is_right = is_jpeg and await _is_named(sha256, data)
        if is_right:
            await self._media.put(sha256, data, drone_id=drone_id, now_s=self._clock())
        await self._store.drop(drone_id, sha256)
        if not is_jpeg:
            raise NotAJpegError("the body is not a JPEG")
        if not is_right:
            raise WrongBytesError("the body does not match its SHA-256")
        return _told(sha256, Part(len(data), len(data)), complete=True)

    def _lock(self, drone_id: str, sha256: str) -> asyncio.Lock:
        key = (drone_id, sha256)
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock


async def _is_named(sha256: str, data: bytes) -> bool:
    """Whether that is the SHA-256 of these bytes."""
    if len(data) <= SMALL_BYTES:
        return hashlib.sha256(data).hexdigest() == sha256
    return (await asyncio.to_thread(hashlib.sha256, data)).hexdigest() == sha256


def _told(sha256: str, part: Part, *, complete: bool) -> UploadProgress:
    return UploadProgress(
        sha256=sha256, offset_bytes=part.offset_bytes, size_bytes=part.size_bytes, complete=complete
    )
