"""What a drone tells of its ground reaches the pages, is kept over a restart, and cannot break them."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from uplink.ground import MOST_CELLS, DroneGround, FenceZone, IgnoreZone, SearchedGround
from uplink.station.server import running

from .makers import DRONE, HOME, NOON, OTHER_DRONE, as_json, auth, make_config

RING = [(149.16, -35.37), (149.17, -35.37), (149.17, -35.36)]
GROUND = DroneGround(
    drone_id=DRONE,
    fence=[FenceZone(keep="in", ring=RING), FenceZone(keep="out", ring=RING)],
    ignore_zones=[IgnoreZone(name="brick works", reason="kiln", ring=RING, ends=NOON)],
    home=HOME,
    rally=[HOME],
    area=RING,
)


def packed(cells: bytes) -> str:
    return base64.b64encode(zlib.compress(cells)).decode()


def searched(of: bytes = bytes(range(12)), **change: Any) -> SearchedGround:
    usual = {
        "drone_id": DRONE,
        "west_deg": 149.16,
        "south_deg": -35.37,
        "east_deg": 149.17,
        "north_deg": -35.36,
        "columns": 4,
        "rows": 3,
        "began": NOON,
        "slot_s": 15.0,
        "cells": packed(of),
        "seen_m2": 4000.0,
    }
    return SearchedGround.model_validate(usual | change)


async def test_it_is_in_the_snapshot_and_still_is_after_a_restart(tmp_path: Path) -> None:
    for visit in range(2):
        async with (
            running(make_config(tmp_path)) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", headers=auth()) as drone,
            httpx.AsyncClient(base_url=f"{url}/api/v1") as person,
        ):
            if visit == 0:
                for what, message in (("ground", GROUND), ("searched", searched())):
                    answer = await drone.put(f"/drones/{DRONE}/{what}", json=as_json(message))
                    assert answer.status_code == 204, answer.text
                newer = searched(bytes(12))
                await drone.put(f"/drones/{DRONE}/searched", json=as_json(newer))
            snapshot = (await person.get("/snapshot")).json()
            assert snapshot["grounds"] == [as_json(GROUND)]
            assert snapshot["searched"] == [as_json(searched(bytes(12)))]


async def test_a_drone_tells_of_itself_only_and_in_wgs_84(tmp_path: Path) -> None:
    async with (
        running(make_config(tmp_path)) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", headers=auth()) as drone,
    ):
        for what, message in (("ground", GROUND), ("searched", searched())):
            body = as_json(message)
            assert (await drone.put(f"/drones/{OTHER_DRONE}/{what}", json=body)).status_code == 403
            other = body | {"drone_id": OTHER_DRONE}
            assert (await drone.put(f"/drones/{DRONE}/{what}", json=other)).status_code == 422
        shifted = as_json(GROUND) | {"home": as_json(HOME) | {"datum": "GCJ02"}}
        assert (await drone.put(f"/drones/{DRONE}/ground", json=shifted)).status_code == 422


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rows": 4}, "4 x 4 cells are 16 bytes"),
        ({"rows": 2}, "4 x 2 cells are 8 bytes"),
        ({"cells": "no base64"}, "cannot be read"),
        ({"cells": base64.b64encode(b"not packed").decode()}, "cannot be read"),
        ({"cells": packed(bytes(12))[:-8]}, "cells"),
        ({"cells": packed(bytes(50_000_000))}, "4 x 3 cells are 12 bytes, not 13"),
        ({"columns": MOST_CELLS, "rows": 2}, "at most"),
    ],
)
def test_searched_ground_that_is_no_raster_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        searched(**change)
