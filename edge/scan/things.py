"""One thing seen in several pictures of a flight: its place from all of its views together.

Views are brought together picture by picture, each picture's detections being different things, and are then
fused as the agent fuses looks in flight: errors that all views of a flight share are not averaged away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edge.files import shown
from edge.geometry.sighting import Sighting, ellipse
from edge.hotspots.fusion import fuse
from edge.scan.placing import CONFIDENCE, Placed
from edge.scan.results import FileResult, LookResult, place_entry
from flight.local_frame import LocalFrame
from flight.terrain import Terrain

# Photos of one camera in one folder are of one flight as long as no longer pause is between them.
PAUSE_S = 900.0
# 99 % of the places of one thing are as near to each other (χ² of two degrees of freedom).
SAME_D2 = 9.21
_FAR = 1e6


@dataclass(frozen=True, slots=True)
class ThingView:
    """Where a thing was seen: the number is that of the detection in the picture."""

    file: FileResult
    look: LookResult
    number: int


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that two or more pictures show. ``score`` is the best of them."""

    label: str
    score: float
    place: Placed
    views: tuple[ThingView, ...]

    def entry(self) -> dict[str, Any]:
        """As JSON, with where it was seen."""
        views = []
        for view in self.views:
            entry: dict[str, Any] = {"path": shown(view.file.facts.media.path)}
            if view.look.time_s is not None:
                entry["time_s"] = view.look.time_s
            views.append(entry | {"detection": view.number})
        return {"label": self.label, "score": self.score, "place": place_entry(self.place), "views": views}


@dataclass(slots=True)
class _Group:
    label: str
    views: list[ThingView] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)

    @property
    def surest(self) -> Sighting:
        return min(self.sightings, key=lambda sighting: float(np.trace(_covariance_m2(sighting))))


def things_in(files: Sequence[FileResult], terrain: Terrain | None) -> list[Thing]:
    """What was placed in two or more pictures of one flight, by the fused place of all."""
    found: list[Thing] = []
    for flight in _flights(files):
        groups: list[_Group] = []
        for file, look in flight:
            _take_in(groups, file, look)
        together = (_thing(group, terrain) for group in groups if len(group.views) > 1)
        found.extend(thing for thing in together if thing is not None)
    return found


def _flights(files: Sequence[FileResult]) -> list[list[tuple[FileResult, LookResult]]]:
    """Pictures by flight, in order: a video is one, and so are photos without a pause between them."""
    flights: list[list[tuple[FileResult, LookResult]]] = []
    photos: dict[tuple[object, str], list[tuple[float, FileResult]]] = {}
    for file in files:
        if file.facts.media.kind == "video":
            flights.append([(file, look) for look in file.looks])
        elif file.facts.taken_s is not None and file.looks and file.looks[0].view is not None:
            camera = file.looks[0].view.camera.name
            photos.setdefault((file.facts.media.path.parent, camera), []).append((file.facts.taken_s, file))
    for timed in photos.values():
        timed.sort(key=lambda pair: pair[0])
        last_s = -np.inf
        for taken_s, file in timed:
            if taken_s - last_s > PAUSE_S:
                flights.append([])
            flights[-1].extend((file, look) for look in file.looks)
            last_s = taken_s
    return flights


def _take_in(groups: list[_Group], file: FileResult, look: LookResult) -> None:
    """Each placed detection of one picture joins the group that it fits best, or begins one."""
    placed = [
        (number, seen, seen.place.sighting)
        for number, seen in enumerate(look.seen)
        if seen.place.sighting is not None and seen.place.lat_deg is not None
    ]
    if not placed:
        return
    misfits = np.full((len(placed), len(groups)), _FAR)
    for i, (_, seen, sighting) in enumerate(placed):
        for j, group in enumerate(groups):
            if group.label == seen.label:
                misfits[i, j] = min(_apart_d2(sighting, group.surest), _FAR)
    rows, columns = linear_sum_assignment(misfits)
    fits = {int(i): int(j) for i, j in zip(rows, columns, strict=True) if misfits[i, j] < SAME_D2}
    for i, (number, seen, sighting) in enumerate(placed):
        if i in fits:
            group = groups[fits[i]]
        else:
            group = _Group(seen.label)
            groups.append(group)
        group.views.append(ThingView(file, look, number))
        group.sightings.append(sighting)


def _thing(group: _Group, terrain: Terrain | None) -> Thing | None:
    fused = fuse(group.sightings, terrain)
    if fused is None:
        return None
    looks = [view.look for view in group.views]
    known = all(look.view is not None and look.view.is_amsl_known for look in looks)
    place = Placed(
        method=fused.method,
        lat_deg=fused.lat_deg,
        lon_deg=fused.lon_deg,
        alt_amsl_m=fused.alt_amsl_m if known else None,
        ellipse_90=ellipse(fused.covariance_m2, CONFIDENCE),
        terrain=group.sightings[0].terrain,
        grazing=fused.grazing,
    )
    seen = [view.look.seen[view.number] for view in group.views]
    return Thing(group.label, max(one.score for one in seen), place, tuple(group.views))


def _apart_d2(a: Sighting, b: Sighting) -> float:
    """By how many σ, squared, two places are apart."""
    frame = LocalFrame(a.lat_deg or 0.0, a.lon_deg or 0.0, 0.0)
    east_m, north_m, _ = frame.from_geodetic(np.array(b.lat_deg), np.array(b.lon_deg), np.array(0.0))
    offset = np.array([float(east_m), float(north_m)])
    return float(offset @ np.linalg.solve(_covariance_m2(a) + _covariance_m2(b), offset))


def _covariance_m2(sighting: Sighting) -> NDArray[np.float64]:
    return np.asarray(sighting.covariance_m2, np.float64)
