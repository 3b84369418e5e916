"""Evidence packages: all of an incident, in a zip that holds by itself."""

from __future__ import annotations

import io
import shutil
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
import shapely
from PIL import Image
from typer.testing import CliRunner

from edge.cli import app as command_line
from uplink.station.package.check import check_package
from uplink.station.package.package import Wanted, facts_for, package
from uplink.station.package.positions import ellipse_ring
from uplink.station.package.zip_stream import ZipStream

from .evidence_makers import BOX_PX, photo, rich_alert, send_pictures
from .incident_station import incident_station
from .makers import DRONE, KEY, NOON, OTHER_DRONE, auth, eventually, sha256_of
from .package_makers import Fire, grow_report, key_of, ran, read, rewrite

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_package_has_all_of_it_and_holds(fire: Fire, whole: Path) -> None:
    verdict = check_package(whole, key_of(fire))
    assert verdict.problems == []
    assert (verdict.signed, verdict.by_known_key) == (True, True)
    assert (verdict.originals, verdict.copies) == (5, 5)
    with zipfile.ZipFile(whole) as package:
        assert package.testzip() is None
        first = photo(0)
        assert package.read(f"originals/{sha256_of(first)}.jpg") == first
        copy = package.read(f"copies/{sha256_of(first)}.jpg")
        assert b"the maker's mark" not in copy
        names = package.namelist()
        report = package.read("report.html").decode()
    assert {"incident.json", "README.txt", "manifest.json", "manifest.sig", "station-key.pem"} <= set(names)
    assert report.count("data:image/jpeg") == 5
    assert report.rstrip().endswith("</html>")


async def test_it_holds_what_the_station_knows(fire: Fire, whole: Path) -> None:
    station, incident = fire
    said = read(whole, "incident.json")
    now = await station.get(incident)
    assert {name: said[name] for name in said} == {name: now[name] for name in said}
    alerts = read(whole, "alerts.json")
    assert [alert["drone_id"] for alert in alerts] == [DRONE, OTHER_DRONE]
    assert [one["revision"] for one in alerts[0]["revisions"]] == [3]
    assert alerts[0]["model_sha256"] == sha256_of(b"the model")
    lines = (await station.timeline(incident, limit=500))["entries"]
    assert read(whole, "timeline.json") == lines
    deeds = [line["what"] for line in read(whole, "audit.json")]
    assert deeds[0] == "incident.opened"
    assert {"incident.acknowledged", "incident.dispatched", "incident.resolved", "incident.packaged"} <= set(
        deeds
    )
    features = read(whole, "positions.geojson")["features"]
    shapes = {
        one["properties"]["what"]: shapely.geometry.shape(one["geometry"])
        for one in features
        if one["geometry"]
    }
    assert set(shapes) == {"incident", "incident ellipse", "alert", "alert ellipse", "camera", "track"}
    assert shapes["incident ellipse"].contains(shapes["incident"])
    assert all(shape.is_valid for shape in shapes.values())


async def test_an_ellipse_is_as_long_and_turned_as_it_says() -> None:
    alert = rich_alert(0, DRONE, [])
    assert alert.position is not None
    assert alert.ellipse is not None
    ring = ellipse_ring(alert.position, alert.ellipse)
    polygon = shapely.Polygon(ring)
    assert polygon.exterior.is_ccw
    assert polygon.is_valid
    metre = 111_195.0
    across = np.cos(np.radians(alert.position.lat_deg))
    points = (np.array(ring) - [alert.position.lon_deg, alert.position.lat_deg]) * metre * [across, 1.0]
    far = points[np.argmax(np.hypot(*points.T))]
    assert np.hypot(*far) == pytest.approx(14.0, rel=1e-3)
    assert np.degrees(np.arctan2(*far)) % 180 == pytest.approx(35.0, abs=0.5)
    assert np.min(np.hypot(*points.T)) == pytest.approx(8.0, rel=1e-3)


async def test_openssl_and_sha256sum_check_it_as_the_readme_says(whole: Path, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl")
    with zipfile.ZipFile(whole) as package:
        package.extractall(tmp_path)
    readme = (tmp_path / "README.txt").read_text(encoding="utf-8")
    start = readme.index("    (printf")
    script = readme[start : readme.index("    sha256sum")]
    assert "Signature Verified Successfully" in ran("bash", "-ec", script, cwd=tmp_path)
    for path in (tmp_path / "originals").iterdir():
        assert sha256_of(path.read_bytes()) == path.stem


async def test_the_verb_says_plainly_what_is_wrong(fire: Fire, whole: Path, tmp_path: Path) -> None:
    key = tmp_path / "station.key"
    key.write_text(key_of(fire) + "\n")
    run = CliRunner()
    good = run.invoke(command_line, ["station", "verify-package", str(whole), "--key", str(key)])
    assert good.exit_code == 0, good.output
    assert "Whole and unchanged" in good.output
    assert "Signed by the station whose key you gave." in good.output
    alone = run.invoke(command_line, ["station", "verify-package", str(whole)])
    assert "ask the station" in alone.output
    path = rewrite(whole, tmp_path / "bad.zip", grow_report)
    bad = run.invoke(command_line, ["station", "verify-package", str(path)])
    assert bad.exit_code == 1
    assert "WRONG: report.html has more bytes" in bad.output
    assert "Do not rely on it." in bad.output


async def test_a_package_is_recorded_before_and_after(fire: Fire, whole: Path) -> None:
    station, incident = fire
    made = read(whole, "manifest.json")
    lines = [
        line
        for line in await station.services.store.audit.newest(500)
        if line.about == incident["id"] and line.detail.get("package") == made["id"]
    ]
    with zipfile.ZipFile(whole) as package:
        digest = sha256_of(package.read("manifest.json"))
    assert [line.what for line in lines] == ["incident.package_made", "incident.packaged"]
    assert lines[0].detail["manifest_sha256"] == digest
    assert made["audit_head"]["number"] >= lines[1].number


async def test_a_blurred_package_has_no_original_and_shows_nothing_where_the_boxes_are(
    fire: Fire, tmp_path: Path
) -> None:
    station, incident = fire
    sha256 = sha256_of(photo(0))
    path = tmp_path / "blurred.zip"
    answer = await station.http.post(
        f"/incidents/{incident['id']}/package", json={"blur": {sha256: [list(BOX_PX)]}}
    )
    assert answer.status_code == 200, answer.text
    path.write_bytes(answer.content)
    verdict = check_package(path, key_of(fire))
    assert verdict.problems == []
    assert (verdict.originals, verdict.copies) == (0, 5)
    assert verdict.manifest is not None
    assert verdict.manifest.blurred == [sha256]
    with zipfile.ZipFile(path) as package:
        assert f"copies/{sha256}.jpg" not in package.namelist()
        with Image.open(io.BytesIO(package.read(f"copies/{sha256}-blurred.jpg"))) as image:
            region = np.asarray(image.crop(BOX_PX))
        report = package.read("report.html").decode()
    colours = np.unique((region // 24).reshape(-1, 3), axis=0)
    assert len(colours) <= 24, "a few cells of colour"
    assert report.count("made unrecognisable") == 1


async def test_boxes_that_cannot_be_blurred_are_refused_before_the_first_byte(fire: Fire) -> None:
    station, incident = fire
    path = f"/incidents/{incident['id']}/package"
    sha256 = sha256_of(photo(0))
    refused: list[dict[str, list[list[float]]]] = [
        {sha256: [[900.0, 900.0, 950.0, 950.0]]},
        {"0" * 64: [[0.0, 0.0, 10.0, 10.0]]},
        {sha256: [[0.0, 0.0, 10.0]]},
        {sha256: []},
        {"no hash": [[0.0, 0.0, 10.0, 10.0]]},
    ]
    for blur in refused:
        answer = await station.http.post(path, json={"blur": blur})
        assert answer.status_code == 422, blur


async def test_what_is_missing_is_named_with_the_reason(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        here, damaged, never = photo(1), b"\xff\xd8\xff\xe0 no picture", photo(2)
        await station.put(rich_alert(0, DRONE, [here, damaged, never]))
        await send_pictures(station, [here])
        put = await station.http.put(
            f"/media/{sha256_of(damaged)}",
            content=damaged,
            headers=auth(KEY) | {"Content-Type": "image/jpeg"},
        )
        assert put.is_success

        async def judged() -> bool:
            row = await station.services.store.media.get(sha256_of(damaged))
            return row is not None and row.state == "quarantined"

        await eventually(judged, timeout_s=30)
        incident = await station.only()
        path = tmp_path / "some.zip"
        path.write_bytes((await station.http.get(f"/incidents/{incident['id']}/package")).content)
    verdict = check_package(path)
    assert verdict.problems == []
    assert (verdict.originals, verdict.copies) == (2, 1)
    assert verdict.manifest is not None
    said = {(one.sha256, one.form): one.why for one in verdict.manifest.missing}
    assert said.keys() == {
        (sha256_of(never), "original"),
        (sha256_of(never), "copy"),
        (sha256_of(damaged), "copy"),
    }
    assert "could not be decoded" in said[sha256_of(damaged), "copy"]


async def test_five_hundred_photos_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    """80 kB each: forty megabytes in all, with their copies eighty."""
    async with incident_station(tmp_path) as station:
        store = station.services.store
        noise = np.random.default_rng(3)
        alerts = []
        for number in range(32):
            pictures = []
            for _ in range(16):
                data = b"\xff\xd8\xff\xe0" + noise.bytes(80_000)
                sha256 = sha256_of(data)
                for path in (store.media.original(sha256), store.media.shown(sha256)):
                    path.write_bytes(data)
                pictures.append((sha256, len(data)))
            evidence = [
                {
                    "sha256": sha256,
                    "size_bytes": size,
                    "width_px": 64,
                    "height_px": 64,
                    "captured_at": NOON + timedelta(seconds=number),
                }
                for sha256, size in pictures
            ]
            alerts.append(rich_alert(number, DRONE, [], evidence=evidence))

            def rows(db: Any, pictures: list[tuple[str, int]] = pictures) -> None:
                db.conn.executemany(
                    "insert into media (sha256, drone_id, size_bytes, received_at_s, state) "
                    "values (?, 'ember-1', ?, 0, 'shown')",
                    pictures,
                )

            await store._database.run(rows)
        await station.put(*alerts)
        incident = await station.only()
        assert incident["alerts"] == 32
        wanted = Wanted(uuid4(), UUID(incident["id"]), station.services.now(), "Ada")
        facts = await facts_for(store, station.services.control.key, wanted)
        facts.pictures.clear()  # the report decodes pictures, which these are not
        path, largest = tmp_path / "large.zip", 0
        tracemalloc.start()
        with path.open("wb") as file:
            async for piece in package(
                store, station.services.control.key, wanted, facts, clock=station.clock
            ):
                largest = max(largest, len(piece))
                file.write(piece)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        verdict = check_package(path)
        _, peak_of_check = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert verdict.problems == []
    assert (verdict.originals, verdict.copies) == (512, 512)
    assert path.stat().st_size > 80e6
    assert largest < 1e6
    assert peak < 8e6, f"{peak / 1e6:.1f} MB"
    assert peak_of_check < 8e6, f"{peak_of_check / 1e6:.1f} MB"


async def test_a_zip_that_is_sent_while_it_is_written_is_read_by_others(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"abc" * 1000

    stream = ZipStream(NOON)
    data = b""
    for name, pressed in (("a.txt", True), ("b.jpg", False)):
        async for ready in stream.add(name, "", pieces(), pressed=pressed):
            data += ready
    data += stream.finish()
    path = tmp_path / "s.zip"
    path.write_bytes(data)
    unzip = shutil.which("unzip")
    if unzip is not None:
        assert "No errors detected" in ran(unzip, "-t", str(path), cwd=tmp_path)
    with zipfile.ZipFile(path) as package:
        assert package.read("a.txt") == package.read("b.jpg") == b"abc" * 3000
        assert package.getinfo("a.txt").date_time == (2026, 7, 1, 12, 0, 0)
