"""Where the vehicle is never sent: refused in words, before a byte leaves (flight rules 19 and 24)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.commands import CommandRefusedError
from flight.envelope import Envelope
from flight.plans.fence import Circle, Fence, Polygon
from flight.telemetry import Home
from flight.terrain import AnyArray, FlatTerrain, FloatArray
from tests.flight.test_commands import benched

HOME = Home(-35.363262, 149.165237, 585.0)
AREA = Polygon(((-35.358, 149.160), (-35.358, 149.171), (-35.369, 149.171), (-35.369, 149.160)))
POND = Circle(-35.3650, 149.1680, 60.0)
GOOD = (-35.3640, 149.1660, 660.0)


class Slope(FlatTerrain):
    """Ground that rises 100 m for each hundredth of a degree to the south, known south of 35.36 only."""

    def height_amsl_m(self, lat_deg: AnyArray, lon_deg: AnyArray) -> FloatArray:
        ground_m: FloatArray = np.where(lat_deg > -35.360, np.nan, 585.0 + (-35.363262 - lat_deg) * 10_000)
        return ground_m


ENVELOPE = Envelope(
    home=HOME, fence=Fence((AREA,), (POND,)), terrain=Slope(585.0), ceiling_home_m=120.0, range_m=800.0
)

REFUSED = [
    pytest.param((math.nan, 149.1660, 660.0), "not a number", id="NaN latitude"),
    pytest.param((-35.3640, math.inf, 660.0), "not a number", id="infinite longitude"),
    pytest.param((-35.3640, 149.1660, math.nan), "not a number", id="NaN height"),
    pytest.param((0.0, 0.0, 660.0), "a lost position", id="0/0"),
    pytest.param((-95.0, 149.1660, 660.0), "not on earth", id="beyond the pole"),
    pytest.param((-35.3640, 181.0, 660.0), "not on earth", id="beyond the date line"),
    pytest.param((-35.3640, 149.1750, 660.0), "m from home, and 800 m is the limit", id="too far"),
    pytest.param((-35.3640, 149.1660, 706.0), "121 m above home, and 120 m is the ceiling", id="too high"),
    pytest.param((-35.3640, 149.1712, 660.0), "outside the fence", id="outside the fence"),
    pytest.param((-35.3640, 149.17096, 660.0), "from the fence", id="at the fence"),
    pytest.param((-35.3650, 149.1681, 660.0), "inside a no-fly zone", id="over the pond"),
    pytest.param((-35.3650, 149.16868, 660.0), "from a no-fly zone", id="beside the pond"),
    pytest.param((-35.3688, 149.1660, 640.0), "above the ground; 20 m is the least", id="into the hill"),
    pytest.param((-35.3640, 149.1660, 500.0), "above the ground; 20 m is the least", id="under the ground"),
    pytest.param((-35.3595, 149.1660, 660.0), "beyond the terrain model", id="beyond the DEM"),
]


def test_a_place_inside_everything_is_no_objection() -> None:
    assert ENVELOPE.objection(*GOOD) == ""


@pytest.mark.parametrize(("place", "words"), REFUSED)
def test_each_limit_says_what_it_is(place: tuple[float, float, float], words: str) -> None:
    """Rules 19, 24."""
    assert words in ENVELOPE.objection(*place)


@pytest.mark.parametrize(("place", "words"), REFUSED)
async def test_nothing_leaves_the_link_for_such_a_place(
    place: tuple[float, float, float], words: str
) -> None:
    """Rule 19: refused before a byte is sent, with and without taking over."""
    async with benched() as bench:
        bench.commands.envelope = ENVELOPE
        sent = (bench.link.counts.sent, bench.link.counts.unsent)
        for take_over in (True, False):
            with pytest.raises(CommandRefusedError, match=words):
                await bench.commands.reposition(*place, take_over=take_over)
        assert (bench.link.counts.sent, bench.link.counts.unsent) == sent
        assert bench.arbiter._request is None  # nor is a mode change expected now
        assert bench.autopilot.bytes_received == []


@pytest.mark.parametrize(
    "place", [(0.0, 0.0, 590.0), (math.nan, 149.0, 590.0), (-35.0, 181.0, 590.0), (-35.0, 149.0, math.inf)]
)
async def test_the_camera_is_not_pointed_at_no_place_and_the_gimbal_not_taken_for_it(
    place: tuple[float, float, float],
) -> None:
    async with benched() as bench:
        with pytest.raises(CommandRefusedError, match="no place"):
            await bench.commands.look_at(*place)
        assert bench.link.counts.sent == 0


@pytest.mark.parametrize("height_m", [120.1, math.inf, math.nan, 0.0, -5.0])
async def test_no_take_off_through_the_ceiling_or_into_the_ground(height_m: float) -> None:
    async with benched() as bench:
        bench.commands.envelope = ENVELOPE
        with pytest.raises(CommandRefusedError, match="the ceiling is 120 m above home"):
            await bench.commands.takeoff(height_m)
        assert bench.link.counts.sent == 0


def test_without_a_home_nowhere_is_near_enough() -> None:
    assert Envelope().objection(*GOOD) == "the autopilot's home is not known"


def test_without_a_terrain_model_the_ground_is_taken_to_be_homes() -> None:
    flat = replace(ENVELOPE, terrain=None)
    assert flat.objection(-35.3688, 149.1660, 640.0) == ""
    assert "no terrain model is loaded" in flat.objection(-35.3640, 149.1660, 604.0)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_whatever_is_asked_the_answer_is_words_or_the_place_is_inside(
    lat_deg: float, lon_deg: float, alt_amsl_m: float
) -> None:
    if ENVELOPE.objection(lat_deg, lon_deg, alt_amsl_m) == "":
        assert -35.369 < lat_deg < -35.360
        assert 149.160 < lon_deg < 149.171
        assert 600 < alt_amsl_m <= 705
