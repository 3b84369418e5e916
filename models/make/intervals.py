"""How far a share counted on a few pictures may be from the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``of``, with its 95 % interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927)."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share itself; NaN of nothing."""
        return self.hits / self.of if self.of else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Lowest and highest true share that would not be surprising; (0, 1) of nothing."""
        if not self.of:
            return (0.0, 1.0)
        spread = _Z95 * _Z95 / self.of
        middle = (self.value + spread / 2) / (1 + spread)
        half = math.sqrt(spread * (self.value * (1 - self.value) + spread / 4)) / (1 + spread)
        return (max(0.0, middle - half), min(1.0, middle + half))

    def __str__(self) -> str:
        if not self.of:
            return "none"
        low, high = self.interval
        return f"{self.hits} of {self.of} ({self.value:.1%}; {low:.1%} to {high:.1%})"
