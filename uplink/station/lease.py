"""Who may give a drone orders: one person at a time. Pure: told the time, monotonic seconds.

A lease runs out by itself when its page is gone, so nobody has to be found before the next one can act. Its
end changes nothing in flight: the drone goes on with what it was granted.
"""

from __future__ import annotations

from uplink.station.people import Person

LEASE_S = 60.0
ASK_S = 30.0  # how long a wish to take over stands


class ControlLease:
    """The lease of one drone."""

    def __init__(self, lease_s: float = LEASE_S, ask_s: float = ASK_S) -> None:
        self._lease_s = lease_s
        self._ask_s = ask_s
        self._holder: Person | None = None
        self._until_s = 0.0
        self._asking: Person | None = None
        self._asking_until_s = 0.0

    def holder(self, now_s: float) -> Person | None:
        """Who holds it now."""
        return self._holder if now_s < self._until_s else None

    def asking(self, now_s: float) -> Person | None:
        """Who would like to have it from the holder."""
        waits = self.holder(now_s) is not None and now_s < self._asking_until_s
        return self._asking if waits else None

    def remaining_s(self, now_s: float) -> float:
        """How long it still runs unless it is renewed."""
        return max(0.0, self._until_s - now_s) if self._holder else 0.0

    def take(self, who: Person, now_s: float) -> bool:
        """True if ``who`` has it now. Otherwise the holder is asked to hand it over."""
        if self.holder(now_s) in (None, who):
            self._give(who, now_s)
            return True
        other_waits = self.asking(now_s) not in (None, who)
        if not other_waits:
            self._asking, self._asking_until_s = who, now_s + self._ask_s
        return False

    def renew(self, who: Person, now_s: float) -> bool:
        """Only a lease that is still held can be renewed: one that ran out is taken anew, by a person."""
        if self.holder(now_s) != who:
            return False
        self._until_s = now_s + self._lease_s
        return True

    def hand_over(self, who: Person, now_s: float) -> bool:
        """The holder gives it to who asks for it."""
        asking = self.asking(now_s)
        if self.holder(now_s) != who or asking is None:
            return False
        self._give(asking, now_s)
        return True

    def release(self, who: Person, now_s: float) -> bool:
        """The holder lets go; who asks for it has to take it still."""
        if self.holder(now_s) != who:
            return False
        self._holder, self._until_s, self._asking_until_s = None, 0.0, 0.0
        return True

    def _give(self, who: Person, now_s: float) -> None:
        if who != self._holder or self._asking == who:
            self._asking, self._asking_until_s = None, 0.0
        self._holder, self._until_s = who, now_s + self._lease_s
