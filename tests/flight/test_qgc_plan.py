"""QGroundControl plans: what is read is what will be flown; what is broken is refused with its place."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flight.plans.items import (
    Command,
    Frame,
    MissionItem,
    gimbal_pitch,
    ground_speed,
    return_to_launch,
    takeoff,
    waypoint,
)
from flight.plans.qgc import Home, Plan, PlanError, read_plan, write_plan

HOME = Home(-35.363262, 149.165237, 584.0)


def simple_item(jump_id: int, command: int, params: list[float | None], frame: int = 3) -> dict[str, Any]:
    return {
        "AMSLAltAboveTerrain": None,
        "Altitude": params[6],
        "AltitudeMode": 1,
        "autoContinue": True,
        "command": command,
        "doJumpId": jump_id,
        "frame": frame,
        "params": params,
        "type": "SimpleItem",
    }


def survey(*items: dict[str, Any]) -> dict[str, Any]:
    return {
        "TransectStyleComplexItem": {"CameraShots": 7, "Items": list(items), "version": 1},
        "angle": 0,
        "complexItemType": "survey",
        "polygon": [[-35.36, 149.16], [-35.361, 149.161], [-35.362, 149.16]],
        "type": "ComplexItem",
        "version": 5,
    }


# A plan as QGroundControl 4.4 saves it: take-off, a survey of two waypoints, a jump back to it, and home.
SAVED: dict[str, Any] = {
    "fileType": "Plan",
    "geoFence": {"circles": [], "polygons": [], "version": 2},
    "groundStation": "QGroundControl",
    "mission": {
        "cruiseSpeed": 15,
        "firmwareType": 3,
        "globalPlanAltitudeMode": 1,
        "hoverSpeed": 5,
        "items": [
            simple_item(1, 22, [0, 0, 0, None, None, None, 50]),
            survey(
                simple_item(2, 16, [0, 0, 0, None, -35.3612345678, 149.1634567891, 60.5]),
                simple_item(3, 206, [25, 0, 1, 0, 0, 0, 0], frame=2),
                simple_item(4, 16, [0, 0, 0, None, -35.3602, 149.1676, 60.5]),
            ),
            simple_item(6, 177, [2, 1, 0, 0, 0, 0, 0], frame=2),
            simple_item(7, 20, [0, 0, 0, 0, 0, 0, 0], frame=2),
        ],
        "plannedHomePosition": [-35.363262, 149.165237, 584],
        "vehicleType": 2,
        "version": 2,
    },
    "rallyPoints": {"points": [], "version": 2},
    "version": 1,
}


def save(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_a_saved_plan_becomes_the_list_that_ardupilot_gets(tmp_path: Path) -> None:
    plan = read_plan(save(tmp_path / "north ridge.plan", SAVED))
    assert plan.name == "north ridge"
    assert [item.seq for item in plan.items] == [0, 1, 2, 3, 4, 5, 6]
    assert [item.command for item in plan.items] == [16, 22, 16, 206, 16, 177, 20]
    home = plan.items[0]
    assert (home.lat_e7, home.lon_e7, home.alt_m, home.frame) == (-353632620, 1491652370, 584.0, Frame.GLOBAL)
    first = plan.items[2]
    assert (first.lat_e7, first.lon_e7, first.alt_m) == (-353612346, 1491634568, 60.5)
    assert math.isnan(first.params[3])
    assert plan.items[5].params[0] == 2.0  # the jump still means the survey's first waypoint


def test_a_jump_follows_its_item_to_its_new_number(tmp_path: Path) -> None:
    document = copy.deepcopy(SAVED)
    for item in document["mission"]["items"][2:]:
        item["doJumpId"] += 10
    document["mission"]["items"][1]["TransectStyleComplexItem"]["Items"][0]["doJumpId"] = 40
    document["mission"]["items"][2]["params"][0] = 40
    assert read_plan(save(tmp_path / "x.plan", document)).items[5].params[0] == 2.0


def test_the_route_goes_from_home_to_home(tmp_path: Path) -> None:
    plan = read_plan(save(tmp_path / "x.plan", SAVED))
    home = (149.165237, -35.363262)
    assert plan.route == [home, (149.1634568, -35.3612346), (149.1676, -35.3602), home]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    steps = [
        takeoff(40.0),
        ground_speed(9.0),
        gimbal_pitch(-35.0),
        waypoint(-35.36, 149.16, 61.25, hold_s=3.0),
        return_to_launch(),
    ]
    plan = Plan.build("patrol", HOME, steps)
    write_plan(tmp_path / "patrol.plan", plan)
    again = read_plan(tmp_path / "patrol.plan")
    assert (again.name, again.home, again.sha256) == (plan.name, plan.home, plan.sha256)
    for step, read in zip(plan.items, again.items, strict=True):
        assert step.same_as(read)
        assert step.params == pytest.approx(read.params, nan_ok=True)
    assert [path.name for path in tmp_path.iterdir()] == ["patrol.plan"]


def test_a_changed_file_has_another_hash(tmp_path: Path) -> None:
    one = read_plan(save(tmp_path / "x.plan", SAVED))
    document = copy.deepcopy(SAVED)
    document["mission"]["items"][0]["params"][6] = document["mission"]["items"][0]["Altitude"] = 51
    assert read_plan(save(tmp_path / "x.plan", document)).sha256 != one.sha256


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be written"):
        write_plan(tmp_path / "missing" / "x.plan", Plan.build("x", HOME, [return_to_launch()]))


Mutation = Callable[[dict[str, Any]], None]


def setting(*keys: Any, to: Any) -> Mutation:
    def mutate(document: dict[str, Any]) -> None:
        target: Any = document
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = to

    return mutate


ITEMS = ("mission", "items")


@pytest.mark.parametrize(
    ("mutate", "says"),
    [
        (setting("fileType", to="Parameters"), "fileType is not 'Plan'"),
        (setting("version", to=7), "version is 7"),
        (setting("mission", to=None), "mission is missing"),
        (setting("mission", "version", to=1), "mission.version is 1"),
        (setting(*ITEMS, to=[]), "mission.items is empty"),
        (setting(*ITEMS, to={}), "mission.items is not a list"),
        (setting(*ITEMS, 0, to=22), r"mission.items\[0\] is not an object"),
        (setting(*ITEMS, 0, "type", to="Odd"), r"mission.items\[0\].type is 'Odd'"),
        (setting(*ITEMS, 0, "command", to="22"), r"mission.items\[0\].command is '22'"),
        (setting(*ITEMS, 0, "command", to=True), r"mission.items\[0\].command is True"),
        (setting(*ITEMS, 0, "frame", to=99), r"mission.items\[0\].frame is 99"),
        (setting(*ITEMS, 0, "params", to=[1, 2]), r"mission.items\[0\].params has 2 values"),
        (setting(*ITEMS, 0, "params", 6, to=None), r"mission.items\[0\].params\[6\] is missing"),
        (setting(*ITEMS, 0, "params", 0, to="15"), r"mission.items\[0\].params\[0\] is '15'"),
        (setting(*ITEMS, 0, "params", 0, to=10**400), r"mission.items\[0\].params\[0\] is inf"),
        (setting(*ITEMS, 0, "autoContinue", to=1), r"mission.items\[0\].autoContinue is not true or false"),
        (setting(*ITEMS, 2, "params", 0, to=9), r"mission.items\[2\].params\[0\] jumps to item 9"),
        (
            setting(*ITEMS, 1, "TransectStyleComplexItem", to={}),
            r"mission.items\[1\] is a pattern \('survey'\)",
        ),
        (
            setting(*ITEMS, 1, "TransectStyleComplexItem", "Items", 0, "params", 4, to=135.0),
            r"Items\[0\].params\[4:6\] \(135, 149.163\) is no place on earth",
        ),
        (
            setting(*ITEMS, 1, "TransectStyleComplexItem", "Items", 0, "params", to=[0] * 6 + [50]),
            r"needs a place to fly to",
        ),
        (setting("mission", "plannedHomePosition", to=[1.0, 2.0]), "plannedHomePosition is not latitude"),
        (setting("mission", "plannedHomePosition", to=None), "plannedHomePosition is missing"),
    ],
)
def test_a_broken_plan_is_refused_with_the_place(tmp_path: Path, mutate: Mutation, says: str) -> None:
    document = copy.deepcopy(SAVED)
    mutate(document)
    path = save(tmp_path / "broken.plan", document)
    with pytest.raises(PlanError, match=says) as caught:
        read_plan(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "line 1, column 1 is not JSON"),
        (b'{"fileType": "Plan",\n "mission": ', "line 2"),
        (b"\xff\xfe\x00", "byte 0 is not text"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"fileType": NaN}', "NaN"),
        (b"[]", "not an object"),
    ],
)
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "broken.plan"
    path.write_bytes(content)
    with pytest.raises(PlanError, match=says):
        read_plan(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read: No such file"):
        read_plan(tmp_path / "nowhere.plan")


def as_read_back(item: MissionItem, **changes: Any) -> MissionItem:
    return replace(item, **({"params": (0.0, 0.0, 0.0, 0.0)} | changes))


def test_items_are_compared_as_autopilots_keep_them() -> None:
    plan = Plan.build("x", HOME, [waypoint(-35.36, 149.16, 60.5, hold_s=2.0), gimbal_pitch(-30.0)])
    home, place, gimbal = plan.items
    assert home.same_as(as_read_back(home, alt_m=583.2, lat_e7=0))  # the autopilot's own home
    assert place.same_as(as_read_back(place, frame=Frame.GLOBAL_RELATIVE_ALT_INT, alt_m=60.49))
    assert gimbal.same_as(as_read_back(gimbal, frame=Frame.GLOBAL))  # ArduPilot gives frame 0 for these
    assert not place.same_as(as_read_back(place, alt_m=60.47))
    assert not place.same_as(as_read_back(place, lon_e7=place.lon_e7 + 1))
    assert not place.same_as(as_read_back(place, frame=Frame.GLOBAL))
    assert not place.same_as(as_read_back(place, command=Command.NAV_LAND))
    assert not place.same_as(as_read_back(place, seq=2))
