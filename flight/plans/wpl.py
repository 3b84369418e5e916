"""``QGC WPL 110``: the plain text list of waypoints that Mission Planner, MAVProxy and older stations write.

Format: https://mavlink.io/en/file_formats/#mission_plain_text_file. One item a line, tab-separated::

    index current frame command param1 param2 param3 param4 latitude longitude altitude autocontinue

Item 0 is home. The format has neither fence nor rally points.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import NoReturn

from flight.plans.items import FLOWN_TO, HAS_POSITION, NEEDS_NO_PLACE, Command, Frame, MissionItem
from flight.plans.plan import Home, Plan, PlanError

HEADER = "QGC WPL 110"
_COLUMNS = 12


def is_wpl(path: Path) -> bool:
    """Whether a file begins as this format does; False for one that cannot be read."""
    try:
        with path.open("rb") as file:
            return looks_like_wpl(file.read(len(HEADER) + 3))
    except OSError:
        return False


def looks_like_wpl(content: bytes) -> bool:
    """Whether bytes begin as this format does."""
    return content.lstrip(b"\xef\xbb\xbf").startswith(b"QGC WPL")


def read_wpl(path: Path) -> Plan:
    """Read a file. Raises PlanError with one line that says where the mistake is."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PlanError(f"plan {path} cannot be read: {error.strerror}") from error
    return parse_wpl(content, path)


def parse_wpl(content: bytes, path: Path) -> Plan:
    """Read the bytes of a file; ``path`` is what it is called. Raises PlanError."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise PlanError(f"plan {path}: byte {error.start} is not text") from error
    reader = _Reader(path)
    if not lines or lines[0].strip() != HEADER:
        reader.refuse(1, f"is not {HEADER!r}")
    rows = [(number, line) for number, line in enumerate(lines[1:], start=2) if line.strip()]
    items = [reader.item(number, line, seq) for seq, (number, line) in enumerate(rows)]
    if len(items) < 2:
        reader.refuse(len(lines), "ends the file: there is nothing to fly")
    first = items[0]
    if first.command != Command.NAV_WAYPOINT:
        reader.refuse(rows[0][0], f"is command {first.command} where home should be")
    home = Home(first.lat_deg, first.lon_deg, first.alt_m)
    for item, (number, _) in zip(items, rows, strict=True):
        if item.command == Command.DO_JUMP and not 1 <= item.params[0] < len(items):
            reader.refuse(number, f"jumps to item {item.params[0]:g}, which is not in the file")
    return Plan(path.stem, tuple(items), home, hashlib.sha256(content).hexdigest())


def write_wpl(path: Path, plan: Plan) -> None:
    """Write a plan's mission; its fence and rally points have no place in this format."""
    rows = [HEADER, *(_row(item) for item in plan.items)]
    try:
        path.write_text("\n".join(rows) + "\n", encoding="ascii", newline="\r\n")
    except OSError as error:
        raise PlanError(f"plan {path} cannot be written: {error.strerror}") from error


def _row(item: MissionItem) -> str:
    if item.command in HAS_POSITION:
        x, y = f"{item.lat_deg:.7f}", f"{item.lon_deg:.7f}"
    else:
        x, y = str(item.lat_e7), str(item.lon_e7)
    params = [f"{0.0 if math.isnan(value) else value:.8g}" for value in item.params]
    frame = 0 if item.seq == 0 else item.frame
    cells = [item.seq, int(item.seq == 0), frame, int(item.command), *params, x, y, f"{item.alt_m:.6f}"]
    return "\t".join(map(str, [*cells, int(item.autocontinue)]))


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path

    def refuse(self, line: int, what: str) -> NoReturn:
        raise PlanError(f"plan {self._path}: line {line} {what}", hint="Save it again from your station.")

    def item(self, line: int, text: str, seq: int) -> MissionItem:
        cells = text.split()
        if len(cells) != _COLUMNS:
            self.refuse(line, f"has {len(cells)} columns, not {_COLUMNS}")
        try:
            index, _, frame, command = (int(cell) for cell in cells[:4])
            numbers = [float(cell) for cell in cells[4:11]]
            autocontinue = int(cells[11])
        except ValueError:
            self.refuse(line, "has something in it that is not a number")
        if index != seq:
            self.refuse(line, f"is item {index} and should be {seq}")
        if not all(math.isfinite(number) for number in numbers):
            self.refuse(line, "has a number that is none")
        if frame not in list(Frame):
            self.refuse(line, f"has frame {frame}, which no mission item has")
        x, y, z = numbers[4:]
        if command in HAS_POSITION:
            if abs(x) > 90 or abs(y) > 180:
                self.refuse(line, f"({x:g}, {y:g}) is no place on earth")
            if seq and command in FLOWN_TO - NEEDS_NO_PLACE and x == 0 and y == 0:
                self.refuse(line, "is a place to fly to and says none")
        elif not (x.is_integer() and y.is_integer()):
            self.refuse(line, f"gives command {command} a place, and what that means is not known")
        scale = 1e7 if command in HAS_POSITION else 1.0
        params = (numbers[0], numbers[1], numbers[2], numbers[3])
        return MissionItem(
            seq, command, frame, params, round(x * scale), round(y * scale), z, bool(autocontinue)
        )
