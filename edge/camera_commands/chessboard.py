"""A chessboard in a photo: where the corners between its squares are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from flight.errors import EmberwatchError

FloatArray = NDArray[np.float64]

# The board is looked for in a smaller picture, and its corners are then found exactly in the whole one.
SEARCH_PX = 1600
SHARPEN_STEPS, SHARPEN_STOP_PX = 50, 0.001


class CalibrationError(EmberwatchError):
    """A lens cannot be told from these photos."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Board:
    """A chessboard with so many corners between its squares, across and down."""

    across: int
    down: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``9x6``. Raises CalibrationError."""
        match = re.fullmatch(r"(\d{1,2})[x×X](\d{1,2})", text.strip())
        across, down = (int(part) for part in match.groups()) if match else (0, 0)
        if min(across, down) < 3:
            raise CalibrationError(
                f"{text!r} is no chessboard",
                hint="Write the corners between squares, across and down: a board of 10 x 7 squares is 9x6.",
            )
        return cls(across, down)

    @property
    def corners(self) -> FloatArray:
        """Of its squares (N, 3), one square long, row by row: x across, y down."""
        y, x = np.mgrid[: self.down, : self.across]
        return np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)]).astype(np.float64)

    def find(self, image: NDArray[np.uint8]) -> FloatArray | None:
        """Pixels (N, 2) of its corners in a BGR picture, in the order of ``corners``; None without it."""
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        scale = min(1.0, SEARCH_PX / max(grey.shape))
        small = (
            grey if scale == 1.0 else cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        )
        found, corners = cv2.findChessboardCornersSB(
            small, (self.across, self.down), flags=cv2.CALIB_CB_NORMALIZE_IMAGE
        )
        if not found:
            return None
        # The middle of a small pixel is not the corner of a large one.
        about = np.asarray((corners.reshape(-1, 2) + 0.5) / scale - 0.5, np.float32)
        reach = self._reach_px(about)
        stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, SHARPEN_STEPS, SHARPEN_STOP_PX)
        sharp = cv2.cornerSubPix(grey, about.reshape(-1, 1, 2), (reach, reach), (-1, -1), stop)
        return np.asarray(sharp, np.float64).reshape(-1, 2)

    def _reach_px(self, corners: NDArray[np.float32]) -> int:
        """How far around a corner no other one lies: a third of the shortest side of a square."""
        rows = corners.reshape(self.down, self.across, 2)
        sides = (np.linalg.norm(np.diff(rows, axis=axis), axis=2).min() for axis in (0, 1))
        return int(np.clip(min(sides) / 3, 2, 15))
