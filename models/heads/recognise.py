"""Which family a network belongs to, told from its inputs, outputs and metadata before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from models.errors import ModelError
from models.heads.anchor_free import GRIDS, AnchorFree, cells
from models.heads.checks import sized
from models.heads.dfine import OUTPUTS, SIZE_INPUT, DFine
from models.heads.end_to_end import EndToEnd
from models.heads.head import Head, Pixels, Port
from models.heads.logits import HUGGING_FACE, MASK_INPUT, RF_DETR, Logits
from models.heads.rtdetr import RtDetr
from models.heads.yolov5 import ANCHORS, Yolov5

MOST_QUERIES = 1000
"""Rows of a network that picks its boxes itself are 300 mostly; grids have more cells than this."""

_KNOWN = (
    "Known are YOLO (v5, v8, v10, 11, 26), RT-DETR, D-FINE, DEIM, RF-DETR and Hugging Face's DETRs, exported "
    "for detection by their own library."
)

Side = int | None


def recognise(
    inputs: Sequence[Port], outputs: Sequence[Port], metadata: Mapping[str, str], classes: int | None
) -> Head:
    """The head for a network with these ``inputs`` and ``outputs``.

    ``classes`` is how many classes the model itself names; None where it names none. What no file shows
    its metadata may say: ``pixels`` (``unit`` or ``imagenet``) overrules what the family mostly wants,
    ``scores = softmax`` that a DETR's last class is "no object". Where sides are free, a guess stands until
    :meth:`Head.check` has seen a first run. Raises :class:`ModelError` that says what was found.
    """
    task = metadata.get("task", "detect")
    if task != "detect":
        raise ModelError(
            f"the model is made to {task}, not to detect", hint="Choose or export a detection model."
        )
    if any(len(port.shape) == 4 for port in outputs):
        raise ModelError(
            f"the model draws masks or maps beside boxes ({_listed(outputs)})",
            hint="Export the plain detection variant of the model.",
        )
    if any(
        port.shape and port.shape[0] not in (1, None) and isinstance(port.shape[0], int) for port in outputs
    ):
        raise ModelError(
            f"the model's outputs are not for one picture ({_listed(outputs)})",
            hint="Export it with a batch of one.",
        )
    head = _by_names(inputs, outputs, metadata, classes) or _by_shape(inputs, outputs, metadata, classes)
    pixels = metadata.get("pixels", head.pixels)
    for known in get_args(Pixels):
        if pixels == known:
            return replace(head, pixels=known)
    raise ModelError(
        f"the model wants its pixels as {pixels[:40]!r}",
        hint="Its metadata may say: pixels = unit or imagenet.",
    )


def _by_names(
    inputs: Sequence[Port], outputs: Sequence[Port], metadata: Mapping[str, str], classes: int | None
) -> DFine | Logits | None:
    """The DETRs of several outputs, which go by the names that their export scripts give."""
    at = {port.name: index for index, port in enumerate(outputs)}
    taken = {port.name: port for port in inputs}
    exact = classes is not None
    if set(OUTPUTS) <= set(at) and SIZE_INPUT in taken:
        labels, boxes, scores = (at[name] for name in OUTPUTS)
        return DFine(exact, at=(labels, boxes, scores), size_dtype=taken[SIZE_INPUT].dtype)
    if set(RF_DETR) <= set(at):
        boxes, logits = (at[name] for name in RF_DETR)
        spare = exact and _last(outputs[logits]) == (classes or 0) + 1
        return Logits(exact, "imagenet", "RF-DETR", (boxes, logits), spare=spare)
    if set(HUGGING_FACE) <= set(at):
        boxes, logits = (at[name] for name in HUGGING_FACE)
        masked = MASK_INPUT in taken
        softmax = metadata.get("scores") == "softmax"
        if not softmax and ((masked and not exact) or _last(outputs[logits]) == (classes or -9) + 1):
            raise ModelError(
                f'the last of the model\'s {_last(outputs[logits])} classes may be "no object", or not',
                hint="If it is (DETR, YOLOS), its metadata must say: scores = softmax. If not, they must "
                "name all classes (labels, a JSON list).",
            )
        return Logits(
            exact,
            "imagenet" if softmax or masked else "unit",
            "DETR of Hugging Face",
            (boxes, logits),
            softmax=softmax,
            spare=softmax,
            stretched=not (softmax or masked),
            mask=masked,
        )
    return None


def _by_shape(
    inputs: Sequence[Port], outputs: Sequence[Port], metadata: Mapping[str, str], classes: int | None
) -> AnchorFree | Yolov5 | EndToEnd | RtDetr:
    """The families of one output, 1×something×something."""
    if len(outputs) != 1 or len(outputs[0].shape) != 3:
        raise ModelError(f"the model's outputs are no known detector's ({_listed(outputs)})", hint=_KNOWN)
    port = outputs[0]
    rows, columns = (side if isinstance(side, int) else None for side in port.shape[1:])
    grids = _grids(inputs)
    exact = classes is not None
    ultralytics = "task" in metadata  # the package's exporter; YOLOv5's own writes names and stride alone
    if metadata.get("head") == "RTDETRDecoder" or "detr" in metadata.get("description", "").lower():
        return RtDetr(exact, picked=None if columns == 6 and classes in (2, None) else columns == 6)
    if metadata.get("end2end") == "True" or "'nms': True" in metadata.get("args", ""):
        return EndToEnd(exact)
    if rows is None and columns is None and not ultralytics and "stride" in metadata:
        return Yolov5(exact)
    if _anchor_free(rows, columns, classes, grids):
        return AnchorFree(exact)
    if not ultralytics and _anchored(rows, columns, classes, grids):
        return Yolov5(exact)
    if columns == 6 and (rows is None or rows <= MOST_QUERIES):
        return EndToEnd(exact)
    if (
        columns is not None
        and (rows is None or rows <= MOST_QUERIES)
        and columns == 4 + (classes or columns - 4)
    ):
        return RtDetr(exact)
    if classes is not None:
        _explain_classes(port, (rows, columns), classes, grids)
    raise ModelError(
        f"the model's output is no known detector's ({port}, {_sized_input(inputs)})", hint=_KNOWN
    )


def _anchor_free(rows: Side, columns: Side, classes: int | None, grids: set[int] | None) -> bool:
    """``1 × (4 + classes) × cells``; how many cells there are is free where the input's size is."""
    wide = rows is None or (rows >= 5 if classes is None else rows == 4 + classes)
    return wide and (columns is None or (grids is not None and columns in grids))


def _anchored(rows: Side, columns: Side, classes: int | None, grids: set[int] | None) -> bool:
    """``1 × (3 · cells) × (5 + classes)``, likewise."""
    wide = columns is not None and (columns >= 6 if classes is None else columns == 5 + classes)
    return wide and (rows is None or (grids is not None and rows in {ANCHORS * cell for cell in grids}))


def _explain_classes(port: Port, sides: tuple[Side, Side], classes: int, grids: set[int] | None) -> None:
    """Raises a refusal that tells of the classes, if it is only their number that does not fit."""
    rows, columns = sides
    if rows is not None and _anchor_free(rows, columns, None, grids):
        family, found = AnchorFree.family, rows - 4
    elif columns is not None and _anchored(rows, columns, None, grids):
        family, found = Yolov5.family, columns - 5
    else:
        return
    raise ModelError(
        f"the model's output is {sized(port.shape)}: {family} with {found} classes, but {classes} are named",
        hint="Name every class in the model's metadata (labels), in its order; a model of outlines or poses "
        "is none for detection.",
    )


def _grids(inputs: Sequence[Port]) -> set[int] | None:
    """How many cells the input's size makes, for each of the known grids; None where the size is free."""
    for port in inputs:
        if len(port.shape) == 4:
            height, width = port.shape[2:]
            if isinstance(height, int) and isinstance(width, int):
                return {cells(height, width, strides) for strides in GRIDS}
    return None


def _last(port: Port) -> int | str | None:
    return port.shape[-1] if port.shape else None


def _listed(ports: Sequence[Port]) -> str:
    return ", ".join(str(port) for port in ports) or "none"


def _sized_input(inputs: Sequence[Port]) -> str:
    return f"from {_listed(inputs)}"
