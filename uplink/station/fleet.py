"""The drones as they are now: last state, patrol and track of each, in memory, at full rate.

States come several times a second and are worth nothing a second later, so they are not written one by
one: ``take_changes`` gives what is new, and the station saves that every so often.
"""

from __future__ import annotations

import logging
import math
from collections import deque

from uplink.messages import DroneState, PatrolRoute
from uplink.station.store.fleet import DroneChange, LonLat, SavedFleet

log = logging.getLogger(__name__)

SILENT_S = 60.0
TRACK_POINTS = 2000
TRACK_STEP_M = 2.0
EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG


class Track:
    """The last points of one drone, each at least ``TRACK_STEP_M`` from the one before."""

    def __init__(self, first_number: int = 0, points: list[LonLat] | None = None) -> None:
        self.points: deque[LonLat] = deque(points or [], maxlen=TRACK_POINTS)
        self.next_number = first_number + len(points or [])

    @property
    def first_number(self) -> int:
        """The number of the oldest point kept; numbers count all points ever."""
        return self.next_number - len(self.points)

    def add(self, point: LonLat) -> None:
        """Keeps the point if it is far enough from the last one."""
        if self.points and _distance_m(self.points[-1], point) < TRACK_STEP_M:
            return
        self.points.append(point)
        self.next_number += 1


class Fleet:
    """All drones of a station."""

    def __init__(self, saved: SavedFleet) -> None:
        self._states = {state.drone_id: state for state in saved.states}
        self._patrols = {patrol.drone_id: patrol for patrol in saved.patrols}
        self._tracks = {drone_id: Track(*track) for drone_id, track in saved.tracks.items()}
        self._saved_to = {drone_id: track.next_number for drone_id, track in self._tracks.items()}
        self._changed: set[str] = set()
        self._heard_s: dict[str, float] = {}

    @property
    def states(self) -> list[DroneState]:
        """The last state of each drone."""
        return list(self._states.values())

    @property
    def patrols(self) -> list[PatrolRoute]:
        """The plan of each drone that told one."""
        return list(self._patrols.values())

    def knows(self, drone_id: str) -> bool:
        """Whether this drone has ever spoken."""
        return drone_id in self._states

    @property
    def tracks(self) -> dict[str, list[LonLat]]:
        """By drone, the oldest point first."""
        return {drone_id: list(track.points) for drone_id, track in self._tracks.items()}

    def put_state(self, state: DroneState, now_s: float) -> None:
        """The newest state of a drone; ``now_s`` is monotonic, for the log only."""
        heard_s = self._heard_s.get(state.drone_id)
        if heard_s is None:
            log.info("drone %s is heard", state.drone_id)
        elif now_s - heard_s > SILENT_S:
            log.info("drone %s is heard again after %.0f s", state.drone_id, now_s - heard_s)
        self._heard_s[state.drone_id] = now_s
        self._states[state.drone_id] = state
        if state.position is not None:
            track = self._tracks.setdefault(state.drone_id, Track())
            track.add((state.position.lon_deg, state.position.lat_deg))
        self._changed.add(state.drone_id)

    def put_patrol(self, patrol: PatrolRoute) -> None:
        """The plan that a drone flies now."""
        self._patrols[patrol.drone_id] = patrol

    def take_changes(self) -> list[DroneChange]:
        """What is new since the last call."""
        changes = []
        for drone_id in sorted(self._changed):
            track = self._tracks.get(drone_id, Track())
            first = max(self._saved_to.get(drone_id, 0), track.first_number)
            points = list(track.points)[first - track.first_number :]
            changes.append(DroneChange(self._states[drone_id], first, points, track.first_number))
            self._saved_to[drone_id] = track.next_number
        self._changed.clear()
        return changes

    def put_back(self, changes: list[DroneChange]) -> None:
        """They could not be saved: they are new still."""
        for change in changes:
            self._saved_to[change.state.drone_id] = change.first_number
            self._changed.add(change.state.drone_id)


def _distance_m(a: LonLat, b: LonLat) -> float:
    """Over short distances the sphere is flat enough (equirectangular approximation)."""
    east = math.radians((b[0] - a[0] + 180) % 360 - 180) * math.cos(math.radians((a[1] + b[1]) / 2))
    north = math.radians(b[1] - a[1])
    return EARTH_RADIUS_M * math.hypot(east, north)
