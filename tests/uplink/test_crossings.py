"""Alerts that know only a direction are joined at the station, by capture time and in any order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from pyproj import Geod
from websockets.asyncio.client import connect

from uplink.messages import Alert, AlertState, Position
from uplink.station.crossings import Crossings, crossings_of
from uplink.station.server import running

from .listener import Listener
from .makers import KEY, OTHER_KEY, as_json, auth, make_alert, make_config

GEOD = Geod(ellps="WGS84")
FIRE, OTHER_FIRE = (47.05, 8.3), (47.06, 8.31)
WEST, SOUTH, EAST = (47.05, 8.28), (47.03, 8.3), (47.045, 8.33)


def sighted(
    camera: tuple[float, float],
    fire: tuple[float, float],
    drone_id: str,
    *,
    label: str = "smoke",
    minutes: float = 0.0,
    revision: int = 1,
    of: Alert | None = None,
) -> Alert:
    """A camera that sees a fire and does not know how far off it is."""
    bearing_deg, _, _ = GEOD.inv(camera[1], camera[0], fire[1], fire[0])
    alert = of or make_alert(minutes=minutes, drone_id=drone_id)
    return Alert.model_validate(
        {
            **alert.model_dump(),
            "revision": revision,
            "drone_id": drone_id,
            "label": label,
            "position": None,
            "ellipse": None,
            "method": "bearing-only",
            "observer": Position(lat_deg=camera[0], lon_deg=camera[1]),
            "bearing_deg": bearing_deg % 360,
            "bearing_sigma_deg": 0.5,
        }
    )


def away_m(place: Position, fire: tuple[float, float]) -> float:
    return float(GEOD.inv(place.lon_deg, place.lat_deg, fire[1], fire[0])[2])


def test_two_cameras_that_see_one_smoke_know_where_it_is() -> None:
    alerts = [sighted(WEST, FIRE, "a"), sighted(SOUTH, FIRE, "b", label="fire")]
    [found] = crossings_of(alerts)
    assert away_m(found.position, FIRE) < 2.0
    assert set(found.alert_ids) == {alert.id for alert in alerts}
    assert (found.label, found.ambiguous) == ("fire", False)
    assert 5.0 < found.ellipse.semi_major_m < 100.0


def test_the_order_of_arrival_changes_nothing() -> None:
    alerts = [sighted(WEST, FIRE, "a"), sighted(SOUTH, FIRE, "b"), sighted(EAST, FIRE, "c")]
    answers = {str(crossings_of(list(order))) for order in itertools.permutations(alerts)}
    assert len(answers) == 1


def test_two_alerts_of_one_camera_are_two_things() -> None:
    assert crossings_of([sighted(WEST, FIRE, "a"), sighted(SOUTH, FIRE, "a")]) == []


def test_what_was_seen_at_another_time_is_another_thing() -> None:
    assert crossings_of([sighted(WEST, FIRE, "a"), sighted(SOUTH, FIRE, "b", minutes=45.0)]) == []
    assert len(crossings_of([sighted(WEST, FIRE, "a"), sighted(SOUTH, FIRE, "b", minutes=5.0)])) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"state": AlertState.LOST},
        {"bearing_sigma_deg": None},
        {"observer": None},
        {"position": Position(lat_deg=47.0, lon_deg=8.0), "method": "dem"},
    ],
)
def test_an_alert_that_is_over_or_placed_or_says_no_bearing_is_left_out(change: dict[str, object]) -> None:
    alerts = [sighted(WEST, FIRE, "a"), sighted(SOUTH, FIRE, "b").model_copy(update=change)]
    assert crossings_of(alerts) == []


def two_fires_from(cameras: Sequence[tuple[tuple[float, float], str]]) -> list[Alert]:
    return [sighted(at, fire, name) for at, name in cameras for fire in (FIRE, OTHER_FIRE)]


def test_two_cameras_that_see_two_fires_each_do_not_know_which_crossing_is_which() -> None:
    found = crossings_of(two_fires_from([(WEST, "a"), (SOUTH, "b")]))
    assert len(found) >= 3
    assert all(crossing.ambiguous for crossing in found)


def test_a_third_camera_decides() -> None:
    found = crossings_of(two_fires_from([(WEST, "a"), (SOUTH, "b"), (EAST, "c")]))
    assert [len(crossing.alert_ids) for crossing in found] == [3, 3]
    assert not any(crossing.ambiguous for crossing in found)
    for fire in (FIRE, OTHER_FIRE):
        assert min(away_m(crossing.position, fire) for crossing in found) < 5.0


def test_a_crossing_goes_when_one_of_its_alerts_gets_a_position_of_its_own() -> None:
    first, second = sighted(WEST, FIRE, "a"), sighted(SOUTH, FIRE, "b")
    crossings = Crossings([first])
    assert crossings.take(second)
    assert len(crossings.now) == 1
    placed = second.model_copy(update={"position": Position(lat_deg=47.05, lon_deg=8.3), "revision": 2})
    assert crossings.take(placed)
    assert crossings.now == []
    assert not crossings.take(placed.model_copy(update={"revision": 3}))


async def put_both(http: httpx.AsyncClient) -> list[Alert]:
    alerts = [sighted(WEST, FIRE, "ember-1"), sighted(SOUTH, FIRE, "ember-2")]
    for alert, key in zip(alerts, (KEY, OTHER_KEY), strict=True):
        answer = await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth(key))
        answer.raise_for_status()
    return alerts


async def test_the_station_tells_where_two_cameras_lines_of_sight_cross(served: httpx.AsyncClient) -> None:
    url = str(served.base_url).replace("http://", "ws://") + "live"
    async with connect(url, proxy=None) as page:
        heard = Listener(page)
        assert (await heard.next())[1]["crossings"] == []
        alerts = await put_both(served)
        while (event := await heard.next())[0] != "crossings":
            pass
    [found] = (await served.get("/crossings")).json()
    assert set(found["alert_ids"]) == {str(alert.id) for alert in alerts}
    assert event[1] == {"crossings": [found]}
    assert (await served.get("/snapshot")).json()["crossings"] == [found]


async def test_a_station_that_starts_anew_knows_them_still(tmp_path: Path) -> None:
    answers = []
    for is_first in (True, False):
        async with (
            running(make_config(tmp_path)) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
        ):
            if is_first:
                await put_both(http)
            answers.append((await http.get("/crossings")).json())
    assert len(answers[0]) == 1
    assert answers[0] == answers[1]
