"""What burns where it may stays visible, with the rule that kept it back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from uplink.messages import DroneState, SuppressedHotspot
from uplink.station.store.store import Store
from uplink.station.suppressed import Suppressed

from .incident_makers import place
from .incident_station import incident_station
from .makers import NOON, make_state


def kiln(number: int = 1, minutes: float = 0.0, **more: Any) -> SuppressedHotspot:
    return SuppressedHotspot.model_validate(
        {
            "hotspot_id": UUID(int=number),
            "zone": "brickworks",
            "reason": "kiln",
            "label": "fire",
            "position": place(0, 0),
            "last_seen_at": NOON + timedelta(minutes=minutes),
            **more,
        }
    )


def telling(*hotspots: SuppressedHotspot, drone_id: str = "ember-1") -> DroneState:
    return make_state(drone_id).model_copy(update={"suppressed": list(hotspots)})


async def test_it_is_listed_with_its_rule_and_when_it_was_first_and_last_seen(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        suppressed = station.services.incidents.suppressed
        for minutes in (2.0, 0.0, 5.0):
            suppressed.take(telling(kiln(minutes=minutes)))
            await suppressed.save()
        suppressed.take(telling(kiln(2, 9.0, zone="flare stack", reason="flare"), drone_id="ember-2"))
        await station.after(1)
        both = (await station.http.get("/suppressed")).json()
        assert [item["reason"] for item in both] == ["flare", "kiln"]
        assert (both[1]["drone_id"], both[1]["zone"]) == ("ember-1", "brickworks")
        assert both[1]["first_seen_at"] == "2026-07-01T12:00:00Z"
        assert both[1]["last_seen_at"] == "2026-07-01T12:05:00Z"
        for query in ({"zone": "brickworks"}, {"drone_id": "ember-1"}, {"before": both[0]["hotspot_id"]}):
            assert (await station.http.get("/suppressed", params=query)).json() == both[1:]
        assert await station.all() == [], "it raised no alert"


async def test_a_state_that_says_the_same_again_is_not_written_again(tmp_path: Path) -> None:
    written: list[int] = []

    class Counting:
        async def save(self, news: list[Any]) -> None:
            written.append(len(news))

    suppressed = Suppressed(Counting())  # type: ignore[arg-type]
    for minutes in (0.0, 0.0, 1.0):
        suppressed.take(telling(kiln(minutes=minutes), kiln(2)))
        await suppressed.save()
    assert written == [2, 1]


async def test_what_could_not_be_written_is_new_still(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    suppressed = Suppressed(store.suppressed)
    suppressed.take(telling(kiln()))
    run, store.suppressed._database.run = store.suppressed._database.run, _full  # type: ignore[method-assign]
    try:
        await suppressed.save()
    except OSError:
        store.suppressed._database.run = run  # type: ignore[method-assign]
    await suppressed.save()
    assert [item.reason for item in await store.suppressed.newest(10)] == ["kiln"]
    store.close()


async def _full(work: Any) -> Any:
    raise OSError("no room")
