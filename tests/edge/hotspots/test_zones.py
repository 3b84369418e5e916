"""Ignore zones keep quiet what is known and allowed, and nothing else."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from pydantic import ValidationError

from edge.config.check import check_config
from edge.config.file import ConfigError
from edge.config.zone_section import ZoneSection
from edge.geometry.locate import locate
from edge.hotspots.hotspot import Hotspot, HotspotState, Seen
from edge.hotspots.zones import LARGEST_M2, MOST_SUPPRESSED, Zone, ZoneError, Zones
from tests.edge.ground_truth import CAMERA, Plane, lat_lon, pose_at

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
SIGHTING = locate(pose_at(height_m=80, pitch_deg=-45), CAMERA, (640, 360), 4 * np.eye(2), Plane())


def square(half_m: float, east_m: float = 0.0, north_m: float = 0.0) -> list[tuple[float, float]]:
    """Corners around a place, metres from home."""
    return [
        lat_lon(east_m + x * half_m, north_m + y * half_m) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]


def section(half_m: float = 30.0, **more: Any) -> ZoneSection:
    told = {"name": "kiln 3", "reason": "kiln", "polygon": square(half_m)} | more
    return ZoneSection.model_validate(told)


def hotspot(
    east_m: float = 0.0,
    north_m: float = 0.0,
    sigma_m: float = 4.0,
    *,
    number: int = 1,
    covariance_m2: Sequence[Sequence[float]] | None = None,
    utc: datetime = NOW,
    **more: Any,
) -> Hotspot:
    lat_deg, lon_deg = lat_lon(east_m, north_m)
    seen = Seen(0.0, utc, SIGHTING)
    plain = Hotspot(
        id=UUID(int=number),
        state=HotspotState.CONFIRMED,
        label="fire",
        probability=0.99,
        looks=9,
        method="dem",
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        alt_amsl_m=600.0,
        covariance_m2=np.array(covariance_m2) if covariance_m2 else sigma_m**2 * np.eye(2),
        bearing_deg=0.0,
        first=seen,
        best=seen,
        latest=seen,
        confirmed=seen,
    )
    return replace(plain, **more)


def test_a_fire_in_a_zone_is_held_back_and_shown_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "edge.hotspots.zones")
    zones = Zones([section(), section(name="other", polygon=square(30, 500))])
    for _ in range(3):
        assert zones.hold_back(hotspot())
    (one,) = zones.suppressed
    assert (one.zone, one.reason, one.label, one.last_seen_at) == ("kiln 3", "kiln", "fire", NOW)
    assert (one.lat_deg, one.lon_deg) == lat_lon(0.0, 0.0)
    assert zones.suppressed_ever == 1
    assert [record.message for record in caplog.records] == [
        f"no alert: fire {UUID(int=1)} is in zone 'kiln 3' (kiln)"
    ]


@pytest.mark.parametrize(
    ("place", "sigma_m", "held"),
    [
        ((0.0, 0.0), 4.0, True),
        ((25.0, 0.0), 4.0, True),
        ((35.0, 0.0), 4.0, False),  # its ellipse touches the zone
        ((35.0, 0.0), 40.0, False),  # and lies over it
        ((0.0, 0.0), 60.0, False),  # it may be in the zone, but more likely is not
        ((60.0, 0.0), 4.0, False),
        ((10_000.0, 0.0), 4.0, False),
    ],
)
def test_at_least_half_of_where_it_may_be_must_be_inside(
    place: tuple[float, float], sigma_m: float, held: bool
) -> None:
    assert Zones([section()]).hold_back(hotspot(*place, sigma_m)) is held


@pytest.mark.parametrize("azimuth_deg", [90.0, 30.0, 130.0])
def test_the_ellipse_counts_as_it_lies(azimuth_deg: float) -> None:
    """A strip 20 m wide: an ellipse along it is inside, one across it is not."""
    along = np.array([math.sin(math.radians(azimuth_deg)), math.cos(math.radians(azimuth_deg))])
    across = np.array([along[1], -along[0]])
    corners = [a * 200 * along + b * 10 * across for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    zones = Zones([section(polygon=[lat_lon(*corner) for corner in corners])])
    inside, outside = (
        60**2 * np.outer(a, a) + 5**2 * np.outer(b, b) for a, b in ((along, across), (across, along))
    )
    assert zones.hold_back(hotspot(covariance_m2=inside.tolist()))
    assert not zones.hold_back(hotspot(covariance_m2=outside.tolist()))


def test_one_whose_bearing_alone_is_known_is_never_held_back() -> None:
    nowhere = hotspot(lat_deg=None, lon_deg=None, alt_amsl_m=None)
    nowhere = replace(nowhere, covariance_m2=None, method="bearing-only")
    assert not Zones([section(900.0)]).hold_back(nowhere)


def test_the_hole_of_a_bent_zone_is_outside() -> None:
    bent = [(-60, -60), (60, -60), (60, 60), (40, 60), (40, -40), (-40, -40), (-40, 60), (-60, 60)]
    zones = Zones([section(polygon=[lat_lon(*corner) for corner in bent])])
    assert zones.hold_back(hotspot(50.0, 0.0, 3.0))
    assert not zones.hold_back(hotspot(0.0, 0.0, 3.0))


def test_a_fire_that_grows_out_of_its_zone_raises_the_alarm(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "edge.hotspots.zones")
    zones = Zones([section(30.0)])
    burns = hotspot(10.0, 0.0)
    assert zones.hold_back(burns, 80.0)
    assert zones.hold_back(burns, math.pi * 15**2)
    assert not zones.hold_back(burns, math.pi * 40**2)
    assert zones.suppressed == []
    assert "is in zone 'kiln 3' no more" in caplog.text


def test_smoke_may_drift_out_and_its_foot_may_not() -> None:
    zones = Zones([section(30.0)])
    assert zones.hold_back(hotspot(label="smoke"), math.pi * 80**2)
    assert not zones.hold_back(hotspot(60.0, label="smoke"))


def test_a_zone_holds_back_within_its_days_alone() -> None:
    zones = Zones([section(valid_from=date(2026, 7, 1), valid_until=date(2026, 7, 2))])
    day = datetime(2026, 7, 1, tzinfo=UTC)
    for hours, held in ((-0.01, False), (0, True), (47.99, True), (48, False)):
        assert zones.hold_back(hotspot(utc=day + timedelta(hours=hours))) is held


def test_a_time_counts_with_its_own_zone() -> None:
    china = timezone(timedelta(hours=8))
    zones = Zones([section(valid_until=datetime(2026, 7, 1, 18, 0, tzinfo=china))])
    assert zones.hold_back(hotspot(utc=datetime(2026, 7, 1, 9, 59, tzinfo=UTC)))
    assert not zones.hold_back(hotspot(utc=datetime(2026, 7, 1, 10, 0, tzinfo=UTC)))


def test_what_nobody_was_told_of_need_not_be_told_to_be_gone() -> None:
    zones = Zones([section()])
    assert zones.hold_back(hotspot())
    assert zones.hold_back(hotspot(state=HotspotState.LOST))
    assert len(zones.suppressed) == 1  # it was there, and stays in the list
    assert zones.hold_back(hotspot(500.0, state=HotspotState.LOST))


def test_the_list_is_bounded_and_the_latest_stay() -> None:
    zones = Zones([section()])
    for number in range(2 * MOST_SUPPRESSED):
        assert zones.hold_back(hotspot(number=number, utc=NOW + timedelta(seconds=number)))
    assert len(zones.suppressed) == MOST_SUPPRESSED
    assert zones.suppressed[0].hotspot_id == UUID(int=2 * MOST_SUPPRESSED - 1)
    assert zones.suppressed_ever == 2 * MOST_SUPPRESSED


def test_without_zones_nothing_is_held_back() -> None:
    assert not Zones([]).hold_back(hotspot())


@pytest.mark.parametrize(
    ("corners", "words"),
    [
        ([(0, 0), (60, 60), (60, 0), (0, 60)], "crosses itself"),
        ([(0, 0), (30, 30), (60, 60)], "on one line"),
        ([(0, 0), (3000, 0), (3000, 3000), (0, 3000)], "9.0 km²: at most 5 km²"),
        ([(0, 0), (12_000, 0), (12_000, 10)], "more than 10 km long"),
    ],
)
def test_a_zone_that_nobody_can_have_meant_is_refused(corners: list[tuple[float, float]], words: str) -> None:
    with pytest.raises(ZoneError, match=words):
        Zone(section(polygon=[lat_lon(*corner) for corner in corners]))
    assert Zone(section(math.sqrt(LARGEST_M2) / 2 - 1)).name == "kiln 3"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"valid_from": date(2026, 7, 2), "valid_until": date(2026, 7, 1)}, "before valid_from"),
        ({"reason": "permitted burn"}, "a permit ends"),
        ({"valid_until": NOW.replace(tzinfo=None)}, "needs its zone"),
        ({"reason": "because"}, "permitted burn"),
        ({"polygon": [(0.1, 0.1), (0.2, 0.2)]}, "at least 3"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(told: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        section(**told)


def test_config_check_names_the_line_of_a_bad_zone(tmp_path: Path) -> None:
    key = tmp_path / "drone.key"
    key.write_text("0" * 64 + "\n")
    key.chmod(0o600)
    file = tmp_path / "agent.toml"
    file.write_text(
        """[agent]
data_dir = "data"
[agent.drone]
id = "d1"
[agent.camera]
source = "photos"
[agent.uplink]
key_file = "drone.key"
[[agent.zones]]
name = "kiln 3"
reason = "kiln"
polygon = [[-35.3, 149.1], [-35.3, 149.101], [-35.301, 149.101], [-35.301, 149.1]]
[[agent.zones]]
name = "all of it"
reason = "quarry"
valid_until = 2026-12-31
polygon = [[-35.3, 149.1], [-35.3, 149.15], [-35.35, 149.15], [-35.35, 149.1]]
"""
    )
    with pytest.raises(ConfigError) as caught:
        check_config(file)
    (problem,) = caught.value.problems
    assert problem.startswith("line 17: zone 'all of it' covers")
