"""Pictures on their way in from the drones: whole, or in pieces that go on where a link broke."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Request, Response

from uplink.station.answers import MediaReceipt, Problem, UploadProgress
from uplink.station.body_limit import MEDIA_MAX_BYTES
from uplink.station.routes.dependencies import REFUSALS, Sender, ServicesDep, Sha256Path
from uplink.station.uploads import Ending, GapError, NotAJpegError, WrongBytesError

router = APIRouter(prefix="/media", tags=["media"])

_ANSWERS = {
    **REFUSALS,
    400: {"model": Problem, "description": "the body broke off; what came of it is kept"},
    408: {"model": Problem, "description": "the upload took too long; what came of it is kept"},
    415: {"model": Problem, "description": "not a JPEG"},
}


@router.put(
    "/{sha256}",
    responses=_ANSWERS,
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
    announced = request.headers.get("content-length", "")
    async with services.uploads.receiving(drone, sha256) as reception:
        data, ending = await reception.read(request.stream())
        if ending is Ending.WHOLE:
            await _take(services, drone, sha256, data, offset_bytes=0, size_bytes=len(data))
        elif announced.isdecimal():
            await _take(services, drone, sha256, data, offset_bytes=0, size_bytes=int(announced))
    _refuse_unless_whole(ending)
    return MediaReceipt(sha256=sha256, size_bytes=len(data))


@router.head(
    "/{sha256}/upload",
    responses={
        **REFUSALS,
        200: {
            "description": "how far it is",
            "headers": {
                "Upload-Offset": {"description": "the next byte wanted", "schema": {"type": "integer"}},
                "Upload-Complete": {"description": "`?1` once it is whole", "schema": {"type": "string"}},
            },
        },
    },
    response_class=Response,
)
async def upload(sha256: Sha256Path, drone: Sender, services: ServicesDep) -> Response:
    """How much of a picture is here, for who is going to send the rest."""
    progress = await services.uploads.progress(drone, sha256)
    return Response(headers={**_offset(progress.offset_bytes), "Upload-Complete": f"?{progress.complete:d}"})


@router.patch(
    "/{sha256}/upload",
    responses={
        **_ANSWERS,
        409: {"model": Problem, "description": "bytes before these are missing: `Upload-Offset` says which"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/partial-upload": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def append(
    sha256: Sha256Path,
    request: Request,
    response: Response,
    drone: Sender,
    services: ServicesDep,
    upload_offset: Annotated[int, Header(ge=0, le=MEDIA_MAX_BYTES, description="of the body's first byte")],
    upload_length: Annotated[int, Header(ge=1, description="of the whole picture, in bytes")],
) -> UploadProgress:
    """A piece of a picture; it is on the disk when this answers. With the last one the whole is checked."""
    async with services.uploads.receiving(drone, sha256) as reception:
        data, ending = await reception.read(request.stream())
        if upload_length > MEDIA_MAX_BYTES:
            raise HTTPException(413, f"a picture here has at most {MEDIA_MAX_BYTES} bytes")
        progress = await _take(
            services, drone, sha256, data, offset_bytes=upload_offset, size_bytes=upload_length
        )
    _refuse_unless_whole(ending)
    response.headers.update(_offset(progress.offset_bytes))
    return progress


async def _take(
    services: ServicesDep, drone: str, sha256: str, data: bytes, *, offset_bytes: int, size_bytes: int
) -> UploadProgress:
    try:
        return await services.uploads.take(
            drone, sha256, data, offset_bytes=offset_bytes, size_bytes=size_bytes
        )
    except GapError as error:
        raise HTTPException(409, str(error), _offset(error.wanted_bytes)) from None
    except NotAJpegError as error:
        raise HTTPException(415, str(error)) from None
    except WrongBytesError as error:
        raise HTTPException(422, str(error)) from None


def _refuse_unless_whole(ending: Ending) -> None:
    if ending is not Ending.WHOLE:
        raise HTTPException(400 if ending is Ending.BROKE_OFF else 408, ending.value)


def _offset(offset_bytes: int) -> dict[str, str]:
    return {"Upload-Offset": str(offset_bytes), "Cache-Control": "no-store"}
