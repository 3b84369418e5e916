"""GCJ-02 for who asks for it: as others reckon it, there and back, and never without its name."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from uplink.gcj02 import in_china, in_datum, is_wgs84, to_gcj02, to_wgs84
from uplink.messages import Alert, Position
from uplink.station.store.store import Store
from uplink.station.webhooks.endpoints import load_endpoints

from .drone import linked
from .makers import HOME, as_json, auth, make_alert, make_config, make_state

# WGS 84 and GCJ-02, latitude and longitude: the first three are of googollee/eviltransform (python/test.py),
# the fourth of wandergis/coordtransform (test/app.js).
PUBLISHED = {
    "Shanghai": ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    "Shenzhen": ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    "Beijing": ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
    "Tian'anmen": ((39.915, 116.404), (39.91640428150164, 116.41024449916938)),
}
BEIJING = Position(lat_deg=39.911954, lon_deg=116.377817, alt_amsl_m=50.0)


def apart_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    north_m = (a[0] - b[0]) * 111_200
    return math.hypot(north_m, (a[1] - b[1]) * 111_200 * math.cos(math.radians(a[0])))


def alert_in_beijing() -> Alert:
    alert = make_alert()
    pose: dict[str, Any] = {
        "at": alert.confirmed_at, "time_source": "gnss", "position": BEIJING, "azimuth_deg": 10.0,
        "elevation_deg": -45.0, "roll_deg": 0.0, "horizontal_sigma_m": 1.5, "vertical_sigma_m": 2.5,
        "attitude_sigma_deg": 0.5, "heading_sigma_deg": 2.0, "gimbal_sigma_deg": 0.5, "time_sigma_s": 0.02,
        "camera": "generic", "hfov_deg": 78.0,
    }  # fmt: skip
    picture = {
        "kind": "ground view", "sha256": "1" * 64, "size_bytes": 9, "width_px": 256, "height_px": 256,
        "captured_at": alert.confirmed_at, "ground": {"centre": BEIJING, "metres_per_px": 0.25},
    }  # fmt: skip
    return Alert.model_validate(
        {**alert.model_dump(), "position": BEIJING, "observer": BEIJING, "pose": pose, "evidence": [picture]}
    )


@pytest.mark.parametrize("city", PUBLISHED)
def test_it_agrees_with_pairs_that_others_have_published(city: str) -> None:
    wgs84, gcj02 = PUBLISHED[city]
    assert apart_m(to_gcj02(*wgs84), gcj02) < 0.01
    assert apart_m(to_wgs84(*gcj02), wgs84) < 0.01
    assert 300 < apart_m(wgs84, gcj02) < 900


def test_there_and_back_is_the_same_place_all_over_china() -> None:
    rng = random.Random(3)
    for _ in range(2000):
        place = rng.uniform(18.0, 53.5), rng.uniform(73.5, 134.8)
        assert apart_m(to_wgs84(*to_gcj02(*place)), place) < 0.001


@pytest.mark.parametrize("place", [(-35.363262, 149.165237), (48.2, 16.37), (0.5, 110.0), (60.0, 110.0)])
def test_outside_china_nothing_is_shifted_and_the_name_stays(place: tuple[float, float]) -> None:
    assert not in_china(*place)
    assert to_gcj02(*place) == to_wgs84(*place) == place
    alert = make_alert().model_copy(update={"position": Position(lat_deg=place[0], lon_deg=place[1])})
    assert in_datum(alert, "gcj02") == alert


def test_every_position_of_an_alert_is_shifted_and_says_so() -> None:
    alert = alert_in_beijing()
    shifted = in_datum(alert, "gcj02")
    assert shifted.pose is not None
    assert shifted.evidence[0].ground is not None
    places = [shifted.position, shifted.observer, shifted.pose.position, shifted.evidence[0].ground.centre]
    gcj02 = to_gcj02(BEIJING.lat_deg, BEIJING.lon_deg)
    expected = Position(lat_deg=gcj02[0], lon_deg=gcj02[1], alt_amsl_m=50.0, datum="GCJ02")
    assert places == [expected] * 4
    assert json.dumps(as_json(shifted)).count('"GCJ02"') == json.dumps(as_json(alert)).count('"WGS84"') == 4
    assert (shifted.ellipse, shifted.covariance_m2) == (alert.ellipse, alert.covariance_m2)


def test_what_is_shifted_already_is_not_shifted_again() -> None:
    once = in_datum(alert_in_beijing(), "gcj02")
    assert in_datum(once, "gcj02") == once
    assert not is_wgs84(once)


async def test_readers_get_the_datum_that_they_ask_for_and_the_store_keeps_wgs84(
    station: httpx.AsyncClient,
) -> None:
    alert = alert_in_beijing()
    await station.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
    shifted = as_json(in_datum(alert, "gcj02"))
    for path, ask in ((f"/alerts/{alert.id}", None), ("/alerts", 0)):
        plain, asked = [(await station.get(path, params=p)).json() for p in ({}, {"datum": "gcj02"})]
        plain, asked = (plain, asked) if ask is None else (plain[ask], asked[ask])
        assert plain["position"] == as_json(alert)["position"]
        assert asked["position"] == shifted["position"]
        assert asked["position"]["datum"] == "GCJ02"
    assert (await station.get("/alerts", params={"datum": "bd09"})).status_code == 422


async def test_a_drone_that_sends_another_datum_is_refused(station: httpx.AsyncClient) -> None:
    alert = in_datum(alert_in_beijing(), "gcj02")
    answer = await station.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
    assert answer.status_code == 422
    assert "WGS 84" in answer.json()["detail"]
    state = make_state().model_copy(update={"position": HOME.model_copy(update={"datum": "GCJ02"})})
    async with linked(station) as drone:
        await drone.say(state)
        assert "WGS 84" in drone.refused


async def test_a_webhook_is_told_in_the_datum_of_its_configuration(tmp_path: Path) -> None:
    config = make_config(tmp_path, webhook_urls=("http://a.example/", "http://b.example/"))
    chinese = config.webhooks[1].model_copy(update={"datum": "gcj02"})
    endpoints = load_endpoints([config.webhooks[0], chinese])
    alert = alert_in_beijing()
    store = Store(config.data_dir)
    try:
        names = [endpoint.name for endpoint in endpoints]
        await store.alerts.put(alert, now_s=0.0, endpoints=names)
        take = store.delivery_queue.take
        bodies = [(await take(name.id, now_s=1.0, lease_s=9.0, limit=1))[0].body for name in names]
    finally:
        store.close()
    told = [json.loads(body)["data"]["position"]["datum"] for body in bodies]
    assert told == ["WGS84", "GCJ02"]
