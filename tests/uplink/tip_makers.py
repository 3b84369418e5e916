"""Tips, what a drone that was sent to one answers, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx

from uplink.messages import Alert, OrderKind, OrderResult, OrderState
from uplink.station.store.audit import AuditFilter

from .drone import state_of, tell
from .makers import DRONE, HOME, KEY, NOON, as_json, auth, eventually, make_alert


class Agent:
    """Which start of its agent the drone speaks for; a new one has forgotten all orders."""

    def __init__(self) -> None:
        self.run = uuid4()


AGENT = Agent()


def feature(external_id: str = "call-7", **said: Any) -> dict[str, Any]:
    properties = {
        "source": "control room",
        "external_id": external_id,
        "kind": "call",
        "observed_at": NOON.isoformat(),
        "text": "smoke behind the barn",
        "radius_m": 200.0,
        **said,
    }
    place = {"type": "Point", "coordinates": [HOME.lon_deg, HOME.lat_deg + 0.002]}
    return {"type": "Feature", "geometry": place, "properties": properties}


async def told(http: httpx.AsyncClient, **said: Any) -> dict[str, Any]:
    answer = await http.post("/tips", json=feature(**said))
    assert answer.status_code in (200, 201), answer.text
    tip: dict[str, Any] = answer.json()
    return tip


async def in_control(http: httpx.AsyncClient, drone_id: str = DRONE) -> None:
    await tell(http, state_of(drone_id, run=AGENT.run))
    assert (await http.post(f"/drones/{drone_id}/lease")).status_code == 200


async def send(http: httpx.AsyncClient, tip: dict[str, Any], drone_id: str = DRONE) -> httpx.Response:
    return await http.post(f"/drones/{drone_id}/orders", json={"kind": "look at", "tip_id": tip["id"]})


async def sent(http: httpx.AsyncClient, tip: dict[str, Any]) -> UUID:
    """The order's id."""
    answer = await send(http, tip)
    assert answer.status_code == 202, answer.text
    return UUID(answer.json()["id"])


async def tip_now(http: httpx.AsyncClient, tip: dict[str, Any]) -> dict[str, Any]:
    now: dict[str, Any] = (await http.get(f"/tips/{tip['id']}")).json()
    return now


async def becomes(http: httpx.AsyncClient, tip: dict[str, Any], state: str) -> dict[str, Any]:
    async def is_so() -> bool:
        return bool((await tip_now(http, tip))["state"] == state)

    await eventually(is_so)
    return await tip_now(http, tip)


async def deeds(http: httpx.AsyncClient, tip: dict[str, Any]) -> list[tuple[str, str]]:
    audit = http.app.state.services.store.audit  # type: ignore[attr-defined]
    entries = await audit.newest(50, wanted=AuditFilter(about=tip["id"]))
    return [(entry.who, entry.what) for entry in reversed(entries)]


def result(order_id: UUID, state: OrderState, reason: str = "", *alert_ids: UUID) -> OrderResult:
    return OrderResult(
        order_id=order_id,
        kind=OrderKind.LOOK_AT,
        state=state,
        reason=reason,
        alert_ids=list(alert_ids),
        at=datetime.now(UTC),
    )


def alert_in_it(*, minutes: float = 0.0, drone_id: str = DRONE, north_deg: float = 0.002) -> Alert:
    alert = make_alert(drone_id=drone_id, minutes=minutes)
    at = HOME.model_copy(update={"lat_deg": HOME.lat_deg + north_deg})
    return alert.model_copy(update={"position": at})


async def put(http: httpx.AsyncClient, alert: Alert) -> None:
    answer = await http.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth(KEY))
    assert answer.status_code == 200, answer.text
