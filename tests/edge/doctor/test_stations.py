"""The station as a drone's doctor and its own see it: a real one on loopback, and facts that are judged."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.config.file import UplinkSection
from edge.demo.site import free_port
from edge.doctor.check import Check
from edge.doctor.station_here import StationHere, ask_station_here, certificate_end, judge_station_here
from edge.doctor.station_link import StationFound, ask_station, judge_station
from tests.uplink.makers import DRONE, KEY, OTHER_KEY, make_config, write_secret
from tests.uplink.test_tls import certificate
from uplink.station.server import running

__all__ = ["certificate"]

WELL = StationFound("https://station:8420", health="ok", key_status=404, takes_orders=True)
NOW = datetime(2026, 7, 1, tzinfo=UTC)
HERE = StationHere("http://127.0.0.1:8420", NOW, health="ok")


def check(checks: list[Check], name: str) -> Check:
    return next(one for one in checks if one.name == name)


def test_a_station_that_is_well_passes_every_check() -> None:
    assert [one for one in judge_station(WELL) if not one.passed] == []
    assert [one for one in judge_station_here(HERE) if not one.passed] == []


@pytest.mark.parametrize(
    ("change", "name", "passed", "words"),
    [
        ({"trouble": "no answer: refused"}, "station", False, "refused"),
        ({"health": "failing", "problems": ("the disk is full",)}, "station", False, "the disk is full"),
        ({"health": "degraded", "problems": ("slow",)}, "station", None, "degraded"),
        ({"key_status": 401}, "drone's key", False, "refuses it"),
        ({"key_status": 503}, "drone's key", None, "503"),
        ({"key_is_open": True}, "key file", None, "others"),
        ({"takes_orders": False}, "orders", None, "every order is refused"),
        ({"clock_difference": timedelta(seconds=-3600)}, "clocks agree", None, "3600 s behind"),
    ],
)
def test_what_is_wrong_with_the_way_to_the_station_is_told(
    change: dict[str, object], name: str, passed: bool | None, words: str
) -> None:
    found = check(judge_station(replace(WELL, **change)), name)  # type: ignore[arg-type]
    assert found.passed is passed
    assert words in found.found


@pytest.mark.parametrize(
    ("change", "name", "passed"),
    [
        ({"trouble": "refused"}, "station", None),
        ({"health": "failing"}, "station", False),
        ({"open_to_others": True}, "https", False),
        ({"certificate_ends": NOW + timedelta(days=300)}, "certificate", True),
        ({"certificate_ends": NOW + timedelta(days=3)}, "certificate", None),
        ({"certificate_ends": NOW}, "certificate", False),
    ],
)
def test_what_is_wrong_with_a_station_here_is_told(
    change: dict[str, object], name: str, passed: bool | None
) -> None:
    assert check(judge_station_here(replace(HERE, **change)), name).passed is passed  # type: ignore[arg-type]


async def test_a_real_station_takes_its_drones_key_and_refuses_another(tmp_path: Path) -> None:
    keys = {
        True: write_secret(tmp_path / "mine.key", KEY),
        False: write_secret(tmp_path / "no.key", "x" * 32),
    }
    other = write_secret(tmp_path / "other.key", OTHER_KEY)
    async with running(make_config(tmp_path)) as url:
        for accepted, key_file in [*keys.items(), (False, other)]:
            section = UplinkSection(station_url=url, key_file=key_file)
            found = await ask_station(section, DRONE)
            assert found.health in ("ok", "degraded"), found
            assert check(judge_station(found), "drone's key").passed is accepted
        config = make_config(tmp_path, port=int(url.rpartition(":")[2]))
        here = await ask_station_here(config)
    assert here.url == url
    assert here.health in ("ok", "degraded")
    assert not here.open_to_others


async def test_nobody_there_and_no_key_are_told_apart(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    key_file = write_secret(tmp_path / "mine.key", KEY)
    found = await ask_station(UplinkSection(station_url=url, key_file=key_file), DRONE)
    assert "no answer" in found.trouble
    found = await ask_station(UplinkSection(station_url=url, key_file=tmp_path / "none.key"), DRONE)
    assert "does not exist" in found.trouble
    key_file.chmod(0o644)
    found = await ask_station(UplinkSection(station_url=url, key_file=key_file), DRONE)
    assert found.key_is_open
    here = await ask_station_here(make_config(tmp_path, port=int(url.rpartition(":")[2])))
    assert here.trouble


def test_the_end_of_a_certificate_is_read(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    ends = certificate_end(certificate[0])
    assert ends is not None
    assert ends > datetime.now(tz=UTC) - timedelta(days=1)
    assert certificate_end(tmp_path / "none.pem") is None
    assert certificate_end(certificate[1]) is None, "a key is no certificate"
