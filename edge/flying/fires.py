"""The fires that are known now: each has to be kept clear of, whichever is looked at and whoever is sent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from uuid import UUID

from edge.flying.clearance import Fire
from edge.hotspots.hotspot import HotspotChange

MOST_FIRES = 256


class Fires:
    """By hotspot, those with a place. ``take`` each change of one."""

    def __init__(self) -> None:
        self._fires: OrderedDict[UUID, Fire] = OrderedDict()  # the latest that was heard of is the last
        self._quiet: set[UUID] = set()  # of these, those that people are not told of

    def __contains__(self, hotspot_id: UUID) -> bool:
        return hotspot_id in self._fires

    @property
    def all(self) -> Collection[Fire]:
        """Of now."""
        return self._fires.values()

    @property
    def told(self) -> dict[UUID, tuple[Fire, bool]]:
        """Each, and whether people are told of it."""
        return {key: (fire, key not in self._quiet) for key, fire in self._fires.items()}

    def take(self, change: HotspotChange, *, answered: bool = True) -> Fire | None:
        """A hotspot has become something: the fire as it is now, None where it has no place or is lost.
        ``answered``: people are told of it."""
        hotspot = change.hotspot
        if change.kind == "lost":
            self._fires.pop(hotspot.id, None)
            self._quiet.discard(hotspot.id)
            return None
        lat_deg, lon_deg, alt_amsl_m = hotspot.lat_deg, hotspot.lon_deg, hotspot.alt_amsl_m
        covariance_m2 = hotspot.covariance_m2
        if lat_deg is None or lon_deg is None or alt_amsl_m is None or covariance_m2 is None:
            return None  # only a bearing is known: there is no place to keep clear of
        fire = self._fires[hotspot.id] = Fire(lat_deg, lon_deg, alt_amsl_m, covariance_m2)
        self._fires.move_to_end(hotspot.id)
        (self._quiet.discard if answered else self._quiet.add)(hotspot.id)
        while len(self._fires) > MOST_FIRES:
            self._quiet.discard(self._fires.popitem(last=False)[0])
        return fire
