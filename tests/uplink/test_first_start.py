"""The first start of a station, who it takes requests to be from, and what it says to nobody."""

from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from uplink.station import passwords
from uplink.station.app import create_app
from uplink.station.config import StationConfig
from uplink.station.first_admin import FILE
from uplink.station.server import running, serve

from .drone import state_of, tell
from .makers import DRONE, KEY, OTHER_DRONE, OTHER_KEY, auth, eventually, make_config
from .people import Clock, Station, deeds, heard, password_of, sign_in, station_with_people

STAND_DOWN = "/stand-down"

# Making an application takes longer than any of these stories: one for all of them, cleared in between.
pytestmark = pytest.mark.asyncio(loop_scope="module")


# --- the first start and the configuration ------------------------------------------------------------


async def test_the_first_start_makes_an_admin_whose_password_only_this_user_can_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    config = make_config(tmp_path).model_copy(update={"sign_in": True})
    file = config.data_dir / FILE
    async with station_of_nobody(config) as http:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        password = file.read_text().strip()
        assert (await sign_in(http, "admin", password)).json()["role"] == "admin"
        assert str(file) in caplog.text
        assert password not in caplog.text + capsys.readouterr().out, "this is no terminal"
    async with station_of_nobody(config) as http:
        assert file.read_text().strip() == password, "only the first start makes one"
        await sign_in(http, "admin", password)
        change = {"old_password": password, "new_password": "a password of my own"}
        assert (await http.put("/session/password", json=change)).status_code == 204
        assert not file.exists(), "it opens nothing any more"


def station_of_nobody(config: StationConfig) -> Any:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def start() -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(config)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(base_url="http://127.0.0.1/api/v1", transport=httpx.ASGITransport(app)) as http,
        ):
            yield http

    return start()


async def test_without_sign_in_who_sits_here_is_admin_and_another_site_is_not(
    station: httpx.AsyncClient,
) -> None:
    who = (await station.get("/session")).json()
    assert (who["name"], who["role"], who["sign_in_needed"]) == ("operator", "admin", False)
    assert (await station.get("/users")).status_code == 200
    assert (await station.post(STAND_DOWN)).status_code == 403
    page = {"X-Emberwatch-Session": "p" * 32}
    assert (
        await station.post(STAND_DOWN, headers=page | {"Origin": "http://evil.example"})
    ).status_code == 403
    assert (await station.post(STAND_DOWN, headers=page)).status_code == 202
    assert (
        await station.post("/session", json={"name": "a", "password": "b"}, headers=page)
    ).status_code == 403


# --- addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("terminal", [True, False])
async def test_only_a_terminal_is_told_the_first_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, terminal: bool
) -> None:
    out = StringIO()
    monkeypatch.setattr(out, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr("sys.stdout", out)
    config = make_config(tmp_path).model_copy(update={"sign_in": True, "drones": []})
    serving = asyncio.create_task(serve(config))
    await eventually(lambda: "the first user is admin" in caplog.text)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    password = (config.data_dir / FILE).read_text().strip()
    assert (password in out.getvalue()) is terminal


async def test_a_station_with_names_answers_to_no_other_off_loopback_too(tmp_path: Path) -> None:
    change = {"host": "0.0.0.0", "names": ["station.example.org"], "sign_in": True}  # noqa: S104 (not served)
    config = StationConfig.model_validate(make_config(tmp_path).model_dump() | change)
    async with station_with_people(tmp_path, config=config) as station:
        assert (await (await station.nobody(host="station.example.org")).get("/session")).status_code == 200
        assert (await (await station.nobody(host="evil.example")).get("/session")).status_code == 400


async def test_who_had_control_is_on_record(tmp_path: Path) -> None:
    async with station_with_people(tmp_path) as station:
        pia, ada = await station.person("Pia"), await station.person("Ada")
        await tell(pia, state_of())
        lease = f"/drones/{DRONE}/lease"
        for http, method, body in (
            (pia, "POST", None),
            (pia, "POST", None),
            (pia, "PUT", {}),
            (ada, "POST", None),
            (pia, "PUT", {"hand_over": True}),
            (ada, "DELETE", None),
        ):
            await http.request(method, lease, json=body)
        said = [one for one in await deeds(station) if one[1].startswith("control.")]
        assert said == [
            ("Pia", "control.taken", DRONE),
            ("Pia", "control.handed over", DRONE),
            ("Ada", "control.let go", DRONE),
        ]


async def test_answers_are_kept_by_no_cache_and_run_by_no_browser(people: Station) -> None:
    vera = await people.person("Vera")
    for path in ("/snapshot", "/session", "/users", "/nothing", "http://127.0.0.1/ogc/collections"):
        headers = (await vera.get(path)).headers
        assert headers["cache-control"] == "no-store", path
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(("proxies", "whose"), [(["127.0.0.1"], "192.0.2.44"), ([], "127.0.0.1")])
async def test_only_a_proxy_of_the_configuration_says_whose_a_request_is(
    tmp_path: Path, proxies: list[str], whose: str
) -> None:
    config = StationConfig.model_validate(
        make_config(tmp_path).model_dump() | {"sign_in": True, "proxies": proxies}
    )
    async with station_with_people(tmp_path, config=config):
        pass
    app = create_app(config)
    async with (
        running(config, app) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
    ):
        http.headers["X-Forwarded-For"] = "192.0.2.44"
        assert (await sign_in(http, "Ada")).status_code == 200
        (newest,) = await app.state.services.store.audit.newest(1)
        assert (newest.what, newest.detail) == ("session.begun", {"from": whose})


async def test_no_secret_gets_into_the_log_or_the_database(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    config = make_config(tmp_path).model_copy(update={"sign_in": True})
    async with station_with_people(tmp_path, config=config):
        pass
    secrets: list[str] = []
    app = create_app(config)
    async with (
        running(config, app) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
    ):
        for guess in ("a wrong password", password_of("Ada")):
            await sign_in(http, "Ada", guess)
            secrets.append(guess)
        secrets += [
            http.headers["X-Emberwatch-Csrf"],
            http.headers["X-Emberwatch-Session"],
            *http.cookies.values(),
        ]
        token = (await http.post("/tokens", json={"name": "gis", "role": "viewer"})).json()["token"]
        key = (await http.post(f"/drone-keys/{OTHER_DRONE}")).json()["key"]
        secrets += [token, key, KEY, OTHER_KEY, "bo has a long one"]
        await http.post("/users", json={"name": "Bo", "role": "pilot", "password": "bo has a long one"})
        await http.post("/users", json={"name": "Bo", "role": "wrong", "password": "bo has a long one"})
        await http.post("/users", content=b'{"password": "bo has a long one"')
        await http.get("/alerts", headers=auth(token))
        for wrong in (key[:-1], token[:-1]):
            await http.put(f"/drones/{DRONE}/patrol", json={}, headers=auth(wrong))
            secrets.append(wrong)
        answers = (
            (await http.get("/audit")).text
            + (await http.get("/users")).text
            + (await http.get("/tokens")).text
        )
    ours = [one for one in caplog.records if not one.name.startswith(("httpcore", "httpx"))]
    logged = "\n".join(one.getMessage() for one in ours)
    assert "signed in" in logged
    assert "refused with 401" in logged
    disk = b"".join(one.read_bytes() for one in config.data_dir.rglob("*") if one.is_file()).decode("latin-1")
    for secret in secrets:
        assert secret not in logged
        assert secret not in answers
        assert secret not in disk


async def test_a_drone_that_tries_all_day_is_one_line_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with station_with_people(tmp_path, monotonic=clock) as station:
        for _ in range(5):
            await heard(station, "w" * 32)
        said = [one for one in caplog.messages if "refused with 401" in one]
        assert said == [f"refused with 401: PUT '/api/v1/drones/{DRONE}/patrol' from 127.0.0.1"]
        clock.s += 60
        await heard(station, "w" * 32)
        assert len([one for one in caplog.messages if "refused with 401" in one]) == 2


async def test_a_password_is_checked_beside_other_work(
    people: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argon2 is slow by intent: while it computes, drones and pages are answered."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher())
    http, ada = await people.nobody(), await people.person("Ada")
    slow = asyncio.create_task(sign_in(http, "nobody-here", "guess a long one"))
    answers = 0
    while not slow.done():
        assert (await ada.get("/drones")).status_code == 200
        answers += 1
        await asyncio.sleep(0)
    assert answers > 1
    assert slow.result().status_code == 401
