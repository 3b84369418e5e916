"""QGroundControl's ``.plan`` files: read, write, and refuse with the place of the mistake.

Format: https://docs.qgroundcontrol.com/master/en/qgc-dev-guide/file_formats/plan.html (file version 1,
mission version 2, fence version 2). What is read is what will be flown, so nothing is guessed: an item that
cannot be understood refuses the whole file. Surveys and corridors are flattened into the waypoints that they
make; other patterns are refused by name. A height "above terrain" that QGroundControl worked out by itself
stands in the file as one above sea level (frame 0), and is read as that. An inclusion and a no-fly zone of
the file are the same here and aboard.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from flight.plans.fence import Circle, Fence, FenceError, Polygon, RallyPoint, Zone
from flight.plans.items import (
    FLOWN_TO,
    HAS_POSITION,
    NEEDS_NO_PLACE,
    PLAIN_FRAME,
    SAME_ALTITUDE_M,
    Command,
    Frame,
    MissionItem,
    home_item,
)
from flight.plans.plan import Home, Plan, PlanError
from flight.plans.qgc_writer import (
    ALTITUDE_MODE,
    FENCE_VERSION,
    FILE_VERSION,
    MISSION_VERSION,
    RALLY_VERSION,
)

__all__ = ["Home", "Plan", "PlanError", "parse_plan", "read_plan", "write_plan"]

FRAME_OF_MODE = {mode: frame for frame, mode in ALTITUDE_MODE.items()}
PATTERNS = ("survey", "CorridorScan")


def read_plan(path: Path | str) -> Plan:
    """Read a ``.plan`` file. Raises ``PlanError`` with one line that says where the mistake is."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PlanError(f"plan {path} cannot be read: {error.strerror}") from error
    return parse_plan(content, path)


def parse_plan(content: bytes, path: Path) -> Plan:
    """Read the bytes of a ``.plan``; ``path`` is what it is called. Raises ``PlanError``."""
    return _Reader(path).read(content)


def write_plan(path: Path | str, plan: Plan) -> None:
    """Write the file that QGroundControl opens. It appears whole or not at all."""
    path = Path(path)
    half = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        half.write_bytes(plan.to_bytes())
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise PlanError(f"plan {path} cannot be written: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class _Step:
    """An item not yet numbered, what the file's jumps call it, and where in the file it stands."""

    item: MissionItem
    jump_id: float | None
    where: str


class _Reader:
    """Reads one file; every complaint carries the place in it, as in ``mission.items[3].params[6]``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, content: bytes) -> Plan:
        root = self._object(self._parse(content), "the file")
        if root.get("fileType") != "Plan":
            self._refuse("fileType", "is not 'Plan': this is no QGroundControl plan")
        self._version(root.get("version"), FILE_VERSION, "version")
        mission = self._object(root.get("mission"), "mission")
        self._version(mission.get("version"), MISSION_VERSION, "mission.version")
        home = self._home(mission.get("plannedHomePosition"), "mission.plannedHomePosition")
        steps = self._steps(mission.get("items"), "mission.items")
        items = (home_item(home.lat_deg, home.lon_deg, home.alt_amsl_m), *self._numbered(steps))
        return Plan(
            self._path.stem,
            items,
            home,
            hashlib.sha256(content).hexdigest(),
            self._fence(root.get("geoFence")),
            self._rally(root.get("rallyPoints")),
        )

    def _fence(self, value: Any) -> Fence | None:
        """The fence; None where the file has no zone at all."""
        if value is None:
            return None
        root = self._object(value, "geoFence")
        self._version(root.get("version"), FENCE_VERSION, "geoFence.version")
        zones: dict[bool, list[Zone]] = {True: [], False: []}
        for kind, read in (("polygons", self._polygon), ("circles", self._circle)):
            for index, each in enumerate(self._list(root.get(kind, []), f"geoFence.{kind}")):
                where = f"geoFence.{kind}[{index}]"
                inclusion = self._object(each, where).get("inclusion")
                if not isinstance(inclusion, bool):
                    self._refuse(f"{where}.inclusion", "is not true or false")
                try:
                    zones[inclusion].append(read(each, where))
                except FenceError as error:
                    self._refuse(where, f"is no fence: {error.message}")
        if not zones[True] and not zones[False]:
            return None
        return Fence(tuple(zones[True]), tuple(zones[False]))

    def _polygon(self, value: dict[str, Any], where: str) -> Polygon:
        corners = self._list(value.get("polygon"), f"{where}.polygon")
        return Polygon(
            tuple(self._lat_lon(corner, f"{where}.polygon[{i}]") for i, corner in enumerate(corners))
        )

    def _circle(self, value: dict[str, Any], where: str) -> Circle:
        circle = self._object(value.get("circle"), f"{where}.circle")
        center = self._lat_lon(circle.get("center"), f"{where}.circle.center")
        return Circle(*center, self._number(circle.get("radius"), f"{where}.circle.radius"))

    def _lat_lon(self, value: Any, where: str) -> tuple[float, float]:
        numbers = [self._number(each, where) for each in self._list(value, where)]
        if len(numbers) != 2:
            self._refuse(where, "is not latitude, longitude")
        self._on_earth(numbers[0], numbers[1], where)
        return numbers[0], numbers[1]

    def _rally(self, value: Any) -> tuple[RallyPoint, ...]:
        if value is None:
            return ()
        root = self._object(value, "rallyPoints")
        self._version(root.get("version"), RALLY_VERSION, "rallyPoints.version")
        points = []
        for index, each in enumerate(self._list(root.get("points", []), "rallyPoints.points")):
            where = f"rallyPoints.points[{index}]"
            numbers = [self._number(number, where) for number in self._list(each, where)]
            if len(numbers) != 3:
                self._refuse(where, "is not latitude, longitude, height")
            self._on_earth(numbers[0], numbers[1], where)
            points.append(RallyPoint(*numbers))
        return tuple(points)

    def _parse(self, content: bytes) -> Any:
        try:
            return json.loads(
                content.decode("utf-8-sig"), parse_constant=self._no_constant, parse_int=_integer
            )
        except json.JSONDecodeError as error:
            self._refuse(f"line {error.lineno}, column {error.colno}", f"is not JSON: {error.msg}")
        except UnicodeDecodeError as error:
            self._refuse(f"byte {error.start}", "is not text in UTF-8")
        except RecursionError:
            self._refuse("the file", "is nested too deeply")

    def _no_constant(self, constant: str) -> NoReturn:
        self._refuse("the file", f"has {constant} for a number")

    def _home(self, value: Any, where: str) -> Home:
        numbers = [self._number(each, f"{where}[{i}]") for i, each in enumerate(self._list(value, where))]
        if len(numbers) != 3:
            self._refuse(where, "is not latitude, longitude, altitude")
        self._on_earth(numbers[0], numbers[1], where)
        return Home(*numbers)

    def _steps(self, value: Any, where: str, *, in_pattern: bool = False) -> list[_Step]:
        """All items in order, those inside surveys too."""
        items = self._list(value, where)
        if not items:
            self._refuse(where, "is empty: there is nothing to fly")
        steps: list[_Step] = []
        for index, each in enumerate(items):
            place = f"{where}[{index}]"
            item = self._object(each, place)
            match item.get("type"):
                case "SimpleItem":
                    steps.append(_Step(self._simple(item, place), self._jump_id(item, place), place))
                case "ComplexItem" if not in_pattern:
                    steps += self._flattened(item, place)
                case other:
                    self._refuse(f"{place}.type", f"is {other!r}, neither 'SimpleItem' nor 'ComplexItem'")
        return steps

    def _jump_id(self, item: dict[str, Any], where: str) -> float | None:
        value = item.get("doJumpId")
        return None if value is None else self._number(value, f"{where}.doJumpId")

    def _flattened(self, item: dict[str, Any], where: str) -> list[_Step]:
        kind = item.get("complexItemType")
        if kind not in PATTERNS:
            self._refuse(f"{where}.complexItemType", f"is {kind!r}; only {' and '.join(PATTERNS)} are known")
        transects = item.get("TransectStyleComplexItem")
        if not isinstance(transects, dict) or not isinstance(transects.get("Items"), list):
            self._refuse(where, f"is a pattern ({kind!r}) without the waypoints it makes")
        return self._steps(transects["Items"], f"{where}.TransectStyleComplexItem.Items", in_pattern=True)

    def _simple(self, item: dict[str, Any], where: str) -> MissionItem:
        command = self._whole(item.get("command"), f"{where}.command")
        frame = self._whole(item.get("frame"), f"{where}.frame")
        if frame not in list(Frame):
            self._refuse(f"{where}.frame", f"is {frame}, which no mission item has")
        values = self._list(item.get("params"), f"{where}.params")
        if len(values) != 7:
            self._refuse(f"{where}.params", f"has {len(values)} values, not 7")
        params = [
            math.nan if value is None else self._number(value, f"{where}.params[{i}]")
            for i, value in enumerate(values)
        ]
        x, y, z = (0.0 if math.isnan(value) else value for value in params[4:])
        if command in HAS_POSITION:
            self._on_earth(x, y, f"{where}.params[4:6]")
            if command in FLOWN_TO - NEEDS_NO_PLACE and x == 0.0 and y == 0.0:
                self._refuse(f"{where}.params[4:6]", "are 0 or missing: this item needs a place to fly to")
            if math.isnan(params[6]):
                self._refuse(f"{where}.params[6]", "is missing: this item needs an altitude")
            self._altitude(item, frame, z, where)
        elif not (x.is_integer() and y.is_integer()):
            # Sent as they are, they would be a place beside 0, 0.
            self._refuse(f"{where}.command", f"is {command}, which has a place here and is not known")
        scale = 1e7 if command in HAS_POSITION else 1.0  # other commands send params 5 and 6 as they are
        autocontinue = item.get("autoContinue", True)
        if not isinstance(autocontinue, bool):
            self._refuse(f"{where}.autoContinue", "is not true or false")
        return MissionItem(
            seq=0,
            command=command,
            frame=frame,
            params=(params[0], params[1], params[2], params[3]),
            lat_e7=round(x * scale),
            lon_e7=round(y * scale),
            alt_m=z,
            autocontinue=autocontinue,
        )

    def _altitude(self, item: dict[str, Any], frame: int, z: float, where: str) -> None:
        """QGroundControl shows and flies ``Altitude`` where it is there: it must not be another."""
        mode = item.get("AltitudeMode")
        plain = PLAIN_FRAME.get(frame, frame)
        if mode not in FRAME_OF_MODE or item.get("Altitude") is None:
            return
        if FRAME_OF_MODE[mode] != plain:
            self._refuse(
                f"{where}.AltitudeMode", f"is {mode} and the frame is {frame}: two heights are meant"
            )
        altitude_m = self._number(item["Altitude"], f"{where}.Altitude")
        if abs(altitude_m - z) > SAME_ALTITUDE_M:
            self._refuse(
                f"{where}.Altitude", f"is {altitude_m:g} and params[6] is {z:g}: two heights are meant"
            )

    def _numbered(self, steps: list[_Step]) -> Iterable[MissionItem]:
        """The items numbered from 1, with jumps pointed at the new number of what they meant."""
        seq_of = {step.jump_id: seq for seq, step in enumerate(steps, start=1)}
        for seq, step in enumerate(steps, start=1):
            item, params = step.item, step.item.params
            if item.command == Command.DO_JUMP:
                target = params[0]
                if target not in seq_of:
                    self._refuse(
                        f"{step.where}.params[0]", f"jumps to item {target:g}, which is not in the file"
                    )
                params = (float(seq_of[target]), *params[1:])
            yield replace(item, seq=seq, params=params)

    def _version(self, value: Any, known: int, where: str) -> None:
        if value != known:
            self._refuse(where, f"is {value!r}; this program reads version {known}")

    def _object(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._refuse(where, "is missing" if value is None else "is not an object {...}")
        return value

    def _list(self, value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            self._refuse(where, "is missing" if value is None else "is not a list [...]")
        return value

    def _number(self, value: Any, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self._refuse(where, f"is {value!r}, not a number")
        return float(value)

    def _whole(self, value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
            self._refuse(where, "is missing" if value is None else f"is {value!r}, not a whole number")
        return value

    def _on_earth(self, lat_deg: float, lon_deg: float, where: str) -> None:
        if not (-90.0 <= lat_deg <= 90.0 and -180.0 <= lon_deg <= 180.0):
            self._refuse(where, f"({lat_deg:g}, {lon_deg:g}) is no place on earth")

    def _refuse(self, where: str, what: str) -> NoReturn:
        raise PlanError(
            f"plan {self._path}: {where} {what}", hint="Open it in QGroundControl and save it again."
        )


def _integer(digits: str) -> int | float:
    # A number of thousands of digits is nobody's altitude; as a float it is infinite and refused as such.
    return int(digits) if len(digits) < 20 else float(digits)
