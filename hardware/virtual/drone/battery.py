"""A battery that empties: a straight line from full to empty, and a little sag under load."""

from __future__ import annotations

CELLS = 6
FULL_CELL_V = 4.15
EMPTY_CELL_V = 3.45
RESISTANCE_OHM = 0.03
HOVER_A = 20.0
IDLE_A = 0.8
PER_CLIMB_A = 3.0  # for every m/s up


class Battery:
    """``capacity_mah`` lasts about 30 minutes in the air at 10,000 mAh."""

    def __init__(self, capacity_mah: float) -> None:
        self.capacity_mah = capacity_mah
        self.used_mah = 0.0
        self.current_a = IDLE_A

    def step(self, *, flying: bool, climb_m_s: float, dt_s: float) -> None:
        """Drain for ``dt_s``."""
        self.current_a = HOVER_A + PER_CLIMB_A * max(0.0, climb_m_s) if flying else IDLE_A
        self.used_mah = min(self.capacity_mah, self.used_mah + self.current_a * dt_s / 3.6)

    @property
    def remaining_percent(self) -> int:
        return round(100.0 * (1.0 - self.used_mah / self.capacity_mah))

    @property
    def voltage_v(self) -> float:
        left = 1.0 - self.used_mah / self.capacity_mah
        return CELLS * (EMPTY_CELL_V + (FULL_CELL_V - EMPTY_CELL_V) * left) - self.current_a * RESISTANCE_OHM
