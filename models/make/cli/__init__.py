"""``emberwatch model …``: makes and judges detectors.

Everything heavy is imported inside the verbs, so that ``emberwatch --help`` stays quick and works
without the ``train`` extra.
"""

from __future__ import annotations

import typer

from models.make.cli.data import composites_command, dataset_command, scenes_command
from models.make.cli.judging import calibrate_command, evaluate_command, leaderboard_command
from models.make.cli.weights import export_command, mean_command, quantise_command, train_command

app = typer.Typer(
    help="Make and judge detectors: build a dataset, render scenes, train, export, quantise, judge.",
    no_args_is_help=True,
)
app.command("scenes")(scenes_command)
app.command("composites")(composites_command)
app.command("dataset")(dataset_command)
app.command("train")(train_command)
app.command("mean")(mean_command)
app.command("export")(export_command)
app.command("quantise")(quantise_command)
app.command("calibrate")(calibrate_command)
app.command("evaluate")(evaluate_command)
app.command("leaderboard")(leaderboard_command)
