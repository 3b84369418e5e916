"""What admins do from the page: people and their sessions, what is kept, backups, the audit log."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from uplink.station.access import TOKENS_SAVED_EVERY_S
from uplink.station.backup import check_backup
from uplink.station.people import Role

from .drone import state_of
from .makers import DRONE, auth, make_picture, sha256_of
from .people import Clock, Station, deeds, password_of, sign_in, station_with_people

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Desk:
    """One station, and whoever sits at it."""

    def __init__(self, station: Station, ada: httpx.AsyncClient, clock: Clock, monotonic: Clock) -> None:
        self.station = station
        self.ada = ada
        self.clock = clock
        self.monotonic = monotonic

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.ada.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Station, Clock, Clock]]:
    clock, monotonic = Clock(), Clock()
    folder = tmp_path_factory.mktemp("desk")
    async with station_with_people(folder, clock=clock, monotonic=monotonic) as station:
        yield station, clock, monotonic


@pytest_asyncio.fixture(loop_scope="module")
async def desk(house: tuple[Station, Clock, Clock]) -> Desk:
    station, clock, monotonic = house
    await station.clear()
    return Desk(station, await station.person("Ada"), clock, monotonic)


async def test_who_is_disabled_is_signed_out_and_stays_out_until_somebody_lets_them_in_again(
    desk: Desk,
) -> None:
    pia = await desk.station.person("Pia")
    assert (await desk.ada.patch("/users/Pia", json={"disabled": True})).status_code == 204
    assert (await pia.get("/alerts")).status_code == 401
    refused = await sign_in(pia, "Pia")
    assert (refused.status_code, "is disabled" in refused.json()["detail"]) == (403, True)
    assert (await sign_in(pia, "Pia", "a wrong password")).status_code == 401, "guessers learn nothing"
    assert [one["disabled"] for one in await desk.get("/users")] == [False, True, False]
    await desk.ada.patch("/users/Pia", json={"disabled": True})
    await desk.ada.patch("/users/Pia", json={"disabled": False})
    assert (await sign_in(pia, "Pia")).status_code == 200
    assert [what for _, what, about in await deeds(desk.station) if about == "Pia"][-6:] == [
        "session.begun",
        "user.disabled",
        "session.refused",
        "session.refused",
        "user.enabled",
        "session.begun",
    ]


async def test_the_last_admin_who_may_sign_in_cannot_be_disabled(desk: Desk) -> None:
    await desk.station.services.access.add_user("Bea", Role.ADMIN, "a long password", by="a test")
    assert (await desk.ada.patch("/users/Bea", json={"disabled": True})).status_code == 204
    for request in (
        desk.ada.patch("/users/Ada", json={"disabled": True}),
        desk.ada.patch("/users/Ada", json={"role": "pilot"}),
        desk.ada.delete("/users/Ada"),
    ):
        assert (await request).status_code == 409
    assert (await desk.ada.get("/users")).status_code == 200


async def test_a_password_is_reset_to_one_that_is_shown_once(desk: Desk) -> None:
    vera = await desk.station.person("Vera")
    answer = await desk.ada.post("/users/Vera/password")
    password = answer.json()["password"]
    assert len(password) >= 20
    assert (await vera.get("/alerts")).status_code == 401
    assert (await sign_in(vera, "Vera")).status_code == 401
    assert (await sign_in(vera, "Vera", password)).status_code == 200
    assert password not in json.dumps(await desk.get("/audit", limit=500))


async def test_the_sessions_of_a_user_are_listed_and_ended_one_by_one_or_all(desk: Desk) -> None:
    phone = await desk.station.nobody("10.0.0.7")
    phone.headers["User-Agent"] = "A phone/1.0"
    desk.clock.s += 60
    await sign_in(phone, "Pia")
    laptop = await desk.station.person("Pia")
    listed = await desk.get("/users/Pia/sessions")
    assert {(one["address"], one["current"]) for one in listed} == {("10.0.0.7", False), ("127.0.0.1", False)}
    [of_phone] = [one for one in listed if one["address"] == "10.0.0.7"]
    assert of_phone["browser"] == "A phone/1.0"
    assert [one["current"] for one in await desk.get("/users/Ada/sessions")] == [True]
    [pia] = [one for one in await desk.get("/users") if one["name"] == "Pia"]
    assert pia["sessions"] == 2
    assert (await desk.ada.delete(f"/users/Vera/sessions/{of_phone['id']}")).status_code == 404
    assert (await desk.ada.delete(f"/users/Pia/sessions/{of_phone['id']}")).status_code == 204
    assert [(await one.get("/alerts")).status_code for one in (phone, laptop)] == [401, 200]
    assert (await desk.ada.delete("/users/Pia/sessions")).status_code == 204
    assert (await laptop.get("/alerts")).status_code == 401
    assert await desk.get("/users/Pia/sessions") == []
    assert (await desk.ada.get("/users/Zoe/sessions")).status_code == 404


async def test_it_is_known_when_a_token_was_last_shown(desk: Desk) -> None:
    token = (await desk.ada.post("/tokens", json={"name": "gis", "role": "viewer"})).json()["token"]
    assert (await desk.get("/tokens"))[0]["used_at"] is None
    http = await desk.station.nobody()
    assert (await http.get("/alerts", headers=auth(token))).status_code == 200
    shown_at = (await desk.get("/tokens"))[0]["used_at"]
    assert shown_at is not None
    desk.monotonic.s += TOKENS_SAVED_EVERY_S
    await desk.station.services.access.save()
    await desk.station.services.access.reload()
    assert (await desk.get("/tokens"))[0]["used_at"] == shown_at, "also after a restart"


async def test_a_drones_key_stands_with_when_it_was_heard_and_what_it_runs(desk: Desk) -> None:
    [before] = [one for one in await desk.get("/drone-keys") if one["drone_id"] == DRONE]
    assert (before["heard_at"], before["agent"], before["name"]) == (None, "", "")
    services = desk.station.services
    state = state_of().model_copy(update={"agent": "1.2.3", "firmware": "ArduCopter 4.6", "name": "Kite"})
    services.fleet.put_state(state, services.control.now_s(), services.clock())
    [after] = [one for one in await desk.get("/drone-keys") if one["drone_id"] == DRONE]
    assert (after["agent"], after["firmware"], after["name"]) == ("1.2.3", "ArduCopter 4.6", "Kite")
    assert after["heard_at"] is not None


async def test_what_a_policy_would_remove_is_told_before_and_goes_by_it_afterwards(desk: Desk) -> None:
    for name in ("one", "two"):
        picture = make_picture(name, size=1000)
        await desk.ada.put(
            f"/media/{sha256_of(picture)}", content=picture, headers={**auth(), "Content-Type": "image/jpeg"}
        )
    desk.clock.s += 5 * 86_400
    ada = desk.ada = await desk.station.person("Ada")
    state = await desk.get("/retention")
    assert (state["source"], state["policy"]["media_days"]) == ("configuration", 30.0)
    assert (state["use"]["pictures"], state["use"]["picture_bytes"] > 0) == (2, True)
    assert state["leaving"]["pictures"] == 0
    shorter = {"media_days": 4, "telemetry_days": 90, "deliveries_days": 90}
    foretold = (await ada.post("/retention/preview", json=shorter)).json()
    assert (foretold["pictures"], foretold["picture_bytes"]) == (2, state["use"]["picture_bytes"])
    assert (await desk.get("/retention"))["source"] == "configuration", "a preview changes nothing"
    assert (await ada.put("/retention", json={**shorter, "media_days": 0.5})).status_code == 422
    changed = (await ada.put("/retention", json=shorter)).json()
    assert (changed["source"], changed["policy"]) == ("station", {k: float(v) for k, v in shorter.items()})
    keeper = desk.station.services.retention
    assert await keeper.sweep() == {"media": foretold["pictures"]}
    assert (await desk.get("/retention"))["use"]["pictures"] == 0
    await keeper.start()
    assert keeper.policy.media_days == 4, "it holds over a restart"
    back = (await ada.delete("/retention")).json()
    assert (back["source"], back["policy"]["media_days"]) == ("configuration", 30.0)
    [set_here, *_] = await desk.get("/audit", what="retention.changed", until="2001-01-01T00:00:00Z")
    assert set_here["detail"]["after"] is None


async def test_the_audit_log_is_filtered_verified_and_taken_as_a_table(desk: Desk) -> None:
    await desk.ada.post("/users", json={"name": "=1+1", "role": "viewer", "password": "a long password"})
    await desk.ada.delete("/users/=1+1")
    about = await desk.get("/audit", about="=1+1")
    assert [one["what"] for one in about] == ["user.removed", "user.added"]
    assert [one["number"] for one in await desk.get("/audit", what="user.*", about="=1+1", who="Ada")] == [
        one["number"] for one in about
    ]
    assert await desk.get("/audit", who="Pia", about="=1+1") == []
    assert await desk.get("/audit", about="=1+1", before=about[0]["number"]) == about[1:]
    assert await desk.get("/audit", since="2100-01-01T00:00:00Z") == []
    assert (await desk.ada.get("/audit", params={"what": "user"})).status_code == 422
    check = await desk.get("/audit/verify")
    newest = (await desk.get("/audit", limit=1))[0]
    assert check == {
        "whole": True,
        "first_break": None,
        "lines": newest["number"],
        "hash": newest["hash"],
    }
    table = await desk.ada.get("/audit/export", params={"about": "=1+1"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [(row["what"], row["about"]) for row in rows] == [
        ("user.removed", "'=1+1"),
        ("user.added", "'=1+1"),
    ], "no cell is a formula"
    assert (await desk.get("/audit", limit=1))[0]["what"] == "audit.exported"


async def test_a_backup_is_made_from_the_page_and_is_one(desk: Desk) -> None:
    backups = desk.station.services.backups
    assert (await desk.get("/backups"))["backups"] == []
    begun = await desk.ada.post("/backups")
    assert begun.status_code == 202
    assert (await desk.ada.post("/backups")).status_code == 409, "one at a time"
    await backups.finish()
    state = await desk.get("/backups")
    [made] = state["backups"]
    assert (state["making"], state["failure"], state["same_disk"]) == (None, "", True)
    check_backup(Path(state["folder"]) / made["name"], lambda *_: None)
    assert (await desk.get("/audit", what="backup.made"))[0]["who"] == "Ada"
    assert (await desk.get("/system"))["last_backup_at"] == made["made_at"]
    again = await desk.ada.post("/backups")
    assert again.status_code == 202
    await backups.finish()
    assert "is there already" in (await desk.get("/backups"))["failure"], (
        "the clock of this story stands still"
    )


async def test_the_system_is_told_in_words(desk: Desk) -> None:
    state = await desk.get("/system")
    assert state["health"]["status"] in ("ok", "degraded")
    assert state["deliveries_waiting"] == 0
    assert state["free_bytes"] > 0
    assert state["commit_ms"] > 0
    assert await asyncio.wait_for(desk.get("/healthz"), 5) == state["health"]


async def test_passwords_are_never_shown_again(desk: Desk) -> None:
    said = json.dumps([await desk.get(path, limit=500) for path in ("/users", "/tokens", "/audit")])
    assert password_of("Ada") not in said
    assert "argon2" not in said
