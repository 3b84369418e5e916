"""``emberwatch model evaluate``, ``calibrate`` and ``leaderboard``: how good a model is."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from models.make.cli.show import bar, bars, console
from models.make.cli.tables import show_figures
from models.make.dataset import DEFAULT_PHOTOS


def evaluate_command(
    model: Annotated[Path | None, typer.Option(help="ONNX file; the shipped weights if left out.")] = None,
    pictures: Annotated[Path, typer.Option(help="Labelled pictures or a built dataset.")] = DEFAULT_PHOTOS,
    split: Annotated[str, typer.Option(help="Which split of them.")] = "val",
    input_px: Annotated[int | None, typer.Option(min=32, help="Run at another long side.")] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0.01, max=0.99, help="Count at another score.")
    ] = None,
    backend: Annotated[
        str, typer.Option(help="What runs it: cpu (the reference), openvino, cuda, auto, …")
    ] = "cpu",
    report: Annotated[Path | None, typer.Option(help="Also write the figures as JSON here.")] = None,
) -> None:
    """Judge a model on labelled pictures through the runtime that flies."""
    from models.make.dataset import examples
    from models.make.evaluate import evaluate, threshold_for

    with bar("looking") as advance:
        result, judged = evaluate(
            model,
            examples(pictures, split),
            input_px=input_px,
            threshold=threshold,
            backend=backend,
            on_picture=advance,
        )
    show_figures(result)
    if result.clear:
        for share in (0.02, 0.05, 0.10):
            chosen = threshold_for(judged, false_alarms=share)
            console.print(f"≤ {share:.0%} of clear pictures flagged from a threshold of {chosen:.2f}")
    _write_json(report, result.as_json())


def calibrate_command(
    model: Annotated[Path, typer.Option(help="ONNX file whose scores are to be made honest.")],
    out: Annotated[
        Path | None, typer.Option(help="ONNX file to write; --model itself, in one step, if left out.")
    ] = None,
    pictures: Annotated[Path, typer.Option(help="Labelled pictures or a built dataset.")] = DEFAULT_PHOTOS,
    split: Annotated[str, typer.Option(help="Which split of them; not one that was trained on.")] = "val",
    patrol: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Share of clear pictures that may be flagged on patrol.")
    ] = 0.02,
    sensitive: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="The same where missing a fire costs more.")
    ] = 0.10,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="Name of a picture that is labelled wrongly; may be repeated.")
    ] = None,
    input_px: Annotated[
        int | None, typer.Option(min=32, help="Measure, and fly, at another long side.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Also write everything that was found as JSON.")] = None,
) -> None:
    """Make a model's scores honest and choose its two thresholds, on pictures it was not trained on.

    A calibrated score of 0.7 is right about seven times in ten. Writes a temperature and bias for each
    label, the thresholds for patrol and for sensitive flying, and the boxes expected on the golden picture
    into the file's metadata. The figures shown are cross-fitted: fitted on four folds of the pictures,
    counted on the fifth, five times. Run it last, on each file: INT8 has other scores than float.
    """
    from models.make.calibrate import calibrate
    from models.make.dataset import examples, without

    with bar("looking") as advance:
        found = calibrate(
            model,
            out or model,
            without(examples(pictures, split), leave_out or []),
            patrol=patrol,
            sensitive=sensitive,
            input_px=input_px,
            on_picture=advance,
        )
    for label, entry in found.labels.items():
        table = Table(
            title=f"{label}: T {entry.temperature:.2f}, b {entry.bias:+.2f}; calibration error "
            f"{entry.error_before:.3f} before, {entry.error_after:.3f} after (out of fold)"
        )
        for heading in ("score", "boxes", "mean score", "right", ""):
            table.add_column(heading, justify="right" if heading else "left")
        for step in entry.after:
            table.add_row(
                f"{step.low:.1f} to {step.high:.1f}",
                str(step.boxes),
                f"{step.mean_score:.2f}",
                f"{step.right:.2f}",
                reliability_line(step.mean_score, step.right),
            )
        console.print(table)
    for choice in (found.patrol, found.sensitive):
        console.print(
            f"{choice.setting.name}: threshold {choice.threshold:.3f}; out of fold it flags, wrongly, "
            f"{choice.clear}; of what burns, {choice.burning} (95 %, Wilson)"
        )
    _write_json(report, found.as_json())
    console.print(f"written to {out or model}")


def leaderboard_command(
    models: Annotated[list[Path], typer.Argument(help="ONNX files.")],
    sizes: Annotated[
        list[int] | None,
        typer.Option("--size", min=32, help="Long side in pixels; may be repeated. 416 and 640 if left out."),
    ] = None,
    pictures: Annotated[Path, typer.Option(help="Labelled pictures or a built dataset.")] = DEFAULT_PHOTOS,
    split: Annotated[str, typer.Option(help="Which split of them.")] = "val",
    readme: Annotated[
        Path | None, typer.Option(help="Document to write the table into, between its leaderboard markers.")
    ] = None,
) -> None:
    """Judge several models at several input sizes and write the table of the model card."""
    from models.make.dataset import examples
    from models.make.leaderboard import markdown, measure, with_leaderboard

    document = None if readme is None else readme.read_text(encoding="utf-8")
    if document is not None:
        with_leaderboard(document, "")  # no place for a table? Say so now.
    with bars() as advance:
        entries = measure(models, sizes or [416, 640], examples(pictures, split), on_picture=advance)
    table = markdown(entries, split)
    if readme is None or document is None:
        console.print(table, markup=False, soft_wrap=True)
    else:
        readme.write_text(with_leaderboard(document, table), encoding="utf-8")
        console.print(f"{len(entries)} rows written into {readme}")


def reliability_line(mean_score: float, right: float, width: int = 24) -> str:
    """A bar as long as the share of right boxes; the ``|`` is where the score says that it should end."""
    cells = ["█" if cell < round(right * width) else "·" for cell in range(width)]
    cells[min(width - 1, round(mean_score * width))] = "|"
    return "".join(cells)


def _write_json(path: Path | None, content: dict[str, Any]) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_without_nan(content), indent=2) + "\n")


def _without_nan(value: Any) -> Any:
    """The same with null for what could not be measured: NaN is not JSON."""
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value
