"""Makes a smaller, faster file of a trained one: 8-bit integers.

It is static: ranges of activations are measured on real photos that go through the letterbox that
flies, weights have a scale per output channel. What an 8-bit step would spoil stays float: the last
convolutions with all that follows them (boxes and scores are read off there), what comes before the first,
and as many modules more, the most sensitive first, as it takes to lose no more precision than allowed.

Activations are unsigned and weights signed (U8S8): with signed activations ONNX Runtime's kernels for
x86 are twice as slow as in float; its guide says that ARM runs either. Which operators are quantised
depends on what is to run the file, see :class:`Runtime`.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from inspect import signature
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.detector import Detection, Detector
from models.errors import ModelError
from models.golden import KEY as GOLDEN
from models.letterbox import Canvas, Letterbox
from models.make import metadata
from models.make.agreement import AGREE_FROM, disagreement
from models.make.dataset import DatasetError, Example
from models.make.evaluate import figures, judge
from models.make.graph import float_nodes, modules
from models.make.picture import read_picture

log = logging.getLogger(__name__)


class Runtime(StrEnum):
    """What the file is for. Both run either; on an x86 server core each is fastest with its own."""

    OPENVINO = "openvino"
    """Activation functions stay float, where OpenVINO fuses them into the convolution before."""
    ONNXRUNTIME = "onnxruntime"
    """Activation functions are 8-bit too, which ONNX Runtime looks up in tables."""


_OPERATORS = {
    Runtime.OPENVINO: ("Conv", "Concat", "MaxPool", "Resize", "Add"),
    Runtime.ONNXRUNTIME: ("Conv", "Concat", "MaxPool", "Resize", "Add", "Mul", "Sigmoid"),
}


@dataclass(frozen=True, slots=True)
class QuantiseSettings:
    """What decides an INT8 file; kept in its metadata under ``quantised``."""

    runtime: Runtime = Runtime.OPENVINO
    photos: int = 256
    probes: int = 32
    """Photos more, to find the sensitive modules by."""
    seed: int = 0
    max_loss: float = 0.01
    """Of mAP50."""
    most_float: int = 8
    """Modules that may stay float before it is given up."""
    seven_bits: bool = False
    """Weights of 7 bits, for x86 CPUs before VNNI, whose 16-bit sums would overflow."""


@dataclass(frozen=True, slots=True)
class QuantiseReport:
    """What came of it."""

    map50_before: float
    map50_after: float
    kept_float: tuple[str, ...]
    """Modules kept in float beyond those that always are."""
    bytes_before: int
    bytes_after: int


Step = Callable[[str, int, int], None]
"""Progress: what is being done, how much of it, of how much."""


def quantise(
    model: Path,
    out: Path,
    *,
    train: Sequence[Example],
    judged_on: Sequence[Example],
    settings: QuantiseSettings = QuantiseSettings(),
    on_step: Step | None = None,
) -> QuantiseReport:
    """Writes ``out``, the INT8 file of the float ``model``, which may be plain or folded.

    Ranges and sensitive modules are found on photos of ``train``; only whether the loss of mAP50 is
    small enough is measured on ``judged_on``. Raises :class:`ModelError` where it is not, whatever is kept
    float; nothing is written then.
    """
    step = on_step or (lambda _what, _done, _total: None)
    if len(train) < settings.photos + settings.probes:
        raise DatasetError(
            f"{len(train)} photos are too few to measure ranges on {settings.photos} and probe with "
            f"{settings.probes}",
            hint="Use fewer (--photos-used), or more photos.",
        )
    order = np.random.default_rng(settings.seed).permutation(len(train))
    chosen = [train[index] for index in order[: settings.photos + settings.probes]]
    ranges_from, probes = chosen[: settings.photos], chosen[settings.photos :]
    with tempfile.TemporaryDirectory() as scratch:
        quantiser = _Quantiser(model, Path(scratch), settings)
        quantiser.measure_ranges(ranges_from, step)
        before = _map50(quantiser.plain, judged_on, "judging in float", step)
        candidate, kept = quantiser.write("int8", ()), list[str]()
        after = _map50(candidate, judged_on, "judging in INT8", step)
        ranking: list[str] | None = None
        while after < before - settings.max_loss:
            if ranking is None:
                ranking = quantiser.most_sensitive(probes, step)
            if not ranking or len(kept) == settings.most_float:
                raise ModelError(
                    f"INT8 loses {100 * (before - after):.1f} points of mAP50 with "
                    f"{', '.join(kept) or 'nothing more'} in float",
                    hint="Allow more with --max-loss, or calibrate on more photos.",
                )
            kept.append(ranking.pop(0))
            candidate = quantiser.write("int8", kept)
            after = _map50(candidate, judged_on, f"judging with {len(kept)} in float", step)
        network = metadata.load(candidate)
        own = {entry.key: entry.value for entry in network.metadata_props}
        own["quantised"] = json.dumps({**asdict(settings), "float": kept})
        metadata.save_checked(network, out, own)
    return QuantiseReport(before, after, tuple(kept), model.stat().st_size, out.stat().st_size)


class _Quantiser:
    """Writes 8-bit variants of one model; ranges are measured once."""

    def __init__(self, model: Path, scratch: Path, settings: QuantiseSettings) -> None:
        self._settings = settings
        self._scratch = scratch
        onnx = metadata.require_onnx()
        from models.make.fold import unfold

        _refuse_old_runtime()
        source = metadata.load(model)
        self._metadata = {entry.key: entry.value for entry in source.metadata_props if entry.key != GOLDEN}
        # Folding again after quantising leaves out the step that makes bytes of floats.
        self._folded = source.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
        self.plain = metadata.save(
            unfold(source) if self._folded else source, scratch / "plain.onnx", self._metadata
        )
        self._prepared = scratch / "prepared.onnx"
        from onnxruntime.quantization.shape_inference import quant_pre_process

        with _quiet():
            quant_pre_process(str(self.plain), str(self._prepared), skip_symbolic_shape=True)
        graph = metadata.load(self._prepared).graph
        self._input = graph.input[0].name
        self._float_always = float_nodes(graph)
        self._modules = modules(graph, self._float_always)
        self._input_px = Detector.load(self.plain, backend="cpu").input_px

    def measure_ranges(self, photos: Sequence[Example], step: Step) -> None:
        """Runs the float network over ``photos`` and keeps the range of every activation."""

        def tensors() -> Iterator[dict[str, NDArray[np.float32]]]:
            for done, example in enumerate(photos, start=1):
                step("measuring ranges", done, len(photos))
                yield {self._input: _tensor(read_picture(example.picture), self._input_px)}

        # A number of outputs kept at a time that divides the number of photos makes ONNX Runtime find
        # "no data" after the last of them.
        together = next(count for count in range(7, 100) if len(photos) % count)
        self._write("ranges", (), tensors(), {"CalibMaxIntermediateOutputs": together})

    def write(self, name: str, kept_float: Sequence[str]) -> Path:
        """The INT8 model with these modules left in float, with the metadata of the source."""
        from models.make.fold import fold

        path = self._write(name, kept_float, None, {})
        network = metadata.load(path)
        return metadata.save(fold(network) if self._folded else network, path, self._metadata)

    def most_sensitive(self, probes: Sequence[Example], step: Step) -> list[str]:
        """Modules by how much nearer the network comes to the float one when each is left in float."""
        pictures = [read_picture(example.picture) for example in probes]
        wanted = _seen(self.plain, pictures)
        all_int8 = disagreement(wanted, _seen(self.write("probe", ()), pictures))
        gain: dict[str, float] = {}
        for done, module in enumerate(self._modules, start=1):
            gain[module] = all_int8 - disagreement(wanted, _seen(self.write("probe", (module,)), pictures))
            step("finding sensitive modules", done, len(self._modules))
            log.info("with %s in float nearer by %.4f of %.4f", module, gain[module], all_int8)
        return sorted((module for module in gain if gain[module] > 0), key=lambda module: -gain[module])

    def _write(
        self,
        name: str,
        kept_float: Sequence[str],
        tensors: Iterator[dict[str, NDArray[np.float32]]] | None,
        options: dict[str, Any],
    ) -> Path:
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

        class Reader(CalibrationDataReader):  # type: ignore[misc]
            """Hands the tensors over one by one, as the library asks for them."""

            def get_next(self) -> dict[str, NDArray[np.float32]] | None:
                return None if tensors is None else next(tensors, None)

        path = self._scratch / f"{name}.onnx"
        kept = [*self._float_always, *(node for module in kept_float for node in self._modules[module])]
        with _quiet():
            quantize_static(
                str(self._prepared),
                str(path),
                Reader(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(_OPERATORS[self._settings.runtime]),
                per_channel=True,
                reduce_range=self._settings.seven_bits,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=kept,
                extra_options=options,
                calibration_cache_path=self._scratch / "ranges.json",
            )
        return path


def _tensor(picture: NDArray[np.uint8], input_px: int) -> NDArray[np.float32]:
    """The picture as a plain network is given it in flight."""
    height, width = picture.shape[:2]
    canvas = Canvas(Letterbox.fit(width, height, long_side=input_px))
    canvas.draw(picture)
    return np.asarray(cv2.dnn.blobFromImage(canvas.pixels, scalefactor=1 / 255, swapRB=True), np.float32)


def _seen(model: Path, pictures: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
    detector = Detector.load(model, backend="cpu")
    return [detector.detect_raw(picture, AGREE_FROM / 2) for picture in pictures]


def _map50(model: Path, pictures: Sequence[Example], what: str, step: Step) -> float:
    detector = Detector.load(model, backend="cpu")
    judged = judge(detector, pictures, raw=True, on_picture=lambda done, total: step(what, done, total))
    return figures(judged, threshold=detector.threshold, input_px=detector.input_px).map50


def _refuse_old_runtime() -> None:
    """Ranges are measured once and used many times, which older quantisers cannot."""
    import onnxruntime
    from onnxruntime.quantization import quantize_static

    if "calibration_cache_path" not in signature(quantize_static).parameters:
        raise ModelError(
            f"ONNX Runtime {onnxruntime.__version__} is too old to quantise with",
            hint="Install a newer one; 1.32 is known to do.",
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """ONNX Runtime's quantiser warns of what is done here on purpose, on the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
