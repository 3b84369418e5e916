"""``emberwatch signing``: a key for the link to the autopilot."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge.commands.verb import AgentFile, finish
from edge.logs import log_to_stderr

signing_app = typer.Typer(no_args_is_help=True, help="Sign the link to the autopilot.")


@signing_app.command("new")
def signing_new(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="where the key goes; it must not be there yet")
    ],
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="ask for the one that the pilot's station has, not random")
    ] = False,
) -> None:
    """Make a key that only you can read: random, or of a passphrase as ground stations make it."""
    from flight.signing import make_key

    words = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True) if passphrase else None
    make_key(file, words)
    Console().print(
        f"written: {file}\nName it as [agent.mavlink] signing_key_file, give it to the pilot's station, and "
        "set up the autopilot: emberwatch signing set-up -c FILE",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@signing_app.command("set-up")
def signing_set_up(
    config: AgentFile,
    present_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="the key that the autopilot has now, if it has another"),
    ] = None,
) -> None:
    """Give the autopilot the configuration's key. Over a cable (serial:…) and disarmed only."""
    from edge.commands.signing_command import set_up
    from edge.config.file import load_agent_config

    log_to_stderr(logging.WARNING)
    finish(set_up(load_agent_config(config), present_key))


@signing_app.command("off")
def signing_off(config: AgentFile) -> None:
    """Make the autopilot forget its key. Over a cable (serial:…) and disarmed only."""
    from edge.commands.signing_command import switch_off
    from edge.config.file import load_agent_config

    log_to_stderr(logging.WARNING)
    finish(switch_off(load_agent_config(config)))
