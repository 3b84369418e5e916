"""Camera to webhook in real processes, with the shipped weights; and what is seen when a link is cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge.demo.verdict import FireVerdict, TrueFire, judge
from tests.chain import Chain, look_at_less, nearest_fire, seconds_between
from uplink.messages import Alert
from uplink.outbox import Outbox

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SEED = 11
TIMEOUT_S = 90.0
BLIND_S = 20.0
MOST_ERROR_M = 25.0
MOST_ELLIPSE_M = 100.0


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = Chain.lay_out(tmp_path, SEED)
    yield chain
    chain.sink.close()


@pytest.fixture
def cut(chain: Chain) -> Chain:
    """Where a link is to be cut: looking at less is enough."""
    look_at_less(chain.site, frames_per_s=3)
    return chain


def alerts_of(snapshot: dict[str, Any]) -> list[Alert]:
    return [
        Alert.model_validate({k: v for k, v in alert.items() if k in Alert.model_fields})
        for alert in snapshot["alerts"]
    ]


def test_a_fire_is_found_placed_and_told(chain: Chain) -> None:
    world = chain.site.world
    where = nearest_fire(world)
    (fire,) = [fire for fire in world.fires if (fire.east_m, fire.north_m) == where]
    truth = TrueFire(fire.id, fire.lat_deg, fire.lon_deg, visible_s=None)

    def verdict_on(snapshot: dict[str, Any]) -> FireVerdict:
        told = {delivery.alert.id: delivery.received_s for delivery in chain.sink.deliveries}
        return judge([truth], alerts_of(snapshot), told).fires[0]

    verdict = verdict_on(chain.fly(lambda snapshot: verdict_on(snapshot).passed, TIMEOUT_S))
    assert verdict.passed, verdict
    assert verdict.alert is not None
    assert verdict.alert.ellipse is not None
    # Not only honest, but good: an ellipse that holds everything would be honest, too.
    assert verdict.error_m is not None
    assert verdict.error_m < MOST_ERROR_M
    assert verdict.alert.ellipse.semi_major_m < MOST_ELLIPSE_M
    assert verdict.alert.method == "dem"
    assert verdict.alert.time_source == "gnss"
    assert verdict.alert.evidence
    assert chain.sink.refused == 0


def test_cut_between_world_and_camera_the_agent_is_blind_and_stays_on_the_ground(cut: Chain) -> None:
    def blind_for_long(snapshot: dict[str, Any]) -> bool:
        # Every agent starts blind; one whose camera works sees within a few seconds.
        return any(
            drone["blind_since"] and seconds_between(drone["blind_since"], drone["at"]) > BLIND_S
            for drone in snapshot["drones"]
        )

    snapshot = cut.fly(blind_for_long, TIMEOUT_S, camera_hears=False)
    (drone,) = snapshot["drones"]
    assert (drone["seeing"], drone["blind_reason"]) == ("blind", "no frame has been looked at yet")
    assert seconds_between(drone["blind_since"], drone["at"]) > BLIND_S
    assert drone["armed"] is False
    assert (snapshot["alerts"], cut.sink.deliveries) == ([], [])


@pytest.mark.slow
def test_cut_between_drone_and_station_the_alert_waits_on_the_drone(cut: Chain) -> None:
    (cut.site.folder / "other.key").write_text(
        "a key that the station does not know".replace(" ", "-") + "\n"
    )
    station_url = cut.site.station_url
    cut.change_config(
        f'station_url = "{station_url}"\nkey_file = "drone.key"',
        f'station_url = "{station_url}"\nkey_file = "other.key"',
    )
    outbox_file = cut.site.folder / "agent" / "outbox.db"

    def alert_is_kept(_: dict[str, Any]) -> bool:
        return (
            b'"state":"confirmed"' in outbox_file.read_bytes() + wal_of(outbox_file)
            if outbox_file.exists()
            else False
        )

    snapshot = cut.fly(alert_is_kept, TIMEOUT_S)
    assert (snapshot["drones"], snapshot["alerts"], cut.sink.deliveries) == ([], [], [])
    with Outbox(outbox_file) as outbox:
        assert outbox.waiting() >= 1
        assert outbox.refused().count == 0


def test_cut_between_station_and_incident_system_the_event_is_not_called_delivered(cut: Chain) -> None:
    (cut.site.folder / "webhook.secret").write_text("whsec_" + "A" * 32 + "\n")

    def was_refused(_: dict[str, Any]) -> bool:
        states = deliveries_of(cut)
        # An attempt counts from its beginning; what came of it is known a moment later.
        return bool(states) and all(state["last_status"] is not None for state in states)

    cut.fly(was_refused, TIMEOUT_S)
    assert cut.sink.refused > 0
    assert cut.sink.deliveries == []
    assert {(state["state"], state["last_status"]) for state in cut.last_deliveries} == {("waiting", 400)}


def deliveries_of(chain: Chain) -> list[dict[str, Any]]:
    """As the station tells them, while it runs."""
    try:
        answer = httpx.get(f"{chain.site.station_url}/api/v1/deliveries").raise_for_status()
    except httpx.TransportError:
        return []
    chain.last_deliveries = answer.json()
    return chain.last_deliveries


def wal_of(file: Path) -> bytes:
    wal = file.with_name(file.name + "-wal")
    return wal.read_bytes() if wal.exists() else b""
