"""What a network is fed is what its family wants: bytes or floats, whose scale, and what goes with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.backends.session import ModelFile, Run
from models.detector import Detector
from models.errors import ModelError
from models.heads import Port
from models.pixels import IMAGENET_DEVIATION, IMAGENET_MEAN, FloatPixels

FILE = ModelFile(Path("theirs.onnx"), "0" * 64, b"")


@pytest.fixture
def canvas() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (32, 64, 3), np.uint8)


def test_floats_are_rgb_planes_in_0_to_1(canvas: np.ndarray) -> None:
    pixels = FloatPixels(canvas, "unit", "float32")
    pixels.fill()
    assert pixels.tensor.shape == (1, 3, 32, 64)
    assert np.allclose(pixels.tensor[0], canvas[..., ::-1].transpose(2, 0, 1) / 255, atol=1e-6)


def test_imagenet_pixels_are_less_its_mean_and_over_its_deviation(canvas: np.ndarray) -> None:
    pixels = FloatPixels(canvas, "imagenet", "float32")
    pixels.fill()
    expected = (canvas[..., ::-1] / 255 - IMAGENET_MEAN) / IMAGENET_DEVIATION
    assert np.allclose(pixels.tensor[0], expected.transpose(2, 0, 1), atol=1e-5)


def test_half_floats_are_filled_too_and_the_tensor_stays_the_same(canvas: np.ndarray) -> None:
    pixels = FloatPixels(canvas, "unit", "float16")
    tensor = pixels.tensor
    pixels.fill()
    canvas[:] = 255
    pixels.fill()
    assert tensor is pixels.tensor
    assert tensor.dtype == np.float16
    assert (tensor == 1).all()


@dataclass
class Session:
    """A network of a given shape that keeps what it is fed and always sees the same."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    answer: list[np.ndarray]
    metadata: Mapping[str, str] = field(default_factory=lambda: {"labels": '["fire", "smoke"]'})
    backend: str = "none"
    fed: list[Mapping[str, np.ndarray]] = field(default_factory=list)

    def bind(self, feeds: Mapping[str, np.ndarray]) -> Run:
        def run() -> list[np.ndarray]:
            self.fed.append({name: array.copy() for name, array in feeds.items()})
            return self.answer

        return run


def dfine(**metadata: str) -> Session:
    labels = np.array([[1, 0]], np.int64)
    boxes = np.array([[[0, 0, 320, 320], [160, 160, 480, 480]]], np.float32)
    return Session(
        inputs=(Port("images", "float32", (1, 3, 640, 640)), Port("orig_target_sizes", "int64", (1, 2))),
        outputs=(
            Port("labels", "int64", (1, 2)),
            Port("boxes", "float32", (1, 2, 4)),
            Port("scores", "float32", (1, 2)),
        ),
        answer=[labels, boxes, np.array([[0.9, 0.6]], np.float32)],
        metadata={"labels": '["fire", "smoke"]', **metadata},
    )


def test_a_family_that_stretches_gets_the_whole_input_and_its_size() -> None:
    session = dfine()
    picture = np.full((360, 1280, 3), (255, 0, 0), np.uint8)  # blue
    found = Detector(session, FILE).detect(picture)
    fed = session.fed[-1]
    assert fed["orig_target_sizes"].tolist() == [[640, 640]]
    assert np.allclose(fed["images"][0, 2], 1)
    assert np.allclose(fed["images"][0, :2], 0)
    assert [(d.label, d.x1, d.y1, d.x2, d.y2) for d in found] == [
        ("smoke", 0.0, 0.0, 639.5, 179.5),
        ("fire", 319.5, 89.5, 959.5, 269.5),
    ]


def test_a_family_that_wants_imagenets_pixels_gets_them() -> None:
    session = dfine(pixels="imagenet")
    Detector(session, FILE).detect(np.full((64, 64, 3), 255, np.uint8))
    white = (1 - np.array(IMAGENET_MEAN)) / IMAGENET_DEVIATION
    assert np.allclose(session.fed[-1]["images"][0].mean(axis=(1, 2)), white, atol=1e-4)


def test_a_network_of_bytes_gets_the_canvas_itself() -> None:
    answer = np.zeros((1, 6, 126), np.float32)
    answer[0, :2] = 40
    session = Session(
        inputs=(Port("images", "uint8", (1, 64, 96, 3)),),
        outputs=(Port("boxes", "float32", (1, 6, 126)),),
        answer=[answer],
    )
    picture = np.random.default_rng(6).integers(0, 256, (64, 96, 3), np.uint8)
    Detector(session, FILE).detect(picture)
    assert np.array_equal(session.fed[-1]["images"], picture[None])


@pytest.mark.parametrize(
    "port",
    [
        Port("images", "uint8", (1, 3, 64, 96)),
        Port("images", "float32", (1, 1, 64, 96)),
        Port("images", "int64", (1, 3, 64, 96)),
        Port("sound", "float32", (1, 16000)),
    ],
    ids=str,
)
def test_a_network_for_something_else_is_refused(port: Port) -> None:
    answer: list[Any] = []
    with pytest.raises(ModelError, match="one colour picture"):
        Detector(Session((port,), (), answer), FILE)
