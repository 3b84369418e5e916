"""Any alert's position can be reckoned anew from its record, and each cause has its share of the error."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID

import numpy as np
import pytest
import rasterio
from rich.console import Console
from typer.testing import CliRunner

from edge.cli import app
from edge.commands.explain_command import CAUSES, ExplainError, Sources, explain_command
from edge.geometry.explain import explain, resolve, shares
from edge.geometry.locate import locate, locate_detections
from edge.geometry.sighting import Cause
from edge.geometry.sighting_record import RecordError
from edge.hotspots.hotspot import Look
from edge.hotspots.tracker import HotspotTracker
from edge.telling.alert_record import AlertRecord
from edge.telling.alerts import AlertWriter, Provenance
from edge.telling.evidence import FrameShelf
from flight.terrain import RasterTerrain, Terrain
from models.detector import Detection
from tests.edge.ground_truth import CAMERA, GROUND_AMSL_M, HOME, Hills, Plane, pose_at
from uplink.errors import OutboxError
from uplink.outbox import Outbox
from uplink.outbox_reader import kept_alert

START = datetime(2026, 7, 1, tzinfo=UTC)
ALERT = UUID("01900000-0000-7000-8000-000000000007")
POST_DEG = 1 / 3600


def write_dem(path: Path, off_m: float = 0.0) -> Path:
    """A square of 20 x 20 posts of 1″ around home, sloping east; off by so much."""
    east = np.arange(20) * 6.0 - 60.0
    heights = np.broadcast_to(GROUND_AMSL_M + off_m + east, (20, 20)).astype(np.float32)
    west, north = HOME.lon_deg - 10 * POST_DEG, HOME.lat_deg + 10 * POST_DEG
    corner = rasterio.Affine(POST_DEG, 0.0, west, 0.0, -POST_DEG, north)
    with rasterio.open(
        path, "w", driver="GTiff", width=20, height=20, count=1, dtype="float32", crs="EPSG:4326",
        transform=corner,
    ) as dataset:  # fmt: skip
        dataset.write(heights, 1)
    return path


def fly(
    folder: Path,
    terrain: Terrain | None,
    *,
    pitch_deg: float = -45.0,
    label: Literal["fire", "smoke"] = "fire",
) -> None:
    """A flight past two things that burn; their alerts are left in the outbox, one of them as ALERT."""
    ids = iter([ALERT, UUID("01910000-0000-7000-8000-000000000007"), *(UUID(int=n) for n in range(99))])
    tracker = HotspotTracker(new_id=lambda: next(ids))
    writer = AlertWriter("d1", FrameShelf())
    boxes = [
        Detection(label, 0.8, 620.0, 340.0, 660.0, 380.0),
        Detection(label, 0.7, 1000.0, 500.0, 1040.0, 540.0),
    ]
    with Outbox(folder / "outbox.db") as outbox:
        for number in range(32):
            at_s = number * 0.25
            pose = pose_at(0.2 * number, -60.0, height_m=80, pitch_deg=pitch_deg, yaw_deg=-0.1 * number)
            sightings = tuple(locate_detections(boxes, pose, CAMERA, terrain))
            look = Look(at_s, START + timedelta(seconds=at_s), pose, CAMERA, sightings, terrain)
            for change in tracker.look(look):
                bundle = tracker.bundle(change.hotspot.id)
                draft = writer.write(change, look, Provenance("ember", "a" * 64), "gnss", None, bundle)
                outbox.put_alert(*writer.complete(draft))


def run(alert: str, sources: Sources, save: Path | None = None) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=120)
    code = explain_command(alert, sources, save=save, console=console)
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


@pytest.mark.parametrize("terrain", [None, Plane(rise_east=0.2), Hills()], ids=["flat", "plane", "hills"])
@pytest.mark.parametrize("pitch_deg", [-60.0, -30.0, -8.0, 15.0])
def test_the_same_inputs_give_the_same_place_and_the_same_ellipse(
    terrain: Terrain | None, pitch_deg: float
) -> None:
    pose = pose_at(height_m=90, yaw_deg=70, pitch_deg=pitch_deg, roll_deg=1)
    sighting = locate(pose, CAMERA, (700.0, 380.0), [[9.0, 2.0], [2.0, 16.0]], terrain)
    explained = explain(sighting, terrain)
    assert explained.is_same
    assert explained.apart_m == (None if sighting.slant_range_m is None else 0.0)


@pytest.mark.parametrize("change", ["terrain", "place", "ellipse", "bearing"])
def test_a_record_that_was_tampered_with_does_not_hold(change: str) -> None:
    pose = pose_at(height_m=90, yaw_deg=70, pitch_deg=-40)
    sighting = locate(pose, CAMERA, (700.0, 380.0), 9.0 * np.eye(2), Plane())
    assert sighting.lat_deg is not None
    assert sighting.covariance_m2 is not None
    terrain = Plane(off_m=0.5) if change == "terrain" else Plane()
    wrong = {
        "terrain": sighting,
        "place": replace(sighting, lat_deg=sighting.lat_deg + 1e-6),
        "ellipse": replace(sighting, covariance_m2=0.5 * sighting.covariance_m2),
        "bearing": replace(sighting, bearing_deg=sighting.bearing_deg + 0.01),
    }[change]
    assert not explain(wrong, terrain).is_same


def test_the_shares_are_the_whole_error_the_largest_first_and_along_is_the_line_of_sight() -> None:
    pose = pose_at(height_m=90, yaw_deg=30, pitch_deg=-40)
    sighting = locate(pose, CAMERA, (640.0, 360.0), 9.0 * np.eye(2), Plane())
    found = shares(sighting, 3.0)
    assert {share.cause for share in found} == set(Cause)
    assert sum(share.part for share in found) == pytest.approx(1.0)
    assert [share.part for share in found] == sorted((share.part for share in found), reverse=True)
    assert sighting.covariance_m2 is not None
    squares = sum(share.along_m**2 + share.across_m**2 for share in found)
    assert squares == pytest.approx(float(np.trace(sighting.covariance_m2)))
    by_cause = {share.cause: share for share in found}
    assert by_cause[Cause.HEADING].across_m > 10 * by_cause[Cause.HEADING].along_m
    assert by_cause[Cause.HEIGHT].along_m > 10 * by_cause[Cause.HEIGHT].across_m
    assert by_cause[Cause.HEIGHT].given == "2.5 m camera, 3 m ground"


def test_every_cause_has_its_words_and_says_what_went_in() -> None:
    pose = pose_at(height_m=90, yaw_deg=30, pitch_deg=-40)
    sighting = locate(pose, CAMERA, (640.0, 360.0), 9.0 * np.eye(2), Plane())
    assert set(CAUSES) == {cause.name for cause in Cause}
    assert [share.cause for share in shares(sighting, 3.0) if not share.given] == []


def test_an_alert_over_flat_ground_is_explained_from_the_outbox_alone(tmp_path: Path) -> None:
    fly(tmp_path, None)
    code, said = run("0190", Sources(data=tmp_path))
    assert code == 0
    assert str(ALERT) in said
    assert "WGS84" in said
    assert "ember, SHA-256 " + "a" * 64 in said
    assert said.count("0.000 m from the record: it holds") >= 2, "confirming and latest views are two"
    assert "heading" in said
    assert "flat, ± 30 m" in said


def test_an_alert_over_a_terrain_model_needs_that_model(tmp_path: Path) -> None:
    dem = write_dem(tmp_path / "dem.tif")
    fly(tmp_path, RasterTerrain.open(dem))
    assert run("0190", Sources(data=tmp_path, dem=dem))[0] == 0
    with pytest.raises(ExplainError, match=r"dem\.tif"):
        run("0190", Sources(data=tmp_path))
    other = write_dem(tmp_path / "other.tif", off_m=3.0)
    code, said = run("0190", Sources(data=tmp_path, dem=other))
    assert code == 1
    assert "it does not hold" in said
    assert "other.tif" in said


def test_configuration_names_data_and_terrain(tmp_path: Path) -> None:
    dem = write_dem(tmp_path / "dem.tif")
    fly(tmp_path / "data", RasterTerrain.open(dem))
    (tmp_path / "agent.toml").write_text(
        '[agent]\ndata_dir = "data"\n[agent.drone]\nid = "d1"\n[agent.camera]\nsource = "virtual"\n'
        '[agent.terrain]\ndem = "dem.tif"\n[agent.uplink]\nkey_file = "key"\n'
    )
    assert run("0190", Sources(config=tmp_path / "agent.toml"))[0] == 0


def test_a_saved_alert_is_explained_elsewhere_and_a_changed_one_does_not_hold(tmp_path: Path) -> None:
    fly(tmp_path, None)
    saved = tmp_path / "alert.json"
    assert run("0190", Sources(data=tmp_path), saved)[0] == 0
    assert run(str(saved), Sources())[0] == 0
    plain = json.loads(saved.read_text())
    plain["record"]["latest"]["sighting"]["lat_deg"] += 1e-5
    saved.write_text(json.dumps(plain))
    code, said = run(str(saved), Sources())
    assert code == 1
    assert "1.110 m from the record" in said


@pytest.mark.parametrize("label", ["fire", "smoke"])
@pytest.mark.parametrize("pitch_deg", [-45.0, -5.0])
def test_the_position_of_all_looks_comes_out_of_the_sums_on_record(
    tmp_path: Path, label: Literal["fire", "smoke"], pitch_deg: float
) -> None:
    fly(tmp_path, Hills(), label=label, pitch_deg=pitch_deg)
    kept = kept_alert(tmp_path / "outbox.db", "0190")
    assert kept.record is not None
    assert kept.alert.position is not None
    assert kept.alert.covariance_m2 is not None
    bundle = AlertRecord.from_json(kept.record).bundle
    assert bundle is not None
    whole = resolve(bundle, kept.alert.position, kept.alert.covariance_m2)
    assert whole.is_same
    assert 0.0 < whole.common_part < 1.0
    elsewhere = kept.alert.position.model_copy(update={"lon_deg": kept.alert.position.lon_deg + 1e-6})
    assert not resolve(bundle, elsewhere, kept.alert.covariance_m2).is_same
    east, cross, north = kept.alert.covariance_m2
    assert not resolve(bundle, kept.alert.position, (1.1 * east, cross, north)).is_same
    louder = replace(bundle, ground=bundle.ground * [[1.0] * (len(bundle.ground)) + [1.01]])
    assert not resolve(louder, kept.alert.position, kept.alert.covariance_m2).is_same


def test_a_told_position_that_does_not_come_out_of_the_sums_fails(tmp_path: Path) -> None:
    fly(tmp_path, None)
    saved = tmp_path / "alert.json"
    run("0190", Sources(data=tmp_path), saved)
    plain = json.loads(saved.read_text())
    plain["alert"]["position"]["lat_deg"] += 1e-5
    saved.write_text(json.dumps(plain))
    code, said = run(str(saved), Sources())
    assert code == 1
    assert "1.110 m from what was told" in said
    plain["record"]["bundle"] = None
    saved.write_text(json.dumps(plain))
    code, said = run(str(saved), Sources())
    assert code == 0
    assert "not on record" in said


def test_a_bearing_alone_is_explained_as_that(tmp_path: Path) -> None:
    fly(tmp_path, None, pitch_deg=8.0)
    code, said = run("0190", Sources(data=tmp_path))
    assert code == 0
    assert "a bearing only" in said
    assert "the same bearing: it holds" in said


def test_what_cannot_be_explained_is_one_clear_line(tmp_path: Path) -> None:
    fly(tmp_path, None)
    with pytest.raises(OutboxError, match="no alert"):
        run("ffff", Sources(data=tmp_path))
    with pytest.raises(ExplainError, match="where is the alert"):
        run("0190", Sources())
    with pytest.raises(ExplainError, match="cannot be read"):
        run(str(tmp_path / "none.json"), Sources())
    (tmp_path / "text.json").write_text("[]")
    with pytest.raises(ExplainError, match="is no saved alert"):
        run(str(tmp_path / "text.json"), Sources())
    saved = tmp_path / "alert.json"
    run("0190", Sources(data=tmp_path), saved)
    plain = json.loads(saved.read_text())
    plain["record"]["latest"]["sighting"]["camera"] = None
    saved.write_text(json.dumps(plain))
    with pytest.raises(RecordError, match="camera"):
        run(str(saved), Sources())


def test_the_command_line_says_it_and_fails_where_it_does_not_hold(tmp_path: Path) -> None:
    fly(tmp_path, None)
    saved = tmp_path / "alert.json"
    told = CliRunner().invoke(
        app, ["locate", "explain", "0190", "--data", str(tmp_path), "--save", str(saved)]
    )
    assert (told.exit_code, "it holds" in told.output) == (0, True)
    saved.write_text(saved.read_text().replace('"alt_amsl_m": 680.0', '"alt_amsl_m": 681.0'))
    assert CliRunner().invoke(app, ["locate", "explain", str(saved)]).exit_code == 1
