"""The measure of how late pages hear of drones measures what it says, in small."""

from __future__ import annotations

import pytest

from tests.benchmarks.fan_out import Scale, at, measure


@pytest.mark.slow
def test_every_state_that_a_drone_says_is_read_by_every_page_and_none_goes_back() -> None:
    scale = Scale(drones=3, pages=2, states_per_s=4.0)
    heard = measure(2.0, scale, warm_up_s=0.0)
    most = 2 * 4 * 3
    assert 0 < heard.said <= most
    assert heard.states <= most * scale.pages
    assert heard.states >= scale.drones * scale.pages, "of each drone the newest, to each page"
    assert (heard.went_back, heard.not_the_last) == (0, 0)
    assert heard.slow_late
    assert min(heard.late) >= 0
    assert min(heard.memory_kb) > 10_000
    assert heard.station_cores > 0


@pytest.mark.parametrize(("share", "late_ms"), [(0.0, 1), (0.5, 1), (0.51, 2), (0.95, 70), (1.0, 70)])
def test_the_milliseconds_within_which_a_share_came(share: float, late_ms: int) -> None:
    assert at({70: 10, 1: 50, 2: 40}, share) == late_ms
