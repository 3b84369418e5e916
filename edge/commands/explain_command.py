"""``emberwatch locate explain``: where an alert's position comes from, reckoned anew from its record."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from rich.console import Console

from edge.config.file import load_agent_config
from edge.files import shown, write_whole
from edge.geometry.explain import Explained, explain, resolve
from edge.geometry.sighting import Sighting, ellipse
from edge.geometry.sighting_record import RecordError
from edge.hotspots.bundle_record import BundleRecord
from edge.hotspots.hotspot import Seen
from edge.telling.alert_record import AlertRecord
from edge.telling.alerts import attitude_deg
from flight.errors import EmberwatchError
from flight.surface import open_terrain
from flight.terrain import FlatTerrain, Terrain
from uplink.messages import Alert, TerrainProvenance
from uplink.outbox_reader import KeptAlert, kept_alert

DIFFERENT_EXIT_CODE = 1
CAUSES = {
    "EAST": "position, east",
    "NORTH": "position, north",
    "HEIGHT": "height of camera and ground",
    "ROLL": "roll",
    "TILT": "tilt",
    "HEADING": "heading",
    "PIXEL_1": "pixel, first axis",
    "PIXEL_2": "pixel, second axis",
    "TIME": "time",
    "FOCAL": "focal length",
}


class ExplainError(EmberwatchError):
    """An alert cannot be explained from what there is."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where alerts and ground are looked up, each if it was named."""

    data: Path | None = None
    config: Path | None = None
    dem: Path | None = None


def explain_command(
    alert: str, sources: Sources, *, save: Path | None = None, console: Console | None = None
) -> int:
    """Print how an alert was placed. ``alert`` is an id, the beginning of one, or a file that ``save`` wrote.

    Returns 0 where every position comes out as recorded, else 1. Raises EmberwatchError for what cannot be
    found or read.
    """
    console = console or Console()
    config = None if sources.config is None else load_agent_config(sources.config)
    data = sources.data or (None if config is None else config.data_dir)
    kept = _kept(alert, data)
    if kept.record is None:
        raise ExplainError(f"there is no record of alert {kept.alert.id}: it cannot be reckoned anew")
    record = AlertRecord.from_json(kept.record)
    if save is not None:
        _save(save, kept)
    dem, surface = sources.dem, None
    if dem is None and config is not None:
        dem, surface = config.terrain.dem, config.terrain.surface
    terrain = _terrain(record.terrain, dem, surface)
    _print_alert(console, kept.alert, record)
    if any(seen.sighting.camera is None for seen in record.sightings):
        raise RecordError("the record has a view without its camera")
    again = {seen.at_s: explain(seen.sighting, terrain) for seen in record.sightings}
    for part, seen in record.views.items():
        _print_view(console, part, seen, again[seen.at_s], record.terrain, terrain)
    wrong = sum(not explained.is_same for explained in again.values())
    if wrong:
        _say(console, "")
        _say(console, f"{wrong} of {len(again)} views on record do not come out as they were", "red")
    holds = _print_whole(console, kept.alert, record.bundle) and not wrong
    if save is not None:
        _say(console, f"written: {shown(save)}")
    return 0 if holds else DIFFERENT_EXIT_CODE


def _kept(alert: str, data: Path | None) -> KeptAlert:
    if Path(alert).suffix == ".json":
        return _saved(Path(alert))
    if data is None:
        raise ExplainError(
            "where is the alert?", hint="Name the agent's data folder with --data, or its file with --config."
        )
    return kept_alert(data / "outbox.db", alert)


def _saved(path: Path) -> KeptAlert:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return KeptAlert(Alert.model_validate(plain["alert"]), json.dumps(plain["record"]))
    except OSError as error:
        raise ExplainError(f"{shown(path)} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise ExplainError(
            f"{shown(path)} is no saved alert", hint="Make one with: emberwatch locate explain … --save FILE"
        ) from error


def _save(path: Path, kept: KeptAlert) -> None:
    assert kept.record is not None  # noqa: S101 - asked before
    whole = {"alert": kept.alert.model_dump(mode="json"), "record": json.loads(kept.record)}
    try:
        write_whole(path, json.dumps(whole, indent=1).encode())
    except OSError as error:
        raise ExplainError(f"{shown(path)} cannot be written: {error.strerror or error}") from error


def _terrain(told: TerrainProvenance, dem: Path | None, surface: Path | None) -> Terrain | None:
    if told.name == FlatTerrain(0.0).name:
        return None
    if dem is None:
        raise ExplainError(
            f"this alert was placed on the terrain model {told.name}", hint="Name its file with --dem."
        )
    return open_terrain(dem, surface=surface, sigma_m=told.sigma_m)


def _print_alert(console: Console, alert: Alert, record: AlertRecord) -> None:
    _say(console, f"alert {alert.id}, revision {alert.revision}: {alert.label}, {alert.state.value}", "bold")
    _say(
        console,
        f"  probability {alert.probability:.2f} (the tracker's, after {alert.looks} looks), "
        f"best score {alert.score:.2f} (the detector's, calibrated)",
    )
    _say(
        console, f"  detector {alert.model_name}, SHA-256 {alert.model_sha256}; times by {alert.time_source}"
    )
    if alert.position is None:
        bearing = "" if alert.bearing_deg is None else f": {alert.bearing_deg:.1f}° from the camera"
        _say(console, f"  told: a bearing only{bearing}")
    else:
        place = alert.position
        height = "" if place.alt_amsl_m is None else f", {place.alt_amsl_m:.1f} m above sea level (EGM96)"
        _say(console, f"  told: {place.lat_deg:.7f}, {place.lon_deg:.7f} ({place.datum}){height}")
    if alert.ellipse is not None:
        around = alert.ellipse
        _say(
            console,
            f"        {100 * around.confidence:.0f} % ellipse {around.semi_major_m:.1f} × "
            f"{around.semi_minor_m:.1f} m, long axis at {around.orientation_deg:.0f}°; of all looks together",
        )
    if record.revision != alert.revision:
        _say(console, f"  the record is of revision {record.revision}", "yellow")


def _print_view(
    console: Console,
    role: str,
    seen: Seen,
    explained: Explained,
    told: TerrainProvenance,
    terrain: Terrain | None,
) -> None:
    sighting = seen.sighting
    pose, camera = sighting.pose, sighting.camera
    assert camera is not None  # noqa: S101 - asked before
    azimuth_deg, elevation_deg, roll_deg = attitude_deg(pose)
    when = "" if seen.utc is None else f", {seen.utc.isoformat(timespec='milliseconds')}"
    _say(console, "")
    _say(console, f"the {role} view{when}: {sighting.label}, score {sighting.score:.2f}", "bold")
    _say(
        console,
        f"  camera    {camera.name}, {camera.width_px} x {camera.height_px}, {camera.hfov_deg:.1f}° across, "
        f"at {pose.lat_deg:.7f}, {pose.lon_deg:.7f}, {pose.alt_amsl_m:.1f} m",
    )
    _say(
        console,
        f"  looks     {azimuth_deg:.1f}° (true), {elevation_deg:+.1f}° to the horizontal, "
        f"roll {roll_deg:.1f}°".replace("-0.0°", "0.0°"),
    )
    u, v = sighting.pixel
    sigma_u, sigma_v = np.sqrt(np.diag(sighting.pixel_covariance_px2))
    _say(console, f"  pixel     {u:.1f}, {v:.1f} ± {sigma_u:.1f}, {sigma_v:.1f}")
    down_deg = -math.degrees(math.asin(max(-1.0, min(1.0, sighting.ray_enu[2]))))
    _say(
        console,
        f"  ray       {sighting.bearing_deg:.2f}° ± {sighting.bearing_sigma_deg:.2f}°, "
        f"{down_deg:.1f}° below the horizontal",
    )
    given = terrain.name if terrain is not None else "flat"
    met = "" if explained.incidence_deg is None else f", met at {explained.incidence_deg:.1f}°"
    _say(console, f"  ground    {told.name}, ± {told.sigma_m:g} m, heights above {told.datum}{met}")
    if given != told.name:
        _say(console, f"            and here: {given}", "yellow")
    _print_place(console, sighting)
    _print_shares(console, explained)
    _print_verdict(console, explained)


def _print_place(console: Console, sighting: Sighting) -> None:
    if sighting.covariance_m2 is None or sighting.lat_deg is None or sighting.lon_deg is None:
        _say(console, f"  place     none: {sighting.why or 'a bearing only'}")
        return
    major_m, minor_m, orientation_deg = ellipse(sighting.covariance_m2)
    _say(
        console,
        f"  place     {sighting.lat_deg:.7f}, {sighting.lon_deg:.7f}, {sighting.alt_amsl_m:.1f} m; "
        f"{sighting.slant_range_m:.1f} m away ({sighting.method})",
    )
    grazing = "; widened: the ray grazes the ground" if sighting.grazing else ""
    _say(
        console,
        f"            90 % ellipse {major_m:.1f} × {minor_m:.1f} m, long axis at "
        f"{orientation_deg:.0f}°{grazing}",
    )


def _print_shares(console: Console, explained: Explained) -> None:
    if not explained.shares:
        return
    _say(console, f"  {'1σ of':<28}{'is':<28}{'along, m':>10}{'across, m':>11}{'part':>7}", "dim")
    for share in explained.shares:
        name = CAUSES.get(share.cause.name, share.cause.name.lower())
        _say(
            console,
            f"  {name:<28}{share.given:<28}{share.along_m:>10.2f}{share.across_m:>11.2f}"
            f"{100 * share.part:>5.0f} %",
        )


def _print_verdict(console: Console, explained: Explained) -> None:
    again = explained.again
    if explained.is_same:
        words = (
            "the same bearing" if explained.apart_m is None else f"{explained.apart_m:.3f} m from the record"
        )
        _say(console, f"  anew      {words}: it holds", "green")
    elif explained.apart_m is None:
        why = f" ({again.why})" if again.why else ""
        _say(console, f"  anew      no place or another bearing comes of it{why}: it does not hold", "red")
    else:
        axes = "" if explained.ellipse_apart_m is None else f", ellipse {explained.ellipse_apart_m:.3f} m"
        _say(console, f"  anew      {explained.apart_m:.3f} m from the record{axes}: it does not hold", "red")


def _print_whole(console: Console, alert: Alert, bundle: BundleRecord | None) -> bool:
    """The position of all looks together; whether it comes out as it was told."""
    if alert.position is None:
        return True
    _say(console, "")
    _say(console, "all looks together", "bold")
    if bundle is None or alert.covariance_m2 is None:
        _say(console, "  the sums are not on record: only the views above can be reckoned anew", "yellow")
        return True
    whole = resolve(bundle, alert.position, alert.covariance_m2)
    again = whole.again
    major_m, minor_m, orientation_deg = ellipse(again.covariance_m2)
    _say(
        console,
        f"  place     {again.lat_deg:.7f}, {again.lon_deg:.7f}, {again.alt_amsl_m:.1f} m; "
        f"90 % ellipse {major_m:.1f} × {minor_m:.1f} m, long axis at {orientation_deg:.0f}°",
    )
    _say(
        console,
        f"  error     {100 * whole.common_part:.0f} % of its variance is left of what all looks have in "
        "common (GNSS, heading, gimbal, time, lens)",
    )
    words = f"{whole.apart_m:.3f} m from what was told, ellipse {whole.ellipse_apart_m:.3f} m"
    if whole.is_same:
        _say(console, f"  anew      {words}: it holds", "green")
    else:
        _say(console, f"  anew      {words}: it does not hold", "red")
    return whole.is_same


def _say(console: Console, words: str, style: str = "") -> None:
    console.print(words, style=style, highlight=False, markup=False, soft_wrap=True)
