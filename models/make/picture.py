"""Reads pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.make.dataset import DatasetError


def read_picture(path: Path) -> NDArray[np.uint8]:
    """The picture, height × width × 3, BGR; raises :class:`DatasetError`."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"cannot read the picture {path}")
    return np.asarray(image, np.uint8)
