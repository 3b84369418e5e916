"""What TAK is told, and when; times are seconds since noon."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

from tests.uplink.feeds.incidents import INCIDENT_ID, make_incident
from tests.uplink.makers import DRONE, NOON, make_state
from uplink.station.feeds.tak_map import PING_S, HeardDrone, TakMap
from uplink.station.incident import Incident

STALE_S = 120.0
FIRE = make_incident()


class Map:
    """Tells types and uids of what is due."""

    def __init__(self) -> None:
        self.map = TakMap(STALE_S)

    def at(
        self, second: float, *fires: Incident, drones: tuple[HeardDrone, ...] = ()
    ) -> list[tuple[str, str]]:
        told = [ET.fromstring(event) for event in self.map.due(drones, fires, NOON.timestamp() + second)]
        return [(event.attrib["type"], (event.attrib["uid"])) for event in told]


def heard(second: float, lat_deg: float = -35.0) -> HeardDrone:
    return HeardDrone(make_state(lat_deg=lat_deg), NOON.timestamp() + second)


TOLD = [("a-u-X-i-o", str(INCIDENT_ID))]
GONE = [("t-x-d-d", f"{INCIDENT_ID}-delete")]
DRONE_TOLD = [("a-f-A-M-H-Q", f"emberwatch-{DRONE}")]


def test_a_fire_that_does_not_change_is_told_again_well_before_it_goes_stale() -> None:
    tak = Map()
    told = [second for second in range(300) if ("a-u-X-i-o", str(INCIDENT_ID)) in tak.at(second, FIRE)]
    assert told[0] == 0
    gaps = [after - before for before, after in pairwise(told)]
    assert len(gaps) >= 5
    assert max(gaps) <= STALE_S / 2


def test_a_fire_that_changes_is_told_at_once_but_not_faster_than_once_a_second() -> None:
    tak = Map()
    assert tak.at(0, FIRE) == TOLD
    assert tak.at(0.5, make_incident(version=2)) == []
    assert tak.at(1, make_incident(version=3)) == TOLD


def test_a_fire_that_is_over_is_taken_off_once() -> None:
    tak = Map()
    tak.at(0, FIRE)
    assert tak.at(1) == GONE
    assert tak.at(2) == []


def test_a_fire_that_the_drones_take_back_is_taken_off() -> None:
    tak = Map()
    tak.at(0, FIRE)
    assert tak.at(1, make_incident(evidence="withdrawn")) == GONE


def test_a_fire_that_was_never_told_is_not_taken_off() -> None:
    tak = Map()
    assert tak.at(0, make_incident(position=None)) != GONE
    assert tak.at(1) == []


def test_a_new_connection_is_told_everything_and_what_went_meanwhile() -> None:
    tak = Map()
    tak.at(0, FIRE, drones=(heard(0),))
    tak.map.begin()
    assert tak.at(1, FIRE, drones=(heard(0),)) == TOLD + DRONE_TOLD
    tak.at(2)
    tak.map.begin()
    assert tak.at(3) == GONE


def test_what_has_been_gone_for_long_is_not_spoken_of_again() -> None:
    tak = Map()
    tak.at(0, FIRE)
    tak.at(1)
    tak.map.begin()
    assert tak.at(2 + STALE_S) == [("t-x-c-t", "emberwatch-ping")]


def test_a_fire_that_is_opened_again_is_on_the_map_again() -> None:
    tak = Map()
    tak.at(0, FIRE)
    assert tak.at(1) == GONE
    assert tak.at(2, FIRE) == TOLD
    tak.map.begin()
    assert tak.at(3, FIRE) == TOLD


def test_a_drone_is_told_once_a_second_however_often_it_speaks() -> None:
    tak = Map()
    told = [
        tenth
        for tenth in range(30)
        if DRONE_TOLD[0] in tak.at(tenth / 10, drones=(heard(tenth / 10, lat_deg=-35.0 + tenth / 1000),))
    ]
    assert told == [0, 10, 20]


def test_a_drone_that_fell_silent_is_left_to_go_stale() -> None:
    tak = Map()
    assert tak.at(0, drones=(heard(0),)) == DRONE_TOLD
    assert not [second for second in range(1, 300) if DRONE_TOLD[0] in tak.at(second, drones=(heard(0),))]
    tak.map.begin()
    assert DRONE_TOLD[0] not in tak.at(STALE_S + 1, drones=(heard(0),))


def test_a_quiet_connection_is_kept_alive() -> None:
    tak = Map()
    pings = [second for second in range(100) if tak.at(second) == [("t-x-c-t", "emberwatch-ping")]]
    assert pings == list(range(0, 100, int(PING_S)))
