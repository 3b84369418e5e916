"""``emberwatch camera calibrate``: a camera profile from photos of a chessboard."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from edge.camera_commands.chessboard import Board, CalibrationError
from edge.camera_commands.fit import Fit, View, fit_lens
from edge.files import shown, write_whole
from edge.geometry.lens_profile import Profile
from edge.geometry.optics import Camera, CameraProfileError
from edge.images import IMAGE_SUFFIXES, ImageError, read_photo

# However well the photos agree: heat and focus move a lens by as much.
LEAST_FOCAL_SIGMA = 0.001


def calibrate_command(
    photos: Sequence[Path],
    board: str,
    out: Path,
    *,
    name: str | None = None,
    fisheye: bool = False,
    console: Console | None = None,
) -> int:
    """Find the board in each photo, fit the lens, write ``out``. Returns 0.

    Raises CalibrationError, with nothing written, where the photos do not determine a lens.
    """
    console = console or Console()
    target, paths = Board.parse(board), _photos(photos)
    if out.suffix != ".toml":
        raise CalibrationError(f"{shown(out)} is no camera profile's name", hint="Let it end in .toml.")
    if out.exists():
        raise CalibrationError(f"{shown(out)} is there already", hint="Give another name, or delete it.")
    views, size, not_used = _look(paths, target, console)
    try:
        if size is None:
            raise CalibrationError(
                f"not one of {len(paths)} photos shows a board of {target.across} x {target.down} corners",
                hint="Count the corners between squares, not squares: a board of 10 x 7 squares is 9x6.",
            )
        fit = fit_lens(views, target, *size, fisheye=fisheye)
    except CalibrationError:
        _print(console, None, not_used)
        raise
    text = profile_text(fit, *size, target, (name or shown(out.stem))[:128])
    _check(text, out, fisheye=fisheye)
    try:
        write_whole(out, text.encode())
    except OSError as error:
        raise CalibrationError(f"{shown(out)} cannot be written: {error.strerror}") from error
    _print(console, fit, [*not_used, *fit.left_out])
    camera = Camera.load(out)
    console.print(
        f"{len(fit.used)} of {len(paths)} photos used; their corners miss by {fit.error_px:.2f} px.\n"
        f"{camera.hfov_deg:.1f}° across, focal length known to {100 * camera.focal_sigma:.2g} %.\n"
        f"written: {shown(out)}\nName it as [agent.camera] profile.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 0


def profile_text(fit: Fit, width_px: int, height_px: int, board: Board, name: str) -> str:
    """The fit as a camera profile, in TOML."""
    keys = ("k1", "k2", "k3", "k4") if fit.lens == "fisheye" else ("k1", "k2", "p1", "p2", "k3")
    what = f"{len(fit.used)} photos of a {board.across}x{board.down} chessboard"
    values: dict[str, object] = {
        "name": name,
        "source": f"calibrated {datetime.now(UTC):%Y-%m-%d} from {what}, missing by {fit.error_px:.2f} px",
        "lens": fit.lens,
        "width_px": width_px,
        "height_px": height_px,
        "fx_px": round(fit.fx_px, 3),
        "fy_px": round(fit.fy_px, 3),
        "cx_px": round(fit.cx_px, 3),
        "cy_px": round(fit.cy_px, 3),
        **{key: float(f"{k:.7g}") for key, k in zip(keys, fit.distortion, strict=True)},
        "focal_sigma": float(f"{max(fit.focal_sigma, LEAST_FOCAL_SIGMA):.2g}"),
    }
    # JSON's strings and numbers are TOML's, too, and TOML wants a point in every decimal number.
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _check(text: str, out: Path, *, fisheye: bool) -> None:
    """What was fitted must be a profile that can be used. Raises CalibrationError."""
    try:
        Camera.from_profile(Profile.model_validate(tomllib.loads(text)))
    except CameraProfileError as error:
        raise CalibrationError(
            f"the lens found makes no sense at the picture's edge; {shown(out)} is not written",
            hint="Take photos with the board in every corner of the picture."
            if fisheye
            else "Take photos with the board in every corner of the picture; a wide lens needs --fisheye.",
        ) from error


def _photos(given: Sequence[Path]) -> list[Path]:
    paths: list[Path] = []
    for path in given:
        if path.is_dir():
            paths += sorted(
                each
                for each in path.iterdir()
                if each.suffix.lower() in IMAGE_SUFFIXES and not each.name.startswith(".")
            )
        else:
            paths.append(path)
    if not paths:
        raise CalibrationError(f"there are no photos in {', '.join(map(shown, given))}")
    return list(dict.fromkeys(paths))


def _look(
    paths: Sequence[Path], board: Board, console: Console
) -> tuple[list[View], tuple[int, int] | None, list[tuple[str, str]]]:
    """Views with a board, the size of their photos, and the other photos with why they are not used."""
    found: list[tuple[View, tuple[int, int]]] = []
    not_used: list[tuple[str, str]] = []
    with _progress(console) as progress:
        for path in progress.track(paths, description="looking for the board"):
            try:
                image = read_photo(path).image
            except ImageError as error:
                not_used.append((shown(path.name), error.reason))
                continue
            corners = board.find(image)
            if corners is None:
                not_used.append((shown(path.name), "no whole board in it"))
            else:
                found.append((View(shown(path.name), corners), (image.shape[1], image.shape[0])))
    sizes = [size for _, size in found]
    usual = max(sizes, key=sizes.count, default=None)
    for view, size in found:
        if size != usual and usual is not None:
            not_used.append(
                (view.name, f"{size[0]} x {size[1]} px, where the others have {usual[0]} x {usual[1]}")
            )
    return [view for view, size in found if size == usual], usual, not_used


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def _print(console: Console, fit: Fit | None, not_used: Sequence[tuple[str, str]]) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    if fit is not None:
        for view, error_px in zip(fit.used, fit.errors_px, strict=True):
            table.add_row(Text("✓", "green"), Text(view.name), Text(f"{error_px:.2f} px"))
    for photo, why in not_used:
        table.add_row(Text("✗", "yellow"), Text(photo), Text(why))
    if table.row_count:
        console.print(table)
