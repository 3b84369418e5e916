"""The terrain model: whether it covers where the vehicle flies, and what its camera sees from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pyproj import Geod

from edge.config.file import AgentConfig
from edge.doctor.check import Check
from edge.patrols.load import load_patrol
from flight.errors import EmberwatchError
from flight.plans.plan import Plan
from flight.terrain import FloatArray, Terrain

_GEOD = Geod(ellps="WGS84")
BEYOND_M = 2000.0
"""How far beyond its way the camera still sees ground that a fire may be placed on."""
BEARINGS_DEG = np.arange(0.0, 360.0, 30.0)

Places = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What was found; shares are of places that the model has a height for."""

    dem: str = ""
    trouble: str = ""
    surface: bool = False
    resolution_m: float = 0.0
    patrol: str = ""
    share_of_way: float | None = None
    """None: no place is known."""
    share_around: float | None = None
    missing: tuple[float, float] | None = None
    """The first place that it has no height for."""


def judge_ground(ground: Ground) -> list[Check]:
    """All that was found, with what to do."""
    if ground.trouble:
        return [Check("terrain", False, ground.trouble, "emberwatch config check FILE tells the line.")]
    if not ground.dem:
        words = "none: all ground counts as flat, at the height of home"
        remedy = "Fine on a plain. On hills positions are far off: name a dem: flight/README.md#the-ground"
        return [Check("terrain", None, words, remedy)]
    words = f"{ground.dem}, {ground.resolution_m:.0f} m between heights" + (
        ", with roofs" if ground.surface else ""
    )
    checks = [Check("terrain", True, words)]
    if ground.share_of_way is None or ground.share_around is None:
        words = "neither a patrol nor a place is configured: whether it covers the site is not known"
        checks.append(Check("terrain covers the site", None, words, "Name the patrol, and look again."))
        return checks
    where = "" if ground.missing is None else f" (not {ground.missing[0]:.5f}, {ground.missing[1]:.5f})"
    remedy = "Add the tiles beside it: dem may be a folder of them."
    if ground.share_of_way < 1.0:
        words = f"{ground.share_of_way:.0%} of {ground.patrol} lies on it{where}"
        checks.append(Check("terrain covers the site", False, words, remedy))
    elif ground.share_around < 1.0:
        words = (
            f"all of {ground.patrol}, and {ground.share_around:.0%} of {BEYOND_M / 1000:g} km around{where}"
        )
        checks.append(Check("terrain covers the site", None, words, remedy))
    else:
        checks.append(
            Check("terrain covers the site", True, f"{ground.patrol} and {BEYOND_M / 1000:g} km around")
        )
    return checks


def look_at_ground(config: AgentConfig) -> Ground:
    """Reads the terrain model, and the patrol or the fixed camera's place."""
    section = config.terrain
    try:
        terrain = section.open()
        patrol, places = _places(config, terrain)
    except EmberwatchError as error:
        return Ground(trouble=str(error))
    if terrain is None:
        return Ground()
    ground = Ground(
        dem=str(section.dem),
        surface=section.surface is not None,
        resolution_m=terrain.resolution_m,
        patrol=patrol,
    )
    return covered(ground, terrain, places)


def covered(ground: Ground, terrain: Terrain, places: Places) -> Ground:
    """With how much of the places, and of what is around them, the terrain model has."""
    if not places:
        return ground
    way = np.array(places)
    around = _around(way)
    heights = [terrain.height_amsl_m(some[:, 0], some[:, 1]) for some in (way, around)]
    gaps = [some[~np.isfinite(height)] for some, height in zip((way, around), heights, strict=True)]
    missing = next((tuple(map(float, gap[0])) for gap in gaps if len(gap)), None)
    return Ground(
        dem=ground.dem,
        surface=ground.surface,
        resolution_m=ground.resolution_m,
        patrol=ground.patrol,
        share_of_way=1.0 - len(gaps[0]) / len(way),
        share_around=1.0 - len(gaps[1]) / len(around),
        missing=None if missing is None else (missing[0], missing[1]),
    )


def _around(way: FloatArray) -> FloatArray:
    lat = np.repeat(way[:, 0], len(BEARINGS_DEG))
    lon = np.repeat(way[:, 1], len(BEARINGS_DEG))
    bearings = np.tile(BEARINGS_DEG, len(way))
    far_lon, far_lat, _ = _GEOD.fwd(lon, lat, bearings, np.full(len(lat), BEYOND_M))
    return np.column_stack([far_lat, far_lon])


def _places(config: AgentConfig, terrain: Terrain | None) -> tuple[str, list[tuple[float, float]]]:
    if config.fixed is not None:
        return "the camera's place", [(config.fixed.lat_deg, config.fixed.lon_deg)]
    if config.patrol.file is None:
        return "", []
    patrol = load_patrol(config.patrol.file, terrain)
    return f"the patrol {patrol.name}", [place for plan in patrol.flights for place in _of_plan(plan)]


def _of_plan(plan: Plan) -> list[tuple[float, float]]:
    """Home and every place that is flown to."""
    items = [(item.lat_deg, item.lon_deg) for item in plan.items if item.is_place]
    return [(plan.home.lat_deg, plan.home.lon_deg), *items]
