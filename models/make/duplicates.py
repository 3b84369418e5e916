"""Finds pictures that are on both sides of a split: the same bytes, or the same picture saved again.

The perceptual hash is the "difference hash": the picture made 17×16 grey pixels, and for each of 256
neighbours which is the brighter. Saving, scaling and slight changes of light move a few bits; mirrored and
cropped pictures are not found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.make.dataset import DatasetError

SIDE = 16
ALIKE_BITS = 12
"""Of 256: two pictures that differ in no more are taken for one.

Of the four million pairs across the shared photos' split one lies under it, and is one picture twice; the
next, at 15, are frames of one clip.
"""

Hash = NDArray[np.uint8]
_BITS = np.array([value.bit_count() for value in range(256)], np.uint8)


def difference_hash(picture: Path) -> Hash:
    """The hash as 32 bytes; raises :class:`DatasetError` for an unreadable picture."""
    grey = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise DatasetError(f"cannot read the picture {picture}")
    small = cv2.resize(grey, (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.packbits(small[:, 1:] > small[:, :-1])


def alike(
    ones: Sequence[Path], others: Sequence[Path], *, on_picture: Callable[[int, int], None] | None = None
) -> list[tuple[Path, Path]]:
    """Pairs, one of each side, that show the same picture."""
    if not ones or not others:
        return []
    total = len(ones) + len(others)
    hashes = []
    with ThreadPoolExecutor() as pool:
        for done, found in enumerate(pool.map(difference_hash, [*ones, *others]), start=1):
            hashes.append(found)
            if on_picture is not None:
                on_picture(done, total)
    table = np.stack(hashes)
    first, second = table[: len(ones)], table[len(ones) :]
    pairs = []
    for index, own in enumerate(first):
        bits = _BITS[second ^ own].sum(axis=1, dtype=np.int64)
        pairs += [(ones[index], others[int(other)]) for other in np.flatnonzero(bits <= ALIKE_BITS)]
    return pairs
