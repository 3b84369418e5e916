"""``emberwatch station`` and the verbs that look after one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.commands.access_verbs import audit_app, drone_app, token_app, user_app
from edge.commands.backup_verbs import backup, restore
from edge.commands.package_verbs import verify_package
from edge.commands.verb import StationFile, run
from edge.commands.webhook_verbs import webhook_app
from edge.logs import log_to_stderr
from flight.errors import EmberwatchError

PLANNER = (sys.executable, "-m", "edge.patrols.planning")
"""Plans patrols for the station: that takes cameras, which the station knows nothing of."""

station_app = typer.Typer(help="Run on the ground: take alerts, show the page, send the webhooks.")
station_app.command("backup")(backup)
station_app.command("restore")(restore)
station_app.command("verify-package")(verify_package)
station_app.add_typer(user_app, name="user")
station_app.add_typer(token_app, name="token")
station_app.add_typer(drone_app, name="drone")
station_app.add_typer(audit_app, name="audit")
station_app.add_typer(webhook_app, name="webhook")


@station_app.callback(invoke_without_command=True)
def station(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="the station's TOML file; needed to run"),
    ] = None,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="log an object a line, whatever the file says")
    ] = False,
) -> None:
    """Run on the ground: take alerts, show the page, send the webhooks."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise EmberwatchError(
            "which station? Its configuration is missing", hint="emberwatch station -c FILE"
        )
    from edge.config.file import load_station_config
    from uplink.station.server import serve

    station_config = load_station_config(config)
    log_to_stderr(as_json=log_json or station_config.log_format == "json")
    run(serve(station_config, planner=PLANNER))


@station_app.command("key")
def station_key(
    config: StationFile,
) -> None:
    """Print the public key that drones know this station's orders by; the first time, make it."""
    from edge.config.file import load_station_config
    from uplink.order_signing import StationKey

    typer.echo(StationKey.open(load_station_config(config).data_dir).public)
