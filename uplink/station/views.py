"""Who watches which drone, and what its pictures go to: one stream from the drone, the newest to every page.

Nothing of it is stored. A page that is slow holds one picture back at most, and a newer one takes its place:
what it has lost is counted, and nobody else waits for it. Of a picture the first page's word that it was seen
goes to the drone, so that the stream follows the best line there is; a page on a thinner line sees fewer of
the same pictures. On the event loop only.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict, deque
from collections.abc import Callable

from flight.errors import EmberwatchError
from uplink.live_view.words import PickedPlace, ViewAsked, ViewFrame, ViewPick, ViewSaid, ViewState

NOBODY, REPLACED, KEY_GONE = 4004, 4001, 4003  # close codes; the drone knows the first two
LINGER_S = 3.0  # a page that is loaded anew comes back before the drone has stopped
AHEAD = 2  # pictures that a page may not have acknowledged
MOST_VIEWERS = 50  # of one drone
MOST_PICKS = 8  # of one page, unanswered
MOST_TEXTS = 32
NOT_NOW = "the drone sends no pictures now"
TOO_MANY = "too many points are asked for at once"


class TooManyViewersError(EmberwatchError):
    """More people than anybody has watch one drone."""


class Stream:
    """A drone that sends pictures. Whoever serves it says ``texts`` to the drone until it is ended."""

    def __init__(self, drone_id: str) -> None:
        self.drone_id = drone_id
        self.has_texts = asyncio.Event()
        self.ended = asyncio.Event()
        self.end_code, self.end_reason = 0, ""
        self._texts: deque[str] = deque(maxlen=MOST_TEXTS)
        self._ack: ViewAsked | None = None

    def acknowledged(self, frame: int, age_ms: float | None) -> None:
        """The latest acknowledgement is all that counts."""
        self._ack = ViewAsked(ack=frame, age_ms=age_ms)
        self.has_texts.set()

    def ask(self, pick: ViewPick) -> None:
        self._texts.append(ViewAsked(pick=pick).model_dump_json(exclude_defaults=True))
        self.has_texts.set()

    def take_texts(self) -> list[str]:
        """What the drone is to be told now."""
        self.has_texts.clear()
        texts = list(self._texts)
        self._texts.clear()
        if self._ack is not None:
            texts.insert(0, self._ack.model_dump_json(exclude_defaults=True))
            self._ack = None
        return texts

    def end(self, code: int, reason: str) -> None:
        """Whoever serves it is to close it."""
        self.end_code, self.end_reason = code, reason
        self.ended.set()


class Viewer:
    """A page that watches one drone. Whoever serves it sends what ``next`` gives."""

    def __init__(self, room: _Room) -> None:
        self._room = room
        self._has_news = asyncio.Event()
        self._texts: deque[str] = deque(maxlen=MOST_TEXTS)
        self._state: str | None = None
        self._told_state = ""
        self._slot: tuple[int, bytes] | None = None
        self._ahead: deque[int] = deque()
        self.dropped = 0
        self.unanswered = 0

    async def next(self) -> str | bytes:
        """The next message for the page: words before pictures."""
        while True:
            self._has_news.clear()
            if self._state is not None:
                state, self._state = self._state, None
                return state
            if self._texts:
                return self._texts.popleft()
            if self._slot is not None and len(self._ahead) < AHEAD:
                (frame, data), self._slot = self._slot, None
                self._ahead.append(frame)
                return data
            await self._has_news.wait()

    def show(self, frame: int, data: bytes) -> None:
        """The newest picture."""
        if self._slot is not None:
            self.dropped += 1
        self._slot = frame, data
        self._has_news.set()

    def tell(self, said: ViewSaid) -> None:
        text = said.model_dump_json(exclude_defaults=True)
        if said.state is not None:
            if text == self._told_state:
                return
            self._state = self._told_state = text
        else:
            self._texts.append(text)
        self._has_news.set()

    def remind(self) -> None:
        """The page is told how it stands even where that is no news: it hears that it is not forgotten."""
        self._told_state = ""

    def hear(self, asked: ViewAsked) -> None:
        """What the page says."""
        if asked.ack is not None:
            if asked.ack not in self._ahead:
                return  # of no picture that it was sent
            while self._ahead.popleft() != asked.ack:
                pass
            self._has_news.set()
            self._room.acknowledged(asked.ack, asked.age_ms)
        if asked.pick is not None:
            self._room.ask(self, asked.pick)

    def answer(self, picked: PickedPlace) -> None:
        self.unanswered -= 1
        self.tell(ViewSaid(picked=picked))


class _Room:
    """One drone and the pages that watch it."""

    def __init__(self) -> None:
        self.viewers: dict[Viewer, None] = {}
        self.stream: Stream | None = None
        self.refused = ""
        self.stopping: asyncio.TimerHandle | None = None
        """Nobody watches, and the drone is to stop then."""
        self._acknowledged = 0
        self._picks: OrderedDict[int, tuple[Viewer, int]] = OrderedDict()
        self._numbers = itertools.count(1)

    def state(self, viewer: Viewer, *, linked: bool) -> ViewState:
        if self.refused:
            state = "refused"
        elif self.stream is not None:
            state = "sending"
        else:
            state = "asked" if linked else "no link"
        return ViewState.model_validate(
            {
                "state": state,
                "reason": self.refused,
                "viewers": len(self.viewers),
                "dropped": viewer.dropped,
            }
        )

    def acknowledged(self, frame: int, age_ms: float | None) -> None:
        if frame > self._acknowledged and self.stream is not None:
            self._acknowledged = frame
            self.stream.acknowledged(frame, age_ms)

    def ask(self, viewer: Viewer, pick: ViewPick) -> None:
        viewer.unanswered += 1
        why = NOT_NOW if self.stream is None else TOO_MANY if viewer.unanswered > MOST_PICKS else ""
        if self.stream is None or why:
            viewer.answer(PickedPlace(id=pick.id, frame=pick.frame, why=why))
            return
        number = next(self._numbers)
        self._picks[number] = viewer, pick.id
        self.stream.ask(pick.model_copy(update={"id": number}))

    def answer(self, picked: PickedPlace) -> None:
        viewer, number = self._picks.pop(picked.id, (None, 0))
        if viewer is not None and viewer in self.viewers:
            viewer.answer(picked.model_copy(update={"id": number}))

    def begin(self, stream: Stream) -> None:
        self.stream, self.refused, self._acknowledged = stream, "", 0

    def end(self) -> None:
        """No stream any more: nobody waits for what will not be answered."""
        self.stream, self.refused = None, ""
        unanswered, self._picks = self._picks, OrderedDict()
        for viewer, number in unanswered.values():
            if viewer in self.viewers:
                viewer.answer(PickedPlace(id=number, frame=1, why=NOT_NOW))


class Views:
    """Of all drones. ``on_watched`` hears of a drone that nobody watched before; ``is_linked`` knows whether
    it could be told."""

    def __init__(self, on_watched: Callable[[str], None], is_linked: Callable[[str], bool]) -> None:
        self._on_watched = on_watched
        self._is_linked = is_linked
        self._rooms: dict[str, _Room] = {}
        self.shown = 0
        """Pictures that came, since the station started."""

    @property
    def viewers(self) -> int:
        """How many pages watch some drone."""
        return sum(len(room.viewers) for room in self._rooms.values())

    def is_watched(self, drone_id: str) -> bool:
        """Whether anybody watches this drone."""
        room = self._rooms.get(drone_id)
        return room is not None and bool(room.viewers)

    def watch(self, drone_id: str) -> Viewer:
        """A page begins; ``leave`` with it at the end. Raises TooManyViewersError."""
        room = self._rooms.setdefault(drone_id, _Room())
        if len(room.viewers) >= MOST_VIEWERS:
            raise TooManyViewersError(f"{MOST_VIEWERS} pages watch this drone already")
        if room.stopping is not None:
            room.stopping.cancel()
            room.stopping = None
        viewer = Viewer(room)
        room.viewers[viewer] = None
        if len(room.viewers) == 1:
            self._on_watched(drone_id)
        self.tell_state(drone_id)
        return viewer

    def leave(self, drone_id: str, viewer: Viewer) -> None:
        """The page is gone. The drone stops a little later, if nobody else has come."""
        room = self._rooms[drone_id]
        room.viewers.pop(viewer, None)
        if room.viewers:
            self.tell_state(drone_id)
        elif room.stream is None:
            del self._rooms[drone_id]
        else:
            room.stopping = asyncio.get_running_loop().call_later(LINGER_S, self._stop, room)

    def tell_state(self, drone_id: str) -> None:
        """Each page that watches hears how it stands."""
        room = self._rooms.get(drone_id)
        if room is not None:
            for viewer in room.viewers:
                viewer.tell(ViewSaid(state=room.state(viewer, linked=self._is_linked(drone_id))))

    def open(self, drone_id: str) -> Stream | None:
        """A drone begins to send; ``close`` at its end. One that it had is ended. None: nobody watches."""
        room = self._rooms.get(drone_id)
        if room is None or not room.viewers:
            return None
        if room.stream is not None:
            room.stream.end(REPLACED, "this drone has connected anew")
            room.end()
        stream = Stream(drone_id)
        room.begin(stream)
        self.tell_state(drone_id)
        return stream

    def close(self, stream: Stream) -> None:
        """It is no more."""
        room = self._rooms.get(stream.drone_id)
        if room is not None and room.stream is stream:
            room.end()
            self.tell_state(stream.drone_id)
            if not room.viewers:
                del self._rooms[stream.drone_id]

    def show(self, stream: Stream, frame: ViewFrame, data: bytes) -> None:
        """A picture came, as it travels."""
        room = self._rooms.get(stream.drone_id)
        if room is None or room.stream is not stream:
            return
        self.shown += 1
        if room.refused:
            room.refused = ""
            self.tell_state(stream.drone_id)
        for viewer in room.viewers:
            viewer.show(frame.frame, data)

    def said(self, stream: Stream, said: ViewSaid) -> None:
        """The drone says something."""
        room = self._rooms.get(stream.drone_id)
        if room is None or room.stream is not stream:
            return
        if said.refused is not None:
            room.refused = said.refused
            self.tell_state(stream.drone_id)
        if said.picked is not None:
            room.answer(said.picked)

    def shut_out(self, drone_id: str) -> None:
        """The drone's key is no longer taken."""
        room = self._rooms.get(drone_id)
        if room is not None and room.stream is not None:
            room.stream.end(KEY_GONE, "the drone's key is no longer taken")

    def _stop(self, room: _Room) -> None:
        room.stopping = None
        if room.stream is not None:
            room.stream.end(NOBODY, "nobody watches")
