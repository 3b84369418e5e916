"""A station on this machine: whether it answers, and its certificate."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography import x509

from edge.doctor.check import Check
from uplink.station.config import StationConfig

ASK_TIMEOUT_S = 10.0
ENDS_SOON = timedelta(days=21)
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask one that listens everywhere


@dataclass(frozen=True, slots=True)
class StationHere:
    """What was found."""

    url: str
    now: datetime
    trouble: str = ""
    health: str = ""
    problems: tuple[str, ...] = ()
    certificate_ends: datetime | None = None
    open_to_others: bool = False
    """It listens beyond this host, without https."""


def judge_station_here(found: StationHere) -> list[Check]:
    """All that was found, with what to do."""
    checks = [_answers(found)]
    if found.open_to_others:
        remedy = "Give it a certificate, or a proxy that has one: uplink/README.md#tls"
        checks.append(Check("https", False, "passwords and keys travel as they are", remedy))
    if found.certificate_ends is not None:
        left = found.certificate_ends - found.now
        words = f"it ends on {found.certificate_ends:%Y-%m-%d}"
        passed = False if left <= timedelta() else None if left < ENDS_SOON else True
        remedy = (
            ""
            if passed
            else "Renew it, and restart the station: drones that check it send nothing after that."
        )
        checks.append(Check("certificate", passed, words, remedy))
    return checks


def _answers(found: StationHere) -> Check:
    if found.trouble:
        remedy = "Is it started? systemctl status emberwatch-station, or emberwatch station -c FILE"
        return Check("station", None, f"nothing answers at {found.url}: {found.trouble}", remedy)
    if found.health != "ok":
        words = f"it is {found.health}: {'; '.join(found.problems)}"
        remedy = "Its page tells more, and: uplink/README.md#looking-after-a-station"
        return Check("station", False if found.health == "failing" else None, words, remedy)
    return Check("station", True, f"it answers at {found.url}, and is well")


async def ask_station_here(config: StationConfig) -> StationHere:
    """Asks the station of this configuration how it does."""
    host = _EVERYWHERE.get(config.host, config.host)
    url = f"http{'s' if config.tls else ''}://{f'[{host}]' if ':' in host else host}:{config.port}"
    ends = None if config.tls_cert_file is None else certificate_end(config.tls_cert_file)
    found = StationHere(
        url,
        datetime.now(tz=UTC),
        certificate_ends=ends,
        open_to_others=not config.on_loopback and not config.behind_https,
    )
    try:
        # Its certificate is of its name, and not of this address: what is asked is no secret.
        async with httpx.AsyncClient(verify=False, timeout=ASK_TIMEOUT_S, trust_env=False) as http:  # noqa: S501
            told = (await http.get(f"{url}/healthz")).json()
            return replace(found, health=str(told["status"]), problems=tuple(map(str, told["problems"])))
    except (httpx.HTTPError, ssl.SSLError) as error:
        return replace(found, trouble=str(error) or type(error).__name__)
    except (ValueError, KeyError, TypeError):
        return replace(found, trouble="what answers is not an Emberwatch station")


def certificate_end(file: Path) -> datetime | None:
    """When the first certificate in a PEM file ends; None where there is none in it."""
    try:
        return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
