"""Writes trained weights as one self-describing ONNX file for any picture size."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from models.make.metadata import save_checked
from models.make.train import quiet_ultralytics

OPSET = 17
LICENCE = "AGPL-3.0-only"


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What the file will say about itself besides its labels."""

    name: str
    input_px: int
    threshold: float
    trained_at: str
    dataset_sha256: str


def settings_of_run(run: Path, *, name: str, input_px: int, threshold: float) -> ExportSettings:
    """Export settings with the date and dataset that the run's ``run.json`` tells of."""
    try:
        record = json.loads((run / "run.json").read_text())
        return ExportSettings(name, input_px, threshold, record["began_utc"], record["dataset_sha256"])
    except (OSError, ValueError, KeyError):
        raise ModelError(f"{run} is not a training run (no readable run.json)") from None


def export(weights: Path, out: Path, settings: ExportSettings) -> Path:
    """Exports the ``.pt`` file ``weights`` to ``out`` and returns it.

    Height and width stay free (any multiple of 32), the batch is one, the picture is the camera's own bytes
    (see :mod:`models.make.fold`). ``out`` is replaced in one step, so that a reader never sees half a file.
    Raises :class:`ModelError`.
    """
    if not weights.is_file():
        raise ModelError(f"no trained weights at {weights}", hint="Train first: emberwatch model train")
    with tempfile.TemporaryDirectory() as scratch:
        quiet_ultralytics(Path(scratch))
        import onnx
        import torch
        from ultralytics.nn.tasks import load_checkpoint

        from models.make.fold import fold

        network, _ = load_checkpoint(str(weights), device=torch.device("cpu"), fuse=True)
        network = network.float().eval()
        labels = [str(name) for _, name in sorted(network.names.items())]
        head = network.model[-1]
        head.export, head.dynamic, head.format = True, True, "onnx"
        plain = Path(scratch) / "plain.onnx"
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, 320, 384),),
            str(plain),
            opset_version=OPSET,
            input_names=["images"],
            output_names=["boxes"],
            dynamic_axes={"images": {2: "height", 3: "width"}, "boxes": {2: "cells"}},
            dynamo=False,
        )
        graph = fold(onnx.load(str(plain)))
    graph.producer_name = "emberwatch"
    return save_checked(
        graph,
        out,
        {
            "name": settings.name,
            "labels": json.dumps(labels),
            "input_size": str(settings.input_px),
            "threshold": f"{settings.threshold:g}",
            "licence": LICENCE,
            "trained_at": settings.trained_at,
            "dataset_sha256": settings.dataset_sha256,
        },
    )
