"""Tells every open page what changes, and lets no slow page cost memory.

Each page has a queue in which a newer message about the same thing takes the place of the older one. A
queue that would still outgrow its bound is emptied, and the page gets a new snapshot instead.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from typing import Literal

from pydantic import BaseModel

Kind = Literal["drone", "patrol", "alert", "delivery", "lease", "order", "crossings"]

QUEUE_LENGTH = 1000


class LiveQueue:
    """What one page has not been told yet: at most one message per thing."""

    def __init__(self, length: int = QUEUE_LENGTH) -> None:
        self._length = length
        self._messages: OrderedDict[tuple[Kind, str], str] = OrderedDict()
        self._has_news = asyncio.Event()
        self.wants_snapshot = True

    def put(self, kind: Kind, key: str, message: str) -> None:
        """The newest wins and keeps the place in the queue of the one it replaces."""
        if (kind, key) not in self._messages and len(self._messages) >= self._length:
            self._messages.clear()
            self.wants_snapshot = True
        self._messages[kind, key] = message
        self._has_news.set()

    async def take(self) -> str | None:
        """The next message; None when the page wants a whole snapshot first."""
        while True:
            if self.wants_snapshot:
                self.wants_snapshot = False
                return None
            if self._messages:
                return self._messages.popitem(last=False)[1]
            self._has_news.clear()
            await self._has_news.wait()


class LiveHub:
    """Where the station publishes and pages listen. On the event loop only."""

    def __init__(self) -> None:
        self._queues: set[LiveQueue] = set()

    def join(self) -> LiveQueue:
        """A queue for one page; ``leave`` with it at the end."""
        queue = LiveQueue()
        self._queues.add(queue)
        return queue

    def leave(self, queue: LiveQueue) -> None:
        """The page is gone."""
        self._queues.discard(queue)

    def publish(self, kind: Kind, key: str, data: BaseModel) -> None:
        """Queues a message for every page; it is serialised once."""
        if not self._queues:
            return
        message = envelope(kind, data)
        for queue in self._queues:
            queue.put(kind, key, message)


def envelope(kind: Kind | Literal["snapshot"], data: BaseModel) -> str:
    """A message on the live socket, as JSON text."""
    return f'{{"type":{json.dumps(kind)},"data":{data.model_dump_json()}}}'
