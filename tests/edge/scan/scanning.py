"""Painted photos and videos to scan, a detector that is exactly right about them, and a scan's outcome."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from edge.scan import scan_command
from models.detector import Detection

FIRE_BGR = (0, 0, 250)
SMOKE_BGR = (190, 190, 190)
GROUND_BGR = (20, 90, 20)


class ColourFinder:
    """Sees fire where a picture is red and smoke where it is light grey: exact results for painted photos."""

    name = "colours"
    sha256 = "c0" * 32
    labels = ("fire", "smoke")
    threshold = 0.25
    input_px = 96

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.interrupt_after = interrupt_after
        self.looks = 0

    def detect(self, image_bgr: NDArray[np.uint8], *, min_score: float | None = None) -> Sequence[Detection]:
        if self.looks == self.interrupt_after:
            raise KeyboardInterrupt
        self.looks += 1
        blue, green, red = (image_bgr[:, :, channel].astype(int) for channel in range(3))
        masks = {
            "fire": (red > 200) & (green < 80) & (blue < 80),
            "smoke": (abs(red - 190) < 30) & (abs(blue - red) < 20) & (abs(green - red) < 20),
        }
        found = []
        for label, score in (("fire", 0.9), ("smoke", 0.6)):
            v, u = np.nonzero(masks[label])
            if len(u) > 20 and score >= (min_score or 0):
                found.append(Detection(label, score, u.min(), v.min(), u.max() + 1, v.max() + 1))
        return found


def painted(*parts: tuple[int, int, int], width_px: int = 96, height_px: int = 64) -> NDArray[np.uint8]:
    """Ground with a 16 px square of each colour in its upper left quarter, from left to right."""
    image = np.full((height_px, width_px, 3), GROUND_BGR, np.uint8)
    for index, colour in enumerate(parts):
        image[8:24, 8 + 32 * index : 24 + 32 * index] = colour
    return image


def write(path: Path, *parts: tuple[int, int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), painted(*parts), [cv2.IMWRITE_JPEG_QUALITY, 95])
    return path


def write_video(path: Path, seconds: float, fire_from_s: float, fps: float = 10.0) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (96, 64))
    for index in range(round(seconds * fps)):
        writer.write(painted(FIRE_BGR) if index / fps >= fire_from_s else painted())
    writer.release()
    return path


class Outcome:
    """The result files of one scan, read back, and what it printed."""

    def __init__(self, code: int, out: Path, printed: str) -> None:
        self.code = code
        self.printed = printed
        self.results = json.loads((out / "results.json").read_text(encoding="utf-8"))
        self.geojson = json.loads((out / "results.geojson").read_text(encoding="utf-8"))
        self.pictures = sorted(
            path.relative_to(out / "images").as_posix()
            for path in (out / "images").rglob("*")
            if path.is_file()
        )
        assert not list(out.rglob("*.part")), "a temporary file was left"

    def file(self, name: str) -> dict[str, Any]:
        (entry,) = [entry for entry in self.results["files"] if entry["path"].endswith(name)]
        return dict(entry)


Scan = Callable[..., Outcome]


def scanner(out: Path) -> Scan:
    """Scans into ``out`` with a ColourFinder, unless told otherwise."""

    def run(*paths: Path, detector: ColourFinder | None = None, **options: Any) -> Outcome:
        text = io.StringIO()
        console = Console(file=text, width=120)
        code = scan_command(list(paths), out, detector=detector or ColourFinder(), console=console, **options)
        return Outcome(code, out, text.getvalue())

    return run
