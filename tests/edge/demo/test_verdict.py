"""The demo's judge: a missed fire, a wrong position and a silent webhook each fail the flight."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from edge.demo.verdict import TrueFire, Verdict, judge, offset_m
from uplink.messages import Alert, AlertState, Position

FIRE = TrueFire("north", -35.36, 149.165, visible_s=100.0)
METRE_NORTH_DEG = 1 / 110_950  # at 35° S


def alert(
    number: int = 1, *, north_m: float = 0.0, sigma_m: float = 4.0, state: AlertState = AlertState.CONFIRMED
) -> Alert:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    return Alert(
        id=UUID(int=number), revision=1, drone_id="d", state=state, label="fire",
        probability=0.97, score=0.8, looks=5,
        first_seen_at=at, last_seen_at=at, confirmed_at=at, time_source="gnss",
        position=Position(lat_deg=FIRE.lat_deg + north_m * METRE_NORTH_DEG, lon_deg=FIRE.lon_deg),
        ellipse=None, covariance_m2=(sigma_m**2, 0.0, sigma_m**2), method="dem",
        model_name="m", model_sha256="0" * 64,
    )  # fmt: skip


def verdict_of(*alerts: Alert, told_at_s: float | None = 103.5) -> Verdict:
    return judge([FIRE], alerts, {} if told_at_s is None else {a.id: told_at_s for a in alerts})


def test_a_fire_found_within_its_own_error_and_told_passes() -> None:
    verdict = verdict_of(alert(north_m=8.0))
    (fire,) = verdict.fires
    assert verdict.passed
    assert fire.error_m == pytest.approx(8.0, abs=0.1)
    assert fire.sigmas == pytest.approx(2.0, abs=0.05)
    assert fire.visible_to_webhook_s == pytest.approx(3.5)


def test_a_missed_fire_fails() -> None:
    assert not verdict_of().passed


def test_an_error_beyond_three_sigma_fails_though_it_is_small() -> None:
    assert not verdict_of(alert(north_m=8.0, sigma_m=2.0)).passed


def test_an_undelivered_webhook_fails() -> None:
    assert not verdict_of(alert(), told_at_s=None).passed


def test_a_withdrawn_alert_finds_nothing() -> None:
    assert not verdict_of(alert(state=AlertState.WITHDRAWN)).passed


def test_an_alert_far_from_every_fire_is_a_false_one() -> None:
    verdict = verdict_of(alert(1), alert(2, north_m=400.0))
    assert [a.id.int for a in verdict.false_alerts] == [2]


@pytest.mark.parametrize(("bearing_deg", "false_alerts"), [(2.0, 0), (355.0, 0), (40.0, 1)])
def test_an_alert_with_a_bearing_only_finds_no_fire_but_may_point_at_one(
    bearing_deg: float, false_alerts: int
) -> None:
    south = Position(lat_deg=FIRE.lat_deg - 0.003, lon_deg=FIRE.lon_deg)
    seen = {"position": None, "covariance_m2": None, "method": "bearing-only"}
    pointing = alert().model_copy(update={**seen, "observer": south, "bearing_deg": bearing_deg})
    verdict = verdict_of(pointing)
    assert not verdict.passed
    assert len(verdict.false_alerts) == false_alerts


def test_a_second_alert_of_the_same_fire_does_not_outshine_the_nearer() -> None:
    verdict = verdict_of(alert(1, north_m=30.0), alert(2, north_m=2.0))
    assert verdict.fires[0].alert is not None
    assert verdict.fires[0].alert.id.int == 2
    assert verdict.false_alerts == ()


def test_offset_is_east_and_north() -> None:
    east_m, north_m = offset_m(-35.0, 149.0, -35.001, 149.001)
    assert east_m == pytest.approx(91.3, abs=0.2)
    assert north_m == pytest.approx(-110.9, abs=0.2)
