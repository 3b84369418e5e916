"""Heights above the sea, the ellipsoid and the take-off become one, and none is taken for another."""

from __future__ import annotations

import pytest

from edge.scan.heights import stand
from edge.scan.record import Height, Heights
from flight.geoid import undulation_m
from tests.edge.ground_truth import GROUND_AMSL_M, Hills, Plane, lat_lon

LAT_DEG, LON_DEG = lat_lon(0.0, 0.0)
GEOID_M = float(undulation_m(LAT_DEG, LON_DEG))
FLAT = Plane(sigma_m=3.0)


def test_a_height_above_the_ellipsoid_becomes_one_above_the_sea() -> None:
    got, _ = stand(Heights(ellipsoid=Height(700.0 + GEOID_M, 0.3)), LAT_DEG, LON_DEG, FLAT)
    assert got is not None
    assert got.alt_amsl_m == pytest.approx(700.0)
    assert 0.3 < got.sigma_m < 2.0
    assert abs(GEOID_M) > 15.0, "or the test would not see it"


def test_a_height_that_may_be_either_is_in_the_middle_and_reaches_both() -> None:
    got, _ = stand(Heights(unclear=Height(700.0, 2.0)), LAT_DEG, LON_DEG, FLAT)
    assert got is not None
    assert got.alt_amsl_m == pytest.approx(700.0 - GEOID_M / 2)
    assert got.sigma_m == pytest.approx((2.0**2 + (GEOID_M / 2) ** 2) ** 0.5)


def test_above_a_take_off_that_is_known_the_terrain_gives_the_rest() -> None:
    home = lat_lon(300.0, 0.0)
    sloped = Plane(rise_east=0.1, sigma_m=3.0)
    got, _ = stand(Heights(takeoff=Height(80.0, 3.0), home=home), LAT_DEG, LON_DEG, sloped)
    assert got is not None
    assert got.alt_amsl_m == pytest.approx(GROUND_AMSL_M + 30.0 + 80.0, abs=0.1)
    assert got.height_home_m == 80.0


def test_above_a_take_off_that_is_not_known_the_relief_around_is_error() -> None:
    takeoff = Heights(takeoff=Height(80.0, 3.0))
    (flat, _), (hilly, _) = (stand(takeoff, LAT_DEG, LON_DEG, ground) for ground in (FLAT, Hills()))
    assert flat is not None
    assert hilly is not None
    assert flat.alt_amsl_m == pytest.approx(GROUND_AMSL_M + 80.0)
    assert flat.sigma_m < 6.0
    assert hilly.sigma_m > 15.0


def test_heights_that_agree_make_each_other_better_and_those_that_do_not_worse() -> None:
    def sigma_m(amsl_m: float) -> float:
        both = Heights(amsl=Height(amsl_m, 5.0), takeoff=Height(80.0, 3.0), home=(LAT_DEG, LON_DEG))
        got, _ = stand(both, LAT_DEG, LON_DEG, FLAT)
        assert got is not None
        return got.sigma_m

    assert sigma_m(GROUND_AMSL_M + 80.0) < 4.3
    assert sigma_m(GROUND_AMSL_M + 130.0) > 20.0


def test_on_flat_ground_only_the_height_above_it_counts() -> None:
    got, _ = stand(Heights(takeoff=Height(80.0, 3.0)), LAT_DEG, LON_DEG, None)
    assert got is not None
    assert (got.height_home_m, got.sigma_m, got.is_amsl_known) == (80.0, 3.0, False)
    known, _ = stand(Heights(takeoff=Height(80.0, 3.0), amsl=Height(700.0, 8.0)), LAT_DEG, LON_DEG, None)
    assert known is not None
    assert (known.alt_amsl_m, known.is_amsl_known) == (700.0, True)


@pytest.mark.parametrize(
    ("heights", "ground", "why"),
    [
        (Heights(), FLAT, "no height"),
        (Heights(), None, "--dem"),
        (Heights(amsl=Height(700.0, 8.0)), None, "--dem"),
        (Heights(takeoff=Height(80.0, 3.0)), Plane(edge_m=-1.0), "no height"),
    ],
)
def test_without_a_height_it_says_so(heights: Heights, ground: Plane | None, why: str) -> None:
    got, said = stand(heights, LAT_DEG, LON_DEG, ground)
    assert got is None
    assert why in said
