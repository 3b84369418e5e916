"""What a PMTiles archive (version 3) says of itself.

The page reads its tiles by itself, in ranges of bytes.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from pathlib import Path
from typing import Any

from uplink.station.basemap.tile_set import MapFileError, TileSet, layer_names

HEADER = struct.Struct("<7sB11Q6B4iB2i")
METADATA_MAX_BYTES = 8 * 1024 * 1024
NOT_COMPRESSED, GZIP = 1, 2
VECTOR, RASTER = {1}, {2, 3, 4, 5}


def read_pmtiles(path: Path) -> TileSet:
    """Raises MapFileError, and OSError where it cannot be read."""
    with path.open("rb") as file:
        head = file.read(HEADER.size)
        if len(head) < HEADER.size or head[:7] != b"PMTiles":
            raise MapFileError("it is no PMTiles archive")
        _, version, *numbers = HEADER.unpack(head)
        if version != 3:
            raise MapFileError(f"it is PMTiles version {version}; only version 3 can be shown")
        root, root_size, about, about_size, _, _, data, data_size = numbers[:8]
        _, packed, tiles_packed, kind, min_zoom, max_zoom = numbers[11:17]
        west, south, east, north = (part / 1e7 for part in numbers[17:21])
        length = path.stat().st_size
        if max(root + root_size, about + about_size, data + data_size) > length:
            raise MapFileError("its end is missing: it was not copied whole")
        if kind not in VECTOR | RASTER:
            raise MapFileError("its tiles are of no kind that can be shown")
        for part in (packed, tiles_packed):
            if part not in (NOT_COMPRESSED, GZIP):
                raise MapFileError("it is compressed in a way that browsers cannot undo: use gzip")
        if about_size > METADATA_MAX_BYTES:
            raise MapFileError("its description is too large")
        file.seek(about)
        said = _metadata(file.read(about_size), gzipped=packed == GZIP)
    return TileSet(
        title=str(said.get("name") or ""),
        tiles="vector" if kind in VECTOR else "raster",
        bounds_deg=(west, south, east, north),
        min_zoom=min_zoom,
        max_zoom=max_zoom,
        attribution=str(said.get("attribution") or ""),
        layers=layer_names(said.get("vector_layers")),
    )


def _metadata(data: bytes, *, gzipped: bool) -> dict[str, Any]:
    if not data:
        return {}
    try:
        said = json.loads(gzip.decompress(data) if gzipped else data)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise MapFileError("its description cannot be read") from error
    return said if isinstance(said, dict) else {}
