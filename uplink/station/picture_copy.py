"""Makes the copies that people see, in a process of its own: what drones send is not to be trusted.

Started as ``python -m uplink.station.picture_copy``; it reads a job a line and answers with a line each, and
ends with its input. Low priority, so that taking alerts comes first, and bounded memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from PIL import Image

MOST_PIXELS = 60_000_000
MOST_MEMORY_BYTES = 2 * 1024**3
JPEG_QUALITY = 88
NICE = 10


class FlawError(Exception):
    """The picture cannot be shown; the message says why."""


def make_copy(original: Path, copy: Path) -> None:
    """Decodes all of a JPEG and writes what it shows as a new one, without anything else that was in it."""
    try:
        with Image.open(original, formats=["JPEG"]) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise FlawError(f"{width} × {height} pixels are too many")
            pixels = image.convert("RGB")
    except FlawError:
        raise
    except (Image.DecompressionBombError, MemoryError):
        raise FlawError("it is too large to be decoded") from None
    # A decoder may raise anything over a malformed picture.
    except Exception as reason:  # noqa: BLE001
        raise FlawError(f"it cannot be decoded: {_first_line(reason)}") from None
    pixels.info.clear()
    with copy.open("wb") as file:
        pixels.save(file, "JPEG", quality=JPEG_QUALITY)
        file.flush()
        os.fsync(file.fileno())


def main() -> None:
    """Jobs from standard input until it ends."""
    os.nice(NICE)
    with suppress(ValueError, OSError):  # a stricter limit is there already
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    for line in sys.stdin:
        job = json.loads(line)
        answer: dict[str, str] = {}
        try:
            make_copy(Path(job["original"]), Path(job["copy"]))
        except FlawError as flaw:
            answer["flaw"] = str(flaw)
        except OSError as reason:
            answer["failure"] = reason.strerror or str(reason)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _first_line(reason: Exception) -> str:
    return (str(reason).splitlines() or [type(reason).__name__])[0][:200]


if __name__ == "__main__":
    main()
