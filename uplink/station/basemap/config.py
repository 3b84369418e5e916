"""The ``[station.map]`` table: what the page's map stands on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from uplink.paths import FilePath


class MapConfig(BaseModel):
    """What the page's map stands on: files that are dropped into a folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: FilePath | None = Field(
        None,
        description="with `*.pmtiles`, `*.mbtiles`, and heights as GeoTIFF or `*.hgt`; left out: `map` in "
        "data_dir; looked at anew whenever a page asks",
    )
