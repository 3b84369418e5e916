"""The command line. Each verb imports what it needs when it runs, so that ``--help`` is quick."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge.commands.camera_verbs import camera_app
from edge.commands.outbox_verbs import outbox_app
from edge.commands.signing_verbs import signing_app
from edge.commands.station_verbs import station_app
from edge.commands.verb import INTERRUPTED_EXIT_CODE, AgentFile, finish, leave, run
from edge.logs import log_to_stderr
from flight.errors import EmberwatchError

app = typer.Typer(
    name="emberwatch",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The open-source eye in the sky for fire: finds it from a drone, says where it burns and how sure "
    "it is, and tells the right people.",
)
config_app = typer.Typer(no_args_is_help=True, help="Look after configuration files.")
app.add_typer(config_app, name="config")
patrol_app = typer.Typer(no_args_is_help=True, help="Plan patrols, check them and draw them.")
app.add_typer(patrol_app, name="patrol")
locate_app = typer.Typer(no_args_is_help=True, help="Look into how alerts were placed on the ground.")
app.add_typer(locate_app, name="locate")
app.add_typer(camera_app, name="camera")
app.add_typer(signing_app, name="signing")
model_app = typer.Typer(no_args_is_help=True, help="Make and judge detectors.")
app.add_typer(station_app, name="station")
app.add_typer(outbox_app, name="outbox")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        Console().print(f"emberwatch {version('emberwatch')}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="say which one this is, and end", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """What may stand before every verb."""


PatrolArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="a patrol file (.toml), a .plan or a .waypoints")
]
DemOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="terrain: GeoTIFF, .hgt, DTED or a folder of tiles; else the config's"),
]
LimitsOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="the agent's TOML file, for its limits and terrain"),
]


@app.command()
def demo(
    headless: Annotated[
        bool,
        typer.Option("--headless", help="end by itself, with an exit code; the default without a terminal"),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=999, help="of the world, the wind and the noise")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="of the page; 0 takes any free one")] = 8420,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="keep configuration, logs and records here")
    ] = None,
    sitl: Annotated[
        Path | None, typer.Option(metavar="ARDUCOPTER", help="fly ArduPilot's own simulator, this program")
    ] = None,
    night: Annotated[
        bool, typer.Option("--night", help="without a moon, and with a thermal camera beside the colour one")
    ] = False,
) -> None:
    """Fly a virtual drone over a burning world: real agent, real detector, real station, real webhook."""
    from edge.demo.run import run_demo

    quiet = headless or not sys.stdout.isatty()
    leave(run_demo(headless=quiet, seed=seed, port=port, keep=keep, sitl=sitl, night=night))


@app.command()
def agent(config: AgentFile) -> None:
    """Run on the drone, or beside a fixed camera: watch, place what burns, tell the station."""
    from edge.health.memory import keep_small

    keep_small()  # before anything loads numpy
    from edge.config.file import load_agent_config
    from edge.start import start_agent

    log_to_stderr()
    run(start_agent(load_agent_config(config)))


@app.command()
def virtual(
    out: Annotated[
        str, typer.Option(metavar="URL", help="the agent's MAVLink URL, seen from the drone")
    ] = "udpout:127.0.0.1:14550",
    truth: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="where to tell the virtual camera the truth; may be repeated"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the world, the wind and the noise")] = 1,
    speed: Annotated[float, typer.Option(min=0.1, max=50, help="times real time")] = 1.0,
    sitl: Annotated[
        Path | None, typer.Option(metavar="ARDUCOPTER", help="fly ArduPilot's own simulator, this program")
    ] = None,
) -> None:
    """Fly a virtual ArduCopter, with a pilot's station beside it, for an agent to connect to."""
    from edge.demo.drone import fly_virtual_drone

    log_to_stderr()
    truths = tuple(truth or ["udpout:127.0.0.1:14660"])
    run(fly_virtual_drone(out=out, truth=truths, seed=seed, speed=speed, arducopter=sitl))


@app.command()
def replay(
    flight: Annotated[
        Path | None, typer.Argument(metavar="[RECORDING]", help="a recording's folder; else they are listed")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="the agent's TOML file, to list what it recorded"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write the alerts made anew, a line of JSON each")
    ] = None,
    infer: Annotated[
        bool, typer.Option("--infer", help="look at the recorded frames of each camera again instead")
    ] = False,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="another detector than the shipped one, for pictures (--infer)"),
    ] = None,
) -> None:
    """Go through a recorded flight again: the same frames, poses and times must make the same alerts.

    Ends with 1 where they do not. With --infer the detector looks at the recorded pictures once more, and the
    thermal camera's recorded temperatures are searched for hot spots again.
    """
    from edge.recording.replay_command import replay_command

    leave(replay_command(flight, config, out=out, model=model, infer=infer or model is not None))


@app.command()
def scan(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="photos, folders, videos")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="where the results go")] = Path("emberwatch-scan"),
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="an ONNX file or a shipped one's name; else ember-n")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0.01, max=0.99, metavar="SCORE", help="least score; else the model's")
    ] = None,
    every: Annotated[
        float, typer.Option(min=0.0, metavar="SECONDS", help="between looked-at frames of a video")
    ] = 1.0,
    tiles: Annotated[
        bool, typer.Option("--tiles", help="look closely at all parts of large pictures, too; slow")
    ] = False,
    dem: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="terrain to place on: GeoTIFF, .hgt, DTED or a folder; else flat"),
    ] = None,
    camera: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="the lens, instead of what the files say of it")
    ] = None,
    takeoff: Annotated[
        str | None, typer.Option(metavar="LAT,LON", help="where it took off; steadies heights on a terrain")
    ] = None,
    kelvin_per_count: Annotated[
        float,
        typer.Option(
            min=0.0001,
            max=1.0,
            metavar="KELVIN",
            help="one count of a thermal TIFF of 16 bits, which count from absolute zero",
        ),
    ] = 0.01,
    images: Annotated[bool, typer.Option("--images/--no-images", help="write annotated pictures")] = True,
) -> None:
    """Look for fire and smoke in photos, folders and videos, and place it on the ground.

    Places come from what drones write into photos (DJI, Parrot, Skydio, Autel: EXIF and XMP) or into a .SRT
    beside a video, each with the ellipse that holds it at 90 %. Where a file does not hold enough, it says
    what is missing; the drone's own position is never given as the fire's. TIFFs of 16-bit or decimal values
    are a thermal camera's: hot spots are looked for on them, as the agent does.
    """
    from edge.scan import scan_command

    leave(
        scan_command(
            paths,
            out,
            model=model,
            threshold=threshold,
            every_s=every,
            images=images,
            tiles=tiles,
            dem=dem,
            camera=camera,
            takeoff=takeoff,
            kelvin_per_count=kelvin_per_count,
        )
    )


@config_app.command("check")
def config_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a TOML file of an agent, a station, or both")],
) -> None:
    """Say what is wrong with a configuration file and with the files that it names, line by line."""
    from edge.config.check import check_config

    config = check_config(file)
    halves = [
        name for name, half in (("agent", config.agent), ("station", config.station)) if half is not None
    ]
    if not halves:
        raise EmberwatchError(f"{file}: has neither an [agent] nor a [station] table.", hint="See README.md.")
    Console().print(f"{file}: fine ({' and '.join(halves)})", highlight=False, markup=False, soft_wrap=True)


@app.command()
def preflight(
    config: AgentFile,
    wait: Annotated[
        float,
        typer.Option(min=1.0, max=600.0, metavar="SECONDS", help="for everything to come good, at most"),
    ] = 20.0,
) -> None:
    """Check vehicle, camera, detector and patrol before a flight; sends no order. Fails where a line does."""
    from edge.commands.preflight_command import preflight as check_all
    from edge.config.file import load_agent_config

    log_to_stderr(logging.WARNING)
    finish(check_all(load_agent_config(config), wait_s=wait))


@app.command()
def doctor(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="the TOML file of either side; else the machine alone"
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(min=1.0, max=600.0, metavar="SECONDS", help="for the autopilot's heartbeat, at most"),
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="tell it as JSON")] = False,
) -> None:
    """Check how this machine is set up, and say what to do; changes nothing. Fails where something does.

    Computer, clock, records, service, serial port, autopilot, camera, detector, terrain and station.
    """
    from edge.doctor.command import Patience
    from edge.doctor.command import doctor as look_at_all

    log_to_stderr(logging.ERROR)
    finish(look_at_all(config, patience=Patience(heartbeat_s=wait), as_json=as_json))


@patrol_app.command("check")
def patrol_check(
    file: PatrolArgument,
    dem: DemOption = None,
    config: LimitsOption = None,
) -> None:
    """Refuse what is unsafe, and say where: fence and no-fly zones, ground, ceiling, range, battery."""
    from edge.patrols.command import Sources, check_command

    leave(check_command(file, Sources(dem, config)))


@patrol_app.command("plan")
def patrol_plan(
    file: PatrolArgument,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="write a .plan for each flight here, if it is safe")
    ] = None,
    waypoints: Annotated[
        bool, typer.Option("--waypoints", help="and a .waypoints (QGC WPL 110) beside each .plan")
    ] = False,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="draw it as a picture")] = None,
    geojson: Annotated[Path | None, typer.Option(metavar="FILE", help="draw it for map programs")] = None,
    dem: DemOption = None,
    config: LimitsOption = None,
) -> None:
    """Plan a patrol: length, time, what is seen, flights; as files that any station opens, and as a map."""
    from edge.patrols.command import Sources, plan_command

    sources = Sources(dem, config)
    leave(plan_command(file, sources, out=out, waypoints=waypoints, png=png, geojson=geojson))


@locate_app.command("explain")
def locate_explain(
    alert: Annotated[
        str, typer.Argument(metavar="ALERT", help="its id, the beginning of it, or a .json that --save wrote")
    ],
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="the agent's data_dir")] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="the agent's TOML file, for its data and terrain"
        ),
    ] = None,
    dem: DemOption = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="write alert and record as one .json, to explain it elsewhere"),
    ] = None,
) -> None:
    """Reckon an alert's position anew from its record: ray, ground, each cause's share of the error."""
    from edge.commands.explain_command import Sources, explain_command

    leave(explain_command(alert, Sources(data, config, dem), save=save))


def main() -> None:
    """The console script: one line for what a person can mend, never a traceback for it."""
    if "model" in sys.argv[1:2]:
        from models.make.cli import app as model_verbs

        app.add_typer(model_verbs, name="model")
    else:
        app.add_typer(model_app, name="model")
    try:
        app(standalone_mode=True)
    except EmberwatchError as error:
        Console(stderr=True).print(
            f"emberwatch: {error}", style="red", highlight=False, markup=False, soft_wrap=True
        )
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_EXIT_CODE)


if __name__ == "__main__":
    main()
