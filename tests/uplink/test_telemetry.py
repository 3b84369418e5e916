"""Where drones were: kept thinned, read in pages and times, forgotten by age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from uplink.station.app import create_app
from uplink.station.store.fleet import DroneChange
from uplink.station.store.store import Store
from uplink.station.store.telemetry import Sample

from .drone import tell
from .makers import DRONE, NOON, OTHER_DRONE, make_config, make_state
from .test_control import Clock, inside


def sample(minutes: float, drone_id: str = DRONE, heard_at_s: float = 0.0) -> Sample:
    at = NOON + timedelta(minutes=minutes)
    return Sample(make_state(drone_id).model_copy(update={"at": at, "armed": True}), heard_at_s)


async def save(store: Store, *samples: Sample) -> None:
    changes = [DroneChange(one.state, 0, [], 0, [one]) for one in samples]
    await store.fleet.save(changes)


async def test_a_track_comes_in_pages_the_newest_first_by_the_drones_own_time(tmp_path: Path) -> None:
    app = create_app(make_config(tmp_path))
    async with inside(app) as http:
        minutes = [3.0, 1.0, 2.0, 2.0, 0.0]  # what was told late is where it belongs
        await save(app.state.services.store, *map(sample, minutes), sample(1.5, OTHER_DRONE))
        path, seen = f"/drones/{DRONE}/track", []
        before: dict[str, int] = {}
        while page := (await http.get(path, params={"limit": 2, **before})).json():
            assert len(page) <= 2
            seen += page
            before = {"before": page[-1]["id"]}
        assert {point["drone_id"] for point in seen} == {DRONE}
        at = [datetime.fromisoformat(point["at"]) for point in seen]
        assert at == [NOON + timedelta(minutes=one) for one in sorted(minutes, reverse=True)]
        assert len({point["id"] for point in seen}) == 5
        other = (await http.get(f"/drones/{OTHER_DRONE}/track")).json()
        foreign = {"before": other[0]["id"]}
        assert (await http.get(path, params=foreign)).json() == [], (
            "a point of another drone is no page of this"
        )
        assert (await http.get("/drones/nobody/track")).json() == []


async def test_a_track_of_a_time(tmp_path: Path) -> None:
    app = create_app(make_config(tmp_path))
    async with inside(app) as http:
        await save(app.state.services.store, *(sample(minute) for minute in range(5)))
        params = {
            "since": (NOON + timedelta(minutes=1)).isoformat(),
            "until": (NOON + timedelta(minutes=3)).isoformat(),
        }
        page = (await http.get(f"/drones/{DRONE}/track", params=params)).json()
        assert [point["at"] for point in page] == ["2026-07-01T12:02:00Z", "2026-07-01T12:01:00Z"]
        for bad in (
            {"since": "2026-07-01T12:00:00"},
            {"since": "yesterday"},
            {"limit": "0"},
            {"before": "-1"},
        ):
            assert (await http.get(f"/drones/{DRONE}/track", params=bad)).status_code == 422, bad


async def test_what_a_drone_tells_is_in_its_track_thinned(tmp_path: Path) -> None:
    clock, wall = Clock(), Clock()
    app = create_app(make_config(tmp_path), clock=wall, monotonic=clock)
    async with inside(app) as http:
        for step in range(20):  # 15 m/s, five times a second
            state = make_state(lat_deg=-35.0 + step * 3.0 / 111_195)
            change = {
                "height_agl_m": 80.0,
                "height_home_m": 81.0,
                "armed": True,
                "battery_percent": 71.0,
                "heading_deg": 9.0,
                "footprint": [(149.12345678, -35.1), (149.2, -35.1), (149.2, -35.2)],
            }
            await tell(http, state.model_copy(update=change))
            clock.s += 0.2
            wall.s += 0.2
        await app.state.services.save_fleet()
        track = (await http.get(f"/drones/{DRONE}/track")).json()
    assert [round((point["lat_deg"] + 35.0) * 111_195) for point in track] == [30, 0]
    newest = track[0]
    assert newest.pop("id") > track[1]["id"]
    assert newest == {
        "drone_id": DRONE,
        "at": "2026-07-01T12:00:00Z",
        "heard_at": datetime.fromtimestamp(1002.0, UTC).isoformat().replace("+00:00", "Z"),
        "lat_deg": pytest.approx(-35.0 + 30.0 / 111_195),
        "lon_deg": pytest.approx(149.165237),
        "alt_amsl_m": None,
        "height_agl_m": 80.0,
        "height_home_m": 81.0,
        "heading_deg": 9.0,
        "ground_speed_m_s": None,
        "battery_percent": 71.0,
        "mode": "AUTO",
        "armed": True,
        "control": "hands off",
        "seeing": "blind",
        "blind_reason": "",
        "degraded": [],
        "patrol": None,
        "footprint": [[149.123457, -35.1], [149.2, -35.1], [149.2, -35.2]],
    }
