"""Whether a frame shows anything that a fire could be seen on: black, burnt-out and blurred frames do not.

Only what is sure counts: a false alarm here makes a whole agent blind. Night, fog, smoke and clear skies are
pictures like others. The limits were set on the 742 photos of the shared ``val`` split (README.md).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.vision.flaw import Flaw

BLACK_LEVEL = 20.0  # the brightest thousandth of the picture is under this: a night has lamps, stars or noise
BURNT_LEVEL, BURNT_SHARE = 250, 0.5
# Detail of 1 to 2 pixels against detail of 4 to 8, where both are strongest, in a picture this long.
SHARPNESS_PX = 480
LEAST_SHARPNESS = 0.22
LEAST_DETAIL = 4.0  # grey levels of detail of 4 to 8 pixels, or there is nothing to be sharp
STRONGEST = 99.8
WIDESPREAD, SOME_DETAIL = 75.0, 1.0  # a quarter of a picture with ground in it has this much of 4 to 8 pixels

# What is right before the lens is dark and has no edges: 16 x 9 averages of the picture.
_CELLS = (16, 9)
_LIT_LEVEL, _COVERED_LEVEL, _DAYLIGHT_LEVEL = 50, 16, 60

_THUMBNAIL = (64, 36)
_DARK, _BRIGHT = 5, 250  # values outside may be equal for being clipped
_LEAST_MIDTONES = 0.05


@dataclass(frozen=True, slots=True)
class Quality:
    """One frame judged. ``contrast`` is in grey levels, ``sharpness`` from 0 to 1 (None: nothing to tell by).

    ``unchanged`` is the share of sampled pixels that are exactly what they were on the frame before: a real
    sensor has noise, so that a picture which hardly changes while the drone moves is an old one. 0 where it
    proves nothing: clear sky and fog stay as they are, and a video coder leaves their noise out.
    ``covered`` is the share of the picture that is dark and without detail where it was not before, while the
    rest of it is in daylight: a strap, a finger, mud.
    """

    flaw: Flaw
    fingerprint: int
    contrast: float
    sharpness: float | None
    unchanged: float
    covered: float = 0.0


class QualityJudge:
    """Judges one camera's frames, one after another."""

    def __init__(self) -> None:
        self._before: NDArray[np.uint8] | None = None
        self._ever_lit: NDArray[np.bool_] | None = None

    def judge(self, image: NDArray[np.uint8]) -> Quality:
        """Some milliseconds, whatever the frame's size."""
        thumbnail = np.asarray(cv2.resize(image, _THUMBNAIL, interpolation=cv2.INTER_NEAREST), np.uint8)
        grey = _small_grey(image)
        detail = _detail_of(grey)
        sharpness = _sharpness_of(*detail)
        quality = Quality(
            flaw=_flaw(grey, sharpness),
            fingerprint=zlib.crc32(thumbnail.tobytes()),
            # Of each colour by itself: a hand on the lens is even, and not grey.
            contrast=float(np.std(thumbnail, axis=(0, 1)).max()),
            sharpness=sharpness,
            unchanged=_unchanged(self._before, thumbnail) if _is_widespread(detail[1]) else 0.0,
            covered=self._covered(grey),
        )
        self._before = thumbnail
        return quality

    def _covered(self, grey: NDArray[np.uint8]) -> float:
        """Black edges of a fisheye or of a letterbox were never lit, and a night is dark all over."""
        cells = np.asarray(cv2.resize(grey, _CELLS, interpolation=cv2.INTER_AREA), np.uint8)
        lit = cells >= _LIT_LEVEL
        before = self._ever_lit if self._ever_lit is not None else np.zeros_like(lit)
        self._ever_lit = before | lit
        dark = before & (cells < _COVERED_LEVEL)
        if not dark.any() or dark.all() or float(np.median(cells[~dark])) < _DAYLIGHT_LEVEL:
            return 0.0
        return float(dark.mean())


def _flaw(grey: NDArray[np.uint8], sharpness: float | None) -> Flaw:
    if float(np.percentile(grey, 99.9)) < BLACK_LEVEL:
        return Flaw.BLACK
    if float(np.mean(grey >= BURNT_LEVEL)) >= BURNT_SHARE:
        return Flaw.BURNT_OUT
    if sharpness is not None and sharpness < LEAST_SHARPNESS:
        return Flaw.BLURRED
    return Flaw.NONE


def _detail_of(grey: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Detail of 1 to 2 pixels and of 4 to 8, in grey levels."""
    picture = grey.astype(np.float32)
    soft = [cv2.GaussianBlur(picture, (0, 0), sigma_px) for sigma_px in (1.0, 2.0, 4.0, 8.0)]
    return np.abs(soft[0] - soft[1]), np.abs(soft[2] - soft[3])


def _is_widespread(coarse: NDArray[np.float32]) -> bool:
    """Whether there is something to see in more of the picture than a line of text takes."""
    return float(np.percentile(coarse, WIDESPREAD)) >= SOME_DETAIL


def _sharpness_of(fine: NDArray[np.float32], coarse: NDArray[np.float32]) -> float | None:
    """How much finest detail there is beside coarse detail; None where there is neither.

    A ratio, so that haze and dim light do not matter. Fog and clear sky have no coarse detail either; a
    defocused landscape has, and no fine detail anywhere.
    """
    finest, coarsest = (float(np.percentile(detail, STRONGEST)) for detail in (fine, coarse))
    return finest / coarsest if coarsest >= LEAST_DETAIL else None


def _small_grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture in grey, ``SHARPNESS_PX`` long if it was longer."""
    long_px = max(image.shape[:2])
    # Pixels are left out before the rest is averaged: on a 4K frame all of them cost 10 ms. It adds false
    # detail where there is fine detail, and none where there is none.
    step = max(1, long_px // (2 * SHARPNESS_PX))
    grey = cv2.cvtColor(np.ascontiguousarray(image[::step, ::step]), cv2.COLOR_BGR2GRAY)
    scale = SHARPNESS_PX / max(grey.shape[:2])
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def _unchanged(before: NDArray[np.uint8] | None, now: NDArray[np.uint8]) -> float:
    if before is None:
        return 0.0
    midtones = ((now > _DARK) & (now < _BRIGHT)).all(axis=2)
    if float(midtones.mean()) < _LEAST_MIDTONES:
        return 0.0
    return float((now == before).all(axis=2)[midtones].mean())
