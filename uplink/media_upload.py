"""Brings one picture to the station, a piece at a time, so that an alert never waits for more than a piece.

A small one goes in one request. What came of a request that broke off stays at the station: the next attempt
asks how far it is and goes on from there. The SHA-256 that a picture is named by is checked over the whole.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx

from uplink.outbox import OutboxItem
from uplink.station_requests import Reply, StationRequests
from uplink.verdict import Verdict

PIECE_BYTES = 256 * 1024


class MediaUpload:
    """Knows, of the pictures under way, how far the station said they are."""

    def __init__(self, requests: StationRequests) -> None:
        self._requests = requests
        self._offsets: dict[str, int] = {}

    async def step(self, item: OutboxItem) -> Reply:
        """One piece, or all of a small picture. ``PARTLY`` where it arrived and there is more."""
        if item.key not in self._offsets:
            if item.attempts == 0 and len(item.body) <= PIECE_BYTES:
                return self._second_thought(item, await self._put(item))
            asked = await self._ask(item)
            if asked.verdict is not Verdict.DELIVERED or asked.headers["upload-complete"] == "?1":
                return asked
            self._offsets[item.key] = int(asked.headers["upload-offset"])
        return self._second_thought(item, await self._append(item, self._offsets.pop(item.key)))

    async def _put(self, item: OutboxItem) -> Reply:
        return await self._requests.send(
            "PUT",
            f"/media/{item.key}",
            item.body,
            headers={"Content-Type": "image/jpeg"},
            is_receipt=lambda answer: _json(answer).get("sha256") == item.key,
            is_media=True,
        )

    async def _ask(self, item: OutboxItem) -> Reply:
        def is_receipt(answer: httpx.Response) -> bool:
            offset, complete = (answer.headers.get(f"upload-{name}", "") for name in ("offset", "complete"))
            if complete == "?1":
                return True
            return bool(complete == "?0" and offset.isdecimal() and int(offset) < len(item.body))

        return await self._requests.send(
            "HEAD", f"/media/{item.key}/upload", headers={}, is_receipt=is_receipt, is_media=True
        )

    async def _append(self, item: OutboxItem, offset_bytes: int) -> Reply:
        def is_receipt(answer: httpx.Response) -> bool:
            told = _json(answer)
            reached = told.get("offset_bytes")
            return told.get("sha256") == item.key and isinstance(reached, int) and reached > offset_bytes

        reply = await self._requests.send(
            "PATCH",
            f"/media/{item.key}/upload",
            item.body[offset_bytes : offset_bytes + PIECE_BYTES],
            headers={
                "Content-Type": "application/partial-upload",
                "Upload-Offset": str(offset_bytes),
                "Upload-Length": str(len(item.body)),
            },
            is_receipt=is_receipt,
            is_media=True,
        )
        if reply.verdict is not Verdict.DELIVERED:
            return reply
        progress = json.loads(reply.content)
        if progress.get("complete") is True:
            return reply
        self._offsets[item.key] = progress["offset_bytes"]
        return Reply(Verdict.PARTLY, reply.reason)

    def _second_thought(self, item: OutboxItem, reply: Reply) -> Reply:
        """A piece that does not fit what the station has, or a whole whose parts were mixed up there, is no
        fault of the picture: it goes again, from where the station then says. Bytes that have changed on the
        drone's disk are."""
        if reply.status not in (409, 422):
            return reply
        if hashlib.sha256(item.body).hexdigest() != item.key:
            return Reply(Verdict.REFUSED, f"its bytes were damaged on the drone ({reply.reason})")
        return Reply(Verdict.LATER, reply.reason, reply.status, retry_after_s=reply.retry_after_s)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
