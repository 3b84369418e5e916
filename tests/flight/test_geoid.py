"""The geoid is where others have it."""

from __future__ import annotations

import numpy as np
import pytest

from flight.geoid import alt_amsl_m, undulation_m

# Latitude, longitude, undulation in metres.
PUBLISHED = {
    # NGA: readme.txt of the EGM96 grid, the output of INTPT.F.
    "NGA": [
        (38.6281550, 269.7791550, -31.628),
        (-14.6212170, 305.0211140, -2.969),
        (46.8743190, 102.4487290, -43.575),
        (-23.6174460, 133.8747120, 15.871),
        (38.6254730, 359.9995000, 50.066),
        (-0.4667440, 0.0023000, 17.329),
    ],
    # UNAVCO's calculator (NGA's F477: the harmonic series itself), as RTKLIB's test/utest/t_geoid.c has it.
    "UNAVCO": [
        (-90.0, 359.999, -29.534),
        (90.0, 80.0, 13.606),
        (-90.0, -60.0, -29.534),
        (30.0, -360.0, 35.387),
        (-30.0, 359.999, 21.409),
        (10.0, 45.0, -20.486),
        (-60.123, 135.123, -33.152),
        (19.999, 135.0, 41.602),
        (50.001, 135.0, 20.555),
        (35.0, 119.999, 4.386),
        (35.0, 150.001, 14.779),
        (20.0, 120.0, 21.269),
        (50.0, 150.0, 20.277),
        (35.0, 135.0, 36.355),
        (45.402, 141.750, 27.229),
        (24.454, 122.942, 21.652),
        (33.120, 139.797, 43.170),
        (30.0, 135.0, 36.017),
    ],
    # C. Karney, PROJ mailing list, 1 September 2009: GeoidEval at Timbuktu.
    "GeographicLib": [(16 + 46 / 60 + 33 / 3600, -(3 + 0 / 60 + 34 / 3600), 28.7068)],
    # The reference pages of egm96geoid and geoidegm96 (the latter to a centimetre).
    "MATLAB": [
        (27.988056, 86.925278, -28.7444),
        (42.4, 71.0, -36.59),
        (39.3, -77.2, -33.01),
        (33.4, 36.5, 25.55),
    ],
}


@pytest.mark.parametrize("source", PUBLISHED)
def test_undulations_are_those_that_were_published(source: str) -> None:
    lat_deg, lon_deg, published_m = np.array(PUBLISHED[source]).T
    assert undulation_m(lat_deg, lon_deg) == pytest.approx(published_m, abs=0.012)


def test_there_is_no_step_at_the_seam_and_none_at_the_poles() -> None:
    lat_deg = np.linspace(-80.0, 80.0, 9)
    assert undulation_m(lat_deg, 359.99999) == pytest.approx(undulation_m(lat_deg, 0.00001), abs=1e-4)
    assert undulation_m(lat_deg, -180.0) == pytest.approx(undulation_m(lat_deg, 180.0), abs=1e-9)
    around = np.linspace(0.0, 330.0, 12)
    for pole_m, lat in ((13.606, 89.9999), (-29.534, -89.9999)):
        assert undulation_m(lat, around) == pytest.approx(np.full(12, pole_m), abs=0.01)


def test_a_height_above_the_ellipsoid_becomes_one_above_the_sea() -> None:
    # Canberra's plain is 19.5 m above the ellipsoid where the sea would be.
    assert float(alt_amsl_m(603.45, -35.363262, 149.165237)) == pytest.approx(584.0, abs=0.01)


def test_answers_have_the_shape_of_the_question_and_none_beyond_the_poles() -> None:
    heights = undulation_m(np.array([[10.0], [90.1]]), np.array([0.0, 120.0, np.nan]))
    assert heights.shape == (2, 3)
    assert np.isfinite(heights).tolist() == [[True, True, False], [False, False, False]]
