"""Who has looked at which picture lately: so that looks are on record, and the record can still be read."""

from __future__ import annotations

from collections import OrderedDict

ONE_DEED_PER_S = 3600.0
MOST = 20_000  # what falls out of memory is recorded once more


class Looks:
    """One person's looks at one picture within an hour are one."""

    def __init__(self) -> None:
        self._at_s: OrderedDict[tuple[str, str], float] = OrderedDict()

    def is_new(self, who: str, sha256: str, now_s: float) -> bool:
        """Whether this look is to be recorded; it counts as recorded then."""
        key = (who, sha256)
        last_s = self._at_s.get(key)
        if last_s is not None and 0.0 <= now_s - last_s < ONE_DEED_PER_S:
            return False
        self._at_s[key] = now_s
        self._at_s.move_to_end(key)
        if len(self._at_s) > MOST:
            self._at_s.popitem(last=False)
        return True

    def forget(self, who: str, sha256: str) -> None:
        """It could not be recorded after all."""
        self._at_s.pop((who, sha256), None)
