"""``emberwatch signing``: a key is made, given over a cable and taken back; and every way it can go wrong."""

from __future__ import annotations

import asyncio
import io
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from edge import cli
from edge.commands import signing_command
from edge.commands.signing_command import set_up, switch_off
from edge.config.file import AgentConfig, load_agent_config
from flight.signing import SigningError, make_key, read_key
from tests.flight.far_ends import Cable
from tests.flight.test_signing_setup import Autopilot

BEAT_S = 0.02


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_command, "WAIT_S", 0.4)


@asynccontextmanager
async def wired(folder: Path, autopilot: Autopilot) -> AsyncIterator[str]:
    """The URL of a serial port with an autopilot at its far end."""
    with Cable(folder / "ttyAMA0") as cable:
        cable.listen()

        async def fly() -> None:
            while True:
                data, cable.received = bytes(cable.received), bytearray()
                autopilot.hear(data)
                cable.send(autopilot.beat())
                await asyncio.sleep(BEAT_S)

        flying = asyncio.create_task(fly())
        try:
            yield cable.url
        finally:
            flying.cancel()
            await asyncio.gather(flying, return_exceptions=True)


def config(folder: Path, url: str, *, key: str | None = "link.key") -> AgentConfig:
    if key is not None and not (folder / key).exists():
        make_key(folder / key)
    (folder / "agent.toml").write_text(
        f'[agent]\ndata_dir = "data"\n[agent.drone]\nid = "d1"\n[agent.camera]\nsource = "photos"\n'
        f'[agent.uplink]\nkey_file = "drone.key"\n[agent.mavlink]\nurl = "{url}"\n'
        + (f'signing_key_file = "{key}"\n' if key else "")
    )
    return load_agent_config(folder / "agent.toml")


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def test_a_new_key_is_for_its_owner_only_and_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "link.key"
    result = CliRunner().invoke(cli.app, ["signing", "new", str(path)])
    assert result.exit_code == 0
    assert "signing set-up" in result.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = read_key(path)
    again = CliRunner().invoke(cli.app, ["signing", "new", str(path)])
    assert isinstance(again.exception, SigningError)
    assert read_key(path) == before


async def test_the_autopilot_gets_the_key_of_the_configuration(tmp_path: Path) -> None:
    autopilot = Autopilot()
    async with wired(tmp_path, autopilot) as url:
        agent = config(tmp_path, url)
        assert await set_up(agent, None, quiet()) == 0
        assert autopilot.signing is not None
        assert autopilot.signing.key == read_key(tmp_path / "link.key")
        assert (tmp_path / "data" / "signing.clock").exists()
        assert await set_up(agent, None, quiet()) == 0  # and again does no harm


async def test_and_forgets_it_again(tmp_path: Path) -> None:
    async with wired(tmp_path, autopilot := Autopilot()) as url:
        agent = config(tmp_path, url)
        await set_up(agent, None, quiet())
        assert await switch_off(agent, quiet()) == 0
        assert autopilot.signing is None


async def test_another_key_is_taken_for_the_present_one_only(tmp_path: Path) -> None:
    make_key(tmp_path / "old.key")
    autopilot = Autopilot(read_key(tmp_path / "old.key"))
    async with wired(tmp_path, autopilot) as url:
        agent = config(tmp_path, url)
        with pytest.raises(SigningError, match="did not take the new key"):
            await set_up(agent, None, quiet())
        assert await set_up(agent, tmp_path / "old.key", quiet()) == 0
        assert autopilot.signing is not None
        assert autopilot.signing.key == read_key(tmp_path / "link.key")


async def test_an_armed_vehicle_is_left_alone(tmp_path: Path) -> None:
    autopilot = Autopilot()
    autopilot.armed = True
    async with wired(tmp_path, autopilot) as url:
        with pytest.raises(SigningError, match="armed"):
            await set_up(config(tmp_path, url), None, quiet())
    assert autopilot.orders == []


@pytest.mark.parametrize("url", ["udpin:127.0.0.1:0", "udpout:127.0.0.1:14550", "tcp:127.0.0.1:5760"])
async def test_no_key_leaves_over_a_network(tmp_path: Path, url: str) -> None:
    for order in (set_up(config(tmp_path, url), None, quiet()), switch_off(config(tmp_path, url), quiet())):
        with pytest.raises(SigningError, match="for everybody to read") as caught:
            await order
        assert "serial:DEVICE:BAUD" in str(caught.value)


async def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SigningError, match="names no signing key") as caught:
        await set_up(config(tmp_path, "serial:/dev/ttyNONE:57600", key=None), None, quiet())
    assert "signing new" in str(caught.value)
    with pytest.raises(SigningError, match="no heartbeat from an autopilot"):
        await set_up(config(tmp_path, f"serial:{tmp_path}/nothing:57600"), None, quiet())


def test_a_passphrase_gives_the_key_that_ground_stations_make_of_it(tmp_path: Path) -> None:
    path = tmp_path / "link.key"
    words = "a long enough passphrase"
    result = CliRunner().invoke(
        cli.app, ["signing", "new", "--passphrase", str(path)], input=f"{words}\n{words}\n"
    )
    assert result.exit_code == 0, result.output
    # printf %s 'a long enough passphrase' | sha256sum
    assert path.read_text().strip() == "c90689da1049c53599340544e2c41190c09a020c7d616d18d0be277152f93d84"
    assert words not in result.output


def test_a_passphrase_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli.app, ["signing", "new", "--passphrase", str(tmp_path / "link.key")], input="ember\nember\n"
    )
    assert isinstance(result.exception, SigningError)
    assert not (tmp_path / "link.key").exists()
