"""Where frames of temperatures come from: TIFFs with 16 bits or decimals, and cores that stream Y16.

FLIR's cores stream TLinear as Y16 over V4L2: each value is the temperature in hundredths of a kelvin, of the
Lepton in tenths where it is set so (Lepton Engineering Datasheet 500-0659-00-09, "Radiometry Modes"; Boson
Datasheet 102-2013-40, "radiometric output"). Lines of telemetry that come with the picture are cut off.
TIFFs of whole numbers are such counts, too, with the scale that their maker gives (FLIR Duo Pro R: 0.04 K);
TIFFs of decimals are degrees Celsius, or kelvin where they are all far too hot for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence, UnidentifiedImageError

from edge.camera import (
    CameraEnded,
    CameraError,
    CameraSource,
    Clock,
    FolderCamera,
    Frame,
    Values,
    open_device,
)
from edge.files import shown
from edge.images import MAX_PIXELS, ImageError
from edge.thermal.palette import FROM_C, false_colours

FRAMES_PER_S = 5.0
TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
TELEMETRY_LINES = 4
NOT_CELSIUS = 150.0
MOST_COUNT = 0xFFFF

_HELP = "A thermal source is a folder of 16-bit TIFFs, a TIFF with many pages, or /dev/video2."


class ThermalCamera:
    """Frames of temperatures from a source of raw ones."""

    def __init__(self, raw: CameraSource, kelvin_per_count: float, size_px: tuple[int, int] | None) -> None:
        """``size_px``: width and height of the picture; what comes with it beyond is telemetry."""
        self._raw = raw
        self._kelvin_per_count = kelvin_per_count
        self._size_px = size_px

    def read(self, timeout_s: float) -> Frame | None:
        frame = self._raw.read(timeout_s)
        if frame is None:
            return None
        values = without_telemetry(_single_channel(frame.image), self._size_px)
        kelvin = kelvin_of(values, self._kelvin_per_count)
        image, span_c = false_colours(kelvin)
        return replace(frame, image=image, kelvin=kelvin, values=values, span_c=span_c)

    @property
    def is_live(self) -> bool:
        """Whether it is a device, not a file."""
        return not isinstance(self._raw, FolderCamera | _Pages)

    def close(self) -> None:
        self._raw.close()


def open_thermal(
    source: str,
    kelvin_per_count: float,
    *,
    size_px: tuple[int, int] | None = None,
    fps: float | None = None,
    loop: bool = False,
    clock: Clock | None = None,
) -> ThermalCamera:
    """Open ``folder:PATH``, ``file:PATH``, a path to either, or a V4L2 device. Raises CameraError."""
    clock = clock or Clock()
    scheme, _, rest = source.partition(":")
    raw: CameraSource
    if scheme == "v4l2" or source.startswith("/dev/"):
        device = f"/dev/video{rest}" if rest.isdigit() else rest if scheme == "v4l2" else source
        raw = open_device(device, clock, raw=True)
        return ThermalCamera(raw, kelvin_per_count, size_px)
    path = Path(rest if scheme in ("folder", "file") else source)
    if path.is_dir():
        raw = FolderCamera(path, fps or FRAMES_PER_S, loop, clock, suffixes=TIFF_SUFFIXES, read=read_values)
    else:
        raw = _Pages(path, fps or FRAMES_PER_S, loop, clock)
    return ThermalCamera(raw, kelvin_per_count, size_px)


def read_values(path: Path) -> Values:
    """The first page of a TIFF as it is. Raises ImageError."""
    return next(pages(path))


def pages(path: Path) -> Iterator[Values]:
    """The pages of a TIFF as they are. Raises ImageError."""
    try:
        with Image.open(path, formats=("TIFF",)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ImageError(path, "it is larger than any thermal camera's")
            for page in ImageSequence.Iterator(opened):
                if not holds_values(page):
                    raise ImageError(path, "it holds no 16-bit or decimal temperatures")
                values = np.asarray(page)
                if page.mode == "F":
                    yield values.astype(np.float32)
                    continue
                if values.min() < 0 or values.max() > MOST_COUNT:
                    raise ImageError(path, "its values are no counts of 16 bits")
                yield values.astype(np.uint16)
    except UnidentifiedImageError as error:
        raise ImageError(path, "it is no TIFF, or its beginning is damaged") from error
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError, MemoryError) as error:
        raise ImageError(path, f"it cannot be read ({error})") from error


def holds_values(page: Image.Image) -> bool:
    """Whether it has whole or decimal values, not the 8 bits of a picture for people."""
    return page.mode in ("I", "F") or page.mode.startswith("I;16")


def kelvin_of(values: Values, kelvin_per_count: float) -> NDArray[np.float32]:
    """Temperatures of a frame's values."""
    if np.issubdtype(values.dtype, np.floating):
        celsius = float(np.nanmedian(values)) < NOT_CELSIUS
        kelvin = values + np.float32(FROM_C if celsius else 0.0)
        return np.asarray(np.nan_to_num(kelvin, nan=float(np.nanmedian(kelvin))), np.float32)
    return np.asarray(values * np.float32(kelvin_per_count), np.float32)


def without_telemetry(values: NDArray[np.uint16], size_px: tuple[int, int] | None) -> NDArray[np.uint16]:
    """The picture alone: a few lines more than it has are telemetry, at its end as the drivers set it."""
    if size_px is None:
        return values
    extra = values.shape[0] - size_px[1]
    if values.shape[1] == size_px[0] and 0 < extra <= TELEMETRY_LINES:
        return values[: size_px[1]]
    return values


def _single_channel(image: NDArray[np.generic]) -> NDArray[np.uint16]:
    """Some drivers hand Y16 over as pairs of bytes. Raises CameraError for a picture in colours."""
    if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 2:
        return np.ascontiguousarray(image).view("<u2")[:, :, 0]
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.ndim != 2 or image.dtype == np.uint8:
        raise CameraError(
            "the thermal camera gives pictures for people, not 16-bit temperatures.",
            hint="Switch it to Y16 (v4l2-ctl --list-formats shows whether it can) and TLinear.",
        )
    return image  # type: ignore[return-value]


class _Pages:
    """The pages of one TIFF, at a steady pace."""

    def __init__(self, path: Path, fps: float, loop: bool, clock: Clock) -> None:
        self._path, self._loop, self._clock = path, loop, clock
        self._source = shown(path)
        self._period_s = 1.0 / fps
        self._pages = pages(path)
        self._due_s: float | None = None
        self._seq = 0
        self._waiting: Values | None = self._next()

    def read(self, timeout_s: float) -> Frame | None:
        now_s = self._clock.now()
        due_s = now_s if self._due_s is None else self._due_s
        if due_s > now_s:
            self._clock.sleep(min(due_s - now_s, timeout_s))
            if due_s > now_s + timeout_s:
                return None
        values = self._waiting if self._waiting is not None else self._next()
        self._waiting = None
        now_s = self._clock.now()
        self._due_s = max(now_s, due_s) + self._period_s
        self._seq += 1
        return Frame(values, now_s, self._seq, self._source)  # type: ignore[arg-type]

    def close(self) -> None:
        self._pages = iter(())

    def _next(self) -> Values:
        try:
            values = next(self._pages, None)
            if values is None and self._loop:
                self._pages = pages(self._path)
                values = next(self._pages, None)
        except ImageError as error:
            raise CameraError(error.message, hint=_HELP) from error
        if values is None:
            raise CameraEnded(f"{self._source} has ended.", hint="Let it loop to go on.")
        return values
