"""Evidence packages: all of an incident, and whatever is changed in one is found."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
import pytest_asyncio
import shapely
from PIL import Image
from typer.testing import CliRunner

from edge.cli import app as command_line
from uplink.errors import StationError
from uplink.order_signing import StationKey
from uplink.station.package.check import check_package
from uplink.station.package.package import Wanted, facts_for, package
from uplink.station.package.positions import ellipse_ring
from uplink.station.package.zip_stream import ZipStream
from uplink.station.store.audit import hash_of_line

from .evidence_makers import BOX_PX, photo, rich_alert, send_pictures, station_with_incident
from .incident_station import IncidentStation, Json, incident_station
from .makers import DRONE, KEY, NOON, OTHER_DRONE, auth, eventually, sha256_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
Fire = tuple[IncidentStation, Json]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fire(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fire]:
    async with station_with_incident(tmp_path_factory.mktemp("package")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(fire: Fire, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package as the station made it."""
    station, incident = fire
    answer = await station.http.get(f"/incidents/{incident['id']}/package")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    path = tmp_path_factory.mktemp("whole") / "whole.zip"
    path.write_bytes(answer.content)
    return path


def key_of(fire: Fire) -> str:
    return str(fire[0].services.control.public_key)


def read(path: Path, name: str) -> Any:
    with zipfile.ZipFile(path) as package:
        return json.loads(package.read(name))


def ran(*words: str, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


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


Change = Callable[[dict[str, bytes]], None]


def rewrite(source: Path, target: Path, change: Change) -> Path:
    """Another zip with the same files, changed."""
    with zipfile.ZipFile(source) as package:
        files = {name: package.read(name) for name in package.namelist()}
    change(files)
    with zipfile.ZipFile(target, "w") as package:
        for name, data in files.items():
            package.writestr(name, data)
    return target


def one(files: dict[str, bytes], folder: str) -> str:
    return next(name for name in sorted(files) if name.startswith(folder))


def change_picture(files: dict[str, bytes]) -> None:
    name = one(files, "copies/")
    files[name] = files[name][:-3] + b"abc"


def change_original(files: dict[str, bytes]) -> None:
    files[one(files, "originals/")] = photo(77)


def grow_report(files: dict[str, bytes]) -> None:
    files["report.html"] += b"<p>and more"


def shrink_timeline(files: dict[str, bytes]) -> None:
    files["timeline.json"] = files["timeline.json"][:-5]


def drop_picture(files: dict[str, bytes]) -> None:
    del files[one(files, "originals/")]


def add_file(files: dict[str, bytes]) -> None:
    files["copies/" + "f" * 64 + ".jpg"] = photo(5)


def swap_names(files: dict[str, bytes]) -> None:
    first, second = sorted(name for name in files if name.startswith("originals/"))[:2]
    files[first], files[second] = files[second], files[first]


def drop_signature(files: dict[str, bytes]) -> None:
    del files["manifest.sig"]


def spoil_signature(files: dict[str, bytes]) -> None:
    files["manifest.sig"] = b"A" * 86 + b"==\n"


def no_signature_at_all(files: dict[str, bytes]) -> None:
    files["manifest.sig"] = b"\xff\xfe not base64"


def drop_manifest(files: dict[str, bytes]) -> None:
    del files["manifest.json"]


def edit_manifest(files: dict[str, bytes]) -> None:
    files["manifest.json"] = files["manifest.json"].replace(
        b'"made_by": "operator"', b'"made_by": "Somebody"'
    )


def break_manifest(files: dict[str, bytes]) -> None:
    files["manifest.json"] = b'{"format": "emberwatch package 2"}'


def climb(files: dict[str, bytes]) -> None:
    files["../../etc/cron.d/x"] = b"x"


def absolute(files: dict[str, bytes]) -> None:
    files["/etc/passwd"] = b"x"


TAMPERED: dict[str, tuple[Change, str]] = {
    "a copy": (change_picture, "was changed: its SHA-256"),
    "an original": (change_original, "was changed"),
    "a longer report": (grow_report, "report.html has more bytes"),
    "a shorter timeline": (shrink_timeline, "timeline.json has"),
    "a picture gone": (drop_picture, "is missing"),
    "a file added": (add_file, "is not in the manifest: it was added"),
    "names swapped": (swap_names, "is not the picture that its name says"),
    "no signature": (drop_signature, "nobody has signed it"),
    "another signature": (spoil_signature, "the signature does not fit"),
    "a signature that is none": (no_signature_at_all, "the signature does not fit"),
    "no manifest": (drop_manifest, "nothing in it can be checked"),
    "another word in the manifest": (edit_manifest, "the signature does not fit"),
    "another format": (break_manifest, "manifest.json is none"),
    "a name that climbs": (climb, "is no name of a file in a package"),
    "a name from the root": (absolute, "is no name of a file in a package"),
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_whatever_is_changed_is_found(fire: Fire, whole: Path, tmp_path: Path, what: str) -> None:
    change, said = TAMPERED[what]
    path = rewrite(whole, tmp_path / "changed.zip", change)
    for key in (key_of(fire), None):
        problems = check_package(path, key).problems
        assert any(said in problem for problem in problems), problems


async def test_the_same_files_zipped_anew_still_hold(whole: Path, tmp_path: Path) -> None:
    assert check_package(rewrite(whole, tmp_path / "anew.zip", lambda files: None)).problems == []


def resigned(files: dict[str, bytes], change: Change, key: StationKey, *, listed: bool = True) -> None:
    """A forger with a key of his own makes all of it fit again."""
    change(files)
    manifest = json.loads(files["manifest.json"])
    manifest["station_key"] = key.public
    files["station-key.txt"] = key.public.encode()
    if listed:
        manifest["files"] = [
            file | {"sha256": sha256_of(files[file["path"]]), "size_bytes": len(files[file["path"]])}
            for file in manifest["files"]
            if file["path"] in files
        ]
    files["manifest.json"] = json.dumps(manifest).encode()
    files["manifest.sig"] = key.seal(files["manifest.json"]).encode()


async def test_a_package_that_was_made_anew_with_another_key_shows_by_the_stations_key(
    fire: Fire, whole: Path, tmp_path: Path
) -> None:
    forger = StationKey.open(tmp_path / "forger")
    path = rewrite(whole, tmp_path / "forged.zip", lambda files: resigned(files, grow_report, forger))
    assert check_package(path).problems == [], "by itself it holds: only the key tells"
    (problem,) = check_package(path, key_of(fire)).problems
    assert "the key that you gave has not signed it" in problem


def edit_audit(change: Callable[[list[Any]], object]) -> Change:
    def work(files: dict[str, bytes]) -> None:
        lines = json.loads(files["audit.json"])
        change(lines)
        files["audit.json"] = json.dumps(lines).encode()

    return work


def another_word(lines: list[Any]) -> None:
    lines[2]["who"] = "somebody else"


def another_order(lines: list[Any]) -> None:
    lines.reverse()


def newer(lines: list[Any]) -> None:
    lines[-1]["number"] += 1000


def not_following(lines: list[Any]) -> None:
    """Two lines in a row of which the second is another chain's, each right by itself."""
    first = next(i for i in range(len(lines) - 1) if lines[i + 1]["number"] == lines[i]["number"] + 1)
    line = lines[first + 1]
    line["before"] = "0" * 64
    said = [line[name] for name in ("number", "at_s", "who", "what", "about", "detail")]
    line["hash"] = hash_of_line(line["before"], said)


CHAIN: dict[str, tuple[Callable[[list[Any]], object], str]] = {
    "a word": (another_word, "was changed: its hash does not fit"),
    "the order": (another_order, "comes after line"),
    "a newer line": (newer, "is newer than the package"),
    "another chain": (not_following, "does not follow from the one before"),
    "no lines at all": (lambda lines: lines.append({"number": 1}), "something else than lines"),
}


@pytest.mark.parametrize("what", CHAIN)
async def test_a_chain_that_does_not_hold_is_found_whoever_signs_it(
    whole: Path, tmp_path: Path, what: str
) -> None:
    change, said = CHAIN[what]
    forger = StationKey.open(tmp_path / "forger")
    path = rewrite(whole, tmp_path / "chain.zip", lambda files: resigned(files, edit_audit(change), forger))
    problems = check_package(path).problems
    assert any(said in problem for problem in problems), problems


async def test_a_picture_that_is_left_out_without_a_word_is_found_whoever_signs_it(
    whole: Path, tmp_path: Path
) -> None:
    forger = StationKey.open(tmp_path / "forger")
    path = rewrite(whole, tmp_path / "less.zip", lambda files: resigned(files, drop_picture, forger))
    (problem,) = check_package(path).problems
    assert "is not here, and nothing says why" in problem


async def test_another_incident_is_found_whoever_signs_it(whole: Path, tmp_path: Path) -> None:
    def other(files: dict[str, bytes]) -> None:
        files["incident.json"] = b'{"id": "another"}'

    forger = StationKey.open(tmp_path / "forger")
    path = rewrite(whole, tmp_path / "other.zip", lambda files: resigned(files, other, forger))
    (problem,) = check_package(path).problems
    assert "about another incident" in problem


async def test_a_file_twice_and_a_file_that_is_cut_off_are_found(whole: Path, tmp_path: Path) -> None:
    twice = tmp_path / "twice.zip"
    shutil.copy(whole, twice)
    with zipfile.ZipFile(twice, "a") as package, pytest.warns(UserWarning, match="Duplicate"):
        package.writestr("report.html", b"another one")
    assert check_package(twice).problems == ["report.html is in it 2 times"]
    data = bytes_of(whole)
    for size in (0, 10, 5000, len(data) - 30):
        cut = tmp_path / "cut.zip"
        cut.write_bytes(data[:size])
        assert check_package(cut).problems == ["it is no zip file, or was cut off"], size
    with pytest.raises(StationError, match="there is no file"):
        check_package(tmp_path / "none.zip")


async def test_any_bit_that_is_flipped_is_found_or_says_nothing(whole: Path, tmp_path: Path) -> None:
    """Wherever it is: in a file, in a name, in the directory. Dates and the like may be another."""
    data = bytes_of(whole)
    rng = np.random.default_rng(1)
    with zipfile.ZipFile(whole) as package:
        files = {info.filename: package.read(info) for info in package.infolist()}
    unnoticed = 0
    for at in rng.integers(0, len(data), 60):
        path = tmp_path / "flipped.zip"
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :])
        if check_package(path).problems == []:
            unnoticed += 1
            with zipfile.ZipFile(path) as package:
                assert {info.filename: package.read(info) for info in package.infolist()} == files
    assert unnoticed < 12


async def test_a_bomb_does_not_go_off(whole: Path, tmp_path: Path) -> None:
    def bomb(files: dict[str, bytes]) -> None:
        files["report.html"] = b"\0" * 80_000_000
        files["audit.json"] = b"[" * 70_000_000

    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(whole) as package:
        files = {name: package.read(name) for name in package.namelist()}
    bomb(files)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for name, data in files.items():
            package.writestr(name, data)
    del files
    tracemalloc.start()
    problems = check_package(path).problems
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {"report.html has more bytes", "audit.json has more bytes"} <= {
        " ".join(problem.split()[:4]).rstrip(",") for problem in problems
    }
    assert peak < 20e6


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
