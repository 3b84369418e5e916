"""``emberwatch patrol check`` and ``plan``: what they print, write and refuse; and the shipped example."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from shapely.geometry import Point, shape
from typer.testing import CliRunner

import hardware
from edge import cli
from edge.config.file import LimitsSection
from edge.patrols import ink
from edge.patrols.command import Sources, check_command, plan_command
from edge.patrols.limits import limits_of
from edge.patrols.load import load_patrol, read_any_plan, read_patrol_file
from edge.patrols.planned import Planned
from flight.errors import EmberwatchError
from flight.plans.fence import Fence, Polygon
from flight.plans.flight_time import flight_time_s
from flight.plans.plan import PlanError
from flight.plans.qgc import write_plan
from flight.plans.wpl import write_wpl
from flight.terrain import Terrain
from tests.edge.patrols.patrol_makers import write_dem
from tests.flight.plan_makers import FENCE, HOME, at, out_and_back, square, to

EXAMPLE = Path(hardware.__file__).parent / "profiles" / "patrol.toml"

PATROL = f"""\
name = "north / ridge"
home = [{HOME.lat_deg}, {HOME.lon_deg}]
area = [{", ".join(str(list(at(x, y))) for x, y in [(-300, -100), (-50, -100), (-50, 100), (-300, 100)])}]
camera = "virtual_78"
height_agl_m = 60
fence = [{", ".join(str(list(place)) for place in square(500.0))}]
rally = [[{HOME.lat_deg}, {HOME.lon_deg}, 40]]
"""


class Screen:
    """What a verb prints, on a wide terminal."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self.console = Console(file=self._text, width=200)

    @property
    def lines(self) -> list[str]:
        return self._text.getvalue().splitlines()


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dem(tmp_path / "dem.tif")
    (tmp_path / "patrol.toml").write_text(PATROL)
    (tmp_path / "agent.toml").write_text(
        '[agent]\ndata_dir = "data"\n[agent.drone]\nid = "d1"\n[agent.camera]\nsource = "photos"\n'
        '[agent.terrain]\ndem = "dem.tif"\n[agent.limits]\nceiling_home_m = 70\n'
        '[agent.uplink]\nkey_file = "drone.key"\n'
    )
    return tmp_path


def dem(folder: Path) -> Sources:
    return Sources(dem=folder / "dem.tif")


# --- check -------------------------------------------------------------------------------------------


def test_a_safe_patrol_is_said_to_be_safe_and_by_what(folder: Path, screen: Screen) -> None:
    assert check_command(folder / "patrol.toml", dem(folder), console=screen.console) == 0
    assert screen.lines[0].endswith("patrol.toml: safe (1 flight)")
    assert "dem.tif" in screen.lines[1]
    assert "ceiling 120 m" in screen.lines[1]


@pytest.mark.parametrize("suffix", [".plan", ".waypoints"])
def test_plans_of_other_stations_are_checked_too(folder: Path, screen: Screen, suffix: str) -> None:
    path = folder / f"other{suffix}"
    far = out_and_back(to(300, 0), to(300, 3500), fence=FENCE)
    (write_plan if suffix == ".plan" else write_wpl)(path, far)
    assert check_command(path, Sources(), console=screen.console) == 1
    assert any("item 3" in line and "from home; the limit is 3000 m" in line for line in screen.lines)
    assert any("leaves the fence" in line for line in screen.lines) is (suffix == ".plan")
    assert all(line.startswith(str(path)) for line in screen.lines)


def test_a_configuration_brings_its_limits_and_its_terrain(folder: Path, screen: Screen) -> None:
    config = Sources(config=folder / "agent.toml")
    assert check_command(folder / "patrol.toml", config, console=screen.console) == 1
    assert any("the ceiling is 70 m" in line for line in screen.lines)


def test_the_stricter_limit_counts_whoever_says_it(folder: Path) -> None:
    planned = Planned.load(folder / "patrol.toml", _terrain(folder))
    strict = planned.limits(LimitsSection(ceiling_home_m=90, least_height_agl_m=10, endurance_s=9000))
    assert (strict.ceiling_home_m, strict.least_height_agl_m, strict.endurance_s) == (90, 20, 1125)


def _terrain(folder: Path) -> Terrain | None:
    return dem(folder).load()[1]


def test_a_home_that_the_terrain_has_elsewhere_is_refused(folder: Path, screen: Screen) -> None:
    (folder / "patrol.toml").write_text(PATROL + "home_alt_amsl_m = 620\n")
    assert check_command(folder / "patrol.toml", dem(folder), console=screen.console) == 1
    assert any("m and the plan was made for 620 m: its heights mean" in line for line in screen.lines)


def test_a_name_is_printed_as_it_is(folder: Path, screen: Screen) -> None:
    named = PATROL.replace('"north / ridge"', '"[bold]North[/bold] [/ridge] side"')
    (folder / "patrol.toml").write_text(named + "endurance_s = 300\n")
    assert plan_command(folder / "patrol.toml", dem(folder), console=screen.console) == 0
    assert screen.lines[0] == "[bold]North[/bold] [/ridge] side"
    assert any("[bold]North[/bold] [/ridge] side 2" in line for line in screen.lines)


# --- plan --------------------------------------------------------------------------------------------


def test_figures_are_printed_and_plans_written_that_are_read_again(folder: Path, screen: Screen) -> None:
    out = folder / "flights"
    code = plan_command(folder / "patrol.toml", dem(folder), out=out, waypoints=True, console=screen.console)
    assert code == 0
    text = "\n".join(screen.lines)
    assert "1 flight:" in text
    assert "100.0 % in a picture" in text
    assert {path.name for path in out.iterdir()} == {"north-ridge.plan", "north-ridge.waypoints"}
    [planned] = load_patrol(folder / "patrol.toml", _terrain(folder)).flights
    written = read_any_plan(out / "north-ridge.plan")
    assert written.sha256 == planned.sha256
    assert written.fence == planned.fence == Fence((Polygon(square(500.0)),))
    assert [item.command for item in read_any_plan(out / "north-ridge.waypoints").items] == [
        item.command for item in planned.items
    ]


def test_an_unsafe_patrol_is_drawn_and_not_written(folder: Path, screen: Screen) -> None:
    code = plan_command(
        folder / "patrol.toml",
        Sources(config=folder / "agent.toml"),
        out=folder / "flights",
        geojson=folder / "map.geojson",
        console=screen.console,
    )
    assert code == 1
    assert not (folder / "flights").exists()
    assert "No plan is written: it is not safe." in screen.lines
    kinds = [
        each["properties"]["kind"] for each in json.loads((folder / "map.geojson").read_text())["features"]
    ]
    assert "problem" in kinds


def test_the_map_for_other_programs_has_everything_in_its_place(folder: Path, screen: Screen) -> None:
    plan_command(folder / "patrol.toml", dem(folder), geojson=folder / "a.geojson", console=screen.console)
    document = json.loads((folder / "a.geojson").read_text())
    by_kind = {each["properties"]["kind"]: each for each in document["features"]}
    assert set(by_kind) == {"home", "flight", "area", "fence", "rally point"}
    assert by_kind["home"]["geometry"]["coordinates"][:2] == [HOME.lon_deg, HOME.lat_deg]
    line, fence = shape(by_kind["flight"]["geometry"]), shape(by_kind["fence"]["geometry"])
    assert fence.contains(line)
    assert shape(by_kind["area"]["geometry"]).contains(Point(*reversed(at(-150, 0))))
    heights_m = [place[2] for place in by_kind["flight"]["geometry"]["coordinates"]]
    assert min(heights_m[1:]) > 584 + 20
    assert by_kind["flight"]["properties"]["length_m"] > 1000


@pytest.mark.parametrize("with_terrain", [True, False])
def test_the_picture_shows_area_way_and_fence(folder: Path, screen: Screen, with_terrain: bool) -> None:
    file, sources = folder / "patrol.toml", dem(folder)
    if not with_terrain:
        file.write_text(PATROL + "home_alt_amsl_m = 584\n")
        sources = Sources()
    assert plan_command(file, sources, png=folder / "a.png", console=screen.console) == 0
    with Image.open(folder / "a.png") as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    for colour in ((20, 92, 190), (24, 128, 92)):  # the way, and the fence
        assert (np.abs(pixels - colour).max(axis=1) < 12).sum() > 300


def test_a_ready_made_plan_is_drawn_without_a_camera(folder: Path, screen: Screen) -> None:
    write_plan(folder / "other.plan", out_and_back(to(300, 0), to(300, 200), fence=FENCE))
    code = plan_command(folder / "other.plan", Sources(), png=folder / "a.png", console=screen.console)
    assert code == 0
    assert (folder / "a.png").stat().st_size > 10_000
    assert not any("picture" in line for line in screen.lines[:-1])


def test_what_cannot_be_written_is_named(folder: Path, screen: Screen) -> None:
    (folder / "taken").write_text("")
    file, taken = folder / "patrol.toml", folder / "taken"
    with pytest.raises(PlanError, match=r"plans cannot go to .*taken"):
        plan_command(file, dem(folder), out=taken, console=screen.console)
    with pytest.raises(EmberwatchError, match=r"taken/a.geojson cannot be written"):
        plan_command(file, dem(folder), geojson=taken / "a.geojson", console=screen.console)
    with pytest.raises(PlanError, match="--waypoints says no folder"):
        plan_command(folder / "patrol.toml", dem(folder), waypoints=True, console=screen.console)


# --- the file ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("speed_ms = 8", "speed_ms"),
        ("rally = [[-35.3, 149.1, -5]]", "a rally point at -5 m above home"),
        ("ground_sampling_cm = 5", "either height_agl_m or ground_sampling_cm"),
        ("no_fly = [{ center = [149.1, -35.3], radius_m = 5 }]", "no place on earth"),
        ("side_overlap = 1.5", "side_overlap"),
        ("[repeat]\ntimes = 3", "either every_min or daily_utc"),
        ('[repeat]\ndaily_utc = ["06:00+02:00", "08:00"]', "item 1 of 'daily_utc' .*write UTC, without an"),
        ('[repeat]\ndaily_utc = ["6:00"]', "write a time as 06:00:00"),
        ("[repeat]\ndaily_utc = [6]", "write a time as 06:00:00"),
        ("endurance_s = 1e9", "'endurance_s' must be at most 21600.0"),
    ],
)
def test_a_mistake_in_a_patrol_file_is_told_in_plain_words(folder: Path, line: str, says: str) -> None:
    text = PATROL if not line.startswith("rally") else PATROL.replace("rally = ", "# rally = ")
    (folder / "patrol.toml").write_text(text + line + "\n")
    with pytest.raises(PlanError, match=says) as caught:
        read_patrol_file(folder / "patrol.toml")
    assert str(folder / "patrol.toml") in caught.value.message


def test_what_stands_in_a_plan_is_not_said_again_beside_it(folder: Path) -> None:
    write_plan(folder / "a.plan", out_and_back(to(100, 0)))
    beside = 'name = "a"\nplan = "a.plan"\nceiling_home_m = 90\nunattended = true\n[repeat]\nevery_min = 60\n'
    (folder / "p.toml").write_text(beside)
    assert len(load_patrol(folder / "p.toml", None).flights) == 1
    (folder / "p.toml").write_text('name = "a"\nplan = "a.plan"\nspeed_m_s = 5\nno_fly = []\ncamera = "x"\n')
    with pytest.raises(PlanError, match="camera, no_fly, speed_m_s: a plan is flown as it is") as caught:
        read_patrol_file(folder / "p.toml")
    assert "the file" not in caught.value.message


def test_a_mistake_in_a_no_fly_circle_is_told_of_a_circle(folder: Path) -> None:
    wrong = PATROL + "no_fly = [{ center = [-35.3, 149.1], radius_m = 0 }]\n"
    (folder / "patrol.toml").write_text(wrong)
    with pytest.raises(PlanError, match="must be more than 0") as caught:
        read_patrol_file(folder / "patrol.toml")
    assert "a list" not in caught.value.message


@pytest.mark.parametrize("load", [load_patrol, Planned.load])
def test_what_cannot_be_planned_is_told_with_its_file(
    folder: Path, load: Callable[[Path, Terrain | None], object]
) -> None:
    file = folder / "patrol.toml"
    file.write_text(PATROL.replace("height_agl_m = 60", "height_agl_m = 3\nhome_alt_amsl_m = 584"))
    with pytest.raises(PlanError) as caught:
        load(file, None)
    assert caught.value.message.startswith(f"{file}: the patrol north / ridge is to be flown 3 m above")


# --- letters ------------------------------------------------------------------------------------------


def test_a_name_that_no_font_has_is_not_drawn_as_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ink, "FONT_FILES", ())
    assert ink.drawable("North 7", "flight 1") == "North 7"
    for name in ("Côte", "北山", "a\nb", "\udcff"):
        assert ink.drawable(name, "flight 1") == "flight 1"


@pytest.mark.skipif(not any(map(os.path.isfile, ink.FONT_FILES)), reason="none of these fonts is here")
def test_a_system_font_writes_what_pillows_own_cannot() -> None:
    assert ink.drawable("Côte 7", "flight 1") == "Côte 7"
    assert bytes(ink.font(20, "Côte 7").getmask("7")) != bytes(ink.font(20, "North 7").getmask("7"))


def test_a_camera_profile_beside_the_patrol_is_found(folder: Path) -> None:
    cameras = Path(hardware.__file__).parent / "cameras"
    (folder / "mine.toml").write_text((cameras / "virtual_78.toml").read_text())
    (folder / "patrol.toml").write_text(PATROL.replace('"virtual_78"', '"mine.toml"'))
    assert load_patrol(folder / "patrol.toml", _terrain(folder)).flights


# --- the example -------------------------------------------------------------------------------------


def test_the_shipped_example_passes_its_own_check(screen: Screen) -> None:
    assert check_command(EXAMPLE, Sources(), console=screen.console) == 0


def test_the_shipped_example_plans_to_what_its_comments_promise() -> None:
    planned = Planned.load(EXAMPLE, None)
    assert len(planned.flights) == 1
    limits, foreseen = planned.limits(None), planned.foreseen()
    assert limits.endurance_s == (18 * 60 + 45)
    assert flight_time_s(planned.flights[0]) < limits.endurance_s
    assert foreseen is not None
    assert foreseen.percent > 99.5
    assert planned.swath is not None
    assert planned.swath.ground_sampling_cm == pytest.approx(9, abs=0.5)
    loaded = load_patrol(EXAMPLE, None)
    assert (loaded.unattended, loaded.on_detection) == (False, "ask")
    assert loaded.schedule is not None
    assert (loaded.schedule.every_min, loaded.schedule.times) == (120, 6)


# --- the command line --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verb", [["patrol", "check"], ["patrol", "plan"], ["preflight"], ["signing", "set-up"]]
)
def test_every_verb_explains_itself(verb: list[str]) -> None:
    result = CliRunner().invoke(cli.app, [*verb, "--help"])
    assert result.exit_code == 0
    assert "--config" in result.output


def test_the_verbs_take_their_options(folder: Path) -> None:
    arguments = ["patrol", "plan", str(folder / "patrol.toml"), "--dem", str(folder / "dem.tif")]
    result = CliRunner().invoke(cli.app, [*arguments, "--out", str(folder / "out"), "--waypoints"])
    assert result.exit_code == 0, result.output
    assert len(list((folder / "out").iterdir())) == 2
    checked = CliRunner().invoke(
        cli.app, ["patrol", "check", str(folder / "patrol.toml"), "-c", str(folder / "agent.toml")]
    )
    assert checked.exit_code == 1


def test_the_command_line_is_there_before_the_libraries_are() -> None:
    code = (
        "import sys, edge.cli; print({'numpy', 'cv2', 'shapely', 'pydantic', 'pymavlink'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_it_says_which_version_it_is() -> None:
    result = CliRunner().invoke(cli.app, ["--version"])
    assert (result.exit_code, result.output.strip()) == (0, f"emberwatch {version('emberwatch')}")


def test_a_missing_file_is_one_line_and_no_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["emberwatch", "patrol", "check", str(folder / "nowhere.toml")])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code not in (0, None)
    error = capsys.readouterr().err
    assert error.startswith("emberwatch: the patrol")
    assert len(error.splitlines()) == 1


def test_in_flight_the_stricter_of_the_patrols_and_the_sites_limits_counts_too(tmp_path: Path) -> None:
    file = tmp_path / "patrol.toml"
    text = PATROL.replace("height_agl_m = 60", "height_agl_m = 60\nceiling_home_m = 90\nendurance_s = 1000\n")
    file.write_text(text.replace("rally =", f"home_alt_amsl_m = {HOME.alt_amsl_m}\nrally ="))
    site = LimitsSection(ceiling_home_m=120, least_height_agl_m=30, range_m=800, endurance_s=1500)
    allowed = load_patrol(file, None).within(limits_of(site))
    assert allowed.ceiling_home_m == 90, "the patrol's"
    assert allowed.endurance_s == pytest.approx(750), "the patrol's, without its reserve"
    assert allowed.least_height_agl_m == 30, "the site's"
    assert allowed.range_m == 800, "the site's: a patrol file has none"
