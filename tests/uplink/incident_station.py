"""A station whose clock the story sets, and people who work its incidents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from uplink.messages import Alert
from uplink.station.app import create_app
from uplink.station.config import StationConfig
from uplink.station.services import Services

from .makers import KEY, NOON, OTHER_DRONE, OTHER_KEY, as_json, auth, make_config

Json = dict[str, Any]


class IncidentStation:
    """``now_s`` is the station's clock."""

    def __init__(self, http: httpx.AsyncClient, services: Services, clock: Clock) -> None:
        self.http = http
        self.services = services
        self.clock = clock

    async def put(self, *alerts: Alert) -> None:
        """As the drones send them."""
        for alert in alerts:
            key = OTHER_KEY if alert.drone_id == OTHER_DRONE else KEY
            answer = await self.http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth(key))
            assert answer.status_code == 200, answer.text

    async def after(self, seconds: float) -> None:
        """Time goes by, and the station notices."""
        self.clock.s += seconds
        await self.services.incidents.tick()

    async def all(self, **query: Any) -> list[Json]:
        answer = await self.http.get("/incidents", params=query)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    async def only(self, **query: Any) -> Json:
        [incident] = await self.all(**query)
        return incident

    async def get(self, incident: Json | str) -> Json:
        name = incident if isinstance(incident, str) else incident["id"]
        answer = await self.http.get(f"/incidents/{name}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def post(self, incident: Json, verb: str, *, match: str | None = "", **body: Any) -> httpx.Response:
        """With the version that is in hand, or another one, or (None) none."""
        tag = f'"{incident["version"]}"' if match == "" else match
        headers = {} if tag is None else {"If-Match": tag}
        return await self.http.post(f"/incidents/{incident['id']}/{verb}", json=body, headers=headers)

    async def step(self, incident: Json, step: str, reason: str = "") -> Json:
        answer = await self.post(incident, "steps", step=step, reason=reason)
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
        return dict(answer.json())

    async def steps(self, incident: Json) -> list[str]:
        """What happened to it, without what drones and webhooks said."""
        lines = (await self.timeline(incident))["entries"]
        return [line["what"] for line in lines if line["kind"] == "step"]

    async def timeline(self, incident: Json, **query: Any) -> Json:
        answer = await self.http.get(f"/incidents/{incident['id']}/timeline", params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def told(self) -> list[str]:
        """The events that webhooks were told of incidents, the oldest first."""
        deliveries = (await self.http.get("/deliveries", params={"limit": 500})).json()
        return [one["type"] for one in reversed(deliveries) if one["type"].startswith("incident.")]

    async def deeds(self) -> list[str]:
        """What the audit log says of incidents, the oldest first."""
        entries = await self.services.store.audit.newest(500)
        return [entry.what for entry in reversed(entries) if entry.what.startswith("incident.")]


class Clock:
    """Seconds since 1970, set by the story."""

    def __init__(self, s: float = NOON.timestamp() + 60.0) -> None:
        self.s = s

    def __call__(self) -> float:
        return self.s


@asynccontextmanager
async def incident_station(
    folder: Path, config: StationConfig | None = None, *, clock: Clock | None = None
) -> AsyncIterator[IncidentStation]:
    """Nobody listens at its webhook."""
    clock = clock or Clock()
    config = config or make_config(folder, webhook_urls=("http://127.0.0.1:9/hook",))
    app = create_app(config, clock=clock)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            base_url="http://127.0.0.1/api/v1",
            transport=httpx.ASGITransport(app),
            headers={"X-Emberwatch-Session": "a" * 32},
        ) as http,
    ):
        yield IncidentStation(http, app.state.services, clock)
