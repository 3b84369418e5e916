"""Every route, and what everybody gets there. A new route is not let in until it stands in the table."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from uplink.station.people import Role

from .drone import Refused, _inside
from .makers import DRONE, KEY, auth
from .people import Station, station_with_people

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAR = "http://evil.example"
PLACEHOLDERS = {
    "drone_id": DRONE,
    "name": "nobody",
    "sha256": "0" * 64,
    "number": "1",
    "delivery_id": "1",
    "collection_id": "alerts",
    "endpoint": "none",
    "zoom": "3",
    "x": "1",
    "y": "2",
    "session": "none",
}
ANY_ID = "019f0000-0000-7000-8000-000000000000"
NEW_DRONE = "ember-9"

# Who may ask, and what they are answered to a request with nothing in it: 422 where it lacks a body.
PUBLIC, VIEWER, PILOT, ADMIN, DRONES = "public", "viewer", "pilot", "admin", "drone"
ROUTES: dict[str, tuple[str, int]] = {
    # The page, and what anybody may ask.
    "GET /openapi.json": (PUBLIC, 200),
    "GET /healthz": (PUBLIC, 200),
    "GET /api/v1/healthz": (PUBLIC, 200),
    "GET /api/v1/session": (PUBLIC, 200),
    "POST /api/v1/session": (PUBLIC, 422),
    "GET /api/v1/orders/key": (PUBLIC, 200),
    "GET /api/v1/webhooks/schema": (PUBLIC, 200),
    # Who has a crew link.
    "GET /crew/{secret}": (PUBLIC, 200),
    "GET /crew/{secret}/now": (PUBLIC, 404),
    "GET /crew/{secret}/photos/{sha256}": (PUBLIC, 404),
    # Drones.
    "PUT /api/v1/alerts/{alert_id}": (DRONES, 422),
    "PUT /api/v1/drones/{drone_id}/ground": (DRONES, 422),
    "PUT /api/v1/drones/{drone_id}/patrol": (DRONES, 422),
    "GET /api/v1/drones/{drone_id}/patrols/{sha256}": (DRONES, 404),
    "PUT /api/v1/drones/{drone_id}/searched": (DRONES, 422),
    "PUT /api/v1/media/{sha256}": (DRONES, 415),
    "HEAD /api/v1/media/{sha256}/upload": (DRONES, 200),
    "PATCH /api/v1/media/{sha256}/upload": (DRONES, 422),
    # Who looks.
    "DELETE /api/v1/session": (VIEWER, 204),
    "PUT /api/v1/session/password": (VIEWER, 422),
    "GET /api/v1/snapshot": (VIEWER, 200),
    "GET /api/v1/alerts": (VIEWER, 200),
    "GET /api/v1/alerts/{alert_id}": (VIEWER, 404),
    "GET /api/v1/crossings": (VIEWER, 200),
    "GET /api/v1/deliveries": (VIEWER, 200),
    "GET /api/v1/deliveries/{delivery_id}/attempts": (VIEWER, 404),
    "GET /api/v1/drones": (VIEWER, 200),
    "GET /api/v1/drones/{drone_id}/track": (VIEWER, 200),
    "GET /api/v1/flights": (VIEWER, 200),
    "GET /api/v1/flights/{flight_id}": (VIEWER, 404),
    "GET /api/v1/flights/{flight_id}/export": (VIEWER, 404),
    "GET /api/v1/flights/{flight_id}/track": (VIEWER, 404),
    "GET /api/v1/incidents": (VIEWER, 200),
    "GET /api/v1/incidents/export": (VIEWER, 200),
    "GET /api/v1/incidents/units": (VIEWER, 200),
    "GET /api/v1/incidents/{incident_id}": (VIEWER, 404),
    "GET /api/v1/incidents/{incident_id}/alerts": (VIEWER, 404),
    "GET /api/v1/incidents/{incident_id}/timeline": (VIEWER, 404),
    "GET /api/v1/media/{sha256}": (VIEWER, 404),
    "GET /api/v1/map": (VIEWER, 200),
    "GET /api/v1/map/files/{name}": (VIEWER, 404),
    "GET /api/v1/map/heights/{zoom}/{x}/{y}": (VIEWER, 204),
    "GET /api/v1/map/tiles/{name}/{zoom}/{x}/{y}": (VIEWER, 204),
    "GET /api/v1/orders": (VIEWER, 200),
    "GET /api/v1/patrols": (VIEWER, 200),
    "GET /api/v1/patrols/cameras": (VIEWER, 409),
    "GET /api/v1/patrols/{patrol_id}": (VIEWER, 404),
    "GET /api/v1/patrols/{patrol_id}/file": (VIEWER, 404),
    "POST /api/v1/patrols/import": (VIEWER, 422),
    "POST /api/v1/patrols/plan": (VIEWER, 422),
    "GET /api/v1/suppressed": (VIEWER, 200),
    "GET /api/v1/zones": (VIEWER, 200),
    "GET /api/v1/zones/export": (VIEWER, 200),
    "GET /api/v1/zones/{zone_id}": (VIEWER, 404),
    "GET /api/v1/zones/{zone_id}/versions": (VIEWER, 404),
    "GET /api/v1/tips": (VIEWER, 200),
    "GET /api/v1/tips/{tip_id}": (VIEWER, 404),
    "GET /cap": (VIEWER, 200),
    "GET /cap/{incident_id}/{number}": (VIEWER, 404),
    "GET /metrics": (VIEWER, 200),
    "GET /ogc": (VIEWER, 200),
    "GET /ogc/": (VIEWER, 200),
    "GET /ogc/api": (VIEWER, 200),
    "GET /ogc/collections": (VIEWER, 200),
    "GET /ogc/collections/{collection_id}": (VIEWER, 200),
    "GET /ogc/collections/{collection_id}/items": (VIEWER, 200),
    "GET /ogc/collections/{collection_id}/items/{feature_id}": (VIEWER, 404),
    "GET /ogc/conformance": (VIEWER, 200),
    # Who orders drones and works incidents.
    "POST /api/v1/drones/{drone_id}/lease": (PILOT, 404),
    "PUT /api/v1/drones/{drone_id}/lease": (PILOT, 404),
    "DELETE /api/v1/drones/{drone_id}/lease": (PILOT, 404),
    "POST /api/v1/drones/{drone_id}/orders": (PILOT, 422),
    "POST /api/v1/stand-down": (PILOT, 202),
    "GET /api/v1/incidents/{incident_id}/crew-links": (PILOT, 404),
    "POST /api/v1/incidents/{incident_id}/crew-links": (PILOT, 404),
    "DELETE /api/v1/crew-links/{link_id}": (PILOT, 404),
    "POST /api/v1/incidents/{incident_id}/merge": (PILOT, 428),
    "POST /api/v1/incidents/{incident_id}/split": (PILOT, 428),
    "GET /api/v1/incidents/{incident_id}/package": (PILOT, 404),
    "GET /api/v1/incidents/{incident_id}/report": (PILOT, 404),
    "POST /api/v1/incidents/{incident_id}/package": (PILOT, 404),
    "POST /api/v1/incidents/{incident_id}/steps": (PILOT, 428),
    "POST /api/v1/incidents/{incident_id}/undo": (PILOT, 428),
    "POST /api/v1/media/{sha256}/export": (PILOT, 404),
    "POST /api/v1/patrols": (PILOT, 422),
    "PUT /api/v1/patrols/{patrol_id}": (PILOT, 422),
    "DELETE /api/v1/patrols/{patrol_id}": (PILOT, 422),
    "POST /api/v1/patrols/{patrol_id}/send": (PILOT, 422),
    "POST /api/v1/tips": (PILOT, 422),
    "POST /api/v1/tips/{tip_id}/steps": (PILOT, 422),
    # Who looks after the station.
    "GET /api/v1/audit": (ADMIN, 200),
    "GET /api/v1/audit/export": (ADMIN, 200),
    "GET /api/v1/audit/verify": (ADMIN, 200),
    "GET /api/v1/backups": (ADMIN, 200),
    "POST /api/v1/backups": (ADMIN, 202),
    "GET /api/v1/retention": (ADMIN, 200),
    "PUT /api/v1/retention": (ADMIN, 422),
    "DELETE /api/v1/retention": (ADMIN, 200),
    "POST /api/v1/retention/preview": (ADMIN, 422),
    "GET /api/v1/system": (ADMIN, 200),
    "POST /api/v1/users/{name}/password": (ADMIN, 404),
    "GET /api/v1/users/{name}/sessions": (ADMIN, 404),
    "DELETE /api/v1/users/{name}/sessions": (ADMIN, 404),
    "DELETE /api/v1/users/{name}/sessions/{session}": (ADMIN, 404),
    "GET /api/v1/drone-keys": (ADMIN, 200),
    "POST /api/v1/drone-keys/{drone_id}": (ADMIN, 201),
    "DELETE /api/v1/drone-keys/{drone_id}": (ADMIN, 204),
    "GET /api/v1/media": (ADMIN, 200),
    "GET /api/v1/media/{sha256}/original": (ADMIN, 404),
    "PUT /api/v1/media/{sha256}/hold": (ADMIN, 422),
    "DELETE /api/v1/media/{sha256}/hold": (ADMIN, 404),
    "GET /api/v1/tokens": (ADMIN, 200),
    "POST /api/v1/tokens": (ADMIN, 422),
    "DELETE /api/v1/tokens/{name}": (ADMIN, 404),
    "GET /api/v1/users": (ADMIN, 200),
    "POST /api/v1/users": (ADMIN, 422),
    "PATCH /api/v1/users/{name}": (ADMIN, 404),
    "DELETE /api/v1/users/{name}": (ADMIN, 404),
    "POST /api/v1/zones": (ADMIN, 422),
    "POST /api/v1/zones/import": (ADMIN, 422),
    "PUT /api/v1/zones/{zone_id}": (ADMIN, 428),
    "DELETE /api/v1/zones/{zone_id}": (ADMIN, 428),
    "GET /api/v1/webhooks": (ADMIN, 200),
    "POST /api/v1/webhooks/{endpoint}/enable": (ADMIN, 404),
    "POST /api/v1/webhooks/{endpoint}/replay": (ADMIN, 422),
    "POST /api/v1/webhooks/{endpoint}/test": (ADMIN, 404),
}

PAGES = {
    "nobody": 403,
    "viewer": 101,
    "pilot": 101,
    "admin": 101,
    "drone": 403,
    "revoked drone": 403,
    "other site": 403,
}
OWN_DRONE = {
    "nobody": 401,
    "viewer": 401,
    "pilot": 401,
    "admin": 401,
    "drone": 101,
    "revoked drone": 401,
    "other site": 401,
}
SOCKETS = {
    "WebSocket /api/v1/live": PAGES,
    "WebSocket /api/v1/drones/{drone_id}/view": PAGES,
    "WebSocket /api/v1/drones/{drone_id}/link": OWN_DRONE,
    "WebSocket /api/v1/drones/{drone_id}/pictures": OWN_DRONE,
}


def statuses(who_may: str, fine: int, route: str) -> dict[str, int]:
    """What each is answered."""
    refused = {
        PUBLIC: {},
        VIEWER: {"nobody": 401},
        PILOT: {"nobody": 401, "viewer": 403},
        ADMIN: {"nobody": 401, "viewer": 403, "pilot": 403},
        DRONES: dict.fromkeys(("nobody", "viewer", "pilot", "admin", "revoked drone", "other site"), 401),
    }[who_may]
    if who_may in (VIEWER, PILOT, ADMIN):
        refused |= {"drone": 401, "revoked drone": 401, "other site": 403}
    if route.endswith("/api/v1/session"):
        refused |= {"other site": 403}
    everybody = ("nobody", "viewer", "pilot", "admin", "drone", "revoked drone", "other site")
    return {who: refused.get(who, fine) for who in everybody}


class Everybody:
    """The station and all who may come to it."""

    def __init__(self, station: Station, revoked_key: str) -> None:
        self.station = station
        self._revoked_key = revoked_key
        self._known: dict[str, httpx.AsyncClient] = {}

    async def client(self, who: str) -> tuple[httpx.AsyncClient, dict[str, str]]:
        """Somebody's browser or program, and what goes with each request."""
        names = {"viewer": "Vera", "pilot": "Pia", "admin": "Ada", "other site": "Ada"}
        keys = {"drone": KEY, "revoked drone": self._revoked_key}
        if who not in self._known:
            person = self.station.person(names[who]) if who in names else self.station.nobody()
            self._known[who] = await person
        headers = {"Origin": FAR} if who == "other site" else auth(keys[who]) if who in keys else {}
        if who not in names:
            headers["X-Emberwatch-Session"] = "n" * 32
        return self._known[who], headers

    async def ask(self, who: str, route: str) -> int:
        http, headers = await self.client(who)
        method, _, path = route.partition(" ")
        filled = re.sub(r"\{(\w+)\}", lambda hole: PLACEHOLDERS.get(hole[1], ANY_ID), path)
        if path.startswith("/api/v1/drone-keys/"):
            filled = filled.replace(DRONE, NEW_DRONE)
        body: dict[str, Any] = {} if method in ("GET", "HEAD", "DELETE") else {"json": {}}
        answer = await http.request(method, f"http://127.0.0.1{filled}", headers=headers, **body)
        if route == "DELETE /api/v1/session":
            self._known.pop(who)
        return answer.status_code


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Everybody]:
    async with station_with_people(tmp_path_factory.mktemp("all")) as station:
        revoked = await station.services.access.make_drone_key("ember-3", by="a test")
        await station.services.access.revoke_drone_key("ember-3", by="a test")
        await station.services.access.make_drone_key(NEW_DRONE, by="a test")
        yield Everybody(station, revoked)


def routes_of(station: Station) -> set[str]:
    """All that the application answers to, what stands in no description too."""
    found: set[str] = set()

    def walk(routes: Any) -> None:
        for route in routes:
            inner = getattr(route, "effective_candidates", None)
            if inner is not None:
                walk(inner() if callable(inner) else inner)
            elif "WebSocket" in type(getattr(route, "original_route", route)).__name__:
                found.add(f"WebSocket {(getattr(route, 'starlette_route', None) or route).path}")
            elif getattr(route, "methods", None):
                found.update(f"{method} {route.path}" for method in route.methods)
            elif type(route).__name__ == "Mount":
                assert route.name == "page", "only the page's own files are mounted"

    walk(station.app.routes)
    described = station.app.openapi()["paths"]
    return {
        *found,
        *(f"{method.upper()} {path}" for path, methods in described.items() for method in methods),
    } - {"HEAD /openapi.json"}


async def test_every_route_stands_in_the_table(everybody: Everybody) -> None:
    assert routes_of(everybody.station) == {*ROUTES, *SOCKETS}


@pytest.mark.parametrize("route", ROUTES)
async def test_everybody_gets_what_the_table_says(everybody: Everybody, route: str) -> None:
    expected = statuses(*ROUTES[route], route)
    assert {who: await everybody.ask(who, route) for who in expected} == expected


@pytest.mark.parametrize("route", SOCKETS)
async def test_every_socket_opens_for_whom_the_table_says(everybody: Everybody, route: str) -> None:
    path = route.removeprefix("WebSocket ").replace("{drone_id}", DRONE)
    expected = SOCKETS[route]
    got = {}
    for who in expected:
        http, headers = await everybody.client(who)
        if http.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
        try:
            async with _inside(everybody.station.app, path, headers):
                got[who] = 101
        except Refused as refused:
            got[who] = refused.status
    assert got == expected


async def test_the_description_says_who_may_what(everybody: Everybody) -> None:
    described = everybody.station.app.openapi()["paths"]
    for path, methods in described.items():
        for method, operation in methods.items():
            who_may, _ = ROUTES[f"{method.upper()} {path}"]
            schemes = {name for need in operation.get("security", []) for name in need}
            expected = {PUBLIC: set(), DRONES: {"drone"}}.get(who_may, {"token", "session"})
            assert schemes == expected, f"{method} {path}"


async def test_a_token_may_what_its_role_may(everybody: Everybody) -> None:
    access = everybody.station.services.access
    tokens = {role: await access.add_token(f"t-{role}", role, by="a test") for role in Role}
    http = await everybody.station.nobody()
    for path, least in (("/alerts", Role.VIEWER), ("/users", Role.ADMIN), ("/audit", Role.ADMIN)):
        for role, token in tokens.items():
            expected = 200 if role.covers(least) else 403
            assert (await http.get(path, headers=auth(token))).status_code == expected, (path, role)
