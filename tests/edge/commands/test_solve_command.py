"""``emberwatch camera solve``: the table that it prints is what the configuration takes."""

from __future__ import annotations

import io
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from edge.commands.solve_command import SolveError, solve_command
from edge.config.fixed_section import FixedSection
from edge.geometry.landmark_file import LandmarkError
from tests.edge.geometry.test_landmarks import ANGLES, HERE, NAMES, measured

CONFIG = """\
[agent]
data_dir = "data"
[agent.drone]
id = "mast-1"
[agent.camera]
source = "photos"
profile = "virtual_78"
[agent.uplink]
key_file = "mast.key"
"""


def written(folder: Path, **moved_px: tuple[float, float]) -> Path:
    file = measured(NAMES, moved_px=moved_px)
    lines = [f"{key} = {value}" for key, value in file.model_dump(exclude={"landmarks"}).items()]
    for landmark in file.landmarks:
        fields = landmark.model_dump()
        lines += ["[[landmarks]]", f'name = "{fields.pop("name")}"']
        lines += [f"{key} = {value}" for key, value in fields.items()]
    path = folder / "landmarks.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def solved(path: Path, *, known_place: bool = True, config: Path | None = None) -> str:
    out = io.StringIO()
    profile = None if config else "virtual_78"
    code = solve_command(
        path, config=config, profile=profile, known_place=known_place, console=Console(file=out, width=200)
    )
    assert code == 0
    return out.getvalue()


@pytest.mark.parametrize("known_place", [True, False])
def test_the_printed_table_is_a_fixed_camera_of_the_configuration(tmp_path: Path, known_place: bool) -> None:
    text = solved(written(tmp_path), known_place=known_place)
    table = tomllib.loads(text[text.index("[agent.fixed]") :])["agent"]["fixed"]
    section = FixedSection.model_validate(table)
    assert (section.heading_deg, section.pitch_deg, section.roll_deg) == pytest.approx(ANGLES, abs=0.03)
    assert (section.lat_deg, section.lon_deg) == pytest.approx(HERE[:2], abs=1e-5)
    assert 0.05 <= section.heading_sigma_deg < 0.5


def test_the_lens_may_be_that_of_a_configuration_that_is_not_finished_yet(tmp_path: Path) -> None:
    (tmp_path / "mast.toml").write_text(CONFIG)
    path = written(tmp_path)
    assert solved(path, config=tmp_path / "mast.toml") == solved(path)


def test_every_landmark_and_its_miss_is_shown(tmp_path: Path) -> None:
    text = solved(written(tmp_path))
    assert all(name in text for name in NAMES)
    assert "± " in text


@pytest.mark.parametrize(("config", "profile"), [(None, None), (Path("mast.toml"), "virtual_78")])
def test_exactly_one_lens_is_to_be_named(tmp_path: Path, config: Path | None, profile: str | None) -> None:
    with pytest.raises(SolveError, match="either --profile NAME or --config FILE"):
        solve_command(written(tmp_path), config=config, profile=profile, known_place=True)


def test_a_contradiction_prints_no_table(tmp_path: Path) -> None:
    out = io.StringIO()
    with pytest.raises(LandmarkError, match="'spire'"):
        solve_command(
            written(tmp_path, spire=(40.0, 0.0)),
            config=None,
            profile="virtual_78",
            known_place=True,
            console=Console(file=out),
        )
    assert out.getvalue() == ""
