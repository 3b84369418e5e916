"""What a scan found, and its two files: ``results.json`` (everything) and ``results.geojson``.

The GeoJSON holds a point for each photo that says where its camera was. It says so in each point:
where the fire is cannot be known from a photo alone.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

from edge.files import shown
from edge.scan.counts import Counts
from edge.scan.finder import Finder
from edge.scan.media import Facts
from models.detection import Detection

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """One detection, rounded to what it is worth: hundredths of a pixel, score in ten-thousandths."""

    label: str
    score: float
    box_px: tuple[float, float, float, float]

    @classmethod
    def of(cls, found: Detection) -> Seen:
        x1, y1, x2, y2 = (round(float(edge), 2) for edge in (found.x1, found.y1, found.x2, found.y2))
        return cls(found.label, round(float(found.score), 4), (x1, y1, x2, y2))


@dataclass(frozen=True, slots=True)
class LookResult:
    """What one picture showed. ``annotated`` is the drawn picture's path under the results, if any."""

    time_s: float | None
    seen: tuple[Seen, ...]
    annotated: str | None


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
    threshold: float
    every_s: float
    tiles: bool
    unreadable_folders: tuple[str, ...]


def results_json(run: Run, files: list[FileResult], counts: Counts) -> bytes:
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
        "every_s": run.every_s,
        "tiles": run.tiles,
        "counts": asdict(counts),
        "unreadable_folders": list(run.unreadable_folders),
        "files": [_file(file) for file in files],
    }
    return _text(document)


def results_geojson(files: list[FileResult]) -> bytes:
    """``results.geojson`` as bytes: a FeatureCollection, empty when no photo says where it was taken."""
    return _text({"type": "FeatureCollection", "features": [_feature(f) for f in files if f.facts.position]})


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
    entry["detections"] = [asdict(seen) for seen in look.seen]
    if look.annotated is not None:
        entry["annotated"] = look.annotated
    return entry


def _feature(file: FileResult) -> dict[str, Any]:
    position = file.facts.position
    assert position is not None  # noqa: S101 - only such files are given
    properties = {
        "position_of": "camera",
        "note": "Where the camera was, not where anything burns.",
        "file": shown(file.facts.media.path),
        "alt_amsl_m": position.alt_amsl_m,
        "alt_ellipsoid_m": position.alt_ellipsoid_m,
        "datum": "WGS84",
        "seen": sorted(file.labels),
        "best_score": {label: file.best(label) for label in sorted(file.labels)},
    }
    # Two coordinates: a third would be read as height above the ellipsoid (RFC 7946, 3.1.1).
    point = {"type": "Point", "coordinates": [round(position.lon_deg, 8), round(position.lat_deg, 8)]}
    return {"type": "Feature", "geometry": point, "properties": properties}


def _text(document: dict[str, Any]) -> bytes:
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
