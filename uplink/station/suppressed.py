"""Remembers what drones say that they have kept back, and writes it down every so often: states come several
times a second, and each repeats it."""

from __future__ import annotations

from datetime import datetime

from uplink.messages import DroneState
from uplink.station.store.suppressed import SuppressedNews, SuppressedStore


class Suppressed:
    """On the event loop only."""

    def __init__(self, store: SuppressedStore) -> None:
        self._store = store
        self._unsaved: dict[tuple[str, str], SuppressedNews] = {}
        self._saved: dict[str, dict[str, datetime]] = {}  # of each drone's latest state: when it was seen

    def take(self, state: DroneState) -> None:
        """A drone's state, whatever it says of it."""
        if not state.suppressed and state.drone_id not in self._saved:
            return
        saved, told = self._saved.get(state.drone_id, {}), {}
        for hotspot in state.suppressed:
            key = str(hotspot.hotspot_id)
            told[key] = hotspot.last_seen_at
            if saved.get(key) != hotspot.last_seen_at:
                self._unsaved[state.drone_id, key] = SuppressedNews(state.drone_id, hotspot)
        self._saved[state.drone_id] = told

    async def save(self) -> None:
        """Writes down what is new. Raises ``StoreError``, and then it is new still."""
        news, self._unsaved = self._unsaved, {}
        if not news:
            return
        try:
            await self._store.save(list(news.values()))
        except BaseException:
            self._unsaved = news | self._unsaved
            raise
