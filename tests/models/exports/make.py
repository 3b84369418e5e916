"""Makes the tiny exports in this folder, each with the library that its family comes from.

    python -m tests.models.exports.make              # all that this environment has the library for
    python -m tests.models.exports.make hf-detr ...  # some

Beside each ``.onnx`` goes a ``.json``: the boxes that the library's own post-processing finds on
``picture.png`` (its upper left corner, cut to the network's input), and what made them. README.md is
written from those. Weights are random: large enough to tell boxes apart, and good for nothing else.

Needs the extra ``train``, and for the families besides Ultralytics: ``yolov5``, ``transformers``,
``rfdetr``, ``pydfine``. ``rtdetr-scores`` needs Ultralytics 8.3 in front of the other
(``pip install --no-deps --target DIR ultralytics==8.3.40``, ``PYTHONPATH=DIR``).
"""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.models.exports.detrs import dfine, hf_detr, hf_dfine, hf_rtdetr, rfdetr
from tests.models.exports.tools import HERE, Made, draw_picture, lean
from tests.models.exports.yolos import anchor_free, end_to_end, other_task, rtdetr, rtdetr_scores, yolov5

MAKERS: dict[str, Callable[[Path], Made]] = {
    "yolov8": functools.partial(anchor_free, "v8/yolov8.yaml"),
    "yolo11-dynamic": functools.partial(anchor_free, "11/yolo11.yaml", dynamic=True),
    "yolo26-one-to-many": functools.partial(anchor_free, "26/yolo26.yaml"),
    "yolov10": functools.partial(end_to_end, "v10/yolov10n.yaml", half=True, nms=False),
    "yolo26": functools.partial(end_to_end, "26/yolo26.yaml", nms=False),
    "yolo26-dynamic": functools.partial(end_to_end, "26/yolo26.yaml", nms=False, dynamic=True),
    "yolo11-nms": functools.partial(end_to_end, "11/yolo11.yaml", nms=True, conf=0.05, iou=0.5),
    "rtdetr": rtdetr,
    "rtdetr-scores": rtdetr_scores,
    "yolov5": functools.partial(yolov5, classes=2, dynamic=False),
    "yolov5-smoke-dynamic": functools.partial(yolov5, classes=1, dynamic=True),
    "hf-rtdetr": hf_rtdetr,
    "hf-dfine": hf_dfine,
    "hf-detr": hf_detr,
    "dfine": dfine,
    "rfdetr": rfdetr,
    "yolo11-classify": functools.partial(other_task, "11/yolo11-cls.yaml", 160),
    "yolo11-segment": functools.partial(other_task, "11/yolo11-seg.yaml", 128),
}


def make(name: str) -> None:
    """Writes one export and its boxes."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["YOLO_CONFIG_DIR"] = scratch
        file = Path(scratch) / f"{name}.onnx"
        made = MAKERS[name](file)
        lean(file)
        (HERE / file.name).write_bytes(file.read_bytes())
    told = {
        "made_with": f"{made.package} {version(made.package)}",
        "licence": made.licence,
        "torch": version("torch"),
        "how": made.how,
        "min_score": made.min_score,
        "boxes": [[round(value, 4) for value in row] for row in made.boxes],
        "whole": [[round(value, 4) for value in row] for row in made.whole or ()],
    }
    (HERE / f"{name}.json").write_text(
        json.dumps(told).replace("]], ", "]],\n").replace("], [", "],\n[") + "\n"
    )
    print(f"{name}: {(HERE / file.name).stat().st_size / 1000:.0f} kB, {len(made.boxes)} boxes")


README = """# Tiny exports, one for each family of detectors

Networks of a few thousand random weights, built and exported by the libraries that their families come
from, and beside each the boxes that the same library's own post-processing finds on `picture.png`.
`tests/models/test_heads_on_exports.py` holds `models/heads/` against them. Made by `make.py`, which writes
this page too; its first lines say what it needs.

| file | made with | licence of the graph | expected boxes from |
|---|---|---|---|
{rows}

All with PyTorch {torch}. Long inner names and tracing notes were taken out of the files. D-FINE's authors
publish no package, so `dfine` comes from `pydfine`, a port of their modules, post-processor and export
script; DEIM and RT-DETR's own script write the same three outputs and are not here. Hugging Face's library
has no exporter of its own: its models are traced with the names it gives their outputs. `yolov10` keeps its
weights as 16-bit floats, which is how the library saw them too.
"""


def write_readme() -> None:
    """The page beside the exports, from what is beside each of them."""
    told = {file.stem: json.loads(file.read_text()) for file in sorted(HERE.glob("*.json"))}
    lines = [
        f"| `{name}` | {made['made_with']} | {made['licence']} | {made['how']} |"
        for name, made in told.items()
    ]
    torch = ", ".join(sorted({made["torch"] for made in told.values()}))
    (HERE / "README.md").write_text(README.format(rows="\n".join(lines), torch=torch))


def main(names: Sequence[str]) -> None:
    """Makes what was asked for, or all that can be."""
    if not names:
        draw_picture()
    for name in names or MAKERS:
        try:
            make(name)
        except ModuleNotFoundError as error:
            print(f"{name}: left as it is, {error.name} is not installed")
    write_readme()


if __name__ == "__main__":
    main(sys.argv[1:])
