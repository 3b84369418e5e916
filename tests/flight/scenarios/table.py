"""The table of what came of the scenarios, for flight/README.md: ``pytest -p tests.flight.scenarios.table
--scenario-table FILE`` writes it between the two marks in that file, a row for each scenario."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

BEGIN, END = "<!-- scenarios -->", "<!-- /scenarios -->"
COLUMNS = {"virtual": "virtual autopilot", "ArduCopter": "ArduCopter {version}, SITL"}


@dataclass(slots=True)
class Table:
    """Rows by scenario, cells by what flew."""

    file: Path
    version: str = ""
    rows: dict[str, dict[str, str]] = field(default_factory=dict)

    def take(self, report: pytest.TestReport) -> None:
        """One phase of one test."""
        name, _, kind = report.nodeid.rpartition("::")[2].partition("[")
        kind, _, way = kind.rstrip("]").partition("-")
        if "/scenarios/" not in report.nodeid or kind not in COLUMNS:
            return
        words = name.removeprefix("test_").replace("_", " ") + (f" ({way})" if way else "")
        row = self.rows.setdefault(words, {})
        told = dict(report.user_properties)
        if report.failed:
            row[kind] = "**fails**"
        elif report.skipped:
            row[kind] = f"not run: {_why(report)}"
        elif report.when == "call":
            row[kind] = f"✓ {told.get('measured', '')}"
        if kind == "ArduCopter":
            self.version = str(told.get("firmware") or self.version)

    def write(self) -> None:
        """Into the file, in the place of the table that is there."""
        heads = [words.format(version=self.version) for words in COLUMNS.values()]
        lines = [f"| scenario | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
        for name, cells in self.rows.items():
            told = [cells.get(kind, "not run") for kind in COLUMNS]
            lines.append(f"| {name[0].upper()}{name[1:]} | {' | '.join(told)} |")
        text = self.file.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        _, found, after = rest.partition(END)
        if not found:
            raise pytest.UsageError(f"{self.file} has no {BEGIN} … {END}")
        table = "\n".join(lines)
        self.file.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def _why(report: pytest.TestReport) -> str:
    """Why it was skipped."""
    return str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""


_table: Table | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--scenario-table", type=Path, metavar="FILE", help="write the scenarios' table into it")


def pytest_configure(config: pytest.Config) -> None:
    global _table
    file = config.getoption("--scenario-table")
    _table = Table(file) if file is not None else None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if _table is not None:
        _table.take(report)


def pytest_sessionfinish() -> None:
    if _table is not None:
        _table.write()
