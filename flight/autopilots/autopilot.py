"""What an autopilot's firmware must tell about itself: everything in which ArduPilot and PX4 differ.

One class for each firmware; the rest of ``flight`` asks it and never looks at the firmware's number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flight.errors import EmberwatchError
from flight.plans.items import MissionItem


class UnknownModeError(EmberwatchError):
    """A mode that this vehicle does not have."""


class UnknownHeightError(EmberwatchError):
    """A height cannot be put into the datum that this firmware wants."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a preflight check. ``passed`` None: it cannot be known, and a person has to judge."""

    name: str
    passed: bool | None
    detail: str


class Autopilot(Protocol):
    """One firmware on one kind of vehicle."""

    @property
    def name(self) -> str:
        """As people call it."""

    @property
    def guided_mode(self) -> str:
        """The mode in which a companion may send the vehicle somewhere."""

    @property
    def mission_mode(self) -> str:
        """The mode that flies the mission aboard."""

    @property
    def return_mode(self) -> str:
        """The mode that flies home and lands."""

    @property
    def smart_return_mode(self) -> str:
        """The mode that flies home along the way it came; empty: there is none."""

    @property
    def land_mode(self) -> str:
        """The mode that comes down where it is."""

    @property
    def orbit_mode(self) -> str:
        """The mode that DO_ORBIT changes to; empty where the command is not known."""

    @property
    def takeoff_mode(self) -> str:
        """The mode that NAV_TAKEOFF itself changes to, from which the guided mode follows; empty: none."""

    @property
    def first_item_is_home(self) -> bool:
        """Whether item 0 of the mission aboard is home and not the first step."""

    @property
    def parameters_are_cast(self) -> bool:
        """Whether PARAM_VALUE carries integers as floats (else their bytes; flight rule 25)."""

    @property
    def safety_parameters(self) -> Sequence[str]:
        """What ``judge`` wants to know."""

    @property
    def set_up_parameters(self) -> Sequence[str]:
        """What ``judge_set_up`` wants to know."""

    def for_wire(self, item: MissionItem) -> MissionItem:
        """A mission item as this firmware takes it: not every one takes NaN for "not given"."""

    def mode_name(self, base_mode: int, custom_mode: int) -> str:
        """The name of a heartbeat's mode; ``MODE n`` for one newer than this table."""

    def mode_params(self, name: str) -> tuple[float, float, float]:
        """The first three params of DO_SET_MODE; raises UnknownModeError."""

    def takeoff_params(self, height_home_m: float, home_amsl_m: float | None) -> tuple[float, ...]:
        """The params of NAV_TAKEOFF; raises UnknownHeightError where home's height is needed and unknown."""

    def judge(
        self, parameters: Mapping[str, float | None], ground_stations: Collection[int]
    ) -> list[Finding]:
        """Whether the failsafes can work at all (flight rule 6), from ``safety_parameters``.

        None stands for a parameter that could not be read or that the vehicle does not have.
        ``ground_stations`` are the system ids of stations heard on the link.
        """

    def judge_set_up(self, parameters: Mapping[str, float | None]) -> list[Finding]:
        """Whether the rest is set as a companion needs it, from ``set_up_parameters``: nothing that keeps a
        flight on the ground."""
