"""``emberwatch station verify-package``: whether an evidence package is what a station made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.commands.verb import leave


def verify_package(
    package: Annotated[Path, typer.Argument(metavar="FILE", help="the package, a zip file")],
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="the station's public key, as `emberwatch station key` prints it there"
        ),
    ] = None,
) -> None:
    """Whether an evidence package is whole and unchanged, and by whose key it is signed.

    Looks at every file and its hash, the signature, the lines of the audit log, and that no picture is
    missing without a reason. Without --key only the key in the package can be asked, which anybody can have
    put there.
    """
    from uplink.order_signing import StationPublicKey
    from uplink.station.package.check import check_package

    known = None
    if key is not None:
        StationPublicKey.read(key)
        known = key.read_text(encoding="utf-8").strip()
    verdict = check_package(package, known)
    manifest = verdict.manifest
    if manifest is not None:
        typer.echo(f"Package {manifest.id} about incident {manifest.incident_id}")
        typer.echo(f"made {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC by {manifest.made_by!r}")
    for problem in verdict.problems:
        typer.echo(f"WRONG: {problem}")
    if verdict.problems or manifest is None:
        typer.echo("This is not as a station made it. Do not rely on it.")
        leave(1)
        return
    typer.echo(
        f"Whole and unchanged: {len(manifest.files)} files, {verdict.originals} originals, "
        f"{verdict.copies} copies, {verdict.lines} lines of the audit log."
    )
    for missing in manifest.missing:
        typer.echo(f"Not in it: the {missing.form} of {missing.sha256}: {missing.why}")
    if verdict.by_known_key:
        typer.echo("Signed by the station whose key you gave.")
    else:
        typer.echo(f"Signed by {manifest.station_key}")
        typer.echo("Whether that is the station's key, ask the station: emberwatch station key")
