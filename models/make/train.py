"""Trains a detector with Ultralytics, on a GPU or on a few CPU cores.

Ultralytics does the training; this module adds what a small project needs around it: a start from
a plain ``.npz`` of arrays, both CPU cores and bfloat16 where the CPU has it, no network, one seed,
resuming, and every setting kept beside the weights it made (``run.json``).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flight.errors import EmberwatchError
from models.make.dataset import examples, read_sha256

log = logging.getLogger(__name__)

_STRIDE_PX = 32
_SECONDS_BETWEEN_SAVES = 20.0
DEFAULT_START = Path("../shared/data/weights/fire_smoke_start.npz")


class TrainError(EmberwatchError):
    """Training cannot start or went wrong in a way a person can act on."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Everything that decides what a training run produces; written to ``run.json`` as it is."""

    model: str = "yolov5n.yaml"
    input_px: int = 384
    epochs: int = 5
    batch: int = 16
    lr: float = 0.001
    lr_final_share: float = 0.01
    warmup_epochs: float = 0.3
    mosaic: float = 1.0
    mosaic_off_epochs: int = 2
    scale: float = 0.5
    multi_scale: float = 0.0
    degrees: float = 5.0
    hsv_h: float = 0.01
    hsv_s: float = 0.5
    hsv_v: float = 0.4
    seed: int = 0
    bfloat16: bool = False
    minutes: float | None = None
    """End after so long instead of after ``epochs``; the learning rate then falls with the clock."""
    on_device: bool = False
    """Keep all pictures where the network is and make batches there (see :mod:`models.make.batches`)."""
    mosaic_off_share: float = 0.0
    """With ``minutes`` and ``on_device``: the last part of the time is on whole pictures only."""
    made_share: float | None = None
    """With ``on_device``: share of rendered and composed pictures, instead of as many as there are."""


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """One step of a run, for a progress bar."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float


def quiet_ultralytics(settings_folder: Path) -> None:
    """Keeps Ultralytics off the network and its settings out of the home folder.

    Must be called before ``ultralytics`` is imported for the first time. Raises
    :class:`TrainError` where the ``train`` extra is not installed.
    """
    settings_folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("YOLO_CONFIG_DIR", str(settings_folder.resolve()))
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as in models.backends.onnxruntime
    try:
        import ultralytics  # noqa: F401
    except ModuleNotFoundError:
        raise TrainError(
            "training needs Ultralytics and PyTorch, which are not installed",
            hint="Install them in the checkout with: make train",
        ) from None


def load_start(model: Any, path: Path) -> int:
    """Copies every array of ``path`` whose name and shape ``model`` has into it; returns how many.

    ``path`` is an ``.npz`` of arrays under the checkpoint's own names, or a ``.pt`` of an earlier run.
    The class branch of the head is made as wide as the start's first, see :func:`match_class_branch`.
    """
    import numpy as np
    import torch

    try:
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                state = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        else:
            from ultralytics.nn.tasks import load_checkpoint

            state = load_checkpoint(str(path))[0].state_dict()
    except (OSError, ValueError) as error:
        raise TrainError(f"cannot read the start weights {path}: {error}") from None
    match_class_branch(model, state)
    own = model.state_dict()
    fitting = {
        name: array.to(own[name].dtype)
        for name, array in state.items()
        if name in own and own[name].shape == array.shape
    }
    if not fitting:
        raise TrainError(f"no array of {path} fits the model", hint="Is it for another architecture?")
    model.load_state_dict(fitting, strict=False)
    return len(fitting)


def match_class_branch(model: Any, state: dict[str, Any]) -> None:
    """Rebuilds the head's class branch with the width that it has in ``state``.

    Ultralytics sizes that branch by the number of classes (64 channels for two, 80 for COCO's
    eighty), so a start from COCO would lose it for nothing: only its last layer counts classes.
    """
    from torch import nn
    from ultralytics.nn.modules.conv import Conv

    head = model.model[-1]
    for level, branch in enumerate(head.cv3):
        first = state.get(f"model.{head.i}.cv3.{level}.0.conv.weight")
        if (
            first is None
            or isinstance(branch[0], nn.Sequential)
            or first.shape == branch[0].conv.weight.shape
        ):
            continue
        width, channels = int(first.shape[0]), int(first.shape[1])
        last = nn.Conv2d(width, head.nc, 1)
        nn.init.constant_(last.bias, float(branch[-1].bias.detach().mean()))
        head.cv3[level] = nn.Sequential(Conv(channels, width, 3), Conv(width, width, 3), last)


def train(
    data_yaml: Path,
    run_folder: Path,
    settings: TrainSettings,
    *,
    start: Path | None,
    resume: bool = False,
    on_progress: Callable[[TrainProgress], None] | None = None,
) -> Path:
    """Trains and returns the path of the final weights (``weights/last.pt``, an averaged model).

    ``start`` is an ``.npz`` of arrays or a ``.pt`` of an earlier run; ``None`` starts from noise.
    ``resume`` goes on with an interrupted run in ``run_folder`` under its own settings. The last
    epoch is what is kept, not the best on the validation photos: those are for judging only.
    Raises :class:`TrainError`.
    """
    if settings.mosaic_off_share and not (settings.minutes and settings.on_device):
        raise TrainError(
            "--mosaic-off-share works with --minutes and --on-device only",
            hint="Otherwise mosaics can end between epochs: --mosaic-off-epochs.",
        )
    if settings.made_share is not None and not settings.on_device:
        raise TrainError("--made-share works with --on-device only")
    data_sha256 = read_sha256(data_yaml.parent)
    last, run_file = run_folder / "weights" / "last.pt", run_folder / "run.json"
    if start is not None and not start.is_file():
        raise TrainError(f"the start weights {start} do not exist")
    began = time.time()
    if resume:
        record = _interrupted(run_file, last)
        settings = TrainSettings(**record["settings"])
        if record["dataset_sha256"] != data_sha256:
            raise TrainError(f"the run in {run_folder} was on another dataset than {data_yaml.parent}")
    else:
        record = {
            "settings": asdict(settings),
            "start": None if start is None else start.name,
            "start_sha256": None if start is None else hashlib.sha256(start.read_bytes()).hexdigest(),
            "dataset_sha256": data_sha256,
            "began_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        }
    quiet_ultralytics(run_folder / "ultralytics")
    record["versions"] = _versions()
    before_min = record.get("minutes_saved", 0.0)
    trainer = _trainer(
        data_yaml,
        run_folder,
        settings,
        start=start,
        resume=resume,
        before_min=before_min,
        on_progress=on_progress,
    )

    def note(running: Any) -> None:
        record["minutes_saved"] = before_min + (time.time() - running.train_time_start) / 60
        run_file.write_text(json.dumps(record, indent=2) + "\n")

    trainer.add_callback("on_model_save", note)
    run_file.write_text(json.dumps(record, indent=2) + "\n")
    trainer.train()
    record.pop("minutes_saved", None)
    record["minutes"] = round(before_min + (time.time() - began) / 60, 1)
    record["last_sha256"] = hashlib.sha256(last.read_bytes()).hexdigest()
    run_file.write_text(json.dumps(record, indent=2) + "\n")
    return last


def _interrupted(run_file: Path, last: Path) -> dict[str, Any]:
    """The record of a run that has weights but has not ended."""
    try:
        record: dict[str, Any] = json.loads(run_file.read_text()) if last.is_file() else {}
    except (OSError, ValueError):
        record = {}
    if "settings" not in record:
        raise TrainError(f"nothing to resume in {run_file.parent}", hint="Leave out --resume to start anew.")
    if "minutes" in record:
        raise TrainError(
            f"the run in {run_file.parent} has ended",
            hint="Start another from its weights: --run NEW --start OLD/weights/last.pt",
        )
    return record


def _trainer(
    data_yaml: Path,
    run_folder: Path,
    settings: TrainSettings,
    *,
    start: Path | None,
    resume: bool,
    before_min: float,
    on_progress: Callable[[TrainProgress], None] | None,
) -> Any:
    """Ultralytics' trainer, set up; ``before_min`` is the time that a resumed run has had already."""
    import torch
    from ultralytics.models.yolo.detect import DetectionTrainer

    on_gpu = torch.cuda.is_available()
    own_batches = _supply(data_yaml.parent, settings)

    class Trainer(DetectionTrainer):  # type: ignore[misc]
        """Ultralytics' trainer with our start weights, batches and memory layout."""

        saved_at = 0.0

        def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
            model = super().get_model(cfg, None, verbose)
            if weights is not None:  # resuming
                match_class_branch(model, weights.state_dict())
                model.load(weights)
            elif start is not None:
                log.info("start weights %s: %d tensors fit", start.name, load_start(model, start))
            return model

        def get_dataloader(
            self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train"
        ) -> Any:
            if settings.on_device:
                return own_batches(self.args.imgsz, batch_size, self.device)
            # Ultralytics allows no loader process on a CPU; one keeps the second core busy
            # while the first is in the optimiser's single-threaded parts.
            self.args.workers = 1 if mode == "train" else 0
            return super().get_dataloader(dataset_path, batch_size, rank, mode)

        def validate(self) -> tuple[dict[str, float], float]:
            """Judging is `evaluate`'s, after the export and through our own runtime."""
            return {}, 0.0

        def final_eval(self) -> None:
            """See :meth:`validate`; the checkpoint keeps its optimiser, so that it can be resumed."""

        def save_model(self) -> bool:
            """Not after every round where rounds take seconds, but always at the end."""
            ended = self.stop or self.epoch + 1 >= self.epochs
            if not ended and time.time() < self.saved_at + _SECONDS_BETWEEN_SAVES * on_gpu:
                return False
            self.saved_at = time.time()
            return bool(super().save_model())

        def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
            ready: dict[str, Any] = super().preprocess_batch(batch)
            ready["img"] = ready["img"].contiguous(memory_format=torch.channels_last)
            return ready

    overrides: dict[str, Any] = {
        "model": str(run_folder / "weights" / "last.pt") if resume else settings.model,
        "resume": str(run_folder / "weights" / "last.pt") if resume else False,
        "data": str(data_yaml.resolve()),
        "project": str(run_folder.resolve().parent),
        "name": run_folder.name,
        "exist_ok": True,
        "pretrained": False,
        "imgsz": settings.input_px,
        "epochs": settings.epochs,
        "batch": settings.batch,
        "nbs": settings.batch,
        "optimizer": "AdamW",
        "lr0": settings.lr,
        "lrf": settings.lr_final_share,
        "cos_lr": True,
        "warmup_epochs": settings.warmup_epochs,
        "warmup_bias_lr": settings.lr,
        "weight_decay": 0.0005,
        "mosaic": settings.mosaic,
        "close_mosaic": settings.mosaic_off_epochs,
        "scale": settings.scale,
        "multi_scale": 0.0 if settings.on_device else settings.multi_scale,
        "degrees": settings.degrees,
        "hsv_h": settings.hsv_h,
        "hsv_s": settings.hsv_s,
        "hsv_v": settings.hsv_v,
        "seed": settings.seed,
        "deterministic": not on_gpu,  # there it would cost far more than equal runs are worth
        "device": "0" if on_gpu else "cpu",
        "amp": False,
        "cache": "ram",
        "plots": False,
        "val": False,
        "patience": 0,
    }
    run_folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(overrides=overrides)

    def prepare(running: Any) -> None:
        running.batches_seen = running.start_epoch * len(running.train_loader)
        running.model.to(memory_format=torch.channels_last)
        if not on_gpu:
            torch.set_num_threads(os.cpu_count() or 1)
        if settings.bfloat16:
            _use_bfloat16(running.model, running.device.type)

    def tick(running: Any) -> None:
        running.batches_seen += 1
        if on_progress is not None:
            done, batches = running.batches_seen, len(running.train_loader)
            on_progress(
                TrainProgress(
                    epoch=running.epoch + 1,
                    epochs=running.epochs,
                    batch=(done - 1) % batches + 1,
                    batches=batches,
                    loss=float(sum(running.tloss.values())),
                )
            )

    def follow_the_clock(running: Any) -> None:
        if settings.minutes is None:
            return
        share = (before_min + (time.time() - running.train_time_start) / 60) / settings.minutes
        running.stop = running.stop or share >= 1
        if settings.mosaic_off_share and share >= 1 - settings.mosaic_off_share:
            running.train_loader.close_mosaic()
        warming_up = running.batches_seen < settings.warmup_epochs * len(running.train_loader)
        if not warming_up:
            cosine = (1 + math.cos(math.pi * min(share, 1.0))) / 2
            floor = settings.lr_final_share
            for group in running.optimizer.param_groups:
                group["lr"] = group["initial_lr"] * (floor + (1 - floor) * cosine)

    trainer.add_callback("on_train_start", prepare)
    trainer.add_callback("on_train_batch_end", tick)
    # Before the step as well: Ultralytics sets its own rate at the start of every epoch.
    trainer.add_callback("on_train_batch_start", follow_the_clock)
    trainer.add_callback("on_train_batch_end", follow_the_clock)
    return trainer


def _supply(folder: Path, settings: TrainSettings) -> Callable[[int, int, Any], Any]:
    """Makes supplies of batches: (side in px, pictures in a batch, device). Pictures are read only once."""

    @cache
    def album(side_px: int, device: Any) -> Any:
        from models.make.batches import Album

        return Album(examples(folder, "train"), side_px, device)

    def batches(side_px: int, batch_size: int, device: Any) -> Any:
        from models.make.batches import Batches, Changes

        changes = Changes(
            mosaic=settings.mosaic,
            scale=settings.scale,
            degrees=settings.degrees,
            hue=settings.hsv_h,
            saturation=settings.hsv_s,
            brightness=settings.hsv_v,
        )
        return Batches(
            album(side_px, device),
            batch_size,
            changes,
            settings.seed,
            sides_px=_sides_px(side_px, settings.multi_scale),
            made_share=settings.made_share,
        )

    return batches


def _sides_px(middle_px: int, spread: float) -> list[int]:
    """The multiples of the network's stride from ``middle_px`` · (1 - spread) to (1 + spread)."""
    reach = round(middle_px * spread / _STRIDE_PX)
    return [
        side
        for side in range(middle_px - reach * _STRIDE_PX, middle_px + reach * _STRIDE_PX + 1, _STRIDE_PX)
        if side > 0
    ]


def _use_bfloat16(model: Any, device_type: str) -> None:
    """Runs the network in bfloat16, more than twice as fast on CPUs that have it, and the loss in float32.

    Ultralytics offers bfloat16 on GPUs only. In the loss, corners would be rounded to an eighth of a cell.
    """
    import torch

    plain = model.predict

    def predict(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device_type, dtype=torch.bfloat16):
            output = plain(*args, **kwargs)
        return _to_float32(output)

    model.predict = predict


def _to_float32(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _to_float32(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_to_float32(part) for part in value)
    return value.float() if hasattr(value, "float") else value


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in ("torch", "ultralytics-opencv-headless", "opencv-python-headless", "numpy"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
