"""Which sighting is which hotspot, where there is a choice."""

from __future__ import annotations

import math

import numpy as np

from edge.association import BY_VIEW, assign


def test_two_bad_fits_are_no_better_than_a_good_one_and_a_new_hotspot() -> None:
    assert assign(np.array([[0.86, math.inf], [0.27, 0.89]])) == [(1, 0)]


def test_two_good_fits_are_both_taken() -> None:
    assert assign(np.array([[0.3, math.inf], [0.1, 0.4]])) == [(0, 0), (1, 1)]


def test_any_fit_at_all_is_better_than_none() -> None:
    assert assign(np.array([[BY_VIEW]])) == [(0, 0)]


def test_what_fits_nothing_stays_by_itself() -> None:
    assert assign(np.array([[math.inf], [0.2]])) == [(1, 0)]
