"""``emberwatch station user | token | drone | audit``, beside a station that runs and without one."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner, Result

from edge.cli import app, main
from uplink.station import passwords
from uplink.station.first_admin import FILE
from uplink.station.sessions import digest_of
from uplink.station.store.beside import StoreBeside
from uplink.station.store.schema import STEPS

STATION = """\
[station]
data_dir = "data"
[[station.drones]]
id = "ember-1"
key_file = "drone.key"
"""

Verb = Callable[..., Result]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "drone.key").write_text("k" * 32)
    (tmp_path / "station.toml").write_text(STATION)
    return tmp_path / "station.toml"


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept as any other, and quickly."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def verb(config: Path) -> Verb:
    """Runs a verb; a word on standard input."""

    def run(*words: str, said: str = "") -> Result:
        return CliRunner().invoke(app, ["station", *words, "-c", str(config)], input=said)

    return run


def lines(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    return [line.split("\t") for line in result.output.splitlines()]


def load(config: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The users' hashes and the tokens' digests, by name."""
    store = StoreBeside(config.parent / "data")
    people = asyncio.run(store.users.load())
    store.close()
    return {one.name: one.password_hash for one in people.users}, {
        one.name: one.digest for one in people.tokens
    }


def test_users_are_added_changed_and_removed(verb: Verb, config: Path) -> None:
    lines(verb("user", "add", "ada", "--role", "admin", said="a long password\n"))
    lines(verb("user", "add", "vera", said="another long one\n"))
    assert [line[:2] for line in lines(verb("user", "list"))] == [["ada", "admin"], ["vera", "viewer"]]
    assert passwords.fits("another long one", load(config)[0]["vera"])
    lines(verb("user", "role", "vera", "pilot"))
    lines(verb("user", "password", "Vera", said="a third long one\n"))
    assert [line[:2] for line in lines(verb("user", "list"))] == [["ada", "admin"], ["vera", "pilot"]]
    assert passwords.fits("a third long one", load(config)[0]["vera"])
    lines(verb("user", "remove", "vera"))
    assert [line[0] for line in lines(verb("user", "list"))] == ["ada"]


def test_the_first_password_is_forgotten_once_there_is_another(verb: Verb, config: Path) -> None:
    lines(verb("user", "add", "admin", "--role", "admin", said="a long password\n"))
    first = config.parent / "data" / FILE
    first.write_text("a long password")
    lines(verb("user", "add", "vera", said="another long one\n"))
    lines(verb("user", "password", "vera", said="another long one\n"))
    assert first.exists()
    lines(verb("user", "password", "Admin", said="a third long one\n"))
    assert not first.exists()


@pytest.mark.parametrize(
    ("words", "said", "why"),
    [
        (("user", "add", "ada", "--role", "admin"), "a long password\n", "there is a user ada already"),
        (("user", "add", "bo", "--role", "boss"), "a long password\n", "there is no role boss"),
        (("user", "add", "b o"), "a long password\n", "is no name that can be used"),
        (("user", "add", "bo"), "short\n", "this password cannot be used"),
        (("user", "add", "bo"), "", "this password cannot be used"),
        (("user", "remove", "zoe"), "", "there is no user zoe"),
        (("user", "remove", "ada"), "", "nobody would be left who looks after the station"),
        (("user", "role", "ada", "viewer"), "", "nobody would be left who looks after the station"),
        (("token", "remove", "gis"), "", "there is no token gis"),
        (("drone", "add", "ember-1"), "", "drone ember-1 is known already"),
        (("drone", "add", "../x"), "", "is no name that can be used"),
        (("drone", "revoke", "ember-9"), "", "there is no drone ember-9"),
        (("drone", "rekey", "ember-9"), "", "there is no drone ember-9"),
    ],
)
def test_what_cannot_be_done_says_why_in_a_line(
    verb: Verb,
    config: Path,
    words: tuple[str, ...],
    said: str,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines(verb("user", "add", "ada", "--role", "admin", said="a long password\n"))
    monkeypatch.setattr(sys, "argv", ["emberwatch", "station", *words, "-c", str(config)])
    monkeypatch.setattr(sys, "stdin", StringIO(said))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    told = " ".join(capsys.readouterr().err.split())
    assert why in told
    assert "Traceback" not in told
    assert [line[:2] for line in lines(verb("user", "list"))] == [["ada", "admin"]]


def test_a_token_is_shown_once_and_kept_as_a_digest(verb: Verb, config: Path) -> None:
    ((token,),) = lines(verb("token", "add", "gis", "--role", "pilot"))
    assert load(config)[1] == {"gis": digest_of(token)}
    (((name, role, _, by)),) = lines(verb("token", "list"))
    assert (name, role, by.startswith("shell ")) == ("gis", "pilot", True)
    assert token.encode() not in b"".join(one.read_bytes() for one in (config.parent / "data").iterdir())
    lines(verb("token", "remove", "gis"))
    assert lines(verb("token", "list")) == []


def test_drones_are_let_in_shut_out_and_let_in_again(verb: Verb) -> None:
    assert lines(verb("drone", "list")) == [["ember-1", "configuration"]]
    ((first,),) = lines(verb("drone", "add", "ember-2"))
    lines(verb("drone", "revoke", "ember-1"))
    assert lines(verb("drone", "list")) == [["ember-1", "revoked"], ["ember-2", "station"]]
    ((second,),) = lines(verb("drone", "rekey", "ember-1"))
    assert lines(verb("drone", "list")) == [["ember-1", "station"], ["ember-2", "station"]]
    assert len({first, second}) == 2


def test_every_change_is_in_the_audit_log_which_can_be_verified(verb: Verb, config: Path) -> None:
    assert lines(verb("audit", "verify")) == [["The audit log is empty."]]
    verb("user", "add", "ada", "--role", "admin", said="a long password\n")
    verb("drone", "revoke", "ember-1")
    whole, newest = lines(verb("audit", "verify"))
    assert whole[0].startswith("The audit log is whole: 2 lines")
    number, _, digest = newest[0].partition(" ")
    assert (number, len(digest)) == ("2", 64)

    database = sqlite3.connect(config.parent / "data/station.db")
    database.execute("drop trigger audit_is_not_changed")
    database.execute("update audit set who = 'nobody' where seq = 1")
    database.commit()
    database.close()
    broken = verb("audit", "verify")
    assert broken.exit_code == 1
    assert broken.output.startswith("The audit log is broken at line 1")


def test_a_verb_works_beside_a_station_of_this_version_and_not_of_another(
    verb: Verb, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb("token", "add", "gis")
    lock = os.open(config.parent / "data/lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)  # as a running station has it
    try:
        assert len(lines(verb("token", "list"))) == 1
        database = sqlite3.connect(config.parent / "data/station.db")
        database.execute(f"pragma user_version = {len(STEPS) - 1}")
        database.close()
        refused = verb("token", "list")
        assert refused.exit_code == 1
        assert "of another version" in str(refused.exception)
    finally:
        os.close(lock)
