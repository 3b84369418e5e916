"""The library of patrols of a running station: planned, kept in versions, and handed to drones by hash."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import uuid6

from flight.plans.patrol_file import PatrolFile
from uplink.errors import NotPossibleError, UnknownNameError
from uplink.messages import PatrolRef
from uplink.station.patrol_answers import (
    PatrolDraft,
    PatrolPreview,
    PatrolSummary,
    StoredPatrol,
)
from uplink.station.patrol_planner import PatrolPlanner, Planned
from uplink.station.store.patrols import PatrolConflictError, PatrolStore, TooManyPatrolsError


class Patrols:
    """``clock`` gives seconds since 1970."""

    def __init__(self, store: PatrolStore, planner: PatrolPlanner, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self.planner = planner

    async def preview(self, draft: PatrolDraft) -> PatrolPreview:
        """What would come of it. Raises PlannerBusyError."""
        return (await self.planner.plan(draft)).preview

    async def add(self, draft: PatrolDraft, who: str) -> StoredPatrol:
        """A new one, planned if it can be. Raises PlannerBusyError, NotPossibleError for a full library."""
        patrol, summary, package = self._made(uuid6.uuid7(), 1, draft, who, await self.planner.plan(draft))
        try:
            await self._store.add(patrol, summary, package)
        except TooManyPatrolsError:
            raise NotPossibleError("there are as many patrols as there may be: delete some") from None
        return patrol

    async def change(self, patrol_id: UUID, seen: int, draft: PatrolDraft, who: str) -> StoredPatrol:
        """Its next version. Raises UnknownNameError, NotPossibleError where ``seen`` is not the newest,
        PlannerBusyError."""
        await self.get(patrol_id)
        patrol, summary, package = self._made(patrol_id, seen + 1, draft, who, await self.planner.plan(draft))
        try:
            await self._store.change(patrol, summary, package, seen=seen)
        except PatrolConflictError as conflict:
            raise _conflict(conflict) from None
        return patrol

    async def delete(self, patrol_id: UUID, seen: int, who: str) -> None:
        """Out of the list. Raises as ``change`` does."""
        await self.get(patrol_id)
        try:
            await self._store.delete(patrol_id, who, seen=seen, now_s=self._clock())
        except PatrolConflictError as conflict:
            raise _conflict(conflict) from None

    async def get(self, patrol_id: UUID, version: int | None = None) -> StoredPatrol:
        """The newest version or an earlier one. Raises UnknownNameError."""
        patrol = await self._store.get(patrol_id, version)
        if patrol is None:
            which = "" if version is None else f" in version {version}"
            raise UnknownNameError(f"there is no patrol {patrol_id}{which}")
        return patrol

    async def list(self, limit: int, before: UUID | None) -> list[PatrolSummary]:
        """The last changed first. Raises UnknownNameError."""
        last = None if before is None else await self._store.summary(before)
        if before is not None and last is None:
            raise UnknownNameError(f"there is no patrol {before}")
        return await self._store.newest(limit, last)

    async def to_send(self, patrol_id: UUID, version: int) -> PatrolRef:
        """What a drone may be told to load. Raises UnknownNameError, and NotPossibleError where it is not
        safe or not the newest."""
        patrol = await self.get(patrol_id)
        if patrol.version != version:
            raise _conflict(PatrolConflictError(patrol.version))
        if patrol.ref is None:
            planned = patrol.preview.planned
            why = patrol.preview.trouble if planned is None else planned.problems[0].what
            raise NotPossibleError(f"this patrol is not sent: {why}")
        return patrol.ref

    async def plan_file(self, patrol_id: UUID, flight: int) -> str:
        """One of its flights as a .plan. Raises UnknownNameError, NotPossibleError where it is not safe."""
        patrol = await self.get(patrol_id)
        ref = await self.to_send(patrol_id, patrol.version)
        package = await self._store.package(ref.sha256)
        assert package is not None  # noqa: S101 - it is written with the row
        flights: list[str] = (await asyncio.to_thread(json.loads, package))["flights"]
        if not 1 <= flight <= len(flights):
            raise UnknownNameError(f"this patrol has {len(flights)} flights")
        return flights[flight - 1]

    def _made(
        self, patrol_id: UUID, version: int, draft: PatrolDraft, who: str, planned: Planned
    ) -> tuple[StoredPatrol, PatrolSummary, bytes | None]:
        at = datetime.fromtimestamp(self._clock(), UTC)
        preview, package = planned.preview, planned.package
        said, made = draft.patrol, preview.planned
        ref = None
        if made is not None and package is not None and not made.problems:
            sha256 = hashlib.sha256(package).hexdigest()
            ref = PatrolRef(
                id=patrol_id, version=version, name=said.name, sha256=sha256, size_bytes=len(package)
            )
        patrol = StoredPatrol(
            id=patrol_id,
            version=version,
            changed_at=at,
            changed_by=who,
            draft=draft,
            preview=preview,
            ref=ref,
        )
        flights = [] if made is None else made.flights
        summary = PatrolSummary(
            id=patrol_id,
            version=version,
            name=said.name,
            kind=_kind(said),
            changed_at=at,
            changed_by=who,
            flights=len(flights),
            length_m=sum(flight.length_m for flight in flights),
            time_s=sum(flight.time_s for flight in flights),
            area_m2=None if made is None else made.area_m2,
            problems=1 if made is None else len(made.problems),
            repeat=said.repeat,
            unattended=said.unattended,
            sha256=None if ref is None else ref.sha256,
        )
        return patrol, summary, package if ref is not None else None


def _kind(patrol: PatrolFile) -> str:
    return next(kind for kind in ("plan", "area", "corridor", "points") if getattr(patrol, kind) is not None)


def _conflict(conflict: PatrolConflictError) -> NotPossibleError:
    return NotPossibleError(f"somebody has changed it meanwhile: it is at version {conflict.version}")
