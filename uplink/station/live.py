"""Tells every open page what changes, and lets no slow page cost memory.

There is one line of messages for all pages, each written as JSON once; a newer message about the same thing
takes the place of the older one, at the end of the line. A page only has a mark in that line, so a slow one
costs nothing: when it is told again, it is told of each thing once, as it is then. What a page was told too
long ago to be told piece by piece, it is told as a new snapshot.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from typing import Literal

from pydantic import BaseModel

Kind = Literal[
    "drone",
    "patrol",
    "ground",
    "searched",
    "alert",
    "delivery",
    "lease",
    "order",
    "tip",
    "incident",
    "crossings",
    "zone",
]

LINE_LENGTH = 4000
FRAME_CHARACTERS = 512 * 1024  # of one text on the socket; the rest comes in the next
PACE_S = 0.05  # between two texts to one page: what changes in the meantime comes together
TEXTS_AHEAD = 2  # that a page may not have answered yet


class LiveHub:
    """Where the station publishes and pages listen. On the event loop only."""

    def __init__(self, length: int = LINE_LENGTH) -> None:
        self._length = length
        self._line: OrderedDict[tuple[Kind, str], tuple[int, str]] = OrderedDict()
        self._number = 0
        self._forgotten = 0  # the number of the latest message that went without being replaced
        self._pages: set[LivePage] = set()

    @property
    def pages(self) -> int:
        """How many are open."""
        return len(self._pages)

    def join(self) -> LivePage:
        """A page is opened; ``leave`` with it at the end."""
        page = LivePage(self)
        self._pages.add(page)
        return page

    def leave(self, page: LivePage) -> None:
        """The page is gone."""
        self._pages.discard(page)
        if not self._pages:
            self._forgotten = self._number
            self._line.clear()

    def publish(self, kind: Kind, key: str, data: BaseModel) -> None:
        """News for every page."""
        self._number += 1
        if not self._pages:
            self._forgotten = self._number
            return
        self._line[kind, key] = self._number, event(kind, data)
        self._line.move_to_end((kind, key))
        if len(self._line) > self._length:
            _, (self._forgotten, _) = self._line.popitem(last=False)
        for page in self._pages:
            page.has_news.set()

    @property
    def number(self) -> int:
        """Of the latest message."""
        return self._number

    def since(self, number: int) -> tuple[int, list[str]] | None:
        """What was published after that message, as far as it fits into one text, and up to which message
        that is; None when some of it is gone."""
        if number < self._forgotten:
            return None
        news = []
        for entry in reversed(self._line.values()):
            if entry[0] <= number:
                break
            news.append(entry)
        told: list[str] = []
        size = 0
        for said, text in reversed(news):
            size += len(text)
            if told and size > FRAME_CHARACTERS:
                break
            number = said
            told.append(text)
        return number, told


class LivePage:
    """How far one page has been told, and how far it has read.

    A page that says something after each text is never told more than two texts ahead, so that nothing old
    waits on a thin line or in a busy browser. One that never does is told as fast as the line takes it.
    """

    def __init__(self, hub: LiveHub) -> None:
        self.has_news = asyncio.Event()
        self._hub = hub
        self._told: int | None = None
        self._texts = 0
        self._answers = 0
        self._answered = asyncio.Event()

    def answered(self) -> None:
        """The page has read one text more."""
        self._answers += 1
        self._answered.set()

    async def has_read(self) -> None:
        """A text went out: waits until the page may be told another."""
        self._texts += 1
        while 0 < self._answers <= self._texts - TEXTS_AHEAD:
            self._answered.clear()
            await self._answered.wait()

    async def news(self) -> str | None:
        """The next text for the page: a list of events; None when it has to be told everything first."""
        while True:
            self.has_news.clear()
            told = None if self._told is None else self._hub.since(self._told)
            if told is None:
                # What changes while the snapshot is made is told after it, once more than needed at worst.
                self._told = self._hub.number
                return None
            self._told, events = told
            if events:
                return text_of(events)
            await self.has_news.wait()


def event(kind: Kind | Literal["snapshot"], data: BaseModel) -> str:
    """One thing that a page is told, as JSON."""
    return f'{{"type":{json.dumps(kind)},"data":{data.model_dump_json()}}}'


def text_of(events: list[str]) -> str:
    """Events as they travel together."""
    return f"[{','.join(events)}]"
