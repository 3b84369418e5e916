"""Map tiles in an MBTiles file (SQLite), which is somebody else's and only read."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from uplink.station.basemap.tile_set import MapFileError, TileSet, layer_names

WORLD_DEG = (-180.0, -85.0511, 180.0, 85.0511)
RASTER_FORMATS = {"png", "jpg", "jpeg", "webp"}


def read_mbtiles(path: Path) -> TileSet:
    """What it says of itself; what it leaves out is found out. Raises MapFileError."""
    try:
        with closing(_open(path)) as db:
            said = {str(name): str(value) for name, value in db.execute("select name, value from metadata")}
            zooms = db.execute("select min(zoom_level), max(zoom_level) from tiles").fetchone()
            first = db.execute("select tile_data from tiles limit 1").fetchone()
    except sqlite3.Error as error:
        raise MapFileError(f"it is no MBTiles file: {error}") from error
    if first is None or zooms[0] is None:
        raise MapFileError("there is no tile in it")
    if not 0 <= zooms[0] <= zooms[1] <= 24:
        raise MapFileError(f"its tiles are of zoom {zooms[0]} to {zooms[1]}")
    about = _json(said.get("json", ""))
    return TileSet(
        title=said.get("name", ""),
        tiles=_kind(said.get("format", ""), bytes(first[0])),
        bounds_deg=_bounds(said.get("bounds", "")),
        min_zoom=zooms[0],
        max_zoom=zooms[1],
        attribution=said.get("attribution", ""),
        layers=layer_names(about.get("vector_layers")),
    )


def read_tile(path: Path, zoom: int, x: int, y: int) -> bytes | None:
    """As it lies in the file, counted from the north as on the web; None where there is none.

    Raises MapFileError.
    """
    row = 2**zoom - 1 - y  # MBTiles counts from the south (TMS)
    try:
        with closing(_open(path)) as db:
            found = db.execute(
                "select tile_data from tiles where zoom_level = ? and tile_column = ? and tile_row = ?",
                [zoom, x, row],
            ).fetchone()
    except sqlite3.Error as error:
        raise MapFileError(f"it cannot be read: {error}") from error
    return None if found is None or found[0] is None else bytes(found[0])


def _open(path: Path) -> sqlite3.Connection:
    # immutable: no lock and no journal beside it, so that it may lie on a medium that cannot be written to.
    return sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)


def _kind(said: str, tile: bytes) -> Literal["raster", "vector"]:
    if said:
        return "raster" if said.lower() in RASTER_FORMATS else "vector"
    is_picture = tile.startswith((b"\x89PNG", b"\xff\xd8", b"RIFF"))
    return "raster" if is_picture else "vector"


def _bounds(said: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in said.split(","))
    except ValueError:
        return WORLD_DEG
    whole = -180 <= west < east <= 180 and -90 <= south < north <= 90
    return (west, south, east, north) if whole else WORLD_DEG


def _json(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
