"""The collections of features that the station offers, all asked in the same way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

from uplink.messages import DroneState
from uplink.station.feeds.features import (
    Feature,
    alert_feature,
    drone_feature,
    incident_feature,
    tip_feature,
)
from uplink.station.feeds.query import Box, Interval, ItemsQuery, QueryError
from uplink.station.incident import Incident
from uplink.station.services import Services
from uplink.station.store.features import Reach
from uplink.station.store.incident_reading import (
    IncidentFilter,
    MovedIncidentError,
    Rectangle,
    UnknownIncidentError,
)


@dataclass(frozen=True, slots=True)
class Page:
    """``more`` says that there are features after the last of these."""

    features: list[Feature]
    more: bool


@dataclass(frozen=True, slots=True)
class Collection:
    """``items`` answers a query, ``item`` gives one feature by its id, ``reach`` says what all cover."""

    id: str
    title: str
    description: str
    items: Callable[[Services, ItemsQuery], Awaitable[Page]]
    item: Callable[[Services, str], Awaitable[Feature | None]]
    reach: Callable[[Services], Awaitable[Reach]]


async def _alerts(services: Services, query: ItemsQuery) -> Page:
    if query.after is not None and await _alert(services, query.after) is None:
        raise QueryError(_NOTHING_AFTER)
    found = await services.store.features.alerts(query)
    return _page([alert_feature(alert) for alert in found], query)


async def _alert(services: Services, feature_id: str) -> Feature | None:
    found = await services.store.features.alert(feature_id)
    return None if found is None else alert_feature(found)


async def _incidents(services: Services, query: ItemsQuery) -> Page:
    before = None
    if query.after is not None:
        before = await _current_incident(services, query.after)
        if before is None:
            raise QueryError(_NOTHING_AFTER)
    box, interval = query.box, query.interval
    wanted = IncidentFilter(
        since=interval.start if interval else None,
        until=interval.end if interval else None,
        box=Rectangle(box.west, box.south, box.east, box.north) if box else None,
    )
    found = await services.store.incidents.newest(
        query.limit + 1, before, wanted=wanted, now_s=services.clock()
    )
    return _page([incident_feature(incident) for incident in found], query)


async def _incident(services: Services, feature_id: str) -> Feature | None:
    found = await _current_incident(services, feature_id)
    return None if found is None or str(found.id) != feature_id else incident_feature(found)


async def _current_incident(services: Services, feature_id: str) -> Incident | None:
    """With this id, or what it has become part of: two may join while somebody turns the pages."""
    try:
        return await services.store.incidents.get(UUID(feature_id), now_s=services.clock())
    except MovedIncidentError as moved:
        return await services.store.incidents.get(moved.moved_to, now_s=services.clock())
    except (UnknownIncidentError, ValueError):
        return None


async def _tips(services: Services, query: ItemsQuery) -> Page:
    if query.after is not None and await _tip(services, query.after) is None:
        raise QueryError(_NOTHING_AFTER)
    found = await services.store.features.tips(query)
    return _page([tip_feature(tip) for tip in found], query)


async def _tip(services: Services, feature_id: str) -> Feature | None:
    found = await services.store.features.tip(feature_id)
    return None if found is None else tip_feature(found)


async def _drones(services: Services, query: ItemsQuery) -> Page:
    states = sorted(services.fleet.states, key=lambda state: state.drone_id)
    wanted = [
        state
        for state in states
        if (query.after is None or state.drone_id > query.after) and _is_within(state, query)
    ]
    return _page([drone_feature(state) for state in wanted[: query.limit + 1]], query)


async def _drone(services: Services, feature_id: str) -> Feature | None:
    found = next((state for state in services.fleet.states if state.drone_id == feature_id), None)
    return None if found is None else drone_feature(found)


async def _reach_of_drones(services: Services) -> Reach:
    states = services.fleet.states
    places = [state.position for state in states if state.position is not None]
    times = [state.at.astimezone(UTC) for state in states]
    box = None
    if places:
        lons, lats = [place.lon_deg for place in places], [place.lat_deg for place in places]
        box = Box(min(lons), min(lats), max(lons), max(lats))
    return Reach(box, Interval(min(times), max(times)) if times else None)


def _page(found: list[Feature], query: ItemsQuery) -> Page:
    """Of one more than asked for, where there are more."""
    return Page(found[: query.limit], more=len(found) > query.limit)


def _is_within(state: DroneState, query: ItemsQuery) -> bool:
    if query.box is not None:
        place = state.position
        if place is None or not query.box.has(place.lon_deg, place.lat_deg):
            return False
    return query.interval is None or query.interval.has(state.at)


_NOTHING_AFTER = "there is no feature with the id given as after"
COLLECTIONS = {
    collection.id: collection
    for collection in (
        Collection(
            "incidents",
            "Incidents",
            "Alerts of one or many cameras that are one event, the newest first. It lasts from the frame "
            "that confirmed its first alert until it was last seen.",
            _incidents,
            _incident,
            lambda services: services.store.features.reach_of_incidents(),
        ),
        Collection(
            "alerts",
            "Alerts",
            "What drones and cameras told, each alert in its highest revision, the newest first. Its time is "
            "that of the frame that confirmed it.",
            _alerts,
            _alert,
            lambda services: services.store.features.reach_of_alerts(),
        ),
        Collection(
            "drones",
            "Drones",
            "The last state of each drone and fixed camera. Its time is that of the state.",
            _drones,
            _drone,
            _reach_of_drones,
        ),
        Collection(
            "tips",
            "Tips",
            "Places that other systems or callers told of, the newest first. Its time is when it came.",
            _tips,
            _tip,
            lambda services: services.store.features.reach_of_tips(),
        ),
    )
}
