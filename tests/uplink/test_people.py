"""Roles, passwords and what a configuration may say of who is let in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from argon2 import extract_parameters
from pydantic import ValidationError

from uplink.station import passwords
from uplink.station.config import StationConfig
from uplink.station.people import Role

from .makers import make_config


@pytest.mark.parametrize(
    "change",
    [
        {"sign_in": False, "host": "0.0.0.0"},  # noqa: S104 (not served)
        {"sign_in": False, "names": ["station.example.org"], "proxies": ["127.0.0.1"]},
        {"names": ["station.example.org"]},
        {"tls_cert_file": "cert.pem"},
        {"tls_key_file": "key.pem"},
        {"proxies": ["everybody"]},
    ],
)
def test_a_configuration_that_would_let_everybody_in_is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    whole = make_config(tmp_path).model_dump() | {"sign_in": True}
    StationConfig.model_validate(whole)
    with pytest.raises(ValidationError):
        StationConfig.model_validate(whole | change)


def test_what_is_kept_of_a_password_is_slow_to_try_and_never_the_same_twice() -> None:
    kept = passwords.hash_password("a long password")
    assert kept.startswith("$argon2id$")
    assert extract_parameters(kept).memory_cost >= 64 * 1024
    assert kept != passwords.hash_password("a long password")
    assert passwords.fits("a long password", kept)
    assert not passwords.fits("a long passwore", kept)
    assert not passwords.fits("a long password", None)
    assert not passwords.fits("a long password", "no hash at all")


def test_roles_are_ranks() -> None:
    assert Role.ADMIN.covers(Role.PILOT)
    assert Role.PILOT.covers(Role.VIEWER)
    assert not Role.VIEWER.covers(Role.PILOT)
    assert not Role.PILOT.covers(Role.ADMIN)
