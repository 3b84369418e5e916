"""What people ask of a drone, and what becomes of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field

from uplink.messages.base import DroneId, Message, Position, Sha256, UtcTime

PATROL_MAX_BYTES = 4 * 1024 * 1024
"""Of all flights of a patrol together, as a drone fetches them."""
FARTHEST_LOOK_M = 5000.0
"""The largest radius of a circle that somebody may ask to be looked at."""
LARGEST_HEIGHT_M = 1000.0
"""Of a height that somebody may ask for. The drone's own ceiling is lower."""


class OrderKind(StrEnum):
    """What people may ask of a drone. None arms by itself; land comes down where it is, and names the place
    that a person has confirmed."""

    GRANT = "grant"
    REVOKE = "revoke"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STAND_DOWN = "stand down"
    LOOK_AGAIN = "look again"
    NO_LOOK = "no look"
    LOOK_AT = "look at"
    LOAD_PATROL = "load patrol"
    GO_TO = "go to"
    ORBIT = "orbit"
    HOLD = "hold"
    CHANGE_HEIGHT = "change height"
    RETURN = "return"
    LAND = "land"


class PatrolRef(Message):
    """One version of a patrol in the station's library, as it is sent to a drone."""

    id: UUID = Field(description="of the patrol, over all its versions")
    version: int = Field(ge=1, description="counts up with each change")
    name: str = Field(min_length=1, max_length=100)
    sha256: Sha256 = Field(description="of its bytes at `/api/v1/drones/{drone_id}/patrols/{sha256}`")
    size_bytes: int = Field(gt=0, le=PATROL_MAX_BYTES)


CHECKABLE = frozenset({OrderKind.GO_TO, OrderKind.ORBIT, OrderKind.CHANGE_HEIGHT, OrderKind.LAND})
"""What a drone can say beforehand whether it would do (``Order.only_check``)."""
HeightAbove = Literal["ground", "home"]


class Order(Message):
    """What a person asks of a drone. The drone does it at most once, by ``id``."""

    id: UUID
    drone_id: DroneId
    kind: OrderKind
    by: str = Field(min_length=1, max_length=64, description="the operator's name")
    at: UtcTime = Field(description="by the station's clock")
    alert_id: UUID | None = Field(None, description="of look again and no look: which alert")
    place: Position | None = Field(
        None,
        description="of look at and orbit: the middle of the circle; of go to: where to; of land: where it "
        "was when a person confirmed it",
    )
    radius_m: float | None = Field(
        None,
        gt=0,
        le=FARTHEST_LOOK_M,
        description="of look at: how far off the place may be; of orbit: how far from it to fly",
    )
    height_m: float | None = Field(
        None, ge=-LARGEST_HEIGHT_M, le=LARGEST_HEIGHT_M, description="of go to, orbit and change height"
    )
    height_above: HeightAbove | None = Field(None, description="what that height counts from")
    only_check: bool = Field(
        False, description="nothing is flown: the answer says whether it would be, or why it would be refused"
    )
    tip_id: UUID | None = Field(None, description="of look at: the tip that it is for, if there is one")
    patrol: PatrolRef | None = Field(None, description="of load patrol: which, and how its bytes are known")
    run: UUID | None = Field(
        None, description="the start of the agent that it is for: any other leaves it alone, but a stand-down"
    )
    sequence: int | None = Field(
        None, ge=1, le=2**53, description="rises with each order sent to this drone; none while not yet sent"
    )
    expires_s: float | None = Field(
        None, description="void from then on, by the drone's own clock (`DroneState.clock_s`)"
    )


class SignedOrder(Message):
    """An order as it travels. The signature is over the very text, so that nothing in it can be changed."""

    order: str = Field(max_length=4096, description="the JSON text of an `Order`")
    signature: str = Field(max_length=128, description="Ed25519, by the station's key; base64")


class StationWord(Message):
    """What the station says on a drone's link: each state is answered, orders come by themselves."""

    heard: int | None = Field(None, ge=1, description="the how-manieth state on this link it has dealt with")
    refused: str = Field("", max_length=256, description="why it could not take that state, if so")
    order: SignedOrder | None = None
    watched_s: float | None = Field(
        None,
        gt=0,
        le=60,
        description="somebody watches its pictures, for this long if not said again",
    )


class OrderState(StrEnum):
    """``done`` and ``refused`` are final; ``accepted`` is under way."""

    ACCEPTED = "accepted"
    DONE = "done"
    REFUSED = "refused"


class OrderResult(Message):
    """What became of an order, as the drone tells it."""

    order_id: UUID
    kind: OrderKind
    state: OrderState
    reason: str = Field(
        "", max_length=256, description="why it was refused, what it waits for, or what was found"
    )
    alert_ids: list[UUID] = Field(
        default_factory=list, max_length=8, description="of look at: what burns in the circle"
    )
    at: UtcTime
