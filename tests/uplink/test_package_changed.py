"""Whatever is changed in an evidence package is found, whoever signs it."""

from __future__ import annotations

import json
import shutil
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uplink.errors import StationError
from uplink.order_signing import StationKey
from uplink.station.package.check import check_package
from uplink.station.store.audit import hash_of_line

from .evidence_makers import photo
from .makers import sha256_of
from .package_makers import Change, Fire, bytes_of, grow_report, key_of, one, rewrite

pytestmark = pytest.mark.asyncio(loop_scope="module")


def change_picture(files: dict[str, bytes]) -> None:
    name = one(files, "copies/")
    files[name] = files[name][:-3] + b"abc"


def change_original(files: dict[str, bytes]) -> None:
    files[one(files, "originals/")] = photo(77)


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
