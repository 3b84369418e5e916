"""A scan looks at every photo and video it is given, says what it saw, and never leaves half a file."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rich.console import Console

from edge.files import write_whole
from edge.images import ImageError, read_photo
from edge.scan import scan_command
from edge.scan.labels import BadLabelsError, labels_file, read_labels
from edge.scan.media import ScanError
from flight.errors import EmberwatchError
from models.detector import Detection, Detector
from tests.edge.scan.scanning import (
    FIRE_BGR,
    SMOKE_BGR,
    ColourFinder,
    Outcome,
    Scan,
    painted,
    scanner,
    write,
    write_video,
)


class ShortSighted(ColourFinder):
    """Sees nothing in pictures larger than its input: what a detector does that shrinks them."""

    def detect(self, image_bgr: NDArray[np.uint8], *, min_score: float | None = None) -> Sequence[Detection]:
        if max(image_bgr.shape) > self.input_px:
            return []
        return super().detect(image_bgr, min_score=min_score)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def scan(out: Path) -> Scan:
    return scanner(out)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Fire, smoke, both, and nothing, in formats and folders of all kinds."""
    folder = tmp_path / "patrol"
    write(folder / "fire.jpg", FIRE_BGR)
    write(folder / "fire.png", FIRE_BGR)
    write(folder / "day 1" / "smoke.WEBP", SMOKE_BGR)
    write(folder / "day 1" / "deep" / "both.tif", FIRE_BGR, SMOKE_BGR)
    write(folder / "day 2" / "nothing.bmp")
    write(folder / ".thumbnails" / "fire.jpg", FIRE_BGR)
    (folder / "notes.txt").write_text("not a photo")
    return folder


def row(printed: str, name: str) -> list[str]:
    """The cells of one line of the table."""
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines()]
    (cells,) = [cells for cells in lines if cells and cells[0] == name]
    return cells[1:]


def test_a_folder_is_scanned_with_all_that_is_in_it(tree: Path, scan: Scan, out: Path) -> None:
    outcome = scan(tree)
    assert outcome.code == 0
    counts = outcome.results["counts"]
    assert (counts["files"], counts["scanned"], counts["skipped"]) == (5, 5, 0)
    assert [counts[f"with_{what}"] for what in ("fire", "smoke", "both", "nothing")] == [3, 2, 1, 1]
    assert row(outcome.printed, "fire") == ["3"]
    assert row(outcome.printed, "nothing") == ["1"]
    assert "labelled" not in outcome.printed
    both = outcome.file("deep/both.tif")
    assert both["kind"] == "photo"
    assert (both["width_px"], both["height_px"]) == (96, 64)
    assert [{key: seen[key] for key in ("label", "score", "box_px")} for seen in both["detections"]] == [
        {"label": "fire", "score": 0.9, "box_px": [8, 8, 24, 24]},
        {"label": "smoke", "score": 0.6, "box_px": [40, 8, 56, 24]},
    ]
    assert {seen["place"]["method"] for seen in both["detections"]} == {"none"}
    assert outcome.file("nothing.bmp")["detections"] == []
    assert outcome.results["complete"] is True
    assert outcome.results["model"] == {"name": "colours", "sha256": "c0" * 32, "labels": ["fire", "smoke"]}
    assert outcome.results["threshold"] == 0.25
    assert outcome.results["versions"]["numpy"] == np.__version__
    assert outcome.geojson == {"type": "FeatureCollection", "features": []}


def test_what_was_found_is_drawn_in_the_same_folders_and_formats(tree: Path, scan: Scan, out: Path) -> None:
    outcome = scan(tree)
    assert outcome.pictures == [
        "patrol/day 1/deep/both.tif",
        "patrol/day 1/smoke.WEBP",
        "patrol/fire.jpg",
        "patrol/fire.png",
    ]
    assert outcome.file("fire.png")["annotated"] == "images/patrol/fire.png"
    drawn = read_photo(out / "images" / "patrol" / "fire.png").image
    before = read_photo(tree / "fire.png").image
    assert drawn.shape == before.shape
    assert (drawn[24, 8:24] != before[24, 8:24]).any(), "the box's lower edge"
    assert (drawn[40:] == before[40:]).all(), "nothing else is touched"


def test_a_second_scan_does_not_scan_the_first_ones_results(tree: Path, tmp_path: Path) -> None:
    for _ in range(2):
        console = Console(file=io.StringIO())
        scan_command([tree], tree / "found", detector=ColourFinder(), console=console)
    results = json.loads((tree / "found" / "results.json").read_text())
    assert results["counts"]["files"] == 5


def test_a_scan_that_would_overwrite_its_own_photos_is_refused(tmp_path: Path) -> None:
    photo = write(tmp_path / "images" / "hill.jpg", FIRE_BGR)
    before = photo.read_bytes()
    with pytest.raises(ScanError, match="would overwrite"):
        scanner(tmp_path)(photo)
    assert photo.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images"]


def test_no_pictures_and_a_higher_threshold_when_asked(tree: Path, scan: Scan) -> None:
    outcome = scan(tree, images=False, threshold=0.7)
    assert outcome.pictures == []
    assert outcome.results["threshold"] == 0.7
    assert outcome.results["counts"]["with_fire"] == 3
    assert outcome.results["counts"]["with_smoke"] == 0


def test_each_file_once_and_no_two_in_one_place(
    tmp_path: Path, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path / "a" / "photos" / "x.jpg", FIRE_BGR)
    write(tmp_path / "b" / "photos" / "x.jpg", FIRE_BGR)
    write(tmp_path / "here" / "y.jpg", FIRE_BGR)
    (tmp_path / "here" / "below").mkdir()
    monkeypatch.chdir(tmp_path / "here" / "below")
    outcome = scan(first.parent, tmp_path / "b" / "photos", first, Path(".."))
    assert outcome.results["counts"]["files"] == 3
    assert outcome.pictures == ["here/y.jpg", "photos-2/x.jpg", "photos/x.jpg"]


def test_with_tiles_a_fire_too_small_for_the_whole_picture_is_found_where_it_is(
    tmp_path: Path, scan: Scan
) -> None:
    picture = np.full((400, 600, 3), (20, 90, 20), np.uint8)
    picture[210:218, 330:338] = FIRE_BGR
    cv2.imwrite(str(tmp_path / "large.png"), picture)
    assert scan(tmp_path / "large.png", detector=ShortSighted()).file("large.png")["detections"] == []
    outcome = scan(tmp_path / "large.png", detector=ShortSighted(), tiles=True)
    [found] = outcome.file("large.png")["detections"]
    assert found["box_px"] == [330, 210, 338, 218]
    assert outcome.results["tiles"] is True


def test_a_picture_no_larger_than_the_detectors_input_needs_no_tiles(tmp_path: Path, scan: Scan) -> None:
    finder = ColourFinder()
    scan(write(tmp_path / "small.png", FIRE_BGR), detector=finder, tiles=True)
    assert finder.looks == 1


def test_what_cannot_be_read_is_reported_and_skipped(tree: Path, scan: Scan) -> None:
    good = (tree / "fire.jpg").read_bytes()
    (tree / "cut.jpg").write_bytes(good[: len(good) // 2])
    (tree / "empty.png").touch()
    (tree / "text.jpg").write_text("no photo at all")
    (tree / "no.mp4").write_text("no video at all")
    assert cv2.imwrite(str(tree / "deep.png"), np.full((9, 9), 4000, np.uint16))
    outcome = scan(tree)
    assert outcome.code == 0
    assert outcome.results["counts"]["skipped"] == 5
    assert outcome.results["counts"]["with_fire"] == 3
    assert row(outcome.printed, "skipped") == ["5"]
    for name, reason in (
        ("cut.jpg", "the image is damaged"),
        ("empty.png", "the file is empty"),
        ("text.jpg", "it is not an image"),
        ("no.mp4", "it is not a video"),
        ("deep.png", "16-bit"),
    ):
        entry = outcome.file(name)
        assert reason in entry["skipped"]
        assert "detections" not in entry, "skipped is not the same as nothing found"
        assert f"skipped {tree / name}: {entry['skipped']}" in outcome.printed


def test_nothing_that_can_be_read_is_a_failure(tmp_path: Path, scan: Scan) -> None:
    (tmp_path / "a.jpg").write_text("no photo")
    outcome = scan(tmp_path / "a.jpg")
    assert outcome.code == 1
    assert outcome.results["counts"]["scanned"] == 0
    assert "Not one file could be scanned" in outcome.printed


@given(
    st.sampled_from([".jpg", ".png", ".webp", ".tif", ".bmp"]),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=12),
    st.floats(0.05, 1),
)
def test_no_damage_to_a_photo_breaks_more_than_that_photo(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, bytes_hit: list[tuple[float, int]], keep: float
) -> None:
    ok, encoded = cv2.imencode(suffix, painted(FIRE_BGR))
    assert ok
    data = bytearray(encoded.tobytes())
    for place, value in bytes_hit:
        data[int(place * min(len(data), 400))] = value
    path = tmp_path_factory.getbasetemp() / f"damaged{suffix}"
    path.write_bytes(data[: int(len(data) * keep)])
    try:
        image = read_photo(path).image
    except ImageError as error:
        # Both outcomes are right.
        assert error.reason  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert image.ndim == 3
        assert image.dtype == np.uint8


def test_a_name_that_is_no_text_and_one_that_looks_like_markup(tmp_path: Path, scan: Scan) -> None:
    folder = tmp_path / "odd"
    data = write(folder / "[bold]x.jpg", FIRE_BGR).read_bytes()
    (folder / b"\xff.jpg".decode("utf-8", "surrogateescape")).write_bytes(data)
    (folder / "[red]broken.jpg").touch()
    outcome = scan(folder)
    assert outcome.results["counts"]["with_fire"] == 2
    assert outcome.file("\\xff.jpg")["detections"]
    assert "[red]broken.jpg: the file is empty" in outcome.printed


def test_a_labelled_set_is_compared_with_its_labels(tmp_path: Path, scan: Scan) -> None:
    box = " 0.5 0.5 0.2 0.2\n"
    for name, parts, labels in (
        ("hit", (FIRE_BGR,), "0" + box + "0" + box),
        ("missed", (), "0" + box),
        ("wrong", (FIRE_BGR, SMOKE_BGR), ""),
        ("both", (FIRE_BGR, SMOKE_BGR), "0" + box + "1" + box),
        ("quiet", (), None),
        ("bad", (), "7" + box),
    ):
        write(tmp_path / "val" / "images" / f"{name}.png", *parts)
        if labels is not None:
            file = tmp_path / "val" / "labels" / f"{name}.txt"
            file.parent.mkdir(exist_ok=True)
            file.write_text(labels)
    outcome = scan(tmp_path / "val" / "images")
    counts = outcome.results["counts"]
    assert counts["labelled_photos"] == 5
    assert counts["fire"] == {"labelled": 3, "found": 2, "others": 2, "wrongly_flagged": 1}
    assert counts["smoke"] == {"labelled": 1, "found": 1, "others": 4, "wrongly_flagged": 1}
    assert counts["fire_or_smoke"] == {"labelled": 3, "found": 2, "others": 2, "wrongly_flagged": 1}
    assert row(outcome.printed, "fire") == ["3", "3", "2 of 3 (66.7%)", "1 of 2 (50.0%)"]
    assert row(outcome.printed, "smoke") == ["2", "1", "1 of 1 (100.0%)", "1 of 4 (25.0%)"]
    assert row(outcome.printed, "both") == ["2", "1", "", ""]
    assert row(outcome.printed, "nothing") == ["3", "2", "", ""]
    assert outcome.file("both.png")["labelled"] == ["fire", "smoke"]
    assert outcome.file("quiet.png")["labelled"] == []
    assert "line 1 of the labels" in outcome.file("bad.png")["notes"][0]


def test_where_labels_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "images" / "labels").mkdir(parents=True)
    (tmp_path / "labels").mkdir()
    assert labels_file(tmp_path / "images" / "a" / "x.y.jpg") == tmp_path / "labels" / "a" / "x.y.txt"
    assert labels_file(tmp_path / "photos" / "x.jpg") is None
    (tmp_path / "x.txt").write_text("0 0.1 0.1 0.2 0.2 0.3 0.3\n\n1 1 1 1 1\n")
    assert read_labels(tmp_path / "x.txt") == {"fire", "smoke"}
    for text in ("0 0.5\n", "0.5 1 1 1 1\n", "fire 1 1 1 1\n", "-1 1 1 1 1\n"):
        (tmp_path / "x.txt").write_text(text)
        with pytest.raises(BadLabelsError, match="line 1"):
            read_labels(tmp_path / "x.txt")


def test_a_video_is_looked_at_every_so_often(tmp_path: Path, scan: Scan) -> None:
    video = write_video(tmp_path / "flight.mp4", seconds=3.5, fire_from_s=1.5)
    outcome = scan(video)
    entry = outcome.file("flight.mp4")
    assert entry["kind"] == "video"
    assert entry["duration_s"] == pytest.approx(3.5, abs=0.01)
    assert [frame["time_s"] for frame in entry["frames"]] == [0.0, 1.0, 2.0, 3.0]
    assert [len(frame["detections"]) for frame in entry["frames"]] == [0, 0, 1, 1]
    assert outcome.pictures == ["flight.mp4/00002.000s.jpg", "flight.mp4/00003.000s.jpg"]
    assert entry["frames"][2]["annotated"] == "images/flight.mp4/00002.000s.jpg"
    assert outcome.results["counts"]["with_fire"] == 1


@pytest.mark.parametrize(("every_s", "looks"), [(0.0, 20), (0.25, 8), (0.7, 3), (100.0, 1)])
def test_how_often(tmp_path: Path, scan: Scan, every_s: float, looks: int) -> None:
    video = write_video(tmp_path / "flight.mp4", seconds=2.0, fire_from_s=9)
    times = [frame["time_s"] for frame in scan(video, every_s=every_s).file("flight.mp4")["frames"]]
    assert len(times) == looks
    for index, time_s in enumerate(times):
        assert time_s == pytest.approx(index * (every_s or 0.1), abs=0.0501)


def test_a_damaged_video_gives_what_can_be_read_of_it(tmp_path: Path, scan: Scan) -> None:
    path = tmp_path / "damaged.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    noise = np.random.default_rng(1)
    for _ in range(20):
        writer.write(noise.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    writer.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    entry = scan(path, every_s=0.5).file("damaged.avi")
    assert 1 <= len(entry["frames"]) < 4
    assert "of 20 frames could be read" in entry["notes"][0]


@pytest.mark.parametrize("looks", [0, 1, 3])
def test_ctrl_c_keeps_what_was_found(tree: Path, scan: Scan, looks: int) -> None:
    outcome = scan(tree, detector=ColourFinder(interrupt_after=looks))
    assert outcome.code == 130
    assert outcome.results["complete"] is False
    assert len(outcome.results["files"]) == looks
    assert f"stopped after {looks} of 5 files" in outcome.printed
    assert not [thread for thread in threading.enumerate() if thread.name == "decode"]


def test_ctrl_c_in_the_middle_of_a_video_keeps_its_first_part(tmp_path: Path, scan: Scan) -> None:
    video = write_video(tmp_path / "flight.mp4", seconds=5, fire_from_s=1)
    outcome = scan(video, detector=ColourFinder(interrupt_after=3))
    assert outcome.code == 130
    entry = outcome.file("flight.mp4")
    assert [frame["time_s"] for frame in entry["frames"]] == [0.0, 1.0, 2.0]
    assert entry["notes"] == ["stopped 2.0 s into the video"]


def test_a_fault_of_the_detector_is_not_swallowed(tree: Path, out: Path) -> None:
    class Broken(ColourFinder):
        def detect(self, image_bgr: NDArray[np.uint8], *, min_score: float | None = None) -> list[Detection]:
            raise RuntimeError("broken session")

    with pytest.raises(RuntimeError, match="broken session"):
        scan_command([tree], out, detector=Broken(), console=Console(file=io.StringIO()))
    assert not [thread for thread in threading.enumerate() if thread.name == "decode"]
    assert not (out / "results.json").exists()


def test_mistakes_are_told_before_anything_is_written(tree: Path, tmp_path: Path, out: Path) -> None:
    (tmp_path / "bare").mkdir()
    taken = tmp_path / "taken"
    taken.write_text("a file")

    def refused(*paths: Path, to: Path = out, **options: Any) -> str:
        with pytest.raises(ScanError) as caught:
            scan_command(
                list(paths), to, detector=ColourFinder(), console=Console(file=io.StringIO()), **options
            )
        assert "\n" not in str(caught.value)
        return caught.value.message

    assert refused(tree, tmp_path / "nowhere") == f"There is no {tmp_path / 'nowhere'}."
    assert refused(tmp_path / "bare") == f"There are no photos or videos in {tmp_path / 'bare'}."
    assert "threshold" in refused(tree, threshold=1.5)
    assert "interval" in refused(tree, every_s=-1.0)
    assert "interval" in refused(tree, every_s=float("nan"))
    assert "file exists" in refused(tree, to=taken)
    assert taken.read_text() == "a file"
    assert not out.exists()


def test_a_model_that_is_missing_leaves_nothing_behind(tree: Path, out: Path) -> None:
    with pytest.raises(EmberwatchError):
        scan_command([tree], out, model=str(tree / "missing.onnx"), console=Console(file=io.StringIO()))
    assert not out.exists()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "deep" / "results.json"
    write_whole(target, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(target, b"new")
    assert [path.name for path in target.parent.iterdir()] == ["results.json"]
    assert target.read_bytes() == b"old"


def test_a_full_disk_is_one_plain_line(tree: Path, scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ScanError, match=r"fire\.jpg cannot be written: no space left on device"):
        scan(tree)


def test_a_terminal_sees_a_bar_and_a_log_does_not(tree: Path, out: Path) -> None:
    def printed(*, terminal: bool) -> str:
        text = io.StringIO()
        console = Console(file=text, force_terminal=terminal, width=100)
        scan_command([tree], out, detector=ColourFinder(), console=console)
        return text.getvalue()

    assert "━" * 20 in printed(terminal=True)
    assert "\x1b" not in printed(terminal=False)


def test_the_shipped_detector_scans(tree: Path, tmp_path: Path, scan: Scan) -> None:
    video = write_video(tmp_path / "flight.mp4", seconds=1.0, fire_from_s=0)
    shipped = Detector.load()
    text = io.StringIO()
    out = tmp_path / "real"
    assert scan_command([tree, video], out, console=Console(file=text, width=120)) == 0
    outcome = Outcome(0, out, text.getvalue())
    assert outcome.results["counts"]["scanned"] == 6
    assert outcome.results["model"]["sha256"] == shipped.sha256
    weights = Path(__file__).parents[3] / "models" / "weights"
    assert shipped.sha256 in {
        hashlib.sha256(file.read_bytes()).hexdigest() for file in weights.glob("*.onnx")
    }
    assert outcome.results["model"]["labels"] == ["fire", "smoke"]
    assert outcome.results["threshold"] == shipped.threshold
