"""Plans patrols for a station, in a process of its own (``uplink.station.patrol_planner``).

Started as ``python -m edge.patrols.planning [DEM]``; it reads a job a line and answers with a line each, and
ends with its input.
"""

from __future__ import annotations

import base64
import json
import math
import os
import resource
import sys
import tomllib
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pydantic import ValidationError

from edge.config.errors import explain, explain_syntax
from edge.geometry.optics import Camera, known_profiles
from edge.patrols.foreseen import Foreseen
from edge.patrols.package import pack
from edge.patrols.planned import Planned
from edge.patrols.planner import plan_flights, swath_of
from edge.patrols.site import Site
from flight.errors import EmberwatchError
from flight.missions import fingerprint
from flight.plans.area_file import read_area
from flight.plans.checks import checked_by, home_height_m
from flight.plans.items import MissionItem
from flight.plans.path import legs, sampled
from flight.plans.patrol_file import PatrolFile, is_patrol_file
from flight.plans.plan import Plan, PlanError
from flight.plans.qgc import parse_plan
from flight.plans.wpl import looks_like_wpl, parse_wpl
from flight.surface import open_terrain
from flight.terrain import Terrain

NICE = 5
MOST_MEMORY_BYTES = 4 * 1024**3
MOST_ITEMS = 700  # a Pixhawk's memory holds about as many
MOST_PROBLEMS = 200
MOST_UNSEEN = 200
PROFILE_POINTS = 400
CORRIDOR_M = 60.0
DIGITS = 7  # a centimetre


def main() -> None:
    """Jobs from standard input until it ends."""
    os.nice(NICE)
    with suppress(ValueError, OSError):  # a stricter limit is there already
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    dem = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    terrain: Terrain | None = None
    for line in sys.stdin:
        try:
            if dem is not None and terrain is None:
                terrain = open_terrain(dem)
            answer = answer_to(json.loads(line), terrain)
        except EmberwatchError as error:
            answer = {"refused": error.message, "hint": error.hint or ""}
        except Exception as error:  # noqa: BLE001 - one job that fails is no reason not to do the next
            traceback.print_exc()
            answer = {"refused": f"planning failed ({type(error).__name__})", "hint": ""}
        sys.stdout.write(json.dumps(answer, allow_nan=False) + "\n")
        sys.stdout.flush()


def answer_to(job: dict[str, Any], terrain: Terrain | None) -> dict[str, Any]:
    """Raises EmberwatchError for what a person can mend."""
    match job["do"]:
        case "plan":
            patrol = PatrolFile.model_validate(job["patrol"])
            return planned_answer(patrol, job.get("plan_text"), terrain)
        case "read":
            return read_answer(job["name"], base64.b64decode(job["content"]))
        case "cameras":
            return {"cameras": [_camera(name) for name in known_profiles()]}
        case other:
            raise EmberwatchError(f"there is no job {other}")


def _camera(name: str) -> dict[str, Any]:
    camera = Camera.load(name)
    size = {"width_px": camera.width_px, "height_px": camera.height_px}
    return {"name": name, **size, "hfov_deg": camera.hfov_deg}


# --- planning ------------------------------------------------------------------------------------------


def planned_answer(patrol: PatrolFile, plan_text: str | None, terrain: Terrain | None) -> dict[str, Any]:
    """What the station shows of it, and what it sends to a drone."""
    planned = _planned(patrol, plan_text, terrain)
    foreseen = planned.foreseen()
    limits = planned.limits(None)
    numbers = {plan.sha256: number for number, plan in enumerate(planned.flights, start=1)}
    problems = [
        {
            "flight": numbers[plan.sha256],
            "item": problem.item,
            "lat_deg": problem.lat_deg,
            "lon_deg": problem.lon_deg,
            "what": problem.what,
        }
        for plan, problem in planned.problems(limits)
    ]
    problems += [
        {
            "flight": number,
            "item": None,
            "lat_deg": None,
            "lon_deg": None,
            "what": f"it has {len(plan.items) - 1} mission items, and an autopilot holds about {MOST_ITEMS}: "
            "cut the area in two, or fly higher",
        }
        for number, plan in enumerate(planned.flights, start=1)
        if len(plan.items) - 1 > MOST_ITEMS
    ]
    home, swath = planned.flights[0].home, planned.swath
    return {
        "planned": {
            "home": {"lat_deg": home.lat_deg, "lon_deg": home.lon_deg, "alt_amsl_m": home.alt_amsl_m},
            "flights": [_flight(planned, plan, patrol.endurance_s) for plan in planned.flights],
            "problems": problems[:MOST_PROBLEMS],
            "area_m2": None if foreseen is None else foreseen.area_m2,
            "seen_percent": None if foreseen is None else min(100.0, foreseen.percent),
            "unseen": [] if foreseen is None or planned.site is None else _unseen(foreseen, planned.site),
            "height_agl_m": None if swath is None else swath.height_agl_m,
            "swath_m": None if swath is None else swath.width_m,
            "ground_sampling_cm": None if swath is None else swath.ground_sampling_cm,
            "usable_s": limits.endurance_s,
            "terrain": "" if terrain is None else terrain.name,
            "checked_by": checked_by(planned.flights[0], terrain, limits),
        },
        "package": pack(patrol, planned.flights).decode(),
    }


def _planned(patrol: PatrolFile, plan_text: str | None, terrain: Terrain | None) -> Planned:
    if plan_text is not None:
        read = parse_plan(plan_text.encode(), Path(patrol.plan or "the.plan"))
        return Planned(patrol.name, (_as_written(read, patrol.name),), patrol, terrain=terrain)
    flights = tuple(plan_flights(patrol, terrain))
    swath = swath_of(patrol, Camera.load(patrol.camera))
    return Planned(patrol.name, flights, patrol, Site(patrol, terrain), swath, terrain)


def _as_written(plan: Plan, name: str) -> Plan:
    """With the hash of the file that we would write of it: other programs order and round otherwise."""
    written = Plan.build(name, plan.home, plan.items[1:], fence=plan.fence, rally=plan.rally)
    return replace(parse_plan(written.to_bytes(), Path("the.plan")), name=name)


def _flight(planned: Planned, plan: Plan, endurance_s: float) -> dict[str, Any]:
    figures = planned.figures(plan)
    return {
        "name": plan.name,
        "plan_sha256": plan.sha256,
        "items_sha256": fingerprint(plan.items),
        "items": len(plan.items) - 1,
        "length_m": figures.length_m,
        "time_s": figures.time_s,
        "battery_percent": 100 * figures.time_s / endurance_s,
        "highest_home_m": figures.highest_home_m,
        "lowest_agl_m": figures.lowest_agl_m,
        "highest_agl_m": figures.highest_agl_m,
        "route": [(round(lon, DIGITS), round(lat, DIGITS)) for lon, lat in plan.route],
        "profile": list(_profile(plan, planned.terrain)),
    }


def _profile(plan: Plan, terrain: Terrain | None) -> Iterator[dict[str, float | None]]:
    """The flight from the side, at even distances."""
    along, heights, grounds, flown_m = list[float](), list[float](), list[float](), 0.0
    for leg in legs(plan, terrain, home_amsl_m=home_height_m(plan, terrain)):
        lat_deg, lon_deg, alt_m, ground_m = sampled(leg, terrain)
        shrink = np.cos(np.radians(lat_deg))
        north_m, east_m = np.diff(lat_deg) * 111_320.0, np.diff(lon_deg) * 111_320.0 * shrink[1:]
        steps_m = np.hypot(north_m, (east_m + 111_320.0 * 180) % (111_320.0 * 360) - 111_320.0 * 180)
        away_m = flown_m + np.concatenate([[0.0], np.cumsum(steps_m)])
        along += away_m.tolist()
        heights += alt_m.tolist()
        grounds += (np.full(len(alt_m), np.nan) if ground_m is None else ground_m).tolist()
        flown_m = float(away_m[-1])
    if not along:
        return
    # Every so many, and the highest ground and the lowest height of those between: none hides a ridge.
    step = max(1, math.ceil(len(along) / PROFILE_POINTS))
    for first in range(0, len(along), step):
        part = slice(first, first + step)
        known = [ground for ground in grounds[part] if math.isfinite(ground)]
        yield {
            "along_m": round(along[first], 1),
            "alt_amsl_m": round(min(heights[part]), 1),
            "ground_amsl_m": round(max(known), 1) if known else None,
        }


def _unseen(foreseen: Foreseen, site: Site) -> list[list[list[tuple[float, float]]]]:
    """Rings of (lon, lat), the largest parts first."""
    parts = [part for part in getattr(foreseen.unseen, "geoms", [foreseen.unseen]) if not part.is_empty]
    found = []
    for part in sorted(parts, key=lambda each: -each.area)[:MOST_UNSEEN]:
        smooth = shapely.simplify(part, 1.0)
        rings = [smooth.exterior, *smooth.interiors]
        found.append([_degrees(site, [(x, y) for x, y in ring.coords]) for ring in rings])
    return found


def _degrees(site: Site, ring: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(round(lon, DIGITS), round(lat, DIGITS)) for lat, lon in site.degrees(ring)]


# --- reading -------------------------------------------------------------------------------------------


def read_answer(name: str, content: bytes) -> dict[str, Any]:
    """What a person's file has in it."""
    path = Path(Path(name).name or "the file")
    nothing: dict[str, Any] = {
        "name": path.stem[:100] or "patrol",
        "patrol": None,
        "plan_text": None,
        "area": None,
        "corridor": None,
        "notes": [],
    }
    if path.suffix.lower() == ".toml":
        return nothing | _read_toml(path, content)
    if looks_like_wpl(content):
        return nothing | _ready_made(parse_wpl(content, path), path)
    if _is_plan(content):
        return nothing | _ready_made(parse_plan(content, path), path)
    drawn = read_area(content, path.name)
    corridor = None if drawn.line is None else {"line": drawn.line, "width_m": CORRIDOR_M}
    notes = [*drawn.notes, *([f"the corridor is {CORRIDOR_M:g} m wide: change that"] if corridor else [])]
    return nothing | {"area": drawn.area, "corridor": corridor, "notes": notes}


def _is_plan(content: bytes) -> bool:
    with suppress(ValueError, RecursionError):
        root = json.loads(content.decode("utf-8-sig"))
        return isinstance(root, dict) and "fileType" in root
    return False


def _ready_made(plan: Plan, path: Path) -> dict[str, Any]:
    items = len(plan.items) - 1
    if items > MOST_ITEMS:
        raise PlanError(
            f"{path} has {items} mission items, and an autopilot holds about {MOST_ITEMS}",
            hint="Cut it into several plans, or draw its area here and have it planned.",
        )
    name = path.stem[:100] or "patrol"
    written = _as_written(plan, name)
    notes = [] if _came_through(plan.items, written.items) else ["it was written anew: look it over"]
    patrol = {"name": name, "plan": f"{path.stem}.plan"}
    return {"patrol": patrol, "plan_text": written.to_bytes().decode(), "notes": notes}


def _came_through(read: tuple[MissionItem, ...], written: tuple[MissionItem, ...]) -> bool:
    return len(read) == len(written) and all(a.same_as(b) for a, b in zip(read, written, strict=True))


def _read_toml(path: Path, content: bytes) -> dict[str, Any]:
    try:
        text = content.decode("utf-8-sig")
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise PlanError(f"{path} is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path}: {explain_syntax(error)}") from error
    if not is_patrol_file(table):
        raise PlanError(f"{path} is no patrol file: it names neither home nor where to fly")
    if "plan" in table:
        raise PlanError(f"{path} names another file, {table['plan']}", hint="Import that one.")
    notes = []
    if str(table.get("camera", "")).endswith(".toml"):
        notes.append(f"its camera, {table.pop('camera')}, is not at the station: choose another")
    try:
        patrol = PatrolFile.model_validate(table)
    except ValidationError as error:
        raise PlanError("\n".join(f"{path}: {each}" for each in explain(text, error, PatrolFile))) from error
    return {
        "name": patrol.name,
        "patrol": patrol.model_dump(mode="json", exclude_unset=True),
        "notes": notes,
    }


if __name__ == "__main__":
    main()
