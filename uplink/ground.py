"""What a drone tells of its ground, beside its state: where it may fly, what it keeps quiet about, and which
ground it has seen. Each message replaces the one before.

It changes rarely, and so it is not in every state.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from uplink.messages import DroneId, LatDeg, LonDeg, Message, Position, UtcTime

MOST_CORNERS = 500
MOST_ZONES = 64
MOST_RALLY_POINTS = 32
MOST_CELLS = 62_500
MOST_CELLS_TEXT = 100_000
LATEST_SLOT = 254
"""The highest value of a cell of searched ground: one byte each, and 0 is for what was not seen."""

Ring = Annotated[list[tuple[LonDeg, LatDeg]], Field(min_length=3, max_length=MOST_CORNERS)]


class FenceZone(Message):
    """One part of the fence that a drone keeps to."""

    keep: Literal["in", "out"] = Field(description="`out`: a no-fly area")
    ring: Ring = Field(description="lon, lat, not closed; of a circle many corners")


class IgnoreZone(Message):
    """Ground where fire is known and allowed: what burns in it raises no alert."""

    name: str = Field(max_length=64)
    reason: str = Field(max_length=64, description="why fire is allowed there, as in `kiln`")
    ring: Ring = Field(description="lon, lat, not closed")
    begins: UtcTime | None = Field(None, description="none: it holds already")
    ends: UtcTime | None = Field(None, description="none: for good")


class DroneGround(Message):
    """Where a drone may fly, where it starts from and may land, and what ground it has to watch."""

    drone_id: DroneId
    fence: list[FenceZone] = Field(
        default_factory=list, max_length=MOST_ZONES, description="it has to be inside every `in`"
    )
    ignore_zones: list[IgnoreZone] = Field(default_factory=list, max_length=MOST_ZONES)
    home: Position | None = Field(None, description="the autopilot's")
    rally: list[Position] = Field(
        default_factory=list, max_length=MOST_RALLY_POINTS, description="where else it may land"
    )
    area: list[tuple[LonDeg, LatDeg]] = Field(
        default_factory=list, max_length=MOST_CORNERS, description="the patrol's ground; a ring of lon, lat"
    )


class SearchedGround(Message):
    """Which ground a drone's camera has seen, and when last: a raster in WGS 84, north up."""

    drone_id: DroneId
    west_deg: LonDeg
    south_deg: LatDeg
    east_deg: LonDeg
    north_deg: LatDeg
    columns: int = Field(ge=1, le=MOST_CELLS)
    rows: int = Field(ge=1, le=MOST_CELLS)
    began: UtcTime = Field(description="capture time of the first look")
    slot_s: float = Field(gt=0, description="how long one step of a cell's value is")
    cells: str = Field(
        max_length=MOST_CELLS_TEXT,
        description="row by row from the north-west corner, a byte each: 0 was not seen, n was last seen "
        "n - 1 slots after `began`; compressed (zlib) and in base64",
    )
    seen_m2: float = Field(ge=0, description="ground seen at least once, by the drone's finer cells")

    @model_validator(mode="after")
    def _cells_fill_the_raster(self) -> Self:
        """So that no page has to draw what is none; and a text that unpacks to gigabytes is not unpacked."""
        wanted = self.columns * self.rows
        if wanted > MOST_CELLS:
            raise ValueError(f"a raster has at most {MOST_CELLS} cells")
        unpack = zlib.decompressobj()
        try:
            cells = unpack.decompress(base64.b64decode(self.cells, validate=True), wanted + 1)
        except (binascii.Error, zlib.error) as error:
            raise ValueError(f"the cells cannot be read: {error}") from error
        if len(cells) != wanted or not unpack.eof:
            raise ValueError(f"{self.columns} x {self.rows} cells are {wanted} bytes, not {len(cells)}")
        return self
