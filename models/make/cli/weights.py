"""``emberwatch model train``, ``mean``, ``export`` and ``quantise``: from a dataset to a file that flies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.make.cli.show import RUNS, bars, console, progress_bar
from models.make.dataset import DEFAULT_PHOTOS
from models.make.train import DEFAULT_START

if TYPE_CHECKING:
    from models.make.train import TrainProgress


def train_command(
    dataset: Annotated[Path, typer.Option(help="Folder made by `emberwatch model dataset`.")] = RUNS
    / "dataset",
    run: Annotated[Path, typer.Option(help="Folder for this run's weights and settings.")] = RUNS / "train",
    start: Annotated[
        Path | None, typer.Option(help="Weights to start from: .npz of arrays, or .pt of an earlier run.")
    ] = DEFAULT_START,
    epochs: Annotated[int, typer.Option(min=1, help="Times to go through all pictures.")] = 5,
    input_px: Annotated[int, typer.Option(min=32, help="Side of the training pictures in pixels.")] = 384,
    batch: Annotated[int, typer.Option(min=1, help="Pictures in each step.")] = 16,
    lr: Annotated[float, typer.Option(help="Highest learning rate; falls as a cosine.")] = 0.001,
    lr_final_share: Annotated[float, typer.Option(help="Share of it left at the end.")] = 0.01,
    warmup_epochs: Annotated[float, typer.Option(min=0.0, help="The rate rises over these.")] = 0.3,
    mosaic: Annotated[float, typer.Option(help="Share of pictures made of four.")] = 1.0,
    mosaic_off_epochs: Annotated[int, typer.Option(min=0, help="Last epochs with whole pictures only.")] = 2,
    scale: Annotated[float, typer.Option(help="Pictures are scaled by 1 ± this.")] = 0.5,
    degrees: Annotated[float, typer.Option(min=0.0, help="Pictures are turned by up to this.")] = 5.0,
    multi_scale: Annotated[float, typer.Option(help="Whole batches are scaled by 1 ± this.")] = 0.0,
    minutes: Annotated[
        float | None, typer.Option(help="End after so many minutes, if not before by --epochs.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn at random.")] = 0,
    bfloat16: Annotated[bool, typer.Option(help="Twice as fast on CPUs that have it.")] = False,
    on_device: Annotated[
        bool,
        typer.Option(help="Keep all pictures in the GPU's memory (or main memory) and make batches there."),
    ] = False,
    mosaic_off_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Last part of --minutes, with --on-device, without mosaics."),
    ] = 0.0,
    made_share: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of rendered and composed pictures, with --on-device; else as many as there are.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on with the interrupted run in --run.")] = False,
) -> None:
    """Train a YOLOv5n for fire and smoke; settings are kept beside the weights (run.json)."""
    from models.make.train import TrainSettings, train

    settings = TrainSettings(
        input_px=input_px,
        epochs=epochs,
        batch=batch,
        lr=lr,
        lr_final_share=lr_final_share,
        warmup_epochs=warmup_epochs,
        mosaic=mosaic,
        mosaic_off_epochs=mosaic_off_epochs,
        scale=scale,
        degrees=degrees,
        multi_scale=multi_scale,
        minutes=minutes,
        seed=seed,
        bfloat16=bfloat16,
        on_device=on_device,
        mosaic_off_share=mosaic_off_share,
        made_share=made_share,
    )
    with progress_bar() as progress:
        task = progress.add_task("starting", total=None)

        def show(step: TrainProgress) -> None:
            progress.update(
                task,
                description=f"epoch {step.epoch}/{step.epochs}, loss {step.loss:.3f}",
                completed=(step.epoch - 1) * step.batches + step.batch,
                total=step.epochs * step.batches,
            )

        last = train(dataset / "data.yaml", run, settings, start=start, resume=resume, on_progress=show)
    console.print(f"weights: {last}")


def mean_command(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of ended runs that went on from the same weights.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run to make.")] = RUNS / "mean",
) -> None:
    """Take the mean of several runs' weights; the result is a run that can be exported."""
    from models.make.mean import mean

    console.print(f"weights: {mean(runs, out)}")


def export_command(
    run: Annotated[Path, typer.Option(help="Folder of a finished or running training.")] = RUNS / "train",
    out: Annotated[Path, typer.Option(help="ONNX file to write.")] = RUNS / "ember-n.onnx",
    name: Annotated[str, typer.Option(help="What alerts call the model.")] = "ember-n",
    input_px: Annotated[int, typer.Option(min=32, help="Long side to run at.")] = 640,
    threshold: Annotated[float, typer.Option(min=0.01, max=0.99, help="Score that counts on patrol.")] = 0.25,
) -> None:
    """Write a run's last weights as one ONNX file that says what it is."""
    from models.make.export import export, settings_of_run

    written = export(
        run / "weights" / "last.pt",
        out,
        settings_of_run(run, name=name, input_px=input_px, threshold=threshold),
    )
    console.print(f"{written} ({written.stat().st_size / 1e6:.1f} MB)")


def quantise_command(
    model: Annotated[Path, typer.Option(help="Float ONNX file, as `emberwatch model export` writes it.")],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    to: Annotated[
        str, typer.Option(help="int8, or float16: weights of half the size, the same speed.")
    ] = "int8",
    runtime: Annotated[
        str, typer.Option(help="What INT8 should be fastest on: openvino or onnxruntime.")
    ] = "openvino",
    photos: Annotated[
        Path, typer.Option(help="Labelled photos: ranges are measured on train, the loss on val.")
    ] = DEFAULT_PHOTOS,
    photos_used: Annotated[int, typer.Option(min=8, help="Photos to measure ranges on.")] = 256,
    max_loss: Annotated[float, typer.Option(min=0.0, help="Points of mAP50 that INT8 may lose.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Which photos are taken.")] = 0,
    seven_bits: Annotated[
        bool, typer.Option(help="For x86 CPUs without VNNI: weights of 7 bits, which cannot overflow.")
    ] = False,
) -> None:
    """Make a smaller, faster file of a float one: static INT8, calibrated on real photos.

    What 8 bits would spoil stays float. Scores change a little: run `emberwatch model calibrate` on the file.
    """
    from models.make.metadata import require_onnx

    require_onnx()
    if to not in ("int8", "float16"):
        raise typer.BadParameter(f"{to!r} is neither int8 nor float16", param_hint="--to")
    from models.make.halve import halve_weights
    from models.make.quantise import QuantiseSettings, Runtime, quantise

    if to == "float16":
        halve_weights(model, out)
        console.print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")
        return
    if runtime not in list(Runtime):
        raise typer.BadParameter(f"{runtime!r} is neither openvino nor onnxruntime", param_hint="--runtime")
    settings = QuantiseSettings(
        runtime=Runtime(runtime),
        photos=photos_used,
        seed=seed,
        max_loss=max_loss / 100,
        seven_bits=seven_bits,
    )
    from models.make.dataset import examples

    with bars() as advance:
        report = quantise(
            model,
            out,
            train=examples(photos, "train"),
            judged_on=examples(photos, "val"),
            settings=settings,
            on_step=advance,
        )
    console.print(
        f"{out} ({report.bytes_after / 1e6:.1f} MB, was {report.bytes_before / 1e6:.1f}); mAP50 "
        f"{report.map50_after:.3f}, was {report.map50_before:.3f}; kept in float besides the last layers: "
        f"{', '.join(report.kept_float) or 'nothing'}"
    )
