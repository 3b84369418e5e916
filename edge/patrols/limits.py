"""What a patrol may ask for: its file's own limits and the site's, always the stricter."""

from __future__ import annotations

import math

from edge.config.file import LimitsSection
from flight.envelope import FENCE_MARGIN_M
from flight.plans.checks import Limits
from flight.plans.patrol_file import PatrolFile


def limits_of(source: LimitsSection | PatrolFile) -> Limits:
    """The limits that a configuration or a patrol file sets. A file sets no range."""
    return Limits(
        ceiling_home_m=source.ceiling_home_m,
        least_height_agl_m=source.least_height_agl_m,
        range_m=source.range_m if isinstance(source, LimitsSection) else math.inf,
        fence_margin_m=FENCE_MARGIN_M,
        endurance_s=source.endurance_s * (1 - source.reserve_percent / 100),
    )
