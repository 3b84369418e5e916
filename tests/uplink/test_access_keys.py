"""What programs and drones show instead of signing in, and how it is taken from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from uplink.station.store.beside import StoreBeside

from .makers import DRONE, KEY, OTHER_DRONE, OTHER_KEY, as_json, auth, eventually, make_config, make_state
from .people import Station, deeds, heard, station_with_people

STAND_DOWN = "/stand-down"

# Making an application takes longer than any of these stories: one for all of them, cleared in between.
pytestmark = pytest.mark.asyncio(loop_scope="module")


# --- programs -----------------------------------------------------------------------------------------


async def test_a_program_asks_with_a_token_until_it_is_taken_away(people: Station) -> None:
    ada, program = await people.person("Ada"), await people.nobody()
    made = await ada.post("/tokens", json={"name": "gis", "role": "viewer"})
    assert made.status_code == 201
    token = auth(made.json()["token"])
    assert (await ada.post("/tokens", json={"name": "GIS", "role": "pilot"})).status_code == 409
    assert (await program.get("/alerts", headers=token)).status_code == 200
    assert (await program.post(STAND_DOWN, headers=token)).status_code == 403
    assert (await program.get("/alerts", headers=auth("x" * 43))).status_code == 401
    (listed,) = (await ada.get("/tokens")).json()
    assert (listed["name"], listed["role"], listed["created_by"]) == ("gis", "viewer", "Ada")
    assert (await ada.delete("/tokens/gis")).status_code == 204
    assert (await program.get("/alerts", headers=token)).status_code == 401


async def test_a_program_that_may_order_needs_no_page_and_is_named_in_the_log(tmp_path: Path) -> None:
    async with station_with_people(tmp_path) as station:
        ada, program = await station.person("Ada"), await station.nobody()
        made = (await ada.post("/tokens", json={"name": "dispatch", "role": "pilot"})).json()
        given = await program.post(STAND_DOWN, headers=auth(made["token"]))
        assert {one["by"] for one in given.json()} == {"token dispatch"}
        change = {"old_password": "x", "new_password": "a long password"}
        answer = await program.put("/session/password", json=change, headers=auth(made["token"]))
        assert answer.status_code == 409, "a token has no password"


async def test_a_drones_key_is_no_token_and_a_token_no_drones_key(people: Station) -> None:
    ada, other = await people.person("Ada"), await people.nobody()
    made = (await ada.post("/tokens", json={"name": "all", "role": "admin"})).json()
    assert (await other.get("/alerts", headers=auth(KEY))).status_code == 401
    state = as_json(make_state())
    answer = await other.put(f"/drones/{DRONE}/patrol", json=state, headers=auth(made["token"]))
    assert answer.status_code == 401


# --- drones -------------------------------------------------------------------------------------------


async def test_a_revoked_drone_is_shut_out_whatever_the_configuration_says(tmp_path: Path) -> None:
    told: list[str] = []
    config = make_config(tmp_path).model_copy(update={"sign_in": True})
    async with station_with_people(tmp_path, config=config) as station:
        station.services.keys.on_key_gone(told.append)
        ada = await station.person("Ada")
        assert (await heard(station, KEY)) != 401
        assert (await ada.delete(f"/drone-keys/{DRONE}")).status_code == 204
        assert (await heard(station, KEY)) == 401
        assert (await heard(station, OTHER_KEY)) != 401, "the other drone is not concerned"
        assert told == [DRONE]
        stored = station.services.keys.stored(DRONE)
        assert stored is not None
        assert stored.revoked
        assert (await ada.delete("/drone-keys/ember-9")).status_code == 404
    async with station_with_people(tmp_path, config=config) as station:
        assert (await heard(station, KEY)) == 401, "over a restart too"
        ada = await station.person("Ada")
        states = {one["drone_id"]: one["state"] for one in (await ada.get("/drone-keys")).json()}
        assert states == {DRONE: "revoked", OTHER_DRONE: "configuration"}


async def test_a_new_key_takes_the_place_of_the_old_one(people: Station) -> None:
    told: list[str] = []
    people.services.keys.on_key_gone(told.append)
    ada = await people.person("Ada")
    for drone_id in (DRONE, "ember-9"):
        made = await ada.post(f"/drone-keys/{drone_id}")
        assert made.status_code == 201
        assert people.services.keys.owner_of(made.json()["key"]) == drone_id
    assert people.services.keys.owner_of(KEY) is None
    assert told == [DRONE], "of a drone that is new nothing is open"
    assert set(people.services.keys.owners) == {DRONE, OTHER_DRONE, "ember-9"}
    assert [one[1:] for one in await deeds(people)][-2:] == [("key.made", DRONE), ("key.made", "ember-9")]


# --- what another program changes ---------------------------------------------------------------------


async def test_a_running_station_hears_of_what_the_command_line_changes(people: Station) -> None:
    pia = await people.person("Pia")
    store = StoreBeside(people.data_dir)
    try:
        await store.users.remove("Pia", by="shell me", now_s=1.0)
        await store.keys.revoke(DRONE, by="shell me", now_s=1.0)

        async def is_out() -> bool:
            return (await pia.get("/drones")).status_code == 401

        await eventually(is_out)
        stored = people.services.keys.stored(DRONE)
        assert stored is not None
        assert stored.revoked
        assert await people.services.store.audit.first_break() is None, "two programs, one chain"
    finally:
        store.close()
