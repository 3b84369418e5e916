"""What a look is about: a fire that was found, or a place that a person wants to be looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from edge.flying.clearance import Fire
from edge.flying.rules import Rules
from edge.flying.situation import Ways
from edge.flying.standoff import NoViewError, View


class Subject(Protocol):
    """Looked at from one view after another. ``find`` comes first."""

    @property
    def id(self) -> UUID: ...

    @property
    def longest_s(self) -> float:
        """Of the whole look, the way there included."""

    @property
    def fire(self) -> Fire:
        """What the camera is pointed at now, and is kept clear of."""

    @property
    def view(self) -> View:
        """From where."""

    def find(self) -> None:
        """The views that are left, anew from where the vehicle is. Raises NoViewError."""

    def next(self) -> bool:
        """The view has been looked from: turn to the next one. False where there is nothing more to gain."""


class FireSubject:
    """A confirmed hotspot, looked at from several sides. ``fire`` may become a better estimate."""

    def __init__(self, hotspot_id: UUID, fire: Fire, rules: Rules, ways: Ways) -> None:
        self.id = hotspot_id
        self.fire = fire
        self.longest_s = rules.longest_s
        self._rules = rules
        self._ways = ways
        self._views: list[View] = []

    @property
    def view(self) -> View:
        return self._views[0]

    def find(self) -> None:
        self._views = list(self._ways.views(self.fire, len(self._views) or self._rules.views))

    def next(self) -> bool:
        del self._views[0]
        return bool(self._views) and self.fire.radius_m > self._rules.good_enough_m


class PlaceSubject:
    """A place, in patches that one view each covers. Of patches that nobody can look at safely the others
    are looked at."""

    def __init__(self, subject_id: UUID, patches: Iterable[Fire], rules: Rules, ways: Ways) -> None:
        """``patches`` is where a fire may be, and how far around: each is kept clear of while it is looked
        at, as if there was one."""
        self.id = subject_id
        self.longest_s = rules.longest_at_s
        self._ways = ways
        self._patches = deque(patches)
        self.fire = self._patches[0]
        self._view: View | None = None

    @property
    def view(self) -> View:
        assert self._view is not None  # noqa: S101 - ``find`` comes first
        return self._view

    def find(self) -> None:
        why: NoViewError | None = None
        while self._patches:
            try:
                [self._view] = self._ways.views(self._patches[0], 1)
            except NoViewError as error:
                self._patches.popleft()
                why = why or error
            else:
                self.fire = self._patches[0]
                return
        raise why or NoViewError("there is nothing more to look at")

    def next(self) -> bool:
        self._patches.popleft()
        try:
            self.find()
        except NoViewError:
            return False
        return True
