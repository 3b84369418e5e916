"""What a scan looks at: finding the files, and decoding them one step ahead of the detector."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.files import shown
from edge.images import IMAGE_SUFFIXES, ImageError, read_photo
from edge.scan.labels import BadLabelsError, labels_file, read_labels
from edge.scan.position import BadPositionError, CameraPosition, camera_position
from edge.video import VIDEO_SUFFIXES, VideoError, VideoFile
from flight.errors import EmberwatchError


class ScanError(EmberwatchError):
    """The scan cannot start, or cannot write what it found."""


@dataclass(frozen=True, slots=True)
class Media:
    """One file to look at. ``place`` is its path in the results: unique, relative, under its own folders."""

    path: Path
    place: PurePath
    kind: Literal["photo", "video"]


@dataclass(frozen=True, slots=True)
class Look:
    """One picture to look at. ``time_s`` is None for photos; ``progress`` is how much of the file is done."""

    media: Media
    image: NDArray[np.uint8]
    time_s: float | None
    progress: float


@dataclass(frozen=True, slots=True)
class Facts:
    """The end of one file: what is known of it beside its pictures, or why it was skipped."""

    media: Media
    skipped: str | None = None
    width_px: int = 0
    height_px: int = 0
    duration_s: float | None = None
    position: CameraPosition | None = None
    labelled: frozenset[str] | None = None
    notes: tuple[str, ...] = ()


def find_media(paths: list[Path], leave_out: Path) -> tuple[list[Media], list[str]]:
    """All photos and videos at ``paths``, in order, each once; folders with all that is in them.

    Hidden files and the folder ``leave_out`` (the scan's own results) are left out. The second list
    holds a line for each folder that cannot be read. Raises ScanError for a path that does not exist.
    """
    found: list[Media] = []
    unreadable: list[str] = []
    seen: set[Path] = set()
    tops: set[str] = set()
    for path in paths:
        if not path.exists():
            raise ScanError(f"There is no {shown(path)}.", hint="Give photos, videos or folders that exist.")
        name = path.name if path.name not in ("", "..") else path.resolve().name
        top = _unused(name or "root", tops)
        files = _walk(path, leave_out.resolve(), unreadable) if path.is_dir() else [path]
        for file in files:
            real = file.resolve()
            if real in seen:
                continue
            seen.add(real)
            place = PurePath(top) if file == path else PurePath(top, file.relative_to(path))
            found.append(Media(file, place, "video" if file.suffix.lower() in VIDEO_SUFFIXES else "photo"))
    return found, unreadable


def _unused(name: str, taken: set[str]) -> str:
    stem, suffix = os.path.splitext(name)
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{stem}-{number}{suffix}"
    taken.add(candidate)
    return candidate


def _walk(folder: Path, leave_out: Path, unreadable: list[str]) -> Iterator[Path]:
    def report(error: OSError) -> None:
        unreadable.append(f"{shown(error.filename)}: {(error.strerror or str(error)).lower()}")

    for base, folders, names in os.walk(folder, onerror=report):
        here = Path(base)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here / name).resolve() != leave_out
        )
        for name in sorted(names):
            suffix = os.path.splitext(name)[1].lower()
            if suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES and not name.startswith("."):
                yield here / name


def decode(media: Media, every_s: float) -> Iterator[Look | Facts]:
    """The pictures of one file, and its facts at the end."""
    return _decode_photo(media) if media.kind == "photo" else _decode_video(media, every_s)


def _decode_photo(media: Media) -> Iterator[Look | Facts]:
    try:
        photo = read_photo(media.path)
    except ImageError as error:
        yield Facts(media, skipped=error.reason)
        return
    yield Look(media, photo.image, None, 1.0)
    notes: list[str] = []
    position: CameraPosition | None = None
    if photo.exif is None:
        notes.append("the EXIF is damaged and was ignored")
    else:
        try:
            position = camera_position(photo.exif)
        except BadPositionError as error:
            notes.append(f"the camera position was ignored: {error}")
    labelled: frozenset[str] | None = None
    labels = labels_file(media.path)
    if labels is not None:
        try:
            labelled = read_labels(labels)
        except BadLabelsError as error:
            notes.append(f"labels ignored: {error}")
    height_px, width_px = photo.image.shape[:2]
    yield Facts(media, None, width_px, height_px, None, position, labelled, tuple(notes))


def _decode_video(media: Media, every_s: float) -> Iterator[Look | Facts]:
    try:
        video = VideoFile(media.path)
    except VideoError as error:
        yield Facts(media, skipped=error.reason)
        return
    with video:
        due_s = 0.0
        ends_s = 0.0
        half_a_frame_s = 0.5 / video.frames_per_s
        size_px = (0, 0)
        while (time_s := video.grab()) is not None:
            ends_s = time_s + 1.0 / video.frames_per_s
            if time_s + half_a_frame_s < due_s:
                continue
            image = video.retrieve()
            if image is None:
                continue
            # From the plan, not from this frame, so that the looks do not drift; but never a burst of them.
            due_s = max(due_s + every_s, time_s)
            size_px = (image.shape[1], image.shape[0])
            yield Look(media, image, round(time_s, 3), min(1.0, time_s / max(video.duration_s, ends_s)))
        if size_px == (0, 0):
            yield Facts(media, skipped="not one frame of the video can be read")
            return
        notes: tuple[str, ...] = ()
        if video.cut_short:
            notes = (f"damaged: {video.frames_read} of {video.frame_count} frames could be read",)
        yield Facts(media, None, *size_px, duration_s=round(ends_s, 3), notes=notes)


class Prefetch(AbstractContextManager["Prefetch"]):
    """Decodes in a thread while the caller looks: one step waits, one is being made, and no more.

    Iterate it once, inside ``with``; leaving the block stops the thread, also in the middle of a video.
    What goes wrong in the thread is raised in the caller.
    """

    def __init__(self, media: list[Media], every_s: float) -> None:
        self._media = media
        self._every_s = every_s
        self._steps: queue.Queue[Look | Facts | BaseException | None] = queue.Queue(maxsize=1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)

    def __enter__(self) -> Prefetch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Look | Facts]:
        while (step := self._steps.get()) is not None:
            if isinstance(step, BaseException):
                raise step
            yield step

    def _run(self) -> None:
        try:
            for media in self._media:
                for step in decode(media, self._every_s):
                    if not self._put(step):
                        return
            self._put(None)
        except BaseException as error:  # noqa: BLE001 - it is the caller's to handle
            self._put(error)

    def _put(self, step: Look | Facts | BaseException | None) -> bool:
        while not self._stop.is_set():
            try:
                self._steps.put(step, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
