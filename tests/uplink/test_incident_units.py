"""Who was sent to an incident, what it shows of its alerts, and how closed ones are found again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from .incident_makers import seen
from .incident_station import incident_station
from .makers import DRONE, NOON, OTHER_DRONE, make_config


def picture(number: int, *, seconds: float = 0.0, kind: str = "detection") -> dict[str, Any]:
    return {
        "kind": kind,
        "sha256": f"{number:064x}",
        "size_bytes": 100,
        "width_px": 640,
        "height_px": 480,
        "captured_at": NOON + timedelta(seconds=seconds),
        "box_px": (10.0, 20.0, 30.0, 40.0) if kind == "detection" else None,
    }


async def test_several_units_are_sent_one_after_the_other_and_each_is_offered_again(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        await station.put(seen(0, 0, drone_id=DRONE))
        incident = await station.only()
        for unit in ("Engine 4", " Ladder 2 "):
            answer = await station.post(incident, "steps", step="dispatch", unit=unit)
            assert answer.status_code == 200, answer.text
            incident = answer.json()
        assert (incident["state"], incident["units"]) == ("dispatched", ["Engine 4", "Ladder 2"])
        again = await station.post(incident, "steps", step="dispatch", unit="Engine 4")
        assert (again.status_code, again.json()["current"]["units"]) == (409, ["Engine 4", "Ladder 2"])
        nobody = await station.post(incident, "steps", step="note", reason="because", unit="Engine 4")
        assert nobody.status_code == 422
        assert (await station.http.get("/incidents/units")).json() == ["Ladder 2", "Engine 4"]
        assert (await station.http.get("/incidents/units?limit=1")).json() == ["Ladder 2"]
        entries = (await station.timeline(incident))["entries"]
        assert [line["unit"] for line in entries if line["kind"] == "step"] == ["", "Engine 4", "Ladder 2"]
        incident = await station.step(incident, "resolve", "out")
        assert (await station.step(incident, "reopen", "it smokes again"))["units"] == []


async def test_the_pictures_of_all_its_alerts_are_there_the_newest_first(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        early = [picture(1, seconds=1), picture(2, kind="lead-up")]
        await station.put(
            seen(0, 0, number=1, drone_id=DRONE, evidence=early, area_m2=20.0, area_sigma_m2=4.0),
            seen(3, 0, number=2, drone_id=OTHER_DRONE, evidence=[picture(3, seconds=9)], area_m2=9.0),
        )
        incident = await station.only()
        assert [photo["sha256"][-1] for photo in incident["photos"]] == ["3", "1"]
        assert incident["photos"][0] == {
            "alert_id": str(UUID(int=2)),
            "drone_id": OTHER_DRONE,
            "sha256": f"{3:064x}",
            "width_px": 640,
            "height_px": 480,
            "captured_at": "2026-07-01T12:00:09Z",
            "box_px": [10.0, 20.0, 30.0, 40.0],
        }
        assert (incident["area_m2"], incident["area_sigma_m2"], incident["method"]) == (20.0, 4.0, "dem")
        snapshot = (await station.http.get("/snapshot")).json()
        assert snapshot["incidents"] == [incident]


async def test_an_incident_has_no_more_pictures_than_a_strip_holds(tmp_path: Path) -> None:
    async with incident_station(tmp_path) as station:
        await station.put(
            *(
                seen(0, 0, number=n, minutes=n, drone_id=DRONE, evidence=[picture(n, seconds=60 * n)])
                for n in range(1, 16)
            )
        )
        incident = await station.only()
        assert [int(photo["sha256"], 16) for photo in incident["photos"]] == list(range(15, 3, -1))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"label": "smoke"}, ["smoke"]),
        ({"label": "fire"}, ["fire"]),
        ({"text": "ENGINE"}, ["fire"]),
        ({"text": "barbecue"}, ["smoke"]),
        ({"text": "nothing of the kind"}, []),
        ({"text": "%"}, []),
    ],
)
async def test_incidents_are_found_by_class_and_by_what_was_said(
    tmp_path: Path, query: dict[str, str], found: list[str]
) -> None:
    async with incident_station(tmp_path, make_config(tmp_path)) as station:
        await station.put(
            seen(0, 0, number=1, drone_id=DRONE), seen(9000, 0, number=2, drone_id=DRONE, label="smoke")
        )
        by_label = {incident["label"]: incident for incident in await station.all()}
        await station.post(by_label["fire"], "steps", step="dispatch", unit="Engine 4")
        await station.step(by_label["smoke"], "false alarm", "a barbecue")
        assert [incident["label"] for incident in await station.all(**query)] == found
