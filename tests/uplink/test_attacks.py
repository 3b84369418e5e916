"""What attackers send: SQL in every string, paths that climb, bodies without end. It is refused, or kept as
the words that it is; it is in the log; and nothing else is changed."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import pytest_asyncio

from uplink.station import http_head
from uplink.station.app import create_app
from uplink.station.first_admin import FILE
from uplink.station.server import running

from .makers import DRONE, KEY, auth, make_config
from .people import Station, settle_in, station_with_people

API = "/api/v1"
ANY_ID = "019f0000-0000-7000-8000-000000000000"
SQL = [
    "'; drop table users; --",
    "' or '1'='1",
    "x' union select password_hash from users --",
]
KNOWN = {"drone_id": DRONE, "sha256": "0" * 64, "datum": "WGS84", "label": "fire"}
FORMATS = {
    "uuid": ANY_ID,
    "date-time": "2026-07-01T12:00:00Z",
    "uri": "https://example.org/",
    "binary": "x",
    "date": "2026-07-01",
}


class Interface:
    """What the station says that it takes."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._parts = document["components"]["schemas"]
        self.operations = [
            (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]

    def example(self, schema: dict[str, Any], name: str = "", depth: int = 0) -> Any:
        """Something that fits, or nearly."""
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                fields = schema.get("properties", {})
                return {key: self.example(part, key, depth + 1) for key, part in fields.items() if depth < 6}
            case "array":
                items = schema.get("items") or {"type": "number"}
                parts = schema.get("prefixItems") or [items] * max(1, schema.get("minItems", 1))
                return [self.example(part, name, depth + 1) for part in parts]
            case "integer" | "number":
                return (
                    max(1, schema.get("minimum", 1)) if schema.get("maximum", 1) >= 1 else schema["maximum"]
                )
            case "boolean":
                return False
            case "string":
                return KNOWN.get(name) or FORMATS.get(
                    schema.get("format", ""), "x" * schema.get("minLength", 1)
                )
        return None

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while True:
            if "$ref" in schema:
                schema = self._parts[schema["$ref"].rsplit("/", 1)[1]]
            elif choice := (schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")):
                schema = next((one for one in choice if one.get("type") != "null"), choice[0])
            else:
                return schema


def strings_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of each string."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from strings_in(part, (*path, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from strings_in(part, (*path, number))


def with_word(body: Any, path: tuple[str | int, ...], word: str) -> Any:
    changed = copy.deepcopy(body)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = word
    return changed


def requests_with(interface: Interface, word: str) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Every operation with the word in one string after the other: what for, method, path and the rest."""
    for method, path, operation in interface.operations:
        fields = operation.get("parameters", [])
        names = {one["name"]: interface.example(one["schema"], one["name"]) for one in fields}
        body_schema = next(
            (part["schema"] for part in operation.get("requestBody", {}).get("content", {}).values()), None
        )
        body = interface.example(body_schema) if body_schema else None
        texts = [one["name"] for one in fields] if operation.get("parameters") else []
        for name in texts:
            yield (
                f"{method} {path} {name}",
                method,
                path,
                {"names": names | {name: word}, "fields": fields, "body": body},
            )
        for place in strings_in(body) if isinstance(body, (dict, list)) else ():
            rest = {"names": names, "fields": fields, "body": with_word(body, place, word)}
            yield f"{method} {path} {place}", method, path, rest


@pytest_asyncio.fixture
async def people(tmp_path: Path) -> AsyncIterator[Station]:
    async with station_with_people(tmp_path) as station:
        yield station


async def tables(station: Station) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """The layout of the database, and who may what."""

    def work(db: Any) -> Any:
        layout = [tuple(row) for row in db.conn.execute("select name, sql from sqlite_schema order by name")]
        users = [
            tuple(row) for row in db.conn.execute("select name, role, password_hash from users order by key")
        ]
        return layout, users

    found: tuple[list[tuple[str, str]], list[tuple[str, str, str]]]
    found = await station.services.store._database.read(work)
    return found


@pytest.mark.parametrize("word", SQL)
async def test_sql_in_every_string_is_a_word_like_any_other(people: Station, word: str) -> None:
    before = await tables(people)
    ada, drone = await people.person("Ada"), await people.nobody()
    interface = Interface(people.app.openapi())
    asked = 0
    for what, method, path, rest in requests_with(interface, word):
        if (method, path) in (("DELETE", f"{API}/session"), ("POST", f"{API}/session")):
            continue  # signing in by SQL has a test of its own
        filled = path
        for name, value in rest["names"].items():
            filled = filled.replace(f"{{{name}}}", quote(str(value), safe=""))
        query = {f["name"]: rest["names"][f["name"]] for f in rest["fields"] if f["in"] == "query"}
        headers = {f["name"]: str(rest["names"][f["name"]]) for f in rest["fields"] if f["in"] == "header"}
        headers = {name: value for name, value in headers.items() if value.isascii()}
        by_drone = any("drone" in need for need in interface_security(interface, method, path))
        http = drone if by_drone else ada
        body = {"json": rest["body"]} if rest["body"] is not None and method != "GET" else {}
        answer = await http.request(
            method,
            f"http://127.0.0.1{filled}",
            params={name: value for name, value in query.items() if value is not None},
            headers=headers | (auth(KEY) if by_drone else {}),
            **body,
        )
        assert answer.status_code < 500, (what, answer.text)
        for leak in ("$argon2", "sqlite", "syntax error", "no such column"):
            assert leak not in answer.text, what
        asked += 1
    assert asked > 100
    layout, users = await tables(people)
    assert layout == before[0]
    assert [user for user in users if user[0] not in ("x", word)] == before[1], "but for who was added"
    assert await people.services.store.audit.first_break() is None


def interface_security(interface: Interface, method: str, path: str) -> list[dict[str, Any]]:
    for one, other, operation in interface.operations:
        if (one, other) == (method, path):
            found: list[dict[str, Any]] = operation.get("security", [])
            return found
    raise AssertionError(path)


@pytest.mark.parametrize("word", SQL)
async def test_nobody_signs_in_by_sql(people: Station, word: str) -> None:
    http = await people.nobody()
    page = {"X-Emberwatch-Session": "p" * 32}
    for body in (
        {"name": word, "password": "x"},
        {"name": "Ada", "password": word},
        {"name": f"Ada{word}", "password": "x"},
    ):
        assert (await http.post("/session", json=body, headers=page)).status_code == 401
    for cookie in (word.replace(";", ","), f"x{word}".replace(";", ",")):
        assert (await http.get("/alerts", headers={"Cookie": f"emberwatch={cookie}"})).status_code == 401
    assert (await http.get("/alerts", headers=auth(word))).status_code == 401


async def test_a_word_that_is_kept_is_kept_as_it_was_said(people: Station) -> None:
    ada = await people.person("Ada")
    name = "x';drop(table)users;--"
    assert (await ada.post("/tokens", json={"name": name, "role": "viewer"})).status_code == 201
    assert [one["name"] for one in (await ada.get("/tokens")).json()] == [name]
    assert [one["about"] for one in (await ada.get("/audit", params={"about": name})).json()] == [name]
    assert (await ada.get("/audit", params={"about": "' or '1'='1"})).json() == []
    assert (await ada.delete(f"/tokens/{quote(name, safe='')}")).status_code == 204


# --- over a real socket -------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    config = make_config(tmp_path).model_copy(update={"sign_in": True})
    await settle_in(config.data_dir)
    (config.data_dir / FILE).write_text("do not read me")
    async with running(config, create_app(config)) as address:
        yield address


async def raw(url: str, target: str, method: str = "GET", *headers: str) -> tuple[int, bytes]:
    """One request with its path as it is: clients would tidy it up."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    lines = [f"{method} {target} HTTP/1.1", f"Host: {where.netloc}", "Connection: close", *headers, "", ""]
    writer.write("\r\n".join(lines).encode("latin-1"))
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return int(answer.split(b" ", 2)[1]), answer


CLIMBS = [
    "..",
    "%2e%2e",
    "%2E%2E",
    "..%2f..",
    "%2e%2e%2f%2e%2e",
    "....//",
    "..\\..",
    "..%5c..",
    "%c0%ae%c0%ae",
    "..%00",
]


@pytest.mark.parametrize("up", CLIMBS)
async def test_no_path_climbs_out_of_its_folder(
    url: str, up: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "station"
    targets = [
        f"/{up}/{up}/{up}/station/{FILE}",
        f"/assets/{up}/{up}/{up}/{up}/etc/passwd",
        f"/{quote(str(data / FILE), safe='')}",
        f"//{data / FILE}",
        f"/{up}{data / FILE}",
        f"{API}/media/{up}/{up}/{FILE}",
        f"{API}/media/{up}%2f{up}%2f{FILE}",
        f"{API}/users/{up}%2f{FILE}",
    ]
    for target in targets:
        status, answer = await raw(url, target)
        assert status in (400, 401, 404, 405, 422), target
        assert b"do not read me" not in answer
        assert b"root:" not in answer
        status, answer = await raw(url, target, "PUT", f"Authorization: Bearer {KEY}", "Content-Length: 0")
        assert status in (400, 401, 404, 405, 415, 422), target
    assert (data / FILE).read_text() == "do not read me"
    if up in ("..", "%2e%2e"):
        assert any("refused with 404: GET" in one and ".." in one for one in caplog.messages)
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{url}/healthz")).status_code == 200


async def test_no_secret_file_of_the_data_folder_is_served(url: str) -> None:
    for name in (FILE, "station.db", "station.db-wal", "lock", f"station/{FILE}"):
        for before in ("/", "/assets/", f"{API}/", f"{API}/media/"):
            assert (await raw(url, before + name))[0] in (401, 404, 422)


@pytest.mark.parametrize(
    ("method", "target", "most"),
    [
        ("POST", f"{API}/session", 256 * 1024),
        ("POST", f"{API}/users", 256 * 1024),
        ("PUT", f"{API}/drones/{DRONE}/patrol", 256 * 1024),
        ("PUT", f"{API}/media/{'0' * 64}", 5 * 1024 * 1024),
    ],
)
async def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    url: str, method: str, target: str, most: int, caplog: pytest.LogCaptureFixture
) -> None:
    for announced in (most + 1, 10**12, 10**400):
        status, _ = await raw(
            url, target, method, f"Authorization: Bearer {KEY}", f"Content-Length: {announced}"
        )
        assert status in (400, 413), announced
    assert any(f"refused with 413: {method} '{target}'" in one for one in caplog.messages)


async def test_a_head_without_end_is_refused(url: str, caplog: pytest.LogCaptureFixture) -> None:
    for head in (["/healthz", "GET", f"X-Long: {'x' * 2_000_000}"], ["/" + "x" * 2_000_000, "GET"]):
        with contextlib.suppress(ConnectionError):  # cut off while it still sends
            assert (await raw(url, *head))[0] == 431
    assert len([one for one in caplog.messages if one.startswith("refused with 431")]) == 2
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{url}/healthz")).status_code == 200


async def test_another_name_is_answered_nothing(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A name of the attacker's that leads here makes their page our own, but for this."""
    async with httpx.AsyncClient(trust_env=False) as http:
        for host in ("evil.example", "127.0.0.1.evil.example", ""):
            assert (await http.get(f"{url}/api/v1/session", headers={"Host": host})).status_code == 400
    assert any("refused with 400: GET" in one for one in caplog.messages)


async def test_a_head_that_does_not_come_holds_no_connection(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_head, "HEAD_TIMEOUT_S", 0.05)
    where = urlsplit(url)
    for begun in (b"", b"GET /healthz HTTP/1.1\r\nHost: x"):
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(begun)
        assert await asyncio.wait_for(reader.read(), 10) == b"", "closed without a word"
        writer.close()
