"""Alerts come in, and are read."""

from __future__ import annotations

import logging
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query

from uplink.gcj02 import in_datum
from uplink.messages import Alert
from uplink.station.answers import AlertReceipt, Problem, StoredAlert
from uplink.station.routes.dependencies import (
    REFUSALS,
    WHO,
    DatumQuery,
    Sender,
    ServicesDep,
    refuse_mismatch,
    refuse_other_datum,
    viewer,
)

log = logging.getLogger(__name__)

router = APIRouter(prefix="/alerts", tags=["alerts"])


@router.put(
    "/{alert_id}",
    responses={**REFUSALS, 409: {"model": Problem, "description": "the alert is another drone's"}},
)
async def put_alert(alert_id: UUID, alert: Alert, drone: Sender, services: ServicesDep) -> AlertReceipt:
    """Keeps an alert durably before it answers. Repeats and lower revisions change nothing, in any order."""
    refuse_mismatch("id", alert_id, alert.id)
    refuse_other_datum(alert)
    if alert.drone_id != drone:
        raise HTTPException(403, f"this key is not drone {alert.drone_id}'s")
    put = await services.store.alerts.put(alert, now_s=services.clock(), endpoints=services.webhooks.names)
    if put.owner != drone:
        raise HTTPException(409, "another drone has an alert with this id")
    if put.is_first:
        told = {"event": "alert.new", "drone": drone, "alert": str(alert.id)}
        log.info("new alert of %s: %s", drone, _in_short(alert), extra=told)
    if put.stored is not None:
        services.live.publish("alert", str(alert_id), put.stored)
        services.join_bearings(put.stored)
        await services.tips.alert_came(put.stored, is_first=put.is_first)
        services.incidents.tell(put.incidents, put.deliveries)
    return AlertReceipt(id=alert_id, revision=put.revision)


@router.get(
    "",
    dependencies=[Depends(viewer)],
    responses={**WHO, 404: {"model": Problem, "description": "no alert has the id given as before"}},
)
async def alerts(
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[UUID | None, Query(description="the last alert of the page before")] = None,
    datum: DatumQuery = "wgs84",
) -> list[StoredAlert]:
    """Alerts by time of confirmation, the newest first."""
    last = None if before is None else await _get(services, before)
    return [in_datum(alert, datum) for alert in await services.store.alerts.newest(limit, last)]


@router.get(
    "/{alert_id}",
    dependencies=[Depends(viewer)],
    responses={**WHO, 404: {"model": Problem, "description": "no alert has this id"}},
)
async def alert_by_id(alert_id: UUID, services: ServicesDep, datum: DatumQuery = "wgs84") -> StoredAlert:
    """One alert in its highest revision."""
    return in_datum(await _get(services, alert_id), datum)


def _in_short(alert: Alert) -> str:
    place = alert.position
    where = f"{place.lat_deg:.5f}, {place.lon_deg:.5f}" if place else "its bearing only"
    return f"{alert.label}, {alert.probability:.2f}, {where} ({alert.id})"


async def _get(services: ServicesDep, alert_id: UUID) -> StoredAlert:
    alert = await services.store.alerts.get(alert_id)
    if alert is None:
        raise HTTPException(404, f"there is no alert {alert_id}")
    return alert
