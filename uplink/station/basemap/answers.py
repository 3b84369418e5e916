"""What the station answers of its map files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from uplink.messages import LatDeg, LonDeg, Message

Zoom = Annotated[int, Field(ge=0, le=24)]
LayerName = Annotated[str, Field(max_length=64)]


class MapFile(Message):
    """A file of map tiles in the folder."""

    name: str = Field(max_length=255, description="of the file: what its tiles are asked for by")
    title: str = Field(max_length=128, description="as the file calls itself")
    kind: Literal["pmtiles", "mbtiles"]
    tiles: Literal["raster", "vector"]
    version: str = Field(max_length=40, description="another one when the file is: what a browser may keep")
    west_deg: LonDeg
    south_deg: LatDeg
    east_deg: LonDeg
    north_deg: LatDeg
    min_zoom: Zoom
    max_zoom: Zoom
    attribution: str = Field(max_length=500, description="whose map it is, as text")
    layers: list[LayerName] = Field(max_length=100, description="of vector tiles: what is in them")


class MapTerrain(Message):
    """Heights of the ground, as tiles."""

    version: str = Field(max_length=40, description="another one when the heights are")
    west_deg: LonDeg
    south_deg: LatDeg
    east_deg: LonDeg
    north_deg: LatDeg
    min_zoom: Zoom
    max_zoom: Zoom
    lowest_m: float
    highest_m: float


class BrokenMapFile(Message):
    """A file in the folder that is of no use, and why."""

    name: str
    reason: str


class MapFiles(Message):
    """What the map stands on. A file that is broken is named, and takes nothing from the others."""

    files: list[MapFile] = Field(description="the coarsest first, to be drawn in this order")
    terrain: MapTerrain | None
    broken: list[BrokenMapFile]
