"""What alerts of one event say together: the place with an honest error, how bad, how sure."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from uplink.messages import Alert
from uplink.station.incident import Certainty, Severity
from uplink.station.incident_evidence import (
    COMMON_SIGMA_M,
    Place,
    certainty_of,
    covariance_of,
    fused_place,
    severity_of,
)
from uplink.station.store.incident_rows import evidence_of, keep_evidence, refresh, rows_where

from .incident_makers import LAT_DEG, LON_DEG, M_PER_DEG, memory_database, place, put_all, seen


def fused(*alerts: Alert) -> Place:
    found = fused_place(alerts)
    assert found is not None
    return found


def east_m(found: Place) -> float:
    return (found.position.lon_deg - LON_DEG) * M_PER_DEG * math.cos(math.radians(LAT_DEG))


def test_one_alert_is_told_as_it_is() -> None:
    alert = seen(10, 20, covariance_m2=(100.0, 30.0, 50.0))
    found = fused(alert)
    assert found.covariance_m2 == (100.0, 30.0, 50.0)
    assert found.position.lat_deg == pytest.approx(place(10, 20).lat_deg)
    assert found.ellipse.semi_major_m > found.ellipse.semi_minor_m


def test_the_better_of_two_drones_weighs_more() -> None:
    good, poor = seen(0, 0, number=1, sigma_m=5.0), seen(20, 0, number=2, sigma_m=20.0)
    assert 0.5 < east_m(fused(good, poor)) < 3.0
    assert east_m(fused(good, poor)) == pytest.approx(east_m(fused(poor, good)), abs=1e-6)


def test_what_all_receivers_have_in_common_is_never_averaged_away() -> None:
    many = [seen(0, 0, number=i, sigma_m=4.0) for i in range(1, 200)]
    east_m2, cross_m2, north_m2 = fused(*many).covariance_m2
    assert east_m2 >= COMMON_SIGMA_M**2
    assert north_m2 >= COMMON_SIGMA_M**2
    assert east_m2 < 1.1 * COMMON_SIGMA_M**2, "the rest is"
    assert cross_m2 == pytest.approx(0.0, abs=1e-9)


def test_an_ellipse_holds_drones_that_disagree() -> None:
    west, east = seen(-40, 0, number=1), seen(40, 0, number=2)
    agreeing = fused(seen(-2, 0, number=1), seen(2, 0, number=2))
    found = fused(west, east)
    assert agreeing.ellipse.semi_major_m < 10
    assert found.ellipse.semi_major_m > 40, "both are in it"
    assert abs(east_m(found)) < 0.1


def test_the_ellipse_is_true_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        common = rng.normal(0, COMMON_SIGMA_M, 2)
        alerts = []
        for number, sigma_m in enumerate((6.0, 9.0, 15.0), 1):
            own = rng.normal(0, math.sqrt(sigma_m**2 - COMMON_SIGMA_M**2), 2)
            alerts.append(seen(*(common + own), number=number, sigma_m=sigma_m))
        found = fused(*alerts)
        off = np.array([east_m(found), (found.position.lat_deg - LAT_DEG) * M_PER_DEG])
        ee, en, nn = found.covariance_m2
        squared = float(off @ np.linalg.solve(np.array([[ee, en], [en, nn]]), off))
        held += squared <= -2 * math.log(0.1)
    assert 0.86 <= held / 400 <= 0.98, "it says 90 %, and is widened where the drones disagree"


def test_places_on_both_sides_of_the_date_line_have_their_middle_there() -> None:
    at = (-17.0, 180.0)
    found = fused(seen(-20, 0, number=1, at=at), seen(20, 0, number=2, at=at))
    assert abs(abs(found.position.lon_deg) - 180.0) < 1e-6


def test_alerts_without_a_place_have_none_together() -> None:
    assert fused_place([seen(0, 0, bearing_deg=90.0)]) is None


def test_an_ellipse_is_read_as_a_covariance() -> None:
    ellipse = {"semi_major_m": 21.46, "semi_minor_m": 10.73, "orientation_deg": 90.0, "confidence": 0.9}
    alert = seen(0, 0, covariance_m2=None, ellipse=ellipse)
    assert covariance_of(alert) == pytest.approx(np.diag([100.0, 25.0]), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("label", "area_m2", "growth", "severity"),
    [
        ("smoke", None, None, Severity.UNKNOWN),
        ("fire", None, None, Severity.MODERATE),
        ("fire", 5.0, -1.0, Severity.MINOR),
        ("fire", 5.0, 1.0, Severity.MODERATE),
        ("fire", 5.0, 25.0, Severity.SEVERE),
        ("fire", 2_000.0, None, Severity.SEVERE),
        ("fire", 20_000.0, 0.0, Severity.EXTREME),
        ("smoke", 100.0, 500.0, Severity.EXTREME),
    ],
)
def test_severity_is_by_what_burns_and_how_fast_it_grows(
    label: str, area_m2: float | None, growth: float | None, severity: Severity
) -> None:
    assert severity_of(label, area_m2, growth) is severity


@pytest.mark.parametrize(
    ("confirmed_by", "probability", "certainty"),
    [
        ("Ann", 0.1, Certainty.OBSERVED),
        (None, 1.0, Certainty.LIKELY),
        (None, 0.5, Certainty.POSSIBLE),
    ],
)
def test_only_a_person_observes(confirmed_by: str | None, probability: float, certainty: Certainty) -> None:
    assert certainty_of(confirmed_by, probability) is certainty


def test_what_was_reckoned_before_does_not_replace_what_is_known_since() -> None:
    db = put_all(memory_database(), [seen(0, 0, number=1)])
    put_all(db, [seen(10, 0, number=2)])
    [then] = rows_where(db, "news > told", [])
    reckoned = evidence_of(db, then.id)
    put_all(db, [seen(20, 0, number=3)])
    keep_evidence(db, then, reckoned)
    [now] = rows_where(db, "news > told", [])
    assert json.loads(now.evidence)["alerts"] == 2, "the third alert is news still"
    refresh(db, now)
    keep_evidence(db, then, reckoned)
    [row] = rows_where(db, "true", [])
    assert json.loads(row.evidence)["alerts"] == 3
    assert not row.is_stale
