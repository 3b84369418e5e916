"""The pictures that go with alerts, under the SHA-256 of their bytes."""

from __future__ import annotations

import asyncio
import hashlib

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse
from starlette.requests import ClientDisconnect

from uplink.station.answers import MediaReceipt, Problem
from uplink.station.routes.dependencies import REFUSALS, Sender, ServicesDep, Sha256Path

router = APIRouter(prefix="/media", tags=["media"])

JPEG_START = b"\xff\xd8\xff"
UPLOAD_TIMEOUT_S = 120.0


@router.put(
    "/{sha256}",
    responses={
        **REFUSALS,
        408: {"model": Problem, "description": "the upload took too long"},
        415: {"model": Problem, "description": "not a JPEG"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def put_media(
    sha256: Sha256Path, request: Request, drone: Sender, services: ServicesDep
) -> MediaReceipt:
    """Keeps a JPEG of at most 5 MB durably before it answers. Repeats change nothing."""
    data = await _read(request)
    if not data.startswith(JPEG_START):
        raise HTTPException(415, "the body is not a JPEG")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise HTTPException(422, "the body does not match its SHA-256")
    await services.store.media.put(sha256, data, drone_id=drone, now_s=services.clock())
    return MediaReceipt(sha256=sha256, size_bytes=len(data))


@router.get(
    "/{sha256}",
    response_class=FileResponse,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "the picture"},
        404: {"model": Problem, "description": "not here, or not here yet: pictures follow their alert"},
    },
)
async def media(sha256: Sha256Path, services: ServicesDep) -> FileResponse:
    """A picture as the drone sent it."""
    path = await services.store.media.find(sha256)
    if path is None:
        raise HTTPException(404, "this picture is not here (yet)")
    return FileResponse(
        path,
        media_type="image/jpeg",
        headers={
            "Cache-Control": "private, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


async def _read(request: Request) -> bytes:
    """The body in bounded time; its size was bounded on the way here (``BodyLimit``)."""
    data = bytearray()
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT_S):
            async for chunk in request.stream():
                data += chunk
    except TimeoutError:
        raise HTTPException(408, "the upload took too long") from None
    except ClientDisconnect:
        raise HTTPException(400, "the upload broke off") from None
    return bytes(data)
