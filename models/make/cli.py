"""``emberwatch model …``: makes and judges detectors.

Everything heavy is imported inside the verbs, so that ``emberwatch --help`` stays quick and works
without the ``train`` extra.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from models.make.dataset import DEFAULT_PHOTOS
from models.make.train import DEFAULT_START

if TYPE_CHECKING:
    from models.make.evaluate import Figures
    from models.make.train import TrainProgress

app = typer.Typer(
    help="Make and judge detectors: build a dataset, render scenes, train, export, evaluate.",
    no_args_is_help=True,
)
console = Console()

RUNS = Path("runs")


@app.command("scenes")
def scenes_command(
    out: Annotated[Path, typer.Option(help="Folder to write the pictures and labels to.")] = RUNS / "scenes",
    train: Annotated[int, typer.Option(min=1, help="Pictures to train on.")] = 1600,
    judge: Annotated[int, typer.Option(min=1, help="Pictures for each of the two judging splits.")] = 200,
    seed: Annotated[int, typer.Option(min=10_000, help="First seed; the demo's lie below 1000.")] = 10_000,
    processes: Annotated[int, typer.Option(min=1, help="Processes that render at the same time.")] = 1,
    composites: Annotated[
        int,
        typer.Option(min=0, help="Also put smoke, fog or a low sun into so many clear photos, for train."),
    ] = 0,
    photos: Annotated[
        Path, typer.Option(help="Labelled photos whose clear ones --composites takes.")
    ] = DEFAULT_PHOTOS,
) -> None:
    """Render labelled scenes of the virtual world: fires, smoke and things that only look alike.

    Writes three splits that share no seed: `train`, `rendered-val` (the same families of country)
    and `rendered-unseen` (a family that is never trained on), and a contact sheet of each.
    Composites, if asked for, are made of clear photos and go to `train` alone.
    """
    from models.make.composites import PREFIX, compose
    from models.make.dataset import examples
    from models.make.rendered import TRAIN, SceneCounts, contact_sheet, render

    to_compose = examples(photos, TRAIN) if composites else []
    with _bar("rendering") as advance:
        report = render(
            out, SceneCounts(train, judge, judge), first_seed=seed, processes=processes, on_picture=advance
        )
    for split, count in report.pictures.items():
        console.print(f"{split}: {count} pictures, {report.clear[split]} with nothing burning")
    sheets = list(report.sheets)
    if composites:
        with _bar("putting smoke into photos") as advance:
            smoking = compose(out, to_compose, composites, seed=seed, processes=processes, on_picture=advance)
        sheets.append(contact_sheet(out, TRAIN, prefix=PREFIX))
        console.print(f"{TRAIN}: {composites} composites more, {smoking} of them with smoke")
    console.print(f"Look at them: {', '.join(str(sheet) for sheet in sheets)}")


@app.command("dataset")
def dataset_command(
    out: Annotated[Path, typer.Option(help="Folder to build; made anew if it is a dataset.")] = RUNS
    / "dataset",
    photos: Annotated[Path, typer.Option(help="Labelled photos with train/ and val/.")] = DEFAULT_PHOTOS,
    scenes: Annotated[
        Path | None, typer.Option(help="Scenes and composites to add (emberwatch model scenes).")
    ] = None,
) -> None:
    """Lay labelled photos and rendered scenes together as one training folder, with checksum and licences."""
    from models.make.dataset import build

    with _bar("linking") as advance:
        report = build(out, photos=photos, rendered=scenes, on_picture=advance)
    for split, count in report.pictures.items():
        boxes = ", ".join(f"{n} {label}" for label, n in sorted(report.boxes[split].items()))
        console.print(f"{split}: {count} pictures; boxes: {boxes or 'none'}")
    console.print(f"{report.data_yaml}  sha256 {report.sha256[:16]}…")


@app.command("train")
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
        multi_scale=multi_scale,
        minutes=minutes,
        seed=seed,
        bfloat16=bfloat16,
        on_device=on_device,
        mosaic_off_share=mosaic_off_share,
    )
    with _progress() as progress:
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


@app.command("export")
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


@app.command("evaluate")
def evaluate_command(
    model: Annotated[Path | None, typer.Option(help="ONNX file; the shipped weights if left out.")] = None,
    pictures: Annotated[Path, typer.Option(help="Labelled pictures or a built dataset.")] = DEFAULT_PHOTOS,
    split: Annotated[str, typer.Option(help="Which split of them.")] = "val",
    input_px: Annotated[int | None, typer.Option(min=32, help="Run at another long side.")] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0.01, max=0.99, help="Count at another score.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Also write the figures as JSON here.")] = None,
) -> None:
    """Judge a model on labelled pictures through the runtime that flies."""
    from models.make.dataset import examples
    from models.make.evaluate import evaluate, threshold_for

    with _bar("looking") as advance:
        result, judged = evaluate(
            model, examples(pictures, split), input_px=input_px, threshold=threshold, on_picture=advance
        )
    _show(result)
    if result.clear:
        for share in (0.02, 0.05, 0.10):
            chosen = threshold_for(judged, false_alarms=share)
            console.print(f"≤ {share:.0%} of clear pictures flagged from a threshold of {chosen:.2f}")
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps(result.as_json(), indent=2) + "\n")


def _show(result: Figures) -> None:
    table = Table(title=f"{result.pictures} pictures at {result.input_px} px, threshold {result.threshold:g}")
    for heading in ("", "AP50", "AP50-95", "boxes found", "wrong", "pictures found", "wrong"):
        table.add_column(heading, justify="right" if heading else "left")
    for label, entry in result.labels.items():
        table.add_row(
            label,
            f"{entry.ap50:.3f}",
            f"{entry.ap50_95:.3f}",
            f"{entry.boxes_found} of {entry.boxes_labelled}",
            str(entry.boxes_wrong),
            f"{entry.pictures_flagged_rightly} of {entry.pictures_labelled}",
            str(entry.pictures_flagged - entry.pictures_flagged_rightly),
        )
    table.add_row("mean", f"{result.map50:.3f}", f"{result.map50_95:.3f}")
    console.print(table)
    console.print(
        f"pictures with something burning flagged: {result.burning_flagged} of {result.burning}; "
        f"with nothing burning, wrongly: {result.clear_flagged} of {result.clear}"
    )


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar driven by ``(done, total)``."""
    with _progress() as progress:
        task = progress.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield advance
