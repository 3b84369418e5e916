"""How a drone gets the patrol that an order names from its station."""

from __future__ import annotations

import asyncio
import ssl

import httpx

from uplink.errors import UplinkError
from uplink.messages import PatrolRef
from uplink.station_requests import station_http

TIMEOUT_S = 60.0  # for 4 MB, at half a megabit a second
TRIES = 3
PAUSE_S = 1.0


class PatrolFetch:
    """One drone's. Whether what comes is what was ordered is for the caller to see, by its hash."""

    def __init__(
        self, station_url: str, drone_id: str, key: str, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self._station_url = station_url
        self._drone_id = drone_id
        self._key = key
        self._tls = tls

    async def __call__(self, ref: PatrolRef) -> bytes:
        """Raises ``UplinkError`` where it cannot be had."""
        path = f"/api/v1/drones/{self._drone_id}/patrols/{ref.sha256}"
        reason = ""
        async with station_http(self._station_url, self._key, self._tls) as http:
            for attempt in range(TRIES):
                if attempt:
                    await asyncio.sleep(PAUSE_S)
                try:
                    async with asyncio.timeout(TIMEOUT_S), http.stream("GET", path) as answer:
                        if answer.status_code == httpx.codes.OK:
                            return await _read(answer, ref.size_bytes)
                        reason = f"HTTP {answer.status_code}"
                        if answer.is_client_error:
                            break  # it will not be another answer in a second
                except (httpx.HTTPError, TimeoutError) as error:
                    reason = str(error) or type(error).__name__
        raise UplinkError(f"the patrol {ref.name} could not be fetched from the station: {reason}")


async def _read(answer: httpx.Response, size_bytes: int) -> bytes:
    """No more than was told of: memory is bounded, whoever answers there."""
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > size_bytes:
            break
    return bytes(content)
