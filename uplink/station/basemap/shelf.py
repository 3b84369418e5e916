"""The map files of a station: what is in the folder, which of it is of use, and its tiles.

The folder is looked at whenever a page asks, so that a file counts as soon as it is dropped in. A file that
is broken is named with the reason and takes nothing from the others.
"""

from __future__ import annotations

import hashlib
import html
import logging
import re
import threading
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from uplink.station.basemap.answers import BrokenMapFile, MapFile, MapFiles, MapTerrain
from uplink.station.basemap.config import MapConfig
from uplink.station.basemap.pmtiles import read_pmtiles
from uplink.station.basemap.tile_set import MapFileError, TileSet
from uplink.station.store.mbtiles import read_mbtiles, read_tile

if TYPE_CHECKING:
    from uplink.station.basemap.terrain_tiles import TerrainTiles

log = logging.getLogger(__name__)

MOST_FILES = 100
KINDS: dict[str, Literal["pmtiles", "mbtiles"]] = {".pmtiles": "pmtiles", ".mbtiles": "mbtiles"}
UNPACKED_MAX_BYTES = 16 * 1024 * 1024
VECTOR_TYPE = "application/vnd.mapbox-vector-tile"
_PICTURES = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"RIFF", "image/webp"))


@dataclass(frozen=True, slots=True)
class Tile:
    """As it goes to a browser."""

    data: bytes
    media_type: str
    gzipped: bool


class MapShelf:
    """Reads in the thread that asks: call it in one of its own."""

    def __init__(self, config: MapConfig, data_dir: Path, dem: Path | None) -> None:
        """``dem``: the station's terrain model, for the hills beside those in the folder."""
        self.folder = config.folder or data_dir / "map"
        if config.folder is None:
            self.folder.mkdir(exist_ok=True)  # so that people find it
        self._dem = dem
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[str, MapFile | BrokenMapFile]] = {}
        self._terrain_version = ""
        self._terrain: TerrainTiles | None = None
        self._terrain_broken: list[BrokenMapFile] = []

    def files(self) -> MapFiles:
        """What there is now."""
        with self._lock:
            found = self._look()
            terrain, broken = self._terrain_now()
            files = [one for one in found if isinstance(one, MapFile)]
            return MapFiles(
                files=sorted(files, key=lambda one: (one.max_zoom, one.min_zoom, one.name)),
                terrain=terrain,
                broken=[*(one for one in found if isinstance(one, BrokenMapFile)), *broken],
            )

    def pmtiles(self, name: str) -> Path | None:
        """The archive of this name; None where there is none of use."""
        return self._path(name, "pmtiles")

    def tile(self, name: str, zoom: int, x: int, y: int) -> Tile | None:
        """Of an MBTiles file; None where there is none. Raises MapFileError."""
        path = self._path(name, "mbtiles")
        data = None if path is None else read_tile(path, zoom, x, y)
        return None if not data else _tile(data)

    def height_tile(self, zoom: int, x: int, y: int, *, open_edge: bool) -> bytes | None:
        """A PNG of heights; None where no ground is known."""
        with self._lock:
            self._terrain_now()
            terrain = self._terrain
        return None if terrain is None else terrain.tile(zoom, x, y, open_edge=open_edge)

    def _path(self, name: str, kind: str) -> Path | None:
        with self._lock:
            path = next((path for path in self._known if path.name == name), None)
            if path is None or not path.is_file():
                self._look()
                path = next((path for path in self._known if path.name == name), None)
            known = None if path is None else self._known[path][1]
            return path if isinstance(known, MapFile) and known.kind == kind else None

    def _look(self) -> list[MapFile | BrokenMapFile]:
        """Each file is read when it is new or another one."""
        known = {}
        for path in _files_in(self.folder, KINDS):
            version = _version([path])
            before = self._known.get(path)
            known[path] = before if before and before[0] == version else (version, _describe(path, version))
        self._known = known
        return [described for _, described in known.values()]

    def _terrain_now(self) -> tuple[MapTerrain | None, list[BrokenMapFile]]:
        from flight.terrain import RasterTerrain, elevation_files

        paths = elevation_files(self.folder)[:MOST_FILES] if self.folder.is_dir() else []
        if self._dem is not None:
            paths += elevation_files(self._dem) if self._dem.is_dir() else [self._dem]
        version = _version(paths) if paths else ""
        if version != self._terrain_version:
            self._terrain_version, self._terrain, self._terrain_broken = version, None, []
            ground, broken = RasterTerrain.open_those_that_can(paths, "map")
            self._terrain_broken = [
                BrokenMapFile(name=path.name, reason=error.message) for path, error in broken.items()
            ]
            for path, error in broken.items():
                log.warning("map file %s is left out: %s", path, error.message)
            if ground is not None:
                from uplink.station.basemap.terrain_tiles import TerrainTiles

                self._terrain = TerrainTiles(ground)
        tiles = self._terrain
        if tiles is None:
            return None, self._terrain_broken
        west, south, east, north = _within_world(tiles.bounds_deg)
        terrain = MapTerrain(
            version=version,
            west_deg=west,
            south_deg=south,
            east_deg=east,
            north_deg=north,
            min_zoom=tiles.min_zoom,
            max_zoom=tiles.max_zoom,
            lowest_m=tiles.lowest_m,
            highest_m=tiles.highest_m,
        )
        return terrain, self._terrain_broken


def _describe(path: Path, version: str) -> MapFile | BrokenMapFile:
    kind = KINDS[path.suffix.lower()]
    try:
        tiles = (read_pmtiles if kind == "pmtiles" else read_mbtiles)(path)
        return _as_file(path.name, kind, version, tiles)
    except MapFileError as error:
        reason = error.message
    except OSError as error:
        reason = f"it cannot be read: {error.strerror}"
    except ValueError:  # what it says of itself fits into no answer
        reason = "what it says of itself makes no sense"
    log.warning("map file %s is left out: %s", path, reason)
    return BrokenMapFile(name=path.name, reason=reason)


def _as_file(name: str, kind: Literal["pmtiles", "mbtiles"], version: str, tiles: TileSet) -> MapFile:
    west, south, east, north = _within_world(tiles.bounds_deg)
    return MapFile(
        name=name,
        title=_plain(tiles.title)[:128] or Path(name).stem[:128],
        kind=kind,
        tiles=tiles.tiles,
        version=version,
        west_deg=west,
        south_deg=south,
        east_deg=east,
        north_deg=north,
        min_zoom=tiles.min_zoom,
        max_zoom=tiles.max_zoom,
        attribution=_plain(tiles.attribution)[:500],
        layers=[layer[:64] for layer in tiles.layers[:100]],
    )


def _within_world(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = box
    return max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)


def _plain(text: str) -> str:
    """Without tags: what a file says is shown as text."""
    return html.unescape(re.sub(r"<[^>]*>", "", text)).strip()


def _files_in(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    if not folder.is_dir():
        return []
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file())
    return found[:MOST_FILES]


def _version(paths: Iterable[Path]) -> str:
    """Of files as they are now."""
    seen = hashlib.sha256()
    for path in paths:
        try:
            about = path.stat()
            seen.update(f"{path} {about.st_mtime_ns} {about.st_size}\n".encode())
        except OSError:
            seen.update(f"{path} is gone\n".encode())
    return seen.hexdigest()[:16]


def _tile(data: bytes) -> Tile:
    for begins, media_type in _PICTURES:
        if data.startswith(begins):
            return Tile(data, media_type, gzipped=False)
    if data.startswith(b"\x1f\x8b"):
        return Tile(data, VECTOR_TYPE, gzipped=True)
    if data[:2] in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"):
        unpack = zlib.decompressobj()
        try:
            data = unpack.decompress(data, UNPACKED_MAX_BYTES)
        except zlib.error as error:
            raise MapFileError("a tile in it cannot be unpacked") from error
    return Tile(data, VECTOR_TYPE, gzipped=False)
