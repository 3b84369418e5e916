"""What a file of map tiles says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from uplink.errors import StationError


class MapFileError(StationError):
    """A map file cannot be used; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class TileSet:
    """Of either kind of file. ``bounds_deg``: west, south, east, north."""

    title: str
    tiles: Literal["raster", "vector"]
    bounds_deg: tuple[float, float, float, float]
    min_zoom: int
    max_zoom: int
    attribution: str
    layers: tuple[str, ...]


def layer_names(vector_layers: Any) -> tuple[str, ...]:
    """Of a TileJSON's ``vector_layers``; whatever is none is left out."""
    if not isinstance(vector_layers, list):
        return ()
    return tuple(str(layer["id"]) for layer in vector_layers if isinstance(layer, dict) and "id" in layer)
