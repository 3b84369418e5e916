"""OpenVINO sees what ONNX Runtime sees, takes no more threads than it may, and tells nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino", reason="the extra openvino is not installed")

from models import golden
from models.backends.onnxruntime import OnnxSession
from models.backends.openvino import STATIC_SIZES, OpenVinoSession, precisions
from models.backends.session import ModelFile
from models.detector import Detector
from models.errors import ModelError
from models.shipped import SHIPPED_WEIGHTS


@pytest.fixture(scope="module")
def file() -> ModelFile:
    return ModelFile.read(SHIPPED_WEIGHTS)


@pytest.fixture(scope="module")
def session(file: ModelFile) -> OpenVinoSession:
    return OpenVinoSession(file, threads=1)


def test_it_reads_the_same_file(file: ModelFile, session: OpenVinoSession) -> None:
    plain = OnnxSession(file, threads=1)
    assert session.metadata == plain.metadata
    assert [(port.name, port.dtype) for port in session.inputs] == [
        (port.name, port.dtype) for port in plain.inputs
    ]
    assert [port.name for port in session.outputs] == [port.name for port in plain.outputs]


def test_any_number_of_sizes_gives_the_numbers_of_onnx_runtime(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    rng = np.random.default_rng(1)
    weights = onnx.numpy_helper.from_array(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "weights")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["images", "weights"], ["answer"])],
        "toy",
        [helper.make_tensor_value_info("images", kinds.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("answer", kinds.FLOAT, [1, 4, None, None])],
        [weights],
    )
    path = tmp_path / "toy.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    toy = ModelFile.read(path)
    ours, plain = OpenVinoSession(toy, threads=1), OnnxSession(toy, threads=1)
    runs = []
    for height, width in ((64, 96), (96, 64), (64, 64), (32, 96)):
        feeds = {"images": rng.random((1, 3, height, width), np.float32)}
        runs.append((ours.bind(feeds), plain.bind(feeds)))
    for _ in range(2):
        for mine, theirs in runs:
            assert np.allclose(mine()[0], theirs()[0], rtol=1e-4, atol=1e-4)
    assert len(ours._requests) == STATIC_SIZES + 1


@pytest.mark.parametrize("precision", precisions())
def test_every_precision_that_is_offered_agrees_on_the_golden_picture(
    file: ModelFile, precision: str
) -> None:
    seen = golden.seen_by(Detector(OpenVinoSession(file, threads=2, precision=precision), file))
    wanted = golden.seen_by(Detector(OnnxSession(file, threads=2), file))
    assert golden.disagreement(wanted, seen, golden.FULL if precision == "f32" else golden.COARSE) is None


def test_threads_are_bounded_and_tied_to_no_core(session: OpenVinoSession) -> None:
    port = session.inputs[0]
    shape = (1, 64, 96, 3) if port.dtype == "uint8" else (1, 3, 64, 96)
    session.bind({port.name: np.zeros(shape, port.dtype)})
    compiled = next(iter(session._requests.values())).get_compiled_model()
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1
    assert compiled.get_property("ENABLE_CPU_PINNING") is False


def test_named_it_is_used_and_its_work_is_kept(tmp_path: Path) -> None:
    detector = Detector.load(backend="openvino", cache=tmp_path)
    assert detector.backend.startswith("openvino 20")
    assert detector.detect(golden.picture())
    assert any((tmp_path / "openvino").iterdir())


def test_what_is_spoilt_on_disk_is_compiled_anew(
    file: ModelFile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """OpenVINO itself takes weights with flipped bits as they are, and sees what is not there."""
    wanted = golden.seen_by(Detector(OpenVinoSession(file, threads=2, cache=tmp_path), file))
    (blob,) = (tmp_path / "openvino").glob("*.blob")
    content = bytearray(blob.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(byte ^ 0x55 for byte in content[middle : middle + 4000])
    blob.write_bytes(content)
    seen = golden.seen_by(Detector(OpenVinoSession(file, threads=2, cache=tmp_path), file))
    assert golden.disagreement(wanted, seen, golden.FULL) is None
    assert "spoilt" in caplog.text
    caplog.clear()
    Detector(OpenVinoSession(file, threads=2, cache=tmp_path), file)
    assert "spoilt" not in caplog.text


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(file: ModelFile, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    detector = Detector(OpenVinoSession(file, threads=2, cache=tmp_path / "file"), file)
    assert golden.seen_by(detector)


def test_a_file_that_is_no_onnx_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"PK\x03\x04" + b"0" * 99)
    with pytest.raises(ModelError, match="zip"):
        OpenVinoSession(ModelFile.read(path), threads=1)


def test_importing_it_tells_nobody_and_leaves_no_identifier(tmp_path: Path) -> None:
    """As it comes, `import openvino` reports to its maker and writes an identifier into the home folder."""
    script = (
        "import sys; from models.backends.openvino import precisions; precisions();"
        "print([name for name in sys.modules if 'telemetry' in name])"
    )
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=kept | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []
