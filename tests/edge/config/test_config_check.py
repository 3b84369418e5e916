"""What ``config check`` finds beyond the file itself: with its line, before a program stumbles over it."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest

from edge.config.check import check_config
from edge.config.file import ConfigError, load_config
from flight.signing import make_key
from tests.flight.elevation_makers import slope, write_geotiff
from tests.flight.test_surface import block, write_geojson
from uplink.order_signing import StationKey

AGENT = """\
[agent]
data_dir = "data"
[agent.drone]
id = "d1"
[agent.mavlink]
signing_key_file = "signing.key"
[agent.camera]
source = "/dev/video0"
profile = "generic_78"
[agent.detector]
model = "fire.onnx"
[agent.terrain]
# dem = "dem.tif"
[agent.patrol]
file = "patrol.toml"
[agent.uplink]
key_file = "drone.key"
station_key_file = "station.pub"
"""
PATROL = """\
name = "a line"
home = [-35.363262, 149.165237]
home_alt_amsl_m = 584
points = [[-35.3640, 149.1660]]
height_agl_m = 60
"""
STATION = """\
[station]
data_dir = "data"
[[station.drones]]
id = "d1"
key_file = "drone.key"
[[station.webhooks]]
url = "https://incidents.example.org/"
secret_file = "webhook.secret"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration of which everything is there."""
    (tmp_path / "drone.key").write_text(secrets.token_hex(32))
    (tmp_path / "fire.onnx").write_bytes(b"")
    (tmp_path / "patrol.toml").write_text(PATROL)
    make_key(tmp_path / "signing.key", None)
    (tmp_path / "station.pub").write_text(StationKey.open(tmp_path / "station").public)
    path = tmp_path / "agent.toml"
    path.write_text(AGENT)
    return path


def mistakes(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check_config(path)
    return caught.value.problems


def test_a_configuration_whose_files_are_all_there_is_fine(file: Path) -> None:
    assert check_config(file) == load_config(file)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("signing.key", "line 6: the signing key"),
        ("fire.onnx", "line 11: the model"),
        ("patrol.toml", "line 15: the patrol"),
        ("drone.key", "line 17: the key file of drone d1"),
        ("station.pub", "line 18: the station's public key"),
    ],
)
def test_a_file_that_is_missing_is_told_with_the_line_that_names_it(
    file: Path, name: str, begins: str
) -> None:
    (file.parent / name).unlink()
    [line] = mistakes(file)
    assert line.startswith(begins)
    assert name in line
    if name.endswith(".key"):
        assert "make one with" in line.lower()


@pytest.mark.parametrize("model", ["5", "[1]"])
def test_a_model_that_is_no_name_at_all_is_told_like_any_other_mistake(file: Path, model: str) -> None:
    file.write_text(AGENT.replace('"fire.onnx"', model))
    with pytest.raises(ConfigError, match="'model'"):
        load_config(file)


def test_a_terrain_model_and_a_camera_that_are_not_there_are_told_together(file: Path) -> None:
    file.write_text(AGENT.replace("# dem", "dem").replace("generic_78", "generic_87"))
    camera, dem = mistakes(file)
    assert camera.startswith("line 9: camera profile generic_87 cannot be read")
    assert "generic_78" in camera, "those that are known"
    assert dem.startswith("line 13: terrain file")


def test_a_surface_needs_ground_to_stand_on_and_is_tried_with_it(file: Path) -> None:
    file.write_text(AGENT.replace('# dem = "dem.tif"', 'surface = "town.geojson"'))
    [line] = mistakes(file)
    assert "name a dem too" in line
    write_geotiff(file.parent / "dem.tif", slope())
    (file.parent / "town.geojson").write_text("no json")
    file.write_text(AGENT.replace('# dem = "dem.tif"', 'dem = "dem.tif"\nsurface = "town.geojson"'))
    [line] = mistakes(file)
    assert line.startswith("line 14: buildings file")


def test_the_terrain_that_is_configured_is_the_one_that_is_opened(file: Path) -> None:
    write_geotiff(file.parent / "dem.tif", slope())
    write_geojson(file.parent / "town.geojson", block(0, 0, 20, 20, height=9))
    more = 'dem = "dem.tif"\nsurface = "town.geojson"\nsigma_m = 1.5'
    file.write_text(
        AGENT.replace('# dem = "dem.tif"', more).replace('[agent.patrol]\nfile = "patrol.toml"\n', "")
    )
    agent = check_config(file).agent
    assert agent is not None
    terrain = agent.terrain.open()
    assert terrain is not None
    assert terrain.name == "dem.tif with the buildings of town.geojson"
    assert terrain.sigma_m == 1.5


def test_what_is_wrong_in_the_patrol_is_told_here_already(file: Path) -> None:
    (file.parent / "patrol.toml").write_text(PATROL + "speed = 8\nhold_s = -1\n")
    assert [line.partition("patrol.toml: ")[2][:6] for line in mistakes(file)] == ["line 6", "line 7"]


def test_one_switch_cannot_both_give_and_refuse(file: Path) -> None:
    file.write_text(AGENT + "[agent.control]\nveto_channel = 7\ngrant_channel = 7\n")
    [line] = mistakes(file)
    assert line.startswith("line 19: 'control' in [agent]: veto_channel and grant_channel are one switch")


def test_a_battery_that_lasts_for_days_is_a_slip_of_the_pen(file: Path) -> None:
    file.write_text(AGENT + "[agent.limits]\nendurance_s = 1e9\n")
    [line] = mistakes(file)
    assert line.startswith("line 20: 'endurance_s' in [agent.limits] must be at most 21600.0")


def test_a_station_needs_the_keys_of_all(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(STATION)
    drone, webhook = mistakes(path)
    assert drone.startswith("line 5: the key file of drone d1 does not exist")
    assert webhook.startswith("line 8: the secret file of webhook incidents.example.org does not exist")
    (tmp_path / "drone.key").write_text("short")
    assert "holds no usable key" in mistakes(path)[0]
    path.write_text(
        STATION.replace(
            "[[station.drones]]", 'tls_cert_file = "c.pem"\ntls_key_file = "k.pem"\n[[station.drones]]'
        )
    )
    assert re.match(
        "line 3: .*/c.pem and .*/k.pem are no certificate and its key: No such file", mistakes(path)[0]
    )


def test_a_patrol_file_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "patrol.toml"
    path.write_text(PATROL)
    assert mistakes(path) == [f"this is a patrol file: emberwatch patrol check {path}"]
    path.write_text(PATROL.replace("points", "[agent]\npoints"))
    assert "this is a patrol file" not in mistakes(path)[0]
