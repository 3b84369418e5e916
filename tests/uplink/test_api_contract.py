"""The whole interface against its own description: whatever Schemathesis thinks up, over a real socket.

No answer is a server error, and none says or looks other than `/openapi.json` has it.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from PIL import Image

from uplink.station.app import create_app
from uplink.station.config import StationConfig
from uplink.station.people import Role
from uplink.station.server import running
from uplink.station.sessions import digest_of, new_secret
from uplink.station.store.beside import StoreBeside

from .flight_makers import save_flight
from .makers import DRONE, KEY, OTHER_DRONE, as_json, auth, make_alert, make_config, make_state, sha256_of
from .receiver import receiving

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
PAGE = {"X-Emberwatch-Session": "a" * 32}
SHORT_S, LONG_S = 8, 600


@dataclass(frozen=True, slots=True)
class Site:
    """A station that has something of everything, and the ids of it."""

    url: str
    known: dict[str, list[str]]
    tokens: dict[Role, str]


@asynccontextmanager
async def site(folder: Path, *, sign_in: bool) -> AsyncIterator[Site]:
    async with receiving() as receiver:
        config = make_config(folder, webhook_urls=(receiver.url,))
        config = StationConfig.model_validate(config.model_dump() | {"sign_in": sign_in})
        tokens = await make_tokens(config.data_dir) if sign_in else {}
        app = create_app(config)
        async with (
            running(config, app) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False, headers=PAGE) as http,
        ):
            if sign_in:
                http.headers["Authorization"] = f"Bearer {tokens[Role.ADMIN]}"
            known = await fill(http)
            services = app.state.services
            await save_flight(services.store)
            known["flight_id"] = [each["id"] for each in (await http.get("/flights")).json()]
            services.fleet.put_state(make_state(), services.control.now_s(), services.clock())
            yield Site(url, known, tokens)


async def make_tokens(data_dir: Path) -> dict[Role, str]:
    """One of each role, before the station starts."""
    tokens = {role: new_secret() for role in Role}
    store = StoreBeside(data_dir)
    try:
        for role, token in tokens.items():
            await store.users.add_token(f"a {role}", role, digest_of(token), by="a test", now_s=0.0)
    finally:
        store.close()
    return tokens


async def fill(http: httpx.AsyncClient) -> dict[str, list[str]]:
    """Alerts with a picture, the incidents of them, a tip, and what webhooks came of it."""
    jpeg = io.BytesIO()
    Image.new("RGB", (32, 24), (200, 80, 20)).save(jpeg, "JPEG")
    picture = jpeg.getvalue()
    alerts = [make_alert(minutes=30.0 * number, pictures=(picture,)) for number in range(3)]
    for alert in alerts:
        answer = await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
        assert answer.status_code == 200, answer.text
    headers = {**auth(), "Content-Type": "image/jpeg"}
    answer = await http.put(f"/media/{sha256_of(picture)}", content=picture, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    tip = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [149.5, -35.5]},
        "properties": {
            "source": "control room",
            "external_id": "1",
            "kind": "call",
            "observed_at": "2026-07-01T12:00:00Z",
        },
    }
    told = await http.post("/tips", json=tip)
    assert told.status_code == 201, told.text
    return {
        "drone_id": [DRONE, OTHER_DRONE],
        "alert_id": [str(alert.id) for alert in alerts],
        "sha256": [sha256_of(picture)],
        "tip_id": [told.json()["id"]],
        "incident_id": [each["id"] for each in (await http.get("/incidents")).json()],
        "delivery_id": [str(each["id"]) for each in (await http.get("/deliveries")).json()],
        "endpoint": [each["id"] for each in (await http.get("/webhooks")).json()],
        "collection_id": ["incidents", "alerts", "drones", "tips"],
    }


async def check_contract(site: Site, folder: Path, *, max_time_s: int, headers: dict[str, str]) -> None:
    """Lets Schemathesis loose on it."""
    (folder / "schemathesis.toml").write_text(configuration(site, headers), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(folder / "schemathesis.toml"),
        "run",
        f"{site.url}/openapi.json",
        "--max-time",
        str(max_time_s),
        "--checks",
        ",".join(CHECKS),
        "--continue-on-failure",
        "--generation-database",
        "none",
        "--no-color",
        "--warnings",
        "off",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, said.decode(errors="replace")[-20_000:]


def configuration(site: Site, headers: dict[str, str]) -> str:
    """Ids that exist, for paths and bodies to hit upon now and then; and the drone's key."""
    quoted = json.dumps
    lines = [f"hooks = {quoted('tests.uplink.contract.hooks')}", "[headers]"]
    lines += [f"{quoted(name)} = {quoted(value)}" for name, value in headers.items()]
    lines += ["[auth.openapi.drone]", f"bearer = {quoted(KEY)}"]
    for name, values in site.known.items():
        lines += [f"[dictionaries.{name}]", f"values = {quoted(values)}"]
    lines.append("[parameters]")
    for name in site.known:
        for place in ("path", "body"):
            lines.append(f'"{place}.{name}" = {{ dictionary = {quoted(name)}, probability = 0.5 }}')
    return "\n".join(lines) + "\n"


@pytest.mark.timeout(60)
async def test_nothing_breaks_and_all_is_as_described(tmp_path: Path) -> None:
    async with site(tmp_path, sign_in=False) as here:
        await check_contract(here, tmp_path, max_time_s=SHORT_S, headers=PAGE)


async def test_a_file_to_be_saved_is_what_the_description_says(tmp_path: Path) -> None:
    async with (
        site(tmp_path, sign_in=False) as here,
        httpx.AsyncClient(trust_env=False, headers=PAGE) as http,
    ):
        paths = (await http.get(f"{here.url}/openapi.json")).json()["paths"]
        (flight,) = here.known["flight_id"]
        for path in ("/incidents/export", "/flights/{flight_id}/export"):
            answer = await http.get(f"{here.url}/api/v1{path.format(flight_id=flight)}?format=geojson")
            described = paths[f"/api/v1{path}"]["get"]["responses"]["200"]["content"]
            jsonschema_rs.validator_for(described[answer.headers["content-type"]]["schema"]).validate(
                answer.json()
            )


@pytest.mark.slow
@pytest.mark.timeout(LONG_S + 120)
async def test_nothing_breaks_in_ten_minutes(tmp_path: Path) -> None:
    async with site(tmp_path, sign_in=False) as here:
        await check_contract(here, tmp_path, max_time_s=LONG_S, headers=PAGE)


@pytest.mark.slow
@pytest.mark.timeout(LONG_S + 120)
@pytest.mark.parametrize("role", list(Role))
async def test_nothing_breaks_for_any_role(tmp_path: Path, role: Role) -> None:
    async with site(tmp_path, sign_in=True) as here:
        headers: dict[str, Any] = {**PAGE, "Authorization": f"Bearer {here.tokens[role]}"}
        await check_contract(here, tmp_path, max_time_s=LONG_S // 5, headers=headers)
