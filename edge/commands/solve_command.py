"""``emberwatch camera solve``: how a fixed camera looks, as a table to paste into its configuration."""

from __future__ import annotations

import math
from pathlib import Path

from rich.console import Console
from rich.table import Table

from edge.config.file import load_agent_config
from edge.geometry.landmark_file import LandmarkFile
from edge.geometry.landmarks import Solution, solve
from edge.geometry.optics import Camera
from flight.errors import EmberwatchError

LEAST_SIGMA_DEG = 0.05  # no mast stands stiller than this in the wind
FOCAL_DOUBT = 1.5  # in 1σ of the profile


class SolveError(EmberwatchError):
    """What is asked for cannot be solved."""

    exit_code = 2


def solve_command(
    landmarks: Path,
    *,
    config: Path | None,
    profile: str | None,
    known_place: bool,
    console: Console | None = None,
) -> int:
    """Print the misses, the angles with their 1σ, and the table. Returns 0.

    Raises EmberwatchError where the landmarks, the profile or the configuration cannot be used.
    """
    console = console or Console()
    if config is not None and profile is None:
        profile = load_agent_config(config).main_camera.profile
    elif config is not None or profile is None:
        raise SolveError("say which lens it is: either --profile NAME or --config FILE")
    camera = Camera.load(profile)
    file = LandmarkFile.load(landmarks)
    solution = solve(file, camera, known_place=known_place)
    console.print(_misses(file, solution))
    _print_angles(console, solution, camera, known_place=known_place)
    console.print(toml_table(solution), highlight=False, markup=False, soft_wrap=True)
    return 0


def toml_table(solution: Solution) -> str:
    """``[agent.fixed]``, ready to paste. Errors are rounded up."""
    heading_deg, pitch_deg, roll_deg = solution.angles_deg
    heading_sigma_deg, *level = solution.angle_sigmas_deg
    return "\n".join(
        [
            "[agent.fixed]",
            f"lat_deg = {solution.lat_deg:.7f}",
            f"lon_deg = {solution.lon_deg:.7f}",
            f"alt_amsl_m = {solution.alt_amsl_m:.2f}",
            f"heading_deg = {heading_deg:.3f}",
            f"pitch_deg = {pitch_deg:.3f}",
            f"roll_deg = {roll_deg:.3f}",
            f"horizontal_sigma_m = {_up(solution.horizontal_sigma_m, 0.1):g}",
            f"vertical_sigma_m = {_up(solution.vertical_sigma_m, 0.1):g}",
            f"heading_sigma_deg = {max(LEAST_SIGMA_DEG, _up(heading_sigma_deg, 0.01)):g}",
            f"attitude_sigma_deg = {max(LEAST_SIGMA_DEG, _up(max(level), 0.01)):g}",
        ]
    )


def _up(value: float, step: float) -> float:
    return round(math.ceil(value / step - 1e-9) * step, 6)


def _misses(file: LandmarkFile, solution: Solution) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("landmark", "right, px", "down, px"):
        table.add_column(name, justify="left" if name == "landmark" else "right")
    for landmark, (right_px, down_px) in zip(file.landmarks, solution.misses_px, strict=True):
        table.add_row(landmark.name, f"{right_px:+.1f}", f"{down_px:+.1f}")
    return table


def _print_angles(console: Console, solution: Solution, camera: Camera, *, known_place: bool) -> None:
    words = ", ".join(
        f"{name} {angle:.2f}° ± {sigma:.2f}°"
        for name, angle, sigma in zip(
            ("heading", "pitch", "roll"), solution.angles_deg, solution.angle_sigmas_deg, strict=True
        )
    )
    console.print(f"{words} (1σ)", highlight=False)
    if not known_place:
        console.print(
            f"position {solution.lat_deg:.6f}, {solution.lon_deg:.6f}, {solution.alt_amsl_m:.1f} m above sea "
            f"level, ± {solution.horizontal_sigma_m:.1f} m and ± {solution.vertical_sigma_m:.1f} m (1σ)",
            highlight=False,
        )
    off = solution.focal_factor - 1
    if camera.focal_sigma > 0 and abs(off) > FOCAL_DOUBT * camera.focal_sigma:
        console.print(
            f"The lens seems to be {100 * abs(off):.1f} % {'longer' if off > 0 else 'shorter'} than its "
            "profile says: calibrate it.",
            style="yellow",
            highlight=False,
        )
