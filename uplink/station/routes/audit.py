"""The audit log, for admins."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from uplink.messages import UtcTime
from uplink.station.answers import AuditCheck, AuditEntry
from uplink.station.routes.dependencies import WHO, AdminDep, ServicesDep, admin, as_problems
from uplink.station.store.audit import AuditFilter, AuditLog, Deed

router = APIRouter(prefix="/audit", tags=["access"])

SQLITE_MAX_INTEGER = 2**63 - 1
ROWS_AT_ONCE = 500
# A cell that begins with one of these is a formula to a spreadsheet.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("number", "at", "who", "what", "about", "detail", "hash")


def _wanted(
    who: Annotated[str | None, Query(max_length=128, description="only what this one did")] = None,
    what: Annotated[
        str | None,
        Query(
            pattern=r"^[a-z_]{1,40}\.([a-z_ ]{1,40}|\*)$",
            description="as in `user.added`, or a family as in `user.*`",
        ),
    ] = None,
    about: Annotated[str | None, Query(max_length=128, description="only what is about this id")] = None,
    since: Annotated[UtcTime | None, Query(description="then or later")] = None,
    until: Annotated[UtcTime | None, Query(description="then or earlier")] = None,
) -> AuditFilter:
    return AuditFilter(
        who,
        what,
        about,
        None if since is None else since.timestamp(),
        None if until is None else until.timestamp(),
    )


Wanted = Annotated[AuditFilter, Depends(_wanted)]


@router.get("", dependencies=[Depends(admin)], responses=WHO)
async def audit(
    services: ServicesDep,
    wanted: Wanted,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[
        int | None,
        Query(ge=0, le=SQLITE_MAX_INTEGER, description="number of the last one of the page before"),
    ] = None,
) -> list[AuditEntry]:
    """Who did what, when and about what, the newest first."""
    return await services.store.audit.newest(limit, before, wanted)


@router.get("/verify", dependencies=[Depends(admin)], responses=WHO)
async def verify_audit(services: ServicesDep) -> AuditCheck:
    """Reads all of it: whether each line follows from the one before, and the newest number and hash. Noted
    elsewhere, that hash shows even a log that was made anew or cut short."""
    log = services.store.audit
    newest = await log.newest(1)
    broken = await log.first_break()
    return AuditCheck(
        whole=broken is None,
        first_break=broken,
        lines=newest[0].number if newest else 0,
        hash=newest[0].hash if newest else None,
    )


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "a table"},
        **as_problems(401, 403, 422),
    },
)
async def export_audit(who: AdminDep, services: ServicesDep, wanted: Wanted) -> StreamingResponse:
    """The same as a CSV file, the newest first. That somebody took it is in the log too."""
    deed = Deed(who.name, "audit.exported", "audit", {})
    await services.store.audit.write(deed, now_s=services.clock())
    return StreamingResponse(
        _table(services.store.audit, wanted),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="emberwatch-audit.csv"'},
    )


async def _table(log: AuditLog, wanted: AuditFilter) -> AsyncIterator[str]:
    yield ",".join(COLUMNS) + "\r\n"
    before = None
    while entries := await log.newest(ROWS_AT_ONCE, before, wanted):
        before = entries[-1].number
        page = io.StringIO()
        writer = csv.writer(page)
        for one in entries:
            detail = json.dumps(one.detail, ensure_ascii=False)
            said = [one.at.isoformat(), one.who, one.what, one.about, detail, one.hash]
            writer.writerow([one.number, *(_harmless(cell) for cell in said)])
        yield page.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULAS) else cell
