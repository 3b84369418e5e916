"""The demo by night: what its configuration says, and what its virtual thermal camera sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.file import ConfigError, load_agent_config
from edge.demo.site import lay_out, new_webhook_secret


def test_the_night_demo_has_two_cameras_that_each_hear_where_the_drone_is(tmp_path: Path) -> None:
    secret = new_webhook_secret()
    site = lay_out(tmp_path, seed=1, port=0, webhook_secret=secret, webhook_url="http://x/", night=True)
    config = load_agent_config(site.config_file)
    assert config.second_camera is not None
    assert config.main_camera is config.camera
    assert config.virtual.hour == 23
    heard = {config.virtual.truth_url, config.virtual.thermal_truth_url}
    assert heard < {url.replace("udpout", "udpin") for url in site.drone_truth_urls}
    assert len(heard) == 2


AGENT = '[agent]\ndata_dir = "data"\n[agent.drone]\nid = "d1"\n[agent.uplink]\nkey_file = "drone.key"\n'


def test_a_thermal_camera_alone_is_the_main_one(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(
        AGENT + '[agent.thermal]\nsource = "/dev/video2"\noffset_yaw_deg = 2\n'
    )
    config = load_agent_config(tmp_path / "agent.toml")
    assert config.second_camera is None
    assert config.main_camera is config.thermal
    assert config.main_camera.optics().offset_rpy_deg == (0.0, 0.0, 2.0)


def test_an_agent_without_a_camera_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(AGENT)
    with pytest.raises(ConfigError, match=r"add \[agent.camera\], \[agent.thermal\]"):
        load_agent_config(tmp_path / "agent.toml")
