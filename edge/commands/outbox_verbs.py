"""``emberwatch outbox``: what waits on the drone, what the station refused, and sending that again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.commands.verb import AgentFile, leave

outbox_app = typer.Typer(
    no_args_is_help=True, help="Look into a drone's outbox, also while its agent runs, and send again."
)


@outbox_app.command("list")
def list_(
    config: AgentFile,
    as_json: Annotated[
        bool, typer.Option("--json", help="a line of JSON for each thing, alerts whole")
    ] = False,
) -> None:
    """What waits for the station, and the dead letters: what the station refused for good, and why."""
    from edge.commands.outbox_command import list_outbox

    list_outbox(_outbox_of(config), as_json=as_json)


@outbox_app.command()
def retry(
    config: AgentFile,
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[NUMBER]...", help="of dead letters, as listed")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="every dead letter")] = False,
) -> None:
    """Lets dead letters wait for the station again, once the cause is mended; a running agent sends them."""
    from edge.commands.outbox_command import retry_letters
    from flight.errors import EmberwatchError

    if all_ == bool(numbers):
        raise EmberwatchError("which dead letters?", hint="Give their numbers, or --all.")
    leave(retry_letters(_outbox_of(config), None if all_ else numbers))


def _outbox_of(config: Path) -> Path:
    from edge.config.file import load_agent_config

    return load_agent_config(config).data_dir / "outbox.db"
