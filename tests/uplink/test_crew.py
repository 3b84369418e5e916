"""Crew links: somebody without an account sees one incident, for a while, and changes nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from uplink.messages import Alert

from .incident_makers import seen
from .makers import DRONE, KEY, NOON, as_json, auth, by_hash, eventually, make_jpeg
from .people import Clock, Station, deeds, station_with_people

pytestmark = pytest.mark.asyncio(loop_scope="module")
BEIJING = (39.911954, 116.377817)
HOST = "http://127.0.0.1"


class Scene:
    """A station with a fire that has a photo, and a pilot."""

    def __init__(self, station: Station, pia: httpx.AsyncClient, clock: Clock, monotonic: Clock) -> None:
        self.station = station
        self.pia = pia
        self.clock = clock
        self.monotonic = monotonic
        self.incident: dict[str, Any] = {}
        self.sha256 = ""

    async def burn(self) -> None:
        jpeg = make_jpeg(1)
        (self.sha256,) = by_hash(jpeg)
        picture = {
            "sha256": self.sha256,
            "size_bytes": len(jpeg),
            "width_px": 64,
            "height_px": 48,
            "captured_at": NOON,
            "box_px": (1.0, 2.0, 3.0, 4.0),
        }
        await self.put(seen(0, 0, number=1, drone_id=DRONE, evidence=[picture], at=BEIJING, probability=0.87))
        headers = {**auth(KEY), "Content-Type": "image/jpeg"}
        (await self.pia.put(f"/media/{self.sha256}", content=jpeg, headers=headers)).raise_for_status()
        [self.incident] = (await self.pia.get("/incidents")).json()

    async def put(self, *alerts: Alert) -> None:
        for alert in alerts:
            sent = await self.pia.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth(KEY))
            assert sent.status_code == 200, sent.text

    async def make(self, **wanted: Any) -> dict[str, Any]:
        answer = await self.pia.post(f"/incidents/{self.incident['id']}/crew-links", json=wanted)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def ask(self, path: str, address: str = "10.0.0.7") -> httpx.Response:
        crew = await self.station.nobody(address)
        return await crew.get(f"{HOST}/{path}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    clock, monotonic = Clock(), Clock()
    clock.s = NOON.timestamp() + 60
    folder = tmp_path_factory.mktemp("crew")
    async with station_with_people(folder, clock=clock, monotonic=monotonic) as station:
        made = Scene(station, await station.person("Pia"), clock, monotonic)
        await made.burn()
        yield made


async def test_who_has_the_link_sees_where_how_sure_and_the_photo_without_an_account(scene: Scene) -> None:
    link = await scene.make()
    assert "path" in link
    seen_there = (await scene.ask(f"{link['path']}/now")).json()
    assert (seen_there["label"], seen_there["state"], seen_there["probability"]) == ("fire", "new", 0.87)
    assert seen_there["position"]["lat_deg"] == pytest.approx(BEIJING[0])
    assert seen_there["gcj02"]["lat_deg"] == pytest.approx(39.9133, abs=1e-3)
    assert seen_there["gcj02"]["datum"] == "GCJ02"
    assert seen_there["ellipse"]["semi_major_m"] > 5
    assert [photo["sha256"] for photo in seen_there["photos"]] == [scene.sha256]

    async def is_there() -> bool:
        return (await scene.ask(f"{link['path']}/photos/{scene.sha256}")).status_code == 200

    await eventually(is_there)
    assert (await scene.ask(f"{link['path']}/photos/{'0' * 64}")).status_code == 404
    page = await scene.ask(link["path"])
    assert "default-src 'none'; script-src 'self'" in page.headers["Content-Security-Policy"]
    who = {deed[:2] for deed in await deeds(scene.station)}
    assert {("Pia", "crew_link.made"), ("crew", "crew_link.opened")} <= who
    assert (f"crew link {link['id']}", "media.seen", scene.sha256) in await deeds(scene.station)


async def test_a_link_opens_nothing_else_and_does_not_stand_in_any_list(scene: Scene) -> None:
    link = await scene.make()
    secret = link["path"].removeprefix("crew/")
    crew = await scene.station.nobody("10.0.0.8")
    for path in ("/snapshot", "/incidents", f"/media/{scene.sha256}"):
        assert (await crew.get(path, headers={"Authorization": f"Bearer {secret}"})).status_code == 401
    listed = await scene.pia.get(f"/incidents/{scene.incident['id']}/crew-links")
    assert link["id"] in {one["id"] for one in listed.json()}
    assert secret not in listed.text
    assert secret not in str(
        [entry.model_dump() for entry in await scene.station.services.store.audit.newest(500)]
    )


async def test_a_link_ends_by_itself_and_when_it_is_taken_back(scene: Scene) -> None:
    short, taken = await scene.make(hours=0.5), await scene.make()
    assert (await scene.pia.delete(f"/crew-links/{taken['id']}")).status_code == 204
    assert (await scene.pia.delete(f"/crew-links/{taken['id']}")).status_code == 404
    assert (await scene.ask(f"{taken['path']}/now")).status_code == 404
    assert (await scene.ask(f"{short['path']}/now")).status_code == 200
    scene.clock.s += 1801
    assert (await scene.ask(f"{short['path']}/now")).status_code == 404
    listed = (await scene.pia.get(f"/incidents/{scene.incident['id']}/crew-links")).json()
    assert not {short["id"], taken["id"]} & {one["id"] for one in listed}
    assert ("Pia", "crew_link.revoked", taken["id"]) in await deeds(scene.station)


@pytest.mark.parametrize("hours", [0, -1, 5e-324, 72.5, "long"])
async def test_no_link_is_made_for_good(scene: Scene, hours: Any) -> None:
    answer = await scene.pia.post(f"/incidents/{scene.incident['id']}/crew-links", json={"hours": hours})
    assert answer.status_code == 422


async def test_guessing_is_slow_from_one_address_and_nobody_else_is_kept_out_by_it(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    link = await scene.make()
    caplog.set_level(logging.WARNING)
    statuses = [(await scene.ask(f"crew/guess-{n}/now", "10.9.9.9")).status_code for n in range(22)]
    assert statuses == [404] * 20 + [429] * 2
    assert "refused with 429" in caplog.text
    assert "guess-" not in caplog.text
    assert (await scene.ask(f"{link['path']}/now")).status_code == 200
    scene.monotonic.s += 10
    assert (await scene.ask(f"{link['path']}/now", "10.9.9.9")).status_code == 200


async def test_a_link_that_everybody_has_does_not_slow_the_station_down(scene: Scene) -> None:
    link = await scene.make()
    statuses = [(await scene.ask(f"{link['path']}/now", f"10.1.0.{n}")).status_code for n in range(125)]
    assert set(statuses[:120]) == {200}
    assert set(statuses[-5:]) == {429}


async def test_a_link_follows_its_incident_into_another_one(scene: Scene) -> None:
    await scene.put(seen(5000, 0, number=50, drone_id=DRONE, at=BEIJING, minutes=5))
    [other] = [one for one in (await scene.pia.get("/incidents")).json() if one["id"] != scene.incident["id"]]
    answer = await scene.pia.post(f"/incidents/{other['id']}/crew-links", json={})
    merged = await scene.pia.post(
        f"/incidents/{scene.incident['id']}/merge",
        json={"incident_ids": [other["id"]], "reason": "one front"},
        headers={"If-Match": "*"},
    )
    assert merged.status_code == 200, merged.text
    there = await scene.ask(f"{answer.json()['path']}/now")
    assert there.json()["first_seen_at"] == merged.json()["first_seen_at"]
    listed = await scene.pia.get(f"/incidents/{merged.json()['id']}/crew-links")
    assert answer.json()["id"] in {one["id"] for one in listed.json()}
