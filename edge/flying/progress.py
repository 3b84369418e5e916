"""How far a patrol is flown: what the vehicle says, turned into a phase and a place in the plan.

::

    READY ─▶ FLYING ─▶ RETURNING ─▶ DONE          the way it should go
               │ ▲
      hold, look again, or somebody else's mode, and on again from the same item
               │
               └─▶ INTERRUPTED                    landed before the end: a battery swap, say

A patrol is one flight or several, with a battery swap between. What is aboard the autopilot is a whole
flight, or its remainder after an interruption (``flight.plans.resume``); numbers here are the whole flight's.
Pure: fed with telemetry, and told what the agent itself is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from flight.plans.items import Command, MissionItem
from flight.plans.plan import Plan, PlanError
from flight.plans.resume import begin_again_at, remainder
from uplink.messages import PatrolPhase as Phase

END_NOT_SEEN = "a flight was begun and its end was not seen"
_WAY_HOME = frozenset({Command.NAV_RETURN_TO_LAUNCH, Command.NAV_LAND})


class Task(StrEnum):
    """What the agent itself is about in guided flight."""

    NOTHING = "nothing"
    PAUSE = "pause"
    LOOK_AGAIN = "look again"


class Record(BaseModel):
    """What outlives the agent's process."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    patrol_sha256: str
    pass_number: int = Field(1, ge=1)
    flight: int = Field(0, ge=0, description="which of the patrol's flights")
    item: int = Field(0, ge=0, description="of that flight: the one flown to; 0 before the start")
    begun_at_item: int = Field(0, ge=0, description="what is aboard is the remainder from here; 0: the whole")
    done: bool = False
    held_back: str = Field("", description="why no flight of it starts by itself, until a person starts one")
    finished_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """The vehicle now."""

    armed: bool
    mode: str
    mission_mode: str
    return_modes: tuple[str, ...]
    guided_modes: tuple[str, ...]
    mission_item: int | None


def sha256_of(flights: Sequence[Plan]) -> str:
    """Of a whole patrol: of its flights' own hashes."""
    return hashlib.sha256("".join(plan.sha256 for plan in flights).encode()).hexdigest()


def first_item_home(items: Sequence[MissionItem]) -> int:
    """The number of the item with which the flight turns home: the first RTL or landing, else its last."""
    return next((item.seq for item in items[1:] if item.command in _WAY_HOME), items[-1].seq)


@dataclass(slots=True)
class Progress:
    """Of one patrol. ``record`` is what to keep; it is replaced when it changes."""

    flights: Sequence[Plan]
    record: Record
    task: Task = Task.NOTHING
    aboard: bool | None = None
    """Whether ``part`` is what the autopilot holds."""
    _flying: bool = field(default=False, init=False)
    _remainder: tuple[int, int, Plan] | None = field(default=None, init=False, repr=False)

    @classmethod
    def of(cls, flights: Sequence[Plan], kept: Record | None) -> Progress:
        """Go on from what was kept, if that was of this same patrol."""
        sha256 = sha256_of(flights)
        if kept is None or kept.patrol_sha256 != sha256 or not _is_of(kept, flights):
            kept = Record(patrol_sha256=sha256, held_back=kept.held_back if kept is not None else "")
        return cls(flights, kept)

    @property
    def plan(self) -> Plan:
        """The flight that is flown, or is next, as the file has it."""
        return self.flights[self.record.flight]

    @property
    def part(self) -> Plan:
        """What is to be aboard for it."""
        flight, begun = self.record.flight, self.record.begun_at_item
        if not begun:
            return self.plan
        if self._remainder is None or self._remainder[:2] != (flight, begun):
            self._remainder = flight, begun, remainder(self.plan, begun)
        return self._remainder[2]

    @property
    def interrupted(self) -> bool:
        """Whether this flight was left in the middle and the vehicle is down."""
        return not self._flying and not self.record.done and self.record.item > self._first_place

    @property
    def _first_place(self) -> int:
        return next((item.seq for item in self.plan.items[1:] if item.is_place), 0)

    def take_up(self) -> None:
        """Make what is left of an interrupted flight the part to fly: from the item flown to, or from the
        beginning of the round that was left."""
        if self.interrupted:
            begin = begin_again_at(self.plan, self.record.item)
            if begin != self.record.begun_at_item:
                self.record = replace_record(self.record, begun_at_item=begin)
                self.aboard = None

    def next_pass(self) -> None:
        """Begin the patrol from its first flight again."""
        number = self.record.pass_number + 1
        before = self.record
        self.record = Record(
            patrol_sha256=before.patrol_sha256, pass_number=number, held_back=before.held_back
        )
        self.aboard = None

    def hold_back(self, why: str) -> None:
        """No flight of it starts by itself any more, until this is called with nothing."""
        if why != self.record.held_back:
            self.record = replace_record(self.record, held_back=why)

    def hear(self, heard: Heard, now: datetime) -> Phase:
        """Take in how the vehicle is; the phase. ``record`` may be another one afterwards."""
        in_mission = heard.armed and heard.mode == heard.mission_mode and self.aboard is True
        if in_mission:
            self._flying = True
            self.task = Task.NOTHING
            # PX4 goes back to the first item when it disarms, which the heartbeat may tell a little later.
            starts_over = heard.mission_item == 1 and self.record.item >= self._turns_home
            if heard.mission_item and not starts_over:
                self._reach(self._in_whole(heard.mission_item))
        if not heard.armed:
            if self._flying or self.record.item >= self._turns_home:
                self._landed(now)  # the second: while the agent was not looking
            self._flying = False
            self.task = Task.NOTHING
        return self._phase(heard, in_mission)

    def _phase(self, heard: Heard, in_mission: bool) -> Phase:
        if not heard.armed:
            if self.record.done:
                return Phase.DONE
            return Phase.INTERRUPTED if self.interrupted else Phase.READY
        if not self._flying and not self.task_in_air:
            return Phase.INTERRUPTED if self.record.item else Phase.READY
        if heard.mode in heard.return_modes or (in_mission and self.record.item >= self._turns_home):
            return Phase.RETURNING
        if in_mission:
            return Phase.FLYING
        if heard.mode in heard.guided_modes and self.task is Task.LOOK_AGAIN:
            return Phase.LOOKING_AGAIN
        if heard.mode in heard.guided_modes and self.task is Task.PAUSE:
            return Phase.PAUSED
        return Phase.INTERRUPTED

    @property
    def task_in_air(self) -> bool:
        """Whether the agent is about something in guided flight."""
        return self.task is not Task.NOTHING

    @property
    def _turns_home(self) -> int:
        return first_item_home(self.plan.items)

    def _in_whole(self, seq: int) -> int:
        """The number in the whole flight of an item of the part aboard."""
        begun = self.record.begun_at_item
        if not begun:
            return seq
        return max(begun, seq + len(self.plan.items) - len(self.part.items))

    def _reach(self, item: int) -> None:
        if item != self.record.item and item < len(self.plan.items):
            self.record = replace_record(self.record, item=item)

    def _landed(self, now: datetime) -> None:
        if self.record.done or self.record.item < self._turns_home:
            return  # interrupted: the item stays
        if self.record.held_back == END_NOT_SEEN:
            self.hold_back("")
        last = self.record.flight == len(self.flights) - 1
        if last:
            self.record = replace_record(self.record, done=True, finished_at=now)
        else:
            self.record = replace_record(self.record, flight=self.record.flight + 1, item=0, begun_at_item=0)
            self.aboard = None


def _is_of(record: Record, flights: Sequence[Plan]) -> bool:
    """Whether a kept record can be one of this patrol's."""
    if record.flight >= len(flights):
        return False
    count = len(flights[record.flight].items)
    if record.item >= count or record.begun_at_item >= count:
        return False
    try:
        Progress(flights, record).part  # noqa: B018 - whether there is one
    except PlanError:
        return False
    return True


def replace_record(record: Record, **changes: object) -> Record:
    """A record with some fields changed, checked again."""
    return Record.model_validate(record.model_dump() | changes)
