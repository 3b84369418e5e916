"""What a look from somewhere would leave of the ellipse; and that the choice follows it within the rules."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.flying.clearance import Clearance, Fire, Wind
from edge.flying.next_view import Outlook, ViewGeometry, effects_m
from edge.flying.standoff import StandOff, View
from edge.geometry.locate import locate
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose, PoseSigmas
from edge.geometry.sighting import Cause
from flight.envelope import Envelope
from hardware.virtual.pose import TruePose
from tests.edge.flying.test_standoff import GROUND_M, HOME, STAND_OFF_M, WEST_WIND, here_at, metres, place

SIGMAS = PoseSigmas()
DEM_SIGMA_M = 4.5
ROUND_M2 = np.diag([400.0, 400.0])


class Dem:
    """Level ground, as well known as a DEM."""

    name, sigma_m, resolution_m = "dem", DEM_SIGMA_M, 30.0

    def height_amsl_m(
        self, lat_deg: NDArray[np.float64], lon_deg: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return lat_deg * 0 + lon_deg * 0 + GROUND_M


def predicted_m2(covariance_m2: NDArray[np.float64], *views: ViewGeometry) -> NDArray[np.float64]:
    """What would be left of a fire's covariance (2x2, east and north) after looks from these views."""
    outlook = Outlook.of(covariance_m2)
    for view in views:
        outlook = outlook.looked(effects_m(view, SIGMAS, DEM_SIGMA_M))
    return outlook.covariance[:2, :2]


def left(covariance_m2: NDArray[np.float64], *views: ViewGeometry) -> float:
    """The area of what is left, up to a constant."""
    return float(np.sqrt(np.linalg.det(predicted_m2(covariance_m2, *views))))


def from_(bearing_deg: float, distance_m: float = 90.0, above_m: float = 60.0) -> ViewGeometry:
    return ViewGeometry(bearing_deg, distance_m, above_m)


def around(fire: Fire, wind: Wind | None = WEST_WIND, *, ceiling_home_m: float = 120.0) -> StandOff:
    envelope = Envelope(home=HOME, terrain=Dem(), ceiling_home_m=ceiling_home_m)
    return StandOff(Clearance(fire, envelope, Dem(), wind, STAND_OFF_M))


def fire_of(covariance_m2: NDArray[np.float64]) -> Fire:
    return Fire(*place(0, 0), GROUND_M, covariance_m2)


# --- the forecast -------------------------------------------------------------------------------------


def test_an_ellipse_long_to_the_north_is_cut_short_from_the_east_and_the_west() -> None:
    long_m2 = np.diag([25.0, 900.0])
    from_side = max(left(long_m2, from_(90.0)), left(long_m2, from_(270.0)))
    assert from_side < 0.8 * min(left(long_m2, from_(0.0)), left(long_m2, from_(180.0)))


def test_a_look_down_tells_more_than_a_grazing_one_from_as_far_over_ground() -> None:
    areas = [left(ROUND_M2, from_(0.0, above_m=up_m)) for up_m in (15.0, 30.0, 60.0, 90.0)]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > 2 * areas[-1]


def test_what_is_wrong_in_every_look_cancels_from_opposite_sides_only() -> None:
    """The ground's height moves the fire away from the camera: from both sides it moves it nowhere."""
    again, opposite = left(ROUND_M2, from_(0.0), from_(0.0)), left(ROUND_M2, from_(0.0), from_(180.0))
    assert again > 0.9 * left(ROUND_M2, from_(0.0))
    assert opposite < 0.5 * again


def test_no_look_makes_an_ellipse_larger() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        root = rng.normal(size=(2, 2)) * 20
        before_m2 = root @ root.T + np.eye(2)
        view = from_(rng.uniform(0, 360), rng.uniform(60, 400), rng.uniform(10, 120))
        after_m2 = predicted_m2(before_m2, view)
        assert np.linalg.eigvalsh(before_m2 - after_m2).min() > -1e-9
        assert np.linalg.eigvalsh(after_m2).min() > 0.0


def test_many_views_at_once_are_foretold_like_one_by_one() -> None:
    effects = np.array([effects_m(from_(float(b)), SIGMAS, DEM_SIGMA_M) for b in (0, 70, 200)])
    outlook = Outlook.of(ROUND_M2).looked(effects[0])
    for each, together in zip(effects, outlook.left_m2(effects), strict=True):
        assert together == pytest.approx(outlook.looked(each).covariance[:2, :2])


def test_its_errors_are_those_of_a_sighting_from_there() -> None:
    """Cause by cause against ``locate``, which meets the ground with rays."""
    pitch_deg = -math.degrees(math.atan2(60.0, 90.0))
    true = TruePose.looking(*place(0, 0), GROUND_M + 60.0, yaw_deg=220.0, pitch_deg=pitch_deg)
    here = (true.lat_deg, true.lon_deg, true.alt_amsl_m)
    pose = Pose(0.0, *here, 60.0, true.enu_from_camera(), SIGMAS)
    seen = locate(pose, Camera.load("virtual_78"), (639.5, 359.5), np.eye(2), Dem())
    assert seen.effects_m is not None
    foretold = effects_m(from_(40.0), SIGMAS, DEM_SIGMA_M)
    causes = (Cause.EAST, Cause.NORTH, Cause.HEIGHT, Cause.ROLL, Cause.TILT, Cause.HEADING)
    for column, cause in enumerate(causes):
        m2 = np.outer(foretold[:, column], foretold[:, column])
        assert m2 == pytest.approx(np.outer(seen.effects_m[:, cause], seen.effects_m[:, cause]), abs=0.3)


# --- the choice ---------------------------------------------------------------------------------------


def test_the_second_view_is_from_the_other_side_of_the_fire() -> None:
    first, second = around(fire_of(ROUND_M2)).views(here_at(-200, 0), 2)
    apart_deg = abs((second.bearing_deg - first.bearing_deg + 180) % 360 - 180)
    assert apart_deg > 90.0


def test_it_looks_from_higher_up_where_the_ceiling_allows() -> None:
    [high] = around(fire_of(ROUND_M2)).views(here_at(-300, 0), 1)
    [low] = around(fire_of(ROUND_M2), ceiling_home_m=70.0).views(here_at(-300, 0), 1)
    assert high.alt_amsl_m > GROUND_M + 100.0
    assert low.alt_amsl_m == pytest.approx(GROUND_M + 60.0)


def test_a_view_in_the_smoke_is_not_chosen_however_much_it_would_tell() -> None:
    """Long to the north: the best view is from the east; with a wind from the west that is in the smoke."""
    long_m2 = np.diag([25.0, 900.0])
    [free] = around(fire_of(long_m2), Wind(0.0, 5.0)).views(here_at(300, 30), 1)
    assert free.bearing_deg == pytest.approx(90.0, abs=31.0)  # from where it is, east is nearest
    for view in around(fire_of(long_m2), Wind(270.0, 5.0)).views(here_at(300, 30), 3):
        assert abs((view.bearing_deg - 90.0 + 180) % 360 - 180) > 50.0


def test_the_way_there_decides_among_views_that_are_as_good() -> None:
    [from_west] = around(fire_of(ROUND_M2), Wind(0.0, 5.0)).views(here_at(-300, 0), 1)
    [from_east] = around(fire_of(ROUND_M2), Wind(0.0, 5.0)).views(here_at(300, 0), 1)
    assert metres(from_west.lat_deg, from_west.lon_deg)[0] < 0.0
    assert metres(from_east.lat_deg, from_east.lon_deg)[0] > 0.0


def test_a_view_that_is_better_by_a_hair_is_not_worth_a_long_way() -> None:
    """Longer to the north by a little: best from the east or the west, but north is where the vehicle is."""
    [near] = around(fire_of(np.diag([400.0, 404.0])), Wind(90.0, 5.0)).views(here_at(0, 300), 1)
    assert metres(near.lat_deg, near.lon_deg)[1] > 60.0
    [better] = around(fire_of(np.diag([100.0, 900.0])), Wind(90.0, 5.0)).views(here_at(0, 300), 1)
    assert abs(math.sin(math.radians(better.bearing_deg))) > 0.8


def test_the_same_fire_is_looked_at_in_the_same_way_every_time() -> None:
    def choice() -> list[View]:
        return around(fire_of(np.array([[300.0, 90.0], [90.0, 120.0]]))).views(here_at(-150, 80), 4)

    assert choice() == choice()
