"""Map files for the stories in this folder: tiles of one colour, an archive of each kind, hills."""

from __future__ import annotations

import gzip
import json
import math
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from rasterio.transform import from_bounds

Tiles = Mapping[tuple[int, int, int], bytes]
"""By zoom, x and y, counted from the north."""


def coloured(blue: int, green: int, red: int, size_px: int = 256) -> bytes:
    """A picture of one colour."""
    encoded, png = cv2.imencode(".png", np.full((size_px, size_px, 3), (blue, green, red), np.uint8))
    assert encoded
    return png.tobytes()


def tiles_around(lat_deg: float, lon_deg: float, zooms: range, data: bytes, reach: int = 2) -> Tiles:
    """The same at every place around there."""
    found = {}
    for zoom in zooms:
        size = 2**zoom
        middle_x = int((lon_deg + 180) / 360 * size)
        lat = math.radians(lat_deg)
        middle_y = int((1 - math.asinh(math.tan(lat)) / math.pi) / 2 * size)
        for x in range(max(0, middle_x - reach), min(size, middle_x + reach + 1)):
            for y in range(max(0, middle_y - reach), min(size, middle_y + reach + 1)):
                found[zoom, x, y] = data
    return found


def write_mbtiles(path: Path, tiles: Tiles, **metadata: str) -> Path:
    with sqlite3.connect(path) as db:
        db.execute("create table metadata (name text, value text)")
        db.execute(
            "create table tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob)"
        )
        db.executemany("insert into metadata values (?, ?)", metadata.items())
        db.executemany(
            "insert into tiles values (?, ?, ?, ?)",
            [(zoom, x, 2**zoom - 1 - y, data) for (zoom, x, y), data in tiles.items()],
        )
    db.close()
    return path


def write_pmtiles(path: Path, tiles: Tiles, *, vector: bool = False, **metadata: Any) -> Path:
    zooms = [zoom for zoom, _, _ in tiles]
    header = {
        "tile_type": TileType.MVT if vector else TileType.PNG,
        "tile_compression": Compression.GZIP if vector else Compression.NONE,
        "min_zoom": min(zooms),
        "max_zoom": max(zooms),
        "min_lon_e7": -1_800_000_000,
        "min_lat_e7": -850_000_000,
        "max_lon_e7": 1_800_000_000,
        "max_lat_e7": 850_000_000,
        "center_zoom": min(zooms),
        "center_lon_e7": 0,
        "center_lat_e7": 0,
    }
    with path.open("wb") as file:
        writer = Writer(file)
        for tile_id, data in sorted((zxy_to_tileid(*place), data) for place, data in tiles.items()):
            writer.write_tile(tile_id, data)
        writer.finalize(header, metadata)
    return path


def write_hills(
    path: Path, lat_deg: float, lon_deg: float, reach_deg: float = 0.05, posts: int = 200
) -> Path:
    """A GeoTIFF of hills around a place: 800 m high at it, 500 m between them."""
    turn = np.linspace(-4 * math.pi, 4 * math.pi, posts)
    heights_m = 650.0 + 150.0 * np.cos(turn)[:, None] * np.cos(turn)[None, :]
    west, south = lon_deg - reach_deg, lat_deg - reach_deg
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=posts,
        height=posts,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=from_bounds(west, south, lon_deg + reach_deg, lat_deg + reach_deg, posts, posts),
    ) as file:
        file.write(heights_m.astype(np.float32), 1)
    return path


def vector_tile(layers: Mapping[str, list[tuple[dict[str, str], str, list[list[tuple[int, int]]]]]]) -> bytes:
    """A Mapbox vector tile, packed: by layer, features of properties, kind of shape and rings or lines in
    4096 parts of the tile."""
    tile = b""
    for name, features in layers.items():
        keys: list[str] = []
        values: list[str] = []
        body = _field(1, name.encode())
        for properties, shape, parts in features:
            tags: list[int] = []
            for key, value in properties.items():
                for word, words in ((key, keys), (value, values)):
                    if word not in words:
                        words.append(word)
                tags += [keys.index(key), values.index(value)]
            feature = _field(2, b"".join(map(_varint, tags)))
            feature += _number(3, {"point": 1, "line": 2, "area": 3}[shape])
            feature += _field(4, b"".join(map(_varint, _drawn(parts, closed=shape == "area"))))
            body += _field(2, feature)
        body += b"".join(_field(3, key.encode()) for key in keys)
        body += b"".join(_field(4, _field(1, value.encode())) for value in values)
        body += _number(5, 4096) + _number(15, 2)
        tile += _field(3, body)
    return gzip.compress(tile)


def _drawn(parts: list[list[tuple[int, int]]], *, closed: bool) -> list[int]:
    commands: list[int] = []
    x, y = 0, 0
    for part in parts:
        for number, (to_x, to_y) in enumerate(part):
            if number == 0:
                commands.append(1 << 3 | 1)
            elif number == 1:
                commands.append((len(part) - 1) << 3 | 2)
            commands += [_zigzag(to_x - x), _zigzag(to_y - y)]
            x, y = to_x, to_y
        if closed:
            commands.append(1 << 3 | 7)
    return commands


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def as_metadata(**said: Any) -> str:
    """What stands under ``json`` in an MBTiles file."""
    return json.dumps(said)
