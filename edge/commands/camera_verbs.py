"""``emberwatch camera``: what is known of cameras, and measured."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from edge.commands.verb import AgentFile, finish, leave
from edge.logs import log_to_stderr

camera_app = typer.Typer(
    no_args_is_help=True, help="Measure cameras: their lenses, their latency, and how they stand."
)


@camera_app.command("list")
def camera_list() -> None:
    """Say which camera profiles come along, how sure each is, and where its figures are from."""
    from edge.camera_commands.list_profiles import list_command

    leave(list_command())


@camera_app.command("calibrate")
def camera_calibrate(
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="of a chessboard, 20 or so; or folders of them")
    ],
    board: Annotated[
        str, typer.Option(metavar="ACROSSxDOWN", help="corners between squares: 10 x 7 squares are 9x6")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="the profile to write, .toml; not there yet")],
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="of the camera; else the file's name")
    ] = None,
    fisheye: Annotated[bool, typer.Option("--fisheye", help="for a lens wider than about 110°")] = False,
) -> None:
    """Measure a lens from photos of a chessboard, and write it as a camera profile.

    Photos are taken in the size that flies, with the focus fixed: the board near and far, slanted by 30° to
    each side, up and down, and in every corner of the picture.
    """
    from edge.camera_commands.calibrate import calibrate_command

    leave(calibrate_command(photos, board, out, name=name, fisheye=fisheye))


@camera_app.command("latency")
def camera_latency(
    config: AgentFile,
    seconds: Annotated[
        float, typer.Option(min=10.0, max=300.0, metavar="SECONDS", help="to turn it for")
    ] = 30.0,
    thermal: Annotated[
        bool, typer.Option("--thermal", help="measure [agent.thermal] where there are two cameras")
    ] = False,
) -> None:
    """Measure how late pictures arrive, while you turn the vehicle by hand, without propellers."""
    from edge.camera_commands.latency import latency_command
    from edge.config.file import load_agent_config

    log_to_stderr(logging.WARNING)
    finish(latency_command(load_agent_config(config), seconds=seconds, thermal=thermal))


@camera_app.command("solve")
def camera_solve(
    landmarks: Annotated[
        Path, typer.Option(metavar="FILE", help="TOML: the camera's place, each landmark's, and its pixel")
    ],
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="the agent's TOML file, for its camera profile"),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="a name in hardware/cameras or a .toml like those")
    ] = None,
    position: Annotated[
        Literal["known", "unknown"],
        typer.Option(
            metavar="known|unknown",
            help="of the camera: surveyed (three landmarks are enough), or to be solved for (four)",
        ),
    ] = "known",
) -> None:
    """Find heading, pitch and roll of a fixed camera from landmarks in its picture, as a table to paste."""
    from edge.commands.solve_command import solve_command

    leave(solve_command(landmarks, config=config, profile=profile, known_place=position == "known"))
