"""Reading photos from files: upright, 8-bit BGR, or one plain reason why not."""

from __future__ import annotations

import contextlib
import stat
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from edge.files import shown
from flight.errors import EmberwatchError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})

# Only what the suffixes promise: Pillow would also start other programs for some exotic formats.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")

# More than any drone camera or usual orthophoto; decoded it is half a gigabyte.
MAX_PIXELS = 178_000_000

# What Pillow's decoders are known to raise on broken files.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
)

# Pillow warns on standard error, about broken tags and about sizes below our own limit. What matters of
# that we say ourselves, once.
warnings.filterwarnings("ignore", module=r"PIL\b")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class ImageError(EmberwatchError):
    """A file that cannot be read as a photo; ``reason`` says why without naming the file."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{shown(path)}: {reason}.")


@dataclass(frozen=True, slots=True)
class Photo:
    """``image`` is (height, width, 3) uint8 BGR, turned upright as its EXIF says.

    ``exif`` is None where the file's EXIF is broken, and empty where it has none; ``xmp`` is the packet as it
    stands in the file.
    """

    image: NDArray[np.uint8]
    exif: Image.Exif | None
    xmp: bytes | None = None


def read_photo(path: Path) -> Photo:
    """Decode the whole file (of several pages the first). Raises ImageError."""
    check_file(path)
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                megapixels = opened.width * opened.height / 1e6
                raise ImageError(
                    path, f"{megapixels:.0f} megapixels are more than the {MAX_PIXELS / 1e6:.0f} that fit"
                )
            if opened.mode in ("I", "F") or opened.mode.startswith("I;"):
                raise ImageError(path, "it holds 16-bit or decimal values, not an 8-bit picture")
            opened.load()
            exif = exif_of(opened)
            xmp = opened.info.get("xmp")
            rgb = _upright(opened, exif).convert("RGB")
    except UnidentifiedImageError as error:
        raise ImageError(path, "it is not an image, or its beginning is damaged") from error
    except DECODER_ERRORS as error:
        raise ImageError(path, f"the image is damaged ({_plain(error)})") from error
    image = np.ascontiguousarray(np.asarray(rgb)[:, :, ::-1])
    return Photo(image, exif, xmp if isinstance(xmp, bytes) else None)


def check_file(path: Path) -> None:
    """That it is one, with something in it. Raises ImageError."""
    try:
        status = path.stat()
    except OSError as error:
        raise ImageError(path, _plain(error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(path, "it is not a file")  # a named pipe would wait for ever
    if status.st_size == 0:
        raise ImageError(path, "the file is empty")


def exif_of(opened: Image.Image) -> Image.Exif | None:
    """Of an open file; None where it is broken."""
    try:
        exif = opened.getexif()
        dict(exif)  # the tags are decoded on first use
    except DECODER_ERRORS:
        return None
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        # Of a TIFF they are read from the file, which is about to be closed. Who needs a broken one says so.
        with contextlib.suppress(*DECODER_ERRORS):
            exif.get_ifd(directory)
    return exif


def _upright(opened: Image.Image, exif: Image.Exif | None) -> Image.Image:
    if exif is None:
        return opened
    try:
        return ImageOps.exif_transpose(opened)
    except DECODER_ERRORS:
        # A broken tag beside the orientation; the picture itself is good.
        return opened


def _plain(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ") or type(error).__name__
