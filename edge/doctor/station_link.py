"""The way to the station: whether it answers, takes this drone's key, and is well itself."""

from __future__ import annotations

import ssl
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from edge.config.file import UplinkSection
from edge.doctor.check import Check
from flight.errors import EmberwatchError
from uplink.errors import UplinkError
from uplink.keys import read_drone_key
from uplink.station_requests import NOT_A_STATION, station_http
from uplink.tls import trusting

ASK_TIMEOUT_S = 10.0
MOST_CLOCK_DIFFERENCE = timedelta(seconds=10)
NO_PATROL = "0" * 64  # asking for it shows whether the key is taken, and changes nothing


@dataclass(frozen=True, slots=True)
class StationFound:
    """What came of asking."""

    url: str
    trouble: str = ""
    """Why it could not be asked, or did not answer."""
    health: str = ""
    """ok, degraded or failing."""
    problems: tuple[str, ...] = ()
    key_status: int | None = None
    clock_difference: timedelta | None = None
    """How far this computer's clock is ahead of the station's."""
    key_is_open: bool = False
    """Others on this computer may read the drone's key."""
    takes_orders: bool = False
    """The station's public key is here."""


def judge_station(found: StationFound) -> list[Check]:
    """All that came of it, with what to do."""
    checks = [_reached(found)]
    if not found.trouble:
        checks += [_key(found), *_clock(found)]
    if found.key_is_open:
        checks.append(
            Check(
                "key file", None, "others on this computer can read it", "chmod 600, or 640 for the service."
            )
        )
    if not found.takes_orders:
        remedy = "At the station: emberwatch station key -c station.toml; name the file as station_key_file."
        checks.append(Check("orders", None, "without station_key_file every order is refused", remedy))
    return checks


def _reached(found: StationFound) -> Check:
    if found.trouble:
        remedy = (
            "It flies and keeps its alerts without. Check address, network, firewall: hardware/network.md"
        )
        return Check("station", False, f"{found.url}: {found.trouble}", remedy)
    if found.health != "ok":
        words = f"{found.url} is {found.health}: {'; '.join(found.problems)}"
        remedy = "On the station's computer: emberwatch doctor -c station.toml"
        return Check("station", False if found.health == "failing" else None, words, remedy)
    return Check("station", True, f"{found.url} answers, and is well")


def _key(found: StationFound) -> Check:
    if found.key_status in (401, 403):
        remedy = "Its drone id and key must be the ones of [[station.drones]]: the same line in both files."
        return Check("drone's key", False, f"the station refuses it (HTTP {found.key_status})", remedy)
    if found.key_status not in (200, 404):
        return Check("drone's key", None, f"the station answers HTTP {found.key_status}")
    return Check("drone's key", True, "the station takes it")


def _clock(found: StationFound) -> list[Check]:
    difference = found.clock_difference
    if difference is None or abs(difference) <= MOST_CLOCK_DIFFERENCE:
        return []
    seconds = difference.total_seconds()
    side = "ahead of" if seconds > 0 else "behind"
    words = f"this computer's clock is {abs(seconds):.0f} s {side} the station's"
    return [Check("clocks agree", None, words, "One of the two is not synchronised.")]


async def ask_station(uplink: UplinkSection, drone_id: str) -> StationFound:
    """Two questions that change nothing."""
    url, known = uplink.station_url, uplink.station_key_file is not None
    try:
        key = read_drone_key(uplink.key_file, f"the key file of drone {drone_id}", error=UplinkError)
        is_open = bool(uplink.key_file.stat().st_mode & stat.S_IROTH)  # a service's group may
        async with station_http(url, key, trusting(uplink.station_ca_file)) as http:
            http.timeout = httpx.Timeout(ASK_TIMEOUT_S)
            answer = await http.get("/api/v1/healthz")
            told = _health_of(answer)
            if told is None:
                return StationFound(url, trouble=NOT_A_STATION, key_is_open=is_open, takes_orders=known)
            asked = await http.get(f"/api/v1/drones/{drone_id}/patrols/{NO_PATROL}")
    except EmberwatchError as error:
        return StationFound(url, trouble=str(error), takes_orders=known)
    except (httpx.HTTPError, ssl.SSLError) as error:
        words = str(error) or type(error).__name__
        return StationFound(url, trouble=f"no answer: {words}", key_is_open=is_open, takes_orders=known)
    return StationFound(
        url,
        health=told[0],
        problems=told[1],
        key_status=asked.status_code,
        clock_difference=_difference(answer),
        key_is_open=is_open,
        takes_orders=known,
    )


def _health_of(answer: httpx.Response) -> tuple[str, tuple[str, ...]] | None:
    try:
        told = answer.json()
        return str(told["status"]), tuple(map(str, told["problems"]))
    except (ValueError, KeyError, TypeError):
        return None


def _difference(answer: httpx.Response) -> timedelta | None:
    try:
        return datetime.now(tz=UTC) - parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError, TypeError):
        return None
