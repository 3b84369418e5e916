"""Whether an evidence package is what a station made: every file, every hash, the signature, the chain.

Nothing in the package is trusted: not its names, not its sizes, and the key in it only as far as to say so.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from uplink.errors import StationError
from uplink.order_signing import StationPublicKey
from uplink.station.package import manifest as names
from uplink.station.package.manifest import Manifest
from uplink.station.store.audit import ChainedLine

PIECE_BYTES = 1024 * 1024
MOST_TEXT_BYTES = 64 * 1024 * 1024  # of a file that is read whole
MOST_FILES = 100_000
_ORIGINAL = re.compile(rf"{names.ORIGINALS}([0-9a-f]{{64}})\.jpg")
_LINES = TypeAdapter(list[ChainedLine])


@dataclass(slots=True)
class Verdict:
    """``problems`` is empty where everything holds. ``manifest`` is what the package says of itself."""

    problems: list[str] = field(default_factory=list)
    manifest: Manifest | None = None
    originals: int = 0
    copies: int = 0
    lines: int = 0
    signed: bool = False
    by_known_key: bool = False


def check_package(path: Path, known_key: str | None = None) -> Verdict:
    """``known_key`` is the station's public key from somewhere else. Raises ``StationError`` where the file
    cannot be read at all."""
    verdict = Verdict()
    try:
        with zipfile.ZipFile(path) as package:
            _check(package, verdict, known_key)
    except FileNotFoundError:
        raise StationError(f"there is no file {path}") from None
    except OSError as reason:
        raise StationError(f"{path} cannot be read: {reason.strerror or reason}") from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile):
        verdict.problems.append("it is no zip file, or was cut off")
    return verdict


def _check(package: zipfile.ZipFile, verdict: Verdict, known_key: str | None) -> None:
    infos = package.infolist()
    verdict.problems += _bad_names(infos)
    if verdict.problems:
        return  # what is under one name twice, or outside, is not to be looked at further
    present = {info.filename: info for info in infos}
    body = _text(package, present.get(names.MANIFEST))
    if body is None:
        verdict.problems.append(f"there is no {names.MANIFEST}: nothing in it can be checked")
        return
    manifest = _manifest(body, verdict)
    _check_signature(package, present, body, verdict, known_key)
    if manifest is None:
        return
    listed = {file.path: file for file in manifest.files}
    for path in sorted(present.keys() - listed.keys() - names.NOT_LISTED):
        verdict.problems.append(f"{path} is not in the manifest: it was added")
    for path, file in sorted(listed.items()):
        if path not in present:
            verdict.problems.append(f"{path} is missing")
        else:
            _check_file(package, present[path], file.size_bytes, file.sha256, verdict)
    _check_audit(package, present, manifest, verdict)
    _check_alerts(package, present, manifest, verdict)
    _check_incident(package, present, manifest, verdict)


def _bad_names(infos: list[zipfile.ZipInfo]) -> list[str]:
    if len(infos) > MOST_FILES:
        return [f"it holds {len(infos)} files: no station makes so many"]
    problems = [
        f"{name} is in it {count} times"
        for name, count in Counter(i.filename for i in infos).items()
        if count > 1
    ]
    for info in infos:
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename or info.is_dir():
            problems.append(f"{info.filename!r} is no name of a file in a package")
        elif info.flag_bits & 0x1:
            problems.append(f"{info.filename} is encrypted")
    return problems


def _manifest(body: bytes, verdict: Verdict) -> Manifest | None:
    try:
        verdict.manifest = Manifest.model_validate_json(body)
    except ValidationError as reason:
        first = reason.errors()[0]
        where = ".".join(map(str, first["loc"]))
        verdict.problems.append(f"{names.MANIFEST} is none: {where}: {first['msg']}".replace(": :", ":"))
        return None
    twice = [p for p, n in Counter(file.path for file in verdict.manifest.files).items() if n > 1]
    if twice:
        verdict.problems.append(f"{names.MANIFEST} names {twice[0]} twice")
        return None
    return verdict.manifest


def _check_signature(
    package: zipfile.ZipFile,
    present: dict[str, zipfile.ZipInfo],
    body: bytes,
    verdict: Verdict,
    known_key: str | None,
) -> None:
    """By the key that is known from elsewhere; else by the one that the package names."""
    signature = _text(package, present.get(names.SIGNATURE))
    if signature is None:
        verdict.problems.append(f"there is no {names.SIGNATURE}: nobody has signed it")
        return
    said = verdict.manifest.station_key if verdict.manifest is not None else ""
    try:
        key = StationPublicKey.parse(known_key if known_key is not None else said)
    except ValueError as reason:
        verdict.problems.append(f"the station's key in {names.MANIFEST} is none: {reason}")
        return
    if key.has_sealed(body, signature.decode("ascii", "replace").strip()):
        verdict.signed, verdict.by_known_key = True, known_key is not None
    elif known_key is not None and said != known_key:
        verdict.problems.append(f"the key that you gave has not signed it; it names the key {said!r}")
    else:
        verdict.problems.append(f"the signature does not fit {names.MANIFEST}: one of them was changed")
    own = _text(package, present.get(names.KEY))
    if own is not None and own.decode("utf-8", "replace").strip() != said:
        verdict.problems.append(f"{names.KEY} is another key than the one in {names.MANIFEST}")


def _check_file(
    package: zipfile.ZipFile, info: zipfile.ZipInfo, size_bytes: int, sha256: str, verdict: Verdict
) -> None:
    digest, size = hashlib.sha256(), 0
    try:
        with package.open(info) as file:
            while piece := file.read(PIECE_BYTES):
                size += len(piece)
                if size > size_bytes:
                    break
                digest.update(piece)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as reason:
        verdict.problems.append(f"{info.filename} is damaged: {reason}")
        return
    except Exception as reason:  # noqa: BLE001 (zlib's own errors, whatever they are called)
        verdict.problems.append(f"{info.filename} is damaged: {reason}")
        return
    if size != size_bytes:
        more = "more" if size > size_bytes else f"{size}"
        verdict.problems.append(f"{info.filename} has {more} bytes, not {size_bytes}: it was changed")
    elif digest.hexdigest() != sha256:
        verdict.problems.append(f"{info.filename} was changed: its SHA-256 is not the manifest's")
    original = _ORIGINAL.fullmatch(info.filename)
    if original is not None:
        verdict.originals += 1
        if digest.hexdigest() != original[1]:
            verdict.problems.append(f"{info.filename} is not the picture that its name says")
    elif info.filename.startswith(names.COPIES):
        verdict.copies += 1


def _check_audit(
    package: zipfile.ZipFile, present: dict[str, zipfile.ZipInfo], manifest: Manifest, verdict: Verdict
) -> None:
    body = _text(package, present.get(names.AUDIT))
    if body is None:
        return
    try:
        lines = _LINES.validate_json(body)
    except ValidationError:
        verdict.problems.append(f"{names.AUDIT} holds something else than lines of an audit log")
        return
    verdict.lines = len(lines)
    last: ChainedLine | None = None
    for line in lines:
        where = f"line {line.number} of the audit log"
        if not line.holds:
            verdict.problems.append(f"{where} was changed: its hash does not fit it")
        if last is not None and line.number <= last.number:
            verdict.problems.append(f"{where} comes after line {last.number}")
        elif last is not None and line.number == last.number + 1 and line.before != last.hash:
            verdict.problems.append(f"{where} does not follow from the one before it")
        last = line
    head = manifest.audit_head
    if last is not None and last.number > head.number:
        verdict.problems.append(f"line {last.number} of the audit log is newer than the package")
    elif last is not None and last.number == head.number and last.hash != head.hash:
        verdict.problems.append(f"line {last.number} of the audit log is not the one that the manifest names")


def _check_alerts(
    package: zipfile.ZipFile, present: dict[str, zipfile.ZipInfo], manifest: Manifest, verdict: Verdict
) -> None:
    """Every picture that an alert names is here in each form, or the manifest says why not."""
    body = _text(package, present.get(names.ALERTS))
    if body is None:
        return
    excused = {(missing.sha256, missing.form) for missing in manifest.missing}
    for sha256 in _pictures_named(body, verdict):
        copy = f"{names.COPIES}{sha256}{'-blurred' if sha256 in manifest.blurred else ''}.jpg"
        if copy not in present and (sha256, "copy") not in excused:
            verdict.problems.append(f"there is no copy of picture {sha256}, and nothing says why")
        original = f"{names.ORIGINALS}{sha256}.jpg"
        wanted = manifest.with_originals and (sha256, "original") not in excused
        if wanted and original not in present:
            verdict.problems.append(f"the original of picture {sha256} is not here, and nothing says why")


def _pictures_named(body: bytes, verdict: Verdict) -> list[str]:
    try:
        alerts = json.loads(body)
        named = [str(one["sha256"]) for alert in alerts for one in alert["evidence"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        verdict.problems.append(f"{names.ALERTS} holds something else than alerts")
        return []
    return list(dict.fromkeys(named))


def _check_incident(
    package: zipfile.ZipFile, present: dict[str, zipfile.ZipInfo], manifest: Manifest, verdict: Verdict
) -> None:
    body = _text(package, present.get(names.INCIDENT))
    if body is None:
        return
    try:
        incident: Any = json.loads(body)
        same = incident["id"] == str(manifest.incident_id)
    except (ValueError, KeyError, TypeError, RecursionError):
        same = False
    if not same:
        verdict.problems.append(f"{names.INCIDENT} is about another incident than the manifest")


def _text(package: zipfile.ZipFile, info: zipfile.ZipInfo | None) -> bytes | None:
    """A file that is read whole; none where it is missing, damaged or larger than any of them is."""
    if info is None or info.file_size > MOST_TEXT_BYTES:
        return None
    try:
        with package.open(info) as file:
            data = file.read(MOST_TEXT_BYTES + 1)
    except Exception:  # noqa: BLE001 (whatever zlib makes of it; the file's own check says so)
        return None
    return data if len(data) <= MOST_TEXT_BYTES else None
