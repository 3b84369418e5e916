"""A sheet of labelled pictures to be looked at: fire green, smoke cyan."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.make.dataset import PICTURE_SUFFIXES, parse_labels
from models.make.picture import read_picture

COLUMNS, ROWS, TILE_PX = 6, 6, (320, 240)
COLOURS = ((0, 255, 0), (255, 255, 0))
"""Of the labels, BGR."""


def contact_sheet(folder: Path, split: str, *, prefix: str = "") -> Path:
    """Writes ``SPLIT.png``: pictures from all over the split with their boxes drawn, to be looked at.

    With a ``prefix``, only of pictures whose names begin so, and ``PREFIX.png``.
    """
    files = sorted(
        file
        for file in (folder / "images" / split).glob(f"{prefix}*")
        if file.suffix.lower() in PICTURE_SUFFIXES
    )
    shown = files[:: max(1, len(files) // (COLUMNS * ROWS))][: COLUMNS * ROWS]
    width, height = TILE_PX
    sheet = np.zeros((-(-len(shown) // COLUMNS) * height, COLUMNS * width, 3), np.uint8)
    for index, file in enumerate(shown):
        image = read_picture(file)
        rows, columns = image.shape[:2]
        labels = folder / "labels" / split / f"{file.stem}.txt"
        for box in parse_labels(labels.read_text(), where=str(labels)):
            x1, y1, x2, y2 = (round(edge) for edge in box.corners(columns, rows))
            cv2.rectangle(image, (x1, y1), (x2, y2), COLOURS[box.label], 1)
        scale = min(width / columns, height / rows)
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = index // COLUMNS * height, index % COLUMNS * width
        sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
    path = folder / f"{prefix or split}.png"
    cv2.imwrite(str(path), sheet)
    return path
