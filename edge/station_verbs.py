"""``emberwatch station`` and the verbs that look after one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.logs import log_to_stderr
from edge.verb import run
from flight.errors import EmberwatchError

station_app = typer.Typer(help="Run on the ground: take alerts, show the page, send the webhooks.")


@station_app.callback(invoke_without_command=True)
def station(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="the TOML file; needed to run")
    ] = None,
) -> None:
    """Run on the ground: take alerts, show the page, send the webhooks."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise EmberwatchError(
            "which station? Its configuration is missing", hint="emberwatch station -c FILE"
        )
    from edge.config import load_station_config
    from uplink.station.app import serve

    log_to_stderr()
    run(serve(load_station_config(config)))
