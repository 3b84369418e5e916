"""What several pictures of one flight show is placed by all of them together, and nothing else is."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags

from models.detection import Detection
from tests.edge.scan.drone_photos import RTK_FIXED, Sees, Shot, described, dji_attributes, shot, write_photo
from tests.edge.scan.scanning import Outcome, scanner
from tests.hardware.virtual_world import small_world

YAWS_DEG = (-141.3, -51.3, 38.7)


class Labeller(Sees):
    """Sees in each picture the boxes that belong to it."""

    def __init__(self, *taken: Shot, more: tuple[Detection, ...] = ()) -> None:
        super().__init__()
        self._boxes = {_hash(one.image): one.box for one in taken}
        self._more = more

    def detect(self, image_bgr: NDArray[np.uint8], *, min_score: float | None = None) -> list[Detection]:
        nearest = min(self._boxes, key=lambda key: abs(key - _hash(image_bgr)))
        return [self._boxes[nearest], *self._more]


def _hash(image: NDArray[np.uint8]) -> float:
    """Hardly changed by the JPEG in between, and different for each of these pictures."""
    return float(image.astype(np.float64).mean())


def shots(heading_off_deg: float = 0.0) -> list[Shot]:
    """The same fire from three sides, by a drone whose compass is off."""
    taken = [shot(yaw_deg, -38.0) for yaw_deg in YAWS_DEG]
    return [replace(one, yaw_deg=one.yaw_deg + heading_off_deg) for one in taken]


def written(folder: Path, taken: list[Shot], *, minutes_apart: float = 0.2) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(taken):
        seconds = round(number * minutes_apart * 60)
        clock = f"2026:08:07 {13 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        details: dict[int, Any] = {ExifTags.Base.DateTimeOriginal: clock}
        xmp = described(dji_attributes(one, one.ellipsoid_m, kind="RtkAlt", rtk=RTK_FIXED))
        main: dict[int, Any] = {ExifTags.Base.Make: "DJI", ExifTags.Base.Model: "M3E"}
        write_photo(folder / f"{number}.jpg", one.image, xmp=xmp, main=main, details=details)
    return folder


@pytest.fixture(scope="module")
def dem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("terrain") / "world.tif"
    small_world().write_geotiff(path)
    return path


def off_m(place: dict[str, Any], taken: Shot) -> float:
    east, north = small_world().frame.to_local(place["lat_deg"], place["lon_deg"])
    return math.hypot(float(east) - taken.fire.east_m, float(north) - taken.fire.north_m)


def scanned(tmp_path: Path, dem: Path, *folders: Path, detector: Sees) -> Outcome:
    return scanner(tmp_path / "out")(*folders, detector=detector, dem=dem)


def test_a_fire_seen_from_three_sides_is_placed_better_than_from_one(tmp_path: Path, dem: Path) -> None:
    taken = shots(heading_off_deg=3.0)
    outcome = scanned(tmp_path, dem, written(tmp_path / "in", taken), detector=Labeller(*taken))
    (thing,) = outcome.results["things"]
    alone = [outcome.file(f"{i}.jpg")["detections"][0]["place"] for i in range(3)]
    assert thing["label"] == "fire"
    assert [view["path"].rsplit("/", 1)[-1] for view in thing["views"]] == ["0.jpg", "1.jpg", "2.jpg"]
    assert off_m(thing["place"], taken[0]) < 0.7 * min(off_m(place, taken[0]) for place in alone)
    smallest_m = min(place["ellipse_90"]["semi_major_m"] for place in alone)
    assert off_m(thing["place"], taken[0]) < thing["place"]["ellipse_90"]["semi_major_m"] < 0.7 * smallest_m
    assert "1 things were placed by several views" in " ".join(outcome.printed.split())
    kinds = [feature["properties"]["position_of"] for feature in outcome.geojson["features"]]
    assert kinds[:2] == ["fire from 3 views", "fire from 3 views: 90 % error ellipse"]


def test_two_things_in_one_picture_stay_two(tmp_path: Path, dem: Path) -> None:
    taken = [shot(YAWS_DEG[0], -38.0)] * 2
    beside = replace(taken[0].box, x1=taken[0].box.x1 - 60, x2=taken[0].box.x2 - 60)
    outcome = scanned(
        tmp_path, dem, written(tmp_path / "in", taken), detector=Labeller(taken[0], more=(beside,))
    )
    things = outcome.results["things"]
    assert [len(thing["views"]) for thing in things] == [2, 2]
    assert [{view["detection"] for view in thing["views"]} for thing in things] == [{0}, {1}]


def test_fire_and_smoke_are_not_one_thing(tmp_path: Path, dem: Path) -> None:
    first, second, _ = shots()
    smoke = replace(second, box=replace(second.box, label="smoke"))
    folder = written(tmp_path / "in", [first, second])
    assert scanned(tmp_path, dem, folder, detector=Labeller(first, second)).results["things"] != []
    assert scanned(tmp_path, dem, folder, detector=Labeller(first, smoke)).results["things"] == []


def test_photos_of_other_flights_are_not_brought_together(tmp_path: Path, dem: Path) -> None:
    taken = shots()
    later = written(tmp_path / "later", taken, minutes_apart=40.0)
    assert scanned(tmp_path, dem, later, detector=Labeller(*taken)).results["things"] == []
    apart = [written(tmp_path / name, [one]) for name, one in zip("abc", taken, strict=True)]
    assert scanned(tmp_path, dem, *apart, detector=Labeller(*taken)).results["things"] == []


def test_far_apart_things_are_not_one(tmp_path: Path, dem: Path) -> None:
    taken = [shot(YAWS_DEG[0], -38.0)] * 2
    other = replace(taken[1], yaw_deg=taken[1].yaw_deg + 60.0)
    folder = written(tmp_path / "in", [taken[0], other])
    assert scanned(tmp_path, dem, folder, detector=Labeller(taken[0])).results["things"] == []
