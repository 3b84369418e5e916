"""Who sits at a page, and what they may do."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Each may do what the one before may: look; order drones and work incidents; look after the station."""

    VIEWER = "viewer"
    PILOT = "pilot"
    ADMIN = "admin"

    def covers(self, other: Role) -> bool:
        """Whether who has this role may do what ``other`` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class Person:
    """``session`` is of one page: it tells two pages of one person apart, and opens nothing."""

    name: str
    role: Role
    session: str


def name_key(name: str) -> str:
    """The same for names that only look different: `Ann` and `ann` are one user."""
    return unicodedata.normalize("NFKC", name).casefold()


def tag_of(session: str) -> str:
    """A short name for a page that gives nothing away."""
    return hashlib.sha256(session.encode()).hexdigest()[:12]
