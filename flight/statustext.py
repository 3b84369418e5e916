"""Puts the autopilot's ``STATUSTEXT`` back together.

MAVLink 2 cuts a text of more than 50 characters into chunks under one ``id``; the last one is the first
that is not full. A chunk may be lost, so an unfinished text is given out after a while with its gap shown
(flight rule 32). Pure: every call is told the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CHUNK_LENGTH = 50
PATIENCE_S = 1.0
GAP = "…"
_UNFINISHED = 16
# MAV_SEVERITY: 0 emergency … 7 debug. Ground stations speak the first aloud.
CRITICAL, WARNING, NOTICE = 2, 4, 5


@dataclass(frozen=True, slots=True)
class StatusText:
    """What the autopilot said. ``severity`` is MAV_SEVERITY: 0 emergency … 7 debug."""

    received_s: float
    severity: int
    text: str


@dataclass(slots=True)
class _Unfinished:
    since_s: float
    severity: int
    chunks: dict[int, str] = field(default_factory=dict)
    last: int | None = None

    def whole(self) -> bool:
        return self.last is not None and all(number in self.chunks for number in range(self.last + 1))

    def text(self) -> str:
        numbers = range((max(self.chunks) if self.last is None else self.last) + 1)
        text = "".join(self.chunks.get(number, GAP) for number in numbers)
        return text if self.last is not None else text + GAP


class StatusTexts:
    """Takes chunks, gives whole texts."""

    def __init__(self) -> None:
        self._unfinished: dict[int, _Unfinished] = {}

    def add(self, severity: int, text: str, text_id: int, chunk: int, now_s: float) -> StatusText | None:
        """Take one STATUSTEXT; the whole text if this completes one."""
        if text_id == 0:
            return StatusText(now_s, severity, text)
        if text_id not in self._unfinished and len(self._unfinished) >= _UNFINISHED:
            self._unfinished.pop(next(iter(self._unfinished)))
        parts = self._unfinished.setdefault(text_id, _Unfinished(now_s, severity))
        parts.chunks[chunk] = text
        if len(text) < CHUNK_LENGTH:
            parts.last = chunk
        if not parts.whole():
            return None
        del self._unfinished[text_id]
        return StatusText(now_s, severity, parts.text())

    def overdue(self, now_s: float) -> list[StatusText]:
        """Texts whose missing chunks are no longer waited for."""
        late = [key for key, parts in self._unfinished.items() if now_s - parts.since_s >= PATIENCE_S]
        taken = [self._unfinished.pop(key) for key in late]
        return [StatusText(now_s, parts.severity, parts.text()) for parts in taken]
