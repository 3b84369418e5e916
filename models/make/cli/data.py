"""``emberwatch model scenes``, ``composites`` and ``dataset``: what there is to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.make.cli.show import RUNS, bar, bars, console
from models.make.dataset import DEFAULT_PHOTOS


def scenes_command(
    out: Annotated[Path, typer.Option(help="Folder to write the pictures and labels to.")] = RUNS / "scenes",
    train: Annotated[int, typer.Option(min=1, help="Pictures to train on.")] = 1600,
    judge: Annotated[int, typer.Option(min=1, help="Pictures for each of the two judging splits.")] = 200,
    seed: Annotated[int, typer.Option(min=10_000, help="First seed; the demo's lie below 1000.")] = 10_000,
    processes: Annotated[int, typer.Option(min=1, help="Processes that render at the same time.")] = 1,
) -> None:
    """Render labelled scenes of the virtual world: fires, smoke and things that only look alike.

    Writes three splits that share no seed: `train`, `rendered-val` (the same families of country)
    and `rendered-unseen` (a family that is never trained on), and a contact sheet of each.
    """
    from models.make.rendered import SceneCounts, render

    with bar("rendering") as advance:
        report = render(
            out, SceneCounts(train, judge, judge), first_seed=seed, processes=processes, on_picture=advance
        )
    for split, count in report.pictures.items():
        console.print(f"{split}: {count} pictures, {report.clear[split]} with nothing burning")
    console.print(f"Look at them: {', '.join(str(sheet) for sheet in report.sheets)}")


def composites_command(
    out: Annotated[
        Path,
        typer.Option(help="Folder to add to; may hold rendered scenes or composites with another --seed."),
    ] = RUNS / "scenes",
    photos: Annotated[
        Path, typer.Option(help="Photos in train/images; the clear ones are taken.")
    ] = DEFAULT_PHOTOS,
    flames: Annotated[
        Path, typer.Option(help="Labelled photos out of which flames are cut.")
    ] = DEFAULT_PHOTOS,
    count: Annotated[int, typer.Option(min=1, help="Pictures to make.")] = 1500,
    seed: Annotated[int, typer.Option(min=0, help="Also part of their names.")] = 0,
    processes: Annotated[int, typer.Option(min=1, help="Processes that work at the same time.")] = 1,
) -> None:
    """Put smoke, small flames, fog or a low sun into photos in which nothing burns.

    Composites are trained on only, never judged with, and need looking at: `composite.png` shows some.
    """
    from models.make.composites import PREFIX, compose
    from models.make.contact_sheet import contact_sheet
    from models.make.dataset import examples
    from models.make.rendered import TRAIN

    clear, burning = examples(photos, TRAIN), examples(flames, TRAIN)
    with bar("putting fires into photos") as advance:
        showing = compose(
            out, clear, count, burning=burning, seed=seed, processes=processes, on_picture=advance
        )
    console.print(f"{TRAIN}: {count} composites, {showing} of them with smoke or flames")
    console.print(f"Look at them: {contact_sheet(out, TRAIN, prefix=PREFIX)}")


def dataset_command(
    out: Annotated[Path, typer.Option(help="Folder to build; made anew if it is a dataset.")] = RUNS
    / "dataset",
    photos: Annotated[Path, typer.Option(help="Labelled photos with train/ and val/.")] = DEFAULT_PHOTOS,
    scenes: Annotated[
        Path | None, typer.Option(help="Scenes and composites to add (emberwatch model scenes).")
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(help="TOML file of further sources, see models/README.md."),
    ] = None,
    input_px: Annotated[
        int,
        typer.Option(min=32, help="Long side to train at: boxes under 6 px there are painted over."),
    ] = 448,
    check: Annotated[
        bool, typer.Option("--check", help="Only compare the dataset in --out with its checksums.")
    ] = False,
) -> None:
    """Lay labelled photos and rendered scenes together as one training folder, with checksums and licences.

    A picture that is on both sides of the split, by its bytes or (for sources of a manifest) by its
    looks, is refused. Boxes to train on that are smaller than 6 px at the network's input are neither
    taught nor left to be taught as "nothing burns": they are painted over. Look at the contact sheets.
    """
    from models.make.build import build
    from models.make.build import check as compare

    if check:
        with bar("comparing") as advance:
            count = compare(out, on_picture=advance)
        console.print(f"{out}: {count} files are as they were built")
        return
    with bars() as show:
        report = build(
            out, photos=photos, rendered=scenes, manifest=manifest, input_px=input_px, on_step=show
        )
    for split, count in report.pictures.items():
        boxes = ", ".join(f"{n} {label}" for label, n in sorted(report.boxes[split].items()))
        console.print(f"{split}: {count} pictures; boxes: {boxes or 'none'}")
    console.print(f"{report.ignored} boxes under 6 px at {input_px} px painted over")
    console.print(f"Look at them: {', '.join(str(sheet) for sheet in report.sheets)}")
    console.print(f"{report.data_yaml}  sha256 {report.sha256[:16]}…")
