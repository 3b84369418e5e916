"""The autopilot's clock (seconds since its boot) against ours, by ``TIMESYNC``.

We ask with our own time, the autopilot answers with its time since boot in nanoseconds and echoes ours.
Its answer was made somewhere between our sending and our receiving; the middle is wrong by at most half
the round trip, so the smallest round trip of a window fixes the clock (flight rule 35). Crystals differ by
less than the round trips can show, and then the rates are taken as equal; a simulator that runs faster
than the wall shows, and then the best answers of the older and of the newer half of the window make a line.

Pure: every call is told the time.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import Enum

MAX_ROUND_TRIP_S = 0.010
WINDOW_S = 10.0
STALE_S = 30.0
SYNCED_AFTER = 3
FAST_PERIOD_S = 0.2
SLOW_PERIOD_S = 1.0
JUMP_S = 0.25
CRYSTAL_DRIFT = 200e-6  # two ordinary crystals never differ by more
_OUTSTANDING = 8


class Reply(Enum):
    """What an answer was worth."""

    IGNORED = "not an answer to us, or too slow"
    ACCEPTED = "accepted"
    REBOOT = "the autopilot's clock went back: it has started anew"


@dataclass(frozen=True, slots=True)
class _Exchange:
    monotonic_s: float
    boot_s: float
    round_trip_s: float


_NOTHING = _Exchange(0.0, 0.0, 0.0)


class ClockSync:
    """Maps our monotonic clock to time since the autopilot's boot."""

    def __init__(self, *, max_round_trip_s: float = MAX_ROUND_TRIP_S) -> None:
        self._max_round_trip_s = max_round_trip_s
        self._sent_s: OrderedDict[int, float] = OrderedDict()
        self._asked_s: float | None = None
        self._good: deque[_Exchange] = deque()
        self._anchor = _NOTHING
        self._rate = 1.0

    def reset(self) -> None:
        """Forget everything: the autopilot has started anew."""
        self._sent_s.clear()
        self._good.clear()
        self._anchor = _NOTHING
        self._rate = 1.0
        self._asked_s = None

    @property
    def synchronised(self) -> bool:
        return len(self._good) >= SYNCED_AFTER

    @property
    def round_trip_s(self) -> float | None:
        """The round trip that the clock rests on; it may be off by half of this."""
        return self._anchor.round_trip_s if self.synchronised else None

    def due(self, now_s: float) -> bool:
        """Whether it is time to ask again."""
        period_s = SLOW_PERIOD_S if self.synchronised else FAST_PERIOD_S
        return self._asked_s is None or now_s - self._asked_s >= period_s

    def ask(self, now_s: float) -> int:
        """The ``ts1`` to send now, in nanoseconds."""
        ts1_ns = int(now_s * 1e9)
        self._asked_s = now_s
        self._sent_s[ts1_ns] = now_s
        while len(self._sent_s) > _OUTSTANDING:
            self._sent_s.popitem(last=False)
        return ts1_ns

    def reply(self, tc1_ns: int, ts1_ns: int, now_s: float) -> Reply:
        """Take one TIMESYNC of the vehicle; ``tc1`` 0 is a question of its own and not for us."""
        if tc1_ns <= 0:
            return Reply.IGNORED
        sent_s = self._sent_s.pop(ts1_ns, None)
        if sent_s is None:
            return Reply.IGNORED
        round_trip_s = now_s - sent_s
        if round_trip_s > self._max_round_trip_s:
            return Reply.IGNORED
        exchange = _Exchange((sent_s + now_s) / 2, tc1_ns / 1e9, round_trip_s)
        verdict = Reply.ACCEPTED
        if self._good:
            latest = self._good[-1]
            if exchange.boot_s < latest.boot_s - JUMP_S:
                verdict = Reply.REBOOT
            expected_s = self._boot_at(exchange.monotonic_s)
            if self.synchronised and abs(exchange.boot_s - expected_s) > JUMP_S:
                self._good.clear()
        if verdict is Reply.REBOOT:
            self.reset()
            self._asked_s = sent_s
        self._good.append(exchange)
        while self._good[0].monotonic_s < exchange.monotonic_s - WINDOW_S:
            self._good.popleft()
        self._fit()
        return verdict

    def _fit(self) -> None:
        self._rate = 1.0
        self._anchor = min(reversed(self._good), key=lambda good: good.round_trip_s)
        middle_s = (self._good[0].monotonic_s + self._good[-1].monotonic_s) / 2
        older = [good for good in self._good if good.monotonic_s <= middle_s]
        newer = [good for good in self._good if good.monotonic_s > middle_s]
        if not newer:
            return
        first = min(older, key=lambda good: good.round_trip_s)
        second = min(newer, key=lambda good: good.round_trip_s)
        baseline_s = second.monotonic_s - first.monotonic_s
        rate = (second.boot_s - first.boot_s) / baseline_s
        uncertainty = (first.round_trip_s + second.round_trip_s) / 2 / baseline_s
        if rate > 0 and abs(rate - 1) > uncertainty + CRYSTAL_DRIFT:
            self._anchor, self._rate = second, rate

    def _boot_at(self, monotonic_s: float) -> float:
        return self._anchor.boot_s + self._rate * (monotonic_s - self._anchor.monotonic_s)

    def _usable(self, monotonic_s: float) -> bool:
        return self.synchronised and abs(monotonic_s - self._good[-1].monotonic_s) <= STALE_S

    def boot_at(self, monotonic_s: float) -> float | None:
        """The autopilot's time since boot at this instant of ours; None until synchronised, or when stale."""
        return self._boot_at(monotonic_s) if self._usable(monotonic_s) else None
