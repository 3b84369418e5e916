"""Figures for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from uplink.station.metrics import CONTENT_TYPE
from uplink.station.routes.dependencies import WHO, ServicesDep, viewer

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=[Depends(viewer)],
    responses={**WHO, 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(services: ServicesDep) -> Response:
    """Counts, ages and latencies, in the format of Prometheus. A scraper shows a viewer's token."""
    return Response(await services.metrics.page(services), media_type=CONTENT_TYPE)
