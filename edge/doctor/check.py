"""One thing that the doctor looked at: what it found, and what to do where that is not well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flight.autopilots.autopilot import Finding


@dataclass(frozen=True, slots=True)
class Check:
    """``passed`` None: it could not be known, or a person has to judge. ``remedy`` is what to do next."""

    name: str
    passed: bool | None
    found: str
    remedy: str = ""

    @classmethod
    def of(cls, finding: Finding, remedy: str = "") -> Check:
        """A line of the check before a flight, with what to do about it."""
        return cls(finding.name, finding.passed, finding.detail, "" if finding.passed else remedy)


@dataclass(frozen=True, slots=True)
class Area:
    """Checks that belong together."""

    name: str
    checks: Sequence[Check]


def report(areas: Sequence[Area]) -> dict[str, Any]:
    """All of it for programs; ``ok`` says that nothing failed."""
    checks = [check for area in areas for check in area.checks]
    return {
        "ok": not any(check.passed is False for check in checks),
        "failed": sum(check.passed is False for check in checks),
        "unknown": sum(check.passed is None for check in checks),
        "areas": [{"name": area.name, "checks": [asdict(check) for check in area.checks]} for area in areas],
    }
