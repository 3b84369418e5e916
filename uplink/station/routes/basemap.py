"""What the page's map stands on: map files that were dropped into a folder, and heights."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from fastapi.responses import FileResponse, Response

from uplink.station.basemap.answers import MapFiles
from uplink.station.basemap.shelf import VECTOR_TYPE
from uplink.station.basemap.tile_set import MapFileError
from uplink.station.routes.dependencies import WHO, ServicesDep, as_problems, viewer

router = APIRouter(prefix="/map", tags=["map"], dependencies=[Depends(viewer)])

# Addresses carry the file's version, so that a browser never asks twice. Nobody else may keep what is asked
# for by who signed in.
_KEPT = {"Cache-Control": "private, max-age=604800", "Vary": "Cookie, Authorization"}
_BINARY = {"schema": {"type": "string", "format": "binary"}}

FileName = Annotated[str, Path(max_length=255, description="of the file, as in the list")]
Zoom = Annotated[int, Path(ge=0, le=24)]
TileNumber = Annotated[int, Path(ge=0, lt=2**24)]
Version = Annotated[str, Query(max_length=40, description="of the file: another address for another file")]


def _found(*media_types: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"content": dict.fromkeys(media_types, _BINARY), "description": "the tile"},
        204: {"description": "there is nothing here"},
        **as_problems(401, 403, 404, 422),
    }


@router.get("", responses=WHO)
async def map_files(services: ServicesDep) -> MapFiles:
    """What there is to draw below drones and fires, and which files are of no use, and why."""
    return await asyncio.to_thread(services.map.files)


@router.get(
    "/files/{name}",
    response_class=FileResponse,
    responses={
        200: {"content": {"application/octet-stream": _BINARY}, "description": "the archive"},
        206: {"content": {"application/octet-stream": _BINARY}, "description": "the part asked for"},
        416: {"description": "there is no such part"},
        **as_problems(400, 401, 403, 404, 422),
    },
)
async def map_file(name: FileName, services: ServicesDep, v: Version = "") -> FileResponse:  # noqa: ARG001
    """A PMTiles archive, of which browsers ask for parts (`Range`)."""
    path = await asyncio.to_thread(services.map.pmtiles, name)
    if path is None:
        raise HTTPException(404, "there is no such map file")
    return FileResponse(path, media_type="application/octet-stream", headers=_KEPT)


@router.get(
    "/tiles/{name}/{zoom}/{x}/{y}",
    response_class=Response,
    responses=_found(VECTOR_TYPE, "image/png", "image/jpeg", "image/webp"),
)
async def map_tile(
    name: FileName,
    zoom: Zoom,
    x: TileNumber,
    y: TileNumber,
    services: ServicesDep,
    v: Version = "",  # noqa: ARG001
) -> Response:
    """A tile of an MBTiles file, counted from the north-west corner."""
    try:
        tile = await asyncio.to_thread(services.map.tile, name, zoom, x, y)
    except MapFileError as error:
        raise HTTPException(404, error.message) from error
    if tile is None:
        return Response(status_code=204, headers=_KEPT)
    headers = _KEPT | ({"Content-Encoding": "gzip"} if tile.gzipped else {})
    return Response(tile.data, media_type=tile.media_type, headers=headers)


@router.get("/heights/{zoom}/{x}/{y}", response_class=Response, responses=_found("image/png"))
async def height_tile(
    zoom: Zoom,
    x: TileNumber,
    y: TileNumber,
    services: ServicesDep,
    open_edge: Annotated[
        bool, Query(description="-10000 m where nothing is known; else the ground goes on level")
    ] = False,
    v: Version = "",  # noqa: ARG001
) -> Response:
    """Heights above the sea as a picture: red · 256 + green + blue / 256 - 32768 is metres ("terrarium")."""
    png = await asyncio.to_thread(services.map.height_tile, zoom, x, y, open_edge=open_edge)
    if png is None:
        return Response(status_code=204, headers=_KEPT)
    return Response(png, media_type="image/png", headers=_KEPT)
