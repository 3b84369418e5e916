"""How large, how good and how often pictures are sent, by what the link carries. Pure: told ``now_s``.

No more than two pictures are on their way unacknowledged, so that none waits behind old ones. What may be
sent a second grows while pictures come back in time, quickly until the first that does not, and shrinks when
one is due while two are on their way, or one comes back late (additive increase, multiplicative decrease).
From that follow size and quality: the best at which there are still ``WANTED_PER_S`` pictures a second, and
of the smallest as many as the link carries.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass

IN_FLIGHT = 2
LEAST_PER_S, WANTED_PER_S, MOST_PER_S = 1.0, 5.0, 15.0
FIRST_BYTES_S = 50_000.0
LEAST_BYTES_S = 2_000.0
QUICK, STEP_SHARE, STEP_BYTES_S = 1.2, 0.01, 500.0  # growth for each picture that comes back in time
BACK_OFF = 0.8
ALONE = 1.5  # a picture that is late with none behind it says less: what came through was not all there is
UP = 1.3  # a better size needs room for this many times the pictures wanted, so that it does not flutter
STAY_S, LONGEST_STAY_S = 2.0, 60.0  # at a size; twice as long each time that a better one did not hold
HELD_S = 6.0
LATE_S, LATE_SHARE = 0.05, 0.7
SLOW_S = 0.8  # from here on a second picture on its way would only make both old
GIVEN_UP = 8
LOST_S, LOST_RTTS = 3.0, 4.0
WINDOW_S = 2.0
LEAST_RTT_S = 30.0


@dataclass(frozen=True, slots=True)
class Step:
    """A size and a quality of pictures."""

    height_px: int
    quality: int


STEPS = (Step(240, 35), Step(240, 60), Step(360, 60), Step(480, 60), Step(720, 60), Step(720, 75))
# How large pictures of a quality are against those of 75: measured on rendered and on real scenes.
_OF_QUALITY = {35: 0.53, 60: 0.76, 75: 1.0}
_BYTES_PER_PX = 0.14  # of 720 lines at 75, before the first picture was seen


@dataclass(slots=True)
class _OnItsWay:
    size_bytes: int
    sent_s: float


class ViewPace:
    """Of one line. ``most_bytes_s`` is never exceeded for long."""

    def __init__(self, most_bytes_s: float, now_s: float) -> None:
        self._most_bytes_s = most_bytes_s
        self._allowed_bytes_s = min(FIRST_BYTES_S, most_bytes_s)
        self._quick = True
        self._flying: OrderedDict[int, _OnItsWay] = OrderedDict()
        self._given_up: OrderedDict[int, _OnItsWay] = OrderedDict()
        self._due_s = now_s
        self._seen: deque[tuple[float, int]] = deque()  # when acknowledged, and how large
        self._rtts: deque[tuple[float, float]] = deque()
        self._backed_off_s = now_s
        self._stepped_s = now_s
        self._stepped_up = False
        self._stay_s = STAY_S
        self._step = 0
        self._bytes_per_px = _BYTES_PER_PX
        self._began_s = now_s
        self.rtt_s: float | None = None
        self.lost = 0
        """Pictures that were never acknowledged."""

    @property
    def step(self) -> Step:
        return STEPS[self._step]

    @property
    def least_rtt_s(self) -> float | None:
        """Of the last ``LEAST_RTT_S``."""
        return min((rtt_s for _, rtt_s in self._rtts), default=None)

    @property
    def per_s(self) -> float:
        """Pictures a second to aim at."""
        wanted = self._allowed_bytes_s / self._bytes_of(self._step)
        return min(max(wanted, LEAST_PER_S), MOST_PER_S)

    def bytes_s(self, now_s: float) -> float:
        """What was acknowledged, a second, of late."""
        self._forget(now_s)
        over_s = min(WINDOW_S, max(now_s - self._began_s, 0.2))
        return sum(size for _, size in self._seen) / over_s

    def wait_s(self, now_s: float) -> float | None:
        """How long until the next picture is due; 0 is now; None: when one has been acknowledged, or after
        ``lost_after_s``."""
        self._give_up(now_s)
        if now_s < self._due_s:
            return self._due_s - now_s
        if len(self._flying) < self._most_in_flight():
            return 0.0
        if self._is_late(now_s - next(iter(self._flying.values())).sent_s):
            self._back_off(now_s)
        return None

    def lost_after_s(self) -> float:
        """How long to wait for an acknowledgement."""
        return max(LOST_S, LOST_RTTS * (self.rtt_s or 0.0))

    def sent(self, frame: int, size_bytes: int, size_px: tuple[int, int], now_s: float) -> None:
        """A picture has begun its way."""
        self._flying[frame] = _OnItsWay(size_bytes, now_s)
        step = self.step
        per_px = size_bytes / (size_px[0] * size_px[1]) / _dearness(step)
        self._bytes_per_px += 0.2 * (per_px - self._bytes_per_px)
        self._due_s = max(self._due_s + 1.0 / self.per_s, now_s)

    def acknowledged(self, frame: int, now_s: float) -> None:
        """It has been seen, and what was sent before it has been or will not be. Others are left alone."""
        if frame in self._given_up:  # it took longer than anybody would wait, and so may others
            self.rtt_s = now_s - self._given_up.pop(frame).sent_s
        if frame not in self._flying:
            return
        size_bytes = 0
        while self._flying:
            number, flying = self._flying.popitem(last=False)
            size_bytes += flying.size_bytes
            if number == frame:
                break
        self.rtt_s = now_s - flying.sent_s
        self._seen.append((now_s, size_bytes))
        self._rtts.append((now_s, self.rtt_s))
        self._forget(now_s)
        if self._is_late(self.rtt_s):
            self._back_off(now_s)
        else:
            self._grow()
        self._choose(now_s)

    def _is_late(self, rtt_s: float) -> bool:
        """Whether it waited for another: what lies ahead of it on the way is time beyond the least there is,
        and one picture of its size may take most of an interval to be carried."""
        least_s = self.least_rtt_s
        return least_s is not None and rtt_s - least_s > LATE_S + LATE_SHARE / self.per_s

    def _most_in_flight(self) -> int:
        waits_s = (self.rtt_s or 0.0) - (self.least_rtt_s or 0.0)
        return 1 if waits_s > SLOW_S or (self._step == 0 and (self.rtt_s or 0.0) > SLOW_S) else IN_FLIGHT

    def _grow(self) -> None:
        if self._quick:
            self._allowed_bytes_s *= QUICK
        else:
            self._allowed_bytes_s += STEP_BYTES_S + STEP_SHARE * self._allowed_bytes_s
        most = MOST_PER_S * self._bytes_of(len(STEPS) - 1)
        self._allowed_bytes_s = min(self._allowed_bytes_s, self._most_bytes_s, most)

    def _back_off(self, now_s: float) -> None:
        if now_s - self._backed_off_s < max(0.5, self.rtt_s or 0.0):
            return  # of the same congestion
        self._quick = False
        self._backed_off_s = now_s
        carried = (self.bytes_s(now_s) or self._allowed_bytes_s) * (1.0 if self._flying else ALONE)
        self._allowed_bytes_s = max(BACK_OFF * min(self._allowed_bytes_s, carried), LEAST_BYTES_S)
        self._choose(now_s)

    def _choose(self, now_s: float) -> None:
        """The best size and quality at which there are enough pictures a second."""
        # Over a long way two pictures in flight are all that there can be, however small they are.
        enough = min(WANTED_PER_S, 0.9 * IN_FLIGHT / max(self.least_rtt_s or 0.0, 0.01))
        held_s = now_s - self._stepped_s
        lower = self._step
        while lower and self._allowed_bytes_s / self._bytes_of(lower) < enough:
            lower -= 1
        if lower < self._step:
            if self._stepped_up:
                failed = held_s < HELD_S
                self._stay_s = min(2 * self._stay_s, LONGEST_STAY_S) if failed else STAY_S
            self._step, self._stepped_s, self._stepped_up = lower, now_s, False
            return
        above = self._step + 1
        if held_s < self._stay_s or above == len(STEPS):
            return
        if self._allowed_bytes_s / self._bytes_of(above) >= UP * enough:
            self._step, self._stepped_s, self._stepped_up = above, now_s, True

    def _bytes_of(self, step: int) -> float:
        """What a picture of 16:9 is likely to take."""
        height_px = STEPS[step].height_px
        return self._bytes_per_px * _dearness(STEPS[step]) * height_px**2 * 16 / 9

    def _give_up(self, now_s: float) -> None:
        """What is not acknowledged in time never will be: who watched has gone."""
        while self._flying:
            number, flying = next(iter(self._flying.items()))
            if now_s - flying.sent_s < self.lost_after_s():
                return
            self._given_up[number] = self._flying.pop(number)
            if len(self._given_up) > GIVEN_UP:
                self._given_up.popitem(last=False)
            self.lost += 1
            self._back_off(now_s)

    def _forget(self, now_s: float) -> None:
        while self._seen and now_s - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()
        while len(self._rtts) > 1 and now_s - self._rtts[0][0] > LEAST_RTT_S:
            self._rtts.popleft()


def _dearness(step: Step) -> float:
    """Bytes a pixel, against 720 lines at 75: small pictures have more detail in each."""
    return _OF_QUALITY[step.quality] * math.pow(720 / step.height_px, 0.25)
