"""The drones as they are now: last state, patrol and track of each, in memory, at full rate.

States come several times a second and are worth nothing a second later, so they are not written one by one:
``take_changes`` gives what is new, and the station saves that every so often. Of the states themselves one in
a while is kept, for the history.
"""

from __future__ import annotations

import logging
import math
from array import array
from collections import deque
from itertools import chain

from uplink.ground import DroneGround, SearchedGround
from uplink.messages import DroneState, PatrolRoute, Position
from uplink.station.store.fleet import DroneChange, LonLat, SavedFleet
from uplink.station.store.telemetry import Sample

log = logging.getLogger(__name__)

SILENT_S = 60.0
TRACK_POINTS = 2000
TRACK_STEP_M = 2.0
EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG
SAMPLES_WAITING = 1000  # of one drone, while they cannot be saved


class Track:
    """The last points of one drone, each at least ``TRACK_STEP_M`` from the one before.

    Two bare numbers a point: as objects, those of a large fleet would be most of the station's memory.
    """

    def __init__(self, first_number: int = 0, points: list[LonLat] | None = None) -> None:
        self._flat = array("d", chain.from_iterable(points or []))
        self.next_number = first_number + len(self)

    def __len__(self) -> int:
        return len(self._flat) // 2

    @property
    def first_number(self) -> int:
        """The number of the oldest point kept; numbers count all points ever."""
        return self.next_number - len(self)

    def latest(self, count: int) -> list[LonLat]:
        """So many, or as many as there are; the oldest first."""
        flat = self._flat[-2 * count :] if count > 0 else array("d")
        return list(zip(flat[::2], flat[1::2], strict=True))

    def add(self, point: LonLat) -> None:
        """Keeps the point if it is far enough from the last one."""
        if len(self) and _distance_m((self._flat[-2], self._flat[-1]), point) < TRACK_STEP_M:
            return
        self._flat.extend(point)
        del self._flat[: 2 * max(0, len(self) - TRACK_POINTS)]
        self.next_number += 1


class History:
    """Which states of one drone are kept for long: one every few seconds or metres, and each that is another
    kind of state than the one before it."""

    MOVED_M = 20.0
    TURNED_DEG = 20.0
    LEAST_S = 2.0  # between two that only differ in their place and in where they look
    LONGEST_S = 60.0  # of a drone that stands still
    LONGEST_ARMED_S = 10.0

    def __init__(self) -> None:
        self._last: DroneState | None = None
        self._kept_s = 0.0
        self.waiting: deque[Sample] = deque(maxlen=SAMPLES_WAITING)

    def add(self, state: DroneState, now_s: float, utc_s: float) -> None:
        """Keeps it if it is worth that; ``now_s`` is monotonic, ``utc_s`` since 1970."""
        if self._is_news(state, now_s - self._kept_s):
            self._last, self._kept_s = state, now_s
            self.waiting.append(Sample(state, utc_s))

    def _is_news(self, state: DroneState, after_s: float) -> bool:
        last = self._last
        if last is None or after_s >= (self.LONGEST_ARMED_S if state.armed else self.LONGEST_S):
            return True
        if _kind_of(state) != _kind_of(last):
            return True
        if after_s < self.LEAST_S or state.position is None:
            return False
        if last.position is None or _apart_m(state.position, last.position) >= self.MOVED_M:
            return True
        return _turned_deg(state, last) >= self.TURNED_DEG or _looks_elsewhere(state, last, self.MOVED_M)


class Fleet:
    """All drones of a station."""

    def __init__(self, saved: SavedFleet) -> None:
        self._states = {state.drone_id: state for state in saved.states}
        self._patrols = {patrol.drone_id: patrol for patrol in saved.patrols}
        self._grounds = {ground.drone_id: ground for ground in saved.grounds}
        self._searched = {ground.drone_id: ground for ground in saved.searched}
        self._tracks = {drone_id: Track(*track) for drone_id, track in saved.tracks.items()}
        self._saved_to = {drone_id: track.next_number for drone_id, track in self._tracks.items()}
        self._changed: set[str] = set()
        self._heard_s: dict[str, float] = {}
        self._history: dict[str, History] = {}

    @property
    def states(self) -> list[DroneState]:
        """The last state of each drone."""
        return list(self._states.values())

    @property
    def patrols(self) -> list[PatrolRoute]:
        """The plan of each drone that told one."""
        return list(self._patrols.values())

    @property
    def grounds(self) -> list[DroneGround]:
        """Fence, zones and home of each drone that told them."""
        return list(self._grounds.values())

    @property
    def searched(self) -> list[SearchedGround]:
        """What each drone's camera has seen of the ground."""
        return list(self._searched.values())

    def knows(self, drone_id: str) -> bool:
        """Whether this drone has ever spoken."""
        return drone_id in self._states

    def latest_tracks(self, points: int) -> dict[str, list[LonLat]]:
        """By drone, the oldest point first; so many of all together, and each its share of them."""
        share = max(1, points // max(1, len(self._tracks)))
        return {drone_id: track.latest(share) for drone_id, track in self._tracks.items()}

    def heard_ages_s(self, now_s: float) -> dict[str, float]:
        """How long ago each drone was last heard, by the clock of ``put_state``."""
        return {drone_id: now_s - heard_s for drone_id, heard_s in self._heard_s.items()}

    def put_state(self, state: DroneState, now_s: float, utc_s: float) -> None:
        """The newest state of a drone; ``now_s`` is monotonic, ``utc_s`` since 1970."""
        heard_s = self._heard_s.get(state.drone_id)
        if heard_s is None:
            log.info("drone %s is heard", state.drone_id)
        elif now_s - heard_s > SILENT_S:
            log.info("drone %s is heard again after %.0f s", state.drone_id, now_s - heard_s)
        self._heard_s[state.drone_id] = now_s
        self._states[state.drone_id] = state
        if state.drone_id not in self._history:
            self._history[state.drone_id] = History()
        self._history[state.drone_id].add(state, now_s, utc_s)
        if state.position is not None:
            if state.drone_id not in self._tracks:
                self._tracks[state.drone_id] = Track()
            self._tracks[state.drone_id].add((state.position.lon_deg, state.position.lat_deg))
        self._changed.add(state.drone_id)

    def put_patrol(self, patrol: PatrolRoute) -> None:
        """The plan that a drone flies now."""
        self._patrols[patrol.drone_id] = patrol

    def put_ground(self, ground: DroneGround | SearchedGround) -> None:
        """It replaces what the drone told of it before."""
        if isinstance(ground, SearchedGround):
            self._searched[ground.drone_id] = ground
        else:
            self._grounds[ground.drone_id] = ground

    def take_changes(self) -> list[DroneChange]:
        """What is new since the last call."""
        changes = []
        for drone_id in sorted(self._changed):
            track = self._tracks.get(drone_id, Track())
            first = max(self._saved_to.get(drone_id, 0), track.first_number)
            points = track.latest(track.next_number - first)
            waiting = self._history[drone_id].waiting
            changes.append(
                DroneChange(self._states[drone_id], first, points, track.first_number, list(waiting))
            )
            waiting.clear()
            self._saved_to[drone_id] = track.next_number
        self._changed.clear()
        return changes

    def put_back(self, changes: list[DroneChange]) -> None:
        """They could not be saved: they are new still."""
        for change in changes:
            drone_id = change.state.drone_id
            self._saved_to[drone_id] = change.first_number
            self._changed.add(drone_id)
            newer = self._history[drone_id].waiting
            self._history[drone_id].waiting = deque([*change.samples, *newer], maxlen=SAMPLES_WAITING)


def _kind_of(state: DroneState) -> tuple[object, ...]:
    degraded = tuple(reason.kind for reason in state.degraded)
    return (state.mode, state.armed, state.seeing, degraded, state.control)


def _turned_deg(state: DroneState, last: DroneState) -> float:
    if state.heading_deg is None or last.heading_deg is None:
        return 0.0
    return abs((state.heading_deg - last.heading_deg + 180) % 360 - 180)


def _looks_elsewhere(state: DroneState, last: DroneState, moved_m: float) -> bool:
    """Whether the camera's ground is another: by its first corner, for the ring turns with the camera."""
    if not state.footprint or not last.footprint:
        return bool(state.footprint) != bool(last.footprint)
    return _distance_m(state.footprint[0], last.footprint[0]) >= 2 * moved_m


def _apart_m(a: Position, b: Position) -> float:
    over_ground_m = _distance_m((a.lon_deg, a.lat_deg), (b.lon_deg, b.lat_deg))
    return math.hypot(over_ground_m, (a.alt_amsl_m or 0.0) - (b.alt_amsl_m or 0.0))


def _distance_m(a: LonLat, b: LonLat) -> float:
    """Over short distances the sphere is flat enough (equirectangular approximation)."""
    east = math.radians((b[0] - a[0] + 180) % 360 - 180) * math.cos(math.radians((a[1] + b[1]) / 2))
    north = math.radians(b[1] - a[1])
    return EARTH_RADIUS_M * math.hypot(east, north)
