"""Signing in and out, what each role may do, and what another site cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from uplink.station.config import StationConfig
from uplink.station.sessions import IDLE_S, LIFETIME_S

from .makers import DRONE, OTHER_DRONE, make_config
from .people import PEOPLE, Clock, Station, deeds, page_number, password_of, sign_in, station_with_people

STAND_DOWN = "/stand-down"

# Making an application takes longer than any of these stories: one for all of them, cleared in between.
pytestmark = pytest.mark.asyncio(loop_scope="module")


# --- signing in ---------------------------------------------------------------------------------------


async def test_nobody_sees_anything_before_they_sign_in(people: Station) -> None:
    http = await people.nobody()
    for path in (
        "/snapshot",
        "/alerts",
        "/drones",
        "/orders",
        "/deliveries",
        "/crossings",
        f"/media/{'0' * 64}",
    ):
        assert (await http.get(path)).status_code == 401, path
    who = (await http.get("/session")).json()
    assert (who["name"], who["role"], who["sign_in_needed"], who["csrf_token"]) == (None, None, True, "")
    assert (await http.get("/healthz")).status_code == 200


@pytest.mark.parametrize("name", PEOPLE)
async def test_who_signed_in_is_known_by_a_cookie_that_no_script_and_no_other_site_gets(
    people: Station, name: str
) -> None:
    http = await people.nobody()
    answer = await sign_in(http, name)
    assert (answer.json()["name"], answer.json()["role"]) == (name, PEOPLE[name])
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("emberwatch=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie, "this station speaks http"
    assert "Max-Age" not in cookie, "it goes with the browser"
    assert (await http.get("/snapshot")).status_code == 200
    who = (await http.get("/session")).json()
    assert (who["name"], who["csrf_token"]) == (name, http.headers["X-Emberwatch-Csrf"])


async def test_behind_https_the_cookie_travels_by_https_only(tmp_path: Path) -> None:
    names = {"names": ["station.example.org"], "proxies": ["127.0.0.1"], "sign_in": True}
    config = StationConfig.model_validate(make_config(tmp_path).model_dump() | names)
    async with station_with_people(tmp_path, config=config) as station:
        http = await station.nobody(host="station.example.org")
        cookie = (await sign_in(http, "Ada")).headers["set-cookie"]
        assert cookie.startswith("__Host-emberwatch=")
        assert "Secure" in cookie.split("; ")


async def test_a_wrong_name_and_a_wrong_password_are_told_alike_and_noted(
    people: Station, caplog: pytest.LogCaptureFixture
) -> None:
    http = await people.nobody()
    wrong = await sign_in(http, "Ada", "not her password")
    nobody = await sign_in(http, "Zoe", "not her password")
    assert (wrong.status_code, wrong.json()) == (nobody.status_code, nobody.json())
    assert wrong.status_code == 401
    assert "set-cookie" not in wrong.headers
    assert (await deeds(people))[-2:] == [
        ("station", "session.refused", "Ada"),
        ("station", "session.refused", "nobody"),
    ]
    assert "Zoe" not in caplog.text, "a password may be typed into the wrong field"


async def test_capitals_make_no_other_user_and_no_other_password(people: Station) -> None:
    assert (await sign_in(await people.nobody(), "ADA", password_of("Ada"))).json()["name"] == "Ada"
    assert (await sign_in(await people.nobody(), "Ada", password_of("Ada").upper())).status_code == 401


async def test_guessing_is_slowed_down_and_the_right_password_waits_too(tmp_path: Path) -> None:
    clock = Clock()
    async with station_with_people(tmp_path, monotonic=clock) as station:
        http = await station.nobody("192.0.2.7")
        tries = [(await sign_in(http, "Ada", f"guess number {n}")).status_code for n in range(12)]
        assert tries == [401] * 10 + [429] * 2
        refused = await sign_in(http, "Ada")
        assert (refused.status_code, int(refused.headers["retry-after"])) == (429, 31)
        assert (await sign_in(await station.nobody("192.0.2.8"), "Pia")).status_code == 200, "not everybody"
        assert (await sign_in(await station.nobody("192.0.2.8"), "Ada")).status_code == 429, (
            "her name is tried"
        )
        clock.s += 31
        assert (await sign_in(http, "Ada")).status_code == 200
        refusals = [one for one in await deeds(station) if one[1] == "session.refused"]
        assert len(refusals) == 10


async def test_many_who_guess_do_not_fill_the_audit_log(tmp_path: Path) -> None:
    clock = Clock()
    async with station_with_people(tmp_path, monotonic=clock) as station:
        for number in range(70):
            await sign_in(await station.nobody(f"192.0.2.{number}"), f"nobody{number}", "a guess of mine")
        assert len([one for one in await deeds(station) if one[1] == "session.refused"]) == 60
        clock.s += 10
        await sign_in(await station.nobody("192.0.2.99"), "nobody", "a guess of mine")
        (newest,) = await station.services.store.audit.newest(1)
        assert newest.detail["unwritten"] == 10


async def test_a_session_ends_when_nobody_uses_it_and_after_a_shift(tmp_path: Path) -> None:
    clock = Clock()
    async with station_with_people(tmp_path, clock=clock) as station:
        used, unused = await station.person("Ada"), await station.person("Pia")
        for _ in range(int(LIFETIME_S / IDLE_S)):
            assert (await used.get("/drones")).status_code == 200
            clock.s += IDLE_S - 1
        assert (await unused.get("/drones")).status_code == 401
        assert (await used.get("/drones")).status_code == 200
        clock.s += IDLE_S - 1
        assert (await used.get("/drones")).status_code == 401


async def test_a_session_outlives_the_station(tmp_path: Path) -> None:
    async with station_with_people(tmp_path) as station:
        ada = await station.person("Ada")
        cookies, headers = dict(ada.cookies), dict(ada.headers)
    async with station_with_people(tmp_path) as station:
        again = await station.nobody()
        again.cookies.update(cookies)
        again.headers.update(headers)
        assert (await again.get("/users")).status_code == 200


async def test_signing_out_ends_this_session_and_no_other(people: Station) -> None:
    here, there = await people.person("Pia"), await people.person("Pia")
    cookie = dict(here.cookies)
    gone = await here.delete("/session")
    assert gone.status_code == 204
    assert 'emberwatch=""' in gone.headers["set-cookie"]
    here.cookies.update(cookie)
    assert (await here.get("/drones")).status_code == 401
    assert (await there.get("/drones")).status_code == 200
    assert (await deeds(people))[-1] == ("Pia", "session.ended", "Pia")


async def test_a_new_password_needs_the_old_one_and_ends_all_other_sessions(people: Station) -> None:
    here, there = await people.person("Pia"), await people.person("Pia")
    change = {"old_password": "not the old one", "new_password": "another long one"}
    assert (await here.put("/session/password", json=change)).status_code == 403
    change["old_password"] = password_of("Pia")
    assert (await here.put("/session/password", json=change | {"new_password": "short"})).status_code == 422
    assert (await there.get("/drones")).status_code == 200
    assert (await here.put("/session/password", json=change)).status_code == 204
    assert (await here.get("/drones")).status_code == 200
    assert (await there.get("/drones")).status_code == 401
    assert (await sign_in(await people.nobody(), "Pia")).status_code == 401
    assert (await sign_in(await people.nobody(), "Pia", "another long one")).status_code == 200


# --- roles --------------------------------------------------------------------------------------------


async def test_each_role_may_do_what_it_is_for(people: Station) -> None:
    vera, pia, ada = [await people.person(name) for name in PEOPLE]
    for http, looks, orders, looks_after in (
        (vera, 200, 403, 403),
        (pia, 200, 202, 403),
        (ada, 200, 202, 200),
    ):
        assert (await http.get("/snapshot")).status_code == looks
        assert (await http.post(STAND_DOWN)).status_code == orders
        assert (await http.get("/users")).status_code == looks_after


async def test_another_role_is_true_at_once(people: Station) -> None:
    vera, ada = await people.person("Vera"), await people.person("Ada")
    assert (await vera.post(STAND_DOWN)).status_code == 403
    assert (await ada.patch("/users/Vera", json={"role": "pilot"})).status_code == 204
    assert (await vera.post(STAND_DOWN)).status_code == 202
    assert (await ada.patch("/users/vera", json={"role": "viewer"})).status_code == 204
    assert (await vera.post(STAND_DOWN)).status_code == 403


async def test_who_is_removed_is_out_at_once(people: Station) -> None:
    pia, ada = await people.person("Pia"), await people.person("Ada")
    assert (await ada.delete("/users/Pia")).status_code == 204
    assert (await pia.get("/drones")).status_code == 401
    assert (await sign_in(await people.nobody(), "Pia")).status_code == 401
    assert (await ada.delete("/users/Pia")).status_code == 404
    assert [user["name"] for user in (await ada.get("/users")).json()] == ["Ada", "Vera"]
    new = {"name": "Pia", "role": "pilot", "password": "another long password"}
    assert (await ada.post("/users", json=new)).status_code == 204
    assert (await pia.get("/drones")).status_code == 401, "another Pia has none of her sessions"


async def test_somebody_must_be_left_who_looks_after_the_station(people: Station) -> None:
    ada = await people.person("Ada")
    assert (await ada.delete("/users/Ada")).status_code == 409
    assert (await ada.patch("/users/Ada", json={"role": "viewer"})).status_code == 409
    assert (await ada.get("/users")).status_code == 200
    new = {"name": "Bo", "role": "admin", "password": "bo has a long one"}
    assert (await ada.post("/users", json=new)).status_code == 204
    assert (await ada.delete("/users/Ada")).status_code == 204
    assert (await ada.get("/users")).status_code == 401


@pytest.mark.parametrize(
    "name", ["", "an n", "x" * 65, "ann\n", "a\u200bnn", "a\u202enn", "..", "a/b", "a\\b"]
)
async def test_names_that_look_like_others_are_refused(people: Station, name: str) -> None:
    ada = await people.person("Ada")
    new = {"name": name, "role": "viewer", "password": "a long password"}
    assert (await ada.post("/users", json=new)).status_code == 422


async def test_a_name_is_taken_once_whatever_its_capitals(people: Station) -> None:
    ada = await people.person("Ada")
    for name in ("Ada", "ADA", "ａｄａ"):
        new = {"name": name, "role": "viewer", "password": "a long password"}
        assert (await ada.post("/users", json=new)).status_code == 409, name
    assert (await ada.post("/users", json=new | {"name": "值班员"})).status_code == 204
    assert (await sign_in(await people.nobody(), "值班员", "a long password")).status_code == 200


async def test_lists_come_in_pages(people: Station) -> None:
    ada = await people.person("Ada")
    first = (await ada.get("/users?limit=2")).json()
    rest = (await ada.get(f"/users?limit=2&after={first[-1]['name']}")).json()
    assert [one["name"] for one in (*first, *rest)] == ["Ada", "Pia", "Vera"]
    keys = (await ada.get("/drone-keys?limit=1")).json()
    assert [one["drone_id"] for one in keys] == [DRONE]
    assert [one["drone_id"] for one in (await ada.get(f"/drone-keys?after={DRONE}")).json()] == [OTHER_DRONE]


# --- other sites --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 201),
        ({"Origin": "http://127.0.0.1"}, 201),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"X-Emberwatch-Session": ""}, 403),
        ({"X-Emberwatch-Session": "short"}, 403),
        ({"X-Emberwatch-Csrf": ""}, 403),
        ({"X-Emberwatch-Csrf": "0" * 64}, 403),
    ],
)
async def test_a_cookie_alone_changes_nothing(people: Station, change: dict[str, str], status: int) -> None:
    ada = await people.person("Ada")
    token = {"name": "gis", "role": "viewer"}
    assert (await ada.post("/tokens", json=token, headers=change)).status_code == status
    assert len((await ada.get("/tokens")).json()) == (1 if status == 201 else 0)


async def test_the_token_of_one_session_is_not_anothers(people: Station) -> None:
    one, other = await people.person("Pia"), await people.person("Pia")
    mixed = {"X-Emberwatch-Csrf": other.headers["X-Emberwatch-Csrf"]}
    assert (await one.post(STAND_DOWN, headers=mixed)).status_code == 403


async def test_another_site_signs_nobody_in(people: Station) -> None:
    http = await people.nobody()
    body = {"name": "Ada", "password": password_of("Ada")}
    page = {"X-Emberwatch-Session": page_number("Ada")}
    assert (await http.post("/session", json=body)).status_code == 403
    assert (
        await http.post("/session", json=body, headers=page | {"Origin": "http://x.example"})
    ).status_code == 403
    assert (await http.post("/session", json=body, headers=page)).status_code == 200
