"""A real clip of a burning street, a hovering drone: one fire, one alert, not thirty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.demo.site import home_of
from flight.plans.items import return_to_launch, takeoff, waypoint
from flight.plans.qgc import Plan, write_plan
from tests.chain import Chain, fence_around, seconds_between

CLIP = Path(__file__).resolve().parents[2] / "shared" / "data" / "clips" / "street_fire.mp4"
SEEN_FOR_S = 20.0
HEIGHT_M = 25.0

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not CLIP.exists(), reason="needs ../shared/data/clips/street_fire.mp4"),
]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = Chain.lay_out(tmp_path, seed=3)
    home = home_of(chain.site.world)
    hover = [
        takeoff(HEIGHT_M),
        waypoint(home.lat_deg, home.lon_deg, HEIGHT_M, hold_s=600.0),
        return_to_launch(),
    ]
    plan = Plan.build("hover", home, hover, fence=fence_around(chain.site.world))
    write_plan(tmp_path / "patrol.plan", plan)
    profile = tmp_path / "street.toml"
    facts = 'name = "that camera"\nsource = "a guess"\nwidth_px = 854\nheight_px = 480\nhfov_deg = 70.0\n'
    profile.write_text(facts)
    virtual = 'source = "virtual"\nprofile = "virtual_78"'
    chain.change_config(virtual, f'source = "{CLIP}"\nloop = true\nprofile = "{profile}"')
    yield chain
    chain.sink.close()


def test_a_burning_street_raises_one_alert_and_a_verified_webhook(chain: Chain) -> None:
    """Half a minute of the same street, over and over: the second look at a fire is no second fire."""

    def watched_long_enough(snapshot: dict[str, Any]) -> bool:
        return any(
            alert["label"] == "fire"
            and seconds_between(alert["first_seen_at"], alert["last_seen_at"]) > SEEN_FOR_S
            for alert in snapshot["alerts"]
        )

    snapshot = chain.fly(watched_long_enough, timeout_s=90.0)
    fires = [alert for alert in snapshot["alerts"] if alert["label"] == "fire"]
    assert len(fires) == 1
    assert seconds_between(fires[0]["first_seen_at"], fires[0]["last_seen_at"]) > SEEN_FOR_S
    assert fires[0]["looks"] >= 10
    assert {str(delivery.alert.id) for delivery in chain.sink.deliveries} >= {fires[0]["id"]}
    assert chain.sink.refused == 0
