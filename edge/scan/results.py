"""What a scan found, and its ``results.json``, which has everything. The map is ``edge.scan.map``'s."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

from edge.files import shown
from edge.scan.counts import Counts, PlaceCounts
from edge.scan.finder import Finder
from edge.scan.media import Facts
from edge.scan.placing import Placed, View
from edge.scan.position import CameraPosition
from edge.thermal.heat import Heat
from edge.thermal.look import NAME, sha256
from edge.vision.merge import Found
from edge.vision.report import HeatSettings
from models.detection import Detection

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """One detection, rounded to what it is worth: hundredths of a pixel, score in ten-thousandths."""

    label: str
    score: float
    box_px: tuple[float, float, float, float]
    place: Placed
    heat: Heat | None = None
    """Of a hot spot on a thermal camera's frame."""

    @classmethod
    def of(cls, found: Detection, place: Placed) -> Seen:
        x1, y1, x2, y2 = (round(float(edge), 2) for edge in (found.x1, found.y1, found.x2, found.y2))
        heat = found.heat if isinstance(found, Found) else None
        return cls(found.label, round(float(found.score), 4), (x1, y1, x2, y2), place, heat)


@dataclass(frozen=True, slots=True)
class LookResult:
    """What one picture showed. ``annotated`` is the drawn picture's path under the results, if any."""

    time_s: float | None
    seen: tuple[Seen, ...]
    annotated: str | None
    view: View | None = None
    position: CameraPosition | None = None


@dataclass(frozen=True, slots=True)
class FileResult:
    """What one file showed, or in ``facts.skipped`` why nothing can be said about it."""

    facts: Facts
    looks: tuple[LookResult, ...]

    @property
    def scanned(self) -> bool:
        return self.facts.skipped is None

    @property
    def labels(self) -> frozenset[str]:
        """All that was seen in any of its pictures."""
        return frozenset(seen.label for look in self.looks for seen in look.seen)

    def best(self, label: str) -> float | None:
        """The highest score of ``label``, or None where it was not seen."""
        return max(
            (seen.score for look in self.looks for seen in look.seen if seen.label == label), default=None
        )


@dataclass(frozen=True, slots=True)
class Run:
    """How the scan was done."""

    started_at: datetime
    finished_at: datetime
    complete: bool
    model: Finder
    heat: HeatSettings
    threshold: float
    every_s: float
    tiles: bool
    terrain: str | None
    unreadable_folders: tuple[str, ...]


def results_json(
    run: Run, files: list[FileResult], counts: Counts, placed: PlaceCounts, things: list[dict[str, Any]]
) -> bytes:
    """``results.json`` as bytes."""
    document = {
        "made_by": "emberwatch scan",
        "format": FORMAT,
        "complete": run.complete,
        "started_at": run.started_at.isoformat(timespec="seconds"),
        "finished_at": run.finished_at.isoformat(timespec="seconds"),
        "versions": _versions(),
        "model": {"name": run.model.name, "sha256": run.model.sha256, "labels": list(run.model.labels)},
        "threshold": run.threshold,
        "thermal": {"name": NAME, "sha256": sha256(), **_heat_settings(run.heat)},
        "every_s": run.every_s,
        "tiles": run.tiles,
        "terrain": run.terrain,
        "counts": asdict(counts),
        "places": asdict(placed),
        "things": things,
        "unreadable_folders": list(run.unreadable_folders),
        "files": [_file(file) for file in files],
    }
    return as_text(document)


def _file(file: FileResult) -> dict[str, Any]:
    facts = file.facts
    entry: dict[str, Any] = {"path": shown(facts.media.path), "kind": facts.media.kind}
    if facts.skipped is not None:
        return entry | {"skipped": facts.skipped}
    entry |= {"width_px": facts.width_px, "height_px": facts.height_px}
    if facts.notes:
        entry["notes"] = list(facts.notes)
    if facts.position is not None:
        entry["camera_position"] = {"position_of": "camera", **asdict(facts.position)}
    if facts.labelled is not None:
        entry["labelled"] = sorted(facts.labelled)
    if facts.media.kind == "photo":
        return entry | {key: value for look in file.looks for key, value in _look(look).items()}
    return entry | {"duration_s": facts.duration_s, "frames": [_look(look) for look in file.looks]}


def _look(look: LookResult) -> dict[str, Any]:
    entry: dict[str, Any] = {} if look.time_s is None else {"time_s": look.time_s}
    if look.time_s is not None and look.position is not None:
        entry["camera_position"] = {"position_of": "camera", **asdict(look.position)}
    if look.view is not None:
        entry["view"] = _view(look.view)
    entry["detections"] = [
        {"label": seen.label, "score": seen.score, "box_px": seen.box_px}
        | heat_entry(seen.heat)
        | {"place": place_entry(seen.place)}
        for seen in look.seen
    ]
    if look.annotated is not None:
        entry["annotated"] = look.annotated
    return entry


def heat_entry(heat: Heat | None) -> dict[str, Any]:
    """A hot spot's temperatures as JSON; empty for what no thermal camera saw."""
    if heat is None:
        return {}
    return {"heat": {"max_c": round(heat.peak_c, 1), "around_c": round(heat.around_c, 1)}}


def _heat_settings(heat: HeatSettings) -> dict[str, float]:
    names = ("kelvin_per_count", "floor_c", "contrast_k", "threshold")
    return {name: getattr(heat, name) for name in names}


def place_entry(place: Placed) -> dict[str, Any]:
    """A place as JSON: metres to a tenth, degrees of latitude to a centimetre; only what is known."""
    entry: dict[str, Any] = {"method": place.method}
    if place.why:
        entry["why"] = place.why
    if place.lat_deg is not None and place.lon_deg is not None:
        entry |= {"lat_deg": round(place.lat_deg, 7), "lon_deg": round(place.lon_deg, 7), "datum": "WGS84"}
        entry |= {
            "alt_amsl_m": _rounded(place.alt_amsl_m, 1),
            "slant_range_m": _rounded(place.slant_range_m, 1),
        }
    if place.ellipse_90 is not None:
        names = ("semi_major_m", "semi_minor_m", "orientation_deg")
        entry["ellipse_90"] = {
            name: round(figure, 1) for name, figure in zip(names, place.ellipse_90, strict=True)
        }
    if place.bearing_deg is not None:
        entry |= {
            "bearing_deg": round(place.bearing_deg, 2),
            "bearing_sigma_deg": _rounded(place.bearing_sigma_deg, 2),
            "half_width_deg": _rounded(place.half_width_deg, 2),
        }
    if place.terrain is not None:
        entry["terrain"] = place.terrain
    if place.grazing:
        entry["grazing"] = True
    return entry


def _view(view: View) -> dict[str, Any]:
    """What the places of one picture came from, so that they can be worked out again."""
    pose, camera = view.pose, view.camera
    entry: dict[str, Any] = {"height_source": view.height_source or None}
    if view.is_amsl_known:
        entry["alt_amsl_m"] = round(pose.alt_amsl_m, 2)
    if not view.no_ground:
        entry["height_home_m"] = round(pose.height_home_m, 2)
    return entry | {
        "look_azimuth_deg": round(pose.look_azimuth_deg, 2),
        "look_elevation_deg": round(pose.look_elevation_deg, 2),
        "camera_to_enu": [[round(float(part), 9) for part in row] for row in pose.camera_to_enu],
        "sigmas": {name: round(value, 3) for name, value in pose.sigmas.model_dump().items()},
        "camera": {
            "name": camera.name,
            "source": camera.source,
            "lens": camera.lens,
            "focal_px": [round(camera.fx_px, 2), round(camera.fy_px, 2)],
            "centre_px": [round(camera.cx_px, 2), round(camera.cy_px, 2)],
            "distortion": list(camera.distortion),
            "focal_sigma": round(camera.focal_sigma, 4),
        },
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def as_text(document: dict[str, Any]) -> bytes:
    """JSON as both files have it."""
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("emberwatch", "onnxruntime", "opencv-python-headless", "pillow", "numpy"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed as a package"
    return versions


def annotated_path(place: PurePath, time_s: float | None) -> Path:
    """Where a drawn picture goes under the results: the photo's own place, or a frame in the video's."""
    drawn = Path("images") / place
    return drawn if time_s is None else drawn / f"{time_s:09.3f}s.jpg"
