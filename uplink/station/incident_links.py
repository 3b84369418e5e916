"""Which alerts are one event, by capture time and by ground distance in units of their errors. Pure.

The answer is a function of the *set* of alerts (their highest revisions) and of what people have said of
them, never of the order in which they came: a backlog that arrives shuffled gives the same incidents as
alerts that arrive as they are made.

From which alerts fit (`incident_fit`):

1. Places (good to `PLACE_SIGMA_M`) that fit join, and so on along a chain: a fire front is one event.
2. A rough place joins the one it fits best, and never holds two others together that do not hold by
   themselves. Rough places that fit only one another join.
3. A direction joins what it points at, if that is one thing. Directions from the same post join where they
   agree; those of several cameras where they cross, unless they cross elsewhere as well. Otherwise a
   direction stays by itself until a position comes.
4. What people said comes before all of that: the same pin holds together, two pins that are `apart` never
   join, and what was confirmed after the cut of a closed incident is not part of it. Where two such fit the
   same alert, the better fit has it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from uplink.station.crossings import meetings_of
from uplink.station.incident_fit import line_of, misfit_table, misfits, reach_of, same_post, two_things
from uplink.station.incident_footprint import Footprint, Kind

MOST_LINES = 40
"""With more directions than this in one tangle, crossings tell nothing."""
_AT_ONCE = 64
_NEAR_DATE_LINE_DEG = 179.0

Apart = Mapping[str, frozenset[str]]
"""By pin: the pins that it never joins."""


def events_of(nodes: Sequence[Footprint], apart: Apart) -> list[list[list[int]]]:
    """All events of these footprints, from nothing: by cluster, as indices of the nodes. A cluster is what
    hangs together by anything at all, before rules 2 to 4; nothing outside it can change what is in it."""
    edges = _edges(nodes)
    groups = _Groups(len(nodes))
    by_pin: dict[str, int] = {}
    for i, node in enumerate(nodes):
        if node.pin is not None:
            groups.unite(i, by_pin.setdefault(node.pin, i))
    for i, j, _ in edges:
        groups.unite(i, j)
    inside: dict[int, list[tuple[int, int, float]]] = {}
    for edge in edges:
        inside.setdefault(groups.root(edge[0]), []).append(edge)
    return [
        _parts(nodes, cluster, inside.get(groups.root(cluster[0]), []), apart) for cluster in groups.lists()
    ]


def _parts(
    nodes: Sequence[Footprint],
    cluster: Sequence[int],
    fits: Sequence[tuple[int, int, float]],
    apart: Apart,
) -> list[list[int]]:
    """One cluster's events."""
    if all(nodes[i].kind is Kind.PLACE and nodes[i].pin is None and nodes[i].cut_s is None for i in cluster):
        return [list(cluster)]  # nothing but rule 1
    keys = {i: nodes[i].key for i in cluster}
    events = _Events(nodes, cluster, apart)
    by_pin: dict[str, int] = {}
    for i in cluster:
        if (pin := nodes[i].pin) is not None:
            events.unite(i, by_pin.setdefault(pin, i))
    edges = sorted(
        _Edge(max(nodes[i].kind, nodes[j].kind), misfit, min(keys[i], keys[j]), max(keys[i], keys[j]), i, j)
        for i, j, misfit in fits
    )
    for edge in edges:
        if edge.kind < Kind.DIRECTION and not events.both_better_than(edge.kind, edge.i, edge.j):
            events.join(edge.i, edge.j)
    lines = [i for i in cluster if nodes[i].kind is Kind.DIRECTION]
    _join_directions(nodes, lines, events, [(e.i, e.j) for e in edges if e.kind is Kind.DIRECTION])
    return events.lists(cluster)


class _Edge(NamedTuple):
    """Two nodes that fit, in the order in which they are joined: the better placed and the nearer first."""

    kind: Kind
    misfit: float
    first_key: str
    second_key: str
    i: int
    j: int


def _join_directions(
    nodes: Sequence[Footprint], lines: Sequence[int], events: _Events, edges: Sequence[tuple[int, int]]
) -> None:
    """Rule 3: strands from one post, then crossings of strands, then what all of these point at."""
    strands = _Groups(len(nodes))
    pointed: dict[int, list[int]] = {i: [] for i in lines}
    for i, j in edges:
        if nodes[i].kind is not nodes[j].kind:
            line, place = (i, j) if nodes[i].kind is Kind.DIRECTION else (j, i)
            pointed[line].append(place)
        elif same_post(nodes[i], nodes[j]):
            both = [[nodes[k] for k in lines if strands.root(k) == strands.root(end)] for end in (i, j)]
            if not two_things(*both) and events.join(i, j):
                strands.unite(i, j)
    by_first = {min((nodes[i].key, i) for i in strand): strand for strand in strands.lists(lines)}
    if len(by_first) <= MOST_LINES:
        first_of = dict(by_first.keys())
        seen = [line_of(key, [nodes[i] for i in strand]) for (key, _), strand in by_first.items()]
        for meeting in meetings_of(seen):
            for line_seen in [] if meeting.ambiguous else meeting.lines[1:]:
                events.join(first_of[meeting.lines[0].key], first_of[line_seen.key])
    bundles: dict[int, list[list[int]]] = {}
    for first in sorted(by_first):
        bundles.setdefault(events.root(first[1]), []).append(by_first[first])
    for bundle in bundles.values():
        at = [{events.root(place) for i in strand for place in pointed[i]} for strand in bundle]
        common = set.intersection(*at)
        if events.rank(bundle[0][0]) is Kind.DIRECTION and len(common) == 1:
            events.join(bundle[0][0], common.pop())


def _edges(nodes: Sequence[Footprint]) -> list[tuple[int, int, float]]:
    """All pairs that fit: places by sweeping from west to east, directions with everything."""
    lines = [i for i, node in enumerate(nodes) if node.kind is Kind.DIRECTION]
    places = [i for i, node in enumerate(nodes) if node.kind < Kind.DIRECTION]
    found = []
    for at, i in enumerate(lines):
        others = [*lines[at + 1 :], *places]
        fits = misfits(nodes[i], [nodes[j] for j in others])
        found += [(i, others[k], float(fits[k])) for k in np.flatnonzero(np.isfinite(fits))]
    reaches = {i: reach_of(nodes[i]) for i in places}
    # At the date line west and east say nothing: there everything is tried.
    is_far = any(
        reach.west_deg < -_NEAR_DATE_LINE_DEG or reach.east_deg > _NEAR_DATE_LINE_DEG
        for reach in reaches.values()
    )
    sweep = sorted(places, key=lambda i: reaches[i].west_deg)
    wests = np.array([reaches[i].west_deg for i in sweep])
    for start in range(0, len(sweep), _AT_ONCE):
        rows = sweep[start : start + _AT_ONCE]
        east_deg = math.inf if is_far else max(reaches[i].east_deg for i in rows)
        columns = sweep[start : int(np.searchsorted(wests, east_deg, side="right"))]
        table = misfit_table([nodes[i] for i in rows], [nodes[j] for j in columns])
        found += [
            (rows[row], columns[column], float(table[row, column]))
            for row, column in np.argwhere(np.isfinite(table))
            if row < column
        ]
    return found


class _Groups:
    """Disjoint sets of indices."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def unite(self, i: int, j: int) -> int:
        """The new root."""
        a, b = self.root(i), self.root(j)
        self._parent[b] = a
        return a

    def lists(self, indices: Sequence[int] | None = None) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for i in range(len(self._parent)) if indices is None else indices:
            found.setdefault(self.root(i), []).append(i)
        return list(found.values())


@dataclass(slots=True)
class _Event:
    """What of an event decides whether another may join it."""

    rank: Kind
    pins: set[str] = field(default_factory=set)
    latest_start_s: dict[float | None, float] = field(default_factory=dict)
    """By cut, of those that have it; None: of those that have none."""


class _Events(_Groups):
    """Disjoint sets that do not join against what people said."""

    def __init__(self, nodes: Sequence[Footprint], cluster: Sequence[int], apart: Apart) -> None:
        super().__init__(len(nodes))
        self._apart = apart
        self._events = {
            i: _Event(
                nodes[i].kind, {pin} if (pin := nodes[i].pin) else set(), {nodes[i].cut_s: nodes[i].start_s}
            )
            for i in cluster
        }

    def rank(self, i: int) -> Kind:
        """The best kind in it."""
        return self._events[self.root(i)].rank

    def both_better_than(self, kind: Kind, i: int, j: int) -> bool:
        """Whether both know better where they are than what would join them."""
        return self.rank(i) < kind and self.rank(j) < kind

    def join(self, i: int, j: int) -> bool:
        """Whether they are one event afterwards."""
        if self.root(i) != self.root(j) and self._forbidden(i, j):
            return False
        self.unite(i, j)
        return True

    def unite(self, i: int, j: int) -> int:
        a, b = self.root(i), self.root(j)
        if a == b:
            return a
        one, other = self._events[a], self._events[b]
        for cut_s, start_s in other.latest_start_s.items():
            one.latest_start_s[cut_s] = max(start_s, one.latest_start_s.get(cut_s, start_s))
        root = super().unite(a, b)
        self._events[root] = _Event(min(one.rank, other.rank), one.pins | other.pins, one.latest_start_s)
        return root

    def _forbidden(self, i: int, j: int) -> bool:
        one, other = self._events[self.root(i)], self._events[self.root(j)]
        if any(self._apart.get(pin, frozenset()) & other.pins for pin in one.pins):
            return True
        return _too_late(one, other) or _too_late(other, one)


def _too_late(closed: _Event, other: _Event) -> bool:
    return any(
        cut_s is not None and start_s > cut_s
        for cut_s in closed.latest_start_s
        for of_cut_s, start_s in other.latest_start_s.items()
        if of_cut_s != cut_s
    )
