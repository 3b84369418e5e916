"""The one world that the virtual drone, its camera and the demo's judge agree on, each in its own process."""

from __future__ import annotations

from hardware.virtual.world.world import World

DEMO_FAMILY = "eucalypt"  # country that no detector of ours was trained on
FIRE_REACH_M = 235.0  # the demo's patrol sees this far around home


def demo_world(seed: int) -> World:
    """Equal seeds make equal worlds. Seeds of worlds that detectors are trained on start at 10,000."""
    return World.generate(seed, DEMO_FAMILY, fire_reach_m=FIRE_REACH_M)
