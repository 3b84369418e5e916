"""The fastest back end is chosen among those that see what they should; the rest is refused in one line."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import golden
from models.backends import BACKENDS, choice, record
from models.backends.choice import Option, choose
from models.backends.onnxruntime import OnnxSession, engine_folder
from models.backends.record import FILE_NAME
from models.backends.session import ModelFile
from models.detection import Detection
from models.detector import Detector
from models.errors import ModelError
from models.shipped import SHIPPED_WEIGHTS
from tests.models.onnx_files import constant_model

TRUTH = [Detection("fire", 0.7, 100, 100, 160, 150), Detection("smoke", 0.4, 80, 20, 200, 120)]
FILE = ModelFile(Path("toy.onnx"), "0" * 64, b"a float network")


@dataclass
class Seer:
    """A detector on one option."""

    option: Option
    boxes: list[Detection]
    metadata: Mapping[str, str]

    def detect_raw(self, image_bgr: np.ndarray, min_score: float) -> list[Detection]:
        return [box for box in self.boxes if box.score >= min_score]


@dataclass
class Workshop:
    """Back ends that are there, how fast they are and what they see; counts what is opened and timed."""

    seconds: dict[str, float]
    lies: dict[str, list[Detection]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    metadata: dict[str, str] = field(default_factory=dict)
    half: bool = False
    opened: list[str] = field(default_factory=list)
    timed: list[str] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def opened(option: Option, file: ModelFile, threads: int, cache: Path | None) -> Option:
            if option.backend in self.broken:
                raise ModelError(f"{option.backend} has no driver")
            self.opened.append(self.name(option))
            return option

        def options(backend: str) -> list[Option]:
            half = [Option(backend, "bf16")] if self.half and backend == "openvino" else []
            return [*half, Option(backend)]

        def timed(work: Any) -> float:
            work()
            return self.seconds[self.timed[-1]]

        monkeypatch.setattr(Option, "open", opened)
        monkeypatch.setattr(choice, "_options", options)
        monkeypatch.setattr(
            choice, "present_for", lambda file, cache: [n for n in self.seconds if " " not in n]
        )
        monkeypatch.setattr(choice, "_runtime", lambda backend: "runtime 1.0")
        monkeypatch.setattr(choice, "_timed", timed)

    @staticmethod
    def name(option: Option) -> str:
        return option.backend if option.precision == "f32" else f"{option.backend} {option.precision}"

    def made(self, session: Any) -> Seer:
        shop, name = self, self.name(session)

        class Timed(Seer):
            def detect_raw(self, image_bgr: np.ndarray, min_score: float) -> list[Detection]:
                shop.timed.append(name)
                return super().detect_raw(image_bgr, min_score)

        return Timed(session, self.lies.get(name, TRUTH), self.metadata)

    def choose(
        self, backend: str = "auto", cache: Path | None = None, threads: int = 2, own_labels: bool = True
    ) -> str:
        chosen = choose(self.made, FILE, backend, threads=threads, cache=cache, own_labels=own_labels)
        return self.name(chosen.option)


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch) -> Workshop:
    shop = Workshop({"cpu": 0.030, "xnnpack": 0.040, "openvino": 0.020, "openvino bf16": 0.010})
    shop.install(monkeypatch)
    return shop


def scaled(by: float) -> list[Detection]:
    return [replace(box, score=box.score * by) for box in TRUTH]


def moved(px: float) -> list[Detection]:
    return [replace(box, x1=box.x1 + px, x2=box.x2 + px) for box in TRUTH]


def test_the_fastest_that_agrees_is_chosen(workshop: Workshop) -> None:
    assert workshop.choose() == "openvino"
    workshop.seconds["cpu"] = 0.001
    assert workshop.choose() == "cpu"


@pytest.mark.parametrize(
    "lie", [scaled(0.8), moved(8), TRUTH[:1], []], ids=["scaled", "moved", "less", "none"]
)
def test_a_back_end_that_lies_is_left_out_and_said_so_once(
    workshop: Workshop, lie: list[Detection], caplog: pytest.LogCaptureFixture
) -> None:
    workshop.lies["openvino"] = lie
    with caplog.at_level(logging.WARNING):
        assert workshop.choose() == "cpu"
    (line,) = [record.getMessage() for record in caplog.records]
    assert "openvino" in line
    assert "golden picture" in line


def test_a_back_end_that_lies_is_refused_by_name(workshop: Workshop) -> None:
    workshop.lies["openvino"] = moved(8)
    with pytest.raises(ModelError, match="openvino does not see what it should") as refusal:
        workshop.choose("openvino")
    assert refusal.value.hint


def test_a_back_end_that_cannot_start_is_left_out_but_refused_by_name(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    workshop.broken.add("openvino")
    assert workshop.choose() == "cpu"
    assert "no driver" in caplog.text
    with pytest.raises(ModelError, match="no driver"):
        workshop.choose("openvino")


def test_what_the_plainest_cannot_load_is_no_model(workshop: Workshop) -> None:
    workshop.broken.add("cpu")
    with pytest.raises(ModelError, match="cpu has no driver"):
        workshop.choose()


def test_half_precision_is_used_where_it_agrees(workshop: Workshop) -> None:
    workshop.half = True
    assert workshop.choose() == "openvino bf16"
    assert "openvino" not in workshop.opened
    workshop.lies["openvino bf16"] = scaled(0.8)
    assert workshop.choose() == "openvino"


def test_half_precision_may_be_a_little_further_off(workshop: Workshop) -> None:
    workshop.half = True
    workshop.lies["openvino bf16"] = scaled(0.94)
    assert workshop.choose("openvino") == "openvino bf16"
    workshop.lies["openvino"] = scaled(0.94)
    workshop.half = False
    with pytest.raises(ModelError):
        workshop.choose("openvino")


def test_a_models_own_boxes_outrank_the_plainest_back_end(workshop: Workshop) -> None:
    workshop.metadata["golden"] = golden.expected_json(Seer(Option("cpu"), TRUTH, {}))
    workshop.lies["cpu"] = moved(8)
    assert workshop.choose() == "openvino"
    with pytest.raises(ModelError, match="cpu does not see"):
        workshop.choose("cpu")


def test_a_models_own_boxes_do_not_count_under_other_names(workshop: Workshop) -> None:
    own = [replace(box, label="wildfire") for box in TRUTH]
    workshop.metadata["golden"] = golden.expected_json(Seer(Option("cpu"), own, {}))
    assert workshop.choose(own_labels=False) == "openvino"


def test_trying_is_paid_once(workshop: Workshop, tmp_path: Path) -> None:
    assert workshop.choose(cache=tmp_path) == "openvino"
    workshop.opened.clear()
    workshop.timed.clear()
    assert workshop.choose(cache=tmp_path) == "openvino"
    assert workshop.opened == ["openvino"]
    assert workshop.timed == []


def test_what_was_fastest_but_cannot_start_any_more_is_left_out(
    workshop: Workshop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workshop.choose(cache=tmp_path)
    workshop.broken.add("openvino")
    assert workshop.choose(cache=tmp_path) == "cpu"
    assert "no driver" in caplog.text
    with pytest.raises(ModelError, match="no driver"):
        workshop.choose("openvino", cache=tmp_path)


def test_what_was_found_under_other_labels_does_not_count_for_the_models_own(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.metadata["golden"] = golden.expected_json(Seer(Option("cpu"), moved(8), {}))
    assert workshop.choose("cpu", cache=tmp_path, own_labels=False) == "cpu"
    with pytest.raises(ModelError, match="cpu does not see"):
        workshop.choose("cpu", cache=tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("/proc/cpuinfo", "Features : fp asimd asimddp"),
        ("/proc/cpuinfo", "model name : Virtual CPU\nflags : avx2 avx512_vnni"),
        ("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.00"),
        ("/proc/device-tree/model", "Some Board 5"),
    ],
)
def test_another_machine_is_known_by_its_cpu_its_board_or_its_driver(
    monkeypatch: pytest.MonkeyPatch, file: str, text: str
) -> None:
    files = {
        "/proc/cpuinfo": "model name : Virtual CPU\nflags : avx2",
        "/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  560.00",
    }
    monkeypatch.setattr(record, "_text", lambda path: files.get(str(path), ""))
    before = record.machine()
    files[file] = text
    assert record.machine() != before


def test_what_was_found_on_another_golden_picture_does_not_count(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.choose(cache=tmp_path)
    workshop.opened.clear()
    monkeypatch.setattr(golden, "picture_id", lambda: "another")
    workshop.choose(cache=tmp_path)
    assert set(workshop.opened) == {"cpu", "xnnpack", "openvino"}


@pytest.mark.parametrize("boxes", [[], scaled(0.1)], ids=["none", "faint"])
def test_where_nothing_is_seen_to_compare_only_a_named_back_end_is_used(
    workshop: Workshop, boxes: list[Detection], caplog: pytest.LogCaptureFixture
) -> None:
    workshop.half = True
    for name in ("cpu", "xnnpack", "openvino", "openvino bf16"):
        workshop.lies[name] = boxes
    assert workshop.choose() == "cpu"
    assert "cannot be checked" in caplog.text
    assert workshop.choose("openvino") == "openvino", "the plainest precision"
    assert "used unchecked" in caplog.text


def test_a_lie_is_remembered_and_told_at_every_start(
    workshop: Workshop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workshop.lies["openvino"] = moved(8)
    workshop.choose(cache=tmp_path)
    workshop.opened.clear()
    caplog.clear()
    assert workshop.choose(cache=tmp_path) == "cpu"
    assert workshop.opened == ["cpu"]
    assert "golden picture" in caplog.text


def test_another_version_or_number_of_threads_is_tried_anew(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.choose(cache=tmp_path)
    workshop.opened.clear()
    workshop.choose(cache=tmp_path, threads=4)
    assert set(workshop.opened) == {"cpu", "xnnpack", "openvino"}
    workshop.opened.clear()
    monkeypatch.setattr(choice, "_runtime", lambda backend: "runtime 1.1")
    workshop.choose(cache=tmp_path)
    assert set(workshop.opened) == {"cpu", "xnnpack", "openvino"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": {"b": {"c": 1}}}', "types"])
def test_a_spoilt_record_costs_time_and_nothing_else(
    workshop: Workshop, tmp_path: Path, content: str
) -> None:
    if content == "types":
        workshop.choose(cache=tmp_path)
        content = (tmp_path / FILE_NAME).read_text().replace('"seconds": 0.02', '"seconds": "0.02"')
        assert '"0.02"' in content
    (tmp_path / FILE_NAME).write_text(content)
    assert workshop.choose(cache=tmp_path) == "openvino"
    workshop.opened.clear()
    assert workshop.choose(cache=tmp_path) == "openvino"
    assert workshop.opened == ["openvino"]


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(
    workshop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert workshop.choose(cache=tmp_path / "file") == "openvino"


def test_a_full_disk_keeps_no_halves(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> int:
        path.write_text(content[:9].decode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert workshop.choose(cache=tmp_path) == "openvino"
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_back_end_is_told_the_known_ones(workshop: Workshop) -> None:
    with pytest.raises(ModelError) as refusal:
        workshop.choose("tflite")
    assert all(name in refusal.value.hint for name in BACKENDS)


def test_knowing_the_names_loads_no_runtime() -> None:
    script = (
        "import sys; import models.backends;"
        "print([m for m in ('onnxruntime', 'openvino', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_provider_that_the_build_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ModelError, match="CUDAExecutionProvider") as refusal:
        Detector.load(backend="cuda")
    assert refusal.value.hint


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_falls_back_in_silence_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a GPU build of ONNX Runtime on a machine without the GPU's libraries."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is a GPU build here")
    real = onnxruntime.InferenceSession
    listed = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: listed)
    monkeypatch.setattr(
        "onnxruntime.InferenceSession",
        lambda content, options, providers: real(content, options, providers=["CPUExecutionProvider"]),
    )
    with pytest.raises(ModelError, match="could not start") as refusal:
        Detector.load(backend="cuda")
    assert "libraries" in refusal.value.hint


def test_tensorrt_is_tried_unasked_only_where_its_engine_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: listed)
    assert "tensorrt" not in choice.present_for(FILE, None)
    assert "tensorrt" not in choice.present_for(FILE, tmp_path)
    engine_folder(tmp_path, FILE).mkdir(parents=True)
    there = choice.present_for(FILE, tmp_path)
    assert there[0] == "cpu"
    assert {"cuda", "tensorrt"} <= set(there)


def test_bound_arrays_are_read_anew_at_every_run() -> None:
    session = OnnxSession(ModelFile.read(SHIPPED_WEIGHTS), threads=1)
    port = session.inputs[0]
    shape = (1, 64, 96, 3) if port.dtype == "uint8" else (1, 3, 64, 96)
    picture = np.zeros(shape, port.dtype)
    run = session.bind({port.name: picture})
    dark = [output.copy() for output in run()]
    picture[:, :, 20:40] = 1
    assert not np.array_equal(dark[0], run()[0])
    picture[:] = 0
    assert np.array_equal(dark[0], run()[0])


def test_an_input_that_is_copied_when_it_is_bound_is_not_kept() -> None:
    """As ONNX Runtime does for a GPU: the detector would see its first frame for ever."""
    session = OnnxSession(ModelFile.read(SHIPPED_WEIGHTS), threads=1)
    inner, copies = session._session, []

    class Binding:
        def __init__(self) -> None:
            self._inner = inner.io_binding()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def bind_cpu_input(self, name: str, array: np.ndarray) -> None:
            copies.append(array.copy())
            self._inner.bind_cpu_input(name, copies[-1])

    class Gpu:
        io_binding = Binding

        def run_with_iobinding(self, binding: Binding) -> None:
            inner.run_with_iobinding(binding._inner)

    session._session = Gpu()
    port = session.inputs[0]
    picture = np.zeros((1, 64, 96, 3) if port.dtype == "uint8" else (1, 3, 64, 96), port.dtype)
    run = session.bind({port.name: picture})
    dark = run()[0].copy()
    picture[:, :, 20:40] = 1
    assert not np.array_equal(dark, run()[0])


def test_outputs_may_change_their_number_of_rows(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("NonZero", ["images"], ["found"])],
        "rows",
        [helper.make_tensor_value_info("images", kinds.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("found", kinds.INT64, [4, None])],
    )
    path = tmp_path / "rows.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    session = OnnxSession(ModelFile.read(path), threads=1)
    picture = np.zeros((1, 3, 32, 32), np.float32)
    run = session.bind({"images": picture})
    for many in (1, 7, 3, 0):
        picture[:] = 0
        picture[0, 0, 0, :many] = 1
        assert run()[0].shape == (4, many)


def test_a_network_that_fails_on_its_input_says_so_in_one_line() -> None:
    session = OnnxSession(ModelFile.read(SHIPPED_WEIGHTS), threads=1)
    port = session.inputs[0]
    run = session.bind({port.name: np.zeros((1, 5, 7, 2), port.dtype)})
    with pytest.raises(ModelError, match="1×5×7×2") as failure:
        run()
    assert "\n" not in failure.value.message


def test_a_quantised_network_is_known_by_its_operators(tmp_path: Path) -> None:
    plain = constant_model(tmp_path / "plain.onnx", np.zeros((1, 6, 126), np.float32), {})
    assert not ModelFile.read(plain).quantised
    assert replace(FILE, content=b"...DequantizeLinear...").quantised
