"""Files of other stations: patterns, heights, fences and rally points of ``.plan``, and ``QGC WPL 110``."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flight.plans.fence import Circle, Fence, FenceError, Polygon, RallyPoint
from flight.plans.items import (
    Command,
    Frame,
    MissionItem,
    gimbal_pitch,
    ground_speed,
    return_to_launch,
    takeoff,
)
from flight.plans.plan import Plan, PlanError
from flight.plans.qgc import read_plan, write_plan
from flight.plans.wpl import is_wpl, read_wpl, write_wpl
from tests.flight.plan_makers import HOME, at, plan, square, to
from tests.flight.test_qgc_plan import SAVED, save, simple_item, survey

FENCE = Fence(
    (Polygon(square(400.0)), Circle(HOME.lat_deg, HOME.lon_deg, 900.0)),
    (Polygon(square(20.0, 100.0)), Circle(*at(-100.0, 50.0), 35.5)),
)
RALLY = (RallyPoint(*at(50.0, 50.0), 40.0), RallyPoint(*at(-50.0, 50.0), 45.5))
STEPS = (
    takeoff(60.0),
    ground_speed(8.0),
    gimbal_pitch(-60.0),
    to(100, 0),
    to(100, 50, 644.0, Frame.GLOBAL),
    to(0, 50, 55.0, Frame.GLOBAL_TERRAIN_ALT, hold_s=4.0),
    return_to_launch(),
)


def same(one: Plan, other: Plan) -> None:
    assert one.home == other.home
    assert len(one.items) == len(other.items)
    for mine, theirs in zip(one.items, other.items, strict=True):
        assert mine.same_as(theirs), (mine, theirs)
        assert mine.frame == theirs.frame


# --- .plan -------------------------------------------------------------------------------------------


def test_a_whole_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    whole = plan(*STEPS, fence=FENCE, rally=RALLY)
    write_plan(tmp_path / "a.plan", whole)
    again = read_plan(tmp_path / "a.plan")
    same(whole, again)
    assert (again.fence, again.rally, again.sha256) == (FENCE, RALLY, whole.sha256)


def test_what_is_written_is_what_qgroundcontrol_reads(tmp_path: Path) -> None:
    """The keys of its file format, and its own numbers for the ways to count a height."""
    write_plan(tmp_path / "a.plan", plan(*STEPS, fence=FENCE, rally=RALLY))
    document = json.loads((tmp_path / "a.plan").read_text())
    assert (document["fileType"], document["version"]) == ("Plan", 1)
    assert set(document) == {"fileType", "version", "groundStation", "mission", "geoFence", "rallyPoints"}
    mission = document["mission"]
    assert (mission["version"], mission["firmwareType"], mission["vehicleType"]) == (2, 3, 2)
    assert mission["plannedHomePosition"] == [HOME.lat_deg, HOME.lon_deg, HOME.alt_amsl_m]
    items = mission["items"]
    assert [item["doJumpId"] for item in items] == [1, 2, 3, 4, 5, 6, 7]
    assert all(len(item["params"]) == 7 for item in items)
    assert [(item["frame"], item["AltitudeMode"]) for item in items[3:6]] == [(3, 1), (0, 2), (10, 4)]
    assert items[3]["Altitude"] == items[3]["params"][6] == 60.0
    assert items[0]["params"][4:6] == [None, None]
    assert "AltitudeMode" not in items[1]
    fence = document["geoFence"]
    assert fence["version"] == 2
    assert [polygon["inclusion"] for polygon in fence["polygons"]] == [True, False]
    assert fence["circles"][1] == {
        "circle": {"center": list(at(-100.0, 50.0)), "radius": 35.5},
        "inclusion": False,
        "version": 1,
    }
    assert document["rallyPoints"] == {
        "points": [[p.lat_deg, p.lon_deg, p.height_home_m] for p in RALLY],
        "version": 2,
    }


def test_older_names_of_a_frame_are_written_as_the_plain_ones(tmp_path: Path) -> None:
    write_plan(tmp_path / "a.plan", plan(takeoff(60.0), to(100, 0, 60.0, Frame.GLOBAL_RELATIVE_ALT_INT)))
    assert read_plan(tmp_path / "a.plan").items[2].frame == Frame.GLOBAL_RELATIVE_ALT


def corridor(*items: dict[str, Any]) -> dict[str, Any]:
    return {
        "CorridorWidth": 50,
        "EntryPoint": 0,
        "TransectStyleComplexItem": {
            "CameraCalc": {"CameraName": "Manual (no camera specs)", "DistanceMode": 1, "version": 2},
            "CameraShots": 12,
            "Items": list(items),
            "VisualTransectPoints": [[-35.36, 149.16], [-35.361, 149.161]],
            "version": 2,
        },
        "complexItemType": "CorridorScan",
        "polyline": [[-35.36, 149.16], [-35.361, 149.161]],
        "type": "ComplexItem",
        "version": 2,
    }


def document(*items: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(SAVED)
    changed["mission"]["items"] = list(items)
    return changed


UP = simple_item(1, 22, [0, 0, 0, None, None, None, 50])
HOME_AGAIN = simple_item(9, 20, [0, 0, 0, 0, 0, 0, 0], frame=2)


def place(jump_id: int, lat_deg: float = -35.36) -> dict[str, Any]:
    return simple_item(jump_id, 16, [0, 0, 0, None, lat_deg, 149.16, 50])


def test_surveys_and_corridors_are_flown_item_by_item(tmp_path: Path) -> None:
    trigger = {
        "autoContinue": True,
        "command": 206,
        "doJumpId": 3,
        "frame": 2,
        "params": [25, 0, 1, 0, 0, 0, 0],
    }
    trigger["type"] = "SimpleItem"
    mixed = document(
        UP, survey(place(2), trigger, place(4, -35.361)), corridor(place(5), place(6)), HOME_AGAIN
    )
    read = read_plan(save(tmp_path / "a.plan", mixed))
    assert [item.command for item in read.items] == [16, 22, 16, 206, 16, 16, 16, 20]
    assert [item.seq for item in read.items] == list(range(8))


@pytest.mark.parametrize(
    "kind", ["StructureScan", "fwLandingPattern", "vtolLandingPattern", "Pathfinding", None]
)
def test_a_pattern_that_is_not_known_is_refused_by_its_name(tmp_path: Path, kind: str | None) -> None:
    other = survey(place(2)) | {"complexItemType": kind}
    with pytest.raises(
        PlanError, match=rf"items\[1\].complexItemType is {kind!r}; only survey and CorridorScan"
    ):
        read_plan(save(tmp_path / "a.plan", document(UP, other, HOME_AGAIN)))


def test_a_pattern_inside_a_pattern_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"Items\[0\].type is 'ComplexItem'"):
        read_plan(save(tmp_path / "a.plan", document(UP, survey(survey(place(2))), HOME_AGAIN)))


def test_a_height_above_terrain_that_the_station_worked_out_is_one_above_the_sea(tmp_path: Path) -> None:
    worked_out = place(2) | {"frame": 0, "AltitudeMode": 3, "Altitude": 50, "AMSLAltAboveTerrain": 642.5}
    worked_out["params"] = [0, 0, 0, None, -35.36, 149.16, 642.5]
    item = read_plan(save(tmp_path / "a.plan", document(UP, worked_out, HOME_AGAIN))).items[2]
    assert (item.frame, item.alt_m) == (Frame.GLOBAL, 642.5)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Altitude": 55}, r"items\[1\].Altitude is 55 and params\[6\] is 50: two heights are meant"),
        ({"AltitudeMode": 2}, r"items\[1\].AltitudeMode is 2 and the frame is 3: two heights are meant"),
        ({"Altitude": "high"}, r"items\[1\].Altitude is 'high', not a number"),
        ({"command": 31}, r"items\[1\].command is 31, which has a place here and is not known"),
    ],
)
def test_an_item_of_two_meanings_is_refused(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanError, match=says):
        read_plan(save(tmp_path / "a.plan", document(UP, place(2) | changes, HOME_AGAIN)))


def test_a_plan_of_an_older_station_that_names_no_altitude_mode_is_read(tmp_path: Path) -> None:
    old = {key: value for key, value in place(2).items() if key not in ("Altitude", "AltitudeMode")}
    assert read_plan(save(tmp_path / "a.plan", document(UP, old, HOME_AGAIN))).items[2].alt_m == 50


def with_fence(**fence: Any) -> dict[str, Any]:
    changed = document(UP, place(2), HOME_AGAIN)
    changed["geoFence"] = {"circles": [], "polygons": [], "version": 2} | fence
    return changed


def test_a_plan_without_zones_has_no_fence(tmp_path: Path) -> None:
    assert read_plan(save(tmp_path / "a.plan", with_fence())).fence is None
    bare = document(UP, place(2), HOME_AGAIN)
    del bare["geoFence"], bare["rallyPoints"]
    read = read_plan(save(tmp_path / "a.plan", bare))
    assert (read.fence, read.rally) == (None, ())


@pytest.mark.parametrize(
    ("fence", "says"),
    [
        ({"version": 1}, "geoFence.version is 1"),
        (
            {"polygons": [{"polygon": [[-35, 149]], "inclusion": True}]},
            r"polygons\[0\] is no fence: .* 1 corners",
        ),
        (
            {"polygons": [{"polygon": [[-35, 149], [-36, 149], [-36, 148]]}]},
            r"polygons\[0\].inclusion is not true",
        ),
        ({"circles": [{"circle": {"center": [-35, 149], "radius": 0}, "inclusion": True}]}, "radius of 0"),
        (
            {"circles": [{"circle": {"center": [-95, 149], "radius": 9}, "inclusion": True}]},
            "no place on earth",
        ),
    ],
)
def test_a_broken_fence_refuses_the_plan(tmp_path: Path, fence: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanError, match=says):
        read_plan(save(tmp_path / "a.plan", with_fence(**fence)))


def test_a_fence_crosses_the_wire_and_comes_back() -> None:
    items = FENCE.items()
    assert [item.seq for item in items] == list(range(len(items)))
    back = Fence.from_items(items)
    assert len(back.inclusions) == len(back.exclusions) == 2
    assert [item.same_as(other) for item, other in zip(items, back.items(), strict=True)] == [True] * len(
        items
    )
    with pytest.raises(FenceError, match="not whole"):
        Fence.from_items(items[:2])


# --- QGC WPL 110 -------------------------------------------------------------------------------------

# As Mission Planner writes it: item 0 is home, everything has frame 3, and nothing has a place but waypoints.
MISSION_PLANNER = (
    "QGC WPL 110\r\n"
    "0\t1\t0\t16\t0\t0\t0\t0\t-35.3632620\t149.1652370\t584.090000\t1\r\n"
    "1\t0\t3\t22\t0.00000000\t0.00000000\t0.00000000\t0.00000000\t0.00000000\t0.00000000\t50.000000\t1\r\n"
    "2\t0\t3\t16\t0.00000000\t0.00000000\t0.00000000\t0.00000000\t-35.36120000\t149.16350000\t60.500000\t1\r\n"
    "3\t0\t3\t178\t0.00000000\t7.00000000\t0.00000000\t0.00000000\t0.00000000\t0.00000000\t0.000000\t1\r\n"
    "4\t0\t3\t177\t2.00000000\t1.00000000\t0.00000000\t0.00000000\t0.00000000\t0.00000000\t0.000000\t1\r\n"
    "5\t0\t3\t20\t0.00000000\t0.00000000\t0.00000000\t0.00000000\t0.00000000\t0.00000000\t0.000000\t1\r\n"
)


def wpl(folder: Path, text: str = MISSION_PLANNER) -> Path:
    path = folder / "a.waypoints"
    path.write_bytes(text.encode())
    return path


def test_mission_planners_file_becomes_the_list_that_ardupilot_gets(tmp_path: Path) -> None:
    path = wpl(tmp_path)
    assert is_wpl(path)
    read = read_wpl(path)
    assert [item.command for item in read.items] == [16, 22, 16, 178, 177, 20]
    assert (read.items[2].lat_e7, read.items[2].lon_e7, read.items[2].alt_m) == (-353612000, 1491635000, 60.5)
    assert read.home.alt_amsl_m == pytest.approx(584.09)
    assert not read.items[1].is_place


def test_a_mission_comes_back_from_a_waypoints_file(tmp_path: Path) -> None:
    whole = plan(*STEPS)
    write_wpl(tmp_path / "a.waypoints", whole)
    again = read_wpl(tmp_path / "a.waypoints")
    same(whole, again)
    assert [item.params[:2] for item in again.items] == [
        tuple(0.0 if math.isnan(value) else value for value in item.params[:2]) for item in whole.items
    ]


def test_places_come_back_to_the_last_digit(tmp_path: Path) -> None:
    item = replace(to(100, 0), lat_e7=-353612347, lon_e7=1491634569)
    write_wpl(tmp_path / "a.waypoints", plan(takeoff(60.0), item, return_to_launch()))
    again = read_wpl(tmp_path / "a.waypoints").items[2]
    assert (again.lat_e7, again.lon_e7) == (-353612347, 1491634569)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("QGC WPL 110", "QGC WPL 120", "line 1 is not 'QGC WPL 110'"),
        ("2\t0\t3\t16", "7\t0\t3\t16", "line 4 is item 7 and should be 2"),
        ("\t60.500000\t1\r\n", "\t60.500000\r\n", "line 4 has 11 columns, not 12"),
        ("\t60.500000\t", "\tsixty\t", "line 4 has something in it that is not a number"),
        ("\t60.500000\t", "\tnan\t", "line 4 has a number that is none"),
        ("-35.36120000", "-95.36120000", r"line 4 \(-95.3612, 149.163\) is no place on earth"),
        ("-35.36120000\t149.16350000", "0\t0", "line 4 is a place to fly to and says none"),
        ("2\t0\t3\t16", "2\t0\t99\t16", "line 4 has frame 99"),
        ("2\t0\t3\t16", "2\t0\t3\t31", "line 4 gives command 31 a place"),
        ("177\t2.0", "177\t9.0", "line 6 jumps to item 9, which is not in the file"),
        ("0\t1\t0\t16", "0\t1\t0\t22", "line 2 is command 22 where home should be"),
    ],
)
def test_a_broken_line_is_refused_by_its_number(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert MISSION_PLANNER.count(old) == 1
    with pytest.raises(PlanError, match=says):
        read_wpl(wpl(tmp_path, MISSION_PLANNER.replace(old, new)))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="nothing to fly"):
        read_wpl(wpl(tmp_path, "\r\n".join(MISSION_PLANNER.splitlines()[:2])))
    with pytest.raises(PlanError, match="cannot be read"):
        read_wpl(tmp_path / "nowhere.waypoints")
    (tmp_path / "a.waypoints").write_bytes(b"QGC WPL 110\n\xff\xff")
    with pytest.raises(PlanError, match="is not text"):
        read_wpl(tmp_path / "a.waypoints")
    assert not is_wpl(tmp_path / "nowhere.waypoints")


def test_a_camera_command_is_no_place(tmp_path: Path) -> None:
    roi = MissionItem(0, Command.DO_SET_ROI_LOCATION, 3, (0.0,) * 4, -353600000, 1491600000, 0.0)
    write_plan(tmp_path / "a.plan", plan(takeoff(60.0), roi, to(100, 0), return_to_launch()))
    read = read_plan(tmp_path / "a.plan").items[2]
    assert (read.lat_e7, read.is_place) == (-353600000, False)
