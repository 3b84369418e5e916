"""Every family is recognised on an export of its own library, and gives the boxes that library gives.

The exports and the boxes come from ``tests/models/exports/make.py``.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from models.description import describe
from models.detector import Detector
from models.errors import ModelError
from models.heads import Head, Outputs, Port, RawBoxes, recognise

EXPORTS = Path(__file__).parent / "exports"
FAMILIES = {
    "yolov8": "anchor-free YOLO",
    "yolo11-dynamic": "anchor-free YOLO",
    "yolo26-one-to-many": "anchor-free YOLO",
    "yolov10": "end-to-end YOLO",
    "yolo26": "end-to-end YOLO",
    "yolo26-dynamic": "end-to-end YOLO",
    "yolo11-nms": "end-to-end YOLO",
    "rtdetr": "RT-DETR of Ultralytics",
    "rtdetr-scores": "RT-DETR of Ultralytics",
    "yolov5": "YOLOv5 with anchors",
    "yolov5-smoke-dynamic": "YOLOv5 with anchors",
    "hf-rtdetr": "DETR of Hugging Face",
    "hf-dfine": "DETR of Hugging Face",
    "hf-detr": "DETR of Hugging Face",
    "dfine": "D-FINE, DEIM or RT-DETR",
    "rfdetr": "RF-DETR",
}
WHOLE = (120, 176)
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class Network:
    """An export in ONNX Runtime, with what the heads need to know of it."""

    def __init__(self, name: str) -> None:
        self._session = onnxruntime.InferenceSession(
            str(EXPORTS / f"{name}.onnx"), providers=["CPUExecutionProvider"]
        )
        self.inputs = [_port(port) for port in self._session.get_inputs()]
        self.outputs = [_port(port) for port in self._session.get_outputs()]
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        height, width = self.inputs[0].shape[2:]
        self.height = height if isinstance(height, int) else 96
        self.width = width if isinstance(width, int) else 128
        self._answer: Outputs | None = None

    def recognised(self, metadata: dict[str, str] | None = None) -> Head:
        told = self.metadata if metadata is None else metadata
        classes = describe(told, Path("model.onnx")).classes if {"names", "labels"} & set(told) else None
        return recognise(self.inputs, self.outputs, told, classes)

    def run(self, head: Head) -> list[NDArray[Any]]:
        """What it answers to the corner of the test picture; the caller's own to change."""
        if self._answer is None:
            self._answer = self._run(head, corner(self.height, self.width))
        return [output.copy() for output in self._answer]

    def _run(self, head: Head, image_bgr: NDArray[np.uint8]) -> Outputs:
        rgb = image_bgr[..., ::-1] / 255
        if head.pixels == "imagenet":
            rgb = (rgb - MEAN) / DEVIATION
        tensor = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32)
        extra = head.extra_inputs(self.height, self.width)
        outputs: Outputs = self._session.run(None, {self.inputs[0].name: tensor, **extra})
        return outputs


@functools.cache
def export(name: str) -> Network:
    """Loaded once: it never changes."""
    return Network(name)


def _port(port: Any) -> Port:
    dtype = {"tensor(float)": "float32", "tensor(int64)": "int64"}[port.type]
    return Port(port.name, dtype, tuple(port.shape))


def corner(height: int, width: int) -> NDArray[np.uint8]:
    """The part of the test picture that fills a network's input without any scaling."""
    picture = cv2.imread(str(EXPORTS / "picture.png"))
    assert picture is not None
    return np.asarray(picture[:height, :width], np.uint8)


def expected(name: str, of: str = "boxes") -> tuple[float, NDArray[np.float64]]:
    """What the library found. Boxes inside out, as random weights give some, are none to us."""
    told = json.loads((EXPORTS / f"{name}.json").read_text())
    boxes = np.array(told[of])
    return told["min_score"], boxes[(boxes[:, 2:4] > boxes[:, :2]).all(axis=1)]


def rows(boxes: RawBoxes, height: int, width: int) -> NDArray[np.float64]:
    """Inside the picture, as libraries clip them: corners, score, class."""
    corners = np.clip(boxes.corners, 0, [width, height, width, height])
    return np.column_stack([corners, boxes.scores, boxes.labels])


def same(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> None:
    """Row for row, whatever the order of those with almost equal scores."""
    assert len(found) == len(wanted)
    for row in wanted:
        apart = np.abs(found - row)
        assert ((apart[:, :4] < 0.02).all(1) & (apart[:, 4] < 2e-4) & (apart[:, 5] == 0)).any(), row


@pytest.mark.parametrize("name", FAMILIES)
def test_an_export_gives_the_boxes_that_its_own_library_gives(name: str) -> None:
    network = export(name)
    head = network.recognised()
    assert head.family == FAMILIES[name]
    min_score, wanted = expected(name)
    wanted[:, :4] = np.clip(wanted[:, :4], 0, [network.width, network.height] * 2)
    outputs = network.run(head)
    head.check(outputs, 1 if "smoke" in name else 2, network.height, network.width)
    boxes = head.decode(outputs, min_score, network.height, network.width)
    assert (np.diff(boxes.scores) <= 0).all(), "best first"
    same(rows(boxes, network.height, network.width), wanted)
    assert len(wanted) >= 12
    assert len(np.unique(np.round(wanted[:, :4], 2), axis=0)) > len(wanted) / 2, (
        "boxes that cannot be mistaken"
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_a_score_that_nothing_reaches_gives_nothing(name: str) -> None:
    network = export(name)
    head = network.recognised()
    boxes = head.decode(network.run(head), 0.9999, network.height, network.width)
    assert boxes.corners.shape == (0, 4)
    assert len(boxes.scores) == len(boxes.labels) == 0


@pytest.mark.parametrize("name", FAMILIES)
def test_boxes_stay_when_the_network_writes_its_next_answer_over_the_last(name: str) -> None:
    network = export(name)
    head = network.recognised()
    outputs = network.run(head)
    boxes = head.decode(outputs, expected(name)[0], network.height, network.width)
    before = boxes.corners.copy(), boxes.scores.copy(), boxes.labels.copy()
    for output in outputs:
        output[:] = 0
    assert np.array_equal(before[0], boxes.corners)
    assert np.array_equal(before[1], boxes.scores)
    assert np.array_equal(before[2], boxes.labels)


@pytest.mark.parametrize("name", FAMILIES)
def test_numbers_that_are_none_are_refused_at_any_time(name: str) -> None:
    network = export(name)
    head = network.recognised()
    outputs = network.run(head)
    for output in outputs:
        if output.dtype.kind == "f":
            output[:] = np.nan
    with pytest.raises(ModelError, match="not finite") as refusal:
        head.check(outputs, 1 if "smoke" in name else 2, network.height, network.width)
    assert refusal.value.hint
    with pytest.raises(ModelError, match="not numbers"):  # in the air it is no "nothing seen" either
        head.decode(outputs, 0.25, network.height, network.width)


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"hf-detr"}))
def test_a_class_without_a_name_is_refused_before_take_off(name: str) -> None:
    """One name too many or too few, told from the shape or else from the class numbers of a first run."""
    network = export(name)
    own = 1 if "smoke" in name else 2
    for named in (own + 2, own - 1):
        if named == 0 or (
            named > own and name in {"yolov10", "yolo26", "yolo26-dynamic", "yolo11-nms", "rtdetr", "dfine"}
        ):
            continue  # class numbers alone do not say how many there might be
        labels = {"labels": json.dumps(["fire", "smoke", "fog", "dust"][:named])}
        with pytest.raises(ModelError) as refusal:  # noqa: PT012
            head = network.recognised({**network.metadata, **labels})
            outputs = network.run(head)
            head.check(outputs, named, network.height, network.width)
        reasons = (f"{named} are named", f"{named} classes are named", "not whole", "no object")
        assert any(reason in refusal.value.message for reason in reasons)
        assert refusal.value.hint


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"hf-detr"}))
def test_a_model_without_names_is_recognised_too(name: str) -> None:
    """Its classes are then named by the config, perhaps not all of them."""
    network = export(name)
    told = {key: value for key, value in network.metadata.items() if key not in {"names", "labels"}}
    head = network.recognised(told)
    assert head.family == FAMILIES[name]
    outputs = network.run(head)
    head.check(outputs, 1, network.height, network.width)


@pytest.mark.parametrize("name", ["yolov8", "yolo26", "yolo11-nms", "rtdetr-scores", "yolov5"])
def test_files_that_lost_their_metadata_are_told_by_their_shape(name: str) -> None:
    network = export(name)
    if name == "rtdetr-scores":
        with pytest.raises(ModelError, match="not whole"):  # with two classes it is as wide as end-to-end
            _checked(network, 2)
    else:
        assert _checked(network, 2).family == FAMILIES[name]


def _checked(network: Network, classes: int) -> Head:
    head = recognise(network.inputs, network.outputs, {}, classes)
    head.check(network.run(head), classes, network.height, network.width)
    return head


def test_a_detr_with_a_class_for_no_object_must_name_its_classes() -> None:
    network = export("hf-detr")
    assert network.recognised().pixels == "imagenet"
    masked = [*network.inputs, Port("pixel_mask", "int64", (1, None, None))]
    with pytest.raises(ModelError, match="no object") as refusal:
        recognise(masked, network.outputs, {}, None)
    assert "labels" in refusal.value.hint
    head = recognise(masked, network.outputs, {"scores": "softmax"}, 2)
    assert head.extra_inputs(4, 6)["pixel_mask"].shape == (1, 4, 6)


def test_the_metadata_may_say_which_pixels_a_model_wants() -> None:
    network = export("dfine")
    assert network.recognised().pixels == "unit"
    assert network.recognised({**network.metadata, "pixels": "imagenet"}).pixels == "imagenet"
    with pytest.raises(ModelError, match="0…255"):
        network.recognised({**network.metadata, "pixels": "0…255"})


@pytest.mark.parametrize(("name", "said"), [("yolo11-classify", "classify"), ("yolo11-segment", "segment")])
def test_a_model_for_another_task_is_refused_with_what_was_found(name: str, said: str) -> None:
    network = export(name)
    with pytest.raises(ModelError, match=said):
        network.recognised()
    with pytest.raises(ModelError) as refusal:  # and where the metadata are lost
        recognise(network.inputs, network.outputs, {}, 2)
    assert "output" in refusal.value.message or "masks" in refusal.value.message
    assert "detect" in refusal.value.hint


@pytest.mark.parametrize("name", ["yolov10", "yolo26", "yolo11-nms", "rtdetr", "rtdetr-scores", "rfdetr"])
def test_the_detector_finds_on_a_larger_picture_what_the_library_finds(name: str) -> None:
    """Letterboxed or stretched, in 0…1 or after ImageNet: each library fits the picture in its own way."""
    min_score, wanted = expected(name, "whole")
    height, width = WHOLE
    detector = Detector.load(EXPORTS / f"{name}.onnx", backend="cpu")
    found = detector.detect(corner(height, width), min_score=min_score * 0.9)
    ours = np.array([[d.x1, d.y1, d.x2, d.y2, d.score, detector.labels.index(d.label)] for d in found])
    ours[:, :4] += 0.5  # outer edges again
    edges = np.array([width, height] * 2)
    wanted[:, :4] = np.clip(wanted[:, :4], 0.5, edges - 0.5)  # as pixels of the picture, ours end there
    missed = 0
    for row in wanted:
        apart = np.abs(ours - row)
        missed += not ((apart[:, :4] < 0.5).all(1) & (apart[:, 4] < 0.01) & (apart[:, 5] == 0)).any()
    assert len(wanted) >= 10
    assert missed <= 2, "one query on the edge of being one of the best may be another's"


@pytest.mark.parametrize("name", ["yolo11-dynamic", "yolov5-smoke-dynamic", "hf-rtdetr", "dfine"])
def test_the_detector_flies_it(name: str) -> None:
    network = export(name)
    detector = Detector.load(
        EXPORTS / f"{name}.onnx", backend="cpu", input_px=max(network.height, network.width)
    )
    assert set(detector.labels) <= {"fire", "smoke"}
    assert detector.detect(corner(*WHOLE), min_score=expected(name)[0] / 2)
