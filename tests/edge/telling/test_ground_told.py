"""What the drone tells of its ground is what it flies by and what it has seen."""

from __future__ import annotations

import base64
import zlib
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import Point, Polygon

from edge.config.zone_section import ZoneSection
from edge.coverage import Coverage
from edge.hotspots.hotspot import Look
from edge.telling.ground_told import SQUARE_CELLS, GroundTeller, _edge, drone_ground, searched_ground
from flight.plans.fence import Circle, distance_m
from tests.edge.flying.simulation import in_simulation_time, scene
from tests.edge.ground_truth import CAMERA, Plane, lat_lon, pose_at
from tests.edge.test_coverage import BEGAN, look
from uplink.ground import MOST_CELLS_TEXT, DroneGround, SearchedGround

ZONE = ZoneSection(name="brick works", reason="kiln", polygon=[(1.0, 2.0), (1.0, 2.001), (1.001, 2.001)])


class Client:
    """Keeps what the station would be told."""

    def __init__(self) -> None:
        self.shown: list[DroneGround | SearchedGround] = []
        self.metered = False

    def show(self, ground: DroneGround | SearchedGround) -> None:
        self.shown.append(ground)


@in_simulation_time
async def test_it_tells_fence_zones_home_and_area_as_it_flies_by_them(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        await companion.ready()
        config = companion.config.model_copy(update={"zones": [ZONE]})
        told = drone_ground(config, companion.deck, companion.vehicle.telemetry.home)
        told = DroneGround.model_validate_json(told.model_dump_json())
        fence = companion.flight.progress.plan.fence
        assert fence is not None
        assert len(told.fence) == len(fence.inclusions) + len(fence.exclusions) > 0
        home = companion.vehicle.telemetry.home
        assert home is not None
        assert told.home is not None
        assert (told.home.lat_deg, told.home.lon_deg) == (home.lat_deg, home.lon_deg)
        [zone] = told.ignore_zones
        assert (zone.name, zone.reason, zone.ring[1]) == ("brick works", "kiln", (2.001, 1.0))
        inside = Polygon(told.fence[0].ring).contains(Point(home.lon_deg, home.lat_deg))
        assert inside == (not fence.objection(home.lat_deg, home.lon_deg))


def squares(told: SearchedGround) -> NDArray[np.uint8]:
    data = zlib.decompress(base64.b64decode(told.cells))
    return np.frombuffer(data, np.uint8).reshape(told.rows, told.columns)


def value_at(told: SearchedGround, east_m: float, north_m: float) -> int:
    """Of the square there; 0 beyond the raster."""
    lat_deg, lon_deg = lat_lon(east_m, north_m)
    column = (lon_deg - told.west_deg) / (told.east_deg - told.west_deg) * told.columns
    row = (told.north_deg - lat_deg) / (told.north_deg - told.south_deg) * told.rows
    if not (0 <= column < told.columns and 0 <= row < told.rows):
        return 0
    return int(squares(told)[int(row), int(column)])


def test_searched_ground_lies_where_it_was_seen_and_says_when_last() -> None:
    coverage = Coverage()
    assert searched_ground("d1", coverage) is None
    look(coverage, 0.0, 0.0)
    look(coverage, 100.0, 300.0)
    told = searched_ground("d1", coverage)
    assert told is not None
    assert value_at(told, 0.0, 0.0) == 1
    assert value_at(told, 0.0, 300.0) == 1 + int(100 / told.slot_s)
    assert value_at(told, 0.0, 150.0) == value_at(told, 200.0, 0.0) == 0
    assert told.began == BEGAN
    look(coverage, 200.0, 0.0)
    again = searched_ground("d1", coverage)
    assert again is not None
    assert value_at(again, 0.0, 0.0) == 1 + int(200 / told.slot_s)


def test_a_day_of_looks_is_some_kilobytes_and_its_steps_become_coarser() -> None:
    coverage = Coverage()
    for number in range(240):
        coverage.look(
            Look(
                float(number),
                BEGAN + timedelta(minutes=6 * number),
                pose_at(
                    (number * 37) % 4000 - 2000.0,
                    (number * 211) % 4000 - 2000.0,
                    height_m=120.0,
                    pitch_deg=-90.0,
                ),
                CAMERA,
                (),
                Plane(),
            )
        )
    told = searched_ground("d1", coverage)
    assert told is not None
    assert len(told.model_dump_json()) < 20_000 < MOST_CELLS_TEXT
    assert told.rows * told.columns <= (1000 / SQUARE_CELLS) ** 2
    assert squares(told).max() == pytest.approx(239 * 360 / told.slot_s, abs=1.5)


@in_simulation_time
async def test_the_station_is_told_of_searched_ground_when_there_is_more_of_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        client = Client()
        teller = GroundTeller(companion.config, companion.deck, companion.vehicle.telemetry, client)  # type: ignore[arg-type]
        await teller._searched()
        assert client.shown == []
        coverage = companion.deck.searched.coverage
        look(coverage, 0.0)
        await teller._searched()
        await teller._searched()
        look(coverage, 10.0)
        await teller._searched()
        assert [type(told) for told in client.shown] == [SearchedGround] * 2
        await teller._ground()
        assert isinstance(client.shown[-1], DroneGround)


def test_a_circle_of_the_fence_is_told_as_a_ring_around_its_middle() -> None:
    ring = _edge(Circle(47.0, 8.0, 400.0))
    far = [distance_m(47.0, 8.0, lat, lon) for lon, lat in ring]
    assert min(far) == pytest.approx(400.0, abs=0.5)
    assert max(far) == pytest.approx(400.0, abs=0.5)
