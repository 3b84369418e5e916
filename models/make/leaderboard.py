"""The table of models in ``models/README.md``, measured and written by one command."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from models.make.dataset import Example
from models.make.evaluate import COMPARED_AT, SMALL_PX, Figures, evaluate

BEGIN, END = "<!-- leaderboard -->", "<!-- /leaderboard -->"
_PLACE = re.compile(f"^{re.escape(BEGIN)}$.*?^{re.escape(END)}$", re.DOTALL | re.MULTILINE)
HEADINGS = (
    "model",
    "input px",
    "mAP50",
    "fire AP50",
    "smoke AP50",
    "mAP50-95",
    "fire AP50-95",
    "smoke AP50-95",
    f"boxes under {SMALL_PX:.0f} px found",
    "burning, flagged",
    "nothing burning, flagged",
    "false boxes per clear picture",
    f"flagged at {COMPARED_AT:.0%} wrongly",
    "ms",
    "MB",
    "SHA-256",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One model at one input size."""

    model: str
    sha256: str
    figures: Figures


def measure(
    models: Sequence[Path],
    sizes_px: Sequence[int],
    pictures: Sequence[Example],
    *,
    on_picture: Callable[[str, int, int], None] | None = None,
) -> list[Entry]:
    """Judges every model at every input size, on the reference back end, at its own threshold."""
    entries = []
    for model in models:
        if not model.is_file():
            raise ModelError(f"no model file at {model}", hint="Check the path to the .onnx file.")
    for model in models:
        for size_px in sizes_px:
            what = f"{model.name} at {size_px} px"

            def advance(done: int, total: int, what: str = what) -> None:
                if on_picture is not None:
                    on_picture(what, done, total)

            result, _ = evaluate(model, pictures, input_px=size_px, on_picture=advance)
            entries.append(Entry(model.name, hashlib.sha256(model.read_bytes()).hexdigest(), result))
    return entries


def markdown(entries: Sequence[Entry], split: str) -> str:
    """The table, best mAP50 first, and what it was measured on."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for entry in sorted(entries, key=lambda e: (-e.figures.map50, e.model, e.figures.input_px)):
        result = entry.figures
        fire, smoke = result.labels["fire"], result.labels["smoke"]
        cells = (
            f"`{entry.model}`",
            str(result.input_px),
            _points(result.map50),
            _points(fire.ap50),
            _points(smoke.ap50),
            _points(result.map50_95),
            _points(fire.ap50_95),
            _points(smoke.ap50_95),
            f"{result.small_found} of {result.small_labelled}",
            f"{result.burning_flagged} of {result.burning} ({result.recall:.0%})",
            f"{result.clear_flagged} of {result.clear} ({result.false_alarms:.1%})",
            f"{result.clear_boxes / result.clear:.3f}" if result.clear else "–",
            f"{result.recall_compared:.0%}",
            f"{result.median_ms:.0f}",
            f"{result.megabytes:.1f}",
            f"`{entry.sha256[:12]}`",
        )
        lines.append("| " + " | ".join(cells) + " |")
    pictures = entries[0].figures.pictures if entries else 0
    note = (
        f"{pictures} photos of the split `{split}`. Found and flagged are counted at each model's own patrol "
        "threshold, which was set at its own input size; a box is found when one of its class overlaps it by "
        "half, and small by its longer side in the photo. Milliseconds are the median for a whole photo "
        f"without decoding, on ONNX Runtime with two threads of {_cpu()}."
    )
    return "\n".join([*lines, "", note]) + "\n"


def with_leaderboard(document: str, table: str) -> str:
    """``document`` with ``table`` between its markers; raises :class:`ModelError` where it has none."""
    if not _PLACE.search(document):
        raise ModelError(
            "the document has no place for a leaderboard",
            hint=f"Put the lines {BEGIN} and {END} where it should be.",
        )
    return _PLACE.sub(lambda _: f"{BEGIN}\n{table}{END}", document, count=1)


def checksums(document: str) -> dict[str, set[str]]:
    """The beginnings of the SHA-256 of every file in the leaderboard of ``document``, by file name."""
    found: dict[str, set[str]] = {}
    place = _PLACE.search(document)
    rows = re.findall(r"^\| `([^`]+)` .*\| `([0-9a-f]{12})` \|$", place[0] if place else "", re.MULTILINE)
    for name, begins in rows:
        found.setdefault(name, set()).add(begins)
    return found


def _points(share: float) -> str:
    return f"{share:.3f}".replace("0.", ".", 1)


def _cpu() -> str:
    try:
        names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        names = []
    kind = names[0] if names else platform.processor() or platform.machine()
    return f"a {kind} with {os.cpu_count()} cores"
