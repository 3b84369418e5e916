"""What a scan looks at: finding the files, and decoding them one step ahead of the detector."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.files import shown
from edge.images import IMAGE_SUFFIXES, ImageError, Photo, read_photo
from edge.scan.labels import BadLabelsError, labels_file, read_labels
from edge.scan.lens import changed, photo_camera, taken_s
from edge.scan.makers import photo_record
from edge.scan.position import BadPositionError, CameraPosition, camera_position
from edge.scan.record import Record
from edge.scan.srt import BadSrtError, Subtitles, read_subtitles, subtitles_beside
from edge.scan.thermal import read_thermal
from edge.scan.video_record import VideoRecords
from edge.scan.xmp import BadXmpError, read_xmp
from edge.video import VIDEO_SUFFIXES, VideoError, VideoFile
from flight.errors import EmberwatchError

NO_FOCAL = "focal length (EXIF FocalLengthIn35mmFilm; --camera gives it)"
NO_SUBTITLES = "a DJI .SRT of the same name, with the flight data, is not beside it"


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
    record: Record
    kelvin: NDArray[np.float32] | None = None
    """Of a thermal camera: its temperatures, of which ``image`` is a picture in false colours."""


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
    taken_s: float | None = None


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


def decode(media: Media, every_s: float, kelvin_per_count: float) -> Iterator[Look | Facts]:
    """The pictures of one file, and its facts at the end."""
    if media.kind == "photo":
        return _decode_photo(media, kelvin_per_count)
    return _decode_video(media, every_s)


def _decode_photo(media: Media, kelvin_per_count: float) -> Iterator[Look | Facts]:
    notes: list[str] = []
    try:
        thermal = read_thermal(media.path, kelvin_per_count, notes)
        photo, kelvin = thermal if thermal is not None else (read_photo(media.path), None)
    except ImageError as error:
        yield Facts(media, skipped=error.reason)
        return
    record = _photo_record(photo, notes)
    yield Look(media, photo.image, None, 1.0, record, kelvin)
    labelled: frozenset[str] | None = None
    labels = labels_file(media.path)
    if labels is not None:
        try:
            labelled = read_labels(labels)
        except BadLabelsError as error:
            notes.append(f"labels ignored: {error}")
    height_px, width_px = photo.image.shape[:2]
    yield Facts(
        media, None, width_px, height_px, None, record.position, labelled, tuple(notes), record.taken_s
    )


def _photo_record(photo: Photo, notes: list[str]) -> Record:
    """What the photo says of its view; what of that cannot be read is noted."""
    exif = Image.Exif() if photo.exif is None else photo.exif
    position: CameraPosition | None = None
    tags: dict[str, str] = {}
    if photo.exif is None:
        notes.append("the EXIF is damaged and was ignored")
    try:
        position = camera_position(exif)
    except BadPositionError as error:
        notes.append(f"the camera position was ignored: {error}")
    if photo.xmp is not None:
        try:
            tags = read_xmp(photo.xmp)
        except BadXmpError as error:
            notes.append(f"the XMP was ignored: {error}")
    height_px, width_px = photo.image.shape[:2]
    record = photo_record(exif, tags, position)
    camera = photo_camera(exif, tags, width_px, height_px)
    missing = record.missing if camera is not None else (*record.missing, NO_FOCAL)
    wrong = changed(exif, width_px, height_px)
    return replace(record, camera=camera, missing=missing, wrong=wrong, taken_s=taken_s(exif))


def _decode_video(media: Media, every_s: float) -> Iterator[Look | Facts]:
    try:
        video = VideoFile(media.path)
    except VideoError as error:
        yield Facts(media, skipped=error.reason)
        return
    notes: list[str] = []
    subtitles = _subtitles(media.path, notes)
    records: VideoRecords | None = None
    record = Record(wrong=subtitles if isinstance(subtitles, str) else "")
    if not isinstance(subtitles, str):
        records = VideoRecords(subtitles, video.width_px, video.height_px)
    position: CameraPosition | None = None
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
            if records is not None:
                record = records.at(time_s)
            position = position or record.position
            yield Look(
                media, image, round(time_s, 3), min(1.0, time_s / max(video.duration_s, ends_s)), record
            )
        if size_px == (0, 0):
            yield Facts(media, skipped="not one frame of the video can be read")
            return
        if video.cut_short:
            notes.append(f"damaged: {video.frames_read} of {video.frame_count} frames could be read")
        yield Facts(media, None, *size_px, duration_s=round(ends_s, 3), position=position, notes=tuple(notes))


def _subtitles(video: Path, notes: list[str]) -> Subtitles | str:
    """The subtitles beside a video, or why there are none."""
    beside = subtitles_beside(video)
    if beside is None:
        return NO_SUBTITLES
    try:
        subtitles = read_subtitles(beside)
    except BadSrtError as error:
        return str(error)
    if subtitles.note:
        notes.append(subtitles.note)
    return subtitles


class Prefetch(AbstractContextManager["Prefetch"]):
    """Decodes in a thread while the caller looks: one step waits, one is being made, and no more.

    Iterate it once, inside ``with``; leaving the block stops the thread, also in the middle of a video.
    What goes wrong in the thread is raised in the caller.
    """

    def __init__(self, media: list[Media], every_s: float, kelvin_per_count: float) -> None:
        self._media = media
        self._every_s = every_s
        self._kelvin_per_count = kelvin_per_count
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
                for step in decode(media, self._every_s, self._kelvin_per_count):
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
