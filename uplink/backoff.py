"""How long to wait before trying again: doubling, bounded, with jitter against marching in step."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays of ``first_s × 2^(failures-1)``, at most ``max_s``, times a random factor in [0.5, 1]."""

    first_s: float
    max_s: float

    def delay_s(self, failures: int, rng: random.Random) -> float:
        """The wait after that many failures in a row (1 or more)."""
        doublings = min(failures - 1, 32)  # beyond that a float would only overflow
        return float(min(self.max_s, self.first_s * 2.0**doublings)) * rng.uniform(0.5, 1.0)
