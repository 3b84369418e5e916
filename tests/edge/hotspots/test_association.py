"""Which sighting is which hotspot, where there is a choice."""

from __future__ import annotations

import math
from uuid import UUID

import numpy as np
import pytest

from edge.geometry.locate import locate_detections
from edge.geometry.place import Place
from edge.geometry.rays import CAUSES
from edge.hotspots.association import BY_VIEW, MISSED_INSTEAD, assign, may_be_one
from edge.hotspots.hotspot import HotspotConfig, Look, Seen
from edge.hotspots.track import Track
from models.detection import Detection
from tests.edge.ground_truth import CAMERA, GROUND_AMSL_M, Plane, lat_lon, pose_at


def test_two_bad_fits_are_no_better_than_a_good_one_and_a_new_hotspot() -> None:
    assert assign(np.array([[0.86, math.inf], [0.27, 0.89]])) == [(1, 0)]


def test_two_good_fits_are_both_taken() -> None:
    assert assign(np.array([[0.3, math.inf], [0.1, 0.4]])) == [(0, 0), (1, 1)]


def test_any_fit_at_all_is_better_than_none() -> None:
    assert assign(np.array([[BY_VIEW]])) == [(0, 0)]


def test_what_fits_nothing_stays_by_itself() -> None:
    assert assign(np.array([[math.inf], [0.2]])) == [(1, 0)]


POSE = pose_at(height_m=80, pitch_deg=-45)
CONFIG = HotspotConfig()
SIGMA_M = 10.0
TOGETHER_M = math.sqrt(2 * (SIGMA_M**2 + CONFIG.model_error_m**2))
"""1σ of the distance between two places."""


def track(number: int, at_s: float, east_m: float) -> Track:
    """Seen once, its place known to ``SIGMA_M`` either way."""
    (sighting,) = locate_detections([Detection("fire", 0.8, 620, 340, 660, 380)], POSE, CAMERA, Plane())
    made = Track(UUID(int=number), Seen(at_s, None, sighting), CONFIG)
    lat_deg, lon_deg = lat_lon(east_m, 80.0)
    made.place = Place(
        at_s, lat_deg, lon_deg, GROUND_AMSL_M, (east_m, 80.0, 0.0),
        own_m2=SIGMA_M**2 * np.eye(3), shared_m=np.zeros((3, CAUSES)), grazing=False, method="dem",
        looks=9, covariance_m2=SIGMA_M**2 * np.eye(2), semi_major_m=2.15 * SIGMA_M,
    )  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("apart_sigma", "missed", "one"),
    [
        (1.4, 0, True),
        (2.0, 0, False),
        (2.0, MISSED_INSTEAD - 1, False),
        (2.0, MISSED_INSTEAD, True),  # it is seen there now, and no longer where it was thought to be
        (3.1, MISSED_INSTEAD, False),
    ],
)
def test_two_places_are_one_further_apart_if_the_older_is_missed_while_the_newer_is_seen(
    apart_sigma: float, missed: int, *, one: bool
) -> None:
    old, new = track(1, 0.0, 0.0), track(2, 60.0, apart_sigma * TOGETHER_M)
    old.missed = missed
    look = Look(61.0, None, POSE, CAMERA, (), Plane())
    assert may_be_one(new, old, look, CONFIG) is one


def test_an_older_one_that_is_seen_again_after_the_newer_began_takes_its_place_from_nobody() -> None:
    old, new = track(1, 60.0, 0.0), track(2, 30.0, 2.0 * TOGETHER_M)
    old.missed = MISSED_INSTEAD
    assert not may_be_one(new, old, Look(61.0, None, POSE, CAMERA, (), Plane()), CONFIG)
