"""Map files that are dropped into the station's folder: listed, served, harmless where broken."""

from __future__ import annotations

import gzip
import sqlite3
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from pmtiles.reader import MmapSource, Reader

from flight.terrain import RasterTerrain
from uplink.station.basemap.answers import MapFiles
from uplink.station.basemap.config import MapConfig
from uplink.station.basemap.terrain_tiles import NO_GROUND_M, TerrainTiles, pixels_deg
from uplink.station.server import running

from .makers import HOME, make_config
from .map_makers import (
    as_metadata,
    coloured,
    tiles_around,
    vector_tile,
    write_hills,
    write_mbtiles,
    write_pmtiles,
)

GREEN = coloured(0, 200, 0)
LAT, LON = HOME.lat_deg, HOME.lon_deg
ROADS = vector_tile({"transportation": [({"class": "primary"}, "line", [[(0, 0), (4096, 4096)]])]})


@asynccontextmanager
async def station(home: Path, dem: Path | None = None, **section: Any) -> AsyncIterator[httpx.AsyncClient]:
    config = make_config(home).model_copy(update={"map": MapConfig(**section), "dem": dem})
    async with (
        running(config) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
    ):
        yield http


async def listed(http: httpx.AsyncClient) -> MapFiles:
    answer = await http.get("/map")
    assert answer.status_code == 200, answer.text
    return MapFiles.model_validate_json(answer.content)


async def test_a_file_counts_as_soon_as_it_is_dropped_in_and_no_longer_than_it_is_there(
    tmp_path: Path,
) -> None:
    async with station(tmp_path) as http:
        folder = tmp_path / "station/map"
        assert await listed(http) == MapFiles(files=[], terrain=None, broken=[])
        assert folder.is_dir(), "people find where to drop files"
        tiles = {(3, 1, 2): GREEN, (5, 1, 2): GREEN}
        path = write_mbtiles(
            folder / "region.mbtiles",
            tiles,
            name="Region <b>one</b>",
            bounds="1,2,3,4",
            attribution="<a href='https://example.org'>&copy; Some</a>",
        )
        [file] = (await listed(http)).files
        assert (file.name, file.title, file.kind, file.tiles) == (
            "region.mbtiles",
            "Region one",
            "mbtiles",
            "raster",
        )
        assert (file.west_deg, file.north_deg, file.min_zoom, file.max_zoom) == (1, 4, 3, 5)
        assert file.attribution == "© Some"
        path.unlink()
        write_mbtiles(path, {(4, 0, 0): GREEN})
        [other] = (await listed(http)).files
        assert other.version != file.version
        assert (other.title, other.max_zoom, other.west_deg) == ("region", 4, -180)
        path.unlink()
        assert (await listed(http)).files == []


async def test_a_tile_of_an_mbtiles_file_is_counted_from_the_north(tmp_path: Path) -> None:
    async with station(tmp_path, folder=tmp_path) as http:
        write_mbtiles(tmp_path / "a.mbtiles", {(3, 1, 2): GREEN})
        answer = await http.get("/map/tiles/a.mbtiles/3/1/2")
        assert (answer.status_code, answer.content) == (200, GREEN)
        assert answer.headers["content-type"] == "image/png"
        assert "private" in answer.headers["cache-control"]
        assert (await http.get("/map/tiles/a.mbtiles/3/1/5")).status_code == 204
        assert (await http.get("/map/tiles/nothing.mbtiles/3/1/2")).status_code == 204
        assert (await http.get("/map/tiles/a.mbtiles/25/1/2")).status_code == 422
        assert (await http.get("/map/tiles/..%2Fa.mbtiles/3/1/2")).status_code == 404


async def test_vector_tiles_arrive_unpacked_however_they_are_packed(tmp_path: Path) -> None:
    plain = gzip.decompress(ROADS)
    async with station(tmp_path, folder=tmp_path) as http:
        tiles = {(0, 0, 0): ROADS, (1, 0, 0): plain, (1, 1, 0): zlib.compress(plain)}
        about = as_metadata(vector_layers=[{"id": "transportation"}, {"no": "id"}])
        write_mbtiles(tmp_path / "v.mbtiles", tiles, format="pbf", json=about)
        [file] = (await listed(http)).files
        assert (file.tiles, file.layers) == ("vector", ["transportation"])
        for zoom, x, y in tiles:
            answer = await http.get(f"/map/tiles/v.mbtiles/{zoom}/{x}/{y}")
            assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
            assert answer.content == plain


async def test_of_a_pmtiles_archive_a_browser_gets_the_bytes_that_it_asks_for(tmp_path: Path) -> None:
    path = write_pmtiles(tmp_path / "city.pmtiles", {(2, 1, 1): GREEN}, name="City", attribution="© Some")
    async with station(tmp_path, folder=tmp_path) as http:
        [file] = (await listed(http)).files
        assert (file.kind, file.title, file.tiles, file.min_zoom, file.max_zoom) == (
            "pmtiles",
            "City",
            "raster",
            2,
            2,
        )
        whole = await http.get("/map/files/city.pmtiles")
        assert whole.content == path.read_bytes()
        part = await http.get("/map/files/city.pmtiles", headers={"Range": "bytes=0-126"})
        assert (part.status_code, part.content) == (206, path.read_bytes()[:127])
        assert part.headers["etag"]
        assert (await http.get("/map/files/other.pmtiles")).status_code == 404
        with path.open("rb") as opened:
            assert Reader(MmapSource(opened)).get(2, 1, 1) == GREEN


async def test_a_broken_file_is_named_with_its_reason_and_empties_nothing(tmp_path: Path) -> None:
    write_mbtiles(tmp_path / "good.mbtiles", {(3, 1, 2): GREEN})
    write_hills(tmp_path / "good.tif", LAT, LON)
    (tmp_path / "text.mbtiles").write_text("no database at all, but long enough to be looked at " * 20)
    sqlite3.connect(tmp_path / "empty.mbtiles").close()
    write_mbtiles(tmp_path / "bare.mbtiles", {})
    write_pmtiles(tmp_path / "whole.pmtiles", {(2, 1, 1): GREEN})
    data = (tmp_path / "whole.pmtiles").read_bytes()
    (tmp_path / "short.pmtiles").write_bytes(data[:-10])
    (tmp_path / "old.pmtiles").write_bytes(data[:7] + b"\x02" + data[8:])
    (tmp_path / "zstd.pmtiles").write_bytes(data[:98] + b"\x04" + data[99:])
    (tmp_path / "none.pmtiles").write_bytes(b"nothing")
    (tmp_path / "text.tif").write_text("no picture")
    (tmp_path / "torn.tif").write_bytes((tmp_path / "good.tif").read_bytes()[:2000])
    async with station(tmp_path, folder=tmp_path) as http:
        found = await listed(http)
        assert [file.name for file in found.files] == ["whole.pmtiles", "good.mbtiles"]
        assert found.terrain is not None
        reasons = {one.name: one.reason for one in found.broken}
        assert set(reasons) == {
            "text.mbtiles", "empty.mbtiles", "bare.mbtiles", "short.pmtiles", "old.pmtiles", "zstd.pmtiles",
            "none.pmtiles", "text.tif", "torn.tif",
        }  # fmt: skip
        assert "no MBTiles file" in reasons["text.mbtiles"]
        assert "no tile in it" in reasons["bare.mbtiles"]
        assert "not copied whole" in reasons["short.pmtiles"]
        assert "version 2" in reasons["old.pmtiles"]
        assert "use gzip" in reasons["zstd.pmtiles"]
        assert (await http.get("/map/tiles/text.mbtiles/3/1/2")).status_code == 204
        assert (await http.get("/map/files/short.pmtiles")).status_code == 404


async def test_a_file_that_breaks_after_it_was_listed_is_an_answer_and_no_fault(tmp_path: Path) -> None:
    path = write_mbtiles(tmp_path / "a.mbtiles", {(3, 1, 2): GREEN})
    async with station(tmp_path, folder=tmp_path) as http:
        assert len((await listed(http)).files) == 1
        path.write_bytes(b"SQLite format 3\0" + bytes(2000))
        answer = await http.get("/map/tiles/a.mbtiles/3/1/2")
        assert answer.status_code == 404
        assert "cannot be read" in answer.json()["detail"]


def heights_of(png: bytes) -> NDArray[np.float64]:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    blue, green, red = np.asarray(picture, np.float64).transpose(2, 0, 1)
    heights_m: NDArray[np.float64] = red * 256 + green + blue / 256 - 32768
    return heights_m


async def test_heights_come_as_tiles_that_tell_the_ground_to_a_centimetre(tmp_path: Path) -> None:
    dem = write_hills(tmp_path / "hills.tif", LAT, LON)
    terrain = RasterTerrain.open(dem)
    async with station(tmp_path, dem=dem) as http:
        about = (await listed(http)).terrain
        assert about is not None
        assert (about.west_deg, about.north_deg) == pytest.approx((LON - 0.05, LAT + 0.05), abs=1e-6)
        assert 500 <= about.lowest_m < about.highest_m <= 800
        zoom = about.max_zoom
        [(_, x, y)] = tiles_around(LAT, LON, range(zoom, zoom + 1), b"", reach=0)
        answer = await http.get(f"/map/heights/{zoom}/{x}/{y}")
        assert answer.headers["content-type"] == "image/png"
        lat_deg, lon_deg = pixels_deg(zoom, x, y)
        expected = terrain.height_amsl_m(lat_deg[:, None], lon_deg[None, :])
        assert np.isfinite(expected).mean() > 0.5
        assert np.nanmax(np.abs(heights_of(answer.content) - expected)) < 0.01
        assert (await http.get(f"/map/heights/{zoom}/0/0")).status_code == 204
        assert (await http.get("/map/heights/24/0/0")).status_code == 204


def test_beyond_the_ground_it_goes_on_level_or_is_marked_and_a_wide_tile_is_the_mean(tmp_path: Path) -> None:
    tiles = TerrainTiles(RasterTerrain.open(write_hills(tmp_path / "hills.tif", LAT, LON)))
    [(zoom, x, y)] = tiles_around(LAT, LON, range(6, 7), b"", reach=0)
    level, marked = (tiles.tile(zoom, x, y, open_edge=edge) for edge in (False, True))
    assert level is not None
    assert marked is not None
    assert heights_of(level).min() > 499
    beyond = heights_of(marked) == NO_GROUND_M
    assert beyond.any()
    assert not beyond.all()
    assert np.array_equal(heights_of(marked)[~beyond], heights_of(level)[~beyond])


def test_height_tiles_that_were_made_are_kept_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terrain = RasterTerrain.open(write_hills(tmp_path / "hills.tif", LAT, LON))
    tiles = TerrainTiles(terrain)
    zoom = tiles.max_zoom
    places = list(tiles_around(LAT, LON, range(zoom, zoom + 1), b""))
    first = tiles.tile(*places[12], open_edge=False)
    assert first
    asked = []
    monkeypatch.setattr(terrain, "height_amsl_m", lambda *where: asked.append(where))
    assert tiles.tile(*places[12], open_edge=False) == first
    assert asked == []
    monkeypatch.undo()
    monkeypatch.setattr("uplink.station.basemap.terrain_tiles.CACHE_BYTES", 2 * len(first))
    for place in places:
        tiles.tile(*place, open_edge=False)
    assert sum(map(len, tiles._made.values())) <= 2 * len(first)
    assert tiles._made_bytes == sum(map(len, tiles._made.values()))


def test_ground_that_does_not_fit_into_memory_is_drawn_from_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_hills(tmp_path / "hills.tif", LAT, LON, posts=400)
    whole = TerrainTiles(RasterTerrain.open(path))
    monkeypatch.setattr("flight.terrain.MOST_POSTS", 100 * 100)
    tiles = TerrainTiles(RasterTerrain.open(path))
    assert whole.min_zoom == 0 < tiles.min_zoom
    zoom = tiles.max_zoom
    [(_, x, y)] = tiles_around(LAT, LON, range(zoom, zoom + 1), b"", reach=0)
    assert tiles.tile(zoom, x, y, open_edge=False)
    assert tiles.tile(tiles.min_zoom - 1, 0, 0, open_edge=False) is None
