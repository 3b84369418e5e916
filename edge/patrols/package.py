"""A patrol as it travels from the station to a drone: what its file says, with the flights made of it.

The flights are the very ``.plan`` files that were checked and shown on the ground. The drone makes none of
its own from the file, so that what is aboard is what was shown; it holds them against its own limits and
terrain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.patrols.load import flyable
from edge.patrols.patrol import FlyablePatrol
from edge.patrols.planner import MOST_FLIGHTS
from flight.plans.patrol_file import PatrolFile
from flight.plans.plan import Plan, PlanError
from flight.plans.qgc import parse_plan
from uplink.messages import PATROL_MAX_BYTES, PatrolRef


class _Package(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    patrol: PatrolFile
    flights: list[str] = Field(min_length=1, max_length=MOST_FLIGHTS, description="each the text of a .plan")


def pack(patrol: PatrolFile, flights: Sequence[Plan]) -> bytes:
    """Raises PlanError where it is too large to be sent."""
    texts = [flight.to_bytes().decode() for flight in flights]
    # What the file leaves out stays out: a ready-made plan takes no other word beside it.
    said = patrol.model_copy(update={"plan": Path(patrol.plan.name)} if patrol.plan is not None else {})
    package = _Package(patrol=said, flights=texts).model_dump_json(exclude_unset=True).encode()
    if len(package) > PATROL_MAX_BYTES:
        raise PlanError(
            f"the patrol {patrol.name} has {len(package) / 2**20:.1f} MB of flights, and a drone takes "
            f"{PATROL_MAX_BYTES / 2**20:.0f} MB",
            hint="Cut the area in two, or fly higher.",
        )
    return package


def unpack(package: bytes, ref: PatrolRef) -> FlyablePatrol:
    """What was sent, if it is that. Raises PlanError."""
    if len(package) != ref.size_bytes or hashlib.sha256(package).hexdigest() != ref.sha256:
        raise PlanError(f"what came is not the patrol {ref.name} that was ordered", hint="Send it once more.")
    try:
        read = _Package.model_validate_json(package)
    except ValidationError as error:
        raise PlanError(
            f"the patrol {ref.name} is not understood: {error.errors()[0]['msg']}",
            hint="Station and drone have to be of one version.",
        ) from error
    name = read.patrol.name
    flights = [parse_plan(text.encode(), Path("sent.plan")) for text in read.flights]
    if len(flights) == 1:
        return flyable(read.patrol, (replace(flights[0], name=name),), sent=ref)
    numbered = [replace(flight, name=f"{name} {number}") for number, flight in enumerate(flights, start=1)]
    return flyable(read.patrol, tuple(numbered), sent=ref)
