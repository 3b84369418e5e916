"""What a head is: the part that turns a network's raw outputs into boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Outputs = Sequence[NDArray[Any]]
"""A network's outputs in its own order: floats, and whole numbers where a family gives class numbers."""

Pixels = Literal["unit", "imagenet"]
"""RGB in 0…1, or that less ImageNet's mean and over its deviation."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a network: free sides of ``shape`` are names or ``None``."""

    name: str
    dtype: str
    """As NumPy calls it: ``float32``, ``uint8``, ``int64``."""
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        sides = "×".join("?" if side is None else str(side) for side in self.shape) or "one number"
        return f"{self.name} {sides}"


@dataclass(frozen=True, slots=True)
class RawBoxes:
    """Boxes after suppression, best first; corners are outer edges in network input pixels."""

    corners: NDArray[np.float32]
    """N×4: x1, y1, x2, y2."""
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    """Class numbers. A model whose classes are named by the config alone may have more than it names."""


class Head(Protocol):
    """One family of detector outputs."""

    @property
    def family(self) -> str:
        """What a log line calls it."""
        ...

    @property
    def pixels(self) -> Pixels:
        """What a float input wants."""
        ...

    @property
    def stretched(self) -> bool:
        """The picture is stretched to the input as it was in training, not fitted with grey around it."""
        ...

    def extra_inputs(self, height_px: int, width_px: int) -> Mapping[str, NDArray[Any]]:
        """What the network wants to be told beside the picture, by input name."""
        ...

    def check(self, outputs: Outputs, classes: int, height_px: int, width_px: int) -> None:
        """Raises :class:`ModelError` saying what was found, unless one run's outputs make sense."""
        ...

    def decode(self, outputs: Outputs, min_score: float, height_px: int, width_px: int) -> RawBoxes:
        """Boxes with a score of at least ``min_score``; overlapping ones of one class suppressed if need be.

        ``outputs`` are as :meth:`check` accepts them.
        """
        ...


@dataclass(frozen=True, slots=True)
class BaseHead:
    """What most families share: a plain picture is all they take, in 0…1."""

    exact: bool
    """The model names all its classes; else the config names some of them."""
    pixels: Pixels = "unit"

    def extra_inputs(self, height_px: int, width_px: int) -> Mapping[str, NDArray[Any]]:  # noqa: ARG002
        """Nothing."""
        return {}
