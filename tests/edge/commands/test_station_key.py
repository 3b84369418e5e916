"""The verb that prints what drones know their station by."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from edge.cli import app
from uplink.order_signing import KEY_FILE, StationKey, StationPublicKey


def printed(config: Path) -> str:
    done = CliRunner().invoke(app, ["station", "key", "-c", str(config)])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_stations_public_key_is_one_line_that_a_drone_can_read_and_the_same_each_time(
    tmp_path: Path,
) -> None:
    config = tmp_path / "station.toml"
    config.write_text('[station]\ndata_dir = "data"\n')
    line = printed(config)
    assert (tmp_path / "data" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert printed(config) == line
    (tmp_path / "station.pub").write_text(line)
    StationPublicKey.read(tmp_path / "station.pub")
    assert line == StationKey.open(tmp_path / "data").public + "\n", "the station itself signs with it"
