"""The patrol that the station sent: fetched, held against this drone's limits, and kept over a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edge.files import write_whole
from edge.patrols.package import unpack
from edge.patrols.patrol import FlyablePatrol
from flight.errors import EmberwatchError
from flight.plans.checks import Limits, check
from flight.plans.plan import PlanError
from flight.terrain import Terrain
from uplink.messages import PatrolRef

log = logging.getLogger(__name__)

FILE = "patrol.sent.json"


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    ref: PatrolRef
    package: str


class PatrolDepot:
    """Of one drone, in its data folder. ``get`` asks the station for the bytes of a patrol."""

    def __init__(self, data_dir: Path, get: Callable[[PatrolRef], Awaitable[bytes]]) -> None:
        self._file = data_dir / FILE
        self._get = get
        self._fetched: _Kept | None = None

    async def fetch(self, ref: PatrolRef) -> FlyablePatrol:
        """Raises UplinkError where the station does not give it, PlanError where it is not what it should
        be."""
        package = await self._get(ref)
        patrol = await asyncio.to_thread(unpack, package, ref)
        self._fetched = _Kept(ref=ref, package=package.decode())
        return patrol

    async def keep(self) -> None:
        """What was fetched last is the patrol from now on. Raises EmberwatchError where the disk fails."""
        assert self._fetched is not None  # noqa: S101 - fetched before
        try:
            await asyncio.to_thread(write_whole, self._file, self._fetched.model_dump_json().encode())
        except OSError as error:
            raise EmberwatchError(f"the disk could not keep the patrol: {error.strerror}") from error
        self._fetched = None


def kept_patrol(data_dir: Path) -> FlyablePatrol | None:
    """What the station sent last; None where it sent none, or where that cannot be read any more."""
    file = data_dir / FILE
    try:
        kept = _Kept.model_validate_json(file.read_bytes())
        return unpack(kept.package.encode(), kept.ref)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, PlanError) as error:
        log.error("the patrol that the station sent cannot be read, send it again: %s (%s)", file, error)  # noqa: TRY400
        return None


def must_be_safe(
    patrol: FlyablePatrol, terrain: Terrain | None, limits: Limits, home_amsl_m: float | None
) -> None:
    """Raises PlanError with what is wrong, as far as this drone knows its site."""
    found = [
        (f"flight {number}: " if len(patrol.flights) > 1 else "") + problem.words
        for number, plan in enumerate(patrol.flights, start=1)
        for problem in check(plan, terrain, limits, home_amsl_m=home_amsl_m)
    ]
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise PlanError(f"{found[0]}{more}")
