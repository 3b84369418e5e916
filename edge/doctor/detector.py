"""The detector: whether the file is whole, what each back end makes of it, and how fast."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.config.file import DetectorSection
from edge.doctor.check import Check
from models import golden
from models.backends.choice import present_for
from models.backends.session import ModelFile
from models.detector import Detector
from models.errors import ModelError
from models.shipped import SHIPPED_WEIGHTS

LOOKS = 3
"""The quickest counts."""


@dataclass(frozen=True, slots=True)
class BackendFound:
    """What one back end made of the model."""

    name: str
    trouble: str = ""
    version: str = ""
    look_s: float | None = None


@dataclass(frozen=True, slots=True)
class DetectorFound:
    """What was found."""

    model: str
    sha256: str = ""
    trouble: str = ""
    is_whole: bool | None = None
    """Whether the file is the one that was installed; None where nobody noted that."""
    asked: str = "auto"
    backends: Sequence[BackendFound] = ()
    period_s: float = 0.2


def judge_detector(found: DetectorFound) -> list[Check]:
    """All that was found, with what to do."""
    if found.trouble:
        return [Check("model", False, found.trouble, "Name a model that is here, or leave it out: ember-n.")]
    return [_file(found), *(_backend(found, one) for one in found.backends), _speed(found)]


def _file(found: DetectorFound) -> Check:
    words = f"{found.model}, sha256 {found.sha256[:12]}"
    if found.is_whole is False:
        return Check(
            "model", False, f"{words} is not the file that was installed", "Install Emberwatch again."
        )
    return Check("model", True, words if found.is_whole is None else f"{words}, as it was installed")


def _backend(found: DetectorFound, one: BackendFound) -> Check:
    name = f"back end {one.name}"
    if one.trouble:
        passed = None if found.asked == "auto" else False
        return Check(
            name,
            passed,
            one.trouble,
            "It is left out. Update its driver or package, or choose another backend.",
        )
    look = "" if one.look_s is None else f", {1e3 * one.look_s:.0f} ms a look"
    return Check(name, True, f"{one.version} sees on the golden picture what it should{look}")


def _speed(found: DetectorFound) -> Check:
    looks_s = [one.look_s for one in found.backends if one.look_s is not None]
    if not looks_s:
        if found.asked == "tensorrt":
            return Check("detector", None, "TensorRT builds its engine when the agent first starts: minutes")
        remedy = 'Without a detector nothing is found: choose backend = "cpu", or install Emberwatch again.'
        return Check("detector", False, "no back end runs the model", remedy)
    quickest_s = min(looks_s)
    words = f"{1e3 * quickest_s:.0f} ms a look, {1e3 * found.period_s:.0f} ms are there for each frame"
    if quickest_s > found.period_s:
        remedy = f"Set frames_per_s to {0.6 / quickest_s:.1f}, take ember-n-int8, or give it more threads."
        return Check("detector", None, words, remedy)
    return Check("detector", True, words)


def try_detector(section: DetectorSection, frames_per_s: float) -> DetectorFound:
    """Load the model on each back end that could run it, and let it look at the golden picture. Writes
    nothing, and takes some seconds."""
    path = section.model or SHIPPED_WEIGHTS
    try:
        file = ModelFile.read(path)
    except ModelError as error:
        return DetectorFound(path.name, trouble=str(error))
    names = present_for(file, None) if section.backend == "auto" else [section.backend]
    backends = [_tried(section, name) for name in names if name != "tensorrt"]
    return DetectorFound(
        path.stem,
        file.sha256,
        is_whole=is_whole(file),
        asked=section.backend,
        backends=backends,
        period_s=1 / frames_per_s,
    )


def _tried(section: DetectorSection, name: str) -> BackendFound:
    try:
        detector = Detector.load(section.model, threads=section.threads, backend=name, labels=section.labels)
        picture = golden.picture()
        looks_s = []
        for _ in range(LOOKS):
            started_s = time.perf_counter()
            detector.detect_raw(picture, golden.COUNTS_FROM)
            looks_s.append(time.perf_counter() - started_s)
    except ModelError as error:
        return BackendFound(name, trouble=str(error))
    return BackendFound(name, version=detector.backend, look_s=min(looks_s))


def is_whole(file: ModelFile) -> bool | None:
    """By the checksum that pip noted of a shipped model; None for others, and in a checkout."""
    try:
        noted = importlib.metadata.files("emberwatch") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for one in noted:
        if one.hash is not None and one.name == file.path.name:
            if Path(one.locate()).resolve() != file.path.resolve():
                continue
            digest = hashlib.new(one.hash.mode, file.content).digest()
            return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == one.hash.value
    return None
