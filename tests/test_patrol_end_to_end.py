"""A patrol drawn at the station, flown by a drone that had none: all of it in real processes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge.demo.drone import DRONE_ID
from edge.demo.programs import Programs
from edge.demo.site import DemoSite, lay_out, new_webhook_secret
from tests.chain import look_at_less

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SEED = 11
SPEED = "3"
PAGE = {"X-Emberwatch-Session": "p" * 32}
SECONDS = 90.0


class Pilot:
    """At a page of the station."""

    def __init__(self, http: httpx.Client, programs: Programs) -> None:
        self._http = http
        self._programs = programs
        self._leased_s = float("-inf")

    def say(self, method: str, path: str, body: object = None, *, status: int = 200) -> Any:
        answer = self._http.request(method, f"/api/v1/{path}", json=body)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    @property
    def drone(self) -> dict[str, Any]:
        drones: list[dict[str, Any]] = self.say("GET", "drones")
        return drones[0] if drones else {}

    def wait(self, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """How the drone is once it is so."""
        end_s = time.monotonic() + SECONDS
        drone: dict[str, Any] = {}
        while time.monotonic() < end_s:
            self._programs.check()
            self.keep_control()
            with contextlib.suppress(httpx.TransportError):  # it is starting
                drone = self.drone
                if drone and condition(drone):
                    return drone
            time.sleep(0.1)
        raise AssertionError(f"not {what}: {drone}")

    def take_control(self) -> None:
        self.say("POST", f"drones/{DRONE_ID}/lease")
        self._leased_s = time.monotonic()

    def keep_control(self) -> None:
        if 20.0 < time.monotonic() - self._leased_s < float("inf"):
            self.say("PUT", f"drones/{DRONE_ID}/lease", {})
            self._leased_s = time.monotonic()

    def fate(self, order: dict[str, Any]) -> tuple[str, str]:
        """What became of an order in the end, and why."""
        end_s = time.monotonic() + SECONDS
        while time.monotonic() < end_s:
            self.keep_control()
            logged = next(one for one in self.say("GET", "orders") if one["id"] == order["id"])
            if logged["fate"] not in ("waiting", "accepted"):
                return logged["fate"], logged["reason"]
            time.sleep(0.1)
        raise AssertionError(f"no end of {order['kind']}")

    def order(self, kind: str) -> tuple[str, str]:
        return self.fate(self.say("POST", f"drones/{DRONE_ID}/orders", {"kind": kind}, status=202))

    def do(self, kind: str) -> None:
        assert self.order(kind) == ("done", "")


@pytest.fixture
def site(tmp_path: Path) -> DemoSite:
    """Its drone has no patrol of its own, and looks at few frames: what it sees is not asked here."""
    site = lay_out(
        tmp_path, seed=SEED, port=0, webhook_secret=new_webhook_secret(), webhook_url="http://127.0.0.1:9/"
    )
    text = site.config_file.read_text()
    begin, end = text.index("[agent.patrol]"), text.index("[agent.uplink]")
    site.config_file.write_text(text[:begin] + text[end:])
    look_at_less(site, frames_per_s=1)
    return site


@pytest.fixture
def pilot(site: DemoSite) -> Iterator[Pilot]:
    config = str(site.config_file)
    with Programs(site.folder) as programs, _client(site) as http:
        programs.start("station", ["station", "-c", config])
        out = f"udpout:127.0.0.1:{site.mavlink_port}"
        truth = site.drone_truth_urls[0]
        programs.start(
            "virtual drone",
            ["virtual", "--out", out, "--truth", truth, "--seed", str(SEED), "--speed", SPEED],
        )
        programs.start("agent", ["agent", "-c", config])
        yield Pilot(http, programs)


def _client(site: DemoSite) -> httpx.Client:
    return httpx.Client(base_url=site.station_url, headers=PAGE, timeout=60.0, trust_env=False)


def drawn(site: DemoSite) -> dict[str, Any]:
    """A field of 160 m by 100 m north of home, and a fence around it all."""
    frame = site.world.ground.frame

    def ring(west_m: float, south_m: float, east_m: float, north_m: float) -> list[list[float]]:
        places = [(west_m, south_m), (east_m, south_m), (east_m, north_m), (west_m, north_m)]
        return [[float(deg) for deg in frame.to_geographic(*place)] for place in places]

    patrol = {
        "name": "north field",
        "home": [frame.lat_deg, frame.lon_deg],
        "area": ring(-80.0, 40.0, 80.0, 140.0),
        "fence": ring(-300.0, -300.0, 300.0, 300.0),
        "camera": "virtual_78",
        "height_agl_m": 50.0,
        "on_detection": "off",
    }
    return {"patrol": patrol}


def test_a_patrol_is_planned_at_the_station_sent_flown_paused_and_resumed(
    site: DemoSite, pilot: Pilot
) -> None:
    pilot.wait(lambda drone: bool(drone["linked"]), "heard")
    made = pilot.say("POST", "patrols", drawn(site), status=201)
    [flight] = made["preview"]["planned"]["flights"]
    assert made["preview"]["planned"]["problems"] == []
    assert made["preview"]["planned"]["terrain"] == "dem.tif"

    pilot.take_control()
    send = {"drone_id": DRONE_ID, "version": 1}
    ungranted = pilot.say("POST", f"patrols/{made['id']}/send", send, status=202)
    fate, reason = pilot.fate(ungranted)
    assert (fate, "may not command" in reason) == ("refused", True)
    assert pilot.drone["patrol"] is None

    pilot.wait(lambda drone: drone["objection"] == "", "ready for a grant")
    pilot.do("grant")
    assert pilot.fate(pilot.say("POST", f"patrols/{made['id']}/send", send, status=202)) == ("done", "")
    drone = pilot.wait(lambda drone: drone["patrol"] is not None, "loaded")
    assert drone["patrol"]["sent"] == made["ref"]
    assert drone["patrol"]["plan_aboard_sha256"] == flight["items_sha256"], "as read back from the autopilot"
    assert drone["patrol"]["plan_matches"] is True

    pilot.wait(
        lambda drone: bool(drone["preflight"]) and all(line["passed"] for line in drone["preflight"]),
        "ready to fly",
    )
    if pilot.drone["control"] != "granted":
        pilot.do("grant")
    pilot.do("start")
    flying = pilot.wait(
        lambda drone: drone["patrol"]["phase"] == "flying" and drone["patrol"]["item"] >= 4, "flying"
    )
    pilot.do("pause")
    pilot.wait(lambda drone: drone["patrol"]["phase"] == "paused", "paused")
    fate, reason = pilot.fate(pilot.say("POST", f"patrols/{made['id']}/send", send, status=202))
    assert (fate, "on the ground only" in reason) == ("refused", True)
    pilot.do("resume")
    again = pilot.wait(lambda drone: drone["patrol"]["phase"] == "flying", "flying again")
    assert again["patrol"]["item"] >= flying["patrol"]["item"]
    pilot.say("POST", "stand-down", status=202)
    pilot.wait(
        lambda drone: drone["patrol"]["phase"] in ("returning", "interrupted", "done"), "on its way home"
    )
