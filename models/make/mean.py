"""The mean of the weights of several runs that went on from one start: often better than each of them.

M. Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time", 2022. Of runs without a common beginning it is noise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.make.train import TrainError, quiet_ultralytics


def mean(runs: Sequence[Path], out: Path) -> Path:
    """Writes the folder ``out`` as a run of its own, and returns its weights.

    Its ``run.json`` holds those of ``runs``; date and dataset are the first one's. Raises
    :class:`TrainError` where a run is missing, unfinished or of another shape.
    """
    records = [_record(run) for run in runs]
    if (out / "run.json").exists():
        raise TrainError(f"{out} holds a run already", hint="Choose a new folder.")
    quiet_ultralytics(out / "ultralytics")
    import torch

    parts = [torch.load(run / "weights" / "last.pt", map_location="cpu", weights_only=False) for run in runs]
    networks = [(part["ema"] or part["model"]).float() for part in parts]
    states = [network.state_dict() for network in networks]
    shapes = [{name: array.shape for name, array in state.items()} for state in states]
    for run, shape in zip(runs, shapes, strict=True):
        if shape != shapes[0]:
            raise TrainError(f"the networks of {runs[0]} and {run} are not of one shape")
    networks[0].load_state_dict(
        {
            name: torch.stack([state[name] for state in states]).mean(dim=0)
            if array.is_floating_point()
            else array
            for name, array in states[0].items()
        }
    )
    last = out / "weights" / "last.pt"
    last.parent.mkdir(parents=True, exist_ok=True)
    torch.save({**parts[0], "model": networks[0], "ema": None, "optimizer": None}, last)
    told = {
        "mean_of": records,
        "began_utc": records[0]["began_utc"],
        "dataset_sha256": records[0]["dataset_sha256"],
        "last_sha256": hashlib.sha256(last.read_bytes()).hexdigest(),
    }
    (out / "run.json").write_text(json.dumps(told, indent=2) + "\n")
    return last


def _record(run: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads((run / "run.json").read_text())
    except (OSError, ValueError):
        raise TrainError(f"{run} is not a training run (no readable run.json)") from None
    if "last_sha256" not in record:
        raise TrainError(f"the run in {run} has not ended", hint="Go on with it: --resume.")
    return record
